package storetest

import (
	"context"
	"errors"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Twice is a store that takes back what the function of an Update has written
// and runs it again, every time: PostgreSQL does that when two transactions are
// in each other's way, SQLite when one that shares a commit has failed. A
// function that is not the same the second time, because it changes what it
// has found outside of the transaction, loses an alert or tells it twice.
func Twice(s store.Store) store.Store { return &twice{s} }

type twice struct{ store.Store }

var errAgain = errors.New("it runs again")

// Update implements store.Store. A function that fails runs once, as it would
// otherwise.
func (s *twice) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return s.Store.Update(ctx, fn)
}
