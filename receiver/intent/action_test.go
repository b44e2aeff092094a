package intent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

// roundTrip answers requests without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answering is a system that always answers the same.
func answering(status int, body string, header ...string) roundTrip {
	return func(*http.Request) (*http.Response, error) {
		answer := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
		for i := 0; i < len(header); i += 2 {
			answer.Header.Set(header[i], header[i+1])
		}
		return answer, nil
	}
}

func action(t *testing.T, cfg Config) *Action {
	t.Helper()
	if cfg.URL == "" {
		cfg.URL = "https://jira.example/issue/{{ .Labels.ticket }}"
	}
	made, err := NewAction(cfg)
	require.NoError(t, err)
	return made
}

// about is an alert with these labels.
func about(labels map[string]string) card.Input {
	return card.Input{Now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), Group: group.Group{
		ID: 1, Origin: "events\x1fjira\x1fOPS-123", Spec: group.Spec{Source: "jira"},
		Alerts: []group.Member{{State: group.Firing, Alert: alert.Alert{Status: alert.Firing, Labels: labels}}},
	}}
}

func TestARequestIsWhatTheFileSays(t *testing.T) {
	var sent *http.Request
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		sent, body = r, string(text)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	a := action(t, Config{
		URL: server.URL + "/rest/api/2/issue/{{ .Labels.ticket }}/comment?notify={{ .Who }}", Method: "PUT", Token: "a-secret-token",
		Body: `{"body": "{{ .Who }} in Teams: {{ .Text }}", "verb": {{ .Verb }}, "key": {{ .Key }}}`, Headers: map[string]string{"X-Atlassian-Token": "no-check"},
	})
	o := a.do(t.Context(), about(map[string]string{"ticket": "OPS-123"}), card.Press{Verb: Comment, Who: "Alice & Bob", Text: `it was "the" fan`, Key: "OPS-123"}, "teamsrelay-7-1")
	require.Equal(t, outcome{kind: done}, o)
	require.Equal(t, "PUT", sent.Method)
	require.Equal(t, "/rest/api/2/issue/OPS-123/comment?notify=Alice+%26+Bob", sent.RequestURI)
	require.Equal(t, "Bearer a-secret-token", sent.Header.Get("Authorization"))
	require.Equal(t, "no-check", sent.Header.Get("X-Atlassian-Token"))
	require.Equal(t, "teamsrelay-7-1", sent.Header.Get("Idempotency-Key"))
	require.Equal(t, "application/json; charset=utf-8", sent.Header.Get("Content-Type"))
	require.JSONEq(t, `{"body": "Alice & Bob in Teams: it was \"the\" fan", "verb": "comment", "key": "OPS-123"}`, body)

	a = action(t, Config{URL: server.URL, Username: "bot", Password: "a-password"})
	require.Equal(t, done, a.do(t.Context(), about(nil), card.Press{Verb: Resolve}, "k").kind)
	user, password, _ := sent.BasicAuth()
	require.Equal(t, "bot:a-password", user+":"+password)
	require.Equal(t, "POST", sent.Method)
	require.Empty(t, body)
	require.Empty(t, sent.Header.Get("Content-Type"), "nothing is sent")
}

