package sqlite

import (
	"database/sql/driver"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const intentColumns = `id, group_id, source, verb, who, text, state, attempts, not_before, reason, requested_at, done_at`

// headIntents are the intents that may be worked: of each group the first that
// is not settled.
const headIntents = `SELECT min(id) FROM intents WHERE state = 'requested' GROUP BY group_id`

func (t *tx) intents(sql string, args ...any) ([]store.Intent, error) {
	var intents []store.Intent
	err := t.conn.query(sql, func(row []driver.Value) error {
		intents = append(intents, store.Intent{
			ID:          row[0].(int64),
			GroupID:     row[1].(int64),
			Source:      row[2].(string),
			Verb:        row[3].(string),
			Who:         row[4].(string),
			Text:        row[5].(string),
			State:       store.IntentState(row[6].(string)),
			Attempts:    int(row[7].(int64)),
			NotBefore:   moment(row[8]),
			Reason:      row[9].(string),
			RequestedAt: moment(row[10]),
			DoneAt:      moment(row[11]),
		})
		return nil
	}, args...)
	return intents, err
}

// SaveIntent implements store.IntentTx.
func (t *tx) SaveIntent(i *store.Intent) (err error) {
	if i.ID == 0 {
		return t.insert(&i.ID, `INSERT INTO intents (group_id, source, verb, who, text, state, attempts, not_before, reason, requested_at, done_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			i.GroupID, i.Source, i.Verb, i.Who, i.Text, string(i.State), int64(i.Attempts), nanos(i.NotBefore), i.Reason, nanos(i.RequestedAt), nanos(i.DoneAt))
	}
	return t.update(`UPDATE intents SET group_id = ?, source = ?, verb = ?, who = ?, text = ?, state = ?, attempts = ?, not_before = ?,
		reason = ?, requested_at = ?, done_at = ? WHERE id = ?`,
		i.GroupID, i.Source, i.Verb, i.Who, i.Text, string(i.State), int64(i.Attempts), nanos(i.NotBefore), i.Reason, nanos(i.RequestedAt), nanos(i.DoneAt), i.ID)
}

// Intent implements store.IntentTx.
func (t *tx) Intent(id int64) (store.Intent, error) {
	return one(t.intents(`SELECT `+intentColumns+` FROM intents WHERE id = ?`, id))
}

// Intents implements store.IntentTx.
func (t *tx) Intents(groupIDs []int64) ([]store.Intent, error) {
	var all []store.Intent
	for _, id := range groupIDs {
		intents, err := t.intents(`SELECT `+intentColumns+` FROM intents WHERE group_id = ? ORDER BY id`, id)
		if err != nil {
			return nil, err
		}
		all = append(all, intents...)
	}
	return all, nil
}

// NextIntent implements store.IntentTx.
func (t *tx) NextIntent(source string, now, farthest time.Time) (store.Intent, error) {
	return one(t.intents(`SELECT `+intentColumns+` FROM intents
		WHERE id IN (`+headIntents+`) AND source = ? AND (not_before IS NULL OR not_before <= ? OR not_before > ?)
		ORDER BY id LIMIT 1`, source, bound(now), bound(farthest)))
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

// IntentQueues implements store.IntentTx.
func (t *tx) IntentQueues(now, farthest time.Time) ([]store.IntentQueue, error) {
	var queues []store.IntentQueue
	err := t.conn.query(`SELECT source, min(CASE WHEN not_before > ? AND not_before <= ? THEN not_before ELSE 0 END) FROM intents
		WHERE id IN (`+headIntents+`) GROUP BY source ORDER BY source`, func(row []driver.Value) error {
		queue := store.IntentQueue{Source: row[0].(string)}
		if at := row[1].(int64); at != 0 {
			queue.NotBefore = moment(at)
		}
		queues = append(queues, queue)
		return nil
	}, bound(now), bound(farthest))
	return queues, err
}
