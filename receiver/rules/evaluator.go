package rules

import (
	"fmt"
	"math"

	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

const (
	// tolerance is how far a sample may be ahead of our clock, and, where
	// several sources feed a series, how far one may be behind the others.
	tolerance = int64(time.Minute)
	// forgetAfter is how long a series may be silent until it is forgotten,
	// forgetSilentAfter if its silence was told.
	forgetAfter       = time.Hour
	forgetSilentAfter = 24 * time.Hour
	// earliest is the first second that a sample can be of, in 2000.
	earliest = int64(946_684_800)
	// farthest is the latest time that is reckoned with, in 2096, and longest
	// the longest duration, 15 years: sums of them do not overflow.
	farthest = int64(4e18)
	longest  = time.Duration(5e17)
	// grace is how much longer it is kept than anything of it lasts.
	grace = 5 * time.Minute
	// jumpsKept is how many jumps of the clock are remembered for series that
	// have not been heard of since.
	jumpsKept = 16
)

// Evaluator keeps what is known of every series of a Set of rules and decides
// which alerts fire. Time is passed in and never read; it does no I/O, and is
// not safe for concurrent use.
type Evaluator struct {
	trackers      []*tracker // in the order of the files
	byID          map[string]*tracker
	directories   map[string]*directory // by what belongs together
	byMeasurement map[string][]*directory

	// now is the latest time that was passed in, in nanoseconds, minus shift:
	// it never goes back and does not jump when the clock is set.
	now   int64
	shift int64
	jumps []jump // the oldest first

	deadlines deadlines
	turn      int64 // spreads what is not due exactly
	firing    []*told
	alike     map[alert.Fingerprint]int // how many of firing have these labels
	sayings   uint64                    // how often an alert was told
	changes   []alert.Alert

	dirty         []*series
	dirtyTrackers []*tracker
	gone          []Row

	key    []byte
	values []sample.Value
}

// tracker is one rule with all its series.
type tracker struct {
	rule   *Rule
	shape  uint64
	polled bool
	limit  int

	directory *directory
	series    int // how many there are

	lookups    []lookup // by slot of the rule's needs
	remembered []string
	windows    []windowKey
	mentioned  []string
	limits     *alert.Chart // without points; nil: the rule compares with no number

	hold, keep int64 // the rule's for and keep_firing_for
	// patience is how long a series may be silent until something happens,
	// forget and forgetSilent until it is forgotten.
	patience, forget, forgetSilent int64

	emptySince int64 // since when there is no series, on the evaluator's clock
	// unasked is since when a polled rule cannot be asked for, 0 while it can;
	// heardAgain is when it could be again. Silence meanwhile means nothing.
	unasked, heardAgain int64
	quiet               *told // the alert that there is no series; nil: none fires
	full                *told // the alert that there are too many; nil: none fires
	refusedAt           int64

	poll     uint16
	seen     int64 // the newest row of all series
	seenThen int64 // the same at the restart; series of which nothing was stored go on after it
	dirty    bool  // in the list of what is to be stored
	stored   bool  // the store has a row of it

	late, unusable, overLimit uint64
	verdict                   Verdict
	verdictAt                 time.Time
}

// NewEvaluator makes an Evaluator that knows no series yet.
func NewEvaluator(set *Set, now time.Time) *Evaluator {
	e := &Evaluator{now: now.UnixNano(), alike: map[alert.Fingerprint]int{}}
	e.install(set, func(*Rule) *tracker { return nil })
	return e
}

// install takes the rules of a set; known returns the tracker of a rule that goes
// on, nil for a new one.
func (e *Evaluator) install(set *Set, known func(*Rule) *tracker) {
	before := e.directories
	e.trackers, e.byID = nil, map[string]*tracker{}
	e.directories, e.byMeasurement = map[string]*directory{}, map[string][]*directory{}
	for _, group := range set.Groups {
		for _, rule := range group.Rules {
			r := known(rule)
			if r == nil {
				r = newTracker(rule, e.now)
			}
			e.trackers = append(e.trackers, r)
			e.byID[rule.ID] = r
			e.file(r, before)
		}
	}
}

// file puts a tracker into the directory of its series: the one it was in, if
// there was one.
func (e *Evaluator) file(r *tracker, before map[string]*directory) {
	name := fmt.Sprintf("%q %t %q", r.rule.Measurement, r.rule.By == nil, r.rule.By)
	if r.polled {
		name += r.rule.ID
	}
	d := e.directories[name]
	if d == nil {
		d = &directory{by: r.rule.By, polled: r.polled, places: map[string]*place{}}
		if was := before[name]; was != nil {
			d.places = was.places
		}
		e.directories[name] = d
		if !r.polled {
			e.byMeasurement[r.rule.Measurement] = append(e.byMeasurement[r.rule.Measurement], d)
		}
	}
	d.trackers = append(d.trackers, r)
	r.directory = d
}

func newTracker(rule *Rule, now int64) *tracker {
	r := &tracker{emptySince: now, seen: math.MinInt64, seenThen: math.MinInt64}
	r.adopt(rule)
	return r
}

// adopt makes the tracker one of that rule.
func (r *tracker) adopt(rule *Rule) {
	r.rule, r.shape, r.polled, r.limit = rule, shapeOf(rule), rule.Measurement == "", rule.SeriesLimit
	if r.limit <= 0 {
		r.limit = DefaultSeriesLimit
	}
	r.lookups, r.remembered, r.windows = nil, nil, nil
	r.plan()
	r.mentioned, r.limits = rule.Mentions(), limits(rule)

	r.hold, r.keep = int64(min(rule.For, longest)), int64(min(rule.KeepFiringFor, longest))
	lasts := r.hold + r.keep
	for _, need := range rule.Needs {
		lasts = max(lasts, int64(min(need.Window, longest)))
	}
	if r.polled { // one poll may fail
		lasts = max(lasts, 2*int64(min(rule.Group.Interval, longest)))
	}
	r.forget = max(int64(forgetAfter), lasts+int64(grace))
	r.forgetSilent = max(int64(forgetSilentAfter), lasts+int64(grace))
	r.patience = r.forget
	if rule.NoData != nil {
		r.patience = int64(min(rule.NoData.After, longest))
		r.forgetSilent = max(r.forgetSilent, r.patience+int64(forgetAfter))
	}
}

// arrive takes note of what time it is. A clock that goes back without Shift
// stands still for us.
func (e *Evaluator) arrive(now time.Time) { e.now = max(e.now, now.UnixNano()-e.shift) }

// wall is what the clock shows now.
func (e *Evaluator) wall() time.Time { return timeOf(e.now + e.shift) }

// Metric evaluates a metric with every rule of its measurement.
func (e *Evaluator) Metric(s *sample.Sample, now time.Time) {
	directories := e.byMeasurement[s.Measurement]
	if len(directories) == 0 {
		return
	}
	e.arrive(now)
	at := e.instant(s.Time)
	for _, d := range directories {
		e.spread(d, s, at)
	}
}

// spread evaluates a sample with all rules of a directory, and returns what
// became of it with the last one.
func (e *Evaluator) spread(d *directory, s *sample.Sample, at int64) (became use) {
	var p *place
	found, merged := false, false
	for _, r := range d.trackers {
		if r.rule.Where != nil && r.rule.Where.Eval(s, nil) != condition.True {
			became = passed
			continue
		}
		if !found { // once for all rules: it takes longer than to evaluate one
			e.key, merged = d.appendKey(e.key[:0], s)
			p, found = d.places[string(e.key)], true
		}
		if one := p.of(r); one != nil {
			became = e.observe(one, s, at, merged)
		} else if r.polled && at <= r.seenThen {
			became = seen
		} else {
			became = e.meet(r, s, at)
			found = p != nil
		}
	}
	return became
}

// instant is a time in nanoseconds since 1970. None is now, and so is one from
// before 2000: a time whose unit was taken for another. What does not fit is
// as near as it can be.
func (e *Evaluator) instant(t time.Time) int64 {
	switch sec := t.Unix(); {
	case sec < earliest: // the zero time too
		return e.now + e.shift
	case sec > farthest/int64(time.Second):
		return farthest
	}
	return t.UnixNano()
}

// use is what became of a sample.
type use uint8

const (
	used     use = iota
	passed       // not what the rule looks at
	seen         // a row that an earlier poll gave
	late         // older than what was seen
	unusable     // the rule's conditions cannot decide by it
	refused      // the rule has no room for another series
)

// observe evaluates a sample of a series that is known.
func (e *Evaluator) observe(one *series, s *sample.Sample, at int64, merged bool) use {
	r := one.tracker
	at = e.date(one, at)
	if r.polled {
		if at < one.newest || at == one.newest && one.poll != r.poll {
			return e.again(one, at)
		}
	} else if at < one.newest {
		if !merged || one.newest-at > tolerance {
			r.late++
			return late
		}
		at = one.newest
	}
	computed, fed, changed := e.look(r, one.memory, s, at)
	level, known := r.decide(s, computed, one.raw)
	if !known && !(fed && r.filling(s, computed, one.raw)) {
		r.unusable++
		if fed { // what looks back remembers it all the same
			e.take(one, at)
			if changed {
				e.soil(one)
			}
			e.conclude(one, s, nil, 0, false)
		} else {
			one.draw(s, at)
		}
		return unusable
	}
	e.hear(one, at)
	if changed {
		e.soil(one)
	}
	e.conclude(one, s, computed, level, known)
	return used
}

// again says what became of a row that an earlier poll gave.
func (e *Evaluator) again(one *series, at int64) use {
	if m := one.memory; m != nil && at > m.usable { // it is as unusable as it was
		one.tracker.unusable++
		return unusable
	}
	if at == one.newest {
		one.given = e.now
	}
	return seen
}

// meet evaluates a sample of a series that is not known; its key is e.key. One
// by which nothing can be decided does not make it known.
func (e *Evaluator) meet(r *tracker, s *sample.Sample, at int64) use {
	if at > e.now+e.shift+tolerance {
		at = e.now + e.shift
	}
	m := r.newMemory()
	computed, fed, changed := e.look(r, m, s, at)
	level, known := r.decide(s, computed, 0)
	if !known && !(fed && r.filling(s, computed, 0)) {
		r.unusable++
		return unusable
	}
	if r.series >= r.limit {
		e.limit(r)
		return refused
	}
	one := &series{tracker: r, memory: m}
	e.enter(one, e.key)
	e.hear(one, at)
	e.plan(one)
	if changed || r.rule.NoData != nil {
		e.soil(one)
	}
	e.conclude(one, s, computed, level, known)
	return used
}

// enter puts a series among those that are known.
func (e *Evaluator) enter(one *series, key []byte) {
	r := one.tracker
	r.directory.add(key, one)
	r.series++
	one.heard = e.now
	if r.quiet != nil {
		e.end(r.quiet, e.wall(), dataAgain)
		r.quiet = nil
		e.soilTracker(r)
	}
}

// date is what time a sample counts as. One that is ahead of our clock comes
// from a clock that is wrong: it counts as of now, or as of the series' own
// clock where that is further.
func (e *Evaluator) date(one *series, at int64) int64 {
	if n := len(e.jumps); n > 0 && one.heard < e.jumps[n-1].at {
		e.follow(one, at)
	}
	wall := e.now + e.shift
	if at <= wall+tolerance {
		return at
	}
	return max(min(at, max(wall, e.now+one.ahead)), one.newest)
}

// look computes what the rule's conditions need beyond the sample, and puts it
// into the series' memory: fed says that it had something to put there, changed
// that what was there must be stored.
func (e *Evaluator) look(r *tracker, m *memory, s *sample.Sample, at int64) (computed []sample.Value, fed, changed bool) {
	if len(r.lookups) == 0 {
		return nil, false, false
	}
	for len(e.values) < len(r.lookups) {
		e.values = append(e.values, sample.Value{})
	}
	computed = e.values[:len(r.lookups)]
	fed, changed = m.look(r, s, at, computed)
	return computed, fed, changed
}

// take takes note of what time it is for a series, by a sample of it.
func (e *Evaluator) take(one *series, at int64) {
	one.newest, one.ahead, one.poll = at, at-e.now, one.tracker.poll
	one.flags |= moved
}

// hear takes note that a usable sample of a series came.
func (e *Evaluator) hear(one *series, at int64) {
	r := one.tracker
	e.take(one, at)
	one.heard = e.now
	one.flags &^= restored
	if one.memory != nil {
		one.memory.usable = at
	}
	if one.flags&silent != 0 {
		one.flags &^= silent
		e.end(one.unwell.quiet, e.wall(), dataAgain)
		one.unwell.quiet = nil
		one.due = 0 // it was not to be looked at for a day
		e.rest(one)
		e.soil(one)
	}
	if r.polled && at > r.seen {
		r.seen = at
		e.soilTracker(r)
	}
}

// conclude takes note of what a sample says.
func (e *Evaluator) conclude(one *series, s *sample.Sample, computed []sample.Value, level uint16, known bool) {
	if m := one.memory; m != nil && m.chart != nil {
		if v, ok := s.Field(one.tracker.rule.Chart.Field).Number(); ok {
			m.chart.add(one.newest, v)
		}
	}
	if known && (level != 0 || one.unwell != nil) {
		e.settle(one, level, one.newest, s, computed)
	} else if one.unwell != nil { // the sample says nothing, but that it is that late
		e.run(one, one.newest)
		e.rest(one)
	}
}

// Changes are the alerts that began to fire, changed or were resolved since
// the last call, in the order in which that was decided.
func (e *Evaluator) Changes() []alert.Alert {
	changes := e.changes
	e.changes = nil
	return changes
}

// Firing calls fn for every alert that fires. Of those whose labels are alike
// it gives the one that Changes gave last: to everyone else they are one.
func (e *Evaluator) Firing(fn func(alert.Alert)) {
	latest := map[alert.Fingerprint]*told{} // of those that are alike
	for _, t := range e.firing {
		if fp := t.alert.Fingerprint; e.alike[fp] > 1 && (latest[fp] == nil || latest[fp].said < t.said) {
			latest[fp] = t
		}
	}
	for _, t := range e.firing {
		if one := latest[t.alert.Fingerprint]; one == nil || one == t {
			fn(t.alert)
		}
	}
}

func abs(n int64) int64 { return max(n, -n) }
