package rules

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// TestWindowsAreExact compares windows with what the words mean, for samples
// that are not closer than a 240th of the window.
func TestWindowsAreExact(t *testing.T) {
	type point struct{ at, v float64 } // seconds
	random := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		const length = 240.0
		w := newWindow(time.Duration(length) * time.Second)
		var all []point
		now := 1000.0
		for range 600 {
			now += float64(1 + random.IntN(3))
			if random.IntN(50) == 0 {
				now += float64(random.IntN(400))
			}
			v := float64(random.IntN(100))
			w.drop(int64(now * 1e9))
			if random.IntN(10) > 0 { // else a sample without the field
				w.add(int64(now*1e9), v)
				all = append(all, point{now, v})
			}
			for len(all) > 0 && all[0].at <= now-length {
				all = all[1:]
			}
			want := map[string]float64{}
			if n := len(all); n > 0 {
				sum, low, high, rise := 0.0, math.Inf(1), math.Inf(-1), 0.0
				for i, p := range all {
					sum, low, high = sum+p.v, min(low, p.v), max(high, p.v)
					if i > 0 && p.v >= all[i-1].v {
						rise += p.v - all[i-1].v
					} else if i > 0 {
						rise += p.v
					}
				}
				want = map[string]float64{"mean": sum / float64(n), "min": low, "max": high, "count": float64(n)}
				if n > 1 {
					want["delta"] = all[n-1].v - all[0].v
					want["rate"] = rise / (all[n-1].at - all[0].at)
				}
			}
			for _, function := range []string{"mean", "min", "max", "count", "delta", "rate"} {
				got, ok := w.value(function).Number()
				expected, known := want[function]
				require.Equal(t, known, ok, "%s of %v", function, all)
				require.InDelta(t, expected, got, 1e-6, "%s of %v", function, all)
			}
		}
	}
}

// TestWindowsStaySmall would fail for who samples every millisecond and asks
// for a day.
func TestWindowsStaySmall(t *testing.T) {
	w := newWindow(time.Hour)
	n := 0
	for at := time.Duration(0); at < 3*time.Hour; at += 100 * time.Millisecond {
		w.drop(int64(at))
		w.add(int64(at), 1)
		require.LessOrEqual(t, len(w.points)-w.head, windowPoints+1)
		require.LessOrEqual(t, cap(w.points), 1024)
		n++
	}
	got, _ := w.value("count").Number()
	require.InEpsilon(t, 36000, got, 0.005, "merged points all count, give or take the oldest")
	require.Equal(t, 108000, n)
}

// TestAGreatValueLeavesNoTraceInAWindow would fail if means were kept by
// adding and subtracting: after 1e18 nothing small would ever be right again.
func TestAGreatValueLeavesNoTraceInAWindow(t *testing.T) {
	w := newWindow(time.Minute)
	for i := range int64(1000) {
		v := 0.1
		if i == 100 {
			v = 1e18
		}
		at := i * int64(time.Second)
		w.drop(at)
		w.add(at, v)
	}
	mean, _ := w.value("mean").Number()
	require.InDelta(t, 0.1, mean, 1e-12)
}

func TestChartsAreMeansOfSixtyBuckets(t *testing.T) {
	c := newChart(time.Hour)
	minute := int64(time.Minute)
	base := start.UnixNano()
	for i := range int64(120) { // a sample every 30 s: 0, 1, 2, …
		c.add(base+i*minute/2, float64(i))
	}
	limits := &alert.Chart{Field: "v"}
	picture := c.picture(limits, base+59*minute)
	require.Equal(t, start, picture.From)
	require.Equal(t, time.Minute, picture.Step)
	for i, mean := range picture.Points {
		require.Equal(t, float64(2*i)+0.5, mean)
	}

	picture = c.picture(limits, base+89*minute)
	require.Equal(t, start.Add(30*time.Minute), picture.From)
	require.Equal(t, 60.5, picture.Points[0])
	require.True(t, math.IsNaN(picture.Points[30]), "what was not measured is a gap, not 0")

	c.add(base+300*minute, 7)
	picture = c.picture(limits, base+300*minute)
	require.Equal(t, 7.0, picture.Points[59])
	for _, mean := range picture.Points[:59] {
		require.True(t, math.IsNaN(mean), "what is older than the chart is gone")
	}
}

