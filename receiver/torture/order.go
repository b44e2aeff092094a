package torture

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// order: what people see of a group never goes back. On one card no older state
// comes over a newer one; of messages, none tells what is older than the ones
// before.
func (c *checker) order(g *Group, place string) {
	cards := map[string]int{} // by episode
	message := 0
	for _, s := range c.sights[spot{g.Name, place}] {
		if s.Mark == nil || !s.Shown {
			continue
		}
		step := s.Mark.Step()
		if newest := cards[s.Mark.ID]; step < newest {
			c.wentBack(g, s, newest, fmt.Sprintf("the card of %s", s.Mark.ID))
		} else if !s.Edit && step < message {
			if c.commentsOnEarlier(s) {
				c.count("comments on an episode before the latest")
			} else {
				c.wentBack(g, s, message, "a new message")
			}
		}
		cards[s.Mark.ID] = max(cards[s.Mark.ID], step)
		if !s.Edit {
			message = max(message, step)
		}
	}
}

// commentsOnEarlier says that a message is about an episode before the latest,
// and the first to quote a comment: that is what it tells.
func (c *checker) commentsOnEarlier(s Sight) bool {
	if s.Mark == nil || s.Mark.ID == c.latest[s.Mark.Group].Short {
		return false
	}
	anew := c.quoted(s)
	for _, before := range c.sights[spot{s.Mark.Group, s.Place}] {
		if before.At < s.At {
			maps.DeleteFunc(anew, func(text string, _ bool) bool { return strings.Contains(before.Text, text) })
		}
	}
	return len(anew) > 0
}

func (c *checker) wentBack(g *Group, s Sight, newest int, what string) {
	if c.late(g.Name, s.Mark.Step()) {
		c.count("states that came back with a body that was taken late")
		return
	}
	if s.At > c.Calm && slices.ContainsFunc(c.Deliveries, func(d StoredDelivery) bool {
		return d.Group == g.Name && d.Place == s.Place && d.State == "dead"
	}) {
		c.count("old news that an operator has replayed")
		return
	}
	for _, d := range c.Done {
		// It was about to send when it stopped, and goes on where it was.
		if d.Kind == Hung && d.Left == "" && d.To-d.From >= 5*time.Second && s.At >= d.To && s.At <= d.To+slack {
			c.count("old cards from a replica that had hung")
			return
		}
	}
	c.broken("order", g.Name, s.Place, "at %s %s shows step %d after step %d", short(s.At), what, s.Mark.Step(), newest)
}

// twice: what was told is told again only if nobody could know that it was.
func (c *checker) twice(g *Group, where string) {
	seen := map[string]Sight{}
	for _, s := range c.sights[spot{g.Name, where}] {
		if s.Mark == nil || !s.Shown || s.Edit {
			continue
		}
		same := s.Mark.ID // one card an episode
		if !place(where).Editable {
			same = signature(s.Mark)
		}
		if before, again := seen[same]; again {
			if why := c.doubtful(before); why != "" {
				c.count("messages twice: " + why)
			} else {
				c.broken("twice", g.Name, where, "the message of %s came again at %s, and nothing had kept its answer back", short(before.At), short(s.At))
			}
		}
		seen[same] = s
	}
}

// signature is what a message says. With every comment the story is longer.
func signature(m *Mark) string {
	return fmt.Sprint(m.ID, m.Facts, m.Alerts)
}

// doubtful says why nobody could be sure that a message had arrived; "": they
// could.
func (c *checker) doubtful(s Sight) string {
	r, found := c.request(s)
	switch {
	case !found:
		return "" // there is no message without a request
	case r.Status == 0:
		return "the answer was cut off"
	case r.Status >= 300:
		return "Teams denied that it was there"
	case r.Ended-r.Began >= 8*time.Second:
		return "the answer came too late"
	}
	if d, found := c.doneDuring(r.Began, r.Ended, Killed, Hung, DiskFull, DBKilled, DBCut, DBShutdown); found {
		return string(d.Kind)
	}
	return ""
}

// request is the one that a message came with.
func (c *checker) request(s Sight) (found Request, ok bool) {
	for _, r := range c.requests[s.Place] {
		if r.Began <= s.At && s.At <= r.Ended {
			found, ok = r, true
		}
	}
	return found, ok
}

