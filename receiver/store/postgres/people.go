package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const personColumns = `name, object_id, display_name, upn, conversation, state, reason, message,
	wanted, attempts, not_before, installed_at, version, checked_at, updated_at`

func (t *tx) people(sql string, args ...any) ([]store.Person, error) {
	var people []store.Person
	err := t.query(sql, func(rows pgx.Rows) error {
		var p store.Person
		err := rows.Scan(&p.Name, &p.ObjectID, &p.DisplayName, &p.UPN, &p.Conversation, (*string)(&p.State), &p.Reason, &p.Message,
			&p.Wanted, &p.Attempts, moment{&p.NotBefore}, moment{&p.InstalledAt}, &p.Version, moment{&p.CheckedAt}, moment{&p.UpdatedAt})
		people = append(people, p)
		return err
	}, args...)
	return people, err
}

// Person implements store.PeopleTx.
func (t *tx) Person(name string) (store.Person, error) {
	t.lock("person", name)
	return one(t.people(`SELECT `+personColumns+` FROM people WHERE name = ?`+t.forUpdate("people"), name))
}

// People implements store.PeopleTx. They are not locked: who changes one reads
// it with Person.
func (t *tx) People(after string, limit int) ([]store.Person, error) {
	most := int64(limit)
	if limit <= 0 {
		most = math.MaxInt64
	}
	return t.people(`SELECT `+personColumns+` FROM people WHERE name > ? ORDER BY name LIMIT ?`, after, most)
}

