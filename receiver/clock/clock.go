// Package clock is the time by which timers run that are stored as wall time:
// it never jumps by itself, and when the wall clock was set, it and the timers
// move together. Where several processes share the timers, the wall clock is that
// of their database (Measured), and those of their machines do not matter.
package clock

import (
	"sync"
	"sync/atomic"
	"time"
)

// Clock is the wall clock's time when it was made, and from then on as much
// later as a clock says that never jumps. It is safe for concurrent use.
type Clock struct {
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

// New makes a clock of the wall clock and of one that never jumps; nil: the
// system's.
func New(wall func() time.Time, elapsed func() time.Duration) *Clock {
	if wall == nil {
		wall = func() time.Time { return time.Now().Round(0) }
	}
	if elapsed == nil {
		elapsed = sinceNow()
	}
	c := &Clock{wall: wall, elapsed: elapsed}
	c.base.Store(wall().UnixNano() - int64(elapsed()))
	return c
}

// Resume has a clock that was just made go on from where another one has stood
// that the same timers went by, if that is ahead of the wall clock: the wall clock
// was ahead then and has been set back since, which Jump says from now on. One that
// is behind says nothing: it may have stood still for so long, and what has become
// due meanwhile is due. So the clock stays as it is, and also if it is the zero
// time.
func (c *Clock) Resume(last time.Time) {
	if ahead := last.Sub(c.Now()); ahead >= jumpThreshold {
		c.base.Add(int64(ahead))
	}
}

// Now is the time.
func (c *Clock) Now() time.Time { return time.Unix(0, c.base.Load()+int64(c.elapsed())).UTC() }

// Hold is the time, and no timers move until release is called. The holder
// must not hold again.
func (c *Clock) Hold() (now time.Time, release func()) {
	c.working.RLock()
	return c.Now(), c.working.RUnlock
}

// Jump returns by how much the wall clock was set. Small differences are taken
// over without a word: clocks drift, and time servers correct them.
func (c *Clock) Jump() time.Duration {
	difference := c.wall().Round(0).Sub(c.Now())
	if difference.Abs() >= jumpThreshold {
		return difference
	}
	c.base.Add(int64(difference))
	return 0
}

// Move moves the clock after timers have moved by the same time, while nobody
// holds it. If timers fails, the old time goes on.
func (c *Clock) Move(by time.Duration, timers func() error) error {
	c.working.Lock() // whoever works by the old time ends first
	defer c.working.Unlock()
	if err := timers(); err != nil {
		return err
	}
	c.base.Add(int64(by))
	return nil
}
