package deliver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// pauses changes whether something is sent to the channel.
func (o *office) pauses(is bool) {
	a := o.addresses["a"]
	a.Paused, a.Pace = is, DefaultPace
	o.addresses["a"] = a
	o.deliverer.WakeAll()
}

func TestNothingIsSentToWhatIsDisabledAndAllOfItAfterwards(t *testing.T) {
	inMissingOffice(t, func(o *office, s *standIns) {
		o.pauses(true)
		o.raiseAt("a", store.RankLoud, names("g", 60)...)
		o.deliverer.Wake("a")
		o.after(time.Hour)
		require.Empty(t, o.log(store.DeliveryFilter{}), "somebody wants quiet there")
		require.Empty(t, s.heard, "who disabled it did not ask for others to be told")
		require.Equal(t, []any{store.Due, 0}, []any{o.post("g7").State, o.post("g7").Attempts})
		require.Equal(t, 60.0, o.metric("teamsrelay_posts_waiting"))
		o.deliverer.mu.Lock()
		require.NotContains(t, o.deliverer.places, "a")
		o.deliverer.mu.Unlock()

		o.pauses(false)
		o.after(5 * time.Minute)
		require.Equal(t, store.Accepted, o.post("g7").State)
		require.Less(t, len(o.channel.attempts()), 20, "an hour of alerts is told by a digest and not by a flood")
	})
}

func TestWhatIsTooOldIsGivenUpAlsoWhereNothingIsSent(t *testing.T) {
	inMissingOffice(t, func(o *office, _ *standIns) {
		o.pauses(true)
		o.raiseAt("a", store.RankLoud, "disk")
		o.after(DefaultMaxAge + time.Minute)
		p := o.post("disk")
		require.Equal(t, []any{store.Dead, string(teams.Expired), true}, []any{p.State, p.Reason, p.DeadLetter})
		require.Empty(t, o.channel.attempts())
	})
}

func TestWhatIsDisabledWhileItIsBrokenWaitsForBoth(t *testing.T) {
	inMissingOffice(t, func(o *office, _ *standIns) {
		o.pauses(true)
		o.breaks("a", teams.NotFound, false)
		o.raiseAt("a", store.RankLoud, "disk")
		o.deliverer.Wake("a")
		o.after(time.Hour)
		require.Equal(t, store.Due, o.post("disk").State, "it may be mended before it is enabled")
	})
}

func TestABrokenAddressThatIsPausedCountsAsBroken(t *testing.T) {
	inMissingOffice(t, func(o *office, _ *standIns) {
		require.Zero(t, o.metric("teamsrelay_destination_broken"))
		a := o.addresses["a"]
		a.Paused, a.Broken = true, true
		o.addresses["a"] = a
		o.after(time.Minute)
		require.Equal(t, 1.0, o.metric("teamsrelay_destination_broken"), "an alert on it is how anybody hears that a key is missing")
	})
}
