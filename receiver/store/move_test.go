package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func TestAPostThatMovesBeginsAnewAtItsAddress(t *testing.T) {
	p := shown(earlier)
	p.Raise(4, group.Due{Loud: true, Call: true}, store.RankLoud, earlier)
	p.Begin(1, earlier)
	p.Retry(later, "throttled", "patience", now)
	p.Missed = true
	want := p
	p.Move("bot:b")
	want.Address, want.MessageID, want.NotBefore = "bot:b", "", now
	require.Equal(t, want, p, "it waits for what the old address asked for, or edits a message that is not there")

	for _, state := range states {
		if state == store.Waiting {
			continue
		}
		p := in(state)
		want := p
		p.Move("bot:b")
		want.Address, want.MessageID = "bot:b", ""
		require.Equal(t, want, p, "%s: nothing else changes", state)
	}
}

func TestWhatOnePostTakesOverFromAnother(t *testing.T) {
	type of = store.Post
	// told is a card that is there, with revision 3, for which people were called.
	told := of{State: store.Shown, Want: 3, Shown: 3, Carded: 3, Call: 3, Called: 3, MessageID: "m1", UpdatedAt: earlier, Since: earlier}
	webhook := of{State: store.Accepted, Want: 3, Shown: 3, Carded: 3, Call: 3, Called: 3, UpdatedAt: earlier, Since: earlier}
	news := func(want, call int) of {
		return of{State: store.Due, Want: want, Call: call, Loud: call > 0, Rank: store.RankLoudCritical, Since: earlier, NotBefore: earlier, UpdatedAt: earlier}
	}
	dead := func(p of) of {
		p.GiveUp("no_teams", "they have never opened Teams", earlier)
		return p
	}
	with := func(p of, change func(*of)) of { change(&p); return p }

	for name, c := range map[string]struct{ there, other, want of }{
		"nothing, where all of it was told here": {told, news(3, 3), told},
		"nothing, where this card knows more":    {with(told, func(p *of) { p.Want, p.Shown = 5, 5 }), news(4, 3), with(told, func(p *of) { p.Want, p.Shown = 5, 5 })},
		"news, loudly, for which nobody here was called": {told, news(4, 4), with(told, func(p *of) {
			p.State, p.Want, p.Call, p.Loud, p.Rank, p.Since, p.NotBefore, p.UpdatedAt = store.Due, 4, 4, true, store.RankLoudCritical, earlier, now, now
		})},
		"quiet news, where people were called here": {told, news(4, 3), with(told, func(p *of) {
			p.State, p.Want, p.Rank, p.Since, p.NotBefore, p.UpdatedAt = store.Due, 4, store.RankQuiet, earlier, now, now
		})},
		"a call alone, for a card that was edited and called nobody": {
			with(told, func(p *of) { p.Called = 1 }), news(3, 3),
			with(told, func(p *of) {
				p.State, p.Called, p.Loud, p.Rank, p.NotBefore, p.UpdatedAt = store.Due, 1, true, store.RankLoudCritical, now, now
			}),
		},
		"no call at a webhook, where a message is one": {with(webhook, func(p *of) { p.Called = 0 }), news(3, 3), with(webhook, func(p *of) { p.Called = 0 })},
		"what an attempt was telling, of which nobody knows whether it arrives": {
			told, with(news(4, 4), func(p *of) { p.Begin(1, earlier) }),
			with(told, func(p *of) {
				p.State, p.Want, p.Call, p.Loud, p.Rank, p.Since, p.NotBefore, p.UpdatedAt = store.Due, 4, 4, true, store.RankLoudCritical, earlier, now, now
			}),
		},
		"how long it has waited": {
			with(news(4, 4), func(p *of) { p.Since, p.NotBefore, p.UpdatedAt = later, later, later }), news(4, 4),
			with(news(4, 4), func(p *of) { p.NotBefore, p.UpdatedAt = later, now }),
		},
		"news, under an attempt that goes on": {
			with(news(3, 3), func(p *of) { p.Begin(1, earlier) }), news(4, 4),
			with(news(4, 4), func(p *of) {
				p.Begin(1, earlier)
				p.Loud, p.Rank, p.UpdatedAt = true, store.RankLoudCritical, now
			}),
		},
		"a dead letter, which people have to replay": {told, dead(news(4, 4)), with(told, func(p *of) {
			p.Raise(4, group.Due{Loud: true, Call: true}, store.RankLoudCritical, now)
			p.GiveUp("no_teams", "they have never opened Teams", now)
		})},
		"no dead letter, where all of it was told here": {told, dead(news(3, 3)), told},
		"a dead letter, by what is about to be told anyway": {news(4, 4), dead(news(3, 3)), with(news(4, 4), func(p *of) {
			p.DeadLetter, p.Reason, p.Message, p.UpdatedAt = true, "no_teams", "they have never opened Teams", now
		})},
		"a replay, which stays in the list until it is delivered": {
			told, with(dead(news(4, 4)), func(p *of) { p.Replay(earlier) }),
			with(told, func(p *of) {
				p.Raise(4, group.Due{Loud: true, Call: true}, store.RankLoudCritical, now)
				p.Since = earlier
				p.DeadLetter, p.Reason, p.Message = true, "no_teams", "they have never opened Teams"
			}),
		},
		"that somebody is missed who was told here: the next edit takes that back": {told, with(news(3, 3), func(p *of) { p.Missed = true }), with(told, func(p *of) {
			p.State, p.Missed, p.Rank, p.Since, p.NotBefore, p.UpdatedAt = store.Due, true, store.RankQuiet, now, now, now
		})},
	} {
		t.Run(name, func(t *testing.T) {
			p := c.there
			p.TakeOver(c.other, now)
			require.Equal(t, c.want, p)
		})
	}
}

func TestAPostThatIsMissedStaysSoUntilItIsDelivered(t *testing.T) {
	p := in(store.Waiting)
	p.Missed = true
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"raise", func() { p.Raise(4, group.Due{}, store.RankQuiet, now) }},
		{"begin", func() { p.Begin(1, now) }},
		{"retry", func() { p.Retry(now.Add(time.Minute), "throttled", "patience", now) }},
		{"give up", func() { p.GiveUp("expired", "too old", now) }},
		{"replay", func() { p.Replay(now) }},
		{"move", func() { p.Move("bot:b") }},
	} {
		step.do()
		require.True(t, p.Missed, "%s: the episode would be told of it twice", step.name)
	}
}
