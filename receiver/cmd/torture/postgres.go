package main

import (
	"context"
	"os"
	"path/filepath"
	"sync"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgres"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
)

// server is a PostgreSQL of our own.
type server struct {
	*disk
	postgres *postgrestest.Server
	database string
	mu       sync.Mutex // one restart at a time
}

func newPostgres(dir string) (_ *server, err error) {
	s := &server{}
	// The server runs as somebody else, who must reach it.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	if s.disk, err = newDisk(filepath.Join(dir, "store"), 400); err != nil {
		return nil, err
	}
	s.postgres, err = postgrestest.New(filepath.Join(s.dir, "postgres"), "max_connections=100", "max_wal_size=64MB", "min_wal_size=32MB")
	if err == nil {
		s.database, err = s.postgres.CreateDatabase()
	}
	if err != nil {
		_ = s.disk.close()
		return nil, err
	}
	return s, nil
}

func (s *server) name() string { return "postgres" }
func (s *server) url() string  { return s.postgres.URL(s.database) }

func (s *server) open() (store.Store, error) {
	return postgres.Open(context.Background(), postgres.Options{URL: s.url()})
}

func (s *server) restart(kill bool, wait func()) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kill {
		s.postgres.Kill()
	} else if err := s.postgres.Stop(); err != nil {
		return err.Error()
	}
	wait()
	if err := s.postgres.Start(); err != nil {
		return err.Error()
	}
	return ""
}

func (s *server) cut() string {
	if !s.mu.TryLock() {
		return "the server does not run"
	}
	defer s.mu.Unlock()
	if err := s.postgres.Exec("", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+s.database+"'"); err != nil {
		return err.Error()
	}
	return ""
}

// full: a server that finds no room for its log ends, and nobody starts it
// again by itself; who fills it sees to that.
func (s *server) full(wait func()) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if left := s.disk.full(wait); left != "" {
		return left
	}
	if s.postgres.Exec("", "SELECT 1") == nil {
		return ""
	}
	s.postgres.Kill()
	if err := s.postgres.Start(); err != nil {
		return err.Error()
	}
	return ""
}

func (s *server) close() error {
	err := s.postgres.Close()
	if other := s.disk.close(); err == nil {
		err = other
	}
	return err
}
