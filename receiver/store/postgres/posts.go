package postgres

import (
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const postColumns = `id, group_id, address, destination, card, title, state, want, shown, loud, rank,
	since, not_before, attempts, message_id, reason, message, dead_letter, updated_at, sending_loud, sending_rank,
	carded, follows, call, called, missed, replay, sending_id`

// queued are the posts that wait to be sent, sending those under way. The
// words are those of the partial indices, or PostgreSQL would not use them.
const (
	queued  = `state IN ('due', 'waiting')`
	sending = `state = 'sending'`
)

func (t *tx) posts(sql string, args ...any) ([]store.Post, error) {
	var posts []store.Post
	err := t.query(sql, t.scanPost(sql, &posts), args...)
	return posts, err
}

func (t *tx) scanPost(sql string, posts *[]store.Post) func(pgx.Rows) error {
	locked := locks(sql)
	return func(rows pgx.Rows) error {
		var p store.Post
		err := rows.Scan(&p.ID, &p.GroupID, &p.Address, &p.Destination, &p.Card, &p.Title, (*string)(&p.State), &p.Want, &p.Shown,
			&p.Loud, &p.Rank, moment{&p.Since}, moment{&p.NotBefore}, &p.Attempts, &p.MessageID, &p.Reason, &p.Message,
			&p.DeadLetter, moment{&p.UpdatedAt}, &p.SendingLoud, &p.SendingRank,
			&p.Carded, &p.Follows, &p.Call, &p.Called, &p.Missed, &p.ReplayID, &p.SendingID)
		if locked {
			t.hold("posts", p.ID)
		}
		*posts = append(*posts, p)
		return err
	}
}

// PostOf implements store.PostTx.
func (t *tx) PostOf(groupID int64, address string) (store.Post, error) {
	if t.bare[groupID] {
		return store.Post{}, store.ErrNotFound
	}
	sql := `SELECT ` + postColumns + ` FROM posts WHERE group_id = ? AND address = ?` + t.forUpdate("posts")
	if t.member == nil || !t.held[row{"groups", groupID}] || t.member.saved[place{groupID, address}] {
		return one(t.posts(sql, groupID, address))
	}
	var found []store.Post
	_, err := t.member.ask(question{query: statement{sql: sql, args: []any{groupID, address}, scan: t.scanPost(sql, &found)}})
	if err != nil {
		t.failed = err
	}
	return one(found, err)
}

// Post implements store.PostTx.
func (t *tx) Post(id int64) (store.Post, error) {
	return one(t.posts(`SELECT `+postColumns+` FROM posts WHERE id = ?`+t.forUpdate("posts"), id))
}

var newPost = inserting("posts", `group_id bigint, address text, destination text, card text, title text, state text,
	want bigint, shown bigint, loud boolean, rank bigint, since bigint, not_before bigint, attempts bigint,
	message_id text, reason text, message text, dead_letter boolean, updated_at bigint, sending_loud boolean, sending_rank bigint,
	carded bigint, follows bigint, call bigint, called bigint, missed boolean, replay bigint, sending_id bigint, id bigint`)

// untriedPost leaves to the table what a post has only after it was tried or
// given up: fewer columns are fewer arrays.
var untriedPost = inserting("posts", `group_id bigint, address text, destination text, card text, title text, state text,
	want bigint, loud boolean, rank bigint, since bigint, not_before bigint, updated_at bigint, id bigint`)

func untried(p *store.Post) bool {
	return p.Shown == 0 && p.Carded == 0 && p.Call == 0 && p.Called == 0 && p.Follows == 0 && p.Attempts == 0 &&
		p.MessageID == "" && p.Reason == "" && p.Message == "" && !p.DeadLetter && !p.Missed && p.ReplayID == 0 &&
		!p.SendingLoud && p.SendingRank == 0 && p.SendingID == 0
}

// SavePost implements store.PostTx.
func (t *tx) SavePost(p *store.Post) error {
	if !t.writable {
		return errReadOnly
	}
	if t.member != nil {
		t.member.noteSaved(p.GroupID, p.Address)
	}
	if p.ID != 0 {
		return t.updateHeld("posts", p.ID, `UPDATE posts SET group_id = ?, address = ?, destination = ?, card = ?, title = ?, state = ?,
			want = ?, shown = ?, loud = ?, rank = ?, since = ?, not_before = ?, attempts = ?, message_id = ?,
			reason = ?, message = ?, dead_letter = ?, updated_at = ?, sending_loud = ?, sending_rank = ?,
			carded = ?, follows = ?, call = ?, called = ?, missed = ?, replay = ?, sending_id = ? WHERE id = ?`, append(postValues(p), p.ID)...)
	}
	// There is no foreign key: it would look for the episode once more.
	if !t.held[row{"groups", p.GroupID}] {
		_, ok, err := t.number(`SELECT id FROM groups WHERE id = ? FOR KEY SHARE`, p.GroupID)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("post cannot be stored: there is no episode %d", p.GroupID)
		}
		t.hold("groups", p.GroupID)
	}
	id, err := t.next("post_ids")
	if err != nil {
		return err
	}
	if untried(p) {
		err = t.store(untriedPost, p.GroupID, p.Address, p.Destination, p.Card, p.Title, string(p.State),
			int64(p.Want), p.Loud, int64(p.Rank), nanos(p.Since), nanos(p.NotBefore), nanos(p.UpdatedAt), id)
	} else {
		err = t.store(newPost, append(postValues(p), id)...)
	}
	if err != nil {
		return err
	}
	p.ID, t.numbered = id, append(t.numbered, &p.ID)
	t.hold("posts", id)
	delete(t.bare, p.GroupID)
	return nil
}

