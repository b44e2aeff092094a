package sqlite

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// killEnv names the store that the test binary fills as the child of
// TestKillAtAnyMoment.
const killEnv = "TEAMSRELAY_TEST_FILL_STORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(killEnv); path != "" {
		fill(path)
		return
	}
	os.Exit(m.Run())
}

// fill stores groups with eight clients and prints the key of each one when
// the store has said that it is stored. It never ends by itself.
func fill(path string) {
	s, err := Open(path, Options{})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	var printing sync.Mutex
	var wait sync.WaitGroup
	for client := range 8 {
		wait.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d-%d-%d", os.Getpid(), client, i)
				if err := s.Update(ctx, save(key, nil)); err != nil {
					key = "error " + err.Error()
				}
				printing.Lock()
				fmt.Println(key)
				printing.Unlock()
			}
		})
	}
	wait.Wait()
}

func TestKillAtAnyMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills twenty processes")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "killed.db")
	acknowledged := []string{}
	for round := range 20 {
		child := exec.Command(self)
		child.Env = append(os.Environ(), killEnv+"="+path)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		// The moment counts in acknowledgements, not in time, so that a slow
		// machine kills as often in the middle of the work as a fast one.
		killAfter := rand.IntN(300)
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			require.NotContains(t, lines.Text(), "error", "round %d: what a killed process leaves must not need care", round)
			acknowledged = append(acknowledged, lines.Text())
			if n == killAfter {
				go func() { _ = child.Process.Kill() }()
			}
		}
		_ = child.Wait()
	}
	s := openAt(t, path)
	there := map[string]bool{}
	for _, key := range stored(t, s) {
		there[key] = true
	}
	for _, key := range acknowledged {
		require.True(t, there[key], "%s was acknowledged and is lost", key)
	}
	require.Greater(t, len(acknowledged), 100)
	require.NoError(t, s.View(ctx, func(x store.Tx) error {
		v, err := x.(*tx).number("PRAGMA integrity_check")
		require.Equal(t, "ok", v)
		return err
	}))
}
