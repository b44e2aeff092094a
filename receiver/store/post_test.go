package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var (
	earlier = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	now     = earlier.Add(time.Hour)
	later   = now.Add(time.Minute)
)

// in is a post in a state, with everything set that the state can have set.
func in(state store.State) store.Post {
	p := store.Post{State: state, Want: 3, Since: earlier, NotBefore: earlier, UpdatedAt: earlier}
	switch state {
	case "":
		return store.Post{}
	case store.Shown, store.Accepted:
		p.Shown, p.MessageID = 3, "m1"
	case store.Due:
		p.Shown, p.Rank = 2, store.RankQuiet
	case store.Sending, store.Waiting:
		p.Shown, p.Attempts, p.Loud, p.Rank = 2, 2, true, store.RankLoud
		p.Reason, p.Message = "throttled", "Teams asked for patience"
	case store.Dead:
		p.Shown, p.Attempts, p.DeadLetter = 2, 5, true
		p.Reason, p.Message = "not_found", "the flow was deleted"
	}
	return p
}

var states = []store.State{"", store.Due, store.Sending, store.Shown, store.Accepted, store.Waiting, store.Dead}

func TestEveryTransitionFromEveryState(t *testing.T) {
	// The picture in doc.go as a table: for each transition the state that
	// it leads to, from each state in the order of states. "-" marks those
	// that the picture does not have and that nobody may call.
	for name, transition := range map[string]struct {
		do func(p *store.Post)
		to [7]store.State
	}{
		"raise quietly": {
			func(p *store.Post) { p.Raise(4, group.Due{}, store.RankQuiet, now) },
			[7]store.State{store.Due, store.Due, store.Sending, store.Due, store.Due, store.Waiting, store.Due},
		},
		"raise loudly": {
			func(p *store.Post) { p.Raise(4, group.Due{Loud: true}, store.RankLoudCritical, now) },
			[7]store.State{store.Due, store.Due, store.Sending, store.Due, store.Due, store.Waiting, store.Due},
		},
		"begin": {
			func(p *store.Post) { p.Begin(1, now) },
			[7]store.State{"-", store.Sending, "-", "-", "-", store.Sending, "-"},
		},
		"delivered by the bot": {
			func(p *store.Post) { p.Delivered(3, "m2", true, now) },
			[7]store.State{"-", "-", store.Shown, "-", "-", "-", "-"},
		},
		"delivered by a webhook": {
			func(p *store.Post) { p.Delivered(3, "", false, now) },
			[7]store.State{"-", "-", store.Accepted, "-", "-", "-", "-"},
		},
		"delivered, but more is wanted by now": {
			func(p *store.Post) { p.Delivered(2, "m2", true, now) },
			[7]store.State{"-", "-", store.Due, "-", "-", "-", "-"},
		},
		"retry": {
			func(p *store.Post) { p.Retry(later, "timeout", "no answer", now) },
			[7]store.State{"-", "-", store.Waiting, "-", "-", "-", "-"},
		},
		"called": {
			func(p *store.Post) { p.Shown = 3; p.CalledFor(3, now) },
			[7]store.State{"-", "-", store.Shown, "-", "-", "-", "-"},
		},
		"the card of its own was edited, but its call is still to be made": {
			func(p *store.Post) { p.MessageID, p.Call = "m1", 3; p.Delivered(3, "m1", true, now) },
			[7]store.State{"-", "-", store.Due, "-", "-", "-", "-"},
		},
		"told by a digest at a webhook": {
			func(p *store.Post) { p.Digested(3, now) },
			[7]store.State{"-", store.Accepted, "-", "-", "-", store.Accepted, "-"},
		},
		"told by a digest, with a card of its own": {
			func(p *store.Post) { p.MessageID = "m1"; p.Digested(3, now) },
			[7]store.State{"-", store.Due, "-", "-", "-", store.Due, "-"},
		},
		"gone": {
			func(p *store.Post) { p.Gone("not_found", "somebody deleted it", now) },
			[7]store.State{"-", "-", store.Waiting, "-", "-", "-", "-"},
		},
		"give up": {
			func(p *store.Post) { p.GiveUp("expired", "too old", now) },
			[7]store.State{"-", store.Dead, store.Dead, "-", "-", store.Dead, "-"},
		},
		"gone, and nobody misses it": {
			func(p *store.Post) { p.MessageID = "m1"; p.GoneUnmissed(3, now) },
			[7]store.State{"-", "-", store.Accepted, "-", "-", "-", "-"},
		},
		"corrected": {
			func(p *store.Post) { p.Correct(now) },
			[7]store.State{"-", store.Due, store.Sending, store.Shown, store.Accepted, store.Waiting, store.Due},
		},
		"replay": {
			func(p *store.Post) { p.Replay(now) },
			[7]store.State{"", store.Due, store.Sending, store.Shown, store.Accepted, store.Waiting, store.Due},
		},
	} {
		for i, from := range states {
			if transition.to[i] == "-" {
				continue
			}
			t.Run(name+" from "+string(from), func(t *testing.T) {
				p := in(from)
				transition.do(&p)
				require.Equal(t, transition.to[i], p.State)
			})
		}
	}
}

