package card

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// said are the lines about people, and what a card says of its state.
func said(in Input) (lines []string, s *Story) {
	s = newTeller(in).story(maxRows)
	for _, line := range s.people {
		lines = append(lines, line.Text)
	}
	return lines, s
}

func TestTheCardSaysWhoDidWhat(t *testing.T) {
	hot := hotRoom(now)
	ask := func(w group.Wish) Input {
		w.By, w.System = sampleBob, "Alertmanager"
		if w.Until.IsZero() {
			w.Until = at(12, 0)
		}
		return withWish(hot, w)
	}
	jira := func(in Input, w group.Wish) Input {
		w.By, w.System = sampleAlice, "jira"
		return withWish(in, w)
	}
	himself := withOwner(hot)
	himself.Group.Owner.By = himself.Group.Owner.To
	nameless := withAck(hot)
	nameless.Group.Ack.By = group.Person{ID: sampleAlice.ID}
	for _, test := range []struct {
		name   string
		in     Input
		status string
		lines  []string
	}{
		{"nobody did anything", hot, "CRITICAL · 1 firing, 1 resolved", nil},
		{"somebody has seen it, and it is as bad as before", withAck(hot), "CRITICAL · 1 firing, 1 resolved · acknowledged", []string{"Acknowledged by Alice Ó Briain, 10:15"}},
		{"somebody whose name nobody knows", nameless, "CRITICAL · 1 firing, 1 resolved · acknowledged", []string{"Acknowledged by somebody, 10:15"}},
		{"somebody gave it to another", withOwner(hot), "CRITICAL · 1 firing, 1 resolved", []string{"Assigned to Bob Nguyễn by Alice Ó Briain, 10:15"}},
		{"somebody took it", himself, "CRITICAL · 1 firing, 1 resolved", []string{"Assigned to Bob Nguyễn, 10:15"}},
		{"silenced, and why", withSilence(hot, 2*time.Hour, "deploy"), "CRITICAL · 1 silenced, 1 resolved", []string{"Silenced until 12:00 by Bob Nguyễn: deploy"}},
		{"silenced until another day", withSilence(hot, 24*time.Hour, ""), "CRITICAL · 1 silenced, 1 resolved", []string{"Silenced until 22 Nov 10:00 by Bob Nguyễn"}},
		{"Alertmanager leaves out what it silences", left(withSilence(hot, 2*time.Hour, "deploy")), "CRITICAL · 1 silenced, 1 resolved", []string{"Silenced until 12:00 by Bob Nguyễn: deploy"}},
		{"ended by hand while its source says nothing", endedBy(hot), "Resolved by Carol after 13 min · 2 alerts, was critical", []string{"Resolved by Carol by hand, 10:15; its source has not said that it is over"}},
		{"ended by hand, and then by its source", over(endedBy(hot)), "Resolved by Carol after 12 min · 2 alerts, was critical", []string{"Resolved by Carol by hand, 10:15"}},
		{"its end does not forget who cared", over(withAck(hot)), "Resolved after 12 min · 2 alerts, was critical", []string{"Acknowledged by Alice Ó Briain, 10:15"}},

		{"Alertmanager is asked", ask(group.Wish{Verb: "silence", Count: 3, State: group.WishAsked}), "CRITICAL · 1 firing, 1 resolved",
			[]string{"Bob Nguyễn asked Alertmanager for a silence until 12:00 (3 alerts); not silenced yet"}},
		{"and cannot be reached", ask(group.Wish{Verb: "silence", Count: 1, State: group.WishAsked, Reason: "it cannot be reached."}), "CRITICAL · 1 firing, 1 resolved",
			[]string{"Bob Nguyễn asked Alertmanager for a silence until 12:00 (1 alert); not silenced yet: it cannot be reached"}},
		{"and says no", ask(group.Wish{Verb: "silence", State: group.WishFailed, Reason: "bad matcher"}), "CRITICAL · 1 firing, 1 resolved",
			[]string{"Alertmanager did not take the silence that Bob Nguyễn asked for: bad matcher"}},
		{"and has taken it, but nothing says that it is silenced", ask(group.Wish{Verb: "silence", State: group.WishGranted}), "CRITICAL · 1 firing, 1 resolved", nil},
		{"a silence that would be over by now is no news", ask(group.Wish{Verb: "silence", State: group.WishAsked, Until: at(10, 0)}), "CRITICAL · 1 firing, 1 resolved", nil},
		{"nor is one that is asked for of what is over", over(ask(group.Wish{Verb: "silence", State: group.WishAsked})), "Resolved after 12 min · 2 alerts, was critical", nil},
		{"a silence is to end, and stands until then", withWish(withSilence(hot, 2*time.Hour, ""), group.Wish{Verb: "expire", By: sampleCarol, System: "Alertmanager", State: group.WishAsked}),
			"CRITICAL · 1 silenced, 1 resolved", []string{"Silenced until 12:00 by Bob Nguyễn", "Carol asked Alertmanager to end the silence; still silenced"}},
		{"the last wish counts", withWish(ask(group.Wish{Verb: "silence", State: group.WishFailed, ID: 1}), group.Wish{Verb: "silence", ID: 2, By: sampleCarol, Until: at(13, 0), State: group.WishAsked}),
			"CRITICAL · 1 firing, 1 resolved", []string{"Carol asked its source for a silence until 13:00; not silenced yet"}},

		{"a ticket is to be resolved", jira(hot, group.Wish{Verb: "resolve", State: group.WishAsked}), "CRITICAL · 1 firing, 1 resolved", []string{"Alice Ó Briain asked jira to resolve it; not done yet"}},
		{"and the tracker refuses", jira(hot, group.Wish{Verb: "resolve", State: group.WishFailed, Reason: "403"}), "CRITICAL · 1 firing, 1 resolved", []string{"Jira did not resolve it as Alice Ó Briain asked: 403"}},
		{"and the tracker has taken it, which is not yet an end", jira(hot, group.Wish{Verb: "resolve", State: group.WishGranted}), "CRITICAL · 1 firing, 1 resolved", []string{"Alice Ó Briain asked jira to resolve it; it has accepted"}},
		{"a comment has not arrived", jira(hot, group.Wish{Verb: "comment", State: group.WishFailed, Reason: "404"}), "CRITICAL · 1 firing, 1 resolved", []string{"Jira did not take a comment as Alice Ó Briain asked: 404"}},
		{"an assignment is on its way", jira(hot, group.Wish{Verb: "assign", State: group.WishAsked}), "CRITICAL · 1 firing, 1 resolved", []string{"Alice Ó Briain asked jira to assign it; not done yet"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			lines, s := said(test.in)
			require.Equal(t, test.lines, lines)
			require.Equal(t, test.status, s.Status)
			for _, line := range lines {
				require.Contains(t, s.Speak, line, "who cannot see does not hear it")
			}
		})
	}
}

