package engine

import (
	"sync"
	"sync/atomic"
	"time"
)

// clock is the engine's time: the wall clock's when the engine started, and
// from then on as much later as a clock says that never jumps. The timers in
// the store are wall time; should the wall clock be set, they and this clock
// move together, in one step (rebase).
type clock struct {
	wall    func() time.Time
	elapsed func() time.Duration

	// base is what the wall clock said, or would have, when elapsed was 0, in
	// nanoseconds since 1970.
	base atomic.Int64
	// working is held for reading by whoever stores what follows from a time.
	working sync.RWMutex
}

// jumpThreshold is how far the wall clock may be set before timers move with
// it. Less than that is neither a burst nor a silence that anybody would
// notice.
const jumpThreshold = 5 * time.Second

func newClock(wall func() time.Time, elapsed func() time.Duration) *clock {
	c := &clock{wall: wall, elapsed: elapsed}
	c.base.Store(wall().UnixNano() - int64(elapsed()))
	return c
}

// now is the engine's time.
func (c *clock) now() time.Time { return time.Unix(0, c.base.Load()+int64(c.elapsed())).UTC() }

// hold is the engine's time, and no timers move until release is called. The
// holder must not hold again.
func (c *clock) hold() (now time.Time, release func()) {
	c.working.RLock()
	return c.now(), c.working.RUnlock
}

// jump returns by how much the wall clock was set. Small differences are taken
// over without a word: clocks drift, and time servers correct them.
func (c *clock) jump() time.Duration {
	difference := c.wall().Round(0).Sub(c.now())
	if difference.Abs() >= jumpThreshold {
		return difference
	}
	c.move(difference)
	return 0
}

func (c *clock) move(by time.Duration) { c.base.Add(int64(by)) }
