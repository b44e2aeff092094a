package card

import (
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

const (
	// maxMissLines is how many lines say who could not be told, and maxMissed how
	// many names are in each: whoever reads them is to act on the alert, not on
	// the list.
	maxMissLines = 3
	maxMissed    = 3
	// maxEscalated is how many destinations of an escalation are named.
	maxEscalated = 5
)

// reach are the lines about who is told because others were not, or did not
// answer. They say why the reader is.
func (t *teller) reach() []Line {
	color := "Attention"
	if t.state() == string(group.Resolved) || t.acknowledged() || t.silenced() {
		color = "Default" // somebody knows
	}
	var lines []Line
	if to := t.escalatedTo(); to != "" {
		text := "Escalated to " + to
		if at := t.escalatedAt(); !at.IsZero() {
			text += ", " + t.wall.time(at) + ": nobody had acknowledged it" + t.alone(at)
		}
		lines = append(lines, Line{Text: text, Color: color})
	}
	for _, text := range t.missed() {
		lines = append(lines, Line{Text: text, Color: color})
	}
	return lines
}

// escalatedTo are the destinations that are told because nobody takes care of
// it; "" while somebody does, or none is.
func (t *teller) escalatedTo() string {
	g := &t.in.Group
	if t.escalatedAt().IsZero() || t.silenced() || t.acknowledged() || t.state() == string(group.Resolved) {
		return ""
	}
	var names []string
	for i, step := range g.Spec.Escalate {
		if i >= len(g.Escalated) || g.Escalated[i].IsZero() {
			continue
		}
		for _, target := range step.Targets {
			if name := shorten(oneLine(target.Destination), maxWho); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return listed(names, len(names), maxEscalated)
}

// escalatedAt is when others were last told because nobody takes care of it;
// zero: never.
func (t *teller) escalatedAt() (at time.Time) {
	for _, told := range t.in.Group.Escalated {
		if told.After(at) {
			at = told
		}
	}
	return at
}

// alone is for how long nobody had taken care of it at a time, " for 15 min".
func (t *teller) alone(at time.Time) string {
	since := t.in.Group.Alone
	if since.IsZero() || at.Sub(since) < time.Second {
		return ""
	}
	return " for " + durationWords(at.Sub(since))
}

// missed says who could not be told: a sentence without its full stop for all
// for whom the reason is the same.
func (t *teller) missed() []string {
	g := &t.in.Group
	type miss struct {
		why, fallback string
		who           []string
	}
	var kinds []miss
	for i := range g.Misses {
		m := &g.Misses[i]
		k := miss{strings.TrimRight(shorten(oneLine(m.Why), maxRemark), "."), m.Fallback, []string{missName(m)}}
		if at := slices.IndexFunc(kinds, func(o miss) bool { return o.why == k.why && o.fallback == k.fallback }); at >= 0 {
			kinds[at].who = append(kinds[at].who, k.who...)
			continue
		}
		kinds = append(kinds, k)
	}
	// What the reader stands in for comes first.
	slices.SortStableFunc(kinds, func(a, b miss) int { return boolRank(t.readBy(a.fallback), t.readBy(b.fallback)) })
	var lines []string
	more := g.MoreMisses
	for i, k := range kinds {
		if i >= maxMissLines {
			more += len(k.who)
			continue
		}
		text := listed(k.who, len(k.who), maxMissed) + " could not be told"
		if k.why != "" {
			text += ": " + ofMany(k.why, len(k.who))
		}
		switch {
		case k.fallback == "" || t.state() == string(group.Resolved):
		case t.readBy(k.fallback):
			text += "; you are told instead"
		default:
			text += "; " + shorten(oneLine(k.fallback), maxWho) + " is told instead"
		}
		lines = append(lines, text)
	}
	switch {
	case more == 0:
	case len(lines) == 0:
		lines = append(lines, thousands(more)+" could not be told")
	default:
		lines = append(lines, "And "+thousands(more)+" more could not be told")
	}
	return lines
}

// readBy says that the card is read at a destination.
func (t *teller) readBy(destination string) bool {
	return destination != "" && destination == t.in.Destination
}

// standsInFor are those in whose place the readers are told, in few words:
// "Alice", "Alice and 2 more"; "" if they are not.
func (t *teller) standsInFor() string {
	g := &t.in.Group
	var who []string
	for i := range g.Misses {
		if t.readBy(g.Misses[i].Fallback) {
			who = append(who, missName(&g.Misses[i]))
		}
	}
	if len(who) == 0 {
		return ""
	}
	return listed(who, len(who)+g.MoreMisses, 1)
}

// standingReach is why the readers are told, for the preview: nobody has taken
// care of it, or somebody else could not be told.
func (t *teller) standingReach() string {
	switch {
	case t.escalatedTo() != "":
		return "escalated"
	case t.state() == string(group.Resolved):
		return ""
	}
	if who := t.standsInFor(); who != "" {
		return who + " not told"
	}
	return ""
}

// Note says of a group, in a list of many, what its card says in lines:
// "escalated", "Alice not told". destination is where the list is read.
func Note(g *group.Group, destination string) string {
	if len(g.Misses) == 0 && g.MoreMisses == 0 && len(g.Escalated) == 0 {
		return "" // most groups
	}
	t := newTeller(Input{Group: *g, Destination: destination})
	return t.standingReach()
}

// missName is who could not be told.
func missName(m *group.Miss) string {
	name := oneLine(m.Who)
	if name == "" {
		name = oneLine(m.Destination)
	}
	return shorten(name, maxWho)
}

// listed are some of many names: "Alice", "Alice and Bob", "Alice, Bob, Carol
// and 12 more".
func listed(names []string, all, most int) string {
	named := names[:min(len(names), most)]
	left := all - len(named)
	switch {
	case left > 0:
		return strings.Join(named, ", ") + " and " + thousands(left) + " more"
	case len(named) > 1:
		return strings.Join(named[:len(named)-1], ", ") + " and " + named[len(named)-1]
	}
	return strings.Join(named, "")
}

// ofMany is what is said of one person, "has blocked the bot", said of several.
func ofMany(why string, n int) string {
	if n < 2 {
		return why
	}
	for one, many := range map[string]string{"has ": "have ", "is ": "are ", "belongs ": "belong "} {
		if rest, ok := strings.CutPrefix(why, one); ok {
			return many + rest
		}
	}
	return why
}

// reachWord is how the story speaks of who was told because others were not,
// or did not answer; "" of anything else.
func reachWord(h group.History) string {
	names := shorten(oneLine(h.Text), maxTitle)
	switch {
	case h.Change == group.Escalated && names == "":
		return "escalated"
	case h.Change == group.Escalated:
		return "escalated to " + names
	case h.Change == group.Unreached && names != "":
		return names + " told instead"
	}
	return ""
}

// reaching says in a short message why its readers are called.
func (t *teller) reaching(h group.History) string {
	if h.Change == group.Escalated {
		text := "escalated"
		if names := shorten(oneLine(h.Text), maxTitle); names != "" {
			text += " to " + names
		}
		if t.in.Group.Alone.After(h.At) { // somebody took care of it since
			return text
		}
		return text + ": nobody had acknowledged it" + t.alone(h.At)
	}
	return strings.Join(t.missed(), ". ")
}
