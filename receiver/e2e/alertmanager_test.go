package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	ingest "github.com/teamsrelay/teamsrelay/receiver/ingest/alertmanager"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// alertmanager is a real one.
type alertmanager struct {
	*process
	url      string
	silenced string // the id of the silence
}

func startAlertmanager(t *testing.T, program, webhook string) *alertmanager {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "alertmanager.yml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
route:
  receiver: teams
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 1h
receivers:
  - name: teams
    webhook_configs: [{url: %q, send_resolved: true}]
`, webhook), 0o600))
	a := &alertmanager{process: run(t, listen(t), program, "--config.file="+file, "--storage.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")}
	a.url = "http://" + a.address()
	return a
}

// posted is an alert as Prometheus posts it.
type posted struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      *time.Time        `json:"endsAt,omitempty"`
}

func diskAlert(host string) posted {
	return posted{
		Labels:      map[string]string{"alertname": "DiskFull", "severity": "critical", "instance": host + ":9100"},
		Annotations: map[string]string{"summary": "The disk of " + host + " is full."},
		StartsAt:    time.Now().UTC().Truncate(time.Millisecond),
	}
}

func (p posted) ended() posted {
	end := time.Now().Add(-time.Millisecond).UTC()
	p.EndsAt = &end
	return p
}

// postAlerts speaks Alertmanager's API, to Alertmanager or to us.
func postAlerts(t *testing.T, url string, alerts ...posted) answer {
	t.Helper()
	text, err := json.Marshal(alerts)
	require.NoError(t, err)
	a, err := ask(http.MethodPost, url+"/api/v2/alerts", strings.NewReader(string(text)), "Content-Type", "application/json")
	require.NoError(t, err)
	return a
}

// notified is how many of its requests Alertmanager says were taken.
func (a *alertmanager) notified(t *testing.T) int {
	t.Helper()
	answer, err := ask(http.MethodGet, a.url+"/metrics", nil)
	require.NoError(t, err)
	return metric(t, answer.body, `alertmanager_notification_requests_total{integration="webhook"`) -
		metric(t, answer.body, `alertmanager_notification_requests_failed_total{integration="webhook"`)
}

// silence makes Alertmanager leave out what has this label, until unsilence.
func (a *alertmanager) silence(t *testing.T, name, value string) {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"matchers": []any{map[string]any{"name": name, "value": value, "isRegex": false, "isEqual": true}},
		"startsAt": time.Now().UTC(), "endsAt": time.Now().Add(time.Hour).UTC(), "createdBy": "e2e", "comment": "e2e",
	})
	require.NoError(t, err)
	made, err := ask(http.MethodPost, a.url+"/api/v2/silences", strings.NewReader(string(text)), "Content-Type", "application/json")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, made.status, made.body)
	var silence struct {
		ID string `json:"silenceID"`
	}
	require.NoError(t, json.Unmarshal([]byte(made.body), &silence))
	a.silenced = silence.ID
}

func (a *alertmanager) unsilence(t *testing.T) {
	t.Helper()
	ended, err := ask(http.MethodDelete, a.url+"/api/v2/silence/"+a.silenced, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, ended.status, ended.body)
}

func TestAnAlertOfARealAlertmanagerIsACardThatFiresAndOneThatIsResolved(t *testing.T) {
	program := alertmanagerProgram(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{Throttle: teamstest.RealThrottle})
	relay := startRelay(t, configuration(destination("ops", url+"/workflow/ops")))
	am := startAlertmanager(t, program, relay.url+"/alertmanager")

	db1, db2 := diskAlert("db1"), diskAlert("db2")
	require.Equal(t, http.StatusOK, postAlerts(t, am.url, db1, db2).status)
	firing := cards(t, teams, "ops", 1)[0]
	require.Contains(t, firing.Summary, "DiskFull", "the preview would not say what it is about")
	for _, words := range []string{"The disk of db", "db1:9100", "db2:9100"} {
		require.Contains(t, string(firing.Card), words)
	}
	require.NotContains(t, strings.ToLower(string(firing.Card)), "resolved")

	// What we ask when alertmanagers: is configured, a silenced alert included.
	am.silence(t, "instance", "db1:9100")
	api, err := ingest.NewAPI(am.url)
	require.NoError(t, err)
	known, err := api.Known(t.Context())
	require.NoError(t, err)
	require.Len(t, known, 2)
	for _, a := range []posted{db1, db2} {
		require.Contains(t, known, alert.FingerprintOf(a.Labels), "its groups would be taken for ended")
	}
	am.unsilence(t)

	require.Equal(t, http.StatusOK, postAlerts(t, am.url, db1.ended(), db2.ended()).status)
	shown := cards(t, teams, "ops", 2)
	require.Contains(t, strings.ToLower(string(shown[1].Card)), "resolved")
	require.Contains(t, string(shown[1].Card), "DiskFull")

	relay.settled(patience)
	log := list[web.Delivery](relay, "deliveries", "")
	require.Len(t, log, 2, "one attempt a card was enough")
	for _, d := range log {
		require.Equal(t, "accepted", d.State)
		require.Equal(t, http.StatusAccepted, d.Status)
	}
}

func TestTwoAlertmanagersThatSendTheSameGroupAreOneCard(t *testing.T) {
	program := alertmanagerProgram(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	relay := startRelay(t, configuration(destination("ops", url+"/workflow/ops")))
	// Not in a cluster: as if the cluster's network were split, both send.
	pair := []*alertmanager{
		startAlertmanager(t, program, relay.url+"/alertmanager"),
		startAlertmanager(t, program, relay.url+"/alertmanager"),
	}
	disk := diskAlert("db1")
	for round := range 2 {
		if round == 1 {
			disk = disk.ended()
		}
		for _, am := range pair {
			require.Equal(t, http.StatusOK, postAlerts(t, am.url, disk).status)
		}
		for _, am := range pair {
			eventually(t, patience, "both have sent it", func() bool { return am.notified(t) > round })
		}
		relay.settled(patience)
		require.Len(t, teams.Shown("ops"), round+1, "people would read everything twice")
	}
	require.Contains(t, strings.ToLower(string(teams.Shown("ops")[1].Card)), "resolved")
}

func TestAlertmanagersRetryBringsInWhatTheFullDiskRefused(t *testing.T) {
	program := alertmanagerProgram(t)
	disk := smallDisk(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	relay := serve(t, plainProgram(t), disk.dir, configuration(destination("ops", url+"/workflow/ops", fast)))
	am := startAlertmanager(t, program, relay.url+"/alertmanager")
	disk.fillUntilRefused(relay)
	told := len(teams.Messages("ops"))

	require.Equal(t, http.StatusOK, postAlerts(t, am.url, diskAlert("db1")).status)
	refused := func() int { return strings.Count(relay.said.all(), "Alerts could not be stored") }
	before := refused()
	eventually(t, patience, "Alertmanager has been refused twice", func() bool { return refused() >= before+2 })
	require.Zero(t, am.notified(t), "what is not stored must not be acknowledged")
	require.Len(t, teams.Messages("ops"), told, "and nobody is told of it")

	disk.empty()
	eventually(t, time.Minute, "the card is there, nobody did anything", func() bool {
		for _, m := range teams.Shown("ops") {
			if strings.Contains(string(m.Card), "The disk of db1 is full.") {
				return true
			}
		}
		return false
	})
	eventually(t, patience, "Alertmanager knows that it was taken", func() bool { return am.notified(t) == 1 })
}

func TestPrometheusCanPostToUsAsToAnAlertmanager(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	relay := startRelay(t, later(configuration(destination("ops", url+"/workflow/ops"))))
	alert := diskAlert("db1")
	// Prometheus sends what fires again and again, with an end in the future
	// or none.
	for sent := time.Now(); time.Since(sent) < 12*time.Second; time.Sleep(500 * time.Millisecond) {
		require.Equal(t, http.StatusOK, postAlerts(t, relay.url, alert).status)
	}
	require.Len(t, teams.Shown("ops"), 1, "12 s of an alert that ends 10 s after it was sent last: it never ended, and saying it again is no news")
	require.Contains(t, string(teams.Shown("ops")[0].Card), "The disk of db1 is full.")

	// Then Prometheus is gone, and nobody says that the alert is over.
	shown := cards(t, teams, "ops", 2)
	require.Contains(t, strings.ToLower(string(shown[1].Card)), "resolved")

	// One that is not valid does not cost the others.
	a := postAlerts(t, relay.url, posted{}, diskAlert("db2"))
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Contains(t, a.body, "alert 0")
	require.Contains(t, string(cards(t, teams, "ops", 3)[2].Card), "The disk of db2 is full.")
}
