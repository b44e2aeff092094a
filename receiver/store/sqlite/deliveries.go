package sqlite

import (
	"database/sql/driver"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const deliveryColumns = `id, post_id, group_id, address, destination, title, state, attempt, revision,
	digest, status, reason, message, message_id, at, took, kind`

func scanDelivery(row []driver.Value) store.Delivery {
	return store.Delivery{
		ID:          row[0].(int64),
		PostID:      row[1].(int64),
		GroupID:     row[2].(int64),
		Address:     row[3].(string),
		Destination: row[4].(string),
		Title:       row[5].(string),
		State:       row[6].(string),
		Attempt:     int(row[7].(int64)),
		Revision:    int(row[8].(int64)),
		Digest:      int(row[9].(int64)),
		Status:      int(row[10].(int64)),
		Reason:      row[11].(string),
		Message:     row[12].(string),
		MessageID:   row[13].(string),
		At:          moment(row[14]),
		Took:        time.Duration(row[15].(int64)),
		Kind:        row[16].(string),
	}
}

func (t *tx) deliveries(sql string, args ...any) ([]store.Delivery, error) {
	var deliveries []store.Delivery
	err := t.conn.query(sql, func(row []driver.Value) error {
		deliveries = append(deliveries, scanDelivery(row))
		return nil
	}, args...)
	return deliveries, err
}

// SaveDelivery implements store.LogTx.
func (t *tx) SaveDelivery(d *store.Delivery) (err error) {
	if d.ID == 0 {
		return t.insert(&d.ID, `INSERT INTO deliveries (post_id, group_id, address, destination, title, state, attempt, revision,
			digest, status, reason, message, message_id, at, took, kind)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			d.PostID, d.GroupID, d.Address, d.Destination, d.Title, d.State, int64(d.Attempt), int64(d.Revision),
			int64(d.Digest), int64(d.Status), d.Reason, d.Message, d.MessageID, nanos(d.At), int64(d.Took), d.Kind)
	}
	return t.update(`UPDATE deliveries SET post_id = ?, group_id = ?, address = ?, destination = ?, title = ?, state = ?,
		attempt = ?, revision = ?, digest = ?, status = ?, reason = ?, message = ?, message_id = ?, at = ?, took = ?, kind = ?
		WHERE id = ?`,
		d.PostID, d.GroupID, d.Address, d.Destination, d.Title, d.State, int64(d.Attempt), int64(d.Revision),
		int64(d.Digest), int64(d.Status), d.Reason, d.Message, d.MessageID, nanos(d.At), int64(d.Took), d.Kind, d.ID)
}

// Delivery implements store.LogTx.
func (t *tx) Delivery(id int64) (store.Delivery, error) {
	deliveries, err := t.deliveries(`SELECT `+deliveryColumns+` FROM deliveries WHERE id = ?`, id)
	if err != nil {
		return store.Delivery{}, err
	}
	if len(deliveries) == 0 {
		return store.Delivery{}, store.ErrNotFound
	}
	return deliveries[0], nil
}

// Deliveries implements store.LogTx.
func (t *tx) Deliveries(f store.DeliveryFilter) ([]store.Delivery, error) {
	where := filter{}
	where.add(`id < ?`, newest(f.Before))
	if f.PostID != 0 {
		where.add(`post_id = ?`, f.PostID)
	}
	if f.GroupID != 0 {
		where.add(`group_id = ?`, f.GroupID)
	}
	if f.Destination != "" {
		where.add(`destination = ?`, f.Destination)
	}
	if f.State != "" {
		where.add(`state = ?`, f.State)
	}
	if !f.Since.IsZero() {
		where.add(`at >= ?`, nanos(f.Since))
	}
	return t.deliveries(`SELECT `+deliveryColumns+` FROM deliveries`+where.sql()+` ORDER BY id DESC LIMIT ?`,
		append(where.args, page(f.Limit))...)
}

// logIndex is an index of the log with the condition that it answers; the
// order by id is in it.
type logIndex struct {
	name string // "": the rows as they lie
	filter
}

// indexOf is the index that has the fewest rows of a search, as far as one
// knows without counting, and the conditions that are left.
func indexOf(f *store.DeliveryFilter) (lead logIndex, rest filter) {
	troubled := f.State != "" && f.State != store.DeliveryDelivered && f.State != store.DeliveryAccepted
	for _, c := range []struct {
		asked     bool
		name      string
		condition string
		arg       any
	}{ // the first leads
		{f.PostID != 0, "deliveries_post", `post_id = ?`, f.PostID},
		{f.GroupID != 0, "deliveries_group", `group_id = ?`, f.GroupID},
		{f.Reason != "", "deliveries_reason", `reason = ? AND reason <> ''`, f.Reason},
		{troubled, "deliveries_state", `state = ?`, f.State},
		{f.Destination != "", "deliveries_destination", `destination = ?`, f.Destination},
		{f.State != "" && !troubled, "deliveries_state", `state = ?`, f.State},
		{f.Kind != "", "", `kind = ?`, f.Kind},
	} {
		switch {
		case !c.asked:
		case lead.name == "" && c.name != "":
			lead.name = c.name
			lead.add(c.condition, c.arg)
		default:
			rest.add(c.condition, c.arg)
		}
	}
	if f.Text != "" {
		rest.add(`(instr(lower(title), lower(?)) > 0 OR instr(lower(message), lower(?)) > 0)`, f.Text, f.Text)
	}
	if !f.Since.IsZero() {
		rest.add(`at >= ?`, bound(f.Since))
	}
	if !f.Until.IsZero() {
		rest.add(`at <= ?`, bound(f.Until))
	}
	return lead, rest
}

// SearchDeliveries implements store.LogTx.
func (t *tx) SearchDeliveries(f store.DeliveryFilter) (found []store.Delivery, further int64, err error) {
	lead, rest := indexOf(&f)
	// Attempts are numbered as they begin, but for a clock that was set and for
	// replicas that began at once: the ids of a time are near those of the rows
	// beside it. Of two bounds on one side SQLite would begin at the first that it
	// reads, and look at each row up to the other.
	if f.Until.IsZero() {
		lead.add(`id < ?`, newest(f.Before))
	} else {
		lead.add(`id < min(?, 1 + (SELECT coalesce(max(id), 0) FROM (SELECT id FROM deliveries WHERE at <= ? ORDER BY at DESC LIMIT 1000)))`, newest(f.Before), bound(f.Until))
	}
	if !f.Since.IsZero() {
		lead.add(`id >= (SELECT coalesce(min(id), 9223372036854775807) FROM (SELECT id FROM deliveries WHERE at >= ? ORDER BY at LIMIT 1000))`, bound(f.Since))
	}
	limit := page(f.Limit)
	from := ` FROM deliveries`
	if lead.name != "" {
		from += ` INDEXED BY ` + lead.name
	}
	from += lead.sql() + ` ORDER BY id DESC LIMIT ?`
	if len(rest.conditions) == 0 {
		found, err = t.deliveries(`SELECT `+deliveryColumns+from, append(lead.args, limit)...)
	} else {
		args := append(slices.Clone(lead.args), int64(store.MaxLooked))
		found, err = t.deliveries(`SELECT `+deliveryColumns+` FROM deliveries WHERE id IN (
			SELECT id FROM (SELECT id, group_id, destination, state, kind, reason, title, message, at`+from+`)`+rest.sql()+` LIMIT ?)
			ORDER BY id DESC`, append(append(args, rest.args...), limit)...)
	}
	switch {
	case err != nil:
		return nil, 0, err
	case int64(len(found)) == limit:
		return found, found[limit-1].ID, nil
	case len(rest.conditions) == 0:
		return found, 0, nil
	}
	v, err := t.number(`SELECT CASE WHEN count(*) = ? THEN min(id) END FROM (SELECT id`+from+`)`,
		append([]any{int64(store.MaxLooked)}, append(lead.args, int64(store.MaxLooked))...)...)
	if id, ok := v.(int64); ok {
		further = id
	}
	return found, further, err
}

// Prune implements store.LogTx.
func (t *tx) Prune(now time.Time, retention time.Duration, limit int) (more bool, err error) {
	before, most := nanos(now.Add(-retention)), int64(limit)
	t.silencesChange()
	for _, prune := range [...]struct {
		sql  string
		args []any
	}{
		{`DELETE FROM groups WHERE id IN (
			SELECT g.id FROM groups AS g
			WHERE g.phase IN ('over', 'unheard') AND g.changed_at < ? AND NOT EXISTS (
				SELECT 1 FROM posts AS p WHERE p.group_id = g.id AND (p.` + queued + ` OR p.` + sending + ` OR p.updated_at >= ?))
				AND NOT EXISTS (SELECT 1 FROM intents AS i WHERE i.group_id = g.id AND (i.state = 'requested' OR i.done_at >= ?))
				AND NOT EXISTS (SELECT 1 FROM silences AS s WHERE s.group_id = g.id AND s.` + unsettled + `)
			ORDER BY g.changed_at LIMIT ?)`, []any{before, before, before, most}},
		{`DELETE FROM deliveries WHERE id IN (
			SELECT id FROM deliveries WHERE at < ? AND state <> 'sending' ORDER BY at LIMIT ?)`, []any{before, most}},
		{`DELETE FROM silences WHERE id IN (
			SELECT id FROM silences WHERE ends_at < ? AND NOT ` + unsettled + ` ORDER BY ends_at LIMIT ?)`, []any{before, most}},
		{`DELETE FROM activities WHERE id IN (
			SELECT id FROM activities WHERE seen_at < ? ORDER BY seen_at LIMIT ?)`, []any{nanos(now.Add(-store.KeepActivities)), most}},
		{`DELETE FROM replicas WHERE name IN (
			SELECT name FROM replicas WHERE until < ? LIMIT ?)`, []any{nanos(now.Add(-store.KeepReplicas)), most}},
		{`DELETE FROM sightings WHERE fingerprint IN (
			SELECT fingerprint FROM sightings WHERE until < ? ORDER BY until LIMIT ?)`, []any{nanos(now.Add(-store.KeepSightings)), most}},
		{`DELETE FROM changes WHERE number IN (
			SELECT number FROM changes WHERE at < ? ORDER BY at LIMIT ?)`, []any{nanos(now.Add(-store.KeepChanges)), most}},
		{`DELETE FROM replays WHERE id IN (
			SELECT id FROM replays WHERE ended_at < ? ORDER BY ended_at LIMIT ?)`, []any{before, most}},
	} {
		n, err := t.change(prune.sql, prune.args...)
		if err != nil {
			return false, err
		}
		more = more || n == limit
	}
	n, err := t.pruneAudit(now.Add(-store.KeepAudit), limit)
	return more || n == limit, err
}
