// Package sqlitetest has empty stores for tests that need one and do not test
// the store itself.
package sqlitetest

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
)

// empty is what a new store's file holds once its schema is made. Making it takes
// a tenth of a second under the race detector, which forgets every fourth of the
// 4 MiB buffers that goose takes for each line of SQL; the tests of the engine
// alone open 300 stores.
var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "teamsrelay-sqlite-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "empty.db")
	s, err := sqlite.Open(file, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

// File returns the path of an empty store for sqlite.Open. The file is the test's
// own and gone after it.
func File(t testing.TB) string {
	t.Helper()
	content, err := empty()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "test.db")
	require.NoError(t, os.WriteFile(file, content, 0o600))
	return file
}
