package chart

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

func TestTheAxisHasAFewRoundNumbers(t *testing.T) {
	for want, values := range map[string][2]float64{
		"26 28 30 32": {26, 33.1}, "0 0.05 0.1 0.15": {0.0001, 0.15}, "85 90 95 100": {85, 100}, "-10 0 10": {-10, 12}, "0.019 0.02 0.021": {0.0195, 0.0203},
		"1G 1.2G 1.4G 1.6G": {1e9, 1.6e9}, "0 0.1 0.2 0.3": {0, 0}, "1e300 2e300 3e300": {1e300, 3e300},
	} {
		s := scaleFor(extent{low: values[0], high: values[1], known: true}, nil)
		var labels []string
		for _, v := range s.ticks {
			labels = append(labels, s.label(v))
			require.GreaterOrEqual(t, s.share(v), 0.0)
			require.LessOrEqual(t, s.share(v), 1.0)
		}
		require.Equal(t, want, strings.Join(labels, " "))
	}
}

// TestANumberThatCannotBeNegativeHasNoAxisBelowZero would fail for who wonders
// how a disk can be −5 % full.
func TestANumberThatCannotBeNegativeHasNoAxisBelowZero(t *testing.T) {
	require.Zero(t, scaleFor(extent{low: 0, high: 100}, nil).low)
	require.Zero(t, scaleFor(extent{low: 0, high: 0}, nil).low)
	require.Less(t, scaleFor(extent{low: -1, high: 100}, nil).low, -1.0)
}

func TestTheAxisOfTimesIsTheReaders(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	india := time.FixedZone("IST", 5*3600+1800)
	labels := func(from time.Time, step time.Duration, zone *time.Location) string {
		var list []string
		for _, tick := range spanOf(&alert.Chart{From: from, Step: step, Points: make(alert.Points, 60)}, zone).ticks {
			list = append(list, tick.label)
			require.GreaterOrEqual(t, tick.share, 0.0)
			require.LessOrEqual(t, tick.share, 1.0)
		}
		return strings.Join(list, ", ")
	}
	for name, c := range map[string]struct {
		step time.Duration
		zone *time.Location
		want string
	}{
		"an hour":                         {time.Minute, time.UTC, "09:20, 09:40, 10:00"},
		"an hour where it is later":       {time.Minute, berlin, "10:20, 10:40, 11:00"},
		"round hours where they are half": {12 * time.Minute, india, "16:00, 20:00, 00:00"},
		"a minute":                        {time.Second, time.UTC, "09:02:00, 09:02:30, 09:03:00"},
		"a day":                           {24 * time.Minute, time.UTC, "12:00, 00:00"},
		"a week":                          {7 * 24 * time.Minute, time.UTC, "23 Nov, 25 Nov, 27 Nov"},
		"two days":                        {48 * time.Minute, time.UTC, "22 Nov, 23 Nov"},
		"ten years":                       {1460 * time.Hour, time.UTC, ""},
		"no step":                         {0, time.UTC, ""},
		"a step back":                     {-time.Minute, time.UTC, ""},
		"a step without end":              {math.MaxInt64, time.UTC, ""},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, labels(start, c.step, c.zone)) })
	}
	require.Empty(t, labels(time.Time{}, time.Minute, time.UTC), "nobody said when it was")
}
