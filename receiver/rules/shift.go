package rules

import (
	"slices"
	"time"
)

// jump is that the clock was set.
type jump struct{ at, by int64 }

// Shift says that the clock was set by that much: what is running goes on as
// if nothing had happened.
func (e *Evaluator) Shift(d time.Duration) {
	if d == 0 {
		return
	}
	e.shift += int64(d)
	e.now++ // so that what was heard before the jump can be told from after it
	if len(e.jumps) == jumpsKept {
		e.jumps = slices.Delete(e.jumps, 0, 1)
	}
	e.jumps = append(e.jumps, jump{e.now, int64(d)})
	for _, r := range e.trackers {
		for one := range r.all() {
			if one.unwell != nil { // its row says how its clock goes beside ours
				e.soil(one)
			}
		}
	}
}

// follow lets the clock of a series, which was not heard of since ours was
// set, be set too, if its next sample says so: the source's clock is ours, or
// was set with it.
func (e *Evaluator) follow(one *series, at int64) {
	by := int64(0)
	for _, j := range e.jumps {
		if one.heard < j.at {
			by += j.by
		}
	}
	expected := e.now + one.ahead
	if abs(at-expected-by) >= abs(at-expected) {
		return
	}
	one.newest += by
	one.ahead += by
	if one.memory != nil {
		one.memory.shift(by)
	}
	if u := one.unwell; u != nil {
		for i := range u.clocks {
			if c := &u.clocks[i]; c.runs(one.raw > uint16(i)) {
				c.from += by
			}
		}
		if u.told != nil {
			u.told.alert.StartsAt = u.told.alert.StartsAt.Add(time.Duration(by))
			e.say(u.told)
		}
	}
	e.soil(one)
}
