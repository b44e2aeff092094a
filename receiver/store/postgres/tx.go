package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// tx is a transaction as its function sees it. What returns nothing is queued
// and goes to the server together with what is read next, or with the commit:
// most transactions are two journeys there and back.
type tx struct {
	ctx       context.Context // for a connection to come
	conn      *pgxpool.Conn   // nil until something is sent
	pool      *pgxpool.Pool
	joints    *joints // where it may share a transaction; nil: it may not
	member    *member // of a shared transaction; nil: it has its own
	ids       *ids
	begin     string // the statement that begins it
	writable  bool
	begun     bool // begin was sent
	committed bool
	queue     []statement
	// failed is the first error of the server. Whatever a caller makes of it,
	// the transaction is over.
	failed error
	lost   bool // the connection is gone

	// revisions are those that were asked for, before anything that they are
	// about was read; nil while they were not.
	revisions *store.Revisions
	// held are rows that were read or made by this transaction: they are there
	// until the commit, which need not be proven when they are saved.
	held map[row]bool
	// numbered are where the ids of new rows stand. They are taken back when the
	// transaction does not come to be: it may run again with the same values.
	numbered []*int64
	// bare are episodes that this transaction has made, without a post yet.
	bare map[int64]bool
}

var _ store.Tx = (*tx)(nil)

// row names one.
type row struct {
	table string
	id    int64
}

// statement is one that waits to be sent.
type statement struct {
	sql  string
	args []any
	// scan is called for every row it returns; it must not use the transaction.
	scan func(pgx.Rows) error
	// tag gets how many rows there were; nil: nobody asks.
	affected *int64
	// insertion is what it is one row of; nil: of none.
	insertion *insertion
}

// later queues a statement whose result nobody needs.
func (t *tx) later(sql string, args ...any) error {
	if !t.writable {
		return errReadOnly
	}
	t.queue = append(t.queue, statement{sql: sql, args: args})
	return t.failed
}

// change runs a statement now and returns how many rows it has changed.
func (t *tx) change(sql string, args ...any) (int, error) {
	if !t.writable {
		return 0, errReadOnly
	}
	var n int64
	t.queue = append(t.queue, statement{sql: sql, args: args, affected: &n})
	err := t.flush()
	return int(n), err
}

// update changes one row that must be there.
func (t *tx) update(sql string, args ...any) error {
	n, err := t.change(sql, args...)
	if err == nil && n == 0 {
		return store.ErrNotFound
	}
	return err
}

// updateHeld is update for a row that may be held, and then nobody waits for it.
func (t *tx) updateHeld(table string, id int64, sql string, args ...any) error {
	if t.held[row{table, id}] {
		return t.later(sql, args...)
	}
	return t.update(sql, args...)
}

// hold notes that a row is there until the commit.
func (t *tx) hold(table string, id int64) {
	if !t.writable {
		return
	}
	if t.held == nil {
		t.held = make(map[row]bool, 8)
	}
	t.held[row{table, id}] = true
}

// insert runs a statement that returns the number of its new row.
func (t *tx) insert(id *int64, sql string, args ...any) error {
	if !t.writable {
		return errReadOnly
	}
	t.numbered = append(t.numbered, id)
	return t.query(sql+` RETURNING id`, func(rows pgx.Rows) error { return rows.Scan(id) }, args...)
}

// query sends what is queued and a statement, and calls scan for every row.
func (t *tx) query(sql string, scan func(pgx.Rows) error, args ...any) error {
	t.queue = append(t.queue, statement{sql: sql, args: args, scan: scan})
	return t.flush()
}

// number returns the first column of the only row, 0 and false where it is
// NULL or missing.
func (t *tx) number(sql string, args ...any) (n int64, ok bool, err error) {
	err = t.query(sql, func(rows pgx.Rows) error {
		var v pgtype.Int8
		if err := rows.Scan(&v); err != nil {
			return err
		}
		n, ok = v.Int64, v.Valid
		return nil
	}, args...)
	return n, ok, err
}

// forUpdate locks the rows of a table that a query reads, in a transaction that
// may write: what is read to be changed must not be changed by others.
func (t *tx) forUpdate(table string) string {
	if !t.writable {
		return ""
	}
	return forUpdate + table
}

const forUpdate = " FOR UPDATE OF "

// locks says that a query locks what it reads.
func locks(sql string) bool { return strings.Contains(sql, forUpdate) }

// lock keeps all other transactions that lock the same name waiting until the
// commit, also where there is no row yet that could be locked.
func (t *tx) lock(kind, name string) {
	if t.writable {
		t.queue = append(t.queue, statement{sql: `SELECT pg_advisory_xact_lock(?)`, args: []any{hash(kind + "\x00" + name)}, scan: nothing})
	}
}

func nothing(pgx.Rows) error { return nil }

