package card

import (
	"math"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/chart"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Reading is an alert's value against its threshold, in words.
type Reading struct {
	Name     string // what was measured, as its source calls it: "temp_c"
	Value    string // "33.1"
	Limit    string // "32"
	Severity string // of the limit, "" without one
	Words    string // "1.1 above critical 32"; of what is resolved "2.1 below 32"
	Above    bool   // the value is above the limit
}

// manyDigits is what is written as in a chart, 10.74G: who was just woken does
// not count the digits of bytes.
const manyDigits = 1e6

// reading is what a card says of an alert's value; nil when its source gives
// no value, or no threshold of the alert's severity.
func reading(a *Alert) *Reading {
	if a == nil || a.Chart == nil {
		return nil
	}
	limit, ok := limitOf(a.Chart.Thresholds, a.Labels[alert.SeverityLabel])
	if !ok {
		return nil
	}
	name := limit.Of
	if name == "" {
		name = a.Chart.Field
	}
	value, ok := a.Values[name]
	if !ok && limit.Of == "" {
		value, ok = lastPoint(a.Chart.Points)
	}
	number := chart.Number
	if max(math.Abs(value), math.Abs(limit.Value)) >= manyDigits {
		number = chart.Compact
	}
	r := &Reading{
		Name: chart.FieldName(name), Value: number(value), Limit: number(limit.Value),
		Severity: limit.Severity, Above: value > limit.Value,
	}
	if !ok || r.Value == "" || r.Limit == "" {
		return nil
	}
	r.Words = r.distance(math.Abs(value-limit.Value), number)
	if r.Severity != "" && a.State != string(group.Resolved) {
		r.Words += r.Severity + " "
	}
	r.Words += r.Limit
	return r
}

// limitOf is the threshold that an alert of a severity has crossed. Where
// there is but one, it is that.
func limitOf(thresholds []alert.Threshold, severity string) (alert.Threshold, bool) {
	at := slices.IndexFunc(thresholds, func(t alert.Threshold) bool { return t.Severity == severity })
	if at < 0 && len(thresholds) != 1 {
		return alert.Threshold{}, false
	}
	return thresholds[max(at, 0)], true
}

// lastPoint is the last point that was measured.
func lastPoint(points alert.Points) (float64, bool) {
	for _, v := range slices.Backward(points) {
		if !math.IsNaN(v) {
			return v, true
		}
	}
	return 0, false
}

// distance says how far the value is from its limit, "1.1 above ", no more
// exactly than both are written.
func (r *Reading) distance(by float64, number func(float64) string) string {
	far := number(by)
	if most := max(decimals(r.Value), decimals(r.Limit)); most >= 0 && by < manyDigits {
		unit := math.Pow(10, float64(most))
		far = number(math.Round(by*unit) / unit)
	}
	switch {
	case r.Value == r.Limit || far == "0" || far == "":
		return "at "
	case r.Above:
		return far + " above "
	}
	return far + " below "
}

// decimals is how many digits a number has behind its point, -1 where it has
// an exponent.
func decimals(number string) int {
	if strings.Contains(number, "e") {
		return -1
	}
	_, fraction, _ := strings.Cut(number, ".")
	return len(fraction)
}
