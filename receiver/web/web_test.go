package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
)

const token = "an-admin-token"

// site is a main listener on a real store, with one destination that nobody
// delivers to: the engine does not run.
type site struct {
	t        testing.TB
	handler  http.Handler
	engine   *engine.Engine
	store    *brittle
	registry *prometheus.Registry
	reload   error
	mistakes string // of the last reload
	refusing time.Time
}

// brittle is a store that can be told to refuse.
type brittle struct {
	store.Store
	refuse, blind bool // to write, to read
}

func (b *brittle) View(ctx context.Context, fn func(store.Tx) error) error {
	if b.blind {
		return store.ErrUnavailable
	}
	return b.Store.View(ctx, fn)
}

func (b *brittle) Update(ctx context.Context, fn func(store.Tx) error) error {
	if b.refuse {
		return store.ErrUnavailable
	}
	return b.Store.Update(ctx, fn)
}

func (b *brittle) Check(ctx context.Context) error {
	if b.refuse {
		return store.ErrUnavailable
	}
	return b.Store.Check(ctx)
}

const simpleSite = `
storage: {url: "sqlite:web.db"}
destinations:
  - name: ops
    workflow: {url: "http://127.0.0.1:9/workflow/ops"}
    paths: [/old/path]
  - name: dba
    workflow: {url: "http://127.0.0.1:9/workflow/dba"}
route: {destinations: [ops]}
subscriptions: [{destination: dba, matchers: ['team="dba"']}]
events:
  - name: jira
    mapping: {key: .ticket, name: '"Ticket"', status: .status, labels: {ticket: .ticket}}
    actions:
      comment: {url: "http://127.0.0.1:9/issue/{{ .Labels.ticket }}/comment", body: '{"body": {{ .Text }}}'}
      resolve: {url: "http://127.0.0.1:9/issue/{{ .Labels.ticket }}/transitions"}
`

func newSite(t testing.TB) *site {
	return newSiteOf(t, simpleSite, nil)
}

// newSiteOf is newSite with another configuration; bot is how the bot sends.
func newSiteOf(t testing.TB, file string, bot func(config.Destination) deliver.Address) *site {
	t.Helper()
	db, err := sqlite.Open(sqlitetest.File(t), sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return newSiteOn(t, &brittle{Store: db}, file, bot)
}

// newSiteOn is newSiteOf with a store that another one may have used before.
func newSiteOn(t testing.TB, db *brittle, file string, bot func(config.Destination) deliver.Address) *site {
	t.Helper()
	c, problems := config.Parse("test.yml", []byte(file), config.Env{})
	require.False(t, problems.Failed(), "%v", problems)
	relay, err := c.Engine(bot)
	require.NoError(t, err)
	s := &site{t: t, store: db, registry: prometheus.NewRegistry()}
	s.engine, err = engine.New(engine.Options{Store: s.store, Logger: slog.New(slog.DiscardHandler), Registerer: s.registry}, relay)
	require.NoError(t, err)
	handlers, err := New(Options{
		Engine: s.engine, Store: s.store, Logger: slog.New(slog.DiscardHandler), Registry: s.registry,
		Path: c.PathDestination, Event: c.Event, EventPath: c.PathEvent, AdminToken: func() string { return token },
		Subscriptions: func() []config.Subscription { return c.Subscriptions }, Messages: http.NotFoundHandler(),
		Reload:   func(context.Context) error { return s.reload },
		Refusing: func() time.Time { return s.refusing },
		Configuration: func() Configuration {
			return Configuration{Config: c, File: "test.yml", Hash: "0123456789abcdef", LoadedAt: noon, Mistakes: s.mistakes, FailedAt: noon}
		},
	})
	require.NoError(t, err)
	s.handler = handlers.Main
	return s
}

// ask sends a request over loopback, changed as the test likes.
func (s *site) ask(method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:9097"+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:50000"
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

const firing = `{"version":"4","groupKey":"k","alerts":[{"status":"firing","labels":{"alertname":"DiskFull","severity":"warning"}}]}`

func TestEveryWayInTakesAlerts(t *testing.T) {
	for name, c := range map[string]struct {
		path, body string
		status     int
		alerts     int
	}{
		"the webhook":                          {"/alertmanager", firing, 200, 1},
		"straight to a destination":            {"/alertmanager/ops", firing, 200, 1},
		"a path of the configuration":          {"/old/path", firing, 200, 1},
		"Alertmanager's own API":               {"/api/v2/alerts", `[{"labels":{"alertname":"DiskFull"}}]`, 200, 1},
		"a body without alerts":                {"/alertmanager", `{"version":"4","alerts":[]}`, 200, 0},
		"an unknown destination":               {"/alertmanager/nobody", firing, 404, 0},
		"an unknown path":                      {"/somewhere", firing, 404, 0},
		"a list where a body belongs":          {"/alertmanager", `[]`, 400, 0},
		"valid alerts beside an invalid one":   {"/api/v2/alerts", `[{"labels":{}},{"labels":{"alertname":"Good"}}]`, 400, 1},
		"a path that climbs out of the others": {"/alertmanager/../../etc/passwd", firing, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			w := s.ask("POST", c.path, c.body)
			if c.status != 0 {
				require.Equal(t, c.status, w.Code, w.Body)
			} else {
				require.NotEqual(t, 200, w.Code)
			}
			if c.status >= 400 {
				var answer struct{ Error, Hint string }
				require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), "a refusal is JSON")
				require.NotEmpty(t, answer.Error)
				require.NotEmpty(t, answer.Hint, "a refusal says what to do")
			}
			var list struct{ Alerts []Alert }
			require.NoError(t, json.Unmarshal(s.ask("GET", "/api/v1/alerts", "").Body.Bytes(), &list))
			require.Len(t, list.Alerts, c.alerts)
		})
	}
}

