package rules

import "time"

// deadline is when something is to be looked at, on the evaluator's clock.
type deadline struct {
	at  int64
	one *series
}

// deadlines is a heap of deadlines, the earliest first. Those that hold no
// more stay in it until their time comes, and do nothing then.
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
		one := d.one
		if one.due != d.at || one.flags&dead != 0 {
			continue
		}
		if one.due = 0; one.unwell == nil {
			continue
		}
		e.run(one, e.now+one.ahead)
		e.rest(one)
	}
	for _, r := range e.trackers {
		e.listen(r)
	}
}

// Next is when Tick is to be called next; zero: not before something else is.
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
		if first := r.heard.first; first != nil {
			earlier(first.heard + r.patience + 1)
		}
		if first := r.silent.first; first != nil {
			earlier(first.heard + r.forgetSilent + 1)
		}
		if r.awaited() {
			earlier(r.emptySince + r.patience + 1)
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
	return r.rule.NoData != nil && r.quiet == nil && len(r.series) == 0
}

// listen does what is due because nothing came.
func (e *Evaluator) listen(r *tracker) {
	for one := r.heard.first; one != nil && e.now-one.heard > r.patience; one = r.heard.first {
		if r.rule.NoData == nil {
			e.forget(one)
			continue
		}
		r.heard.remove(one)
		r.silent.add(one)
		one.flags |= silent
		e.unwellOf(one).quiet = e.beginSilence(r, one)
		e.soil(one)
	}
	for one := r.silent.first; one != nil && e.now-one.heard > r.forgetSilent; one = r.silent.first {
		e.forget(one)
	}
	if r.awaited() && e.now-r.emptySince > r.patience {
		r.quiet = e.beginSilence(r, nil)
		e.soilTracker(r)
	}
	if r.full != nil && e.now-r.refusedAt > r.forget {
		e.end(r.full, e.wall(), "")
		r.full = nil
		e.soilTracker(r)
	}
}

// forget drops a series of which nothing was heard for long. What still fires
// ends, and says why: nobody is to read it as all well.
func (e *Evaluator) forget(one *series) {
	if u := one.unwell; u != nil {
		e.run(one, e.now+one.ahead)
		why := "The series stopped: nothing was heard of it for " + inWords(time.Duration(e.now-one.heard).Round(time.Second)) +
			". Whether what it told is over is not known."
		if u.told != nil {
			e.end(u.told, timeOf(e.now+one.ahead), why)
		}
		if u.quiet != nil {
			e.end(u.quiet, e.wall(), why)
		}
	}
	e.drop(one)
}
