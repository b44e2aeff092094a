package web

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func TestAnAlertsPageTellsItsWholeStory(t *testing.T) {
	s := newNowSite(t)
	id := s.idOf("HostDown")
	number, _ := alert.FromShortID(id)
	s.changes(func(tx store.Tx) error {
		return tx.SaveDelivery(&store.Delivery{
			GroupID: number, Destination: "dba", Kind: store.KindCard, State: store.DeliveryDead, Attempt: 2, Status: 404,
			Reason: "not_found", Message: "the flow is gone", At: s.engine.Now(),
		})
	})
	inOrder(t, s.page("/alerts/"+id), `id="posts"`, "dba", "given up", "Make a new one", `href="./../dead-letters?destination=dba"`, "shown here")
	var done struct{}
	s.told(200, "POST", "/api/v1/alerts/"+id+"/comment", `{"who":"Bob","text":"the power supply, <b>again</b>"}`, &done)
	page := s.page("/alerts/" + id)
	inOrder(t, page, "<title>HostDown", "<h1>HostDown</h1>", "firing</span>", "critical</span>", "acknowledged by Alice Ó Briain", "#"+id,
		`id="card"`, "As people see it at dba", `class="cv`, "CRITICAL", "Host down", "Acknowledged by Alice Ó Briain", "Runbook",
		`id="about"`, "2026-11-21 10:02 UTC", "alertmanager",
		`id="alerts"`, "<code>instance=db-1</code>", "runbook_url", "https://prometheus.example.com/graph",
		`id="posts"`, "dba", "waits for its turn", "shown here",
		`id="deliveries"`, "attempt 2", "dead", "the flow is gone",
		`id="actions"`, "Bob", "comment", `id="story"`, "Commented, by Bob", "the power supply", "It began to fire")
	require.NotContains(t, s.ask("GET", "/alerts/"+id, "").Body.String(), "<b>again", "what people write is text")
	require.NotContains(t, page, "workflow/dba", "a URL is a secret")
}

func TestAnAlertsPageIsFoundByWhatPeopleType(t *testing.T) {
	s := newNowSite(t)
	id := s.idOf("HostDown")
	for _, typed := range []string{id, strings.ToUpper(id), "%23" + id, "%20" + id} {
		require.Equal(t, 200, s.ask("GET", "/alerts/"+typed, "").Code, typed)
	}
	for _, typed := range []string{"nope", "zzzz9", "1", "%3Cscript%3E", strings.Repeat("b", 300), "4711"} {
		w := s.ask("GET", "/alerts/"+typed, "")
		require.Equal(t, 404, w.Code, typed)
		require.Contains(t, w.Body.String(), "Take the id from its card", "words, for whoever mistyped it")
		require.NotContains(t, w.Body.String(), "<script>")
		require.Less(t, w.Body.Len(), 8<<10)
	}
	s.store.blind = true
	require.Equal(t, 503, s.ask("GET", "/alerts/"+id, "").Code)
}

func TestAnAlertThatIsOverLeadsToTheTimesBeforeAndAfter(t *testing.T) {
	s := newSite(t)
	episodes := make([]group.Group, 4)
	for i := range episodes {
		began := s.engine.Now().Add(time.Duration(i-10) * time.Hour)
		g := group.Group{Key: "k", Origin: "o", Episode: i + 1, Phase: group.Over, OpenedAt: began, OverAt: began.Add(12 * time.Minute), HeardAt: began, Alerts: []group.Member{{
			State: group.Resolved, Alert: alert.Alert{Labels: map[string]string{"alertname": "Flaps"}, StartsAt: began, EndsAt: began.Add(12 * time.Minute)},
		}}}
		s.changes(func(tx store.Tx) error { return tx.SaveGroup(&g) })
		episodes[i] = g
	}
	old := s.page("/alerts/" + episodes[1].ShortID())
	inOrder(t, old, "over</span>", "an earlier time that it fired", `href="./../alerts/`+episodes[3].ShortID()+`">See the latest`, "It was told nowhere yet",
		"after 12 min", "2 times", "The times before", `href="./../alerts/`+episodes[0].ShortID()+`"`, "for 12 min", "resolved</span>")
	latest := s.page("/alerts/" + episodes[3].ShortID())
	require.NotContains(t, latest, "earlier time")
	inOrder(t, latest, episodes[2].ShortID(), episodes[1].ShortID(), episodes[0].ShortID())
}

