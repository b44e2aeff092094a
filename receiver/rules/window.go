package rules

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// windowPoints is how many points a window keeps; samples that are closer than
// its length divided by this are merged into one.
const windowPoints = 240

// span is what the samples of a stretch of time come to. Two that follow each
// other can be joined, so a window is never added up anew.
type span struct {
	at          int64 // the newest sample's time
	n           uint32
	first, last float64
	sum         float64
	min, max    float64
	rise        float64 // how much a counter went up, resets taken into account
}

func single(at int64, v float64) span {
	return span{at: at, n: 1, first: v, last: v, sum: v, min: v, max: v}
}

// join is a with b after it.
func join(a, b span) span {
	rise := b.first - a.last
	if rise < 0 { // the counter began anew at 0
		rise = b.first
	}
	return span{
		at: b.at, n: a.n + b.n, first: a.first, last: b.last, sum: a.sum + b.sum,
		min: min(a.min, b.min), max: max(a.max, b.max), rise: a.rise + rise + b.rise,
	}
}

// window is the recent past of one field: what is not older than its length.
//
// The points from head to mid are joined from the newest to the oldest in
// tails, so that dropping the oldest needs no subtraction, whose errors would
// stay; those from mid on are joined in rest. When the first are used up,
// tails are made anew: a constant effort a sample in the long run.
type window struct {
	length, step int64
	points       []span // the oldest first; those before head are gone
	tails        []span // tails[i]: points[i] to points[mid-1] joined, for i >= head
	head, mid    int
	rest         span
}

func newWindow(length time.Duration) window {
	return window{length: int64(length), step: max(int64(length)/windowPoints, 1)}
}

// add takes a sample that is not older than those before.
func (w *window) add(at int64, v float64) {
	w.drop(at)
	one, last := single(at, v), len(w.points)-1
	switch {
	case last < 0:
		w.rest = one
	case at/w.step == w.rest.at/w.step:
		// drop never turns the newest point over, so this one is part of rest.
		w.points[last] = join(w.points[last], one)
		w.rest = join(w.rest, one)
		return
	default:
		w.rest = join(w.rest, one)
	}
	w.points = append(w.points, one)
}

// drop forgets what is older than the window at a time.
func (w *window) drop(now int64) {
	edge := now - w.length
	for w.head < len(w.points) && w.points[w.head].at <= edge {
		w.head++
	}
	if w.head <= w.mid {
		return
	}
	// Into the part that is joined the other way: turn it over, all but the
	// newest, into which the next sample may be merged.
	w.points = w.points[:copy(w.points, w.points[w.head:])]
	w.head, w.mid = 0, max(len(w.points)-1, 0)
	w.tails = append(w.tails[:0], w.points[:w.mid]...)
	for i := w.mid - 2; i >= 0; i-- {
		w.tails[i] = join(w.points[i], w.tails[i+1])
	}
	if w.mid < len(w.points) {
		w.rest = w.points[w.mid]
	}
}

// value is what a function says of the window, none where it has nothing to
// say it of. The window must have been dropped up to now.
func (w *window) value(function string) sample.Value {
	if w.head == len(w.points) {
		return sample.Value{}
	}
	all := w.rest
	if w.head < w.mid {
		all = join(w.tails[w.head], w.rest)
	}
	switch function {
	case "mean":
		return sample.Num(all.sum / float64(all.n))
	case "min":
		return sample.Num(all.min)
	case "max":
		return sample.Num(all.max)
	case "count":
		return sample.Num(float64(all.n))
	case "delta":
		if all.n > 1 { // of one sample it is not known whether it changes
			return sample.Num(all.last - all.first)
		}
	case "rate":
		if took := all.at - w.points[w.head].at; took > 0 {
			return sample.Num(all.rise / time.Duration(took).Seconds())
		}
	}
	return sample.Value{}
}
