package torture

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// perfect is a world in which a receiver without a fault took everything at
// once, and in which nothing failed.
func perfect(seed uint64) *World {
	w := &World{Plan: NewPlan(seed, Shape{For: 20 * time.Second, Replicas: 3, Shared: true}), Calm: 20 * time.Second}
	w.Plan.Faults = nil
	messages := 0
	for n, g := range w.Plan.Groups {
		episode, began := 0, false
		cards := map[string]string{} // of the episode, by place
		for i, step := range g.Steps {
			w.Takes = append(w.Takes, Take{Group: g.Name, Step: i + 1, Began: step.At, Ended: step.At + time.Millisecond, Status: 200})
			if !began {
				episode++
				clear(cards)
			}
			began = !step.Over()
			mark := &Mark{ID: fmt.Sprintf("e%d-%d", n, episode), Group: g.Name, Facts: i}
			for _, a := range step.Alerts {
				mark.Alerts = append(mark.Alerts, Marked{states(step)[a.Instance], a.Instance, i + 1})
			}
			for _, where := range g.Places {
				if !place(where).Editable && i > 0 && !worthMessage(g.Steps[i-1], step) {
					continue
				}
				s := Sight{At: step.At + 2*time.Millisecond, Place: where, Shown: true, Status: 202, Mark: mark}
				s.Message, s.Edit = cards[where], cards[where] != "" && place(where).Editable
				if !s.Edit {
					messages++
					s.Message = fmt.Sprint(messages)
					cards[where] = s.Message
				}
				w.Sights = append(w.Sights, s)
				w.Requests = append(w.Requests, Request{Place: where, Began: s.At, Ended: s.At, Status: 202})
			}
		}
		last := g.Steps[len(g.Steps)-1]
		w.Groups = append(w.Groups, StoredGroup{
			ID: int64(n + 1), Short: fmt.Sprintf("e%d-%d", n, episode), Name: g.Name, Episode: episode, Over: last.Over(), Told: true, Rev: 1, States: states(last),
		})
		for _, where := range g.Places {
			w.Posts = append(w.Posts, StoredPost{ID: int64(len(w.Posts) + 1), Group: g.Name, GroupID: int64(n + 1), Place: where, State: "shown", Want: 1, Shown: 1})
		}
	}
	slices.SortStableFunc(w.Sights, func(a, b Sight) int { return int(a.At - b.At) })
	w.Deliveries = []StoredDelivery{{ID: 1, PostID: 1, Group: "G000", Place: "ops", Kind: "card", State: "accepted", Revision: 1}}
	w.Pressed = []Pressed{{Press: Press{Who: "Alice", Verb: "comment", Text: "words0001"}, Group: "G000", Status: 200, Did: true}}
	w.Audit = []AuditLine{{Who: "Alice", Action: "comment", After: "Alice: words0001"}}
	w.Sights[len(w.Sights)-1].Text = "words0001"
	return w
}

func TestAPerfectDayPasses(t *testing.T) {
	for seed := range uint64(20) {
		v := Check(perfect(seed))
		require.True(t, v.Passed(), "seed %d: %s", seed, v)
		require.Positive(t, v.Counts["groups that are told as they are"])
		require.Positive(t, v.Counts["cards compared with what was sent"])
	}
}

// sightsOf are the indices of what people saw of a group that is only told in
// this place, and that has more than one message.
func sightsOf(t *testing.T, w *World, where Place, ends bool) (group *Group, at []int) {
	t.Helper()
	for i := range w.Plan.Groups {
		g := &w.Plan.Groups[i]
		at = nil
		for n, s := range w.Sights {
			if s.Mark.Group == g.Name {
				at = append(at, n)
			}
		}
		if slices.Equal(g.Places, []string{where.Name}) && len(at) > 2 && g.Source == Webhook && g.Steps[len(g.Steps)-1].Over() == ends {
			return g, at
		}
	}
	t.Fatal("this plan has no such group")
	return nil, nil
}

