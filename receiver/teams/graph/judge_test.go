package graph_test

import (
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
)

const blockedByPolicy = "App is blocked by app permission policy. TenantId: 1, UserObjectId: 2, AppId: 3, AppType: Private"

// What Graph says of an installation, and what somebody does about it. One
// person's trouble must not hold up the others, and everybody's trouble must
// not give anybody up.
func TestWhatGraphSaysOfAnInstallation(t *testing.T) {
	missing := "Missing role permissions on the request. API requires one of 'TeamsAppInstallation.ReadWriteSelfForUser.All'. Roles on the request 'User.ReadBasic.All'."
	insufficient := failing(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
	for name, c := range map[string]struct {
		answer says
		roles  []string // nil: all
		kind   teams.Kind
		reason teams.Reason
		broken bool
		after  time.Duration
		says   string
	}{
		"401":                           {failing(401, "InvalidAuthenticationToken", "Access token validation failure."), nil, teams.Retry, teams.Auth, true, 0, "does not take our token"},
		"403 of a policy":               {failing(403, "Forbidden", blockedByPolicy), nil, teams.GiveUp, teams.Policy, false, 0, "policy keeps the app"},
		"403 of a guest":                {failing(403, "Forbidden", "The user is a guest and belongs to another tenant."), nil, teams.GiveUp, teams.Foreign, false, 0, "another tenant"},
		"403 without consent":           {failing(403, "Forbidden", missing), nil, teams.Retry, teams.Consent, true, 0, "Grant admin consent"},
		"403 without privileges":        {insufficient, nil, teams.Retry, teams.Consent, true, 0, "TeamsAppInstallation.ReadWriteSelfForUser.All"},
		"403 of another's app":          {failing(403, "Forbidden", "AAD App Id 'x' is not allowed to manage the Teams App 'y'."), nil, teams.Retry, teams.Consent, true, 0, "webApplicationInfo.id"},
		"403 of a sideloaded app":       {failing(403, "Forbidden", "Only apps of the organization's catalog or the Store can be installed."), nil, teams.Retry, teams.NoCatalogue, true, 0, "Upload"},
		"403 in no words, with consent": {failing(403, "UnknownError", ""), nil, teams.GiveUp, teams.Policy, false, 0, "(403)"},
		"403 in no words, without":      {failing(403, "UnknownError", ""), []string{"User.Read.All", "AppCatalog.Read.All"}, teams.Retry, teams.Consent, true, 0, "TeamsAppInstallation"},
		"403 without a body":            {says{status: 403, broken: true}, nil, teams.Retry, teams.Unavailable, false, 0, "proxy"},
		"404 as a web page":             {says{status: 404, body: "<html>no</html>", broken: true}, nil, teams.Retry, teams.Unavailable, false, 0, "proxy"},
		"409 without a body":            {says{status: 409, broken: true}, nil, teams.Retry, teams.Unavailable, false, 0, "proxy"},
		"404 of the app":                {failing(404, "NotFound", "App with id 'x' was not found in the catalog."), nil, teams.Retry, teams.NoCatalogue, true, 0, "teamsrelay app-package"},
		"404 of who has no Teams":       {failing(404, "NotFound", "Not Found"), nil, teams.GiveUp, teams.NoTeams, false, 0, "has never opened it"},
		"408":                           {failing(408, "RequestTimeout", "slow"), nil, teams.Retry, teams.Timeout, false, 0, "408"},
		"412 of a back end":             {failing(412, "PreconditionFailed", "Failed to execute backend request."), nil, teams.GiveUp, teams.Rejected, false, 0, "412"},
		"429 in seconds":                {failing(429, "TooManyRequests", "slow down", "Retry-After: 17"), nil, teams.Retry, teams.Throttled, false, 17 * time.Second, "17s"},
		"429 that says nothing":         {failing(429, "TooManyRequests", "slow down"), nil, teams.Retry, teams.Throttled, false, 0, "429"},
		"429 that names next year":      {failing(429, "TooManyRequests", "slow down", "Retry-After: 99999999"), nil, teams.Retry, teams.Throttled, false, time.Hour, "1h"},
		"500":                           {failing(500, "InternalServerError", "oops"), nil, teams.Retry, teams.Unavailable, false, 0, "500"},
		"502 as a web page":             {says{status: 502, body: "<html>no</html>", broken: true}, nil, teams.Retry, teams.Unavailable, false, 0, "502"},
		"503 that says when":            {failing(503, "ServiceUnavailable", "later", "Retry-After: 30"), nil, teams.Retry, teams.Unavailable, false, 30 * time.Second, "30s"},
		"504":                           {failing(504, "GatewayTimeout", "late"), nil, teams.Retry, teams.Unavailable, false, 0, "504"},
		"400 that stays":                {failing(400, "BadRequest", "Bad Request"), nil, teams.GiveUp, teams.Rejected, false, 0, "also when it is asked again"},
		"407 of a proxy":                {says{status: 407, broken: true}, nil, teams.Retry, teams.Network, false, 0, "HTTPS_PROXY"},
		"307 is not followed":           {says{status: 307, headers: []string{"Location: https://evil.example/"}, broken: true}, nil, teams.Retry, teams.Network, false, 0, "our token would go along"},
		"201 that is a web page":        {says{status: 201, body: "<!DOCTYPE html>", broken: true}, nil, teams.Retry, teams.Unavailable, false, 0, "sign-in page"},
		"201 that speaks of an error":   {says{status: 201, body: `{"error":{"code":"SomethingNew","message":"no"}}`, broken: true}, nil, teams.Retry, teams.Unavailable, false, 0, "SomethingNew"},
		"201 that speaks of no consent": {says{status: 201, body: insufficient.body, broken: true}, nil, teams.Retry, teams.Consent, true, 0, "API permissions"},
		"201 that speaks of a limit":    {says{status: 201, body: failing(429, "TooManyRequests", "x").body, broken: true}, nil, teams.Retry, teams.Throttled, false, 0, "too much"},
		"201 that speaks in a word":     {says{status: 201, body: `{"error":"invalid_grant","error_description":"no"}`, broken: true}, nil, teams.Retry, teams.Unavailable, false, 0, "invalid_grant"},
		"403 whose error is a list":     {says{status: 403, body: `{"error":[1]}`, broken: true}, nil, teams.GiveUp, teams.Policy, false, 0, "403"},
		"403 whose code is a number":    {says{status: 403, body: `{"error":{"code":7,"message":"is blocked"}}`, broken: true}, nil, teams.GiveUp, teams.Policy, false, 0, "is blocked"},
		"no connection":                 {says{err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, nil, teams.Retry, teams.Network, false, 0, "graph.microsoft.com"},
		"an error with a secret in it":  {says{err: errors.New("cannot post https://graph.microsoft.com/?x=" + secret)}, nil, teams.Retry, teams.Network, false, 0, "broke"},
		"an answer longer than any":     {says{status: 200, body: strings.Repeat(" ", 5<<20), broken: true}, nil, teams.Retry, teams.Unavailable, false, 0, "4 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &entra{roles: c.roles, answer: func(_ int, r asked) says {
					if r.method == http.MethodPost {
						return c.answer
					}
					return says{}
				}}
				got := client(t, e).Install(t.Context(), []string{"1"})
				require.False(t, got[0].Already)
				err := wrong(t, got[0].Err)
				require.Equal(t, c.reason, err.Reason, err.Message)
				require.Equal(t, c.kind, err.Kind, err.Message)
				require.Equal(t, c.broken, err.Broken)
				require.Equal(t, c.after, err.After)
				require.Contains(t, err.Message, c.says)
				if strings.Contains(c.answer.body, "request-id") && c.reason != teams.NoTeams {
					require.Contains(t, err.Message, "(request-id r-1)", "a support case needs it")
				}
			})
		})
	}
}

