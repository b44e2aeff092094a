package group

import (
	"slices"
	"strings"
	"time"
)

// Step is one step of an escalation: who is told when an episode fires and
// nobody has acknowledged or silenced it for a while.
type Step struct {
	After   time.Duration `json:"a"`
	Targets []Target      `json:"t"`
	// Every repeats it for as long as that is so; 0: it is told once.
	Every time.Duration `json:"e,omitempty"`
}

// names are the destinations of a step, for people.
func (s Step) names() string {
	names := make([]string, len(s.Targets))
	for i, t := range s.Targets {
		names[i] = t.Destination
	}
	return strings.Join(names, ", ")
}

// Miss says that somebody could not be told of an episode.
type Miss struct {
	Destination string `json:"d"`
	Address     string `json:"a"` // names the miss, with the fallback
	// Who is the person, for people; "": the destination as a whole.
	Who string `json:"w,omitempty"`
	// Why is what a reader is to know, in a few words without a full stop:
	// "has blocked the bot".
	Why string    `json:"y"`
	At  time.Time `json:"t"`
	// Fallback is the destination that was told instead; "": there is none.
	Fallback string `json:"f,omitempty"`
}

// maxMisses is how many misses an episode names; it counts the others.
const maxMisses = 10

// missWait is how long others may still be missed before a fallback that knows
// of some hears of more: a thousand of them are a few edits of its card.
const missWait = 3 * time.Second

// Missed takes note that somebody could not be told, and who is told instead,
// if anybody is. It reports false if that is known.
func Missed(g Group, m Miss, fallbacks []Target, now time.Time) (Group, bool) {
	next := g
	next.notLater(now)
	m.At, m.Fallback = now, ""
	misses := []Miss{m}
	for i, t := range fallbacks {
		m.Fallback = t.Destination
		misses = append(misses[:i], m)
	}
	here := func(o Miss) bool { return o.Address == m.Address }
	known := slices.DeleteFunc(slices.Clone(g.Misses), func(o Miss) bool { return !here(o) })
	if slices.EqualFunc(known, misses, func(a, b Miss) bool { return a.Why == b.Why && a.Fallback == b.Fallback }) {
		return g, false
	}
	switch i := slices.IndexFunc(g.Misses, here); {
	case i >= 0:
		next.Misses = slices.Insert(slices.DeleteFunc(slices.Clone(g.Misses), here), i, misses...)
	case len(g.Misses) >= maxMisses:
		next.MoreMisses++
		next.MoreFor = slices.Clone(g.MoreFor)
	default:
		next.Misses = slices.Concat(g.Misses, misses)
	}
	for _, t := range fallbacks {
		if next.MoreMisses > g.MoreMisses && !slices.Contains(next.MoreFor, t.Destination) {
			next.MoreFor = append(next.MoreFor, t.Destination)
		}
		switch stoodIn := slices.ContainsFunc(g.Misses, func(o Miss) bool { return o.Destination == m.Destination && o.Fallback == t.Destination }); {
		case g.Phase == Over:
		case !stoodIn:
			next.Fallbacks = append(slices.Clone(next.Fallbacks), t)
		default:
			next.recount(t.Destination, now)
		}
	}
	if g.Phase != Over {
		next.DueAt = next.due(now)
	}
	return next, true
}

// Reached takes note that somebody was told after all, at one of the addresses
// that they have or had. It reports false if nobody missed them.
func Reached(g Group, addresses []string, now time.Time) (Group, bool) {
	next := g
	next.notLater(now)
	next.Misses = nil
	var stoodIn []string
	for _, m := range g.Misses {
		if slices.Contains(addresses, m.Address) {
			stoodIn = append(stoodIn, m.Fallback)
		} else {
			next.Misses = append(next.Misses, m)
		}
	}
	switch {
	case len(stoodIn) > 0:
	case g.MoreMisses > 1:
		next.MoreMisses--
		stoodIn = g.MoreFor
	case g.MoreMisses == 1:
		next.MoreMisses, next.MoreFor, stoodIn = 0, nil, g.MoreFor
	default:
		return g, false
	}
	for _, fallback := range stoodIn {
		if fallback == "" || g.Phase == Over {
			continue
		}
		next.recount(fallback, now)
		if !next.standInNeeded(fallback) {
			next.Fallbacks = slices.DeleteFunc(slices.Clone(next.Fallbacks), func(t Target) bool { return t.Destination == fallback })
		}
	}
	next.DueAt = next.due(now)
	return next, true
}

// Readdressed takes note that somebody is told elsewhere from now on. It reports
// false if nobody misses them.
func Readdressed(g Group, from, to string) (Group, bool) {
	if !slices.ContainsFunc(g.Misses, func(m Miss) bool { return m.Address == from }) {
		return g, false
	}
	g.Misses = slices.Clone(g.Misses)
	for i := range g.Misses {
		if g.Misses[i].Address == from {
			g.Misses[i].Address = to
		}
	}
	return g, true
}