// TestAWindowHidesNothingThatIsMissing would fail for who relies on silence: a
// rule on a mean and a door that is not sent any more decides nothing, and the
// samples that go on to fill the window must not hide that.
func TestAWindowHidesNothingThatIsMissing(t *testing.T) {
	const keys = `when: 'mean(temp, "5m") > 27 and door == "closed"', severity: critical, no_data: {after: 10m, severity: warning}, chart: {field: temp}`
	w := newWorld(t, oneRule(t, keys))
	w.metric("", `temp=20,door="closed"`)
	for i := range 20 {
		w.to(mins(float64(i+1))).metric("", "temp=40")
	}
	w.says("warning{no_data=true} fires since 10m")
	require.EqualValues(t, 20, w.e.Stats()[0].Unusable)

	w.measured(mins(19), "", `temp=40,door="closed"`).says()
	require.EqualValues(t, 1, w.e.Stats()[0].Late, "a window takes nothing older than what it has")
	w.e.Checkpoint()
	w.listen()
	w.restart(w.set)
	w.metric("", `temp=20,door="closed"`).says("warning{no_data=true} ends 10m-20m: Data comes again.", "critical fires since 20m")
	w.e.Firing(func(a alert.Alert) {
		require.InDelta(t, (5*40+20)/6.0, a.Values["mean(temp, 5m)"], 1e-9, "the window was filled meanwhile")
		require.Equal(t, 40.0, a.Chart.Points[58])
	})
	w.to(mins(25)).metric("", "temp=40").to(mins(32)).says("warning{no_data=true} fires since 30m")
	require.Equal(t, []string{"critical fires since 20m", "warning{no_data=true} fires since 30m"}, w.firing())

	w = newWorld(t, oneRule(t, keys))
	w.metric("", "temp=40")
	require.Zero(t, w.e.Stats()[0].Series, "what never had a door is none of the rule's series")
}

// TestAChartIsDrawnOfWhatComesByItself would fail for who charts the humidity
// beside an alert of the temperature, where each comes in a metric of its own.
func TestAChartIsDrawnOfWhatComesByItself(t *testing.T) {
	w := newWorld(t, oneRule(t, "when: temp > 27, severity: info, chart: {field: humidity}"))
	w.metric("", "humidity=10")
	require.Zero(t, w.e.Stats()[0].Series, "what is only drawn makes no series")
	w.metric("", "temp=30").says("info fires since 0s")
	for i := range 3 {
		w.to(mins(float64(i+1))).metric("", fmt.Sprintf("humidity=%d", 41+i)).metric("", "temp=30")
	}
	require.EqualValues(t, 4, w.e.Stats()[0].Unusable)
	w.e.Firing(func(a alert.Alert) { require.Equal(t, alert.Points{41, 42, 43}, a.Chart.Points[57:]) })
}

// TestWhatIsOnlyDrawnMakesNothingLate would fail for who charts a number beside
// one whose times are older, as those of OPC UA are, which say when it changed.
func TestWhatIsOnlyDrawnMakesNothingLate(t *testing.T) {
	w := newWorld(t, oneRule(t, "when: temp > 27, severity: info, chart: {field: humidity}"))
	w.metric("", "temp=20")
	w.to(mins(2)).metric("", "humidity=40")
	w.measured(mins(1), "", "temp=30").says("info fires since 1m")
	require.Zero(t, w.e.Stats()[0].Late)
	w.to(mins(10)).metric("", "humidity=50").measured(mins(5), "", "humidity=99")
	w.e.Checkpoint()
	w.listen()
	w.restart(w.set)
	w.measured(mins(2), "", "temp=20").says("info ends 1m-2m")
	w.metric("", "temp=30")
	w.e.Firing(func(a alert.Alert) {
		require.EqualValues(t, 40, a.Chart.Points[51])
		require.EqualValues(t, 50, a.Chart.Points[59], "as before the restart, and without what came too late")
	})
	require.Len(t, w.told, 1)
}

// TestWhatIsStillFillingIsHeardOf would fail for who watches how a counter
// rises, if the first sample were no sign of life because it has none before it.
func TestWhatIsStillFillingIsHeardOf(t *testing.T) {
	for name, c := range map[string]struct {
		when, sample string
		heard        bool
	}{
		"the rate of one sample":                           {`rate(n, "5m") > 1`, "n=1", true},
		"the delta of one sample":                          {`delta(n, "5m") > 1`, "n=1", true},
		"the delta of a text":                              {`delta(n, "5m") > 1 or count(n, "5m") > 9`, `n="1"`, false},
		"the first state":                                  {`changed(state)`, `state="up"`, true},
		"the first state, in a comparison":                 {`previous(state) == "up"`, `state="up"`, true},
		"a state that is too long to be remembered":        {`changed(state) or mean(n, "5m") > 1`, `n=1,state="` + strings.Repeat("x", 2000) + `"`, false},
		"a rate, beside a field that is missing":           {`rate(n, "5m") >= 0 and door == "open"`, "n=1", false},
		"a rate, beside a tag that is missing":             {`rate(n, "5m") >= 0 and tag("x") == "open"`, "n=1", false},
		"a rate, beside a window that has nothing":         {`rate(n, "5m") >= 0 and mean(v, "5m") > 1`, "n=1", false},
		"the first state, beside one that is missing":      {`not changed(state) and not changed(door)`, `state="up"`, false},
		"the first state, beside one that does not matter": {`changed(state) and door == "open"`, `state="up",door="closed"`, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, oneRule(t, "when: '"+c.when+"', severity: info"))
			w.metric("", c.sample).says()
			stats := w.e.Stats()[0]
			require.Equal(t, c.heard, stats.Series == 1)
			require.Equal(t, c.heard, stats.Unusable == 0)
		})
	}
}
