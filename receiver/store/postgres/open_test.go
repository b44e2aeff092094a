package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
)

// run runs statements in a database, as the one who owns it.
func run(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	for _, s := range statements {
		_, err := conn.Exec(t.Context(), s)
		require.NoError(t, err, s)
	}
}

// as is a URL for another role.
func as(t *testing.T, database, role, password string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.User = url.UserPassword(role, password)
	return u.String()
}

// TestOpenSaysWhatToDo: who installs it sees one line, and knows what to do
// next. It holds no password and no URL.
func TestOpenSaysWhatToDo(t *testing.T) {
	server := postgrestest.Shared(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := free.Addr().String()
	require.NoError(t, free.Close())
	role := strings.ToLower("r" + t.Name())
	url := postgrestest.Database(t)
	run(t, url, `CREATE ROLE `+role+` LOGIN PASSWORD 'topsecret'`)
	t.Cleanup(func() { _ = server.Exec("", "DROP ROLE "+role) })
	other := postgrestest.Database(t)
	run(t, other, `CREATE TABLE groups (id int)`)
	newer := postgrestest.Database(t)
	require.NoError(t, openAt(t, newer).Close())
	run(t, newer, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
	restored := postgrestest.Database(t)
	require.NoError(t, openAt(t, restored).Close())
	latin := postgrestest.Database(t)
	name := latin[strings.LastIndex(latin, "/")+1 : strings.Index(latin, "?")]
	require.NoError(t, server.Exec("", "DROP DATABASE "+name, "CREATE DATABASE "+name+" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"))
	for _, test := range []struct{ name, url, words string }{
		{"nobody listens", strings.Replace(url, server.Host(), nobody, 1), "nobody listens there"},
		{"no such host", strings.Replace(url, server.Host(), "nowhere.invalid:5432", 1), "its host has no address"},
		{"a wrong password", as(t, url, role, "topsecret-not"), "it refuses the password; mend storage.url or storage.password_file, and restart"},
		{"a server without TLS", strings.Replace(url, "sslmode=disable", "sslmode=require", 1), "it has no TLS, which sslmode in storage.url asks for"},
		{"an authority's certificate that is not there", strings.Replace(url, "sslmode=disable", "sslmode=verify-full", 1) + "&sslrootcert=/gone/ca.crt", `the file "/gone/ca.crt", which cannot be read`},
		{"no such role", as(t, url, "nobody", "topsecret"), "it refuses the password"},
		{"no such database", strings.Replace(url, "/test", "/gone", 1), "there is no such database; create it"},
		{"a role that may make no tables", as(t, url, role, "topsecret"), "the role may not make tables there"},
		{"tables that a restore gave to another role", as(t, restored, role, "topsecret"), "restore with pg_restore --no-owner --role="},
		{"another program's database", other, "that schema has tables of another program; make a database for teamsrelay"},
		{"a newer teamsrelay's", newer, "a newer teamsrelay made its schema (99999, this one knows"},
		{"a schema that is not there", url + "&search_path=gone", "none of the schemas in search_path is there"},
		{"an encoding that has not all letters", latin, "the database's encoding is LATIN1"},
		{"an option that the server does not know", url + "&colour=blue", "unrecognized configuration parameter"},
		{"no URL at all", "postgres://relay:topsecret@host:port/x", "is not what PostgreSQL understands"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Open(t.Context(), Options{URL: test.url})
			require.ErrorContains(t, err, test.words)
			require.NotContains(t, err.Error(), "topsecret")
			require.NotContains(t, err.Error(), server.Password())
			require.NotContains(t, err.Error(), "://relay")
		})
	}
}

func TestThePasswordMayStandBesideTheURL(t *testing.T) {
	u, err := url.Parse(postgrestest.Database(t))
	require.NoError(t, err)
	password, _ := u.User.Password()
	u.User = url.User(u.User.Username())
	s, err := Open(t.Context(), Options{URL: u.String(), Password: password})
	require.NoError(t, err)
	require.NoError(t, s.Check(t.Context()))
	require.NoError(t, s.Close())
	require.Equal(t, "127.0.0.1", Host(u.String()))
	require.Empty(t, Host("postgres://a:b:c"))
}

// TestASchemaOfItsOwn: a database that others use has room for us in a schema.
func TestASchemaOfItsOwn(t *testing.T) {
	url := postgrestest.Database(t)
	run(t, url, `CREATE TABLE groups (id int)`, `CREATE SCHEMA "the relay"`)
	s := openAt(t, url+`&search_path=%22the%20relay%22`)
	require.NoError(t, s.Update(t.Context(), tell("k")))
	run(t, url, `SELECT 1 / count(*) FROM "the relay".groups`, `SELECT 1 / (count(*) = 0)::int FROM public.groups`)
}

// TestReplicasThatStartTogether all find a schema that is whole.
func TestReplicasThatStartTogether(t *testing.T) {
	url := postgrestest.Database(t)
	var wait sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wait.Go(func() {
			s, err := Open(t.Context(), Options{URL: url})
			if err == nil {
				err = s.Update(t.Context(), tell(fmt.Sprint(i)))
				_ = s.Close()
			}
			errs[i] = err
		})
	}
	wait.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

// The audit is there for who does not trust the others. The role that we work as
// owns the tables, and still changes no line of it in passing.
func TestTheDatabaseRefusesToChangeTheAudit(t *testing.T) {
	server := postgrestest.Shared(t)
	url := postgrestest.Database(t)
	role := strings.ToLower("r" + t.Name())
	name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	run(t, url, `CREATE ROLE `+role+` LOGIN PASSWORD 'topsecret'`, `ALTER DATABASE `+name+` OWNER TO `+role, `ALTER SCHEMA public OWNER TO `+role)
	t.Cleanup(func() {
		_ = server.Exec(name, "REASSIGN OWNED BY "+role+" TO CURRENT_USER", "DROP ROLE "+role)
	})
	ours := as(t, url, role, "topsecret")
	s := openAt(t, ours)
	for i, at := range []time.Time{time.Now(), time.Now().Add(-2 * store.KeepAudit)} {
		line := store.Audit{At: at, Who: "Alice", Action: "ack", Target: fmt.Sprint(i)}
		require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error { return tx.AddAudit(&line) }))
	}
	conn, err := pgx.Connect(t.Context(), ours)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	for name, sql := range map[string]string{
		"changing it":                   `UPDATE audit SET who = 'Bob'`,
		"changing one that is old":      `UPDATE audit SET who = 'Bob' WHERE target = '1'`,
		"making it old":                 `UPDATE audit SET at = 0`,
		"deleting it":                   `DELETE FROM audit WHERE target = '0'`,
		"deleting it with what is old":  `DELETE FROM audit`,
		"emptying the table":            `TRUNCATE audit`,
		"emptying it with what follows": `TRUNCATE audit RESTART IDENTITY CASCADE`,
		"writing over it":               `INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT * FROM audit ON CONFLICT (id) DO UPDATE SET who = 'Bob'`,
		"merging it away":               `MERGE INTO audit USING (SELECT 1) one ON target = '0' WHEN MATCHED THEN DELETE`,
		"switching triggers off":        `SET session_replication_role = replica`,
		"moving the clock's name":       `SET search_path = public, pg_catalog; CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT ''2100-01-01''::timestamptz'; DELETE FROM audit`,
	} {
		_, err := conn.Exec(t.Context(), sql)
		require.Error(t, err, name)
	}
	require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Prune(time.Now().Add(9*store.KeepAudit), 0, 10)
		return err
	}))
	require.NoError(t, s.View(t.Context(), func(tx store.Tx) error {
		lines, err := tx.Audit(store.AuditFilter{})
		require.Len(t, lines, 1, "what is older than a year goes, and nothing else")
		require.Equal(t, "Alice", lines[0].Who)
		require.Equal(t, "0", lines[0].Target)
		return err
	}))
}

// TestAPoolerIsRefused: one that swallows our settings also hands connections
// around, and then nobody waits for a limited time and plans are made anew.
func TestAPoolerIsRefused(t *testing.T) {
	db, err := sql.Open("pgx", postgrestest.Database(t)) // as if nothing of parameters had come through
	require.NoError(t, err)
	defer db.Close()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	require.ErrorContains(t, suits(t.Context(), conn), "like PgBouncer")
	refused := classify(&pgconn.PgError{Severity: "FATAL", Code: "08P01", Message: "unsupported startup parameter: statement_timeout"})
	require.ErrorContains(t, refused, "let storage.url lead to the server itself")
}
