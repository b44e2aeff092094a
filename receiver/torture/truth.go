package torture

import (
	"fmt"
	"slices"
	"time"
)

// stored: what was taken last is what the store knows.
func (c *checker) stored(g *Group) {
	last := len(g.Steps)
	if !slices.ContainsFunc(c.takes[g.Name], func(t Take) bool { return t.Step == last && t.Taken() }) {
		c.broken("lost", g.Name, "", "its last body was never taken, although nothing fails any more")
		return
	}
	if len(c.firingLate(g)) > 0 {
		c.count("groups that fire by a body that was taken late, until nobody has posted it for a while")
	}
	want, have := states(c.inTheEnd(g)), c.latest[g.Name].States
	if !agree(want, have) {
		c.broken("lost", g.Name, "", "the store has %s; after step %d, which was taken last, it is: %s", words(have), last, words(want))
	}
}

// agree: what fires fires, and nothing else does. What has ended may be
// forgotten.
func agree(want, have map[string]string) bool {
	for instance, state := range want {
		if state == "firing" != (have[instance] == "firing") || have[instance] == "unseen" {
			return false
		}
	}
	for instance, state := range have {
		if state == "firing" && want[instance] != "firing" {
			return false
		}
	}
	return true
}

// truth: what people see of a group at last is how it is.
func (c *checker) truth(g *Group, where string) {
	at := spot{g.Name, where}
	step := c.inTheEnd(g)
	var last, lie *Sight
	for i := range c.sights[at] {
		s := &c.sights[at][i]
		// The cards of earlier episodes are still made true, in their own time, and
		// where they cannot be edited a comment on one is a message.
		earlier := s.Mark != nil && place(where).Editable && s.Mark.ID != c.latest[g.Name].Short || c.commentsOnEarlier(*s)
		switch {
		case earlier:
		case s.Shown:
			last, lie = s, nil
		case s.Status == 202:
			lie = s
		}
	}
	if place(where).Editable {
		c.closed(g, where)
	}
	wrong := c.untrue(g, step, place(where), last)
	switch {
	case wrong == "":
		c.count("groups that are told as they are")
	case lie != nil && c.untrue(g, step, place(where), lie) == "":
		c.count("groups of which Teams lied: 202, and nothing was shown")
	case step.Over() && last != nil && c.openedLate(g, last.Mark):
		c.count("groups that a body that was taken late has opened, and no later one mentions")
	case g.Source == Posted && step.Over() && c.latest[g.Name].Rev == 0:
		c.count("episodes that ended before group_wait")
	default:
		c.broken("lost", g.Name, where, "%s", wrong)
	}
}

// inTheEnd is how it is with a group at last: its last step, and what fires by a
// body that was taken late.
func (c *checker) inTheEnd(g *Group) Step {
	step := g.Steps[len(g.Steps)-1]
	step.Alerts = slices.Concat(step.Alerts, c.firingLate(g))
	return step
}

// firingLate are the alerts of a posted group that fire in the store by a body
// that was taken late, and that its last body does not mention: they end when
// nobody has posted them for resolve_timeout. Prometheus posts what has ended for a
// quarter of an hour.
func (c *checker) firingLate(g *Group) (late []Alert) {
	if g.Source != Posted {
		return nil
	}
	mentioned := states(g.Steps[len(g.Steps)-1])
	for instance, state := range c.latest[g.Name].States {
		if state == "firing" && mentioned[instance] == "" && slices.ContainsFunc(c.takes[g.Name], func(t Take) bool {
			return states(g.Steps[t.Step-1])[instance] == "firing" && c.late(g.Name, t.Step)
		}) {
			late = append(late, Alert{Instance: instance, Firing: true})
		}
	}
	return late
}

// openedLate says that all that is not resolved on a card came with bodies that
// were taken late, and that nobody has mentioned it since. Its sender thinks that
// it has told us of the end, which we took before it.
func (c *checker) openedLate(g *Group, m *Mark) bool {
	return m != nil && !m.Over() && !slices.ContainsFunc(m.Alerts, func(a Marked) bool {
		return a.State == "firing" || a.State == "unseen" && !c.late(g.Name, a.Step)
	})
}

// closed: the card of an episode that is over says so, also when another one
// has begun.
func (c *checker) closed(g *Group, where string) {
	last := map[string]Sight{} // by episode; of a card that came twice the later one is kept true
	for _, s := range c.sights[spot{g.Name, where}] {
		if s.Mark != nil && s.Shown {
			last[s.Mark.ID] = s
		}
	}
	for id, s := range last {
		switch {
		case id == c.latest[g.Name].Short || s.Mark.Over():
		case !s.Edit && c.doubtful(s) != "" && c.digestEnded(g, where, s.At):
			// Nobody knows what Teams calls it, so nobody can edit it.
			c.count("cards without an answer that a digest has closed")
		default:
			c.broken("lost", g.Name, where, "the card of the episode %s, which is over, still shows %s", id, words(s.Mark.states()))
		}
	}
}

