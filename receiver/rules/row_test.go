package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// rich is a rule that keeps all that can be kept.
const rich = `levels: [{severity: critical, when: 'v > 32 and mean(v, "5m") > 0', clear: v < 30}, {severity: warning, when: v > 27 or changed(state)}],
	for: 2m, keep_firing_for: 5m, no_data: {after: 10m, severity: warning}, by: [host],
	labels: {team: x}, annotations: {summary: "at {{ $value }}"}, chart: {field: v}`

// TestARestartMakesNoDifference goes through the moments in which it could.
func TestARestartMakesNoDifference(t *testing.T) {
	for name, c := range map[string]struct {
		keys  string
		story func(w *world, restart func())
	}{
		"while pending": {`when: v > 27, severity: info, for: 5m`, func(w *world, restart func()) {
			w.metric("host=a", "v=30").to(mins(4))
			restart()
			w.to(mins(6)).says("info{host=a} fires since 5m")
		}},
		"while firing": {`when: v > 27, severity: info, clear: v < 20`, func(w *world, restart func()) {
			w.metric("host=a", "v=30").says("info{host=a} fires since 0s")
			restart()
			require.Equal(w.t, []string{"info{host=a} fires since 0s"}, w.firing())
			w.to(mins(1)).metric("host=a", "v=25").says()
			w.to(mins(2)).metric("host=a", "v=19").says("info{host=a} ends 0s-2m")
		}},
		"while kept": {`when: v > 27, severity: info, keep_firing_for: 5m`, func(w *world, restart func()) {
			w.metric("host=a", "v=30").to(mins(1)).metric("host=a", "v=20").says("info{host=a} fires since 0s")
			restart()
			w.to(mins(7)).says("info{host=a} ends 0s-6m")
		}},
		"of what was the value before": {`when: changed(state), severity: info`, func(w *world, restart func()) {
			w.metric("host=a", `state="up"`)
			restart()
			w.to(mins(1)).metric("host=a", `state="down"`).says("info{host=a} fires since 1m")
		}},
		"of windows, once there was a checkpoint": {`when: 'count(v, "10m") > 2', severity: info`, func(w *world, restart func()) {
			w.metric("host=a", "v=30").to(mins(1)).metric("host=a", "v=30")
			w.e.Checkpoint()
			w.listen()
			restart()
			w.to(mins(2)).metric("host=a", "v=30").says("info{host=a} fires since 2m")
		}},
		"of what is late, once there was a checkpoint": {`when: v > 27, severity: info`, func(w *world, restart func()) {
			w.metric("host=a", "v=30").to(mins(5)).metric("host=a", "v=31").says("info{host=a} fires since 0s")
			w.e.Checkpoint()
			w.listen()
			restart()
			w.measured(mins(3), "host=a", "v=20").says()
		}},
		"silence begins anew, because nobody listened": {`when: v > 27, no_data: {after: 10m, severity: info}`, func(w *world, restart func()) {
			w.metric("host=a", "v=20").to(mins(5))
			w.now = start.Add(mins(50))
			restart()
			w.to(mins(60)).says()
			w.to(mins(61)).says("info{host=a,no_data=true} fires since 1h")
			w.e.Firing(func(a alert.Alert) {
				require.Contains(w.t, a.Annotations["description"], "since this was started at 2026-11-21 10:50:00 UTC")
			})
			w.to(mins(70)).metric("host=a", "v=20").to(mins(81)).says("info{host=a,no_data=true} ends 1h-1h10m: Data comes again.", "info{host=a,no_data=true} fires since 1h20m")
			w.e.Firing(func(a alert.Alert) {
				require.Equal(w.t, "The last sample came at 2026-11-21 11:10:00 UTC.", a.Annotations["description"])
			})
		}},
		"silence that was told goes on": {`when: v > 27, no_data: {after: 10m, severity: info}`, func(w *world, restart func()) {
			w.metric("host=a", "v=20").to(mins(15)).says("info{host=a,no_data=true} fires since 10m")
			restart()
			w.to(mins(60)).says()
			w.metric("host=a", "v=20").says("info{host=a,no_data=true} ends 10m-1h: Data comes again.")
		}},
		"a series is not forgotten because we were down": {`when: v > 27, severity: info`, func(w *world, restart func()) {
			w.metric("host=a", "v=30").says("info{host=a} fires since 0s")
			w.now = start.Add(mins(600))
			restart()
			w.to(mins(659)).says()
			w.metric("host=a", "v=20").says("info{host=a} ends 0s-10h59m")
		}},
		"that a rule heard of nothing": {`when: v > 27, no_data: {after: 10m, severity: info}`, func(w *world, restart func()) {
			w.to(mins(15)).says("info{no_data=true} fires since 10m")
			restart()
			require.Equal(w.t, []string{"info{no_data=true} fires since 10m"}, w.firing())
			w.metric("host=a", "v=20").says("info{no_data=true} ends 10m-15m: Data comes again.")
		}},
		"the series limit": {`when: v > 27, severity: info, series_limit: 1`, func(w *world, restart func()) {
			w.metric("host=a", "v=30").metric("host=b", "v=30")
			w.said = nil
			restart()
			require.Equal(w.t, []string{"RuleSeriesLimitReached warning{group=g,rule=A} fires since 0s", "info{host=a} fires since 0s"}, w.firing())
			w.to(mins(1)).metric("host=b", "v=30").says()
		}},
		"a series that is ok needs no row": {`when: v > 27, severity: info, for: 5m`, func(w *world, restart func()) {
			w.metric("host=a", "v=20").metric("host=b", "v=30").metric("host=b", "v=20")
			w.e.Checkpoint()
			w.listen()
			require.Empty(w.t, w.rows)
		}},
	} {
		for _, really := range []bool{true, false} { // what does not hold without a restart proves nothing
			t.Run(fmt.Sprintf("%s/%t", name, really), func(t *testing.T) {
				set := oneRule(t, c.keys)
				w := newWorld(t, set)
				c.story(w, func() {
					if really {
						w.restart(set)
					} else if strings.Contains(name, "silence begins") || strings.Contains(name, "because we were down") {
						t.Skip("this is about the restart itself")
					}
				})
			})
		}
	}
}

