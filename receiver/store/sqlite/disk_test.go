package sqlite

import (
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// TestAFullDisk fills the file up to a limit of SQLite's own, which gives the
// same error in the same places as a disk without room.
func TestAFullDisk(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "full.db"))
	limit := func(pages int) {
		// On the writer's connection, so between two updates.
		require.NoError(t, s.Update(ctx, func(x store.Tx) error {
			return x.(*tx).conn.query(fmt.Sprintf("PRAGMA max_page_count = %d", pages), ignoreRow)
		}))
	}
	big := func(key string) func(store.Tx) error {
		return func(tx store.Tx) error {
			return tx.SaveGroup(&group.Group{Key: key, Origin: "o", Phase: group.Open, Alerts: []group.Member{{
				Alert: alert.Alert{Annotations: map[string]string{"description": strings.Repeat("x", 50<<10)}},
			}}})
		}
	}
	limit(200)
	want := []string{}
	var refused error
	for i := 0; refused == nil; i++ {
		require.Less(t, i, 100, "the disk never became full")
		key := fmt.Sprintf("%03d", i)
		if refused = s.Update(ctx, big(key)); refused == nil {
			want = append(want, key)
		}
	}
	require.NotEmpty(t, want)
	require.ErrorIs(t, refused, store.ErrUnavailable)
	require.ErrorContains(t, refused, "full", "the operator must know what to do")

	t.Run("who shares a commit with what does not fit is not told that it is stored", func(t *testing.T) {
		for i, err := range together(t, s, save("small a", nil), big("big"), save("small b", nil)) {
			if err == nil {
				require.Contains(t, stored(t, s), []string{"small a", "big", "small b"}[i])
			} else {
				require.ErrorIs(t, err, store.ErrUnavailable)
			}
		}
		require.NotContains(t, stored(t, s), "big")
	})
	t.Run("the store says that it cannot take more", func(t *testing.T) {
		for i := 0; s.Update(ctx, save(fmt.Sprint("small ", i), nil)) == nil; i++ {
			require.Less(t, i, 10000, "the disk never became full")
		}
		require.ErrorIs(t, s.Check(ctx), store.ErrUnavailable)
	})
	t.Run("what was stored can be read", func(t *testing.T) {
		require.Subset(t, stored(t, s), want)
	})
	t.Run("it goes on by itself when there is room", func(t *testing.T) {
		limit(1 << 20)
		require.NoError(t, s.Check(ctx))
		require.NoError(t, s.Update(ctx, big("after")))
		require.Contains(t, stored(t, s), "after")
	})
}

func ignoreRow([]driver.Value) error { return nil }
