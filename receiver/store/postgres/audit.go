package postgres

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// AddAudit implements store.BotTx.
func (t *tx) AddAudit(a *store.Audit) (err error) {
	err = t.insert(&a.ID, `INSERT INTO audit (at, who, object_id, action, target, about, done_from, before_it, after_it)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		bound(a.At), a.Who, a.ObjectID, a.Action, a.Target, a.About, a.From, a.Before, a.After)
	return err
}

// auditKey is what an index of the audit begins with, and what it is to be. Text
// may be longer than an index takes.
type auditKey struct {
	column, value string
	args          []any
	only          filter // what else holds
}

func hashed(column, text string) auditKey {
	return auditKey{column: `md5(` + column + `)`, value: `md5(?)`, args: []any{text}}
}

// withAction is the key of a person in a column and of an action.
func withAction(column, who, action string) auditKey {
	return auditKey{column: `md5(md5(` + column + `) || action)`, value: `md5(md5(?) || ?)`, args: []any{who, action}}
}

// auditSearch divides a filter into what an index answers that has few lines,
// as far as one knows without counting, and what is held against those. lead is
// more than one where the same person is looked for in two columns.
func auditSearch(f *store.AuditFilter) (lead []auditKey, rest filter) {
	from := `split_part(done_from, ' ', 1)`
	if strings.Contains(f.From, " ") {
		from = `done_from`
	}
	action, refused := f.Action, f.Action == store.Refused
	switch {
	case f.Target != "":
		lead = []auditKey{hashed(`target`, f.Target)}
		if f.Who != "" {
			rest.add(`(who = ? OR object_id = ?)`, f.Who, f.Who)
		}
	case f.Who != "" && action != "" && !refused:
		lead = []auditKey{withAction(`who`, f.Who, action), withAction(`object_id`, f.Who, action)}
		action = ""
	case f.Who != "":
		lead = []auditKey{hashed(`who`, f.Who), hashed(`object_id`, f.Who)}
	case f.From != "":
		lead = []auditKey{hashed(from, f.From)}
	case refused:
		return []auditKey{{column: `left(action, 8)`, value: `?`, args: []any{action}}}, rest
	case action != "":
		return []auditKey{hashed(`action`, action)}, rest
	default:
		return []auditKey{{}}, rest
	}
	if len(lead) > 1 { // a line that is in both
		lead[1].only.add(`who <> ?`, f.Who)
	}
	if f.From != "" && (f.Who != "" || f.Target != "") {
		rest.add(from+` = ?`, f.From)
	}
	switch {
	case refused:
		rest.add(`starts_with(action, ?)`, action)
	case action != "":
		rest.add(`action = ?`, action)
	}
	return lead, rest
}

// Audit implements store.BotTx.
func (t *tx) Audit(f store.AuditFilter) ([]store.Audit, error) { return store.WholeAudit(t, f) }

// SearchAudit implements store.BotTx.
func (t *tx) SearchAudit(f store.AuditFilter) (found []store.Audit, further int64, err error) {
	since, until, id := int64(math.MinInt64), int64(math.MaxInt64), int64(0)
	if !f.Since.IsZero() {
		since = bound(f.Since)
	}
	if !f.Until.IsZero() {
		until = bound(f.Until)
	}
	if f.Before > 0 {
		at, err := t.auditTime(f.Before)
		if err != nil {
			return nil, 0, err
		}
		if bound(at) < until {
			until, id = bound(at), f.Before
		}
	}
	lead, rest := auditSearch(&f)
	limit, most := page(f.Limit), int64(store.MaxLooked)
	if len(rest.conditions) == 0 {
		most = limit
	}
	var parts []string
	var args []any
	for _, key := range lead {
		w := walk{columns: []string{`at`, `id`}, first: []string{`?`, `?`}, end: []string{`?`, `?`}}
		if key.column != "" {
			w = walk{columns: []string{key.column, `at`, `id`}, first: []string{key.value, `?`, `?`}, end: []string{key.value, `?`, `?`}}
		}
		which := filter{[]string{w.between()}, slices.Concat(key.args, []any{since, int64(0)}, key.args, []any{until, id}, key.only.args)}
		which.conditions = append(which.conditions, key.only.conditions...)
		parts = append(parts, `(SELECT * FROM audit`+which.sql()+w.order()+` LIMIT ?)`)
		args = append(append(args, which.args...), most)
	}
	looked := ` FROM ` + parts[0] + ` AS looked`
	if len(parts) > 1 {
		looked = ` FROM (` + strings.Join(parts, ` UNION ALL `) + ` ORDER BY at DESC, id DESC LIMIT ?) AS looked`
		args = append(args, most)
	}
	held := ""
	if len(rest.conditions) > 0 {
		held = rest.sql()
	}
	err = t.query(`SELECT id, at, who, object_id, action, target, about, done_from, before_it, after_it FROM (SELECT *`+looked+held+` LIMIT ?) AS found ORDER BY at DESC, id DESC`, func(rows pgx.Rows) error {
		var a store.Audit
		err := rows.Scan(&a.ID, moment{&a.At}, &a.Who, &a.ObjectID, &a.Action, &a.Target, &a.About, &a.From, &a.Before, &a.After)
		found = append(found, a)
		return err
	}, append(append(slices.Clone(args), rest.args...), limit)...)
	switch {
	case err != nil:
		return nil, 0, err
	case int64(len(found)) == limit:
		return found, found[limit-1].ID, nil
	case len(rest.conditions) == 0:
		return found, 0, nil
	}
	further, _, err = t.number(`SELECT id`+looked+` LIMIT 1 OFFSET ?`, append(args, most-1)...)
	return found, further, err
}

// auditTime is when a line was written, or the last before it if it is gone.
func (t *tx) auditTime(id int64) (time.Time, error) {
	return t.time(`SELECT at FROM audit WHERE id <= ? ORDER BY id DESC LIMIT 1`, id)
}

// pruneAudit deletes up to limit lines that were written before a time, and of
// them those that the database lets go: what its own clock says is a year old.
func (t *tx) pruneAudit(before time.Time, limit int) (int, error) {
	return t.change(`DELETE FROM audit WHERE id IN (
		SELECT id FROM audit WHERE at < least(?, audit_goes()) ORDER BY at, id LIMIT ? FOR UPDATE SKIP LOCKED)`, bound(before), int64(limit))
}