// standInNeeded says that somebody is missed in whose place a fallback is told.
func (g *Group) standInNeeded(fallback string) bool {
	return slices.Contains(g.MoreFor, fallback) ||
		slices.ContainsFunc(g.Misses, func(m Miss) bool { return m.Fallback == fallback })
}

// WhyMissed is what is known of why nobody could be told at an address; "":
// nothing is, or nobody is missed there.
func (g *Group) WhyMissed(address string) string {
	for _, m := range g.Misses {
		if m.Address == address {
			return m.Why
		}
	}
	return ""
}

// recount has the card of a fallback say who is missed now, soon.
func (g *Group) recount(fallback string, now time.Time) {
	if !slices.Contains(g.Recount, fallback) {
		g.Recount = append(slices.Clone(g.Recount), fallback)
	}
	if g.RecountAt.IsZero() {
		g.RecountAt = now.Add(missWait)
	}
}

// alone begins to count the steps of the escalation anew: from now on nobody
// takes care of what fires.
func (g *Group) alone(now time.Time) {
	if len(g.Spec.Escalate) > 0 {
		g.Alone, g.Escalated = now, nil
	}
}

// unattended says that something fires, that it was told, and that nobody has
// done anything about it.
func (g *Group) unattended() bool {
	return g.Phase == Open && g.Closed == nil && !g.ToldAt.IsZero() && !g.calm() && g.anyVisible()
}

// stepAt is when a step is to be told next; zero: never again.
func (g *Group) stepAt(i int) time.Time {
	step, told := g.Spec.Escalate[i], time.Time{}
	if i < len(g.Escalated) {
		told = g.Escalated[i]
	}
	switch {
	case told.IsZero():
		return g.Alone.Add(step.After)
	case step.Every > 0:
		return told.Add(step.Every)
	}
	return time.Time{}
}

// escalatesAt is when the next step is to be told; zero: none is.
func (g *Group) escalatesAt() (at time.Time) {
	if g.Alone.IsZero() || !g.unattended() {
		return time.Time{}
	}
	for i := range g.Spec.Escalate {
		if t := g.stepAt(i); !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// standsIn says that somebody is to be told in the place of another now.
func (g *Group) standsIn() bool { return len(g.Fallbacks) > 0 && g.unattended() }

// reachesOut says what is due to others than those who know, if nothing has
// happened to the alerts.
func (g *Group) reachesOut(now time.Time) Change {
	at := g.escalatesAt()
	switch {
	case !at.IsZero() && !at.After(now):
		return Escalated
	case g.standsIn(), !g.RecountAt.IsZero() && !g.RecountAt.After(now) && !g.ToldAt.IsZero():
		return Unreached
	}
	return Nothing
}

// reachesOutAt is when reachesOut has something to say; zero: never.
func (g *Group) reachesOutAt(now time.Time) time.Time {
	if g.ToldAt.IsZero() || g.Phase == Over {
		return time.Time{}
	}
	if g.standsIn() {
		return now
	}
	at := g.escalatesAt()
	if !g.RecountAt.IsZero() && (at.IsZero() || g.RecountAt.Before(at)) {
		at = g.RecountAt
	}
	return at
}

// calling is whom a telling has to reach, whatever it is: those whose step it
// is, and those who stand in for somebody.
type calling struct {
	targets []Target
	// escalated and standIns are the names of those who had not been told
	// before, for the story.
	escalated, standIns string
}

// again: there is nothing new in it but that nobody has taken care yet.
func (c calling) again() bool { return c.escalated == "" && c.standIns == "" }

func (c calling) has(t Target) bool { return slices.Contains(c.targets, t) }

// called says whom to reach at now. They belong to the episode from now on.
func (g *Group) called(now time.Time) (c calling) {
	if at := g.escalatesAt(); !at.IsZero() && !at.After(now) {
		told := make([]time.Time, len(g.Spec.Escalate))
		copy(told, g.Escalated)
		var names []string
		for i, step := range g.Spec.Escalate {
			if at := g.stepAt(i); at.IsZero() || at.After(now) {
				continue
			}
			if told[i].IsZero() {
				names = append(names, step.names())
			}
			told[i] = now
			c.targets = append(c.targets, step.Targets...)
		}
		g.Escalated, c.escalated = told, strings.Join(names, ", ")
	}
	if g.standsIn() {
		c.targets = append(c.targets, g.Fallbacks...)
		c.standIns = Step{Targets: g.Fallbacks}.names()
		g.Fallbacks = nil
	}
	for _, t := range c.targets {
		if !g.Spec.Has(t) {
			g.Spec.Targets = append(slices.Clone(g.Spec.Targets), t)
		}
	}
	return c
}

// Shift moves what the escalation counts from: the wall clock was set by d.
func (g *Group) Shift(d time.Duration) {
	if !g.Alone.IsZero() {
		g.Alone = g.Alone.Add(d)
	}
	g.Escalated = slices.Clone(g.Escalated)
	for i, at := range g.Escalated {
		if !at.IsZero() {
			g.Escalated[i] = at.Add(d)
		}
	}
	if !g.RecountAt.IsZero() {
		g.RecountAt = g.RecountAt.Add(d)
	}
}