// digestEnded says that a digest after a time has told that nothing of a group
// fires.
func (c *checker) digestEnded(g *Group, where string, after time.Duration) bool {
	return slices.ContainsFunc(c.sights[spot{g.Name, where}], func(s Sight) bool {
		return s.Shown && s.At > after && slices.ContainsFunc(s.Digest, func(r Row) bool { return r.Group == g.Name && r.Firing == 0 })
	})
}

// untrue says what is wrong with what people see at last; "": nothing.
func (c *checker) untrue(g *Group, step Step, at Place, s *Sight) string {
	if s == nil {
		return "nobody was ever told"
	}
	latest, want := c.latest[g.Name], states(step)
	if s.Mark == nil {
		i := slices.IndexFunc(s.Digest, func(r Row) bool { return r.Group == g.Name })
		if row := s.Digest[i]; row.Firing > 0 == step.Over() {
			return fmt.Sprintf("the last that people read is a digest with %d firing; so it is: %s", row.Firing, words(want))
		}
		return ""
	}
	have := s.Mark.states()
	switch {
	case s.Mark.Over() != step.Over():
		return fmt.Sprintf("the last that people read is %s; so it is: %s", words(have), words(want))
	case latest.Short != s.Mark.ID && latest.Rev > 0:
		return fmt.Sprintf("the last that people read is of the episode %s; the latest is %s", s.Mark.ID, latest.Short)
	case !at.Editable && s.Mark.Step() < c.needed(g):
		return fmt.Sprintf("the last that people read is step %d; step %d was worth a message", s.Mark.Step(), c.needed(g))
	case at.Editable && !agree(want, have):
		return fmt.Sprintf("the card shows %s; so it is: %s", words(have), words(want))
	case at.Editable && s.Mark.Acked != latest.Acked:
		return fmt.Sprintf("acknowledged on the card: %t; in the store: %t", s.Mark.Acked, latest.Acked)
	}
	return ""
}

// needed is the latest step that is a message of its own where cards cannot be
// edited, as far as that is sure: it and the one before were taken, in order.
func (c *checker) needed(g *Group) int {
	first := map[int]time.Duration{} // when a step was taken first
	for _, t := range c.takes[g.Name] {
		if at, ok := first[t.Step]; t.Taken() && (!ok || t.Ended < at) {
			first[t.Step] = t.Ended
		}
	}
	for n := len(g.Steps); n > 1; n-- {
		at, taken := first[n]
		before, sure := first[n-1]
		if taken && sure && before < at && worthMessage(g.Steps[n-2], g.Steps[n-1]) {
			return n
		}
	}
	return 1
}

// worthMessage says that a change is told by a message of its own: it begins, it
// ends, it gets worse.
func worthMessage(before, after Step) bool {
	return before.Over() != after.Over() || critical(after) && !critical(before)
}

func critical(s Step) bool {
	return slices.ContainsFunc(s.Alerts, func(a Alert) bool { return a.Firing && a.Severity == "critical" })
}

// invented: people see only what somebody has said by then.
func (c *checker) invented() {
	for _, s := range c.Sights {
		if s.Mark == nil || !s.Shown {
			continue
		}
		c.count("cards compared with what was sent")
		g := c.groups[s.Mark.Group]
		if g == nil || !slices.Contains(g.Places, s.Place) {
			c.broken("invented", s.Mark.Group, s.Place, "nobody has sent this here")
			continue
		}
		for _, a := range s.Mark.Alerts {
			if what := c.unsaid(g, a, s.At); what != "" {
				c.broken("invented", g.Name, s.Place, "at %s: %s %s of step %d: %s", short(s.At), a.Instance, a.State, a.Step, what)
			}
		}
	}
}

// unsaid says why what a card shows of an alert was not said; "": it was.
func (c *checker) unsaid(g *Group, a Marked, at time.Duration) string {
	if a.Step < 1 || a.Step > len(g.Steps) {
		return "there is no such step"
	}
	if !slices.ContainsFunc(c.takes[g.Name], func(t Take) bool { return t.Step == a.Step && t.Began <= at }) {
		return "this was not sent yet"
	}
	said := states(g.Steps[a.Step-1])[a.Instance]
	switch {
	case said == a.State:
		return ""
	case said == "":
		return "the step does not mention it"
	case a.State == "unseen" && slices.ContainsFunc(c.takes[g.Name], func(t Take) bool {
		_, mentioned := states(g.Steps[t.Step-1])[a.Instance]
		return t.Began <= at && !mentioned
	}):
		c.count("alerts that a body left out")
		return ""
	}
	return "the step says that it is " + said
}

// short is a time for people.
func short(d time.Duration) string { return d.Round(time.Millisecond).String() }
