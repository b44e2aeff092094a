package rules

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// TestSamples is what doc.go promises of samples as they really come.
func TestSamples(t *testing.T) {
	const warm = `when: v > 27, severity: warning, `
	for name, c := range map[string]struct {
		keys  string
		story func(w *world)
	}{
		"a sample older than the newest says nothing any more": {warm + `by: [host]`, func(w *world) {
			w.to(mins(5)).metric("host=a", "v=20").measured(mins(5)-1, "host=a", "v=30").says()
			require.EqualValues(w.t, 1, w.e.Stats()[0].Late)
		}},
		"samples of the same time all count": {warm + `by: [host]`, func(w *world) {
			w.metric("host=a", "v=20").measured(0, "host=a", "v=30").says("warning{host=a} fires since 0s")
		}},
		"the same sample a second time changes nothing": {warm, func(w *world) {
			w.metric("host=a", "v=30").metric("host=a", "v=30").says("warning{host=a} fires since 0s")
		}},
		"where several sources feed a series, a minute is forgiven": {warm + `by: [site]`, func(w *world) {
			w.to(mins(5)).metric("rack=1,site=s", "v=20").measured(mins(4), "rack=2,site=s", "v=30").
				says("warning{site=s} fires since 5m")
			w.measured(mins(4)-1, "rack=2,site=s", "v=20").says()
			require.EqualValues(w.t, 1, w.e.Stats()[0].Late)
		}},
		"a sample from the future counts as of now": {warm + `for: 5m`, func(w *world) {
			w.measured(mins(60), "", "v=30").to(mins(1)).measured(mins(120), "", "v=30").to(mins(6)).
				says("warning fires since 5m")
		}},
		"one sample from the future does not make the others late": {warm, func(w *world) {
			w.measured(mins(60), "", "v=20").to(mins(1)).metric("", "v=30").says("warning fires since 1m")
		}},
		"a clock that is ahead by up to a minute is believed": {warm, func(w *world) {
			w.measured(mins(1), "", "v=30").says("warning fires since 1m")
			w.to(mins(0.5)).measured(mins(0.5), "", "v=20").says()
			require.EqualValues(w.t, 1, w.e.Stats()[0].Late)
		}},
		"a clock that drifts beyond the minute loses no sample": {warm, func(w *world) {
			w.measured(mins(0.99), "", "v=20").to(mins(0.1)).measured(mins(1.2), "", "v=30").
				says("warning fires since 1m5s400ms")
		}},
		"NaN is no value: it neither raises nor ends an alert": {`when: v > 27, severity: warning`, func(w *world) {
			nan := sample.Sample{Measurement: "m", Fields: []sample.Field{{Key: "v", Value: sample.Num(math.NaN())}}, Time: w.now}
			w.metric("", "v=30").says("warning fires since 0s")
			w.e.Metric(&nan, w.now)
			w.listen()
			w.says()
			require.EqualValues(w.t, 1, w.e.Stats()[0].Unusable)
		}},
		"a field that is a text suddenly changes nothing, and is counted": {warm, func(w *world) {
			w.metric("", "v=30").metric("", `v="hot"`).says("warning fires since 0s")
			require.EqualValues(w.t, 1, w.e.Stats()[0].Unusable)
		}},
		"a metric without the field is not one of the rule's series": {warm + `no_data: {after: 5m}`, func(w *world) {
			w.metric("host=a", "other=1").to(mins(2)).says()
			require.Zero(w.t, w.e.Stats()[0].Series)
			require.EqualValues(w.t, 1, w.e.Stats()[0].Unusable)
		}},
		"a field that is gone is silence, in the end": {warm + `no_data: {after: 5m}`, func(w *world) {
			for i := range 10 {
				w.to(mins(float64(i)))
				if i < 3 {
					w.metric("host=a", "v=20")
				} else {
					w.metric("host=a", "other=1")
				}
			}
			w.says("warning{host=a,no_data=true} fires since 7m")
		}},
		"a tag that disappears makes another series": {warm + `by: [host, rack]`, func(w *world) {
			w.metric("host=a,rack=1", "v=30").metric("host=a", "v=20").says("warning{host=a,rack=1} fires since 0s")
			require.Equal(w.t, 2, w.e.Stats()[0].Series)
		}},
		"a tag that is empty is one that is not there": {warm, func(w *world) {
			w.metric("host=a,rack=", "v=30").metric("host=a", "v=20").says("warning{host=a} fires since 0s", "warning{host=a} ends 0s-0s")
		}},
		"tags cannot run into each other": {warm, func(w *world) {
			w.metric("a=b,c=d", "v=30").metric("a=b\x01cd", "v=20")
			require.Equal(w.t, 2, w.e.Stats()[0].Series)
		}},
		"where leaves out what the rule does not look at": {warm + `where: host == "a"`, func(w *world) {
			w.metric("host=a", "v=30").metric("host=b", "v=30").metric("", "v=30").says("warning{host=a} fires since 0s")
		}},
		"no tags at all are one series": {warm + `by: [none]`, func(w *world) {
			w.metric("host=a", "v=30").metric("host=b", "v=20").says("warning fires since 0s", "warning ends 0s-0s")
		}},
		"labels of the rule stand beside the tags and win": {warm + `labels: {team: "x{{ $labels.host }}", host: "{{ $value }}", rack: ""}`, func(w *world) {
			w.metric("host=a,rack=1", "v=30").says("warning{host=30,team=xa} fires since 0s")
		}},
		"alerts that nobody can tell apart end with the last of them": {warm + `labels: {host: all}`, func(w *world) {
			w.metric("host=a", "v=30").metric("host=b", "v=30").says("warning{host=all} fires since 0s")
			w.metric("host=a", "v=20").says()
			w.metric("host=b", "v=20").says("warning{host=all} ends 0s-0s")
		}},
		"a state that changes is an alert until it is the same again": {`when: changed(pid), severity: info`, func(w *world) {
			w.metric("", "pid=1").to(mins(1)).metric("", "pid=1").to(mins(2)).metric("", "pid=2").says("info fires since 2m")
			w.to(mins(3)).metric("", "other=2").says()
			w.to(mins(4)).metric("", "pid=2").says("info ends 2m-4m")
		}},
		"a state of another kind cannot be compared once": {`when: changed(state), severity: info`, func(w *world) {
			w.metric("", "state=1").metric("", `state="up"`).says()
			w.metric("", `state="down"`).says("info fires since 0s")
		}},
		"previous is the value before": {`when: v > previous(v) + 5, severity: info`, func(w *world) {
			w.metric("", "v=1").metric("", "v=5").says()
			w.metric("", "v=11").says("info fires since 0s")
		}},
		"texts and booleans are counted too": {`when: 'count(state, "5m") > 2', severity: info`, func(w *world) {
			w.metric("", `state="up"`).metric("", "state=true").metric("", "other=1").says()
			w.metric("", `state="down"`).says("info fires since 0s")
		}},
		"a mean needs no full window": {`when: 'mean(v, "5m") > 20', severity: info`, func(w *world) {
			w.metric("", "v=30").says("info fires since 0s")
			w.to(mins(1)).metric("", "v=4").says("info ends 0s-1m")
			w.to(mins(5)).metric("", "v=40").says("info fires since 5m")
		}},
	} {
		t.Run(name, func(t *testing.T) { c.story(newWorld(t, oneRule(t, c.keys))) })
	}
}