func TestRaise(t *testing.T) {
	for _, from := range states {
		settled := from == "" || from == store.Shown || from == store.Accepted || from == store.Dead
		t.Run("from "+string(from), func(t *testing.T) {
			p := in(from)
			before := p
			p.Raise(4, group.Due{}, store.RankQuiet, now)
			require.Equal(t, 4, p.Want, "the card would stay at the old revision")
			require.Equal(t, before.Shown, p.Shown, "what is there does not change by wanting")
			require.Equal(t, before.MessageID, p.MessageID, "the message could not be edited any more")
			require.Equal(t, now, p.UpdatedAt)
			if settled {
				require.Equal(t, now, p.Since, "the new change would look late")
				require.Equal(t, now, p.NotBefore)
				require.Zero(t, p.Attempts, "old failures would count against the new change")
			} else {
				require.Equal(t, before.Since, p.Since, "it has waited since the oldest change that is not there")
				require.Equal(t, before.NotBefore, p.NotBefore, "a change must not jump over Retry-After")
				require.Equal(t, before.Attempts, p.Attempts)
				require.Equal(t, before.Loud, p.Loud, "a quiet change must not silence a loud one that waits")
				require.Equal(t, before.Rank, p.Rank)
			}
			p.Raise(5, group.Due{Loud: true}, store.RankLoudCritical, later)
			require.True(t, p.Loud)
			require.Equal(t, store.RankLoudCritical, p.Rank)
			p.Raise(6, group.Due{}, store.RankQuiet, later)
			require.True(t, p.Loud, "nobody has heard of it yet")
			require.Equal(t, store.RankLoudCritical, p.Rank)
			require.Equal(t, 6, p.Want)
		})
	}
}

func TestRaiseOfADeadLetterKeepsItInTheListUntilItIsDelivered(t *testing.T) {
	p := in(store.Dead)
	p.Raise(4, group.Due{}, store.RankQuiet, now)
	require.True(t, p.DeadLetter)
	require.Equal(t, "not_found", p.Reason)
	p.Begin(1, now)
	p.Delivered(4, "", false, later)
	require.False(t, p.DeadLetter)
	require.Empty(t, p.Reason)
	require.Empty(t, p.Message)
}

func TestBeginCountsTheAttempt(t *testing.T) {
	p := in(store.Waiting)
	p.Begin(1, now)
	require.Equal(t, 3, p.Attempts)
	require.Equal(t, now, p.UpdatedAt)
	require.Equal(t, earlier, p.Since, "how late it is counts from the change, not from the attempt")
}

func TestDigested(t *testing.T) {
	p := in(store.Sending)
	p.Carded = 1
	p.Digested(3, now)
	require.Equal(t, 3, p.Shown)
	require.Equal(t, 1, p.Carded, "what people wrote since has not been on a card, and the next one would not quote it")
	require.Equal(t, store.Accepted, p.State)

	p.Digested(2, later) // by who stood still with it while others told more
	require.Equal(t, 3, p.Shown, "what was told would be told again")
}

