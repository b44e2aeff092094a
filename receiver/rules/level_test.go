package rules

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// TestLevelsAreKapacitors would fail for everyone who moves a TICKscript here.
func TestLevelsAreKapacitors(t *testing.T) {
	w := newWorld(t, oneRule(t, `levels: [
		{severity: critical, when: v > 80, clear: v < 70},
		{severity: warning, when: v > 70, clear: v < 60},
		{severity: info, when: v > 60, clear: v < 50}]`))
	var got []string
	for i, v := range []float64{61, 73, 64, 85, 62, 56, 47} {
		w.to(mins(float64(i))).metric("", fmt.Sprintf("v=%g", v))
		level := "ok"
		w.e.Firing(func(a alert.Alert) { level = a.Labels["severity"] })
		got = append(got, level)
	}
	require.Equal(t, []string{"info", "warning", "warning", "critical", "info", "info", "ok"}, got)
	w.says("info fires since 0s",
		"info ends 0s-1m", "warning fires since 1m",
		"warning ends 1m-3m", "critical fires since 3m",
		"critical ends 3m-4m", "info fires since 4m",
		"info ends 4m-6m")
}

// TestLevelsFollowTheirDescription compares the machine with the description
// itself: every way in which what is unknown could have turned out must lead
// to the same level, or the sample changes nothing.
func TestLevelsFollowTheirDescription(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	number := func() int { return random.IntN(8) }
	for range 3000 {
		levels := 1 + random.IntN(4)
		rule := &Rule{ID: "A", Alert: "A", Measurement: "m", Group: &Group{Name: "g"}}
		slots := &condition.Slots{}
		compiled := func(format string, args ...any) *condition.Condition {
			c, err := condition.Compile(fmt.Sprintf(format, args...), slots)
			require.NoError(t, err)
			return c
		}
		type test struct {
			when, clear int // thresholds; clear -1: there is none
			f, g        string
		}
		var tests []test // the highest level first
		for i := range levels {
			c := test{when: number(), clear: number() - 1, f: []string{"v", "w"}[random.IntN(2)], g: []string{"v", "w"}[random.IntN(2)]}
			tests = append(tests, c)
			level := Level{Severity: fmt.Sprintf("s%d", levels-i), When: compiled("%s > %d", c.f, c.when)}
			if c.clear >= 0 {
				level.Clear = compiled("%s < %d", c.g, c.clear)
			}
			rule.Levels = append(rule.Levels, level)
		}
		rule.Group.Rules = []*Rule{rule} // by hand: Parse refuses levels that contradict each other
		e := NewEvaluator(&Set{Groups: []*Group{rule.Group}}, start)
		cur, undecided := 0, 0 // cur counts from 1, the lowest; 0: ok
		for step := range 20 {
			fields := map[string]int{}
			s := sample.Sample{Measurement: "m", Time: start.Add(time.Duration(step) * time.Second)}
			for _, name := range []string{"v", "w"} {
				if random.IntN(5) > 0 {
					fields[name] = number()
					s.Fields = append(s.Fields, sample.Field{Key: name, Value: sample.Num(float64(fields[name]))})
				}
			}
			e.Metric(&s, s.Time)
			// The description, for one way in which the missing fields could
			// have turned out, each comparison by itself.
			outcome := func(ways, bit int, field string, above bool, limit int) bool {
				v, there := fields[field]
				switch {
				case !there:
					return ways>>bit&1 == 1
				case above:
					return v > limit
				}
				return v < limit
			}
			next := -1
			for ways := range 1 << (2 * levels) {
				when := func(level int) bool {
					c := tests[levels-level]
					return outcome(ways, 2*level-2, c.f, true, c.when)
				}
				to := 0
				for level := levels; level > cur && to == 0; level-- {
					if when(level) {
						to = level
					}
				}
				if to == 0 && cur > 0 {
					c := tests[levels-cur]
					if c.clear >= 0 && !outcome(ways, 2*cur-1, c.g, false, c.clear) {
						to = cur
					} else {
						for level := cur; level > 0 && to == 0; level-- {
							if when(level) {
								to = level
							}
						}
					}
				}
				if next >= 0 && next != to {
					next, undecided = cur, undecided+1
					break
				}
				next = to
			}
			was := cur
			cur = next
			told := 0
			e.Firing(func(a alert.Alert) {
				require.Zero(t, told, "two alerts of one series")
				_, err := fmt.Sscanf(a.Labels["severity"], "s%d", &told)
				require.NoError(t, err)
			})
			require.Equal(t, cur, told, "%+v\nfrom %d by %v", tests, was, fields)
			require.EqualValues(t, undecided, e.Stats()[0].Unusable, "%+v\nfrom %d by %v", tests, was, fields)
		}
	}
}

