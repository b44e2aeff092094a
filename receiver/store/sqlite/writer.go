package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// maxShared is how many requests share a commit at most. A bound keeps the
// first of them from waiting for the last; well before it the disk's part of a
// request has become too small to see.
const maxShared = 256

// request is one call of Update on its way to the writer.
type request struct {
	fn    func(store.Tx) error
	taken atomic.Bool // by the writer, or by the caller who gave up
	err   error       // what fn returned
	done  chan error
	// numbered are where the ids of its new rows stand. They are 0 again when
	// the rows do not come to be: fn may run again with the same values, and the
	// row of an id that was given in vain would be nobody's, or another's.
	numbered []*int64
}

// forget takes back the ids of the rows that do not come to be.
func (r *request) forget() {
	for _, id := range r.numbered {
		*id = 0
	}
	r.numbered = nil
}

// writer is the only one who writes. Requests that wait at the same time share
// a commit.
type writer struct {
	conn  *conn
	place place
	tx    tx
	log   *slog.Logger
	queue chan *request
	// closing tells the writer to finish what is queued, stopped that it has.
	closing, stopped chan struct{}

	ran []*request // of the transaction under way
	// dirty: the transaction holds writes of requests that have succeeded.
	// careful: a request has failed after it had written.
	dirty, careful bool
	// seen are the revisions of what those that have succeeded have left.
	seen      store.Revisions
	revisions *revisions
	shared    prometheus.Histogram
}

func newWriter(c *conn, p place, r *revisions, log *slog.Logger, registerer prometheus.Registerer) *writer {
	w := &writer{
		conn:      c,
		place:     p,
		log:       log,
		queue:     make(chan *request, maxShared),
		closing:   make(chan struct{}),
		stopped:   make(chan struct{}),
		revisions: r,
	}
	auto := promauto.With(registerer)
	w.shared = auto.NewHistogram(prometheus.HistogramOpts{
		Name:    "teamsrelay_store_commit_requests",
		Help:    "How many requests shared a commit.",
		Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, maxShared},

		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
	})
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "teamsrelay_store_queue", Help: "How many requests wait for the writer.",
	}, func() float64 { return float64(len(w.queue)) })
	return w
}

// update hands fn to the writer and waits for the commit.
func (w *writer) update(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{fn: fn, done: make(chan error, 1)}
	select {
	case w.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.closing:
		return errClosed
	}
	gone := error(nil)
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		gone = ctx.Err()
	case <-w.stopped:
		gone = errClosed
	}
	if r.taken.CompareAndSwap(false, true) {
		return gone
	}
	return <-r.done // it runs or has run: the truth is in the commit
}

// run works until the store is closed and the queue is empty.
func (w *writer) run() {
	ended := false
	defer func() {
		if ended {
			close(w.stopped)
			return
		}
		// A function has ended the goroutine (runtime.Goexit, which is what
		// a failing test does). The others must not pay for it.
		w.rollback()
		w.answer(errors.New("a transaction ended its goroutine"))
		go w.run()
	}()
	for {
		select {
		case r := <-w.queue:
			w.share(r)
		case <-w.closing:
			for r := w.next(); r != nil; r = w.next() {
				w.share(r)
			}
			ended = true
			return
		}
	}
}

// share runs first and whatever else is waiting in one transaction and then
// answers all of them.
func (w *writer) share(first *request) {
	w.dirty, w.careful, w.conn.lost = false, false, nil
	w.seen = w.revisions.committed()
	err := w.conn.run("BEGIN IMMEDIATE")
	for r := first; r != nil; r = w.next() {
		if !r.taken.CompareAndSwap(false, true) {
			continue // its caller has gone
		}
		w.ran = append(w.ran, r)
		if err == nil {
			err = w.isolate(r)
		}
		if err != nil || len(w.ran) == maxShared {
			break
		}
	}
	if err == nil {
		err = w.place.check()
	}
	if err == nil {
		err = w.conn.run("COMMIT")
	}
	if err == nil {
		w.revisions.commit(w.seen)
	} else {
		w.rollback()
		w.revisions.renew()
		err = unavailable(err)
	}
	w.shared.Observe(float64(len(w.ran)))
	w.answer(err)
}

// answer tells everyone in the transaction what came of it: its error, or
// their own.
func (w *writer) answer(err error) {
	for i, r := range w.ran {
		if err != nil {
			r.err = err
			r.forget()
		}
		r.done <- r.err
		w.ran[i] = nil
	}
	w.ran = w.ran[:0]
}

func (w *writer) next() *request {
	select {
	case r := <-w.queue:
		return r
	default:
		return nil
	}
}

// isolate runs one request so that its failure takes back its own writes only.
// The error it returns is the transaction's, not the request's.
//
// Requests hardly ever fail after they have written, and a savepoint costs a
// tenth of a request. So there are none until one fails: then the transaction
// is taken back and the others run again, from now on each in a savepoint.
func (w *writer) isolate(r *request) error {
	guarded := w.careful && w.dirty
	w.tx = tx{conn: w.conn, writable: true, savepoint: guarded, revisions: w.seen, given: w.revisions}
	r.err = w.call(r.fn)
	r.numbered = w.tx.numbered
	if w.conn.lost != nil {
		return w.conn.lost // even if fn made nothing of it
	}
	switch {
	case !w.tx.wrote:
		return nil
	case r.err == nil && guarded:
		w.seen = w.tx.revisions
		return w.conn.run("RELEASE request")
	case r.err == nil:
		w.seen = w.tx.revisions
		w.dirty = true
		return nil
	case guarded:
		r.forget()
		if err := w.conn.run("ROLLBACK TO request"); err != nil {
			return err
		}
		return w.conn.run("RELEASE request")
	}
	for _, r := range w.ran {
		r.forget()
	}
	if err := w.conn.run("ROLLBACK"); err != nil {
		return err
	}
	if err := w.conn.run("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	w.dirty, w.careful = false, true
	w.seen = w.revisions.committed()
	for _, other := range w.ran {
		if other == r || other.err != nil {
			continue // has its answer
		}
		if err := w.isolate(other); err != nil {
			return err
		}
	}
	return nil
}

// call turns a panic into an error for the caller whose function it was.
func (w *writer) call(fn func(store.Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.log.Error("a transaction panicked", "component", "store", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in a transaction: %v", p)
		}
	}()
	return fn(&w.tx)
}

// rollback ends a transaction that may or may not be under way any more: after
// some errors SQLite has rolled back by itself.
func (w *writer) rollback() {
	lost := w.conn.lost
	_ = w.conn.run("ROLLBACK")
	w.conn.lost = lost
}

// unavailable makes sure that an error of the commit is known as one.
func unavailable(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
