package group

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// What follows from another alert that people know of wakes nobody, at no step.
func TestWhatIsInhibitedIsNotEscalated(t *testing.T) {
	w := onCall(t, false)
	inhibited := Tick{Inhibited: func(*alert.Alert) bool { return true }}
	g := w.g
	for m := range 120 {
		var due []Due
		g, due = Advance(g, inhibited, minute(float64(2+m)))
		for _, d := range due {
			require.NotEqual(t, Escalated, d.Change, "minute %d", 2+m)
			require.False(t, d.Loud, "minute %d", 2+m)
		}
	}
	require.Empty(t, g.Escalated)
}

// A clock that is set forward must not have a step repeated that was told a
// moment ago, nor one that is set back have it wait for as long again.
func TestAClockThatIsSetMovesTheRepetitionsOfAStep(t *testing.T) {
	for name, by := range map[string]time.Duration{"forward": 5 * time.Hour, "back": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := onCall(t, true)
			w.until(50) // the directors are told in minute 46
			w.heard = nil
			w.now = w.now.Add(by)
			w.g.DueAt = w.g.DueAt.Add(by) // as the store does
			w.g.ToldAt, w.g.MessageAt = w.g.ToldAt.Add(by), w.g.MessageAt.Add(by)
			w.g.Shift(by)
			w.until(by.Minutes() + 75.9)
			require.NotContains(t, w.heard, "escalated")
			require.Empty(t, w.heard)
			w.until(by.Minutes() + 76)
			require.Contains(t, w.heard, fmt.Sprintf("%v directors escalated!", by.Minutes()+76))
		})
	}
}

// While people go on being missed, each within the time in which more are
// waited for, whoever stands in must still hear of them.
func TestMissesThatGoOnAreNotWaitedForWithoutEnd(t *testing.T) {
	w := onCall(t, true)
	begin := w.now
	for i := range 10 {
		w.missed(Miss{Destination: "oncall", Address: fmt.Sprint("user:", i), Why: "has blocked the bot"}, "sre")
		w.until(begin.Add(time.Duration(i+1) * 2 * time.Second).Sub(minute(0)).Minutes())
	}
	require.Greater(t, len(w.heard), 4, "%q", w.heard)
}
