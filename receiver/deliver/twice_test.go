package deliver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// TestATurnThatRunsAgainTellsOnce: two replicas that are in each other's way
// must not tell anybody twice, or forget to.
func TestATurnThatRunsAgainTellsOnce(t *testing.T) {
	inOffice(t, func(o *office) {
		o.stop()
		o.twice = true
		o.start("again")
		refused := 0
		o.channel.answer = func(message) *teams.Outcome {
			if refused++; refused == 1 {
				return &teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 500}
			}
			return nil
		}
		o.raise(store.RankLoud, "disk")
		o.after(5 * time.Minute)
		require.Equal(t, map[string]int{"disk": 1}, o.channel.told(), "it was tried in vain, and then told")
		require.Equal(t, store.Accepted, o.post("disk").State)
		require.Len(t, o.log(store.DeliveryFilter{PostID: o.post("disk").ID}), 2)
		o.raise(store.RankLoud, names("g", 300)...)
		o.after(5 * time.Minute)
		for name, n := range o.channel.told() {
			if name != "disk" {
				require.Equal(t, 1, n, name)
			}
		}
		require.Len(t, o.channel.told(), 301)
		require.Empty(t, o.log(store.DeliveryFilter{State: store.DeliverySending}), "an attempt that nobody made is in the log")
	})
}
