package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// inBotOffice is inOffice whose address "a" is a conversation of the bot's.
func inBotOffice(t *testing.T, test func(o *office)) {
	inOffice(t, func(o *office) {
		o.bot()
		test(o)
	})
}

func TestOneCardTellsTheWholeStory(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.raise(store.RankLoud, "disk")
		o.after(time.Minute)
		require.Equal(t, []string{"card 1"}, o.channel.story("disk"), "a new card is seen; a second message about it is noise")
		require.Equal(t, store.Shown, o.post("disk").State)

		o.raise(store.RankQuiet, "disk")
		o.after(0)
		require.Equal(t, []string{"card 1", "edit 2"}, o.channel.story("disk"), "what somebody pressed is seen by all at once")
		o.after(time.Minute)
		require.Len(t, o.channel.messages(), 2, "and wakes nobody")

		o.raise(store.RankLoud, "disk")
		o.after(time.Minute)
		require.Equal(t, []string{"card 1", "edit 2", "edit 3", "call 3"}, o.channel.story("disk"),
			"nobody is notified of an edit; who follows the call finds a card that is true")
		call := o.channel.messages()[3]
		require.Equal(t, 1, call.Called, "the call must say what is new since people were called last, not since the last edit")
		for _, m := range o.channel.messages() {
			require.Equal(t, "m1", m.id)
			require.Equal(t, card.BotLimit.Bytes, m.Bytes)
		}
		require.Equal(t, "m1", call.Link, "a short card must find the one it points to")
		require.Empty(t, o.channel.messages()[0].Link, "which message will show it nobody knows yet")

		kinds, log := []string{}, o.log(store.DeliveryFilter{})
		for _, d := range log {
			require.Equal(t, store.DeliveryDelivered, d.State)
			require.Equal(t, "m1", d.MessageID)
			require.Equal(t, 1, d.Attempt)
			kinds = append(kinds, d.Kind)
		}
		require.Equal(t, []string{"call", "edit", "edit", "card"}, kinds, "each is an attempt of its own in the log")
		require.Equal(t, 3, o.post("disk").Called)
	})
}

func TestTenThousandChangesAreAFewEdits(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.channel.latency = 300 * time.Millisecond
		o.raise(store.RankLoud, "disk")
		o.after(time.Minute)
		begin := time.Now()
		for range 100 { // as fast as the store takes them
			o.raise(store.RankQuiet, slices.Repeat([]string{"disk"}, 100)...)
			o.after(10 * time.Millisecond)
		}
		o.after(10 * time.Second)
		messages := o.channel.messages()
		require.LessOrEqual(t, len(messages), 4, "ten thousand presses would use up the channel's hour")
		require.Equal(t, 10_001, messages[len(messages)-1].Rev, "and the card is true in the end")
		require.Less(t, messages[len(messages)-1].at.Sub(begin), 5*time.Second)
		for i := 2; i < len(messages); i++ {
			require.GreaterOrEqual(t, messages[i].at.Sub(messages[i-1].at), store.EditDistance)
		}
		require.Zero(t, o.channel.refused)
		require.Equal(t, store.Shown, o.post("disk").State)
	})
}

func TestAnAlertThatChangesAllTheTimeStillCalls(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.raise(store.RankLoud, "disk")
		o.after(time.Minute)
		o.raise(store.RankLoud, "disk")
		raised := time.Now()
		for range 100 {
			o.after(100 * time.Millisecond)
			o.raise(store.RankQuiet, "disk")
		}
		o.after(10 * time.Second)
		calls := 0
		for _, m := range o.channel.messages() {
			if m.via == store.KindCall {
				calls++
				require.Less(t, m.at.Sub(raised), 3*time.Second, "nobody would hear of it while it goes on")
			}
		}
		require.Equal(t, 1, calls, "quiet changes do not call again")
		require.Equal(t, 102, o.post("disk").Shown)
	})
}

