package rules

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// polledRule is a rule file with one rule A on a query.
func polledRule(t testing.TB, keys string) *Set {
	t.Helper()
	return parsed(t, `groups: [{name: g, influxdb: dc, rules: [{alert: A, query: 'from(bucket: "b")', `+keys+`}]}]`)
}

// poll gives rows to the only rule.
func (w *world) poll(rows ...sample.Sample) Verdict {
	w.t.Helper()
	v := w.e.Rows(w.e.trackers[0].rule, rows, w.now)
	w.listen()
	return v
}

// unasked says that the only rule cannot be asked for.
func (w *world) unasked() { w.e.Unasked(w.e.trackers[0].rule, w.now) }

func TestRowsOfQueries(t *testing.T) {
	const warm = `when: _value > 27, severity: warning`
	for name, c := range map[string]struct {
		keys  string
		story func(w *world)
	}{
		"the columns with text are the series, those that begin with _ are not": {warm, func(w *world) {
			v := w.poll(row(0, "_field=temp,_measurement=m,rack=1", "_value=30"), row(0, "_field=temp,_measurement=m,rack=2", "_value=20"))
			require.Equal(w.t, Verdict{Rows: 2, Used: 2}, v)
			w.says("warning{rack=1} fires since 0s")
		}},
		"rows come in any order": {warm, func(w *world) {
			w.to(mins(5))
			w.poll(row(mins(3), "rack=1", "_value=20"), row(mins(1), "rack=1", "_value=20"), row(mins(2), "rack=1", "_value=30"))
			w.says("warning{rack=1} fires since 2m", "warning{rack=1} ends 2m-3m")
		}},
		"what an earlier poll gave is not evaluated again": {warm, func(w *world) {
			w.to(mins(5))
			w.poll(row(mins(1), "rack=1", "_value=30"), row(mins(2), "rack=1", "_value=20"))
			w.said = nil
			v := w.poll(row(mins(1), "rack=1", "_value=30"), row(mins(2), "rack=1", "_value=20"))
			require.Equal(w.t, Verdict{Rows: 2, Used: 2}, v)
			w.says()
			w.poll(row(mins(2), "rack=1", "_value=30"), row(mins(3), "rack=1", "_value=31"))
			w.says("warning{rack=1} fires since 3m")
			require.Zero(w.t, w.e.Stats()[0].Late, "overlapping ranges are normal")
		}},
		"what an earlier poll gave to a window was of use, and still is": {`when: 'mean(_value, "10m") > 27', severity: warning`, func(w *world) {
			w.to(mins(5))
			for range 2 {
				require.Equal(w.t, Verdict{Rows: 1, Used: 1}, w.poll(row(mins(1), "rack=1", "_value=20")), "or an alert says that the query is of no use")
			}
			require.Zero(w.t, w.e.Stats()[0].Unusable)
		}},
		"what an earlier poll gave is not evaluated again after a restart either": {warm, func(w *world) {
			w.to(mins(5))
			rows := []sample.Sample{row(mins(1), "rack=1", "_value=30"), row(mins(2), "rack=1", "_value=20")}
			w.poll(rows...)
			w.said = nil
			w.restart(polledRule(w.t, warm))
			require.Equal(w.t, Verdict{Rows: 2, Used: 2}, w.poll(rows...))
			w.says()
			w.poll(row(mins(3), "rack=1", "_value=30"))
			w.says("warning{rack=1} fires since 3m")
		}},
		"what a crash took from a window comes back with the rows that the next poll gives again": {`levels: [{severity: critical, when: 'count(_value, "1h") > 2'}, {severity: warning, when: _value > 27}]`, func(w *world) {
			rows := []sample.Sample{row(mins(1), "rack=1", "_value=30"), row(mins(2), "rack=1", "_value=30")}
			w.to(mins(1)).poll(rows[0])
			w.to(mins(2)).poll(rows...)
			w.says("warning{rack=1} fires since 1m")
			w.restart(w.set)
			w.to(mins(3)).poll(append(rows, row(mins(3), "rack=1", "_value=30"))...)
			w.says("warning{rack=1} ends 1m-3m", "critical{rack=1} fires since 3m")
		}},
		"the newest row of a series counts again when it says something else: a deadman's, or that of a day's sum": {warm + `, for: 1m`, func(w *world) {
			w.poll(row(0, "host=a", "_value=20"), row(0, "host=b", "_value=20"))
			w.to(mins(10)).poll(row(0, "host=a", "_value=20"), row(0, "host=b", "_value=30"))
			w.to(mins(12)).says("warning{host=b} fires since 11m")
			require.Equal(w.t, Verdict{Rows: 2, Used: 2}, w.poll(row(0, "host=a", "_value=20"), row(0, "host=b", "_value=31")))
			w.to(mins(15)).poll(row(0, "host=a", "_value=20"), row(0, "host=b", "_value=20"))
			w.says("warning{host=b} ends 11m-15m")
		}},
		"the newest row counts again after a restart, though the series was well and nothing is stored of it": {warm, func(w *world) {
			w.poll(row(1, "host=a", "_value=20"), row(0, "host=b", "_value=20"), row(0, "host=c", "_value=20"))
			w.restart(polledRule(w.t, warm))
			w.to(mins(10)).poll(row(1, "host=a", "_value=20"), row(0, "host=b", "_value=30"), row(0, "host=c", "_value=20"))
			w.says("warning{host=b} fires since 0s")
			w.to(mins(11)).poll(row(0, "host=b", "_value=20"))
			w.says("warning{host=b} ends 0s-1m")
		}},
		"the words of an alert follow the newest row": {warm + `, annotations: {summary: "{{ $value }}"}`, func(w *world) {
			w.poll(row(0, "host=a", "_value=30"))
			for i := range 3 {
				w.to(mins(float64(i + 1))).poll(row(0, "host=a", fmt.Sprintf("_value=%d", 31+i)))
			}
			for _, a := range w.told {
				require.Equal(w.t, "33", a.Annotations["summary"])
			}
			require.Len(w.t, w.told, 1)
		}},
		"that the newest row says something else does not mean that anything was heard": {warm + `, no_data: {after: 10m, severity: info}`, func(w *world) {
			w.poll(row(0, "host=a", "_value=20"))
			w.to(mins(9)).poll(row(0, "host=a", "_value=30"))
			w.to(mins(11)).says("warning{host=a} fires since 9m", "info{host=a,no_data=true} fires since 10m")
		}},
		"of rows of one time that by puts into one series the worst counts, in whatever order, with every poll": {warm + `, by: [site]`, func(w *world) {
			hot, cool, none := row(0, "rack=1,site=s", "_value=30"), row(0, "rack=2,site=s", "_value=20"), row(0, "rack=3,site=s", "other=1")
			for i, rows := range [][]sample.Sample{{cool, hot}, {hot, cool}, {none, cool, hot}, {hot, none, row(-1, "rack=2,site=s", "_value=20")}} {
				w.to(mins(float64(i))).poll(rows...)
			}
			w.says("warning{site=s} fires since 0s")
			w.to(mins(5)).poll(none, cool)
			w.says("warning{site=s} ends 0s-5m")
		}},
		"of windows without a time the worst counts, and no poll begins and ends an alert": {warm, func(w *world) {
			for i := range 3 {
				hot, cool := row(0, "rack=1", "_value=30"), row(0, "rack=1", "_value=20")
				hot.Time, cool.Time = time.Time{}, time.Time{}
				w.to(mins(float64(i))).poll(hot, cool)
			}
			w.says("warning{rack=1} fires since 0s")
		}},
		"a newer row that where leaves out does not stand for the series": {warm + `, by: [site], where: rack == "1"`, func(w *world) {
			w.poll(row(0, "rack=1,site=s", "_value=20"))
			w.to(mins(1)).poll(row(0, "rack=1,site=s", "_value=30"), row(1, "rack=2,site=s", "_value=20"))
			w.says("warning{site=s} fires since 1m")
		}},
		"the worst of several rows is judged by where the series is": {`when: _value > 27, clear: _value < 25, severity: warning, by: [site]`, func(w *world) {
			w.poll(row(0, "rack=1,site=s", "_value=30"))
			w.to(mins(1)).poll(row(1, "rack=1,site=s", "_value=20"), row(1, "rack=2,site=s", "_value=26"))
			w.says("warning{site=s} fires since 0s")
		}},
		"what a rule looks back at takes all rows of one time": {`when: 'count(_value, "1h") > 1', severity: warning, by: [site]`, func(w *world) {
			w.poll(row(0, "rack=1,site=s", "_value=20"), row(0, "rack=2,site=s", "_value=20"))
			w.says("warning{site=s} fires since 0s")
		}},
		"what a rule looks back at takes a row once": {`when: 'count(_value, "1h") > 1', severity: warning`, func(w *world) {
			for i := range 3 {
				w.to(mins(float64(i))).poll(row(0, "host=a", fmt.Sprintf("_value=%d", i)))
			}
			w.says()
		}},
		"a row without a time is of now": {warm + `, for: 1m`, func(w *world) {
			r := row(0, "rack=1", "_value=30")
			r.Time = time.Time{}
			for i := range 4 {
				w.to(mins(float64(i)))
				w.poll(r)
			}
			w.says("warning{rack=1} fires since 1m")
		}},
		"rows of one time that by puts into one series all count": {warm + `, by: [site]`, func(w *world) {
			w.poll(row(0, "rack=1,site=s", "_value=20"), row(0, "rack=2,site=s", "_value=30"))
			w.says("warning{site=s} fires since 0s")
		}},
		"$value is the value column, whatever the condition speaks of": {`when: other > 1, labels: {v: "{{ $value }}"}`, func(w *world) {
			w.poll(row(0, "", "other=2,_value=7"))
			w.says("{v=7} fires since 0s")
		}},
		"$value is a text, if the value column is one": {`when: _value == "down", labels: {v: "{{ $value }}"}`, func(w *world) {
			w.poll(row(0, "_value=down,host=a", ""))
			w.says("{host=a,v=down} fires since 0s")
		}},
		"a state may be in a column of text": {`when: changed(state), by: [host], severity: info`, func(w *world) {
			w.poll(row(0, "host=a,state=up", ""))
			w.to(mins(1)).poll(row(mins(1), "host=a,state=down", ""))
			w.says("info{host=a} fires since 1m")
		}},
		"a series that the query does not give any more keeps its alert until it is forgotten": {warm, func(w *world) {
			w.poll(row(0, "rack=1", "_value=30"))
			for i := range 59 {
				w.to(mins(float64(i + 1)))
				w.poll(row(mins(float64(i+1)), "rack=2", "_value=20"))
			}
			w.says("warning{rack=1} fires since 0s")
			require.Len(w.t, w.firing(), 1)
		}},
		"what the query gives again and again is not forgotten, and told once": {warm, func(w *world) {
			last := row(-mins(10), "rack=1", "_value=30")
			for i := range 60 {
				w.to(mins(float64(i) * 5))
				require.Equal(w.t, 1, w.poll(last).Used)
			}
			w.says("warning{rack=1} fires since -10m")
			w.e.Reload(polledRule(w.t, warm+", for: 0s, keep_firing_for: 1m"), w.now)
			w.to(mins(295 + 60)).says()
			w.to(mins(295+60) + 1).says("warning{rack=1} ends -10m-5h45m" + fmt.Sprintf(stopped, "1h"))
		}},
		"what the query gives again and again is silent, and not forgotten": {warm + `, no_data: {after: 10m, severity: info}`, func(w *world) {
			for i := range 40 {
				w.to(mins(float64(i) * 60))
				w.poll(row(0, "rack=1", "_value=20"))
			}
			w.says("info{no_data=true,rack=1} fires since 10m")
			w.to(mins(39*60 + 24*60)).says()
			w.to(mins(39*60+24*60) + 1).says("info{no_data=true,rack=1} ends 10m-2d15h" + fmt.Sprintf(stopped, "1d"))
		}},
		"an older row says nothing of whether the series goes on": {warm, func(w *world) {
			w.poll(row(-1, "rack=1", "_value=20"), row(0, "rack=1", "_value=30"))
			w.to(mins(30)).poll(row(-1, "rack=1", "_value=20"))
			w.to(mins(61)).says("warning{rack=1} fires since 0s", "warning{rack=1} ends 0s-1h"+fmt.Sprintf(stopped, "1h"))
		}},
		"while a rule cannot be asked for, nothing is silent, forgotten or over": {warm + `, no_data: {after: 10m}`, func(w *world) {
			w.poll(row(0, "rack=1", "_value=30"), row(0, "rack=2", "_value=20"))
			w.says("warning{rack=1} fires since 0s")
			w.to(mins(1)).unasked()
			w.to(mins(600)).unasked()
			w.to(mins(3000))
			w.says()
			require.Len(w.t, w.firing(), 1)
			w.poll(row(mins(3000), "rack=1", "_value=20"))
			w.says("warning{rack=1} ends 0s-2d2h")
			w.to(mins(3010))
			w.says()
			w.to(mins(3012)) // now somebody has listened for more than ten minutes
			require.Len(w.t, w.firing(), 2, "both are silent now")
		}},
		"a rule that can never be asked for does not say that there is no data": {warm + `, no_data: {after: 10m}`, func(w *world) {
			w.unasked()
			w.to(mins(60))
			w.says()
			w.poll()
			w.to(mins(71))
			require.Len(w.t, w.firing(), 1)
		}},
		"rows of a rule that has changed since it was asked for decide nothing": {warm, func(w *world) {
			before := w.e.trackers[0].rule
			w.e.Reload(polledRule(w.t, `when: _value < 5, severity: warning`), w.now)
			require.Equal(w.t, Verdict{Rows: 1}, w.e.Rows(before, []sample.Sample{row(0, "rack=1", "_value=1")}, w.now))
			w.listen()
			w.says()
		}},
		"no rows are no problem: silence is what no_data is for": {warm, func(w *world) {
			require.Equal(w.t, Verdict{}, w.poll())
		}},
		"rows that where leaves out are no problem": {warm + `, where: rack == "9"`, func(w *world) {
			require.Equal(w.t, Verdict{Rows: 1}, w.poll(row(0, "rack=1", "_value=30")))
		}},
		"rows without a column that where names are a problem: it was renamed, perhaps": {warm + `, by: [rack], where: site == "fra1" and rack != "9"`, func(w *world) {
			require.Equal(w.t, Verdict{Rows: 1, Used: 1}, w.poll(row(0, "rack=1,site=fra1", "_value=30")))
			v := w.poll(row(1, "location=fra1,rack=1", "_value=30"), row(1, "location=fra1,rack=2", "_value=30"))
			require.Equal(w.t, Verdict{Rows: 2, Problem: "the query gave rows, none of them has the column site, and where leaves out all of them: " +
				"the columns are _value (number), location (text), rack (text); " +
				"name the right column in where, or change the query so that it gives the one that stands there"}, v)
			require.Empty(w.t, w.poll(row(2, "rack=1,site=", "_value=30")).Problem, "the column is there, with nothing in it")
		}},
		"rows that where leaves out by another column are no problem": {warm + `, where: rack == "9" and upkeep != "true"`, func(w *world) {
			require.Equal(w.t, Verdict{Rows: 1}, w.poll(row(0, "rack=1", "_value=30")))
		}},
		"a query without the column is a problem": {warm, func(w *world) {
			v := w.poll(row(0, "_field=temp,rack=1", "temp_c=30"), row(0, "_field=temp,rack=2", "temp_c=20"))
			require.Equal(w.t, Verdict{Rows: 2, Problem: "the query gave rows, none of them has a number in _value: " +
				"the columns are _field (text), rack (text), temp_c (number); " +
				"name the right column in when, or change the query so that it gives the one that stands there"}, v)
			require.Equal(w.t, v, w.e.Stats()[0].Verdict)
		}},
		"a column of another kind is a problem": {warm, func(w *world) {
			require.Contains(w.t, w.poll(row(0, "_value=30 °C", "")).Problem, "the query gave rows, none of them has a number in _value: the columns are _value (text)")
		}},
		"a column that is gone is a problem, though a window takes the rest": {`by: [rack], when: 'mean(_value, "5m") > 27 and state == "on"'`, func(w *world) {
			w.poll(row(0, "rack=1,state=off", "_value=30"))
			rows := []sample.Sample{row(mins(1), "rack=1", "_value=30")}
			for i := range 8 {
				w.to(mins(float64(i + 1)))
				v := w.poll(rows...)
				require.Zero(w.t, v.Used, "poll %d", i)
				require.Contains(w.t, v.Problem, "none of them has a value in state", "poll %d", i)
				if i == 5 {
					w.e.Checkpoint()
					w.listen()
					w.restart(w.set)
				}
				if i == 2 {
					rows = append(rows, row(mins(2), "rack=1", "_value=30"))
				}
			}
			require.Equal(w.t, 3, rowsIn(w.e.trackers[0]), "each row is taken once")
			w.to(mins(9))
			require.Equal(w.t, 1, w.poll(append(rows, row(mins(9), "rack=1,state=off", "_value=30"))...).Used)
		}},
		"two fields in one series are a problem, and decide nothing": {warm, func(w *world) {
			v := w.poll(row(0, "_field=temp,rack=1", "_value=30"), row(0, "_field=humidity,rack=1", "_value=60"))
			require.Zero(w.t, v.Used)
			require.Contains(w.t, v.Problem, `differ only in _field ("temp" and "humidity")`)
			require.Contains(w.t, v.Problem, "add _field to by, or keep only one")
			w.says()
		}},
		"a field of another time is none: it may be that the field was renamed": {warm, func(w *world) {
			v := w.poll(row(0, "_field=temp,rack=1", "_value=30"), row(1, "_field=temperature,rack=1", "_value=30"))
			require.Equal(w.t, Verdict{Rows: 2, Used: 2}, v)
		}},
		"two fields are no problem if by tells them apart, or where leaves one out": {warm + `, by: [_field], where: rack == "1"`, func(w *world) {
			v := w.poll(row(0, "_field=temp,rack=1", "_value=30"), row(0, "_field=humidity,rack=1", "_value=20"), row(0, "_field=temp,rack=2", "_value=20"))
			require.Equal(w.t, Verdict{Rows: 3, Used: 2}, v)
			w.says("warning{_field=temp} fires since 0s")
		}},
	} {
		t.Run(name, func(t *testing.T) { c.story(newWorld(t, polledRule(t, c.keys))) })
	}
}

