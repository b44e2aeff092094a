package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/teamsrelay/teamsrelay/receiver/app"
)

// What makes this program a receiver: its configuration and the file that says
// how far its clock is off, in nanoseconds.
const (
	replicaConfig = "TEAMSRELAY_TORTURE_CONFIG"
	replicaClock  = "TEAMSRELAY_TORTURE_CLOCK"
)

func isReplica() bool { return os.Getenv(replicaConfig) != "" }

// replicaMain is a receiver as teamsrelay serve is one, but for its clock.
func replicaMain() int {
	go func() { // it ends with whom it belongs to, however that ends
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	reload := make(chan struct{}, 1)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			select {
			case reload <- struct{}{}:
			default: // one is waiting already
			}
		}
	}()
	none := ""
	systemd := false
	a, err := app.New(app.Options{
		ConfigFile: os.Getenv(replicaConfig), PublicAddress: "127.0.0.1:0", Logger: log, Reload: reload,
		Web: &toolkit.FlagConfig{WebListenAddresses: &[]string{"127.0.0.1:0"}, WebSystemdSocket: &systemd, WebConfigFile: &none},
		Now: settable(os.Getenv(replicaClock)),
		Listening: func(at []net.Addr) {
			var words []string
			for _, a := range at {
				words = append(words, a.String())
			}
			fmt.Println(strings.Join(words, " "))
		},
	})
	if err == nil {
		err = a.Run(ctx)
	}
	if err != nil {
		log.Error("The replica ends", "err", err)
		return 1
	}
	return 0
}

// settable is a wall clock that is off by what a file says.
func settable(file string) func() time.Time {
	var off atomic.Int64
	read := func() {
		text, err := os.ReadFile(file)
		if n, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && bad == nil {
			off.Store(n)
		}
	}
	read()
	go func() {
		for range time.Tick(20 * time.Millisecond) {
			read()
		}
	}()
	return func() time.Time { return time.Now().Round(0).Add(time.Duration(off.Load())) }
}

// replica is one of the receivers, and all processes that it has been.
type replica struct {
	number  int
	program string
	config  string
	clock   string // file
	log     string // file
	env     []string

	// again is held by who ends it and starts it again.
	again sync.Mutex

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{}
	main   string // host:port; "" while it does not listen
	public string
	hung   bool
	off    time.Duration // of its clock
}

// start starts it, and returns at once: where it listens is known later.
func (r *replica) start() error {
	log, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(r.program)
	cmd.Env = append(os.Environ(), append(r.env, replicaConfig+"="+r.config, replicaClock+"="+r.clock)...)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if _, err := cmd.StdinPipe(); err != nil { // it is open as long as we are there
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	r.mu.Lock()
	r.cmd, r.ended, r.main, r.public = cmd, ended, "", ""
	r.mu.Unlock()
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if at := strings.Fields(lines.Text()); len(at) == 2 {
				r.mu.Lock()
				if r.cmd == cmd {
					r.main, r.public = at[0], at[1]
				}
				r.mu.Unlock()
			}
		}
		_ = cmd.Wait() // what it means is in ProcessState
		r.mu.Lock()
		if r.cmd == cmd {
			r.main, r.public = "", ""
		}
		r.mu.Unlock()
		close(ended)
	}()
	return nil
}

// at is where it takes alerts, and what Teams sends; "" while it does not.
func (r *replica) at() (main, public string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.main, r.public
}

// signal sends it a signal; one that has ended gets none.
func (r *replica) signal(s os.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd != nil && r.cmd.Process != nil {
		_ = r.cmd.Process.Signal(s)
	}
}

// end sends a signal, waits until it has ended, and returns its exit code; 0 if it
// was not started.
func (r *replica) end(s os.Signal, within time.Duration) (code int, err error) {
	r.mu.Lock()
	ended, cmd := r.ended, r.cmd
	r.mu.Unlock()
	if cmd == nil {
		return 0, nil
	}
	r.signal(s)
	select {
	case <-ended:
	case <-time.After(within):
		r.signal(os.Kill)
		<-ended
		return 0, fmt.Errorf("replica %d did not end within %s of a %s", r.number, within, s)
	}
	return cmd.ProcessState.ExitCode(), nil
}

// running says that it is there and works, for faults that need it.
func (r *replica) running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.hung && !r.hasEnded()
}

// hasEnded needs the lock.
func (r *replica) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// setClock sets how far its clock is off.
func (r *replica) setClock(off time.Duration) error {
	next := r.clock + ".next"
	if err := os.WriteFile(next, []byte(strconv.FormatInt(int64(off), 10)), 0o600); err != nil {
		return err
	}
	return os.Rename(next, r.clock)
}

// wrongs reads its log for what must never stand there.
func (r *replica) wrongs() (found []string) {
	text, err := os.ReadFile(r.log)
	if err != nil {
		return []string{err.Error()}
	}
	for _, sign := range []string{"DATA RACE", "panic: ", "fatal error: "} {
		if strings.Contains(string(text), sign) {
			found = append(found, fmt.Sprintf("%s stands in the log of replica %d", sign, r.number))
		}
	}
	return found
}

// newReplicas are n of them, not started.
func newReplicas(n int, program, dir, config string, env []string) (_ []*replica, err error) {
	if program == "" {
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	var all []*replica
	for i := range n {
		r := &replica{
			number: i, program: program, config: config, env: env,
			clock: filepath.Join(dir, fmt.Sprintf("clock-%d", i)), log: filepath.Join(dir, fmt.Sprintf("replica-%d.log", i)),
		}
		if err := r.setClock(0); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}
