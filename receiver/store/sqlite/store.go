// Package sqlite is the store for one process with no set-up: one SQLite file
// in WAL mode, with one connection that writes and a few that read.
//
// Durability is paid for once for many: requests that wait at the same time
// share a commit, and are answered after it (writer.go). Readers see a snapshot
// and hold up nobody. The file belongs to one process, which a lock beside it
// ensures (file.go).
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Options are what Open can be told.
type Options struct {
	// Log gets what no caller can be told: where a transaction panicked. Nil:
	// nothing is logged.
	Log *slog.Logger
	// Registerer gets the metrics of the writer. Nil: they are not registered.
	Registerer prometheus.Registerer
}

// Store keeps everything in one file.
type Store struct {
	path    string
	lock    *conn
	writer  *writer
	readers *readers
	close   func() error
}

var _ store.Store = (*Store)(nil)

// Open opens the file at path, creates it if there is none, and brings its
// schema up to date. Its errors name the file and say what to do.
func Open(path string, options Options) (*Store, error) {
	s, err := open(path, options)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return s, nil
}

func open(path string, options Options) (_ *Store, err error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if path, err = locate(path); err != nil {
		return nil, err
	}
	lock, err := acquire(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = lock.close()
		}
	}()
	if err := migrate(path, options.Log); err != nil {
		return nil, classify(err)
	}
	conn, err := connect(path, writerPragmas...)
	if err != nil {
		return nil, classify(err)
	}
	place, err := standing(path)
	if err != nil {
		return nil, errors.Join(err, conn.close())
	}
	revisions := newRevisions()
	s := &Store{
		path:    path,
		lock:    lock,
		writer:  newWriter(conn, place, revisions, options.Log, options.Registerer),
		readers: newReaders(path, revisions),
	}
	s.close = sync.OnceValue(s.shut)
	go s.writer.run()
	return s, nil
}

// Update implements store.Store. A caller whose context ends before its turn
// gets the context's error and fn does not run; after that it waits for the
// commit, because only the commit knows.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.writer.update(ctx, fn)
}

// View implements store.Store. A view that stays open for long keeps the
// write-ahead log from being emptied.
func (s *Store) View(ctx context.Context, fn func(store.Tx) error) error {
	return s.readers.view(ctx, fn)
}

// checkSize is what Check asks room for: more than a typical alert needs.
const checkSize = 32 << 10

// Check implements store.Store. It goes the way of an alert: through the
// writer, with a commit.
func (s *Store) Check(ctx context.Context) error {
	return s.Update(ctx, func(t store.Tx) error {
		tx := t.(*tx)
		if _, err := tx.write(`INSERT INTO checks (filler) VALUES (zeroblob(?))`, int64(checkSize)); err != nil {
			return err
		}
		_, err := tx.write(`DELETE FROM checks`)
		return err
	})
}

// Shared implements store.Store: the file is one process's.
func (s *Store) Shared() bool { return false }

// Time implements store.Store.
func (s *Store) Time(context.Context) (time.Time, error) { return time.Now(), nil }

// Size is how many bytes the file and its write-ahead log have.
func (s *Store) Size(context.Context) (int64, error) {
	file, err := os.Stat(s.path)
	if err != nil {
		return 0, err
	}
	size := file.Size()
	if log, err := os.Stat(s.path + "-wal"); err == nil { // it need not be there
		size += log.Size()
	}
	return size, nil
}

// Close finishes the updates that are waiting, refuses new ones and gives the
// file back. It must not be called inside an update or a view.
func (s *Store) Close() error { return s.close() }

func (s *Store) shut() error {
	close(s.writer.closing)
	<-s.writer.stopped
	return errors.Join(s.readers.close(), s.writer.conn.close(), s.lock.close())
}
