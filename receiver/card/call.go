package card

import (
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// CallStory is what a short message tells that belongs to a card: what reaches
// somebody's attention, which an edit does not.
type CallStory struct {
	For      []Person // whom it concerns; mention mentions those whom Teams knows
	Text     string   // plain, a line: "Got worse: critical now."
	Comments []Comment
	Title    string // of the card that it belongs to; "" under it, where everybody sees that
	Link     string // of the card; "" where it stands under it, or is not known
	Color    string // of the title
	Preview  string // the text that a phone shows
}

// maxNews is how many changes a short message tells of: the latest.
const maxNews = 3

// call is the short message about what happened after revision called.
func (t *teller) call(s *Story, called int) *CallStory {
	c := &CallStory{Color: s.Color}
	look := t.in.Look
	if !look.Threads {
		c.Title, c.Link = strings.TrimSpace(s.Tag()+" "+s.Title), look.Link
	}
	var sentences []string
	for _, h := range t.sinceCall(called) {
		if h.Change == group.Commented {
			if text := remark(h); text != "" {
				c.Comments = append(c.Comments, Comment{At: t.wall.time(h.At), Who: shorten(oneLine(h.Who), maxWho), Text: shorten(text, maxSummary)})
			}
		}
		sentence, concerned := t.called(h)
		if sentence != "" && !slices.Contains(sentences, sentence) {
			sentences = append(sentences, sentence)
		}
		for _, p := range concerned {
			if p.Name != "" && !samePerson(p, h.Who) && !slices.ContainsFunc(c.For, func(o Person) bool { return o == personOf(p) }) {
				c.For = append(c.For, personOf(p))
			}
		}
	}
	sentences = sentences[max(0, len(sentences)-maxNews):]
	c.Comments = c.Comments[max(0, len(c.Comments)-maxNews):]
	if len(sentences) == 0 && len(c.Comments) == 0 {
		sentences = []string{t.now(s)} // a reminder, or a story that was cut
		for _, p := range t.carers() {
			c.For = append(c.For, personOf(p))
		}
	}
	c.Text = strings.Join(sentences, " ")
	c.Preview = t.callPreview(s, c)
	return c
}

// samePerson says whether a person is who a line of the story names.
func samePerson(p group.Person, who string) bool { return who != "" && oneLine(p.Name) == oneLine(who) }

// sinceCall is what happened after revision called, oldest first. A line of the
// story that is no deed does not say to which telling it belongs; each telling
// has at most one, so no more of them can be new than there were tellings.
func (t *teller) sinceCall(called int) []group.History {
	g := &t.in.Group
	var news []group.History
	tellings, rev := g.Rev-called, 0
	for _, h := range slices.Backward(g.History) {
		switch {
		case h.Rev > 0 && h.Rev <= called:
			tellings = 0
		case h.Rev == 0:
			tellings--
		case h.Rev != rev:
			tellings--
			rev = h.Rev
		}
		if tellings < 0 || h.Rev > 0 && h.Rev <= called {
			break
		}
		news = append(news, h)
	}
	slices.Reverse(news)
	return news
}

// called is what a short message says of one change that reaches somebody,
// and whom it concerns; "" of what reaches nobody, and of comments, which
// stand for themselves.
func (t *teller) called(h group.History) (sentence string, concerned []group.Person) {
	g := &t.in.Group
	switch h.Change {
	case group.SeverityRises:
		severity := t.severityWord()
		if severity == "" {
			return "Got worse.", t.carers()
		}
		return "Got worse: " + severity + " now.", t.carers()
	case group.JoinsCritical:
		return alerts(h.Count) + " more: " + thousands(t.count.firing) + " " + t.words.firing + " now.", t.carers()
	case group.FirstFiring, group.FiresAgain:
		if h.Change == group.FirstFiring && g.Rev == 1 {
			return "", nil
		}
		return capital(t.changeWord(h)) + ".", t.carers()
	case group.SilenceEnds:
		return "The silence has ended, and it goes on.", t.carers()
	case group.AllResolved:
		return t.status(&Story{State: string(group.Resolved), Duration: t.after()}) + ".", t.carers()
	case group.Assigned:
		if g.Owner == nil || assignee(h) == "" {
			return capital(t.deedSentence(h)), nil
		}
		return capital(t.deedSentence(h)), []group.Person{g.Owner.To}
	case group.Failed:
		for _, w := range slices.Backward(g.Wishes) {
			if w.State == group.WishFailed && w.Verb == h.Text {
				return t.wishWords(w) + ".", []group.Person{w.By}
			}
		}
		return capital(t.deedSentence(h)), nil
	case group.Reopened, group.Updated:
		return capital(t.deedSentence(h)), t.carers()
	case group.Commented:
		return "", t.carers()
	}
	return "", nil
}

func (t *teller) deedSentence(h group.History) string {
	word := t.changeWord(h)
	if h.Who != "" && h.Change != group.Failed {
		word += " by " + shorten(oneLine(h.Who), maxWho)
	}
	return word + "."
}

// carers are who takes care of it: whom it is assigned to, or else who has
// acknowledged it.
func (t *teller) carers() []group.Person {
	g := &t.in.Group
	switch {
	case g.Owner != nil:
		return []group.Person{g.Owner.To}
	case g.Ack != nil:
		return []group.Person{g.Ack.By}
	}
	return nil
}

// after is "after 12 min" of what is resolved.
func (t *teller) after() string {
	duration, _ := t.times(string(group.Resolved))
	return duration
}

// now is what is so, in a sentence: "Still firing after 4 h."
func (t *teller) now(s *Story) string {
	switch {
	case s.State != string(group.Firing) || t.silenced():
		return s.Status + "."
	case t.momentary:
		return capital(again(t.words.firing)) + "."
	}
	text := capital(again(t.words.firing))
	if took := t.took(s.State); took != "" {
		text += " after " + took
	}
	return text + "."
}

// callPreview is what a phone shows.
func (t *teller) callPreview(s *Story, c *CallStory) string {
	text := strings.TrimSpace(s.Tag() + " " + shorten(oneLine(s.Title), 60))
	said := c.Text
	if n := len(c.Comments); n > 0 {
		last := c.Comments[n-1]
		said = strings.TrimSpace(said + " " + last.Who + ": " + oneLine(last.Text))
	}
	return shorten(text+": "+said, maxPreview)
}

// minimalCall is a short message in nothing but text.
func minimalCall(c *CallStory, limit Limit) Message {
	texts := []minimalText{
		{style: minimalBlock{Weight: "Bolder"}, text: c.Title},
		{text: c.Text},
	}
	for _, comment := range c.Comments {
		texts = append(texts, minimalText{text: comment.Who + ": " + comment.Text})
	}
	return minimal(texts, c.Preview, limit)
}
