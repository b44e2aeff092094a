package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
	"github.com/teamsrelay/teamsrelay/receiver/store/storetest"
)

// BenchmarkHistory is storetest.BenchmarkHistory. The server does not wait for
// its disk.
func BenchmarkHistory(b *testing.B) {
	server := postgrestest.Own(b, append([]string{"max_wal_size=4GB", "autovacuum=off"}, postgrestest.Unsafe...)...)
	storetest.BenchmarkHistory(b, func(b *testing.B, episodes int, now time.Time) store.Store {
		name, err := server.CreateDatabase()
		require.NoError(b, err)
		s := openAt(b, server.URL(name))
		conn, err := pgx.Connect(b.Context(), server.URL(name))
		require.NoError(b, err)
		defer conn.Close(b.Context())
		over, long, at := episodes-storetest.HistoryWaiting, nanos(now.AddDate(-2, 0, 0)), nanos(now)
		for _, fill := range []struct {
			sql  string
			args []any
		}{
			{`INSERT INTO groups (id, key, origin, key_hash, origin_hash, episode, rev, phase, latest, due_at, changed_at, data)
				SELECT i, i::text::bytea, i::text::bytea, i, i, 1, 1, CASE WHEN i > $2 THEN 'open' ELSE 'over' END, true,
					CASE WHEN i > $2 THEN $3::bigint END, CASE WHEN i > $2 THEN $3 ELSE $4::bigint END, '{}' FROM generate_series(1, $1::bigint) AS i`,
				[]any{episodes, over, at, long}},
			{`INSERT INTO posts (id, group_id, address, destination, card, title, state, want, shown, carded, call, called, loud, rank, follows,
					since, not_before, attempts, message_id, reason, message, dead_letter, missed, replay, updated_at, sending_loud, sending_rank)
				SELECT i, i, CASE WHEN i > $2 THEN $5 ELSE 'bot:' || i % 1000 END, 'ops', 'alert', 'HighLatency',
					CASE WHEN i > $2 THEN 'due' ELSE 'shown' END, 1, (i <= $2)::int, 0, 0, 0, false, 1, 0, $3::bigint, $3, 0,
					CASE WHEN i > $2 THEN '' ELSE (1700000000000 + i)::text END, '', '', false, false, 0,
					CASE WHEN i > $2 THEN $3 ELSE $4::bigint END, false, 0 FROM generate_series(1, $1::bigint) AS i`,
				[]any{episodes, over, at, long, storetest.HistoryAddress}},
			{`INSERT INTO deliveries (id, post_id, group_id, address, destination, title, kind, state, attempt, revision, digest, status,
					reason, message, message_id, at, took)
				SELECT i, i, i, 'bot:' || i % 1000, 'ops', 'HighLatency', 'card', 'delivered', 1, 1, 0, 200, '', '', (1700000000000 + i)::text, $2::bigint, 0
				FROM generate_series(1, $1::bigint) AS i`,
				[]any{over, long}},
		} {
			_, err := conn.Exec(b.Context(), fill.sql, fill.args...)
			require.NoError(b, err)
		}
		_, err = conn.Exec(b.Context(), "ANALYZE")
		require.NoError(b, err)
		return s
	})
}
