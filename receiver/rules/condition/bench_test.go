package condition_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// cpu is what Telegraf's cpu input makes: ten fields.
func cpu() *sample.Sample {
	s := &sample.Sample{Measurement: "cpu", Tags: []sample.Tag{{Key: "cpu", Value: "cpu-total"}, {Key: "host", Value: "db01"}}}
	for _, key := range []string{
		"usage_user", "usage_system", "usage_idle", "usage_nice", "usage_iowait",
		"usage_irq", "usage_softirq", "usage_steal", "usage_guest", "usage_guest_nice",
	} {
		s.Fields = append(s.Fields, sample.Field{Key: key, Value: sample.Num(9.5)})
	}
	return s
}

// conditions are those whose cost is told.
var conditions = []struct {
	name, text string
	machine    bool
}{
	{"comparison", `usage_idle < 10`, false},
	{"of a tag", `cpu == "cpu-total"`, false},
	{"of a window", `mean(usage_idle, "5m") < 10`, false},
	{"arithmetic", `100 - usage_idle > 90`, false},
	{"three joined", `cpu == "cpu-total" and usage_idle < 10 and not (usage_steal > 50)`, false},
	{"a missing field", `absent > 10`, false},
	{"function of what is missing", `abs(absent) > 10`, false},
	{"function", `abs(usage_idle) < 10`, true},
	{"missing or not", `(usage_idle ?? 100) < 10`, true},
}

func BenchmarkEval(b *testing.B) {
	s, values := cpu(), []sample.Value{sample.Num(5)}
	for _, bench := range conditions {
		b.Run(bench.name, func(b *testing.B) {
			c, err := condition.Compile(bench.text, &condition.Slots{})
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				c.Eval(s, values)
			}
		})
	}
}

func TestWhatTheMachineDoesNotSeeAllocatesNothing(t *testing.T) {
	s, values := cpu(), []sample.Value{sample.Num(5)}
	for _, c := range conditions {
		if c.machine {
			continue
		}
		made, err := condition.Compile(c.text, &condition.Slots{})
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			made.Eval(s, values)
			made.Value(s, values)
		}), c.text)
	}
}
