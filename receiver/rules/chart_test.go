package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// TestAnAlertCarriesTheLimitsOfItsRule would fail for who reads a card: it
// could not say how far beyond the limit the value is.
func TestAnAlertCarriesTheLimitsOfItsRule(t *testing.T) {
	for name, c := range map[string]struct {
		keys string
		want *alert.Chart
	}{
		"of all levels, the highest first": {
			`levels: [{severity: critical, when: v > 32}, {severity: warning, when: v >= 27}]`,
			&alert.Chart{Field: "v", Thresholds: []alert.Threshold{{Severity: "critical", Value: 32}, {Severity: "warning", Value: 27}}},
		},
		"what is too little is below": {
			`when: 10 > v, severity: warning`,
			&alert.Chart{Field: "v", Thresholds: []alert.Threshold{{Severity: "warning", Value: 10, Below: true}}},
		},
		"the severity may stand among the labels": {
			`when: v > 10, labels: {severity: page}`,
			&alert.Chart{Field: "v", Thresholds: []alert.Threshold{{Severity: "page", Value: 10}}},
		},
		"a severity that each series has for itself is no name of a limit": {
			`when: v > 10, labels: {severity: "{{ $labels.host }}"}`,
			&alert.Chart{Field: "v", Thresholds: []alert.Threshold{{Value: 10}}},
		},
		"a mean is drawn beside its field": {
			`levels: [{severity: critical, when: v > 40}, {severity: warning, when: 'mean(v, "5m") > 27'}]`,
			&alert.Chart{Field: "v", Thresholds: []alert.Threshold{{Severity: "critical", Value: 40}, {Severity: "warning", Value: 27, Of: "mean(v, 5m)"}}},
		},
		"a rate is in another unit than its field": {
			`levels: [{severity: critical, when: 'rate(v, "5m") > 40'}, {severity: warning, when: v > 27}]`,
			&alert.Chart{Field: "rate(v, 5m)", Thresholds: []alert.Threshold{{Severity: "critical", Value: 40}}},
		},
		"another field is not drawn in a chart": {
			`levels: [{severity: critical, when: v > 40}, {severity: warning, when: w > 27}]`,
			&alert.Chart{Field: "v", Thresholds: []alert.Threshold{{Severity: "critical", Value: 40}}},
		},
		"what is not in order has no limit":    {`when: v == 0`, nil},
		"what is no comparison has no limit":   {`when: v > 27 and w > 3`, nil},
		"a text is compared without any limit": {`when: state == "off"`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := NewEvaluator(oneRule(t, c.keys), start)
			require.Equal(t, c.want, e.trackers[0].limits)
		})
	}
}

// TestLimitsCostNothing would fail for a fleet of which all fires at once: its
// alerts share the chart that their rule has made.
func TestLimitsCostNothing(t *testing.T) {
	w := newWorld(t, oneRule(t, `when: v > 10, by: [host]`))
	w.metric("host=a", "v=11")
	w.metric("host=b", "v=12")
	w.restart(oneRule(t, `when: v > 10, by: [host]`))
	var charts []*alert.Chart
	w.e.Firing(func(a alert.Alert) { charts = append(charts, a.Chart) })
	require.Len(t, charts, 2)
	require.NotNil(t, charts[0])
	require.Same(t, charts[0], charts[1])
	require.Empty(t, charts[0].Points)
}

// TestAnAlertEndsWithTheValueThatEndedIt would fail for who reads "resolved,
// 1.1 above the limit".
func TestAnAlertEndsWithTheValueThatEndedIt(t *testing.T) {
	w := newWorld(t, oneRule(t, `when: v > 32`)).metric("host=a", "v=33.1").to(mins(0.1))
	s := row(mins(0.1), "host=a", "v=30.2")
	s.Measurement = "m"
	w.e.Metric(&s, w.now)
	changes := w.e.Changes()
	require.Len(t, changes, 1)
	require.Equal(t, alert.Resolved, changes[0].Status)
	require.Equal(t, map[string]float64{"v": 30.2}, changes[0].Values)
}
