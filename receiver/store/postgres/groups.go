package postgres

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const groupColumns = `id, key, origin, episode, rev, due_at, data`

// openBatch is how many groups OpenGroups holds in memory at once.
const openBatch = 100

func (t *tx) groups(sql string, args ...any) ([]group.Group, error) {
	var groups []group.Group
	locked := locks(sql)
	err := t.query(sql, func(rows pgx.Rows) error {
		var g group.Group
		var key, origin, data []byte
		if err := rows.Scan(&g.ID, &key, &origin, &g.Episode, &g.Rev, moment{&g.DueAt}, &data); err != nil {
			return err
		}
		g.Key, g.Origin = string(key), string(origin)
		if err := json.Unmarshal(data, &g); err != nil {
			return fmt.Errorf("episode %d cannot be read: %w", g.ID, err)
		}
		if locked {
			t.hold("groups", g.ID)
		}
		groups = append(groups, g)
		return nil
	}, args...)
	return groups, err
}

// Groups implements store.GroupTx. Whoever asks for the groups of an origin is
// about to tell, and asks for the revisions next: they come along.
func (t *tx) Groups(origin string) ([]group.Group, error) {
	if t.joints != nil && t.fresh() {
		return t.groupsJointly(origin)
	}
	t.lockAndAsk("origin", origin)
	groups, err := t.groups(`SELECT `+groupColumns+` FROM groups WHERE origin_hash = ? AND latest AND origin = ? ORDER BY id`+t.forUpdate("groups"),
		hash(origin), []byte(origin))
	sortByKey(groups)
	return groups, err
}

// fresh says that nothing has been asked or written yet.
func (t *tx) fresh() bool {
	return t.member == nil && !t.begun && t.failed == nil && len(t.queue) == 0 && len(t.numbered) == 0
}

// groupsJointly is Groups in a transaction that is shared with others.
func (t *tx) groupsJointly(origin string) ([]group.Group, error) {
	m, err := t.joints.enter(t.ctx, origin)
	if err != nil {
		t.failed = err
		return nil, err
	}
	t.member, t.revisions = m, &m.revisions
	for i := range m.groups {
		t.hold("groups", m.groups[i].ID)
	}
	sortByKey(m.groups)
	return m.groups, nil
}

func sortByKey(groups []group.Group) {
	slices.SortFunc(groups, func(a, b group.Group) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
}

// Group implements store.GroupTx.
func (t *tx) Group(id int64) (group.Group, error) {
	return one(t.groups(`SELECT `+groupColumns+` FROM groups WHERE id = ?`+t.forUpdate("groups"), id))
}

var newGroup = inserting("groups", `id bigint, key bytea, origin bytea, key_hash bigint, origin_hash bigint, episode bigint, rev bigint,
	phase text, latest boolean, due_at bigint, changed_at bigint, data bytea, brief bytea, previous bigint`)

// SaveGroup implements store.GroupTx.
func (t *tx) SaveGroup(g *group.Group) error {
	data, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("group cannot be stored: %w", err)
	}
	brief, err := briefOf(g)
	if err != nil {
		return fmt.Errorf("group cannot be stored: %w", err)
	}
	if g.ID != 0 {
		return t.updateHeld("groups", g.ID, `UPDATE groups SET rev = ?, phase = ?, due_at = ?, changed_at = ?, data = ?, brief = ? WHERE id = ?`,
			int64(g.Rev), string(g.Phase), nanos(g.DueAt), bound(changedAt(g)), data, brief, g.ID)
	}
	var previous any
	if g.Episode > 1 { // else there is none before it
		err := t.query(`UPDATE groups SET latest = false WHERE origin_hash = ? AND key_hash = ? AND latest RETURNING id`, func(rows pgx.Rows) error {
			var id int64
			err := rows.Scan(&id)
			previous = id
			return err
		}, hash(g.Origin), hash(g.Key))
		if err != nil {
			return err
		}
	}
	id, err := t.next("group_ids")
	if err != nil {
		return err
	}
	err = t.store(newGroup,
		id, []byte(g.Key), []byte(g.Origin), hash(g.Key), hash(g.Origin), int64(g.Episode), int64(g.Rev), string(g.Phase), true,
		nanos(g.DueAt), bound(changedAt(g)), data, brief, previous)
	if err != nil {
		return err
	}
	g.ID, t.numbered = id, append(t.numbered, &g.ID)
	t.hold("groups", id)
	if t.bare == nil {
		t.bare = make(map[int64]bool, 1)
	}
	t.bare[id] = true
	return nil
}

// briefOf is a group in a few words as they are stored; nil when it is over,
// because nobody asks then.
func briefOf(g *group.Group) ([]byte, error) {
	if g.Phase == group.Over {
		return nil, nil
	}
	return store.BriefOf(g).MarshalText()
}

