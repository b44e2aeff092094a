package group

import (
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// Tick says that time has passed, and what only others know about this moment.
type Tick struct {
	// Muted: the route's time intervals let nothing through now.
	Muted bool
	// Inhibited says whether another alert makes this one not worth telling.
	// nil: none does. Not asked for Ready groups.
	Inhibited func(*alert.Alert) bool
	// Silenced says what keeps an alert quiet, if anything does. nil: nothing.
	Silenced func(*Member) (Silence, bool)
}

// Limits on what an episode remembers, so that one that goes on for weeks
// stays small.
const (
	maxHistory  = 50
	maxResolved = 200 // resolved alerts that were told
)

// muteCheck is how long a Ready group, which has no group_interval, waits
// before it asks again whether its route is still muted.
const muteCheck = time.Minute

// Advance tells what is due at now. The group comes back unchanged, with
// nothing due, when its time has not come.
func Advance(g Group, t Tick, now time.Time) (Group, []Due) {
	if g.DueAt.IsZero() || now.Before(g.DueAt) {
		return g, nil
	}
	next := g
	next.Alerts = slices.Clone(g.Alerts)
	next.notLater(now)
	next.expire(now)
	next.inhibit(t.Inhibited)
	next.hush(t.Silenced)
	change, count := next.change()
	if change == Nothing && next.reminderDue(now) {
		change, count = Reminds, 0
	}
	if change == Nothing {
		change = next.reachesOut(now)
	}
	switch {
	case change != Nothing && next.Phase == Over && next.ToldAt.IsZero() && (t.Muted || next.wasSilenced(t.Silenced)):
		// Nobody ever knew, and the route or a silence did not want them to.
		next.DueAt = time.Time{}
		return next, nil
	case change != Nothing && next.Silence != nil && next.ToldAt.IsZero():
		next.DueAt = next.Silence.Until // nobody is to know before
		return next, nil
	case change != Nothing && t.Muted && !(next.Here && (change == next.Deed || next.Closed != nil)):
		next.DueAt = next.check(now)
		return next, nil
	case change == Nothing:
		next.DueAt = next.due(now)
		return next, nil
	}
	due := next.tell(change, count, now)
	return next, due
}

// inhibit asks about every alert that fires, and about those that came and
// went without ever being told.
func (g *Group) inhibit(inhibited func(*alert.Alert) bool) {
	if g.Spec.Ready {
		return
	}
	for i := range g.Alerts {
		m := &g.Alerts[i]
		if m.State == Firing || m.Told == "" {
			m.Inhibited = inhibited != nil && inhibited(&m.Alert)
		}
	}
}

// change compares what is so with what was told, and counts the alerts that
// it concerns.
func (g *Group) change() (Change, int) {
	var (
		firing, toldFiring int // that fire and may be told; that were told to fire
		joined, back       int
		resolved, vanished int // told to fire, and do not any more
		cameAndWent        int // resolved before anybody was told
		worst, toldWorst   = alert.SeverityNone, alert.SeverityNone
	)
	for i := range g.Alerts {
		m := &g.Alerts[i]
		if m.Told == Firing {
			toldFiring++
			toldWorst = max(toldWorst, m.Severity())
		}
		switch {
		case m.Inhibited:
		case m.State == Firing:
			firing++
			worst = max(worst, m.Severity())
			switch m.Told {
			case "", Resolved:
				joined++
			case Unseen:
				back++
			}
		case m.State == Resolved && (m.Told == Firing || m.Told == Unseen):
			resolved++
		case m.State == Resolved && m.Told == "":
			cameAndWent++
		case m.State == Unseen && m.Told == Firing:
			vanished++
		}
	}
	if g.Closed != nil {
		switch {
		case !g.ToldAt.IsZero() && !g.endTold():
			return AllResolved, 0
		case g.Deed != Nothing && !g.ToldAt.IsZero():
			return g.Deed, 1
		}
		return Nothing, 0
	}
	switch {
	case g.Deed != Nothing && g.Spec.Expires > 0 && firing > 0 && firing == back:
		return g.deed(worst), 1 // it had been given up, and is alive
	case firing > 0 && g.ToldAt.IsZero():
		return FirstFiring, firing
	case firing > 0 && (toldFiring == 0 || g.OverAt.After(g.ToldAt)):
		return FiresAgain, firing
	case joined+back > 0 && worst > toldWorst:
		return SeverityRises, joined + back
	case joined > 0 && toldWorst == alert.SeverityCritical && worst == alert.SeverityCritical:
		return JoinsCritical, joined
	case firing == 0 && g.ToldAt.IsZero() && g.Deed != Nothing && g.Deed != Reworded:
		return g.Deed, 1 // of what was over when it was first heard of
	case firing == 0 && g.ToldAt.IsZero() && cameAndWent > 0:
		return AllResolved, cameAndWent
	case firing == 0 && resolved > 0 && g.quiet():
		return AllResolved, resolved
	case g.Phase == Over && !g.ToldAt.IsZero() && !g.endTold():
		return AllResolved, 0 // the last ones were inhibited, and nobody knew of them
	case g.ToldSilence != 0 && g.Silence == nil && firing > 0:
		return SilenceEnds, firing
	case g.Deed != Nothing:
		return g.deed(worst), 1
	case g.Silence != nil && g.Silence.ID != g.ToldSilence:
		return Silenced, 1
	case joined > 0 && resolved > 0 && worst < toldWorst:
		return SeverityFalls, joined
	case joined+back > 0:
		return Joins, joined + back
	case resolved > 0:
		return PartlyResolved, resolved
	case vanished > 0:
		return Vanishes, vanished
	}
	return Nothing, 0
}

// quiet says that nothing fires, inhibited alerts included.
func (g *Group) quiet() bool { return g.Phase == Over || g.Phase == Unheard }

// deed is what an event said, compared with what was told: a severity that
// rose and fell again is news, but none that must reach anybody.
func (g *Group) deed(worst alert.Severity) Change {
	if g.Deed == SeverityRises && worst <= g.ToldSeverity {
		return Updated
	}
	return g.Deed
}

// endTold says that the latest telling, reminders and deeds apart, was of an
// end, or that there was nothing to end.
func (g *Group) endTold() bool {
	for _, h := range slices.Backward(g.History) {
		if h.Rev == 0 || h.Change == Reopened {
			return h.Change == AllResolved
		}
	}
	return len(g.History) > 0
}

func (g *Group) reminderDue(now time.Time) bool {
	if g.Phase != Open || g.calm() {
		return false
	}
	if g.Spec.Ready {
		return g.Remind
	}
	return g.anyVisible() && g.Spec.Timing.Repeat > 0 && now.Sub(g.MessageAt) >= g.Spec.Timing.Repeat
}

// calm says that nobody wants to be reminded: somebody has acknowledged the
// alert, or it is silenced.
func (g *Group) calm() bool { return g.Ack != nil || g.Silence != nil }

// anyVisible says whether an alert fires that is not inhibited.
func (g *Group) anyVisible() bool {
	return slices.ContainsFunc(g.Alerts, func(m Member) bool { return m.State == Firing && !m.Inhibited })
}

// anyInhibited says whether an alert fires that is.
func (g *Group) anyInhibited() bool {
	return slices.ContainsFunc(g.Alerts, func(m Member) bool { return m.State == Firing && m.Inhibited })
}

// tell makes what is so what was told, and says what is due where.
func (g *Group) tell(change Change, count int, now time.Time) []Due {
	g.Rev++
	if g.ToldAt.IsZero() {
		g.FirstToldAt = now
	}
	g.ToldAt = now
	if change.Message() {
		g.MessageAt = now
	}
	g.Remind = false
	if g.Phase == Gathering {
		g.Phase = Open
	}
	if change == FirstFiring || change == FiresAgain || change == Reopened || g.Alone.IsZero() || g.ToldSilence != 0 && g.Silence == nil {
		g.alone(now)
	}
	called := g.called(now)
	again := change == Escalated && called.again()
	if change == Reminds || again {
		g.Reminded = g.Rev
	}
	if change != g.Deed { // a deed stands in the story already
		g.remember(change, count, now)
	}
	for _, line := range []struct {
		change Change
		names  string
	}{{Unreached, called.standIns}, {Escalated, called.escalated}} {
		if line.names != "" {
			g.addHistory(History{At: now, Change: line.change, Text: cut(line.names, maxTitle), Told: g.Rev})
		}
	}
	recount := g.Recount
	g.Recount, g.RecountAt = nil, time.Time{}
	g.Deed, g.Actor, g.Here = Nothing, "", false
	g.ToldSeverity, g.ToldSilence = g.Severity(), 0
	if g.Silence != nil {
		g.ToldSilence = g.Silence.ID
	}
	for i := range g.Alerts {
		if m := &g.Alerts[i]; !m.Inhibited {
			m.Told = m.State
		}
	}
	g.forget()
	g.DueAt = g.due(now)
	quiet := g.Silence != nil && !change.ofPeople()
	loud := (change.Loud() || change == AllResolved && g.Spec.LoudResolve) && !quiet
	due := make([]Due, 0, len(g.Spec.Targets))
	for _, target := range g.Spec.Targets {
		d := Due{
			Target: target, Change: change, Loud: loud,
			Message: change.Message() && (!quiet || change == AllResolved), // an end is good news
			Call:    loud || change == Commented,
		}
		switch {
		case called.has(target):
			d.Loud, d.Message, d.Call = true, true, true
		case change == Escalated && again,
			change == Unreached && !slices.Contains(recount, target.Destination):
			continue // what these people see is what is so
		}
		due = append(due, d)
	}
	return due
}

// remember adds a line to the story. Reminders are no part of it, and who is
// told beside those who know has lines of their own.
func (g *Group) remember(change Change, count int, now time.Time) {
	if change != Reminds && change != Escalated && change != Unreached {
		h := History{At: now, Change: change, Count: count, Who: g.Actor, Told: g.Rev}
		if change == Silenced {
			h.Who = cut(g.Silence.By.Name, maxTitle)
		}
		g.addHistory(h)
	}
}

func (g *Group) addHistory(h History) {
	history := append(slices.Clone(g.History), h)
	if len(history) > maxHistory { // the beginning stays
		history = slices.Delete(history, 1, len(history)-maxHistory+1)
	}
	g.History = history
}

// forget drops the oldest of many resolved alerts that were told.
func (g *Group) forget() {
	told := 0
	for i := range g.Alerts {
		if g.Alerts[i].Told == Resolved {
			told++
		}
	}
	drop := told - maxResolved
	if drop <= 0 || g.Phase == Over { // the last card of an episode may name them all
		return
	}
	g.Forgotten += drop
	g.Alerts = slices.DeleteFunc(g.Alerts, func(m Member) bool {
		if m.Told == Resolved && drop > 0 {
			drop--
			return true
		}
		return false
	})
}

// due is when the group wants its next Tick; zero: when there is news.
func (g *Group) due(now time.Time) time.Time {
	at := g.nextTick(now)
	if other := g.reachesOutAt(now); !other.IsZero() && (at.IsZero() || other.Before(at)) {
		at = other
	}
	if g.Silence != nil && g.Phase != Over && (at.IsZero() || g.Silence.Until.Before(at)) {
		return g.Silence.Until
	}
	return at
}

func (g *Group) nextTick(now time.Time) time.Time {
	change, _ := g.change()
	if g.Spec.Ready {
		if change != Nothing || g.Remind {
			return now
		}
		return g.expiresAt()
	}
	timing := g.Spec.Timing
	switch {
	case change == AllResolved, g.Deed != Nothing && !g.ToldAt.IsZero():
		return now
	case change != Nothing && g.ToldAt.IsZero():
		if g.NotBefore.After(g.OpenedAt) {
			return g.NotBefore
		}
		return g.OpenedAt.Add(timing.Wait)
	case change != Nothing:
		return g.check(now)
	case !g.anyFiring():
		return time.Time{}
	case g.anyInhibited(): // that may end without news of this group
		return g.check(now)
	case timing.Repeat > 0 && !g.calm():
		if at := g.MessageAt.Add(timing.Repeat); at.After(now) {
			return g.flush(at.Add(-1))
		}
		return g.check(now)
	}
	return time.Time{}
}

func (g *Group) anyFiring() bool {
	firing, _, _ := g.Counts()
	return firing > 0
}

// check is the next moment at which the group may be told after now.
func (g *Group) check(now time.Time) time.Time {
	if g.Spec.Ready || g.Spec.Timing.Interval <= 0 {
		return now.Add(muteCheck)
	}
	return g.flush(now)
}

// flush is the first moment after t that is a whole number of group_intervals
// from the first telling, or from the end of group_wait while nothing was told.
func (g *Group) flush(t time.Time) time.Time {
	from, interval := g.FirstToldAt, g.Spec.Timing.Interval
	if from.IsZero() {
		from = g.OpenedAt.Add(g.Spec.Timing.Wait)
	}
	switch {
	case interval <= 0:
		return t.Add(1)
	case t.Before(from):
		return from
	}
	return from.Add((t.Sub(from)/interval + 1) * interval)
}
