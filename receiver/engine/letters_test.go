package engine

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

func TestAReplayTriesAConversationThatIsLeftAlone(t *testing.T) {
	ctx := context.Background()
	for name, replay := range map[string]func(*rig, int64) error{
		"one": func(r *rig, id int64) error {
			_, err := r.engine.Replay(ctx, Letters{IDs: []int64{id}}, alice, "test")
			return err
		},
		"all": func(r *rig, _ int64) error { _, err := r.engine.Replay(ctx, Letters{}, alice, "test"); return err },
	} {
		test(t, name+": the event that the app is back may have been lost", func(r *rig) {
			r.start(toOps, "ops")
			defer r.stop()
			gone, asked := true, 0
			c := r.inChannels(r.config(toOps, "ops"))
			send := c.Destinations[0].Addresses[0].Send
			c.Destinations[0].Addresses[0].Send = func(ctx context.Context, m card.Message) teams.Outcome {
				asked++
				if gone {
					return teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotInstalled, Message: "the app is not in the team", Status: 403}
				}
				return send(ctx, m)
			}
			require.NoError(t, r.engine.Reload(ctx, c))
			r.post(labeled("Hot", "critical"))
			r.expect()
			r.post(labeled("Wet", "critical"))
			r.expect()
			require.Equal(t, 1, asked, "Microsoft wants it to be left alone")
			var letters []store.Post
			require.NoError(t, r.store.View(ctx, func(tx store.Tx) (err error) {
				letters, err = tx.ListPosts(store.PostFilter{DeadLetters: true})
				return err
			}))
			require.Len(t, letters, 2)
			gone = false
			require.NoError(t, replay(r, letters[1].ID))
			if name == "one" {
				r.expect("ops: Hot")
			} else {
				r.expect("ops: Hot", "ops: Wet")
			}
		})
	}
}
