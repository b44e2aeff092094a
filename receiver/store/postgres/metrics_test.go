package postgres

import (
	"log/slog"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
)

func TestWhoWatchesSeesHowBusyTheConnectionsAre(t *testing.T) {
	r := prometheus.NewRegistry()
	s, err := Open(t.Context(), Options{URL: postgrestest.Database(t), Log: slog.New(slog.DiscardHandler), Registerer: r})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	busy := func() float64 { return gauge(t, r, "writers", "busy") }
	require.Zero(t, busy())
	require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Addresses() // until it asks for something it needs none
		require.Equal(t, 1.0, busy())
		require.Zero(t, gauge(t, r, "readers", "busy"))
		return err
	}))
	require.Zero(t, busy())
	for name, series := range map[string]int{
		"teamsrelay_store_connections": 4, "teamsrelay_store_connection_waits_total": 2, "teamsrelay_store_connection_wait_seconds_total": 2,
		"teamsrelay_store_restarts_total": 4,
	} {
		n, err := testutil.GatherAndCount(r, name)
		require.NoError(t, err)
		require.Equal(t, series, n, name)
	}
	problems, err := testutil.GatherAndLint(r)
	require.NoError(t, err)
	require.Empty(t, problems)
}

// gauge is the number of connections of a pool in a state.
func gauge(t *testing.T, r *prometheus.Registry, pool, state string) float64 {
	t.Helper()
	all, err := r.Gather()
	require.NoError(t, err)
	for _, f := range all {
		for _, m := range f.Metric {
			if l := m.Label; f.GetName() == "teamsrelay_store_connections" && l[0].GetValue() == pool && l[1].GetValue() == state {
				return m.Gauge.GetValue()
			}
		}
	}
	t.Fatalf("there is no %s %s", pool, state)
	return 0
}

// Two that lock in different orders cost a second, and nobody would know why.
func TestWhoWatchesSeesDeadlocks(t *testing.T) {
	r := prometheus.NewRegistry()
	s, err := Open(t.Context(), Options{URL: postgrestest.Database(t), Registerer: r})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	var met sync.WaitGroup // both have their first lock
	met.Add(2)
	errs := make(chan error, 2)
	for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		once := sync.OnceFunc(func() { met.Done(); met.Wait() })
		go func() {
			errs <- s.Update(t.Context(), func(tx store.Tx) error {
				if _, err := tx.Address(order[0]); err != nil {
					return err
				}
				once()
				_, err := tx.Address(order[1])
				return err
			})
		}()
	}
	for range 2 {
		require.NoError(t, <-errs, "whoever was in the way begins anew")
	}
	require.Equal(t, 1.0, testutil.ToFloat64(s.restarts.WithLabelValues("deadlock")))
	require.Zero(t, testutil.ToFloat64(s.restarts.WithLabelValues("connection_lost")))
}
