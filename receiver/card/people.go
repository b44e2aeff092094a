package card

import (
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Line is something that somebody did and that still holds, in words. Words
// say all of it; the colour only helps to see what needs somebody.
type Line struct {
	Text  string // plain: "Acknowledged by Alice, 10:04"
	Color string // of text: Attention for what another system refused, else Default
}

// maxRemark is how many characters of a comment stand behind what it was
// written for: a reason, not a report.
const maxRemark = 200

// personName is a person's name on a card.
func personName(p group.Person) string {
	if name := oneLine(p.Name); name != "" {
		return shorten(name, maxWho)
	}
	return "somebody"
}

// byHand says that somebody ended the episode, whatever its source says.
func (t *teller) byHand() bool { return t.in.Group.Closed != nil }

// silenced says that all that fires is kept quiet. Where Alertmanager does it,
// it leaves the alerts out of its messages: they are unseen, and that is no
// news of theirs.
func (t *teller) silenced() bool {
	return t.in.Group.Silence != nil && !t.byHand() && t.count.firing+t.count.unseen > 0
}

// acknowledged says that somebody has seen it, and it goes on.
func (t *teller) acknowledged() bool {
	return t.in.Group.Ack != nil && !t.byHand() && t.count.firing+t.count.unseen > 0
}

// standing is what somebody did about what goes on, and who: "acknowledged by
// Alice", "silenced until 12:00"; or, where nobody did, why others are told:
// "escalated", "Alice not told".
func (t *teller) standing() string {
	switch {
	case t.silenced():
		return "silenced until " + t.wall.time(t.in.Group.Silence.Until)
	case t.acknowledged():
		return "acknowledged by " + personName(t.in.Group.Ack.By)
	}
	return t.standingReach()
}

// endedByHand are the alerts of an episode that somebody ended: those that
// fire at their source still are over too.
func endedByHand(members []*group.Member, at time.Time) []*group.Member {
	for i, m := range members {
		if m.State != group.Resolved {
			over := *m
			over.State, over.EndsAt, over.SeenAt = group.Resolved, at, at
			members[i] = &over
		}
	}
	return members
}

// people are the lines about what somebody did and what still holds, the most
// important first: why the readers are told, if that is because others were not
// or did nothing.
func (t *teller) people() []Line {
	g := &t.in.Group
	if g.Facts == 0 && g.Ack == nil && g.Owner == nil && g.Closed == nil && g.Silence == nil && len(g.Wishes) == 0 &&
		len(g.Misses) == 0 && g.MoreMisses == 0 && len(g.Escalated) == 0 {
		return nil // most cards
	}
	lines := t.reach()
	add := func(text string) { lines = append(lines, Line{Text: text, Color: "Default"}) }
	if m := g.Closed; m != nil {
		text := "Resolved by " + personName(m.By) + " by hand, " + t.wall.time(m.At)
		if t.fires > 0 {
			text += "; its source has not said that it is over"
		}
		add(text)
	}
	if t.silenced() {
		text := "Silenced until " + t.wall.time(g.Silence.Until) + " by " + personName(g.Silence.By)
		if remark := shorten(oneLine(g.Silence.Comment), maxRemark); remark != "" {
			text += ": " + remark
		}
		add(text)
	}
	if m := g.Ack; m != nil {
		add("Acknowledged by " + personName(m.By) + ", " + t.wall.time(m.At))
	}
	if m := g.Owner; m != nil {
		text := "Assigned to " + personName(m.To)
		if !m.By.Same(m.To) {
			text += " by " + personName(m.By)
		}
		add(text + ", " + t.wall.time(m.At))
	}
	for _, w := range t.wishes() {
		line := Line{Text: t.wishWords(w), Color: "Default"}
		if w.State == group.WishFailed {
			line.Color = "Attention"
		}
		lines = append(lines, line)
	}
	return lines
}

// wishes are those that are worth a line: what is not done yet, or was
// refused, and is not out of date by now.
func (t *teller) wishes() []group.Wish {
	var wishes []group.Wish
	g := &t.in.Group
	over := t.state() == string(group.Resolved)
	for i, w := range g.Wishes {
		later := func(o group.Wish) bool { return o.Verb == w.Verb }
		switch w.Verb {
		case command.Silence:
			if w.State == group.WishGranted || over || t.silenced() || !w.Until.After(t.in.Now) || slices.ContainsFunc(g.Wishes[i+1:], later) {
				continue
			}
		case command.Expire:
			if w.State == group.WishGranted || !t.silenced() || slices.ContainsFunc(g.Wishes[i+1:], later) {
				continue
			}
		case command.Comment:
			if w.State == group.WishGranted {
				continue // there it is
			}
		default:
			if over && w.Verb == command.Resolve || w.State == group.WishGranted && w.Verb != command.Resolve || slices.ContainsFunc(g.Wishes[i+1:], later) {
				continue
			}
		}
		wishes = append(wishes, w)
	}
	return wishes
}

// wishWords says what somebody asked another system to do, and how far that
// is. Nothing is said to be so that is not.
func (t *teller) wishWords(w group.Wish) string {
	who, system, reason := personName(w.By), wishSystem(w), wishReason(w)
	switch w.State {
	case group.WishFailed:
		before, after := refusal(w)
		return before + who + after
	case group.WishGranted:
		return who + " asked " + system + " to " + wishVerb(w) + "; it has accepted"
	}
	switch w.Verb {
	case command.Silence:
		text := who + " asked " + system + " for a silence until " + t.wall.time(w.Until)
		if w.Count > 0 {
			text += " (" + alerts(w.Count) + ")"
		}
		return text + "; not silenced yet" + reason
	case command.Expire:
		return who + " asked " + system + " to end the silence; still silenced" + reason
	}
	return who + " asked " + system + " to " + wishVerb(w) + "; not done yet" + reason
}

// refusal says what another system did not do, in words around the name of who
// asked for it.
func refusal(w group.Wish) (before, after string) {
	before = capital(wishSystem(w)) + " did not " + wishVerb(w)
	if w.Verb == command.Silence {
		return before + " that ", " asked for" + wishReason(w)
	}
	return before + " as ", " asked" + wishReason(w)
}

// wishSystem is who was asked.
func wishSystem(w group.Wish) string {
	if system := oneLine(w.System); system != "" {
		return shorten(system, maxWho)
	}
	return "its source"
}

// wishReason is why it is not done, behind a colon.
func wishReason(w group.Wish) string {
	reason := strings.TrimSuffix(shorten(oneLine(w.Reason), maxRemark), ".")
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// wishVerb is what another system was asked to do.
func wishVerb(w group.Wish) string {
	switch w.Verb {
	case command.Silence:
		return "take the silence"
	case command.Expire:
		return "end the silence"
	case command.Assign:
		return "assign it"
	case command.Comment:
		return "take a comment"
	}
	return oneLine(w.Verb) + " it"
}

// wishNouns are what was asked for, in the story.
var wishNouns = map[string]string{
	command.Silence: "silence", command.Expire: "end of the silence", command.Assign: "assignment", command.Comment: "comment",
}

// deedWord is how the story speaks of what somebody did; "" of what is no such
// deed.
func deedWord(h group.History) string {
	switch h.Change {
	case group.Acknowledged:
		return "acknowledged"
	case group.Unacknowledged:
		return "acknowledgement taken back"
	case group.Silenced:
		return "silenced"
	case group.SilenceEnds:
		return "silence ended"
	case group.Reopened:
		return "reopened"
	case group.Commented:
		return "comment"
	case group.Assigned:
		if to := assignee(h); to != "" {
			return "assigned to " + to
		}
		return "assigned"
	case group.Asked, group.Failed:
		what := wishNouns[h.Text]
		if what == "" {
			what = oneLine(h.Text)
		}
		if h.Change == group.Failed {
			return strings.TrimSpace(what + " refused")
		}
		return strings.TrimSpace(what + " asked for")
	}
	return reachWord(h)
}

// assignee is to whom a line of the story says that it was assigned here; ""
// where that happened at the source.
func assignee(h group.History) string {
	if h.Change != group.Assigned || !h.Here {
		return ""
	}
	return shorten(oneLine(h.Text), maxWho)
}

// remark is what somebody wrote, of a line of the story; "" where its text is
// something else.
func remark(h group.History) string {
	switch h.Change {
	case group.Asked, group.Failed, group.Escalated, group.Unreached:
		return ""
	}
	if assignee(h) != "" {
		return ""
	}
	return strings.TrimSpace(h.Text)
}

// latest is what somebody did here, if the latest telling is about that; zero
// if not.
func (t *teller) latest() group.History {
	g := &t.in.Group
	if len(g.History) == 0 || t.in.Reminder {
		return group.History{}
	}
	h := g.History[len(g.History)-1]
	if h.Here && h.Rev == g.Rev || h.Change == group.SilenceEnds && !h.At.Before(g.ToldAt) {
		return h
	}
	return group.History{}
}

// news is what somebody did here last: "assigned to Bob by Alice". What stands
// beside the word of a preview is none.
func (t *teller) news() string {
	h := t.latest()
	switch h.Change {
	case group.Acknowledged, group.Silenced, group.AllResolved, group.Nothing:
		return ""
	}
	return by(deedWord(h), h)
}

// by adds to the word for a change who brought it about.
func by(word string, h group.History) string {
	switch {
	case h.Who == "" || h.Change == group.Failed: // of which who is not whose doing it is
		return word
	case assignee(h) == shorten(oneLine(h.Who), maxWho): // who takes it is who did it
		return word
	}
	return word + " by " + shorten(oneLine(h.Who), maxWho)
}