// TestRowsAreForAnyDatabase would fail at a site whose tags are strange.
func TestRowsAreForAnyDatabase(t *testing.T) {
	w := newWorld(t, oneRule(t, `when: v > 27`))
	strange := []string{"host=\x00", "host=\xff", "host=" + strings.Repeat("x", 5000), "", "ü=ß"}
	for _, tags := range strange {
		w.metric(tags, "v=30")
	}
	require.Len(t, w.rows, len(strange))
	for key := range w.rows {
		require.Regexp(t, "^[0-9a-f]{32}$", key[1])
	}
	fired := w.firing()
	require.Equal(t, fired, w.restart(oneRule(t, `when: v > 27`)).firing())
}

// TestASeriesThatIsBackKeepsItsRow would fail where a series is forgotten and
// heard of again before its rows were stored: the row of the old one must not
// be deleted after that of the new one was written.
func TestASeriesThatIsBackKeepsItsRow(t *testing.T) {
	w := newWorld(t, oneRule(t, `when: v > 27, severity: info`))
	w.metric("host=a", "v=30")
	require.Len(t, w.rows, 1)
	w.now = start.Add(mins(61))
	w.e.Tick(w.now)
	w.metric("host=a", "v=40").says("info{host=a} fires since 0s", "info{host=a} ends 0s-1h1m"+fmt.Sprintf(stopped, "1h1m"), "info{host=a} fires since 1h1m")
	require.Len(t, w.rows, 1)
	w.restart(oneRule(t, `when: v > 27, severity: info`))
	require.Equal(t, []string{"info{host=a} fires since 1h1m"}, w.firing())
}

func TestRowsThatCannotBeReadChangeNothing(t *testing.T) {
	set := oneRule(t, rich)
	w := newWorld(t, set)
	w.metric("host=a", `v=35,state="up"`).to(mins(3)).metric("host=a", `v=35,state="up"`).metric("host=b", `v=1,state="up"`).to(mins(14))
	w.e.Checkpoint()
	w.listen()
	require.GreaterOrEqual(t, len(w.rows), 2)
	e := NewEvaluator(set, start)
	for key, state := range w.rows {
		for cut := range state {
			require.Error(t, e.Restore(Row{Rule: key[0], Series: key[1], State: state[:cut]}, start), "cut off at %d", cut)
		}
		require.Error(t, e.Restore(Row{Rule: key[0], Series: key[1], State: append([]byte{rowVersion + 1}, state[1:]...)}, start))
		require.Error(t, e.Restore(Row{Rule: key[0], Series: key[1], State: append(append([]byte{}, state...), 0)}, start))
	}
	require.Empty(t, e.Changes())
	require.Empty(t, e.Dirty())
	require.Zero(t, e.Stats()[0].Series)
}

