package sqlite

import (
	"database/sql/driver"
	"math"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// tx is a transaction as its function sees it.
type tx struct {
	conn     *conn
	writable bool
	// savepoint: others' writes are in the transaction already, so the first
	// write needs a savepoint to be taken back to.
	savepoint bool
	wrote     bool
	// numbered are where the ids of new rows stand: see request.
	numbered []*int64

	revisions store.Revisions // of what it sees
	given     *revisions      // who gives new ones; nil in a view
}

var _ store.Tx = (*tx)(nil)

// Revisions implements store.BotTx.
func (t *tx) Revisions() (store.Revisions, error) { return t.revisions, nil }

// silencesChange gives silences as they are after the next statement a revision
// of their own.
func (t *tx) silencesChange() {
	if t.writable {
		t.revisions.Silences = t.given.number()
	}
}

// subscriptionsChange is silencesChange for subscriptions.
func (t *tx) subscriptionsChange() {
	if t.writable {
		t.revisions.Subscriptions = t.given.number()
	}
}

// destinationsChange is silencesChange for what is kept of destinations.
func (t *tx) destinationsChange() {
	if t.writable {
		t.revisions.Destinations = t.given.number()
	}
}

// write runs a statement that changes something.
func (t *tx) write(sql string, args ...any) (driver.Result, error) {
	if err := t.begin(); err != nil {
		return nil, err
	}
	return t.conn.exec(sql, args...)
}

// begin prepares the transaction for its first write.
func (t *tx) begin() error {
	if !t.writable {
		return errReadOnly
	}
	if t.savepoint && !t.wrote {
		if err := t.conn.run("SAVEPOINT request"); err != nil {
			return err
		}
	}
	t.wrote = true
	return nil
}

// insert is write for one new row, whose id it sets.
func (t *tx) insert(id *int64, sql string, args ...any) error {
	result, err := t.write(sql, args...)
	if err != nil {
		return err
	}
	*id, err = result.LastInsertId()
	t.numbered = append(t.numbered, id)
	return err
}

// update is write for one row that must be there.
func (t *tx) update(sql string, args ...any) error {
	n, err := t.change(sql, args...)
	if err == nil && n == 0 {
		return store.ErrNotFound
	}
	return err
}

// change is write for any number of rows and returns how many there were.
func (t *tx) change(sql string, args ...any) (int, error) {
	result, err := t.write(sql, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// number returns the first column of the only row, nil where that is NULL.
func (t *tx) number(sql string, args ...any) (value driver.Value, err error) {
	err = t.conn.query(sql, func(row []driver.Value) error {
		value = row[0]
		return nil
	}, args...)
	return value, err
}

// latestTime keeps room above stored times for ShiftTimers to add to, and is
// later than any alert can mean.
var latestTime = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// nanos is a time as it is stored: nanoseconds since 1970, NULL when zero.
// What lies outside the 17th to the 22nd century is moved to its edge.
func nanos(t time.Time) driver.Value {
	switch {
	case t.IsZero():
		return nil
	case t.After(latestTime):
		return latestTime.UnixNano()
	case t.Year() < 1700:
		return int64(math.MinInt64) / 2
	}
	return t.UnixNano()
}

// moment is the time that nanos stored.
func moment(v driver.Value) time.Time {
	if n, ok := v.(int64); ok {
		return time.Unix(0, n).UTC()
	}
	return time.Time{}
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
