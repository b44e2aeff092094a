package engine

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/route"
)

// Who is named under subscriptions in the file hears of what matches beside
// the routes, is told how it goes on, and hears of nothing else.
func TestASubscriptionOfTheFileGetsWhatMatchesBesideTheRoutes(t *testing.T) {
	test(t, "a destination of the file", func(r *rig) {
		r.start(toOps, "ops", "duty")
		defer r.stop()
		critical, err := route.Subscribe(group.Target{Destination: "duty"}, []string{`severity="critical"`})
		require.NoError(t, err)
		everythingHot, err := route.Subscribe(group.Target{Destination: "duty"}, []string{`alertname="Hot"`})
		require.NoError(t, err)
		c := r.inChannels(r.config(toOps, "ops", "duty"))
		c.Subscriptions = []route.Subscription{critical, everythingHot}
		require.NoError(t, r.engine.Reload(context.Background(), c))

		r.post(labeled("Hot", "critical"), labeled("Wet", "warning"))
		r.expect("ops: new Hot", "duty: new Hot", "ops: new Wet")
		r.do(command.Command{Verb: command.Ack, Group: r.groupNamed("Hot").ID, By: alice})
		r.soon("ops: edit Hot", "duty: edit Hot")

		require.NoError(t, r.engine.Reload(context.Background(), r.inChannels(r.config(toOps, "ops", "duty"))))
		r.post(labeled("Cold", "critical"))
		r.expect("ops: new Cold")
	})
}
