package condition_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// FuzzCompile: whatever stands in a rule file, compiling it ends, with a
// condition or with an error that says what to do; and whatever is measured,
// evaluating a condition ends with an outcome.
func FuzzCompile(f *testing.F) {
	for _, text := range []string{
		`temp_c > 27 and site == "fra1"`, `mean(temp_c, "5m") > 27 or changed(state)`,
		`lower(a) == 'b' ? abs(x) ** 2 > 5 : (y ?? 3) in 1..5`, `not (a matches "^x+$") and b not in ["c", 'd']`,
		`a == nil || b != nil && -c < +5.5e3 % 2`, `field("x y") < 5 < tag('z') | len()`,
		"ä == b ? c-d-e > 5 : lower(f) !=\n g", `a = 5`, `((((`, `"\xff"`, `a ? b : c ? d : e`, `hasPrefix(a, b) and indexOf(a, "") >= 0`,
		`let a = 1; a`, `{a: [1, 2][0]}?.b`, `map(1..9, # + 1)`, `a[1:2] contains b"x"`, "a /* b */ > 1 // c",
	} {
		f.Add(text, "a", "text", 1.5, true)
	}
	f.Fuzz(func(t *testing.T, text, key, value string, number float64, online bool) {
		s := &sample.Sample{
			Tags: []sample.Tag{{Key: "c", Value: value}, {Key: key, Value: value}},
			Fields: []sample.Field{
				{Key: key, Value: sample.Num(number)}, {Key: "a", Value: sample.Str(value)},
				{Key: "b", Value: sample.Boolean(online)}, {Key: "x", Value: sample.Num(-number)},
			},
		}
		slots := &condition.Slots{}
		for _, compile := range []func() (*condition.Condition, error){
			func() (*condition.Condition, error) { return condition.Compile(text, slots) },
			func() (*condition.Condition, error) { return condition.CompileWhere(text) },
		} {
			c, err := compile()
			if err != nil {
				var wrong *condition.Error
				require.ErrorAs(t, err, &wrong)
				require.NotEmpty(t, wrong.What)
				require.NotEmpty(t, wrong.Do)
				require.False(t, strings.ContainsAny(err.Error(), "\n\r"), "an error is one line: %q", err)
				continue
			}
			values := make([]sample.Value, len(slots.Needs))
			for i := range values {
				values[i] = s.Fields[i%len(s.Fields)].Value
			}
			outcome := c.Eval(s, values)
			require.Contains(t, []condition.Outcome{condition.True, condition.False, condition.Unknown}, outcome)
			require.Equal(t, outcome, c.Eval(s, values), "the same sample has the same outcome")
			c.Eval(&sample.Sample{}, nil)
			c.Value(s, values)
			if b, ok := c.Bound(); ok {
				require.False(t, math.IsNaN(b.Limit))
			}
			require.Subset(t, c.Names(), c.Certain())
			for _, doubt := range c.Doubts() {
				require.Subset(t, c.Names(), doubt.Names)
				require.False(t, strings.ContainsAny(doubt.Error.Error(), "\n\r"), "a doubt is one line: %q", doubt)
			}
			c.Implies(c)
			c.Covers(c)
			if outcome == condition.True {
				require.False(t, c.Never(), "%s is true and said to be never so", text)
			}
			if outcome == condition.False {
				require.False(t, c.Always(), "%s is false and said to be always so", text)
			}
		}
	})
}