// Who sets Alertmanager up opens its URL in a browser or with curl, and would take
// "there is nothing" for a wrong URL.
func TestWhoLooksWhereAlertsAreSentIsToldToPost(t *testing.T) {
	s := newSite(t)
	for path, hint := range map[string]string{
		"/alertmanager": "POST it: this is where Alertmanager sends", "/alertmanager/ops": "POST it", "/api/v2/alerts": "POST it", "/old/path": "POST it",
		"/-/reload": "send it with POST", "/api/v1/destinations/ops/test": "send it with POST",
	} {
		for _, method := range []string{"GET", "HEAD", "PUT", "OPTIONS"} {
			w := s.ask(method, path, "")
			require.Equal(t, 405, w.Code, "%s %s", method, path)
			require.Equal(t, "POST", w.Header().Get("Allow"), path)
			require.Contains(t, w.Body.String(), hint, path)
		}
	}
	require.Contains(t, s.ask("GET", "/metrics", "").Body.String(), `teamsrelay_requests_refused_total{status="405"} 16`, "those that are no alerts are not counted among them")
	for _, path := range []string{"/somewhere", "/alertmanager/ops/more", "/api/v2/", "/-/"} {
		require.Equal(t, 404, s.ask("GET", path, "").Code, path)
	}
}

func TestWhatCannotBeStoredIsNotAcknowledged(t *testing.T) {
	s := newSite(t)
	s.store.refuse = true
	for _, path := range []string{"/alertmanager", "/api/v2/alerts"} {
		body := firing
		if path == "/api/v2/alerts" {
			body = `[{"labels":{"alertname":"DiskFull"}}]`
		}
		w := s.ask("POST", path, body)
		require.Equal(t, http.StatusServiceUnavailable, w.Code, "Alertmanager tries again after a 5xx only")
		require.NotEmpty(t, w.Header().Get("Retry-After"))
	}
	require.Equal(t, http.StatusServiceUnavailable, s.ask("GET", "/-/ready", "").Code)
	require.Equal(t, http.StatusOK, s.ask("GET", "/-/healthy", "").Code, "the process itself is well")
	s.store.refuse = false
	require.Equal(t, http.StatusOK, s.ask("POST", "/alertmanager", firing).Code)
	require.Equal(t, http.StatusOK, s.ask("GET", "/-/ready", "").Code)
}

