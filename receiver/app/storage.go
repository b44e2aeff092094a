package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/store/metered"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgres"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
)

// openTimeout is how long a start waits for a database; another replica may be
// changing its schema.
const openTimeout = 10 * time.Minute

// openStore opens what the configuration names.
func openStore(c *config.Storage, log *slog.Logger, registerer prometheus.Registerer) (*metered.Store, error) {
	if c.Postgres.URL == "" {
		db, err := sqlite.Open(c.SQLite, sqlite.Options{Log: log, Registerer: registerer})
		if err != nil {
			return nil, err
		}
		return metered.New(db, log, registerer, db.Size), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	db, err := postgres.Open(ctx, postgres.Options{URL: c.Postgres.URL.Reveal(), Password: c.Postgres.Password.Reveal(), Log: log, Registerer: registerer})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", storeName(c), err)
	}
	return metered.New(db, log, registerer, db.Size), nil
}

// sameStore says that two configurations name the same one. A password may
// change: connections that are there know the old one.
func sameStore(a, b *config.Storage) bool {
	return a.SQLite == b.SQLite && a.Postgres.URL == b.Postgres.URL
}

// storeName is what people are told of a store.
func storeName(c *config.Storage) string {
	if c.Postgres.URL == "" {
		return c.SQLite
	}
	return fmt.Sprintf("PostgreSQL at %s", postgres.Host(c.Postgres.URL.Reveal()))
}

// holder is the name of this process in leases: where it is, and which of those
// that have run there.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "-" + strings.ToLower(rand.Text()[:6])
}
