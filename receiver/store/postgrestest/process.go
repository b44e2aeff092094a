package postgrestest

import (
	"os"
	"os/exec"
	"runtime"
)

// process is a running server.
type process struct {
	os    *os.Process
	ended chan struct{} // closed once it is gone
}

// begin starts a command that ends with us, whatever ends us.
func begin(cmd *exec.Cmd) (*process, error) {
	dieWithUs(cmd)
	p := &process{ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux counts the end of the thread that has started it as our end.
		runtime.LockOSThread()
		err := cmd.Start()
		p.os = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(p.ended)
		}
	}()
	return p, <-started
}

// interrupt asks it to end now ("fast", in PostgreSQL's words).
func (p *process) interrupt() error { return p.os.Signal(os.Interrupt) }

// kill ends it at once and waits until it is gone.
func (p *process) kill() {
	_ = p.os.Kill()
	<-p.ended
}
