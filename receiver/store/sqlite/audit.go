package sqlite

import (
	"database/sql/driver"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// AddAudit implements store.BotTx.
func (t *tx) AddAudit(a *store.Audit) (err error) {
	return t.insert(&a.ID, `INSERT INTO audit (at, who, object_id, action, target, about, done_from, before_it, after_it)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		bound(a.At), a.Who, a.ObjectID, a.Action, a.Target, a.About, a.From, a.Before, a.After)
}

// auditWay is the first word of where something was done, as its index has it.
const auditWay = `substr(done_from, 1, instr(done_from || ' ', ' ') - 1)`

// auditRefused is the beginning of what was refused, as its index has it.
const auditRefused = `substr(action, 1, 8)`

const auditColumns = `id, at, who, object_id, action, target, about, done_from, before_it, after_it`

// auditSearch divides a filter into what an index answers that has few lines,
// as far as one knows without counting, and what is held against those. lead is
// more than one where the same person is looked for in two columns.
func auditSearch(f *store.AuditFilter) (lead []filter, rest filter) {
	way, verb := auditWay+` = ?`, `action = ?`
	if strings.Contains(f.From, " ") {
		way = `done_from = ?`
	}
	if f.Action == store.Refused {
		verb = auditRefused + ` = ?`
	}
	who := f.Who != "" && f.Target == ""
	if who {
		lead = []filter{{[]string{`who = ?`}, []any{f.Who}}, {[]string{`object_id = ?`, `+who <> ?`}, []any{f.Who, f.Who}}}
	} else if f.Who != "" {
		rest.add(`(who = ? OR object_id = ?)`, f.Who, f.Who)
	}
	for _, c := range []struct{ asked, condition string }{ // the first leads
		{f.Target, `target = ?`}, {f.From, way}, {f.Action, verb},
	} {
		switch {
		case c.asked == "":
		case lead == nil:
			lead = []filter{{[]string{c.condition}, []any{c.asked}}}
		case who && c.condition == `action = ?`: // indexed together
			for i := range lead {
				lead[i].add(c.condition, c.asked)
			}
		default:
			rest.add(c.condition, c.asked)
		}
	}
	if lead == nil {
		lead = []filter{{}}
	}
	return lead, rest
}

// Audit implements store.BotTx.
func (t *tx) Audit(f store.AuditFilter) ([]store.Audit, error) { return store.WholeAudit(t, f) }

// SearchAudit implements store.BotTx.
func (t *tx) SearchAudit(f store.AuditFilter) (found []store.Audit, further int64, err error) {
	times, err := t.auditTimes(&f)
	if err != nil {
		return nil, 0, err
	}
	lead, rest := auditSearch(&f)
	limit, most := page(f.Limit), int64(store.MaxLooked)
	if len(rest.conditions) == 0 {
		most = limit
	}
	var parts []string
	var args []any
	for _, part := range lead {
		part.conditions, part.args = append(part.conditions, times.conditions...), append(part.args, times.args...)
		parts = append(parts, `SELECT id, at, who, object_id, action, target, done_from FROM audit`+part.sql())
		args = append(args, part.args...)
	}
	looked := ` FROM (` + strings.Join(parts, ` UNION ALL `) + ` ORDER BY at DESC, id DESC LIMIT ?)`
	args = append(args, most)
	err = t.conn.query(`SELECT `+auditColumns+` FROM audit WHERE id IN (SELECT id`+looked+rest.sql()+` LIMIT ?) ORDER BY at DESC, id DESC`, func(row []driver.Value) error {
		found = append(found, store.Audit{
			ID:       row[0].(int64),
			At:       moment(row[1]),
			Who:      row[2].(string),
			ObjectID: row[3].(string),
			Action:   row[4].(string),
			Target:   row[5].(string),
			About:    row[6].(string),
			From:     row[7].(string),
			Before:   row[8].(string),
			After:    row[9].(string),
		})
		return nil
	}, append(append(slices.Clone(args), rest.args...), limit)...)
	switch {
	case err != nil:
		return nil, 0, err
	case int64(len(found)) == limit:
		return found, found[limit-1].ID, nil
	case len(rest.conditions) == 0:
		return found, 0, nil
	}
	v, err := t.number(`SELECT id`+looked+` LIMIT 1 OFFSET ?`, append(args, most-1)...)
	if id, ok := v.(int64); ok {
		further = id
	}
	return found, further, err
}

// auditTimes are the bounds of a filter, one on each side: of two SQLite would
// begin at the first that it reads, and look at each line up to the other.
func (t *tx) auditTimes(f *store.AuditFilter) (times filter, err error) {
	if !f.Since.IsZero() {
		times.add(`at >= ?`, bound(f.Since))
	}
	until := int64(math.MaxInt64)
	if !f.Until.IsZero() {
		until = bound(f.Until)
	}
	if f.Before > 0 {
		at, err := t.auditTime(f.Before)
		if err != nil {
			return times, err
		}
		if bound(at) < until {
			times.add(`(at, id) < (?, ?)`, bound(at), f.Before)
			return times, nil
		}
	}
	times.add(`at < ?`, until)
	return times, nil
}

// auditTime is when a line was written, or the last before it if it is gone.
func (t *tx) auditTime(id int64) (time.Time, error) {
	at, err := t.number(`SELECT at FROM audit WHERE id <= ? ORDER BY id DESC LIMIT 1`, id)
	return moment(at), err
}

// pruneAudit deletes up to limit lines that were written before a time, and of
// them those that the database lets go: what its own clock says is a year old.
func (t *tx) pruneAudit(before time.Time, limit int) (int, error) {
	return t.change(`DELETE FROM audit WHERE id IN (
		SELECT id FROM audit WHERE at < min(?, (CAST(strftime('%s', 'now') AS INTEGER) - 365 * 86400) * 1000000000) ORDER BY at LIMIT ?)`,
		bound(before), int64(limit))
}
