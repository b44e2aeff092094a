package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const replayColumns = `id, by_name, by_id, done_from, destination, reason, state, next, total, replayed, left_alone, at, ended_at`

func (t *tx) replays(sql string, args ...any) ([]store.Replay, error) {
	var all []store.Replay
	err := t.query(sql, func(rows pgx.Rows) error {
		var r store.Replay
		err := rows.Scan(&r.ID, &r.By.Name, &r.By.ID, &r.From, &r.Destination, &r.Reason, (*string)(&r.State), &r.Next,
			&r.Total, &r.Replayed, &r.Left, moment{&r.At}, moment{&r.EndedAt})
		all = append(all, r)
		return err
	}, args...)
	return all, err
}

// SaveReplay implements store.LetterTx.
func (t *tx) SaveReplay(r *store.Replay) (err error) {
	values := []any{
		r.By.Name, r.By.ID, r.From, r.Destination, r.Reason, string(r.State), r.Next,
		int64(r.Total), int64(r.Replayed), int64(r.Left), nanos(r.At), nanos(r.EndedAt),
	}
	if r.ID == 0 {
		err = t.insert(&r.ID, `INSERT INTO replays (by_name, by_id, done_from, destination, reason, state, next, total, replayed, left_alone, at, ended_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, values...)
		return err
	}
	return t.update(`UPDATE replays SET by_name = ?, by_id = ?, done_from = ?, destination = ?, reason = ?, state = ?, next = ?,
		total = ?, replayed = ?, left_alone = ?, at = ?, ended_at = ? WHERE id = ?`, append(values, r.ID)...)
}

// Replay implements store.LetterTx.
func (t *tx) Replay(id int64) (store.Replay, error) {
	return one(t.replays(`SELECT `+replayColumns+` FROM replays WHERE id = ?`+t.forUpdate("replays"), id))
}

// RunningReplays implements store.LetterTx.
func (t *tx) RunningReplays() ([]store.Replay, error) {
	return t.replays(`SELECT ` + replayColumns + ` FROM replays WHERE state = 'running' ORDER BY id` + t.forUpdate("replays"))
}

// Replays implements store.LetterTx.
func (t *tx) Replays(before int64, limit int) ([]store.Replay, error) {
	return t.replays(`SELECT `+replayColumns+` FROM replays WHERE id < ? ORDER BY id DESC LIMIT ?`, newest(before), page(limit))
}

// CountReplay implements store.LetterTx.
func (t *tx) CountReplay(id int64) (store.ReplayCount, error) {
	var c store.ReplayCount
	all, _, err := t.number(`SELECT count(*) FROM posts WHERE replay = ? AND replay <> 0`, id)
	if err != nil {
		return c, err
	}
	err = t.query(`SELECT state, count(*) FROM posts WHERE replay = ? AND replay <> 0 AND dead_letter GROUP BY state`, func(rows pgx.Rows) error {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return err
		}
		if state == string(store.Dead) {
			c.Dead = n
		} else {
			c.Waiting += n
		}
		return nil
	}, id)
	c.Told = int(all) - c.Dead - c.Waiting
	return c, err
}

// Phases implements store.LetterTx.
func (t *tx) Phases(groups []int64) (map[int64]group.Phase, error) {
	phases := make(map[int64]group.Phase, len(groups))
	err := t.query(`SELECT id, phase FROM groups WHERE id = ANY(?)`, func(rows pgx.Rows) error {
		var id int64
		var phase string
		err := rows.Scan(&id, &phase)
		phases[id] = group.Phase(phase)
		return err
	}, groups)
	return phases, err
}

// LetterPiles implements store.LetterTx. It jumps from pile to pile in an index.
func (t *tx) LetterPiles(most int) (piles []store.LetterPile, err error) {
	last := store.LetterPile{}
	for {
		var next *store.LetterPile
		err = t.query(`SELECT reason, destination, id FROM posts
			WHERE dead_letter AND (reason, destination) > (?, ?) ORDER BY reason, destination LIMIT 1`, func(rows pgx.Rows) error {
			next = &store.LetterPile{}
			return rows.Scan(&next.Reason, &next.Destination, &next.Example)
		}, last.Reason, last.Destination)
		if err != nil || next == nil {
			return piles, err
		}
		err = t.query(`SELECT
				(SELECT count(*) FROM (SELECT 1 FROM posts
					WHERE dead_letter AND reason = ? AND destination = ? AND state = 'dead' LIMIT ?) AS dead),
				(SELECT count(*) FROM (SELECT 1 FROM posts
					WHERE dead_letter AND reason = ? AND destination = ? AND state IN ('due', 'waiting', 'sending') LIMIT ?) AS waiting),
				(SELECT since FROM posts
					WHERE dead_letter AND reason = ? AND destination = ? AND state = 'dead' AND since IS NOT NULL ORDER BY since LIMIT 1)`,
			func(rows pgx.Rows) error { return rows.Scan(&next.Dead, &next.Waiting, moment{&next.Since}) },
			next.Reason, next.Destination, int64(most), next.Reason, next.Destination, int64(most), next.Reason, next.Destination)
		if err != nil {
			return nil, err
		}
		piles = append(piles, *next)
		last = *next
	}
}
