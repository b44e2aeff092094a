package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
)

// canarySecret stands in every URL that is added in these tests.
const canarySecret = "cAnArY-0123456789"

const keyed = `
storage: {url: "sqlite:web.db", encryption_key: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}
destinations:
  - name: ops
    workflow: {url: "http://127.0.0.1:9/workflow/ops"}
runtime_destinations: {names: [web], allowed_hosts: [%s]}
route: {destinations: [ops]}
`

const microsofts = "https://prod-1.westeurope.logic.azure.com/workflows/x?sig=" + canarySecret

func (s *site) destinationsNow() map[string]Destination {
	s.t.Helper()
	var list struct{ Destinations []Destination }
	s.told(200, "GET", "/api/v1/destinations", "", &list)
	all := map[string]Destination{}
	for _, d := range list.Destinations {
		all[d.Name] = d
	}
	return all
}

// Who watches the list by a program sees why one waits, as who looks at the page.
func TestTheListOfDestinationsSaysWhyOneWaits(t *testing.T) {
	s := newSite(t)
	until := s.engine.Now().Add(time.Hour).UTC().Truncate(time.Second)
	s.changes(func(tx store.Tx) error {
		for _, d := range s.engine.Destinations() {
			row, err := tx.Address(d.Addresses[0].ID)
			row.NotBefore = until
			if err = errors.Join(err, tx.SaveAddress(&row)); err != nil {
				return err
			}
		}
		return errors.Join(
			tx.SaveDelivery(&store.Delivery{Destination: "ops", State: store.DeliveryRetry, Reason: "server", Message: "Teams answered 500.", At: noon}),
			tx.SaveDelivery(&store.Delivery{Destination: "ops", State: store.DeliveryRetry, Reason: "throttled", Message: "Teams asked for patience.", At: noon}),
			tx.SaveDelivery(&store.Delivery{Destination: "ops", State: store.DeliverySending, At: noon}))
	})
	ops, dba := s.destinationsNow()["ops"], s.destinationsNow()["dba"]
	require.Equal(t, []string{"waiting", "throttled", "Teams asked for patience."}, []string{ops.State, ops.Reason, ops.Message}, "the latest that failed")
	require.Equal(t, until, ops.Since.UTC())
	require.Equal(t, []string{"waiting", "", ""}, []string{dba.State, dba.Reason, dba.Message}, "nobody knows")
}

