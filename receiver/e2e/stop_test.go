package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

func TestAStopUnderLoadLosesNoRequestAndCutsNoAttemptOff(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{Keep: 100_000})
	teams.Fault(teamstest.AnyWebhook, teamstest.Fault{Latency: 300 * time.Millisecond, Times: -1})
	names, config := threeDestinations(url)
	r := startRelay(t, config)
	l := startLoad(names, 4, 20*time.Millisecond)
	defer l.stop()
	for range 5 {
		l.to(r.url)
		enough := l.taken() + 21
		eventually(t, patience, "it takes alerts", func() bool { return l.taken() >= enough })
		time.Sleep(rand.N(300 * time.Millisecond)) // into whatever is under way
		require.Zero(t, r.stop(), "a stop is no failure")
		l.nowhere()
		r.again()
		r.listen()
	}
	require.Zero(t, r.stop())
	acknowledged := l.end(t)
	require.Greater(t, len(acknowledged), 100, "there was hardly any load")

	posts := r.posts()
	for _, name := range acknowledged {
		require.Len(t, posts[name], 1, "%s was acknowledged and is not in the store", name)
		require.NotEqual(t, store.Sending, posts[name][0].State)
	}
	told := 0
	for _, d := range r.deliveries() {
		switch d.State {
		case store.DeliveryAccepted:
			told++
		case store.DeliveryRetry: // given back before Teams could see it
			require.Zero(t, d.Took, "an attempt was cut off: %+v", d)
		default:
			require.Fail(t, "an attempt has no end in the log", "%+v", d)
		}
	}
	require.Equal(t, len(teams.Messages("")), told, "Teams has seen attempts that the log does not have")
	for name, times := range tellings(teams.Shown("")) {
		require.Equal(t, 1, times, "%s came twice, and nobody was killed", name)
	}
	t.Logf("%d groups acknowledged, %d told before the last stop", len(acknowledged), told)
}
