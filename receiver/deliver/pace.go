package deliver

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Window is a limit on the messages to one address: at most N in any Per.
type Window struct {
	N   int
	Per time.Duration
}

// DefaultPace is that of a Workflows webhook: Teams throttles at more than 4
// requests in a second, and a flow's Teams connection takes about 25 posts in
// 300 s, of which we use 20 (teams-platform §1.4).
var DefaultPace = []Window{{N: 4, Per: time.Second}, {N: 20, Per: 300 * time.Second}}

const (
	// maxWindowN and maxWindowPer keep a typing error from filling memory
	// with send times. The largest that Teams has is 1800 an hour.
	maxWindowN   = 10_000
	maxWindowPer = 24 * time.Hour
	// reserveFrom is the length from which a window keeps a reserve. In
	// shorter ones waiting for a slot takes seconds, and nobody is late.
	reserveFrom = 30 * time.Second
	// slack is added to every window: timers and clocks are not exact.
	slack = 10 * time.Millisecond
)

// ParsePace reads windows as the configuration writes them: "4/1s", "20/5m".
// None is not an error: the caller's default holds.
func ParsePace(texts []string) ([]Window, error) {
	var windows []Window
	for _, text := range texts {
		n, per, found := strings.Cut(text, "/")
		count, errCount := strconv.Atoi(strings.TrimSpace(n))
		length, errLength := time.ParseDuration(strings.TrimSpace(per))
		switch {
		case !found || errCount != nil || errLength != nil:
			return nil, fmt.Errorf("pace %q is not messages/duration; write it like 4/1s or 20/5m", text)
		case count < 1 || count > maxWindowN:
			return nil, fmt.Errorf("pace %q allows %d messages; use 1 to %d", text, count, maxWindowN)
		case length < time.Millisecond || length > maxWindowPer:
			return nil, fmt.Errorf("pace %q is over %s; use 1ms to %s", text, length, maxWindowPer)
		}
		windows = append(windows, Window{N: count, Per: length})
	}
	return windows, nil
}

// share says how much of the large windows a message may use. A third is kept
// back from ordinary messages, and the last slot from digests, so that in and
// after a storm there is room for digests and for what is critical: with the
// default pace six messages in five minutes. A quarter would leave one digest
// less than it takes to tell everything within two minutes when two criticals
// come in between (TestAStormThatGoesOn).
type share int

// Cards that a digest has told, and that only have to become true, get a third
// at most: there may be thousands, and what is news must not find the windows
// full of them.
const (
	shareStale share = iota
	shareOrdinary
	shareDigest
	shareCritical
)

func (w Window) limit(s share) int {
	if w.Per < reserveFrom {
		return w.N
	}
	reserve := w.N / 3
	switch {
	case s == shareStale:
		return max(reserve, 1)
	case s == shareOrdinary:
		return w.N - reserve
	case s == shareDigest && reserve > 0:
		return w.N - 1
	}
	return w.N
}

// nextSend is the earliest time, not before now, at which every window has
// room for one more message after those sent at the given times (oldest first).
func nextSend(windows []Window, sends []time.Time, now time.Time, s share) time.Time {
	at := now
	for _, w := range windows {
		if limit := w.limit(s); len(sends) >= limit {
			if free := sends[len(sends)-limit].Add(w.Per + slack); free.After(at) {
				at = free
			}
		}
	}
	return at
}

// room is how many messages could be sent from now until the given time; it
// stops counting at most.
func room(windows []Window, sends []time.Time, now, until time.Time, s share, most int) int {
	for n := 0; n < most; n++ {
		now = nextSend(windows, sends, now, s)
		if now.After(until) {
			return n
		}
		if n == 0 { // what is simulated goes into a copy
			sends = append(make([]time.Time, 0, len(sends)+most), sends...)
		}
		sends = append(sends, now)
	}
	return most
}

// left is how many messages, critical or not, the large windows still take at
// now; 0 when there is no large window.
func left(windows []Window, sends []time.Time, now time.Time) int {
	least := -1
	for _, w := range windows {
		if w.Per < reserveFrom {
			continue
		}
		free := w.limit(shareCritical)
		for i := len(sends) - 1; i >= 0 && sends[i].Add(w.Per+slack).After(now); i-- {
			free--
		}
		if free = max(free, 0); least < 0 || free < least {
			least = free
		}
	}
	return max(least, 0)
}

const (
	// lastSlots of a large window are not spent as soon as something critical
	// comes, or what comes after it would wait for the window's end.
	lastSlots = 2
	// lastGap is how far apart they are spent, where that is enough to last:
	// so nothing critical is late (lateAfter).
	lastGap = 100 * time.Second
)

// spread is the earliest time for one of the last slots: each waits until
// those after it, lastGap apart, last until the window gives one back. In
// windows too long for that they are spread evenly. Zero while more are left.
func spread(windows []Window, sends []time.Time, now time.Time) time.Time {
	var at time.Time
	for _, w := range windows {
		if w.Per < reserveFrom {
			continue
		}
		free := left([]Window{w}, sends, now)
		if used := w.N - free; free == 0 || free > lastSlots || used == 0 {
			continue
		}
		relief := sends[len(sends)-(w.N-free)].Add(w.Per + slack)
		gap := max(lastGap, relief.Sub(sends[len(sends)-1])/time.Duration(free+1))
		if from := relief.Add(-gap * time.Duration(free)); from.After(at) {
			at = from
		}
	}
	return at
}

// longest is the length of the longest window: sends before that are over.
func longest(windows []Window) time.Duration {
	var per time.Duration
	for _, w := range windows {
		per = max(per, w.Per)
	}
	return per + slack
}
