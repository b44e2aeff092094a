package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
)

// through is the URL of a database by way of a proxy.
func through(url string, s *postgrestest.Server, p *proxy) string {
	return strings.Replace(url, s.Host(), p.listener.Addr().String(), 1)
}

// tell stores a group of its own with a post.
func tell(key string) func(store.Tx) error {
	return func(tx store.Tx) error {
		if _, err := tx.Groups(key); err != nil {
			return err
		}
		g := group.Group{Key: key, Origin: key, Episode: 1, Rev: 1, Phase: group.Open}
		if err := tx.SaveGroup(&g); err != nil {
			return err
		}
		return tx.SavePost(&store.Post{GroupID: g.ID, Address: "a", State: store.Due})
	}
}

// works waits until the store takes something again.
func works(t *testing.T, s *Store) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Check(context.Background()) == nil }, 30*time.Second, 10*time.Millisecond, "it does not go on by itself")
}

// TestNothingIsLostOrHalfWritten has clients store alerts while connections
// are cut in the middle of anything, sessions are ended, and the server is
// killed and started: what was acknowledged is there, whole and once.
func TestNothingIsLostOrHalfWritten(t *testing.T) {
	server := postgrestest.Own(t, postgrestest.Unsafe...)
	p := newProxy(t, server.Host())
	s := openAt(t, through(server.URL(""), server, p))
	ctx := t.Context()
	const clients, rounds = 8, 6
	var mu sync.Mutex
	stored, unknown := map[string]bool{}, map[string]bool{}
	happened := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(stored) + len(unknown)
	}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for c := range clients {
		wait.Go(func() {
			for i := 0; ; i++ {
				for try := 0; ; try++ { // as a sender does: until it is taken
					key := fmt.Sprintf("%d/%d/%d", c, i, try)
					err := s.Update(ctx, tell(key))
					mu.Lock()
					if err == nil {
						stored[key] = true
					} else {
						unknown[key] = true
					}
					mu.Unlock()
					if err == nil {
						break
					}
					if !errors.Is(err, store.ErrUnavailable) {
						t.Errorf("a sender is told to give up: %v", err)
						return
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	defer wait.Wait()
	end := sync.OnceFunc(func() { close(stop) })
	defer end() // also when a round has failed
	for round := range rounds {
		p.mean.Store(20_000)
		more := happened() + 40
		require.Eventually(t, func() bool { return happened() >= more }, 60*time.Second, time.Millisecond, "nobody gets through")
		p.mean.Store(0)
		switch round % 3 {
		case 0:
			_ = server.Exec("", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'teamsrelay'`)
		case 1:
			server.Kill()
			if err := server.Start(); err != nil {
				t.Error(err)
			}
		case 2:
			p.cut()
		}
	}
	end()
	wait.Wait()
	works(t, s)
	require.GreaterOrEqual(t, len(stored), clients, "somebody never got through")
	require.NotEmpty(t, unknown, "nothing was cut: the test proves nothing")
	found := map[string]int{}
	require.NoError(t, s.View(ctx, func(tx store.Tx) error {
		return tx.OpenGroups(func(g group.Group) error {
			found[g.Key]++
			return nil
		})
	}))
	for key := range stored {
		require.Equal(t, 1, found[key], "%s was acknowledged", key)
	}
	for key, n := range found {
		require.True(t, stored[key] || unknown[key], key)
		require.Equal(t, 1, n)
		require.NoError(t, s.View(ctx, func(tx store.Tx) error {
			groups, err := tx.Groups(key)
			require.NoError(t, err)
			_, err = tx.PostOf(groups[0].ID, "a")
			return err
		}), "%s is half there", key)
	}
}

func TestAServerThatIsGoneIsNotNowAndComesBackByItself(t *testing.T) {
	server := postgrestest.Own(t, postgrestest.Unsafe...)
	s := openAt(t, server.URL(""))
	ctx := t.Context()
	require.NoError(t, s.Update(ctx, tell("before")))
	server.Kill()
	meanwhile := 0
	for name, ask := range map[string]func() error{
		"update": func() error { meanwhile++; return s.Update(ctx, tell(fmt.Sprint("meanwhile ", meanwhile))) },
		"view": func() error {
			return s.View(ctx, func(tx store.Tx) error { _, err := tx.Groups("before"); return err })
		},
		"check": func() error { return s.Check(ctx) },
		"time":  func() error { _, err := s.Time(ctx); return err },
	} {
		var err error
		require.Eventually(t, func() bool { err = ask(); return err != nil }, 30*time.Second, 10*time.Millisecond,
			"%s: each of its children notices it after a moment", name)
		require.ErrorIs(t, err, store.ErrUnavailable, name)
		require.NotContains(t, err.Error(), server.Password())
		require.NotContains(t, err.Error(), "postgres://")
	}
	require.NoError(t, server.Start())
	works(t, s)
	require.NoError(t, s.Update(ctx, tell("after")))
}

func TestAServerThatTakesNoWritesIsNotNow(t *testing.T) {
	server := postgrestest.Own(t, postgrestest.Unsafe...)
	s := openAt(t, server.URL(""))
	ctx := t.Context()
	require.NoError(t, s.Update(ctx, tell("before")))
	require.NoError(t, server.Exec("", `ALTER SYSTEM SET default_transaction_read_only = on`, `SELECT pg_reload_conf()`))
	require.Eventually(t, func() bool { return errors.Is(s.Check(ctx), store.ErrUnavailable) }, 30*time.Second, 10*time.Millisecond,
		"the old primary is a standby now, and alerts would be refused for good")
	require.NoError(t, server.Exec("", `SET default_transaction_read_only = off`, `ALTER SYSTEM RESET default_transaction_read_only`, `SELECT pg_reload_conf()`))
	works(t, s)
}

// TestTheOneThatTakesWritesIsFound names two servers, as after a failover: the
// first is a standby.
func TestTheOneThatTakesWritesIsFound(t *testing.T) {
	old := postgrestest.Own(t, append([]string{"default_transaction_read_only=on"}, postgrestest.Unsafe...)...)
	url := postgrestest.Database(t)
	primary := postgrestest.Shared(t)
	name := url[strings.LastIndex(url, "/")+1:]
	name, _, _ = strings.Cut(name, "?")
	// The password is the primary's, as in a real cluster.
	require.NoError(t, old.Exec("", `SET default_transaction_read_only = off`, `CREATE DATABASE `+name, `ALTER ROLE teamsrelay PASSWORD '`+primary.Password()+`'`))
	both := strings.Replace(url, primary.Host(), old.Host()+","+primary.Host(), 1)
	for _, url := range []string{both, both + "&target_session_attrs=read-write"} {
		s := openAt(t, url)
		require.NoError(t, s.Check(t.Context()))
	}
}

// TestADeadNetworkHangsNobody: packets go nowhere and nobody says so, as behind
// a firewall that forgot a connection.
func TestADeadNetworkHangsNobody(t *testing.T) {
	url := postgrestest.Database(t)
	server := postgrestest.Shared(t)
	p := newProxy(t, server.Host())
	require.NoError(t, openAt(t, url).Close()) // which makes the schema, and may take its time
	var s *Store
	require.Eventually(t, func() bool {
		var err error
		s, err = Open(t.Context(), Options{URL: through(url, server, p), patience: 500 * time.Millisecond})
		return err == nil
	}, 30*time.Second, 10*time.Millisecond, "a machine that is busy answers in time at last")
	t.Cleanup(func() { _ = s.Close() })
	works(t, s)
	p.mute.Store(true)
	require.ErrorIs(t, s.Update(t.Context(), tell("k")), store.ErrUnavailable)
	require.ErrorIs(t, s.View(t.Context(), func(tx store.Tx) error { _, err := tx.Groups("k"); return err }), store.ErrUnavailable)
	p.mute.Store(false)
	p.cut()
	works(t, s)
}
