package chart

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

var nan = math.NaN()

func TestNumbersAreWrittenAsPeopleDo(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", math.Copysign(0, -1): "0", 1: "1", -5: "-5", 33.1: "33.1", 33.099999999999994: "33.1", 0.1 + 0.2: "0.3",
		999.95: "999.95", 1000.5: "1,000.5", 4812: "4,812", -1234567: "-1,234,567", 123456789012345: "123,456,789,012,345",
		0.0042: "0.0042", 0.00423456789: "0.004235", 0.0001: "0.0001", 0.00001234567: "1.235e-5", 1e-5: "1e-5", -2e-300: "-2e-300",
		33.123456: "33.12", 12345.6789: "12,346", 99999.99999: "100,000", 1e15: "1e15", 1.23e18: "1.23e18", math.MaxFloat64: "1.798e308",
		math.Inf(1): "", math.Inf(-1): "",
	} {
		require.Equal(t, want, Number(v), "%g", v)
	}
	require.Equal(t, "", Number(nan))
}

func TestAPictureHasShortNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		99999: "99,999", 100000: "100k", 123456: "123.456k", 1500000: "1.5M", -2e9: "-2G", 3e12: "3T", 1e15: "1e15", 0.5: "0.5",
	} {
		require.Equal(t, want, Compact(v), "%g", v)
	}
}

// TestASparklineIsOneLineOfText would fail for phones, on which a longer one
// breaks in two, and for whoever would take a gap for a value.
func TestASparklineIsOneLineOfText(t *testing.T) {
	long := make(alert.Points, 1000)
	for i := range long {
		long[i] = float64(i)
	}
	for name, c := range map[string]struct {
		points alert.Points
		want   string
	}{
		"a rise":                         {alert.Points{1, 2, 3, 4, 5, 6, 7, 8}, "▁▂▃▄▅▆▇█"},
		"a gap shows":                    {alert.Points{1, nan, 8}, "▁·█"},
		"so does one at the end":         {alert.Points{1, 8, nan}, "▁█·"},
		"what came before it began":      {alert.Points{nan, nan, 1, 8}, "▁█"},
		"all the same":                   {alert.Points{5, 5}, "▅▅"},
		"a single point":                 {alert.Points{5}, "▅"},
		"negative":                       {alert.Points{-8, -1}, "▁█"},
		"no number at all":               {alert.Points{nan, math.Inf(1)}, ""},
		"no points":                      {nil, ""},
		"numbers beyond all reason":      {alert.Points{-math.MaxFloat64, 0, math.MaxFloat64}, "▁▅█"},
		"more points than fit in a line": {long, "▁▁▁▂▂▂▂▃▃▃▃▄▄▄▄▅▅▅▅▆▆▆▆▇▇▇▇███"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Sparkline(c.points)
			require.Equal(t, c.want, got)
			require.LessOrEqual(t, utf8.RuneCountInString(got), maxSparks)
		})
	}
}

// TestTheWordsSayWhatThePictureShows would fail for who cannot see it.
func TestTheWordsSayWhatThePictureShows(t *testing.T) {
	hour := func(points ...float64) *alert.Chart {
		return &alert.Chart{Field: "temp_c", Points: points, Step: time.Hour / time.Duration(len(points))}
	}
	with := func(c *alert.Chart, thresholds ...alert.Threshold) *alert.Chart {
		c.Thresholds = thresholds
		return c
	}
	for name, c := range map[string]struct {
		chart *alert.Chart
		want  string
	}{
		"a rise":                   {with(hour(30.1, 33.1), alert.Threshold{Severity: "critical", Value: 32}), "temp_c rose from 30.1 to 33.1 within an hour; critical is 32"},
		"a fall":                   {hour(33, 31, 30), "temp_c fell from 33 to 30 within an hour"},
		"a hill":                   {hour(30, 35, 31), "temp_c rose from 30 to 31 within an hour, at most 35"},
		"a hole":                   {hour(31, 2, 30), "temp_c fell from 31 to 30 within an hour, at least 2"},
		"there and back":           {hour(30, 35, 30), "temp_c is 30 again after an hour, at most 35"},
		"nothing happened":         {hour(30, 30, 30), "temp_c stayed at 30 for an hour"},
		"one point":                {hour(nan, 30, nan), "temp_c is 30"},
		"several limits":           {with(hour(5), alert.Threshold{Severity: "critical", Value: 5, Below: true}, alert.Threshold{Value: 10, Below: true}), "temp_c is 5; critical is below 5, the limit is below 10"},
		"a limit that is none":     {with(hour(5), alert.Threshold{Severity: "critical", Value: nan}), "temp_c is 5"},
		"it began within the hour": {hour(nan, nan, 1, 2), "temp_c rose from 1 to 2 within 30 minutes"},
		"no time":                  {&alert.Chart{Field: "v", Points: alert.Points{1, 2}}, "v rose from 1 to 2"},
		"a time that is too long":  {&alert.Chart{Field: "v", Points: alert.Points{1, 2, 3, 4}, Step: math.MaxInt64 / 2}, "v rose from 1 to 4"},
		"InfluxDB's name":          {&alert.Chart{Field: "_value", Points: alert.Points{1}}, "value is 1"},
		"no name":                  {&alert.Chart{Points: alert.Points{1}}, "value is 1"},
		"a name of many lines":     {&alert.Chart{Field: " a\r\n\tb\x00\u202e\xff ", Points: alert.Points{1}}, "a b is 1"},
		"an endless name":          {&alert.Chart{Field: strings.Repeat("ä", 1000), Points: alert.Points{1}}, strings.Repeat("ä", maxName) + "… is 1"},
		"nothing measured":         {with(hour(nan), alert.Threshold{Value: 5}), ""},
		"no chart":                 {nil, ""},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, Words(c.chart)) })
	}
}

func TestASpanOfTimeIsSaidInOneUnit(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "1 second", 90 * time.Second: "90 seconds", 5 * time.Minute: "5 minutes", 59*time.Minute + 59*time.Second: "an hour",
		90 * time.Minute: "90 minutes", 2 * time.Hour: "2 hours", 24 * time.Hour: "a day", 36 * time.Hour: "36 hours", 7 * day: "7 days",
	} {
		require.Equal(t, want, spanWords(d))
	}
}
