package route_test

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/route"
)

// recordedFile has what Alertmanager v0.34.2 decided; TestRecord writes it.
const recordedFile = "testdata/alertmanager-decisions.json"

type recorded struct {
	Trees []recordedTree
	Rules []recordedRules
}

type recordedTree struct {
	Route        route.Route
	Destinations []string
	Matches      []recordedMatch
}

type recordedMatch struct {
	Labels map[string]string
	Nodes  []recordedNode
}

type recordedNode struct {
	Key, Destination       string
	GroupLabels            map[string]string
	Wait, Interval, Repeat time.Duration
	Mute                   []string
}

type recordedRules struct {
	Rules  []route.InhibitRule
	Firing []map[string]string
	Asked  []recordedAnswer
}

type recordedAnswer struct {
	Labels    map[string]string
	Inhibited bool
}

// TestDecisionsAreAlertmanagers is the promise to everybody who brings a tree
// along: what Alertmanager's own code answered about random trees and rules is
// what we answer.
func TestDecisionsAreAlertmanagers(t *testing.T) {
	text, err := os.ReadFile(recordedFile)
	require.NoError(t, err)
	var theirs recorded
	require.NoError(t, json.Unmarshal(text, &theirs))
	require.NotEmpty(t, theirs.Trees)
	require.NotEmpty(t, theirs.Rules)

	twin := regexp.MustCompile(`#\d+`) // our ids tell equal siblings apart, Alertmanager's keys do not
	for i, want := range theirs.Trees {
		made, problems := route.New(route.Options{
			Route: want.Route, Destinations: want.Destinations, Cards: []string{"alert"},
			TimeIntervals: []route.Interval{{Name: "nights"}},
		})
		require.NotNil(t, made, "tree %d: %v", i, problems)
		for _, match := range want.Matches {
			var got []recordedNode
			for _, node := range made.Match(match.Labels) {
				spec := node.Spec("api", false, node.GroupLabels(match.Labels))
				got = append(got, recordedNode{
					Key: twin.ReplaceAllString(node.ID(), ""), Destination: spec.Targets[0].Destination, GroupLabels: spec.Labels,
					Wait: spec.Timing.Wait, Interval: spec.Timing.Interval, Repeat: spec.Timing.Repeat, Mute: spec.Mute,
				})
			}
			require.Equal(t, match.Nodes, got, "tree %d, %v", i, match.Labels)
		}
	}
	inhibited := 0
	for i, want := range theirs.Rules {
		in := inhibitor(t, want.Rules...)
		for _, set := range want.Firing {
			in.Add(alert.FingerprintOf(set), set)
		}
		for _, asked := range want.Asked {
			require.Equal(t, asked.Inhibited, in.Inhibited(asked.Labels), "rules %d, %v", i, asked.Labels)
			if asked.Inhibited {
				inhibited++
			}
		}
	}
	require.Greater(t, inhibited, 20, "the recording says too little")
}
