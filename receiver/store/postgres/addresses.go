package postgres

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const addressColumns = `address, holder, leased_until, not_before, failures, digest_at, broken, broken_reason, broken_at, waits`

func (t *tx) addresses(sql string, args ...any) ([]store.Address, error) {
	var addresses []store.Address
	err := t.query(sql, func(rows pgx.Rows) error {
		var a store.Address
		err := rows.Scan(&a.Address, &a.Holder, moment{&a.LeasedUntil}, moment{&a.NotBefore}, &a.Failures, moment{&a.DigestAt},
			&a.Broken, &a.BrokenReason, moment{&a.BrokenAt}, &a.Waits)
		addresses = append(addresses, a)
		return err
	}, args...)
	return addresses, err
}

// Address implements store.AddressTx.
func (t *tx) Address(address string) (store.Address, error) {
	t.lock("address", address)
	addresses, err := t.addresses(`SELECT `+addressColumns+` FROM addresses WHERE address = ?`+t.forUpdate("addresses"), address)
	if err != nil || len(addresses) == 0 {
		return store.Address{Address: address}, err
	}
	return addresses[0], nil
}

// Addresses implements store.AddressTx. They are not locked: who changes one
// reads it with Address.
func (t *tx) Addresses() ([]store.Address, error) {
	return t.addresses(`SELECT ` + addressColumns + ` FROM addresses ORDER BY address`)
}

// SaveAddress implements store.AddressTx.
func (t *tx) SaveAddress(a *store.Address) error {
	return t.later(`INSERT INTO addresses (`+addressColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (address) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until,
			not_before = excluded.not_before, failures = excluded.failures, digest_at = excluded.digest_at,
			broken = excluded.broken, broken_reason = excluded.broken_reason, broken_at = excluded.broken_at,
			waits = excluded.waits`,
		a.Address, a.Holder, nanos(a.LeasedUntil), nanos(a.NotBefore), int64(a.Failures), nanos(a.DigestAt),
		a.Broken, a.BrokenReason, nanos(a.BrokenAt), a.Waits)
}

// Lease implements store.AddressTx.
func (t *tx) Lease(address, holder string, now, until time.Time) (bool, error) {
	if holder == "" {
		return false, errors.New("a lease needs a holder")
	}
	t.lock("address", address)
	n, err := t.change(`INSERT INTO addresses AS a (address, holder, leased_until, failures, broken, broken_reason, waits)
		VALUES (?, ?, ?, 0, '', '', false)
		ON CONFLICT (address) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until
			WHERE a.holder = '' OR a.holder = excluded.holder OR a.leased_until IS NULL OR a.leased_until <= ?`,
		address, holder, nanos(until), bound(now))
	return n == 1, err
}

// ReleaseLeases implements store.AddressTx.
func (t *tx) ReleaseLeases(holder string) error {
	return t.later(`UPDATE addresses SET holder = '', leased_until = NULL
		WHERE holder <> '' AND (holder = ? OR ? = '')`, holder, holder)
}

// Sends implements store.AddressTx.
func (t *tx) Sends(address string, since time.Time) ([]time.Time, error) {
	var sends []time.Time
	err := t.query(`SELECT at FROM sends WHERE address = ? AND at >= ? ORDER BY at`, func(rows pgx.Rows) error {
		var at time.Time
		err := rows.Scan(moment{&at})
		sends = append(sends, at)
		return err
	}, address, bound(since))
	return sends, err
}

// RecordSend implements store.AddressTx.
func (t *tx) RecordSend(address string, at, keep time.Time) error {
	if err := t.later(`INSERT INTO sends (address, at) VALUES (?, ?)`, address, bound(at)); err != nil {
		return err
	}
	return t.later(`DELETE FROM sends WHERE address = ? AND at < ?`, address, bound(keep))
}

// ourClock are the silences whose times go by our clock: what Alertmanager has
// taken goes by its own.
const ourClock = `(NOT theirs OR state = 'requested')`

// timers are the columns that ShiftTimers moves, and of which rows.
var timers = [...]struct{ table, column, which string }{
	{"groups", "due_at", "due_at IS NOT NULL"},
	{"posts", "not_before", "not_before IS NOT NULL AND " + queued},
	{"addresses", "not_before", "not_before IS NOT NULL"},
	{"addresses", "leased_until", "leased_until IS NOT NULL"},
	{"sends", "at", "true"},
	{"intents", "not_before", "not_before IS NOT NULL AND state = 'requested'"},
	{"silences", "not_before", "not_before IS NOT NULL AND " + unsettled},
	{"people", "not_before", "not_before IS NOT NULL"},
	{"rosters", "not_before", "not_before IS NOT NULL"},
	{"silences", "starts_at", "starts_at IS NOT NULL AND " + ourClock},
	{"silences", "ends_at", "ends_at IS NOT NULL AND " + ourClock},
	{"heartbeats", "beat_at", "beat_at IS NOT NULL"},
	{"heartbeats", "watched_from", "watched_from IS NOT NULL"},
	{"heartbeats", "watched_at", "watched_at IS NOT NULL"},
	{"canaries", "since", "since IS NOT NULL"},
	{"canaries", "ok_at", "ok_at IS NOT NULL"},
	{"canaries", "next_at", "next_at IS NOT NULL"},
	{"replicas", "until", "until IS NOT NULL"},
	{"replicas", "sighted_at", "sighted_at IS NOT NULL"},
	{"sightings", "until", "until IS NOT NULL"},
	{"sightings", "at", "at IS NOT NULL"},
	{"shifted", "total", "true"},
	{"shifted", "last_at", "last_at IS NOT NULL"},
}

// ShiftTimers implements store.AddressTx.
func (t *tx) ShiftTimers(d time.Duration) error {
	if err := t.later(`SELECT pg_advisory_xact_lock(?)`, shiftLock); err != nil {
		return err
	}
	if err := t.revise(silences); err != nil {
		return err
	}
	for _, timer := range timers {
		c := timer.column
		// What would be out of range stays at the edge.
		sql := `UPDATE ` + timer.table + ` SET ` + c + ` = least(greatest(` + c + `::numeric + ?, ?), ?)::bigint WHERE ` + timer.which
		if err := t.later(sql, int64(d), int64(math.MinInt64), int64(math.MaxInt64)); err != nil {
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
			WHERE latest AND phase <> 'over' AND due_at IS NOT NULL AND id > ? ORDER BY id LIMIT ?`+t.forUpdate("groups"), last, int64(openBatch))
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
	// Those that are where they belong are left alone: there may be thousands, and
	// who sends them has them locked.
	posts, err := t.posts(`SELECT `+postColumns+` FROM posts WHERE destination = ? AND state IN ('due', 'waiting', 'sending', 'dead')
		AND address <> ALL (?) ORDER BY id`+t.forUpdate("posts"), destination, addresses)
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
