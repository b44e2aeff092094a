package workflow_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

const (
	secret    = "XyZ-0123456789abcdefghijklmnopqrstuvwxyz_ABC"
	flowID    = "0123456789abcdef0123456789abcdef"
	secretURL = "https://prod-12.westeurope.logic.azure.com:443/workflows/" + flowID +
		"/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=" + secret
	// simulatedURL leads to the simulated Teams, whose paths are its own.
	simulatedURL = "https://prod-12.westeurope.logic.azure.com/workflow/ops?sig=" + secret
	connectorURL = "https://contoso.webhook.office.com/webhookb2/11111111-2222@33333333/IncomingWebhook/" + secret + "/44444444"
)

var hot = card.Message{
	Card:    []byte(`{"type":"AdaptiveCard","version":"1.5","body":[{"type":"TextBlock","text":"r1 is hot & <high> 🔥"}]}`),
	Summary: `critical: "r1" is hot`,
}

// answering is a transport that gives one answer.
type answering func(*http.Request) (*http.Response, error)

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is a transport that answers with a status, a body and headers
// ("Name: value").
func answer(status int, body string, headers ...string) answering {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		for _, line := range headers {
			name, value, _ := strings.Cut(line, ": ")
			h.Set(name, value)
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

func send(t *testing.T, url string, transport http.RoundTripper) teams.Outcome {
	t.Helper()
	s, err := workflow.New(workflow.Config{URL: url, Transport: transport})
	require.NoError(t, err)
	return s.Send(t.Context(), hot)
}

func TestEnvelopeIsWhatTheTriggerExpects(t *testing.T) {
	wire := workflow.Envelope(hot)
	require.Equal(t, `{"type":"message","summary":"critical: \"r1\" is hot","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,"content":`+
		string(hot.Card)+`}]}`, string(wire), "the card's bytes must not change: they were measured")
	require.True(t, json.Valid(wire))
	require.NotContains(t, string(workflow.Envelope(card.Message{Card: hot.Card})), "summary", "no preview is better than an empty one")
	overhead := len(workflow.Envelope(card.Message{Card: []byte("{}"), Summary: ""})) - 2
	require.Less(t, overhead, card.WorkflowLimit.Overhead/2, "what the limit sets aside must also hold the summary")
}

func TestACardArrivesAsTeamsWantsIt(t *testing.T) {
	server := teamstest.New(teamstest.Options{})
	var header http.Header
	s, err := workflow.New(workflow.Config{URL: simulatedURL, Transport: answering(func(r *http.Request) (*http.Response, error) {
		header = r.Header
		return server.Transport().RoundTrip(r)
	})})
	require.NoError(t, err)
	require.Equal(t, teams.Outcome{Kind: teams.Delivered, Status: 202}, s.Send(t.Context(), hot))
	require.Equal(t, "application/json; charset=utf-8", header.Get("Content-Type"), "without the charset emoji break")
	got := server.Shown("ops")
	require.Len(t, got, 1)
	require.JSONEq(t, string(hot.Card), string(got[0].Card))
	require.Equal(t, hot.Summary, got[0].Summary)
}

// Each row is an answer of teams-platform §1.3; a wrong row loses an alert,
// or sends it for ever.
func TestStatusAndBodyDecide(t *testing.T) {
	const delivery429 = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId tcid=0,server=x,cv=y"
	for name, c := range map[string]struct {
		status  int
		body    string
		headers []string
		kind    teams.Kind
		reason  teams.Reason
		after   time.Duration
		says    string
	}{
		"202 is taken":                        {202, "", nil, teams.Delivered, "", 0, ""},
		"200 is taken":                        {200, "", nil, teams.Delivered, "", 0, ""},
		"204 is taken":                        {204, "", nil, teams.Delivered, "", 0, ""},
		"200 with words of one's own":         {200, "thanks", nil, teams.Delivered, "", 0, ""},
		"200 with JSON and no error":          {200, `{"error":null,"statusCode":200}`, nil, teams.Delivered, "", 0, ""},
		"200 with an empty error":             {200, `{"error":""}`, nil, teams.Delivered, "", 0, ""},
		"200 that gives our card back":        {200, `{"type":"message","attachments":[{"content":{"body":[{"text":"Microsoft Teams endpoint returned HTTP error 429"}],"error":"x"}}]}`, nil, teams.Delivered, "", 0, ""},
		"202 with broken JSON":                {202, `{"err`, nil, teams.Delivered, "", 0, ""},
		"200 that says 429":                   {200, delivery429, nil, teams.Retry, teams.Throttled, 0, "too many"},
		"200 that says 429 in quotes":         {200, `"` + delivery429 + `"`, []string{"Retry-After: 5"}, teams.Retry, teams.Throttled, 5 * time.Second, "wait 5s"},
		"200 that says 400":                   {200, strings.Replace(delivery429, "429", "400", 1), nil, teams.GiveUp, teams.Payload, 0, "render"},
		"200 that says 413":                   {200, strings.Replace(delivery429, "429", "413", 1), nil, teams.GiveUp, teams.TooLarge, 0, "28 KB"},
		"200 that says 503":                   {200, strings.Replace(delivery429, "429", "503", 1), nil, teams.Retry, teams.Unavailable, 0, "503"},
		"200 that says it failed":             {200, "Webhook message delivery failed", nil, teams.GiveUp, teams.Rejected, 0, "flow's runs"},
		"200 with an error of ours":           {200, `{"error":{"code":"TooManyRequests","message":"slow down"}}`, nil, teams.Retry, teams.Throttled, 0, "slow down"},
		"200 with a number for a code":        {200, `{"error":{"code":413}}`, nil, teams.GiveUp, teams.TooLarge, 0, ""},
		"200 with a card Teams does not take": {200, `{"error":{"code":"InvalidBotAdaptiveCard","message":"no type"}}`, nil, teams.GiveUp, teams.Payload, 0, "no type"},
		"200 with a status inside":            {200, `{"statusCode":"502"}`, nil, teams.Retry, teams.Unavailable, 0, "502"},
		"200 with error true":                 {200, `{"error":true}`, nil, teams.GiveUp, teams.Rejected, 0, "speaks of an error"},
		"200 with an error in words":          {200, `{"error":"not found"}`, nil, teams.GiveUp, teams.Rejected, 0, "not found"},
		"200 with a disabled flow":            {200, `{"error":{"code":"WorkflowDisabled","message":""}}`, nil, teams.GiveUp, teams.NotFound, 0, "switched off"},
		"200 with a sign-in page":             {200, "\n <!DOCTYPE html><title>Sign in</title>", nil, teams.Retry, teams.Network, 0, "proxy"},
		"202 with a page by its type":         {202, "hello", []string{"Content-Type: text/html; charset=utf-8"}, teams.Retry, teams.Network, 0, "web page"},
		"301 is not followed":                 {301, "", []string{"Location: https://evil.example/x?y"}, teams.GiveUp, teams.NotFound, 0, "points to evil.example."},
		"308 is not followed":                 {308, "", nil, teams.GiveUp, teams.NotFound, 0, "never followed"},
		"400":                                 {400, "", nil, teams.GiveUp, teams.Payload, 0, "switched on"},
		"400 from a disabled flow":            {400, `{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"Could not execute workflow trigger, its state is disabled"}}`, nil, teams.GiveUp, teams.NotFound, 0, "Switch it on"},
		"401":                                 {401, "", nil, teams.GiveUp, teams.Auth, 0, "Copy the whole URL"},
		"403":                                 {403, "", nil, teams.GiveUp, teams.Auth, 0, "Anyone"},
		"404":                                 {404, "", nil, teams.GiveUp, teams.NotFound, 0, "Create a new webhook"},
		"405 from what is no webhook":         {405, "Method Not Allowed", nil, teams.GiveUp, teams.NotFound, 0, "takes no messages"},
		"407":                                 {407, "", nil, teams.Retry, teams.Network, 0, "proxy_url"},
		"408":                                 {408, "", nil, teams.Retry, teams.Timeout, 0, ""},
		"410":                                 {410, "", nil, teams.GiveUp, teams.NotFound, 0, "deleted"},
		"412":                                 {412, "", nil, teams.Retry, teams.Unavailable, 0, ""},
		"413":                                 {413, "Request Entity Too Large", nil, teams.GiveUp, teams.TooLarge, 0, "Entity"},
		"418":                                 {418, "", nil, teams.GiveUp, teams.Rejected, 0, "418"},
		"425":                                 {425, "", nil, teams.Retry, teams.Unavailable, 0, ""},
		"429":                                 {429, "", nil, teams.Retry, teams.Throttled, 0, ""},
		"429 that says when":                  {429, "", []string{"Retry-After: 17"}, teams.Retry, teams.Throttled, 17 * time.Second, "17s"},
		"429 with half seconds":               {429, "", []string{"Retry-After: 1.5"}, teams.Retry, teams.Throttled, 1500 * time.Millisecond, ""},
		"429 with a date, by its clock":       {429, "", []string{"Retry-After: Sat, 21 Nov 2026 10:01:30 GMT", "Date: Sat, 21 Nov 2026 10:00:00 GMT"}, teams.Retry, teams.Throttled, 90 * time.Second, ""},
		"429 with a date that has passed":     {429, "", []string{"Retry-After: Sat, 21 Nov 2026 09:00:00 GMT", "Date: Sat, 21 Nov 2026 10:00:00 GMT"}, teams.Retry, teams.Throttled, 0, ""},
		"429 that names next year":            {429, "", []string{"Retry-After: 99999999999999999999"}, teams.Retry, teams.Throttled, time.Hour, ""},
		"429 that names no number":            {429, "", []string{"Retry-After: NaN"}, teams.Retry, teams.Throttled, 0, ""},
		"429 that names the past":             {429, "", []string{"Retry-After: -5"}, teams.Retry, teams.Throttled, 0, ""},
		"429 with a riddle":                   {429, "", []string{"Retry-After: soon"}, teams.Retry, teams.Throttled, 0, ""},
		"500 from the flow":                   {500, "", nil, teams.Retry, teams.Unavailable, 0, ""},
		"502":                                 {502, "<html>Bad gateway</html>", nil, teams.Retry, teams.Unavailable, 0, ""},
		"503 that says when":                  {503, "", []string{"Retry-After: 30"}, teams.Retry, teams.Unavailable, 30 * time.Second, ""},
		"504":                                 {504, "", nil, teams.Retry, teams.Unavailable, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := send(t, secretURL, answer(c.status, c.body, c.headers...))
			require.Equal(t, c.kind, o.Kind, o.Message)
			require.Equal(t, c.reason, o.Reason, o.Message)
			require.Equal(t, c.after, o.After)
			require.Equal(t, c.status, o.Status)
			require.False(t, o.Uncertain, "an answer came")
			require.Contains(t, o.Message, c.says)
			require.Equal(t, c.kind == teams.Delivered, o.Message == "", "a failure has words: %q", o.Message)
		})
	}
}

func TestAConnectorSucceedsOnlyWithOne(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		kind   teams.Kind
		reason teams.Reason
	}{
		"200 with 1":          {200, "1\n", teams.Delivered, ""},
		"200 without a body":  {200, "", teams.GiveUp, teams.Rejected},
		"200 with other text": {200, "ok", teams.GiveUp, teams.Rejected},
		"202 with 1":          {202, "1", teams.GiveUp, teams.Rejected},
		"200 that says 429":   {200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId", teams.Retry, teams.Throttled},
		"410":                 {410, "", teams.GiveUp, teams.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			o := send(t, connectorURL, answer(c.status, c.body))
			require.Equal(t, c.kind, o.Kind)
			require.Equal(t, c.reason, o.Reason)
		})
	}
}

