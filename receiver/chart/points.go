package chart

import (
	"math"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// extent is what a row of points reaches over.
type extent struct {
	first, last, low, high float64
	count                  int  // of what was measured
	known                  bool // something was
}

// measured reports whether a point is a number.
func measured(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func rangeOf(points alert.Points) (r extent) {
	for _, v := range points {
		if !measured(v) {
			continue
		}
		if !r.known {
			r = extent{first: v, low: v, high: v, known: true}
		}
		r.last, r.low, r.high = v, min(r.low, v), max(r.high, v)
		r.count++
	}
	return r
}

// trimmed is the points from the first that was measured on: a series that is
// younger than its chart did not stop, it began.
func trimmed(points alert.Points) alert.Points {
	for len(points) > 0 && !measured(points[0]) {
		points = points[1:]
	}
	return points
}

// folded makes at most so many points of more: each the mean of those in its
// place that were measured.
func folded(points alert.Points, most int) alert.Points {
	if len(points) <= most {
		return points
	}
	out := make(alert.Points, most)
	for i := range out {
		out[i] = mean(points[i*len(points)/most : (i+1)*len(points)/most])
	}
	return out
}

// mean is NaN when nothing was measured.
func mean(points alert.Points) float64 {
	sum, n := 0.0, 0
	for _, v := range points {
		if measured(v) {
			n++
			sum += (v - sum) / float64(n)
		}
	}
	if n == 0 || !measured(sum) {
		return math.NaN()
	}
	return sum
}
