package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// startReplicas serves one configuration by n processes that share a PostgreSQL.
func startReplicas(t *testing.T, n int, database, config string) []*relay {
	t.Helper()
	config = strings.Replace(config, "sqlite:teamsrelay.db", database, 1)
	all := make([]*relay, n)
	for i := range all {
		all[i] = &relay{t: t, program: program(t), file: filepath.Join(t.TempDir(), "teamsrelay.yml")}
		all[i].write(config)
		all[i].begin(listen(t)) // at the same time, as an orchestrator does
	}
	for _, r := range all {
		r.listen()
	}
	return all
}

// everywhere posts the same to all replicas at the same time.
func everywhere(t *testing.T, replicas []*relay, path string, body []byte) {
	t.Helper()
	var all sync.WaitGroup
	for _, r := range replicas {
		all.Go(func() {
			if status := r.post(path, body).status; status != http.StatusOK {
				t.Errorf("%s: %d", path, status)
			}
		})
	}
	all.Wait()
}

// with are the messages of a webhook that have a word on their card.
func with(teams *teamstest.Server, webhook, word string) (found []teamstest.Message) {
	for _, m := range teams.Shown(webhook) {
		if strings.Contains(string(m.Card), word) {
			found = append(found, m)
		}
	}
	return found
}

// Alertmanagers that form a cluster send everything twice when they lose sight of
// each other, and a load balancer gives each copy to another replica.
func TestTwoAlertmanagersAndTwoReplicasTellEachGroupOnce(t *testing.T) {
	database := postgrestest.Database(t)
	t.Parallel()
	const groups = 20
	teams, url := startTeams(t, teamstest.Options{})
	replicas := startReplicas(t, 2, database, configuration(destination("ops", url+"/workflow/ops", fast)))

	for _, status := range []string{"firing", "resolved"} {
		var senders sync.WaitGroup
		for n := range groups {
			senders.Go(func() { everywhere(t, replicas, "/alertmanager", body(fmt.Sprintf("Load%06d", n), status)) })
		}
		senders.Wait()
		replicas[1].settled(patience)
	}
	for n := range groups {
		told := with(teams, "ops", fmt.Sprintf("Load%06d", n))
		require.Len(t, told, 2, "one card that it fires, and one that it is over")
		require.NotContains(t, strings.ToLower(string(told[0].Card)), "resolved", "in this order")
		require.Contains(t, strings.ToLower(string(told[1].Card)), "resolved")
	}
	sameAnswers(t, replicas)
	for _, r := range replicas {
		require.Zero(t, r.stop())
	}
}

// sameAnswers: who looks at a page does not know which replica answers.
func sameAnswers(t *testing.T, replicas []*relay) {
	t.Helper()
	for _, path := range []string{"/api/v1/alerts", "/api/v1/deliveries", "/api/v1/dead-letters", "/api/v1/subscriptions", "/api/v1/silences"} {
		require.JSONEq(t, replicas[0].get(path).body, replicas[1].get(path).body, path)
	}
	for _, r := range replicas {
		eventually(t, patience, "it knows of the others", func() bool {
			return metric(t, r.get("/metrics").body, "teamsrelay_replicas") == len(replicas)
		})
		require.Equal(t, http.StatusOK, r.get("/-/ready").status)
	}
}

