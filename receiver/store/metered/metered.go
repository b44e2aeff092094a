// Package metered is a store that counts what is asked of it.
package metered

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// What is asked of a store, as metrics call it.
const (
	update = "update"
	view   = "view"
	check  = "check"
)

// operations are all of them.
var operations = []string{update, view, check}

// sizeTimeout bounds what a scrape waits for the size.
const sizeTimeout = 2 * time.Second

// Store is another store with metrics.
type Store struct {
	store.Store
	seconds *prometheus.HistogramVec
	errors  *prometheus.CounterVec
	again   prometheus.Counter
	log     *slog.Logger

	mu            sync.Mutex
	first, latest time.Time // that it could not be written, of the failures that are not over
}

// series is how long after a failure a transaction that succeeds is no sign that
// it is over: on a disk that is full small ones still find room, and those that
// change nothing need none.
const series = time.Minute

// New makes a Store. size is how many bytes the store has; it is asked at every
// scrape.
func New(s store.Store, log *slog.Logger, r prometheus.Registerer, size func(context.Context) (int64, error)) *Store {
	auto := promauto.With(r)
	m := &Store{
		Store: s, log: log,
		seconds: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "teamsrelay_store_seconds",
			Help:    "How long the store took, waiting and commit included.",
			Buckets: []float64{.0001, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},

			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}, []string{"operation"}),
		errors: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "teamsrelay_store_unavailable_total",
			Help: "How often the store could not be used: the disk is full, the database is gone.",
		}, []string{"operation"}),
		again: auto.NewCounter(prometheus.CounterOpts{
			Name: "teamsrelay_store_retries_total",
			Help: "Transactions that ran again because another one was in their way, or another's had to be taken back.",
		}),
	}
	for _, operation := range operations {
		m.seconds.WithLabelValues(operation)
		m.errors.WithLabelValues(operation)
	}
	var last atomic.Int64 // scrapes may overlap
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "teamsrelay_store_bytes", Help: "How large the store is. When it cannot be asked, how large it was.",
	}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), sizeTimeout)
		defer cancel()
		if n, err := size(ctx); err == nil {
			last.Store(n)
		}
		return float64(last.Load())
	})
	return m
}

// Update implements store.Store.
func (m *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	began, runs := time.Now(), 0
	err := m.Store.Update(ctx, func(tx store.Tx) error {
		runs++
		return fn(tx)
	})
	m.again.Add(float64(max(runs-1, 0)))
	m.remember(err, false)
	return m.done(update, began, err)
}

// View implements store.Store.
func (m *Store) View(ctx context.Context, fn func(store.Tx) error) error {
	began := time.Now()
	return m.done(view, began, m.Store.View(ctx, fn))
}

// Check implements store.Store.
func (m *Store) Check(ctx context.Context) error {
	began := time.Now()
	err := m.Store.Check(ctx)
	m.remember(err, true)
	return m.done(check, began, err)
}

// Refusing is since when the store cannot be written, as far as is known; zero: it
// can. That it can again is known after a Check.
func (m *Store) Refusing() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.first
}

// remember keeps what came of writing; proved: by a Check.
func (m *Store) remember(err error, proved bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	switch {
	case errors.Is(err, store.ErrUnavailable):
		if m.first.IsZero() {
			m.first = now
		}
		m.latest = now
	case err == nil && !m.first.IsZero() && (proved || now.Sub(m.latest) >= series):
		m.log.Info("The store can be written again", "since", m.first, "until", m.latest)
		m.first = time.Time{}
	}
}

func (m *Store) done(operation string, began time.Time, err error) error {
	m.seconds.WithLabelValues(operation).Observe(time.Since(began).Seconds())
	if errors.Is(err, store.ErrUnavailable) {
		m.errors.WithLabelValues(operation).Inc()
	}
	return err
}
