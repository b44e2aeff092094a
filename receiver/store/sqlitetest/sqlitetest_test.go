package sqlitetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
)

func TestATestHasAStoreOfItsOwn(t *testing.T) {
	open := func() *sqlite.Store {
		s, err := sqlite.Open(File(t), sqlite.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	addresses := func(s *sqlite.Store) (all []store.Address) {
		require.NoError(t, s.View(t.Context(), func(tx store.Tx) (err error) {
			all, err = tx.Addresses()
			return err
		}))
		return all
	}
	mine, others := open(), open()
	require.NoError(t, mine.Update(t.Context(), func(tx store.Tx) error { return tx.SaveAddress(&store.Address{Address: "a"}) }))
	require.Len(t, addresses(mine), 1)
	require.Empty(t, addresses(others), "a test would find what another one has left")
}
