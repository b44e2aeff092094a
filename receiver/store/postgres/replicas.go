package postgres

import (
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// SaveReplica implements store.ReplicaTx.
func (t *tx) SaveReplica(r *store.Replica) error {
	return t.later(`INSERT INTO replicas (name, until, sighted_at, config, config_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET until = excluded.until, sighted_at = excluded.sighted_at,
			config = excluded.config, config_at = excluded.config_at`,
		r.Name, nanos(r.Until), nanos(r.SightedAt), r.Config, nanos(r.ConfigAt))
}

// Replicas implements store.ReplicaTx.
func (t *tx) Replicas(now time.Time) ([]store.Replica, error) {
	var all []store.Replica
	err := t.query(`SELECT name, until, sighted_at, config, config_at FROM replicas WHERE until > ? ORDER BY name`,
		func(rows pgx.Rows) error {
			var r store.Replica
			err := rows.Scan(&r.Name, moment{&r.Until}, moment{&r.SightedAt}, &r.Config, moment{&r.ConfigAt})
			all = append(all, r)
			return err
		}, bound(now))
	return all, err
}

// ForgetReplica implements store.ReplicaTx.
func (t *tx) ForgetReplica(name string) error {
	return t.later(`DELETE FROM replicas WHERE name = ?`, name)
}

// SaveSightings implements store.ReplicaTx. They are stored in the order of
// their fingerprints, so that two replicas that store the same do not wait for
// each other in a circle.
func (t *tx) SaveSightings(all []store.Sighting) error {
	if !t.writable {
		return errReadOnly
	}
	last := make(map[alert.Fingerprint]store.Sighting, len(all))
	for _, s := range all {
		if before, ok := last[s.Fingerprint]; !ok || !s.At.Before(before.At) {
			last[s.Fingerprint] = s
		}
	}
	fingerprints := make([]int64, 0, len(last))
	for fp := range last {
		fingerprints = append(fingerprints, int64(fp))
	}
	slices.Sort(fingerprints)
	at, until := make([]any, len(fingerprints)), make([]any, len(fingerprints))
	for i, fp := range fingerprints {
		s := last[alert.Fingerprint(fp)]
		at[i], until[i] = nanos(s.At), nanos(s.Until)
	}
	return t.later(`INSERT INTO sightings AS s (fingerprint, at, until) SELECT * FROM unnest(?::bigint[], ?::bigint[], ?::bigint[])
		ON CONFLICT (fingerprint) DO UPDATE SET at = excluded.at, until = excluded.until WHERE s.at <= excluded.at`,
		fingerprints, at, until)
}

// Sightings implements store.ReplicaTx.
func (t *tx) Sightings(of []alert.Fingerprint) ([]store.Sighting, error) {
	if len(of) == 0 {
		return nil, nil
	}
	fingerprints := make([]int64, len(of))
	for i, fp := range of {
		fingerprints[i] = int64(fp)
	}
	var found []store.Sighting
	err := t.query(`SELECT fingerprint, at, until FROM sightings WHERE fingerprint = ANY (?)`, func(rows pgx.Rows) error {
		var s store.Sighting
		var fp int64
		err := rows.Scan(&fp, moment{&s.At}, moment{&s.Until})
		s.Fingerprint = alert.Fingerprint(fp)
		found = append(found, s)
		return err
	}, fingerprints)
	return found, err
}

// newChange leaves the number of the transaction to the table.
var newChange = inserting("changes", "group_id bigint, at bigint")

// NoteChange implements store.ReplicaTx.
func (t *tx) NoteChange(groupID int64, now time.Time) error {
	return t.store(newChange, groupID, bound(now))
}

// LastChange implements store.ReplicaTx: which transactions have ended, so that
// what the others note is seen when they have. One of anybody, in another database
// of the server too, may last for hours, and nobody reads again all that has
// changed since it began. Behind it stands which server says so.
func (t *tx) LastChange() (after string, err error) {
	err = t.query(`SELECT pg_current_snapshot()::text || '@' || extract(epoch FROM pg_postmaster_start_time())::text`,
		func(rows pgx.Rows) error { return rows.Scan(&after) })
	return after, err
}

// beginning is before all transactions.
const beginning = "1:1:"

// Changes implements store.ReplicaTx. Where to go on is asked for first. A server
// that another one has given way to may lack its last transactions, and gives their
// numbers again: of it all that is kept counts as new.
func (t *tx) Changes(after string) (groups []int64, next string, err error) {
	if next, err = t.LastChange(); err != nil {
		return nil, after, err
	}
	seen, server, _ := strings.Cut(after, "@")
	if !strings.HasSuffix(next, "@"+server) {
		seen = beginning
	}
	err = t.query(`SELECT DISTINCT group_id FROM changes WHERE number >= pg_snapshot_xmin(?::text::pg_snapshot)::text::bigint
		AND NOT pg_visible_in_snapshot(number::text::xid8, ?::text::pg_snapshot) ORDER BY group_id`, func(rows pgx.Rows) error {
		var id int64
		err := rows.Scan(&id)
		groups = append(groups, id)
		return err
	}, seen, seen)
	return groups, next, err
}

// shiftLock is the advisory lock of all timers: who counts by them shares it,
// who moves them has it alone.
var shiftLock = hash("timers")

// Shifted implements store.ReplicaTx.
func (t *tx) Shifted() (time.Duration, error) {
	if t.writable {
		t.queue = append(t.queue, statement{sql: `SELECT pg_advisory_xact_lock_shared(?)`, args: []any{shiftLock}, scan: nothing})
	}
	total, _, err := t.number(`SELECT total FROM shifted`)
	return time.Duration(total), err
}

// SaveTime implements store.ReplicaTx.
func (t *tx) SaveTime(now time.Time) error {
	return t.later(`UPDATE shifted SET last_at = ?`, nanos(now))
}

// LastTime implements store.ReplicaTx.
func (t *tx) LastTime() (last time.Time, err error) {
	err = t.query(`SELECT last_at FROM shifted`, func(rows pgx.Rows) error { return rows.Scan(moment{&last}) })
	return last, err
}