func TestEachPlacesCardCanBeSeen(t *testing.T) {
	s := newSite(t)
	s.told(200, "POST", "/api/v1/subscriptions", `{"destination":"dba","matchers":["team=\"storage\""],"who":"Alice"}`, &struct{}{})
	s.ask("POST", "/alertmanager/ops", `{"version":"4","groupKey":"k","alerts":[{"status":"firing","labels":{"alertname":"Down","team":"storage"}}]}`)
	id := s.idOf("Down")
	page := s.page("/alerts/" + id)
	require.Contains(t, page, "As people see it at dba", "the latest first")
	other := regexp.MustCompile(`<a href="(\?card=\d+)#card">Show it<span class="unseen"> at ops`).FindStringSubmatch(page)
	require.NotNil(t, other)
	require.Contains(t, s.page("/alerts/"+id+other[1]), "As people see it at ops")
	require.Contains(t, s.page("/alerts/"+id+"?card=4711"), "no card", "one of another alert is not shown as its card")

	// Its destination is gone since.
	s.changed(id, func(_ *group.Group, p *store.Post) { p.Address = "gone" })
	require.Contains(t, s.page("/alerts/"+id), "not in the configuration any more")
}

func TestALargeAlertsPageStaysSmall(t *testing.T) {
	s := newSite(t)
	var alerts []string
	for i := range 300 {
		alerts = append(alerts, fmt.Sprintf(`{"status":"firing","labels":{"alertname":"Down","instance":"web-%d"}}`, i))
	}
	s.ask("POST", "/alertmanager/ops", `{"version":"4","groupKey":"k","alerts":[`+strings.Join(alerts, ",")+`]}`)
	id := s.idOf("Down")
	number, _ := alert.FromShortID(id)
	for i := range alertDeliveries + 1 {
		s.changes(func(tx store.Tx) error {
			return tx.SaveDelivery(&store.Delivery{GroupID: number, Destination: "ops", State: store.DeliveryRetry, Attempt: i + 1, Kind: store.KindCard, At: s.engine.Now()})
		})
	}
	page := s.page("/alerts/" + id)
	require.Equal(t, alertMembers, strings.Count(page, "<code>alertname=Down</code>"))
	require.Contains(t, page, `href="?alerts=50#alerts"`)
	last := s.page("/alerts/" + id + "?alerts=280")
	require.Equal(t, 20, strings.Count(last, "<code>alertname=Down</code>"))
	require.NotContains(t, last, "More alerts")
	require.NotContains(t, page, ", attempt 1<")
	older := regexp.MustCompile(`href="(\?deliveries=\d+)#deliveries"`).FindStringSubmatch(page)
	require.NotNil(t, older)
	require.Equal(t, 1, strings.Count(s.page("/alerts/"+id+older[1]), `data-label="Outcome"`), "the first attempt")
	for _, nonsense := range []string{"?alerts=-7", "?alerts=99999", "?posts=x", "?deliveries=-1", "?card=x"} {
		require.Equal(t, 200, s.ask("GET", "/alerts/"+id+nonsense, "").Code, nonsense)
	}
}

func TestEveryChangeHasWords(t *testing.T) {
	for _, change := range []group.Change{
		group.FirstFiring, group.FiresAgain, group.SeverityRises, group.JoinsCritical, group.AllResolved, group.SeverityFalls, group.SilenceEnds, group.Failed,
		group.Assigned, group.Reopened, group.Commented, group.Updated, group.Acknowledged, group.Unacknowledged, group.Silenced, group.Asked, group.Granted,
		group.Joins, group.PartlyResolved, group.Vanishes, group.Reworded, group.Escalated, group.Unreached, group.Reminds,
	} {
		require.NotContains(t, historyWords(group.History{Change: change}), "_", "people do not read our names for it")
		require.NotEmpty(t, deedWords[change], change)
	}
}

func TestTheAlertsPageFitsAPhone(t *testing.T) {
	s := newNowSite(t)
	id := s.firesAt("ops", "HostDown2", "critical", "instance", strings.Repeat("a-very-long-name", 20), "path", `C:\Program Files\<x>`)
	s.told(200, "POST", "/api/v1/alerts/"+id+"/comment", `{"who":"Alice","text":"looking at it, https://wiki.example.com/a/very/long/address/that/does/not/end/before/the/line/of/a/phone"}`, &struct{}{})
	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	ctx := browser(t, l.URL+"/")
	fits(t, ctx, "alert", l.URL+"/alerts/"+id)
	fits(t, ctx, "alert-dead", l.URL+"/alerts/"+s.idOf("HostDown"))
	fits(t, ctx, "alert-unknown", l.URL+"/alerts/xyz")
	require.NotEmpty(t, evaluate[string](t, ctx, `document.querySelector("[name=q]").name`), "whoever mistyped it can look for it")
	do(t, ctx, chromedp.SendKeys("[name=q]", "temperature\r"), chromedp.WaitVisible("#list"))
	require.Equal(t, "1 of 6", evaluate[string](t, ctx, `document.querySelector("#list").innerText`))
}