func TestWhatIsLoudTwiceBeforeTheCallCallsOnce(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.raise(store.RankLoud, "disk")
		o.after(time.Minute)
		o.channel.latency = time.Second
		o.raise(store.RankLoud, "disk")
		o.after(500 * time.Millisecond) // the edit is under way
		o.raise(store.RankLoudCritical, "disk")
		o.after(time.Minute)
		require.Equal(t, []string{"card 1", "edit 2", "edit 3", "call 3"}, o.channel.story("disk"))
		require.Equal(t, store.RankQuiet, o.post("disk").Rank)
	})
}

func TestAMessageThatSomebodyDeletedIsSentAnew(t *testing.T) {
	for _, c := range []struct {
		says  string
		rank  int
		story []string
	}{
		{"the alert would go on in a card that nobody sees", store.RankQuiet, []string{"card 1", "card 2", "edit 3"}},
		{"a new card is seen, so it calls for itself", store.RankLoud, []string{"card 1", "card 2", "edit 3"}},
	} {
		inBotOffice(t, func(o *office) {
			o.raise(store.RankLoud, "disk")
			o.after(time.Minute)
			o.channel.deleted["m1"] = true
			o.raise(c.rank, "disk")
			o.after(time.Second)
			require.Equal(t, "m2", o.post("disk").MessageID, c.says)
			o.after(time.Minute)
			o.raise(store.RankQuiet, "disk")
			o.after(time.Second)
			require.Equal(t, c.story, o.channel.story("disk"), c.says)
			require.Equal(t, "m2", o.channel.messages()[2].id, "what comes later belongs to the new card")
			require.Empty(t, o.post("disk").Reason)
			require.Len(t, o.log(store.DeliveryFilter{State: store.DeliveryRetry}), 1, "the log says what became of the card")
		})
	}
}

func TestACallUnderACardThatIsGoneIsANewCard(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.raise(store.RankLoud, "disk")
		o.after(time.Minute)
		o.channel.answer = func(m message) *teams.Outcome {
			if m.via == store.KindCall {
				o.channel.deleted["m1"] = true
			}
			return nil
		}
		o.raise(store.RankLoud, "disk")
		o.after(time.Minute)
		require.Equal(t, []string{"card 1", "edit 2", "card 2"}, o.channel.story("disk"))
		require.Equal(t, store.Shown, o.post("disk").State)
		require.Equal(t, "m3", o.post("disk").MessageID)
	})
}

func TestATeamsThatLosesEveryMessageIsNotAskedForEver(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.raise(store.RankLoud, "disk")
		o.after(time.Minute)
		o.channel.answer = func(message) *teams.Outcome {
			return &teams.Outcome{Kind: teams.Retry, Reason: teams.NotFound, Status: 404, Gone: true}
		}
		o.raise(store.RankLoud, "disk")
		o.after(10 * time.Minute)
		require.Less(t, len(o.channel.attempts()), 20, "a service that answers nonsense must not be hammered")
	})
}

func TestAnUncertainEditIsRepeatedAtOnceAndACallAfterAMinute(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.raise(store.RankLoud, "disk")
		o.after(time.Minute)
		lost := map[string]bool{} // the first of each way has no answer
		o.channel.answer = func(m message) *teams.Outcome {
			if lost[m.via] {
				return nil
			}
			lost[m.via] = true
			return &teams.Outcome{Kind: teams.Retry, Reason: teams.Timeout, Uncertain: true}
		}
		o.raise(store.RankLoud, "disk")
		o.after(5 * time.Minute)
		tries := o.channel.attempts()[1:]
		require.Equal(t, []string{"edit", "edit", "call", "call"}, []string{tries[0].via, tries[1].via, tries[2].via, tries[3].via})
		require.Less(t, tries[1].at.Sub(tries[0].at), 2*time.Second, "repeated, an edit shows the same card")
		require.Equal(t, time.Minute, tries[3].at.Sub(tries[2].at), "a call that arrived is there twice")
		require.Len(t, tries, 4)
	})
}

// diedWith leaves the store as a process does that was killed during an attempt
// of a kind for a post.
func (o *office) diedWith(kind, name string) {
	o.update(func(tx store.Tx) error {
		p, err := tx.PostOf(o.groups[name].ID, "a")
		if err != nil {
			return err
		}
		p.Begin(1, time.Now())
		if err := tx.SavePost(&p); err != nil {
			return err
		}
		return tx.SaveDelivery(&store.Delivery{Kind: kind, PostID: p.ID, GroupID: p.GroupID, Address: "a", Destination: "ops",
			State: store.DeliverySending, At: time.Now()})
	})
}

