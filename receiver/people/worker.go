package people

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

// complainEvery is how often the log says that the store cannot be used.
const complainEvery = time.Minute

// Options are what a Worker lives with from start to stop. Everything without
// "nil" must be set.
type Options struct {
	Store      store.Store
	Logger     *slog.Logger          // nil: discard
	Registerer prometheus.Registerer // nil: not registered
	Now        func() time.Time      // nil: time.Now; the clock by which times are stored
	// Holder names this process in the lease: unique among replicas.
	Holder string
	// Graph finds people and installs the app for them; nil: there is no Graph,
	// and people are reached only where the app is already.
	Graph *graph.Client
	// Tenant is the one whose people are told; "": of any that the bot serves.
	Tenant string
	// Bot makes conversations.
	Bot *botframework.Client
	// Rosters are the ids of those whose members are to be known now; nil: none.
	Rosters func() []string
	// Settle stores what came of the work, in one transaction, and has what
	// waits go where it can go now. Persons are as they were read before the
	// work, so a conversation that an event told of meanwhile holds.
	Settle func(context.Context, []Settled) error
	// Assemble stores a roster that was read, or why it could not be: then
	// Reason is set, and its members are as they were. members are who is in
	// it: only name, object id, display name and UPN come from here; whatever
	// else is known of them holds.
	Assemble func(ctx context.Context, r store.Roster, members []store.Person) error
}

// Worker makes names into conversations, and keeps rosters. It is made by New
// and works in Run. Of several replicas one works at a time.
type Worker struct {
	Options
	metrics  *metrics
	wake     chan struct{}
	urged    chan struct{}
	expected expected

	complained time.Time // of Run alone
	// newestVersion is that of the app in the catalogue; nil: nobody knows.
	newestVersion atomic.Pointer[string]
	askedNewest   time.Time // of the check that is under way
}

// New makes a worker. Nobody is asked anything before Run.
func New(o Options) (*Worker, error) {
	if o.Store == nil || o.Holder == "" || o.Bot == nil || o.Settle == nil || o.Assemble == nil {
		return nil, errors.New("people: Store, Holder, Bot, Settle and Assemble must be set")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	w := &Worker{Options: o, wake: make(chan struct{}, 1), urged: make(chan struct{}, 1)}
	var err error
	w.metrics, err = newMetrics(o.Registerer, o.Store, o.Now)
	return w, err
}

// Wake has the worker look into the store: somebody is wanted, or the rosters
// have changed.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default: // it is about to look
	}
}

// Urge is Wake by somebody who says that what failed for everybody is mended: it
// is tried at once.
func (w *Worker) Urge() {
	select {
	case w.urged <- struct{}{}:
	default: // it is about to be
	}
}

// update is Store.Update, without waiting for ever.
func (w *Worker) update(ctx context.Context, fn func(store.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, notNow)
	defer cancel()
	return w.Store.Update(ctx, fn)
}

// complain logs that the store cannot be used, now and then.
func (w *Worker) complain(ctx context.Context, words string, err error) {
	if now := time.Now(); ctx.Err() == nil && now.Sub(w.complained) >= complainEvery {
		w.complained = now
		w.Logger.Error(words, "err", err)
	}
}
