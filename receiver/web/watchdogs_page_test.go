package web

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const watchedSite = `
storage: {url: "sqlite:web.db"}
destinations:
  - {name: ops, workflow: {url: "http://127.0.0.1:9/workflow/ops"}}
  - {name: dba, workflow: {url: "http://127.0.0.1:9/workflow/dba"}}
  - {name: web, workflow: {url: "http://127.0.0.1:9/workflow/web"}}
  - {name: new, workflow: {url: "http://127.0.0.1:9/workflow/new"}}
  - {name: hall, workflow: {url: "http://127.0.0.1:9/workflow/hall"}}
route: {destinations: [ops]}
heartbeats:
  - {name: fra, matchers: [alertname="Watchdog", site="fra"], within: 15m}
  - {name: ams, matchers: [alertname="Watchdog", site="ams"], within: 15m, severity: warning}
  - {name: lon, matchers: [alertname="Watchdog", site="lon"], within: 1h}
  - {name: new, matchers: [alertname="Watchdog", site="new"], within: 1h}
canary: [{destination: ops}, {destination: dba, every: 6h}, {destination: web}, {destination: new}, {destination: hall}]
`

// guardedSite is a site whose watchdogs have found something.
func guardedSite(t *testing.T) *site {
	s := newSiteOf(t, watchedSite, nil)
	s.changes(func(tx store.Tx) error {
		for _, h := range []store.Heartbeat{
			{Name: "fra", BeatAt: noon, From: "alertmanager fra:9093", WatchedAt: noon},
			{Name: "ams", BeatAt: noon.Add(-time.Hour), From: "alertmanager ams:9093", WatchedAt: noon, MissingAt: noon.Add(-45 * time.Minute)},
			{Name: "lon", WatchedAt: noon, MissingAt: noon},
		} {
			if err := tx.SaveHeartbeat(&h); err != nil {
				return err
			}
		}
		for _, c := range []store.Canary{
			{Destination: "ops", MessageID: "17", OKAt: noon, TriedAt: noon, NextAt: noon.Add(time.Hour)},
			{Destination: "dba", OKAt: noon.Add(-24 * time.Hour), TriedAt: noon, FailedAt: noon.Add(-time.Hour), Failures: 7, Reason: "gone", Message: "The workflow <b>dba</b> is switched off."},
			{Destination: "hall", OKAt: noon, TriedAt: noon},
			{Destination: "web", OKAt: noon.Add(-24 * time.Hour), TriedAt: noon, Failures: 1, Reason: "timeout", Message: "Nobody answered."},
		} {
			if err := tx.SaveCanary(&c); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

func TestTheWatchdogsSayWhatTheyHaveFound(t *testing.T) {
	none := newSite(t)
	inOrder(t, none.page("/watchdogs"), "There are none.", "heartbeats:", "There are none.", "canary:")

	s := guardedSite(t)
	page := s.page("/watchdogs")
	inOrder(t, page,
		"fra", "Comes", "2026-11-21 12:00 UTC", "from alertmanager fra:9093", `alertname="Watchdog"`, `site="fra"`, "has to come at least every 15m; silence is critical",
		"ams", "Missing", "Last came", "2026-11-21 11:00 UTC", "told as missing", "2026-11-21 11:15 UTC", "See whether its sender runs", "silence is warning",
		"lon", "Missing", "It has never come", "new", "Has not come yet",
		`href="./destinations/ops"`, "Arrives", "Last arrived", "one message that is edited", "next", "2026-11-21 13:00 UTC",
		"dba", "Does not arrive", "7 failed since then", "2026-11-21 11:00 UTC", "The workflow <b>dba</b> is switched off.", "Every 6h", "takes messages, and no more",
		"web", "Did not arrive, is tried again", "Nobody answered.", "new", "Not tried yet", "Every 1d",
		"hall", "Taken", "Last taken", "takes messages, and no more",
	)
	_, hall, _ := strings.Cut(page, ">hall</a>")
	require.NotContains(t, hall, "rrive", "a 202 of a webhook proves no card")
	require.Contains(t, s.ask("GET", "/watchdogs", "").Body.String(), "&lt;b&gt;dba&lt;/b&gt;", "what Teams answered is text")

	page = s.page("/")
	inOrder(t, page, "Not everybody can be told",
		"The heartbeat ams has not come since 2026-11-21 11:00 UTC", `href="./watchdogs"`, "The heartbeat lon has never come", "The canary has not arrived at dba since 2026-11-21 11:00 UTC")
	require.NotContains(t, page, "heartbeat fra")
	require.NotContains(t, page, "heartbeat new")
	require.NotContains(t, page, "arrived at web", "it is tried again before anybody is worried")

	s.store.blind = true
	w := s.ask("GET", "/watchdogs", "")
	require.Equal(t, 503, w.Code)
	require.Contains(t, w.Body.String(), "It cannot be read how the watchdogs are")
}

func TestThePageOfWatchdogsFitsAPhone(t *testing.T) {
	s := guardedSite(t)
	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	fits(t, browser(t, l.URL+"/watchdogs"), "watchdogs", l.URL+"/watchdogs")
}