func TestAfterAKillDuringAnEditItGoesOnAtOnce(t *testing.T) {
	for kind, wait := range map[string]time.Duration{store.KindEdit: 0, store.KindCall: time.Minute} {
		inBotOffice(t, func(o *office) {
			o.raise(store.RankLoud, "disk")
			o.after(time.Minute)
			o.stop()
			o.raiseAt("a", store.RankLoud, "disk")
			if kind == store.KindCall {
				p := o.post("disk")
				p.Begin(1, time.Now())
				p.Delivered(2, "m1", true, time.Now())
				o.update(func(tx store.Tx) error { return tx.SavePost(&p) })
			}
			o.diedWith(kind, "disk")
			killed := time.Now()
			o.start("after")
			o.after(2 * time.Minute)
			next := o.channel.attempts()[1]
			require.Equal(t, kind, next.via)
			require.Equal(t, wait, next.at.Sub(killed), kind)
		})
	}
}

func TestWithoutASignInPostsWaitAndNothingIsGivenUp(t *testing.T) {
	inBotOffice(t, func(o *office) {
		expired := teams.Outcome{Kind: teams.Retry, Reason: teams.Auth, Broken: true, Message: "the client secret has expired"}
		o.channel.answer = func(message) *teams.Outcome { return &expired }
		o.raise(store.RankLoud, "disk")
		o.after(time.Minute)
		o.raise(store.RankLoudCritical, "web")
		broken := o.row().BrokenAt
		o.after(3 * time.Hour)
		require.Equal(t, 0.0, o.metric("teamsrelay_dead_letters"), "a secret that expires on a Friday must not cost a night's alerts")
		require.Equal(t, 1.0, o.metric("teamsrelay_destination_broken"))
		row := o.row()
		require.Equal(t, []any{"the client secret has expired", string(teams.Auth), broken, true},
			[]any{row.Broken, row.BrokenReason, row.BrokenAt, row.Waits}, "since when, and why")
		require.Equal(t, store.Waiting, o.post("disk").State)
		require.Greater(t, len(o.channel.attempts()), 3*60/5, "it is found out within minutes that it was mended")
		require.Less(t, len(o.channel.attempts()), 4*60)

		o.channel.answer = nil
		o.after(6 * time.Minute)
		require.Equal(t, map[string]int{"disk": 1, "web": 1}, o.channel.told(), "and they go by themselves")
		require.Empty(t, o.row().Broken)
		require.False(t, o.row().Waits)
		require.Equal(t, 0.0, o.metric("teamsrelay_destination_broken"))
	})
}

func TestAStormWithoutASignInWaitsToo(t *testing.T) {
	inBotOffice(t, func(o *office) {
		expired := teams.Outcome{Kind: teams.Retry, Reason: teams.Auth, Broken: true, Message: "the client secret has expired"}
		o.channel.answer = func(message) *teams.Outcome { return &expired }
		o.raise(store.RankLoud, names("g", 300)...)
		o.after(10 * time.Minute)
		require.Equal(t, "the client secret has expired", o.row().Broken)
		require.True(t, o.row().Waits)
		o.channel.answer = nil
		o.after(5 * time.Minute)
		require.Equal(t, 300, len(o.channel.told()))
		require.Equal(t, 0.0, o.metric("teamsrelay_dead_letters"))
	})
}

