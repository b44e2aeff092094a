package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
)

// raceDetector says whether the tests run with it; then the programs under
// test do too.
var raceDetector bool

// binaries is where the programs under test are built.
var binaries string

// parallel is how many tests run at the same time, unless -parallel says so: they
// wait for processes far longer than they compute.
const parallel = "4"

func TestMain(m *testing.M) {
	os.Exit(func() int {
		err := flag.Set("test.parallel", parallel)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if binaries, err = os.MkdirTemp("", "teamsrelay-e2e-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(binaries)
		return postgrestest.Main(m)
	}())
}

// build makes a program of this project, once, as users have it: what make build
// has compiled is not compiled again.
func build(name, from string) func() (string, error) {
	return goBuild(name, from, []string{"CGO_ENABLED=0"}, "-trimpath")
}

// buildWatched is build with the race detector, which leaves SQLite out as the
// Makefile does (UNWATCHED): so the packages are those that go test has compiled.
func buildWatched(name, from string) func() (string, error) {
	return goBuild(name+"-race", from, nil, "-race",
		"-gcflags=modernc.org/sqlite/lib=-race=false", "-gcflags=modernc.org/libc=-race=false", "-gcflags=modernc.org/memory=-race=false")
}

func goBuild(name, from string, env []string, flags ...string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		path := filepath.Join(binaries, name)
		if runtime.GOOS == "windows" {
			path += ".exe"
		}
		cmd := exec.Command("go", append(append([]string{"build", "-o", path}, flags...), from)...)
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("go build %s: %w\n%s", from, err, out)
		}
		return path, err
	})
}

var (
	buildPlain      = build("teamsrelay", "../cmd/teamsrelay")
	buildRaced      = buildWatched("teamsrelay", "../cmd/teamsrelay")
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
