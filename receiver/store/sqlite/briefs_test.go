package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// TestWhatAnEarlierVersionStoredIsListedToo is for who updates while something
// fires: a page that leaves it out would say that all is well.
func TestWhatAnEarlierVersionStoredIsListedToo(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "earlier.db"))
	var all []group.Group
	require.NoError(t, s.Update(t.Context(), func(x store.Tx) error {
		for i := range 6 {
			g := group.Group{Key: fmt.Sprint("k", i%2), Origin: "o", Episode: i/2 + 1, Phase: group.Open, Spec: group.Spec{Targets: []group.Target{{Destination: "ops"}}}}
			if err := x.SaveGroup(&g); err != nil {
				return err
			}
			all = append(all, g)
		}
		_, err := x.(*tx).write(`UPDATE groups SET brief = NULL, previous = NULL`)
		return err
	}))
	require.NoError(t, s.View(t.Context(), func(x store.Tx) error {
		var found []store.Brief
		err := x.Briefs(func(b store.Brief) error {
			found = append(found, b)
			return nil
		})
		require.Equal(t, []store.Brief{store.BriefOf(&all[5]), store.BriefOf(&all[4])}, found)
		return err
	}))

	migration, err := migrations.ReadFile("migrations/00010_briefs.sql")
	require.NoError(t, err)
	_, linked, found := strings.Cut(string(migration), "UPDATE groups")
	require.True(t, found)
	require.NoError(t, s.Update(t.Context(), func(x store.Tx) error {
		_, err := x.(*tx).write("UPDATE groups" + linked)
		return err
	}))
	require.NoError(t, s.View(t.Context(), func(x store.Tx) error {
		latest, before, err := x.Episodes(all[4].ID, 10)
		require.Equal(t, all[4].ID, latest)
		require.Equal(t, []group.Group{all[2], all[0]}, before)
		return err
	}))
}