// postValues are all columns but the id, in the order of newPost.
func postValues(p *store.Post) []any {
	return []any{
		p.GroupID, p.Address, p.Destination, p.Card, p.Title, string(p.State),
		int64(p.Want), int64(p.Shown), p.Loud, int64(p.Rank), nanos(p.Since), nanos(p.NotBefore), int64(p.Attempts),
		p.MessageID, p.Reason, p.Message, p.DeadLetter, nanos(p.UpdatedAt), p.SendingLoud, int64(p.SendingRank),
		int64(p.Carded), p.Follows, int64(p.Call), int64(p.Called), p.Missed, p.ReplayID, p.SendingID,
	}
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
		ORDER BY rank DESC, since NULLS FIRST, id LIMIT ?`+t.forUpdate("posts"), address, bound(now), int64(limit))
}

// FollowingPosts implements store.PostTx.
func (t *tx) FollowingPosts(address string, now time.Time, limit int) ([]store.Post, error) {
	return t.posts(`SELECT `+postColumns+` FROM posts WHERE `+ready+` AND NOT `+first+` ORDER BY id LIMIT ?`+t.forUpdate("posts"),
		address, bound(now), int64(limit))
}

// Backlog implements store.PostTx.
func (t *tx) Backlog(address string, rank int, now time.Time, most int) (int, error) {
	n, _, err := t.number(`SELECT count(*) FROM (SELECT 1 FROM posts WHERE `+ready+` AND rank >= ? LIMIT ?) AS ready`,
		address, bound(now), int64(rank), int64(most))
	return int(n), err
}

// NextPost implements store.PostTx.
func (t *tx) NextPost(address string) (time.Time, error) {
	return t.time(`SELECT not_before FROM posts WHERE address = ? AND not_before IS NOT NULL AND `+queued+` AND `+first+`
		ORDER BY not_before LIMIT 1`, address)
}

// BusyAddresses implements store.PostTx. It jumps from address to address in
// the index, so that its cost does not depend on the number of posts.
func (t *tx) BusyAddresses() ([]string, error) {
	var addresses []string
	err := t.query(`WITH RECURSIVE busy (address) AS (
			(SELECT address FROM posts WHERE `+queued+` ORDER BY address LIMIT 1)
			UNION ALL
			SELECT (SELECT posts.address FROM posts WHERE `+queued+` AND posts.address > busy.address ORDER BY posts.address LIMIT 1)
			FROM busy WHERE busy.address IS NOT NULL)
		SELECT address FROM busy WHERE address IS NOT NULL
		UNION SELECT address FROM posts WHERE `+sending+` ORDER BY address`,
		func(rows pgx.Rows) error {
			var address string
			err := rows.Scan(&address)
			addresses = append(addresses, address)
			return err
		})
	return addresses, err
}

// SendingPosts implements store.PostTx.
func (t *tx) SendingPosts(address string) ([]store.Post, error) {
	return t.posts(`SELECT `+postColumns+` FROM posts WHERE address = ? AND `+sending+` ORDER BY id`+t.forUpdate("posts"), address)
}

// ListPosts implements store.PostTx. What is listed is not locked.
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
		states := make([]string, len(f.States))
		for i, s := range f.States {
			states[i] = string(s)
		}
		where.add(`state = ANY (?)`, states)
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
	return t.posts(`SELECT `+postColumns+` FROM posts`+where.sql()+` ORDER BY id DESC LIMIT ?`,
		append(where.args, page(f.Limit))...)
}

// unsettledAt are the posts of an address that are still to be told, under way
// or dead letters, each part in the words of a partial index: there is none for
// all posts of an address, which every new post would pay for.
const unsettledAt = `SELECT id FROM posts WHERE address = ? AND ` + queued + `
	UNION SELECT id FROM posts WHERE address = ? AND ` + sending + `
	UNION SELECT id FROM posts WHERE address = ? AND dead_letter`

// unsettledOnly says that all posts in those states are among unsettledAt.
func unsettledOnly(states []store.State) bool {
	return len(states) > 0 && !slices.Contains(states, store.Shown) && !slices.Contains(states, store.Accepted)
}

// CountPosts implements store.PostTx. It jumps from destination to destination
// in an index and counts there, so that its cost does not depend on how many
// posts were told.
func (t *tx) CountPosts() ([]store.PostCount, error) {
	dead, err := t.countPosts(`SELECT destination, state, count(*) FROM posts
		WHERE dead_letter GROUP BY destination, state ORDER BY destination, state`)
	if err != nil {
		return nil, err
	}
	all, err := t.countPosts(`WITH RECURSIVE named (destination) AS (
			(SELECT destination FROM posts ORDER BY destination LIMIT 1)
			UNION ALL
			SELECT (SELECT posts.destination FROM posts WHERE posts.destination > named.destination ORDER BY posts.destination LIMIT 1)
			FROM named WHERE named.destination IS NOT NULL),
		open (state) AS (VALUES ('dead'), ('due'), ('sending'), ('waiting'))
		SELECT destination, state, (SELECT count(*) FROM posts
			WHERE posts.destination = named.destination AND posts.state = open.state)
		FROM named CROSS JOIN open WHERE destination IS NOT NULL ORDER BY destination, state`)
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
	err := t.query(sql, func(rows pgx.Rows) error {
		var c store.PostCount
		err := rows.Scan(&c.Destination, (*string)(&c.State), &c.Count)
		counts = append(counts, c)
		return err
	})
	return counts, err
}

// DeletePost implements store.PostTx.
func (t *tx) DeletePost(id int64) error {
	delete(t.held, row{"posts", id})
	return t.update(`DELETE FROM posts WHERE id = ?`, id)
}

// OldestWaiting implements store.PostTx. It looks at one row for each address
// and rank.
func (t *tx) OldestWaiting() (map[string]time.Time, error) {
	oldest := map[string]time.Time{}
	err := t.query(`WITH RECURSIVE busy (address) AS (
			(SELECT address FROM posts WHERE `+queued+` ORDER BY address LIMIT 1)
			UNION ALL
			SELECT (SELECT posts.address FROM posts WHERE `+queued+` AND posts.address > busy.address ORDER BY posts.address LIMIT 1)
			FROM busy WHERE busy.address IS NOT NULL),
		ranks (rank) AS (VALUES (?::int), (?::int), (?::int))
		SELECT address, (SELECT since FROM posts WHERE posts.address = busy.address AND posts.rank = ranks.rank AND `+queued+` ORDER BY since LIMIT 1)
		FROM busy CROSS JOIN ranks WHERE address IS NOT NULL`,
		func(rows pgx.Rows) error {
			var address string
			var since time.Time
			if err := rows.Scan(&address, moment{&since}); err != nil {
				return err
			}
			if first, known := oldest[address]; !since.IsZero() && (!known || since.Before(first)) {
				oldest[address] = since
			}
			return nil
		}, store.RankQuiet, store.RankLoud, store.RankLoudCritical)
	return oldest, err
}
