package clock

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Measured is a clock that somebody else has, such as a database: what it said
// when it was asked, and from then on as much later as a clock says that never
// jumps. It is safe for concurrent use.
//
// Nobody knows when on its way an answer was right, only that it was between the
// question and the answer. Each one narrows what the time can be, so that of many
// the fastest counts: two processes that ask the same clock agree within a few
// milliseconds, however busy they are at times.
type Measured struct {
	elapsed func() time.Duration
	base    atomic.Int64 // what it said, or would have, when elapsed was 0, in nanoseconds since 1970

	mu       sync.Mutex
	from, to int64 // what base can be
	at       time.Duration
	measured bool
}

// drift is by which part two clocks drift apart at most: quartz has 0.01 %, and
// a clock that is being corrected 0.05 % more (adjtime in Linux).
const drift = 1000

// slowAnswer is how long an answer may take that says what the time is.
const slowAnswer = time.Second

// ErrSlow says that an answer took too long to tell the time by it.
var ErrSlow = errors.New("the answer took too long to tell the time by it")

// NewMeasured makes a Measured that says 1970 until it is measured. elapsed never
// jumps; nil: the system's.
func NewMeasured(elapsed func() time.Duration) *Measured {
	if elapsed == nil {
		elapsed = sinceNow()
	}
	return &Measured{elapsed: elapsed}
}

// sinceNow is a clock that never jumps and begins at 0.
func sinceNow() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

// Measure asks the other clock. After an error it goes on as before.
func (m *Measured) Measure(ask func() (time.Time, error)) error {
	before := m.elapsed()
	said, err := ask()
	took := m.elapsed() - before
	switch {
	case err != nil:
		return err
	case took > slowAnswer:
		return ErrSlow
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	after := before + took
	from, to := said.UnixNano()-int64(after), said.UnixNano()-int64(before)
	if m.measured {
		apart := int64((after - m.at) / drift)
		narrowFrom, narrowTo := max(from, m.from-apart), min(to, m.to+apart)
		if narrowFrom <= narrowTo { // else it was set
			from, to = narrowFrom, narrowTo
		}
	}
	m.from, m.to, m.at, m.measured = from, to, after, true
	m.base.Store(from + (to-from)/2)
	return nil
}

// Now is the time by the other clock.
func (m *Measured) Now() time.Time { return time.Unix(0, m.base.Load()+int64(m.elapsed())).UTC() }
