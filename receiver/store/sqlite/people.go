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

const personColumns = `name, object_id, display_name, upn, conversation, state, reason, message,
	wanted, attempts, not_before, installed_at, version, checked_at, updated_at`

func (t *tx) people(sql string, args ...any) ([]store.Person, error) {
	var people []store.Person
	err := t.conn.query(sql, func(row []driver.Value) error {
		people = append(people, store.Person{
			Name:         row[0].(string),
			ObjectID:     row[1].(string),
			DisplayName:  row[2].(string),
			UPN:          row[3].(string),
			Conversation: row[4].(string),
			State:        store.PersonState(row[5].(string)),
			Reason:       row[6].(string),
			Message:      row[7].(string),
			Wanted:       row[8].(int64) != 0,
			Attempts:     int(row[9].(int64)),
			NotBefore:    moment(row[10]),
			InstalledAt:  moment(row[11]),
			Version:      row[12].(string),
			CheckedAt:    moment(row[13]),
			UpdatedAt:    moment(row[14]),
		})
		return nil
	}, args...)
	return people, err
}

// Person implements store.PeopleTx.
func (t *tx) Person(name string) (store.Person, error) {
	return one(t.people(`SELECT `+personColumns+` FROM people WHERE name = ?`, name))
}

// People implements store.PeopleTx.
func (t *tx) People(after string, limit int) ([]store.Person, error) {
	if limit <= 0 {
		limit = -1
	}
	return t.people(`SELECT `+personColumns+` FROM people WHERE name > ? ORDER BY name LIMIT ?`, after, int64(limit))
}

// SavePerson implements store.PeopleTx.
func (t *tx) SavePerson(p *store.Person) error {
	_, err := t.write(`INSERT INTO people (`+personColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET object_id = excluded.object_id, display_name = excluded.display_name, upn = excluded.upn,
			conversation = excluded.conversation, state = excluded.state, reason = excluded.reason, message = excluded.message,
			wanted = excluded.wanted, attempts = excluded.attempts, not_before = excluded.not_before,
			installed_at = excluded.installed_at, version = excluded.version, checked_at = excluded.checked_at,
			updated_at = excluded.updated_at`,
		p.Name, p.ObjectID, p.DisplayName, p.UPN, p.Conversation, string(p.State), p.Reason, p.Message,
		flag(p.Wanted), int64(p.Attempts), nanos(p.NotBefore), nanos(p.InstalledAt), p.Version, nanos(p.CheckedAt), nanos(p.UpdatedAt))
	return err
}

// toReach are the words of the partial index, or SQLite would not use it.
const toReach = `wanted AND conversation = ''`

// PeopleToReach implements store.PeopleTx.
func (t *tx) PeopleToReach(now time.Time, limit int) (ready []store.Person, next time.Time, err error) {
	ready, err = t.people(`SELECT `+personColumns+` FROM people INDEXED BY people_wanted
		WHERE `+toReach+` AND (not_before IS NULL OR not_before <= ?) ORDER BY not_before, name LIMIT ?`, bound(now), int64(limit))
	if err != nil {
		return nil, time.Time{}, err
	}
	at, err := t.number(`SELECT min(not_before) FROM people INDEXED BY people_wanted WHERE `+toReach+` AND not_before > ?`, bound(now))
	return ready, moment(at), err
}

// PeopleIn implements store.PeopleTx.
func (t *tx) PeopleIn(conversation string) ([]store.Person, error) {
	return t.people(`SELECT `+personColumns+` FROM people WHERE conversation <> '' AND conversation = ? ORDER BY name`, conversation)
}

// PersonalConversation implements store.PeopleTx.
func (t *tx) PersonalConversation(objectID string) (store.Conversation, error) {
	return one(t.conversations(`SELECT `+conversationColumns+` FROM conversations
		WHERE kind = 'personal' AND user_object_id = ? AND moved_to = '' ORDER BY updated_at DESC, id LIMIT 1`, objectID))
}

// Roster implements store.PeopleTx.
func (t *tx) Roster(id string) (store.Roster, error) {
	r := store.Roster{ID: id}
	err := t.conn.query(`SELECT display_name, members, refreshed_at, reason, message, attempts, not_before FROM rosters WHERE id = ?`,
		func(row []driver.Value) error {
			r.DisplayName, r.RefreshedAt = row[0].(string), moment(row[2])
			r.Reason, r.Message, r.Attempts, r.NotBefore = row[3].(string), row[4].(string), int(row[5].(int64)), moment(row[6])
			if err := json.Unmarshal(row[1].([]byte), &r.Members); err != nil {
				return fmt.Errorf("roster %q cannot be read: %w", id, err)
			}
			return nil
		}, id)
	return r, err
}

// SaveRoster implements store.PeopleTx.
func (t *tx) SaveRoster(r *store.Roster) error {
	members, err := json.Marshal(r.Members)
	if err != nil {
		return err
	}
	_, err = t.write(`INSERT INTO rosters (id, display_name, members, refreshed_at, reason, message, attempts, not_before)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name, members = excluded.members,
			refreshed_at = excluded.refreshed_at, reason = excluded.reason, message = excluded.message,
			attempts = excluded.attempts, not_before = excluded.not_before`,
		r.ID, r.DisplayName, members, nanos(r.RefreshedAt), r.Reason, r.Message, int64(r.Attempts), nanos(r.NotBefore))
	return err
}

// MovePosts implements store.PeopleTx.
func (t *tx) MovePosts(from, to string, now time.Time) (int, error) {
	posts, err := t.posts(`SELECT `+postColumns+` FROM posts WHERE address = ? ORDER BY id`, from)
	if err != nil {
		return 0, err
	}
	for _, p := range posts {
		if p.State == store.Dead {
			g, err := t.Group(p.GroupID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return 0, err
			}
			if g.Phase != group.Over {
				p.Replay(now)
			}
		}
		if err := t.readdress(p, to); err != nil {
			return 0, err
		}
	}
	return len(posts), nil
}

// MoveSubscriptions implements store.PeopleTx.
func (t *tx) MoveSubscriptions(from, to string) error {
	if _, err := t.change(`DELETE FROM subscriptions WHERE address = ? AND EXISTS
		(SELECT 1 FROM subscriptions AS there WHERE there.address = ? AND there.matchers = subscriptions.matchers)`, from, to); err != nil {
		return err
	}
	_, err := t.change(`UPDATE subscriptions SET address = ? WHERE address = ?`, to, from)
	return err
}
