package sqlite

import (
	"cmp"
	"database/sql/driver"
	"slices"
	"strconv"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// SaveReplica implements store.ReplicaTx.
func (t *tx) SaveReplica(r *store.Replica) error {
	_, err := t.write(`INSERT INTO replicas (name, until, sighted_at, config, config_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET until = excluded.until, sighted_at = excluded.sighted_at,
			config = excluded.config, config_at = excluded.config_at`,
		r.Name, nanos(r.Until), nanos(r.SightedAt), r.Config, nanos(r.ConfigAt))
	return err
}

// Replicas implements store.ReplicaTx.
func (t *tx) Replicas(now time.Time) ([]store.Replica, error) {
	var all []store.Replica
	err := t.conn.query(`SELECT name, until, sighted_at, config, config_at FROM replicas WHERE until > ? ORDER BY name`,
		func(row []driver.Value) error {
			all = append(all, store.Replica{
				Name: row[0].(string), Until: moment(row[1]), SightedAt: moment(row[2]), Config: row[3].(string), ConfigAt: moment(row[4]),
			})
			return nil
		}, nanos(now))
	return all, err
}

// ForgetReplica implements store.ReplicaTx.
func (t *tx) ForgetReplica(name string) error {
	_, err := t.write(`DELETE FROM replicas WHERE name = ?`, name)
	return err
}

// SaveSightings implements store.ReplicaTx.
func (t *tx) SaveSightings(all []store.Sighting) error {
	for _, s := range all {
		_, err := t.write(`INSERT INTO sightings (fingerprint, at, until) VALUES (?, ?, ?)
			ON CONFLICT (fingerprint) DO UPDATE SET at = excluded.at, until = excluded.until WHERE at <= excluded.at`,
			int64(s.Fingerprint), nanos(s.At), nanos(s.Until))
		if err != nil {
			return err
		}
	}
	return nil
}

// Sightings implements store.ReplicaTx.
func (t *tx) Sightings(of []alert.Fingerprint) ([]store.Sighting, error) {
	var found []store.Sighting
	for _, fp := range of {
		err := t.conn.query(`SELECT at, until FROM sightings WHERE fingerprint = ?`, func(row []driver.Value) error {
			found = append(found, store.Sighting{Fingerprint: fp, At: moment(row[0]), Until: moment(row[1])})
			return nil
		}, int64(fp))
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// NoteChange implements store.ReplicaTx.
func (t *tx) NoteChange(groupID int64, now time.Time) error {
	_, err := t.write(`INSERT INTO changes (group_id, at) VALUES (?, ?)`, groupID, bound(now))
	return err
}

// LastChange implements store.ReplicaTx. There is one writer: numbers are
// committed in their order.
func (t *tx) LastChange() (string, error) {
	n, err := t.number(`SELECT seq FROM sqlite_sequence WHERE name = 'changes'`)
	last, _ := n.(int64)
	return strconv.FormatInt(last, 10), err
}

// Changes implements store.ReplicaTx.
func (t *tx) Changes(after string) (groups []int64, next string, err error) {
	last, err := strconv.ParseInt(cmp.Or(after, "0"), 10, 64)
	if err != nil {
		return nil, after, err
	}
	err = t.conn.query(`SELECT number, group_id FROM changes WHERE number > ? ORDER BY number`, func(row []driver.Value) error {
		last = row[0].(int64)
		groups = append(groups, row[1].(int64))
		return nil
	}, last)
	slices.Sort(groups)
	return slices.Compact(groups), strconv.FormatInt(last, 10), err
}

// Shifted implements store.ReplicaTx.
func (t *tx) Shifted() (time.Duration, error) {
	n, err := t.number(`SELECT total FROM shifted`)
	total, _ := n.(int64)
	return time.Duration(total), err
}

// SaveTime implements store.ReplicaTx.
func (t *tx) SaveTime(now time.Time) error {
	_, err := t.write(`UPDATE shifted SET last_at = ?`, nanos(now))
	return err
}

// LastTime implements store.ReplicaTx.
func (t *tx) LastTime() (time.Time, error) {
	at, err := t.number(`SELECT last_at FROM shifted`)
	return moment(at), err
}
