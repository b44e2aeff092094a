package rules_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
)

// lineBreak is what YAML takes for the end of a line.
var lineBreak = regexp.MustCompile("\r\n|[\n\r\u0085\u2028\u2029]")

// FuzzParse: whatever a file holds, reading it ends, with rules or with
// problems that have a line and say what to do; and the rules that come out
// can be used.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"levels: [{severity: critical, when: v > 80, clear: v < 70}, {severity: warning, when: v > 70}]",
		"when: changed(state) and state != 4, clear: state == 4, severity: critical, by: [host]",
		"where: site == 'a', when: x > 1, for: 2m, keep_firing_for: 5m, no_data: {after: 10m}",
		"when: x > 1, chart: {field: x, last: 1h}, series_limit: 5, labels: {a: '{{ $labels.b }}'}",
		"when: x > 1, annotations: {summary: '{{ printf \"%.1f\" $value | title }}'}",
		"expr: up == 0", "wehn: x = 1", "when: [", "when: *a",
	} {
		f.Add("groups: [{name: g, rules: [{alert: A, measurement: m, " + text + "}]}]")
	}
	f.Add("groups: [{name: g, interval: 5s, influxdb: dc, rules: [{alert: A, query: q, when: x > 1}]}]")
	f.Add("groups: &a [{name: g, rules: *a}]")
	f.Fuzz(func(t *testing.T, text string) {
		files := []rules.File{{Name: "a.yml", Data: []byte(text)}}
		set, problems := rules.Parse(append(files, files...))
		require.Equal(t, problems.Failed(), set == nil)
		for _, p := range problems {
			require.Equal(t, "a.yml", p.File)
			require.Positive(t, p.Line)
			require.LessOrEqual(t, p.Line, len(lineBreak.FindAllString(text, -1))+1)
			require.NotEmpty(t, p.Do)
			require.False(t, strings.ContainsAny(p.String(), "\n\r"), "a problem is one line: %q", p)
		}
		if set == nil {
			return
		}
		ids := make(map[string]bool)
		for _, g := range set.Groups {
			for _, r := range g.Rules {
				require.NotEmpty(t, r.Levels)
				require.NotEmpty(t, r.Alert)
				require.Positive(t, r.SeriesLimit)
				require.False(t, ids[r.ID], "two rules %s", r.ID)
				ids[r.ID] = true
				require.Equal(t, r.Measurement != "", set.Wants(r.Measurement))
				for _, l := range r.Levels {
					require.NotNil(t, l.When)
				}
				for _, templates := range [][]rules.Template{r.Labels, r.Annotations} {
					for i := range templates {
						out, _ := templates[i].Render(rackVars())
						require.LessOrEqual(t, len(out), 16<<10+len("…"))
					}
				}
			}
		}
	})
}