// FuzzRestore: whatever a database gives back, the evaluator goes on.
func FuzzRestore(f *testing.F) {
	set := oneRule(f, rich)
	w := newWorld(f, set)
	w.metric("host=a", `v=35,state="up"`).to(mins(3)).metric("host=a", `v=35,state="up"`).metric("host=b", `v=1,state="up"`).to(mins(14))
	w.e.Checkpoint()
	w.listen()
	for key, state := range w.rows {
		f.Add(key[1] == ruleRow, state)
	}
	f.Fuzz(func(t *testing.T, ofRule bool, state []byte) {
		w := newWorld(t, set)
		r := Row{Rule: set.Groups[0].Rules[0].ID, Series: "0123456789abcdef0123456789abcdef", State: state}
		if ofRule {
			r.Series = ruleRow
		}
		if err := w.e.Restore(r, start); err != nil {
			require.Empty(t, w.e.Changes())
			require.Empty(t, w.e.Dirty())
			return
		}
		for _, row := range w.e.Dirty() {
			require.True(t, row.State != nil || row.Rule == r.Rule, "only rows of the rule may be deleted")
		}
		w.e.Changes()
		for i := range 5 {
			now := start.Add(mins(float64(i)))
			s := row(mins(float64(i)), "host=a", `v=35,state="up"`)
			s.Measurement = "m"
			w.e.Metric(&s, now)
			for range 100 {
				if next := w.e.Next(); next.IsZero() || next.After(now) {
					break
				}
				w.e.Tick(now)
			}
			require.True(t, w.e.Next().After(now), "a tick that is due for ever")
		}
		w.e.Checkpoint()
		again := NewEvaluator(set, start)
		for _, row := range w.e.Dirty() {
			if row.State != nil {
				require.NoError(t, again.Restore(row, start), "what was read must be written so that it can be read")
			}
		}
	})
}