// Labels come from outside. Whatever they hold, the request goes to the host
// of our file and to the place in the path that its author meant.
func TestNoLabelChangesWhereARequestGoes(t *testing.T) {
	called := ""
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		called = r.URL.String()
		return answering(200, "")(r)
	})
	inPath := action(t, Config{URL: "https://jira.example/issue/{{ .Labels.ticket }}/transitions", Transport: transport})
	inQuery := action(t, Config{URL: "https://jira.example/find?key={{ .Labels.ticket }}&x=1", Transport: transport})
	first := action(t, Config{URL: "https://jira.example/{{ .Labels.ticket }}", Transport: transport})
	for ticket, want := range map[string]string{ // "" the request is not made
		"OPS-1":                    "OPS-1",
		"owner/name":               "owner%2Fname",
		"@evil.example":            "@evil.example",
		"//evil.example":           "%2F%2Fevil.example",
		`\\evil.example`:           "%5C%5Cevil.example",
		"http://evil.example/":     "http:%2F%2Fevil.example%2F",
		"a?b=c&d#e":                "a%3Fb=c&d%23e",
		"a b":                      "a%20b",
		"%2e%2e%2f":                "%252e%252e%252f",
		"ü{{.Text}}":               "%C3%BC%7B%7B.Text%7D%7D",
		"..":                       "",
		".":                        "",
		"../../admin":              "",
		`..\..\admin`:              "",
		"x/../../admin":            "",
		"":                         "",
		"  ":                       "",
		"a\r\nHost: evil.example":  "",
		"a\x00b":                   "",
		strings.Repeat("x", 5_000): "",
	} {
		for _, a := range []*Action{inPath, first} {
			called = ""
			o := a.do(t.Context(), about(map[string]string{"ticket": ticket}), card.Press{Verb: Resolve}, "k")
			if want == "" {
				require.Equal(t, failed, o.kind, "%q", ticket)
				require.Empty(t, called, "%q", ticket)
				require.Contains(t, o.reason, "url of the action")
				require.NotContains(t, o.reason, "evil", "a reason is shown to people")
				continue
			}
			prefix, suffix := "https://jira.example/issue/", "/transitions"
			if a == first {
				prefix, suffix = "https://jira.example/", ""
			}
			require.Equal(t, prefix+want+suffix, called, "%q", ticket)
		}
		called = ""
		o := inQuery.do(t.Context(), about(map[string]string{"ticket": ticket}), card.Press{Verb: Resolve}, "k")
		if len(ticket) > longestValue {
			require.Equal(t, failed, o.kind)
			continue
		}
		require.Equal(t, done, o.kind, "%q", ticket)
		require.True(t, strings.HasPrefix(called, "https://jira.example/find?key=") && strings.HasSuffix(called, "&x=1"), called)
		require.Equal(t, 1, strings.Count(called, "&"), called)
		require.NotContains(t, called, "#")
	}

	twice := action(t, Config{URL: "https://jira.example/a/{{ .Labels.x }}{{ .Labels.x }}/b", Transport: transport})
	require.Equal(t, failed, twice.do(t.Context(), about(map[string]string{"x": "."}), card.Press{}, "k").kind, "two values make a .. together only where each is a step already")
}

