package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
)

// A short bad day on each store; make torture has longer ones, in which Teams
// also leaves messages in doubt, and digests tell what a slow place cannot. Both
// take minutes.
func TestAShortBadDay(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a bad day takes half a minute, and a minute if a kill leaves a message in doubt")
	}
	// The receivers are as users have them: the race detector would take most
	// of the day. Of what they are made of, make build has compiled most.
	program := filepath.Join(t.TempDir(), "torture")
	build := exec.Command("go", "build", "-trimpath", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, store := range []string{"sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			var story bytes.Buffer
			verdict, err := tortureOnce(t.Context(), &story, store, 1, options{replicas: 2, length: 12 * time.Second, program: program, sure: true})
			if errors.Is(err, postgrestest.ErrAbsent) {
				t.Skip(err)
			}
			require.NoError(t, err)
			t.Logf("\n%s%s", &story, verdict)
			require.True(t, verdict.Passed(), "a promise was broken")
			require.Positive(t, verdict.Counts["bodies taken"])
			require.Positive(t, verdict.Counts["cards shown"], "nothing was shown, so this has proven little")
		})
	}
}

func TestSeedsAreRead(t *testing.T) {
	for text, want := range map[string][2]uint64{"7": {7, 7}, "1..10": {1, 10}} {
		first, last, err := seedRange(text)
		require.NoError(t, err)
		require.Equal(t, want, [2]uint64{first, last})
	}
	for _, text := range []string{"", "x", "3..1", "-1", "1.."} {
		_, _, err := seedRange(text)
		require.ErrorContains(t, err, "write 7, or 1..10", "%q", text)
	}
}
