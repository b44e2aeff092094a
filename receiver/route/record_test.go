//go:build alertmanager

package route_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/config/common"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/alertmanager/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v2"

	"github.com/teamsrelay/teamsrelay/receiver/route"
)

// TestRecord asks Alertmanager's own code about random trees and rules, and
// keeps its answers for TestDecisionsAreAlertmanagers. It is no part of an
// ordinary run, because that code brings some 600 packages:
//
//	go test -tags alertmanager -run TestRecord ./receiver/route
func TestRecord(t *testing.T) {
	compat.InitFromFlags(slog.New(slog.DiscardHandler), featurecontrol.NoopFlags{})
	r := rand.New(rand.NewPCG(1, 2)) // the same trees each time
	var out recorded
	for range 40 {
		out.Trees = append(out.Trees, recordTree(t, r))
	}
	for range 40 {
		out.Rules = append(out.Rules, recordRules(t, r))
	}
	text, err := json.Marshal(out)
	require.NoError(t, err)
	var small any
	require.NoError(t, json.Unmarshal(text, &small))
	text, err = json.Marshal(withoutNothing(small))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(recordedFile, append(text, '\n'), 0o644))
}

// withoutNothing leaves out what a decoder puts there by itself. An empty list
// is something.
func withoutNothing(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, item := range v {
			if item == nil || item == "" || item == false {
				delete(v, name)
				continue
			}
			v[name] = withoutNothing(item)
		}
	case []any:
		for i := range v {
			v[i] = withoutNothing(v[i])
		}
	}
	return v
}

func recordTree(t *testing.T, r *rand.Rand) recordedTree {
	made := recordedTree{Destinations: []string{"d0"}}
	made.Route = randomRoute(r, 0, &made.Destinations)
	var theirs config.Route
	text, err := json.Marshal(asAlertmanagers(made.Route))
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalStrict(text, &theirs))
	tree := dispatch.NewRoute(&theirs, nil)
	for range 10 {
		set := randomLabels(r)
		decision := recordedMatch{Labels: set}
		for _, found := range tree.Match(asLabelSet(set)) {
			by := map[string]string{}
			for name, value := range set {
				if _, ok := found.RouteOpts.GroupBy[model.LabelName(name)]; ok || found.RouteOpts.GroupByAll {
					by[name] = value
				}
			}
			decision.Nodes = append(decision.Nodes, recordedNode{
				Key: found.Key(), Destination: found.RouteOpts.Receiver, GroupLabels: by,
				Wait: found.RouteOpts.GroupWait, Interval: found.RouteOpts.GroupInterval, Repeat: found.RouteOpts.RepeatInterval,
				Mute: found.RouteOpts.MuteTimeIntervals,
			})
		}
		made.Matches = append(made.Matches, decision)
	}
	return made
}

// randomRoute makes a route whose receiver, if it has one, no other route has.
func randomRoute(r *rand.Rand, depth int, destinations *[]string) route.Route {
	made := route.Route{}
	chance := func(percent int) bool { return r.IntN(100) < percent }
	if depth == 0 {
		made.Destinations = []string{"d0"}
	} else {
		for range r.IntN(3) {
			made.Matchers = append(made.Matchers, randomMatcher(r))
		}
		if chance(15) {
			made.Match = map[string]string{randomName(r): randomValue(r)}
		}
		if chance(15) {
			made.MatchRE = map[string]string{randomName(r): randomValue(r) + "|x.*"}
		}
		made.Continue = chance(30)
		if chance(70) {
			name := fmt.Sprintf("d%d", len(*destinations))
			*destinations = append(*destinations, name)
			made.Destinations = []string{name}
		}
		if chance(20) {
			made.MuteTimeIntervals = []string{"nights"}
		}
	}
	switch r.IntN(5) {
	case 0:
		made.GroupBy = []string{"..."}
	case 1:
		made.GroupBy = []string{"a", "c"}
	case 2:
		made.GroupBy = []string{}
	}
	for _, to := range []**time.Duration{&made.GroupWait, &made.GroupInterval, &made.RepeatInterval} {
		if chance(25) {
			d := time.Duration(1+r.IntN(100)) * time.Second
			*to = &d
		}
	}
	if depth < 3 {
		for range r.IntN(4) {
			made.Routes = append(made.Routes, randomRoute(r, depth+1, destinations))
		}
	}
	return made
}

