package engine

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/press"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

var (
	alice = group.Person{Name: "Alice", ID: "id-alice"}
	bob   = group.Person{Name: "Bob", ID: "id-bob"}
)

// channel is the address of a conversation that notes what is sent there,
// edited and called out.
func (r *rig) channel(name string) deliver.Address {
	note := func(what string) func(m card.Message) teams.Outcome {
		return func(m card.Message) teams.Outcome {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.arrived = append(r.arrived, name+": "+what+" "+m.Summary)
			return teams.Outcome{Kind: teams.Delivered, Status: 201, MessageID: "m1"}
		}
	}
	return deliver.Address{
		ID: "bot:" + name, Destination: name, Editable: true, Limit: card.BotLimit,
		Pace: []deliver.Window{{N: 1000, Per: time.Second}},
		Send: func(_ context.Context, m card.Message) teams.Outcome { return note("new")(m) },
		Edit: func(_ context.Context, _ string, m card.Message) teams.Outcome { return note("edit")(m) },
		Call: func(_ context.Context, _ string, m card.Message) teams.Outcome { return note("call")(m) },
	}
}

// inChannels makes the destinations channels of the bot, and conversations out
// of every other address.
func (r *rig) inChannels(c Config) Config {
	for i, d := range c.Destinations {
		c.Destinations[i].Addresses = []deliver.Address{r.channel(d.Name)}
	}
	c.Conversation = func(address string) (Destination, bool) {
		a := r.channel("chat-of-" + address)
		a.ID = address
		return Destination{Name: a.Destination, Addresses: []deliver.Address{a}}, address != "bot:gone"
	}
	return c
}

func (r *rig) startChannels(routes string, names ...string) {
	begin := r.begin
	r.begin = r.inChannels // at once: the start would move what is in the channels to webhooks
	r.start(routes, names...)
	r.begin = begin
}

func (r *rig) do(cmd command.Command) command.Result {
	r.t.Helper()
	if cmd.From == "" {
		cmd.From = "channel ops"
	}
	result, err := r.engine.Do(context.Background(), cmd)
	require.NoError(r.t, err)
	return result
}

// soon is expect, once cards may be edited again (store.EditDistance).
func (r *rig) soon(want ...string) {
	r.t.Helper()
	time.Sleep(store.EditDistance + time.Second)
	r.expect(want...)
}

// only is the one group that there is.
func (r *rig) only() group.Group {
	r.t.Helper()
	var groups []group.Group
	require.NoError(r.t, r.store.View(context.Background(), func(tx store.Tx) (err error) {
		groups, err = tx.ListGroups(false, 0, 10)
		return err
	}))
	require.Len(r.t, groups, 1)
	return groups[0]
}

func (r *rig) audit() []string {
	r.t.Helper()
	var lines []string
	require.NoError(r.t, r.store.View(context.Background(), func(tx store.Tx) error {
		rows, err := tx.Audit(store.AuditFilter{})
		for _, a := range rows {
			lines = append(lines, fmt.Sprintf("%s (%s) %s from %s: %s -> %s", a.Who, a.ObjectID, a.Action, a.From, a.Before, a.After))
		}
		return err
	}))
	return lines
}

const toOps = `
destinations: [ops]
group_by: [alertname]
group_wait: 0s
group_interval: 5m
repeat_interval: 1h
`

