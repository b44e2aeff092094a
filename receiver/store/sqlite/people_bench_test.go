package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// BenchmarkAt100000People asks about people in a store with 100,000 persons, of
// whom half wait to be reached, and a history of 1,000,000 posts.
func BenchmarkAt100000People(b *testing.B) {
	const waiting = "user:person-000000@contoso.com"
	s := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
	now := time.Now()
	require.NoError(b, s.Update(context.Background(), func(t store.Tx) error {
		for _, sql := range []string{
			`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
				INSERT INTO people (` + personColumns + `) SELECT printf('person-%06d@contoso.com', i), printf('0b7a-%06d', i), 'Person', '',
					CASE WHEN i % 2 THEN printf('a:%06d', i) ELSE '' END, 'unknown', '', '', 1, 0,
					CASE WHEN i % 4 THEN 1000000000 * i END, NULL, '', NULL, NULL FROM n`,
			`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
				INSERT INTO conversations (` + conversationColumns + `) SELECT printf('a:%06d', i), 'personal', '', '', '', '', '', '', '',
					'', printf('0b7a-%06d', i / 2), 1, '', i, '' FROM n`,
			`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
				INSERT INTO groups (id, key, origin, key_hash, origin_hash, episode, rev, phase, latest, changed_at, data)
					SELECT i, i, i, i, i, 1, 1, CASE WHEN i > 10000 THEN 'over' ELSE 'open' END, 1, i, '{}' FROM n`,
			`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
				INSERT INTO posts (id, group_id, address, destination, card, title, state, want, shown, loud, rank, since, not_before, attempts,
					message_id, reason, message, dead_letter, updated_at, sending_loud, sending_rank)
					SELECT i, i, CASE WHEN i > 10000 THEN printf('bot:a:%06d', i % 1000) ELSE '` + waiting + `' END, 'oncall', 'alert', 'HighLatency',
						CASE WHEN i > 10000 THEN 'shown' ELSE 'due' END, 1, i > 10000, 0, 1, i, i, 0,
						CASE WHEN i > 10000 THEN 1700000000000 + i ELSE '' END, '', '', 0, i, 0, 0 FROM n`,
		} {
			if _, err := t.(*tx).write(sql); err != nil {
				return err
			}
		}
		return nil
	}))
	for name, ask := range map[string]func(store.Tx) error{
		"Person": func(tx store.Tx) error { _, err := tx.Person("person-050000@contoso.com"); return err },
		"People 100": func(tx store.Tx) error {
			list, err := tx.People("person-050000@contoso.com", 100)
			require.Len(b, list, 100)
			return err
		},
		"PeopleToReach": func(tx store.Tx) error {
			list, _, err := tx.PeopleToReach(now, 20)
			require.Len(b, list, 20)
			return err
		},
		"PeopleIn": func(tx store.Tx) error {
			list, err := tx.PeopleIn("a:050001")
			require.Len(b, list, 1)
			return err
		},
		"PeopleOf": func(tx store.Tx) error {
			list, err := tx.PeopleOf("0b7a-050001")
			require.Len(b, list, 1)
			return err
		},
		"PersonalConversation": func(tx store.Tx) error { _, err := tx.PersonalConversation("0b7a-040000"); return err },
		"ListPosts waiting": func(tx store.Tx) error {
			list, err := tx.ListPosts(store.PostFilter{Address: waiting, States: []store.State{store.Due}, Limit: 100})
			require.Len(b, list, 100)
			return err
		},
		"ListPosts dead": func(tx store.Tx) error {
			list, err := tx.ListPosts(store.PostFilter{Address: "bot:a:000100", DeadLetters: true})
			require.Empty(b, list)
			return err
		},
		"DeadLettersAt": func(tx store.Tx) error { _, err := tx.DeadLettersAt(waiting); return err },
		"BusyAddresses": func(tx store.Tx) error { _, err := tx.BusyAddresses(); return err },
		"CountPosts":    func(tx store.Tx) error { _, err := tx.CountPosts(); return err },
		"ListPosts of episode": func(tx store.Tx) error {
			_, err := tx.ListPosts(store.PostFilter{GroupID: 500_000, Destination: "oncall", Limit: 500})
			return err
		},
		"ListPosts destination": func(tx store.Tx) error {
			_, err := tx.ListPosts(store.PostFilter{Destination: "oncall", States: []store.State{store.Dead}, Limit: 500})
			return err
		},
		"Revisions": func(tx store.Tx) error { _, err := tx.Revisions(); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, s.View(context.Background(), ask))
			}
		})
	}
	// Each portion of posts that moves holds up all who write.
	from, to := waiting, "bot:a:new"
	for _, limit := range []int{100, 500, 10_000} {
		b.Run(fmt.Sprintf("MovePosts %d", limit), func(b *testing.B) {
			for b.Loop() {
				more := true
				require.NoError(b, s.Update(context.Background(), func(tx store.Tx) (err error) {
					_, more, err = tx.MovePosts(from, to, now, limit)
					return err
				}))
				if !more {
					from, to = to, from
				}
			}
		})
	}
}
