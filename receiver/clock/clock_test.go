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
