package rules

import "time"

// deadline is when a series is to be looked at, on the evaluator's clock.
type deadline struct {
	at  int64
	one *series
}

// deadlines is a heap of deadlines, the earliest first. Every series has one
// that counts, its due; others stay until their time comes, and do nothing
// then. A sample moves none: that a series is silent is found by looking at it
// now and then, so what that costs does not depend on how often samples come.
type deadlines []deadline

func (h *deadlines) push(d deadline) {
	*h = append(*h, d)
	list, i := *h, len(*h)-1
	for i > 0 {
		parent := (i - 1) / 2
		if list[parent].at <= d.at {
			break
		}
		list[i] = list[parent]
		i = parent
	}
	list[i] = d
}

func (h *deadlines) pop() deadline {
	list := *h
	first, last := list[0], list[len(list)-1]
	list[len(list)-1] = deadline{} // or it would keep the series
	list = list[:len(list)-1]
	*h = list
	i := 0
	for {
		child := 2*i + 1
		if child >= len(list) {
			break
		}
		if child+1 < len(list) && list[child+1].at < list[child].at {
			child++
		}
		if last.at <= list[child].at {
			break
		}
		list[i] = list[child]
		i = child
	}
	if len(list) > 0 {
		list[i] = last
	}
	return first
}

// Tick does what is due by now without a sample: clocks of levels that run
// out, silence, forgetting. It is to be called at Next or soon after.
func (e *Evaluator) Tick(now time.Time) {
	e.arrive(now)
	for len(e.deadlines) > 0 && e.deadlines[0].at <= e.now {
		d := e.deadlines.pop()
		if d.one.due == d.at && d.one.flags&dead == 0 {
			e.check(d.one)
		}
	}
	for _, r := range e.trackers {
		if r.awaited() && e.silence(r, r.emptySince) > r.patience {
			r.quiet = e.beginSilence(r, nil)
			e.soilTracker(r)
		}
		if r.full != nil && e.now-r.refusedAt > r.forget {
			e.end(r.full, e.wall(), "No new series had to be left out for "+inWords(time.Duration(r.forget))+".")
			r.full = nil
			e.soilTracker(r)
		}
	}
}

// Next is when Tick is to be called next; zero: not before something else is.
// Not every time something happens then.
func (e *Evaluator) Next() time.Time {
	var next int64
	earlier := func(at int64) {
		if next == 0 || at < next {
			next = at
		}
	}
	if len(e.deadlines) > 0 {
		earlier(e.deadlines[0].at)
	}
	for _, r := range e.trackers {
		if r.awaited() && r.unasked == 0 {
			earlier(max(r.emptySince, r.heardAgain) + r.patience + 1)
		}
		if r.full != nil {
			earlier(r.refusedAt + r.forget + 1)
		}
	}
	if next == 0 {
		return time.Time{}
	}
	return timeOf(next + e.shift)
}

// awaited says whether the rule waits for its first series.
func (r *tracker) awaited() bool {
	return r.rule.NoData != nil && r.quiet == nil && r.series == 0
}

// check does what is due for a series.
func (e *Evaluator) check(one *series) {
	one.due = 0
	r := one.tracker
	if one.unwell != nil {
		e.run(one, e.now+one.ahead)
	}
	if e.silence(r, one.signOfLife()) > one.patience() {
		if one.flags&silent != 0 || r.rule.NoData == nil {
			e.forget(one)
			return
		}
		one.flags |= silent
		e.unwellOf(one).quiet = e.beginSilence(r, one)
		e.soil(one)
	}
	e.rest(one)
}

// silence is for how long nothing was heard of something that was last heard
// of then. While a rule cannot be asked for, nobody listens.
func (e *Evaluator) silence(r *tracker, heard int64) int64 {
	until := e.now
	if r.unasked != 0 {
		until = r.unasked
	}
	return until - max(heard, r.heardAgain)
}

// Unasked says that a polled rule cannot be asked for: what it told stays as it
// is, and its series are neither silent nor forgotten, until Rows has rows of
// it again.
func (e *Evaluator) Unasked(rule *Rule, now time.Time) {
	e.arrive(now)
	if r := e.byID[rule.ID]; r != nil && r.rule == rule && r.unasked == 0 {
		r.unasked = e.now
	}
}

// patience is how long the series may be silent until something happens.
func (one *series) patience() int64 {
	if one.flags&silent != 0 {
		return one.tracker.forgetSilent
	}
	return one.tracker.patience
}

// signOfLife is since when its patience is tried. What a query goes on to give
// is known to exist, though it is not new: it is silent, but not forgotten.
func (one *series) signOfLife() int64 {
	if one.flags&silent == 0 && one.tracker.rule.NoData != nil {
		return one.heard
	}
	return max(one.heard, one.given)
}

// plan says when a series is to be looked at next, in time for what is due
// strictly after some instant.
func (e *Evaluator) plan(one *series) {
	var next int64
	if one.due == 0 { // otherwise it is looked at early enough for its silence
		patience := one.patience()
		next = max(one.signOfLife(), one.tracker.heardAgain) + patience + 1
		if one.tracker.unasked != 0 {
			next = e.now + patience + 1
		}
		// Until then it will most likely have been heard of again, so it is
		// looked at only roughly then, and not together with all others.
		e.turn++
		step := patience/16 + 1
		if rough := (e.now+patience/2)/step + e.turn%8; rough*step < next {
			next = rough * step
		}
	}
	if u := one.unwell; u != nil {
		var at int64
		if at, u.runs = u.deadline(one.tracker, one.raw); u.runs {
			if at += 1 - one.ahead; next == 0 || at < next {
				next = at
			}
		}
	}
	if next != 0 && (one.due == 0 || next < one.due) {
		one.due = next
		e.deadlines.push(deadline{next, one})
	}
}

// forget drops a series of which nothing was heard for long. What still fires
// ends, and says why: nobody is to read it as all well.
func (e *Evaluator) forget(one *series) {
	if u := one.unwell; u != nil {
		why := "The series stopped: nothing was heard of it for " + inWords(time.Duration(e.now-one.signOfLife()).Round(time.Second)) +
			". Whether what it told is over is not known."
		if u.told != nil {
			e.end(u.told, e.clockOf(one), why)
		}
		if u.quiet != nil {
			e.end(u.quiet, e.wall(), why)
		}
	}
	e.drop(one)
}
