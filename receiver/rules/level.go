package rules

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// unwell is what is known of a series beyond that it is ok.
type unwell struct {
	clocks []levelClock // by rank, the lowest level first
	runs   bool         // a clock runs
	told   *told        // the alert of its levels; nil: none fires
	quiet  *told        // the alert that there is no data; nil: none fires
	// refreshAt is when told's words may follow the samples again, on the
	// evaluator's clock.
	refreshAt int64

	// The newest sample, for alerts that begin without one.
	fields   []sample.Field
	computed []sample.Value // by slot of the rule's needs
}

// levelClock is the life of one level of one series, as Prometheus would lead
// it for an alert with the condition "at this level or higher": pending until
// `for` is over, and kept for keep_firing_for.
type levelClock struct {
	on bool // confirmed, and not given up yet
	// from is when the level was reached, if it is not on yet; when it was
	// left, if it is still on. Otherwise it means nothing.
	from int64
}

// decide says which level a sample puts a series at that was at cur; known is
// false if that depends on a condition that the sample cannot decide.
//
// It is Kapacitor's way: up to the highest level that applies; down only if
// the current level's clear lets go, and then not further than to the first
// level that still applies.
func (r *tracker) decide(s *sample.Sample, computed []sample.Value, cur uint16) (level uint16, known bool) {
	top := uint16(len(r.rule.Levels))
	for rank := top; rank > cur; rank-- {
		switch r.level(rank).When.Eval(s, computed) {
		case condition.True:
			return rank, true
		case condition.Unknown:
			return cur, false
		}
	}
	if cur == 0 {
		return 0, true
	}
	clear := condition.True
	if c := r.level(cur).Clear; c != nil {
		clear = c.Eval(s, computed)
	}
	if clear == condition.False {
		return cur, true
	}
	for rank := cur; rank > 0; rank-- {
		switch r.level(rank).When.Eval(s, computed) {
		case condition.True:
			// An unknown clear makes no difference where the level applies
			// anyway.
			return rank, clear == condition.True || rank == cur
		case condition.Unknown:
			return cur, false
		}
	}
	return 0, clear == condition.True
}

// level is the level of a rank from 1, the lowest, to the number of levels.
func (r *tracker) level(rank uint16) *Level {
	return &r.rule.Levels[len(r.rule.Levels)-int(rank)]
}

// reach says that the series is at another level from a time on.
func (u *unwell) reach(r *tracker, from, to uint16, at int64) {
	for i := range u.clocks {
		c, rank := &u.clocks[i], uint16(i+1)
		was, is := from >= rank, to >= rank
		if was == is {
			continue
		}
		c.from = at
		if is && r.hold == 0 {
			c.on = true
		}
		if !is && r.keep == 0 {
			c.on = false
		}
	}
}

// deadline is when the next clock runs out, on the series' clock: strictly
// after that instant.
func (u *unwell) deadline(r *tracker, raw uint16) (at int64, ok bool) {
	for i := range u.clocks {
		due, runs := u.clocks[i].due(r, raw > uint16(i))
		if runs && (!ok || due < at) {
			at, ok = due, true
		}
	}
	return at, ok
}

// runs says whether the level is on its way to be confirmed, or kept though it
// was left.
func (c *levelClock) runs(reached bool) bool { return reached != c.on }

func (c *levelClock) due(r *tracker, reached bool) (at int64, runs bool) {
	if reached {
		return c.from + r.hold, c.runs(reached)
	}
	return c.from + r.keep, c.runs(reached)
}

// pass lets the clocks that are due at a time run out.
func (u *unwell) pass(r *tracker, raw uint16, at int64) {
	for i := range u.clocks {
		c := &u.clocks[i]
		if due, runs := c.due(r, raw > uint16(i)); runs && due == at {
			c.on = !c.on
		}
	}
}

// highest is the highest level that is on, by rank: what should be told.
func (u *unwell) highest() uint16 {
	for i := len(u.clocks) - 1; i >= 0; i-- {
		if u.clocks[i].on {
			return uint16(i + 1)
		}
	}
	return 0
}

// take remembers the newest sample.
func (u *unwell) take(r *tracker, s *sample.Sample, computed []sample.Value) {
	u.fields = append(u.fields[:0], s.Fields...)
	if text := s.Tag(valueColumn); text != "" && r.polled {
		u.fields = append(u.fields, sample.Field{Key: valueColumn, Value: sample.Str(text)})
	}
	u.computed = append(u.computed[:0], computed...)
}

// settle takes note of what a sample says of a series that is, was or becomes
// unwell, from a time on. The clocks run up to that time first, so what is
// decided does not depend on when a Tick came.
func (e *Evaluator) settle(one *series, rank uint16, at int64, s *sample.Sample, computed []sample.Value) {
	u := e.unwellOf(one)
	if rank == one.raw && !u.runs && u.told != nil && e.now < u.refreshAt {
		return // as it was
	}
	e.run(one, at)
	if rank != one.raw {
		u.reach(one.tracker, one.raw, rank, at)
		one.raw = rank
		e.soil(one)
	}
	u.take(one.tracker, s, computed)
	e.tell(one, at)
	e.refresh(one)
	e.rest(one)
}

func (e *Evaluator) unwellOf(one *series) *unwell {
	if one.unwell == nil {
		one.unwell = &unwell{clocks: make([]levelClock, len(one.tracker.rule.Levels))}
	}
	return one.unwell
}

// run lets the clocks of a series run up to a time, each at its own.
func (e *Evaluator) run(one *series, to int64) {
	u, r := one.unwell, one.tracker
	for {
		at, ok := u.deadline(r, one.raw)
		if !ok || at >= to {
			return
		}
		u.pass(r, one.raw, at)
		e.soil(one)
		e.tell(one, at)
	}
}

// rest plans when the series is looked at next, and lets go of what is not
// needed by one that is ok.
func (e *Evaluator) rest(one *series) {
	e.plan(one)
	if u := one.unwell; u != nil && !u.runs && one.raw == 0 && u.told == nil && u.quiet == nil {
		one.unwell = nil
		e.soil(one)
	}
}

// tell makes the alert of a series' levels what it should be.
func (e *Evaluator) tell(one *series, at int64) {
	u := one.unwell
	should, does := u.highest(), uint16(0)
	if u.told != nil {
		does = u.told.rank
	}
	if should == does {
		return
	}
	if u.told != nil {
		e.end(u.told, timeOf(at), "")
		u.told = nil
	}
	if should != 0 {
		u.told = e.begin(one, should, at)
	}
	e.soil(one)
}

// timeOf is an instant in nanoseconds since 1970 as a time.
func timeOf(at int64) time.Time { return time.Unix(0, at).UTC() }
