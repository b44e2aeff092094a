package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// subscribing is an update that makes a subscription, and ends as then says.
func subscribing(name string, seen *store.Revisions, then func() error) func(store.Tx) error {
	return func(tx store.Tx) (err error) {
		if err := tx.SaveSubscription(&store.Subscription{Address: "a", Name: name}); err != nil {
			return err
		}
		if *seen, err = tx.Revisions(); err != nil || then == nil {
			return err
		}
		return then()
	}
}

// looking notes what subscriptions an update sees, by the number that they have.
func looking(seen map[int64]string) func(store.Tx) error {
	return func(tx store.Tx) error {
		is, err := tx.Revisions()
		if err != nil {
			return err
		}
		rows, err := tx.Subscriptions("")
		names := ""
		for _, row := range rows {
			names += row.Name
		}
		if was, known := seen[is.Subscriptions]; known && was != names {
			return fmt.Errorf("number %d was given to %q and to %q", is.Subscriptions, was, names)
		}
		seen[is.Subscriptions] = names
		return err
	}
}

func TestRevisionsInASharedCommit(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	mine := errors.New("mine")
	fails := func() error { return mine }
	seen := map[int64]string{}
	var a, b, c, d, e store.Revisions
	count := statements(s, nil)
	errs := together(t, s,
		looking(seen),
		subscribing("a", &a, nil), looking(seen),
		subscribing("b", &b, fails), looking(seen), // takes the transaction back: a runs again
		subscribing("c", &c, nil), looking(seen),
		subscribing("d", &d, fails), looking(seen), // takes back to its savepoint
		subscribing("e", &e, func() error { panic("as planned") }), looking(seen),
	)
	for i, err := range errs {
		switch i {
		case 3, 7:
			require.Equal(t, mine, err)
		case 9:
			require.ErrorContains(t, err, "as planned")
		default:
			require.NoError(t, err, "update %d", i)
		}
	}
	require.Equal(t, []int{1, 2}, []int{count["COMMIT"], count["BEGIN"]}, "the test has lost sight of what it is about")
	require.NotZero(t, count["SAVEPOINT"])
	require.NoError(t, s.View(ctx, looking(seen)))
	require.Equal(t, "ac", seen[c.Subscriptions])
	for _, never := range []store.Revisions{b, d, e} {
		require.NotContains(t, seen, never.Subscriptions, "what was never stored would be told")
	}
}

func TestNobodySeesTheRevisionOfWhatWasNotCommitted(t *testing.T) {
	for name, broken := range map[string]struct {
		fail string // the statement that fails
		then func() error
	}{
		"the commit fails":             {"COMMIT", nil},
		"the goroutine of it ends":     {"", func() error { runtime.Goexit(); return nil }},
		"it fails":                     {"", func() error { return errors.New("mine") }},
		"it panics":                    {"", func() error { panic("as planned") }},
		"it fails and cannot be ended": {"ROLLBACK", func() error { return errors.New("mine") }},
	} {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
			seen := map[int64]string{}
			require.NoError(t, s.Update(ctx, looking(seen)))
			failing := true
			statements(s, func(sql string) error {
				if failing && broken.fail != "" && strings.HasPrefix(sql, broken.fail) {
					failing = false
					return fmt.Errorf("%w: the disk does not write", store.ErrUnavailable)
				}
				return nil
			})
			var never, now store.Revisions
			require.Error(t, s.Update(ctx, subscribing("never", &never, broken.then)))
			require.NoError(t, s.View(ctx, looking(seen)))
			require.NoError(t, s.Update(ctx, looking(seen)))
			require.NoError(t, s.Update(ctx, subscribing("now", &now, nil)))
			require.NoError(t, s.Update(ctx, looking(seen)))
			require.Equal(t, "now", seen[now.Subscriptions])
			require.NotZero(t, never.Subscriptions)
			require.NotContains(t, seen, never.Subscriptions)
		})
	}
}
