package rules

import (
	"slices"
	"time"
)

// Descriptions of alerts that end because nobody looks after them any more.
const (
	ruleGone   = "The rule that raised this was removed or changed, or looks at other series now. It did not end by itself."
	levelGone  = "The rule does not have this level any more. It did not end by itself."
	otherLimit = "The rule has another limit now."
	notWatched = "The rule does not watch for silence any more. Whether there is data is not known."
)

// Reload goes on with other rules. A rule with the ID of an old one keeps its
// series if they are made of the same tags of the same samples (measurement or
// query, and where), with all that is known of them; its levels are found by
// their severity. Alerts of rules and levels that are gone end, and say so.
func (e *Evaluator) Reload(set *Set, now time.Time) {
	e.arrive(now)
	old := e.trackers
	byID := e.byID
	stays := make(map[*tracker]*Rule, len(old))
	for _, group := range set.Groups {
		for _, rule := range group.Rules {
			if r := byID[rule.ID]; r != nil && r.shape == shapeOf(rule) {
				stays[r] = rule
			}
		}
	}
	for _, r := range old {
		switch rule := stays[r]; {
		case rule == nil:
			e.abandon(r)
		case sameMemory(r.rule, rule):
			r.adopt(rule)
			e.relimit(r)
		default:
			e.rebuild(r, rule)
			e.relimit(r)
		}
	}
	e.install(set, func(rule *Rule) *tracker {
		if r := byID[rule.ID]; r != nil && r.rule == rule {
			return r
		}
		return nil
	})
	all := e.deadlines
	e.deadlines = nil
	for _, d := range all { // or they would keep what was forgotten for a day
		if d.one.flags&dead == 0 && d.one.due == d.at {
			e.deadlines.push(d)
		}
	}
}

// sameMemory says whether what is kept for one rule can stay as it is for
// another.
func sameMemory(a, b *Rule) bool {
	sameLevels := slices.EqualFunc(a.Levels, b.Levels, func(x, y Level) bool { return x.Severity == y.Severity })
	sameChart := (a.Chart == nil) == (b.Chart == nil) && (a.Chart == nil || *a.Chart == *b.Chart)
	sameNoData := (a.NoData == nil) == (b.NoData == nil) && (a.NoData == nil || *a.NoData == *b.NoData)
	return sameLevels && sameChart && slices.Equal(a.Needs, b.Needs) && sameNoData &&
		a.For == b.For && a.KeepFiringFor == b.KeepFiringFor
}

// abandon ends all that a rule told, and forgets its series.
func (e *Evaluator) abandon(r *tracker) {
	for one := range r.all() {
		if u := one.unwell; u != nil {
			if u.told != nil {
				e.end(u.told, e.clockOf(one), ruleGone)
			}
			if u.quiet != nil {
				e.end(u.quiet, e.wall(), ruleGone)
			}
		}
		e.drop(one)
	}
	for _, t := range []*told{r.quiet, r.full} {
		if t != nil {
			e.end(t, e.wall(), ruleGone)
		}
	}
	if r.dirty {
		e.dirtyTrackers = slices.DeleteFunc(e.dirtyTrackers, func(d *tracker) bool { return d == r })
	}
	if r.stored {
		e.gone = append(e.gone, Row{Rule: r.rule.ID, Series: ruleRow})
	}
}

// rebuild lets a tracker go on with a rule for which something else is kept:
// every series is taken over as after a restart.
func (e *Evaluator) rebuild(r *tracker, rule *Rule) {
	before := slices.Collect(r.all())
	rows := make([]*keptSeries, len(before))
	for i, one := range before {
		rows[i], _ = decode(e.encode(one)) // what was just written can be read
		if one.unwell != nil {
			for _, t := range []*told{one.unwell.told, one.unwell.quiet} {
				if t != nil {
					e.strike(t)
				}
			}
		}
		one.flags |= dead
		r.directory.remove(one)
	}
	r.series = 0
	r.adopt(rule)
	for i, was := range before {
		one := e.revive(r, rows[i])
		one.heard, one.given, one.poll = was.heard, was.given, was.poll
		one.flags |= was.flags & (stored | restored)
		one.due = 0 // patience may have become shorter than what was planned
		e.plan(one)
		e.soil(one)
	}
	if rule.NoData == nil && r.quiet != nil {
		e.end(r.quiet, e.wall(), notWatched)
		r.quiet = nil
	}
	e.soilTracker(r)
}
