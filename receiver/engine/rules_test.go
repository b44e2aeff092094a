package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const datacenter = `
groups:
  - name: datacenter
    rules:
      - alert: Hot
        measurement: temperature
        levels:
          - {severity: critical, when: temp_c > 32, clear: temp_c < 30}
          - {severity: warning, when: temp_c > 27, clear: temp_c < 25}
        annotations: {summary: '{{ $labels.rack }} is at {{ printf "%.1f" $value }} °C'}
`

// oneRoute tells everything to ops, soon.
const oneRoute = `{destinations: [ops], group_by: [alertname], group_wait: 1s, group_interval: 10s, repeat_interval: 4h}`

func temperature(celsius float64) sample.Sample {
	return sample.Sample{
		Measurement: "temperature", Time: time.Now(),
		Tags:   []sample.Tag{{Key: "rack", Value: "r1"}},
		Fields: []sample.Field{{Key: "temp_c", Value: sample.Num(celsius)}},
	}
}

// measure is a sample, and the time in which it is told.
func (r *rig) measure(celsius float64) {
	r.t.Helper()
	require.NoError(r.t, r.engine.Samples(context.Background(), []sample.Sample{temperature(celsius)}))
	time.Sleep(15 * time.Second)
}

func TestSamplesBecomeCards(t *testing.T) {
	test(t, "a breach, a worse one, a milder one and the end: three messages", func(r *rig) {
		r.rules = datacenter
		r.start(oneRoute, "ops")
		defer func() { r.stop() }()
		r.measure(20)
		r.expect()
		r.measure(28)
		r.expect("ops: warning r1 28.0")
		r.measure(33)
		r.expect("ops: critical r1 33.0")
		r.measure(29) // milder: quiet, and a webhook cannot change its card
		r.expect()
		r.measure(24)
		r.expect("ops: resolved Hot")
	})
	test(t, "a restart in the middle tells nothing twice and forgets nothing", func(r *rig) {
		r.rules = datacenter
		r.start(oneRoute, "ops")
		r.measure(33)
		r.expect("ops: critical r1 33.0")
		r.stop()
		time.Sleep(time.Hour)
		r.start(oneRoute, "ops")
		defer func() { r.stop() }()
		r.measure(33)
		time.Sleep(10 * time.Minute)
		r.expect()
		r.measure(24)
		r.expect("ops: resolved Hot")
	})
	test(t, "an alert that fires outlives resolve_timeout without samples", func(r *rig) {
		r.rules = datacenter
		r.start(oneRoute, "ops")
		defer func() { r.stop() }()
		r.measure(33)
		r.expect("ops: critical")
		time.Sleep(30 * time.Minute)
		r.expect()
	})
	test(t, "a series that stops is told as such, never as all is well", func(r *rig) {
		r.rules = datacenter
		r.start(oneRoute, "ops")
		defer func() { r.stop() }()
		r.measure(33)
		r.expect("ops: critical")
		time.Sleep(2 * time.Hour)
		r.expect("ops: resolved")
		var g []string
		require.NoError(r.t, r.store.View(context.Background(), func(tx store.Tx) error {
			groups, err := tx.ListGroups(false, 0, 10)
			for _, group := range groups {
				for _, a := range group.Alerts {
					g = append(g, a.Annotations["description"])
				}
			}
			return err
		}))
		require.Len(r.t, g, 1)
		require.NotEmpty(r.t, g[0], "the card must say that nobody measures any more")
	})
	test(t, "a store that refuses loses nothing", func(r *rig) {
		r.rules = datacenter
		r.start(oneRoute, "ops")
		defer func() { r.stop() }()
		r.store.refuse.Store(true)
		require.ErrorIs(r.t, r.engine.Samples(context.Background(), []sample.Sample{temperature(33)}), store.ErrUnavailable)
		r.store.refuse.Store(false)
		require.NoError(r.t, r.engine.Samples(context.Background(), nil))
		time.Sleep(15 * time.Second)
		r.expect("ops: critical r1 33.0")
	})
	test(t, "a clock that is set by an hour neither fires what waits nor forgets it", func(r *rig) {
		r.rules = datacenter + "        for: 5m\n"
		r.start(oneRoute, "ops")
		defer func() { r.stop() }()
		r.measure(33)
		r.skew.Store(int64(time.Hour))
		time.Sleep(3 * time.Minute)
		r.expect()
		time.Sleep(3 * time.Minute)
		r.expect("ops: critical r1 33.0")
	})
	for _, hours := range []time.Duration{-1, 1, -30} {
		test(t, fmt.Sprintf("a clock that is set by %d hours ends nothing that fires, now or later", hours), func(r *rig) {
			r.rules = datacenter
			r.start(oneRoute, "ops")
			defer func() { r.stop() }()
			r.measure(33)
			r.expect("ops: critical r1 33.0")
			r.skew.Store(int64(hours * time.Hour))
			for range 150 {
				time.Sleep(time.Minute)
				r.measure(33)
			}
			r.expect()
		})
	}
	test(t, "a clock that is set back does not shorten what is waited for", func(r *rig) {
		r.rules = datacenter + "        for: 30m\n"
		r.start(oneRoute, "ops")
		defer func() { r.stop() }()
		for range 25 {
			r.measure(33)
			time.Sleep(30 * time.Second)
			r.skew.Add(int64(-time.Hour))
			time.Sleep(15 * time.Second)
		}
		r.expect()
	})
	test(t, "a store that refuses for half an hour ends nothing when it is back", func(r *rig) {
		r.rules = datacenter
		r.start(oneRoute, "ops")
		defer func() { r.stop() }()
		r.measure(33)
		r.expect("ops: critical r1 33.0")
		r.store.refuse.Store(true)
		time.Sleep(30 * time.Minute)
		r.store.refuse.Store(false)
		time.Sleep(15 * time.Minute)
		r.expect()
	})
	test(t, "rules that are taken away end their alerts", func(r *rig) {
		r.rules = datacenter
		r.start(oneRoute, "ops")
		defer func() { r.stop() }()
		r.measure(33)
		r.expect("ops: critical")
		r.rules = ""
		require.NoError(r.t, r.engine.Reload(context.Background(), r.config(oneRoute, "ops")))
		time.Sleep(15 * time.Second)
		r.expect("ops: resolved")
	})
}