func TestWhatIsThereAlreadyIsInstalled(t *testing.T) {
	e := &entra{answer: func(_ int, r asked) says {
		if strings.HasPrefix(r.path, "/users/1/") {
			return failing(409, "Conflict", "AppEntitlement id: 'x' already exists.")
		}
		return says{}
	}}
	got := client(t, e).Install(t.Context(), []string{"1", "2"})
	require.NoError(t, got[0].Err)
	require.True(t, got[0].Already, "its version is to be looked at")
	require.NoError(t, got[1].Err)
	require.False(t, got[1].Already)
}

// 404 is what Graph says of people who do not exist, who are disabled and who
// have no Teams alike, and what somebody has to do differs.
func TestA404OfAPersonIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(_ int, r asked) says {
			switch {
			case strings.HasSuffix(r.path, "/installedApps"):
				return failing(404, "NotFound", "Not Found")
			case r.path == "/users/gone":
				return failing(404, "Request_ResourceNotFound", "no")
			case r.path == "/users/disabled":
				return says{status: 200, body: `{"id":"disabled","displayName":"Dora","accountEnabled":false}`}
			case r.path == "/users/down":
				return failing(503, "ServiceUnavailable", "later")
			case r.path == "/users/hidden":
				return failing(403, "Authorization_RequestDenied", "no")
			}
			return says{}
		}}
		c := client(t, e)
		ids := []string{"gone", "disabled", "never", "down", "hidden"}
		reasons := []teams.Reason{teams.UnknownUser, teams.Disabled, teams.NoTeams, teams.Unavailable, teams.NoTeams}
		for i, got := range c.Install(t.Context(), ids) {
			require.Equal(t, reasons[i], wrong(t, got.Err).Reason, ids[i])
		}
		for i, got := range c.Installations(t.Context(), ids) {
			require.Equal(t, reasons[i], wrong(t, got.Err).Reason, ids[i])
			require.Empty(t, got.ID)
		}
	})
}

