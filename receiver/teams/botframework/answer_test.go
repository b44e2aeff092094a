package botframework_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

const blocked209 = `{"errorCode":209,"message":"{\r\n  \"subCode\": \"MessageWritesBlocked\",\r\n  \"details\": \"Thread is blocked\",\r\n  \"errorCode\": null\r\n}"}`

// The table of teams-platform §3.3, row by row, and what else may answer. What
// gets the wrong outcome is either lost or repeated for a day.
func TestEveryAnswerOfTeams(t *testing.T) {
	for name, c := range map[string]struct {
		answer *http.Response
		kind   teams.Kind
		reason teams.Reason
		broken bool
		after  time.Duration
		says   string
	}{
		"400 Bad Argument":                  {failing(400, "Bad Argument"), teams.GiveUp, teams.Payload, false, 0, "Teams has its reasons."},
		"400 BadSyntax":                     {failing(400, "BadSyntax"), teams.GiveUp, teams.Payload, false, 0, "render --transport=bot"},
		"400 without a body":                {answering(400, ""), teams.GiveUp, teams.Payload, false, 0, "400"},
		"401 BotNotRegistered":              {failing(401, "BotNotRegistered"), teams.Retry, teams.Auth, true, 0, "Microsoft Teams channel"},
		"401 without a body":                {answering(401, ""), teams.Retry, teams.Auth, true, 0, "app_id"},
		"403 BotDisabledByAdmin":            {failing(403, "BotDisabledByAdmin"), teams.GiveUp, teams.Policy, false, 0, "admin center"},
		"403 BotNotInConversationRoster":    {failing(403, "BotNotInConversationRoster"), teams.GiveUp, teams.NotInstalled, false, 0, "Add it there"},
		"403 ConversationBlockedByUser":     {failing(403, "ConversationBlockedByUser"), teams.GiveUp, teams.Blocked, false, 0, "until they write"},
		"403 ForbiddenOperationException":   {failing(403, "ForbiddenOperationException"), teams.GiveUp, teams.NotInstalled, false, 0, "not installed for this person"},
		"403 NotEnoughPermissions":          {failing(403, "NotEnoughPermissions"), teams.GiveUp, teams.Policy, false, 0, "Moderation"},
		"403 MessageWritesBlocked":          {answering(403, blocked209), teams.GiveUp, teams.Blocked, false, 0, "Thread is blocked"},
		"403 209 without its inner JSON":    {answering(403, `{"errorCode":209,"message":"blocked"}`), teams.GiveUp, teams.Policy, false, 0, "209: blocked"},
		"403 that nobody knows":             {failing(403, "SomethingNew"), teams.GiveUp, teams.Policy, false, 0, "SomethingNew"},
		"403 as a web page":                 {answering(403, "<html><body>no</body></html>", "Content-Type: text/html"), teams.GiveUp, teams.Policy, false, 0, "403"},
		"404 ActivityNotFoundIn…":           {failing(404, "ActivityNotFoundInConversation"), teams.GiveUp, teams.NotFound, false, 0, "not there"},
		"404 ConversationNotFound":          {failing(404, "ConversationNotFound"), teams.GiveUp, teams.NotFound, false, 0, "deleted"},
		"404 without a body":                {answering(404, ""), teams.GiveUp, teams.NotFound, false, 0, "404"},
		"407 of a proxy":                    {answering(407, ""), teams.Retry, teams.Network, false, 0, "HTTPS_PROXY"},
		"408":                               {answering(408, ""), teams.Retry, teams.Timeout, false, 0, "408"},
		"412 PreconditionFailed":            {failing(412, "PreconditionFailed"), teams.Retry, teams.Unavailable, false, 0, "same moment"},
		"412 without a body":                {answering(412, ""), teams.Retry, teams.Unavailable, false, 0, "same moment"},
		"413 MessageSizeTooBig":             {failing(413, "MessageSizeTooBig"), teams.GiveUp, teams.TooLarge, false, 0, "100 KB"},
		"413 as a web page":                 {answering(413, "<html>Too large</html>"), teams.GiveUp, teams.TooLarge, false, 0, "413"},
		"429 Throttled, in seconds":         {failing(429, "Throttled", "Retry-After: 17"), teams.Retry, teams.Throttled, false, 17 * time.Second, "17s"},
		"429 with a date":                   {answering(429, "", "Retry-After: Sat, 21 Nov 2026 10:01:30 GMT", "Date: Sat, 21 Nov 2026 10:00:00 GMT"), teams.Retry, teams.Throttled, false, 90 * time.Second, "1m30s"},
		"429 that says nothing":             {answering(429, ""), teams.Retry, teams.Throttled, false, 0, "too much"},
		"429 that names next year":          {answering(429, "", "Retry-After: 99999999"), teams.Retry, teams.Throttled, false, time.Hour, "1h"},
		"500 ServiceError":                  {failing(500, "ServiceError"), teams.GiveUp, teams.Service, false, 0, "asks not to repeat"},
		"500 without a body":                {answering(500, ""), teams.GiveUp, teams.Service, false, 0, "500"},
		"502 ServiceError":                  {failing(502, "ServiceError"), teams.Retry, teams.Unavailable, false, 0, "bad time"},
		"503 that says when":                {answering(503, "", "Retry-After: 30"), teams.Retry, teams.Unavailable, false, 30 * time.Second, "30s"},
		"504 as a web page":                 {answering(504, "<html>", "Content-Type: text/html"), teams.Retry, teams.Unavailable, false, 0, "504"},
		"501, which is in no list":          {answering(501, ""), teams.GiveUp, teams.Rejected, false, 0, "501"},
		"418, which is in no list":          {answering(418, "teapot"), teams.GiveUp, teams.Rejected, false, 0, "teapot"},
		"307 is not followed":               {answering(307, "", "Location: https://evil.example/"), teams.GiveUp, teams.Rejected, false, 0, "our token"},
		"200 that is a web page":            {answering(200, "<!DOCTYPE html><title>Sign in</title>"), teams.Retry, teams.Network, false, 0, "web page"},
		"200 that speaks of an error":       {failing(200, "SomethingNew"), teams.GiveUp, teams.Rejected, false, 0, "speaks of an error"},
		"200 that says throttled":           {failing(200, "Throttled"), teams.Retry, teams.Throttled, false, 0, "too much"},
		"200 that says in words":            {answering(200, `{"error":"it failed"}`), teams.GiveUp, teams.Rejected, false, 0, "it failed"},
		"200 with an error that is none":    {answering(200, `{"id":"7","error":null,"errorCode":0}`), teams.Delivered, "", false, 0, ""},
		"201 with an id":                    {answering(201, `{"id":"7"}`), teams.Delivered, "", false, 0, ""},
		"202 with an id":                    {answering(202, `{"id":"7"}`), teams.Delivered, "", false, 0, ""},
		"an error whose code is a number":   {answering(403, `{"error":{"code":403,"message":"no"}}`), teams.GiveUp, teams.Policy, false, 0, "no"},
		"an error whose message is a thing": {answering(403, `{"error":{"code":"BotDisabledByAdmin","message":{"a":1}}}`), teams.GiveUp, teams.Policy, false, 0, "admin center"},
		"an error that is a list":           {answering(403, `{"error":[1,2]}`), teams.GiveUp, teams.Policy, false, 0, "403"},
		"a list":                            {answering(404, `[]`), teams.GiveUp, teams.NotFound, false, 0, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := io.ReadAll(c.answer.Body)
			require.NoError(t, err)
			teamsSide := &connector{answer: func(int, asked) (*http.Response, error) {
				again := *c.answer
				again.Body = io.NopCloser(strings.NewReader(string(body)))
				return &again, nil
			}}
			o := at(t, teamsSide, chat).Send(t.Context(), hot)
			require.Equal(t, c.kind, o.Kind, o.Message)
			require.Equal(t, c.reason, o.Reason, o.Message)
			require.Equal(t, c.broken, o.Broken)
			require.Equal(t, c.after, o.After)
			require.Equal(t, c.answer.StatusCode, o.Status)
			require.False(t, o.Uncertain, "an answer came")
			require.False(t, o.Gone, "a new message cannot be gone")
			require.Contains(t, o.Message, c.says)
			require.Equal(t, c.kind == teams.Delivered, o.Message == "", "a failure has words: %q", o.Message)
		})
	}
}

