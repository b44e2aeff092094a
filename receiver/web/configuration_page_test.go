package web

import (
	"encoding/csv"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// canaryOfSecrets is put where a secret is: it is to be seen nowhere.
const canaryOfSecrets = "CANARY-5ecret"

const secretive = `
storage: {url: "sqlite:web.db", retention: 10d}
admin_token: ` + canaryOfSecrets + `
destinations:
  - name: ops
    workflow: {url: "https://prod-1.westeurope.logic.azure.com/workflows/` + canaryOfSecrets + `/triggers?sig=` + canaryOfSecrets + `", proxy_url: "http://user:` + canaryOfSecrets + `@proxy:3128"}
  - name: oncall
    users: [alice@contoso.com]
    fallback: ops
route:
  destinations: [ops]
  group_by: [alertname, site]
  routes:
    - matchers: [severity="critical"]
      destinations: [oncall]
      group_wait: 5s
      continue: true
      escalate: [{after: 15m, destinations: [ops], every: 30m}]
influxdb:
  - {name: dc, url: "http://db.example:8086", token: ` + canaryOfSecrets + `, org: ops}
events:
  - name: jira
    token: ` + canaryOfSecrets + `-long-enough-to-be-a-token
    mapping: {key: .ticket, name: '"Ticket"', status: .status}
    actions: {resolve: {url: "http://127.0.0.1:9/` + canaryOfSecrets + `", headers: {X-Key: ` + canaryOfSecrets + `}, token: ` + canaryOfSecrets + `}}
microsoft: {tenant_id: 11111111-0000-0000-0000-000000000001, app_id: 22222222-0000-0000-0000-000000000002, client_secret: ` + canaryOfSecrets + `, teams_app_id: 33333333-0000-0000-0000-000000000003}
`

// someBot is how a bot sends that nobody asks to.
func someBot(d config.Destination) deliver.Address {
	return deliver.Address{ID: "bot:" + d.Name, Name: d.Name}
}

func TestTheConfigurationIsShownWithoutItsSecrets(t *testing.T) {
	s := newSiteOf(t, secretive, someBot)
	page := s.page("/configuration")
	require.NotContains(t, page, canaryOfSecrets)
	require.NotContains(t, strings.ToLower(page), "sig=")
	inOrder(t, page, "test.yml", "2026-11-21 12:00 UTC", "In force", "0123456789abcdef", "SQLite", "check-config test.yml",
		"every alert", "<b>ops</b>", "one card for each alertname, site", `severity="critical"`, "and goes on", "<b>oncall</b>", "first after 5s", "if nobody acknowledges: ops after 15m and every 30m",
		"retention: 10d", "name: ops", "workflow:", "url: <secret>", "host: prod-1.westeurope.logic.azure.com", "proxy_url: <secret>", "fallback: ops",
		"url: http://db.example:8086", "token: <secret>", "name: jira", "key: .ticket", "resolve:", "X-Key: <secret>", "resolve_timeout: 5m", "client_secret: <secret>", "admin_token: <secret>")
	s.mistakes = "test.yml:3: error: there is no destination \"opps\"; did you mean ops?\ntest.yml:9: error: no"
	page = s.page("/configuration")
	inOrder(t, page, "The last reload, ", "2026-11-21 12:00 UTC", "failed: what was loaded before goes on", "test.yml:3: error: there is no destination \"opps\"", "test.yml:9: error: no")
	require.NotContains(t, page, "In force")
}

// Two replicas whose routes differ have the same hash there, and who has changed
// one file only must not take that for an answer.
func TestThePageDoesNotSayOfReplicasThatTheirWholeFilesAreTheSame(t *testing.T) {
	rows := replicaRows([]store.Replica{
		{Name: "a", Config: "0123456789abcdef", ConfigAt: time.Unix(1, 0)}, {Name: "b", Config: "fedcba9876543210", ConfigAt: time.Unix(2, 0)},
	})
	var out strings.Builder
	require.NoError(t, configurationTemplate.ExecuteTemplate(&out, "main", &configurationView{Replicas: rows}))
	inOrder(t, out.String(), "Compared are the destinations", ">Destinations</th>", "0123456789abcdef", "not the newest", "fedcba9876543210")
	require.NotContains(t, out.String(), `data-label="Configuration"`)
}

func TestTheAuditIsFilteredAndPaged(t *testing.T) {
	s := newSite(t)
	require.Contains(t, s.page("/audit"), "Nobody has done anything yet.")
	s.changes(func(tx store.Tx) error {
		for i := range 150 {
			line := store.Audit{At: noon.AddDate(0, 0, i), Who: "Alice", Action: "ack", Target: "fgq8", From: "channel 19:x"}
			switch {
			case i == 3:
				line = store.Audit{At: line.At, Who: "Bob", ObjectID: "o-2", Action: store.Refused + "silence", Target: "8zbn", From: "page 10.0.0.1", Before: "<a>", After: "b"}
			case i == 149:
				line.Action, line.From = "replay", "api 127.0.0.1"
			}
			if err := tx.AddAudit(&line); err != nil {
				return err
			}
		}
		return nil
	})
	rows := regexp.MustCompile(`class="main">(\w+)`)
	count := func(query string) int { return len(rows.FindAllString(s.page("/audit?"+query), -1)) }
	first := s.page("/audit")
	require.Equal(t, 100, count(""))
	_, link, found := strings.Cut(first, `aria-label="More"><a href="`)
	require.True(t, found)
	link, _, _ = strings.Cut(link, `"`)
	require.Equal(t, 50, len(rows.FindAllString(s.page(link[1:]), -1)))
	for query, n := range map[string]int{
		"who=Bob": 1, "who=o-2": 1, "action=refused:": 1, "action=replay": 1, "target=8zbn": 1, "from=api": 1, "from=page+10.0.0.1": 1,
		"who=Bob&action=ack": 0, "until=2026-11-25": 4, "since=2026-11-23&until=2026-11-25": 2, "before=x": 100,
	} {
		require.Equal(t, n, count(query), query)
	}
	page := s.page("/audit?who=Bob&since=2026-11-20T10:00")
	inOrder(t, page, "Only Bob · from 2026-11-20T10:00.", "Show all", "<details>", `value="Bob"`, "o-2", "silence", "refused", "8zbn", "page 10.0.0.1", "<a> → b", "as JSON")
	require.Contains(t, page, `href="./api/v1/audit?limit=1000&since=2026-11-20T10%3A00%3A00Z&who=Bob"`)
	require.Contains(t, s.ask("GET", "/audit?who=Bob", "").Body.String(), "&lt;a&gt;", "what somebody wrote is text")
	wrong := s.ask("GET", "/audit?since=x", "")
	require.Equal(t, 400, wrong.Code)
	require.Contains(t, wrong.Body.String(), "<details open>", "who has to correct it sees it")
	s.store.blind = true
	require.Equal(t, 503, s.ask("GET", "/audit", "").Code)
}

// A line outlives the alert that it is about. Who reads it gets to that while it
// is there, and knows what it was when it is not.
func TestTheAuditSaysWhatAnIdWasAndLeadsThere(t *testing.T) {
	s := newSite(t)
	id := s.fires()
	number, _ := alert.FromShortID(id)
	var done Done
	s.told(200, "POST", "/api/v1/alerts/"+id+"/silence", `{"who":"Alice","for":"4h"}`, &done)
	gone := alert.ShortID(999)
	s.changes(func(tx store.Tx) error {
		for _, line := range []store.Audit{
			{At: noon, Who: "Bob", Action: "ack", Target: gone, About: "Down <b>web-3</b>"},
			{At: noon, Who: "Bob", Action: "subscribe", Target: id, After: "ops: everything"},
			{At: noon, Who: "Bob", Action: "expire", Target: store.SilenceTarget(number)},
			{At: noon, Who: "Eve", Action: "refused:ack", Target: id, About: "DiskFull"},
		} {
			if err := tx.AddAudit(&line); err != nil {
				return err
			}
		}
		return nil
	})
	links := regexp.MustCompile(`href="\./alerts/\w+">\w+</a>`).FindAllString(s.page("/audit"), -1)
	require.Equal(t, []string{`href="./alerts/` + id + `">` + id + `</a>`, `href="./alerts/` + id + `">` + id + `</a>`}, links,
		"one was done about it and one was refused; the subscription and the silence of the same number are others, and what is gone has no page")
	inOrder(t, s.page("/audit?target="+gone), gone, "Down <b>web-3</b>")
	require.Contains(t, s.ask("GET", "/audit?target="+gone, "").Body.String(), "Down &lt;b&gt;web-3", "what others send is text")
	inOrder(t, s.page("/audit?action=silence"), "silence", id, `DiskFull {alertname="DiskFull", severity="warning"}`)
	require.Equal(t, `DiskFull {alertname="DiskFull", severity="warning"}`, s.lines("?action=silence")[0].About)
	require.NotContains(t, s.page("/alerts/"+id), "subscribe: ops: everything", "that is the subscription of the same number")
}

func TestASearchOfTheAuditThatFindsNothingEndsAndSaysSo(t *testing.T) {
	s := newSite(t)
	s.changes(func(tx store.Tx) error {
		for i := range store.MaxLooked + 5 {
			a := store.Audit{At: noon.Add(time.Duration(i) * time.Second), Who: "Alice", Action: "ack", From: "channel"}
			if i < 2 {
				a.From = "page 10.0.0.1"
			}
			if err := tx.AddAudit(&a); err != nil {
				return err
			}
		}
		return nil
	})
	page := s.page("/audit?who=Alice&from=page")
	require.Contains(t, page, "Older ones were not looked at")
	require.NotContains(t, page, "No line is like that", "nobody knows that yet")
	require.Contains(t, page, `href="./audit?before=6&from=page&who=Alice"`)
	further := s.page("/audit?before=6&from=page&who=Alice")
	require.Equal(t, 2, strings.Count(further, `class="main"`))
	require.NotContains(t, further, "not looked at")
	require.Contains(t, s.ask("GET", "/api/v1/audit?who=Alice&from=page", "").Body.String(), `"page 10.0.0.1"`, "programs get all there is at once")
}

// TestTheAuditIsATableThatCarriesNothingOut: what strangers write into it opens on
// the machine of whoever looks after it.
func TestTheAuditIsATableThatCarriesNothingOut(t *testing.T) {
	s := newSite(t)
	s.changes(func(tx store.Tx) error {
		for _, who := range []string{"Alice", "=HYPERLINK(\"http://evil.example\")", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "Bob, \"the\" builder\nof =1"} {
			if err := tx.AddAudit(&store.Audit{At: noon, Who: who, Action: "ack", Target: "fgq8", About: "@SUM(A1) fra1", From: "page 10.0.0.1", After: "=2"}); err != nil {
				return err
			}
		}
		return nil
	})
	w := s.ask("GET", "/api/v1/audit?format=csv&limit=1000", "")
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Header().Get("Content-Type"), "text/csv")
	require.Contains(t, w.Header().Get("Content-Disposition"), "attachment")
	rows, err := csv.NewReader(w.Body).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"id", "at", "who", "object_id", "action", "target", "about", "from", "before", "after"}, rows[0])
	require.Equal(t, []string{"1", "2026-11-21T12:00:00Z", "Alice", "", "ack", "fgq8", "'@SUM(A1) fra1", "page 10.0.0.1", "", "'=2"}, rows[9])
	var who []string
	for _, row := range rows[1:] {
		who = append(who, row[2])
	}
	require.Equal(t, []string{"Bob, \"the\" builder\nof =1", "'＝1", "'\r=1", "'\t=1", "'@SUM(A1)", "'-1", "'+1", "'=HYPERLINK(\"http://evil.example\")", "Alice"}, who)
	require.Contains(t, s.page("/audit?who=Alice"), `href="./api/v1/audit?format=csv&limit=1000&who=Alice"`)
	require.Equal(t, 400, s.ask("GET", "/api/v1/audit?format=xml", "").Code)
	s.store.blind = true
	require.Equal(t, 503, s.ask("GET", "/api/v1/audit?format=csv", "").Code)
}

func TestThePagesOfConfigurationAndAuditFitAPhone(t *testing.T) {
	s := newSiteOf(t, secretive, someBot)
	s.changes(func(tx store.Tx) error {
		for _, line := range []store.Audit{
			{At: noon, Who: "Alice Example", ObjectID: "66666666-0000-0000-0000-000000000006", Action: "ack", Target: "fgq8", From: "channel 19:abc@thread.tacv2", Before: "open", After: "acknowledged"},
			{At: noon, Who: "api", Action: store.Refused + "replay", Target: "all dead letters of ops", From: "api 10.1.2.3"},
		} {
			if err := tx.AddAudit(&line); err != nil {
				return err
			}
		}
		return nil
	})
	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	ctx := browser(t, l.URL+"/configuration")
	fits(t, ctx, "configuration", l.URL+"/configuration")
	fits(t, ctx, "audit", l.URL+"/audit", chromedp.Click("summary"), chromedp.WaitVisible("[name=who]"))
}
