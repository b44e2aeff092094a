package rules

import (
	"math"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// rowVersion is the first byte of every row; one with another cannot be read.
const rowVersion = 1

// Limits of what is kept of the newest sample for alerts that begin without
// one.
const (
	maxKeptFields = 256
	maxKeptText   = 1024 // bytes of a text; the rest is cut off
)

// keptSeries is a row of a series: what is kept of it, without its rule, in which
// what belongs to a level or a function is found by name.
type keptSeries struct {
	shape  uint64
	key    string
	newest int64
	ahead  int64 // of the wall clock
	raw    uint16
	levels []keptLevel // the lowest first; none: ok

	told, quiet *keptAlert
	fields      []sample.Field
	computed    []keptValue

	previous []keptPrevious
	windows  []keptWindow
	chart    *keptChart
	usable   int64 // newest, if there was no memory
}

type keptLevel struct {
	severity string
	levelClock
}

type keptAlert struct {
	severity string // of its level
	alert    alert.Alert
}

type keptValue struct {
	need  condition.Need
	value sample.Value
}

type keptPrevious struct {
	field string
	value sample.Value
}

type keptWindow struct {
	windowKey
	points []span
}

type keptChart struct {
	field  string
	step   int64
	newest int64
	n      uint32
	means  []float64
}

// keptTracker is a row of what a rule knows beside its series.
type keptTracker struct {
	shape       uint64
	seen        int64
	quiet, full *keptAlert
}

func (e *Evaluator) encodeTracker(r *tracker) []byte {
	w := writer{rowVersion}
	w.uint(r.shape)
	w.int(r.seen)
	w.alert(r, r.quiet)
	w.alert(r, r.full)
	return w
}

func decodeTracker(state []byte) (*keptTracker, error) {
	in := reader{rest: string(state)}
	if in.byte() != rowVersion {
		return nil, errGarbage
	}
	k := &keptTracker{shape: in.uint(), seen: in.int(), quiet: in.alert(), full: in.alert()}
	if in.failed || in.rest != "" {
		return nil, errGarbage
	}
	return k, nil
}

func (e *Evaluator) encode(one *series) []byte {
	r := one.tracker
	w := writer{rowVersion}
	w.uint(r.shape)
	w.text(one.place.key)
	w.int(one.newest)
	w.int(one.ahead - e.shift)
	w.unwell(one)
	w.memory(r, one.memory)
	return w
}

func (w *writer) unwell(one *series) {
	r, u := one.tracker, one.unwell
	if u == nil {
		w.bool(false)
		return
	}
	w.bool(true)
	w.uint(uint64(one.raw))
	w.uint(uint64(len(u.clocks)))
	for i, clock := range u.clocks {
		w.text(r.level(uint16(i + 1)).Severity)
		w.bool(clock.on)
		w.int(clock.from)
	}
	w.alert(r, u.told)
	w.alert(r, u.quiet)
	fields := u.fields[:min(len(u.fields), maxKeptFields)]
	w.uint(uint64(len(fields)))
	for _, f := range fields {
		w.text(f.Key)
		w.value(f.Value)
	}
	w.uint(uint64(len(u.computed)))
	for i, v := range u.computed {
		w.need(r.rule.Needs[i])
		w.value(v)
	}
}

func (w *writer) memory(r *tracker, m *memory) {
	if m == nil {
		w.bool(false)
		return
	}
	w.bool(true)
	w.uint(uint64(len(m.previous)))
	for i, v := range m.previous {
		w.text(r.remembered[i])
		w.value(v)
	}
	w.uint(uint64(len(m.windows)))
	for i := range m.windows {
		w.text(r.windows[i].field)
		w.int(int64(r.windows[i].length))
		w.bool(r.windows[i].anything)
		w.points(m.windows[i].points[m.windows[i].head:])
	}
	w.chart(r, m.chart)
	w.int(m.usable)
}

func (w *writer) points(points []span) {
	w.uint(uint64(len(points)))
	before := int64(0)
	for _, p := range points {
		w.int(p.at - before)
		before = p.at
		w.uint(uint64(p.n))
		w.float(p.last)
		if p.n > 1 {
			for _, f := range []float64{p.first, p.sum, p.min, p.max, p.rise} {
				w.float(f)
			}
		}
	}
}

func (w *writer) chart(r *tracker, c *chart) {
	if c == nil || c.newest == math.MinInt64 {
		w.bool(false)
		return
	}
	w.bool(true)
	w.text(r.rule.Chart.Field)
	w.int(c.step)
	w.int(c.newest)
	w.uint(uint64(c.n))
	for i := range int64(chartPoints) { // the oldest first
		mean := c.means[slot(c.newest+1+i)]
		w.bool(!math.IsNaN(mean))
		if !math.IsNaN(mean) {
			w.float(mean)
		}
	}
}

func decode(state []byte) (*keptSeries, error) {
	in := reader{rest: string(state)}
	if in.byte() != rowVersion {
		return nil, errGarbage
	}
	k := &keptSeries{shape: in.uint(), key: in.text(), newest: in.int(), ahead: in.int()}
	k.usable = k.newest
	if in.bool() {
		in.unwell(k)
	}
	if in.bool() {
		in.memory(k)
	}
	if in.failed || in.rest != "" {
		return nil, errGarbage
	}
	return k, nil
}

func (in *reader) unwell(k *keptSeries) {
	k.raw = uint16(in.uint())
	k.levels = make([]keptLevel, in.count())
	for i := range k.levels {
		k.levels[i] = keptLevel{in.text(), levelClock{on: in.bool(), from: in.int()}}
	}
	if len(k.levels) == 0 || int(k.raw) > len(k.levels) {
		in.failed = true
	}
	k.told, k.quiet = in.alert(), in.alert()
	k.fields = make([]sample.Field, in.count())
	for i := range k.fields {
		k.fields[i] = sample.Field{Key: in.text(), Value: in.value()}
	}
	k.computed = make([]keptValue, in.count())
	for i := range k.computed {
		k.computed[i] = keptValue{in.need(), in.value()}
	}
}

func (in *reader) memory(k *keptSeries) {
	k.previous = make([]keptPrevious, in.count())
	for i := range k.previous {
		k.previous[i] = keptPrevious{in.text(), in.value()}
	}
	k.windows = make([]keptWindow, in.count())
	for i := range k.windows {
		k.windows[i].windowKey = windowKey{in.text(), time.Duration(in.int()), in.bool()}
		k.windows[i].points = in.points()
	}
	if in.bool() {
		k.chart = in.chart()
	}
	k.usable = in.int()
}

func (in *reader) points() []span {
	points := make([]span, in.count())
	at := int64(0)
	for i := range points {
		forward := in.int()
		if at += forward; i > 0 && forward < 0 {
			in.failed = true
		}
		p := &points[i]
		n := in.uint()
		*p = single(at, in.float())
		if p.n = uint32(n); n != 1 {
			for _, f := range []*float64{&p.first, &p.sum, &p.min, &p.max, &p.rise} {
				*f = in.float()
			}
		}
		if n == 0 || n > math.MaxUint32 {
			in.failed = true
		}
	}
	return points
}

func (in *reader) chart() *keptChart {
	c := &keptChart{field: in.text(), step: in.int(), newest: in.int(), n: uint32(in.uint())}
	for range chartPoints {
		mean := math.NaN()
		if in.bool() {
			mean = in.float()
		}
		c.means = append(c.means, mean)
	}
	return c
}

// recall fills a memory with what was kept for the same fields and lengths.
func (m *memory) recall(r *tracker, k *keptSeries) {
	m.usable = k.usable
	for _, p := range k.previous {
		if i := slices.Index(r.remembered, p.field); i >= 0 {
			m.previous[i] = p.value
		}
	}
	for _, w := range k.windows {
		if i := slices.Index(r.windows, w.windowKey); i >= 0 {
			m.windows[i].recall(w.points)
		}
	}
	if c := k.chart; c != nil && m.chart != nil && c.step == m.chart.step && c.field == r.rule.Chart.Field {
		m.chart.newest, m.chart.n = c.newest, c.n
		for i, mean := range c.means {
			m.chart.means[slot(c.newest+1+int64(i))] = mean
		}
	}
}

// recall fills a new window.
func (w *window) recall(points []span) {
	w.points = points
	for i, p := range points {
		if i == 0 {
			w.rest = p
		} else {
			w.rest = join(w.rest, p)
		}
	}
}

// adoptComputed puts what was computed where the rule's needs are now.
func (r *tracker) adoptComputed(k *keptSeries) []sample.Value {
	if len(k.computed) == 0 {
		return nil
	}
	values := make([]sample.Value, len(r.rule.Needs))
	for _, c := range k.computed {
		if i := slices.Index(r.rule.Needs, c.need); i >= 0 {
			values[i] = c.value
		}
	}
	return values
}
