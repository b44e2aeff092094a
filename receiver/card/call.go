package card

import (
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// CallStory is what a short message tells that belongs to a card: what has to
// reach somebody, which an edit does not.
type CallStory struct {
	For      []Person  // whom it concerns and nothing that it says names
	Says     []Said    // what became loud, a sentence each
	Comments []Comment // what people wrote
	Title    string    // of the card that it belongs to; "" under it, where everybody sees that
	Link     string    // to the card; "" where it stands under it, or nobody knows
	Color    string    // of the title
	Preview  string    // the text that a phone shows
}

// Said is a sentence. Of one that names somebody whom it concerns, Who stands
// between its parts: mention mentions them.
type Said struct {
	Before string
	Who    *Person
	After  string
}

func (s Said) String() string {
	if s.Who == nil {
		return s.Before
	}
	return s.Before + s.Who.Name + s.After
}

// maxNews is how many changes a short message tells, and maxWords how many
// comments: the latest. Those are as many as the story keeps the words of, since
// nothing else tells them whole.
const maxNews, maxWords = 3, 10

// call is the short message about what happened after revision called.
func (t *teller) call(s *Story, called int) *CallStory {
	c := &CallStory{Color: s.Color}
	if !t.in.Look.Threads {
		c.Title, c.Link = joined(" · ", []any{s.Word, s.Title}), t.in.Look.Link
	}
	for _, h := range t.after(called) {
		said, told := t.called(h)
		if !told {
			continue
		}
		switch {
		case h.Change == group.Commented && remark(h) == "": // the story has dropped it
		case h.Change == group.Commented:
			// Whole: the card shows its beginning, and nothing else shows the rest.
			c.Comments = append(c.Comments, Comment{At: t.wall.time(h.At), Who: shorten(oneLine(h.Who), maxWho), Text: shorten(remark(h), command.MaxText)})
		default:
			c.Says = append(slices.DeleteFunc(c.Says, func(o Said) bool { return o.String() == said.String() }), said)
		}
		if said.Who == nil {
			t.concern(c, h.Who)
		}
	}
	if len(c.Says) == 0 && len(c.Comments) == 0 { // a reminder
		c.Says = []Said{{Before: t.still(s)}}
		t.concern(c, "")
	}
	c.Says = c.Says[max(0, len(c.Says)-maxNews):]
	c.For = slices.DeleteFunc(c.For, func(p Person) bool { // once is enough
		return slices.ContainsFunc(c.Says, func(s Said) bool { return s.Who != nil && *s.Who == p })
	})
	c.Comments = c.Comments[max(0, len(c.Comments)-maxWords):]
	c.Preview = callPreview(s, c)
	return c
}

// concern calls who takes care of it: whom it is assigned to, or else who has
// acknowledged it. Who did it themselves know.
func (t *teller) concern(c *CallStory, did string) {
	g := &t.in.Group
	var who group.Person
	switch {
	case g.Owner != nil:
		who = g.Owner.To
	case g.Ack != nil:
		who = g.Ack.By
	}
	if who.Name == "" || oneLine(who.Name) == oneLine(did) || slices.Contains(c.For, personOf(who)) {
		return
	}
	c.For = append(c.For, personOf(who))
}

// after is what happened after revision called, oldest first.
func (t *teller) after(called int) []group.History {
	history := t.in.Group.History
	from := len(history)
	for from > 0 && max(history[from-1].Told, history[from-1].Rev) > called {
		from--
	}
	return history[from:]
}

// called is what a short message says of a change; !told: nothing. Comments
// stand for themselves.
func (t *teller) called(h group.History) (s Said, told bool) {
	g := &t.in.Group
	says := func(text string) (Said, bool) { return Said{Before: capital(text) + "."}, true }
	switch h.Change {
	case group.SeverityRises:
		if severity := t.severityWord(); severity != "" {
			return says("got worse: " + severity + " now")
		}
		return says("got worse")
	case group.JoinsCritical:
		return says(alerts(h.Count) + " joined: " + thousands(t.count.firing) + " " + t.words.firing + " now")
	case group.FiresAgain:
		return says(by(t.words.again, h))
	case group.Escalated:
		return says(t.reaching(h))
	case group.Unreached:
		if text := t.reaching(h); text != "" { // begins with somebody's name, which stays as it is
			return Said{Before: text + "."}, true
		}
	case group.SilenceEnds:
		return says("the silence has ended, and it goes on")
	case group.AllResolved:
		duration, _ := t.times(string(group.Resolved))
		return says(strings.TrimSpace(t.statusOver(&Story{State: string(group.Resolved), Duration: duration})))
	case group.Reopened:
		return says(by(deedWord(h), h))
	case group.Commented:
		return Said{}, remark(h) != ""
	case group.Assigned:
		if g.Owner == nil || assignee(h) != shorten(oneLine(g.Owner.To.Name), maxWho) {
			return says(by(deedWord(h), h))
		}
		to := personOf(g.Owner.To)
		if g.Owner.By.Same(g.Owner.To) {
			return Said{"Assigned to ", &to, "."}, true
		}
		return Said{"Assigned to ", &to, " by " + personName(g.Owner.By) + "."}, true
	case group.Failed:
		for _, w := range slices.Backward(g.Wishes) {
			if w.State == group.WishFailed && w.Verb == h.Text {
				who, before, after := personOf(w.By), "", ""
				before, after = refusal(w)
				return Said{before, &who, after + "."}, true
			}
		}
		return says(deedWord(h))
	}
	return Said{}, false
}

// still is what is so, in a sentence: "Still firing after 4 h."
func (t *teller) still(s *Story) string {
	if s.State != string(group.Firing) || t.silenced() {
		return s.Status + "."
	}
	text := capital(again(t.words.firing))
	if took := t.took(s.State); took != "" {
		text += " after " + took
	}
	if t.escalatedTo() != "" {
		text += ", and nobody has acknowledged it"
	}
	return text + "."
}

func callPreview(s *Story, c *CallStory) string {
	parts := []string{strings.TrimSpace(s.bracket()+" "+shorten(oneLine(s.Title), 60)) + ":"}
	for _, said := range c.Says {
		parts = append(parts, said.String())
	}
	if n := len(c.Comments); n > 0 {
		parts = append(parts, strings.TrimPrefix(c.Comments[n-1].Who+": ", ": ")+oneLine(c.Comments[n-1].Text))
	}
	return shorten(strings.Join(parts, " "), maxPreview)
}

// minimalCall is a short message in nothing but text.
func minimalCall(c *CallStory, limit Limit) Message {
	texts := []minimalText{{style: minimalBlock{Weight: "Bolder"}, text: c.Title}}
	for _, said := range c.Says {
		texts = append(texts, minimalText{text: said.String()})
	}
	for _, comment := range c.Comments {
		texts = append(texts, minimalText{text: strings.TrimPrefix(comment.Who+": ", ": ") + comment.Text})
	}
	return minimal(texts, c.Preview, limit)
}
