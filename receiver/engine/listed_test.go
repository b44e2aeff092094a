package engine

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// In PostgreSQL what a transaction has listed may be changed before it is
// locked: whoever saves it as it was takes back what others have done.
func TestWhatIsListedMayHaveChanged(t *testing.T) {
	ctx := context.Background()
	letters := func(r *rig) (found []store.Post) {
		require.NoError(r.t, r.store.View(ctx, func(tx store.Tx) (err error) {
			found, err = tx.ListPosts(store.PostFilter{DeadLetters: true})
			return err
		}))
		return found
	}

	test(t, "a dead letter that was told while all are replayed is not told again", func(r *rig) {
		r.start(toOps, "ops")
		defer r.stop()
		gone := true
		c := r.config(toOps, "ops")
		send := c.Destinations[0].Addresses[0].Send
		c.Destinations[0].Addresses[0].Send = func(ctx context.Context, m card.Message) teams.Outcome {
			if gone {
				return teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotFound, Status: 404}
			}
			return send(ctx, m)
		}
		require.NoError(r.t, r.engine.Reload(ctx, c))
		r.post(labeled("Hot", "critical"))
		r.expect()
		require.Len(r.t, letters(r), 1)
		gone = false

		replay := store.Replay{By: alice, State: store.ReplayRunning, Next: math.MaxInt64, Total: 1}
		require.NoError(r.t, r.store.Store.Update(ctx, func(tx store.Tx) error { return tx.SaveReplay(&replay) }))
		told := func() {
			require.NoError(r.t, r.engine.Revive(ctx, "workflow:ops"))
			time.Sleep(time.Second)
		}
		r.store.meanwhile.Store(&told)
		_, err := r.engine.replaySome(ctx, replay.ID)
		require.NoError(r.t, err)
		r.expect("ops: Hot firing")
		require.Empty(r.t, letters(r))
		require.NoError(r.t, r.store.View(ctx, func(tx store.Tx) (err error) {
			replay, err = tx.Replay(replay.ID)
			return err
		}))
		require.Zero(r.t, replay.Replayed, "and it is not counted")
	})

	test(t, "a card that comes to be while its destination is taken out of the file stays true", func(r *rig) {
		r.begin = r.inChannels
		r.start(base, "ops", "sre")
		defer r.stop()
		sent := make(chan struct{})
		c := r.inChannels(r.config(base, "ops", "sre"))
		send := c.Destinations[1].Addresses[0].Send
		c.Destinations[1].Addresses[0].Send = func(ctx context.Context, m card.Message) teams.Outcome {
			<-sent
			return send(ctx, m)
		}
		require.NoError(r.t, r.engine.Reload(ctx, c))
		hot := labeled("Hot", "critical")
		r.send(hot)
		r.soon()
		require.NoError(r.t, r.engine.Reload(ctx, r.inChannels(r.config("destinations: [ops]", "ops"))))
		arrives := func() {
			close(sent)
			time.Sleep(time.Millisecond)
		}
		r.store.meanwhile.Store(&arrives)
		r.send(over(hot))
		r.soon("sre: new Hot", "chat-of-bot:sre: edit Hot resolved")
		require.Empty(r.t, letters(r))
	})

	withPeople(t, "an alert that ends while its reader's chat moves stays over", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.reach(alices, "a:1")
		o.refuse("a:1", teams.Outcome{Kind: teams.GiveUp, Reason: teams.Blocked, Status: 403})
		hot := labeled("Hot", "critical")
		o.fires(hot)
		o.soon("sre: new Hot")
		require.Len(o.t, o.only().Misses, 1)
		ends := func() { o.fires(over(hot)) }
		o.store.meanwhile.Store(&ends)
		require.NoError(o.t, o.engine.Moved(ctx, "a:1", "a:2"))
		var open []group.Group
		require.NoError(o.t, o.store.View(ctx, func(tx store.Tx) (err error) {
			open, err = tx.ListGroups(true, 0, 10)
			return err
		}))
		require.Empty(o.t, open, "the card would say for ever that it fires")
	})
}