// flush sends what is queued, and has the answers.
func (t *tx) flush() error {
	if t.failed != nil {
		return t.failed
	}
	if len(t.queue) == 0 {
		return nil
	}
	if t.member != nil {
		t.failed = errAlone
		return t.failed
	}
	if err := t.connect(); err != nil {
		return err
	}
	queue := t.queue
	t.queue = t.queue[len(t.queue):]
	heard, err := t.send(queue)
	for tries := 0; t.lost && !t.begun && !heard && tries < maxLost; tries++ {
		// A connection of the pool that had died since it was used last.
		if e := t.reconnect(); e != nil {
			err = e
			break
		}
		heard, err = t.send(queue)
	}
	t.begun = true
	return err
}

// connect takes a connection, if there is none yet.
func (t *tx) connect() error {
	if t.conn != nil {
		return nil
	}
	conn, err := acquire(t.ctx, t.pool)
	if err != nil {
		t.failed = err
		return err
	}
	t.conn = conn
	return nil
}

// reconnect takes another connection.
func (t *tx) reconnect() error {
	t.conn.Release()
	t.conn = nil
	ctx, cancel := context.WithTimeout(context.Background(), acquireTimeout)
	defer cancel()
	conn, err := t.pool.Acquire(ctx)
	if err != nil {
		t.failed = acquireError(err)
		return t.failed
	}
	t.conn, t.failed, t.lost = conn, nil, false
	return nil
}

// send sends statements and reads the answers. heard says that a row has come.
func (t *tx) send(queue []statement) (heard bool, err error) {
	var batch pgx.Batch
	if !t.begun {
		batch.Queue(t.begin)
	}
	for _, s := range queue {
		batch.Queue(numbered(s.sql), escaped(slices.Clone(s.args))...)
	}
	results := t.conn.SendBatch(context.Background(), &batch)
	if !t.begun {
		_, err = results.Exec()
	}
	var own error // of a scan
	for _, s := range queue {
		if err != nil {
			break
		}
		if s.scan == nil {
			tag, e := results.Exec()
			if err = e; s.affected != nil {
				*s.affected = tag.RowsAffected()
			}
			continue
		}
		rows, e := results.Query()
		if err = e; err != nil {
			break
		}
		for own == nil && rows.Next() {
			heard = true
			own = s.scan(scanned{rows})
		}
		rows.Close()
		err = rows.Err()
	}
	if e := results.Close(); err == nil {
		err = e
	}
	if err != nil {
		t.lost = t.conn.Conn().IsClosed() || fatal(err)
		t.failed = &serverError{err: err, lost: t.lost}
		return heard, t.failed
	}
	return heard, own
}

// serverError is an error of the server or of the way to it.
type serverError struct {
	err  error
	lost bool
}

func (e *serverError) Error() string { return classify(e.err).Error() }

// Unwrap lets callers see ErrUnavailable, and nothing of the driver.
func (e *serverError) Unwrap() error {
	if isUnavailable(classify(e.err)) {
		return store.ErrUnavailable
	}
	return nil
}

// statements are the numbered ones, by those with question marks.
var statements sync.Map

// numbered writes the arguments of a statement as PostgreSQL wants them.
func numbered(sql string) string {
	if s, ok := statements.Load(sql); ok {
		return s.(string)
	}
	var b strings.Builder
	n := 0
	for _, r := range sql {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		n++
		fmt.Fprintf(&b, "$%d", n)
	}
	statements.Store(sql, b.String())
	return b.String()
}

// latestTime keeps room above stored times for ShiftTimers to add to, and is
// later than any alert can mean.
var latestTime = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// nanos is a time as it is stored: nanoseconds since 1970, NULL when zero.
// What lies outside the 17th to the 22nd century is moved to its edge.
func nanos(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return bound(t)
}

// bound is a time to compare with; a zero time is 1970.
func bound(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.After(latestTime):
		return latestTime.UnixNano()
	case t.Year() < 1700:
		return math.MinInt64 / 2
	}
	return t.UnixNano()
}

// moment scans what nanos stored.
type moment struct{ t *time.Time }

// ScanInt64 implements pgtype.Int64Scanner.
func (m moment) ScanInt64(v pgtype.Int8) error {
	*m.t = time.Time{}
	if v.Valid {
		*m.t = time.Unix(0, v.Int64).UTC()
	}
	return nil
}

// hash stands for a long text in an index.
func hash(text string) int64 {
	sum := sha256.Sum256([]byte(text))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// newest is before as a bound: 0 starts at the newest.
func newest(before int64) int64 {
	if before <= 0 {
		return math.MaxInt64
	}
	return before
}

// page is the length of a list when its reader does not say: 100.
func page(limit int) int64 {
	if limit <= 0 {
		return 100
	}
	return int64(limit)
}

// one is the only element of a list; ErrNotFound when there is none.
func one[T any](list []T, err error) (T, error) {
	if err == nil && len(list) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return list[0], nil
}

// filter collects the conditions of a list.
type filter struct {
	conditions []string
	args       []any
}

func (f *filter) add(condition string, args ...any) {
	f.conditions = append(f.conditions, condition)
	f.args = append(f.args, args...)
}

func (f *filter) sql() string { return ` WHERE ` + strings.Join(f.conditions, ` AND `) }
