package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// oldest is the oldest PostgreSQL that has what we use.
const oldest = 14

// migrationLock is the advisory lock under which one replica at a time looks at
// the schema and changes it; "tmry", as in the head of our SQLite files.
const migrationLock = 0x746d7279

// patience is how long a replica waits for another one to change the schema.
const patience = 10 * time.Minute

// migrate brings the schema up to date, each step in a transaction of its own.
func migrate(ctx context.Context, connection *pgx.ConnConfig, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := connection.Copy()
	c.RuntimeParams["statement_timeout"] = "0" // a million rows take their time
	c.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	c.DialFunc = (&net.Dialer{Timeout: connectTimeout}).DialContext
	db := stdlib.OpenDB(*c)
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return classify(err)
	}
	defer conn.Close()
	if err := suits(ctx, conn); err != nil {
		return err
	}
	if current(ctx, conn) {
		return nil
	}
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, migrationLock); err != nil {
		return classify(err)
	}
	defer func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, migrationLock)
	}()
	return up(ctx, db, conn, log)
}

// current says that the schema is ours and needs nothing: the start of most
// replicas.
func current(ctx context.Context, conn *sql.Conn) bool {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return false
	}
	known, err := goose.NumericComponent(files[len(files)-1])
	if err != nil {
		return false
	}
	var version int64
	err = conn.QueryRowContext(ctx, `SELECT max(version_id) FROM goose_db_version WHERE is_applied AND EXISTS (SELECT 1 FROM teamsrelay)`).Scan(&version)
	return err == nil && version == known
}

// suits fails where the server or the database is not one that we can use.
func suits(ctx context.Context, conn *sql.Conn) error {
	var version int
	var encoding, schema, plans sql.NullString
	err := conn.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int / 10000,
		current_setting('server_encoding'), current_schema(), current_setting('plan_cache_mode')`).Scan(&version, &encoding, &schema, &plans)
	switch {
	case err != nil:
		return classify(err)
	case plans.String != parameters["plan_cache_mode"]:
		return errors.New("something between us and the server keeps our settings from it, like PgBouncer with ignore_startup_parameters; let storage.url lead to the server itself")
	case version < oldest:
		return fmt.Errorf("the server is PostgreSQL %d; it takes %d or newer", version, oldest)
	case encoding.String != "UTF8":
		return fmt.Errorf("the database's encoding is %s; make one with ENCODING 'UTF8' TEMPLATE template0", encoding.String)
	case !schema.Valid:
		return errors.New("none of the schemas in search_path is there, or the role may not use it; create one: CREATE SCHEMA ... AUTHORIZATION ...")
	}
	return nil
}

// up runs the migrations that the schema lacks. The caller has the lock.
func up(ctx context.Context, db *sql.DB, conn *sql.Conn, log *slog.Logger) error {
	if err := ours(ctx, conn); err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return mayNot(err)
	}
	sources := provider.ListSources()
	switch known := sources[len(sources)-1].Version; {
	case version > known:
		return fmt.Errorf("a newer teamsrelay made its schema (%d, this one knows %d); use that version or a newer one", version, known)
	case 0 < version && version < known: // who upgrades watches the log, and must not think that it hangs
		log.Info("The schema is brought up to date; with years of history that takes minutes, and no alert is taken meanwhile", "from", version, "to", known)
	}
	_, err = provider.Up(ctx)
	return mayNot(err)
}

// mayNot says what to do when the role may not make tables.
func mayNot(err error) error {
	if code(err) == noPrivilege {
		return errors.New("the role may not make tables there, or the tables belong to another role, as after a restore; as an administrator: ALTER DATABASE ... OWNER TO its role, or GRANT CREATE ON SCHEMA ... TO its role; restore with pg_restore --no-owner --role=ROLE")
	}
	return classify(err)
}

// ours fails when the schema has tables of another program's. It reads only.
func ours(ctx context.Context, conn *sql.Conn) error {
	var marked bool
	var others int
	// goose's own table may stand alone where the first start was cut off.
	err := conn.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE relname = 'teamsrelay') > 0, count(*) FILTER (WHERE relname <> 'goose_db_version')
		FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND relkind IN ('r', 'p', 'v', 'm', 'f')`).Scan(&marked, &others)
	switch {
	case err != nil:
		return classify(err)
	case others > 0 && !marked:
		return errors.New("that schema has tables of another program; make a database for teamsrelay: CREATE DATABASE teamsrelay, or a schema and name it in storage.url: ?search_path=teamsrelay")
	}
	return nil
}
