package engine

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/heartbeat"
)

// withWatchdog is a configuration with a heartbeat that may be silent for ten
// minutes.
func withWatchdog(c Config) Config {
	c.Heartbeats = []*heartbeat.Heartbeat{{
		Name: "fra", Within: 10 * time.Minute, Severity: "critical",
		Matchers: labels.Matchers{{Type: labels.MatchEqual, Name: "alertname", Value: "Watchdog"}},
	}}
	return c
}

// beats has something sent every minute.
func (r *rig) beats(minutes int, send func()) {
	for range minutes {
		send()
		time.Sleep(time.Minute)
	}
}

func TestAWatchdogThatPeopleWereToldOfBecomesAHeartbeat(t *testing.T) {
	for from, send := range map[string]func(*rig, ...alert.Alert){"Alertmanager": (*rig).send, "Prometheus": (*rig).post} {
		test(t, "its card ends, whoever restarts or reloads: from "+from, func(r *rig) {
			r.start(base)
			watchdog := labeled("Watchdog", "warning")
			disk := labeled("DiskFull", "warning")
			send(r, watchdog)
			time.Sleep(time.Minute)
			r.expect("ops: Watchdog firing")
			require.NoError(t, r.engine.Reload(context.Background(), withWatchdog(r.config(base))))
			r.beats(5, func() { send(r, watchdog) })
			r.expect("ops: Watchdog resolved")
			r.beats(20, func() { send(r, watchdog) })
			r.expect()
			r.stop()

			r.begin = withWatchdog
			r.start(base)
			defer r.stop()
			r.beats(5, func() { send(r, watchdog) })
			send(r, disk)
			time.Sleep(time.Minute)
			r.expect("ops: DiskFull firing")
		})
	}
	test(t, "what is open beside it in its group stays open", func(r *rig) {
		r.start(base)
		defer r.stop()
		watchdog, disk := labeled("Watchdog", "warning"), labeled("DiskFull", "warning")
		r.send(watchdog, disk)
		r.expect("ops: firing")
		require.NoError(t, r.engine.Reload(context.Background(), withWatchdog(r.config(base))))
		r.beats(5, func() { r.send(watchdog, disk) })
		require.Len(t, r.only().Alerts, 2)
		for _, m := range r.only().Alerts {
			require.Equal(t, m.Name() == "Watchdog", m.State == "resolved", m.Name())
		}
	})
}

func TestAHeartbeatIsNotMissedForWhatIsNoSilence(t *testing.T) {
	test(t, "of an hour that never was, when the clock is set", func(r *rig) {
		r.begin = withWatchdog
		r.start(base)
		defer r.stop()
		watchdog := labeled("Watchdog", "warning")
		for _, jump := range []time.Duration{time.Hour, -3 * time.Hour} {
			r.beats(3, func() { r.post(watchdog) })
			r.skew.Add(int64(jump))
			r.beats(30, func() { r.post(watchdog) })
			r.expect()
		}
		time.Sleep(11 * time.Minute)
		r.expect("sre: heartbeat fra does not come")
	})
	test(t, "but one that says that it ends is silent from then on", func(r *rig) {
		r.begin = withWatchdog
		r.start(base)
		defer r.stop()
		watchdog := labeled("Watchdog", "warning")
		r.send(watchdog)
		time.Sleep(time.Minute)
		r.beats(10, func() { r.send(over(watchdog)) }) // Prometheus is gone, and Alertmanager is there
		r.expect("sre: heartbeat fra does not come")
	})
	test(t, "and one that has another name now is over under its old one", func(r *rig) {
		r.begin = withWatchdog
		r.start(base)
		defer r.stop()
		time.Sleep(12 * time.Minute)
		r.expect("sre: heartbeat fra has never come")
		c := withWatchdog(r.config(base))
		c.Heartbeats[0].Name = "ber"
		require.NoError(t, r.engine.Reload(context.Background(), c))
		time.Sleep(6 * time.Minute)
		r.expect("sre: resolved heartbeat fra")
		time.Sleep(12 * time.Minute)
		r.expect("sre: heartbeat ber has never come")
	})
}

func TestEpisodesAreCountedWhenTheyBeginAndEnd(t *testing.T) {
	test(t, "once each, however often they are told", func(r *rig) {
		r.start(base)
		defer r.stop()
		counted := func(began, ended float64) {
			t.Helper()
			require.Equal(t, []float64{began, ended}, []float64{testutil.ToFloat64(r.engine.decisions.episodes), testutil.ToFloat64(r.engine.decisions.ended)})
		}
		a, b := labeled("DiskFull", "warning", "host", "db1"), labeled("DiskFull", "warning", "host", "db2")
		r.send(a, b)
		r.messages()
		r.send(over(a), b)
		r.messages()
		counted(1, 0)
		r.send(over(a), over(b))
		time.Sleep(time.Hour)
		counted(1, 1)
		r.send(a)
		counted(2, 1)
	})
}
