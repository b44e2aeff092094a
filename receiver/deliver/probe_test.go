package deliver

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

func (o *office) probe(messageID string) (teams.Outcome, error) {
	return o.deliverer.Probe(context.Background(), "a", "Canary", messageID, testCard(message{Kind: "card", Groups: []string{"canary"}}))
}

func TestAProbeIsAnAttemptLikeAnyOther(t *testing.T) {
	inBotOffice(t, func(o *office) {
		outcome, err := o.probe("")
		require.NoError(t, err)
		require.Equal(t, teams.Delivered, outcome.Kind)
		require.Equal(t, "m1", outcome.MessageID)
		outcome, err = o.probe("m1")
		require.NoError(t, err)
		require.Equal(t, teams.Delivered, outcome.Kind)
		o.channel.deleted["m1"] = true
		outcome, err = o.probe("m1")
		require.NoError(t, err)
		require.True(t, outcome.Gone)
		require.Empty(t, o.row().Broken, "somebody has deleted a message, and the channel is there")
		require.Zero(t, o.row().Failures)
		require.Empty(t, o.row().Holder, "nobody waits for the end of its lease")

		var kinds, states []string
		for _, d := range o.log(store.DeliveryFilter{}) { // the latest first
			require.Equal(t, "Canary", d.Title)
			require.Equal(t, "ops", d.Destination)
			kinds, states = append(kinds, d.Kind), append(states, d.State)
		}
		require.Equal(t, []string{store.KindEdit, store.KindEdit, store.KindCard}, kinds)
		require.Equal(t, []string{store.DeliveryRetry, store.DeliveryDelivered, store.DeliveryDelivered}, states)
	})
}

func TestWhatAProbeFindsOutHoldsForTheAddress(t *testing.T) {
	inBotOffice(t, func(o *office) {
		gone := teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotInstalled, Status: 403, Message: "the app was removed"}
		o.channel.answer = func(message) *teams.Outcome { return &gone }
		outcome, err := o.probe("")
		require.NoError(t, err)
		require.Equal(t, teams.GiveUp, outcome.Kind)
		require.Equal(t, string(teams.NotInstalled), o.row().BrokenReason, "the list of destinations says so before an alert is lost")

		o.channel.answer = nil
		_, err = o.probe("")
		require.NoError(t, err)
		require.Empty(t, o.row().Broken, "and that it works again")
	})
}

func TestAProbeDoesNotDisturbWhatIsTold(t *testing.T) {
	inBotOffice(t, func(o *office) {
		o.channel.latency = 2 * time.Second
		o.raise(store.RankLoud, "disk")
		o.after(time.Second)
		_, err := o.probe("")
		require.ErrorIs(t, err, ErrBusy, "a message is on its way")
		o.after(time.Minute)

		done := make(chan error)
		go func() { _, err := o.probe(""); done <- err }()
		o.after(time.Second) // the probe is on its way
		o.raise(store.RankLoud, "fan")
		require.NoError(t, <-done)
		o.after(time.Minute)
		require.Equal(t, []string{"card 1"}, o.channel.story("fan"), "it is told when the probe is over, without waiting for its lease's end")
	})
	inOffice(t, func(o *office) { // whose pace is a webhook's
		o.raise(store.RankLoud, names("storm", 500)...)
		busy := 0
		for range 300 {
			o.after(time.Second)
			switch _, err := o.probe(""); {
			case err != nil:
				require.ErrorIs(t, err, ErrBusy, "there is a storm, and it is told")
				busy++
			}
		}
		require.Positive(t, busy)
		require.Zero(t, o.channel.refused, "its pace holds for both together")
	})
}

func TestAProbeWaitsWhereEverybodyWaits(t *testing.T) {
	inBotOffice(t, func(o *office) {
		patience := teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, Status: 429, After: 10 * time.Minute}
		o.channel.answer = func(message) *teams.Outcome { return &patience }
		o.raise(store.RankLoud, "disk")
		o.after(time.Second)
		asked := len(o.channel.attempts())
		_, err := o.probe("")
		require.ErrorIs(t, err, ErrWaiting, "Teams has asked for patience")
		require.NotErrorIs(t, err, ErrBusy)
		require.Len(t, o.channel.attempts(), asked)
		o.channel.answer = nil
		o.after(11 * time.Minute)
		_, err = o.probe("")
		require.NoError(t, err)
	})
}

func TestNothingIsProbedWhereNothingMayBeSent(t *testing.T) {
	for name, change := range map[string]func(*Address){
		"disabled":               func(a *Address) { a.Paused = true },
		"held for somebody else": func(a *Address) { a.Held = true },
	} {
		t.Run(name, func(t *testing.T) {
			inBotOffice(t, func(o *office) {
				a := o.addresses["a"]
				change(&a)
				o.addresses["a"] = a
				_, err := o.probe("")
				require.ErrorIs(t, err, store.ErrNotFound)
				_, err = o.deliverer.Probe(context.Background(), "b", "Canary", "", card.Message{})
				require.ErrorIs(t, err, store.ErrNotFound, "nobody knows how to send there")
				require.Empty(t, o.channel.attempts())
			})
		})
	}
}