func TestADestinationIsAddedRotatedDisabledAndRemoved(t *testing.T) {
	s := newSiteOf(t, fmt.Sprintf(keyed, "127.0.0.1:9"), nil)
	body := func(url string) string { return fmt.Sprintf(`{"name":"dba","url":%q,"who":"Alice"}`, url) }
	require.Equal(t, "not_added", s.destinationsNow()["web"].Reason, "the file expects it, and what goes there waits")

	require.Equal(t, 401, s.ask("POST", "/api/v1/destinations", body(microsofts), elsewhere).Code)
	var is DestinationHealth
	s.told(200, "POST", "/api/v1/destinations", body(microsofts), &is)
	require.Equal(t, []string{"dba", kindWebhook, "ok", "Alice"}, []string{is.Name, is.Kind, is.State, is.Added.By})
	require.Regexp(t, `^prod-1\.westeurope\.logic\.azure\.com #[0-9a-f]{8}$`, is.Target)
	require.Len(t, is.Pace, 2)
	require.Equal(t, 409, s.ask("POST", "/api/v1/destinations", body(microsofts)).Code, "whoever adds it twice would not know which holds")
	require.Equal(t, 409, s.ask("POST", "/api/v1/destinations", strings.Replace(body(microsofts), "dba", "ops", 1)).Code)
	require.Equal(t, 409, s.ask("PUT", "/api/v1/destinations/ops/url", body(microsofts)).Code, "the file says where that leads")
	require.Equal(t, 404, s.ask("PUT", "/api/v1/destinations/nobody/url", body(microsofts)).Code)
	require.Equal(t, 200, s.ask("POST", "/alertmanager/dba", firing).Code, "alerts go straight to it")
	require.Equal(t, 1, s.destinationsNow()["dba"].Waiting)

	var subscribed struct{ Subscriptions []Subscription }
	s.told(200, "POST", "/api/v1/subscriptions", `{"destination":"dba","matchers":["team=\"dba\""]}`, &subscribed)
	was := is.Target
	is = DestinationHealth{}
	s.told(200, "PUT", "/api/v1/destinations/dba/url", `{"url":"`+microsofts+`2","who":"Bob"}`, &is)
	require.NotEqual(t, was, is.Target)
	require.Equal(t, []any{"Bob", 1}, []any{is.Added.RotatedBy, is.Waiting}, "what waits goes to the new URL")
	var list struct{ Subscriptions []Subscription }
	s.told(200, "GET", "/api/v1/subscriptions", "", &list)
	require.Equal(t, "dba", list.Subscriptions[0].Destination, "who subscribed goes with it")

	for _, name := range []string{"dba", "ops"} {
		is = DestinationHealth{}
		s.told(200, "POST", "/api/v1/destinations/"+name+"/disable?who=Carol", "", &is)
		require.Equal(t, []string{"disabled", "Carol"}, []string{is.State, is.Disabled.By}, name)
		require.Equal(t, 409, s.ask("POST", "/api/v1/destinations/"+name+"/test", "").Code, name)
		s.told(200, "POST", "/api/v1/destinations/"+name+"/enable", "", &DestinationHealth{})
		require.Equal(t, "ok", s.destinationsNow()[name].State, name)
	}
	require.Equal(t, 404, s.ask("POST", "/api/v1/destinations/nobody/disable", "").Code)

	require.Equal(t, 409, s.ask("DELETE", "/api/v1/destinations/dba", "").Code, "somebody has subscribed")
	require.Equal(t, 409, s.ask("DELETE", "/api/v1/destinations/ops", "").Code)
	require.Equal(t, 200, s.ask("DELETE", "/api/v1/destinations/dba?force=true&who=Dora", "").Code)
	require.NotContains(t, s.destinationsNow(), "dba")
	require.Empty(t, s.subscribed())

	var lines []string
	for _, l := range s.lines("?target=dba&limit=100") {
		require.Equal(t, "api 127.0.0.1", strings.Replace(l.From, "192.0.2.7", "127.0.0.1", 1))
		lines = append(lines, l.Who+" "+l.Action)
	}
	require.Equal(t, []string{
		"Dora remove", "loopback refused:remove", "loopback enable", "loopback refused:test", "Carol disable", "Bob rotate",
		"Alice refused:add", "Alice add",
	}, lines, "newest first")
	require.Equal(t, "unknown", s.lines("?action=refused:add")[len(s.lines("?action=refused:add"))-1].Who)
}

