package sqlite

import (
	"bytes"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// TestOpenOfWhatIsNotAStore is the catalogue of broken places: each has its
// words for the operator, and nothing of what was there is changed.
func TestOpenOfWhatIsNotAStore(t *testing.T) {
	write := func(t *testing.T, path string, data []byte) {
		require.NoError(t, os.WriteFile(path, data, 0o600))
	}
	run := func(t *testing.T, path string, sql ...string) {
		c, err := connect(path, sql...)
		require.NoError(t, err)
		require.NoError(t, c.close())
	}
	good := func(t *testing.T, path string) {
		s, err := Open(path, Options{})
		require.NoError(t, err)
		for i := range 50 {
			require.NoError(t, s.Update(ctx, save(fmt.Sprint(t.Name(), i), nil)))
		}
		require.NoError(t, s.Close())
	}
	for name, broken := range map[string]struct {
		prepare func(t *testing.T, path string)
		words   []string
	}{
		"the directory is missing": {
			func(t *testing.T, path string) { require.NoError(t, os.Remove(filepath.Dir(path))) },
			[]string{"there is no directory", "create it"},
		},
		"the directory is a file": {
			func(t *testing.T, path string) {
				require.NoError(t, os.Remove(filepath.Dir(path)))
				write(t, filepath.Dir(path), nil)
			},
			[]string{"is not a directory"},
		},
		"the file is a directory": {
			func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
			[]string{"it is not a file"},
		},
		"the file is something else": {
			func(t *testing.T, path string) { write(t, path, []byte("storage:\n  url: sqlite:teamsrelay.db\n")) },
			[]string{"not an SQLite database", "storage.url"},
		},
		"the file is only the beginning of a database": {
			func(t *testing.T, path string) { write(t, path, []byte(magic[:7])) },
			[]string{"not an SQLite database"},
		},
		"the file has a good head and rubbish after it": {
			func(t *testing.T, path string) {
				write(t, path, append([]byte(magic), bytes.Repeat([]byte{7}, 8192)...))
			},
			[]string{"damaged", "backup"},
		},
		"the database is cut off": {
			func(t *testing.T, path string) {
				good(t, path)
				require.NoError(t, os.Truncate(path, 3*4096))
			},
			[]string{"damaged", "backup"},
		},
		"the database belongs to another program": {
			func(t *testing.T, path string) { run(t, path, "CREATE TABLE dashboard (id INTEGER)") },
			[]string{"another program", "storage.url"},
		},
		"the database is from a newer version": {
			func(t *testing.T, path string) {
				good(t, path)
				run(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
			},
			[]string{"newer teamsrelay", "999"},
		},
		"the file must not be written": {
			func(t *testing.T, path string) {
				if os.Getuid() == 0 || runtime.GOOS == "windows" {
					t.Skip("root may write everything, and Windows has other modes")
				}
				good(t, path)
				require.NoError(t, os.Chmod(path, 0o400))
			},
			[]string{"cannot be written", "owner"},
		},
		"another process has it": {
			func(t *testing.T, path string) { openAt(t, path) },
			[]string{"another teamsrelay process uses it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dir")
			require.NoError(t, os.Mkdir(dir, 0o700))
			path := filepath.Join(dir, "teamsrelay.db")
			broken.prepare(t, path)
			before, _ := os.ReadFile(path)
			_, err := Open(path, Options{})
			require.ErrorContains(t, err, path, "which file?")
			for _, words := range broken.words {
				require.ErrorContains(t, err, words)
			}
			after, _ := os.ReadFile(path)
			require.True(t, bytes.Equal(before, after), "what cannot be read must not be written")
		})
	}
}

func TestOpenOfUnusualButGoodPlaces(t *testing.T) {
	for name, file := range map[string]string{
		"characters that mean something in a URL": "a b%20?mode=memory&x#y.db",
		"no ASCII":      "日本語.db",
		"no extension":  "store",
		"a leading dot": ".store",
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && name == "characters that mean something in a URL" {
				t.Skip("Windows does not allow them")
			}
			path := filepath.Join(t.TempDir(), file)
			s := openAt(t, path)
			require.NoError(t, s.Update(ctx, save("k", nil)))
			require.NoError(t, s.Close())
			require.FileExists(t, path)
			require.Equal(t, []string{"k"}, stored(t, openAt(t, path)))
		})
	}
	t.Run("an empty file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "empty.db")
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, openAt(t, path).Update(ctx, save("k", nil)))
	})
	t.Run("a relative path", func(t *testing.T) {
		t.Chdir(t.TempDir())
		require.NoError(t, openAt(t, "here.db").Update(ctx, save("k", nil)))
		require.FileExists(t, "here.db")
	})
	t.Run("one file by two names is still one file", func(t *testing.T) {
		dir := t.TempDir()
		openAt(t, filepath.Join(dir, "real.db"))
		link := filepath.Join(dir, "link.db")
		if err := os.Symlink("real.db", link); err != nil {
			t.Skip("no symbolic links here")
		}
		_, err := Open(link, Options{})
		require.ErrorContains(t, err, "another teamsrelay process uses it", "two would deliver everything twice")
	})
}

func TestAFailedOpenGivesTheFileBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	require.NoError(t, os.WriteFile(path, append([]byte(magic), bytes.Repeat([]byte{7}, 8192)...), 0o600))
	_, err := Open(path, Options{})
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NoError(t, os.Remove(path))
	require.NoError(t, openAt(t, path).Update(ctx, save("k", nil)), "a repaired file could not be used without a restart")
}

// TestOpenOfAnOlderSchema makes a file as each version before left it, with an
// alert that was told.
func TestOpenOfAnOlderSchema(t *testing.T) {
	for version := int64(1); version <= 6; version++ {
		t.Run(fmt.Sprint("schema ", version), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "old.db")
			db, err := sql.Open("sqlite", dsn(path))
			require.NoError(t, err)
			files, err := fs.Sub(migrations, "migrations")
			require.NoError(t, err)
			provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
			require.NoError(t, err)
			_, err = provider.UpTo(ctx, version)
			require.NoError(t, err)
			for _, row := range []string{
				`INSERT INTO groups (id, key, origin, key_hash, origin_hash, episode, rev, phase, latest, changed_at, data)
					VALUES (7, 'k', 'o', 1, 2, 1, 3, 'open', 1, 1, '{}')`,
				`INSERT INTO posts (id, group_id, address, destination, card, title, state, want, shown, loud, rank, attempts,
					message_id, reason, message, dead_letter, sending_loud, sending_rank)
					VALUES (9, 7, 'workflow:1', 'ops', 'alert', 'Down', 'accepted', 3, 3, 0, 0, 0, '', '', '', 0, 0, 0)`,
				`INSERT INTO deliveries (post_id, group_id, address, destination, title, state, attempt, revision, digest, status,
					reason, message, message_id, took) VALUES (9, 7, 'workflow:1', 'ops', 'Down', 'accepted', 1, 3, 0, 202, '', '', '', 0)`,
				`INSERT INTO addresses (address, holder, failures, broken, broken_reason, broken_at)
					VALUES ('workflow:1', '', 2, 'the flow was deleted', 'not_found', 5)`,
			} {
				_, err := db.Exec(row)
				require.NoError(t, err)
			}
			if version >= 4 {
				_, err := db.Exec(`UPDATE posts SET carded = shown`)
				require.NoError(t, err)
			}
			if version >= 5 {
				for _, row := range []string{
					`UPDATE posts SET follows = 8`,
					`INSERT INTO conversations (id, kind, tenant, service_url, bot_id, name, team_id, team_group, team_name,
						user_id, user_object_id, installed, blocked, moved_to, updated_at)
						VALUES ('a:1', 'personal', '', '', '', 'Alice', '', '', '', '29:1', '0b7a', 1, '', '', 1)`,
					`INSERT INTO subscriptions (address, name, matchers, by_name, by_id) VALUES ('bot:a:1', 'Alice', CAST('[]' AS BLOB), '', '')`,
				} {
					_, err := db.Exec(row)
					require.NoError(t, err)
				}
			}
			if version >= 6 {
				for _, row := range []string{
					`UPDATE posts SET missed = 1`,
					`INSERT INTO people (name, object_id, display_name, upn, conversation, state, reason, message, wanted, attempts, version)
						VALUES ('bob', '0b7b', 'Bob', '', 'a:2', 'reachable', '', '', 1, 2, '1')`,
					`INSERT INTO rosters (id, display_name, members, reason, message, attempts)
						VALUES ('group:2', 'Night shift', CAST('["0b7b"]' AS BLOB), '', '', 0)`,
					`INSERT INTO audit (at, who, object_id, action, target, done_from, before_it, after_it) VALUES (1, 'Bob', '0b7b', 'silence', '', 'Teams', '', '')`,
				} {
					_, err := db.Exec(row)
					require.NoError(t, err)
				}
			}
			require.NoError(t, db.Close())

			var log strings.Builder
			upgraded, err := Open(path, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			require.NoError(t, err)
			require.NoError(t, upgraded.Close())
			require.Contains(t, log.String(), fmt.Sprintf("The schema is brought up to date; with years of history that takes minutes, and no alert is taken meanwhile\" from=%d", version))
			log.Reset()
			upgraded, err = Open(path, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			require.NoError(t, err)
			require.NoError(t, upgraded.Close())
			require.NotContains(t, log.String(), "schema", "every other start needs nothing")
			s := openAt(t, path)
			require.NoError(t, s.View(ctx, func(tx store.Tx) error {
				p, err := tx.Post(9)
				require.NoError(t, err)
				if version >= 5 {
					require.EqualValues(t, 8, p.Follows)
					p.Follows = 0
					c, err := tx.PersonalConversation("0b7a")
					require.NoError(t, err, "who has talked to the bot would be installed for anew")
					require.Equal(t, "a:1", c.ID)
				}
				if version >= 6 {
					require.True(t, p.Missed, "whoever was told in its place would be told again")
					p.Missed = false
					bob, err := tx.Person("bob")
					require.NoError(t, err)
					require.Equal(t, store.Person{Name: "bob", ObjectID: "0b7b", DisplayName: "Bob", Conversation: "a:2",
						State: store.PersonReachable, Wanted: true, Attempts: 2, Version: "1"}, bob)
					r, err := tx.Roster("group:2")
					require.NoError(t, err)
					require.Equal(t, []string{"0b7b"}, r.Members)
					lines, err := tx.Audit(store.AuditFilter{Who: "Bob"})
					require.NoError(t, err)
					require.Len(t, lines, 1, "what was done is no longer found")
				}
				require.False(t, p.Missed, "nobody was told in its place")
				require.Equal(t, store.Post{ID: 9, GroupID: 7, Address: "workflow:1", Destination: "ops", Card: "alert", Title: "Down",
					State: store.Accepted, Want: 3, Shown: 3, Carded: 3}, p)
				require.Equal(t, p.Call, p.Called, "an old post would call for its past")
				_, err = tx.PostByMessage("workflow:1", "")
				require.ErrorIs(t, err, store.ErrNotFound)
				row, err := tx.Address("workflow:1")
				require.NoError(t, err)
				require.Equal(t, []any{"the flow was deleted", false}, []any{row.Broken, row.Waits}, "a flow that is gone waits for nothing")
				log, err := tx.Deliveries(store.DeliveryFilter{PostID: 9})
				require.Len(t, log, 1)
				return err
			}))
			require.NoError(t, s.Check(ctx))
			require.NoError(t, s.Update(ctx, func(tx store.Tx) error {
				if err := tx.SavePerson(&store.Person{Name: "alice", Wanted: true}); err != nil {
					return err
				}
				if err := tx.SaveRoster(&store.Roster{ID: "group:1"}); err != nil {
					return err
				}
				if err := tx.MoveSubscriptions("bot:a:1", "bot:a:2"); err != nil {
					return err
				}
				_, _, err := tx.MovePosts("workflow:1", "bot:a:2", time.Now(), 10)
				return err
			}))
		})
	}
}

