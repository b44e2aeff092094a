package card

import (
	"fmt"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// missing is a group of which some could not be told; its cards are read at
// destination.
func missing(in Input, destination string, misses ...group.Miss) Input {
	in = copied(in)
	in.Destination = destination
	in.Group.Misses = misses
	in.Group.Rev++
	in.Group.History = append(in.Group.History, group.History{At: in.Now, Change: group.Unreached, Text: "sre", Told: in.Group.Rev})
	return in
}

// unreached are people of one destination who could not be told.
func unreached(why string, who ...string) []group.Miss {
	misses := make([]group.Miss, len(who))
	for i, name := range who {
		misses[i] = group.Miss{Destination: "oncall", Address: fmt.Sprint("user:", name), Who: name, Why: why, Fallback: "sre"}
	}
	return misses
}

// escalatedAfter is a group that nobody has taken care of for a while: as many
// of its steps as are named are told.
func escalatedAfter(in Input, after time.Duration, steps ...string) Input {
	in = copied(in)
	g := &in.Group
	g.Alone = in.Now
	in.Now = in.Now.Add(after)
	g.Rev++
	for _, name := range steps {
		g.Spec.Escalate = append(g.Spec.Escalate, group.Step{After: after, Targets: []group.Target{{Destination: name}}})
		g.Escalated = append(g.Escalated, in.Now)
		g.History = append(g.History, group.History{At: in.Now, Change: group.Escalated, Text: name, Told: g.Rev})
	}
	return in
}

// repeated is an escalation that is told once more.
func repeated(in Input, every time.Duration) Input {
	in = copied(in)
	in.Now, in.Reminder = in.Now.Add(every), true
	g := &in.Group
	g.Rev++
	g.Reminded = g.Rev
	g.Escalated = append([]time.Time(nil), g.Escalated...)
	g.Escalated[len(g.Escalated)-1] = in.Now
	return in
}

// reachSamples are groups that somebody is told of because others were not, or
// did not answer.
func reachSamples(now time.Time, others []Sample) []Sample {
	hot := hotRoom(now)
	blocked := unreached("has blocked the bot", "Alice Ó Briain")
	several := append(unreached("has blocked the bot", "Alice Ó Briain", "Bob Nguyễn"), unreached("nobody has that name in the organization", "carol@contoso.com")...)
	channel := group.Miss{Destination: "facilities", Address: "workflow:1", Why: "what leads there is gone", Fallback: "sre"}
	many := missing(hot, "sre", unreached("Teams does not accept our sign-in there",
		"Alice Ó Briain", "Bob Nguyễn", "Carol", "Dan", "Erin", "Frank", "Grace", "Heidi", "Ivan", "Judy")...)
	many.Group.MoreMisses = 990
	hostile := missing(hot, "sre", unreached("**has** <at>everyone</at> [blocked](http://evil.example) it", `"}]<at>Eve</at> {{DATE(2026-11-21T09:00:00Z,SHORT)}} *_*`)...)
	alone := escalatedAfter(hot, 15*time.Minute, "managers")
	again := repeated(escalatedAfter(hot, 45*time.Minute, "managers", "directors"), 30*time.Minute)
	both := missing(alone, "sre", blocked...)

	list := []Sample{
		sampleOf(Default, "in the place of somebody", missing(hot, "sre", blocked...)),
		sampleOf(Default, "that somebody was not told", missing(hot, "oncall", blocked...)),
		sampleOf(Default, "in the place of several", missing(hot, "sre", several...)),
		sampleOf(Default, "in the place of many", many),
		sampleOf(Default, "in the place of a channel", missing(hot, "sre", channel)),
		sampleOf(Default, "in the place of a hostile name", hostile),
		sampleOf(Default, "in the place of somebody, acknowledged", withAck(missing(hot, "sre", blocked...))),
		sampleOf(Default, "in the place of somebody, resolved", over(later(missing(hot, "sre", blocked...)))),
		sampleOf(Default, "escalated", alone),
		sampleOf(Default, "escalated again", again),
		sampleOf(Default, "escalated, in the place of somebody", both),
		sampleOf(Default, "escalated, acknowledged", withAck(alone)),
		sampleOf(Default, "escalated, resolved", over(later(alone))),
		sampleOf(MinimalCard, "in the place of somebody", missing(hot, "sre", blocked...)),
		sampleOf(MinimalCard, "escalated", alone),
	}
	for _, card := range []string{thresholdCard, "service-stopped", "reload-failed", configCard, ticketStatus, "payload"} {
		in := firstOf(card, others, now).Input
		list = append(list,
			sampleOf(card, "in the place of somebody", missing(in, "sre", blocked...)),
			sampleOf(card, "escalated", escalatedAfter(in, 15*time.Minute, "managers")))
	}
	row := DigestRow{Title: "DatacenterTemperatureHigh fra1", Severity: "critical", Rank: int(hot.Group.Severity()), Firing: 2, Since: now.Add(-41 * time.Minute), ID: "k3f9"}
	told, calm := row, row
	told.Note, calm.Note = Note(&both.Group, "sre"), Note(&hot.Group, "sre")
	instead := row
	instead.Note = Note(&many.Group, "sre")
	list = append(list, Sample{Name: "digest of what others were not told", Card: digestName,
		Digest: &DigestInput{Rows: []DigestRow{told, instead, calm}, Now: now, Oldest: now.Add(-41 * time.Minute)}})
	for _, s := range []struct {
		what   string
		in     Input
		called int
	}{
		{"of an escalation", alone, 1}, {"of an escalation again", again, again.Group.Rev - 1},
		{"in the place of somebody", missing(hot, "sre", blocked...), 1},
	} {
		s.in.Look = ExampleLook()
		list = append(list, Sample{Name: "call " + s.what, Card: callName, Input: s.in, Call: true, Called: s.called})
	}
	return list
}
