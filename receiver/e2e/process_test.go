package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long something may take that takes no time on an idle
// machine. One that is busy with other tests may need most of it.
const patience = time.Minute

// process is a server of ours or Alertmanager's.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	said *said
	done chan struct{}
}

// run starts a program that says on its stderr where it listens. It is killed
// when the test ends.
func run(t *testing.T, said *said, program string, args ...string) *process {
	t.Helper()
	return runWith(t, said, nil, program, args...)
}

// runWith is run with more in the environment.
func runWith(t *testing.T, said *said, env []string, program string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), said: said, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = said, said
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // what it means is in ProcessState
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop asks it to end and returns its exit code.
func (p *process) stop() int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("it does not end after SIGTERM; it said:\n%s", p.said.tail())
	}
	return p.cmd.ProcessState.ExitCode()
}

// address waits until it listens and returns host:port.
func (p *process) address() string {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		address, changed := p.said.address()
		if address != "" {
			return address
		}
		select {
		case <-changed:
		case <-p.done:
			p.t.Fatalf("it ended with %v before it listened; it said:\n%s", p.cmd.ProcessState, p.said.tail())
		case <-deadline:
			p.t.Fatalf("it does not listen; it said:\n%s", p.said.tail())
		}
	}
}

// said is what a process wrote. Processes that follow each other may share it.
type said struct {
	mu      sync.Mutex
	text    bytes.Buffer
	from    int // where the words of the latest process begin
	changed chan struct{}
}

// listen to what a process says until the test ends.
func listen(t *testing.T) *said {
	s := &said{changed: make(chan struct{})}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("it said at last:\n%s", s.tail())
		}
		require.NotContains(t, s.all(), "DATA RACE")
	})
	return s
}

// Write implements io.Writer.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	return s.text.Write(p)
}

// next forgets the address of the process that was.
func (s *said) next() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from = s.text.Len()
}

var listens = regexp.MustCompile(`msg="(?:Taking alerts|Listening on)" address=(\S+)`)

func (s *said) address() (string, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := listens.FindSubmatch(s.text.Bytes()[s.from:])
	if found == nil {
		return "", s.changed
	}
	return string(found[1]), nil
}

func (s *said) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *said) tail() string {
	const most = 6000
	text := s.all()
	return text[max(len(text)-most, 0):]
}

// command runs a command to its end.
func command(t *testing.T, program string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}
