package e2e

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// A post whose attempt was cut off is tried again a minute after it began.
const afterCutOff = time.Minute

func kills() int {
	if testing.Short() {
		return 10
	}
	return 100
}

// killAgainAndAgain kills a receiver under load, each time at another moment
// of its life, leaves it running in the end, and returns what it acknowledged.
func killAgainAndAgain(t *testing.T, r *relay, destinations []string) []string {
	t.Helper()
	l := startLoad(destinations, 4, 10*time.Millisecond)
	defer l.stop()
	for n := range kills() {
		if n%5 == 0 { // while it starts
			time.Sleep(rand.N(100 * time.Millisecond))
		} else {
			r.listen()
			l.to(r.url)
			enough := l.taken() + 1 + rand.N(10)
			eventually(t, patience, "it takes alerts", func() bool { return l.taken() >= enough })
			time.Sleep(rand.N(50 * time.Millisecond))
		}
		r.kill()
		l.nowhere()
		r.again()
	}
	r.listen()
	acknowledged := l.end(t)
	require.Greater(t, len(acknowledged), kills(), "there was hardly any load")
	return acknowledged
}

func TestAfterAKillWhatComesNextIsToldAtOnce(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	teams.Fault("ops", teamstest.Fault{Hang: true})
	r := startRelay(t, configuration(destination("ops", url+"/workflow/ops", fast)))
	require.Equal(t, http.StatusOK, r.post("/alertmanager", body("During", "firing")).status)
	eventually(t, patience, "an attempt is under way", func() bool { return len(teams.Messages("ops")) == 1 })
	r.kill()
	r.again()
	r.listen()
	require.Equal(t, http.StatusOK, r.post("/alertmanager", body("After", "firing")).status)
	const atOnce = 10 * time.Second // the dead process's lease would have lasted for 28 s
	eventually(t, atOnce, "the next card is not held up by the dead process", func() bool { return len(teams.Shown("ops")) == 1 })
	require.Contains(t, string(teams.Shown("ops")[0].Card), "something is wrong with After")
	eventually(t, patience, "only the one that was under way waits for its next attempt", func() bool {
		return list[web.Destination](r, "destinations", "")[0].Waiting == 1
	})
}

func TestKilledAHundredTimesEveryAcknowledgedGroupHasItsCard(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{Keep: 100_000})
	// The card is there before we hear of it, so that kills fall in between.
	teams.Fault(teamstest.AnyWebhook, teamstest.Fault{Latency: 30 * time.Millisecond, Times: -1})
	names, config := threeDestinations(url)
	r := serve(t, plainProgram(t), t.TempDir(), config) // the race detector would take minutes to start so often
	acknowledged := killAgainAndAgain(t, r, names)
	r.settled(afterCutOff + 2*patience)
	require.Zero(t, r.stop())

	told := tellings(teams.Shown(""))
	for _, name := range acknowledged {
		require.Positive(t, told[name], "%s was acknowledged, and nobody was told", name)
	}
	for _, name := range names {
		twice := 0
		for _, times := range tellings(teams.Shown(name)) {
			twice += times - 1
		}
		t.Logf("%s: %d cards, %d of them came twice, in %d kills", name, len(teams.Shown(name)), twice, kills())
		require.LessOrEqual(t, twice, kills(), "more than the one message that was under way at each kill came twice")
	}
	cutOff := 0
	for _, d := range r.deliveries() {
		require.NotEqual(t, store.DeliverySending, d.State, "an attempt has no end in the log: %+v", d)
		if d.State == store.DeliveryInterrupted {
			cutOff++
		}
	}
	t.Logf("%d groups acknowledged, %d attempts cut off", len(acknowledged), cutOff)
	require.Positive(t, cutOff, "no kill fell into an attempt, so this has proven little")
}

func TestKilledAHundredTimesInAStormDigestsTellWhatWasAcknowledged(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: what comes in between a few kills is no storm")
	}
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{Keep: 100_000, Throttle: teamstest.RealThrottle})
	// The default pace, but with its five minutes made thirty seconds, so that
	// the test ends.
	r := serve(t, plainProgram(t), t.TempDir(), configuration(destination("ops", url+"/workflow/ops", "4/1s", "20/30s")))
	acknowledged := killAgainAndAgain(t, r, []string{"ops"})
	r.settled(2*afterCutOff + 2*patience)
	require.Zero(t, r.stop())

	posts := r.posts()
	for _, name := range acknowledged {
		require.Len(t, posts[name], 1, "%s was acknowledged and is not in the store", name)
		p := posts[name][0]
		require.Equal(t, store.Accepted, p.State, "%s was not told: %s", name, p.Message)
		require.Equal(t, p.Want, p.Shown)
	}
	// The store says so; Teams must have seen it.
	messages, alone, byDigest := 0, 0, 0
	for _, d := range r.deliveries() {
		switch {
		case d.State != store.DeliveryAccepted:
			continue
		case d.Digest == 0:
			alone++
		default:
			byDigest += d.Digest
		}
		messages++
	}
	t.Logf("%d groups acknowledged, %d told alone, %d by digests, %d messages in all",
		len(acknowledged), alone, byDigest, len(teams.Shown("ops")))
	require.Positive(t, byDigest, "there was no storm, so this has proven little")
	require.GreaterOrEqual(t, alone+byDigest, len(acknowledged))
	require.GreaterOrEqual(t, len(teams.Shown("ops")), messages)
}