// TestReload is what doc.go promises of rules that are changed while they run.
func TestReload(t *testing.T) {
	const gone = ": " + ruleGone
	const before = `levels: [{severity: critical, when: v > 32}, {severity: warning, when: v > 27}], by: [host], no_data: {after: 10m}`
	for name, c := range map[string]struct {
		after string
		story func(w *world, reload func())
	}{
		"the same rule goes on": {before, func(w *world, reload func()) {
			w.metric("host=a", "v=30").says("warning{host=a} fires since 0s")
			reload()
			w.says()
			w.to(mins(1)).metric("host=a", "v=20").says("warning{host=a} ends 0s-1m")
		}},
		"other thresholds hold from the next sample on": {`levels: [{severity: critical, when: v > 52}, {severity: warning, when: v > 47}], by: [host], no_data: {after: 10m}`, func(w *world, reload func()) {
			w.metric("host=a", "v=30").says("warning{host=a} fires since 0s")
			reload()
			w.says()
			w.to(mins(1)).metric("host=a", "v=30").says("warning{host=a} ends 0s-1m")
		}},
		"a level that is gone ends, and the next one is told": {`levels: [{severity: warning, when: v > 27}], by: [host], no_data: {after: 10m}`, func(w *world, reload func()) {
			w.metric("host=a", "v=35").to(mins(1)).says("critical{host=a} fires since 0s")
			reload()
			w.says("critical{host=a} ends 0s-1m: "+levelGone, "warning{host=a} fires since 1m")
			w.metric("host=a", "v=20").says("warning{host=a} ends 1m-1m")
		}},
		"a level that is new is reached by the next sample": {`levels: [{severity: critical, when: v > 32}, {severity: major, when: v > 29}, {severity: warning, when: v > 27}], by: [host], no_data: {after: 10m}`, func(w *world, reload func()) {
			w.metric("host=a", "v=30").says("warning{host=a} fires since 0s")
			reload()
			w.says()
			w.to(mins(1)).metric("host=a", "v=30").says("warning{host=a} ends 0s-1m", "major{host=a} fires since 1m")
		}},
		"a level that is new counts as reached where a higher one was": {`levels: [{severity: critical, when: v > 32}, {severity: major, when: v > 29}, {severity: warning, when: v > 27}], by: [host], no_data: {after: 10m}`, func(w *world, reload func()) {
			w.metric("host=a", "v=35").says("critical{host=a} fires since 0s")
			reload()
			w.says()
			w.to(mins(1)).metric("host=a", "v=30").says("critical{host=a} ends 0s-1m", "major{host=a} fires since 1m")
		}},
		"for that is added lets what was told go on": {before + `, for: 5m`, func(w *world, reload func()) {
			w.metric("host=a", "v=30").says("warning{host=a} fires since 0s")
			reload()
			w.to(mins(1)).metric("host=a", "v=30").says()
			w.metric("host=b", "v=30").to(mins(7)).says("warning{host=b} fires since 6m")
		}},
		"other tags make other series: what was told ends": {`levels: [{severity: critical, when: v > 32}, {severity: warning, when: v > 27}], by: [host, rack], no_data: {after: 10m}`, func(w *world, reload func()) {
			w.metric("host=a", "v=30").says("warning{host=a} fires since 0s")
			reload()
			w.says("warning{host=a} ends 0s-0s" + gone)
			require.Len(w.t, w.rows, 0)
			require.Zero(w.t, w.e.Stats()[0].Series)
			w.to(mins(1)).metric("host=a", "v=30").says("warning{host=a} fires since 1m")
		}},
		"another where makes other series: what was told ends": {before + `, where: rack != "2"`, func(w *world, reload func()) {
			w.metric("host=a,rack=2", "v=35").to(mins(1)).says("critical{host=a} fires since 0s")
			reload()
			w.says("critical{host=a} ends 0s-1m" + gone)
			w.metric("host=a,rack=2", "v=35").metric("host=a,rack=1", "v=30").says("warning{host=a} fires since 1m")
		}},
		"a rule that is gone ends all it told": {``, func(w *world, reload func()) {
			w.metric("host=a", "v=30").to(mins(11)).says("warning{host=a} fires since 0s", "warning{host=a,no_data=true} fires since 10m")
			reload()
			require.ElementsMatch(w.t, []string{"warning{host=a} ends 0s-11m" + gone, "warning{host=a,no_data=true} ends 10m-11m" + gone}, w.said)
			w.said = nil
			require.Empty(w.t, w.rows)
			require.Empty(w.t, w.firing())
		}},
		"no_data that is removed ends what it told": {`levels: [{severity: critical, when: v > 32}, {severity: warning, when: v > 27}], by: [host]`, func(w *world, reload func()) {
			w.metric("host=a", "v=30").to(mins(11)).says("warning{host=a} fires since 0s", "warning{host=a,no_data=true} fires since 10m")
			reload()
			w.says("warning{host=a,no_data=true} ends 10m-11m: " + notWatched)
			w.metric("host=a", "v=20").says("warning{host=a} ends 0s-11m")
		}},
		"no_data that becomes shorter holds at once": {`levels: [{severity: critical, when: v > 32}, {severity: warning, when: v > 27}], by: [host], no_data: {after: 5m}`, func(w *world, reload func()) {
			w.metric("host=a", "v=20").to(mins(4))
			reload()
			w.to(mins(6)).says("warning{host=a,no_data=true} fires since 5m")
		}},
		"a chart and windows that are added begin empty": {before + `, chart: {field: v}`, func(w *world, reload func()) {
			w.metric("host=a", "v=30").says("warning{host=a} fires since 0s")
			reload()
			w.to(mins(2)).metric("host=a", "v=31").says()
			w.e.Firing(func(a alert.Alert) { require.Equal(w.t, 31.0, a.Chart.Points[59]) })
		}},
	} {
		for _, by := range []string{"reload", "restart"} { // both must do the same
			t.Run(name+"/"+by, func(t *testing.T) {
				w := newWorld(t, oneRule(t, before))
				c.story(w, func() {
					set := &Set{}
					if c.after != "" {
						set = oneRule(t, c.after)
					}
					if by == "restart" {
						if strings.HasPrefix(name, "no_data that becomes shorter") {
							t.Skip("silence begins anew after a restart")
						}
						w.restart(set)
						return
					}
					w.e.Reload(set, w.now)
					w.listen()
				})
			})
		}
	}
}

