package people_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
	"github.com/teamsrelay/teamsrelay/receiver/store/storetest"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

const alice, bob, carol = "alice@contoso.com", "bob@contoso.com", "carol@contoso.com"

// rig is a worker between a store and a simulated Microsoft. It stands for the
// engine: what it is handed it stores, as the contract of Options says.
type rig struct {
	t      *testing.T
	server *teamstest.Server
	store  store.Store
	w      *people.Worker // the latest that was started
	began  time.Time
	log    *syncBuffer
	// withoutGraph: there is none.
	withoutGraph bool
	rosters      []string
	registry     *prometheus.Registry
	down         atomic.Bool // the store takes nothing from the engine

	refused atomic.Int32

	mu        sync.Mutex
	settled   []people.Settled
	at        []time.Duration // of each, since the beginning
	calls     int             // of Settle
	assembled []store.Roster
	members   []store.Person // of the latest
}

// inside runs a test with a clock of its own. Every request to Microsoft takes
// 50 ms.
func inside(t *testing.T, o teamstest.Options, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Bot.Signed = true
		r := &rig{t: t, server: teamstest.New(o), began: time.Now(), log: &syncBuffer{}}
		t.Cleanup(r.server.Close)
		db, err := sqlite.Open(sqlitetest.File(t), sqlite.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		r.store = storetest.Twice(db)
		test(r)
	})
}

// slow makes every request take a while, as they do in the world.
type slow struct {
	inner http.RoundTripper
	by    time.Duration
}

func (s slow) RoundTrip(q *http.Request) (*http.Response, error) {
	select {
	case <-time.After(s.by):
		return s.inner.RoundTrip(q)
	case <-q.Context().Done():
		return nil, q.Context().Err()
	}
}

func (r *rig) config() auth.Config {
	return auth.Config{
		TenantID: teamstest.DefaultTenant, AppID: teamstest.DefaultAppID, Secret: teamstest.DefaultSecret,
		Endpoints: auth.Endpoints{Login: "https://login.test"}, Transport: slow{r.server.Transport(), 50 * time.Millisecond},
	}
}

// worker makes one, for a replica of that name.
func (r *rig) worker(holder string) *people.Worker {
	r.t.Helper()
	bot, err := botframework.New(r.config())
	require.NoError(r.t, err)
	var g *graph.Client
	if !r.withoutGraph {
		g, err = graph.New(r.config(), graph.App{ManifestID: teamstest.DefaultApp.ManifestID})
		require.NoError(r.t, err)
	}
	r.registry = prometheus.NewRegistry()
	w, err := people.New(people.Options{
		Store: r.store, Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Registerer: r.registry, Holder: holder, Graph: g, Bot: bot, Tenant: teamstest.DefaultTenant,
		Rosters: func() []string { r.mu.Lock(); defer r.mu.Unlock(); return slices.Clone(r.rosters) },
		Settle:  r.settle, Assemble: r.assemble,
	})
	require.NoError(r.t, err)
	return w
}

// run has a worker work; what it returns stops it.
func (r *rig) run(w *people.Worker) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			require.NoError(r.t, <-done)
		})
	}
	r.t.Cleanup(stop)
	return stop
}

func (r *rig) start() (stop func()) {
	r.w = r.worker("here")
	return r.run(r.w)
}

// settle is the engine's.
func (r *rig) settle(ctx context.Context, all []people.Settled) error {
	if r.down.Load() {
		r.refused.Add(1)
		return store.ErrUnavailable
	}
	err := r.store.Update(ctx, func(tx store.Tx) error {
		for _, s := range all {
			stored, err := tx.Person(s.Person.Name)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			p := s.Person
			p.UpdatedAt = time.Now()
			if stored.Conversation != "" && s.Place == nil {
				continue
			}
			p.Wanted = s.Waits
			if s.Place != nil {
				if err := tx.SaveConversation(&store.Conversation{
					ID: s.Place.Conversation, Kind: store.Personal, ServiceURL: s.Place.ServiceURL, Tenant: s.Place.Tenant,
					UserObjectID: p.ObjectID, Installed: true, UpdatedAt: time.Now(),
				}); err != nil {
					return err
				}
				require.Equal(r.t, store.PersonReachable, p.State)
				require.Equal(r.t, s.Place.Conversation, p.Conversation)
			}
			if err := tx.SavePerson(&p); err != nil {
				return err
			}
		}
		return nil
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	for _, s := range all {
		r.settled = append(r.settled, s)
		r.at = append(r.at, time.Since(r.began))
	}
	return err
}

func (r *rig) assemble(ctx context.Context, roster store.Roster, members []store.Person) error {
	r.mu.Lock()
	r.assembled = append(r.assembled, roster)
	r.members = members
	r.mu.Unlock()
	return r.store.Update(ctx, func(tx store.Tx) error { return tx.SaveRoster(&roster) })
}

// want has something to be told to people.
func (r *rig) want(names ...string) {
	r.t.Helper()
	r.update(func(tx store.Tx) error {
		for _, name := range names {
			p, err := tx.Person(name)
			if err != nil {
				p = store.Person{Name: name, State: store.PersonUnknown}
			}
			p.Wanted, p.NotBefore, p.Attempts, p.UpdatedAt = true, time.Time{}, 0, time.Now()
			if err := tx.SavePerson(&p); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *rig) update(fn func(store.Tx) error) {
	r.t.Helper()
	require.NoError(r.t, r.store.Update(context.Background(), fn))
}

func (r *rig) person(name string) (p store.Person) {
	r.t.Helper()
	require.NoError(r.t, r.store.View(context.Background(), func(tx store.Tx) (err error) {
		p, err = tx.Person(name)
		return err
	}))
	return p
}

// results are what came of the work since the last call, and when.
func (r *rig) results() ([]people.Settled, []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, at := r.settled, r.at
	r.settled, r.at = nil, nil
	return all, at
}

// after waits, and until nothing moves any more.
func (r *rig) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// reached asserts that somebody can be told, in the chat that Teams has for
// them.
func (r *rig) reached(name, user string) {
	r.t.Helper()
	p := r.person(name)
	require.Equal(r.t, store.PersonReachable, p.State, "%+v", p)
	require.Equal(r.t, r.server.PersonalChat(user), p.Conversation)
	require.False(r.t, p.Wanted)
	require.Empty(r.t, p.Reason)
	require.Empty(r.t, p.Message)
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