func TestABlockedConversationIsLeftAloneUntilItIsHeardOf(t *testing.T) {
	for _, reason := range []teams.Reason{teams.Blocked, teams.NotInstalled, teams.Policy} {
		inBotOffice(t, func(o *office) {
			no := teams.Outcome{Kind: teams.GiveUp, Reason: reason, Status: 403, Message: "Teams says no"}
			o.channel.answer = func(message) *teams.Outcome { return &no }
			o.raise(store.RankLoud, "disk", "web")
			o.after(time.Minute)
			o.raise(store.RankLoudCritical, "later")
			o.after(time.Hour)
			require.Len(t, o.channel.attempts(), 1, "Microsoft asks to stop (%s)", reason)
			for _, name := range []string{"disk", "web", "later"} {
				p := o.post(name)
				require.Equal(t, store.Dead, p.State, name)
				require.Equal(t, string(reason), p.Reason)
				require.Contains(t, p.Message, fmt.Sprintf("%q was not told to ops (%s)", name, reason))
				require.Contains(t, p.Message, "in Teams", "a human has to read there what to do")
			}
			require.Equal(t, "Teams says no", o.row().Broken)
			o.raise(store.RankLoud, "an hour later")
			o.after(time.Minute)
			require.Len(t, o.channel.attempts(), 2, "no event may say that it was changed")
			o.raise(store.RankLoud, "at once after it")
			o.after(time.Minute)
			require.Len(t, o.channel.attempts(), 2, "once an hour")

			o.channel.answer = nil
			row := o.row()
			row.Mend()
			o.update(func(tx store.Tx) error { return tx.SaveAddress(&row) })
			o.replay("disk", "later")
			require.Equal(t, map[string]int{"disk": 1, "later": 1}, o.channel.told())
			require.Empty(t, o.back, "who took the mark away knows")
		})
	}
}

// Teams tells nobody that somebody has unblocked the bot. They have done what
// they were asked to, so they must hear of the next alert, and of what is open.
func TestAnAlertFindsOutThatAConversationIsNotBlockedAnyMore(t *testing.T) {
	inBotOffice(t, func(o *office) {
		no := teams.Outcome{Kind: teams.GiveUp, Reason: teams.Blocked, Status: 403, Message: "Teams says no"}
		o.channel.answer = func(message) *teams.Outcome { return &no }
		o.raise(store.RankLoud, "disk", "web")
		o.after(time.Hour)
		o.channel.answer = nil
		o.raise(store.RankLoud, "later")
		o.after(time.Minute)
		require.Equal(t, map[string]int{"disk": 1, "web": 1, "later": 1}, o.channel.told())
		require.Equal(t, []string{"a"}, o.back, "once")
		require.Empty(t, o.row().Broken)
	})
}

// shown makes cards that have been there for a while.
func (o *office) shown(names ...string) {
	o.t.Helper()
	o.raiseAt("a", store.RankLoud, names...)
	o.update(func(tx store.Tx) error {
		for i, name := range names {
			p, err := tx.PostOf(o.groups[name].ID, "a")
			if err != nil {
				return err
			}
			p.Begin(1, time.Now())
			p.Delivered(1, fmt.Sprint("old", i), true, time.Now())
			if err := tx.SavePost(&p); err != nil {
				return err
			}
		}
		return nil
	})
	o.after(time.Hour)
}

func TestAfterADigestTheCardsStillBecomeTrue(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.shown(names("g", 300)...)
		o.raise(store.RankLoud, names("g", 300)...)
		begin := time.Now()
		o.after(time.Minute)
		digests := func() int {
			return len(o.log(store.DeliveryFilter{State: store.DeliveryDelivered, Limit: 1000})) - o.edits()
		}
		require.Equal(t, 1, digests(), "three hundred calls would be a flood")
		require.Equal(t, 300, len(o.channel.told()), "the digest tells all")
		p := o.post("g299")
		require.Equal(t, store.RankStale, p.Rank)
		require.Equal(t, 2, p.Called, "whom the digest told is not called again")
		require.Equal(t, 1, p.Shown, "but the card still says what was")

		// News during the work on the cards goes before it.
		for i := range 5 {
			o.after(10 * time.Second)
			name := fmt.Sprint("news", i)
			o.raise(store.RankLoud, name)
			o.after(3 * time.Second)
			require.Equal(t, []string{"card 1"}, o.channel.story(name))
		}
		o.after(time.Hour)
		require.Equal(t, 1, digests()-5, "the cards are no backlog and no storm")
		for _, m := range o.channel.messages() {
			require.NotEqual(t, store.KindCall, m.via)
		}
		for i := range 300 {
			p := o.post(fmt.Sprint("g", i))
			require.Equal(t, []any{store.Shown, 2, fmt.Sprint("old", i)}, []any{p.State, p.Shown, p.MessageID})
		}
		require.Zero(t, o.channel.refused)
		require.Less(t, o.channel.messages()[len(o.channel.messages())-1].at.Sub(begin), time.Hour)
	})
}

