package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
)

// TestAnotherServerIsAskedForAllChanges would fail after a failover to a standby
// that lacked the last moments: it gives their transactions' numbers again, and
// what they note would be taken for seen.
func TestAnotherServerIsAskedForAllChanges(t *testing.T) {
	s := openAt(t, postgrestest.Database(t))
	require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error { return tx.NoteChange(7, time.Now()) }))
	require.NoError(t, s.View(t.Context(), func(tx store.Tx) error {
		groups, next, err := tx.Changes("4000000000:4000000000:@another")
		require.NoError(t, err)
		require.Equal(t, []int64{7}, groups)
		groups, _, err = tx.Changes(next)
		require.Empty(t, groups, "and goes on from there")
		return err
	}))
}
