package teams

import (
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
)

// stateProblem is what a check says of a state file, "" for nothing. The
// directory must be as it was.
func stateProblem(t *testing.T, path string) string {
	t.Helper()
	before := listing(t, filepath.Dir(path))
	p := &problems{}
	checkState(p, "state_file", path)
	require.Equal(t, before, listing(t, filepath.Dir(path)), "a check only looks")
	if err := p.err(); err != nil {
		return err.Error()
	}
	return ""
}

func listing(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, _ := os.ReadDir(dir) // it may not be there
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		names = append(names, e.Name()+info.ModTime().String())
	}
	return names
}

// TestACheckOfTheStateFile: what a check calls well must start.
func TestACheckOfTheStateFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) { require.NoError(t, os.WriteFile(at(name), []byte(text), 0o600)) }
	write("text", "hello")
	write("empty.db", "")
	db, err := sql.Open("sqlite", at("other.db"))
	require.NoError(t, err)
	_, err = db.Exec("PRAGMA journal_mode = WAL; CREATE TABLE songs (name)") // whose readers make files beside it
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.NoError(t, os.Rename(at("other.db"), at("other 100%?#.db")))
	db, err = sql.Open("sqlite", at("cutoff.db"))
	require.NoError(t, err)
	_, err = db.Exec("CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	ours, err := sqlite.Open(at("ours.db"), sqlite.Options{})
	require.NoError(t, err)
	require.Empty(t, stateProblem(t, at("ours.db")), "a section may be checked while it is in use")
	require.NoError(t, ours.Close())
	require.NoError(t, os.Symlink(at("ours.db"), at("link.db")))

	for name, words := range map[string]string{
		"ours.db": "", "new.db": "", "empty.db": "", "link.db": "",
		"cutoff.db":        "", // the first start was
		"none/teams.db":    "state_file: there is no directory",
		"text/teams.db":    "is not a directory",
		"text":             "it is not an SQLite database",
		"other 100%?#.db":  "it is the database of another program",
		"/":                "is not an ordinary file",
		"text/in/teams.db": "state_file: ",
	} {
		if words == "" {
			require.Empty(t, stateProblem(t, at(name)), name)
			continue
		}
		require.Contains(t, stateProblem(t, at(name)), words, name)
		_, err := sqlite.Open(at(name), sqlite.Options{})
		require.Error(t, err, "the start refuses it too")
	}
}

// TestAStateFileOfSomebodyElse: the check is made as the user who runs
// Telegraf, who may be another one than the one who made the directory.
func TestAStateFileOfSomebodyElse(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("everybody's files are root's to write; run the tests as another user")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "teams.db")
	require.NoError(t, os.WriteFile(file, nil, 0o400))
	require.Contains(t, stateProblem(t, file), "permission denied; let the user who runs Telegraf write it")
	require.NoError(t, os.Chmod(dir, 0o500)) //nolint:gosec // it is a directory
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	require.Contains(t, stateProblem(t, filepath.Join(dir, "new.db")), "nothing can be written into the directory")
}

// TestWhatAKilledProcessHeldIsGivenBack: its lease would keep everything from
// being told for as long as it was.
func TestWhatAKilledProcessHeldIsGivenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "teams.db")
	now := time.Now()
	lease := func(db store.Store, holder string) (got bool) {
		require.NoError(t, db.Update(t.Context(), func(tx store.Tx) (err error) {
			got, err = tx.Lease("address", holder, now, now.Add(time.Hour))
			return err
		}))
		return got
	}
	db, err := sqlite.Open(path, sqlite.Options{})
	require.NoError(t, err)
	require.True(t, lease(db, "killed"))
	require.False(t, lease(db, "next"))
	require.NoError(t, db.Close())
	again, err := openStore(t.Context(), path, "state_file", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.True(t, lease(again, "next"))
	require.NoError(t, again.Close())
}
