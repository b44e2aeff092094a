package sqlite

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const conversationColumns = `id, kind, tenant, service_url, bot_id, name, team_id, team_group, team_name,
	user_id, user_object_id, installed, blocked, updated_at, moved_to`

func (t *tx) conversations(sql string, args ...any) ([]store.Conversation, error) {
	var conversations []store.Conversation
	err := t.conn.query(sql, func(row []driver.Value) error {
		conversations = append(conversations, store.Conversation{
			ID:           row[0].(string),
			Kind:         row[1].(string),
			Tenant:       row[2].(string),
			ServiceURL:   row[3].(string),
			BotID:        row[4].(string),
			Name:         row[5].(string),
			TeamID:       row[6].(string),
			TeamGroup:    row[7].(string),
			TeamName:     row[8].(string),
			UserID:       row[9].(string),
			UserObjectID: row[10].(string),
			Installed:    row[11].(int64) != 0,
			Blocked:      row[12].(string),
			UpdatedAt:    moment(row[13]),
			MovedTo:      row[14].(string),
		})
		return nil
	}, args...)
	return conversations, err
}

// Conversation implements store.BotTx.
func (t *tx) Conversation(id string) (store.Conversation, error) {
	return one(t.conversations(`SELECT `+conversationColumns+` FROM conversations WHERE id = ?`, id))
}

// Conversations implements store.BotTx.
func (t *tx) Conversations(team string) ([]store.Conversation, error) {
	if team == "" {
		return t.conversations(`SELECT ` + conversationColumns + ` FROM conversations ORDER BY id`)
	}
	return t.conversations(`SELECT `+conversationColumns+` FROM conversations WHERE team_id <> '' AND team_id = ? ORDER BY id`, team)
}

// SaveConversation implements store.BotTx.
func (t *tx) SaveConversation(c *store.Conversation) error {
	_, err := t.write(`INSERT INTO conversations (id, kind, tenant, service_url, bot_id, name, team_id, team_group, team_name,
		user_id, user_object_id, installed, blocked, updated_at, moved_to)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, tenant = excluded.tenant, service_url = excluded.service_url,
			bot_id = excluded.bot_id, name = excluded.name, team_id = excluded.team_id, team_group = excluded.team_group,
			team_name = excluded.team_name, user_id = excluded.user_id, user_object_id = excluded.user_object_id,
			installed = excluded.installed, blocked = excluded.blocked, updated_at = excluded.updated_at, moved_to = excluded.moved_to`,
		c.ID, c.Kind, c.Tenant, c.ServiceURL, c.BotID, c.Name, c.TeamID, c.TeamGroup, c.TeamName,
		c.UserID, c.UserObjectID, flag(c.Installed), c.Blocked, nanos(c.UpdatedAt), c.MovedTo)
	return err
}

// Seen implements store.BotTx.
func (t *tx) Seen(activity string, now time.Time) (before bool, err error) {
	n, err := t.change(`INSERT INTO activities (id, seen_at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`, activity, bound(now))
	return n == 0, err
}

const subscriptionColumns = `id, address, name, matchers, by_name, by_id, at`

// SaveSubscription implements store.BotTx.
func (t *tx) SaveSubscription(s *store.Subscription) error {
	matchers, err := json.Marshal(s.Matchers)
	if err != nil {
		return err
	}
	t.subscriptionsChange()
	if s.ID == 0 {
		return t.insert(&s.ID, `INSERT INTO subscriptions (address, name, matchers, by_name, by_id, at) VALUES (?, ?, ?, ?, ?, ?)`,
			s.Address, s.Name, matchers, s.By.Name, s.By.ID, nanos(s.At))
	}
	return t.update(`UPDATE subscriptions SET address = ?, name = ?, matchers = ?, by_name = ?, by_id = ?, at = ? WHERE id = ?`,
		s.Address, s.Name, matchers, s.By.Name, s.By.ID, nanos(s.At), s.ID)
}

// Subscriptions implements store.BotTx.
func (t *tx) Subscriptions(address string) ([]store.Subscription, error) {
	var subscriptions []store.Subscription
	scan := func(row []driver.Value) error {
		s := store.Subscription{
			ID:      row[0].(int64),
			Address: row[1].(string),
			Name:    row[2].(string),
			By:      group.Person{Name: row[4].(string), ID: row[5].(string)},
			At:      moment(row[6]),
		}
		if err := json.Unmarshal(row[3].([]byte), &s.Matchers); err != nil {
			return fmt.Errorf("subscription %d cannot be read: %w", s.ID, err)
		}
		subscriptions = append(subscriptions, s)
		return nil
	}
	var err error
	if address == "" {
		err = t.conn.query(`SELECT `+subscriptionColumns+` FROM subscriptions ORDER BY id`, scan)
	} else {
		err = t.conn.query(`SELECT `+subscriptionColumns+` FROM subscriptions WHERE address = ? ORDER BY id`, scan, address)
	}
	return subscriptions, err
}

// DeleteSubscription implements store.BotTx.
func (t *tx) DeleteSubscription(id int64) error {
	t.subscriptionsChange()
	return t.update(`DELETE FROM subscriptions WHERE id = ?`, id)
}

// Keys implements store.BotTx.
func (t *tx) Keys() ([]store.Key, error) {
	var keys []store.Key
	err := t.conn.query(`SELECT id, secret, made_at FROM button_keys ORDER BY made_at DESC, rowid DESC`, func(row []driver.Value) error {
		keys = append(keys, store.Key{ID: row[0].(string), Secret: slices.Clone(row[1].([]byte)), MadeAt: moment(row[2])})
		return nil
	})
	return keys, err
}

// AddKey implements store.BotTx.
func (t *tx) AddKey(k store.Key) error {
	_, err := t.write(`INSERT INTO button_keys (id, secret, made_at) VALUES (?, ?, ?)`, k.ID, k.Secret, nanos(k.MadeAt))
	return err
}

// DeadLettersAt implements store.BotTx.
func (t *tx) DeadLettersAt(address string) ([]store.Post, error) {
	return t.posts(`SELECT `+postColumns+` FROM posts INDEXED BY posts_dead_address WHERE dead_letter AND address = ?
		AND (message_id <> '' OR EXISTS (SELECT 1 FROM groups WHERE groups.id = posts.group_id AND phase <> 'over')) ORDER BY id`, address)
}

// PostByMessage implements store.BotTx.
func (t *tx) PostByMessage(address, messageID string) (store.Post, error) {
	return t.onePost(`SELECT `+postColumns+` FROM posts WHERE message_id <> '' AND address = ? AND message_id = ?
		ORDER BY id DESC LIMIT 1`, address, messageID)
}

// OpenGroupsAt implements store.BotTx. It walks the open episodes from the
// newest, and so looks at no more of them than there are.
func (t *tx) OpenGroupsAt(addresses []string, limit int) ([]group.Group, error) {
	if addresses == nil {
		return t.ListGroups(true, 0, limit)
	}
	list, err := json.Marshal(addresses)
	if err != nil {
		return nil, err
	}
	return t.groups(`SELECT `+groupColumns+` FROM groups WHERE latest AND phase <> 'over' AND id < ? AND EXISTS (
		SELECT 1 FROM posts WHERE posts.group_id = groups.id AND posts.address IN (SELECT value FROM json_each(?)))
		ORDER BY id DESC LIMIT ?`, newest(0), list, page(limit))
}