func TestAnAnswerSaysWhetherToTryAgain(t *testing.T) {
	const token = "geheim-und-lang"
	refused := errors.New("connection refused")
	for name, c := range map[string]struct {
		transport roundTrip
		kind      string
		wait      time.Duration
		reason    []string
	}{
		"200":                      {answering(200, "{}"), done, 0, nil},
		"204":                      {answering(204, ""), done, 0, nil},
		"429":                      {answering(429, "slow down"), retry, 0, []string{"jira.example answers 429", "slow down"}},
		"429 that says when":       {answering(429, "", "Retry-After", "90"), retry, 90 * time.Second, []string{"429"}},
		"429 that asks for a year": {answering(429, "", "Retry-After", "31536000"), retry, time.Hour, []string{"429"}},
		"503 that says when":       {answering(503, "", "Retry-After", "7"), retry, 7 * time.Second, []string{"503"}},
		"500":                      {answering(500, "boom"), retry, 0, []string{"500: boom"}},
		"408":                      {answering(408, ""), retry, 0, []string{"408"}},
		"501":                      {answering(501, ""), failed, 0, []string{"501"}},
		"400":                      {answering(400, `{"errors":{"transition":"is required"}}`), failed, 0, []string{"is required", "body of the action"}},
		"401":                      {answering(401, ""), failed, 0, []string{"token or basic_auth"}},
		"403":                      {answering(403, ""), failed, 0, []string{"user"}},
		"404":                      {answering(404, ""), failed, 0, []string{"gone there"}},
		"409":                      {answering(409, "already"), failed, 0, []string{"already"}},
		"a redirect":               {answering(302, "", "Location", "https://evil.example/?k="+token), failed, 0, []string{"redirect (302)"}},
		"an echo of our token":     {answering(400, "Bearer "+token+" is no good"), failed, 0, []string{"<secret>"}},
		"a page":                   {answering(502, "<html>"+token, "Content-Type", "text/html"), retry, 0, []string{"502"}},
		"a long answer":            {answering(400, strings.Repeat("long ", 10_000)), failed, 0, []string{"long long"}},
		"strange signs":            {answering(400, "a\x00b\nc\u202e"), failed, 0, []string{"a b c"}},
		"no connection":            {func(*http.Request) (*http.Response, error) { return nil, refused }, retry, 0, []string{"jira.example cannot be reached (connection refused)"}},
		"no answer": {func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, retry, 0, []string{"not answered within 1ms"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Token: token, Transport: c.transport}
			if name == "no answer" {
				cfg.Timeout = time.Millisecond
			}
			o := action(t, cfg).do(context.Background(), about(map[string]string{"ticket": "OPS-1"}), card.Press{Verb: Resolve}, "k")
			require.Equal(t, c.kind, o.kind, o.reason)
			require.Equal(t, c.wait, o.wait)
			for _, words := range c.reason {
				require.Contains(t, o.reason, words)
			}
			require.NotContains(t, o.reason, token)
			require.NotContains(t, o.reason, "evil")
			require.NotContains(t, o.reason, "/issue/", "an address can hold secrets")
			require.LessOrEqual(t, len(o.reason), 400)
			require.NotContains(t, o.reason, "\n")
		})
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	followed := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/other" {
			followed = true
			return
		}
		http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	o := action(t, Config{URL: server.URL + "/issue", Token: "a-secret-token"}).do(t.Context(), about(nil), card.Press{}, "k")
	require.Equal(t, failed, o.kind)
	require.False(t, followed, "the token would go wherever the answer says")
}

func TestATemplateThatFailsForAnAlertIsAReason(t *testing.T) {
	nobody := roundTrip(func(*http.Request) (*http.Response, error) { panic("nothing can be sent") })
	o := action(t, Config{Transport: nobody, Body: "{\n\"x\": {{ index .Alerts (len .Text) }}}"}).
		do(t.Context(), about(map[string]string{"ticket": "OPS-1"}), card.Press{Text: "1234567"}, "k")
	require.Equal(t, failed, o.kind)
	require.Contains(t, o.reason, "the body of the action cannot be made: in line 2 of it")
	o = action(t, Config{Transport: nobody, Body: `{"x": "{{ range until 5000 }}{{ $.Text }}{{ end }}"}`}).
		do(t.Context(), about(map[string]string{"ticket": "OPS-1"}), card.Press{Text: strings.Repeat("x", 1000)}, "k")
	require.Equal(t, failed, o.kind)
}