// Who glances at the channel must see from afar what still needs somebody.
func TestWhatSomebodyCaresForLooksCalmer(t *testing.T) {
	hot := hotRoom(now)
	for _, test := range []struct {
		in           Input
		style, color string
	}{
		{hot, "attention", "Attention"},
		{withAck(hot), "emphasis", "Attention"},
		{withOwner(hot), "attention", "Attention"}, // he may not have seen it
		{withSilence(hot, time.Hour, ""), "emphasis", "Default"},
		{left(withSilence(hot, time.Hour, "")), "emphasis", "Default"},
		{endedBy(hot), "good", "Good"},
		{over(withAck(hot)), "good", "Good"},
	} {
		_, s := said(test.in)
		require.Equal(t, test.style, s.Style, s.Status)
		require.Equal(t, test.color, s.Color, s.Status)
	}
}

func TestWhatAlertmanagerSilencesIsNotMissed(t *testing.T) {
	_, s := said(left(withSilence(hotRoom(now), 2*time.Hour, "")))
	require.Empty(t, s.Notices, "people would look for a source that is there")
	require.Equal(t, "10:02", s.Rows[0].When)
	require.NotContains(t, s.History, "without news")
	require.NotContains(t, s.Preview, "NO NEWS")

	_, s = said(left(hotRoom(now)))
	require.NotEmpty(t, s.Notices, "without a silence of ours nobody knows")
}

