package deliver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// sent is a list of send times, in seconds after noon.
func sent(seconds ...float64) []time.Time {
	var times []time.Time
	for _, s := range seconds {
		times = append(times, noon.Add(time.Duration(s*float64(time.Second))))
	}
	return times
}

func TestParsePace(t *testing.T) {
	windows, err := ParsePace([]string{"4/1s", " 20 / 5m "})
	require.NoError(t, err)
	require.Equal(t, DefaultPace, windows, "the pace in the sample configuration is the default")

	windows, err = ParsePace(nil)
	require.NoError(t, err)
	require.Empty(t, windows)

	for text, says := range map[string]string{
		"":           "write it like 4/1s",
		"4":          "write it like 4/1s",
		"four/1s":    "write it like 4/1s",
		"4/5":        "write it like 4/1s", // five what?
		"0/1s":       "use 1 to 10000",
		"-1/1s":      "use 1 to 10000",
		"99999/1s":   "use 1 to 10000",
		"4/0s":       "use 1ms to 24h",
		"4/-1s":      "use 1ms to 24h",
		"4/1000000h": "use 1ms to 24h",
	} {
		_, err := ParsePace([]string{text})
		require.ErrorContains(t, err, says, "pace %q", text)
	}
}

func TestNextSend(t *testing.T) {
	twenty := make([]float64, 20)
	for i := range twenty {
		twenty[i] = float64(i)
	}
	for _, c := range []struct {
		says  string
		sends []float64
		now   float64
		share share
		want  float64
	}{
		{"an idle address is sent to at once", nil, 0, shareOrdinary, 0},
		{"the fourth in a second is still allowed", []float64{0, 0.1, 0.2}, 0.3, shareOrdinary, 0.3},
		{"the fifth waits until the first is a second old, or Teams refuses it", []float64{0, 0.1, 0.2, 0.3}, 0.4, shareOrdinary, 1.01},
		{"sends that are over do not count", []float64{0, 0.1, 0.2, 0.3}, 7, shareOrdinary, 7},
		{"cards that are only to become true leave two thirds", twenty[:6], 20, shareStale, 300.01},
		{"ordinary messages leave a third of the large window", twenty[:14], 20, shareOrdinary, 300.01},
		{"a digest may use of that what is left", twenty[:18], 20, shareDigest, 20},
		{"but not the last slot, or the next critical would be late", twenty[:19], 20, shareDigest, 300.01},
		{"what is critical may use all", twenty[:19], 20, shareCritical, 20},
		{"but never more than Teams takes", twenty[:20], 20, shareCritical, 300.01},
	} {
		got := nextSend(DefaultPace, sent(c.sends...), sent(c.now)[0], c.share)
		require.Equal(t, sent(c.want)[0], got, c.says)
	}
}

func TestRoom(t *testing.T) {
	within := func(windows []Window, sends []time.Time, s share) int {
		return room(windows, sends, noon, noon.Add(digestAfter), s, 10_000)
	}
	require.Equal(t, 14, within(DefaultPace, nil, shareOrdinary), "the default pace takes 14 ordinary messages in two minutes")
	require.Equal(t, 20, within(DefaultPace, nil, shareCritical))
	require.Equal(t, 476, within(DefaultPace[:1], nil, shareOrdinary), "4/1s alone takes nearly 480, so 300 groups need no digest")
	require.Zero(t, room(DefaultPace, nil, noon, noon.Add(-1), shareOrdinary, 5), "no time, no room")
	require.Equal(t, 3, room(DefaultPace, nil, noon, noon.Add(digestAfter), shareOrdinary, 3), "it stops counting at most")

	sends := sent(-1)
	sends = append(sends, noon)[:1:2]
	room(DefaultPace, sends, noon, noon.Add(digestAfter), shareOrdinary, 3)
	require.Equal(t, noon, sends[:2][1], "what is simulated is not written into the caller's list")
}

// Whatever the windows are, sending as soon as nextSend says never breaks one
// and never leaves a slot unused for longer than the slack.
func TestNextSendKeepsEveryWindow(t *testing.T) {
	windows := []Window{{7, time.Second}, {8, 2 * time.Second}, {60, 30 * time.Second}, {1800, time.Hour}}
	var sends []time.Time
	now := noon
	for range 4000 {
		now = nextSend(windows, sends, now, shareCritical)
		sends = append(sends, now)
	}
	for _, w := range windows {
		for i := w.N; i < len(sends); i++ {
			require.Greater(t, sends[i].Sub(sends[i-w.N]), w.Per, "message %d of %v", i, w)
		}
	}
	require.Less(t, sends[3999].Sub(noon), 2*time.Hour+5*time.Minute, "4000 need the third hour's beginning, no more")
}

func TestLeft(t *testing.T) {
	require.Equal(t, 20, left(DefaultPace, nil, noon))
	require.Equal(t, 18, left(DefaultPace, sent(-400, -299, -200), noon), "one of three is over")
	require.Zero(t, left(DefaultPace[:1], nil, noon), "there is no large window")
}

func TestBackoff(t *testing.T) {
	require.InDelta(t, time.Second, postBackoff(1, 0.9), float64(200*time.Millisecond), "the first after about a second")
	for n := 1; n < 100; n++ {
		for _, random := range []float64{0, 0.5, 0.999} {
			post, address := postBackoff(n, random), addressBackoff(n, 0.999)
			require.LessOrEqual(t, post, postBackoffMax)
			require.GreaterOrEqual(t, post, postBackoffFirst*4/5)
			require.LessOrEqual(t, address, addressBackoffMax)
			require.Less(t, address, post+1, "after %d failures the neighbours must have their turn before the post that failed", n)
		}
	}
	require.Greater(t, postBackoff(50, 0), 3*time.Minute, "it grows to about five minutes")
}
