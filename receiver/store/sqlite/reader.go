package sqlite

import (
	"context"
	"errors"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// maxReaders is how many views can be open at once; further ones wait.
const maxReaders = 4

// readers are the connections that views use.
type readers struct {
	path string
	// pool holds every connection that is not in use; a nil one has not been
	// opened yet.
	pool      chan *conn
	closing   chan struct{}
	revisions *revisions
}

func newReaders(path string, revised *revisions) *readers {
	r := &readers{path: path, pool: make(chan *conn, maxReaders), closing: make(chan struct{}), revisions: revised}
	for range maxReaders {
		r.pool <- nil
	}
	return r
}

// view runs fn on a snapshot, on the caller's goroutine.
func (r *readers) view(ctx context.Context, fn func(store.Tx) error) (err error) {
	var c *conn
	select {
	case <-r.closing:
		return errClosed
	default:
	}
	select {
	case c = <-r.pool:
	case <-ctx.Done():
		return ctx.Err()
	case <-r.closing:
		return errClosed
	}
	defer func() { r.pool <- c }()
	if c == nil {
		if c, err = connect(r.path, readerPragmas...); err != nil {
			c = nil
			return err
		}
	}
	c.lost = nil
	seen := r.revisions.committed() // before the first row is read
	if err := c.run("BEGIN"); err != nil {
		return err
	}
	defer func() { _ = c.run("ROLLBACK") }()
	return fn(&tx{conn: c, revisions: seen})
}

// close waits for the views that are open.
func (r *readers) close() error {
	close(r.closing)
	var errs []error
	for range maxReaders {
		if c := <-r.pool; c != nil {
			errs = append(errs, c.close())
		}
	}
	return errors.Join(errs...)
}
