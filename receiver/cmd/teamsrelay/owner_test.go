package main

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgres"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
)

// Of the server's superuser, who is called teamsrelay there, the samples know
// nothing: their role gets another name.
var itsRole = regexp.MustCompile(`\bteamsrelay\b`)

// TestTheAuditHoldsAgainstItsOwnProgram runs what deploy/postgresql says on a
// server: with the program's password nobody can change the audit any more, the
// program works, and it can be upgraded.
func TestTheAuditHoldsAgainstItsOwnProgram(t *testing.T) {
	t.Run("where the schema public is the database owner's, as since PostgreSQL 15", func(t *testing.T) { holdsTheAudit(t) })
	t.Run("where it is an administrator's and everybody may make tables, as in 14", func(t *testing.T) {
		holdsTheAudit(t, "ALTER SCHEMA public OWNER TO teamsrelay", "GRANT CREATE ON SCHEMA public TO PUBLIC")
	})
}

// holdsTheAudit proves it on a database whose schema was made by those
// statements of the server's superuser.
func holdsTheAudit(t *testing.T, schema ...string) {
	server := postgrestest.Own(t, postgrestest.Unsafe...)
	require.NoError(t, server.Exec("", "CREATE ROLE relay LOGIN PASSWORD 'topsecret'", "CREATE DATABASE ours OWNER relay"))
	require.NoError(t, server.Exec("ours", schema...))
	at, err := url.Parse(server.URL("ours"))
	require.NoError(t, err)
	at.User = url.UserPassword("relay", "topsecret")
	open := func() *postgres.Store {
		s, err := postgres.Open(t.Context(), postgres.Options{URL: at.String()})
		require.NoError(t, err)
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	write := func(s *postgres.Store, at time.Time, target string) {
		require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error {
			return tx.AddAudit(&store.Audit{At: at, Who: "Alice", Action: "ack", Target: target})
		}))
	}
	s := open()
	write(s, time.Now(), "new")
	write(s, time.Now().Add(-2*store.KeepAudit), "old")
	conn, err := pgx.Connect(t.Context(), at.String())
	require.NoError(t, err)
	defer conn.Close(context.Background())

	attempts := map[string]string{
		"taking the trigger away":     `DROP TRIGGER audit_stays ON audit`,
		"switching the trigger off":   `ALTER TABLE audit DISABLE TRIGGER audit_stays`,
		"another function for it":     `CREATE OR REPLACE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'`,
		"a trigger of one's own":      `CREATE TRIGGER other BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_stays()`,
		"a function beside it":        `CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT ''2100-01-01''::timestamptz'`,
		"taking the table away":       `DROP TABLE audit`,
		"another table for it":        `ALTER TABLE audit RENAME TO before`,
		"who may what":                `GRANT ALL ON audit TO relay WITH GRANT OPTION; ALTER TABLE audit OWNER TO relay`,
		"the owner's role":            `SET ROLE teamsrelay_owner`,
		"switching all triggers off":  `SET session_replication_role = replica`,
		"which migrations there were": `DELETE FROM goose_db_version`,
		"changing a line":             `UPDATE audit SET who = 'Bob'`,
		"changing a line's number":    `UPDATE audit SET id = DEFAULT`,
		"deleting a line":             `DELETE FROM audit WHERE target = 'new'`,
		"emptying it":                 `TRUNCATE audit`,
	}
	able := func(sql string) error { // and nothing of it stays
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), sql)
		require.NoError(t, tx.Rollback(t.Context()))
		return err
	}
	require.NoError(t, able(attempts["taking the trigger away"]), "an owner can, which is what the page says and this file is for")

	statements := itsRole.ReplaceAllString(deployed(t, "postgresql/owner.sql"), "relay")
	for range 2 { // after each upgrade again
		require.NoError(t, server.Exec("ours", statements))
	}
	for name, sql := range attempts {
		require.Error(t, able(sql), name)
	}
	var may bool
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT has_column_privilege('audit', 'who', 'UPDATE')`).Scan(&may))
	require.False(t, may, "nothing but the trigger stands before who has the password")
	write(s, time.Now(), "while it runs")
	require.NoError(t, s.Close())
	s = open()
	require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Prune(time.Now().Add(9*store.KeepAudit), 0, 10)
		return err
	}))
	write(s, time.Now(), "after a start")
	var targets []string
	require.NoError(t, s.View(t.Context(), func(tx store.Tx) error {
		lines, err := tx.Audit(store.AuditFilter{})
		for _, l := range lines {
			targets = append(targets, l.Target)
		}
		return err
	}))
	require.Equal(t, []string{"after a start", "while it runs", "new"}, targets, "what is older than a year goes")

	var lacking int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname NOT IN ('audit', 'goose_db_version')
		AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))`).Scan(&lacking))
	require.Zero(t, lacking, "tables that the program cannot work with")

	// An upgrade: the page has these two.
	back := regexp.MustCompile(`--command="([^"]+)"`).FindAllStringSubmatch(sampleText(t, "security.md"), -1)
	require.Len(t, back, 2)
	for _, command := range back {
		require.NoError(t, server.Exec("ours", itsRole.ReplaceAllString(command[1], "relay")))
	}
	_, err = conn.Exec(t.Context(), `ALTER TABLE audit ADD COLUMN news int; CREATE TABLE more (id int); CREATE INDEX audit_news ON audit (news); UPDATE goose_db_version SET tstamp = now()`)
	require.NoError(t, err, "what a migration does")
	require.NoError(t, server.Exec("ours", statements))
	require.NoError(t, able(`INSERT INTO more VALUES (1)`))
	for name, sql := range attempts {
		require.Error(t, able(sql), name)
	}
}

func sampleText(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(samples, page))
	require.NoError(t, err)
	return string(text)
}