// TestALimitThatWasRaisedIsNotCalledReached would fail for who did what the
// card says, and reads for an hour still that the limit of before is reached.
func TestALimitThatWasRaisedIsNotCalledReached(t *testing.T) {
	limited := func(n int) *Set { return oneRule(t, fmt.Sprintf("when: v > 27, series_limit: %d", n)) }
	for _, by := range []string{"reload", "restart"} {
		t.Run(by, func(t *testing.T) {
			w := newWorld(t, limited(1))
			change := func(n int) {
				if by == "restart" {
					w.restart(limited(n))
					return
				}
				w.e.Reload(limited(n), w.now)
				w.listen()
			}
			w.metric("host=a", "v=20").metric("host=b", "v=20").says("RuleSeriesLimitReached warning{group=g,rule=A} fires since 0s")
			w.to(mins(1))
			change(1)
			w.says()
			change(2)
			w.says("RuleSeriesLimitReached warning{group=g,rule=A} ends 0s-1m: The rule has another limit now.")
			w.to(mins(2)).metric("host=a", "v=20").metric("host=b", "v=20").says()
			w.metric("host=c", "v=20").says("RuleSeriesLimitReached warning{group=g,rule=A} fires since 2m")
			require.Contains(t, w.told[alert.FingerprintOf(map[string]string{"alertname": LimitAlert, "severity": "warning", "rule": "A", "group": "g"})].Annotations["summary"], "limit of 2 series")
		})
	}
}

// TestAnAlertEndsWithTheLabelsItBeganWith would fail for who reads the end of an alert
// whose annotations were changed meanwhile.
func TestAnAlertEndsWithTheLabelsItBeganWith(t *testing.T) {
	w := newWorld(t, oneRule(t, `when: v > 27, severity: info, annotations: {summary: "at {{ $value }}"}`))
	w.metric("host=a", "v=30")
	w.restart(oneRule(t, `when: v > 27, severity: info, annotations: {summary: "it is {{ $value }}"}`))
	s := row(0, "host=a", "v=20")
	s.Measurement = "m"
	w.e.Metric(&s, w.now)
	changes := w.e.Changes()
	require.Len(t, changes, 1)
	require.Equal(t, "at 30", changes[0].Annotations["summary"])
	require.Equal(t, alert.Resolved, changes[0].Status)
}

func TestALevelThatIsNewWaitsWithTheHigherOne(t *testing.T) {
	w := newWorld(t, oneRule(t, `levels: [{severity: critical, when: v > 32}, {severity: warning, when: v > 27}], for: 5m`))
	w.metric("host=a", "v=35").to(mins(1))
	w.e.Reload(oneRule(t, `levels: [{severity: critical, when: v > 32}, {severity: major, when: v > 29}, {severity: warning, when: v > 27}], for: 5m`), w.now)
	w.listen()
	w.to(mins(2)).metric("host=a", "v=30").to(mins(5)).says()
	w.to(mins(6)).says("major{host=a} fires since 5m")
}

func TestAForThatBecomesShorterHoldsAtOnce(t *testing.T) {
	w := newWorld(t, oneRule(t, `when: v > 27, severity: info, for: 30m`))
	w.metric("host=a", "v=30").to(mins(4))
	w.e.Reload(oneRule(t, `when: v > 27, severity: info, for: 5m`), w.now)
	w.to(mins(5)).says()
	w.to(mins(5) + 1).says("info{host=a} fires since 5m")
}

// TestALevelThatIsGoneEndsOnce would fail for who restarts twice while a sensor
// is silent: the first restart has said already that the level is gone.
func TestALevelThatIsGoneEndsOnce(t *testing.T) {
	with := func(severity string) *Set {
		return oneRule(t, "levels: [{severity: "+severity+", when: v > 27}], no_data: {after: 10m, severity: info}")
	}
	w := newWorld(t, with("critical"))
	w.metric("", "v=30").to(mins(11)).says("critical fires since 0s", "info{no_data=true} fires since 10m")
	w.restart(with("page")).says("critical ends 0s-11m: " + levelGone)
	w.restart(with("page")).says()
	require.Equal(t, []string{"info{no_data=true} fires since 10m"}, w.firing())
}

