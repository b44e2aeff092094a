package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const silenceColumns = `id, group_id, sets, by_name, by_id, asked_from, comment, starts_at, ends_at, theirs, their_ids,
	state, attempts, not_before, reason, ended_name, ended_id`

// unsettled are the silences that Alertmanager has to be told of. The words are
// those of the partial indices.
const unsettled = `state IN ('requested', 'ending')`

func (t *tx) silences(sql string, args ...any) ([]store.Silence, error) {
	var found []store.Silence
	err := t.query(sql, func(rows pgx.Rows) error {
		var s store.Silence
		var sets, theirs []byte
		err := rows.Scan(&s.ID, &s.GroupID, &sets, &s.By.Name, &s.By.ID, &s.From, &s.Comment, moment{&s.StartsAt}, moment{&s.EndsAt},
			&s.Theirs, &theirs, (*string)(&s.State), &s.Attempts, moment{&s.NotBefore}, &s.Reason, &s.EndedBy.Name, &s.EndedBy.ID)
		if err != nil {
			return err
		}
		if err := errors.Join(json.Unmarshal(sets, &s.Sets), json.Unmarshal(theirs, &s.TheirIDs)); err != nil {
			return fmt.Errorf("silence %d cannot be read: %w", s.ID, err)
		}
		found = append(found, s)
		return nil
	}, args...)
	return found, err
}

// silencesUnder is silences for what is kept under their number.
func (t *tx) silencesUnder(sql string, args ...any) (found []store.Silence, err error) {
	err = t.readUnder(silences, func() (err error) {
		found, err = t.silences(sql, args...)
		return err
	})
	return found, err
}

// SaveSilence implements store.BotTx.
func (t *tx) SaveSilence(s *store.Silence) error {
	sets, err := json.Marshal(s.Sets)
	if err != nil {
		return err
	}
	theirIDs, err := json.Marshal(s.TheirIDs)
	if err != nil {
		return err
	}
	values := []any{
		s.GroupID, sets, s.By.Name, s.By.ID, s.From, s.Comment, nanos(s.StartsAt), nanos(s.EndsAt), s.Theirs, theirIDs,
		string(s.State), int64(s.Attempts), nanos(s.NotBefore), s.Reason, s.EndedBy.Name, s.EndedBy.ID,
	}
	if err := t.revise(silences); err != nil {
		return err
	}
	if s.ID == 0 {
		err = t.insert(&s.ID, `INSERT INTO silences (group_id, sets, by_name, by_id, asked_from, comment, starts_at, ends_at, theirs, their_ids,
			state, attempts, not_before, reason, ended_name, ended_id)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, values...)
		return err
	}
	return t.update(`UPDATE silences SET group_id = ?, sets = ?, by_name = ?, by_id = ?, asked_from = ?, comment = ?, starts_at = ?, ends_at = ?,
		theirs = ?, their_ids = ?, state = ?, attempts = ?, not_before = ?, reason = ?, ended_name = ?, ended_id = ? WHERE id = ?`,
		append(values, s.ID)...)
}

// Silence implements store.BotTx.
func (t *tx) Silence(id int64) (store.Silence, error) {
	return one(t.silences(`SELECT `+silenceColumns+` FROM silences WHERE id = ?`+t.forUpdate("silences"), id))
}

// ActiveSilences implements store.BotTx. It looks at those only that are not
// over, so that where there are none it costs one step into an index.
func (t *tx) ActiveSilences(now time.Time) ([]store.Silence, error) {
	return t.silencesUnder(`SELECT `+silenceColumns+` FROM silences WHERE ends_at > ? AND state IN ('active', 'ending')
		AND (starts_at IS NULL OR starts_at <= ?) ORDER BY id`, bound(now), bound(now))
}

// OpenSilences implements store.BotTx.
func (t *tx) OpenSilences(now time.Time) ([]store.Silence, error) {
	return t.silencesUnder(`SELECT `+silenceColumns+` FROM silences WHERE ends_at > ? AND state IN ('requested', 'active', 'ending')
		ORDER BY id DESC`, bound(now))
}

// UnsettledSilences implements store.BotTx.
func (t *tx) UnsettledSilences(now time.Time, limit int) (ready []store.Silence, next time.Time, err error) {
	ready, err = t.silences(`SELECT `+silenceColumns+` FROM silences
		WHERE `+unsettled+` AND (not_before IS NULL OR not_before <= ?) ORDER BY id LIMIT ?`+t.forUpdate("silences"), bound(now), int64(limit))
	if err != nil {
		return nil, time.Time{}, err
	}
	next, err = t.time(`SELECT min(not_before) FROM silences WHERE `+unsettled+` AND not_before > ?`, bound(now))
	return ready, next, err
}
