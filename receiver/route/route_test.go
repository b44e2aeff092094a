package route_test

import (
	"testing"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/route"
)

// tree makes a tree of a top route to ops, with the destinations and cards
// that these tests use, and fails the test if anything is wrong with it.
func tree(t *testing.T, change func(*route.Options)) *route.Tree {
	t.Helper()
	o := options(change)
	made, problems := route.New(o)
	require.Empty(t, problems)
	return made
}

func options(change func(*route.Options)) route.Options {
	o := route.Options{
		Route:        route.Route{Destinations: []string{"ops"}},
		Destinations: []string{"ops", "sre", "managers"},
		Cards:        []string{"alert", "threshold"},
	}
	if change != nil {
		change(&o)
	}
	return o
}

func labels(pairs ...string) map[string]string {
	set := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		set[pairs[i]] = pairs[i+1]
	}
	return set
}

// told lists which destinations an alert goes to, route by route.
func told(tree *route.Tree, set map[string]string) [][]string {
	var all [][]string
	for _, node := range tree.Match(set) {
		names := []string{}
		for _, target := range node.Spec("api", false, nil).Targets {
			names = append(names, target.Destination)
		}
		all = append(all, names)
	}
	return all
}

func to(matcher string, destinations ...string) route.Route {
	return route.Route{Matchers: []string{matcher}, Destinations: destinations}
}

