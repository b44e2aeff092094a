package metered

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// script is a store that runs what it is given as often as the test wants, and
// then returns what the test wants.
type script struct {
	store.Store
	runs int
	err  error
}

func (s *script) Update(_ context.Context, fn func(store.Tx) error) error {
	for range s.runs {
		if err := fn(nil); err != nil {
			return err
		}
	}
	return s.err
}
func (s *script) View(context.Context, func(store.Tx) error) error { return s.err }
func (s *script) Check(context.Context) error                      { return s.err }

// The first page says since when nothing can be stored: in a storm of failures the
// first one counts, and what little still finds room on a full disk ends nothing.
func TestItIsKnownSinceWhenTheStoreCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		var log strings.Builder
		m := New(s, slog.New(slog.NewTextHandler(&log, nil)), prometheus.NewRegistry(), func(context.Context) (int64, error) { return 0, nil })
		update := func(err error) {
			s.err = err
			require.ErrorIs(t, m.Update(t.Context(), func(store.Tx) error { return nil }), err)
		}
		update(nil)
		require.Zero(t, m.Refusing())
		update(errors.New("of the caller"))
		require.Zero(t, m.Refusing(), "what a caller returns is no trouble of the store's")

		began := time.Now()
		for range 100 {
			update(store.ErrUnavailable)
			time.Sleep(series - time.Second)
			update(nil)
			require.Equal(t, began, m.Refusing())
		}
		time.Sleep(series)
		require.Equal(t, began, m.Refusing(), "nobody knows")
		update(nil)
		require.Zero(t, m.Refusing(), "it has worked for a while")
		require.Equal(t, 1, strings.Count(log.String(), "The store can be written again"), log.String())

		update(store.ErrUnavailable)
		require.ErrorIs(t, m.Check(t.Context()), s.err)
		require.Equal(t, time.Now(), m.Refusing(), "that is another time")
		s.err = nil
		require.NoError(t, m.Check(t.Context()))
		require.Zero(t, m.Refusing(), "who has looked knows it at once")
		require.NoError(t, m.Check(t.Context()))
		require.Equal(t, 2, strings.Count(log.String(), "The store can be written again"), "once for each time: %s", &log)
	})
}

func TestWhoWatchesSeesThatTheStoreRefusesAndThatTransactionsRunAgain(t *testing.T) {
	s, r := &script{runs: 1}, prometheus.NewRegistry()
	size, sizeErr := int64(4096), error(nil)
	m := New(s, slog.New(slog.DiscardHandler), r, func(context.Context) (int64, error) { return size, sizeErr })
	nothing := func(store.Tx) error { return nil }
	expect := func(unavailable, retries, bytes string) {
		t.Helper()
		require.NoError(t, testutil.GatherAndCompare(r, strings.NewReader(`
# HELP teamsrelay_store_bytes How large the store is. When it cannot be asked, how large it was.
# TYPE teamsrelay_store_bytes gauge
teamsrelay_store_bytes `+bytes+`
# HELP teamsrelay_store_retries_total Transactions that ran again because another one was in their way, or another's had to be taken back.
# TYPE teamsrelay_store_retries_total counter
teamsrelay_store_retries_total `+retries+`
# HELP teamsrelay_store_unavailable_total How often the store could not be used: the disk is full, the database is gone.
# TYPE teamsrelay_store_unavailable_total counter
teamsrelay_store_unavailable_total{operation="check"} `+unavailable+`
teamsrelay_store_unavailable_total{operation="update"} `+unavailable+`
teamsrelay_store_unavailable_total{operation="view"} `+unavailable+`
`), "teamsrelay_store_bytes", "teamsrelay_store_retries_total", "teamsrelay_store_unavailable_total"))
	}
	expect("0", "0", "4096")
	require.NoError(t, m.Update(t.Context(), nothing))
	expect("0", "0", "4096")

	s.runs, sizeErr = 3, errors.New("gone")
	require.NoError(t, m.Update(t.Context(), nothing))
	own := errors.New("of the caller")
	require.ErrorIs(t, m.Update(t.Context(), func(store.Tx) error { return own }), own, "what a caller returns is no trouble of the store's")
	expect("0", "2", "4096")

	s.runs, s.err = 0, store.ErrUnavailable
	require.ErrorIs(t, m.Update(t.Context(), nothing), store.ErrUnavailable)
	require.ErrorIs(t, m.View(t.Context(), nothing), store.ErrUnavailable)
	require.ErrorIs(t, m.Check(t.Context()), store.ErrUnavailable)
	expect("1", "2", "4096")
	require.Equal(t, 3, testutil.CollectAndCount(m.seconds), "one duration for each operation")
}
