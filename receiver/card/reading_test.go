package card

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// TestAReadingSaysHowFarTheValueIsFromItsLimit would fail for who must decide
// at night whether this can wait: it is about a value, and the card would not
// say what is wrong with it.
func TestAReadingSaysHowFarTheValueIsFromItsLimit(t *testing.T) {
	critical := alert.Threshold{Severity: "critical", Value: 32}
	warning := alert.Threshold{Severity: "warning", Value: 27}
	for name, c := range map[string]struct {
		value    float64
		severity string
		limits   []alert.Threshold
		resolved bool
		want     string
	}{
		"above":                                   {33.1, "critical", []alert.Threshold{critical, warning}, false, "33.1: 1.1 above critical 32"},
		"the limit is that of its severity":       {33.1, "warning", []alert.Threshold{critical, warning}, false, "33.1: 6.1 above warning 27"},
		"below a lower limit":                     {9.6, "warning", []alert.Threshold{{Severity: "warning", Value: 10, Below: true}}, false, "9.6: 0.4 below warning 10"},
		"it is over":                              {29.9, "critical", []alert.Threshold{critical, warning}, true, "29.9: 2.1 below 32"},
		"it is over, and was a lower limit":       {12, "warning", []alert.Threshold{{Severity: "warning", Value: 10, Below: true}}, true, "12: 2 above 10"},
		"still firing, and not crossed any more":  {31.5, "critical", []alert.Threshold{critical}, false, "31.5: 0.5 below critical 32"},
		"exactly there":                           {32, "critical", []alert.Threshold{critical}, false, "32: at critical 32"},
		"so near that nobody can read it":         {32.000000001, "critical", []alert.Threshold{critical}, false, "32: at critical 32"},
		"arithmetic leaves no digits behind":      {33.099999999999994, "critical", []alert.Threshold{critical}, false, "33.1: 1.1 above critical 32"},
		"no more exact than the value is written": {33.123456789, "critical", []alert.Threshold{critical}, false, "33.12: 1.12 above critical 32"},
		"large":                                  {14812, "critical", []alert.Threshold{{Severity: "critical", Value: 10000}}, false, "14,812: 4,812 above critical 10,000"},
		"so large that nobody counts its digits": {10737418240, "warning", []alert.Threshold{{Severity: "warning", Value: 8589934592}}, false, "10.74G: 2.147G above warning 8.59G"},
		"it is over, far below a large limit":    {1073, "warning", []alert.Threshold{{Severity: "warning", Value: 8589934592}}, true, "1,073: 8.59G below 8.59G"},
		"small":                                  {0.0142, "critical", []alert.Threshold{{Severity: "critical", Value: 0.01}}, false, "0.0142: 0.0042 above critical 0.01"},
		"a limit without a name":                 {33, "", []alert.Threshold{{Value: 32}}, false, "33: 1 above 32"},
		"the only limit, under another name":     {33, "page", []alert.Threshold{critical}, false, "33: 1 above critical 32"},
		"none of several limits":                 {33, "page", []alert.Threshold{critical, warning}, false, ""},
		"no limit":                               {33, "critical", nil, false, ""},
		"a value that is no number":              {math.NaN(), "critical", []alert.Threshold{critical}, false, ""},
		"a limit that is no number":              {33, "critical", []alert.Threshold{{Severity: "critical", Value: math.Inf(1)}}, false, ""},
		"so far that the distance is no number":  {math.MaxFloat64, "critical", []alert.Threshold{{Severity: "critical", Value: -math.MaxFloat64}}, false, "1.798e308: at critical -1.798e308"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &Alert{Values: map[string]float64{"temp_c": c.value}, Chart: &alert.Chart{Field: "temp_c", Thresholds: c.limits}, State: "firing"}
			a.Labels = KV{"severity": c.severity}
			if c.resolved {
				a.State = "resolved"
			}
			got := reading(a)
			if c.want == "" {
				require.Nil(t, got)
				return
			}
			require.NotNil(t, got)
			require.Equal(t, c.want, got.Value+": "+got.Words)
			require.Equal(t, "temp_c", got.Name)
		})
	}
}

func TestAReadingIsOfWhatTheLimitIsOf(t *testing.T) {
	a := &Alert{
		Values: map[string]float64{"temp_c": 40, "mean(temp_c, 5m)": 28},
		Chart:  &alert.Chart{Field: "temp_c", Thresholds: []alert.Threshold{{Value: 27, Of: "mean(temp_c, 5m)"}}},
	}
	require.Equal(t, &Reading{Name: "mean(temp_c, 5m)", Value: "28", Limit: "27", Words: "1 above 27", Above: true}, reading(a))
	delete(a.Values, "mean(temp_c, 5m)")
	a.Chart.Points = alert.Points{40}
	require.Nil(t, reading(a), "the last point is of the field and not of its mean")

	a.Chart.Thresholds[0].Of = ""
	a.Values, a.Chart.Points = nil, alert.Points{31, 28, math.NaN()}
	require.Equal(t, "1 above 27", reading(a).Words, "where there are no values the chart has one")
	a.Chart.Field, a.Values = "_value", map[string]float64{"_value": 29}
	require.Equal(t, "value", reading(a).Name, "InfluxDB's name for a query's result says nothing")

	require.Nil(t, reading(nil))
	require.Nil(t, reading(&Alert{}))
}

func TestEveryAlertHasItsOwnReading(t *testing.T) {
	set := define(t, block(`{"type": "TextBlock", "text": "{{ range .Alerts }}{{ with reading . }}{{ .Value }} is {{ .Words }}; {{ end }}{{ end }}{{ (reading .Alert).Name }}"}`))
	message := set.Render("mine", hotRoom(now), WorkflowLimit)
	require.Equal(t, `33.1 is 1.1 above critical 32; 32.4 is 0.4 above 32; temp\_c`, first(t, message)["text"])
}
