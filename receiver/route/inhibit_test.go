package route_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/route"
)

func inhibitor(t testing.TB, rules ...route.InhibitRule) *route.Inhibitor {
	t.Helper()
	o := options(nil)
	o.InhibitRules = rules
	made, problems := route.New(o)
	require.Empty(t, problems)
	return made.NewInhibitor()
}

func TestInhibited(t *testing.T) {
	critical := route.InhibitRule{
		SourceMatchers: []string{`severity="critical"`},
		TargetMatchers: []string{`severity=~"warning|info"`},
		Equal:          []string{"alertname", "site"},
	}
	// everything matches both sides: the case of alerts that would inhibit
	// themselves and each other.
	everything := route.InhibitRule{
		SourceMatchers: []string{`severity!=""`}, TargetMatchers: []string{`severity!=""`}, Equal: []string{"site"},
	}
	down := labels("alertname", "Down", "severity", "critical", "site", "fra1")
	for _, test := range []struct {
		name   string
		rule   route.InhibitRule
		firing []map[string]string
		alert  map[string]string
		want   bool
	}{
		{
			name: "nothing fires", rule: critical,
			alert: labels("alertname", "Down", "severity", "warning", "site", "fra1"),
		}, {
			name: "a warning under a critical alert with the same labels", rule: critical,
			firing: []map[string]string{down},
			alert:  labels("alertname", "Down", "severity", "warning", "site", "fra1"), want: true,
		}, {
			name: "a warning with another value in an equal label", rule: critical,
			firing: []map[string]string{down},
			alert:  labels("alertname", "Down", "severity", "warning", "site", "fra2"),
		}, {
			name: "an equal label that neither has is equal", rule: critical,
			firing: []map[string]string{labels("alertname", "Down", "severity", "critical")},
			alert:  labels("alertname", "Down", "severity", "info"), want: true,
		}, {
			name: "an equal label that one has and the other has not is not", rule: critical,
			firing: []map[string]string{down},
			alert:  labels("alertname", "Down", "severity", "info"),
		}, {
			name: "an alert that does not match the target", rule: critical,
			firing: []map[string]string{down}, alert: down,
		}, {
			name: "an alert that matches both sides does not inhibit itself", rule: everything,
			firing: []map[string]string{down}, alert: down,
		}, {
			name: "nor another one that matches both sides", rule: everything,
			firing: []map[string]string{down},
			alert:  labels("alertname", "Slow", "severity", "warning", "site", "fra1"),
		}, {
			name: "an alert that matches both sides inhibits one that matches the target alone",
			rule: route.InhibitRule{
				SourceMatchers: []string{`severity="critical"`}, TargetMatchers: []string{`site="fra1"`}, Equal: []string{"site"},
			},
			firing: []map[string]string{down},
			alert:  labels("alertname", "Slow", "severity", "warning", "site", "fra1"), want: true,
		}, {
			name: "an alert that matches the source alone inhibits one that matches both sides",
			rule: route.InhibitRule{
				SourceMatchers: []string{`severity="critical"`}, TargetMatchers: []string{`team="web"`},
			},
			firing: []map[string]string{down},
			alert:  labels("severity", "critical", "team", "web"), want: true,
		}, {
			name: "the old forms mean the same",
			rule: route.InhibitRule{
				SourceMatch: map[string]string{"severity": "critical"}, TargetMatchRE: map[string]string{"severity": "warn.*"},
				SourceMatchRE: map[string]string{"alertname": "D.*"}, TargetMatch: map[string]string{"site": "fra1"},
			},
			firing: []map[string]string{down},
			alert:  labels("severity", "warning", "site", "fra1"), want: true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := inhibitor(t, test.rule)
			for _, firing := range test.firing {
				in.Add(alert.FingerprintOf(firing), firing)
			}
			require.Equal(t, test.want, in.Inhibited(test.alert))
		})
	}
}

func TestInhibitorFollowsAlerts(t *testing.T) {
	in := inhibitor(t, route.InhibitRule{
		SourceMatchers: []string{`severity="critical"`}, TargetMatchers: []string{`severity="warning"`}, Equal: []string{"site"},
	})
	one := labels("alertname", "A", "severity", "critical", "site", "fra1")
	two := labels("alertname", "B", "severity", "critical", "site", "fra1")
	warning := labels("alertname", "C", "severity", "warning", "site", "fra1")

	in.Add(1, one)
	in.Add(1, one)
	in.Add(2, two)
	in.Add(3, warning)
	require.True(t, in.Inhibited(warning))
	in.Remove(1)
	in.Remove(1)
	require.True(t, in.Inhibited(warning), "the other one still fires, and what was said twice counts once")
	in.Remove(2)
	require.False(t, in.Inhibited(warning), "nothing is inhibited by what has ended")
	in.Remove(99)
	in.Add(1, one)
	require.True(t, in.Inhibited(warning), "an alert that fires again inhibits again")
}

// BenchmarkInhibited answers about one alert while 100,000 fire and are
// sources: the time must not grow with their number.
func BenchmarkInhibited(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			in := inhibitor(b, route.InhibitRule{
				SourceMatchers: []string{`severity="critical"`}, TargetMatchers: []string{`severity="warning"`}, Equal: []string{"site", "rack"},
			})
			for i := range n {
				in.Add(alert.Fingerprint(i+1), labels("severity", "critical", "site", "fra1", "rack", fmt.Sprint(i)))
			}
			warning := labels("severity", "warning", "site", "fra1", "rack", "77")
			b.ReportAllocs()
			for b.Loop() {
				if !in.Inhibited(warning) {
					b.Fatal("not inhibited")
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	o := options(nil)
	for i := range 50 {
		o.Route.Routes = append(o.Route.Routes, to(fmt.Sprintf(`team="t%d"`, i), "sre"))
	}
	made, problems := route.New(o)
	require.Empty(b, problems)
	set := labels("alertname", "Down", "team", "t49", "severity", "critical")
	b.ReportAllocs()
	for b.Loop() {
		made.Match(set)
	}
}
