package chart

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// TestAChartIsDrawnOnlyWhenItChanged would fail for a group with ten addresses
// of which each is retried: all of them would draw.
func TestAChartIsDrawnOnlyWhenItChanged(t *testing.T) {
	draws := 0
	var pictures Pictures
	pictures.draw = func(c *alert.Chart, zone *time.Location) []byte {
		draws++
		return Draw(c, zone)
	}
	same := func() *alert.Chart { return hour([]alert.Threshold{{Severity: "critical", Value: 32}}, rising) }
	first := pictures.DataURI(same(), nil)
	require.True(t, strings.HasPrefix(first, "data:image/png;base64,"))
	for range 3 {
		require.Equal(t, first, pictures.DataURI(same(), time.UTC))
	}
	require.Equal(t, 1, draws)

	for name, change := range map[string]func(c *alert.Chart){
		"a point":                func(c *alert.Chart) { c.Points[7]++ },
		"one that is missing":    func(c *alert.Chart) { c.Points[7] = nan },
		"one more":               func(c *alert.Chart) { c.Points = append(c.Points, 1) },
		"its time":               func(c *alert.Chart) { c.From = c.From.Add(time.Minute) },
		"its step":               func(c *alert.Chart) { c.Step++ },
		"a threshold":            func(c *alert.Chart) { c.Thresholds[0].Value++ },
		"a threshold's side":     func(c *alert.Chart) { c.Thresholds[0].Below = true },
		"a threshold's severity": func(c *alert.Chart) { c.Thresholds[0].Severity = "error" },
		"no threshold":           func(c *alert.Chart) { c.Thresholds = nil },
	} {
		before := draws
		changed := same()
		change(changed)
		pictures.DataURI(changed, nil)
		require.Equal(t, before+1, draws, name)
	}
	before := draws
	pictures.DataURI(same(), time.FixedZone("UTC", 3600))
	require.Equal(t, before+1, draws, "another reader's clock")

	require.Empty(t, pictures.DataURI(nil, nil))
	require.Empty(t, pictures.DataURI(&alert.Chart{}, nil))
}

// TestTheMemoryForPicturesIsBounded would fail after some weeks.
func TestTheMemoryForPicturesIsBounded(t *testing.T) {
	draws := 0
	pictures := Pictures{draw: func(*alert.Chart, *time.Location) []byte { draws++; return make([]byte, 300<<10) }}
	one := func(i int) *alert.Chart { return &alert.Chart{Points: alert.Points{float64(i)}} }
	for i := range 100 {
		pictures.DataURI(one(i), nil)
		pictures.DataURI(one(0), nil)
		require.LessOrEqual(t, pictures.size, maxKept)
	}
	require.Equal(t, 100, draws, "the one that is wanted often stays")
	require.Equal(t, pictures.order.Len(), len(pictures.kept))
	pictures.DataURI(one(1), nil)
	require.Equal(t, 101, draws, "one that nobody wanted is gone")
}

func TestPicturesAreDrawnForManyAtOnce(t *testing.T) {
	var pictures Pictures
	want := (&Pictures{}).DataURI(hour(limits32, rising), nil)
	var all sync.WaitGroup
	got := make([]string, 4)
	for i := range got {
		all.Go(func() {
			for j := range 2 {
				pictures.DataURI(&alert.Chart{Field: fmt.Sprint(i, j), Points: alert.Points{float64(i), float64(j)}}, nil)
				got[i] = pictures.DataURI(hour(limits32, rising), nil)
			}
		})
	}
	all.Wait()
	for _, uri := range got {
		require.Equal(t, want, uri)
	}
}

func BenchmarkAPictureThatIsKept(b *testing.B) {
	var pictures Pictures
	c := hour(limits32, rising)
	b.ReportAllocs()
	for b.Loop() {
		pictures.DataURI(c, nil)
	}
}