func TestPeople(t *testing.T) {
	test(t, "an acknowledgement edits the card, stops reminders and stands in the audit with who, where, before and after", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		r.post(labeled("Hot", "critical"))
		r.expect("ops: new Hot")
		result := r.do(command.Command{Verb: command.Ack, Group: r.only().ID, By: alice})
		require.True(t, result.Done)
		r.soon("ops: edit Hot")
		for range 10 {
			result = r.do(command.Command{Verb: command.Ack, Group: r.only().ID, By: alice})
			require.False(t, result.Done)
			require.Contains(t, result.Why, "Alice")
		}
		time.Sleep(3 * time.Minute)
		r.post(labeled("Hot", "critical"))
		time.Sleep(2 * time.Hour)
		r.post(labeled("Hot", "critical"))
		r.messages()
		require.Equal(t, []string{"Alice (id-alice) ack from channel ops: firing -> firing, acknowledged by Alice"}, r.audit())
		require.Equal(t, "Hot", r.noted(store.AuditFilter{})[0].About)
	})

	test(t, "two who press different buttons at the same moment are both heard", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		r.post(labeled("Hot", "critical"))
		r.expect("ops: new Hot")
		id := r.only().ID
		var both sync.WaitGroup
		both.Go(func() { r.do(command.Command{Verb: command.Ack, Group: id, By: alice}) })
		both.Go(func() { r.do(command.Command{Verb: command.Assign, Group: id, By: bob, To: bob}) })
		both.Wait()
		r.messages()
		g := r.only()
		require.Equal(t, alice, g.Ack.By)
		require.Equal(t, bob, g.Owner.To)
		require.Len(t, r.audit(), 2)
	})

	test(t, "an activity that comes again is not worked again", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		r.post(labeled("Hot", "critical"))
		r.messages()
		cmd := command.Command{Verb: command.Comment, Group: r.only().ID, By: alice, Text: "on it", Activity: "c1/a1"}
		require.True(t, r.do(cmd).Done)
		require.True(t, r.do(cmd).Repeated)
		require.Len(t, r.audit(), 1)
	})

	test(t, "a comment is called out under the card, once", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		r.post(labeled("Hot", "critical"))
		r.expect("ops: new Hot")
		r.do(command.Command{Verb: command.Comment, Group: r.only().ID, By: alice, Text: "on it"})
		r.soon("ops: edit Hot", "ops: call Alice")
	})

	test(t, "what is resolved by hand is over for everybody, and goes on being over while its source repeats it", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		r.post(labeled("Hot", "critical"))
		r.expect("ops: new Hot")
		r.do(command.Command{Verb: command.Resolve, Group: r.only().ID, By: alice})
		r.soon("ops: edit resolved")
		again := labeled("Hot", "critical")
		again.Annotations = map[string]string{"summary": "other words"}
		r.post(again)
		r.expect()
		result := r.do(command.Command{Verb: command.Reopen, Group: r.only().ID, By: bob, Of: group.AnyMark})
		require.True(t, result.Done, result.Why)
		r.soon("ops: edit Hot")
		r.post(over(again))
		r.soon("ops: edit resolved")
	})

	test(t, "a silence of ours keeps quiet what it matches, in all groups, and its end is told where something still fires", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		fire := func(alerts ...alert.Alert) {
			for _, a := range alerts {
				require.NoError(t, r.engine.Posted(context.Background(), these(ingest.Posted{Alert: a, Until: time.Now().Add(2 * time.Hour)})))
			}
		}
		fire(labeled("Hot", "warning", "site", "fra1"), labeled("Wet", "warning", "site", "fra1"), labeled("Dry", "warning", "site", "ber1"))
		r.expect("ops: new Hot", "ops: new Wet", "ops: new Dry")
		result := r.do(command.Command{Verb: command.Silence, Matchers: []string{`site="fra1"`}, By: bob, Until: time.Now().Add(30 * time.Minute)})
		require.True(t, result.Done)
		r.soon("ops: edit Hot", "ops: edit Wet")
		time.Sleep(20 * time.Minute)
		fire(labeled("Cold", "critical", "site", "fra1"))
		r.soon()
		time.Sleep(10 * time.Minute)
		r.expect("ops: edit Hot", "ops: call Hot", "ops: edit Wet", "ops: call Wet", "ops: new Cold")
		result = r.do(command.Command{Verb: command.Silence, Matchers: []string{`site="ber1"`}, By: bob, Until: time.Now().Add(time.Hour)})
		require.True(t, r.do(command.Command{Verb: command.Expire, SilenceID: result.SilenceID, By: bob}).Done)
		line := r.noted(store.AuditFilter{Limit: 1})[0]
		require.Equal(t, "silence "+alert.ShortID(result.SilenceID), line.Target, "an alert may have the same id")
		require.Equal(t, `{site="ber1"}`, line.About)
	})

	test(t, "a silence by one press is about the alerts of the card, and expire ends it", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		r.post(labeled("Hot", "warning"))
		r.expect("ops: new Hot")
		id := r.only().ID
		silence := command.Command{Verb: command.Silence, Group: id, By: bob, Until: time.Now().Add(time.Hour), Text: "deploy"}
		require.True(t, r.do(silence).Done)
		r.soon("ops: edit Hot")
		require.Equal(t, "Bob", r.only().Silence.By.Name)
		require.False(t, r.do(silence).Done, "ten presses are one silence")
		result := r.do(command.Command{Verb: command.Expire, Group: id, By: alice})
		require.True(t, result.Done, result.Why)
		require.Nil(t, result.Group.Silence)
		r.soon("ops: edit Hot", "ops: call Hot")
		require.False(t, r.do(command.Command{Verb: command.Expire, Group: id, By: alice}).Done)
		for _, line := range r.noted(store.AuditFilter{}) {
			require.Equal(t, alert.ShortID(id), line.Target)
			require.Equal(t, `Hot {alertname="Hot", severity="warning"}`, line.About, "%s: in a year nobody knows any more what the id was", line.Action)
		}
	})

	test(t, "matchers that would silence everything, and times that make no sense, are refused", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		soon := time.Now().Add(time.Hour)
		for _, c := range []struct {
			cmd command.Command
			err error
		}{
			{command.Command{Verb: command.Silence, Until: soon}, command.ErrMatchers},
			{command.Command{Verb: command.Silence, Matchers: []string{`a=~".*"`}, Until: soon}, command.ErrMatchers},
			{command.Command{Verb: command.Silence, Matchers: []string{`a="b"`}, Until: time.Now()}, command.ErrUntil},
			{command.Command{Verb: command.Silence, Matchers: []string{`a="b"`}, Until: time.Now().AddDate(1, 0, 0)}, command.ErrUntil},
			{command.Command{Verb: command.Ack}, command.ErrUnknown},
			{command.Command{Verb: command.Ack, Group: 99}, command.ErrUnknown},
			{command.Command{Verb: command.Comment, Group: 1, Text: " "}, command.ErrText},
			{command.Command{Verb: "reboot", Group: 1}, command.ErrVerb},
		} {
			_, err := r.engine.Do(context.Background(), c.cmd)
			require.ErrorIs(t, err, c.err, "%+v", c.cmd)
		}
		require.Empty(t, r.audit())
	})
}

