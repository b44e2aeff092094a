package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// A watchdog that two replicas look after is told once when it stops, and a canary
// is one message: also when the replica dies that did it.
func TestHeartbeatsAndCanariesOutliveTheReplicaThatHasThem(t *testing.T) {
	database := postgrestest.Database(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	teams.MoveServiceURL(url + "/emea")
	config := configuration(destination("ops", url+"/workflow/ops", fast), inChannel("sre", teamstest.Alerts)) + local(url) +
		"heartbeats: [{name: fra, matchers: [alertname=\"Watchdog\"], within: 10s}]\ncanary: [{destination: sre, every: 1s}]\n"
	first := startReplicas(t, 1, database, config)[0]
	does := func(r *relay) (both bool) { // one that has just started may not say so yet
		scrape := r.get("/metrics").body
		return strings.Contains(scrape, `teamsrelay_role_held{role="heartbeats"} 1`) && strings.Contains(scrape, `teamsrelay_role_held{role="canary"} 1`)
	}
	eventually(t, patience, "who is alone does both", func() bool { return does(first) })
	second := startReplicas(t, 1, database, config)[0]
	meet(t, teams, first)
	_, err := teams.As("Bob").Install(t.Context(), teamstest.Alerts)
	require.NoError(t, err)

	beat := func(r *relay) {
		require.Equal(t, http.StatusOK, r.post("/api/v2/alerts", []byte(`[{"labels":{"alertname":"Watchdog"}}]`)).status)
	}
	told := func(n int) {
		t.Helper()
		eventually(t, patience, fmt.Sprintf("%d cards of the heartbeat", n), func() bool { return len(with(teams, "ops", "heartbeat fra")) >= n })
		require.Len(t, with(teams, "ops", "heartbeat fra"), n)
	}
	edits := func() (edited int) {
		found := 0
		for _, m := range teams.Posted(teamstest.Alerts) {
			if !m.Deleted && len(m.Card) > 0 {
				found, edited = found+1, m.Edited
			}
		}
		require.LessOrEqual(t, found, 1, "a canary is one message")
		return edited
	}
	beat(first)
	beat(second) // whoever hears it, it counts
	told(1)
	beat(second)
	told(2)
	eventually(t, patience, "the canary is edited", func() bool { return edits() >= 2 })
	eventually(t, patience, "no card is under way, which would be sent again", func() bool {
		beat(second)
		return list[web.Destination](second, "destinations", "")[0].Waiting == 0
	})

	first.kill()
	dead := edits()
	eventually(t, patience, "the other does both", func() bool { beat(second); return does(second) })
	eventually(t, patience, "the canary goes on", func() bool { beat(second); return edits() >= dead+2 })
	told(2) // it came all the time
	told(3)
	require.Zero(t, second.stop())
	told(3)
}

// During a deployment replicas have different files, in whichever order they get
// the new one: what is under way goes where the new one says, and stays there.
func TestReplicasWithDifferentFilesDoNotUndoEachOther(t *testing.T) {
	for _, newer := range []int{0, 1} {
		t.Run(fmt.Sprintf("replica %d has the new file first", newer), func(t *testing.T) {
			database := postgrestest.Database(t)
			t.Parallel()
			teams, url := startTeams(t, teamstest.Options{})
			busy := teamstest.Fault{Status: 429, RetryAfter: time.Second, Times: -1} // of which Teams has shown nothing
			teams.Fault("old", busy)
			teams.Fault("new", busy)
			file := func(webhook string) string { return configuration(destination("ops", url+"/workflow/"+webhook, fast)) }
			replicas := startReplicas(t, 2, database, file("old"))
			reload := func(r *relay, webhook string) {
				t.Helper()
				r.write(strings.Replace(file(webhook), "sqlite:teamsrelay.db", database, 1))
				require.Equal(t, http.StatusOK, r.post("/-/reload", nil).status)
			}
			require.Equal(t, http.StatusOK, replicas[0].post("/alertmanager", body("Before", "firing")).status)
			eventually(t, patience, "it is tried", func() bool { return len(teams.Messages("old")) > 0 })
			first, last := replicas[newer], replicas[1-newer]
			reload(first, "new")
			eventually(t, patience, "it is tried at the new address", func() bool { return len(teams.Messages("new")) > 0 })
			reload(last, "old") // which changes nothing
			require.Equal(t, http.StatusOK, last.post("/alertmanager", body("During", "firing")).status)
			require.Equal(t, http.StatusOK, first.post("/alertmanager", body("Elsewhere", "firing")).status)
			reload(last, "new")
			require.Equal(t, http.StatusOK, last.post("/alertmanager", body("After", "firing")).status)
			teams.ClearFaults()
			replicas[0].settled(2 * patience)
			for _, name := range []string{"Before", "During", "Elsewhere", "After"} {
				require.Len(t, with(teams, "new", "with "+name), 1, name)
			}
			require.Empty(t, teams.Shown("old"))
			require.Empty(t, list[web.DeadLetter](first, "dead-letters", ""))
		})
	}
}

// What a replica was sending when it was killed is sent again by another one, once:
// nobody can know whether it had arrived.
func TestWhatAKilledReplicaWasSendingComesTwiceAtMost(t *testing.T) {
	database := postgrestest.Database(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	replicas := startReplicas(t, 3, database, configuration(destination("ops", url+"/workflow/ops", fast), destination("web", url+"/workflow/web", fast)))
	teams.Fault("ops", teamstest.Fault{Hang: true})                     // Teams never gets it
	teams.Fault("web", teamstest.Fault{Latency: time.Minute, Times: 1}) // Teams has it, and does not say so
	require.Equal(t, http.StatusOK, replicas[0].post("/alertmanager", body("Lost", "firing")).status)
	require.Equal(t, http.StatusOK, replicas[0].post("/alertmanager/web", body("There", "firing")).status)
	eventually(t, patience, "both are under way", func() bool { return len(teams.Messages("ops")) == 1 && len(teams.Shown("web")) == 1 })
	replicas[0].kill()
	replicas[1].settled(afterCutOff + patience)
	require.Len(t, with(teams, "ops", "with Lost"), 1)
	require.Len(t, with(teams, "web", "with There"), 2)
	for _, r := range replicas[1:] {
		require.Zero(t, r.stop())
	}
}
