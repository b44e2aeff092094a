package engine

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// A chat that is gone is a reason as any other: others are told, the list says
// what to do, and doing it tells the person what is open, wherever they are now.
func TestWhoseConversationIsGoneIsToldInTheNewOne(t *testing.T) {
	for _, now := range []string{"a:1", "a:2"} {
		withPeople(t, "which is "+now, func(o *oncall) {
			o.run(toOncall, "", alices)
			defer o.stop()
			o.reach(alices, "a:1")
			subscribed := store.Subscription{Address: "bot:a:1", Name: "Alice", By: alice, Matchers: []string{`alertname="Dry"`}}
			require.NoError(t, o.store.Update(context.Background(), func(tx store.Tx) error { return tx.SaveSubscription(&subscribed) }))
			o.refuse("a:1", teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotFound, Status: 404, Message: "gone"})
			o.fires(labeled("Hot", "critical"))
			o.soon("sre: new Hot")
			require.Equal(t, "has no chat with the bot any more", o.only().Misses[0].Why)
			all, err := o.engine.People(context.Background())
			require.NoError(t, err)
			require.Equal(t, string(teams.NotFound), all[0].Status.Reason)
			require.Contains(t, all[0].Status.Do, "users retry")

			require.NoError(t, o.engine.Retry(context.Background(), alices, alice, "api"))
			require.Equal(t, []string{alices}, o.wanted())
			o.soon()
			o.accept(now)
			o.reach(alices, now)
			o.soon(now+": new Hot", "sre: edit Hot")
			require.Empty(t, o.only().Misses)
			o.fires(labeled("Wet", "critical"))
			o.soon(now + ": new Wet")
			var moved []store.Subscription
			require.NoError(t, o.store.View(context.Background(), func(tx store.Tx) (err error) {
				moved, err = tx.Subscriptions("")
				return err
			}))
			require.Len(t, moved, 1)
			require.Equal(t, "bot:"+now, moved[0].Address, "what they subscribed to themselves goes with them")
		})
	}
}
