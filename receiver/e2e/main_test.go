package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// raceDetector says whether the tests run with it; then the programs under
// test do too.
var raceDetector bool

// binaries is where the programs under test are built.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if binaries, err = os.MkdirTemp("", "teamsrelay-e2e-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(binaries)
		return m.Run()
	}())
}

// build makes a program of this project, once.
func build(name, from string, flags ...string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		path := filepath.Join(binaries, name)
		if runtime.GOOS == "windows" {
			path += ".exe"
		}
		args := append([]string{"build", "-o", path}, flags...)
		out, err := exec.Command("go", append(args, from)...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("go build %s: %w\n%s", from, err, out)
		}
		return path, err
	})
}

var (
	buildPlain      = build("teamsrelay", "../cmd/teamsrelay")
	buildRaced      = build("teamsrelay-race", "../cmd/teamsrelay", "-race")
	buildQuickstart = build("quickstart", "../cmd/quickstart")
)

// program is the built teamsrelay, with the race detector if the tests have it.
func program(t *testing.T) string {
	t.Helper()
	if !raceDetector {
		return plainProgram(t)
	}
	path, err := buildRaced()
	require.NoError(t, err)
	return path
}

// plainProgram is the built teamsrelay as users have it: for numbers, which
// the race detector would spoil.
func plainProgram(t *testing.T) string {
	t.Helper()
	path, err := buildPlain()
	require.NoError(t, err)
	return path
}
