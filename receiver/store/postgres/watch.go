package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Heartbeats implements store.WatchTx.
func (t *tx) Heartbeats() ([]store.Heartbeat, error) {
	var all []store.Heartbeat
	err := t.query(`SELECT name, beat_at, beat_from, watched_from, watched_at, missing_at FROM heartbeats ORDER BY name`+t.forUpdate("heartbeats"),
		func(rows pgx.Rows) error {
			var h store.Heartbeat
			err := rows.Scan(&h.Name, moment{&h.BeatAt}, &h.From, moment{&h.WatchedFrom}, moment{&h.WatchedAt}, moment{&h.MissingAt})
			all = append(all, h)
			return err
		})
	return all, err
}

// SaveHeartbeat implements store.WatchTx.
func (t *tx) SaveHeartbeat(h *store.Heartbeat) error {
	return t.later(`INSERT INTO heartbeats (name, beat_at, beat_from, watched_from, watched_at, missing_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, beat_from = excluded.beat_from,
			watched_from = excluded.watched_from, watched_at = excluded.watched_at, missing_at = excluded.missing_at`,
		h.Name, nanos(h.BeatAt), h.From, nanos(h.WatchedFrom), nanos(h.WatchedAt), nanos(h.MissingAt))
}

// Beat implements store.WatchTx.
func (t *tx) Beat(name string, at time.Time, from string) error {
	return t.later(`INSERT INTO heartbeats AS h (name, beat_at, beat_from) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, beat_from = excluded.beat_from
		WHERE h.beat_at IS NULL OR h.beat_at < excluded.beat_at`, name, nanos(at), from)
}

// DeleteHeartbeat implements store.WatchTx.
func (t *tx) DeleteHeartbeat(name string) error {
	return t.later(`DELETE FROM heartbeats WHERE name = ?`, name)
}

// Canaries implements store.WatchTx.
func (t *tx) Canaries() ([]store.Canary, error) {
	var all []store.Canary
	err := t.query(`SELECT destination, address, message_id, since, ok_at, tried_at, next_at, failures, reason, message, failed_at
		FROM canaries ORDER BY destination`+t.forUpdate("canaries"),
		func(rows pgx.Rows) error {
			var c store.Canary
			err := rows.Scan(&c.Destination, &c.Address, &c.MessageID, moment{&c.Since}, moment{&c.OKAt}, moment{&c.TriedAt}, moment{&c.NextAt},
				&c.Failures, &c.Reason, &c.Message, moment{&c.FailedAt})
			all = append(all, c)
			return err
		})
	return all, err
}

// SaveCanary implements store.WatchTx.
func (t *tx) SaveCanary(c *store.Canary) error {
	return t.later(`INSERT INTO canaries (destination, address, message_id, since, ok_at, tried_at, next_at, failures, reason, message, failed_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (destination) DO UPDATE SET address = excluded.address, message_id = excluded.message_id, since = excluded.since,
			ok_at = excluded.ok_at, tried_at = excluded.tried_at, next_at = excluded.next_at, failures = excluded.failures,
			reason = excluded.reason, message = excluded.message, failed_at = excluded.failed_at`,
		c.Destination, c.Address, c.MessageID, nanos(c.Since), nanos(c.OKAt), nanos(c.TriedAt), nanos(c.NextAt),
		int64(c.Failures), c.Reason, c.Message, nanos(c.FailedAt))
}

// DeleteCanary implements store.WatchTx.
func (t *tx) DeleteCanary(destination string) error {
	return t.later(`DELETE FROM canaries WHERE destination = ?`, destination)
}
