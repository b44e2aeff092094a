package postgres

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
)

// together runs updates in one shared transaction, as far as they can share it:
// the one before it does not end until all of them wait. It returns their
// errors.
func together(t *testing.T, s *Store, updates ...func(store.Tx) error) []error {
	t.Helper()
	entered, wait := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		runs := 0
		err := s.Update(context.Background(), func(tx store.Tx) error {
			_, err := tx.Groups("the one before")
			if runs++; runs == 1 {
				close(entered)
			}
			<-wait
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-entered
	errs := make([]error, len(updates))
	for i, fn := range updates {
		all.Go(func() { errs[i] = s.Update(context.Background(), fn) })
	}
	require.Eventually(t, func() bool {
		s.joints.mu.Lock()
		defer s.joints.mu.Unlock()
		return len(s.joints.waiting) == len(updates)
	}, 30*time.Second, time.Millisecond, "they do not wait for each other")
	close(wait)
	all.Wait()
	return errs
}

// transactions is how many have made groups.
func transactions(t *testing.T, s *Store) (n int64) {
	t.Helper()
	require.NoError(t, s.readers.QueryRow(t.Context(), `SELECT count(DISTINCT xmin::text) FROM groups`).Scan(&n))
	return n
}

// stored are the keys of all groups that are there with their post.
func stored(t *testing.T, s *Store) map[string]bool {
	t.Helper()
	keys := map[string]bool{}
	require.NoError(t, s.View(t.Context(), func(tx store.Tx) error {
		return tx.OpenGroups(func(g group.Group) error {
			_, err := tx.PostOf(g.ID, "a")
			require.False(t, keys[g.Key], "%s is there twice", g.Key)
			keys[g.Key] = true
			return err
		})
	}))
	return keys
}

func TestAlertsThatComeInAtOnceShareATransaction(t *testing.T) {
	s := openAt(t, postgrestest.Database(t))
	updates := make([]func(store.Tx) error, 20)
	for i := range updates {
		updates[i] = tell(fmt.Sprint(i))
	}
	for _, err := range together(t, s, updates...) {
		require.NoError(t, err)
	}
	require.Len(t, stored(t, s), 20)
	require.EqualValues(t, 1, transactions(t, s), "each costs PostgreSQL a transaction")
	require.NoError(t, s.Update(t.Context(), tell("afterwards")), "who comes alone after a crowd waits for nobody")
}

// TestWhoSharesATransactionHurtsNobodyElse has among those that share one all
// that can go wrong with one of them.
func TestWhoSharesATransactionHurtsNobodyElse(t *testing.T) {
	url := postgrestest.Database(t)
	s := openAt(t, url)
	ctx := t.Context()
	require.NoError(t, s.Update(ctx, tell("there already")))
	other, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer other.Close(ctx)
	_, err = other.Exec(ctx, `SELECT pg_advisory_lock($1)`, hash("origin\x00held"))
	require.NoError(t, err)
	unlocked := make(chan struct{})
	defer func() { <-unlocked }() // before the connection is closed
	time.AfterFunc(100*time.Millisecond, func() {
		defer close(unlocked)
		_, _ = other.Exec(context.Background(), `SELECT pg_advisory_unlock_all()`)
	})

	mine := errors.New("mine")
	asked := 0
	errs := together(t, s,
		tell("a"),
		func(tx store.Tx) error { return errors.Join(tell("fails")(tx), mine) },
		func(tx store.Tx) error { _ = tell("panics")(tx); panic("as planned") },
		func(tx store.Tx) error { // asks for what is not its origin's
			asked++
			if err := tell("asks")(tx); err != nil {
				return err
			}
			row, err := tx.Address("a")
			row.Failures++
			return errors.Join(err, tx.SaveAddress(&row))
		},
		func(tx store.Tx) error { // asks for what it has written
			if err := tell("reads")(tx); err != nil {
				return err
			}
			groups, err := tx.Groups("reads")
			if err == nil && len(groups) != 1 {
				err = errors.New("it does not see what it has written")
			}
			return err
		},
		func(tx store.Tx) error { // the database refuses what it writes
			if _, err := tx.Groups("twice"); err != nil {
				return err
			}
			for range 2 {
				g := group.Group{Key: "twice", Origin: "twice", Episode: 1, Phase: group.Open}
				if err := tx.SaveGroup(&g); err != nil {
					return err
				}
			}
			return nil
		},
		tell("held"),
		tell("z"),
	)
	for i, err := range errs {
		switch i {
		case 1:
			require.ErrorIs(t, err, mine)
		case 2:
			require.ErrorContains(t, err, "panic in a transaction")
		case 5:
			require.Error(t, err)
			require.NotErrorIs(t, err, store.ErrUnavailable, "its sender would try for ever")
		default:
			require.NoError(t, err, i)
		}
	}
	require.Equal(t, 2, asked)
	require.Equal(t, 1.0+maxUnique, testutil.ToFloat64(s.restarts.WithLabelValues(becauseUnique)), "once for all who shared, and then as often as who is at fault tries alone")
	require.Equal(t, map[string]bool{"there already": true, "a": true, "asks": true, "reads": true, "held": true, "z": true}, stored(t, s))

	// One that cannot even be read keeps all others from sharing.
	require.NoError(t, s.Update(ctx, tell("unreadable")))
	_, err = s.writers.Exec(ctx, `UPDATE groups SET data = '{' WHERE origin = 'unreadable'`)
	require.NoError(t, err)
	errs = together(t, s, tell("b"), tell("unreadable"))
	require.NoError(t, errs[0])
	require.ErrorContains(t, errs[1], "cannot be read")
}

// TestAPostIsFoundBySharersToo: who tells again what was told before asks for
// its post first.
func TestAPostIsFoundBySharersToo(t *testing.T) {
	s := openAt(t, postgrestest.Database(t))
	ctx := t.Context()
	again := func(key string) func(store.Tx) error {
		return func(tx store.Tx) error {
			groups, err := tx.Groups(key)
			if err != nil {
				return err
			}
			g := groups[0]
			g.Rev++
			if err := tx.SaveGroup(&g); err != nil {
				return err
			}
			p, err := tx.PostOf(g.ID, "a")
			if err != nil {
				return err
			}
			p.Want++
			if err := tx.SavePost(&p); err != nil {
				return err
			}
			if _, err := tx.PostOf(g.ID, "nowhere"); !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("there is no such post: %w", err)
			}
			if key != "0" {
				return nil
			}
			p, err = tx.PostOf(g.ID, "a") // what it has just written
			if err == nil && p.Want != 1 {
				err = fmt.Errorf("it wants %d", p.Want)
			}
			return err
		}
	}
	var updates []func(store.Tx) error
	for i := range 5 {
		require.NoError(t, s.Update(ctx, tell(fmt.Sprint(i))))
		updates = append(updates, again(fmt.Sprint(i)))
	}
	for _, err := range together(t, s, updates...) {
		require.NoError(t, err)
	}
	require.NoError(t, s.View(ctx, func(tx store.Tx) error {
		posts, err := tx.ListPosts(store.PostFilter{})
		require.Len(t, posts, 5)
		for _, p := range posts {
			require.Equal(t, 1, p.Want)
		}
		return err
	}))
	require.EqualValues(t, 2, transactions(t, s), "one for four of them, and one for who asked for more")
}

// TestSharersStoreWhatOthersDo: many rows go into arrays, and come back as they
// would alone.
func TestSharersStoreWhatOthersDo(t *testing.T) {
	s := openAt(t, postgrestest.Database(t))
	ctx := t.Context()
	now := time.Unix(1_700_000_000, 5).UTC()
	posts := []store.Post{
		{Address: "a", Destination: "d", Card: "c", Title: "\x00 \xff \uFDD0 {\",\\}", State: store.Due, Want: 1, Loud: true, Rank: 3, Since: now},
		{Address: "a", State: store.Waiting, NotBefore: now, UpdatedAt: now, Attempts: 2, Reason: "r", Message: "NULL", Follows: 7, Missed: true},
	}
	save := func(i int, before bool) func(store.Tx) error {
		return func(tx store.Tx) error {
			key := fmt.Sprintf("\x00\xff %d %t", i, before)
			if before {
				if _, err := tx.Shifted(); err != nil { // then it shares nothing
					return err
				}
			}
			if _, err := tx.Groups(key); err != nil {
				return err
			}
			g := group.Group{Key: key, Origin: key, Episode: 1, Rev: 1, Phase: group.Open}
			if err := tx.SaveGroup(&g); err != nil {
				return err
			}
			p := posts[i]
			p.GroupID = g.ID
			return errors.Join(tx.SavePost(&p), tx.NoteChange(g.ID, now))
		}
	}
	for _, err := range together(t, s, save(0, false), save(1, false)) {
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, transactions(t, s))
	require.NoError(t, s.Update(ctx, save(0, true)))
	require.NoError(t, s.Update(ctx, save(1, true)))
	require.NoError(t, s.View(ctx, func(tx store.Tx) error {
		for i, want := range posts {
			for _, before := range []bool{false, true} {
				groups, err := tx.Groups(fmt.Sprintf("\x00\xff %d %t", i, before))
				require.NoError(t, err)
				require.Len(t, groups, 1)
				p, err := tx.PostOf(groups[0].ID, "a")
				require.NoError(t, err)
				p.ID, p.GroupID = 0, 0
				require.Equal(t, want, p)
			}
		}
		changed, _, err := tx.Changes("")
		require.Len(t, changed, 4)
		return err
	}))
}

// A post that nobody has tried is stored without the columns of those that were:
// whatever else it has would be lost.
func TestAPostWithAnythingElseIsNotUntried(t *testing.T) {
	stored := []string{"ID", "GroupID", "Address", "Destination", "Card", "Title", "State", "Want", "Loud", "Rank", "Since", "NotBefore", "UpdatedAt"}
	for i, field := range reflect.VisibleFields(reflect.TypeFor[store.Post]()) {
		var p store.Post
		switch value := reflect.ValueOf(&p).Elem().Field(i); value.Kind() {
		case reflect.Bool:
			value.SetBool(true)
		case reflect.String:
			value.SetString("something")
		case reflect.Struct:
			value.Set(reflect.ValueOf(time.Unix(1, 0)))
		default:
			value.SetInt(1)
		}
		require.Equal(t, slices.Contains(stored, field.Name), untried(&p), field.Name)
	}
}