func TestCallsThatAreStillToBeMadeAreToldByTheDigest(t *testing.T) {
	inBotOffice(t, func(o *office) {
		all := names("g", 300)
		o.shown(all...)
		o.raiseAt("a", store.RankLoud, all...)
		o.update(func(tx store.Tx) error {
			for _, name := range all { // the cards are true, but nobody was called
				p, err := tx.PostOf(o.groups[name].ID, "a")
				if err != nil {
					return err
				}
				p.Begin(1, time.Now())
				p.Delivered(2, "", true, time.Now())
				if err := tx.SavePost(&p); err != nil {
					return err
				}
			}
			return nil
		})
		o.deliverer.Wake("a")
		o.after(time.Hour)
		require.Len(t, o.channel.messages(), 1, "the same digest would come again and again")
		require.Equal(t, "digest", o.channel.messages()[0].Kind)
		p := o.post("g7")
		require.Equal(t, []any{store.Shown, 2, 2}, []any{p.State, p.Shown, p.Called})
	})
}

// edits counts the edits that were delivered.
func (o *office) edits() int {
	n := 0
	for _, m := range o.channel.messages() {
		if m.via == store.KindEdit {
			n++
		}
	}
	return n
}

func TestAStaleCardThatChangesAgainIsNewsAgain(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.shown(names("g", 300)...)
		o.raise(store.RankLoud, names("g", 300)...)
		o.after(5 * time.Second)
		require.Equal(t, store.RankStale, o.post("g299").Rank)
		o.raise(store.RankLoud, "g299")
		o.after(5 * time.Second)
		story := o.channel.story("g299")
		require.Equal(t, []string{"card 0", "edit 3", "call 3"}, story, "behind 300 stale cards it would be late")
	})
}

func TestACardThatTeamsDoesNotTakeBecomesTheMinimalOneInItsPlace(t *testing.T) {
	for _, via := range []string{store.KindEdit, store.KindCall} {
		inBotOffice(t, func(o *office) {
			o.raise(store.RankLoud, "disk")
			o.after(time.Minute)
			o.channel.answer = func(m message) *teams.Outcome {
				if m.via == via && m.Kind != "minimal" {
					return &teams.Outcome{Kind: teams.GiveUp, Reason: teams.TooLarge, Status: 413}
				}
				return nil
			}
			o.raise(store.RankLoud, "disk")
			o.after(time.Minute)
			require.Equal(t, []string{"card 1", "edit 2", "call 2"}, o.channel.story("disk"))
			for _, m := range o.channel.messages()[1:] {
				require.Equal(t, m.via == via, m.Kind == "minimal")
			}
			require.Equal(t, "m1", o.post("disk").MessageID)
			require.Equal(t, store.Shown, o.post("disk").State)
		})
	}
}

func TestAMessageThatLandedAtTheOldAddressIsNotEditedAtTheNewOne(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.channel.latency = 2 * time.Second
		o.raise(store.RankLoud, "disk")
		o.after(time.Second)
		o.update(func(tx store.Tx) error { _, err := tx.Readdress("ops", []string{"b"}); return err })
		o.after(time.Minute)
		var p store.Post
		require.NoError(t, o.store.View(context.Background(), func(tx store.Tx) (err error) {
			p, err = tx.PostOf(o.groups["disk"].ID, "b")
			return err
		}))
		require.Equal(t, 1, p.Shown)
		require.Empty(t, p.MessageID, "every later change would fail")
	})
}