// Each row is what a bug would do, or what excuses it.
func TestWhatIsWrongIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		place Place
		do    func(w *World, g *Group, at []int)
		// wrong begins the first problem; "": it is excused, and counted under
		// counted.
		wrong, counted string
	}{
		"the last message of a webhook never came": {Ops, func(w *World, _ *Group, at []int) {
			w.Sights = slices.Delete(w.Sights, at[len(at)-1], at[len(at)-1]+1)
		}, "lost: ", ""},
		"Teams said 202 and never showed the last message": {Ops, func(w *World, _ *Group, at []int) {
			w.Sights[at[len(at)-1]].Shown = false
		}, "", "groups of which Teams lied: 202, and nothing was shown"},
		"Teams refused the last message, and it was never sent again": {Ops, func(w *World, _ *Group, at []int) {
			w.Sights[at[len(at)-1]].Shown, w.Sights[at[len(at)-1]].Status = false, 503
		}, "lost: ", ""},
		"the last edit of a card never came": {SRE, func(w *World, _ *Group, at []int) {
			w.Sights = slices.Delete(w.Sights, at[len(at)-1], at[len(at)-1]+1)
		}, "lost: ", ""},
		"nobody was ever told of a group": {SRE, func(w *World, g *Group, _ []int) {
			w.Sights = slices.DeleteFunc(w.Sights, func(s Sight) bool { return s.Mark.Group == g.Name })
		}, "lost: ", ""},
		"the card does not say that it is acknowledged": {SRE, func(w *World, g *Group, _ []int) {
			w.latest(g).Acked = true
		}, "lost: ", ""},
		"what was taken is not in the store": {Ops, func(w *World, g *Group, _ []int) {
			for instance := range w.latest(g).States {
				w.latest(g).States[instance] = "firing"
			}
		}, "lost: ", ""},
		"the last body was never taken": {Ops, func(w *World, g *Group, _ []int) {
			for i := range w.Takes {
				if w.Takes[i].Group == g.Name && w.Takes[i].Step == len(g.Steps) {
					w.Takes[i].Status = 503
				}
			}
		}, "lost: ", ""},
		"a digest says the opposite of how it is": {Ops, func(w *World, g *Group, at []int) {
			w.Sights = append(w.Sights, Sight{At: 21 * time.Second, Place: "ops", Shown: true, Digest: []Row{{g.Name, 1, 0}}})
		}, "lost: ", ""},
		"a digest says at last how it is": {Ops, func(w *World, g *Group, at []int) {
			w.Sights[at[len(at)-1]].Mark, w.Sights[at[len(at)-1]].Digest = nil, []Row{{g.Name, 0, 1}}
		}, "", "digests shown"},
		"the card of an earlier episode stays as it was": {SRE, func(w *World, g *Group, at []int) {
			left(w, g, at)
		}, "lost: ", ""},
		"the card of an earlier episode has no answer, and a digest has closed it": {SRE, func(w *World, g *Group, at []int) {
			w.Requests[left(w, g, at)].Status = 0
			w.Sights = append(w.Sights, Sight{At: 30 * time.Second, Place: "sre", Shown: true, Digest: []Row{{g.Name, 0, 1}}})
		}, "", "cards without an answer that a digest has closed"},
		"the card of an earlier episode has an answer, and a digest has closed it": {SRE, func(w *World, g *Group, at []int) {
			left(w, g, at)
			w.Sights = append(w.Sights, Sight{At: 30 * time.Second, Place: "sre", Shown: true, Digest: []Row{{g.Name, 0, 1}}})
		}, "lost: ", ""},
		"a card of a group that nobody has sent": {SRE, func(w *World, _ *Group, at []int) {
			w.Sights[at[0]].Mark.Group = "G999"
		}, "invented: ", ""},
		"a card in the wrong place": {SRE, func(w *World, _ *Group, at []int) {
			s := w.Sights[at[0]]
			s.Place = "duty"
			w.Sights = append(w.Sights, s)
		}, "invented: ", ""},
		"a card shows what was not sent yet": {SRE, func(w *World, _ *Group, at []int) {
			w.Sights[at[0]].At = 0
		}, "invented: ", ""},
		"a card says of an alert what nobody has said": {SRE, func(w *World, _ *Group, at []int) {
			w.Sights[at[0]].Mark.Alerts[0].State = "unseen"
		}, "invented: ", ""},
		"two messages of a webhook come in the wrong order": {Ops, func(w *World, _ *Group, at []int) {
			a, b := &w.Sights[at[0]], &w.Sights[at[1]]
			a.Mark, b.Mark = b.Mark, a.Mark
		}, "order: ", ""},
		"an older state overwrites a newer one on a card": {SRE, func(w *World, g *Group, at []int) {
			s := w.Sights[at[0]]
			s.Edit, s.At = true, w.Sights[at[1]].At
			w.Sights = slices.Insert(w.Sights, at[1]+1, s)
		}, "order: ", ""},
		"an older state comes back because its body was taken late": {SRE, func(w *World, g *Group, at []int) {
			s := w.Sights[at[0]]
			s.Edit, s.At = true, w.Sights[at[1]].At
			w.Sights = slices.Insert(w.Sights, at[1]+1, s)
			w.Takes = append(w.Takes, Take{Group: g.Name, Step: s.Mark.Step(), Began: time.Second, Ended: 6 * time.Second})
			w.Done = append(w.Done, Done{Fault: Fault{Kind: Hung}, From: time.Second, To: 2 * time.Second})
		}, "", "states that came back with a body that was taken late"},
		"the last card shows what came with a body that was taken late, and is mentioned no more": {SRE, func(w *World, g *Group, at []int) {
			opened(w, g, at)
			w.Takes = append(w.Takes, Take{Group: g.Name, Step: 1, Began: time.Second, Ended: 6 * time.Second})
			w.Done = append(w.Done, Done{Fault: Fault{Kind: Hung}, From: time.Second, To: 2 * time.Second})
		}, "", "groups that a body that was taken late has opened, and no later one mentions"},
		"the last card shows what is mentioned no more, and no body was taken late": {SRE, func(w *World, g *Group, at []int) {
			opened(w, g, at)
		}, "lost: ", ""},
		"a comment on an earlier episode is told after the latest": {Ops, func(w *World, g *Group, at []int) {
			earlier(w, g).Text = "words1999"
			w.Pressed = append(w.Pressed, Pressed{Press: Press{Who: "Bob", Verb: "comment", Text: "words1999"}, Group: g.Name, Status: 200, Did: true})
			w.Audit = append(w.Audit, AuditLine{Who: "Bob", Action: "comment", After: "Bob: words1999"})
		}, "", "comments on an episode before the latest"},
		"a comment on an earlier episode is told after the latest, twice": {Ops, func(w *World, g *Group, at []int) {
			earlier(w, g).Text = "words1999"
			again := earlier(w, g)
			again.Text, again.At = "words1999", again.At+time.Second
			w.Pressed = append(w.Pressed, Pressed{Press: Press{Who: "Bob", Verb: "comment", Text: "words1999"}, Group: g.Name, Status: 200, Did: true})
			w.Audit = append(w.Audit, AuditLine{Who: "Bob", Action: "comment", After: "Bob: words1999"})
		}, "order: ", ""},
		"an earlier episode is told after the latest": {Ops, func(w *World, g *Group, at []int) {
			earlier(w, g)
		}, "order: ", ""},
		"an old card from a replica that hung and comes back": {SRE, func(w *World, g *Group, at []int) {
			s := w.Sights[at[0]]
			s.Edit, s.At = true, w.Sights[at[1]].At
			w.Sights = slices.Insert(w.Sights, at[1]+1, s)
			w.Done = append(w.Done, Done{Fault: Fault{Kind: Hung}, From: s.At - 30*time.Second, To: s.At - time.Second})
		}, "", "old cards from a replica that had hung"},
		"old news that was given up and replayed": {SRE, func(w *World, g *Group, at []int) {
			first := slices.IndexFunc(g.Steps, Step.Over)
			s := Sight{At: 30 * time.Second, Place: "sre", Message: "replayed", Shown: true, Mark: &Mark{ID: "earlier", Group: g.Name}}
			for _, a := range g.Steps[first].Alerts {
				s.Mark.Alerts = append(s.Mark.Alerts, Marked{"resolved", a.Instance, first + 1})
			}
			w.Sights = append(w.Sights, s)
			w.Deliveries = append(w.Deliveries, StoredDelivery{ID: 2, PostID: 99, Group: g.Name, Place: "sre", State: "dead"})
		}, "", "old news that an operator has replayed"},
		"a message comes twice": {Ops, func(w *World, _ *Group, at []int) {
			again(w, at[0])
		}, "twice: ", ""},
		"a message comes twice because its answer was cut": {Ops, func(w *World, _ *Group, at []int) {
			again(w, at[0]).Status = 0
		}, "", "messages twice: the answer was cut off"},
		"a message comes twice because Teams denied it": {Ops, func(w *World, _ *Group, at []int) {
			again(w, at[0]).Status = 503
		}, "", "messages twice: Teams denied that it was there"},
		"a message comes twice because its sender was killed": {Ops, func(w *World, _ *Group, at []int) {
			r := again(w, at[0])
			w.Done = append(w.Done, Done{Fault: Fault{Kind: Killed}, From: r.Ended + time.Second, To: r.Ended + 2*time.Second})
		}, "", "messages twice: killed"},
		"a message comes twice, and the kill was long before": {Ops, func(w *World, _ *Group, at []int) {
			r := again(w, at[0])
			w.Done = append(w.Done, Done{Fault: Fault{Kind: Killed}, From: r.Began - 10*time.Second, To: r.Began - 9*time.Second})
		}, "twice: ", ""},
		"a card is made twice": {SRE, func(w *World, _ *Group, at []int) {
			again(w, at[0])
		}, "twice: ", ""},
		"the log has two successes of one revision": {Ops, func(w *World, _ *Group, _ []int) {
			w.Deliveries = append(w.Deliveries, w.Deliveries[0])
		}, "twice: ", ""},
		"an attempt has no end": {Ops, func(w *World, _ *Group, _ []int) {
			w.Deliveries[0].State = "sending"
		}, "left: ", ""},
		"Teams had to refuse what was too much": {Ops, func(w *World, _ *Group, _ []int) {
			w.Requests[0].Limited = true
		}, "pace: ", ""},
		"a post is being sent for ever": {Ops, func(w *World, _ *Group, _ []int) { w.Posts[0].State = "sending" }, "left: ", ""},
		"a post waits for ever":         {Ops, func(w *World, _ *Group, _ []int) { w.Posts[0].State = "waiting" }, "left: ", ""},
		"a post is behind":              {Ops, func(w *World, _ *Group, _ []int) { w.Posts[0].Want = 2 }, "left: ", ""},
		"a dead letter is left":         {Ops, func(w *World, _ *Group, _ []int) { w.Posts[0].DeadLetter = true }, "left: ", ""},
		"somebody dead has a lease":     {Ops, func(w *World, _ *Group, _ []int) { w.Leases = []string{"workflow:ops"} }, "left: ", ""},
		"a replica ended with an error": {Ops, func(w *World, _ *Group, _ []int) {
			w.Stops = []Stop{{Began: time.Minute, Ended: time.Minute, Code: 1}}
		}, "left: ", ""},
		"a replica ended with an error while the disk was full": {Ops, func(w *World, _ *Group, _ []int) {
			w.Stops = []Stop{{Began: time.Minute, Ended: time.Minute, Code: 1}, {Began: time.Hour, Ended: time.Hour}}
			w.Done = append(w.Done, Done{Fault: Fault{Kind: DiskFull}, From: time.Minute, To: time.Minute})
		}, "", "stops with an error, because nothing could be stored"},
		"a replica did not end":         {Ops, func(w *World, _ *Group, _ []int) { w.Ended = []string{"it did not"} }, "left: ", ""},
		"a press is not in the audit":   {Ops, func(w *World, _ *Group, _ []int) { w.Audit = nil }, "left: ", ""},
		"a press is twice in the audit": {Ops, func(w *World, _ *Group, _ []int) { w.Audit = append(w.Audit, w.Audit[0]) }, "left: ", ""},
		"nobody reads a comment": {Ops, func(w *World, _ *Group, _ []int) {
			w.Sights[len(w.Sights)-1].Text = ""
			w.Pressed[0].At = 21 * time.Second
		}, "lost: ", ""},
		"a card that comes later quotes other comments": {SRE, func(w *World, g *Group, at []int) {
			commented(w, g, at, 5)
		}, "", "comments that a card had no room for"},
		"a card that comes later has room for a comment, and leaves it out": {SRE, func(w *World, g *Group, at []int) {
			commented(w, g, at, 4)
		}, "lost: ", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := perfect(3)
			g, at := sightsOf(t, w, c.place, true)
			c.do(w, g, at)
			v := Check(w)
			if c.wrong == "" {
				require.True(t, v.Passed(), "%s", v)
				require.Positive(t, v.Counts[c.counted], "it is not even counted: %s", v)
				return
			}
			require.False(t, v.Passed())
			require.True(t, slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.String()[:len(c.wrong)] == c.wrong }), "%s", v)
			require.NotEmpty(t, w.Story(v.Problems[0].Group, v.Problems[0].Place))
		})
	}
}

