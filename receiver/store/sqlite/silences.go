package sqlite

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const silenceColumns = `id, group_id, sets, by_name, by_id, asked_from, comment, starts_at, ends_at, theirs, their_ids,
	state, attempts, not_before, reason, ended_name, ended_id`

// unsettled are the silences that Alertmanager has to be told of. The words are
// those of the partial indices.
const unsettled = `state IN ('requested', 'ending')`

func (t *tx) silences(sql string, args ...any) ([]store.Silence, error) {
	var silences []store.Silence
	err := t.conn.query(sql, func(row []driver.Value) error {
		s := store.Silence{
			ID:        row[0].(int64),
			GroupID:   row[1].(int64),
			By:        group.Person{Name: row[3].(string), ID: row[4].(string)},
			From:      row[5].(string),
			Comment:   row[6].(string),
			StartsAt:  moment(row[7]),
			EndsAt:    moment(row[8]),
			Theirs:    row[9].(int64) != 0,
			State:     store.SilenceState(row[11].(string)),
			Attempts:  int(row[12].(int64)),
			NotBefore: moment(row[13]),
			Reason:    row[14].(string),
			EndedBy:   group.Person{Name: row[15].(string), ID: row[16].(string)},
		}
		err := errors.Join(json.Unmarshal(row[2].([]byte), &s.Sets), json.Unmarshal(row[10].([]byte), &s.TheirIDs))
		if err != nil {
			return fmt.Errorf("silence %d cannot be read: %w", s.ID, err)
		}
		silences = append(silences, s)
		return nil
	}, args...)
	return silences, err
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
		s.GroupID, sets, s.By.Name, s.By.ID, s.From, s.Comment, nanos(s.StartsAt), nanos(s.EndsAt), flag(s.Theirs), theirIDs,
		string(s.State), int64(s.Attempts), nanos(s.NotBefore), s.Reason, s.EndedBy.Name, s.EndedBy.ID,
	}
	t.silencesChange()
	if s.ID == 0 {
		return t.insert(&s.ID, `INSERT INTO silences (group_id, sets, by_name, by_id, asked_from, comment, starts_at, ends_at, theirs, their_ids,
			state, attempts, not_before, reason, ended_name, ended_id)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, values...)
	}
	return t.update(`UPDATE silences SET group_id = ?, sets = ?, by_name = ?, by_id = ?, asked_from = ?, comment = ?, starts_at = ?, ends_at = ?,
		theirs = ?, their_ids = ?, state = ?, attempts = ?, not_before = ?, reason = ?, ended_name = ?, ended_id = ? WHERE id = ?`,
		append(values, s.ID)...)
}

// Silence implements store.BotTx.
func (t *tx) Silence(id int64) (store.Silence, error) {
	return one(t.silences(`SELECT `+silenceColumns+` FROM silences WHERE id = ?`, id))
}

// ActiveSilences implements store.BotTx. It looks at those only that are not
// over, so that where there are none it costs one step into an index.
func (t *tx) ActiveSilences(now time.Time) ([]store.Silence, error) {
	return t.silences(`SELECT `+silenceColumns+` FROM silences INDEXED BY silences_end WHERE ends_at > ? AND state IN ('active', 'ending')
		AND (starts_at IS NULL OR starts_at <= ?) ORDER BY id`, bound(now), bound(now))
}

// OpenSilences implements store.BotTx.
func (t *tx) OpenSilences(now time.Time) ([]store.Silence, error) {
	return t.silences(`SELECT `+silenceColumns+` FROM silences INDEXED BY silences_end WHERE ends_at > ? AND state IN ('requested', 'active', 'ending')
		ORDER BY id DESC`, bound(now))
}

// UnsettledSilences implements store.BotTx.
func (t *tx) UnsettledSilences(now time.Time, limit int) (ready []store.Silence, next time.Time, err error) {
	ready, err = t.silences(`SELECT `+silenceColumns+` FROM silences INDEXED BY silences_unsettled
		WHERE `+unsettled+` AND (not_before IS NULL OR not_before <= ?) ORDER BY id LIMIT ?`, bound(now), int64(limit))
	if err != nil {
		return nil, time.Time{}, err
	}
	at, err := t.number(`SELECT min(not_before) FROM silences INDEXED BY silences_unsettled
		WHERE `+unsettled+` AND not_before > ?`, bound(now))
	return ready, moment(at), err
}