func TestABadRequestIsRepeatedOnceBecauseSomeSucceedThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flaky := map[string]int{"/users/1/teamwork/installedApps": 1, "/users/2/teamwork/installedApps": 9}
		e := &entra{answer: func(_ int, r asked) says {
			if flaky[r.path] > 0 {
				flaky[r.path]--
				return failing(400, "BadRequest", "Bad Request")
			}
			return says{}
		}}
		start := time.Now()
		got := client(t, e).Install(t.Context(), []string{"1", "2", "3"})
		require.NoError(t, got[0].Err)
		require.Equal(t, teams.Rejected, wrong(t, got[1].Err).Reason)
		require.NoError(t, got[2].Err)
		require.Equal(t, 7, flaky["/users/2/teamwork/installedApps"], "once, and no more")
		require.Equal(t, time.Second, time.Since(start))
		require.Len(t, e.requests(), 6, "who was installed is not installed again")
	})
}

// Whoever is stopped between the two attempts must not give up on anybody.
func TestNobodyIsGivenUpBecauseWeWereStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(_ int, r asked) says {
			if r.method == http.MethodPost {
				return failing(400, "BadRequest", "Bad Request")
			}
			return says{}
		}}
		ctx, cancel := stop(t, 500*time.Millisecond)
		defer cancel()
		err := wrong(t, client(t, e).Install(ctx, []string{"1"})[0].Err)
		require.Equal(t, teams.Interrupted, err.Reason)
		require.Equal(t, teams.Retry, err.Kind)
	})
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	for name, alone := range map[string]bool{"of one request": true, "of a batch": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				revoked := failing(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
				e := &entra{answer: func(_ int, r asked) says {
					if r.token == token(1, allRoles) && r.method == http.MethodPost {
						return revoked
					}
					return says{}
				}}
				ids := []string{"1", "2", "3"}
				if alone {
					ids = ids[:1]
				}
				c := client(t, e)
				for _, got := range c.Install(t.Context(), ids) {
					require.NoError(t, got.Err)
				}
				require.Equal(t, 2, e.tokens)

				e.answer = func(int, asked) says { return revoked }
				for range 3 {
					for _, got := range c.Install(t.Context(), ids) {
						require.Equal(t, teams.Auth, wrong(t, got.Err).Reason)
					}
				}
				require.Equal(t, 2, e.tokens, "it was replaced a moment ago; an application that Graph does not know will not be known for asking again")
			})
		})
	}
}

// The whole batch is refused with 401, and with it what was not sent yet.
func TestATokenThatIsRefusedForAWholeBatchCostsNobodyTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{around: func(n int, path string) says {
			if path == "/$batch" && n == 2 {
				return failing(401, "InvalidAuthenticationToken", "expired")
			}
			return says{}
		}}
		for _, got := range client(t, e).Install(t.Context(), people(70)) {
			require.NoError(t, got.Err)
		}
		require.Equal(t, 2, e.tokens)
	})
}

