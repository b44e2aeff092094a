package sqlite

import (
	"database/sql/driver"
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
		d.ID, err = t.insert(`INSERT INTO deliveries (post_id, group_id, address, destination, title, state, attempt, revision,
			digest, status, reason, message, message_id, at, took, kind)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			d.PostID, d.GroupID, d.Address, d.Destination, d.Title, d.State, int64(d.Attempt), int64(d.Revision),
			int64(d.Digest), int64(d.Status), d.Reason, d.Message, d.MessageID, nanos(d.At), int64(d.Took), d.Kind)
		return err
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
		{`DELETE FROM audit WHERE id IN (
			SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?)`, []any{nanos(now.Add(-store.KeepAudit)), most}},
	} {
		n, err := t.change(prune.sql, prune.args...)
		if err != nil {
			return false, err
		}
		more = more || n == limit
	}
	return more, nil
}
