package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/puddle/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Options say where the database is.
type Options struct {
	// URL is postgres://user@host/database, with all that PostgreSQL's own
	// programs take. It is a secret.
	URL string
	// Password is used instead of one in URL, if it is not "".
	Password string
	// Log gets what no caller can be told: where a transaction panicked. Nil:
	// nothing is logged.
	Log *slog.Logger
	// Registerer gets the metrics; nil: nobody does.
	Registerer prometheus.Registerer

	patience time.Duration // instead of answerTimeout, for tests; 0: that
}

// Store keeps everything in one database.
type Store struct {
	writers, readers *pgxpool.Pool
	ids              *ids
	joints           *joints
	log              *slog.Logger
	restarts         *prometheus.CounterVec // by reason
	closed           atomic.Bool
	close            func()
}

var _ store.Store = (*Store)(nil)

// Open connects, and brings the schema up to date. Its errors say what to do,
// and repeat neither URL nor password.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open the store in PostgreSQL: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	connection, err := connection(o)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, connection, o.Log); err != nil {
		return nil, err
	}
	writers, err := newPool(connection, maxWriters)
	if err != nil {
		return nil, classify(err)
	}
	readers, err := newPool(connection, maxReaders)
	if err != nil {
		writers.Close()
		return nil, classify(err)
	}
	s := &Store{writers: writers, readers: readers, ids: &ids{}, log: o.Log, restarts: newRestarts()}
	s.joints = &joints{store: s, full: make(chan struct{}, 1)}
	s.ids.forget()
	s.close = sync.OnceFunc(func() {
		s.closed.Store(true)
		s.writers.Close()
		s.readers.Close()
	})
	return s, s.register(o.Registerer)
}

// How often an Update begins anew at most.
const (
	// maxAttempts is for transactions that got in each other's way.
	maxAttempts = 20
	// maxLost is for lost connections: of a server that has restarted each one
	// of the pool is dead, and who asked wants to hear soon that it is not now.
	maxLost = 3
	// maxUnique is for rows that another transaction has made at the same
	// time: one that is there already at the next attempt is a mistake.
	maxUnique = 5
)

// Update implements store.Store. fn runs on the caller's goroutine, at the same
// time as others. A caller whose context ends while it waits for a connection
// gets the context's error and fn does not run.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	lost, unique, began := 0, 0, time.Now()
	for attempt, shares := 0, true; ; attempt++ {
		err := s.attempt(ctx, fn, shares)
		if errors.Is(err, errAlone) {
			shares = false
			continue
		}
		var e *serverError
		if !errors.As(err, &e) {
			return err
		}
		reason := because(e)
		switch reason {
		case becauseLost:
			s.ids.forget()
			if lost++; time.Since(began) > acquireTimeout {
				return err
			}
		case becauseUnique:
			s.ids.forget()
			unique++
		case "":
			return err
		}
		if attempt >= maxAttempts || lost > maxLost || unique > maxUnique {
			return err
		}
		s.restarts.WithLabelValues(reason).Inc()
		// Apart from each other they do not meet again: up to 2, 4, … 128 ms.
		time.Sleep(rand.N(time.Millisecond << min(attempt+1, 7)))
	}
}

// because says why a transaction that failed may be begun anew; "": it may not.
func because(e *serverError) string {
	if e.lost {
		return becauseLost
	}
	switch code(e.err) {
	case deadlock:
		return becauseDeadlock
	case serializationFailure:
		return becauseSerialization
	case uniqueViolation:
		return becauseUnique
	}
	return ""
}

// attempt runs fn in a transaction once, which it may share with others. Its
// error is a *serverError or errAlone if it may run again.
func (s *Store) attempt(ctx context.Context, fn func(store.Tx) error, shares bool) error {
	if s.closed.Load() {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &tx{ctx: ctx, pool: s.writers, ids: s.ids, begin: "BEGIN", writable: true}
	if shares {
		t.joints = s.joints
	} else if err := t.connect(); err != nil {
		return err
	}
	defer t.end()
	err := s.call(t, fn)
	switch {
	case t.failed != nil:
		return t.failed
	case err != nil:
		return err
	case t.member != nil:
		err := t.member.finish(t.queue)
		t.committed = err == nil
		return err
	case !t.begun && len(t.queue) == 0:
		return nil
	}
	return t.commit()
}

// call turns a panic into an error for the caller whose function it was.
func (s *Store) call(t *tx, fn func(store.Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a transaction panicked", "component", "store", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in a transaction: %v", p)
		}
	}()
	return fn(t)
}

// commit ends the transaction with what is still queued.
func (t *tx) commit() error {
	if err := t.connect(); err != nil {
		return err
	}
	t.queue = append(t.queue, statement{sql: "COMMIT"})
	_, err := t.send(t.queue)
	if err == nil {
		t.begun, t.committed = false, true
		return nil
	}
	if t.lost && !pgconn.SafeToRetry(t.failed.(*serverError).err) { // nobody knows: it must not run again
		return fmt.Errorf("%w: the connection was lost while it was stored", store.ErrUnavailable)
	}
	return err
}

// end takes back what was not committed, and gives the connection back.
func (t *tx) end() {
	if !t.committed {
		for _, id := range t.numbered {
			*id = 0
		}
	}
	if t.member != nil {
		t.member.leave()
	}
	if t.conn == nil {
		return
	}
	if t.begun && !t.lost {
		ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
		defer cancel()
		_, _ = t.conn.Exec(ctx, "ROLLBACK")
	}
	t.conn.Release() // which closes it if it is still in a transaction
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Tx) error) error {
	if s.closed.Load() {
		return errClosed
	}
	conn, err := acquire(ctx, s.readers)
	if err != nil {
		return err
	}
	t := &tx{ctx: ctx, conn: conn, pool: s.readers, begin: "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"}
	defer t.end()
	err = fn(t)
	if t.failed != nil {
		return t.failed
	}
	return err
}

// acquire takes a connection of a pool.
func acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	patient, cancel := context.WithTimeout(ctx, acquireTimeout)
	defer cancel()
	conn, err := pool.Acquire(patient)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, acquireError(err)
	}
	return conn, nil
}

func acquireError(err error) error {
	switch {
	case errors.Is(err, puddle.ErrClosedPool):
		return errClosed
	case errors.Is(err, context.DeadlineExceeded) && code(err) == "":
		return fmt.Errorf("%w: PostgreSQL does not answer in time, or all %s connections are busy", store.ErrUnavailable, maxConnectionsText)
	}
	return classify(err)
}

// checkSize is what Check asks room for: more than a typical alert needs.
const checkSize = 32 << 10

// Check implements store.Store. It goes the way of an alert, with a commit.
func (s *Store) Check(ctx context.Context) error {
	return s.Update(ctx, func(u store.Tx) error {
		t := u.(*tx)
		if err := t.later(`INSERT INTO checks (filler) VALUES (?)`, make([]byte, checkSize)); err != nil {
			return err
		}
		return t.later(`DELETE FROM checks`)
	})
}

// Shared implements store.Store.
func (s *Store) Shared() bool { return true }

// Time implements store.Store: the time of the database, to the microsecond.
func (s *Store) Time(ctx context.Context) (time.Time, error) {
	var now time.Time
	err := s.View(ctx, func(u store.Tx) error {
		return u.(*tx).query(`SELECT (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint`, func(rows pgx.Rows) error { return rows.Scan(moment{&now}) })
	})
	return now, err
}

// Close waits for the updates and views that are under way and refuses new
// ones. It must not be called inside one.
func (s *Store) Close() error {
	s.close()
	return nil
}
