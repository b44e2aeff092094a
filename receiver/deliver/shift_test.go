package deliver

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// Who records by the old time what has failed, when the timers have just moved
// with a clock that was set back by an hour, has the address left alone for that
// hour.
func TestNothingIsRecordedWhileTimersMove(t *testing.T) {
	inOffice(t, func(o *office) {
		o.stop()
		var set atomic.Int64
		o.now = func() time.Time { return time.Now().Add(time.Duration(set.Load())) }
		moving := make(chan struct{}, 1) // is full while somebody holds, or moves
		o.hold = func() (time.Time, func()) {
			moving <- struct{}{}
			return o.now(), func() { <-moving }
		}
		var down atomic.Bool
		down.Store(true)
		o.channel.answer = func(message) *teams.Outcome {
			if down.Load() {
				return &teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 503}
			}
			return nil
		}
		o.start("one")
		o.raise(store.RankLoud, "g")
		o.after(100 * time.Millisecond)
		require.Len(t, o.channel.attempts(), 1)

		moving <- struct{}{}
		o.update(func(tx store.Tx) error { return tx.ShiftTimers(-time.Hour) })
		o.after(10 * time.Second) // its next attempt is due
		set.Store(int64(-time.Hour))
		<-moving
		down.Store(false)
		o.deliverer.WakeAll()
		o.after(5 * time.Second)
		require.Equal(t, map[string]int{"g": 1}, o.channel.told())
	})
}