// Whatever is answered, shown, logged, counted or written to the disk: the URL
// is nowhere in it.
func TestAURLThatWasAddedIsNeverSeenAgain(t *testing.T) {
	var posted int
	teams := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posted++
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(r.URL.String())) // says all that it was told
	}))
	defer teams.Close()
	host := strings.TrimPrefix(teams.URL, "http://")
	dir := t.TempDir()
	db, err := sqlite.Open(filepath.Join(dir, "web.db"), sqlite.Options{})
	require.NoError(t, err)
	defer db.Close()
	var seen bytes.Buffer // everything that anybody could see
	log := slog.New(slog.NewTextHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c, problems := config.Parse("x.yml", []byte(fmt.Sprintf(keyed, host)), config.Env{})
	require.NotNil(t, c, problems.Error())
	relay, err := c.Engine(nil)
	require.NoError(t, err)
	s := &site{t: t, store: &brittle{Store: db}, registry: prometheus.NewRegistry()}
	s.engine, err = engine.New(engine.Options{Store: s.store, Logger: log, Registerer: s.registry}, relay)
	require.NoError(t, err)
	handlers, err := New(Options{
		Engine: s.engine, Store: s.store, Logger: log, Registry: s.registry, Path: c.PathDestination, Event: c.Event, EventPath: c.PathEvent,
		AdminToken: func() string { return token }, Subscriptions: func() []config.Subscription { return nil }, Messages: http.NotFoundHandler(),
		Refusing: func() time.Time { return time.Time{} },
	})
	require.NoError(t, err)
	s.handler = handlers.Main
	ask := func(method, path, body string) int {
		w := s.ask(method, path, body)
		fmt.Fprintln(&seen, method, path, w.Code, w.Header(), w.Body)
		return w.Code
	}
	secret := "http://" + host + "/workflows/" + canarySecret + "path?sig=" + canarySecret + "sig"
	add := func(name, url string, test bool) int {
		body, err := json.Marshal(AddDestination{Name: name, URL: url, Test: test})
		require.NoError(t, err)
		return ask("POST", "/api/v1/destinations", string(body))
	}
	for _, hostile := range []string{
		microsofts + "\x00", "https://%zz/" + canarySecret, "https://user:" + canarySecret + "@prod-1.logic.azure.com/x", "ftp://x/" + canarySecret,
		"https://10.0.0.1/" + canarySecret, canarySecret, "https://prod-1.logic.azure.com:" + canarySecret + "/", "https://[" + canarySecret + "]/", "http://" + host + "1/" + canarySecret,
	} {
		require.Contains(t, []int{400, 409}, add("bad", hostile, false), hostile)
	}
	require.Equal(t, 409, add("dba", secret, true), "Teams did not take the test")
	require.Equal(t, 1, posted)
	require.Equal(t, 200, add("dba", secret, false))
	require.Equal(t, 200, add("sre", microsofts, false))
	require.Equal(t, 200, ask("POST", "/alertmanager/dba", firing))

	v := s.visits()
	for _, w := range []*httptest.ResponseRecorder{
		v.sends("/destinations", url.Values{"name": {"bad name"}, "url": {secret}}),
		v.sends("/destinations", url.Values{"name": {"page"}, "url": {"https://%zz/" + canarySecret}}),
		v.sends("/destinations", url.Values{"name": {"page"}, "url": {secret + "3"}, "test": {"on"}}),
		v.sends("/destinations", url.Values{"name": {"page"}, "url": {secret + "4"}}),
		v.sends("/destinations/page/rotate", url.Values{"url": {"javascript:" + canarySecret}}),
		v.sends("/destinations/page/rotate", url.Values{"url": {secret + "5"}}),
		v.sends("/destinations/page/disable", nil), v.sends("/destinations/page/enable", nil),
	} {
		fmt.Fprintln(&seen, w.Code, w.Header(), w.Body)
	}
	require.Contains(t, s.destinationsNow(), "page")
	for _, path := range []string{
		"/", "/destinations", "/destinations/dba", "/destinations/sre", "/destinations/page", "/subscriptions", "/users", "/metrics",
		"/api/v1/destinations", "/api/v1/destinations/dba", "/api/v1/audit", "/api/v1/alerts", "/api/v1/deliveries", "/api/v1/dead-letters", "/api/v1/subscriptions",
	} {
		require.Equal(t, 200, ask("GET", path, ""), path)
	}
	require.Equal(t, 200, ask("DELETE", "/api/v1/destinations/sre", ""))
	fmt.Fprintf(&seen, "%v %+v %#v", relay.Adding, c.Storage, s.engine.AddedDestinations())
	require.NotContains(t, seen.String(), canarySecret)
	require.NotContains(t, seen.String(), "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", "the key")

	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		require.NotContains(t, string(content), canarySecret, "%s: who has a copy of the database could post", path)
		return err
	}))
}

func TestWithoutAKeyNothingIsAdded(t *testing.T) {
	s := newSite(t)
	w := s.ask("POST", "/api/v1/destinations", `{"name":"x","url":"`+microsofts+`"}`)
	require.Equal(t, 409, w.Code)
	require.Contains(t, w.Body.String(), "teamsrelay destinations key")
	require.Contains(t, s.ask("GET", "/destinations", "").Body.String(), "teamsrelay destinations key")
}

