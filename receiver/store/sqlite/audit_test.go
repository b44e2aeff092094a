package sqlite

import (
	"database/sql/driver"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// auditFilters are the ways in which the audit is asked.
func auditFilters(now time.Time) []store.AuditFilter {
	all := []store.AuditFilter{
		{}, {Who: "Alice"}, {Action: "ack"}, {Action: store.Refused}, {Target: "a"}, {From: "api"}, {From: "api 127.0.0.1"},
		{Who: "Alice", Action: "ack"}, {Who: "Alice", Action: store.Refused}, {Target: "a", Who: "Alice", Action: "ack", From: "api"},
		{From: "page", Action: "ack"}, {Who: "Alice", From: "page"},
	}
	for _, f := range all {
		f.Since, f.Until, f.Before = now, now, 17
		all = append(all, f)
	}
	return all
}

// A line of the audit is there for who does not trust the others: nobody who
// has the file open, and no mistake of ours, changes it in passing.
func TestTheDatabaseRefusesToChangeTheAudit(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	now := time.Now()
	line := store.Audit{At: now, Who: "Alice", Action: "ack"}
	require.NoError(t, s.Update(ctx, func(tx store.Tx) error { return tx.AddAudit(&line) }))
	for name, sql := range map[string]string{
		"changing it":                 `UPDATE audit SET who = 'Bob'`,
		"changing what it was before": `UPDATE audit SET before_it = ''`,
		"deleting it":                 `DELETE FROM audit`,
		"taking it for old":           `DELETE FROM audit WHERE at < 9223372036854775807`,
		"writing over it":             `REPLACE INTO audit SELECT id, at, 'Bob', object_id, action, target, done_from, before_it, after_it, about FROM audit`,
	} {
		err := s.Update(ctx, func(x store.Tx) error { _, err := x.(*tx).write(sql); return err })
		require.ErrorContains(t, err, "of the audit", name)
	}
	// A process whose clock was set into another year prunes nothing of this one.
	require.NoError(t, s.Update(ctx, func(tx store.Tx) error { _, err := tx.Prune(now.Add(9*store.KeepAudit), 0, 10); return err }))
	require.NoError(t, s.View(ctx, func(tx store.Tx) error {
		lines, err := tx.Audit(store.AuditFilter{})
		require.Len(t, lines, 1)
		require.Equal(t, "Alice", lines[0].Who)
		return err
	}))
}

// Who asks the audit walks an index from the end, and sorts no more than a page.
func TestTheAuditIsReadInTheOrderOfAnIndex(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	for _, f := range auditFilters(time.Now()) {
		var used string
		s.writer.conn.fail = func(sql string) error {
			if strings.HasPrefix(sql, "SELECT id, at, who") {
				used = sql
			}
			return nil
		}
		require.NoError(t, s.Update(ctx, func(tx store.Tx) error { _, err := tx.Audit(f); return err }))
		var plan []string
		walked, sorted := map[int64]bool{}, map[int64]bool{} // by the part of the plan
		require.NoError(t, s.View(ctx, func(x store.Tx) error {
			return x.(*tx).conn.query("EXPLAIN QUERY PLAN "+used, func(row []driver.Value) error {
				step, part := row[3].(string), row[1].(int64)
				plan = append(plan, step)
				walked[part] = walked[part] || strings.HasPrefix(step, "SEARCH audit USING") && strings.Contains(step, "INDEX audit_")
				sorted[part] = sorted[part] || strings.Contains(step, "TEMP B-TREE")
				return nil
			}, make([]any, strings.Count(used, "?"))...)
		}))
		found := false
		for part, is := range walked {
			found = found || is
			require.False(t, is && sorted[part], "all lines are sorted for a page: %+v\n%s\n%s", f, used, strings.Join(plan, "\n"))
		}
		require.True(t, found, "no index is walked: %+v\n%s\n%s", f, used, strings.Join(plan, "\n"))
	}
}