func TestAMessageThatIsGoneIsSentAnew(t *testing.T) {
	for name, code := range map[string]string{"the message was deleted": "ActivityNotFoundInConversation", "its thread was deleted": "ConversationNotFound"} {
		t.Run(name, func(t *testing.T) {
			teamsSide := &connector{answer: func(int, asked) (*http.Response, error) { return failing(404, code), nil }}
			o := at(t, teamsSide, channel).Edit(t.Context(), thread, hot)
			require.Equal(t, teams.Retry, o.Kind)
			require.True(t, o.Gone, "the card would stay wrong for ever")
			o = at(t, teamsSide, channel).Call(t.Context(), thread, hot)
			require.True(t, o.Gone, "the call would be about a card that nobody sees")
		})
	}
	o := at(t, &connector{}, channel).Edit(t.Context(), "", hot)
	require.True(t, o.Gone, "Teams told no id of it")
	teamsSide := &connector{answer: func(int, asked) (*http.Response, error) { return failing(404, "ActivityNotFoundInConversation"), nil }}
	require.Equal(t, teams.Delivered, at(t, teamsSide, chat).Delete(t.Context(), "7").Kind, "what is to go is gone")
}

func TestASuccessWithoutAnIdIsToldApart(t *testing.T) {
	for _, body := range []string{"", "{}", `{"id":""}`, `{"id":7}`, "no JSON"} {
		teamsSide := &connector{answer: func(int, asked) (*http.Response, error) { return answering(201, body), nil }}
		for _, place := range []botframework.Place{chat, channel} {
			o := at(t, teamsSide, place).Send(t.Context(), hot)
			require.Equal(t, teams.Delivered, o.Kind, body)
			require.Empty(t, o.MessageID)
			require.Contains(t, o.Message, "cannot be changed later")
		}
	}
	teamsSide := &connector{answer: func(int, asked) (*http.Response, error) {
		return answering(201, `{"id":"19:abc@thread.tacv2;messageid=17"}`), nil
	}}
	require.Equal(t, "17", at(t, teamsSide, channel).Send(t.Context(), hot).MessageID, "the thread's id says it too")
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	once := &connector{answer: func(n int, _ asked) (*http.Response, error) {
		if n == 1 {
			return answering(401, ""), nil
		}
		return nil, nil
	}}
	o := at(t, once, chat).Send(t.Context(), hot)
	require.Equal(t, teams.Delivered, o.Kind, o.Message)
	require.Equal(t, []string{"token-1", "token-2"}, []string{once.all[0].token, once.all[1].token})

	always := &connector{answer: func(int, asked) (*http.Response, error) { return failing(401, "BotNotRegistered"), nil }}
	b := client(t, always)
	for range 3 {
		o = to(b, chat).Send(t.Context(), hot)
		require.Equal(t, teams.Retry, o.Kind)
		require.True(t, o.Broken, "an administrator must see it, and the posts wait")
	}
	require.Len(t, always.all, 4, "one more attempt with a fresh token, and none with one that was just refused")
	require.Equal(t, 2, always.tokens)
}

