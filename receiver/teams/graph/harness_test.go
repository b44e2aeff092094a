package graph_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph/graphcontract"
)

const (
	tenant   = "11111111-2222-3333-4444-555555555555"
	app      = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	secret   = "abc8Q~the-secret-that-nobody-may-see"
	manifest = "f1a9c0de-7777-4888-9999-aaaabbbbcccc"
	catalog  = "c0ffee00-1111-4222-8333-444455556666"
	base     = "https://graph.microsoft.com/v1.0"
)

var allRoles = []string{
	"TeamsAppInstallation.ReadWriteSelfForUser.All", "User.ReadBasic.All", "User.Read.All",
	"AppCatalog.Read.All", "GroupMember.Read.All", "TeamworkTag.Read.All",
}

// asked is one request as Graph saw it: those in a $batch by themselves.
type asked struct {
	method, path string // path below the version, without query; escaped
	query        url.Values
	body         string
	token        string
	at           time.Time
}

// says is what Graph answers to one request.
type says struct {
	status  int
	body    string
	headers []string // "Name: value"
	// broken: it is not as the contract says, on purpose.
	broken bool
	err    error
}

// entra stands for Microsoft Graph and sign-in. It carries the requests itself,
// so no test opens a socket.
type entra struct {
	roles []string
	// answer is to the nth request; a zero one is what Graph says on a good day.
	answer func(n int, r asked) says
	// around answers a whole HTTP request, $batch too, before its parts.
	around func(n int, path string) says
	delay  time.Duration

	mu     sync.Mutex
	all    []asked
	https  int // requests over HTTP
	tokens int
}

func (e *entra) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "login.test" {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.tokens++
		return response(r, says{status: 200, body: fmt.Sprintf(`{"token_type":"Bearer","expires_in":3600,"access_token":%q}`, token(e.tokens, e.roles))}), nil
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	if e.delay > 0 {
		select {
		case <-time.After(e.delay):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.https++
	bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	target := strings.TrimPrefix(r.URL.EscapedPath(), "/v1.0")
	if e.around != nil {
		if s := e.around(e.https, target); s.status != 0 || s.err != nil {
			return response(r, s), s.err
		}
	}
	if target != "/$batch" {
		s := e.say(asked{r.Method, target, r.URL.Query(), string(body), bearer, time.Now()})
		return response(r, s), s.err
	}
	var batch struct {
		Requests []struct {
			ID, Method, URL string
			Body            json.RawMessage
		}
	}
	_ = json.Unmarshal(body, &batch)
	var parts []string
	broken := false
	for _, p := range batch.Requests {
		path, query, _ := strings.Cut(p.URL, "?")
		values, _ := url.ParseQuery(query)
		s := e.say(asked{p.Method, path, values, string(p.Body), bearer, time.Now()})
		if broken = broken || s.broken; s.status == 0 {
			continue // it is left out
		}
		if s.body == "" {
			s.body = "null"
		}
		headers := map[string]string{}
		for _, h := range s.headers {
			name, value, _ := strings.Cut(h, ": ")
			headers[name] = value
		}
		encoded, _ := json.Marshal(headers)
		parts = append(parts, fmt.Sprintf(`{"id":%q,"status":%d,"headers":%s,"body":%s}`, p.ID, s.status, encoded, s.body))
	}
	slices.Reverse(parts) // Graph promises no order
	return response(r, says{status: 200, body: `{"responses":[` + strings.Join(parts, ",") + `]}`, broken: broken}), nil
}

// say answers one request. It needs the lock.
func (e *entra) say(r asked) says {
	e.all = append(e.all, r)
	if e.answer != nil {
		if s := e.answer(len(e.all), r); s.status != 0 || s.err != nil || s.broken {
			return s
		}
	}
	last := r.path[strings.LastIndex(r.path, "/")+1:]
	switch {
	case strings.HasSuffix(r.path, "/chat"):
		return says{status: 200, body: `{"id":"19:chat@unq.gbl.spaces"}`}
	case strings.HasSuffix(r.path, "/upgrade"):
		return says{status: 204}
	case r.method == http.MethodPost:
		return says{status: 201}
	case strings.HasSuffix(r.path, "/installedApps"):
		return says{status: 200, body: `{"value":[{"id":"aW5zdGFsbGF0aW9u/==","teamsApp":{"id":"` + catalog + `"},"teamsAppDefinition":{"version":"1.2.0"}}]}`}
	case r.path == "/appCatalogs/teamsApps":
		return says{status: 200, body: `{"value":[` + inCatalogue(catalog, manifest, "organization") + `]}`}
	case r.path == "/users":
		return says{status: 200, body: `{"value":[]}`}
	default:
		return says{status: 200, body: fmt.Sprintf(`{"id":"ID-%s","userPrincipalName":%q,"displayName":"Alice Adams","mail":null}`, last, last)}
	}
}

func inCatalogue(id, external, distribution string, definitions ...string) string {
	ext := "null"
	if external != "" {
		ext = fmt.Sprintf("%q", external)
	}
	return fmt.Sprintf(`{"id":%q,"externalId":%s,"displayName":"teamsrelay","distributionMethod":%q,"appDefinitions":[%s]}`, id, ext, distribution, strings.Join(definitions, ","))
}

// failing is Graph's error.
func failing(status int, code, message string, headers ...string) says {
	body, _ := json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": message, "innerError": map[string]any{"request-id": "r-1", "date": "2026-11-21T10:00:00"}}})
	return says{status: status, body: string(body), headers: headers}
}

func response(r *http.Request, s says) *http.Response {
	if s.err != nil {
		return nil
	}
	a := &http.Response{StatusCode: s.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(s.body)), Request: r}
	for _, h := range s.headers {
		name, value, _ := strings.Cut(h, ": ")
		a.Header.Set(name, value)
	}
	if s.broken {
		a.Header.Set(onPurpose, "yes")
	}
	return a
}

// onPurpose marks an answer that breaks the contract.
const onPurpose = "X-Breaks-The-Contract"

// token is the nth token of sign-in, with permissions.
func token(n int, roles []string) string {
	claims, _ := json.Marshal(map[string]any{"roles": roles, "n": n})
	return "e30." + base64.RawURLEncoding.EncodeToString(claims) + ".c2lnbmF0dXJl"
}

// requests are those that Graph saw, as "METHOD path".
func (e *entra) requests() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []string
	for _, r := range e.all {
		all = append(all, r.method+" "+r.path)
	}
	return all
}

