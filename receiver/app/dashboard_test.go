package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// panel is what Grafana shows of one question.
type panel struct {
	ID          int
	Title, Type string
	Description string
	Datasource  struct{ UID string }
	Targets     []struct{ Expr, LegendFormat string }
	FieldConfig struct {
		Defaults struct {
			Unit       string
			Thresholds struct{ Steps []struct{ Color string } }
		}
	}
}

// dashboard returns its panels, without the rows that divide it.
func dashboard(t *testing.T) (shown []panel) {
	var all struct{ Panels []panel }
	text, err := os.ReadFile(filepath.Join(monitoring, "teamsrelay-dashboard.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &all))
	for _, p := range all.Panels {
		if p.Type != "row" {
			shown = append(shown, p)
		}
	}
	return shown
}

// panels are the expressions of the dashboard, with Grafana's variables filled in.
func panels(t *testing.T) (all []string) {
	fill := strings.NewReplacer("$job", "teamsrelay", "$destination", "ops", "$__rate_interval", "5m")
	for _, p := range dashboard(t) {
		for _, target := range p.Targets {
			all = append(all, fill.Replace(target.Expr))
		}
	}
	return all
}

func TestThePanelsOfTheDashboardSayWhatTheyShow(t *testing.T) {
	ids, titles := map[int]bool{}, map[string]bool{}
	for _, p := range dashboard(t) {
		require.Equal(t, "${datasource}", p.Datasource.UID, "%s: nobody else has our data source", p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		require.False(t, ids[p.ID], "%s: Grafana shows one of two with the same id", p.Title)
		require.False(t, titles[p.Title], "which of the two is %q?", p.Title)
		ids[p.ID], titles[p.Title] = true, true
		for _, target := range p.Targets {
			require.NotEmpty(t, target.LegendFormat, p.Title)
			require.Equal(t, unit(target.Expr), strings.Replace(p.FieldConfig.Defaults.Unit, "reqps", "cps", 1), "%s: %s", p.Title, target.Expr)
			for _, label := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				require.True(t, !strings.Contains(target.Expr, " by (") || slices.Contains(grouped(target.Expr), label[1]),
					"%s: the legend names %s, which the sum has not", p.Title, label[1])
			}
		}
		if p.Type == "stat" {
			// Grafana's own are green up to 80, dead letters too.
			require.GreaterOrEqual(t, len(p.FieldConfig.Defaults.Thresholds.Steps), 2, "%s: nothing is ever red", p.Title)
		}
	}
}

// unit is what Grafana calls the unit of an expression's values.
func unit(expr string) string {
	switch {
	case strings.Contains(expr, "_bytes"):
		return "bytes"
	case strings.Contains(expr, "_seconds"):
		return "s"
	case strings.Contains(expr, "rate(") && !strings.Contains(expr, "histogram_quantile"):
		return "cps"
	}
	return "none"
}

// grouped are the labels that the sums of an expression keep.
func grouped(expr string) (labels []string) {
	for _, by := range regexp.MustCompile(`by \(([^)]+)\)`).FindAllStringSubmatch(expr, -1) {
		labels = append(labels, strings.Split(strings.ReplaceAll(by[1], " ", ""), ",")...)
	}
	return labels
}

// matched are the metrics of an expression with what they are chosen by.
var matched = regexp.MustCompile(`\b(teamsrelay_[a-z_]+)(?:\{([^}]*)\})?`)

// theyAskForLabelsThatThereAre: a sum by a label that nobody has is one line, and
// a matcher on one is an alert that never fires.
func theyAskForLabelsThatThereAre(t *testing.T, ours map[string]*family) {
	for _, expr := range expressions(t) {
		has := map[string]bool{"job": true, "instance": true, "le": strings.Contains(expr, "_bucket")}
		for _, m := range matched.FindAllStringSubmatch(expr, -1) {
			name := strings.TrimSuffix(m[1], "_bucket")
			there := func(label string) bool {
				return label == "job" || ours[name] != nil && ours[name].labels[label] || slices.Contains(elsewhere[name], label)
			}
			for _, matcher := range regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"`).FindAllStringSubmatch(m[2], -1) {
				require.True(t, there(matcher[1]), "%s has no label %s: %s", name, matcher[1], expr)
			}
			for _, label := range grouped(expr) {
				has[label] = has[label] || there(label)
			}
		}
		for _, label := range grouped(expr) {
			require.True(t, has[label] || !strings.Contains(expr, "teamsrelay_"), "nothing has the label %s: %s", label, expr)
		}
	}
}

// theDashboardShowsAllOfThem: what nobody sees is counted for nobody.
func theDashboardShowsAllOfThem(t *testing.T, ours map[string]*family) {
	shown := map[string]bool{"teamsrelay_build_info": true} // which jobs there are is asked of it
	for _, expr := range panels(t) {
		for _, m := range matched.FindAllStringSubmatch(expr, -1) {
			shown[strings.TrimSuffix(m[1], "_bucket")] = true
		}
	}
	for name := range ours {
		require.True(t, shown[name], "%s is on no panel of the dashboard", name)
	}
	for name := range elsewhere {
		require.True(t, shown[name], "%s is on no panel of the dashboard", name)
	}
}
