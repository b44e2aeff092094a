package postgres

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// askRevisions queues the question for the revisions, if nothing has asked yet.
func (t *tx) askRevisions() {
	if t.revisions != nil {
		return
	}
	t.queue = append(t.queue, statement{sql: `SELECT silences, subscriptions, destinations FROM teamsrelay`, scan: t.scanRevisions})
}

func (t *tx) scanRevisions(rows pgx.Rows) error {
	var r store.Revisions
	err := rows.Scan(&r.Silences, &r.Subscriptions, &r.Destinations)
	t.revisions = &r
	return err
}

// lockAndAsk is lock and askRevisions in one statement.
func (t *tx) lockAndAsk(kind, name string) {
	switch {
	case !t.writable:
	case t.revisions != nil:
		t.lock(kind, name)
	default:
		t.queue = append(t.queue, statement{
			sql:  `SELECT silences, subscriptions, destinations FROM teamsrelay, pg_advisory_xact_lock(?)`,
			args: []any{hash(kind + "\x00" + name)}, scan: t.scanRevisions,
		})
	}
}

// Revisions implements store.BotTx. The rows that are read after it may be
// newer than the numbers say, never older.
func (t *tx) Revisions() (store.Revisions, error) {
	if t.revisions == nil {
		t.askRevisions()
		if err := t.flush(); err != nil {
			return store.Revisions{}, err
		}
	}
	return *t.revisions, nil
}

// The columns of the numbers.
const (
	silences      = "silences"
	subscriptions = "subscriptions"
	destinations  = "destinations"
)

// revise gives what is about to be written a number that was never given. Who
// changes silences waits for who has changed them before, and begins anew if it
// had asked for their number: what it knows of them is old.
func (t *tx) revise(what string) error {
	known := t.revisions
	t.revisions = nil
	if known == nil {
		return t.later(`UPDATE teamsrelay SET ` + what + ` = nextval('revisions')`)
	}
	n, err := t.change(`UPDATE teamsrelay SET `+what+` = nextval('revisions') WHERE `+what+` = ?`, number(known, what))
	if err == nil && n == 0 {
		err = t.conflict()
	}
	return err
}

// readUnder runs a query of what has a number. In an Update it begins anew when
// the number has changed since it was asked for: what is kept under a number is
// what belongs to it. A View sees one moment.
func (t *tx) readUnder(what string, query func() error) error {
	if !t.writable {
		return query()
	}
	t.askRevisions()
	if err := query(); err != nil {
		return err
	}
	now, _, err := t.number(`SELECT ` + what + ` FROM teamsrelay`)
	if err == nil && now != number(t.revisions, what) {
		err = t.conflict()
	}
	return err
}

func number(r *store.Revisions, what string) int64 {
	switch what {
	case silences:
		return r.Silences
	case subscriptions:
		return r.Subscriptions
	}
	return r.Destinations
}

// conflict ends the transaction as PostgreSQL does when two get in each other's
// way, and has it run again.
func (t *tx) conflict() error {
	t.failed = &serverError{err: &pgconn.PgError{Severity: "ERROR", Code: serializationFailure, Message: "another replica has changed it"}}
	return t.failed
}
