package role_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/role"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
)

// shared is a store that several replicas write to. cut cuts the line to it.
type shared struct {
	store.Store
	alone bool
	cut   *atomic.Bool
}

func (s shared) Shared() bool { return !s.alone }

func (s shared) Update(ctx context.Context, fn func(store.Tx) error) error {
	if s.cut.Load() {
		return store.ErrUnavailable
	}
	return s.Store.Update(ctx, fn)
}

func (s shared) View(ctx context.Context, fn func(store.Tx) error) error {
	if s.cut.Load() {
		return store.ErrUnavailable
	}
	return s.Store.View(ctx, fn)
}

// cluster is a store and the replicas on it.
type cluster struct {
	t  *testing.T
	db store.Store

	mu  sync.Mutex
	who []string // has the role now; more than one is a mistake
}

// replica plays the role until stop.
type replica struct {
	store shared
	stop  func()
	fence atomic.Pointer[role.Fence]
}

func (c *cluster) start(name string) *replica {
	r := &replica{store: shared{Store: c.db, cut: &atomic.Bool{}}}
	roles := role.New(role.Options{Store: r.store, Logger: slog.New(slog.DiscardHandler), Holder: name, Now: time.Now})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		roles.Play(ctx, "rules", func(ctx context.Context, fence role.Fence) {
			r.fence.Store(&fence)
			c.enter(name)
			<-ctx.Done()
			c.leave(name)
		})
	}()
	r.stop = func() { cancel(); <-ended }
	return r
}

func (c *cluster) enter(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who = append(c.who, name)
	if len(c.who) > 1 {
		c.t.Error("two replicas work at once: ", c.who)
	}
}

func (c *cluster) leave(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.who {
		if c.who[i] == name {
			c.who = append(c.who[:i], c.who[i+1:]...)
			return
		}
	}
}

func (c *cluster) has() []string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.who...)
}

func inCluster(t *testing.T, test func(t *testing.T, c *cluster)) {
	file := sqlitetest.File(t)
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(file, sqlite.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		test(t, &cluster{t: t, db: db})
	})
}

// Two that poll would ask InfluxDB twice and disagree about what they saw.
func TestOneOfSeveralReplicasHasARole(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		a := c.start("a")
		require.Equal(t, []string{"a"}, c.has())
		b := c.start("b")
		time.Sleep(5 * time.Minute)
		require.Equal(t, []string{"a"}, c.has(), "who has it keeps it")
		a.stop()
		time.Sleep(1100 * time.Millisecond)
		require.Equal(t, []string{"b"}, c.has(), "a rolling restart must not cost the length of a lease")
		b.stop()
		require.Empty(t, c.has())
	})
}

// A line that is cut looks like a death to the others: who has lost the store
// must have stopped before somebody else begins.
func TestWhoCannotRenewStopsBeforeAnotherBegins(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		a, b := c.start("a"), (*replica)(nil)
		require.Equal(t, []string{"a"}, c.has())
		b = c.start("b")
		time.Sleep(time.Minute)
		a.store.cut.Store(true)
		time.Sleep(7500 * time.Millisecond)
		require.Empty(t, c.has())
		time.Sleep(4 * time.Second)
		require.Equal(t, []string{"b"}, c.has(), "within 12 s, as the package says")
		a.store.cut.Store(false)
		time.Sleep(time.Minute)
		require.Equal(t, []string{"b"}, c.has())

		// a was held up in front of its transaction until now.
		err := a.store.Update(t.Context(), func(tx store.Tx) error { return (*a.fence.Load())(tx) })
		require.ErrorIs(t, err, role.ErrLost)
		require.NoError(t, b.store.Update(t.Context(), func(tx store.Tx) error { return (*b.fence.Load())(tx) }))
		a.stop()
		b.stop()
	})
}

// A database that is restarted for a moment is no reason to change hands.
func TestAShortOutageChangesNothing(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		a := c.start("a")
		b := c.start("b")
		before := c.has()
		for range 10 {
			a.store.cut.Store(true)
			b.store.cut.Store(true)
			time.Sleep(4 * time.Second)
			require.Equal(t, before, c.has())
			a.store.cut.Store(false)
			b.store.cut.Store(false)
			time.Sleep(10 * time.Second)
		}
		a.stop()
		b.stop()
	})
}

// The deliverer of a stopping replica gives back the leases of its holder while
// a role's work is still storing what it knows.
func TestTheEndOfDeliveryEndsNoRole(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		a := c.start("a")
		require.Equal(t, []string{"a"}, c.has())
		require.NoError(t, c.db.Update(t.Context(), func(tx store.Tx) error { return tx.ReleaseLeases("a") }))
		require.NoError(t, a.store.Update(t.Context(), func(tx store.Tx) error { return (*a.fence.Load())(tx) }))
		a.stop()
	})
}

// With SQLite nobody else can be there, and a disk that refuses for a while must
// not stop what needs no disk.
func TestWhereNobodySharesTheStoreEveryRoleIsOurs(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		s := shared{Store: c.db, alone: true, cut: &atomic.Bool{}}
		s.cut.Store(true)
		roles := role.New(role.Options{Store: s, Logger: slog.New(slog.DiscardHandler), Holder: "a", Now: time.Now})
		ctx, cancel := context.WithCancel(t.Context())
		done := errors.New("not called")
		roles.Play(ctx, "rules", func(_ context.Context, fence role.Fence) {
			done = fence(nil)
			cancel()
		})
		require.NoError(t, done)
	})
}
