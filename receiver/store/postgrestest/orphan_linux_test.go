package postgrestest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNothingIsLeftRunning kills a process that has started a server, as a
// test's timeout or the kernel would, which can clean up nothing.
func TestNothingIsLeftRunning(t *testing.T) {
	if dir := os.Getenv("POSTGRESTEST_ORPHAN"); dir != "" {
		s, err := New(dir, Unsafe...)
		skip(t, err)
		fmt.Println("host", s.Host())
		select {}
	}
	dir, err := os.MkdirTemp("", "teamsrelay-postgres-") // not in the test's, where only we may look
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	child := exec.Command(os.Args[0], "-test.run=^TestNothingIsLeftRunning$")
	child.Env = append(os.Environ(), "POSTGRESTEST_ORPHAN="+dir)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(out)
	host := ""
	for host == "" && lines.Scan() {
		host, _ = strings.CutPrefix(lines.Text(), "host ")
		if host == lines.Text() {
			host = ""
		}
	}
	if host == "" {
		_ = child.Wait()
		t.Skip("the other process could not start a server")
	}
	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", host)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, patience, 10*time.Millisecond, "a killed test would leave a server behind")
}