// What is uncertain may be shown twice when it is tried again, so it waits a
// minute (design D6); what is not must not wait.
func TestAttemptsWithoutAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		fault     teamstest.Fault
		reason    teams.Reason
		took      time.Duration
		uncertain bool
	}{
		"Teams never answers":                    {teamstest.Fault{Hang: true}, teams.Timeout, 8 * time.Second, true},
		"Teams answers too late":                 {teamstest.Fault{Latency: 9 * time.Second}, teams.Timeout, 8 * time.Second, true},
		"Teams is slow, but in time":             {teamstest.Fault{Latency: 7 * time.Second}, "", 7 * time.Second, false},
		"the connection breaks after the card":   {teamstest.Fault{Cut: teamstest.CutAfter}, teams.Network, 0, true},
		"the connection breaks and nobody knows": {teamstest.Fault{Cut: teamstest.CutBefore}, teams.Network, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := teamstest.New(teamstest.Options{})
				server.Fault("ops", c.fault)
				start := time.Now()
				o := send(t, simulatedURL, server.Transport())
				require.Equal(t, c.took, time.Since(start))
				require.Equal(t, c.reason, o.Reason, o.Message)
				require.Equal(t, c.uncertain, o.Uncertain)
			})
		})
	}
}

func TestStoppingIsInterruptedAndNotATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := teamstest.New(teamstest.Options{})
		server.Fault("ops", teamstest.Fault{Hang: true})
		s, err := workflow.New(workflow.Config{URL: simulatedURL, Transport: server.Transport()})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		o := s.Send(ctx, hot)
		require.Equal(t, teams.Interrupted, o.Reason)
		require.Equal(t, teams.Retry, o.Kind)
		require.True(t, o.Uncertain)
	})
}

type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }
func (e *endless) Close() error               { return nil }

func TestAnEndlessAnswerIsNotReadToItsEnd(t *testing.T) {
	body := &endless{}
	o := send(t, secretURL, answering(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 500, Body: body, Request: r}, nil
	}))
	require.Equal(t, teams.Unavailable, o.Reason)
	require.LessOrEqual(t, body.read, 128<<10, "a hostile server must not fill the memory")
	require.Less(t, len(o.Message), 1000)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
func (broken) Close() error             { return nil }

func TestAnAnswerThatBreaksOff(t *testing.T) {
	status := 0
	breaking := answering(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: broken{}, Request: r}, nil
	})
	status = 202
	require.Equal(t, teams.Delivered, send(t, secretURL, breaking).Kind, "202 is the whole answer")
	status = 200
	o := send(t, secretURL, breaking)
	require.Equal(t, teams.Network, o.Reason, "a 200 needs its body to be believed")
	require.True(t, o.Uncertain)
}