func config(carrier http.RoundTripper) auth.Config {
	return auth.Config{TenantID: tenant, AppID: app, Secret: secret, Transport: carrier, Endpoints: auth.Endpoints{Login: "https://login.test"}}
}

// watched holds everything that a test says to Graph, and hears, against the
// contract, where that is at hand.
func watched(t *testing.T, inner http.RoundTripper) http.RoundTripper {
	text, err := graphcontract.File()
	if err != nil {
		return inner // TestEveryCallKeepsMicrosoftsContract says so
	}
	contract, err := graphcontract.Read(text)
	require.NoError(t, err)
	return &graphcontract.Notary{T: t, Contract: contract, Inner: inner, Broken: func(r *http.Response) bool { return r.Header.Get(onPurpose) != "" }}
}

// client is one whose Graph is e.
func client(t *testing.T, e *entra) *graph.Client {
	t.Helper()
	if e.roles == nil {
		e.roles = allRoles
	}
	c, err := graph.New(config(watched(t, e)), graph.App{ManifestID: manifest})
	require.NoError(t, err)
	return c
}

// wrong is the error of a call, whose words must be fit to be shown.
func wrong(t *testing.T, err error) *graph.Error {
	t.Helper()
	var e *graph.Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Message, "nobody knows what to do")
	require.NotEmpty(t, e.Reason)
	require.NotContains(t, e.Message, secret)
	require.NotContains(t, e.Message, "c2lnbmF0dXJl", "our token would go into the log")
	require.NotContains(t, e.Message, "https://", "no URL in messages")
	require.NotContains(t, e.Message, "\n")
	require.Contains(t, []teams.Kind{teams.Retry, teams.GiveUp}, e.Kind)
	if e.Broken {
		require.Equal(t, teams.Retry, e.Kind, "what waits must go when it is mended")
		require.Contains(t, []teams.Reason{teams.Auth, teams.Consent, teams.NoCatalogue}, e.Reason)
	}
	return e
}