func TestWhatIsWrongWithAnActionIsSaid(t *testing.T) {
	const good = "https://jira.example/issue/{{ .Labels.ticket }}"
	for name, c := range map[string]struct {
		cfg     Config
		field   string // "" nothing is wrong
		warning bool
		what    string
	}{
		"a good one":                      {Config{URL: good}, "", false, ""},
		"one with everything":             {Config{URL: good, Method: "PATCH", Body: `{"a": {{ .Text }},}`, Headers: map[string]string{"X-Key": "v"}, Token: "t", Timeout: time.Second, ProxyURL: "http://proxy:3128"}, "", false, ""},
		"a label that the sample has not": {Config{URL: "https://jira.example/{{ .Labels.incident_number }}/x"}, "", false, ""},
		"no URL":                          {Config{}, "url", false, "no URL"},
		"no host":                         {Config{URL: "/issue"}, "url", false, "not a URL"},
		"another scheme":                  {Config{URL: "file:///etc/passwd"}, "url", false, "not a URL"},
		"ftp":                             {Config{URL: "ftp://jira.example/x"}, "url", false, "scheme"},
		"a value for the host":            {Config{URL: "https://{{ .Labels.ticket }}/x"}, "url", false, "before the path"},
		"a value at the end of the host":  {Config{URL: "https://jira.example{{ .Labels.ticket }}"}, "url", false, "before the path"},
		"a value for the scheme":          {Config{URL: "{{ .Labels.ticket }}://x/"}, "url", false, "before the path"},
		"a value for all of it":           {Config{URL: "{{ .Annotations.ticket_url }}"}, "url", false, "before the path"},
		"a password in it":                {Config{URL: "https://u:geheim@jira.example/x"}, "url", false, "basic_auth"},
		"a step back":                     {Config{URL: "https://jira.example/a/../b"}, "url", false, "step"},
		"a template that is none":         {Config{URL: "https://jira.example/{{ .Labels. }}"}, "url", false, "cannot be read"},
		"http with a token":               {Config{URL: "http://jira.example/x", Token: "t"}, "url", true, "in the clear"},
		"http on this machine":            {Config{URL: "http://localhost/x", Token: "t"}, "", false, ""},
		"a body that is not JSON":         {Config{URL: good, Body: "a={{ .Text }}"}, "body", false, "not JSON"},
		"a body that is not a template":   {Config{URL: good, Body: "{\n{{ if }}}"}, "body", false, "in line 2 of it"},
		"a body that asks for too much":   {Config{URL: good, Body: `{"a": {{ index .Alerts 7 }}}`}, "body", true, "tried with a ticket"},
		"GET":                             {Config{URL: good, Method: "GET"}, "method", false, "POST, PUT or PATCH"},
		"a header that is none":           {Config{URL: good, Headers: map[string]string{"a b": ""}}, "headers", false, "not the name"},
		"a header with two lines":         {Config{URL: good, Headers: map[string]string{"X-A": "geheim\nX-B: c"}}, "headers", false, "line break"},
		"a header of ours":                {Config{URL: good, Headers: map[string]string{"host": "x"}}, "headers", false, "Host"},
		"two ways to sign in":             {Config{URL: good, Token: "t", Username: "u"}, "token", false, "basic_auth"},
		"a header and a token":            {Config{URL: good, Token: "t", Headers: map[string]string{"authorization": "x"}}, "headers", false, "Authorization"},
		"a password for nobody":           {Config{URL: good, Password: "geheim"}, "basic_auth", false, "username"},
		"a token of two lines":            {Config{URL: good, Token: "geheim\n2"}, "token", false, "line break"},
		"an hour":                         {Config{URL: good, Timeout: time.Hour}, "timeout", false, "1h"},
		"a proxy that is none":            {Config{URL: good, ProxyURL: "geheim"}, "proxy_url", false, "proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := c.cfg.Check()
			_, err := NewAction(c.cfg)
			require.Equal(t, c.field != "" && !c.warning, err != nil)
			if c.field == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			p := problems[0]
			require.Equal(t, c.field, p.Field)
			require.Equal(t, c.warning, p.Warning)
			require.Contains(t, p.What+"; "+p.Hint, c.what)
			require.NotEmpty(t, p.Hint, "who made a mistake must learn what to do")
			require.NotContains(t, p.String(), "geheim")
		})
	}
}

func TestWhatSignsUsInIsNotQuoted(t *testing.T) {
	said := answering(400, "x-api-key geheim7 of unit 7")
	for value, want := range map[string]string{
		"geheim7": "x-api-key <secret> of unit 7",
		"7":       "not quoted", // every 7 could be it
	} {
		o := action(t, Config{Headers: map[string]string{"X-Api-Key": value, "X-Unit": "u", "Accept": "unit"}, Transport: said}).
			do(t.Context(), about(map[string]string{"ticket": "OPS-1"}), card.Press{}, "k")
		require.Contains(t, o.reason, want)
	}
}