func TestAnAttemptKnowsWhetherItIsStillTheOneUnderWay(t *testing.T) {
	p := in(store.Due)
	p.Begin(7, earlier)
	require.True(t, p.SentBy(7))
	p.Raise(9, group.Due{}, store.RankLoud, now)
	require.True(t, p.SentBy(7), "news does not end it")
	p.Retry(now, "interrupted", "cut off", now)
	require.False(t, p.SentBy(7))
	p.Begin(8, later)
	require.False(t, p.SentBy(7), "it would take another replica's attempt for its own")
	require.True(t, p.SentBy(8))
}

func TestDelivered(t *testing.T) {
	t.Run("what is there is there, and no old reason stays", func(t *testing.T) {
		p := in(store.Sending)
		p.Delivered(3, "m2", true, now)
		require.Equal(t, store.Post{
			State: store.Shown, Want: 3, Shown: 3, Carded: 3, Called: 3, MessageID: "m2",
			Since: earlier, NotBefore: earlier, UpdatedAt: now,
		}, p)
	})
	t.Run("an edit whose answer names no message keeps the id it has", func(t *testing.T) {
		p := in(store.Sending)
		p.MessageID = "m1"
		p.Delivered(3, "", true, now)
		require.Equal(t, "m1", p.MessageID, "the next edit would become a second message")
	})
	t.Run("what came in meanwhile is due at once and stays as loud as it was", func(t *testing.T) {
		p := in(store.Sending)
		p.Raise(9, group.Due{Loud: true}, store.RankLoudCritical, now)
		p.Delivered(3, "", false, later)
		require.Equal(t, store.Due, p.State)
		require.Equal(t, 3, p.Shown)
		require.Equal(t, 9, p.Want)
		require.True(t, p.Loud)
		require.Equal(t, store.RankLoudCritical, p.Rank)
		require.Equal(t, later, p.NotBefore)
		require.Zero(t, p.Attempts)
	})
}

// shown is a post whose card is there since a time.
func shown(since time.Time) store.Post {
	return store.Post{State: store.Shown, Want: 3, Shown: 3, Carded: 3, Call: 3, Called: 3, MessageID: "m1", UpdatedAt: since}
}

func TestANewCardCallsAndAnEditDoesNot(t *testing.T) {
	p := store.Post{}
	p.Raise(1, group.Due{Loud: true, Call: true}, store.RankLoud, earlier)
	p.Begin(1, earlier)
	p.Delivered(1, "m1", true, earlier)
	require.Equal(t, []int{1, 1}, []int{p.Call, p.Called}, "a second message would tell of the same")

	p.Raise(2, group.Due{}, store.RankQuiet, now)
	p.Begin(1, now)
	p.Delivered(2, "m1", true, now)
	require.Equal(t, store.Shown, p.State)
	require.Equal(t, []int{1, 1}, []int{p.Call, p.Called})

	p.Raise(3, group.Due{Loud: true, Call: true}, store.RankLoudCritical, later)
	require.Equal(t, 3, p.Call)
	p.Begin(1, later)
	p.Delivered(3, "", true, later)
	require.Equal(t, store.Due, p.State, "nobody is notified of an edit")
	require.Equal(t, []any{3, 1, later, "m1"}, []any{p.Call, p.Called, p.NotBefore, p.MessageID})
	require.True(t, p.Loud)
	require.Equal(t, store.RankLoudCritical, p.Rank, "the call is as urgent as what it calls for")
	require.Equal(t, later, p.Since, "it has waited since then")

	p.Begin(1, later)
	p.CalledFor(3, later)
	require.Equal(t, []any{store.Shown, 3, 3, false, store.RankQuiet}, []any{p.State, p.Shown, p.Called, p.Loud, p.Rank})
}