// movesTo has a person's conversation be made anew while a message is on its
// way, as Teams tells of it: what waits is moved before the answer is here.
func (o *office) movesTo(address string) {
	o.mu.Lock()
	a := o.addresses["a"]
	a.ID = address
	o.addresses[address] = a
	o.mu.Unlock()
	o.channel.answer = func(message) *teams.Outcome {
		o.channel.answer = nil
		o.update(func(tx store.Tx) error { _, _, err := tx.MovePosts("a", address, time.Now(), 1000); return err })
		o.deliverer.Wake(address)
		time.Sleep(time.Second)
		return &teams.Outcome{Kind: teams.Delivered, Status: 201, MessageID: "anew", Address: address}
	}
}

func TestAMessageThatMadeItsConversationAnewIsEditedThere(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.raise(store.RankLoud, "old")
		o.after(time.Minute)
		o.movesTo("b")
		o.raise(store.RankLoud, "disk")
		o.after(10 * time.Second)
		p := o.at("b", "disk")
		require.Equal(t, []any{store.Shown, 1, "anew", ""}, []any{p.State, p.Shown, p.MessageID, p.Reason})
		require.Empty(t, o.log(store.DeliveryFilter{State: store.DeliveryInterrupted}), "it was under way, and nobody died")
		require.Empty(t, o.at("b", "old").MessageID, "what was in the old conversation is not there any more")

		o.raiseAt("b", store.RankQuiet, "disk")
		o.deliverer.Wake("b")
		o.after(10 * time.Second)
		require.Equal(t, store.KindEdit, o.channel.messages()[1].via, "a second card would be a second alert to them")
		require.Equal(t, "anew", o.channel.messages()[1].id)
	})
}

func TestAPostThatMovedDuringAnAttemptThatFailedIsSentAtItsNewAddressAtOnce(t *testing.T) {
	for _, failure := range []teams.Outcome{
		{Kind: teams.GiveUp, Reason: teams.NotFound, Status: 404},
		{Kind: teams.Retry, Reason: teams.Throttled, Status: 429, After: time.Hour},
	} {
		inBotOffice(t, func(o *office) {
			o.movesTo("b")
			answer := o.channel.answer
			o.channel.answer = func(m message) *teams.Outcome { answer(m); return &failure }
			o.raise(store.RankLoud, "disk")
			o.after(3 * time.Second)
			require.Equal(t, []string{"card 1"}, o.channel.story("disk"), "what the old address answers says nothing of the new one")
			require.Equal(t, store.Shown, o.at("b", "disk").State)
		})
	}
}

func TestAPostThatMovedDuringAnAttemptOfWhoDiedIsNotForgotten(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.stop()
		o.raiseAt("a", store.RankLoud, "disk")
		o.update(func(tx store.Tx) error { // as somebody else left it
			p, err := tx.PostOf(o.groups["disk"].ID, "a")
			if err != nil {
				return err
			}
			p.Begin(1, time.Now())
			_, lease := tx.Lease("a", "another", time.Now(), time.Now().Add(time.Minute))
			return errors.Join(lease, tx.SavePost(&p), tx.SaveDelivery(&store.Delivery{
				Kind: store.KindCard, PostID: p.ID, GroupID: p.GroupID, Address: "a", State: store.DeliverySending, At: time.Now()}))
		})
		o.movesTo("b")
		o.channel.answer = nil
		o.update(func(tx store.Tx) error { _, _, err := tx.MovePosts("a", "b", time.Now(), 1000); return err })
		o.start("one")
		o.after(50 * time.Second)
		require.Equal(t, store.Sending, o.at("b", "disk").State, "it may still arrive")
		o.after(2 * time.Minute)
		require.Equal(t, store.Shown, o.at("b", "disk").State, "whoever holds the lease no more is dead")
	})
}

func TestAReminderCallsAsOne(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.raise(store.RankLoud, "disk")
		o.after(time.Hour)
		g := o.groups["disk"]
		g.Rev++
		g.ToldAt, g.Reminded = time.Now(), g.Rev
		o.update(func(tx store.Tx) error { return o.save(tx, &g, "a", store.RankLoud) })
		o.deliverer.Wake("a")
		o.after(time.Minute)
		require.Equal(t, []string{"card 1", "edit 2", "call 2"}, o.channel.story("disk"))
		require.True(t, o.channel.messages()[1].Reminder)
		require.True(t, o.channel.messages()[2].Reminder, "people would look for what has changed")
	})
}
