package torture

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Story is all that concerns a group in a place, in the order of time: what was
// sent, what people saw, what the log says, and what failed. With "" the group
// or the place does not matter.
func (w *World) Story(group, place string) string {
	type line struct {
		at   time.Duration
		text string
	}
	var all []line
	add := func(at time.Duration, format string, args ...any) {
		all = append(all, line{at, fmt.Sprintf(format, args...)})
	}
	is := func(a, b string) bool { return a == "" || a == b }
	for _, g := range w.Plan.Groups {
		if g.Name == group {
			for i, s := range g.Steps {
				add(s.At, "planned  step %d: %s", i+1, words(states(s)))
			}
		}
	}
	for _, t := range w.Takes {
		if t.Group == group && group != "" && !t.Again {
			add(t.Began, "sent     step %d to replica %d: %d after %s", t.Step, t.Replica, t.Status, short(t.Ended-t.Began))
		}
	}
	for _, s := range w.Sights {
		names := s.Mark != nil && s.Mark.Group == group || slices.ContainsFunc(s.Digest, func(r Row) bool { return r.Group == group })
		if is(place, s.Place) && (names || group == "") {
			add(s.At, "%s", s.String())
		}
	}
	for _, d := range w.Deliveries {
		if is(group, d.Group) && is(place, d.Place) || d.Digest > 0 && is(place, d.Place) {
			add(d.At, "log      %s: %s of revision %d (post %d) %s %d %s", d.Place, d.Kind, d.Revision, d.PostID, d.State, d.Status, d.Reason)
		}
	}
	for _, r := range w.Requests {
		if place != "" && r.Place == place && r.Status/100 != 2 {
			add(r.Began, "teams    %s: %d after %s %s", r.Place, r.Status, short(r.Ended-r.Began), r.Answer)
		}
	}
	for _, p := range w.Pressed {
		if p.Group == group && group != "" {
			add(p.At, "pressed  %s: %s %s: %d, done: %t", p.Who, p.Verb, p.Text, p.Status, p.Did)
		}
	}
	for _, d := range w.Done {
		if !d.AtMicrosoft() || d.Place == "" || is(place, d.Place) {
			add(d.From, "fault    %s", d)
		}
	}
	add(w.Calm, "calm     nothing fails any more")
	slices.SortStableFunc(all, func(a, b line) int { return int(a.at - b.at) })
	var b strings.Builder
	for _, l := range all {
		fmt.Fprintf(&b, "  %9.3f  %s\n", l.at.Seconds(), l.text)
	}
	for _, g := range w.Groups {
		if g.Name == group {
			fmt.Fprintf(&b, "  in the end  episode %d (%s), revision %d, over: %t, acknowledged: %t: %s\n", g.Episode, g.Short, g.Rev, g.Over, g.Acked, words(g.States))
		}
	}
	for _, p := range w.Posts {
		if p.Group == group && is(place, p.Place) {
			fmt.Fprintf(&b, "  in the end  post %d of %s: %s, shown %d of %d %s\n", p.ID, p.Place, p.State, p.Shown, p.Want, p.Reason)
		}
	}
	return b.String()
}

// String says what people saw.
func (s Sight) String() string {
	what := "message"
	switch {
	case s.Digest != nil || s.Hidden > 0:
		what = fmt.Sprintf("digest of %d", len(s.Digest)+s.Hidden)
	case s.Mark != nil:
		what = fmt.Sprintf("card of %s, step %d: %s, acknowledged: %t", s.Mark.ID, s.Mark.Step(), words(s.Mark.states()), s.Mark.Acked)
	}
	verb := "shown"
	switch {
	case !s.Shown:
		verb = "unshown"
	case s.Edit:
		verb = "edited"
	}
	return fmt.Sprintf("%-8s %s %s: %s", verb, s.Place, s.Message, what)
}

// String says what was done.
func (d Done) String() string {
	text := string(d.Kind)
	switch {
	case d.AtMicrosoft():
		text += fmt.Sprintf(" at %s, %d times", d.Place, d.Times)
	case d.By != 0:
		text += fmt.Sprintf(" of replica %d by %s until %.3f", d.Replica, d.By, d.To.Seconds())
	default:
		text += fmt.Sprintf(" (replica %d) until %.3f", d.Replica, d.To.Seconds())
	}
	if d.Left != "" {
		text += ", left out: " + d.Left
	}
	return text
}
