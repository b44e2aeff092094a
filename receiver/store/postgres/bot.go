package postgres

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const conversationColumns = `id, kind, tenant, service_url, bot_id, name, team_id, team_group, team_name,
	user_id, user_object_id, installed, blocked, updated_at, moved_to`

func (t *tx) conversations(sql string, args ...any) ([]store.Conversation, error) {
	var conversations []store.Conversation
	err := t.query(sql, func(rows pgx.Rows) error {
		var c store.Conversation
		err := rows.Scan(&c.ID, &c.Kind, &c.Tenant, &c.ServiceURL, &c.BotID, &c.Name, &c.TeamID, &c.TeamGroup, &c.TeamName,
			&c.UserID, &c.UserObjectID, &c.Installed, &c.Blocked, moment{&c.UpdatedAt}, &c.MovedTo)
		conversations = append(conversations, c)
		return err
	}, args...)
	return conversations, err
}

// Conversation implements store.BotTx.
func (t *tx) Conversation(id string) (store.Conversation, error) {
	t.lock("conversation", id)
	return one(t.conversations(`SELECT `+conversationColumns+` FROM conversations WHERE id = ?`+t.forUpdate("conversations"), id))
}

// Conversations implements store.BotTx.
func (t *tx) Conversations(team string) ([]store.Conversation, error) {
	if team == "" {
		return t.conversations(`SELECT ` + conversationColumns + ` FROM conversations ORDER BY id`)
	}
	return t.conversations(`SELECT `+conversationColumns+` FROM conversations WHERE team_id <> '' AND team_id = ? ORDER BY id`+t.forUpdate("conversations"), team)
}

// SaveConversation implements store.BotTx.
func (t *tx) SaveConversation(c *store.Conversation) error {
	return t.later(`INSERT INTO conversations (`+conversationColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, tenant = excluded.tenant, service_url = excluded.service_url,
			bot_id = excluded.bot_id, name = excluded.name, team_id = excluded.team_id, team_group = excluded.team_group,
			team_name = excluded.team_name, user_id = excluded.user_id, user_object_id = excluded.user_object_id,
			installed = excluded.installed, blocked = excluded.blocked, updated_at = excluded.updated_at, moved_to = excluded.moved_to`,
		c.ID, c.Kind, c.Tenant, c.ServiceURL, c.BotID, c.Name, c.TeamID, c.TeamGroup, c.TeamName,
		c.UserID, c.UserObjectID, c.Installed, c.Blocked, nanos(c.UpdatedAt), c.MovedTo)
}

// Seen implements store.BotTx. Who asks at the same time as another one waits
// for its commit.
func (t *tx) Seen(activity string, now time.Time) (before bool, err error) {
	n, err := t.change(`INSERT INTO activities (id, seen_at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`, digest(activity), bound(now))
	return n == 0, err
}

const subscriptionColumns = `id, address, name, matchers, by_name, by_id, at`

// SaveSubscription implements store.BotTx.
func (t *tx) SaveSubscription(s *store.Subscription) error {
	matchers, err := json.Marshal(s.Matchers)
	if err != nil {
		return err
	}
	if err := t.revise(subscriptions); err != nil {
		return err
	}
	values := []any{s.Address, s.Name, matchers, s.By.Name, s.By.ID, nanos(s.At)}
	if s.ID == 0 {
		err = t.insert(&s.ID, `INSERT INTO subscriptions (address, name, matchers, by_name, by_id, at) VALUES (?, ?, ?, ?, ?, ?)`, values...)
		return err
	}
	return t.update(`UPDATE subscriptions SET address = ?, name = ?, matchers = ?, by_name = ?, by_id = ?, at = ? WHERE id = ?`, append(values, s.ID)...)
}

// Subscriptions implements store.BotTx.
func (t *tx) Subscriptions(address string) ([]store.Subscription, error) {
	where := ""
	var args []any
	if address != "" {
		where, args = ` WHERE address = ?`, []any{address}
	}
	var found []store.Subscription
	err := t.readUnder(subscriptions, func() error {
		return t.query(`SELECT `+subscriptionColumns+` FROM subscriptions`+where+` ORDER BY id`, func(rows pgx.Rows) error {
			var s store.Subscription
			var matchers []byte
			if err := rows.Scan(&s.ID, &s.Address, &s.Name, &matchers, &s.By.Name, &s.By.ID, moment{&s.At}); err != nil {
				return err
			}
			if err := json.Unmarshal(matchers, &s.Matchers); err != nil {
				return fmt.Errorf("subscription %d cannot be read: %w", s.ID, err)
			}
			found = append(found, s)
			return nil
		}, args...)
	})
	return found, err
}

// DeleteSubscription implements store.BotTx.
func (t *tx) DeleteSubscription(id int64) error {
	if err := t.revise(subscriptions); err != nil {
		return err
	}
	return t.update(`DELETE FROM subscriptions WHERE id = ?`, id)
}

// Keys implements store.BotTx.
func (t *tx) Keys() ([]store.Key, error) {
	t.lock("keys", "")
	var keys []store.Key
	err := t.query(`SELECT id, secret, made_at FROM button_keys ORDER BY made_at DESC NULLS LAST, number DESC`, func(rows pgx.Rows) error {
		var k store.Key
		err := rows.Scan(&k.ID, &k.Secret, moment{&k.MadeAt})
		keys = append(keys, k)
		return err
	})
	return keys, err
}

// AddKey implements store.BotTx.
func (t *tx) AddKey(k store.Key) error {
	return t.later(`INSERT INTO button_keys (id, secret, made_at) VALUES (?, ?, ?)`, k.ID, k.Secret, nanos(k.MadeAt))
}

// DeadLettersAt implements store.BotTx.
func (t *tx) DeadLettersAt(address string) ([]store.Post, error) {
	return t.posts(`SELECT `+postColumns+` FROM posts WHERE dead_letter AND address = ?
		AND (message_id <> '' OR EXISTS (SELECT 1 FROM groups WHERE groups.id = posts.group_id AND phase <> 'over')) ORDER BY id`+t.forUpdate("posts"), address)
}

// PostByMessage implements store.BotTx.
func (t *tx) PostByMessage(address, messageID string) (store.Post, error) {
	return one(t.posts(`SELECT `+postColumns+` FROM posts WHERE message_id <> '' AND address = ? AND md5(message_id) = md5(?) AND message_id = ?
		ORDER BY id DESC LIMIT 1`+t.forUpdate("posts"), address, messageID, messageID))
}

// OpenGroupsAt implements store.BotTx. It walks the open episodes from the
// newest, and so looks at no more of them than there are.
func (t *tx) OpenGroupsAt(addresses []string, limit int) ([]group.Group, error) {
	if addresses == nil {
		return t.ListGroups(true, 0, limit)
	}
	return t.groups(`SELECT `+groupColumns+` FROM groups WHERE latest AND phase <> 'over' AND id < ? AND EXISTS (
		SELECT 1 FROM posts WHERE posts.group_id = groups.id AND posts.address = ANY (?))
		ORDER BY id DESC LIMIT ?`, newest(0), addresses, page(limit))
}
