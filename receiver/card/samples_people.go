package card

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/press"
)

// The people of the samples.
var (
	sampleAlice = group.Person{Name: "Alice Ó Briain", ID: "6f1c1f3e-0000-4000-8000-00000000a11c"}
	sampleBob   = group.Person{Name: "Bob Nguyễn", ID: "6f1c1f3e-0000-4000-8000-000000000b0b"}
	sampleCarol = group.Person{Name: "Carol", ID: "6f1c1f3e-0000-4000-8000-0000000ca401"}
)

// ExampleLook is that of a bot's card that nobody can answer: its buttons are
// signed by no key.
func ExampleLook() Look {
	return Look{
		Press: func(groupID int64, verb string, of int64, span string) press.Data {
			return press.Key{ID: "example", Secret: make([]byte, 32)}.Sign("", press.Data{Verb: verb, Group: groupID, Of: of, For: span})
		},
		Link:  "https://teams.microsoft.com/l/message/19:example/1700000000000",
		Stays: true,
	}
}

// deeds are what people did to a sample, one after the other, a minute each.
type deeds struct{ in Input }

// do adds a deed that the story tells of.
func (d *deeds) do(change group.Change, who group.Person, text string) *group.Mark {
	g := &d.in.Group
	g.Facts++
	g.Rev++
	d.in.Now = d.in.Now.Add(time.Minute)
	at := d.in.Now
	g.History = append(g.History, group.History{At: at, Change: change, Count: 1, Who: who.Name, Text: text, Rev: g.Rev, Told: g.Rev, Here: true})
	g.ToldAt = at
	return &group.Mark{ID: g.Facts, By: who, At: at}
}

// with what somebody did.
func withDeeds(in Input, did func(d *deeds, g *group.Group)) Input {
	in = copied(in)
	d := &deeds{in}
	did(d, &d.in.Group)
	return d.in
}

func withAck(in Input) Input {
	return withDeeds(in, func(d *deeds, g *group.Group) { g.Ack = d.do(group.Acknowledged, sampleAlice, "") })
}

func withOwner(in Input) Input {
	return withDeeds(in, func(d *deeds, g *group.Group) {
		g.Owner = d.do(group.Assigned, sampleAlice, sampleBob.Name)
		g.Owner.To = sampleBob
	})
}

func withComment(in Input) Input {
	return withDeeds(in, func(d *deeds, _ *group.Group) {
		d.do(group.Commented, sampleBob, "The second *CRAC* unit is off. <at>Carol</at> is on her way.")
	})
}

// silenced is quiet for two hours, or until another day.
func withSilence(in Input, until time.Duration, comment string) Input {
	return withDeeds(in, func(d *deeds, g *group.Group) {
		m := d.do(group.Silenced, sampleBob, "")
		g.History[len(g.History)-1].Rev = 0
		g.Silence = &group.Silence{ID: 23, By: sampleBob, Until: m.At.Add(until).Truncate(time.Hour), Comment: comment, Theirs: true}
		g.ToldSilence = g.Silence.ID
	})
}

// left is what a silence of Alertmanager's makes of a group: it leaves the
// alerts out of its messages.
func left(in Input) Input {
	in = copied(in)
	for i := range in.Group.Alerts {
		if m := &in.Group.Alerts[i]; m.State == group.Firing {
			m.State = group.Unseen
		}
	}
	in.Group.Phase = group.Unheard
	in.Group.History = append(in.Group.History, group.History{At: in.Now, Change: group.Vanishes, Count: 1, Told: in.Group.Rev})
	return in
}

// silenceEnded fires again in people's ears.
func silenceEnded(in Input) Input {
	return withDeeds(withSilence(in, 2*time.Hour, ""), func(d *deeds, g *group.Group) {
		d.do(group.SilenceEnds, group.Person{}, "")
		g.History[len(g.History)-1].Rev, g.Silence = 0, nil
	})
}

func withWish(in Input, w group.Wish) Input {
	return withDeeds(in, func(d *deeds, g *group.Group) {
		change := group.Asked
		if w.State == group.WishFailed {
			change = group.Failed
		}
		w.At = d.do(change, w.By, w.Verb).At
		g.Wishes = append(g.Wishes, w)
	})
}

func endedBy(in Input) Input {
	return withDeeds(in, func(d *deeds, g *group.Group) {
		g.Closed = d.do(group.AllResolved, sampleCarol, "")
		g.History[len(g.History)-1].Rev = 0
		g.Phase, g.OverAt = group.Over, g.Closed.At
	})
}

