package rules

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// fleet is metrics of 20 measurements with 500 series each, in random order,
// as a busy Telegraf sends them. They share their fields, because a metric that
// has just been parsed is in the processor's cache.
func fleet() []sample.Sample {
	var samples []sample.Sample
	random := rand.New(rand.NewPCG(1, 2))
	fields := []sample.Field{
		{Key: "usage_guest", Value: sample.Num(1)},
		{Key: "usage_system", Value: sample.Num(10)},
		{Key: "usage_user", Value: sample.Num(42)},
		{Key: "usage_idle", Value: sample.Num(50)},
		{Key: "uptime", Value: sample.Num(123456)},
	}
	for m := range 20 {
		for n := range 500 {
			samples = append(samples, sample.Sample{
				Measurement: fmt.Sprintf("measurement_%d", m),
				Tags: []sample.Tag{
					{Key: "cpu", Value: fmt.Sprintf("cpu%d", n%8)},
					{Key: "host", Value: fmt.Sprintf("server-%04d.fra1.example.com", n)},
					{Key: "site", Value: "fra1"},
				},
				Fields: fields,
			})
		}
	}
	random.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
	return samples
}

// hundred is 100 rules over the 20 measurements of the fleet, each with the
// same keys.
func hundred(b testing.TB, keys string) *Set {
	var text strings.Builder
	text.WriteString("groups:\n  - name: g\n    rules:\n")
	for i := range 100 {
		fmt.Fprintf(&text, "      - {alert: A%d, measurement: measurement_%d, %s}\n", i, i%20, keys)
	}
	return parsed(b, text.String())
}

func BenchmarkAMetricThatNoRuleWants(b *testing.B) {
	e := NewEvaluator(hundred(b, `when: usage_user > 95`), start)
	s := fleet()[0]
	s.Measurement = "something_else"
	b.ReportAllocs()
	for b.Loop() {
		e.Metric(&s, start)
	}
}

// evaluated are the keys of rules whose cost is measured.
var evaluated = []struct{ name, keys string }{
	{"ok", `when: usage_user > 95`},
	{"ok,where,by,levels,for", `where: site == "fra1", by: [host, site], levels: [{severity: critical, when: usage_user > 95, clear: usage_user < 90}, {severity: warning, when: usage_user > 80}], for: 5m`},
	{"ok,no_data,changed", `when: usage_user > 95 or changed(uptime), no_data: {after: 10m, severity: warning}`},
	{"ok,mean,chart", `when: 'mean(usage_user, "5m") > 95', chart: {field: usage_user}`},
	{"pending", `when: usage_user > 10, for: 1000h`},
	{"firing", `when: usage_user > 10`},
}

// TestAMetricOfAKnownSeriesAllocatesNothing would fail for who has a hundred
// thousand metrics a second: what each leaves behind is collected by the
// processor that should read the next one.
func TestAMetricOfAKnownSeriesAllocatesNothing(t *testing.T) {
	for _, c := range evaluated {
		t.Run(c.name, func(t *testing.T) {
			e := NewEvaluator(oneRule(t, c.keys), start)
			s, now := fleet()[0], start
			s.Measurement = "m"
			give := func(name string) func() {
				return func() {
					s.Measurement, s.Time = name, now
					e.Metric(&s, now)
				}
			}
			for range 100 { // until the windows are full
				now = now.Add(10 * time.Second)
				give("m")()
				e.Tick(now)
			}
			e.Changes()
			e.Dirty()
			require.Equal(t, 1, e.Stats()[0].Series)
			require.Zero(t, testing.AllocsPerRun(1000, give("m")))
			require.Zero(t, testing.AllocsPerRun(1000, give("something_else")))
		})
	}
}

// BenchmarkAMetricThatRulesEvaluate says what one rule costs for one metric,
// of five that look at each.
func BenchmarkAMetricThatRulesEvaluate(b *testing.B) {
	for _, c := range evaluated {
		b.Run(c.name, func(b *testing.B) {
			e := NewEvaluator(hundred(b, c.keys), start)
			samples, now := fleet(), start
			round := func() {
				now = now.Add(10 * time.Second)
				for i := range samples {
					samples[i].Time = now
				}
			}
			for range 32 { // until the windows are full
				round()
				for i := range samples {
					e.Metric(&samples[i], now)
				}
				e.Tick(now)
			}
			e.Changes()
			e.Dirty()
			runtime.GC() // of what that took
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if i == len(samples) {
					i = 0
					now = now.Add(time.Millisecond) // the alerts' words are refreshed once a minute
				}
				samples[i].Time = now
				e.Metric(&samples[i], now)
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5, "ns/rule")
		})
	}
}

// BenchmarkAMillionSeries says how much memory a series takes that is ok and
// of a rule without windows.
func BenchmarkAMillionSeries(b *testing.B) {
	const many = 1_000_000
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		set := parsed(b, "groups: [{name: g, rules: [{alert: A, measurement: m, when: v > 95, for: 5m, series_limit: 1000000, no_data: {after: 10m}}]}]")
		before := heap()
		e := NewEvaluator(set, start)
		s := sample.Sample{
			Measurement: "m", Time: start,
			Tags:   []sample.Tag{{Key: "cpu"}, {Key: "host"}, {Key: "site", Value: "fra1"}},
			Fields: []sample.Field{{Key: "v", Value: sample.Num(1)}},
		}
		for i := range many {
			s.Tags[0].Value = fmt.Sprintf("cpu%d", i%8)
			s.Tags[1].Value = fmt.Sprintf("server-%06d.fra1.example.com", i/8)
			e.Metric(&s, start)
			if i%1000 == 0 {
				e.Dirty()
			}
		}
		e.Dirty()
		took := heap() - before
		b.ReportMetric(float64(took)/many, "B/series")
		b.ReportMetric(float64(took)/(1<<20), "MB")
		require.Equal(b, many, e.Stats()[0].Series)
		require.Less(b, took, uint64(500<<20))
	}
}

// BenchmarkTicks says what it costs to know of 100,000 series whether they are
// silent, while a sample of each comes every ten seconds: all ticks of ten
// minutes, and the longest one, during which no sample can be taken.
func BenchmarkTicks(b *testing.B) {
	const many = 100_000
	e := NewEvaluator(parsed(b, "groups: [{name: g, rules: [{alert: A, measurement: m, when: v > 95, no_data: {after: 5m}}]}]"), start)
	s := sample.Sample{Measurement: "m", Tags: []sample.Tag{{Key: "host"}}, Fields: []sample.Field{{Key: "v", Value: sample.Num(1)}}}
	hosts := make([]string, many)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("server-%06d.fra1.example.com", i)
	}
	now, longest, ticks, took := start, time.Duration(0), 0, time.Duration(0)
	for b.Loop() {
		for range 60 {
			for _, host := range hosts {
				s.Tags[0].Value, s.Time = host, now
				e.Metric(&s, now)
			}
			e.Dirty()
			for end := now.Add(10 * time.Second); ; {
				if now = e.Next(); now.After(end) {
					now = end
					break
				}
				began := time.Now()
				e.Tick(now)
				one := time.Since(began)
				ticks, took, longest = ticks+1, took+one, max(longest, one)
			}
		}
	}
	require.Empty(b, e.Changes(), "none of them was silent")
	b.ReportMetric(float64(took.Milliseconds())/float64(b.N), "ms/10min")
	b.ReportMetric(float64(longest.Microseconds())/1000, "ms/longest")
	b.ReportMetric(float64(ticks)/float64(b.N), "ticks/10min")
}