// log: no revision was told twice with success, and no attempt is without an
// end.
func (c *checker) log() {
	type telling struct {
		post     int64
		kind     string
		revision int
	}
	told := map[telling]bool{}
	for _, d := range c.Deliveries {
		c.count("attempts")
		switch {
		case d.State == "sending":
			c.broken("left", d.Group, d.Place, "attempt %d of %s has no end in the log", d.ID, short(d.At))
		case d.State != "delivered" && d.State != "accepted" || d.Digest > 0:
			c.count("attempts: " + d.State)
			continue
		}
		t := telling{d.PostID, d.Kind, d.Revision}
		if told[t] && d.Kind != "edit" {
			c.broken("twice", d.Group, d.Place, "the log says that revision %d was told twice by a %s", d.Revision, d.Kind)
		} else if told[t] {
			c.count("edits that changed nothing")
		}
		told[t] = true
	}
}

// pace: Teams had not to enforce its limits.
func (c *checker) pace() {
	for _, r := range c.Requests {
		switch {
		case !r.Limited:
		case c.during(r.Began, r.Ended, Killed, Restarted, Hung, DiskFull, DBKilled, DBCut, DBShutdown, Jumped, AllJumped):
			c.count("messages above the limits, in a fault")
		default:
			c.broken("pace", "", r.Place, "Teams had to refuse a message at %s: too many", short(r.Began))
		}
	}
}

// left: nothing is under way for ever.
func (c *checker) left() {
	for _, p := range c.Posts {
		switch {
		case p.State != "shown" && p.State != "accepted":
			c.broken("left", p.Group, p.Place, "post %d is %s: %s %s", p.ID, p.State, p.Reason, p.Message)
		case p.DeadLetter:
			c.broken("left", p.Group, p.Place, "post %d is a dead letter: %s %s", p.ID, p.Reason, p.Message)
		case p.Want > p.Shown:
			c.broken("left", p.Group, p.Place, "post %d is %s at revision %d and should be at %d", p.ID, p.State, p.Shown, p.Want)
		}
	}
	for _, address := range c.Leases {
		c.broken("left", "", address, "somebody who has ended still has its lease")
	}
	for _, s := range c.Stops {
		switch {
		case s.Code == 0:
		case c.during(s.Began, s.Ended, DiskFull, DBKilled, DBCut, DBShutdown):
			// It says that it could not store that it gives back what it had.
			c.count("stops with an error, because nothing could be stored")
		default:
			c.broken("left", "", "", "replica %d ended with %d when it was stopped at %s", s.Replica, s.Code, short(s.Began))
		}
	}
	for _, what := range c.Ended {
		c.broken("left", "", "", "%s", what)
	}
}

// presses: what was answered is done, once, and people read it.
func (c *checker) presses() {
	for _, p := range c.Pressed {
		switch {
		case p.Did:
			c.count("presses done")
		default:
			c.count("presses refused or not answered")
		}
		if p.Verb != "comment" {
			continue
		}
		lines := 0
		for _, l := range c.Audit {
			if l.Action == "comment" && strings.HasSuffix(l.After, p.Text) {
				lines++
			}
		}
		if p.Did && lines == 0 || lines > 1 {
			c.broken("left", p.Group, "", "%s's comment %q is %d times in the audit (answered: %t)", p.Who, p.Text, lines, p.Did)
		}
		if lines == 0 {
			continue
		}
		told := slices.ContainsFunc(c.Sights, func(s Sight) bool { return s.Shown && strings.Contains(s.Text, p.Text) })
		// A card that comes with many comments at once quotes the latest of them.
		full := slices.ContainsFunc(c.Sights, func(s Sight) bool {
			return s.Shown && s.Mark != nil && s.Mark.Group == p.Group && s.At > p.At && len(c.quoted(s)) >= quotes
		})
		switch {
		case told:
		case full:
			c.count("comments that a card had no room for")
		default:
			c.broken("lost", p.Group, "", "nobody reads %s's comment %q", p.Who, p.Text)
		}
	}
}

// quotes is how many comments a card quotes at most.
const quotes = 5

// quoted are the comments that stand on a card, by their texts.
func (c *checker) quoted(s Sight) map[string]bool {
	all := map[string]bool{}
	for _, p := range c.Pressed {
		if p.Text != "" && strings.Contains(s.Text, p.Text) {
			all[p.Text] = true
		}
	}
	return all
}
