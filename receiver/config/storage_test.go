package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

func TestStorageURL(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "state"), 0o700))
	for _, test := range []struct{ name, url, path, problem string }{
		{name: "a relative path starts from the file's directory", url: "sqlite:x.db", path: filepath.Join(dir, "x.db")},
		{name: "a directory below is fine", url: "sqlite:state/x.db", path: filepath.Join(dir, "state", "x.db")},
		{name: "an absolute path is taken as it is", url: "sqlite:" + filepath.Join(dir, "y.db"), path: filepath.Join(dir, "y.db")},
		{name: "a path alone", url: "x.db", problem: "this is not the URL of a store"},
		{name: "another database", url: "mysql://user:topsecret@host/db", problem: "this is not the URL of a store"},
		{name: "no file", url: "sqlite:", problem: "sqlite: names no file"},
		{name: "a directory by its name", url: "sqlite:state/", problem: "sqlite: names no file"},
		{name: "a directory that is there", url: "sqlite:state", problem: "is a directory"},
		{name: "a database in memory would lose alerts", url: "sqlite::memory:", problem: "sqlite: takes a path and no options"},
		{name: "options of the driver", url: "sqlite:x.db?_pragma=synchronous(0)", problem: "sqlite: takes a path and no options"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := os.ReadFile("testdata/minimal-good.yml")
			require.NoError(t, err)
			made, problems := config.Parse(filepath.Join(dir, "config.yml"),
				[]byte(strings.Replace(string(text), "sqlite:teamsrelay.db", test.url, 1)), env())
			if test.problem == "" {
				require.Empty(t, problems.Error())
				require.Equal(t, test.path, made.Storage.SQLite)
				return
			}
			require.Len(t, problems, 1)
			require.Equal(t, yamlfile.Error, problems[0].Level)
			require.Contains(t, problems.Error(), "config.yml:1: error: ")
			require.Contains(t, problems.Error(), test.problem)
			require.NotContains(t, problems.Error(), "topsecret")
		})
	}
}

// TestBrokenTemplate: a mistake in a template file is reported in that file,
// and nobody is told besides that the card does not exist.
func TestBrokenTemplate(t *testing.T) {
	made, problems := config.Parse("testdata/x.yml", []byte(`
storage: {url: "sqlite:x.db"}
template_files: [broken/*.tmpl]
destinations: [{name: ops, workflow: {url: "http://127.0.0.1:9099/workflow/ops"}}]
route: {destinations: [ops], card: broken}
`), env())
	require.Nil(t, made)
	require.Len(t, problems, 1)
	require.Equal(t, filepath.Join("testdata", "broken", "broken.tmpl"), problems[0].File)
	require.Equal(t, 2, problems[0].Line)
}

// TestEngine: what the engine works with is what the file says.
func TestEngine(t *testing.T) {
	made, problems := config.Load("testdata/full-good.yml", env())
	require.Empty(t, problems)
	out, err := made.Engine(nil)
	require.NoError(t, err)
	require.Equal(t, made.Tree, out.Routes)
	require.Equal(t, made.Cards, out.Cards)
	require.Equal(t, made.Storage.Retention, out.Retention)
	require.Equal(t, made.ResolveTimeout, out.ResolveTimeout)
	require.Len(t, out.Destinations, 2)
	ops, sre := out.Destinations[0].Addresses[0], out.Destinations[1].Addresses[0]
	require.Equal(t, ops.ID, sre.ID, "two destinations with one webhook share one address")
	require.NotContains(t, ops.ID, "topsecret")
	require.Equal(t, made.Destinations[0].Pace, ops.Pace)
	require.Equal(t, made.Destinations[0].MaxAge, ops.MaxAge)
	require.NotNil(t, ops.Send)

	require.Equal(t, "ops", made.PathDestination("/old/ops"))
	require.Empty(t, made.PathDestination("/sre"), "a destination has the paths that it names and no others")
}
