package pace

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var windows = []Window{{7, time.Second}, {1800, time.Hour}}

// A bot that runs for a year meets many conversations.
func TestLinesThatNobodyUsesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pace
		for i := range 900 {
			l := p.Enter(fmt.Sprint(i), windows)
			p.Wait(t.Context(), l)
			p.Leave(l)
		}
		waiting := p.Enter("somebody waits", windows)
		held := p.Enter("held", windows)
		p.Hold(held, time.Now().Add(3*time.Hour))
		p.Leave(held)
		time.Sleep(2 * time.Hour)
		recent := p.Enter("recent", windows)
		p.Wait(t.Context(), recent)
		p.Leave(recent)
		for range sweepEvery {
			p.Leave(p.Enter("again", windows))
		}
		require.LessOrEqual(t, len(p.lines), 4)
		require.Same(t, waiting, p.lines["somebody waits"])
		require.Contains(t, p.lines, "held")
		require.Contains(t, p.lines, "recent", "or its windows would begin anew")
	})
}

func TestALineKeepsNoMoreTimesThanItNeeds(t *testing.T) {
	l := Line{windows: func() []Window { return []Window{{2, time.Second}, {5, time.Minute}} }}
	now := time.Now()
	for range 1000 {
		now = l.next(now)
		l.note(now)
	}
	require.LessOrEqual(t, len(l.times), 10)
}

// Requests go together in batches, but a limit counts each of them. A batch
// that waited for room for all of it would leave the rest of a window unused.
func TestABatchTakesTheRoomThatThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pace
		l := p.Enter("users", []Window{{30, time.Second}})
		start := time.Now()
		var sizes []int
		for left := 100; left > 0; {
			n, _ := p.WaitSome(t.Context(), min(20, left), l)
			p.Done(n, l)
			sizes, left = append(sizes, n), left-n
		}
		require.Equal(t, []int{20, 10, 20, 10, 20, 10, 10}, sizes)
		require.Equal(t, 3*(time.Second+slack), time.Since(start), "as fast as Microsoft lets us")
	})
}

// A network that delivers late would bring the requests of two windows at once:
// Microsoft counts when they arrive, and we only know when they have.
func TestWhatIsStillOnItsWayTakesUpRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pace
		l := p.Enter("users", []Window{{30, time.Second}})
		n, _ := p.WaitSome(t.Context(), 30, l)
		require.Equal(t, 30, n)
		time.Sleep(5 * time.Second) // and no answer
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		time.AfterFunc(2500*time.Millisecond, func() { p.Done(20, l) })
		answered := time.Now().Add(2500 * time.Millisecond)
		n, _ = p.WaitSome(ctx, 30, l)
		require.Equal(t, 20, n, "the other ten may arrive at any moment")
		require.False(t, time.Now().Before(answered.Add(time.Second)), "they may have arrived with their answer")
		p.Done(10, l)
		p.Done(20, l)
		time.Sleep(time.Second + slack)
		n, _ = p.WaitSome(ctx, 30, l)
		require.Equal(t, 30, n)
	})
}

func TestWhoCannotGoInTimeIsToldHowLongItWouldTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pace
		l := p.Enter("users", []Window{{1, time.Minute}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ok, _ := p.Wait(ctx, l)
		require.True(t, ok)
		start := time.Now()
		n, short := p.WaitSome(ctx, 20, l)
		require.Zero(t, n)
		require.Equal(t, time.Minute+slack, short)
		require.Equal(t, start, time.Now(), "nobody waits for what will not be in time")
		cancel()
		_, short = p.WaitSome(ctx, 20, l)
		require.Zero(t, short)
	})
}
