package sqlite

import (
	"database/sql/driver"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const postColumns = `id, group_id, address, destination, card, title, state, want, shown, loud, rank,
	since, not_before, attempts, message_id, reason, message, dead_letter, updated_at, sending_loud, sending_rank, carded, follows, call, called, missed, replay, sending_id`

// queued are the posts that wait to be sent, sending those under way. The
// words are those of the partial indices, or SQLite would not use them.
const (
	queued  = `state IN ('due', 'waiting')`
	sending = `state = 'sending'`
)

func scanPost(row []driver.Value) store.Post {
	return store.Post{
		ID:          row[0].(int64),
		GroupID:     row[1].(int64),
		Address:     row[2].(string),
		Destination: row[3].(string),
		Card:        row[4].(string),
		Title:       row[5].(string),
		State:       store.State(row[6].(string)),
		Want:        int(row[7].(int64)),
		Shown:       int(row[8].(int64)),
		Loud:        row[9].(int64) != 0,
		Rank:        int(row[10].(int64)),
		Since:       moment(row[11]),
		NotBefore:   moment(row[12]),
		Attempts:    int(row[13].(int64)),
		MessageID:   row[14].(string),
		Reason:      row[15].(string),
		Message:     row[16].(string),
		DeadLetter:  row[17].(int64) != 0,
		UpdatedAt:   moment(row[18]),
		SendingLoud: row[19].(int64) != 0,
		SendingRank: int(row[20].(int64)),
		Carded:      int(row[21].(int64)),
		Follows:     row[22].(int64),
		Call:        int(row[23].(int64)),
		Called:      int(row[24].(int64)),
		Missed:      row[25].(int64) != 0,
		ReplayID:    row[26].(int64),
		SendingID:   row[27].(int64),
	}
}

func (t *tx) posts(sql string, args ...any) ([]store.Post, error) {
	var posts []store.Post
	err := t.conn.query(sql, func(row []driver.Value) error {
		posts = append(posts, scanPost(row))
		return nil
	}, args...)
	return posts, err
}

func (t *tx) onePost(sql string, args ...any) (store.Post, error) {
	return one(t.posts(sql, args...))
}

// PostOf implements store.PostTx.
func (t *tx) PostOf(groupID int64, address string) (store.Post, error) {
	return t.onePost(`SELECT `+postColumns+` FROM posts WHERE group_id = ? AND address = ?`, groupID, address)
}

// Post implements store.PostTx.
func (t *tx) Post(id int64) (store.Post, error) {
	return t.onePost(`SELECT `+postColumns+` FROM posts WHERE id = ?`, id)
}

// SavePost implements store.PostTx.
func (t *tx) SavePost(p *store.Post) (err error) {
	if p.ID == 0 {
		return t.insert(&p.ID, `INSERT INTO posts (group_id, address, destination, card, title, state, want, shown, loud, rank,
			since, not_before, attempts, message_id, reason, message, dead_letter, updated_at, sending_loud, sending_rank, carded, follows, call, called, missed, replay, sending_id)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			p.GroupID, p.Address, p.Destination, p.Card, p.Title, string(p.State),
			int64(p.Want), int64(p.Shown), flag(p.Loud), int64(p.Rank),
			nanos(p.Since), nanos(p.NotBefore), int64(p.Attempts), p.MessageID,
			p.Reason, p.Message, flag(p.DeadLetter), nanos(p.UpdatedAt), flag(p.SendingLoud), int64(p.SendingRank), int64(p.Carded), p.Follows, int64(p.Call), int64(p.Called), flag(p.Missed), p.ReplayID, p.SendingID)
	}
	return t.update(`UPDATE posts SET group_id = ?, address = ?, destination = ?, card = ?, title = ?, state = ?,
		want = ?, shown = ?, loud = ?, rank = ?, since = ?, not_before = ?, attempts = ?, message_id = ?,
		reason = ?, message = ?, dead_letter = ?, updated_at = ?,
		sending_loud = ?, sending_rank = ?, carded = ?, follows = ?, call = ?, called = ?, missed = ?, replay = ?, sending_id = ? WHERE id = ?`,
		p.GroupID, p.Address, p.Destination, p.Card, p.Title, string(p.State),
		int64(p.Want), int64(p.Shown), flag(p.Loud), int64(p.Rank),
		nanos(p.Since), nanos(p.NotBefore), int64(p.Attempts), p.MessageID,
		p.Reason, p.Message, flag(p.DeadLetter), nanos(p.UpdatedAt),
		flag(p.SendingLoud), int64(p.SendingRank), int64(p.Carded), p.Follows,
		int64(p.Call), int64(p.Called), flag(p.Missed), p.ReplayID, p.SendingID, p.ID)
}

// ready are the posts of an address that may be sent at a time. A post without
// a NotBefore may always be.
const ready = `address = ? AND ` + queued + ` AND (not_before IS NULL OR not_before <= ?)`

// first are the posts before which no other of their story is to be sent. One
// that has its message already is no news that could come after theirs.
const first = `(follows = 0 OR NOT EXISTS (SELECT 1 FROM posts AS before WHERE before.id = posts.follows
	AND before.message_id = '' AND before.state IN ('due', 'waiting', 'sending')))`

// ReadyPosts implements store.PostTx.
func (t *tx) ReadyPosts(address string, now time.Time, limit int) ([]store.Post, error) {
	return t.posts(`SELECT `+postColumns+` FROM posts WHERE `+ready+` AND `+first+`
		ORDER BY rank DESC, since, id LIMIT ?`, address, nanos(now), int64(limit))
}

// FollowingPosts implements store.PostTx.
func (t *tx) FollowingPosts(address string, now time.Time, limit int) ([]store.Post, error) {
	return t.posts(`SELECT `+postColumns+` FROM posts WHERE `+ready+` AND NOT `+first+` ORDER BY id LIMIT ?`, address, nanos(now), int64(limit))
}

// Backlog implements store.PostTx.
func (t *tx) Backlog(address string, rank int, now time.Time, most int) (int, error) {
	v, err := t.number(`SELECT count(*) FROM (SELECT 1 FROM posts WHERE `+ready+` AND rank >= ? LIMIT ?)`, address, nanos(now), int64(rank), int64(most))
	if err != nil {
		return 0, err
	}
	return int(v.(int64)), nil
}

// NextPost implements store.PostTx.
func (t *tx) NextPost(address string) (time.Time, error) {
	v, err := t.number(`SELECT (SELECT not_before FROM posts WHERE address = ? AND not_before IS NOT NULL AND `+queued+` AND `+first+`
		ORDER BY not_before LIMIT 1)`, address)
	return moment(v), err
}

// BusyAddresses implements store.PostTx. It jumps from address to address in
// the index, so that its cost does not depend on the number of posts.
func (t *tx) BusyAddresses() ([]string, error) {
	var addresses []string
	err := t.conn.query(`WITH RECURSIVE busy (address) AS (
			SELECT min(address) FROM posts WHERE `+queued+`
			UNION ALL
			SELECT (SELECT min(address) FROM posts WHERE `+queued+` AND address > busy.address)
			FROM busy WHERE busy.address IS NOT NULL)
		SELECT address FROM busy WHERE address IS NOT NULL
		UNION SELECT address FROM posts WHERE `+sending,
		func(row []driver.Value) error {
			addresses = append(addresses, row[0].(string))
			return nil
		})
	return addresses, err
}

// SendingPosts implements store.PostTx.
func (t *tx) SendingPosts(address string) ([]store.Post, error) {
	return t.posts(`SELECT `+postColumns+` FROM posts WHERE address = ? AND `+sending+` ORDER BY id`, address)
}

// ListPosts implements store.PostTx.
func (t *tx) ListPosts(f store.PostFilter) ([]store.Post, error) {
	where := filter{}
	where.add(`id < ?`, newest(f.Before))
	if f.GroupID != 0 {
		where.add(`group_id = ?`, f.GroupID)
	}
	if f.Destination != "" {
		where.add(`destination = ?`, f.Destination)
	}
	if f.Address != "" {
		where.add(`address = ?`, f.Address)
		if !f.DeadLetters && unsettledOnly(f.States) {
			where.add(`id IN (`+unsettledAt+`)`, f.Address, f.Address, f.Address)
		}
	}
	if len(f.States) > 0 {
		states := make([]any, len(f.States))
		for i, s := range f.States {
			states[i] = string(s)
		}
		where.add(`state IN (?`+strings.Repeat(`, ?`, len(states)-1)+`)`, states...)
	}
	if f.DeadLetters {
		where.add(`dead_letter`)
	}
	if f.Unmissed {
		where.add(`NOT missed`)
	}
	if f.Reason != "" {
		where.add(`reason = ?`, f.Reason)
	}
	if f.Replay != 0 {
		where.add(`replay = ? AND replay <> 0`, f.Replay)
	}
	from := ` FROM posts`
	switch { // few among many, which SQLite cannot know
	case f.GroupID != 0:
	case f.Replay != 0 && f.DeadLetters && len(f.States) > 0:
		from = ` FROM posts INDEXED BY posts_replay_open`
	case f.Replay != 0:
		from = ` FROM posts INDEXED BY posts_replay`
	case f.DeadLetters && f.Address != "":
		from = ` FROM posts INDEXED BY posts_dead_address`
	case f.DeadLetters && f.Reason != "" && f.Destination != "":
		from = ` FROM posts INDEXED BY posts_dead_kind`
	case f.DeadLetters && f.Reason != "":
		from = ` FROM posts INDEXED BY posts_dead_reason`
	case f.DeadLetters && f.Destination != "":
		from = ` FROM posts INDEXED BY posts_dead_destination`
	case f.DeadLetters:
		from = ` FROM posts INDEXED BY posts_dead_newest`
	}
	return t.posts(`SELECT `+postColumns+from+where.sql()+` ORDER BY id DESC LIMIT ?`,
		append(where.args, page(f.Limit))...)
}

// unsettledAt are the posts of an address that are still to be told, under way
// or dead letters, each part in the words of a partial index: there is none for
// all posts of an address, which every new post would pay for.
const unsettledAt = `SELECT id FROM posts WHERE address = ? AND ` + queued + `
	UNION SELECT id FROM posts WHERE address = ? AND ` + sending + `
	UNION SELECT id FROM posts INDEXED BY posts_dead_address WHERE address = ? AND dead_letter`

// unsettledOnly says that all posts in those states are among unsettledAt.
func unsettledOnly(states []store.State) bool {
	return len(states) > 0 && !slices.Contains(states, store.Shown) && !slices.Contains(states, store.Accepted)
}

// CountPosts implements store.PostTx. It jumps from destination to destination
// in an index and counts there, so that its cost does not depend on how many
// posts were told.
func (t *tx) CountPosts() ([]store.PostCount, error) {
	dead, err := t.countPosts(`SELECT destination, state, count(*) FROM posts INDEXED BY posts_dead
		WHERE dead_letter GROUP BY destination, state`)
	if err != nil {
		return nil, err
	}
	all, err := t.countPosts(`WITH RECURSIVE named (destination) AS (
			SELECT min(destination) FROM posts
			UNION ALL
			SELECT (SELECT min(destination) FROM posts WHERE destination > named.destination)
			FROM named WHERE named.destination IS NOT NULL),
		open (state) AS (VALUES ('dead'), ('due'), ('sending'), ('waiting'))
		SELECT destination, state, (SELECT count(*) FROM posts
			WHERE posts.destination = named.destination AND posts.state = open.state)
		FROM named CROSS JOIN open WHERE destination IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	var counts []store.PostCount
	for _, c := range all {
		for _, d := range dead {
			if d.Destination == c.Destination && d.State == c.State {
				c.Count -= d.Count
				d.DeadLetter = true
				counts = append(counts, d)
			}
		}
		if c.Count > 0 {
			counts = append(counts, c)
		}
	}
	return counts, nil
}

func (t *tx) countPosts(sql string) ([]store.PostCount, error) {
	var counts []store.PostCount
	err := t.conn.query(sql, func(row []driver.Value) error {
		counts = append(counts, store.PostCount{
			Destination: row[0].(string),
			State:       store.State(row[1].(string)),
			Count:       int(row[2].(int64)),
		})
		return nil
	})
	return counts, err
}

// DeletePost implements store.PostTx.
func (t *tx) DeletePost(id int64) error {
	return t.update(`DELETE FROM posts WHERE id = ?`, id)
}

// filter collects the conditions of a list.
type filter struct {
	conditions []string
	args       []any
}

func (f *filter) add(condition string, args ...any) {
	f.conditions = append(f.conditions, condition)
	f.args = append(f.args, args...)
}

// sql is "" without a condition.
func (f *filter) sql() string {
	if len(f.conditions) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(f.conditions, ` AND `)
}

// OldestWaiting implements store.PostTx. It looks at one row for each address
// and rank.
func (t *tx) OldestWaiting() (map[string]time.Time, error) {
	oldest := map[string]time.Time{}
	err := t.conn.query(`WITH RECURSIVE busy (address) AS (
			SELECT min(address) FROM posts WHERE `+queued+`
			UNION ALL
			SELECT (SELECT min(address) FROM posts WHERE `+queued+` AND address > busy.address)
			FROM busy WHERE busy.address IS NOT NULL),
		ranks (rank) AS (VALUES (?), (?), (?))
		SELECT address, (SELECT since FROM posts WHERE posts.address = busy.address AND posts.rank = ranks.rank AND `+queued+` ORDER BY since LIMIT 1)
		FROM busy CROSS JOIN ranks WHERE address IS NOT NULL`,
		func(row []driver.Value) error {
			address, since := row[0].(string), moment(row[1])
			if first, known := oldest[address]; !since.IsZero() && (!known || since.Before(first)) {
				oldest[address] = since
			}
			return nil
		}, int64(store.RankQuiet), int64(store.RankLoud), int64(store.RankLoudCritical))
	return oldest, err
}
