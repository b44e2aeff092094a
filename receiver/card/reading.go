package card

import (
	"math"
	"slices"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/chart"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Reading is an alert's value against its threshold.
type Reading struct {
	Name     string // what was measured, as its source calls it: "temp_c"
	Value    string // "33.1"
	Limit    string // "32"
	Severity string // of the limit, "" without one
	Words    string // "1.1 above critical 32"; of what is resolved "2.1 below 32"
	Above    bool   // the value is above the limit
	// Beyond: the value is on the bad side of the limit, where it fires.
	Beyond bool
}

// reading is what a card says of an alert's value; nil when its source gives
// no value or no threshold.
func reading(a *Alert) *Reading {
	if a == nil || a.Chart == nil {
		return nil
	}
	severity := a.Labels[alert.SeverityLabel]
	limit, ok := limitOf(a.Chart, severity)
	if !ok {
		return nil
	}
	name := limit.Of
	if name == "" {
		name = a.Chart.Field
	}
	value, ok := a.Values[name]
	if !ok {
		if limit.Of != "" {
			return nil
		}
		if value, ok = lastPoint(a.Chart.Points); !ok {
			return nil
		}
	}
	if name == "_value" { // InfluxDB's name for the result of a query
		name = "value"
	}
	r := &Reading{
		Name: name, Value: chart.Number(value), Limit: chart.Number(limit.Value), Severity: limit.Severity,
		Above: value > limit.Value, Beyond: value > limit.Value != limit.Below && value != limit.Value,
	}
	if r.Value == "" || r.Limit == "" {
		return nil
	}
	named := r.Limit
	if r.Severity != "" && a.State != string(group.Resolved) {
		named = r.Severity + " " + r.Limit
	}
	distance := chart.Number(math.Abs(value - limit.Value))
	switch {
	case r.Value == r.Limit || distance == "":
		r.Words = "at " + named
	case r.Above:
		r.Words = distance + " above " + named
	default:
		r.Words = distance + " below " + named
	}
	return r
}

// limitOf is the threshold that an alert of a severity has crossed. Where the
// rule's labels say the severity instead of its levels there is but one.
func limitOf(c *alert.Chart, severity string) (alert.Threshold, bool) {
	at := slices.IndexFunc(c.Thresholds, func(t alert.Threshold) bool { return t.Severity == severity })
	if at < 0 && len(c.Thresholds) == 1 {
		at = 0
	}
	if at < 0 {
		return alert.Threshold{}, false
	}
	return c.Thresholds[at], true
}

// lastPoint is the last point that was measured.
func lastPoint(points alert.Points) (float64, bool) {
	for _, v := range slices.Backward(points) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v, true
		}
	}
	return 0, false
}
