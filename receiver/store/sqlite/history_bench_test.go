package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/storetest"
)

// BenchmarkHistory is storetest.BenchmarkHistory.
func BenchmarkHistory(b *testing.B) {
	storetest.BenchmarkHistory(b, func(b *testing.B, episodes int, now time.Time) store.Store {
		s := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
		over := int64(episodes - storetest.HistoryWaiting)
		long, at := nanos(now.AddDate(-2, 0, 0)), nanos(now)
		n := int64(episodes)
		require.NoError(b, s.Update(context.Background(), func(u store.Tx) error {
			for _, fill := range []struct {
				sql  string
				args []any
			}{
				{`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
					INSERT INTO groups (id, key, origin, key_hash, origin_hash, episode, rev, phase, latest, due_at, changed_at, data)
					SELECT i, i, i, i, i, 1, 1, iif(i > ?, 'open', 'over'), 1, iif(i > ?, ?, NULL), iif(i > ?, ?, ?), '{}' FROM n`,
					[]any{n, over, over, at, over, at, long}},
				{`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
					INSERT INTO posts (id, group_id, address, destination, card, title, state, want, shown, loud, rank, since, not_before, attempts,
						message_id, reason, message, dead_letter, updated_at, sending_loud, sending_rank)
					SELECT i, i, iif(i > ?, ?, 'bot:' || (i % 1000)), 'ops', 'alert', 'HighLatency', iif(i > ?, 'due', 'shown'), 1, i <= ?, 0, 1, ?, ?, 0,
						iif(i > ?, '', 1700000000000 + i), '', '', 0, iif(i > ?, ?, ?), 0, 0 FROM n`,
					[]any{n, over, storetest.HistoryAddress, over, over, at, at, over, over, at, long}},
				{`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
					INSERT INTO deliveries (post_id, group_id, address, destination, title, state, attempt, revision, digest, status,
						reason, message, message_id, at, took)
					SELECT i, i, 'bot:' || (i % 1000), 'ops', 'HighLatency', 'delivered', 1, 1, 0, 200, '', '', 1700000000000 + i, ?, 0 FROM n`,
					[]any{over, long}},
			} {
				if _, err := u.(*tx).write(fill.sql, fill.args...); err != nil {
					return err
				}
			}
			return nil
		}))
		return s
	})
}
