package chart

import (
	"math"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// maxLimits is how many thresholds a picture has room for.
const maxLimits = 4

// limits are the thresholds that can be drawn.
func limits(all []alert.Threshold) (list []alert.Threshold) {
	for _, t := range all {
		if measured(t.Value) && len(list) < maxLimits {
			list = append(list, t)
		}
	}
	return list
}

// drawable is a number with which one can reckon: the difference of two of
// them is finite, and they are not so small that nothing can be divided by it.
func drawable(v float64) float64 {
	const huge, tiny = 4e307, 1e-290
	if math.Abs(v) < tiny {
		return 0
	}
	return min(max(v, -huge), huge)
}

// scale says where values are between the bottom (0) and the top (1).
type scale struct {
	low, high float64
	ticks     []float64
	decimals  int
}

func (s *scale) share(v float64) float64 { return (drawable(v) - s.low) / (s.high - s.low) }

// scaleFor takes in all that was measured, and the thresholds that are not so
// far away that the line would be flat because of them.
func scaleFor(r extent, thresholds []alert.Threshold) scale {
	const (
		far    = 4    // times what the values reach over
		steady = 0.15 // of a value: what little changes reach over at least
		room   = 0.12 // above and below
	)
	low, high := drawable(r.low), drawable(r.high)
	reach := max(high-low, steady*max(math.Abs(low), math.Abs(high)))
	if reach == 0 {
		reach = 1
	}
	from, to := low, high
	for _, t := range thresholds {
		limit := drawable(t.Value)
		if max(high, limit)-min(low, limit) <= far*reach {
			from, to = min(from, limit), max(to, limit)
		}
	}
	if to-from < reach/2 {
		from, to = from-reach/4, to+reach/4
	}
	margin := (to - from) * room
	s := scale{low: from - margin, high: to + margin}
	if low >= 0 && s.low < 0 {
		s.low = 0 // nobody should think that it can be negative
	}
	s.mark()
	return s
}

// mark chooses round numbers for the axis: up to four, and not less than two.
func (s *scale) mark() {
	reach := s.high - s.low
	unit := math.Pow(10, math.Floor(math.Log10(reach)))
	for _, size := range []float64{0.1, 0.2, 0.5, 1, 2, 5} {
		step := unit * size
		first := math.Ceil(s.low/step) * step
		if n := int((s.high-first)/step) + 1; n >= 2 && n <= 4 {
			for i := range n {
				s.ticks = append(s.ticks, first+float64(i)*step)
			}
			s.decimals = max(0, -int(math.Floor(math.Log10(step)+1e-9)))
			return
		}
	}
}

// label is what stands beside a tick.
func (s *scale) label(v float64) string {
	if s.decimals > 0 && s.decimals < 9 {
		round := math.Pow(10, float64(s.decimals))
		v = math.Round(v*round) / round
	}
	return Compact(v)
}

// span is the time that a chart shows.
type span struct{ ticks []tick }

// tick is a label on the axis of times.
type tick struct {
	share float64 // from the left (0) to the right (1)
	label string
}

// steps between two labels on the axis of times.
var timeSteps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 2 * day, 7 * day, 14 * day, 28 * day, 91 * day, 182 * day, 364 * day,
}

const (
	day       = 24 * time.Hour
	maxLabels = 3
)

// spanOf is without labels where the chart does not say when it was.
func spanOf(c *alert.Chart, zone *time.Location) (s span) {
	n := time.Duration(len(c.Points))
	total := n * c.Step
	if c.Step <= 0 || total/c.Step != n || c.From.Year() < 1970 || c.From.Year() > 9999 {
		return s
	}
	_, offset := c.From.In(zone).Zone()
	local := time.Duration(offset) * time.Second
	for _, step := range timeSteps {
		since := (time.Duration(c.From.UnixNano()) + local) % step
		first := (step - since) % step
		if count := int((total-first)/step) + 1; total < first || count > maxLabels {
			continue
		}
		for at := first; at <= total; at += step {
			s.ticks = append(s.ticks, tick{
				share: float64(at) / float64(total),
				label: c.From.Add(at).In(zone).Format(timeLayout(step, total)),
			})
		}
		break
	}
	return s
}

func timeLayout(step, total time.Duration) string {
	switch {
	case step >= day:
		return "2 Jan"
	case total > day:
		return "2 Jan 15:04"
	case step < time.Minute:
		return "15:04:05"
	}
	return "15:04"
}