// TestTimesOutsideTheCalendar would fail for everyone, if one line with a
// nonsensical time could stop the evaluator, or make a card that says that it
// has been too warm since 1 January 1970.
func TestTimesOutsideTheCalendar(t *testing.T) {
	for name, at := range map[string]time.Time{
		"none":           {},
		"year 1":         time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC),
		"before 1970":    time.Date(1931, 1, 1, 0, 0, 0, 0, time.UTC),
		"year 9999":      time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
		"beyond int64":   time.Unix(1<<60, 0),
		"before int64":   time.Unix(-1<<60, 0),
		"the beginning":  time.Unix(0, 0),
		"a century away": start.AddDate(100, 0, 0),

		"seconds taken for nanoseconds":      time.Unix(0, start.Unix()),
		"milliseconds taken for nanoseconds": time.Unix(0, start.UnixMilli()),
		"microseconds taken for nanoseconds": time.Unix(0, start.UnixMicro()),
		"nanoseconds taken for seconds":      time.Unix(start.UnixNano(), 0),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, oneRule(t, `when: v > 27, for: 1m, no_data: {after: 1h}, chart: {field: v}, labels: {x: "{{ $value }}"}`))
			s := row(0, "", "v=30")
			s.Measurement, s.Time = "m", at
			w.e.Metric(&s, w.now)
			w.listen()
			w.to(mins(2))
			w.says("{x=30} fires since 1m")
		})
	}
}

