package condition_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/expr-lang/expr"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// author writes conditions at random: those that are evaluated without expr's
// machine, on fields that are there and of the type that they are taken for.
type author struct{ *rand.Rand }

func (a author) pick(texts ...string) string { return texts[a.IntN(len(texts))] }

func (a author) number(depth int) string {
	switch n := a.IntN(8); {
	case depth > 0 && n == 0:
		return "(" + a.number(depth-1) + a.pick(" + ", " - ", " * ") + a.number(depth-1) + ")"
	case depth > 0 && n == 1:
		return "(" + a.number(depth-1) + " / " + a.pick("2", "4", "-0.5") + ")"
	case n == 2:
		return "-" + a.pick("n1", "n2", "3")
	case n < 6:
		return a.pick("n1", "n2", "n3")
	}
	return fmt.Sprint(a.IntN(7) - 3)
}

func (a author) text() string {
	return a.pick("t1", "t2", "s1", `""`, `"a"`, `"ab"`, `"b"`)
}

func (a author) condition(depth int) string {
	if depth > 0 {
		switch a.IntN(5) {
		case 0, 1:
			return "(" + a.condition(depth-1) + a.pick(" and ", " or ", " && ", " || ") + a.condition(depth-1) + ")"
		case 2:
			return a.pick("not ", "!") + "(" + a.condition(depth-1) + ")"
		}
	}
	comparison := a.pick(" == ", " != ", " < ", " <= ", " > ", " >= ")
	switch a.IntN(9) {
	case 0, 1, 2:
		return a.number(2) + comparison + a.number(2)
	case 3:
		return a.text() + comparison + a.text()
	case 4:
		return a.text() + a.pick(" contains ", " startsWith ", " endsWith ", " not contains ") + a.text()
	case 5:
		return a.text() + a.pick(" in ", " not in ") + `["a", "b"]`
	case 6:
		return a.pick("n1", "n2", "n3") + a.pick(" in ", " not in ") + a.pick("[1, 2, -1]", "-2..2")
	case 7:
		return a.text() + ` matches "^a"`
	}
	return a.pick("b1", "b2", "b1 == b2", "b1 != true")
}

// TestOurEvaluationAgreesWithExprs compares with the library whose language it
// is: users read its documentation.
func TestOurEvaluationAgreesWithExprs(t *testing.T) {
	a := author{rand.New(rand.NewPCG(3, 14))}
	outcomes := make(map[condition.Outcome]int)
	for range 20_000 {
		text := a.condition(3)
		env := map[string]any{"s1": a.pick("a", "ab", "c")}
		s := &sample.Sample{Tags: []sample.Tag{{Key: "s1", Value: env["s1"].(string)}}}
		add := func(key string, value any) {
			env[key] = value
			s.Fields = append(s.Fields, sample.Field{Key: key, Value: sample.Of(value)})
		}
		for _, key := range []string{"n1", "n2", "n3"} {
			add(key, float64(a.IntN(7)-3))
		}
		add("t1", a.pick("", "a", "ab"))
		add("t2", a.pick("b", "ab", "ba"))
		add("b1", a.IntN(2) == 0)
		add("b2", a.IntN(2) == 0)

		want, err := expr.Eval(text, env)
		require.NoError(t, err, text)
		c, err := condition.Compile(text, &condition.Slots{})
		require.NoError(t, err, text)
		got := c.Eval(s, nil)
		require.Equal(t, want, got == condition.True, "%s with %v", text, env)
		require.NotEqual(t, condition.Unknown, got, "%s with %v", text, env)
		require.False(t, got == condition.True && c.Never(), text)
		require.False(t, got == condition.False && c.Always(), text)
		outcomes[got]++
	}
	require.Greater(t, outcomes[condition.True], 5000, "the comparison is about both outcomes")
	require.Greater(t, outcomes[condition.False], 5000)
}
