package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// forLong posts alerts that need no resend.
func (r *rig) forLong(alerts ...alert.Alert) {
	r.t.Helper()
	for _, a := range alerts {
		require.NoError(r.t, r.engine.Posted(context.Background(), these(ingest.Posted{Alert: a, Until: time.Now().Add(100 * time.Hour)})))
	}
}

func (r *rig) silence(matcher string, d time.Duration) int64 {
	r.t.Helper()
	result := r.do(command.Command{Verb: command.Silence, Matchers: []string{matcher}, By: bob, Until: time.Now().Add(d)})
	require.True(r.t, result.Done)
	return result.SilenceID
}

// Who ends a silence wants to hear what it kept from everybody, not when it
// would have ended.
func TestWhatASilenceKeptBackIsToldWhenItIsEndedByHand(t *testing.T) {
	test(t, "at once", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		id := r.silence(`site="fra1"`, 24*time.Hour)
		r.forLong(labeled("Hot", "critical", "site", "fra1"))
		r.soon()
		require.True(t, r.do(command.Command{Verb: command.Expire, SilenceID: id, By: alice}).Done)
		r.soon("ops: new Hot")
	})
	test(t, "also by a process that was killed before it could look at the other alerts", func(r *rig) {
		r.startChannels(toOps, "ops")
		id := r.silence(`site="fra1"`, 24*time.Hour)
		r.forLong(labeled("Hot", "critical", "site", "fra1"))
		r.soon()
		require.NoError(t, r.store.Update(context.Background(), func(tx store.Tx) error { // as Do does before the kill
			s, err := tx.Silence(id)
			require.NoError(t, err)
			s.State, s.EndsAt = store.SilenceEnded, time.Now()
			return tx.SaveSilence(&s)
		}))
		r.stop()
		r.start(toOps, "ops")
		defer r.stop()
		r.soon("ops: Hot")
	})
	test(t, "and at its new end when that was moved", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		id := r.silence(`site="fra1"`, 24*time.Hour)
		r.forLong(labeled("Hot", "critical", "site", "fra1"))
		r.soon()
		require.NoError(t, r.store.Update(context.Background(), func(tx store.Tx) error { // as package silence does
			s, err := tx.Silence(id)
			require.NoError(t, err)
			s.EndsAt = time.Now().Add(time.Hour)
			return tx.SaveSilence(&s)
		}))
		ring(r.engine.hushed)
		time.Sleep(time.Hour)
		r.soon("ops: new Hot")
	})
}

func TestABadRowKeepsNoSilenceFromTheOthers(t *testing.T) {
	test(t, "which are told that they are silenced", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		r.forLong(labeled("Hot", "critical"), labeled("Wet", "critical"))
		r.expect("ops: new Hot", "ops: new Wet")
		r.store.unreadable.Store(r.groupNamed("Hot").ID)
		r.silence(`severity="critical"`, time.Hour)
		r.soon("ops: edit Wet")
		r.store.unreadable.Store(0)
	})
}

// Maintenance is why people silence: a machine that comes and goes meanwhile
// is not worth a card each time.
func TestWhatCameAndWentWhileItWasSilencedIsNotTold(t *testing.T) {
	test(t, "but a test that somebody asked for is", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		r.silence(`severity=~".+"`, time.Hour)
		for range 3 {
			a := labeled("Hot", "critical")
			r.forLong(a)
			r.soon()
			r.forLong(over(a))
			time.Sleep(10 * time.Minute)
		}
		r.send(labeled("Wet", "critical"))
		r.send(over(labeled("Wet", "critical")))
		r.soon()
		_, err := r.engine.Test(context.Background(), "ops", alice, "test")
		require.NoError(t, err)
		r.soon("ops: new TeamsrelayTest")
	})
}