// commented has nobody read the comment, which is on a group now, whose last
// card quotes so many others.
func commented(w *World, g *Group, at []int, others int) {
	w.Sights[len(w.Sights)-1].Text = ""
	w.Pressed[0].Group = g.Name
	for i := range others {
		text := fmt.Sprintf("words1%03d", i)
		w.Pressed = append(w.Pressed, Pressed{Press: Press{Who: "Bob", Verb: "comment", Text: text}, Group: g.Name, Status: 200, Did: true})
		w.Audit = append(w.Audit, AuditLine{Who: "Bob", Action: "comment", After: "Bob: " + text})
		w.Sights[at[len(at)-1]].Text += text + " "
	}
}

// earlier shows at last a message of an episode before the latest.
func earlier(w *World, g *Group) *Sight {
	first := slices.IndexFunc(g.Steps, Step.Over)
	s := Sight{At: 30 * time.Second, Place: g.Places[0], Message: "earlier", Shown: true, Status: 202, Mark: &Mark{ID: "earlier", Group: g.Name}}
	for _, a := range g.Steps[first].Alerts {
		s.Mark.Alerts = append(s.Mark.Alerts, Marked{"resolved", a.Instance, first + 1})
	}
	w.Sights = append(w.Sights, s)
	w.Requests = append(w.Requests, Request{Place: s.Place, Began: s.At, Ended: s.At, Status: 202})
	return &w.Sights[len(w.Sights)-1]
}