func TestTheStoryNamesWhoDidWhat(t *testing.T) {
	in := withOwner(withAck(hotRoom(now)))
	in = withDeeds(in, func(d *deeds, g *group.Group) {
		d.do(group.Unacknowledged, sampleAlice, "")
		d.do(group.Commented, sampleBob, "on it")
	})
	in = withWish(in, group.Wish{Verb: "silence", By: sampleBob, State: group.WishAsked})
	in = withWish(in, group.Wish{Verb: "silence", By: sampleBob, State: group.WishFailed})
	story := newTeller(in).history()
	require.Equal(t, "… · 10:12 1 resolved · 10:15 acknowledged by Alice Ó Briain · 10:16 assigned to Bob Nguyễn by Alice Ó Briain · "+
		"10:17 acknowledgement taken back by Alice Ó Briain · 10:18 comment by Bob Nguyễn · 10:19 silence asked for by Bob Nguyễn · 10:20 silence refused", strings.Replace(story, "10:03 1 joined · ", "", 1))

	_, s := said(withDeeds(endedBy(hotRoom(now)), func(d *deeds, g *group.Group) {
		d.do(group.Reopened, sampleAlice, "")
		g.Closed, g.Phase = nil, group.Open
	}))
	require.Contains(t, s.History, "10:15 resolved by Carol · 10:16 reopened by Alice Ó Briain")
	_, s = said(silenceEnded(hotRoom(now)))
	require.Contains(t, s.History, "10:15 silenced by Bob Nguyễn · 10:16 silence ended")
}

// A phone shows the preview and nothing else: where a webhook posts anew, it
// has to say why.
func TestThePreviewSaysWhatSomebodyJustDid(t *testing.T) {
	hot := hotRoom(now)
	for want, in := range map[string]Input{
		"[CRITICAL, acknowledged by Alice Ó Briain] DatacenterTemperatureHigh firing: ":              withAck(hot),
		"[CRITICAL] assigned to Bob Nguyễn by Alice Ó Briain: DatacenterTemperatureHigh firing: ":    withOwner(hot),
		"[CRITICAL, silenced until 12:00] DatacenterTemperatureHigh: ":                               withSilence(hot, 2*time.Hour, ""),
		"[CRITICAL] silence ended: DatacenterTemperatureHigh firing: ":                               silenceEnded(hot),
		"[CRITICAL] comment by Bob Nguyễn: DatacenterTemperatureHigh firing: The second *CRAC* unit": withComment(hot),
		"[RESOLVED by Carol] DatacenterTemperatureHigh after 13 min: ":                               endedBy(hot),
		"[RESOLVED] DatacenterTemperatureHigh after 12 min: ":                                        over(withAck(hot)),
	} {
		_, s := said(in)
		require.True(t, strings.HasPrefix(s.Preview, want), s.Preview)
	}
	for card, want := range map[string]string{
		"service-stopped": "[CRITICAL] assigned to Bob Nguyễn by Alice Ó Briain: Qlik Sense Engine Service stopped",
		"reload-failed":   "[CRITICAL] assigned to Bob Nguyễn by Alice Ó Briain: Reload of",
		configCard:        "[CRITICAL] assigned to Bob Nguyễn by Alice Ó Briain: Prometheus could not",
		ticketStatus:      "[HIGH] assigned to Bob Nguyễn by Alice Ó Briain: OPS-123 now In Progress, by Bob Nguyễn",
	} {
		summary := shippedSet(t).Render(card, withOwner(SampleFor(card, now).Input), WorkflowLimit).Summary
		require.True(t, strings.HasPrefix(summary, want), summary)
	}
}

