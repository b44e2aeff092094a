package rules

import (
	"cmp"
	"math"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// chartPoints is how many points a chart has.
const chartPoints = 60

// chart is the recent past of one field of a series: means over a sixtieth of
// the rule's chart.last.
type chart struct {
	step   int64
	newest int64 // number of the newest bucket, counted from 1970
	n      uint32
	means  [chartPoints]float64 // by number modulo chartPoints; NaN: nothing measured
}

func newChart(last time.Duration) *chart {
	c := &chart{step: max(int64(last)/chartPoints, 1), newest: math.MinInt64}
	for i := range c.means {
		c.means[i] = math.NaN()
	}
	return c
}

// draw takes a sample that has a number for the chart, and nothing to decide by.
// The clock of the series stays where it is: what the conditions look at may come
// with an older time. A bucket that is over stays as it was.
func (one *series) draw(s *sample.Sample, at int64) {
	if one.memory == nil || one.memory.chart == nil {
		return
	}
	c := one.memory.chart
	if v, ok := s.Field(one.tracker.rule.Chart.Field).Number(); ok && at/c.step >= c.newest {
		c.add(at, v)
		one.flags |= moved
	}
}

// slot is where a bucket is kept. Numbers before 1970 are negative.
func slot(number int64) int64 {
	return (number%chartPoints + chartPoints) % chartPoints
}

// add takes a sample that is not older than those before.
func (c *chart) add(at int64, v float64) {
	c.advance(at)
	c.n++
	mean := &c.means[slot(c.newest)]
	if c.n == 1 {
		*mean = v
	} else {
		*mean += (v - *mean) / float64(c.n)
	}
}

// advance empties the buckets that time has passed over.
func (c *chart) advance(at int64) {
	number := at / c.step
	if number <= c.newest {
		return
	}
	from := number - chartPoints + 1
	if c.newest >= from {
		from = c.newest + 1
	}
	for i := from; i <= number; i++ {
		c.means[slot(i)] = math.NaN()
	}
	c.newest, c.n = number, 0
}

// shift says that the series' clock was set by that much.
func (c *chart) shift(by int64) {
	if c.newest == math.MinInt64 {
		return
	}
	moved := steps(by, c.step)
	means := c.means
	for i := range int64(chartPoints) {
		c.means[slot(c.newest+moved-i)] = means[slot(c.newest-i)]
	}
	c.newest += moved
}

// steps is by how many buckets a time moves, rounded down, so that none is of
// times to come.
func steps(by, step int64) int64 {
	if by%step < 0 {
		return by/step - 1
	}
	return by / step
}

// picture is the chart as it stands at a time, with the limits of its rule;
// what was not measured yet is a gap.
func (c *chart) picture(limits *alert.Chart, at int64) *alert.Chart {
	last := max(at/c.step, c.newest)
	points := make(alert.Points, 0, chartPoints)
	for i := last - chartPoints + 1; i <= last; i++ {
		point := math.NaN()
		if i <= c.newest {
			point = c.means[slot(i)]
		}
		points = append(points, point)
	}
	return &alert.Chart{
		Field: limits.Field, Step: time.Duration(c.step), Points: points,
		From: timeOf((last - chartPoints + 1) * c.step), Thresholds: limits.Thresholds,
	}
}

// chart is what an alert of the series carries: the past of its number, or
// only the thresholds where the rule keeps none. They are the rule's own, and
// cost nothing.
func (one *series) chart(at int64) *alert.Chart {
	if one.memory != nil && one.memory.chart != nil {
		return one.memory.chart.picture(one.tracker.limits, at)
	}
	return one.tracker.limits
}

// limits is a chart of a rule without points: the thresholds of its levels, and
// the field that they are compared with. It is that of the rule's chart or,
// without one, of the first level that is a plain comparison. nil where there
// is nothing to draw or to compare with.
func limits(rule *Rule) *alert.Chart {
	c := &alert.Chart{}
	if rule.Chart != nil {
		c.Field = rule.Chart.Field
	}
	for _, level := range rule.Levels {
		b, ok := level.When.Bound()
		if !ok || b.Op == "==" || b.Op == "!=" { // there is no side that is worse
			continue
		}
		name := b.Operand // among the alert's values
		if b.Need != (condition.Need{}) {
			name = needName(b.Need)
		}
		field := cmp.Or(b.Field, name)
		if c.Field == "" {
			c.Field = field
		}
		if c.Field != field {
			continue
		}
		t := alert.Threshold{Severity: level.severity(rule), Value: b.Limit, Below: b.Op[0] == '<'}
		if name != field {
			t.Of = name
		}
		c.Thresholds = append(c.Thresholds, t)
	}
	if c.Thresholds == nil && rule.Chart == nil {
		return nil
	}
	return c
}

// severity is the level's, or that of the rule's labels if it is the same for
// all series; "" if neither says.
func (l *Level) severity(rule *Rule) string {
	if l.Severity != "" {
		return l.Severity
	}
	for i := range rule.Labels {
		if own := &rule.Labels[i]; own.Name == alert.SeverityLabel && own.compiled == nil {
			return own.text
		}
	}
	return ""
}