// TestARareQueryKeepsItsSeries would fail for who asks for the expiry of
// certificates every few hours: between two polls nothing may be forgotten.
func TestARareQueryKeepsItsSeries(t *testing.T) {
	w := newWorld(t, parsed(t, `groups: [{name: g, influxdb: dc, interval: 6h, rules: [{alert: A, query: 'from(bucket: "b")', when: _value > 27, severity: info}]}]`))
	for i := range 3 {
		w.to(mins(float64(i) * 360)).poll(row(mins(float64(i)*360), "host=a", "_value=30"))
	}
	w.says("info{host=a} fires since 0s")
	w.to(mins(2*360 + 2*360 + 6)).says("info{host=a} ends 0s-1d5m" + fmt.Sprintf(stopped, "12h5m"))
}

func TestRowsOfARuleThatIsGoneDecideNothing(t *testing.T) {
	set := polledRule(t, `when: _value > 27`)
	w := newWorld(t, &Set{})
	require.Equal(t, Verdict{Rows: 1}, w.e.Rows(set.Groups[0].Rules[0], []sample.Sample{row(0, "", "_value=30")}, start))
	w.listen()
	w.says()
}

// rowsIn is how many samples the only window of a rule's only series has.
func rowsIn(r *tracker) (n int) {
	for one := range r.all() {
		w := &one.memory.windows[0]
		for _, p := range w.points[w.head:] {
			n += int(p.n)
		}
	}
	return n
}