// The table of what fires is only memory, and does not know of what was over
// when it was filled.
func TestAnEpisodeThatIsReopenedAfterARestartCanEnd(t *testing.T) {
	test(t, "when its alerts are not sent any more", func(r *rig) {
		r.twice = true
		r.startChannels(toOps, "ops")
		r.post(labeled("Hot", "critical"))
		r.expect("ops: new Hot")
		id := r.only().ID
		require.True(t, r.do(command.Command{Verb: command.Resolve, Group: id, By: alice}).Done)
		r.soon("ops: edit resolved")
		r.stop()

		r.startChannels(toOps, "ops")
		defer r.stop()
		require.True(t, r.do(command.Command{Verb: command.Reopen, Group: id, By: bob, Of: group.AnyMark}).Done)
		r.soon("ops: edit Hot")
		time.Sleep(10 * time.Minute)
		r.expect("ops: edit resolved")
	})
	test(t, "when its source says so", func(r *rig) {
		r.twice = true
		r.startChannels(toOps, "ops")
		hot := labeled("Hot", "critical")
		r.forLong(hot)
		r.expect("ops: new Hot")
		id := r.only().ID
		require.True(t, r.do(command.Command{Verb: command.Resolve, Group: id, By: alice}).Done)
		r.soon("ops: edit resolved")
		r.stop()

		r.startChannels(toOps, "ops")
		defer r.stop()
		require.True(t, r.do(command.Command{Verb: command.Reopen, Group: id, By: bob, Of: group.AnyMark}).Done)
		r.soon("ops: edit Hot")
		r.post(over(hot))
		r.soon("ops: edit resolved")
	})
}

// SQLite gives a number again whose commit failed.
func TestASubscriptionIsNotTakenForOneThatWasNeverStored(t *testing.T) {
	test(t, "though both have the same number", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		c := r.engine.current.Load()
		lost := r.engine.compileSubscriptions(nil, c, []store.Subscription{{ID: 1, Address: "bot:alice", Matchers: []string{`team="net"`}}})
		kept := r.engine.compileSubscriptions(lost, c, []store.Subscription{{ID: 1, Address: "bot:bob", Matchers: []string{`team="db"`}}})
		g := group.Group{Alerts: []group.Member{{Alert: labeled("Hot", "critical", "team", "net"), State: group.Firing}}}
		route.Add(&g, kept.all)
		require.Empty(r.t, g.Spec.Targets, "Bob gets what he has not subscribed to")
	})
	test(t, "and no silence either", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		morning := time.Now().Add(time.Hour)
		s := store.Silence{ID: 1, State: store.SilenceActive, StartsAt: time.Now(), EndsAt: morning, Sets: [][]string{{`a="1"`}}}
		lost := compileSilences(nil, []store.Silence{s}, time.Now())
		later := time.Now().Add(time.Minute)
		s.StartsAt, s.Sets = later, [][]string{{`a="2"`}}
		_, wrong := compileSilences(lost, []store.Silence{s}, later).active.Of(map[string]string{"a": "1"})
		require.False(r.t, wrong, "an alert is silenced that nobody silenced")
	})
}

func TestDeadLettersOfWhoSubscribedAreReplayedWithAllOthers(t *testing.T) {
	test(t, "though no file names their conversation", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		require.NoError(t, r.store.Update(context.Background(), func(tx store.Tx) error {
			return tx.SaveSubscription(&store.Subscription{Address: "bot:alice", By: alice})
		}))
		without := r.inChannels(r.config(toOps, "ops"))
		with := without.Conversation
		r.forLong(labeled("Hot", "critical"))
		r.expect("ops: new Hot", "chat-of-bot:alice: new Hot")
		without.Conversation = nil // somebody reloads a file without the bot
		require.NoError(t, r.engine.Reload(context.Background(), without))
		r.do(command.Command{Verb: command.Assign, Group: r.only().ID, By: alice, To: bob})
		r.soon("ops: edit Hot", "ops: call Hot")
		without.Conversation = with
		require.NoError(t, r.engine.Reload(context.Background(), without))
		replay, err := r.engine.Replay(context.Background(), Letters{}, alice, "test")
		require.NoError(r.t, err)
		require.Equal(r.t, 1, replay.Total)
		r.soon("chat-of-bot:alice: edit Hot", "chat-of-bot:alice: call Hot")
	})
}

func TestAKeyIsReplacedInAProcessThatNeverEnds(t *testing.T) {
	test(t, "and the cards that it signed can still be pressed", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		a, _ := r.engine.address("bot:ops")
		old := a.Look("m1").Press(7, command.Ack, 0, "")
		r.skew.Store(int64(keyAge + time.Hour))
		time.Sleep(15 * time.Minute)
		require.NotEqual(r.t, old.Key, r.engine.newestKey().ID)
		require.NoError(r.t, r.engine.CheckPress(context.Background(), "bot:ops", old))
	})
}