// opened puts an alert on the last card of a group that only the first of its
// bodies mentions.
func opened(w *World, g *Group, at []int) {
	g.Steps[0].Alerts = append(slices.Clone(g.Steps[0].Alerts), Alert{Instance: "left", Severity: "warning", Firing: true})
	m := w.Sights[at[len(at)-1]].Mark
	m.Alerts = append(slices.Clone(m.Alerts), Marked{"unseen", "left", 1})
}

// left adds the card of an earlier episode that fires for ever, and returns the
// request with which it came.
func left(w *World, g *Group, at []int) (request int) {
	first := w.Sights[at[0]]
	s := Sight{
		At: first.At + time.Microsecond, Place: first.Place, Message: "left", Shown: true, Status: 201,
		Mark: &Mark{ID: "earlier", Group: g.Name, Alerts: first.Mark.Alerts},
	}
	w.Sights = slices.Insert(w.Sights, at[0]+1, s)
	w.Requests = append(w.Requests, Request{Place: s.Place, Began: s.At, Ended: s.At, Status: 201})
	return len(w.Requests) - 1
}

// again shows a message a second time right after the first, and returns the
// request with which the first came.
func again(w *World, at int) *Request {
	s := w.Sights[at]
	s.Message += "again"
	s.At += time.Microsecond
	w.Sights = slices.Insert(w.Sights, at+1, s)
	w.Requests = append(w.Requests, Request{Place: s.Place, Began: s.At, Ended: s.At, Status: 202})
	for i := range w.Requests {
		if r := &w.Requests[i]; r.Place == s.Place && r.Began == w.Sights[at].At {
			return r
		}
	}
	panic("there is no message without a request")
}

