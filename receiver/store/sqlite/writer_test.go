package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	modernc "modernc.org/sqlite"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var ctx = context.Background()

// save is an update that stores one group and then does what else is asked.
func save(key string, then func() error) func(store.Tx) error {
	return func(tx store.Tx) error {
		if err := tx.SaveGroup(&group.Group{Key: key, Origin: "o", Phase: group.Open}); err != nil {
			return err
		}
		if then == nil {
			return nil
		}
		return then()
	}
}

// stored are the keys that are in the store.
func stored(t testing.TB, s *Store) []string {
	t.Helper()
	keys := []string{}
	require.NoError(t, s.View(ctx, func(tx store.Tx) error {
		groups, err := tx.Groups("o")
		for _, g := range groups {
			keys = append(keys, g.Key)
		}
		return err
	}))
	return keys
}

// together runs updates so that they share one commit: the first one holds the
// writer until all the others are in its queue. It returns their errors.
func together(t *testing.T, s *Store, updates ...func(store.Tx) error) []error {
	t.Helper()
	errs := make([]error, len(updates))
	entered, queued := make(chan struct{}), make(chan struct{})
	enter := sync.OnceFunc(func() { close(entered) }) // it may run twice
	var wait sync.WaitGroup
	wait.Go(func() {
		errs[0] = s.Update(ctx, func(tx store.Tx) error {
			enter()
			<-queued
			return updates[0](tx)
		})
	})
	<-entered
	for i := 1; i < len(updates); i++ {
		wait.Go(func() { errs[i] = s.Update(ctx, updates[i]) })
		for len(s.writer.queue) < i {
			runtime.Gosched()
		}
	}
	close(queued)
	wait.Wait()
	return errs
}

// statements counts what the writer runs, and lets those fail that fail says.
func statements(s *Store, fail func(sql string) error) map[string]int {
	count := map[string]int{}
	s.writer.conn.fail = func(sql string) error {
		word, _, _ := strings.Cut(sql, " ")
		count[word]++
		if fail != nil {
			return fail(sql)
		}
		return nil
	}
	return count
}

func TestUpdatesThatWaitShareOneCommit(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	count := statements(s, nil)
	mine := errors.New("mine")
	errs := together(t, s,
		save("a", func() error { return mine }), // fails first, when nothing is stored yet
		save("b", nil),
		save("c", func() error { return mine }),
		save("d", func() error { panic("as planned") }),
		func(store.Tx) error { return nil },
		save("e", nil),
	)
	require.Equal(t, mine, errs[0])
	require.Equal(t, mine, errs[2])
	require.ErrorContains(t, errs[3], "as planned")
	for _, i := range []int{1, 4, 5} {
		require.NoError(t, errs[i], "update %d paid for its neighbours", i)
	}
	require.Equal(t, []string{"b", "e"}, stored(t, s))
	require.Equal(t, 1, count["COMMIT"], "each commit waits for the disk")
}

func TestUpdatesPayForSavepointsOnlyWhenOneHasFailed(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	count := statements(s, nil)
	for _, err := range together(t, s, save("a", nil), save("b", nil), save("c", nil)) {
		require.NoError(t, err)
	}
	require.Zero(t, count["SAVEPOINT"])

	ran, mine := 0, errors.New("mine")
	counted := func() error { ran++; return nil }
	errs := together(t, s, save("d", counted), save("e", counted), save("f", func() error { return mine }), save("g", counted))
	require.Equal(t, []error{nil, nil, mine, nil}, errs)
	require.Equal(t, 2+2+1, ran, "those before the one that failed run again, once")
	require.Equal(t, []string{"a", "b", "c", "d", "e", "g"}, stored(t, s))
	require.Equal(t, 2, count["COMMIT"], "each commit waits for the disk")
}