// A sender whose load balancer changes its mind is no reason for a card that says
// that it is over.
func TestAnAlertThatIsSentAgainToTheOtherReplicaGoesOn(t *testing.T) {
	database := postgrestest.Database(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	replicas := startReplicas(t, 2, database, later(configuration(destination("ops", url+"/workflow/ops", fast))))
	disk := diskAlert("db1")
	require.Equal(t, http.StatusOK, postAlerts(t, replicas[0].url, disk).status)
	cards(t, teams, "ops", 1)
	for range 15 { // longer than it goes on by itself
		require.Equal(t, http.StatusOK, postAlerts(t, replicas[1].url, disk).status)
		time.Sleep(time.Second) // the sender's
	}
	require.Len(t, teams.Shown("ops"), 1, "one replica ended what the other saw")

	// Who says that it is over may say it to a replica that never saw the alert.
	other := diskAlert("db2")
	other.Labels["alertname"] = "DiskGone"
	require.Equal(t, http.StatusOK, postAlerts(t, replicas[0].url, other).status)
	require.Equal(t, http.StatusOK, postAlerts(t, replicas[1].url, other.ended()).status)
	require.Equal(t, http.StatusOK, postAlerts(t, replicas[1].url, disk).status)
	eventually(t, patience, "the end of the other is known", func() bool {
		return !strings.Contains(replicas[0].get("/api/v1/alerts").body, "DiskGone") || strings.Contains(replicas[0].get("/api/v1/alerts?state=over").body, "DiskGone")
	})

	eventually(t, patience, "what nobody sends any more ends", func() bool {
		told := with(teams, "ops", "DiskFull")
		return len(told) == 2 && strings.Contains(strings.ToLower(string(told[1].Card)), "resolved")
	})
}

// What was under way at a replica that died is another one's after its lease, and
// comes twice at most.
func TestAReplicaThatIsKilledIsReplacedByTheOther(t *testing.T) {
	database := postgrestest.Database(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	replicas := startReplicas(t, 2, database, configuration(destination("ops", url+"/workflow/ops", fast), destination("web", url+"/workflow/web", fast)))
	teams.Fault("ops", teamstest.Fault{Hang: true})
	require.Equal(t, http.StatusOK, replicas[0].post("/alertmanager", body("During", "firing")).status)
	eventually(t, patience, "an attempt is under way", func() bool { return len(teams.Messages("ops")) == 1 })
	// A timer that only the one that dies knows of.
	require.Equal(t, http.StatusOK, postAlerts(t, replicas[0].url, diskAlert("db1")).status)
	replicas[0].kill()
	require.Equal(t, http.StatusOK, replicas[1].post("/alertmanager", body("After", "firing")).status)
	require.Equal(t, http.StatusOK, replicas[1].post("/alertmanager/web", body("Elsewhere", "firing")).status)
	const lease = 40 * time.Second // of an attempt, and a margin
	eventually(t, lease, "the address is taken over", func() bool {
		return len(with(teams, "ops", "with After")) == 1 && len(with(teams, "ops", "DiskFull")) >= 1
	})
	require.NotEmpty(t, teams.Shown("web"))
	require.True(t, teams.Shown("web")[0].At.Before(with(teams, "ops", "with After")[0].At), "other addresses do not wait")
	require.Empty(t, with(teams, "ops", "with During"), "it may have arrived, so it is sent again only after a minute")
	eventually(t, patience, "nothing else waits for that", func() bool { return list[web.Destination](replicas[1], "destinations", "")[0].Waiting == 1 })
	eventually(t, lease, "every role is its own, and it is alone", func() bool {
		scrape := replicas[1].get("/metrics").body
		for _, name := range []string{"rules", "intents", "alertmanagers", "upkeep", "canary", "heartbeats"} {
			if metric(t, scrape, fmt.Sprintf("teamsrelay_role_held{role=%q}", name)) != 1 {
				return false
			}
		}
		return metric(t, scrape, "teamsrelay_replicas") == 1
	})
}

// A database that fails over cuts every connection in the middle of something.
func TestWhatWasAcceptedSurvivesAKillOfPostgreSQL(t *testing.T) {
	database := postgrestest.Own(t)
	name, err := database.CreateDatabase()
	require.NoError(t, err)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{Keep: 100_000})
	names, config := threeDestinations(url)
	replicas := startReplicas(t, 3, database.URL(name), config)
	var loads []*load
	for i, r := range replicas {
		l := startLoad(names, 2, 20*time.Millisecond)
		l.number.Store(int64(i) * 100_000)
		l.to(r.url)
		loads = append(loads, l)
	}
	taken := func(more int) {
		t.Helper()
		for _, l := range loads {
			enough := l.taken() + more
			eventually(t, patience, "alerts are taken", func() bool { return l.taken() >= enough })
		}
	}
	taken(30)
	database.Kill()
	time.Sleep(2 * time.Second)
	require.NoError(t, database.Start())
	taken(30)
	var acknowledged []string
	for _, l := range loads {
		l.stop()
		l.work.Wait()
		for status := range l.refused {
			require.Equal(t, http.StatusServiceUnavailable, status, "a sender gives up after anything else")
		}
		acknowledged = append(acknowledged, l.acknowledged...)
	}
	replicas[0].settled(afterCutOff + 2*patience)
	told := tellings(teams.Shown(""))
	twice := 0
	for _, name := range acknowledged {
		require.Positive(t, told[name], "%s was acknowledged, and nobody was told", name)
		twice += told[name] - 1
	}
	t.Logf("%d groups acknowledged, %d cards came twice", len(acknowledged), twice)
	require.LessOrEqual(t, twice, len(names), "more than the one message that was under way at each address came twice")
}

// What somebody did at one replica is obeyed by the others with the next alert.
func TestWhatIsDoneAtOneReplicaHoldsAtTheOther(t *testing.T) {
	database := postgrestest.Database(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	teams.MoveServiceURL(url + "/emea")
	config := configuration(inChannel("ops", teamstest.Alerts), destination("web", url+"/workflow/web", fast)) + local(url)
	replicas := startReplicas(t, 2, database, config)
	here, there := replicas[0], replicas[1]
	meet(t, teams, here)
	ctx := t.Context()
	bob := teams.As("Bob")
	_, err := bob.Install(ctx, teamstest.Alerts)
	require.NoError(t, err)

	// A card of an alert that the other one took: pressed here, at once.
	require.Equal(t, http.StatusOK, there.post("/alertmanager", body("Pressed", "firing")).status)
	card := cardIn(t, teams, teamstest.Alerts, "Pressed")
	answer, err := bob.Press(ctx, card, "Acknowledge", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Status)
	require.Contains(t, string(answer.Card), "Bob")
	require.Contains(t, there.get("/api/v1/alerts").body, "Bob")

	// A silence that is made here.
	require.Equal(t, http.StatusOK, there.post("/alertmanager/web", body("Quiet", "firing")).status)
	cards(t, teams, "web", 1)
	id := ""
	for _, a := range list[web.Alert](here, "alerts", "") {
		if a.Labels["alertname"] == "Quiet" {
			id = a.ID
		}
	}
	made := here.post("/api/v1/alerts/"+id+"/silence", []byte(`{"who":"Bob","for":"1h"}`))
	require.Equal(t, http.StatusOK, made.status, made.body)
	require.Equal(t, http.StatusOK, there.post("/alertmanager/web", body("Quiet", "resolved")).status)
	require.Equal(t, http.StatusOK, there.post("/alertmanager/web", body("Quiet", "firing")).status)
	require.Equal(t, http.StatusOK, there.post("/alertmanager/web", body("Noisy", "firing")).status)
	eventually(t, patience, "others are told", func() bool { return len(with(teams, "web", "with Noisy")) == 1 })
	firing := 0
	for _, m := range with(teams, "web", "with Quiet") {
		if !strings.Contains(strings.ToLower(string(m.Card)), "resolved") {
			firing++
		}
	}
	require.Equal(t, 1, firing, "the other replica does not know of the silence")

	// A subscription that is made there.
	subscription, err := json.Marshal(web.Subscribe{Destination: "web", Matchers: []string{`alertname="Wanted"`}, Who: "Bob"})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, there.post("/api/v1/subscriptions", subscription, "Content-Type", "application/json").status)
	require.Equal(t, http.StatusOK, here.post("/alertmanager/ops", body("Wanted", "firing")).status)
	eventually(t, patience, "who subscribed there is told here", func() bool { return len(with(teams, "web", "Wanted")) == 1 })
}

// Microsoft counts what arrives, whoever sent it.
func TestReplicasKeepMicrosoftsLimitsTogether(t *testing.T) {
	database := postgrestest.Database(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{Throttle: teamstest.RealThrottle, Bot: teamstest.Bot{Throttle: teamstest.RealBotThrottle}})
	teams.MoveServiceURL(url + "/emea")
	config := configuration(inChannel("ops", teamstest.Alerts), destination("web", url+"/workflow/web")) + local(url)
	replicas := startReplicas(t, 2, database, config)
	meet(t, teams, replicas[0])
	_, err := teams.As("Bob").Install(t.Context(), teamstest.Alerts)
	require.NoError(t, err)
	var all sync.WaitGroup
	for n := range 15 {
		for i, r := range replicas {
			all.Go(func() { r.post("/alertmanager/ops", body(fmt.Sprintf("Bot%d-%d", n, i), "firing")) })
			if n < 4 {
				all.Go(func() { r.post("/alertmanager/web", body(fmt.Sprintf("Web%d-%d", n, i), "firing")) })
			}
		}
	}
	all.Wait()
	replicas[0].settled(2 * patience)
	for _, m := range append(teams.Messages("web"), teams.Posted(teamstest.Alerts)...) {
		require.True(t, m.Shown, "Teams had to refuse something: %d %s", m.Status, m.Reason)
	}
	for _, r := range replicas {
		scrape := r.get("/metrics").body
		require.NotContains(t, scrape, `reason="throttled",state="retry"} 1`)
	}
}
