package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// HistoryAddress is where the posts of BenchmarkHistory wait.
const HistoryAddress = "workflow:busy"

// HistoryWaiting is how many posts of a history wait there, each of an episode
// that is open and due.
const HistoryWaiting = 500

// BenchmarkHistory asks, of a store with little history and of one with much,
// what is asked for every alert and every turn of an address: both take the
// same time. open makes a store with that many episodes that were over two
// years before now, each with a post that is shown and a delivery, but for the
// last HistoryWaiting of them. What an ask writes is taken back, so that
// each finds the same.
func BenchmarkHistory(b *testing.B, open func(b *testing.B, episodes int, now time.Time) store.Store) {
	now := time.Now()
	sizes := []int{1000, 1_000_000}
	var stores []store.Store
	for _, n := range sizes {
		stores = append(stores, open(b, n, now))
	}
	takenBack := errors.New("taken back")
	for _, ask := range []struct {
		name string
		ask  func(store.Tx) error
	}{
		{"ReadyPosts", func(tx store.Tx) error {
			posts, err := tx.ReadyPosts(HistoryAddress, now, 20)
			require.Len(b, posts, 20)
			return err
		}},
		{"DueGroups", func(tx store.Tx) error {
			due, err := tx.DueGroups(now, 100)
			require.Len(b, due, 100)
			return err
		}},
		{"NextPost", func(tx store.Tx) error {
			at, err := tx.NextPost(HistoryAddress)
			require.False(b, at.IsZero())
			return err
		}},
		{"Backlog", func(tx store.Tx) error {
			n, err := tx.Backlog(HistoryAddress, store.RankQuiet, now, HistoryWaiting)
			require.Equal(b, HistoryWaiting, n)
			return err
		}},
		{"BusyAddresses", func(tx store.Tx) error {
			busy, err := tx.BusyAddresses()
			require.Len(b, busy, 1)
			return err
		}},
		{"Lease", func(tx store.Tx) error {
			ok, err := tx.Lease(HistoryAddress, "replica", now, now.Add(time.Minute))
			require.True(b, ok)
			return err
		}},
		{"Prune of 200", func(tx store.Tx) error {
			more, err := tx.Prune(now, 365*24*time.Hour, 200)
			require.True(b, more)
			return err
		}},
	} {
		for i, n := range sizes {
			b.Run(fmt.Sprintf("%s/episodes=%d", ask.name, n), func(b *testing.B) {
				for b.Loop() {
					err := stores[i].Update(context.Background(), func(tx store.Tx) error {
						return errors.Join(ask.ask(tx), takenBack)
					})
					require.ErrorIs(b, err, takenBack)
				}
			})
		}
	}
}
