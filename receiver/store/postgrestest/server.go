// Package postgrestest starts PostgreSQL for tests: a server of its own on
// loopback, from the programs that the system's packages have brought.
//
//	func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		url := postgrestest.Database(t) // empty, gone after the test
//	}
//
// The tests of a process share one server, which is started when the first of
// them needs it. A test that stops or kills it takes one of its own (Own).
package postgrestest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrAbsent says that this machine has no PostgreSQL that could be started.
var ErrAbsent = errors.New("there is no PostgreSQL on this machine (Debian: apt-get install postgresql)")

// superuser is the name of the one role that every server has.
const superuser = "teamsrelay"

// patience is how long a server gets to start or to stop.
const patience = 60 * time.Second

// Server is a PostgreSQL server that only this process knows: it listens on a
// free port of 127.0.0.1, and its password is made up.
type Server struct {
	programs string // their directory
	dir      string // all of it
	settings []string
	account  *account // whom the programs run as; nil: us
	port     int
	password string
	process  *process // nil while it is stopped
	killed   bool
	serial   atomic.Int64
}

// Unsafe are settings for tests that lose nothing to a power cut: PostgreSQL
// does not wait for the disk. A killed server loses nothing by them either.
var Unsafe = []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off"}

// New makes a server in dir, which must not exist or be empty, and starts it.
// settings are those of postgresql.conf, as "name=value". As root the server
// runs as the user postgres or nobody, who must be able to reach dir.
func New(dir string, settings ...string) (_ *Server, err error) {
	programs, err := find()
	if err != nil {
		return nil, err
	}
	s := &Server{programs: programs, settings: settings, password: rand.Text()}
	if s.dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if s.account, err = unprivileged(); err != nil {
		return nil, err
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(s.password), 0o600); err != nil {
		return nil, err
	}
	if err := s.account.own(s.dir, secret); err != nil {
		return nil, err
	}
	initdb := exec.Command(filepath.Join(programs, "initdb"), "--pgdata", s.data(), "--username", superuser, "--pwfile", secret,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync", "--no-instructions")
	s.account.run(initdb)
	initdb.Dir = s.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	return s, s.Start()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Log is the file that the server writes its log to.
func (s *Server) Log() string { return filepath.Join(s.dir, "log") }

// Host is where it listens, as host:port. It stays through Stop, Kill and Start.
func (s *Server) Host() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Password is that of the superuser in URL.
func (s *Server) Password() string { return s.password }

// URL is how a database is reached; "" is the one that is always there.
func (s *Server) URL(database string) string {
	if database == "" {
		database = "postgres"
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(superuser, s.password), Host: s.Host(), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Start starts a server that was stopped or killed, and returns when it answers.
func (s *Server) Start() error {
	if s.process != nil {
		return errors.New("the server runs already")
	}
	args := []string{"-D", s.data(), "-c", "listen_addresses=127.0.0.1", "-c", "port=" + strconv.Itoa(s.port), "-c", "unix_socket_directories="}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	deadline := time.Now().Add(patience)
	for {
		log, err := os.OpenFile(s.Log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		server := exec.Command(filepath.Join(s.programs, "postgres"), args...)
		server.Dir, server.Stdout, server.Stderr = s.dir, log, log
		s.account.run(server)
		p, err := begin(server)
		_ = log.Close()
		if err != nil {
			return err
		}
		err = s.answers(p, deadline)
		if err == nil {
			s.process, s.killed = p, false
			return nil
		}
		p.kill()
		// What was killed leaves children behind, which notice it after a moment.
		if !s.killed || time.Now().After(deadline) {
			return fmt.Errorf("PostgreSQL does not start: %w: %s", err, s.lastWords())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// answers waits until the server takes connections.
func (s *Server) answers(p *process, deadline time.Time) error {
	for {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		conn, err := pgx.Connect(ctx, s.URL(""))
		cancel()
		if err == nil {
			return conn.Close(context.Background())
		}
		select {
		case <-p.ended:
			return fmt.Errorf("it has ended: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// lastWords is the end of the server's log.
func (s *Server) lastWords() string {
	log, _ := os.ReadFile(s.Log())
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "; ")
}

// Stop ends the server as an administrator does ("fast"): connections are cut,
// nothing is left to be recovered.
func (s *Server) Stop() error {
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	if err := p.interrupt(); err != nil {
		p.kill()
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("PostgreSQL does not stop: %s", s.lastWords())
	}
}

// Kill ends the server as a power cut does, but for what the operating system
// has taken.
func (s *Server) Kill() {
	if s.process != nil {
		s.process.kill()
		s.process, s.killed = nil, true
	}
}

// Close ends the server and removes what it has stored.
func (s *Server) Close() error {
	s.Kill()
	var err error
	for range 100 { // its children may still write
		if err = os.RemoveAll(s.dir); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// CreateDatabase makes an empty database with a name that was not used before,
// and returns the name.
func (s *Server) CreateDatabase() (string, error) {
	name := fmt.Sprintf("test%d", s.serial.Add(1))
	return name, s.Exec("", "CREATE DATABASE "+name)
}

// Exec runs statements in a database, each on its own.
func (s *Server) Exec(database string, statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// find returns the directory of the server's programs: on the path, or where
// Debian keeps them, the newest first.
func find() (string, error) {
	candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(candidates, func(a, b string) int { return version(b) - version(a) })
	if onPath, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(onPath); err == nil {
			candidates = append([]string{filepath.Dir(real)}, candidates...)
		}
	}
	for _, dir := range candidates {
		_, first := exec.LookPath(filepath.Join(dir, "initdb"))
		_, second := exec.LookPath(filepath.Join(dir, "postgres"))
		if first == nil && second == nil {
			return dir, nil
		}
	}
	return "", ErrAbsent
}

// version is the number in one of Debian's directories, 0 without one.
func version(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return n
}

// freePort is one that nobody listens on now. It lies below those that systems
// give to clients: one that tries to reach a killed server would be given its
// port sooner or later, and reach itself.
func freePort() (port int, err error) {
	for range 100 {
		port = 10_000 + mrand.IntN(22_000)
		var l net.Listener
		if l, err = net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}
