package botframework

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A bot that runs for a year meets many conversations.
func TestLinesThatNobodyUsesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		for i := range 900 {
			l := p.enter(fmt.Sprint(i), SendWindows)
			p.wait(t.Context(), l)
			p.leave(l)
		}
		waiting := p.enter("somebody waits", SendWindows)
		held := p.enter("held", SendWindows)
		p.hold(held, time.Now().Add(3*time.Hour))
		p.leave(held)
		time.Sleep(2 * time.Hour)
		recent := p.enter("recent", SendWindows)
		p.wait(t.Context(), recent)
		p.leave(recent)
		for range sweepEvery {
			p.leave(p.enter("again", SendWindows))
		}
		require.LessOrEqual(t, len(p.lines), 4)
		require.Same(t, waiting, p.lines["somebody waits"])
		require.Contains(t, p.lines, "held")
		require.Contains(t, p.lines, "recent", "or its windows would begin anew")
	})
}

func TestALineKeepsNoMoreTimesThanItNeeds(t *testing.T) {
	l := line{windows: []Window{{2, time.Second}, {5, time.Minute}}}
	now := time.Now()
	for range 1000 {
		now = l.next(now)
		l.note(now)
	}
	require.LessOrEqual(t, len(l.times), 10)
}
