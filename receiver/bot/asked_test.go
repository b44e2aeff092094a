package bot

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/bot/activity"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/silence"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Who believes that an alert is silenced does not look at it any more: before
// Alertmanager has the silence nothing says so, and however often people press
// it is asked for one, with all labels, who asked and where.
func TestASilenceOfAlertmanagersIsAskedForOnceAndClaimedByNothing(t *testing.T) {
	d := newDesk(t)
	am, err := silence.NewAlertmanager("http://127.0.0.1:9093") // the engine is not running: nobody asks it
	require.NoError(t, err)
	c := d.config()
	c.Alertmanagers = []engine.Alertmanager{{URL: "http://127.0.0.1:9093", Silences: am}}
	require.NoError(t, d.engine.Reload(t.Context(), c))
	g := d.alert("Disk", sre, "instance=db1")

	silenced := func(who activity.Account) (text, words string) {
		return d.press(d.pressing(who, sre, "Disk", with(d.button(sre, g, command.Silence, 0, "1h"), "silence_comment=new disks")))
	}
	text, words := silenced(alice)
	require.Empty(t, words)
	require.Contains(t, text, "Alice asked Alertmanager for a silence until")
	require.NotContains(t, text, "ilenced until", "nothing is silenced yet")
	for range 9 {
		_, words = silenced(bob)
		require.Equal(t, "Alertmanager has been asked for a silence already.", words)
	}
	require.Contains(t, d.type_(bob, sre, "silence "+g.ShortID()+" 2h"), "asked for a silence already", "a typed command is the same")

	var open, active []store.Silence
	d.view(func(tx store.Tx) (err error) {
		if open, err = tx.OpenSilences(d.time()); err == nil {
			active, err = tx.ActiveSilences(d.time())
		}
		return err
	})
	require.Len(t, open, 1)
	require.Empty(t, active, "it would keep quiet here what nobody silenced there")
	require.True(t, open[0].Theirs)
	require.Equal(t, store.SilenceRequested, open[0].State)
	require.Equal(t, group.Person{Name: "Alice", ID: "id-alice"}, open[0].By)
	require.Equal(t, "channel sre", open[0].From)
	require.Equal(t, "new disks", open[0].Comment)
	require.Len(t, open[0].Sets, 1)
	require.ElementsMatch(t, []string{`alertname="Disk"`, `severity="warning"`, `instance="db1"`}, open[0].Sets[0])
	require.Nil(t, d.get(g.ID).Silence)

	// Of what did not come from Alertmanager it knows nothing: that is ours.
	labels := map[string]string{alert.NameLabel: "Hot", alert.SeverityLabel: "warning"}
	require.NoError(t, d.engine.Snapshot(t.Context(), ingest.Snapshot{
		Source: "telegraf", Origin: ingest.Origin("telegraf", "Hot"), Destination: "sre", Complete: true,
		Alerts: []alert.Alert{{Fingerprint: alert.FingerprintOf(labels), Status: alert.Firing, Labels: labels, StartsAt: d.time()}},
	}))
	var hot group.Group
	d.view(func(tx store.Tx) error {
		groups, err := tx.Groups(ingest.Origin("telegraf", "Hot"))
		hot = groups[0]
		return err
	})
	require.Contains(t, d.type_(bob, sre, "silence "+hot.ShortID()+" 2h"), "silenced until 12:15 UTC")
	require.NotNil(t, d.get(hot.ID).Silence)
}
