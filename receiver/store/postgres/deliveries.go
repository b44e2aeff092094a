package postgres

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const deliveryColumns = `id, post_id, group_id, address, destination, title, state, attempt, revision,
	digest, status, reason, message, message_id, at, took, kind`

func (t *tx) deliveries(sql string, args ...any) ([]store.Delivery, error) {
	var deliveries []store.Delivery
	err := t.query(sql, func(rows pgx.Rows) error {
		var d store.Delivery
		err := rows.Scan(&d.ID, &d.PostID, &d.GroupID, &d.Address, &d.Destination, &d.Title, &d.State, &d.Attempt, &d.Revision,
			&d.Digest, &d.Status, &d.Reason, &d.Message, &d.MessageID, moment{&d.At}, (*int64)(&d.Took), &d.Kind)
		deliveries = append(deliveries, d)
		return err
	}, args...)
	return deliveries, err
}

// SaveDelivery implements store.LogTx.
func (t *tx) SaveDelivery(d *store.Delivery) error {
	values := []any{
		d.PostID, d.GroupID, d.Address, d.Destination, d.Title, d.State, int64(d.Attempt), int64(d.Revision),
		int64(d.Digest), int64(d.Status), d.Reason, d.Message, d.MessageID, nanos(d.At), int64(d.Took), d.Kind,
	}
	if d.ID != 0 {
		return t.updateHeld("deliveries", d.ID, `UPDATE deliveries SET post_id = ?, group_id = ?, address = ?, destination = ?, title = ?, state = ?,
			attempt = ?, revision = ?, digest = ?, status = ?, reason = ?, message = ?, message_id = ?, at = ?, took = ?, kind = ?
			WHERE id = ?`, append(values, d.ID)...)
	}
	id, err := t.next("delivery_ids")
	if err != nil {
		return err
	}
	err = t.later(`INSERT INTO deliveries (post_id, group_id, address, destination, title, state, attempt, revision,
		digest, status, reason, message, message_id, at, took, kind, id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, append(values, id)...)
	if err != nil {
		return err
	}
	d.ID, t.numbered = id, append(t.numbered, &d.ID)
	t.hold("deliveries", id)
	return nil
}

// Delivery implements store.LogTx.
func (t *tx) Delivery(id int64) (store.Delivery, error) {
	return one(t.deliveries(`SELECT `+deliveryColumns+` FROM deliveries WHERE id = ?`+t.forUpdate("deliveries"), id))
}

// deliverySearch is what a filter walks through, and what is held against that.
type deliverySearch struct {
	walk
	args []any
	only string // the condition of the index, "" when it has all rows
	rest filter
}

// search chooses the index that has the fewest rows, as far as one knows
// without counting.
func search(f *store.DeliveryFilter) deliverySearch {
	var s deliverySearch
	var key string
	var value any
	troubled := f.State != "" && f.State != store.DeliveryDelivered && f.State != store.DeliveryAccepted
	for _, c := range []struct {
		asked  bool
		index  bool
		column string
		only   string
		arg    any
	}{ // the first leads
		{f.PostID != 0, true, `post_id`, ` AND post_id <> 0`, f.PostID},
		{f.GroupID != 0, true, `group_id`, ` AND group_id <> 0`, f.GroupID},
		{f.Reason != "", true, `reason`, ` AND reason <> ''`, f.Reason},
		{troubled, true, `state`, ``, f.State},
		{f.Destination != "", true, `destination`, ``, f.Destination},
		{f.State != "" && !troubled, true, `state`, ``, f.State},
		{f.Kind != "", false, `kind`, ``, f.Kind},
	} {
		switch {
		case !c.asked:
		case key == "" && c.index:
			key, value, s.only = c.column, c.arg, c.only
		default:
			s.rest.add(c.column+` = ?`, c.arg)
		}
	}
	if f.Text != "" { // in the order of bytes lower knows ASCII only
		s.rest.add(`(strpos(lower(title), lower(?::text COLLATE "C")) > 0 OR strpos(lower(message), lower(?::text COLLATE "C")) > 0)`, f.Text, f.Text)
	}
	// Attempts are numbered as they begin, but for a clock that was set and for
	// replicas that began at once: the ids of a time are near those of the rows
	// beside it.
	first, last := `?`, `?`
	from, to := []any{int64(0)}, []any{newest(f.Before)}
	if !f.Since.IsZero() {
		s.rest.add(`at >= ?`, bound(f.Since))
		first = `(SELECT coalesce(min(id), 9223372036854775807) FROM (SELECT id FROM deliveries WHERE at >= ? ORDER BY at LIMIT 1000) AS near)`
		from = []any{bound(f.Since)}
	}
	if !f.Until.IsZero() {
		s.rest.add(`at <= ?`, bound(f.Until))
		last = `least(?, 1 + (SELECT coalesce(max(id), 0) FROM (SELECT id FROM deliveries WHERE at <= ? ORDER BY at DESC LIMIT 1000) AS near))`
		to = append(to, bound(f.Until))
	}
	s.walk = walk{columns: []string{`id`}, first: []string{first}, end: []string{last}}
	if key != "" {
		s.walk = walk{columns: []string{key, `id`}, first: []string{`?`, first}, end: []string{`?`, last}}
		from, to = append([]any{value}, from...), append([]any{value}, to...)
	}
	s.args = append(from, to...)
	return s
}

// looked are up to so many of the rows that are walked through: the last
// argument.
func (s *deliverySearch) looked() string {
	return ` FROM (SELECT * FROM deliveries WHERE ` + s.between() + s.only + s.order() + ` LIMIT ?) AS looked`
}

// find returns up to limit of those among the newest most of the index.
func (t *tx) find(s *deliverySearch, most, limit int64) ([]store.Delivery, error) {
	args := append(slices.Clone(s.args), most)
	if len(s.rest.conditions) == 0 {
		return t.deliveries(`SELECT `+deliveryColumns+s.looked()+` ORDER BY id DESC LIMIT ?`, append(args, limit)...)
	}
	return t.deliveries(`SELECT `+deliveryColumns+s.looked()+s.rest.sql()+s.order()+` LIMIT ?`, append(append(args, s.rest.args...), limit)...)
}

// Deliveries implements store.LogTx.
func (t *tx) Deliveries(f store.DeliveryFilter) ([]store.Delivery, error) {
	s, limit := search(&f), page(f.Limit)
	if len(s.rest.conditions) == 0 {
		return t.find(&s, limit, limit)
	}
	return t.find(&s, math.MaxInt64, limit)
}

// SearchDeliveries implements store.LogTx.
func (t *tx) SearchDeliveries(f store.DeliveryFilter) (found []store.Delivery, further int64, err error) {
	s, limit, most := search(&f), page(f.Limit), int64(store.MaxLooked)
	if len(s.rest.conditions) == 0 {
		most = limit
	}
	found, err = t.find(&s, most, limit)
	switch {
	case err != nil:
		return nil, 0, err
	case int64(len(found)) == limit:
		return found, found[limit-1].ID, nil
	case len(s.rest.conditions) == 0:
		return found, 0, nil
	}
	further, _, err = t.number(`SELECT CASE WHEN count(*) = ? THEN min(id) END`+s.looked(), append(append([]any{most}, s.args...), most)...)
	return found, further, err
}

// Prune implements store.LogTx. What another transaction is busy with is left
// for the next time.
func (t *tx) Prune(now time.Time, retention time.Duration, limit int) (more bool, err error) {
	// The limit stands in the statements: of one that is an argument PostgreSQL
	// expects a tenth of the table, and goes through all of it to join that.
	before, most := bound(now.Add(-retention)), int64(limit)
	limited := func(sql string) string { return strings.ReplaceAll(sql, "LIMIT most", "LIMIT "+strconv.Itoa(limit)) }
	n, err := t.pruneGroups(before, limited)
	if err != nil {
		return false, err
	}
	more = n == most
	for _, prune := range [...]struct {
		table string
		sql   string
		args  []any
	}{
		{"deliveries", `DELETE FROM deliveries WHERE id IN (
			SELECT id FROM deliveries WHERE at < ? AND state <> 'sending' ORDER BY at LIMIT most FOR UPDATE SKIP LOCKED)`, []any{before}},
		{"silences", `DELETE FROM silences WHERE id IN (
			SELECT id FROM silences WHERE ends_at < ? AND NOT ` + unsettled + ` ORDER BY ends_at LIMIT most FOR UPDATE SKIP LOCKED)`, []any{before}},
		{"activities", `DELETE FROM activities WHERE id IN (
			SELECT id FROM activities WHERE seen_at < ? ORDER BY seen_at LIMIT most FOR UPDATE SKIP LOCKED)`, []any{bound(now.Add(-store.KeepActivities))}},
		{"replicas", `DELETE FROM replicas WHERE name IN (
			SELECT name FROM replicas WHERE until < ? LIMIT most FOR UPDATE SKIP LOCKED)`, []any{bound(now.Add(-store.KeepReplicas))}},
		{"sightings", `DELETE FROM sightings WHERE fingerprint IN (
			SELECT fingerprint FROM sightings WHERE until < ? ORDER BY until LIMIT most FOR UPDATE SKIP LOCKED)`, []any{bound(now.Add(-store.KeepSightings))}},
		{"changes", `DELETE FROM changes WHERE ctid IN (
			SELECT ctid FROM changes WHERE at < ? ORDER BY at LIMIT most FOR UPDATE SKIP LOCKED)`, []any{bound(now.Add(-store.KeepChanges))}},
		{"replays", `DELETE FROM replays WHERE id IN (
			SELECT id FROM replays WHERE ended_at < ? ORDER BY ended_at LIMIT most FOR UPDATE SKIP LOCKED)`, []any{before}},
	} {
		n, err := t.change(limited(prune.sql), prune.args...)
		if err != nil {
			return false, err
		}
		if prune.table == "silences" && n > 0 {
			if err := t.revise(silences); err != nil {
				return false, err
			}
		}
		more = more || n == limit
	}
	lines, err := t.pruneAudit(now.Add(-store.KeepAudit), limit)
	return more || lines == limit, err
}

// finished are the episodes, as g, of which nothing has changed since a time, nor
// is anything to be done for them.
const finished = `g.phase IN ('over', 'unheard') AND g.changed_at < ? AND NOT EXISTS (
		SELECT 1 FROM posts AS p WHERE p.group_id = g.id AND (p.` + queued + ` OR p.` + sending + ` OR p.updated_at >= ?))
	AND NOT EXISTS (SELECT 1 FROM intents AS i WHERE i.group_id = g.id AND (i.state = 'requested' OR i.done_at >= ?))
	AND NOT EXISTS (SELECT 1 FROM silences AS s WHERE s.group_id = g.id AND s.` + unsettled + `)`

// pruneGroups deletes episodes with their posts. No foreign key of posts does
// that: it would look for the episode of every new post, a tenth of an alert's
// time. A statement does not see what was committed after it began, and a post may
// have come, or been replayed: it is looked again once all are locked.
func (t *tx) pruneGroups(before int64, limited func(string) string) (n int64, err error) {
	if !t.writable {
		return 0, errReadOnly
	}
	var ids []int64
	err = t.query(limited(`SELECT g.id FROM groups AS g WHERE `+finished+` ORDER BY g.changed_at LIMIT most FOR UPDATE OF g SKIP LOCKED`),
		func(rows pgx.Rows) error {
			var id int64
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		}, before, before, before)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	t.queue = append(t.queue, statement{sql: `SELECT id FROM posts WHERE group_id = ANY (?) ORDER BY id FOR UPDATE`, args: []any{ids}, scan: nothing})
	return int64(len(ids)), t.later(`WITH gone AS (DELETE FROM groups AS g WHERE g.id = ANY (?) AND `+finished+` RETURNING g.id)
		DELETE FROM posts WHERE group_id IN (SELECT id FROM gone)`, ids, before, before, before)
}
