package postgrestest

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// shared is the server of this process's tests.
var shared struct {
	sync.Mutex
	main   bool // Main runs, and will end it
	server *Server
	err    error
}

// Main runs the tests of a package and ends the server that they shared. It
// returns what os.Exit is to be told.
func Main(m *testing.M) int {
	shared.Lock()
	shared.main = true
	shared.Unlock()
	defer func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.server != nil {
			_ = shared.server.Close()
		}
	}()
	return m.Run()
}

// Shared returns the server of this process's tests, with Unsafe settings. It
// skips the test where there is no PostgreSQL.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.main {
		t.Fatal("who shares a PostgreSQL server must end it: func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }")
	}
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = temporary(append([]string{"max_connections=300"}, Unsafe...))
	}
	skip(t, shared.err)
	return shared.server
}

// Database returns the URL of an empty database on the shared server, which is
// dropped after the test.
func Database(t testing.TB) string {
	t.Helper()
	s := Shared(t)
	name, err := s.CreateDatabase()
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Exec("", "DROP DATABASE "+name+" WITH (FORCE)") })
	return s.URL(name)
}

// Own starts a server for one test, which may stop and kill it. It skips the
// test where there is no PostgreSQL.
func Own(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := temporary(settings)
	skip(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// temporary starts a server in a directory that nobody else knows. Not in one
// of the test's: as root the server runs as somebody else, who must reach it.
func temporary(settings []string) (*Server, error) {
	dir, err := os.MkdirTemp("", "teamsrelay-postgres-")
	if err != nil {
		return nil, err
	}
	s, err := New(filepath.Clean(dir), settings...)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

func skip(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrAbsent) {
		t.Skip(err)
	}
	require.NoError(t, err)
}