func randomName(r *rand.Rand) string  { return []string{"a", "b", "c"}[r.IntN(3)] }
func randomValue(r *rand.Rand) string { return []string{"x", "y", "xy", "ü\"\\"}[r.IntN(4)] }

func randomMatcher(r *rand.Rand) string {
	name, value := randomName(r), randomValue(r)
	switch r.IntN(8) {
	case 0:
		return fmt.Sprintf(`%s=~"x|y.*"`, name)
	case 1:
		return fmt.Sprintf(`%s!~"x.*"`, name)
	case 2:
		return fmt.Sprintf(`%s!=%q`, name, value)
	case 3:
		return fmt.Sprintf(`%s=x`, name)
	case 4:
		return fmt.Sprintf(`"ö %s"=%q`, name, value)
	case 5:
		return fmt.Sprintf(`{%s=%q,%s!="y"}`, name, value, randomName(r))
	case 6:
		return fmt.Sprintf(`%s=""`, name)
	}
	return fmt.Sprintf(`%s=%q`, name, value)
}

func randomLabels(r *rand.Rand) map[string]string {
	set := map[string]string{}
	for _, name := range []string{"a", "b", "c", "ö a"} {
		if r.IntN(100) < 60 {
			set[name] = randomValue(r)
		}
	}
	return set
}

func asLabelSet(set map[string]string) model.LabelSet {
	made := model.LabelSet{}
	for name, value := range set {
		made[model.LabelName(name)] = model.LabelValue(value)
	}
	return made
}

func asAlertmanagers(r route.Route) map[string]any {
	made := map[string]any{
		"matchers": r.Matchers, "match": r.Match, "match_re": r.MatchRE, "continue": r.Continue,
		"mute_time_intervals": r.MuteTimeIntervals,
	}
	if r.GroupBy != nil {
		made["group_by"] = r.GroupBy
	}
	for name, d := range map[string]*time.Duration{"group_wait": r.GroupWait, "group_interval": r.GroupInterval, "repeat_interval": r.RepeatInterval} {
		if d != nil {
			made[name] = model.Duration(*d).String()
		}
	}
	if r.Destinations != nil {
		made["receiver"] = r.Destinations[0]
	}
	var below []any
	for _, child := range r.Routes {
		below = append(below, asAlertmanagers(child))
	}
	made["routes"] = below
	return made
}

func recordRules(t *testing.T, r *rand.Rand) recordedRules {
	var made recordedRules
	var theirs []common.InhibitRule
	for range 1 + r.IntN(2) {
		rule := route.InhibitRule{SourceMatchers: []string{randomMatcher(r)}, TargetMatchers: []string{randomMatcher(r)}}
		if r.IntN(2) == 0 {
			rule.Equal = []string{randomName(r)}
		}
		made.Rules = append(made.Rules, rule)
		text, err := json.Marshal(map[string]any{
			"source_matchers": rule.SourceMatchers, "target_matchers": rule.TargetMatchers, "equal": rule.Equal,
		})
		require.NoError(t, err)
		var one common.InhibitRule
		require.NoError(t, yaml.UnmarshalStrict(text, &one))
		theirs = append(theirs, one)
	}
	log := slog.New(slog.DiscardHandler)
	alerts, err := mem.NewAlerts(t.Context(), time.Hour, 0, nil, log, eventrecorder.NopRecorder(), prometheus.NewRegistry(), featurecontrol.NoopFlags{})
	require.NoError(t, err)
	defer alerts.Close()
	for range r.IntN(4) {
		set := randomLabels(r)
		made.Firing = append(made.Firing, set)
		now := time.Now()
		require.NoError(t, alerts.Put(t.Context(), &types.Alert{
			Alert: model.Alert{Labels: asLabelSet(set), StartsAt: now, EndsAt: now.Add(time.Hour)}, UpdatedAt: now,
		}))
	}
	inhibitor := inhibit.NewInhibitor(alerts, theirs, log, eventrecorder.NopRecorder())
	go inhibitor.Run()
	defer inhibitor.Stop()
	inhibitor.WaitForLoading()
	for range 8 {
		set := randomLabels(r)
		if len(made.Firing) > 0 && r.IntN(3) == 0 {
			set = made.Firing[0] // may it inhibit itself?
		}
		made.Asked = append(made.Asked, recordedAnswer{Labels: set, Inhibited: inhibitor.Mutes(context.Background(), asLabelSet(set))})
	}
	return made
}
