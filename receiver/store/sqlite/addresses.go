package sqlite

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const addressColumns = `address, holder, leased_until, not_before, failures, digest_at, broken, broken_reason, broken_at, waits`

func (t *tx) addresses(sql string, args ...any) ([]store.Address, error) {
	var addresses []store.Address
	err := t.conn.query(sql, func(row []driver.Value) error {
		addresses = append(addresses, store.Address{
			Address:      row[0].(string),
			Holder:       row[1].(string),
			LeasedUntil:  moment(row[2]),
			NotBefore:    moment(row[3]),
			Failures:     int(row[4].(int64)),
			DigestAt:     moment(row[5]),
			Broken:       row[6].(string),
			BrokenReason: row[7].(string),
			BrokenAt:     moment(row[8]),
			Waits:        row[9].(int64) != 0,
		})
		return nil
	}, args...)
	return addresses, err
}

// Address implements store.AddressTx.
func (t *tx) Address(address string) (store.Address, error) {
	addresses, err := t.addresses(`SELECT `+addressColumns+` FROM addresses WHERE address = ?`, address)
	if err != nil || len(addresses) == 0 {
		return store.Address{Address: address}, err
	}
	return addresses[0], nil
}

// Addresses implements store.AddressTx.
func (t *tx) Addresses() ([]store.Address, error) {
	return t.addresses(`SELECT ` + addressColumns + ` FROM addresses ORDER BY address`)
}

// SaveAddress implements store.AddressTx.
func (t *tx) SaveAddress(a *store.Address) error {
	_, err := t.write(`INSERT INTO addresses (address, holder, leased_until, not_before, failures, digest_at, broken, broken_reason, broken_at, waits)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (address) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until,
			not_before = excluded.not_before, failures = excluded.failures, digest_at = excluded.digest_at,
			broken = excluded.broken, broken_reason = excluded.broken_reason, broken_at = excluded.broken_at,
			waits = excluded.waits`,
		a.Address, a.Holder, nanos(a.LeasedUntil), nanos(a.NotBefore), int64(a.Failures), nanos(a.DigestAt),
		a.Broken, a.BrokenReason, nanos(a.BrokenAt), flag(a.Waits))
	return err
}

// Lease implements store.AddressTx.
func (t *tx) Lease(address, holder string, now, until time.Time) (bool, error) {
	if holder == "" {
		return false, errors.New("a lease needs a holder")
	}
	n, err := t.change(`INSERT INTO addresses (address, holder, leased_until, failures, broken, broken_reason)
		VALUES (?, ?, ?, 0, '', '')
		ON CONFLICT (address) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until
			WHERE holder = '' OR holder = excluded.holder OR leased_until IS NULL OR leased_until <= ?`,
		address, holder, nanos(until), nanos(now))
	return n == 1, err
}

// ReleaseLeases implements store.AddressTx.
func (t *tx) ReleaseLeases(holder string) error {
	_, err := t.write(`UPDATE addresses SET holder = '', leased_until = NULL
		WHERE holder <> '' AND (holder = ? OR ? = '')`, holder, holder)
	return err
}

// Sends implements store.AddressTx.
func (t *tx) Sends(address string, since time.Time) ([]time.Time, error) {
	var sends []time.Time
	err := t.conn.query(`SELECT at FROM sends WHERE address = ? AND at >= ? ORDER BY at`, func(row []driver.Value) error {
		sends = append(sends, moment(row[0]))
		return nil
	}, address, bound(since))
	return sends, err
}

// RecordSend implements store.AddressTx.
func (t *tx) RecordSend(address string, at, keep time.Time) error {
	if _, err := t.write(`INSERT INTO sends (address, at) VALUES (?, ?)`, address, bound(at)); err != nil {
		return err
	}
	_, err := t.write(`DELETE FROM sends WHERE address = ? AND at < ?`, address, bound(keep))
	return err
}

// bound is a time to compare with; a zero time is before all others.
func bound(t time.Time) int64 {
	n, _ := nanos(t).(int64)
	return n
}

// ourClock are the silences whose times go by our clock: what Alertmanager has
// taken goes by its own.
const ourClock = `(NOT theirs OR state = 'requested')`