func TestOurTokenGoesNowhereElse(t *testing.T) {
	for _, evil := range []string{"https://evil.example/emea/", "http://smba.trafficmanager.net/emea/", "https://smba.trafficmanager.net.evil.example/", "http://127.0.0.1:9099/", "no url at all\x00"} {
		teamsSide := &connector{}
		p := with(chat, func(p *botframework.Place) { p.ServiceURL = evil })
		o := at(t, teamsSide, p).Send(t.Context(), hot)
		require.Equal(t, teams.Retry, o.Kind)
		require.True(t, o.Broken)
		require.Contains(t, o.Message, "allowed_service_hosts")
		require.Empty(t, teamsSide.all, "not even the card may go there")
		require.Zero(t, teamsSide.tokens)
	}
}

func TestAnAnswerWithOurTokenInItIsNotPassedOn(t *testing.T) {
	teamsSide := &connector{answer: func(_ int, r asked) (*http.Response, error) {
		return answering(403, `{"error":{"code":"X","message":"you sent `+r.token+` to https://smba.trafficmanager.net/secret/path"}}`), nil
	}}
	o := at(t, teamsSide, chat).Send(t.Context(), hot)
	require.Contains(t, o.Message, "you sent")
	require.NotContains(t, o.Message, "token-1")
	require.NotContains(t, o.Message, "secret/path")
}

