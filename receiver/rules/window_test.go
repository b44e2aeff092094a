package rules

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	r := &tracker{rule: &Rule{Chart: &Chart{Field: "v", Last: time.Hour}}}
	picture := c.picture(r, base+59*minute)
	require.Equal(t, start, picture.From)
	require.Equal(t, time.Minute, picture.Step)
	for i, mean := range picture.Points {
		require.Equal(t, float64(2*i)+0.5, mean)
	}

	picture = c.picture(r, base+89*minute)
	require.Equal(t, start.Add(30*time.Minute), picture.From)
	require.Equal(t, 60.5, picture.Points[0])
	require.True(t, math.IsNaN(picture.Points[30]), "what was not measured is a gap, not 0")

	c.add(base+300*minute, 7)
	picture = c.picture(r, base+300*minute)
	require.Equal(t, 7.0, picture.Points[59])
	for _, mean := range picture.Points[:59] {
		require.True(t, math.IsNaN(mean), "what is older than the chart is gone")
	}
}