// TestWhatNeedsNoRowAnyMoreHasNone would fail for a store that keeps a row of
// each series for ever, because somebody once tried no_data.
func TestWhatNeedsNoRowAnyMoreHasNone(t *testing.T) {
	w := newWorld(t, oneRule(t, "when: v > 27, no_data: {after: 10m}"))
	w.metric("host=a", "v=20")
	require.Len(t, w.rows, 1)
	w.e.Reload(oneRule(t, "when: v > 27"), w.now)
	w.listen()
	require.Empty(t, w.rows)
}

// TestWindowsThatStayAreKept would fail for who mends a typing error in a rule
// on the mean of an hour, and waits for another hour.
func TestWindowsThatStayAreKept(t *testing.T) {
	w := newWorld(t, oneRule(t, `when: 'changed(state) or count(v, "10m") > 2', severity: info`))
	w.metric("", `v=1,state="up"`).to(mins(1)).metric("", `v=1,state="up"`)
	w.e.Reload(oneRule(t, `when: 'min(w, "5m") > 2 or count(v, "10m") > 2 or changed(state)', severity: info`), w.now)
	w.listen()
	w.says()
	w.to(mins(2)).metric("", "v=1,w=0").says("info fires since 2m")
	w.to(mins(12)).metric("", `v=1,w=0,state="up"`).says("info ends 2m-12m")
	w.to(mins(13)).metric("", `v=1,w=0,state="down"`).says("info fires since 13m")
}

func TestWhatARuleToldAsAWholeEndsWithItsSeries(t *testing.T) {
	w := newWorld(t, oneRule(t, `when: v > 27, severity: info, by: [host], no_data: {after: 10m}`))
	w.to(mins(11)).says("info{no_data=true} fires since 10m")
	w.restart(oneRule(t, `when: v > 27, severity: info, by: [rack], no_data: {after: 10m}`))
	w.says("info{no_data=true} ends 10m-11m: " + ruleGone)
	require.Empty(t, w.rows)
}

// TestAnotherQueryBeginsAnew would fail for who asks for disks in the place of
// temperatures: an alert that reads "90 °C" would become one of a disk.
func TestAnotherQueryBeginsAnew(t *testing.T) {
	file := func(query string) *Set {
		return parsed(t, `groups: [{name: g, influxdb: dc, rules: [{alert: A, query: "`+query+`", when: _value > 27, severity: info}]}]`)
	}
	for _, restart := range []bool{false, true} {
		again := func(w *world, set *Set) {
			if restart {
				w.restart(set)
				return
			}
			w.e.Reload(set, w.now)
			w.listen()
		}
		w := newWorld(t, file("from(bucket: 'temperature') |> last()"))
		w.to(mins(10)).poll(row(mins(10), "rack=1", "_value=30"))
		again(w, file("from(bucket: 'temperature')\\n  |> last()"))
		w.says("info{rack=1} fires since 10m")
		again(w, file("from(bucket: 'disk') |> last()"))
		w.says("info{rack=1} ends 10m-10m: " + ruleGone)
		w.poll(row(mins(5), "rack=1", "_value=90"))
		w.says("info{rack=1} fires since 5m")
	}
}

// TestRulesThatChangePlacesKeepTheirSeries would fail for who sorts a file of
// rules that differ in where only: each would lead the series of the other.
func TestRulesThatChangePlacesKeepTheirSeries(t *testing.T) {
	file := func(first, second string) *Set {
		rule := `{alert: A, measurement: m, when: v > 27, severity: info, where: path == "%s"}`
		return parsed(t, "groups: [{name: g, rules: ["+fmt.Sprintf(rule, first)+", "+fmt.Sprintf(rule, second)+"]}]")
	}
	w := newWorld(t, file("/", "/data"))
	w.metric("path=/", "v=30").metric("path=/data", "v=30").says("info{path=/} fires since 0s", "info{path=/data} fires since 0s")
	w.e.Reload(file("/data", "/"), w.now)
	w.listen()
	w.to(mins(1)).metric("path=/", "v=20").metric("path=/data", "v=20").says("info{path=/} ends 0s-1m", "info{path=/data} ends 0s-1m")
}