func TestAPostFromBeforeCallsWereCountedDoesNotCallForItsPast(t *testing.T) {
	p := store.Post{State: store.Accepted, Want: 7, Shown: 7, Carded: 7}
	p.Raise(8, group.Due{}, store.RankQuiet, now)
	p.Begin(1, now)
	p.Delivered(8, "m1", true, now)
	require.Equal(t, store.Shown, p.State)
}

func TestWhatIsRaisedDuringACall(t *testing.T) {
	call := func(due group.Due, rank int) store.Post {
		p := shown(earlier)
		p.Raise(4, group.Due{Loud: true, Call: true}, store.RankLoudCritical, earlier)
		p.Begin(1, earlier)
		p.Delivered(4, "m1", true, earlier)
		p.Begin(1, now)
		p.Raise(5, due, rank, now)
		p.CalledFor(4, now)
		return p
	}
	p := call(group.Due{}, store.RankQuiet)
	require.Equal(t, store.Due, p.State)
	require.Equal(t, []any{false, store.RankQuiet, now.Add(store.EditDistance), 4}, []any{p.Loud, p.Rank, p.NotBefore, p.Called},
		"a quiet change after it is one")
	p = call(group.Due{Loud: true, Call: true}, store.RankLoud)
	require.Equal(t, []any{true, store.RankLoud, 5, 4}, []any{p.Loud, p.Rank, p.Call, p.Called}, "and a loud one needs its own call")
	p.Begin(1, later)
	p.CalledFor(5, later) // a call tells all there is when it is made
	require.Equal(t, 5, p.Called)
	require.Equal(t, store.Due, p.State, "the card does not say it yet")
}

func TestEditsOfOneCardAreTwoSecondsApart(t *testing.T) {
	for says, c := range map[string]struct {
		shown, raised time.Time
		after         time.Duration
	}{
		"who presses a button on a card that was left alone sees it at once": {earlier, now, 0},
		"what follows within two seconds waits for the rest of them":         {now, now.Add(500 * time.Millisecond), 1500 * time.Millisecond},
		"what follows later does not":                                        {now, now.Add(store.EditDistance), 0},
		"a clock that was set back makes nobody wait":                        {later, now, 0},
	} {
		p := shown(c.shown)
		p.Raise(4, group.Due{}, store.RankQuiet, c.raised)
		require.Equal(t, c.raised.Add(c.after), p.NotBefore, says)
		require.Equal(t, c.raised, p.Since, says)
	}
	webhook := store.Post{State: store.Accepted, Want: 3, Shown: 3, UpdatedAt: now}
	webhook.Raise(4, group.Due{}, store.RankLoud, now)
	require.Equal(t, now, webhook.NotBefore, "a new message is no edit")

	p := shown(earlier)
	p.Raise(4, group.Due{}, store.RankQuiet, now)
	p.Begin(1, now)
	p.Raise(5, group.Due{}, store.RankQuiet, now)
	p.Delivered(4, "m1", true, later)
	require.Equal(t, later.Add(store.EditDistance), p.NotBefore, "a card that changes all the time would use up the channel's pace")
}

func TestADigestTellsAndTheCardFollows(t *testing.T) {
	p := shown(earlier)
	p.Raise(4, group.Due{Loud: true, Call: true}, store.RankLoudCritical, earlier)
	p.Retry(now, "throttled", "wait", earlier)
	p.Attempts = 3
	p.Digested(4, now)
	require.Equal(t, []any{store.Due, 3, 3, 4, "m1"}, []any{p.State, p.Shown, p.Carded, p.Called, p.MessageID})
	require.Equal(t, []any{store.RankStale, false, 0, ""}, []any{p.Rank, p.Loud, p.Attempts, p.Reason}, "it waits for all others")
	require.Equal(t, now, p.Since, "people know; only the card is late")

	p.Begin(1, now)
	p.Retry(later, "throttled", "wait", now)
	require.Equal(t, store.RankStale, p.Rank, "failing makes it no news")
	p.Raise(5, group.Due{}, store.RankQuiet, now)
	require.Equal(t, store.RankQuiet, p.Rank, "but what changes does")

	p = shown(earlier)
	p.Raise(4, group.Due{Loud: true, Call: true}, store.RankLoud, earlier)
	p.Raise(5, group.Due{Loud: true, Call: true}, store.RankLoud, now) // after the digest was made
	p.Digested(4, now)
	require.Equal(t, []any{store.Due, true, store.RankLoud, 4}, []any{p.State, p.Loud, p.Rank, p.Called}, "that has not been told")

	p = shown(earlier)
	p.State, p.Call, p.Want, p.Shown = store.Due, 4, 4, 4 // edited, and about to call
	p.Digested(4, now)
	require.Equal(t, store.Shown, p.State, "there is nothing left to do")
}

