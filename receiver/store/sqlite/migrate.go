package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

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
	// After a commit that makes the log longer than this many pages of 4 KiB
	// it is copied into the file: seldom enough to cost little, often enough
	// that one copy holds nobody up for long.
	"PRAGMA wal_autocheckpoint = 4000",
	"PRAGMA journal_size_limit = 67108864", // bytes that the log keeps when it begins anew
}

// readerPragmas set up a connection that reads.
var readerPragmas = []string{
	"PRAGMA busy_timeout = 5000",
	"PRAGMA query_only = ON",
	"PRAGMA temp_store = MEMORY",
	"PRAGMA cache_size = -1024",
}

// migrate brings the schema up to date, each step in a transaction of its own.
func migrate(path string, log *slog.Logger) error {
	db, err := sql.Open("sqlite", dsn(path)+"?_pragma=busy_timeout(5000)")
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
	if err := ours(ctx, db); err != nil {
		return err
	}
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	switch known := sources[len(sources)-1].Version; {
	case version > known:
		return fmt.Errorf("a newer teamsrelay wrote it (schema %d, this one knows %d); use that version or a newer one", version, known)
	case 0 < version && version < known: // who upgrades watches the log, and must not think that it hangs
		log.Info("The schema is brought up to date; with years of history that takes minutes, and no alert is taken meanwhile", "from", version, "to", known)
	}
	_, err = provider.Up(ctx)
	return err
}

// applicationID marks our files in their head, where file(1) finds it too. The
// first migration writes it; it says "tmry".
const applicationID = 0x746d7279

// ours fails when the file has tables of another program's. It reads only.
func ours(ctx context.Context, db *sql.DB) error {
	var id, tables int
	if err := db.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&id); err != nil {
		return err
	}
	// goose's own tables may stand alone where the first start was cut off.
	err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema
		WHERE type = 'table' AND name NOT IN ('goose_db_version', 'sqlite_sequence')`).Scan(&tables)
	if err == nil && tables > 0 && id != applicationID {
		err = errors.New("it is the database of another program; change storage.url")
	}
	return err
}