// latest is the latest episode of a group in the store.
func (w *World) latest(g *Group) *StoredGroup {
	for i := range w.Groups {
		if w.Groups[i].Name == g.Name {
			return &w.Groups[i]
		}
	}
	panic("every group is in the store")
}

// The story is what somebody reads who has to find the bug.
func TestAStoryHasAllThatMattersInItsOrder(t *testing.T) {
	w := perfect(3)
	g, at := sightsOf(t, w, Ops, true)
	w.Done = append(w.Done, Done{Fault: Fault{Kind: Killed, Replica: 2}, From: time.Second, To: 2 * time.Second})
	w.Pressed[0].Group = g.Name
	story := w.Story(g.Name, "ops")
	for _, words := range []string{"planned  step 1", "sent     step 1", "shown    ops " + w.Sights[at[0]].Message, "fault    killed (replica 2) until 2.000", "pressed  Alice: comment", "calm", "in the end  episode", "in the end  post"} {
		require.Contains(t, story, words)
	}
	require.NotContains(t, story, "sre")
}

// What was posted ends when nobody posts it for a while, so a body that was taken
// late is told for so long. Without such a body it is a bug.
func TestAPostedGroupThatFiresByABodyThatWasTakenLate(t *testing.T) {
	for name, c := range map[string]struct {
		source Source
		late   bool   // a body was taken late
		shown  string // how the last card shows what fires by it; "": not at all
		passes bool
	}{
		"a body was taken late": {Posted, true, "firing", true},
		"none was":              {Posted, false, "firing", false},
		"a body was taken late, and people read that all is over": {Posted, true, "", false},
		"Alertmanager's bodies are all there is of a group":       {Webhook, true, "firing", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := perfect(3)
			i := slices.IndexFunc(w.Plan.Groups, func(g Group) bool { return g.Source == c.source && g.Steps[len(g.Steps)-1].Over() && len(g.Steps) > 1 })
			g := &w.Plan.Groups[i]
			g.Steps[0].Alerts = append(slices.Clone(g.Steps[0].Alerts), Alert{Instance: "left", Severity: "warning", Firing: true})
			w.latest(g).States["left"] = "firing"
			last := map[string]*Sight{}
			for i := range w.Sights {
				if w.Sights[i].Mark.Group == g.Name {
					last[w.Sights[i].Place] = &w.Sights[i]
				}
			}
			for _, s := range last {
				if c.shown != "" {
					m := *s.Mark
					m.Alerts = append(slices.Clone(m.Alerts), Marked{c.shown, "left", 1})
					s.Mark = &m
				}
			}
			if c.late {
				w.Takes = append(w.Takes, Take{Group: g.Name, Step: 1, Began: time.Second, Ended: 6 * time.Second})
				w.Done = append(w.Done, Done{Fault: Fault{Kind: Hung}, From: time.Second, To: 2 * time.Second})
			}
			v := Check(w)
			require.Equal(t, c.passes, v.Passed(), "%s", v)
			if c.passes {
				require.Positive(t, v.Counts["groups that fire by a body that was taken late, until nobody has posted it for a while"])
			}
		})
	}
}
