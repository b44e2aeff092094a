package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

func TestADeletedFlowIsADeadLetterThatAReplayDelivers(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	relay := startRelay(t, configuration(destination("ops", url+"/workflow/ops", fast)))
	say := func(args ...string) string {
		t.Helper()
		stdout, stderr, code := command(t, relay.program, append(args, "--relay.url="+relay.url)...)
		require.Zero(t, code, stdout+stderr)
		return stdout
	}
	letters := func() (letters []web.DeadLetter) {
		var lists map[string][]web.DeadLetter
		require.NoError(t, json.Unmarshal([]byte(say("dead-letters", "list", "--output=json")), &lists))
		return lists["dead-letters"]
	}

	teams.Fault("ops", teamstest.Fault{Status: http.StatusNotFound, Times: -1})
	require.Equal(t, http.StatusOK, relay.post("/alertmanager", body("Lost", "firing")).status)
	eventually(t, patience, "a dead letter is in the list", func() bool { return len(letters()) == 1 })
	letter := letters()[0]
	require.Equal(t, "not_found", letter.Reason)
	require.Contains(t, letter.Message, "Lost", "it does not say what is lost")
	table := say("dead-letters", "list")
	require.Contains(t, table, "not_found")
	require.Equal(t, "broken", list[web.Destination](relay, "destinations", "")[0].State)
	metrics := relay.get("/metrics").body
	require.Equal(t, 1, metric(t, metrics, `teamsrelay_deliveries_total{destination="ops",outcome="dead",reason="not_found"}`))

	stdout, _, code := command(t, relay.program, "send-test", "ops", "--relay.url="+relay.url)
	require.Equal(t, 1, code, "a test that did not arrive is a failure")
	require.Contains(t, stdout, "not_found")

	teams.ClearFaults()
	require.Contains(t, say("send-test", "ops"), "accepted")
	cards(t, teams, "ops", 1)
	require.Contains(t, say("dead-letters", "replay", strconv.FormatInt(letter.ID, 10)), "1 replayed")
	require.Contains(t, string(cards(t, teams, "ops", 2)[1].Card), "something is wrong with Lost")
	eventually(t, patience, "the delivered letter leaves the list", func() bool {
		for _, l := range letters() {
			if l.ID == letter.ID {
				return false
			}
		}
		return true
	})
	require.Equal(t, "ok", list[web.Destination](relay, "destinations", "")[0].State)
	for _, l := range letters() { // the test that did not arrive
		require.Contains(t, say("dead-letters", "drop", strconv.FormatInt(l.ID, 10)), "1 dropped")
	}
	require.Empty(t, letters())

	var log map[string][]web.Delivery
	require.NoError(t, json.Unmarshal([]byte(say("deliveries", "list", "--destination=ops", "--output=json")), &log))
	var states []string
	for _, d := range log["deliveries"] {
		states = append(states, d.State)
	}
	require.Equal(t, []string{"accepted", "accepted", "dead", "dead"}, states)
	show := say("deliveries", "show", strconv.FormatInt(log["deliveries"][3].ID, 10))
	require.Contains(t, show, "HTTP 404")
}

func TestCheckConfigAndRenderSayWhatAUserNeeds(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "teamsrelay.yml")
	require.NoError(t, os.WriteFile(file, []byte(configuration(destination("ops", "http://127.0.0.1:1/workflow/ops"))), 0o600))
	stdout, stderr, code := command(t, program(t), "check-config", file)
	require.Zero(t, code, stdout+stderr)
	require.Contains(t, stdout, "OK")

	require.NoError(t, os.WriteFile(file, []byte(broken), 0o600))
	stdout, _, code = command(t, program(t), "check-config", file)
	require.Equal(t, 1, code)
	for _, line := range []string{"2", "4", "6"} {
		require.Contains(t, stdout, file+":"+line+": error: ")
	}

	payload := filepath.Join(t.TempDir(), "payload.json")
	require.NoError(t, os.WriteFile(payload, body("Rendered", "firing"), 0o600))
	stdout, stderr, code = command(t, program(t), "render", "--data="+payload)
	require.Zero(t, code, stderr)
	// What is printed is what goes over the wire: Teams shows it.
	teams, url := startTeams(t, teamstest.Options{})
	a, err := ask(http.MethodPost, url+"/workflow/render", strings.NewReader(stdout), "Content-Type", "application/json")
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status)
	require.Contains(t, string(cards(t, teams, "render", 1)[0].Card), "something is wrong with Rendered")

	_, stderr, code = command(t, program(t), "deliveries", "list", "--relay.url=http://127.0.0.1:1")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "teamsrelay serve", "it does not say what to do next")
}

// TestQuickstart is `make run`, with its own file and the default ports.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:9097", "127.0.0.1:9099", "127.0.0.1:3978"} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Skipf("make run needs %s, and somebody else listens there", address)
		}
		require.NoError(t, listener.Close())
	}
	quickstart, err := buildQuickstart()
	require.NoError(t, err)
	sample, err := os.ReadFile("../../sample-configs/bot/local.yml")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "local.yml") // a store would be beside it
	require.NoError(t, os.WriteFile(file, sample, 0o600))
	stdout, stderr, code := command(t, quickstart, "-program="+program(t), "-config.file="+file, "-pause=1s", "-once")
	require.Zero(t, code, stdout+stderr)
	left, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, left, 1, "the next make run would remember people whom a new Teams does not know: %v", left)
	require.Contains(t, stdout, "http://127.0.0.1:9099/", "it does not say where the cards can be seen")
	require.Contains(t, stdout, "http://127.0.0.1:9097/ ", "nobody would find the pages")
	for _, words := range []string{
		"an alert fires +its card is there", "Alice presses Acknowledge +the same card says so", "Bob writes a comment +it stands under the card",
		"the alert is resolved +the same card says so", "a service stops +its card is there", "the service runs again +its card is there",
		"the flow was deleted +it is a dead letter",
	} {
		require.Regexp(t, words+` +after \d+ ms`, stdout)
	}
}