func TestTheFormsOfDestinations(t *testing.T) {
	s := newSiteOf(t, fmt.Sprintf(keyed, "127.0.0.1:9"), nil)
	v := s.visits()
	w := v.sends("/destinations", url.Values{"name": {"dba"}, "url": {microsofts}, "pace": {"2/1s, 10/5m"}, "who": {"Alice"}})
	require.Equal(t, 303, w.Code, w.Body)
	require.Equal(t, "./destinations/dba?done", w.Header().Get("Location"))
	page := s.ask("GET", "/destinations/dba?done", "").Body.String()
	require.Contains(t, page, "Added. Its URL is stored encrypted")
	require.Contains(t, page, "0 of 2 in 1s, 0 of 10 in 5m<")
	w = v.sends("/destinations/dba/test", nil)
	require.Equal(t, 303, w.Code)
	require.Contains(t, w.Header().Get("Location"), "./../../alerts/", "who tests wants to see what came of it")
	require.Equal(t, 303, v.sends("/destinations/dba/disable", url.Values{"who": {"Bob <script>"}}).Code)
	page = s.ask("GET", "/destinations", "").Body.String()
	require.Contains(t, page, "Disabled by Bob &lt;script&gt;; what is due waits.")
	require.Equal(t, 409, v.sends("/destinations/dba/test", nil).Code)
	require.Equal(t, 404, v.sends("/destinations/nobody/test", nil).Code)
	require.Equal(t, 404, s.ask("GET", "/destinations/%3Cscript%3E", "").Code)
	require.Equal(t, 403, v.sends("/destinations/dba/remove", url.Values{csrfField: {"x"}}).Code)
	require.Equal(t, 403, v.sends("/destinations/dba/remove", nil, elsewhere).Code)
	require.Contains(t, s.destinationsNow(), "dba")
	require.Equal(t, 303, v.sends("/destinations/dba/remove", nil).Code)
	require.NotContains(t, s.destinationsNow(), "dba")
	require.Equal(t, 503, func() int { s.store.blind = true; return s.ask("GET", "/destinations", "").Code }())
}

// Whoever adds something that needs the admin token has to say what the audit
// calls it, or attempts on it would be noted as nothing in particular.
func TestEverythingGuardedHasItsNameInTheAudit(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	routes := regexp.MustCompile(`mux\.Handle\("([A-Z]+ [^"]+)", s\.(admin|form|changeOnPage)\(`)
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range routes.FindAllStringSubmatch(string(text), -1) {
			found++
			require.Contains(t, guarded, m[1], "%s: add it to guarded in auditing.go", file)
		}
	}
	require.Greater(t, found, 20, "the test has lost sight of the routes")
}

func TestWhoIsRefusedIsNotedAndCannotFillTheDisk(t *testing.T) {
	s := newSite(t)
	for range 10 * maxRefusals {
		require.Equal(t, 401, s.ask("POST", "/api/v1/destinations/ops/test", strings.Repeat("x", 1000), elsewhere).Code)
	}
	lines := s.lines("?action=" + store.Refused + "&limit=1000")
	require.Len(t, lines, maxRefusals)
	require.Equal(t, []string{"unknown", "refused:test", "ops", "api 192.0.2.7", "without the admin token"},
		[]string{lines[0].Who, lines[0].Action, lines[0].Target, lines[0].From, lines[0].After})

	var f refusals
	now := s.engine.Now()
	for range maxRefusals + 7 {
		f.take(now)
	}
	left, ok := f.take(now.Add(refusalsEach))
	require.Equal(t, []any{7, true}, []any{left, ok}, "nobody may believe that it was all")
}

func TestTheAuditIsAskedByEverythingInIt(t *testing.T) {
	s := newSite(t)
	s.told(200, "POST", "/api/v1/destinations/ops/disable?who=Alice", "", &DestinationHealth{})
	require.Equal(t, 401, s.ask("POST", "/-/reload", "", elsewhere).Code)
	require.Equal(t, 200, s.ask("POST", "/-/reload", "").Code)
	for query, n := range map[string]int{
		"": 3, "?who=Alice": 1, "?action=disable": 1, "?action=refused:": 1, "?action=refused:reload": 1, "?action=reload": 1,
		"?target=ops": 1, "?from=api": 3, "?from=api+192.0.2.7": 1, "?from=page": 0, "?since=2020-01-01T00:00:00Z": 3, "?until=2020-01-01T00:00:00Z": 0,
	} {
		require.Len(t, s.lines(query), n, query)
	}
	for _, query := range []string{"?until=yesterday", "?action=nonsense", "?action=refused:nonsense"} {
		require.Equal(t, 400, s.ask("GET", "/api/v1/audit"+query, "").Code, query)
	}
}
