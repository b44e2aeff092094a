package web

import (
	"database/sql"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgres"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// firstOfHistory is the first number of what history makes, above all that a
// store has numbered by then.
const firstOfHistory = 10_000_000

// history is what years leave behind, in the SQL of both stores, for which the
// stores themselves would take minutes: n episodes that are over and told, and n
// lines of the delivery log and of the audit, a second apart. Each tenth of
// the lines is about the episode story.
func history(n int, story int64) (statements []string) {
	const batch = 100_000
	for begin := 0; begin < n; begin += batch {
		statements = append(statements, lines(begin, min(begin+batch, n), story)...)
	}
	return statements
}

// lines is a part of a history, from the line begin up to end.
func lines(begin, end int, story int64) []string {
	numbers := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT CAST(%d AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %d) ", begin, end)
	at := fmt.Sprintf("%d + i * 1000000000", noon.UnixNano())
	return []string{
		numbers + fmt.Sprintf(`INSERT INTO groups (id, key, origin, key_hash, origin_hash, episode, rev, phase, latest, changed_at, data)
			SELECT %d + i, CAST(CAST(i AS text) AS bytea), CAST(CAST(i AS text) AS bytea), i, i, 1, 1, 'over', true, %s, CAST('{}' AS bytea) FROM n`, firstOfHistory, at),
		numbers + fmt.Sprintf(`INSERT INTO posts (id, group_id, address, destination, card, title, state, want, shown, loud, rank, since, attempts,
				message_id, reason, message, dead_letter, updated_at, sending_loud, sending_rank)
			SELECT %[1]d + i, %[1]d + i, 'bot:' || (i %% 1000), CASE i %% 2 WHEN 0 THEN 'ops' ELSE 'dba' END, 'alert', 'DiskFull', 'shown', 1, 1, false, 1, %[2]s, 0,
				'' || (1700000000000 + i), '', '', false, %[2]s, false, 0 FROM n`, firstOfHistory, at),
		numbers + fmt.Sprintf(`INSERT INTO deliveries (id, post_id, group_id, address, destination, title, kind, state, attempt, revision, digest, status, reason, message, message_id, at, took)
			SELECT %[1]d + i, %[1]d + i / 3, CASE i %% 10 WHEN 0 THEN %[2]d ELSE %[1]d + i / 5 END, 'bot:' || (i %% 1000), CASE i %% 2 WHEN 0 THEN 'ops' ELSE 'dba' END,
				'DiskFull on host ' || (i %% 1000), CASE i %% 2 WHEN 0 THEN 'card' ELSE 'edit' END, CASE i %% 4 WHEN 3 THEN 'retry' WHEN 1 THEN 'accepted' ELSE 'delivered' END,
				1, 1, 0, 202, CASE i %% 4 WHEN 3 THEN 'throttled' ELSE '' END, '', '', %[3]s, 0 FROM n`, firstOfHistory, story, at),
		numbers + fmt.Sprintf(`INSERT INTO audit (at, who, object_id, action, target, about, done_from, before_it, after_it)
			SELECT %s, 'Person ' || (i %% 20), 'object ' || (i %% 20), CASE i %% 100 WHEN 7 THEN 'refused:ack' ELSE CASE i %% 2 WHEN 0 THEN 'ack' ELSE 'silence' END END,
				CASE i %% 10 WHEN 0 THEN '%s' ELSE 'a' || (i %% 5000) END, 'DiskFull on host', CASE i %% 3 WHEN 0 THEN 'page 10.0.0.7' ELSE 'channel 19:x' END, 'open', 'acked' FROM n`, at, alert.ShortID(story)),
	}
}

// indexedTables are those that a history fills. An index that is made at the
// end is made in a fraction of the time.
const indexedTables = `('groups', 'posts', 'deliveries', 'audit')`

// fill runs a history's statements while the tables have none of the indices
// that list names, which selects names and statements that make them.
func fill(b *testing.B, db *sql.DB, list string, n int, story int64) {
	b.Helper()
	exec := func(statement string) {
		b.Helper()
		_, err := db.Exec(statement)
		require.NoError(b, err)
	}
	rows, err := db.Query(list)
	require.NoError(b, err)
	indices := map[string]string{}
	for rows.Next() {
		var name, text string
		require.NoError(b, rows.Scan(&name, &text))
		indices[name] = text
	}
	require.NoError(b, rows.Err())
	require.NotEmpty(b, indices)
	for name := range indices {
		exec("DROP INDEX " + name)
	}
	for _, statement := range history(n, story) {
		exec(statement)
	}
	for _, text := range indices {
		exec(text)
	}
}

// present gives a store what fires now and cannot be told, and returns the last
// episode.
func present(b *testing.B, db store.Store) (story int64) {
	s := newSiteOn(b, &brittle{Store: db}, simpleSite, nil)
	short := s.past(b, 1000, 5000)
	s.gives(20_000, "ops", teams.Auth, group.Over)
	story, ok := alert.FromShortID(short)
	require.True(b, ok)
	return story
}

// sqliteWithHistory is a store with a history, and an episode with much of one.
func sqliteWithHistory(b *testing.B, n int) (store.Store, int64) {
	file := filepath.Join(b.TempDir(), "web.db")
	db, err := sqlite.Open(file, sqlite.Options{})
	require.NoError(b, err)
	story := present(b, db)
	require.NoError(b, db.Close())
	raw, err := sql.Open("sqlite", file)
	require.NoError(b, err)
	fill(b, raw, `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name IN `+indexedTables+` AND sql <> ''`, n, story)
	require.NoError(b, raw.Close())
	db, err = sqlite.Open(file, sqlite.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	return db, story
}

// postgresWithHistory is the same with PostgreSQL, which does not wait for its
// disk and has counted its rows.
func postgresWithHistory(b *testing.B, n int) (store.Store, int64) {
	server := postgrestest.Own(b, append([]string{"max_wal_size=4GB", "autovacuum=off"}, postgrestest.Unsafe...)...)
	name, err := server.CreateDatabase()
	require.NoError(b, err)
	db, err := postgres.Open(b.Context(), postgres.Options{URL: server.URL(name), Log: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	story := present(b, db)
	config, err := pgx.ParseConfig(server.URL(name))
	require.NoError(b, err)
	raw := stdlib.OpenDB(*config)
	fill(b, raw, `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename IN `+indexedTables+` AND indexname NOT LIKE '%_pkey'`, n, story)
	_, err = raw.Exec("VACUUM ANALYZE")
	require.NoError(b, err)
	require.NoError(b, raw.Close())
	return db, story
}

// BenchmarkPagesOfAMillion is what whoever looks waits for when there is a
// history of years, of $HISTORY rows of each kind (1,000,000), whatever they ask
// for, also for what there is not. best-ms is the fastest: on a machine with
// other work it is nearest to what a page costs.
func BenchmarkPagesOfAMillion(b *testing.B) {
	n := historyOf(b, 1_000_000)
	for _, kept := range []struct {
		in     string
		filled func(*testing.B, int) (store.Store, int64)
	}{{"SQLite", sqliteWithHistory}, {"PostgreSQL", postgresWithHistory}} {
		b.Run(kept.in, func(b *testing.B) {
			db, story := kept.filled(b, n)
			s := newSiteOn(b, &brittle{Store: db}, simpleSite, nil)
			// A day in the middle of the history.
			middle := noon.Add(time.Duration(n/2) * time.Second)
			day := url.Values{"since": {middle.Format(pageTime)}, "until": {middle.AddDate(0, 0, 1).Format(pageTime)}}.Encode()
			for _, page := range []struct{ name, path string }{
				{"now", "/"},
				{"now, of one place", "/?destination=dba&severity=critical"},
				{"an alert with much history", "/alerts/" + alert.ShortID(story)},
				{"destinations", "/destinations"},
				{"dead letters", "/dead-letters"},
				{"dead letters of a kind", "/dead-letters?destination=ops&reason=auth"},
				{"deliveries", "/deliveries"},
				{"deliveries, far back", fmt.Sprint("/deliveries?before=", firstOfHistory+n/2)},
				{"deliveries of a place", "/deliveries?destination=dba"},
				{"deliveries that were taken", "/deliveries?state=accepted"},
				{"deliveries that failed", "/deliveries?state=retry"},
				{"deliveries that failed for good, none", "/deliveries?state=dead"},
				{"deliveries of an alert", "/deliveries?alert=" + alert.ShortID(story)},
				{"deliveries of an alert that failed, none", "/deliveries?state=retry&alert=" + alert.ShortID(story)},
				{"deliveries by reason and place", "/deliveries?reason=throttled&destination=dba"},
				{"deliveries by reason and place, none", "/deliveries?reason=throttled&destination=ops"},
				{"deliveries by reason and kind, none", "/deliveries?reason=throttled&kind=card"},
				{"deliveries of a kind, none", "/deliveries?kind=digest"},
				{"deliveries of a place that failed for good, none", "/deliveries?destination=dba&state=dead"},
				{"deliveries by text", "/deliveries?q=HOST+17"},
				{"deliveries by text, none", "/deliveries?q=nobody"},
				{"deliveries by text, place and state, none", "/deliveries?q=nobody&destination=ops&state=delivered"},
				{"deliveries of a day", "/deliveries?" + day},
				{"deliveries of a day, by place and state, none", "/deliveries?destination=ops&state=accepted&" + day},
				{"deliveries before the history", "/deliveries?until=" + noon.Add(-time.Hour).Format(pageTime)},
				{"a delivery", fmt.Sprint("/deliveries/", firstOfHistory+n/2)},
				{"audit", "/audit"},
				{"audit, far back", fmt.Sprint("/audit?before=", n/2)},
				{"audit of somebody", "/audit?who=Person+3"},
				{"audit of an object id", "/audit?who=object+3"},
				{"audit of nobody", "/audit?who=nobody"},
				{"audit of an action", "/audit?action=silence"},
				{"audit of an action, none", "/audit?action=replay"},
				{"audit of what was refused", "/audit?action=refused:"},
				{"audit of somebody and an action", "/audit?who=Person+3&action=silence"},
				{"audit of somebody and an action, none", "/audit?who=Person+3&action=replay"},
				{"audit of an object id and an action, none", "/audit?who=object+3&action=replay"},
				{"audit of somebody who was refused, none", "/audit?who=Person+3&action=refused:"},
				{"audit of an alert", "/audit?target=" + alert.ShortID(story)},
				{"audit of an alert and an action, none", "/audit?action=replay&target=" + alert.ShortID(story)},
				{"audit of an alert and somebody, none", "/audit?who=Person+3&target=" + alert.ShortID(story)},
				{"audit of a way", "/audit?from=page"},
				{"audit of a way and an action, none", "/audit?from=page&action=replay"},
				{"audit of a way and somebody, none", "/audit?from=api&who=Person+3"},
				{"audit of a day", "/audit?" + day},
				{"audit of a day and somebody, none", "/audit?who=Person+3&action=replay&" + day},
				{"audit before the history", "/audit?until=" + noon.Add(-time.Hour).Format(pageTime)},
			} {
				b.Run(page.name, func(b *testing.B) {
					best := time.Hour
					for b.Loop() {
						began := time.Now()
						require.Equal(b, 200, s.ask("GET", page.path, "").Code)
						best = min(best, time.Since(began))
					}
					b.ReportMetric(float64(best.Microseconds())/1000, "best-ms")
				})
			}
		})
	}
}