// The keys of some systems stand in the query of the address.
func TestAKeyInTheAddressIsASecret(t *testing.T) {
	a := action(t, Config{URL: "https://hooks.example/x?apikey=geheim-und-lang&key={{ .Labels.ticket }}", Transport: answering(400, "apikey geheim-und-lang is wrong")})
	require.NotContains(t, a.do(t.Context(), about(map[string]string{"ticket": "OPS-1"}), card.Press{}, "k").reason, "geheim")
	text, err := json.Marshal(a)
	require.NoError(t, err)
	require.NotContains(t, string(text), "geheim")
}

// Systems take their keys in many places, and repeat what they do not like.
// What they say goes to the log, to cards and to whoever reads the API.
func TestAKeyInATemplateIsNotQuoted(t *testing.T) {
	for name, c := range map[string]struct {
		url, body string
		said      string
		want      string
	}{
		"a step of the path":            {"https://hooks.example/services/T0AB12CD3/k", "", "no service T0AB12CD3, sorry", "no service <secret>, sorry"},
		"without a digit, but long":     {"https://hooks.example/x/AbcdefghijKlmnopqrstuv", "", "AbcdefghijKlmnopqrstuv?", "<secret>?"},
		"next to a value":               {"https://hooks.example/bot12345678:{{ .Verb }}/x", "", "bot12345678:resolve is no bot", "<secret>resolve"},
		"escaped by the author":         {"https://hooks.example/a%2Bb%3D12345678/x", "", "no a+b=12345678", "no <secret>"},
		"escaped by the system":         {"https://hooks.example/a+b=12345678/x", "", "no a%2Bb%3D12345678", "no <secret>"},
		"in the query":                  {"https://hooks.example/x?k=a%2Bgeheim", "", "no a+geheim", "no <secret>"},
		"in the query, next to a value": {"https://hooks.example/x?k=geheim-{{ .Verb }}", "", "no geheim-resolve", "no <secret>resolve"},
		"all of the query":              {"https://hooks.example/x?geheim", "", "no geheim", "no <secret>"},
		"in a placeholder of the URL":   {`https://hooks.example/{{ "geheim-123" }}/x`, "", "no geheim-123", "no <secret>"},
		"a text of the body":            {"", `{"password": "geheimniskram", "text": {{ .Text }}}`, `{"bad": "geheimniskram"}`, `{"bad": "<secret>"}`},
		"its name is none":              {"", `{"transition": {"id": "31"}, "text": "{{ .Text }}"}`, `{"transition": "is required"}`, `{"transition": "is required"}`},
		"a number of the body":          {"", `{"account": 1234567890, "text": {{ .Text }}}`, "no 1234567890", "no <secret>"},
		"after a condition":             {"", `{"a": {{ if .Text }}"x{{ else }}"y{{ end }}", "password": "geheimniskram"}`, "no geheimniskram", "no <secret>"},
		"escaped in the body":           {"", `{"password": "ge\"heim\u006eiskram"}`, `no ge"heimniskram`, "no <secret>"},
		"JSON in the body":              {"", `{"payload": "{\"key\": \"geheim-123\"}"}`, "no geheim-123", "no <secret>"},
		"a part of a text":              {"", `{"authorization": "Bearer geheim-123"}`, "no geheim-123", "no <secret>"},
		"in a placeholder of the body":  {"", "{\"a\": {{ `geheim-123` }}}", "no geheim-123", "no <secret>"},
		"a body full of texts":          {"", `{"a": "` + strings.Repeat("geheim 12345 ", 1000) + `"}`, "no geheim 12345", outbound.NotQuoted},
		"words of the path":             {"https://jira.example/rest/api/2/comments/transitions", "", "comments and transitions are off in api 2", "comments and transitions are off in api 2"},
		"what people wrote":             {"", `{"name": {{ .Text }}}`, "there is no alice.example2", "there is no alice.example2"},
	} {
		t.Run(name, func(t *testing.T) {
			o := action(t, Config{URL: c.url, Body: c.body, Transport: answering(400, c.said)}).
				do(t.Context(), about(map[string]string{"ticket": "OPS-1"}), card.Press{Verb: Resolve, Text: "alice.example2"}, "k")
			require.Contains(t, o.reason, c.want)
			require.NotContains(t, o.reason, "geheim")
		})
	}
}