// ShiftTimers implements store.AddressTx.
func (t *tx) ShiftTimers(d time.Duration) error {
	t.silencesChange()
	// An integer that overflows becomes a real number, and the cast brings it
	// back to the edge.
	for _, sql := range [...]string{
		`UPDATE groups SET due_at = CAST(due_at + ? AS INTEGER) WHERE due_at IS NOT NULL`,
		`UPDATE posts SET not_before = CAST(not_before + ? AS INTEGER) WHERE not_before IS NOT NULL AND ` + queued,
		`UPDATE addresses SET not_before = CAST(not_before + ? AS INTEGER) WHERE not_before IS NOT NULL`,
		`UPDATE addresses SET leased_until = CAST(leased_until + ? AS INTEGER) WHERE leased_until IS NOT NULL`,
		`UPDATE sends SET at = CAST(at + ? AS INTEGER)`,
		`UPDATE intents SET not_before = CAST(not_before + ? AS INTEGER) WHERE state = 'requested'`,
		`UPDATE silences SET not_before = CAST(not_before + ? AS INTEGER) WHERE not_before IS NOT NULL AND ` + unsettled,
		`UPDATE people SET not_before = CAST(not_before + ? AS INTEGER) WHERE not_before IS NOT NULL`,
		`UPDATE rosters SET not_before = CAST(not_before + ? AS INTEGER) WHERE not_before IS NOT NULL`,
		`UPDATE heartbeats SET beat_at = CAST(beat_at + ? AS INTEGER)`,
		`UPDATE heartbeats SET watched_from = CAST(watched_from + ? AS INTEGER)`,
		`UPDATE heartbeats SET watched_at = CAST(watched_at + ? AS INTEGER)`,
		`UPDATE canaries SET since = CAST(since + ? AS INTEGER)`,
		`UPDATE canaries SET ok_at = CAST(ok_at + ? AS INTEGER)`,
		`UPDATE canaries SET next_at = CAST(next_at + ? AS INTEGER)`,
		`UPDATE replicas SET until = CAST(until + ? AS INTEGER) WHERE until IS NOT NULL`,
		`UPDATE replicas SET sighted_at = CAST(sighted_at + ? AS INTEGER) WHERE sighted_at IS NOT NULL`,
		`UPDATE sightings SET until = CAST(until + ? AS INTEGER) WHERE until IS NOT NULL`,
		`UPDATE sightings SET at = CAST(at + ? AS INTEGER) WHERE at IS NOT NULL`,
		`UPDATE shifted SET total = CAST(total + ? AS INTEGER)`,
		`UPDATE shifted SET last_at = CAST(last_at + ? AS INTEGER) WHERE last_at IS NOT NULL`,
		`UPDATE silences SET starts_at = CAST(starts_at + ? AS INTEGER) WHERE starts_at IS NOT NULL AND ` + ourClock,
		`UPDATE silences SET ends_at = CAST(ends_at + ? AS INTEGER) WHERE ends_at IS NOT NULL AND ` + ourClock,
	} {
		if _, err := t.write(sql, int64(d)); err != nil {
			return err
		}
	}
	return t.shiftHeldBack(d)
}

// shiftHeldBack moves the time before which a group is not told, which is
// inside its data.
func (t *tx) shiftHeldBack(d time.Duration) error {
	for last := int64(0); ; {
		groups, err := t.groups(`SELECT `+groupColumns+` FROM groups
			WHERE latest AND phase <> 'over' AND due_at IS NOT NULL AND id > ? ORDER BY id LIMIT ?`, last, int64(openBatch))
		if err != nil || len(groups) == 0 {
			return err
		}
		for _, g := range groups {
			last = g.ID
			if g.NotBefore.IsZero() {
				continue
			}
			g.NotBefore = g.NotBefore.Add(d)
			if err := t.SaveGroup(&g); err != nil {
				return err
			}
		}
	}
}

// Readdress implements store.AddressTx.
func (t *tx) Readdress(destination string, addresses []string) (int, error) {
	if len(addresses) == 0 {
		return 0, fmt.Errorf("destination %q has no address to move posts to", destination)
	}
	list, err := json.Marshal(addresses)
	if err != nil {
		return 0, err
	}
	posts, err := t.posts(`SELECT `+postColumns+` FROM posts WHERE destination = ? AND state IN ('due', 'waiting', 'sending', 'dead')
		AND address NOT IN (SELECT value FROM json_each(?)) ORDER BY id`, destination, list)
	if err != nil {
		return 0, err
	}
	for i := range posts {
		if err := t.readdress(&posts[i], addresses[0], posts[i].UpdatedAt); err != nil {
			return i, err
		}
	}
	return len(posts), nil
}