// SavePerson implements store.PeopleTx.
func (t *tx) SavePerson(p *store.Person) error {
	return t.later(`INSERT INTO people (`+personColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET object_id = excluded.object_id, display_name = excluded.display_name, upn = excluded.upn,
			conversation = excluded.conversation, state = excluded.state, reason = excluded.reason, message = excluded.message,
			wanted = excluded.wanted, attempts = excluded.attempts, not_before = excluded.not_before,
			installed_at = excluded.installed_at, version = excluded.version, checked_at = excluded.checked_at,
			updated_at = excluded.updated_at`,
		p.Name, p.ObjectID, p.DisplayName, p.UPN, p.Conversation, string(p.State), p.Reason, p.Message,
		p.Wanted, int64(p.Attempts), nanos(p.NotBefore), nanos(p.InstalledAt), p.Version, nanos(p.CheckedAt), nanos(p.UpdatedAt))
}

// toReach are the words of the partial index, or PostgreSQL would not use it.
const toReach = `wanted AND conversation = ''`

// PeopleToReach implements store.PeopleTx. Those that were never tried have no
// time and go first; asked for apart, neither they nor the others are sorted.
func (t *tx) PeopleToReach(now time.Time, limit int) (ready []store.Person, next time.Time, err error) {
	const from = `SELECT ` + personColumns + ` FROM people WHERE ` + toReach
	if ready, err = t.people(from+` AND not_before IS NULL ORDER BY name LIMIT ?`+t.forUpdate("people"), int64(limit)); err != nil {
		return nil, time.Time{}, err
	}
	if left := limit - len(ready); left > 0 {
		again, err := t.people(from+` AND not_before <= ? ORDER BY not_before, name LIMIT ?`+t.forUpdate("people"), bound(now), int64(left))
		if err != nil {
			return nil, time.Time{}, err
		}
		ready = append(ready, again...)
	}
	next, err = t.time(`SELECT min(not_before) FROM people WHERE `+toReach+` AND not_before > ?`, bound(now))
	return ready, next, err
}

// PeopleIn implements store.PeopleTx.
func (t *tx) PeopleIn(conversation string) ([]store.Person, error) {
	return t.people(`SELECT `+personColumns+` FROM people WHERE conversation <> '' AND conversation = ? ORDER BY name`+t.forUpdate("people"), conversation)
}

// PeopleOf implements store.PeopleTx.
func (t *tx) PeopleOf(objectID string) ([]store.Person, error) {
	return t.people(`SELECT `+personColumns+` FROM people WHERE name IN (
		SELECT name FROM people WHERE object_id <> '' AND object_id = ?
		UNION SELECT name FROM people WHERE name <> '' AND name = ?) ORDER BY name`+t.forUpdate("people"), objectID, objectID)
}

// PersonalConversation implements store.PeopleTx.
func (t *tx) PersonalConversation(objectID string) (store.Conversation, error) {
	return one(t.conversations(`SELECT `+conversationColumns+` FROM conversations
		WHERE kind = 'personal' AND moved_to = '' AND user_object_id <> '' AND user_object_id = ?
		ORDER BY updated_at DESC NULLS LAST, id DESC LIMIT 1`+t.forUpdate("conversations"), objectID))
}

// Roster implements store.PeopleTx.
func (t *tx) Roster(id string) (store.Roster, error) {
	t.lock("roster", id)
	r := store.Roster{ID: id}
	err := t.query(`SELECT display_name, members, refreshed_at, reason, message, attempts, not_before FROM rosters WHERE id = ?`+t.forUpdate("rosters"),
		func(rows pgx.Rows) error {
			var members []byte
			if err := rows.Scan(&r.DisplayName, &members, moment{&r.RefreshedAt}, &r.Reason, &r.Message, &r.Attempts, moment{&r.NotBefore}); err != nil {
				return err
			}
			if err := json.Unmarshal(members, &r.Members); err != nil {
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
	return t.later(`INSERT INTO rosters (id, display_name, members, refreshed_at, reason, message, attempts, not_before)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name, members = excluded.members,
			refreshed_at = excluded.refreshed_at, reason = excluded.reason, message = excluded.message,
			attempts = excluded.attempts, not_before = excluded.not_before`,
		r.ID, r.DisplayName, members, nanos(r.RefreshedAt), r.Reason, r.Message, int64(r.Attempts), nanos(r.NotBefore))
}

// movable are the posts of an address that MovePosts moves, in parts that have
// an index each, so that a portion of thousands costs no more than itself.
var movable = [...]string{
	queued + ` ORDER BY rank DESC, since NULLS FIRST, id`,
	sending + ` ORDER BY id`,
	`dead_letter AND state = 'dead' ORDER BY id`,
	`message_id <> '' AND state IN ('shown', 'accepted')`,
}

// MovePosts implements store.PeopleTx.
func (t *tx) MovePosts(from, to string, now time.Time, limit int) (moved int, more bool, err error) {
	if from == to {
		return 0, false, nil
	}
	var posts []store.Post
	for _, some := range movable {
		part, err := t.posts(`SELECT `+postColumns+` FROM posts WHERE address = ? AND `+some+` LIMIT ?`+t.forUpdate("posts"), from, int64(limit+1-len(posts)))
		if err != nil {
			return 0, false, err
		}
		posts = append(posts, part...)
	}
	if more = len(posts) > limit; more {
		posts = posts[:limit]
	}
	for i := range posts {
		p := &posts[i]
		if p.State == store.Dead {
			phase := ""
			err := t.query(`SELECT phase FROM groups WHERE id = ?`, func(rows pgx.Rows) error { return rows.Scan(&phase) }, p.GroupID)
			if err != nil {
				return 0, false, err
			}
			if phase != string(group.Over) {
				p.Replay(now)
				if err := t.SavePost(p); err != nil {
					return 0, false, err
				}
			}
		}
		if err := t.readdress(p, to, now); err != nil {
			return 0, false, err
		}
	}
	return len(posts), more, nil
}

// readdress moves one post. Where the episode has a post at the new address
// already, that one takes over, also for who was to wait for it.
func (t *tx) readdress(p *store.Post, address string, now time.Time) error {
	there, err := t.PostOf(p.GroupID, address)
	if errors.Is(err, store.ErrNotFound) {
		p.Move(address)
		return t.later(`UPDATE posts SET address = ?, message_id = ?, not_before = ? WHERE id = ?`,
			p.Address, p.MessageID, nanos(p.NotBefore), p.ID)
	}
	if err != nil {
		return err
	}
	there.TakeOver(*p, now)
	if err := t.SavePost(&there); err != nil {
		return err
	}
	if err := t.later(`UPDATE posts SET follows = ? WHERE follows <> 0 AND follows = ?`, there.ID, p.ID); err != nil {
		return err
	}
	return t.DeletePost(p.ID)
}

// MoveSubscriptions implements store.PeopleTx.
func (t *tx) MoveSubscriptions(from, to string) error {
	if from == to {
		return nil
	}
	moving, err := t.Subscriptions(from)
	if err != nil {
		return err
	}
	all, err := t.Subscriptions(to)
	if err != nil {
		return err
	}
	for i := range moving {
		moving[i].Address = to
		if err := t.SaveSubscription(&moving[i]); err != nil {
			return err
		}
	}
	for _, id := range store.Repeated(append(all, moving...)) {
		if err := t.DeleteSubscription(id); err != nil {
			return err
		}
	}
	return nil
}
