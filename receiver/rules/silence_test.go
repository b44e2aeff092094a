package rules

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

const stopped = ": The series stopped: nothing was heard of it for %s. Whether what it told is over is not known."

// TestSilence is what doc.go promises of series that stop.
func TestSilence(t *testing.T) {
	const watched = `when: v > 27, severity: critical, no_data: {after: 10m, severity: warning}`
	for name, c := range map[string]struct {
		keys  string
		story func(w *world)
	}{
		"a series that stops is told strictly after the time, and again when it is back": {watched, func(w *world) {
			w.metric("host=a", "v=20").to(mins(10)).says()
			w.to(mins(10) + 1).says("warning{host=a,no_data=true} fires since 10m")
			w.to(mins(12)).metric("host=a", "v=20").says("warning{host=a,no_data=true} ends 10m-12m: Data comes again.")
			w.to(mins(22) + 1).says("warning{host=a,no_data=true} fires since 22m")
		}},
		"what fires goes on while nothing comes": {watched, func(w *world) {
			w.metric("host=a", "v=30").to(mins(11)).says("critical{host=a} fires since 0s", "warning{host=a,no_data=true} fires since 10m")
			require.Len(w.t, w.firing(), 2)
			w.to(mins(12)).metric("host=a", "v=20").says("warning{host=a,no_data=true} ends 10m-12m: Data comes again.", "critical{host=a} ends 0s-12m")
		}},
		"silence is measured by arrival, not by the agent's clock": {watched, func(w *world) {
			w.measured(mins(-600), "host=a", "v=20").to(mins(10)).says()
			w.to(mins(11)).says("warning{host=a,no_data=true} fires since 10m")
		}},
		"one of many that stops is found, whatever the others do": {watched, func(w *world) {
			for i := range 100 {
				for host := range 20 {
					if host != 7 || i < 50 {
						w.metric(fmt.Sprintf("host=%d", host), "v=20")
					}
				}
				w.to(mins(float64(i+1) / 3))
			}
			w.says("warning{host=7,no_data=true} fires since 26m20s")
		}},
		"a rule of which nothing ever came is told, without tags": {watched + `, labels: {team: x}`, func(w *world) {
			w.to(mins(10)).tick().says()
			w.to(mins(11)).says("warning{no_data=true,team=x} fires since 10m")
			w.to(mins(12)).metric("host=a", "v=20").says("warning{no_data=true,team=x} ends 10m-12m: Data comes again.")
		}},
		"a series is forgotten after an hour": {`when: v > 27, severity: critical`, func(w *world) {
			w.metric("host=a", "v=20").metric("host=b", "v=30").to(mins(60)).says("critical{host=b} fires since 0s")
			require.Equal(w.t, 2, w.e.Stats()[0].Series)
			w.to(mins(60) + 1).says("critical{host=b} ends 0s-1h" + fmt.Sprintf(stopped, "1h"))
			require.Zero(w.t, w.e.Stats()[0].Series)
			require.Empty(w.t, w.rows)
			require.Empty(w.t, w.e.trackers[0].directory.places, "memory is bounded by what is alive")
			require.Empty(w.t, w.e.deadlines)
		}},
		"a silence of days is told for an hour at least": {`when: v > 27, severity: info, no_data: {after: 48h}`, func(w *world) {
			w.metric("", "v=20").to(mins(49 * 60)).says("info{no_data=true} fires since 2d")
			w.to(mins(49*60) + 1).says("info{no_data=true} ends 2d-2d1h" + fmt.Sprintf(stopped, "2d1h"))
		}},
		"a series whose silence was told is forgotten after a day": {watched, func(w *world) {
			w.metric("host=a", "v=30").to(mins(24*60)).says("critical{host=a} fires since 0s", "warning{host=a,no_data=true} fires since 10m")
			w.to(mins(24*60)+1).says("critical{host=a} ends 0s-1d"+fmt.Sprintf(stopped, "1d"), "warning{host=a,no_data=true} ends 10m-1d"+fmt.Sprintf(stopped, "1d"))
			w.to(mins(24*60 + 11)).says("warning{no_data=true} fires since 1d10m")
		}},
		"a series is kept as long as its windows need it": {`when: 'count(v, "3h") > 1', severity: info`, func(w *world) {
			w.metric("", "v=1").to(mins(179)).metric("", "v=1").says("info fires since 2h59m")
		}},
		"a series is kept as long as for needs it": {`when: v > 27, severity: info, for: 2h, keep_firing_for: 1h`, func(w *world) {
			w.metric("", "v=30").to(mins(180)).says("info fires since 2h")
			w.to(mins(186)).says("info ends 2h-3h5m" + fmt.Sprintf(stopped, "3h5m"))
		}},
		"a series that is back after it was forgotten starts anew": {`when: v > 27, severity: info, for: 5m`, func(w *world) {
			w.metric("", "v=20").to(mins(90)).metric("", "v=30").to(mins(96)).says("info fires since 1h35m")
		}},
		"new series over the limit are left out and told, known ones go on": {`when: v > 27, severity: critical, series_limit: 2`, func(w *world) {
			w.metric("host=a", "v=20").metric("host=b", "v=30").metric("host=c", "v=30").metric("host=d", "v=30").
				says("critical{host=b} fires since 0s", "RuleSeriesLimitReached warning{group=g,rule=A} fires since 0s")
			require.EqualValues(w.t, 2, w.e.Stats()[0].OverLimit)
			w.to(mins(30)).metric("host=a", "v=30").says("critical{host=a} fires since 30m")
			w.to(mins(61)).says("critical{host=b} ends 0s-1h"+fmt.Sprintf(stopped, "1h"), "RuleSeriesLimitReached warning{group=g,rule=A} ends 0s-1h: No new series had to be left out for 1h.")
			w.metric("host=c", "v=30").says("critical{host=c} fires since 1h1m")
		}},
	} {
		t.Run(name, func(t *testing.T) { c.story(newWorld(t, oneRule(t, c.keys))) })
	}
}

