package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const intentColumns = `id, group_id, source, verb, who, text, state, attempts, not_before, reason, requested_at, done_at`

// headIntents are the intents that may be worked: of each group the first that
// is not settled.
const headIntents = `SELECT min(id) FROM intents WHERE state = 'requested' GROUP BY group_id`

func (t *tx) intents(sql string, args ...any) ([]store.Intent, error) {
	var intents []store.Intent
	err := t.query(sql, func(rows pgx.Rows) error {
		var i store.Intent
		err := rows.Scan(&i.ID, &i.GroupID, &i.Source, &i.Verb, &i.Who, &i.Text, (*string)(&i.State), &i.Attempts,
			moment{&i.NotBefore}, &i.Reason, moment{&i.RequestedAt}, moment{&i.DoneAt})
		intents = append(intents, i)
		return err
	}, args...)
	return intents, err
}

// SaveIntent implements store.IntentTx.
func (t *tx) SaveIntent(i *store.Intent) (err error) {
	values := []any{
		i.GroupID, i.Source, i.Verb, i.Who, i.Text, string(i.State), int64(i.Attempts), nanos(i.NotBefore),
		i.Reason, nanos(i.RequestedAt), nanos(i.DoneAt),
	}
	if i.ID == 0 {
		err = t.insert(&i.ID, `INSERT INTO intents (group_id, source, verb, who, text, state, attempts, not_before, reason, requested_at, done_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, values...)
		return err
	}
	return t.update(`UPDATE intents SET group_id = ?, source = ?, verb = ?, who = ?, text = ?, state = ?, attempts = ?, not_before = ?,
		reason = ?, requested_at = ?, done_at = ? WHERE id = ?`, append(values, i.ID)...)
}

// Intent implements store.IntentTx.
func (t *tx) Intent(id int64) (store.Intent, error) {
	return one(t.intents(`SELECT `+intentColumns+` FROM intents WHERE id = ?`+t.forUpdate("intents"), id))
}

// Intents implements store.IntentTx.
func (t *tx) Intents(groupIDs []int64) ([]store.Intent, error) {
	if len(groupIDs) == 0 {
		return nil, nil
	}
	return t.intents(`SELECT `+intentColumns+` FROM intents WHERE group_id = ANY (?) ORDER BY id`+t.forUpdate("intents"), groupIDs)
}

// NextIntent implements store.IntentTx.
func (t *tx) NextIntent(source string, now, farthest time.Time) (store.Intent, error) {
	return one(t.intents(`SELECT `+intentColumns+` FROM intents
		WHERE id IN (`+headIntents+`) AND source = ? AND (not_before IS NULL OR not_before <= ? OR not_before > ?)
		ORDER BY id LIMIT 1`+t.forUpdate("intents"), source, bound(now), bound(farthest)))
}

// IntentQueues implements store.IntentTx.
func (t *tx) IntentQueues(now, farthest time.Time) ([]store.IntentQueue, error) {
	var queues []store.IntentQueue
	err := t.query(`SELECT source, nullif(min(CASE WHEN not_before > ? AND not_before <= ? THEN not_before ELSE 0 END), 0) FROM intents
		WHERE id IN (`+headIntents+`) GROUP BY source ORDER BY source`, func(rows pgx.Rows) error {
		var q store.IntentQueue
		err := rows.Scan(&q.Source, moment{&q.NotBefore})
		queues = append(queues, q)
		return err
	}, bound(now), bound(farthest))
	return queues, err
}