func TestAlertsCarryWhatTheirRuleSpeaksOf(t *testing.T) {
	w := newWorld(t, parsed(t, `
groups:
  - name: g
    rules:
      - alert: A
        measurement: m
        levels:
          - {severity: critical, when: temp_c > 32 and fan == "off"}
          - {severity: warning, when: 'mean(temp_c, "5m") > 27', clear: humidity < 50}
        annotations:
          summary: '{{ $labels.rack }} is at {{ printf "%.1f" $value }} °C, fan {{ $fields.fan }}, {{ $labels.severity }}'
          broken: '{{ $value.nothing }}'
        chart: {field: temp_c, last: 1h}
`))
	w.metric("rack=r1", `temp_c=30,humidity=60,fan="off",power=7`)
	var got alert.Alert
	w.e.Firing(func(a alert.Alert) { got = a })
	require.Equal(t, map[string]string{"alertname": "A", "rack": "r1", "severity": "warning"}, got.Labels)
	require.Equal(t, "r1 is at 30.0 °C, fan off, warning", got.Annotations["summary"])
	require.Contains(t, got.Annotations["broken"], "<error expanding template: ", "the words that Prometheus users know")
	require.Equal(t, map[string]float64{"temp_c": 30, "humidity": 60, "mean(temp_c, 5m)": 30}, got.Values)
	require.Equal(t, []alert.Threshold{{Severity: "warning", Value: 27, Of: "mean(temp_c, 5m)"}}, got.Chart.Thresholds, "the critical one is no plain comparison")
	require.Equal(t, 60, len(got.Chart.Points))
	require.Equal(t, 30.0, got.Chart.Points[59])
	require.Equal(t, start.Add(time.Minute), got.Chart.From.Add(60*got.Chart.Step), "the last point holds the newest sample")
}

// TestWordsAreRefreshedOnceAMinute would fail for readers of a card that shows
// a temperature of an hour ago, and for Teams if it were told every sample.
func TestWordsAreRefreshedOnceAMinute(t *testing.T) {
	w := newWorld(t, oneRule(t, `when: v > 27, labels: {first: "{{ $value }}"}, annotations: {summary: "at {{ $value }}"}`))
	words := func() (text string) {
		w.e.Firing(func(a alert.Alert) { text = a.Annotations["summary"] })
		return text
	}
	w.metric("", "v=30")
	w.to(mins(0.5)).metric("", "v=31")
	require.Equal(t, "at 30", words())
	w.to(mins(1)).metric("", "v=32")
	require.Equal(t, "at 32", words())
	require.Equal(t, 1, w.refreshed)
	w.to(mins(3)).metric("", "v=32")
	require.Equal(t, 1, w.refreshed, "what reads the same is not told again")
	w.to(mins(4)).metric("", "v=20").says("{first=30} fires since 0s", "{first=30} ends 0s-4m")
}

// TestAlertsThatAreAlikeAreOne would fail for who reads a card whose number
// jumps between two racks each time that what fires is sent again.
func TestAlertsThatAreAlikeAreOne(t *testing.T) {
	w := newWorld(t, oneRule(t, `when: v > 27, severity: info, labels: {host: all}, annotations: {summary: "at {{ $value }}"}`))
	reads := func() (texts []string) {
		w.e.Firing(func(a alert.Alert) { texts = append(texts, a.Annotations["summary"]) })
		return texts
	}
	w.metric("host=a", "v=30").metric("host=b", "v=31").metric("host=c", "v=32")
	require.Equal(t, []string{"at 32"}, reads())
	w.to(mins(1)).metric("host=a", "v=33")
	require.Equal(t, []string{"at 33"}, reads(), "what was said last")
	for _, a := range w.told {
		require.Equal(t, "at 33", a.Annotations["summary"])
	}
	w.metric("host=a", "v=20")
	require.Equal(t, []string{"at 32"}, reads(), "it fires for the others")
	w.restart(w.set)
	require.Len(t, reads(), 1)
	require.Equal(t, reads(), reads())
	w.metric("host=b", "v=20")
	require.Len(t, reads(), 1)
	w.metric("host=c", "v=20")
	require.Empty(t, reads())
	w.says("info{host=all} fires since 0s", "info{host=all} ends 0s-1m")
}

// TestLabelsAreCutOff would fail for everybody, if one tag of a megabyte went
// into each message, row and link of an alert.
func TestLabelsAreCutOff(t *testing.T) {
	w := newWorld(t, oneRule(t, `when: v > 27, labels: {twice: "{{ $labels.host }}{{ $labels.host }}"}, no_data: {after: 5m}`))
	fits, long := strings.Repeat("x", 1024), "x"+strings.Repeat("ü", 600)
	w.metric("host="+fits, "v=30").metric("host="+long, "v=30").to(mins(6))
	seen := map[string]int{}
	w.e.Firing(func(a alert.Alert) {
		for _, name := range []string{"host", "twice"} {
			text := a.Labels[name]
			require.LessOrEqual(t, len(text), 1024)
			require.True(t, utf8.ValidString(text), "cut off between two letters")
			if text == fits {
				seen["whole"]++
			} else {
				require.GreaterOrEqual(t, len(text), 1023)
				require.True(t, strings.HasSuffix(text, "…"))
				seen["cut"]++
			}
		}
	})
	require.Equal(t, map[string]int{"whole": 2, "cut": 6}, seen)
}