func TestAnAnswerWithOurTokenInItIsNotPassedOn(t *testing.T) {
	e := &entra{answer: func(_ int, r asked) says {
		return failing(403, "Echo", "you sent "+r.token+" to https://graph.microsoft.com/secret/path")
	}}
	err := wrong(t, client(t, e).Users(t.Context(), []string{"1"})[0].Err)
	require.Contains(t, err.Message, "you sent")
	require.NotContains(t, err.Message, "secret/path")
}

// Who quotes what they were asked often does not quote all of it.
func TestNotEvenTheBeginningOfATokenIsPassedOn(t *testing.T) {
	const part = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2dyYXBoLm1pY3Jvc29mdC5jb20iLCJ0aWQi"
	for _, said := range []string{"Header too long: Bearer " + part + "...", part, "a(" + part + ".sig-nature_x)", part[:30]} {
		e := &entra{answer: func(int, asked) says { return failing(403, "Echo "+said, "You sent "+said) }}
		err := wrong(t, client(t, e).Users(t.Context(), []string{"1"})[0].Err)
		require.Contains(t, err.Message, "You sent")
		for _, text := range []string{err.Message, err.Code} {
			require.NotContains(t, text, "eyJ")
			require.NotContains(t, text, "nature")
		}
	}
}

type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }
func (*endless) Close() error                 { return nil }

// carrier answers Graph's requests by itself.
type carrier func(*http.Request) (*http.Response, error)

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) { return c(r) }

func TestAnEndlessAnswerIsNotReadToItsEnd(t *testing.T) {
	body := &endless{}
	in := &entra{}
	c := over(t, carrier(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "login.test" {
			return in.RoundTrip(r)
		}
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body}, nil
	}))
	require.Equal(t, teams.Unavailable, wrong(t, c.Users(t.Context(), []string{"1"})[0].Err).Reason)
	require.LessOrEqual(t, body.read, 5<<20, "whoever answers must not fill the memory")
}

type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
func (cut) Close() error             { return nil }

func TestAttemptsWithoutAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(*http.Request) (*http.Response, error)
		reason teams.Reason
		took   time.Duration
	}{
		"Graph never answers":   {func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, teams.Timeout, 30 * time.Second},
		"the answer breaks off": {func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200, Body: cut{}}, nil }, teams.Network, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := &entra{}
				client := over(t, carrier(func(r *http.Request) (*http.Response, error) {
					if r.URL.Host == "login.test" {
						return in.RoundTrip(r)
					}
					return c.answer(r)
				}))
				start := time.Now()
				err := wrong(t, client.Users(t.Context(), []string{"1"})[0].Err)
				require.Equal(t, c.reason, err.Reason, err.Message)
				require.False(t, err.Uncertain, "whatever we ask may be asked twice")
				require.Equal(t, c.took, time.Since(start))
			})
		})
	}
}

func TestStoppingIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, &entra{delay: time.Hour})
		ctx, cancel := stop(t, time.Second)
		defer cancel()
		require.Equal(t, teams.Interrupted, wrong(t, c.Users(ctx, []string{"1"})[0].Err).Reason)
		require.Equal(t, teams.Interrupted, wrong(t, c.Users(ctx, []string{"1"})[0].Err).Reason, "and nothing is asked any more")
	})
}

func TestPeopleWaitForATokenThatCannotBeHad(t *testing.T) {
	asked := 0
	c := over(t, carrier(func(r *http.Request) (*http.Response, error) {
		if asked++; r.URL.Host != "login.test" {
			t.Error("Graph is asked without a token")
		}
		return response(r, says{status: 401, body: `{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired."}`}), nil
	}))
	for _, got := range c.Install(t.Context(), people(100)) {
		err := wrong(t, got.Err)
		require.Equal(t, teams.Auth, err.Reason)
		require.True(t, err.Broken, "they are told when it is mended")
		require.Contains(t, err.Message, "secret has expired")
	}
	require.Equal(t, 1, asked, "one attempt for all")
	_, err := c.Roles(t.Context())
	require.Equal(t, teams.Auth, wrong(t, err).Reason)
}
