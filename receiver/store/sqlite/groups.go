package sqlite

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const groupColumns = `id, key, origin, episode, rev, due_at, data`

// openBatch is how many groups OpenGroups holds in memory at once.
const openBatch = 100

func scanGroup(row []driver.Value) (group.Group, error) {
	g := group.Group{
		ID:      row[0].(int64),
		Key:     row[1].(string),
		Origin:  row[2].(string),
		Episode: int(row[3].(int64)),
		Rev:     int(row[4].(int64)),
		DueAt:   moment(row[5]),
	}
	if err := json.Unmarshal(row[6].([]byte), &g); err != nil {
		return g, fmt.Errorf("episode %d cannot be read: %w", g.ID, err)
	}
	return g, nil
}

func (t *tx) groups(sql string, args ...any) ([]group.Group, error) {
	var groups []group.Group
	err := t.conn.query(sql, func(row []driver.Value) error {
		g, err := scanGroup(row)
		groups = append(groups, g)
		return err
	}, args...)
	return groups, err
}

// Groups implements store.GroupTx.
func (t *tx) Groups(origin string) ([]group.Group, error) {
	return t.groups(`SELECT `+groupColumns+` FROM groups WHERE origin_hash = ? AND latest AND origin = ? ORDER BY key`,
		hash(origin), origin)
}

// Group implements store.GroupTx.
func (t *tx) Group(id int64) (group.Group, error) {
	groups, err := t.groups(`SELECT `+groupColumns+` FROM groups WHERE id = ?`, id)
	if err != nil {
		return group.Group{}, err
	}
	if len(groups) == 0 {
		return group.Group{}, store.ErrNotFound
	}
	return groups[0], nil
}

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
		return t.update(`UPDATE groups SET rev = ?, phase = ?, due_at = ?, changed_at = ?, data = ?, brief = ? WHERE id = ?`,
			int64(g.Rev), string(g.Phase), nanos(g.DueAt), nanos(changedAt(g)), data, brief, g.ID)
	}
	var previous driver.Value
	if g.Episode > 1 { // else there is none before it
		if previous, err = t.number(`SELECT id FROM groups WHERE origin_hash = ? AND key_hash = ? AND latest`, hash(g.Origin), hash(g.Key)); err != nil {
			return err
		}
		if _, err := t.write(`UPDATE groups SET latest = 0 WHERE origin_hash = ? AND key_hash = ? AND latest`, hash(g.Origin), hash(g.Key)); err != nil {
			return err
		}
	}
	return t.insert(&g.ID, `INSERT INTO groups (key, origin, key_hash, origin_hash, episode, rev, phase, latest, due_at, changed_at, data, brief, previous)
		VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)`,
		g.Key, g.Origin, hash(g.Key), hash(g.Origin), int64(g.Episode), int64(g.Rev), string(g.Phase), nanos(g.DueAt), nanos(changedAt(g)), data, brief, previous)
}

// briefOf is a group in a few words as they are stored; NULL when it is over,
// because nobody asks then.
func briefOf(g *group.Group) (driver.Value, error) {
	if g.Phase == group.Over {
		return nil, nil
	}
	return store.BriefOf(g).MarshalText()
}

// hash stands for a long text in an index.
func hash(text string) int64 {
	sum := sha256.Sum256([]byte(text))
	return int64(binary.BigEndian.Uint64(sum[:]))
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
	err := t.conn.query(`SELECT id FROM groups WHERE due_at IS NOT NULL AND latest AND due_at <= ? ORDER BY due_at, id LIMIT ?`,
		func(row []driver.Value) error {
			ids = append(ids, row[0].(int64))
			return nil
		}, nanos(now), int64(limit))
	return ids, err
}

// NextDueGroup implements store.GroupTx.
func (t *tx) NextDueGroup() (time.Time, error) {
	v, err := t.number(`SELECT min(due_at) FROM groups WHERE due_at IS NOT NULL AND latest`)
	return moment(v), err
}

// OpenGroups implements store.GroupTx.
func (t *tx) OpenGroups(fn func(group.Group) error) error {
	for last := int64(0); ; {
		groups, err := t.groups(`SELECT `+groupColumns+` FROM groups
			WHERE latest AND phase <> 'over' AND id > ? ORDER BY id LIMIT ?`, last, int64(openBatch))
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

// Briefs implements store.GroupTx. An episode that was stored before there were
// briefs is read whole.
func (t *tx) Briefs(fn func(store.Brief) error) error {
	var without []int64
	var briefs []store.Brief
	err := t.conn.query(`SELECT id, brief FROM groups INDEXED BY groups_open WHERE latest AND phase <> 'over' ORDER BY id DESC`, func(row []driver.Value) error {
		b := store.Brief{ID: row[0].(int64)}
		if data, ok := row[1].([]byte); !ok {
			without = append(without, b.ID)
		} else if err := b.UnmarshalText(data); err != nil {
			return fmt.Errorf("episode %d cannot be read: %w", b.ID, err)
		}
		briefs = append(briefs, b)
		return nil
	})
	for i := range briefs {
		if err != nil {
			return err
		}
		if len(without) > 0 && without[0] == briefs[i].ID {
			var g group.Group
			if g, err = t.Group(briefs[i].ID); err != nil {
				return err
			}
			briefs[i], without = store.BriefOf(&g), without[1:]
		}
		err = fn(briefs[i])
	}
	return err
}

// Episodes implements store.GroupTx.
func (t *tx) Episodes(id int64, limit int) (latest int64, before []group.Group, err error) {
	v, err := t.number(`SELECT newest.id FROM groups AS it JOIN groups AS newest
		ON newest.origin_hash = it.origin_hash AND newest.key_hash = it.key_hash AND newest.latest WHERE it.id = ?`, id)
	if err != nil {
		return 0, nil, err
	}
	latest, ok := v.(int64)
	if !ok {
		return 0, nil, store.ErrNotFound
	}
	for len(before) < limit {
		v, err := t.number(`SELECT previous FROM groups WHERE id = ?`, id)
		if err != nil {
			return 0, nil, err
		}
		if id, ok = v.(int64); !ok {
			break
		}
		g, err := t.Group(id)
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

// newest is before as a bound: 0 starts at the newest.
func newest(before int64) int64 {
	if before <= 0 {
		return math.MaxInt64
	}
	return before
}

// page is the length of a list when its reader does not say: 100.
func page(limit int) int64 {
	if limit <= 0 {
		return 100
	}
	return int64(limit)
}

// CountGroups implements store.GroupTx.
func (t *tx) CountGroups() (map[group.Phase]int, error) {
	counts := map[group.Phase]int{}
	err := t.conn.query(`SELECT phase, count(*) FROM groups INDEXED BY groups_open WHERE latest AND phase <> 'over' GROUP BY phase`, func(row []driver.Value) error {
		counts[group.Phase(row[0].(string))] = int(row[1].(int64))
		return nil
	})
	return counts, err
}