func TestTimeConfirmsAndKeepsLevels(t *testing.T) {
	const twoLevels = `levels: [{severity: critical, when: v > 32}, {severity: warning, when: v > 27}], `
	for name, c := range map[string]struct {
		keys  string
		story func(w *world)
	}{
		"nothing is told before for is over, strictly": {`when: v > 27, severity: warning, for: 2m`, func(w *world) {
			w.metric("", "v=30").to(mins(2)).metric("", "v=30").says()
			w.to(mins(2) + 1).says("warning fires since 2m")
		}},
		"what is over before that is never told": {`when: v > 27, severity: warning, for: 2m`, func(w *world) {
			w.metric("", "v=30").to(mins(2)).metric("", "v=20").to(mins(10)).says()
		}},
		"for begins anew after each sample that is ok": {`when: v > 27, severity: warning, for: 2m`, func(w *world) {
			w.metric("", "v=30").to(mins(1)).metric("", "v=20").to(mins(1.5)).metric("", "v=30").to(mins(3)).says()
			w.to(mins(4)).says("warning fires since 3m30s")
		}},
		"a backlog that comes at once is judged by its own times": {`when: v > 27, severity: warning, for: 2m`, func(w *world) {
			w.to(mins(30))
			w.measured(mins(5), "", "v=30").measured(mins(6), "", "v=30").says()
			w.measured(mins(9), "", "v=30").says("warning fires since 7m")
			w.measured(mins(10), "", "v=20").says("warning ends 7m-10m")
		}},
		"what fired and was over within a backlog is told with both its times": {`when: v > 27, severity: warning, for: 2m`, func(w *world) {
			w.to(mins(30)).measured(0, "", "v=30").measured(mins(9), "", "v=20").
				says("warning fires since 2m", "warning ends 2m-9m")
		}},
		"an agent whose clock is an hour behind fires after the same time as others": {`when: v > 27, severity: warning, for: 2m`, func(w *world) {
			w.measured(mins(-60), "", "v=30").to(mins(1)).measured(mins(-59), "", "v=30").to(mins(2)).says()
			w.to(mins(3)).says("warning fires since -58m")
		}},
		"each level is confirmed by itself": {twoLevels + `for: 2m`, func(w *world) {
			w.metric("", "v=30").to(mins(1)).metric("", "v=35").to(mins(2.5)).
				says("warning fires since 2m")
			w.to(mins(5)).says("warning ends 2m-3m", "critical fires since 3m")
		}},
		"a jump to the highest level is told as such only": {twoLevels + `for: 2m`, func(w *world) {
			w.metric("", "v=35").to(mins(5)).says("critical fires since 2m")
		}},
		"the time at a higher level counts for the lower ones": {twoLevels + `for: 2m`, func(w *world) {
			w.metric("", "v=35").to(mins(1.5)).metric("", "v=30").to(mins(5)).says("warning fires since 2m")
		}},
		"keep_firing_for keeps strictly longer than": {`when: v > 27, severity: warning, keep_firing_for: 5m`, func(w *world) {
			w.metric("", "v=30").says("warning fires since 0s")
			w.to(mins(1)).metric("", "v=20").to(mins(6)).metric("", "v=20").says()
			w.to(mins(6) + 1).says("warning ends 0s-6m")
		}},
		"a level that comes back while it is kept goes on": {`when: v > 27, severity: warning, for: 2m, keep_firing_for: 5m`, func(w *world) {
			w.metric("", "v=30").to(mins(3)).says("warning fires since 2m")
			w.metric("", "v=20").to(mins(6)).metric("", "v=30").to(mins(7)).metric("", "v=20").to(mins(11)).says()
			w.to(mins(13)).says("warning ends 2m-12m")
		}},
		"a higher level is told while a lower one is kept": {twoLevels + `keep_firing_for: 5m`, func(w *world) {
			w.metric("", "v=30").to(mins(1)).metric("", "v=20").to(mins(2)).metric("", "v=35").
				says("warning fires since 0s", "warning ends 0s-2m", "critical fires since 2m")
		}},
		"levels step down one by one as they are given up": {twoLevels + `keep_firing_for: 5m`, func(w *world) {
			w.metric("", "v=35").to(mins(1)).metric("", "v=30").to(mins(3)).metric("", "v=20").
				says("critical fires since 0s")
			w.to(mins(20)).says("critical ends 0s-6m", "warning fires since 6m", "warning ends 6m-8m")
		}},
		"clocks run on while nothing comes": {`when: v > 27, severity: warning, for: 30m`, func(w *world) {
			w.metric("", "v=30").to(mins(40)).says("warning fires since 30m")
		}},
		"an alert never ends before it began, even if a sample is older than the clock that ran": {`when: v > 27, severity: warning, for: 2m`, func(w *world) {
			w.metric("", "v=30").to(mins(3)).measured(mins(1.5), "", "v=20").
				says("warning fires since 2m", "warning ends 2m-2m")
		}},
	} {
		t.Run(name, func(t *testing.T) { c.story(newWorld(t, oneRule(t, c.keys))) })
	}
}

// TestTicksMakeNoDifference would fail for a receiver that is busy: when the
// clock is looked at must not change what is decided.
func TestTicksMakeNoDifference(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	keys := `levels: [{severity: critical, when: v > 4, clear: v < 3}, {severity: warning, when: v > 2}], for: 3m, keep_firing_for: 2m`
	for range 300 {
		prompt, lazy := newWorld(t, oneRule(t, keys)), newWorld(t, oneRule(t, keys))
		at := 0.0
		for range 30 {
			at += float64(1 + random.IntN(4))
			v := fmt.Sprintf("v=%d", random.IntN(7))
			prompt.to(mins(at)).metric("", v)
			lazy.now = start.Add(mins(at))
			lazy.metric("", v)
		}
		prompt.to(mins(at + 60))
		lazy.to(mins(at + 60))
		require.Equal(t, prompt.said, lazy.said)
		require.NotEmpty(t, prompt.said)
	}
}