func TestABodyThatIsTooLargeIsRefusedBeforeItIsRead(t *testing.T) {
	s := newSite(t)
	read := &countingReader{}
	r := httptest.NewRequest("POST", "/alertmanager", read)
	r.ContentLength = 100 << 20
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	require.Zero(t, read.n, "the sender said how large it is")

	r = httptest.NewRequest("POST", "/alertmanager", read)
	r.ContentLength = -1
	w = httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	require.LessOrEqual(t, read.n, 11<<20, "the sender did not say")
}

func TestABodyThatBreaksOffIsSentAgain(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/alertmanager", "/api/v2/alerts"} {
		r := httptest.NewRequest("POST", path, io.MultiReader(strings.NewReader(firing[:40]), iotest.ErrReader(errors.New("i/o timeout"))))
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		require.Equal(t, http.StatusServiceUnavailable, w.Code, "Alertmanager gives an alert up after a 4xx")
		require.NotEmpty(t, w.Header().Get("Retry-After"))
	}
}

// countingReader is an endless body.
type countingReader struct{ n int }

func (c *countingReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	c.n += len(p)
	return len(p), nil
}

func TestOnlyThoseWhoMayChangeThings(t *testing.T) {
	with := func(header, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(header, value) }
	}
	from := func(address string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = address } }
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	for name, c := range map[string]struct {
		change []func(*http.Request)
		status int
	}{
		"over loopback":                  {nil, 200},
		"over loopback by name":          {[]func(*http.Request){host("localhost:9097")}, 200},
		"over loopback, IPv6":            {[]func(*http.Request){from("[::1]:5000"), host("[::1]:9097")}, 200},
		"from elsewhere without a token": {[]func(*http.Request){from("192.0.2.1:5000")}, 401},
		"from elsewhere with the token":  {[]func(*http.Request){from("192.0.2.1:5000"), with("Authorization", "Bearer "+token)}, 200},
		"from elsewhere with a password and the token": {[]func(*http.Request){
			from("192.0.2.1:5000"), with("Authorization", "Basic b3BzOm9wcw=="), with(AdminTokenHeader, token)}, 200},
		"from elsewhere with a password and a wrong token": {[]func(*http.Request){
			from("192.0.2.1:5000"), with("Authorization", "Basic b3BzOm9wcw=="), with(AdminTokenHeader, "x"+token)}, 401},
		"from elsewhere with a wrong token":        {[]func(*http.Request){from("192.0.2.1:5000"), with("Authorization", "Bearer x"+token)}, 401},
		"from elsewhere with an empty token":       {[]func(*http.Request){from("192.0.2.1:5000"), with("Authorization", "Bearer ")}, 401},
		"through a proxy on this machine":          {[]func(*http.Request){with("X-Forwarded-For", "192.0.2.1")}, 401},
		"through one that says so in another way":  {[]func(*http.Request){with("Via", "1.1 proxy")}, 401},
		"through nginx as it comes":                {[]func(*http.Request){func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.0", 1, 0 }}, 401},
		"through a name that points at loopback":   {[]func(*http.Request){host("evil.example:9097")}, 401},
		"from a page of another site":              {[]func(*http.Request){with("Sec-Fetch-Site", "cross-site")}, 403},
		"from a page of another site with a token": {[]func(*http.Request){with("Origin", "https://evil.example"), with("Authorization", "Bearer "+token)}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSite(t).ask("POST", "/-/reload", "", c.change...)
			require.Equal(t, c.status, w.Code, w.Body)
			require.NotContains(t, w.Body.String(), token)
		})
	}
}

func TestWithoutATokenNobodyFromElsewhereChangesAnything(t *testing.T) {
	on := newSite(t)
	s := &server{Options: Options{Engine: on.engine, Store: on.store, AdminToken: func() string { return "" }, Logger: slog.New(slog.DiscardHandler)}}
	r := httptest.NewRequest("POST", "/-/reload", nil)
	r.RemoteAddr = "192.0.2.1:5000"
	r.Header.Set("Authorization", "Bearer ")
	w := httptest.NewRecorder()
	s.admin(func(http.ResponseWriter, *http.Request) { t.Error("it was let through") }).ServeHTTP(w, r)
	require.Equal(t, http.StatusUnauthorized, w.Code)
}

