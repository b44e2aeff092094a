package sqlite

import (
	"database/sql/driver"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Heartbeats implements store.WatchTx.
func (t *tx) Heartbeats() ([]store.Heartbeat, error) {
	var all []store.Heartbeat
	err := t.conn.query(`SELECT name, beat_at, beat_from, watched_from, watched_at, missing_at FROM heartbeats ORDER BY name`,
		func(row []driver.Value) error {
			all = append(all, store.Heartbeat{
				Name: row[0].(string), BeatAt: moment(row[1]), From: row[2].(string),
				WatchedFrom: moment(row[3]), WatchedAt: moment(row[4]), MissingAt: moment(row[5]),
			})
			return nil
		})
	return all, err
}

// SaveHeartbeat implements store.WatchTx.
func (t *tx) SaveHeartbeat(h *store.Heartbeat) error {
	_, err := t.write(`INSERT INTO heartbeats (name, beat_at, beat_from, watched_from, watched_at, missing_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, beat_from = excluded.beat_from,
			watched_from = excluded.watched_from, watched_at = excluded.watched_at, missing_at = excluded.missing_at`,
		h.Name, nanos(h.BeatAt), h.From, nanos(h.WatchedFrom), nanos(h.WatchedAt), nanos(h.MissingAt))
	return err
}

// Beat implements store.WatchTx.
func (t *tx) Beat(name string, at time.Time, from string) error {
	_, err := t.write(`INSERT INTO heartbeats (name, beat_at, beat_from) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, beat_from = excluded.beat_from
		WHERE beat_at IS NULL OR beat_at < excluded.beat_at`, name, nanos(at), from)
	return err
}

// DeleteHeartbeat implements store.WatchTx.
func (t *tx) DeleteHeartbeat(name string) error {
	_, err := t.write(`DELETE FROM heartbeats WHERE name = ?`, name)
	return err
}

// Canaries implements store.WatchTx.
func (t *tx) Canaries() ([]store.Canary, error) {
	var all []store.Canary
	err := t.conn.query(`SELECT destination, address, message_id, since, ok_at, tried_at, next_at, failures, reason, message, failed_at
		FROM canaries ORDER BY destination`,
		func(row []driver.Value) error {
			all = append(all, store.Canary{
				Destination: row[0].(string), Address: row[1].(string), MessageID: row[2].(string),
				Since: moment(row[3]), OKAt: moment(row[4]), TriedAt: moment(row[5]), NextAt: moment(row[6]),
				Failures: int(row[7].(int64)), Reason: row[8].(string), Message: row[9].(string), FailedAt: moment(row[10]),
			})
			return nil
		})
	return all, err
}

// SaveCanary implements store.WatchTx.
func (t *tx) SaveCanary(c *store.Canary) error {
	_, err := t.write(`INSERT INTO canaries (destination, address, message_id, since, ok_at, tried_at, next_at, failures, reason, message, failed_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (destination) DO UPDATE SET address = excluded.address, message_id = excluded.message_id, since = excluded.since,
			ok_at = excluded.ok_at, tried_at = excluded.tried_at, next_at = excluded.next_at, failures = excluded.failures,
			reason = excluded.reason, message = excluded.message, failed_at = excluded.failed_at`,
		c.Destination, c.Address, c.MessageID, nanos(c.Since), nanos(c.OKAt), nanos(c.TriedAt), nanos(c.NextAt),
		int64(c.Failures), c.Reason, c.Message, nanos(c.FailedAt))
	return err
}

// DeleteCanary implements store.WatchTx.
func (t *tx) DeleteCanary(destination string) error {
	_, err := t.write(`DELETE FROM canaries WHERE destination = ?`, destination)
	return err
}
