package sqlite

import (
	"database/sql/driver"
	"encoding/json"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const replayColumns = `id, by_name, by_id, done_from, destination, reason, state, next, total, replayed, left_alone, at, ended_at`

func (t *tx) replays(sql string, args ...any) ([]store.Replay, error) {
	var all []store.Replay
	err := t.conn.query(sql, func(row []driver.Value) error {
		all = append(all, store.Replay{
			ID:          row[0].(int64),
			By:          group.Person{Name: row[1].(string), ID: row[2].(string)},
			From:        row[3].(string),
			Destination: row[4].(string),
			Reason:      row[5].(string),
			State:       store.ReplayState(row[6].(string)),
			Next:        row[7].(int64),
			Total:       int(row[8].(int64)),
			Replayed:    int(row[9].(int64)),
			Left:        int(row[10].(int64)),
			At:          moment(row[11]),
			EndedAt:     moment(row[12]),
		})
		return nil
	}, args...)
	return all, err
}

// SaveReplay implements store.LetterTx.
func (t *tx) SaveReplay(r *store.Replay) (err error) {
	if r.ID == 0 {
		return t.insert(&r.ID, `INSERT INTO replays (by_name, by_id, done_from, destination, reason, state, next, total, replayed, left_alone, at, ended_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.By.Name, r.By.ID, r.From, r.Destination, r.Reason, string(r.State), r.Next,
			int64(r.Total), int64(r.Replayed), int64(r.Left), nanos(r.At), nanos(r.EndedAt))
	}
	return t.update(`UPDATE replays SET by_name = ?, by_id = ?, done_from = ?, destination = ?, reason = ?, state = ?, next = ?,
		total = ?, replayed = ?, left_alone = ?, at = ?, ended_at = ? WHERE id = ?`,
		r.By.Name, r.By.ID, r.From, r.Destination, r.Reason, string(r.State), r.Next,
		int64(r.Total), int64(r.Replayed), int64(r.Left), nanos(r.At), nanos(r.EndedAt), r.ID)
}

// Replay implements store.LetterTx.
func (t *tx) Replay(id int64) (store.Replay, error) {
	return one(t.replays(`SELECT `+replayColumns+` FROM replays WHERE id = ?`, id))
}

// RunningReplays implements store.LetterTx.
func (t *tx) RunningReplays() ([]store.Replay, error) {
	return t.replays(`SELECT ` + replayColumns + ` FROM replays WHERE state = 'running' ORDER BY id`)
}

// Replays implements store.LetterTx.
func (t *tx) Replays(before int64, limit int) ([]store.Replay, error) {
	return t.replays(`SELECT `+replayColumns+` FROM replays WHERE id < ? ORDER BY id DESC LIMIT ?`, newest(before), page(limit))
}

// CountReplay implements store.LetterTx.
func (t *tx) CountReplay(id int64) (store.ReplayCount, error) {
	var c store.ReplayCount
	all, err := t.number(`SELECT count(*) FROM posts INDEXED BY posts_replay WHERE replay = ? AND replay <> 0`, id)
	if err != nil {
		return c, err
	}
	err = t.conn.query(`SELECT state, count(*) FROM posts INDEXED BY posts_replay_open
		WHERE replay = ? AND replay <> 0 AND dead_letter GROUP BY state`, func(row []driver.Value) error {
		n := int(row[1].(int64))
		if row[0].(string) == string(store.Dead) {
			c.Dead = n
		} else {
			c.Waiting += n
		}
		return nil
	}, id)
	c.Told = int(all.(int64)) - c.Dead - c.Waiting
	return c, err
}

// Phases implements store.LetterTx.
func (t *tx) Phases(groups []int64) (map[int64]group.Phase, error) {
	phases := make(map[int64]group.Phase, len(groups))
	list, err := json.Marshal(groups)
	if err != nil {
		return nil, err
	}
	err = t.conn.query(`SELECT id, phase FROM groups WHERE id IN (SELECT value FROM json_each(?))`, func(row []driver.Value) error {
		phases[row[0].(int64)] = group.Phase(row[1].(string))
		return nil
	}, string(list))
	return phases, err
}

// LetterPiles implements store.LetterTx. It jumps from pile to pile in an index.
func (t *tx) LetterPiles(most int) (piles []store.LetterPile, err error) {
	last := store.LetterPile{}
	for {
		var next *store.LetterPile
		err = t.conn.query(`SELECT reason, destination, id FROM posts INDEXED BY posts_dead_pile
			WHERE dead_letter AND (reason, destination) > (?, ?) ORDER BY reason, destination LIMIT 1`, func(row []driver.Value) error {
			next = &store.LetterPile{Reason: row[0].(string), Destination: row[1].(string), Example: row[2].(int64)}
			return nil
		}, last.Reason, last.Destination)
		if err != nil || next == nil {
			return piles, err
		}
		err = t.conn.query(`SELECT
				(SELECT count(*) FROM (SELECT 1 FROM posts INDEXED BY posts_dead_pile
					WHERE dead_letter AND reason = ? AND destination = ? AND state = 'dead' LIMIT ?)),
				(SELECT count(*) FROM (SELECT 1 FROM posts INDEXED BY posts_dead_pile
					WHERE dead_letter AND reason = ? AND destination = ? AND state IN ('due', 'waiting', 'sending') LIMIT ?)),
				(SELECT since FROM posts INDEXED BY posts_dead_pile
					WHERE dead_letter AND reason = ? AND destination = ? AND state = 'dead' AND since IS NOT NULL ORDER BY since LIMIT 1)`,
			func(row []driver.Value) error {
				next.Dead, next.Waiting, next.Since = int(row[0].(int64)), int(row[1].(int64)), moment(row[2])
				return nil
			}, next.Reason, next.Destination, int64(most), next.Reason, next.Destination, int64(most), next.Reason, next.Destination)
		if err != nil {
			return nil, err
		}
		piles = append(piles, *next)
		last = *next
	}
}
