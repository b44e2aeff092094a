package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
)

// TestPostgresURL: what would fail at the start, or give a password away, is
// said by check-config, which never repeats it.
func TestPostgresURL(t *testing.T) {
	dir := t.TempDir()
	minimal, err := os.ReadFile("testdata/minimal-good.yml")
	require.NoError(t, err)
	parse := func(storage string) (*config.Config, config.Problems) {
		return config.Parse(filepath.Join(dir, "config.yml"), []byte(strings.Replace(string(minimal), `"sqlite:teamsrelay.db"`, storage, 1)), env())
	}
	for _, test := range []struct{ name, url, problem string }{
		{"as everybody writes it", "postgres://relay@db/teamsrelay", ""},
		{"the other scheme", "postgresql://relay@db:5433/teamsrelay", ""},
		{"a password", "postgres://relay:topsecret@db/teamsrelay", ""},
		{"several hosts", "postgres://relay@db1:5432,db2:5432/teamsrelay?target_session_attrs=read-write&sslmode=verify-full", ""},
		{"a socket", "postgres:///teamsrelay?host=/var/run/postgresql&sslmode=disable", ""},
		{"plain text to ourselves", "postgres://relay@127.0.0.1/teamsrelay?sslmode=disable", ""},
		{"plain text to ourselves, by the other address", "postgres://relay@[::1]:5432/teamsrelay?sslmode=disable", ""},
		{"plain text to others", "postgres://relay@10.0.0.1/teamsrelay?sslmode=disable", "warning: sslmode=disable sends alerts and the password"},
		{"plain text to one of them", "postgres://relay@localhost,db2/teamsrelay?sslmode=allow", "warning: sslmode=allow sends"},
		{"no database", "postgres://relay:topsecret@db", "names no database"},
		{"no host", "postgres://relay:topsecret@/teamsrelay", "names no host"},
		{"two names", "postgres://relay:topsecret@db/teamsrelay/public", "has a / in it"},
		{"a password with a #", "postgres://relay:top#secret@db/teamsrelay", "not a URL"},
		{"a # behind it", "postgres://relay:topsecret@db/teamsrelay#main", "there is a #"},
		{"a password with a %", "postgres://relay:topsecret%@db/teamsrelay", "not a URL"},
		{"no such mode", "postgres://relay:topsecret@db/teamsrelay?sslmode=on", "no such sslmode"},
		{"options that are none", "postgres://relay:topsecret@db/teamsrelay?a;b", "cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			made, problems := parse("'" + test.url + "'")
			require.NotContains(t, problems.Error(), "topsecret")
			require.NotContains(t, problems.Error(), "relay@")
			if test.problem != "" {
				require.Len(t, problems, 1)
				require.Contains(t, problems.Error(), test.problem)
				return
			}
			require.Empty(t, problems.Error())
			require.Equal(t, test.url, made.Storage.Postgres.URL.Reveal())
			require.Empty(t, made.Storage.SQLite)
		})
	}
}

func TestPostgresSecretsInFiles(t *testing.T) {
	made, problems := config.Load("testdata/postgres-good.yml", env())
	require.Empty(t, problems)
	require.Equal(t, "correct horse", made.Storage.Postgres.Password.Reveal())

	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	rest := "\ndestinations: [{name: ops, workflow: {url: 'http://127.0.0.1:9099/workflow/ops'}}]\nroute: {destinations: [ops]}\n"
	write("url", "postgres://relay:topsecret@db/teamsrelay\n")
	write("config.yml", "storage: {url_file: url}"+rest)
	made, problems = config.Load(filepath.Join(dir, "config.yml"), env())
	require.Empty(t, problems.Error())
	require.Equal(t, "postgres://relay:topsecret@db/teamsrelay", made.Storage.Postgres.URL.Reveal(), "the end of the line is none of it")

	write("config.yml", "storage: {url: 'sqlite:x.db', password: topsecret}"+rest)
	_, problems = config.Load(filepath.Join(dir, "config.yml"), env())
	require.Contains(t, problems.Error(), "a file of SQLite has no password")
}
