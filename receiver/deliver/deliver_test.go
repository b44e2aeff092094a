package deliver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

func TestOneAlertIsToldAtOnceAndOnce(t *testing.T) {
	inOffice(t, func(o *office) {
		o.raise(store.RankLoud, "disk")
		o.after(0)
		require.Equal(t, map[string]int{"disk": 1}, o.channel.told(), "an idle address must not make anybody wait")
		m := o.channel.messages()[0]
		require.Zero(t, m.Late)

		p := o.post("disk")
		require.Equal(t, store.Accepted, p.State, "a webhook's 202 does not prove a card")
		require.Equal(t, 1, p.Shown)
		log := o.log(store.DeliveryFilter{})
		require.Len(t, log, 1)
		require.Equal(t, store.DeliveryAccepted, log[0].State)
		require.Equal(t, 202, log[0].Status)
		require.Empty(t, o.row().Holder, "an idle address is leased by nobody, so that any replica can send at once")

		o.after(time.Hour)
		require.Len(t, o.channel.attempts(), 1, "nothing is told again by itself")
	})
}

func TestChangesThatWaitAreOneMessage(t *testing.T) {
	inOffice(t, func(o *office) {
		o.channel.answer = func(message) *teams.Outcome {
			return &teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, Status: 429, After: 10 * time.Minute}
		}
		o.raise(store.RankLoud, "disk")
		o.after(time.Minute)
		for range 10 {
			o.raise(store.RankLoud, "disk")
			o.after(time.Second)
		}
		o.channel.answer = nil
		o.after(10 * time.Minute)
		messages := o.channel.messages()
		require.Len(t, messages, 1, "ten changes while Teams throttles are one message")
		require.Equal(t, 11, messages[0].Rev)
		require.Equal(t, 10*time.Minute, messages[0].Late, "the card must say that it is late")
		require.Equal(t, 11, o.post("disk").Shown)
	})
}

func TestAChangeDuringAnAttemptIsNotForgotten(t *testing.T) {
	inOffice(t, func(o *office) {
		o.channel.latency = 2 * time.Second
		o.raise(store.RankLoud, "disk")
		o.after(time.Second)
		o.raise(store.RankLoud, "disk")
		o.after(10 * time.Second)
		messages := o.channel.messages()
		require.Len(t, messages, 2)
		require.Equal(t, 2, messages[1].Rev)
		require.Equal(t, store.Accepted, o.post("disk").State)
	})
}

func TestAReminderIsToldAsOne(t *testing.T) {
	inOffice(t, func(o *office) {
		o.raise(store.RankLoud, "disk")
		o.after(time.Hour)
		remind := func() {
			g := o.groups["disk"]
			g.Rev++
			g.ToldAt, g.Reminded = time.Now(), g.Rev
			o.update(func(tx store.Tx) error { return o.save(tx, &g, "a", store.RankLoud) })
			o.groups["disk"] = g
			o.deliverer.Wake("a")
			o.after(time.Second)
		}
		remind()
		require.True(t, o.channel.messages()[1].Reminder)

		down := teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, Status: 429, After: time.Minute}
		o.channel.answer = func(message) *teams.Outcome { return &down }
		remind()
		o.raise(store.RankLoud, "disk")
		o.channel.answer = nil
		o.after(2 * time.Minute)
		messages := o.channel.messages()
		require.Len(t, messages, 3, "a reminder that waits merges with what comes after it")
		require.False(t, messages[2].Reminder, "and then it is news")
	})
}

func TestRetryAfterIsObeyedToTheSecond(t *testing.T) {
	inOffice(t, func(o *office) {
		patience := []time.Duration{37 * time.Second, 20 * time.Minute, time.Second}
		o.channel.answer = func(message) *teams.Outcome {
			if len(patience) == 0 {
				return nil
			}
			wait := patience[0]
			patience = patience[1:]
			return &teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, Status: 429, After: wait}
		}
		o.raise(store.RankLoudCritical, "disk")
		o.after(5 * time.Second)
		o.raise(store.RankLoudCritical, "later") // has to be as patient
		o.after(time.Hour)
		tries := o.channel.attempts()
		require.Len(t, tries, 5)
		for i, want := range []time.Duration{37 * time.Second, 20 * time.Minute, time.Second} {
			require.InDelta(t, want, tries[i+1].at.Sub(tries[i].at), float64(20*time.Millisecond), "attempt %d", i+2)
		}
		require.Equal(t, map[string]int{"disk": 1, "later": 1}, o.channel.told())
	})
}