func TestSilenceSaysSinceWhen(t *testing.T) {
	w := newWorld(t, oneRule(t, `when: v > 27, no_data: {after: 10m, severity: warning},
		annotations: {summary: "at {{ $value }}", runbook_url: "https://x/{{ $labels.host }}"}`))
	w.metric("host=a", "v=20").to(mins(11))
	annotations := func() (found map[string]string) {
		w.e.Firing(func(a alert.Alert) { found = a.Annotations })
		return found
	}
	require.Equal(t, map[string]string{
		"summary":     "No data for more than 10m",
		"description": "The last sample came at 2026-11-21 10:00:00 UTC.",
		"runbook_url": "https://x/a",
	}, annotations(), "what is measured is not known, but where to read on is")

	w = newWorld(t, oneRule(t, `when: v > 27, no_data: {after: 10m}`))
	w.to(mins(11))
	require.Equal(t, map[string]string{
		"summary":     "No data at all for more than 10m",
		"description": "No sample has come since this was started at 2026-11-21 10:00:00 UTC.",
	}, annotations())
}

// TestTheClockIsSet would fail on every machine whose clock is wrong at boot
// and then set: alerts must neither come in a burst nor stay away.
func TestTheClockIsSet(t *testing.T) {
	keys := `when: v > 27, severity: info, for: 10m, no_data: {after: 20m, severity: warning}`
	for name, by := range map[string]float64{"forward": 600, "back": -600} {
		t.Run("of the machine and its metrics, "+name, func(t *testing.T) {
			w := newWorld(t, oneRule(t, keys))
			w.metric("host=a", "v=30").metric("host=b", "v=20")
			w.to(mins(5)).metric("host=a", "v=30").metric("host=b", "v=20")
			w.e.Shift(mins(by))
			w.to(mins(by+6)).metric("host=a", "v=30").metric("host=b", "v=20")
			require.EqualValues(t, 0, w.e.Stats()[0].Late, "the metrics' clock was set, too")
			w.to(mins(by + 10)).says()
			w.to(mins(by+11)).metric("host=a", "v=30").says("info{host=a} fires since " + offset(start.Add(mins(by+10))))
			w.to(mins(by + 26)).says()
			w.to(mins(by + 27)).says("warning{host=b,no_data=true} fires since " + offset(start.Add(mins(by+26))))
		})
		t.Run("twice, "+name, func(t *testing.T) {
			w := newWorld(t, oneRule(t, keys))
			w.metric("host=a", "v=30")
			w.e.Shift(mins(by))
			w.e.Shift(mins(by))
			w.to(mins(2*by+6)).metric("host=a", "v=30").to(mins(2*by + 10)).says()
			w.to(mins(2*by + 11)).says("info{host=a} fires since " + offset(start.Add(mins(2*by+10))))
		})
		t.Run("before a restart, "+name, func(t *testing.T) {
			w := newWorld(t, oneRule(t, keys))
			w.metric("host=a", "v=30").to(mins(5))
			w.e.Shift(mins(by))
			w.listen()
			w.now = start.Add(mins(by + 5))
			w.restart(w.set).to(mins(by + 10)).says()
			since := 10.0
			if by < 0 { // or every sample would be late for ten hours
				since += by
			}
			w.to(mins(by+11)).metric("host=a", "v=30").says("info{host=a} fires since " + offset(start.Add(mins(since))))
			require.EqualValues(t, 0, w.e.Stats()[0].Late)
		})
		t.Run("of ours only, "+name, func(t *testing.T) {
			w := newWorld(t, oneRule(t, keys))
			w.metric("host=a", "v=30")
			w.e.Shift(mins(by))
			w.to(mins(by+6)).measured(mins(6), "host=a", "v=30")
			require.EqualValues(t, 0, w.e.Stats()[0].Late, "the agent's clock goes on as before")
			w.to(mins(by + 10)).says()
			w.to(mins(by + 11)).says("info{host=a} fires since 10m")
		})
	}
}