type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }
func (*endless) Close() error                 { return nil }

func TestAnEndlessAnswerIsNotReadToItsEnd(t *testing.T) {
	body := &endless{}
	teamsSide := &connector{answer: func(int, asked) (*http.Response, error) {
		return &http.Response{StatusCode: 502, Body: body, Header: http.Header{}}, nil
	}}
	o := at(t, teamsSide, chat).Send(t.Context(), hot)
	require.Equal(t, teams.Unavailable, o.Reason)
	require.LessOrEqual(t, body.read, 128<<10, "whoever answers must not fill the memory")
	require.Less(t, len(o.Message), 1000)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
func (broken) Close() error             { return nil }

// What is uncertain may be shown twice when it is tried again, so it waits a
// minute (design D6); an edit does not: it may be done twice.
func TestAttemptsWithoutAnAnswer(t *testing.T) {
	cut := func(int, asked) (*http.Response, error) {
		return &http.Response{StatusCode: 201, Body: broken{}, Header: http.Header{}}, nil
	}
	refused := func(int, asked) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	reset := func(int, asked) (*http.Response, error) { return nil, errors.New("connection reset by peer") }
	for name, c := range map[string]struct {
		teams     *connector
		reason    teams.Reason
		uncertain bool
		took      time.Duration
	}{
		"Teams never answers":                  {&connector{hang: true}, teams.Timeout, true, 8 * time.Second},
		"Teams cannot be reached":              {&connector{hang: true, unsent: true}, teams.Timeout, false, 8 * time.Second},
		"the connection breaks after the card": {&connector{answer: reset}, teams.Network, true, 0},
		"no connection":                        {&connector{answer: refused, unsent: true}, teams.Network, false, 0},
		"the answer breaks off":                {&connector{answer: cut}, teams.Network, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := at(t, c.teams, chat)
				start := time.Now()
				o := s.Send(t.Context(), hot)
				require.Equal(t, c.took, time.Since(start))
				require.Equal(t, teams.Retry, o.Kind)
				require.Equal(t, c.reason, o.Reason, o.Message)
				require.Equal(t, c.uncertain, o.Uncertain, o.Message)
				require.Equal(t, c.uncertain, strings.Contains(o.Message, "twice"))

				o = s.Edit(t.Context(), "7", hot)
				require.Equal(t, c.reason, o.Reason, o.Message)
				require.False(t, o.Uncertain, "an edit repeated is harmless")
				require.NotContains(t, o.Message, "twice")
			})
		})
	}
}

func TestStoppingIsInterruptedAndNotATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at(t, &connector{hang: true}, chat)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		o := s.Send(ctx, hot)
		require.Equal(t, teams.Interrupted, o.Reason)
		require.True(t, o.Uncertain)
		for range 20 { // the turn is free, and it must not matter who is faster
			o = s.Send(ctx, hot)
			require.Equal(t, teams.Interrupted, o.Reason)
			require.False(t, o.Uncertain, "nothing was sent")
		}
	})
}

// expired is a sign-in that does not take our secret any more.
type expired struct{ *connector }

func (e expired) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "login.test" {
		return e.connector.RoundTrip(r)
	}
	return answering(401, `{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired."}`), nil
}

func TestPostsWaitForATokenThatCannotBeHad(t *testing.T) {
	teamsSide := &connector{}
	b, err := botframework.New(auth.Config{
		TenantID: tenant, AppID: app, Secret: "abc8Q~the-secret", Transport: expired{teamsSide},
		Endpoints: auth.Endpoints{Login: "https://login.test"},
	})
	require.NoError(t, err)
	o := to(b, chat).Send(t.Context(), hot)
	require.Equal(t, teams.Retry, o.Kind, "they go when it is mended")
	require.Equal(t, teams.Auth, o.Reason)
	require.True(t, o.Broken)
	require.Contains(t, o.Message, "secret has expired")
	require.Empty(t, teamsSide.all)
}