// changedAt is the latest of a group's own times, 1970 when it has none.
func changedAt(g *group.Group) time.Time {
	latest := time.Unix(0, 0)
	for _, t := range [...]time.Time{g.OpenedAt, g.ToldAt, g.OverAt, g.HeardAt} {
		if t.After(latest) {
			latest = t
		}
	}
	return latest
}

// DueGroups implements store.GroupTx.
func (t *tx) DueGroups(now time.Time, limit int) ([]int64, error) {
	var ids []int64
	err := t.query(`SELECT id FROM groups WHERE due_at IS NOT NULL AND latest AND due_at <= ? ORDER BY due_at, id LIMIT ?`,
		func(rows pgx.Rows) error {
			var id int64
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		}, bound(now), int64(limit))
	return ids, err
}

// NextDueGroup implements store.GroupTx.
func (t *tx) NextDueGroup() (time.Time, error) {
	return t.time(`SELECT due_at FROM groups WHERE due_at IS NOT NULL AND latest ORDER BY due_at LIMIT 1`)
}

// time returns the first column of the only row, zero where it is NULL or missing.
func (t *tx) time(sql string, args ...any) (at time.Time, err error) {
	err = t.query(sql, func(rows pgx.Rows) error { return rows.Scan(moment{&at}) }, args...)
	return at, err
}

// OpenGroups implements store.GroupTx.
func (t *tx) OpenGroups(fn func(group.Group) error) error {
	for last := int64(0); ; {
		groups, err := t.groups(`SELECT `+groupColumns+` FROM groups
			WHERE latest AND phase <> 'over' AND id > ? ORDER BY id LIMIT ?`+t.forUpdate("groups"), last, int64(openBatch))
		if err != nil || len(groups) == 0 {
			return err
		}
		for _, g := range groups {
			if err := fn(g); err != nil {
				return err
			}
		}
		last = groups[len(groups)-1].ID
	}
}

// ListGroups implements store.GroupTx.
func (t *tx) ListGroups(open bool, before int64, limit int) ([]group.Group, error) {
	if open {
		return t.groups(`SELECT `+groupColumns+` FROM groups
			WHERE latest AND phase <> 'over' AND id < ? ORDER BY id DESC LIMIT ?`, newest(before), page(limit))
	}
	return t.groups(`SELECT `+groupColumns+` FROM groups
		WHERE latest AND id < ? ORDER BY id DESC LIMIT ?`, newest(before), page(limit))
}

// Briefs implements store.GroupTx.
func (t *tx) Briefs(fn func(store.Brief) error) error {
	var briefs []store.Brief
	err := t.query(`SELECT id, brief FROM groups WHERE latest AND phase <> 'over' ORDER BY id DESC`, func(rows pgx.Rows) error {
		var b store.Brief
		var data []byte
		if err := rows.Scan(&b.ID, &data); err != nil {
			return err
		}
		if err := b.UnmarshalText(data); err != nil {
			return fmt.Errorf("episode %d cannot be read: %w", b.ID, err)
		}
		briefs = append(briefs, b)
		return nil
	})
	for i := range briefs {
		if err != nil {
			return err
		}
		err = fn(briefs[i])
	}
	return err
}

// Episodes implements store.GroupTx.
func (t *tx) Episodes(id int64, limit int) (latest int64, before []group.Group, err error) {
	latest, ok, err := t.number(`SELECT newest.id FROM groups AS it JOIN groups AS newest
		ON newest.origin_hash = it.origin_hash AND newest.key_hash = it.key_hash AND newest.latest WHERE it.id = ?`, id)
	if err != nil {
		return 0, nil, err
	}
	if !ok {
		return 0, nil, store.ErrNotFound
	}
	for len(before) < limit {
		id, ok, err = t.number(`SELECT previous FROM groups WHERE id = ?`, id)
		if err != nil {
			return 0, nil, err
		}
		if !ok {
			break
		}
		g, err := one(t.groups(`SELECT `+groupColumns+` FROM groups WHERE id = ?`, id))
		if errors.Is(err, store.ErrNotFound) { // it was kept long enough
			break
		}
		if err != nil {
			return 0, nil, err
		}
		before = append(before, g)
	}
	return latest, before, nil
}

// CountGroups implements store.GroupTx.
func (t *tx) CountGroups() (map[group.Phase]int, error) {
	counts := map[group.Phase]int{}
	err := t.query(`SELECT phase, count(*) FROM groups WHERE latest AND phase <> 'over' GROUP BY phase`, func(rows pgx.Rows) error {
		var phase group.Phase
		var n int
		err := rows.Scan(&phase, &n)
		counts[phase] = n
		return err
	})
	return counts, err
}