func TestMatch(t *testing.T) {
	critical := labels("alertname", "Down", "severity", "critical")
	for _, test := range []struct {
		name   string
		routes []route.Route
		alert  map[string]string
		want   [][]string
	}{
		{
			name:  "an alert that no route takes goes to the top route",
			alert: critical, routes: []route.Route{to(`severity="warning"`, "sre")},
			want: [][]string{{"ops"}},
		}, {
			name:  "the first route that matches takes it",
			alert: critical, routes: []route.Route{to(`severity="critical"`, "sre"), to(`alertname="Down"`, "managers")},
			want: [][]string{{"sre"}},
		}, {
			name:  "continue lets later routes have it too",
			alert: critical,
			routes: []route.Route{
				{Matchers: []string{`severity="critical"`}, Destinations: []string{"sre"}, Continue: true},
				to(`alertname="Down"`, "managers"),
			},
			want: [][]string{{"sre"}, {"managers"}},
		}, {
			name:  "continue on a route that matches below still goes on",
			alert: critical,
			routes: []route.Route{
				{Matchers: []string{`severity="critical"`}, Continue: true, Routes: []route.Route{to(`alertname="Down"`, "sre")}},
				to(`alertname="Down"`, "managers"),
			},
			want: [][]string{{"sre"}, {"managers"}},
		}, {
			name:  "several destinations are one route",
			alert: critical, routes: []route.Route{to(`severity="critical"`, "sre", "managers")},
			want: [][]string{{"sre", "managers"}},
		}, {
			name:  "destinations are inherited",
			alert: critical, routes: []route.Route{{Matchers: []string{`severity="critical"`}, Routes: []route.Route{to(`alertname="Down"`)}}},
			want: [][]string{{"ops"}},
		}, {
			name:  "an empty list of destinations tells nobody",
			alert: critical, routes: []route.Route{{Matchers: []string{`severity="critical"`}, Destinations: []string{}}},
			want: [][]string{{}},
		}, {
			name:  "a label that is missing is an empty one",
			alert: critical, routes: []route.Route{to(`team=""`, "sre")},
			want: [][]string{{"sre"}},
		}, {
			name:  "a negative matcher takes alerts without the label",
			alert: critical, routes: []route.Route{to(`team!="web"`, "sre")},
			want: [][]string{{"sre"}},
		}, {
			name:  "a regular expression must match the whole value",
			alert: critical, routes: []route.Route{to(`severity=~"crit"`, "sre")},
			want: [][]string{{"ops"}},
		}, {
			name:  "several matchers in one line must all match",
			alert: critical, routes: []route.Route{to(`severity="critical",alertname="Up"`, "sre")},
			want: [][]string{{"ops"}},
		}, {
			name:  "several matchers stand in braces too",
			alert: critical, routes: []route.Route{to(`{severity="critical",alertname=~"Do.*"}`, "sre")},
			want: [][]string{{"sre"}},
		}, {
			name:  "the classic syntax needs no quotes",
			alert: critical, routes: []route.Route{to(`severity=critical`, "sre")},
			want: [][]string{{"sre"}},
		}, {
			name:  "label names are any UTF-8",
			alert: labels("höhe.über null", "8848 m"), routes: []route.Route{to(`"höhe.über null"="8848 m"`, "sre")},
			want: [][]string{{"sre"}},
		}, {
			name:  "match and match_re are what Alertmanager had before",
			alert: critical,
			routes: []route.Route{{
				Match: map[string]string{"severity": "critical"}, MatchRE: map[string]string{"alertname": "Do|Down"},
				Destinations: []string{"sre"},
			}},
			want: [][]string{{"sre"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			made := tree(t, func(o *route.Options) { o.Route.Routes = test.routes })
			require.Equal(t, test.want, told(made, test.alert))
		})
	}
}

func TestInheritance(t *testing.T) {
	wait, interval := 10*time.Second, time.Minute
	made := tree(t, func(o *route.Options) {
		o.Route.GroupBy = []string{"alertname"}
		o.Route.Card = "threshold"
		o.Route.Resolve = "loud"
		o.Route.GroupWait = &wait
		o.TimeIntervals = []route.Interval{{Name: "nights"}}
		o.Route.Routes = []route.Route{{
			Matchers: []string{`severity="critical"`}, GroupInterval: &interval, Destinations: []string{"sre"},
			MuteTimeIntervals: []string{"nights"},
			Routes: []route.Route{{
				Matchers: []string{`team="web"`}, GroupBy: []string{"..."}, Resolve: "quiet", Card: "alert",
			}},
		}}
	})
	alert := labels("alertname", "Down", "severity", "critical", "team", "db")
	node := made.Match(alert)[0]
	require.Equal(t, `{}/{severity="critical"}`, node.ID())
	require.Equal(t, labels("alertname", "Down"), node.GroupLabels(alert), "a route without group_by groups as the one above")
	require.Equal(t, group.Spec{
		Route: `{}/{severity="critical"}`, Source: "api", Labels: labels("alertname", "Down"),
		Targets:     []group.Target{{Destination: "sre", Card: "threshold"}},
		Timing:      group.Timing{Wait: wait, Interval: interval, Repeat: 4 * time.Hour},
		LoudResolve: true, Mute: []string{"nights"},
	}, node.Spec("api", false, node.GroupLabels(alert)))

	alert["team"] = "web"
	below := made.Match(alert)[0]
	require.Equal(t, alert, below.GroupLabels(alert), "... groups by all labels")
	spec := below.Spec("api", false, nil)
	require.False(t, spec.LoudResolve)
	require.Empty(t, spec.Mute, "time intervals are a route's own, as in Alertmanager")
	require.Equal(t, []group.Target{{Destination: "sre", Card: "alert"}}, spec.Targets)
}

func TestDefaultsAreAlertmanagers(t *testing.T) {
	node := tree(t, nil).Match(labels("alertname", "Down"))[0]
	require.Equal(t, group.Timing{Wait: 30 * time.Second, Interval: 5 * time.Minute, Repeat: 4 * time.Hour}, node.Spec("api", false, nil).Timing)
	require.Empty(t, node.GroupLabels(labels("alertname", "Down")), "without group_by all alerts are one group")
	require.Zero(t, node.Spec("alertmanager", true, nil).Timing, "Alertmanager's groups have waited already")
}

func TestIDs(t *testing.T) {
	ids := func(routes ...route.Route) map[string]bool {
		made := tree(t, func(o *route.Options) { o.Route.Routes = routes })
		all := map[string]bool{}
		for _, severity := range []string{"critical", "warning", "info"} {
			for _, node := range made.Match(labels("severity", severity)) {
				all[node.ID()] = true
			}
		}
		return all
	}
	critical := route.Route{Matchers: []string{`severity="critical"`}, Continue: true}
	t.Run("siblings with the same matchers have different ids", func(t *testing.T) {
		require.Equal(t, map[string]bool{`{}/{severity="critical"}`: true, `{}/{severity="critical"}#2`: true, `{}`: true}, ids(critical, critical))
	})
	t.Run("a route keeps its id when another is put before it, so that a reload does not orphan its groups", func(t *testing.T) {
		require.Contains(t, ids(to(`severity="warning"`, "sre"), critical), `{}/{severity="critical"}`)
	})
	t.Run("the order of matchers does not matter", func(t *testing.T) {
		require.Equal(t,
			ids(route.Route{Matchers: []string{`severity="info"`, `a!="b"`}}),
			ids(route.Route{Matchers: []string{`a!="b"`, `severity="info"`}}))
	})
}

func TestToGoesStraightToOneDestination(t *testing.T) {
	made := tree(t, func(o *route.Options) {
		o.Route.Card = "threshold"
		o.Route.Routes = []route.Route{to(`severity="critical"`, "managers")}
	})
	node, ok := made.To("sre")
	require.True(t, ok)
	require.Equal(t, []group.Target{{Destination: "sre", Card: "threshold"}}, node.Spec("alertmanager", true, nil).Targets)
	require.Equal(t, "destination:sre", node.ID())
	_, ok = made.To("nobody")
	require.False(t, ok)
}

func TestKeys(t *testing.T) {
	made := tree(t, func(o *route.Options) { o.Route.Routes = []route.Route{to(`severity="critical"`, "sre")} })
	node := made.Match(labels("severity", "critical"))[0]
	require.Equal(t, `{}/{severity="critical"}:{"a"="1","b"="x\"y"}`, node.Origin(labels("b", `x"y`, "a", "1")))

	t.Run("names and values cannot be written so that two groups become one", func(t *testing.T) {
		require.NotEqual(t, node.Origin(labels("a", `1","b"="2`)), node.Origin(labels("a", "1", "b", "2")))
	})
	t.Run("a huge label value makes no huge key, and different ones stay different", func(t *testing.T) {
		long := make([]byte, 100_000)
		for i := range long {
			long[i] = 'x'
		}
		one, other := node.Origin(labels("a", string(long)+"1")), node.Origin(labels("a", string(long)+"2"))
		require.NotEqual(t, one, other)
		require.LessOrEqual(t, len(one), 1024)
		require.LessOrEqual(t, len(node.Key(one, 0)), 1024)
		require.NotEqual(t, node.Key(one, 0), node.Key(other, 0))
	})
	t.Run("two routes that an origin's alerts go through make two groups", func(t *testing.T) {
		require.NotEqual(t, node.Key("am", 0), made.Match(nil)[0].Key("am", 0))
	})
}

func TestMuted(t *testing.T) {
	minutes := func(start, end int) []timeinterval.TimeInterval {
		return []timeinterval.TimeInterval{{Times: []timeinterval.TimeRange{{StartMinute: start, EndMinute: end}}}}
	}
	made := tree(t, func(o *route.Options) {
		o.TimeIntervals = []route.Interval{{Name: "nights", TimeIntervals: minutes(0, 6*60)}, {Name: "office", TimeIntervals: minutes(9*60, 17*60)}}
	})
	at := func(hour int) time.Time { return time.Date(2026, 3, 4, hour, 0, 0, 0, time.UTC) }
	for _, test := range []struct {
		name         string
		mute, active []string
		hour         int
		want         bool
	}{
		{name: "a route without intervals is never muted", hour: 3},
		{name: "inside a mute interval nothing is told", mute: []string{"nights"}, hour: 3, want: true},
		{name: "at its end it is told again", mute: []string{"nights"}, hour: 6},
		{name: "one of several mute intervals is enough", mute: []string{"office", "nights"}, hour: 3, want: true},
		{name: "outside the active intervals nothing is told", active: []string{"office"}, hour: 20, want: true},
		{name: "inside one of them it is", active: []string{"nights", "office"}, hour: 9},
		{name: "a mute interval counts inside an active one", mute: []string{"office"}, active: []string{"office"}, hour: 10, want: true},
		{name: "a mute interval that was removed mutes nothing", mute: []string{"gone"}, hour: 3},
		{name: "an active interval that was removed mutes nothing", active: []string{"gone"}, hour: 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, made.Muted(group.Spec{Mute: test.mute, Active: test.active}, at(test.hour)))
		})
	}
	t.Run("times are UTC wherever the program runs", func(t *testing.T) {
		east := time.FixedZone("east", 5*3600)
		require.True(t, made.Muted(group.Spec{Mute: []string{"nights"}}, at(3).In(east)))
	})
}

func TestADestinationsCardIsForWhatNoRouteNamesOneFor(t *testing.T) {
	made := tree(t, func(o *route.Options) {
		critical := to(`severity="critical"`, "managers", "sre")
		critical.Card = "threshold"
		o.Route.Routes = []route.Route{critical}
		o.DestinationCards = map[string]string{"sre": "digest"}
	})
	node, _ := made.To("sre")
	require.Equal(t, "digest", node.Spec("", true, nil).Targets[0].Card, "a channel of prometheus-msteams loses its own template")
	for _, n := range made.Match(map[string]string{"severity": "critical"}) {
		for _, target := range n.Spec("", true, nil).Targets {
			require.Equal(t, "threshold", target.Card, "the route has the last word")
		}
	}
}
