package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// A card that goes on saying that it fires, in the chat of who was away, is
// worse than none.
func TestCardsThatAreThereBecomeTrueWhenTheAppIsBack(t *testing.T) {
	story := func(editGone bool) func(*rig) {
		return func(r *rig) {
			r.start(toOps, "ops")
			defer r.stop()
			blocked := false
			c := r.inChannels(r.config(toOps, "ops"))
			a := &c.Destinations[0].Addresses[0]
			send, edit, call := a.Send, a.Edit, a.Call
			no := teams.Outcome{Kind: teams.GiveUp, Reason: teams.Blocked, Message: "the bot is blocked", Status: 403}
			a.Send = func(ctx context.Context, m card.Message) teams.Outcome {
				if blocked {
					return no
				}
				return send(ctx, m)
			}
			a.Edit = func(ctx context.Context, id string, m card.Message) teams.Outcome {
				switch {
				case blocked:
					return no
				case editGone:
					return teams.Outcome{Kind: teams.Retry, Gone: true, Reason: teams.NotFound, Status: 404}
				}
				return edit(ctx, id, m)
			}
			a.Call = func(ctx context.Context, id string, m card.Message) teams.Outcome {
				if blocked {
					return no
				}
				return call(ctx, id, m)
			}
			require.NoError(r.t, r.engine.Reload(context.Background(), c))
			hot := labeled("Hot", "critical")
			r.forLong(hot)
			r.expect("ops: new Hot")
			blocked = true
			r.do(command.Command{Verb: command.Assign, Group: r.only().ID, By: alice, To: bob})
			time.Sleep(time.Minute)
			r.forLong(over(hot))
			r.soon()
			blocked = false
			require.NoError(r.t, r.engine.Revive(context.Background(), "bot:ops"))
			if editGone {
				r.soon()
				return
			}
			r.soon("ops: edit resolved")
		}
	}
	test(t, "quietly, when they are about what is over", story(false))
	test(t, "and nothing is posted anew for what is over and gone", story(true))
}
