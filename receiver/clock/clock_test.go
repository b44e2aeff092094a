package clock_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/clock"
)

// TestAWallClockThatIsSetDoesNotMoveTimersByItself: else everything would be
// due at once, or nothing for an hour.
func TestAWallClockThatIsSetDoesNotMoveTimersByItself(t *testing.T) {
	wall, elapsed := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), time.Duration(0)
	c := clock.New(func() time.Time { return wall }, func() time.Duration { return elapsed })
	pass := func(d time.Duration) { wall, elapsed = wall.Add(d), elapsed+d }

	pass(time.Minute)
	require.Equal(t, wall, c.Now())
	require.Zero(t, c.Jump())

	wall = wall.Add(2 * time.Second) // a time server corrects it
	require.Zero(t, c.Jump())
	require.Equal(t, wall, c.Now(), "small differences are taken over")

	before := c.Now()
	wall = wall.Add(time.Hour)
	pass(time.Second)
	require.Equal(t, before.Add(time.Second), c.Now())
	require.Equal(t, time.Hour, c.Jump())
	require.Error(t, c.Move(time.Hour, func() error { return errors.New("the store refuses") }))
	require.Equal(t, before.Add(time.Second), c.Now(), "timers have not moved, so the clock must not")
	require.NoError(t, c.Move(c.Jump(), func() error { return nil }))
	require.Equal(t, wall, c.Now())
	require.Zero(t, c.Jump())

	wall = wall.Add(-24 * time.Hour)
	require.Equal(t, -24*time.Hour, c.Jump(), "backwards too")
}

// TestADatabaseTellsTheTime: replicas on machines whose clocks differ by minutes
// would end each other's alerts, and take leases that are held.
func TestADatabaseTellsTheTime(t *testing.T) {
	database, elapsed := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), 7*time.Hour
	m := clock.NewMeasured(func() time.Duration { return elapsed })
	answer := func(there, back time.Duration) func() (time.Time, error) {
		return func() (time.Time, error) {
			elapsed, database = elapsed+there, database.Add(there)
			said := database
			elapsed, database = elapsed+back, database.Add(back)
			return said, nil
		}
	}
	require.NoError(t, m.Measure(answer(20*time.Millisecond, 20*time.Millisecond)))
	require.Equal(t, database, m.Now())
	elapsed, database = elapsed+time.Hour, database.Add(time.Hour)
	require.Equal(t, database, m.Now(), "also while it cannot be asked")

	require.ErrorIs(t, m.Measure(answer(0, 3*time.Second)), clock.ErrSlow)
	require.ErrorContains(t, m.Measure(func() (time.Time, error) { return time.Time{}, errors.New("gone") }), "gone")
	require.Equal(t, database, m.Now(), "what is uncertain by seconds would look like a clock that was set")

	database = database.Add(-time.Hour)
	require.NoError(t, m.Measure(answer(0, 0)))
	require.Equal(t, database, m.Now())
}

// Two replicas that do not agree about the time by half a second send too soon
// after each other, and one does not know yet of the silence that was made at the
// other a moment ago.
func TestAnAnswerThatTookLongDoesNotSpoilWhatAFastOneSaid(t *testing.T) {
	const fast, slow = time.Millisecond, 900 * time.Millisecond
	for name, c := range map[string]struct {
		faster float64 // by which part the database's clock goes faster than ours
		there  func(n int) time.Duration
		back   func(n int) time.Duration
	}{
		"it waits on its way back":  {0, func(int) time.Duration { return 0 }, func(n int) time.Duration { return []time.Duration{slow, fast}[n%2] }},
		"it waits on its way there": {0, func(n int) time.Duration { return []time.Duration{slow, fast}[n%2] }, func(int) time.Duration { return 0 }},
		"the clock goes too fast":   {0.0005, func(int) time.Duration { return 0 }, func(n int) time.Duration { return []time.Duration{slow, fast, slow}[n%3] }},
		"the clock goes too slowly": {-0.0005, func(n int) time.Duration { return []time.Duration{slow, fast, slow}[n%3] }, func(int) time.Duration { return 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			database, elapsed := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), 7*time.Hour
			pass := func(d time.Duration) {
				elapsed, database = elapsed+d, database.Add(d+time.Duration(float64(d)*c.faster))
			}
			m := clock.NewMeasured(func() time.Duration { return elapsed })
			for n := range 1000 {
				require.NoError(t, m.Measure(func() (time.Time, error) {
					pass(c.there(n))
					said := database
					pass(c.back(n))
					return said, nil
				}))
				if n > 3 {
					require.InDelta(t, 0, m.Now().Sub(database), float64(10*time.Millisecond))
				}
				pass(2 * time.Second)
			}
			database = database.Add(200 * time.Millisecond) // another server has taken over
			for n := range 3 {
				require.NoError(t, m.Measure(func() (time.Time, error) {
					pass(c.there(n))
					said := database
					pass(c.back(n))
					return said, nil
				}))
			}
			require.InDelta(t, 0, m.Now().Sub(database), float64(10*time.Millisecond), "a clock that was set is believed")
		})
	}
}

// A machine that is busy for an hour hears no answer that is fast. What one has
// said before must not hold against all of them: the clocks have drifted apart.
func TestAFastAnswerIsNotBelievedForEver(t *testing.T) {
	const slow, faster = 900 * time.Millisecond, 0.0005
	database, elapsed := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), time.Duration(0)
	pass := func(d time.Duration) {
		elapsed, database = elapsed+d, database.Add(d+time.Duration(float64(d)*faster))
	}
	m := clock.NewMeasured(func() time.Duration { return elapsed })
	for n := range 1800 {
		require.NoError(t, m.Measure(func() (time.Time, error) {
			said := database
			if n > 0 {
				pass(slow)
			}
			return said, nil
		}))
		require.InDelta(t, 0, m.Now().Sub(database), float64(slow/2+10*time.Millisecond), "as wrong as one slow answer can be, after %d", n)
		pass(2 * time.Second)
	}
}

// TestAClockThatIsMadeAnew: a process that begins by a clock that was ahead when the
// one before it ended would wait for a time that was said to be there already.
func TestAClockThatIsMadeAnew(t *testing.T) {
	wall := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	resumed := func(last time.Time) *clock.Clock {
		c := clock.New(func() time.Time { return wall }, func() time.Duration { return 0 })
		c.Resume(last)
		return c
	}
	ahead := resumed(wall.Add(7 * time.Minute))
	require.Equal(t, wall.Add(7*time.Minute), ahead.Now(), "timers are of that time")
	require.Equal(t, -7*time.Minute, ahead.Jump(), "and move back with the clock")

	for why, last := range map[string]time.Time{
		"nobody ran for a week":              wall.Add(-7 * 24 * time.Hour),
		"no timer is moved for four seconds": wall.Add(4 * time.Second),
		"nobody has said what time it was":   {},
	} {
		c := resumed(last)
		require.Equal(t, wall, c.Now(), why)
		require.Zero(t, c.Jump(), why)
	}
}