// Carol says that it is over; nobody has said that the service runs.
func TestAnEndByHandClaimsNothingElse(t *testing.T) {
	set := shippedSet(t)
	for card, claims := range map[string][]string{
		"service-stopped": {"running again", "down 1"},
		configCard:        {"uses its new configuration"},
	} {
		in := SampleFor(card, now).Input
		for _, claim := range claims {
			require.NotContains(t, string(set.Render(card, endedBy(in), WorkflowLimit).Card), claim, card)
			require.Contains(t, string(set.Render(card, over(in), WorkflowLimit).Card), claim, card)
		}
	}
	failed := workflow(now)
	require.NotContains(t, string(set.Render("", endedBy(failed), WorkflowLimit).Card), "works again")
}

// What somebody does in Teams is not what the tracker's users did.
func TestATicketsCardDoesNotMixUpItsPeople(t *testing.T) {
	set := shippedSet(t)
	moved := SampleFor(ticketStatus, now).Input
	for name, in := range map[string]Input{"acknowledged": withAck(moved), "commented": withComment(moved), "assigned": withOwner(moved)} {
		summary := set.Render(ticketStatus, in, WorkflowLimit).Summary
		require.Contains(t, summary, "OPS-123 now In Progress, by Bob Nguyễn", name)
	}
	comment := SampleFor(ticketComment, now).Input
	require.Contains(t, set.Render(ticketComment, withAck(comment), WorkflowLimit).Summary, "comment by Zoë Dağ: It is the")
	require.Contains(t, set.Render(ticketComment, withComment(comment), WorkflowLimit).Summary, "The second *CRAC* unit is off.")
}

// A card that is edited in place is the only one that there is: what people
// wrote must not go with the next edit.
func TestCommentsStayWhereTheCardStays(t *testing.T) {
	in := withAck(withComment(hotRoom(now)))
	in.Shown = in.Group.Rev
	require.Empty(t, newTeller(in).comments(), "a message after others would tell it again")
	in.Look.Stays = true
	require.Len(t, newTeller(in).comments(), 1)
	require.Equal(t, []string{"Bob Nguyễn"}, []string{newTeller(in).comments()[0].Who})

	in = withOwner(withWish(hotRoom(now), group.Wish{Verb: "silence", By: sampleBob, State: group.WishAsked}))
	in.Look.Stays = true
	require.Empty(t, newTeller(in).comments(), "a name and a verb are no comments")
}

// People may write on a message of which Teams never said that it is there. The
// card that is sent again is then the first and only one that tells what they wrote.
func TestACardThatWasNeverKnownToBeThereTellsAllThatPeopleWrote(t *testing.T) {
	in := hotRoom(now)
	for n := range maxWords {
		in.Group.Rev++
		in.Group.History = append(in.Group.History, group.History{
			At: now, Change: group.Commented, Who: "Alice", Text: fmt.Sprintf("words%04d", n), Rev: in.Group.Rev, Here: true,
		})
	}
	in.Look.Stays = true
	require.Len(t, newTeller(in).comments(), maxWords)
	in.Shown = 1
	require.Len(t, newTeller(in).comments(), maxComments, "replies have told of the others")
}

// The group that a card is made from is somebody else's, too.
func TestACardChangesNothingOfItsGroup(t *testing.T) {
	in := endedBy(hotRoom(now))
	before := slices.Clone(in.Group.Alerts)
	shippedSet(t).Render("", in, WorkflowLimit)
	require.Equal(t, before, in.Group.Alerts)
	require.Equal(t, group.Firing, in.Group.Alerts[0].State)
}
