package postgres

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
	"github.com/teamsrelay/teamsrelay/receiver/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// openAt opens a store that is closed when the test ends.
func openAt(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: url, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// emptied is a database that every test of a suite finds as a new one is: to
// delete what is in its few rows costs a hundredth of a new one.
func emptied(t *testing.T, url string) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, `SET session_replication_role = replica; -- no triggers
		DO $$ DECLARE name text; BEGIN
			FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('goose_db_version', 'teamsrelay', 'shifted') LOOP
				EXECUTE 'DELETE FROM ' || quote_ident(name);
			END LOOP;
			UPDATE shifted SET total = 0, last_at = NULL;
		END $$`)
	require.NoError(t, err)
}

func TestStore(t *testing.T) {
	url := postgrestest.Database(t)
	storetest.Run(t,
		func(t *testing.T) store.Store {
			s := openAt(t, url)
			emptied(t, url)
			return s
		},
		func(t *testing.T, s store.Store) store.Store {
			require.NoError(t, s.Close())
			return openAt(t, url)
		})
	t.Run("no statement reads a whole table", func(t *testing.T) { testPlans(t, url) })
}

func TestReplicas(t *testing.T) {
	url := postgrestest.Database(t)
	storetest.RunShared(t, func(t *testing.T) (a, b store.Store) {
		a, b = openAt(t, url), openAt(t, url)
		emptied(t, url)
		return a, b
	})
}

// TestWhatRunsAgainBeginsAsBefore: most callers have the value that they save
// outside of the function, and an id that was given in vain would make the next
// attempt look for a row that is not there.
func TestWhatRunsAgainBeginsAsBefore(t *testing.T) {
	s := openAt(t, postgrestest.Database(t))
	g := group.Group{Key: "k", Origin: "o", Episode: 1, Phase: group.Open}
	line := store.Audit{Who: "Alice"}
	p := store.Post{Address: "a", State: store.Due}
	runs := 0
	require.NoError(t, s.Update(t.Context(), func(u store.Tx) error {
		runs++
		if err := errors.Join(u.SaveGroup(&g), u.AddAudit(&line)); err != nil {
			return err
		}
		p.GroupID = g.ID
		if err := u.SavePost(&p); err != nil || runs > 1 {
			return err
		}
		return u.(*tx).conflict()
	}))
	require.Equal(t, 2, runs)
	require.NoError(t, s.View(t.Context(), func(tx store.Tx) error {
		_, errGroup := tx.Group(g.ID)
		_, errPost := tx.Post(p.ID)
		return errors.Join(errGroup, errPost)
	}))
	mine := errors.New("mine")
	other := store.Audit{}
	require.ErrorIs(t, s.Update(t.Context(), func(tx store.Tx) error { return errors.Join(tx.AddAudit(&other), mine) }), mine)
	require.Zero(t, other.ID, "it was never stored")
}

// TestWhatIsThereAlreadyIsNotTriedForEver: a row that is made twice by mistake.
func TestWhatIsThereAlreadyIsNotTriedForEver(t *testing.T) {
	s := openAt(t, postgrestest.Database(t))
	runs := 0
	err := s.Update(t.Context(), func(tx store.Tx) error {
		runs++
		return errors.Join(tx.AddKey(store.Key{ID: "k", Secret: []byte{1}}), tx.AddKey(store.Key{ID: "k", Secret: []byte{2}}))
	})
	require.Error(t, err)
	require.NotErrorIs(t, err, store.ErrUnavailable, "somebody would be told to try again for ever")
	require.LessOrEqual(t, runs, maxUnique+1)
}
