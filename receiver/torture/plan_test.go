package torture

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var minute = Shape{For: time.Minute, Replicas: 3, Shared: true, Disk: true}

func TestASeedIsAlwaysTheSamePlan(t *testing.T) {
	require.Equal(t, NewPlan(7, minute), NewPlan(7, minute), "whoever is told of a failure could not see it again")
	require.NotEqual(t, NewPlan(7, minute).Groups, NewPlan(8, minute).Groups)
	require.NotEqual(t, NewPlan(7, minute).Faults, NewPlan(8, minute).Faults)
}

func TestEveryPlanIsABadDay(t *testing.T) {
	for seed := range uint64(50) {
		p := NewPlan(seed, minute)
		kinds := map[Kind]int{}
		for _, f := range p.Faults {
			kinds[f.Kind]++
			require.Less(t, f.At, minute.For)
			require.Less(t, f.Replica, minute.Replicas)
			if f.AtMicrosoft() {
				require.Contains(t, Places, place(f.Place))
			}
		}
		for _, kind := range []Kind{Killed, Restarted, Hung, Reloaded, Jumped, AllJumped, DiskFull, DBKilled, DBCut, DBShutdown, CutAfter, Throttled} {
			require.Positive(t, kinds[kind], "seed %d has no %s, and proves less than it says", seed, kind)
		}
		require.True(t, slices.ContainsFunc(p.Faults, func(f Fault) bool { return f.Kind == Hung && f.For > 28*time.Second }),
			"seed %d: no replica hangs for longer than a lease", seed)
		require.True(t, slices.IsSortedFunc(p.Faults, func(a, b Fault) int { return int(a.At - b.At) }), "they are carried out in turn")
		require.NotEmpty(t, p.Presses)
	}
}

func TestScriptsAreWhatSourcesSay(t *testing.T) {
	for seed := range uint64(20) {
		there := map[string]int{}
		for _, g := range NewPlan(seed, minute).Groups {
			for _, place := range g.Places {
				there[place]++
			}
			require.NotEmpty(t, g.Steps)
			require.False(t, g.Steps[0].Over(), "nothing ends that has not begun")
			require.True(t, g.Steps[len(g.Steps)-1].Must, "how it is at last has to be known")
			for i := 1; i < len(g.Steps); i++ {
				before, step := g.Steps[i-1], g.Steps[i]
				require.GreaterOrEqual(t, step.At, before.At)
				require.NotEqual(t, states(before), states(step), "%s: a step that changes nothing is not stored, and no card has its number", g.Name)
				require.False(t, before.Over() && step.Over())
				require.True(t, !step.Over() || step.Must, "Alertmanager keeps what is resolved until somebody has taken it")
			}
			if g.Source == Event {
				require.Len(t, g.Steps[0].Alerts, 1)
			}
		}
		for place, groups := range there {
			require.LessOrEqual(t, groups, 20, "a digest names no more, and the checker could not tell what it told of %s", place)
		}
	}
}

func TestTheTemplateWritesWhatIsRead(t *testing.T) {
	card := []byte(`{"type":"AdaptiveCard","body":[{"type":"Container","items":[{"type":"TextBlock","text":"G001"}]},
		{"type":"TextBlock","text":"mark k3f9 of G001 acked 12 firing a1 3 resolved a2 4 unseen a3 2"}]}`)
	mark := ParseMark(card)
	require.Equal(t, &Mark{ID: "k3f9", Group: "G001", Acked: true, Facts: 12, Alerts: []Marked{{"firing", "a1", 3}, {"resolved", "a2", 4}, {"unseen", "a3", 2}}}, mark)
	require.Equal(t, 4, mark.Step())
	require.False(t, mark.Over())
	for _, other := range []string{``, `{}`, `{"body":[{"text":"mark"}]}`, `{"body":[{"text":"mark a of b acked 1 firing a1"}]}`, `{"body":[{"text":"mark a of b acked 1 firing a1 x"}]}`} {
		require.Nil(t, ParseMark([]byte(other)), other)
	}
}

func TestADigestIsRead(t *testing.T) {
	card := []byte(`{"body":[{"items":[{"text":"3 groups of alerts"}]},{"text":"CRITICAL · 2 groups"},
		{"text":"G001"},{"text":"3 firing, 1 resolved · since 10:02 · #k3f9"},{"text":"G002 jobs"},{"text":"2 resolved"},{"text":"and 1 more, counted above"}]}`)
	rows, hidden, ok := ParseDigest(card)
	require.True(t, ok)
	require.Equal(t, []Row{{"G001", 3, 1}, {"G002", 0, 2}}, rows)
	require.Equal(t, 1, hidden)
	_, _, ok = ParseDigest([]byte(`{"body":[{"text":"G001"}]}`))
	require.False(t, ok)
}