// TestTheClockIsSetWhileNobodyRuns would fail for who sets a clock that was
// hours ahead and starts again: samples must not be late, and what fires must
// end, not only hours later.
func TestTheClockIsSetWhileNobodyRuns(t *testing.T) {
	keys := `levels: [{severity: critical, when: 'v > 27 and count(v, "20m") > 0'}, {severity: warning, when: v > 20}], for: 10m, no_data: {after: 20m, severity: warning}, chart: {field: v}`
	story := func(t *testing.T) (*world, func(by float64)) {
		w := newWorld(t, oneRule(t, keys))
		w.metric("host=a", "v=30").metric("host=b", "v=30").to(mins(11)).metric("host=a", "v=25").metric("host=b", "v=30")
		w.e.Checkpoint()
		w.listen()
		w.says("critical{host=a} fires since 10m", "critical{host=b} fires since 10m", "critical{host=a} ends 10m-11m", "warning{host=a} fires since 11m")
		return w, func(by float64) {
			w.now = start.Add(mins(by))
			w.restart(w.set)
		}
	}
	t.Run("back by hours", func(t *testing.T) {
		w, restart := story(t)
		restart(11 - 360)
		require.Equal(t, []string{
			"critical{host=b} fires since " + offset(start.Add(mins(10-360))),
			"warning{host=a} fires since " + offset(start.Add(mins(11-360))),
		}, w.firing(), "as if the clock had never been wrong")
		w.e.Firing(func(a alert.Alert) {
			require.False(t, a.Chart.From.Add(59*a.Chart.Step).After(w.now), "a chart of times to come")
		})
		w.to(mins(12-360)).metric("host=a", "v=10").metric("host=b", "v=30")
		require.EqualValues(t, 0, w.e.Stats()[0].Late)
		w.says("warning{host=a} ends " + offset(start.Add(mins(11-360))) + "-" + offset(start.Add(mins(12-360))))
		w.to(mins(33 - 360))
		require.Len(t, w.firing(), 3, "two that say that there is no data")
	})
	t.Run("back by hours twice, with silence that was told", func(t *testing.T) {
		w, restart := story(t)
		w.to(mins(40))
		w.said = nil
		restart(40 - 360)
		restart(40 - 720)
		w.e.Firing(func(a alert.Alert) { require.False(t, a.StartsAt.After(w.now), "%v", a) })
		w.metric("host=a", "v=10").metric("host=b", "v=10")
		require.Empty(t, w.firing())
		require.EqualValues(t, 0, w.e.Stats()[0].Late)
	})
	t.Run("back by the minute that is believed: nothing moves", func(t *testing.T) {
		w, restart := story(t)
		restart(10)
		require.Equal(t, []string{"critical{host=b} fires since 10m", "warning{host=a} fires since 11m"}, w.firing())
	})
	t.Run("to the time of a machine that has no clock", func(t *testing.T) {
		w, restart := story(t)
		restart(-start.Sub(time.Unix(30, 0)).Minutes())
		w.metric("host=a", "v=10")
		require.Len(t, w.firing(), 1)
		w.e.Checkpoint()
		w.listen()
		w.restart(w.set) // what is from before 1970 now can be read again
		require.Len(t, w.firing(), 1)
	})
}