func TestATimedOutMessageIsTriedAgainOnlyAfterAMinute(t *testing.T) {
	inOffice(t, func(o *office) {
		o.channel.latency = time.Hour
		o.raise(store.RankLoud, "disk")
		o.after(8 * time.Second) // the timeout of an attempt
		o.channel.latency = 0
		o.raise(store.RankLoud, "web")
		o.after(10 * time.Second)
		require.Equal(t, map[string]int{"web": 1}, o.channel.told(), "others do not wait that long")
		o.after(time.Hour)
		tries := o.channel.attempts()
		require.Len(t, tries, 3)
		require.Equal(t, time.Minute, tries[2].at.Sub(tries[0].at), "it may have arrived, so a second card must not come soon")
	})
}

func TestTeamsIsDownForHours(t *testing.T) {
	inOffice(t, func(o *office) {
		down := teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 503}
		o.channel.answer = func(message) *teams.Outcome { return &down }
		o.raise(store.RankLoud, names("g", 200)...)
		o.after(3 * time.Hour)
		require.Less(t, len(o.channel.attempts()), 250, "200 posts must not hammer a Teams that is down")
		require.Greater(t, len(o.channel.attempts()), 150, "and it is asked about every minute")

		o.channel.answer = nil
		back := time.Now()
		o.after(2 * time.Minute)
		require.Equal(t, 200, len(o.channel.told()), "all is told soon after Teams is back")
		require.Less(t, len(o.channel.messages()), 10, "by few messages")
		require.WithinDuration(t, back, o.channel.messages()[0].at, addressBackoffMax)
		require.Zero(t, o.channel.refused)
		require.Zero(t, o.row().Failures)
		o.raise(store.RankLoud, "after")
		o.after(time.Second)
		require.Equal(t, 1, o.channel.told()["after"], "and the address is as quick as before")
	})
}

func TestAPostThatAlwaysFailsHoldsUpNobody(t *testing.T) {
	inOffice(t, func(o *office) {
		o.fast()
		address := o.addresses["a"]
		address.MaxAge = 3 * time.Hour
		o.addresses["a"] = address
		o.channel.answer = func(m message) *teams.Outcome {
			if m.Groups[0] == "poison" {
				return &teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 500}
			}
			return nil
		}
		o.raise(store.RankLoudCritical, "poison")
		o.raise(store.RankLoud, names("g", 40)...)
		o.after(15 * time.Second)
		require.Equal(t, 40, len(o.channel.told()), "the neighbours are through in about the time they need anyway")
		o.after(3*time.Hour + 10*time.Minute)
		p := o.post("poison")
		require.Equal(t, store.Dead, p.State)
		require.Equal(t, string(teams.Expired), p.Reason)
		require.Contains(t, p.Message, `"poison" was not told to ops (expired)`)
		require.Contains(t, p.Message, "send it again if it still matters, or drop it")
		attempts := len(o.channel.attempts())
		require.Greater(t, attempts, 40+3*60/5, "it was tried about every five minutes for three hours")
		o.after(time.Hour)
		require.Len(t, o.channel.attempts(), attempts, "and never again")
	})
}

func TestARefusedCardGetsOneMoreAttemptWithTheMinimalCard(t *testing.T) {
	for _, reason := range []teams.Reason{teams.Payload, teams.TooLarge} {
		inOffice(t, func(o *office) {
			o.channel.answer = func(m message) *teams.Outcome {
				if m.Kind == "card" {
					return &teams.Outcome{Kind: teams.GiveUp, Reason: reason, Status: 400}
				}
				return nil
			}
			o.raise(store.RankLoud, "disk")
			o.after(100 * time.Millisecond)
			require.Equal(t, "minimal", o.channel.messages()[0].Kind, "a bad template must not cost an alert")
			require.Equal(t, store.Accepted, o.post("disk").State)

			o.channel.answer = func(m message) *teams.Outcome {
				return &teams.Outcome{Kind: teams.GiveUp, Reason: reason, Status: 400, Message: "Teams did not take the card"}
			}
			before := len(o.channel.attempts())
			o.raise(store.RankLoud, "web")
			o.after(time.Hour)
			tries := o.channel.attempts()[before:]
			require.Len(t, tries, 2, "exactly one more")
			require.Equal(t, []string{"card", "minimal"}, []string{tries[0].Kind, tries[1].Kind})
			p := o.post("web")
			require.Equal(t, store.Dead, p.State)
			require.Contains(t, p.Message, `"web" was not told to ops (`+string(reason)+`): Teams did not take the card`)
			require.Empty(t, o.row().Broken, "one bad card does not make a destination broken")

			o.channel.answer = nil
			o.replay("web")
			require.Equal(t, "card", o.channel.messages()[1].Kind, "the replay, after the repair, is the real card")
		})
	}
}

