package route_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/route"
)

func step(after time.Duration, destinations ...string) route.Step {
	return route.Step{After: &after, Destinations: destinations}
}

func every(s route.Step, d time.Duration) route.Step {
	s.Every = &d
	return s
}

// TestEscalationsAreInherited: who is told when nobody answers is said once at
// the top, and a route below has its own or none.
func TestEscalationsAreInherited(t *testing.T) {
	made := tree(t, func(o *route.Options) {
		o.Route.Escalate = route.Escalation{step(15*time.Minute, "sre"), every(step(45*time.Minute, "sre", "managers"), 30*time.Minute)}
		o.Route.Routes = []route.Route{
			{Matchers: []string{"team=inherits"}, Destinations: []string{"ops"}, Card: "threshold"},
			{Matchers: []string{"team=own"}, Escalate: route.Escalation{step(time.Second, "managers")}, Routes: []route.Route{{Matchers: []string{"deep=yes"}}}},
			{Matchers: []string{"team=none"}, Escalate: route.Escalation{}},
			{Matchers: []string{"team=nobody"}, Destinations: []string{}, Routes: []route.Route{to("deep=yes", "ops")}},
		}
	})
	escalation := func(pairs ...string) []group.Step {
		nodes := made.Match(labels(pairs...))
		require.Len(t, nodes, 1)
		require.Equal(t, nodes[0].Spec("api", false, nil).Escalate, nodes[0].Spec("alertmanager", true, nil).Escalate, "who groups has nothing to do with it: Alertmanager does not escalate")
		return nodes[0].Spec("api", false, nil).Escalate
	}
	target := func(card string, names ...string) (made []group.Target) {
		for _, name := range names {
			made = append(made, group.Target{Destination: name, Card: card})
		}
		return made
	}
	all := func(card string) []group.Step {
		return []group.Step{
			{After: 15 * time.Minute, Targets: target(card, "sre")},
			{After: 45 * time.Minute, Targets: target(card, "sre", "managers"), Every: 30 * time.Minute},
		}
	}
	require.Equal(t, all(""), escalation())
	require.Equal(t, all("threshold"), escalation("team", "inherits"), "who is told later reads the card of the route")
	own := []group.Step{{After: time.Second, Targets: target("", "managers")}}
	require.Equal(t, own, escalation("team", "own"), "its own take the place of those above, they are not added")
	require.Equal(t, own, escalation("team", "own", "deep", "yes"))
	require.Empty(t, escalation("team", "none"))
	require.Empty(t, escalation("team", "nobody"), "a watchdog that nobody is told of would ring the managers every day")
	require.Equal(t, all(""), escalation("team", "nobody", "deep", "yes"), "somebody is told here")
}

// TestTheCardOfADestinationHoldsInAStepToo: a destination that asks for a card
// gets it however it comes to be told.
func TestTheCardOfADestinationHoldsInAStepToo(t *testing.T) {
	made := tree(t, func(o *route.Options) {
		o.DestinationCards = map[string]string{"sre": "threshold"}
		o.Route.Escalate = route.Escalation{step(time.Minute, "sre", "managers")}
	})
	require.Equal(t, []group.Target{{Destination: "sre", Card: "threshold"}, {Destination: "managers"}}, made.Match(nil)[0].Spec("api", false, nil).Escalate[0].Targets)
}

// TestStraightIsStraight: who posts to one destination by its path chose who is
// told, and nobody else is.
func TestStraightIsStraight(t *testing.T) {
	made := tree(t, func(o *route.Options) { o.Route.Escalate = route.Escalation{step(time.Minute, "sre")} })
	node, ok := made.To("managers")
	require.True(t, ok)
	require.Empty(t, node.Spec("api", false, nil).Escalate)
}
