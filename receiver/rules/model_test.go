package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// The model tests lead random lives: what may never happen must not, however
// samples, silence, restarts and reloads come together. Each failure names the
// seed that repeats it.

// lives is how many are led, enough to find most mistakes at once. After a
// change of what is decided, try more.
const lives = 30

// consistent says whether what fires is what was said, and no series has two
// levels at a time.
func (w *world) consistent() {
	w.t.Helper()
	fires := map[alert.Fingerprint]alert.Alert{}
	levels := map[string]string{}
	w.e.Firing(func(a alert.Alert) {
		require.Equal(w.t, alert.Firing, a.Status)
		require.True(w.t, a.EndsAt.IsZero())
		fires[a.Fingerprint] = a
		if a.Labels["no_data"] == "" && a.Name() != LimitAlert {
			series := a.Name() + "{" + a.Labels["host"] + "," + a.Labels["rack"] + "}"
			require.Empty(w.t, levels[series], "two levels of %s at a time", series)
			levels[series] = a.Labels["severity"]
		}
	})
	for fp, a := range w.told {
		require.Contains(w.t, fires, fp, "%v was said to fire", a.Labels)
	}
	for fp, a := range fires {
		require.Contains(w.t, w.told, fp)
		require.Equal(w.t, w.told[fp].StartsAt, a.StartsAt)
	}
	total := 0
	for _, s := range w.e.Stats() {
		total += s.Firing
	}
	require.Equal(w.t, len(fires), total)
}

// memories is what is kept of earlier samples, by rule and series.
func (w *world) memories() map[string]string {
	all := map[string]string{}
	for _, r := range w.e.trackers {
		for one := range r.all() {
			k, err := decode(w.e.encode(one))
			require.NoError(w.t, err)
			all[r.rule.ID+" "+one.name()] = fmt.Sprint(k.previous, k.windows, k.chart)
		}
	}
	return all
}

const (
	plainRules = `
groups:
  - name: g
    rules:
      - {alert: A, measurement: m, by: [host], levels: [{severity: critical, when: v > 7, clear: v < 5}, {severity: warning, when: v > 4, clear: v < 2}], for: 2m, keep_firing_for: 3m}
      - {alert: B, measurement: m, when: v > 5, severity: info, labels: {x: y}}
      - {alert: C, measurement: m, by: [host], when: changed(v) and v > 3, for: 1m}
`
	lookingBack = `
groups:
  - name: g
    rules:
      - {alert: A, measurement: m, levels: [{severity: critical, when: 'mean(v, "5m") > 5'}, {severity: warning, when: 'max(v, "3m") > 5 or rate(v, "4m") > 0.05'}], for: 1m, chart: {field: v}}
      - {alert: B, measurement: m, when: 'count(v, "10m") > 5 and previous(v) < v', severity: info, keep_firing_for: 2m}
      - {alert: C, measurement: m, when: 'delta(v, "2m") > 2 or min(v, "2m") > 3', annotations: {summary: "at {{ $value }}"}}
`
	everything = `
groups:
  - name: g
    rules:
      - {alert: A, measurement: m, by: [host], levels: [{severity: critical, when: v > 7, clear: v < 5}, {severity: warning, when: v > 4}], for: 2m, keep_firing_for: 3m, no_data: {after: 5m}}
      - {alert: B, measurement: m, when: 'mean(v, "5m") > 5', severity: info, no_data: {after: 20m, severity: warning}, series_limit: 3, chart: {field: v}}
      - {alert: C, measurement: m, by: [host], when: changed(v) and v > 3, severity: info}
`
	everythingElse = `
groups:
  - name: g
    rules:
      - {alert: A, measurement: m, by: [host], levels: [{severity: warning, when: v > 4}], for: 1m, no_data: {after: 8m}}
      - {alert: B, measurement: m, when: 'max(v, "3m") > 5', severity: info}
      - {alert: D, measurement: m, by: [host], when: v > 3, severity: info}
`
)

