package sqlite

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// openAt opens a store that is closed when the test ends.
func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}
