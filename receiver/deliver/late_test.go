package deliver

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// hangs has the first message of all stay with who sends it: their machine stands
// still for so long, and then the answer is there.
func (o *office) hangs(d time.Duration, answer teams.Outcome) {
	hung := false
	a := o.addresses["a"]
	a.Send = func(ctx context.Context, m card.Message) teams.Outcome {
		if hung {
			return o.channel.send(ctx, m)
		}
		hung = true
		time.Sleep(d)
		return answer
	}
	o.addresses["a"] = a
}

// lateAnswers are what a replica may hear that stood still while it sent.
var lateAnswers = map[string]teams.Outcome{
	"that it timed out":           {Kind: teams.Retry, Reason: teams.Timeout, Uncertain: true},
	"that Teams wants patience":   {Kind: teams.Retry, Reason: teams.Throttled, After: time.Hour},
	"that it cannot sign in":      {Kind: teams.Retry, Reason: teams.Auth, Broken: true},
	"that the card is refused":    {Kind: teams.GiveUp, Reason: teams.Payload},
	"that nobody takes such":      {Kind: teams.GiveUp, Reason: teams.Rejected},
	"that the address is unknown": {Kind: teams.GiveUp, Reason: teams.NotFound},
}

// TestWhoStoodStillWhileSendingTakesNothingFromWhoTookOver: a failure from before
// must not become a dead letter, a fallback's card or a broken destination while
// another replica is telling the same post, or has told it.
func TestWhoStoodStillWhileSendingTakesNothingFromWhoTookOver(t *testing.T) {
	for _, wakes := range []struct {
		when  string
		after time.Duration
	}{
		{"while another replica sends", uncertainWait + 3*time.Second},
		{"after another replica has sent", uncertainWait + 20*time.Second},
	} {
		for _, posts := range []int{1, 100} { // 100 are told by a digest
			for hears, answer := range lateAnswers {
				t.Run(fmt.Sprintf("%s %d posts, and hears %s", wakes.when, posts, hears), func(t *testing.T) {
					inOffice(t, func(o *office) {
						o.stop()
						missed := 0
						o.missed = func(store.Tx, *store.Post, teams.Reason, string) (func(), error) {
							return func() { missed++ }, nil
						}
						o.channel.latency = 6 * time.Second
						o.hangs(wakes.after, answer)
						o.start("one")
						o.raise(store.RankLoud, names("g", posts)...)
						o.after(time.Second)
						o.start("two")
						o.after(3 * time.Minute)
						require.Len(t, o.channel.told(), posts)
						require.Len(t, o.channel.messages(), 1, "and nothing is told once more")
						require.Zero(t, missed, "somebody else was told in their place")
						for name := range o.groups {
							require.Equal(t, store.Accepted, o.post(name).State)
							require.False(t, o.post(name).DeadLetter)
						}
						require.Empty(t, o.row().Broken, "what comes next would be given up")
						require.Zero(t, o.row().Failures)
						require.Empty(t, o.log(store.DeliveryFilter{State: store.DeliverySending}))
					})
				})
			}
		}
	}
}

// TestALateSuccessDoesNotMoveACardAway: the message of who took over is the one
// that is edited, or it would say for good what was.
func TestALateSuccessDoesNotMoveACardAway(t *testing.T) {
	inOffice(t, func(o *office) {
		o.stop()
		o.bot()
		o.hangs(90*time.Second, teams.Outcome{Kind: teams.Delivered, Status: 201, MessageID: "late"})
		o.start("one")
		o.raise(store.RankLoud, "disk")
		o.after(time.Second)
		o.start("two")
		o.after(87 * time.Second)
		require.Equal(t, "m1", o.post("disk").MessageID, "another replica has sent it")
		o.channel.latency = 5 * time.Second
		fails := true
		o.channel.answer = func(message) *teams.Outcome {
			if !fails {
				return nil
			}
			fails = false
			return &teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 503}
		}
		o.raise(store.RankQuiet, "disk") // and edits it when the first one wakes up
		o.after(time.Minute)
		require.Equal(t, "m1", o.post("disk").MessageID)
		require.Equal(t, store.Shown, o.post("disk").State)
		require.Equal(t, []string{"card 1", "edit 2"}, o.channel.story("disk"))
		for _, m := range o.channel.messages() {
			require.Equal(t, "m1", m.id)
		}
	})
}

// TestALateDigestLeavesToOthersWhatTheySend: whoever took over sends a card while
// the digest of who stood still turns out to have arrived. That card would never
// be edited again, and say for good what was.
func TestALateDigestLeavesToOthersWhatTheySend(t *testing.T) {
	inOffice(t, func(o *office) {
		o.stop()
		o.hangs(22*time.Second, teams.Outcome{Kind: teams.Delivered, Status: 201, MessageID: "late"})
		o.start("one")
		groups := names("g", 100)
		o.raise(store.RankLoud, groups...)
		o.after(time.Second)
		o.bot() // so that there is room for cards
		o.channel.latency = 5 * time.Second
		o.start("two")
		o.after(time.Minute)
		o.channel.latency = 0
		sent := 0
		for _, m := range o.channel.messages() {
			if m.Kind != "card" {
				continue
			}
			sent++
			require.Equal(t, m.id, o.post(m.Groups[0]).MessageID, "who knows the card can edit it")
		}
		require.NotZero(t, sent)
	})
}

// TestATestThatEndsLateBreaksNothing: somebody's test of an address says nothing
// of it once another replica has told something there.
func TestATestThatEndsLateBreaksNothing(t *testing.T) {
	inOffice(t, func(o *office) {
		o.hangs(time.Minute, teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotFound})
		ended := make(chan teams.Outcome, 1)
		go func() {
			outcome, err := o.deliverer.Probe(context.Background(), "a", "test", "", testCard(message{Kind: "test"}))
			require.NoError(t, err)
			ended <- outcome
		}()
		o.after(time.Second)
		o.raise(store.RankLoud, "disk")
		o.after(2 * time.Minute)
		require.Equal(t, teams.NotFound, (<-ended).Reason)
		require.Equal(t, map[string]int{"disk": 1}, o.channel.told())
		require.Empty(t, o.row().Broken)
	})
}
