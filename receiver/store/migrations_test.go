package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A database remembers by its number that a migration was run, and does not run it
// again: what somebody adds to an old one never comes to who has a database
// already, and their receiver does not start.
func TestMigrationsThatSomebodyMayHaveRunStayAsTheyAre(t *testing.T) {
	for folder, c := range map[string]struct {
		ran  int    // so many, from the first one, may have been run
		hash string // of all of them
	}{
		"sqlite":   {12, "4787b6683cde4cbf"},
		"postgres": {1, "7aed1dc11e04086d"},
	} {
		files, err := filepath.Glob(filepath.Join(folder, "migrations", "*.sql")) // sorted
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(files), c.ran)
		all := sha256.New()
		for _, file := range files[:c.ran] {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			_, _ = all.Write(text)
		}
		require.Equal(t, c.hash, hex.EncodeToString(all.Sum(nil)[:8]), "bring what is new in a migration of its own; when one has landed, count it here")
	}
}