// replay is what the operator does, and then some time passes.
func (o *office) replay(names ...string) {
	o.t.Helper()
	for _, name := range names {
		p := o.post(name)
		p.Replay(time.Now())
		o.update(func(tx store.Tx) error { return tx.SavePost(&p) })
	}
	o.deliverer.Wake("a")
	o.after(time.Minute)
}

func TestTheMinimalCardIsRetriedAsSuch(t *testing.T) {
	inOffice(t, func(o *office) {
		n := 0
		o.channel.answer = func(m message) *teams.Outcome {
			n++
			switch {
			case m.Kind == "card":
				return &teams.Outcome{Kind: teams.GiveUp, Reason: teams.Payload, Status: 400}
			case n < 5:
				return &teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 503}
			}
			return nil
		}
		o.raise(store.RankLoud, "disk")
		o.after(time.Hour)
		kinds := ""
		for _, m := range o.channel.attempts() {
			kinds += m.Kind + " "
		}
		require.Equal(t, "card minimal minimal minimal minimal ", kinds, "the card that Teams refused is not tried again")
	})
}

func TestADeletedFlowAndItsRepair(t *testing.T) {
	inOffice(t, func(o *office) {
		gone := teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotFound, Status: 404, Message: "the flow does not exist"}
		o.channel.answer = func(message) *teams.Outcome { return &gone }
		o.raise(store.RankLoud, names("g", 300)...)
		o.after(time.Minute)
		require.Len(t, o.channel.attempts(), 1, "300 posts must not hammer a flow that is gone")
		require.Equal(t, store.Dead, o.post("g7").State)
		require.Contains(t, o.post("g7").Message, `"g7" was not told to ops (not_found)`)
		require.Contains(t, o.post("g7").Message, "put its URL into the configuration (or run `teamsrelay destinations rotate NAME`), then send it again")
		require.Equal(t, "the flow does not exist", o.row().Broken)
		require.Equal(t, 1.0, o.metric("teamsrelay_destination_broken"))
		require.Equal(t, 300.0, o.metric("teamsrelay_dead_letters"))

		o.raise(store.RankLoud, "later")
		o.after(time.Minute)
		require.Len(t, o.channel.attempts(), 2, "a later change finds out whether it was mended")
		require.Equal(t, store.Dead, o.post("later").State)

		o.channel.answer = nil
		o.replay("g7", "later")
		require.Equal(t, map[string]int{"g7": 1, "later": 1}, o.channel.told())
		require.False(t, o.post("g7").DeadLetter, "delivered, it leaves the list")
		require.Empty(t, o.row().Broken)
		require.Equal(t, 0.0, o.metric("teamsrelay_destination_broken"))
		require.Equal(t, 299.0, o.metric("teamsrelay_dead_letters"))
	})
}

func TestAnAddressThatLeftTheConfiguration(t *testing.T) {
	inOffice(t, func(o *office) {
		delete(o.addresses, "a")
		o.raise(store.RankLoud, names("g", 450)...) // more than a chunk or two
		o.after(time.Second)
		require.Empty(t, o.channel.attempts())
		for _, name := range []string{"g0", "g449"} {
			p := o.post(name)
			require.Equal(t, store.Dead, p.State)
			require.Equal(t, string(teams.NoAddress), p.Reason)
			require.Contains(t, p.Message, "was not told to ops (no_address)")
		}
	})
}

func TestOldNewsIsNotTold(t *testing.T) {
	inOffice(t, func(o *office) {
		o.addresses["a"] = Address{ID: "a", Destination: "ops", Send: o.channel.send, MaxAge: time.Hour}
		down := teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 503}
		o.channel.answer = func(message) *teams.Outcome { return &down }
		o.raise(store.RankLoud, names("old", 100)...)
		o.after(50 * time.Minute)
		o.raise(store.RankLoud, names("new", 100)...)
		o.after(15 * time.Minute)
		o.channel.answer = nil
		o.after(10 * time.Minute)
		told := o.channel.told()
		require.Equal(t, 100, len(told))
		require.Contains(t, told, "new42")
		require.Equal(t, string(teams.Expired), o.post("old42").Reason, "days-old noise becomes a dead letter instead")
	})
}
