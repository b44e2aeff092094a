package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

const opsURL = "https://prod-01.westeurope.logic.azure.com:443/workflows/0123/triggers/manual/paths/invoke?sig=topsecret"

// env is an environment with a few variables.
func env() config.Env {
	variables := map[string]string{"OPS_URL": opsURL, "EMPTY": ""}
	return config.Env{Lookup: func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}}
}

// expectation is a comment in a fixture: "# error: words" is about the line
// it stands on, "# error on line 1: words" about another.
var expectation = regexp.MustCompile(`# (error|warning)(?: on line (\d+))?: (.*)$`)

// TestFixtures loads every file of testdata. The name says the verdict, and in
// a bad one the comments say which problems are reported where, all of them
// and no others: the words are what people see of this package.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			made, problems := config.Load(file, env())
			if strings.HasSuffix(file, "-good.yml") {
				require.Empty(t, problems)
				require.NotNil(t, made)
				return
			}
			require.True(t, strings.HasSuffix(file, "-bad.yml"), "the name must end in -good.yml or -bad.yml")
			require.Nil(t, made, "what has errors must not be used")
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.IsNonDecreasing(t, lines(problems), "problems come in the order of the file")
			left := problems
			for i, line := range strings.Split(string(text), "\n") {
				m := expectation.FindStringSubmatch(line)
				if m == nil {
					continue
				}
				number := i + 1
				if m[2] != "" {
					number, err = strconv.Atoi(m[2])
					require.NoError(t, err)
				}
				left = without(t, left, file+":"+strconv.Itoa(number)+": "+m[1]+": ", m[3])
			}
			require.Empty(t, left.Error(), "problems that nobody expects")
			require.NotContains(t, problems.Error(), "topsecret", "a secret is in a message")
		})
	}
}

// without takes the problem that begins and goes on as given out of the list.
func without(t *testing.T, problems config.Problems, begin, words string) config.Problems {
	t.Helper()
	var left config.Problems
	found := false
	for _, p := range problems {
		if !found && strings.HasPrefix(p.String(), begin) && strings.Contains(p.String(), words) {
			found = true
			continue
		}
		left = append(left, p)
	}
	require.True(t, found, "nobody reports %s… %s\namong\n%s", begin, words, problems.Error())
	return left
}

// TestTenMistakes is the promise of the issue: somebody who makes ten mistakes
// needs one run to see them.
func TestTenMistakes(t *testing.T) {
	_, problems := config.Load("testdata/ten-mistakes-bad.yml", env())
	require.Len(t, problems, 10)
	require.IsIncreasing(t, lines(problems), "each on a line of its own")
}

func lines(problems config.Problems) []int {
	all := make([]int, len(problems))
	for i, p := range problems {
		all[i] = p.Line
	}
	return all
}

func TestWhatComesOut(t *testing.T) {
	made, problems := config.Load("testdata/full-good.yml", env())
	require.Empty(t, problems)
	require.Equal(t, config.Storage{SQLite: filepath.Join("testdata", "other.db"), Retention: 14 * 24 * time.Hour}, made.Storage)
	require.Equal(t, 90*time.Second, made.ResolveTimeout)
	require.Equal(t, "let-me-in", made.AdminToken.Reveal(), "the newline at the end of a file is no part of the secret")
	require.True(t, made.Cards.Has("alert"))

	require.Len(t, made.Destinations, 2)
	ops := made.Destinations[0]
	require.Equal(t, "ops", ops.Name)
	require.Equal(t, opsURL, ops.Workflow().URL)
	require.Equal(t, "http://proxy.example:3128", ops.Workflow().ProxyURL)
	require.Equal(t, "example.org", ops.Workflow().TLS.ServerName)
	require.True(t, ops.Workflow().StrictHosts)
	require.Equal(t, []deliver.Window{{N: 2, Per: time.Second}, {N: 100, Per: time.Hour}}, ops.Pace)
	require.Equal(t, 2*time.Hour, ops.MaxAge)
	require.Equal(t, []string{"/ops", "/old/ops"}, ops.Paths)
	require.Equal(t, opsURL, made.Destinations[1].Workflow().URL, "what << merges counts where nothing else is said")
	require.Equal(t, 5*time.Second, made.Destinations[1].Workflow().Timeout)

	node := made.Tree.Match(map[string]string{"severity": "critical"})[0]
	require.Equal(t, group.Spec{
		Route: `{}/{severity="critical"}`, Source: "api", LoudResolve: true, Mute: []string{"nights"},
		Targets: []group.Target{{Destination: "sre"}, {Destination: "ops"}},
		Timing:  group.Timing{Wait: 0, Interval: time.Minute, Repeat: 24 * time.Hour},
	}, node.Spec("api", false, nil))
}

func TestDefaults(t *testing.T) {
	made, problems := config.Load("testdata/minimal-good.yml", env())
	require.Empty(t, problems)
	require.Equal(t, filepath.Join("testdata", "teamsrelay.db"), made.Storage.SQLite, "paths are relative to the file")
	require.Equal(t, 30*24*time.Hour, made.Storage.Retention)
	require.Equal(t, 5*time.Minute, made.ResolveTimeout)
	require.Empty(t, made.AdminToken.Reveal())
	require.Equal(t, deliver.DefaultPace, made.Destinations[0].Pace)
	require.Equal(t, 24*time.Hour, made.Destinations[0].MaxAge)
}