func TestARestartAtAnyMomentMakesNoDifference(t *testing.T) {
	for seed := range uint64(lives) {
		for _, back := range []bool{false, true} {
			text, random := plainRules, rand.New(rand.NewPCG(seed, 9))
			if back {
				text = lookingBack
			}
			set := parsed(t, text)
			w, never := newWorld(t, set), newWorld(t, parsed(t, text))
			at := time.Duration(0)
			for step := range 120 {
				at += time.Duration(1+random.IntN(60)) * time.Second
				w.to(at)
				never.to(at)
				for host := range 4 {
					if random.IntN(3) > 0 && step%20 != 0 {
						continue
					}
					measured := at
					if back && random.IntN(4) == 0 {
						measured -= time.Duration(random.IntN(20)) * time.Second
					}
					v := fmt.Sprintf("v=%d", random.IntN(10))
					w.measured(measured, fmt.Sprintf("host=%d", host), v)
					never.measured(measured, fmt.Sprintf("host=%d", host), v)
				}
				if random.IntN(6) == 0 {
					if back { // what windows hold is only stored then
						w.e.Checkpoint()
						w.listen()
					}
					remembers, reads := w.memories(), map[alert.Fingerprint]alert.Alert{}
					w.e.Firing(func(a alert.Alert) { reads[a.Fingerprint] = a })
					w.restart(set)
					if back {
						require.Equal(t, remembers, w.memories(), "seed %d", seed)
						w.e.Firing(func(a alert.Alert) {
							require.Equal(t, reads[a.Fingerprint].Annotations, a.Annotations, "seed %d", seed)
							require.Equal(t, reads[a.Fingerprint].Values, a.Values, "seed %d", seed)
							require.Equal(t, reads[a.Fingerprint].Chart == nil, a.Chart == nil, "seed %d", seed)
						})
					}
				}
				w.consistent()
				// What is due at the same instant has no order.
				slices.Sort(never.said)
				slices.Sort(w.said)
				require.Equal(t, never.said, w.said, "seed %d, step %d", seed, step)
				require.Equal(t, never.firing(), w.firing(), "seed %d, step %d", seed, step)
			}
			require.NotEmpty(t, w.said)
		}
	}
}

func TestWhateverHappensWhatFiresIsWhatWasSaid(t *testing.T) {
	events := []string{"critical", "warning", "info", ruleGone, levelGone, notWatched, "The series stopped", "no_data=true} fires", LimitAlert + " warning{group=g,rule=B} fires"}
	seen := map[string]int{}
	for seed := range uint64(2 * lives) {
		random := rand.New(rand.NewPCG(seed, 10))
		sets := []*Set{parsed(t, everything), parsed(t, everythingElse)}
		current := 0
		w := newWorld(t, sets[0])
		for range 150 {
			switch random.IntN(14) {
			case 0:
				w.to(w.now.Sub(start) + time.Duration(random.IntN(40))*time.Minute)
			case 1:
				w.e.Checkpoint()
				w.listen()
			case 2:
				w.now = w.now.Add(time.Duration(random.IntN(3)*random.IntN(60)) * time.Minute)
				w.restart(sets[current])
			case 3:
				current = 1 - current
				w.e.Reload(sets[current], w.now)
				w.listen()
			case 4:
				current = 1 - current
				w.restart(sets[current])
			case 5:
				by := time.Duration(random.IntN(120)-60) * time.Minute
				w.e.Shift(by)
				w.now = w.now.Add(by)
			default:
				w.to(w.now.Sub(start) + time.Duration(random.IntN(90))*time.Second)
				measured := w.now.Sub(start) + time.Duration(random.IntN(8)*random.IntN(40)-100)*time.Second
				fields := fmt.Sprintf("v=%d", random.IntN(10))
				if random.IntN(10) == 0 {
					fields = "other=1"
				}
				w.measured(measured, fmt.Sprintf("host=%d,rack=%d", random.IntN(3), random.IntN(2)), fields)
			}
			w.consistent()
			for _, line := range w.said {
				for _, what := range events {
					if strings.Contains(line, what) {
						seen[what]++
					}
				}
			}
			w.said = nil
		}
		// What is left ends in silence, and leaves nothing behind.
		w.e.Reload(&Set{}, w.now)
		w.listen()
		require.Empty(t, w.told)
		require.Empty(t, w.firing())
		require.Empty(t, w.rows, "seed %d", seed)
		require.Zero(t, len(w.e.alike))
	}
	for _, what := range events {
		require.Greater(t, seen[what], 10, "the lives were too quiet to prove anything about %q", what)
	}
}
