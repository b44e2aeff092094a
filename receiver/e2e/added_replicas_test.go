package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/vault"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// A webhook that has leaked is replaced at one replica while alerts come to both.
// The other sends to the old one no longer than the seconds in which it hears of
// it, and what comes meanwhile is told at one of the two.
func TestAWebhookThatIsReplacedAtOneReplicaIsReplacedAtTheOther(t *testing.T) {
	database := postgrestest.Database(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	config := strings.Replace(configuration(destination("ops", url+"/workflow/ops", fast)), "storage: {", "storage: {encryption_key: "+vault.NewKey()+", ", 1) +
		"runtime_destinations: {names: [dba], allowed_hosts: [" + strings.TrimPrefix(url, "http://") + "]}\n"
	replicas := startReplicas(t, 2, database, config)
	change := func(method, path, webhook string) {
		t.Helper()
		sent, err := json.Marshal(web.AddDestination{Name: "dba", URL: url + "/workflow/" + webhook, Pace: []string{fast}})
		require.NoError(t, err)
		request, err := http.NewRequest(method, replicas[0].url+path, bytes.NewReader(sent))
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	leads := func(r *relay) string {
		var is web.DestinationHealth
		require.NoError(t, json.Unmarshal([]byte(r.get("/api/v1/destinations/dba").body), &is))
		return is.Target
	}
	sent := 0
	send := func() {
		t.Helper()
		for range 10 {
			for _, r := range replicas {
				require.Equal(t, http.StatusOK, r.post("/alertmanager/dba", body(fmt.Sprintf("Leak%06d", sent), "firing")).status)
				sent++
			}
		}
	}
	settled := func() {
		t.Helper()
		eventually(t, patience, "everything is told", func() bool { return len(teams.Shown("one"))+len(teams.Shown("two")) >= sent })
	}

	send() // it is told when there is a webhook
	change("POST", "/api/v1/destinations", "one")
	send()
	eventually(t, patience, "the other has heard of the webhook", func() bool { return leads(replicas[0]) == leads(replicas[1]) })
	send()
	settled()
	require.Equal(t, sent, len(teams.Shown("one")))

	change("PUT", "/api/v1/destinations/dba/url", "two")
	send()
	eventually(t, patience, "the other has heard of the new one", func() bool { return leads(replicas[0]) == leads(replicas[1]) })
	settled()
	old := len(teams.Messages("one"))
	send()
	settled()
	require.Equal(t, old, len(teams.Messages("one")), "a webhook that has leaked was still told")
	require.GreaterOrEqual(t, len(teams.Shown("two")), 20)
	for n := range sent {
		name := fmt.Sprintf("Leak%06d", n)
		require.Len(t, append(with(teams, "one", name), with(teams, "two", name)...), 1, name)
	}
	require.Empty(t, list[web.DeadLetter](replicas[1], "dead-letters", ""))
	for _, r := range replicas {
		require.Zero(t, r.stop())
	}
}