func TestWhenTheCommitFailsNobodyIsToldThatItIsStored(t *testing.T) {
	for _, step := range []string{"COMMIT", "SAVEPOINT request", "RELEASE request", "INSERT INTO groups"} {
		t.Run(step, func(t *testing.T) {
			s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
			require.NoError(t, s.Update(ctx, save("before", nil)))
			broken := true
			statements(s, func(sql string) error {
				if broken && strings.HasPrefix(sql, step) {
					return fmt.Errorf("%w: the disk does not write", store.ErrUnavailable)
				}
				return nil
			})
			keys := []string{"a", "b", "c"}
			want := []string{"before"}
			mine := errors.New("mine") // after which the others are in savepoints
			errs := together(t, s, save("mine", func() error { return mine }), save("a", nil), save("b", nil), save("c", nil))
			for i, err := range errs[1:] {
				if err == nil {
					want = append(want, keys[i])
				} else {
					require.ErrorIs(t, err, store.ErrUnavailable)
				}
			}
			require.ElementsMatch(t, want, stored(t, s), "who was told 200 must be there, and nobody else")
			require.Less(t, len(want), 4, "nothing has failed")
			if step == "COMMIT" {
				require.Len(t, want, 1)
				require.ErrorIs(t, s.Check(ctx), store.ErrUnavailable, "/-/ready would promise what is not")
			}
			broken = false
			require.NoError(t, s.Update(ctx, save("after", nil)), "it goes on by itself")
			require.NoError(t, s.Check(ctx))
			require.ElementsMatch(t, append(want, "after"), stored(t, s))
		})
	}
}

func TestWhenNoTransactionCanBeginNobodyIsToldThatItIsStored(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	broken := true
	statements(s, func(sql string) error {
		if broken && sql == "BEGIN IMMEDIATE" {
			return fmt.Errorf("%w: the disk does not read", store.ErrUnavailable)
		}
		return nil
	})
	require.ErrorIs(t, s.Update(ctx, save("a", nil)), store.ErrUnavailable)
	require.ErrorIs(t, s.Check(ctx), store.ErrUnavailable)
	broken = false
	require.NoError(t, s.Update(ctx, save("b", nil)))
	require.Equal(t, []string{"b"}, stored(t, s))
}

func TestAnErrorOfTheDiskCannotBeSwallowed(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	statements(s, func(sql string) error {
		if strings.HasPrefix(sql, "INSERT INTO posts") {
			return fmt.Errorf("%w: the disk does not write", store.ErrUnavailable)
		}
		return nil
	})
	err := s.Update(ctx, save("a", nil))
	require.NoError(t, err)
	err = s.Update(ctx, func(tx store.Tx) error {
		_ = save("b", nil)(tx)
		_ = tx.SavePost(&store.Post{GroupID: 1})
		return nil // as if nothing had happened
	})
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.Equal(t, []string{"a"}, stored(t, s))
}

func TestAFunctionThatEndsTheGoroutineEndsNobodyElse(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	require.ErrorContains(t, s.Update(ctx, save("a", func() error { runtime.Goexit(); return nil })), "goroutine")
	require.NoError(t, s.Update(ctx, save("b", nil)))
	require.Equal(t, []string{"b"}, stored(t, s))
}

func TestACallerWhoIsGoneBeforeItsTurnIsPassedOver(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	entered, proceed := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		_ = s.Update(ctx, func(store.Tx) error {
			close(entered)
			<-proceed
			return nil
		})
	})
	<-entered
	patience, leave := context.WithCancel(ctx)
	answer := make(chan error)
	go func() { answer <- s.Update(patience, save("gone", nil)) }()
	for len(s.writer.queue) == 0 {
		runtime.Gosched()
	}
	leave()
	require.ErrorIs(t, <-answer, context.Canceled, "it must not wait for its turn")
	close(proceed)
	wait.Wait()
	require.NoError(t, s.Update(ctx, save("next", nil)))
	require.Equal(t, []string{"next"}, stored(t, s))
}

func TestACallerWhoseUpdateRunsWaitsForTheTruth(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	patience, leave := context.WithCancel(ctx)
	err := s.Update(patience, save("a", func() error { leave(); return nil }))
	require.NoError(t, err, "it is stored; an error would bring it a second time")
	require.Equal(t, []string{"a"}, stored(t, s))
}

func TestErrorsOfTheDiskAreNotNow(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	var e *modernc.Error
	err := classify(s.writer.conn.run("SELECT no_such_column FROM groups"))
	require.ErrorAs(t, err, &e)
	require.NotErrorIs(t, err, store.ErrUnavailable, "a mistake of ours would be tried again for ever")
}