// TestAFileThatWasTakenAwayIsNotWrittenTo would fail for whoever tidies up a
// directory: alerts would be answered 200 and go to a file that nobody can open.
func TestAFileThatWasTakenAwayIsNotWrittenTo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("what is open cannot be taken away there")
	}
	path := filepath.Join(t.TempDir(), "teamsrelay.db")
	s, err := Open(path, Options{})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Update(ctx, save("before", nil)))

	require.NoError(t, os.Rename(path, path+".old"))
	err = s.Update(ctx, save("lost", nil))
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorContains(t, err, "taken away")
	require.ErrorIs(t, s.Check(ctx), store.ErrUnavailable)

	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.ErrorContains(t, s.Update(ctx, save("into another", nil)), "another file is in its place")

	require.NoError(t, os.Rename(path+".old", path))
	require.NoError(t, s.Update(ctx, save("after", nil)), "who puts it back need not start anew")
}

// TestAFileThatCannotBeLookedAtIsNotTakenAway would fail for whoever tightens the
// mode of a directory: what is open is written to as before, and no alert refused.
func TestAFileThatCannotBeLookedAtIsNotTakenAway(t *testing.T) {
	unseen := strings.Repeat("x", 10000) // too long to be asked for; nothing is forbidden to root
	require.NoError(t, place{path: unseen}.check())
}