func TestAMessageThatIsGone(t *testing.T) {
	p := shown(earlier)
	p.Raise(4, group.Due{Loud: true, Call: true}, store.RankLoud, earlier)
	p.Begin(1, now)
	p.Gone("not_found", "somebody deleted it", now)
	require.Equal(t, []any{"", now, 1, true, store.RankLoud}, []any{p.MessageID, p.NotBefore, p.Attempts, p.Loud, p.Rank},
		"it is sent anew at once, and counts as a failure, or two that always fail would take turns for ever")
	p.Begin(1, now)
	p.Delivered(4, "m2", true, now)
	require.Equal(t, []any{store.Shown, 4, 4, "m2", 0}, []any{p.State, p.Shown, p.Called, p.MessageID, p.Attempts})
}

func TestAQuietChangeDuringALoudAttemptIsNotToldLoudly(t *testing.T) {
	begin := func() store.Post {
		p := in(store.Due)
		p.Raise(3, group.Due{Loud: true}, store.RankLoudCritical, earlier)
		p.Begin(1, now)
		p.Raise(4, group.Due{}, store.RankQuiet, now)
		return p
	}
	p := begin()
	p.Delivered(3, "m2", true, later)
	require.Equal(t, store.Due, p.State)
	require.False(t, p.Loud, "people have heard of what was loud")
	require.Equal(t, store.RankQuiet, p.Rank)

	p = begin()
	p.Retry(later, "timeout", "no answer", now)
	require.True(t, p.Loud, "nobody has heard of it yet")
	require.Equal(t, store.RankLoudCritical, p.Rank)

	p = begin()
	p.GiveUp("not_found", "the flow was deleted", now)
	p.Replay(later)
	require.True(t, p.Loud, "a replay tells what was not told")
}

func TestRetryAndGiveUpSayWhy(t *testing.T) {
	p := in(store.Sending)
	p.Retry(later, "timeout", "no answer", now)
	require.Equal(t, []any{later, "timeout", "no answer", now}, []any{p.NotBefore, p.Reason, p.Message, p.UpdatedAt})
	require.Equal(t, 2, p.Attempts)
	require.False(t, p.DeadLetter)

	p = in(store.Sending)
	p.GiveUp("expired", "too old", now)
	require.Equal(t, []any{true, "expired", "too old", now}, []any{p.DeadLetter, p.Reason, p.Message, p.UpdatedAt})
}

func TestReplay(t *testing.T) {
	t.Run("a dead letter goes at once, with all its attempts, and stays in the list", func(t *testing.T) {
		p := in(store.Dead)
		p.Replay(now)
		require.Equal(t, store.Due, p.State)
		require.Equal(t, now, p.NotBefore)
		require.Equal(t, now, p.Since, "it would be given up as too old at once")
		require.Zero(t, p.Attempts)
		require.True(t, p.DeadLetter)
		require.Equal(t, "not_found", p.Reason)
	})
	for _, state := range states {
		if state == store.Dead {
			continue
		}
		t.Run("nothing happens to a post that is not dead: "+string(state), func(t *testing.T) {
			p := in(state)
			p.Replay(now)
			require.Equal(t, in(state), p)
		})
	}
}
