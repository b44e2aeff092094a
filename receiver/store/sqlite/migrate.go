package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// writerPragmas set up the connection that writes.
var writerPragmas = []string{
	"PRAGMA busy_timeout = 5000", // someone looks into the file with sqlite3
	"PRAGMA journal_mode = WAL",
	"PRAGMA synchronous = FULL", // a commit is on disk before anyone is told 200
	"PRAGMA foreign_keys = ON",
	"PRAGMA temp_store = MEMORY",
	"PRAGMA cache_size = -8192", // KiB
	"PRAGMA wal_autocheckpoint = 4000",
	"PRAGMA journal_size_limit = 67108864", // bytes
}

// readerPragmas set up a connection that reads.
var readerPragmas = []string{
	"PRAGMA busy_timeout = 5000",
	"PRAGMA query_only = ON",
	"PRAGMA temp_store = MEMORY",
	"PRAGMA cache_size = -1024",
}

// migrate brings the schema up to date, each step in a transaction of its own.
func migrate(path string) error {
	db, err := sql.Open("sqlite", dsn(path)+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return err
	}
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	ctx := context.Background()
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	if known := sources[len(sources)-1].Version; version > known {
		return fmt.Errorf("a newer teamsrelay wrote it (schema %d, this one knows %d); use that version or a newer one", version, known)
	}
	_, err = provider.Up(ctx)
	return err
}