// peopleSamples are a group about which people did something, each card in
// what it may have to say of that.
func peopleSamples(now time.Time, others []Sample) []Sample {
	hot := hotRoom(now)
	silence := group.Wish{Verb: command.Silence, ID: 23, By: sampleBob, Until: now.Add(2 * time.Hour), Count: 3, System: "Alertmanager", State: group.WishAsked}
	tried, refused := silence, silence
	tried.Reason = "Alertmanager cannot be reached (connection refused); tried again at 10:16"
	refused.State, refused.Reason = group.WishFailed, "it answered 400: start time must be before end time"
	ending := group.Wish{Verb: command.Expire, ID: 23, By: sampleCarol, System: "Alertmanager", State: group.WishAsked}
	resolve := group.Wish{Verb: command.Resolve, ID: 5, By: sampleAlice, System: "jira", State: group.WishAsked}
	story := withComment(withOwner(withAck(hot)))

	list := []Sample{
		sampleOf(Default, "acknowledged", withAck(hot)),
		sampleOf(Default, "acknowledgement taken back", withDeeds(withAck(hot), func(d *deeds, g *group.Group) {
			d.do(group.Unacknowledged, sampleAlice, "")
			g.Ack = nil
		})),
		sampleOf(Default, "assigned", withOwner(hot)),
		sampleOf(Default, "acknowledged, assigned, commented", story),
		sampleOf(Default, "acknowledged, assigned, commented, resolved", over(later(story))),
		sampleOf(Default, "silence asked for", withWish(hot, silence)),
		sampleOf(Default, "silence tried", withWish(hot, tried)),
		sampleOf(Default, "silence refused", withWish(hot, refused)),
		sampleOf(Default, "silenced", withSilence(hot, 2*time.Hour, "deploy of the *new* controller")),
		sampleOf(Default, "silenced until another day", withSilence(withAck(hot), 24*time.Hour, "")),
		sampleOf(Default, "silenced and left out", left(withSilence(hot, 2*time.Hour, "deploy"))),
		sampleOf(Default, "silence about to end", withWish(withSilence(hot, 2*time.Hour, ""), ending)),
		sampleOf(Default, "silence ended", silenceEnded(hot)),
		sampleOf(Default, "resolved by hand", endedBy(withAck(hot))),
		sampleOf(Default, "reopened", withDeeds(endedBy(hot), func(d *deeds, g *group.Group) {
			d.do(group.Reopened, sampleAlice, "")
			g.Closed, g.Phase, g.OverAt = nil, group.Open, time.Time{}
		})),
		sampleOf(MinimalCard, "acknowledged", withAck(hot)),
		sampleOf(MinimalCard, "silenced and left out", left(withSilence(hot, 2*time.Hour, "deploy"))),
		sampleOf(MinimalCard, "resolved by hand", endedBy(hot)),
	}
	for _, card := range []string{thresholdCard, "service-stopped", "reload-failed", configCard, ticketStatus, "payload"} {
		in := firstOf(card, others, now).Input
		list = append(list,
			sampleOf(card, "acknowledged", withAck(in)),
			sampleOf(card, "silenced", withSilence(in, 2*time.Hour, "deploy")),
			sampleOf(card, "resolved by hand", endedBy(in)))
	}
	ticket := firstOf(ticketComment, others, now).Input
	list = append(list, sampleOf(ticketStatus, "that is to be resolved", withWish(firstOf(ticketStatus, others, now).Input, resolve)),
		sampleOf(ticketComment, "acknowledged", withAck(ticket)))
	return append(list, callSamples(now)...)
}

// later is the same group some minutes later.
func later(in Input) Input {
	in.Now = in.Now.Add(5 * time.Minute)
	return in
}

// callSamples are the short messages.
func callSamples(now time.Time) []Sample {
	hot := hotRoom(now)
	refused := group.Wish{Verb: command.Silence, ID: 23, By: sampleBob, Until: now.Add(2 * time.Hour), Count: 3, System: "Alertmanager",
		State: group.WishFailed, Reason: "it answered 400: start time must be before end time"}
	worse := copied(withAck(hot))
	worse.Group.Rev++
	worse.Group.History = append(worse.Group.History, group.History{At: now, Change: group.SeverityRises, Count: 1, Told: worse.Group.Rev})
	reminder := reminded(withOwner(hot))
	reminder.Group.Rev++
	reminder.Group.Reminded = reminder.Group.Rev
	var list []Sample
	for _, s := range []struct {
		what   string
		in     Input
		called int
	}{
		{"of an assignment", withOwner(hot), 1}, {"of a comment", withComment(withAck(hot)), 2}, {"that it got worse", worse, 2},
		{"of a refused silence", withWish(hot, refused), 1}, {"of a reminder", reminder, 2}, {"that a silence ended", silenceEnded(withAck(hot)), 3},
	} {
		s.in.Look = ExampleLook()
		list = append(list, Sample{Name: "call " + s.what, Card: callName, Input: s.in, Call: true, Called: s.called})
		s.in.Look.Threads = true
		list = append(list, Sample{Name: "call " + s.what + " in a thread", Card: callName, Input: s.in, Call: true, Called: s.called})
	}
	return list
}
