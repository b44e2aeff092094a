package main

import (
	"context"
	"errors"
	"os"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
)

// replicas is durable webhooks a second of two replicas with PostgreSQL, from
// as many senders in all, beside those of one with SQLite. PostgreSQL is on the
// same machine and waits for the same disk.
func (b *bench) replicas() error {
	dir, err := os.MkdirTemp("", "relaybench-postgres")
	if err != nil {
		return err
	}
	server, err := postgrestest.New(dir)
	if errors.Is(err, postgrestest.ErrAbsent) {
		b.found("two replicas with PostgreSQL", "left out: %v", err)
		return os.RemoveAll(dir)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	defer server.Close()
	if b.postgres, err = versionOf(server.URL("")); err != nil {
		return err
	}
	one, err := b.load("webhooks, 1 alert each, one replica, SQLite", 1, "/alertmanager", 0, webhook(1), b.receiver)
	if err != nil {
		return err
	}
	two, err := b.load("the same, two replicas, PostgreSQL", 1, "/alertmanager", 0, webhook(1), func(teams string) (*receiver, error) {
		first, err := b.startOn(server.URL(""), teams, "")
		if err != nil {
			return nil, err
		}
		second, err := b.startOn(server.URL(""), teams, "")
		if err != nil {
			first.stop()
			return nil, err
		}
		first.others = []*receiver{second}
		return first, nil
	})
	if err == nil {
		b.found("two with PostgreSQL / one with SQLite", "%.2f", two/one)
	}
	return err
}

// versionOf is that of a PostgreSQL server.
func versionOf(url string) (version string, err error) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "SHOW server_version").Scan(&version)
	return version, err
}