func TestAReloadThatFailsAnswersWithEveryMistake(t *testing.T) {
	s := newSite(t)
	s.reload = errors.New("a.yml:3: error: one\na.yml:9: error: two")
	w := s.ask("POST", "/-/reload", "")
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.Contains(t, w.Body.String(), "a.yml:9: error: two")
}

func TestListsAnswerWithinTheirLimits(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"A", "B", "C"} {
		body := strings.ReplaceAll(strings.Replace(firing, `"k"`, `"`+name+`"`, 1), "DiskFull", name)
		require.Equal(t, 200, s.ask("POST", "/alertmanager", body).Code)
	}
	read := func(query string) (names []string, last int64) {
		var list struct{ Alerts []Alert }
		w := s.ask("GET", "/api/v1/alerts"+query, "")
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list), w.Body)
		for _, a := range list.Alerts {
			names, last = append(names, a.Labels["alertname"]), a.Group
		}
		return names, last
	}
	names, last := read("?limit=2")
	require.Equal(t, []string{"C", "B"}, names, "newest first")
	names, _ = read("?limit=2&before=" + json.Number(jsonInt(last)).String())
	require.Equal(t, []string{"A"}, names, "the next page")

	for _, query := range []string{"?limit=all", "?before=-1", "?since=yesterday"} {
		require.Equal(t, 400, s.ask("GET", "/api/v1/deliveries"+query, "").Code, query)
	}
	for _, path := range []string{"/api/v1/deliveries", "/api/v1/dead-letters", "/api/v1/destinations"} {
		w := s.ask("GET", path, "")
		require.Equal(t, 200, w.Code)
		require.NotContains(t, w.Body.String(), "null", "an empty list is a list")
	}
	require.Equal(t, 404, s.ask("GET", "/api/v1/deliveries/77", "").Code)
	require.Equal(t, 404, s.ask("POST", "/api/v1/dead-letters/77/replay", "").Code)
	require.Equal(t, 404, s.ask("POST", "/api/v1/destinations/nobody/test", "").Code)
}

func jsonInt(n int64) string { text, _ := json.Marshal(n); return string(text) }

func TestMetricsFollowTheConventions(t *testing.T) {
	s := newSite(t)
	w := s.ask("GET", "/metrics", "")
	require.Equal(t, 200, w.Code)
	for _, name := range []string{
		"teamsrelay_alerts_received_total{source=\"alertmanager\"} 0", "teamsrelay_dead_letters{destination=\"ops\"} 0",
		"teamsrelay_destination_broken{destination=\"ops\"} 0", "teamsrelay_posts_waiting{destination=\"ops\"} 0",
		"teamsrelay_requests_refused_total{status=\"503\"} 0",
	} {
		require.Contains(t, w.Body.String(), name, "an alert on it must see 0, not nothing")
	}
	families, err := s.registry.Gather()
	require.NoError(t, err)
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestNoPageInABrowserSendsAlerts(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/alertmanager", "/alertmanager/ops", "/old/path", "/api/v2/alerts"} {
		answer := s.ask(http.MethodPost, path, "[]", func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") })
		require.Equal(t, http.StatusForbidden, answer.Code, "any page could post to %s through its visitor's browser", path)
		require.NotEqual(t, http.StatusForbidden, s.ask(http.MethodPost, path, "[]").Code)
	}
}

// endless is a body that says how much of it was read.
type endless struct {
	io.Reader
	read int64
}

func (e *endless) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	e.read += int64(n)
	return n, err
}

// Whoever may ask for a list, and that needs no token, could fill the disk with
// a body that nobody wants.
func TestNobodyIsMadeToKeepABodyThatWasNotAskedFor(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/api/v1/alerts", "/api/v1/audit", "/api/v1/deliveries", "/api/v1/dead-letters", "/api/v1/users", "/", "/dead-letters", "/audit"} {
		body := &endless{Reader: io.MultiReader(
			strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n"), bytes.NewReader(make([]byte, 1<<20)), strings.NewReader("\r\n--x--\r\n"))}
		r := httptest.NewRequest("GET", path, body)
		r.RemoteAddr, r.Host = "192.0.2.7:50000", "relay.example"
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		require.Equal(t, 200, w.Code, path)
		require.Zero(t, body.read, path)
	}
}
