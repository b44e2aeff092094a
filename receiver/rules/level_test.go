package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// start is when the stories of the tests begin.
var start = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// parsed is a rule file of one group, given its rules.
func parsed(t testing.TB, text string) *Set {
	t.Helper()
	set, problems := Parse([]File{{Name: "test.yml", Data: []byte(text)}})
	require.NotNil(t, set, "%v", problems)
	return set
}

const kapacitor = `
groups:
  - name: g
    rules:
      - alert: Temperature
        measurement: m
        levels:
          - {severity: critical, when: v > 80, clear: v < 70}
          - {severity: warning, when: v > 70, clear: v < 60}
          - {severity: info, when: v > 60, clear: v < 50}
        annotations: {summary: 'at {{ $value }}'}
`

// TestLevelsAreKapacitors would fail for everyone who moves a TICKscript here.
func TestLevelsAreKapacitors(t *testing.T) {
	e := NewEvaluator(parsed(t, kapacitor), start)
	var got []string
	for i, v := range []float64{61, 73, 64, 85, 62, 56, 47} {
		now := start.Add(time.Duration(i) * time.Minute)
		e.Metric(&sample.Sample{Measurement: "m", Fields: []sample.Field{{Key: "v", Value: sample.Num(v)}}, Time: now}, now)
		level := "ok"
		e.Firing(func(a alert.Alert) { level = a.Labels["severity"] })
		got = append(got, level)
	}
	require.Equal(t, []string{"info", "warning", "warning", "critical", "info", "info", "ok"}, got)
}