func TestSubscriptions(t *testing.T) {
	test(t, "who subscribed gets what matches beside the routes, in a conversation that no file names", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		require.NoError(t, r.store.Update(context.Background(), func(tx store.Tx) error {
			return tx.SaveSubscription(&store.Subscription{Address: "bot:alice", Matchers: []string{`severity="critical"`}, By: alice})
		}))
		r.post(labeled("Hot", "critical"), labeled("Wet", "warning"))
		r.expect("ops: new Hot", "ops: new Wet", "chat-of-bot:alice: new Hot")
		g := r.groupNamed("Hot")
		r.do(command.Command{Verb: command.Ack, Group: g.ID, By: alice})
		r.soon("ops: edit Hot", "chat-of-bot:alice: edit Hot")
	})
	test(t, "an episode that becomes what somebody subscribed to reaches them", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		require.NoError(t, r.store.Update(context.Background(), func(tx store.Tx) error {
			return tx.SaveSubscription(&store.Subscription{Address: "bot:alice", Matchers: []string{`severity="critical"`}, By: alice})
		}))
		r.post(labeled("Hot", "warning"))
		r.expect("ops: new Hot")
		r.post(labeled("Hot", "critical"))
		time.Sleep(6 * time.Minute)
		require.Contains(t, fmt.Sprint(r.messages()), "chat-of-bot:alice: new")
	})
}

func (r *rig) groupNamed(name string) group.Group {
	r.t.Helper()
	var found group.Group
	require.NoError(r.t, r.store.View(context.Background(), func(tx store.Tx) error {
		return tx.OpenGroups(func(g group.Group) error {
			if g.Name() == name {
				found = g
			}
			return nil
		})
	}))
	require.NotZero(r.t, found.ID)
	return found
}

func TestAnAlertMadeByHandIsToldWhereItWasMade(t *testing.T) {
	test(t, "and resolved by hand", func(r *rig) {
		r.startChannels(toOps, "ops")
		defer r.stop()
		g, err := r.engine.Create(context.Background(), command.Creation{Title: "VPN is slow", Description: "since noon", By: alice, From: "chat", Address: "bot:alice"})
		require.NoError(t, err)
		r.expect("chat-of-bot:alice: new VPN is slow")
		r.do(command.Command{Verb: command.Resolve, Group: g.ID, By: alice})
		r.soon("chat-of-bot:alice: edit resolved")
		// Who has subscribed to everything reads what was made in a channel of
		// the file, and not what somebody made in a chat of their own.
		require.NoError(t, r.store.Update(context.Background(), func(tx store.Tx) error {
			return tx.SaveSubscription(&store.Subscription{Address: "bot:bob", By: bob})
		}))
		_, err = r.engine.Create(context.Background(), command.Creation{Title: "My own", By: alice, From: "chat", Address: "bot:alice"})
		require.NoError(t, err)
		r.expect("chat-of-bot:alice: new My own")
		_, err = r.engine.Create(context.Background(), command.Creation{Title: "Everybody's", By: alice, From: "channel ops", Address: "bot:ops"})
		require.NoError(t, err)
		r.expect("ops: new Everybody's", "chat-of-bot:bob: new Everybody's")
		_, err = r.engine.Create(context.Background(), command.Creation{Title: " ", By: alice, Address: "bot:alice"})
		require.ErrorIs(t, err, command.ErrText)
		_, err = r.engine.Create(context.Background(), command.Creation{Title: "x", By: alice, Address: "bot:gone"})
		require.ErrorIs(t, err, ErrUnknownDestination)
	})
}

func TestButtonsAreSignedForTheirAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.startChannels(toOps, "ops", "sre")
		a, ok := r.engine.address("bot:ops")
		require.True(t, ok)
		data := a.Look("m1").Press(7, command.Ack, 0, "")
		require.NoError(t, r.engine.CheckPress(context.Background(), "bot:ops", data))
		require.ErrorIs(t, r.engine.CheckPress(context.Background(), "bot:sre", data), press.ErrForged, "a press was taken in a conversation in which its card was not shown")
		data.Group = 8
		require.ErrorIs(t, r.engine.CheckPress(context.Background(), "bot:ops", data), press.ErrForged)
		key := r.engine.newestKey().ID
		r.stop()

		r.startChannels(toOps, "ops", "sre")
		require.Equal(t, key, r.engine.newestKey().ID, "a restart made all cards' buttons dead")
		r.stop()
		time.Sleep(keyAge + time.Hour)
		r.startChannels(toOps, "ops", "sre")
		defer r.stop()
		require.NotEqual(t, key, r.engine.newestKey().ID)
		data.Group = 7
		require.NoError(t, r.engine.CheckPress(context.Background(), "bot:ops", data), "buttons of an older card are dead")
	})
}

// Another replica may have made the key of a card that is pressed here. Who
// sends keys that nobody made has the store asked once a minute.
func TestAKeyThatAnotherReplicaMadeIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.startChannels(toOps, "ops")
		defer r.stop()
		theirs := press.Key{ID: "theirs", Secret: bytes.Repeat([]byte{7}, 32)}
		data := theirs.Sign("bot:ops", press.Data{Verb: command.Ack, Group: 7})
		check := func() error { return r.engine.CheckPress(context.Background(), "bot:ops", data) }
		require.NoError(t, r.store.Update(context.Background(), func(tx store.Tx) error {
			return tx.AddKey(store.Key{ID: "theirs", Secret: theirs.Secret, MadeAt: r.now()})
		}))
		require.ErrorIs(t, check(), press.ErrForged, "the keys were read just now")
		time.Sleep(keysAgain)

		require.NoError(t, check())
		before := r.store.updates.Load()
		for range 1000 {
			forged := data
			forged.Key = "nobodys"
			require.ErrorIs(t, r.engine.CheckPress(context.Background(), "bot:ops", forged), press.ErrForged)
		}
		require.Less(t, r.store.updates.Load()-before, int64(10), "each unknown key has the store asked")
		require.NoError(t, check(), "what was found is kept")

		time.Sleep(keysAgain)
		r.store.refuse.Store(true)
		err := r.engine.CheckPress(context.Background(), "bot:ops", press.Data{Key: "unknown"})
		r.store.refuse.Store(false)
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.NotErrorIs(t, err, press.ErrForged, "nobody knows, and nobody is to be told that their button is forged")
	})
}

func TestWhatIsStillOpenIsToldWhenTheAppIsBack(t *testing.T) {
	test(t, "and what is over is not", func(r *rig) {
		r.start(toOps, "ops")
		defer r.stop()
		gone := true
		c := r.inChannels(r.config(toOps, "ops"))
		send := c.Destinations[0].Addresses[0].Send
		c.Destinations[0].Addresses[0].Send = func(ctx context.Context, m card.Message) teams.Outcome {
			if gone {
				return teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotInstalled, Message: "the app is not in the team", Status: 403}
			}
			return send(ctx, m)
		}
		require.NoError(t, r.engine.Reload(context.Background(), c))
		hot, wet := labeled("Hot", "critical"), labeled("Wet", "critical")
		r.post(hot)
		r.post(wet)
		r.expect()
		r.post(over(wet))
		r.expect()
		gone = false
		require.NoError(t, r.engine.Revive(context.Background(), "bot:ops"))
		r.expect("ops: new Hot")
	})
}
