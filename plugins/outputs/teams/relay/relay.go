package relay

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// ahead is how far the end of a firing alert lies: four resends, and less
	// than the five minutes after which Alertmanager and our receiver end what
	// has none.
	ahead = 4 * time.Minute
	// most is how many alerts go into one request.
	most = 500
	// Waits after an attempt that failed: doubling, with jitter, from the
	// first to the longest.
	firstWait, longestWait = time.Second, time.Minute
	// complainEvery is how often the log says that nothing gets through.
	complainEvery = time.Minute
	// lookEvery is how often alerts are looked for that nobody hands on.
	lookEvery = 30 * time.Second
)

// Options are what a Relay works with.
type Options struct {
	API    *API
	Store  store.Store
	Logger *slog.Logger
	// Now is a clock that never jumps by itself; see Shift.
	Now func() time.Time
}

// Relay hands alerts on. It is safe for concurrent use.
type Relay struct {
	o    Options
	wake chan struct{}

	mu     sync.Mutex // held while something is stored, so that the store and outbox agree
	outbox *outbox
}

// New makes a Relay that goes on with what the store has on its way.
func New(ctx context.Context, o Options) (*Relay, error) {
	r := &Relay{o: o, wake: make(chan struct{}, 1)}
	err := o.Store.View(ctx, func(tx store.Tx) error {
		rows, err := tx.Relayed()
		r.outbox = newOutbox(rows, o.Now())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the alerts that are on their way: %w", err)
	}
	return r, nil
}

// Hand takes alerts, and runs also, if it is not nil, in the transaction that
// stores them. When it returns nil, both are on disk. What only says that it
// still fires costs no transaction.
func (r *Relay) Hand(ctx context.Context, posted []ingest.Posted, also func(store.Tx) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.ring()
	return r.take(ctx, r.outbox.news(posted), also)
}

// take stores entries and puts them into the outbox. The lock must be held.
func (r *Relay) take(ctx context.Context, news []*entry, also func(store.Tx) error) error {
	if len(news) == 0 && also == nil {
		return nil
	}
	rows := make([]store.Relayed, len(news))
	for i, e := range news {
		rows[i] = e.Relayed
	}
	err := r.o.Store.Update(ctx, func(tx store.Tx) error {
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		return tx.SaveRelayed(rows)
	})
	if err == nil {
		r.outbox.learn(news)
	}
	return err
}

// Shift moves what ends by itself by that much: the clock is about to be set.
func (r *Relay) Shift(by time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outbox.shift(by)
}

func (r *Relay) ring() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run posts what is due until ctx ends. A request that is under way then is
// cut off: what it carried is posted after the next start.
func (r *Relay) Run(ctx context.Context) error {
	wait := time.Duration(0)
	failures := failures{log: r.o.Logger, where: r.o.API.Name()}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		switch more, err := r.round(ctx); {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			wait = next(wait, err)
			failures.say(err, r.waiting(), r.o.Now())
			if !pause(ctx, wait) {
				return nil
			}
			continue
		case more:
			wait = 0
			failures.over()
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-look.C:
		}
	}
}

// round posts one request's worth. It reports whether there was anything.
func (r *Relay) round(ctx context.Context) (more bool, err error) {
	now := r.o.Now()
	r.mu.Lock()
	err = r.take(ctx, r.outbox.forgotten(now), nil)
	letters := r.outbox.letters(now, ahead, most)
	r.mu.Unlock()
	if err != nil || len(letters) == 0 {
		return false, err
	}
	return true, r.post(ctx, letters)
}

// post posts letters. Those that the other side takes for wrong are looked for
// by halves, so that they do not cost the others.
func (r *Relay) post(ctx context.Context, letters []letter) error {
	err := r.o.API.post(ctx, letters)
	refusal, wrong := err.(*refused) //nolint:errorlint // post returns it bare
	switch {
	case err == nil:
		return r.settle(ctx, letters, false)
	case !wrong:
		return err
	case len(letters) == 1:
		r.o.Logger.Error("An alert was refused for ever; it is not told there",
			"alert", letters[0].alert.Name(), "fingerprint", letters[0].alert.Fingerprint.String(), "relay", r.o.API.Name(), "answer", refusal.Error())
		return r.settle(ctx, letters, true)
	}
	half := len(letters) / 2
	if err := r.post(ctx, letters[:half]); err != nil {
		return err
	}
	return r.post(ctx, letters[half:])
}

// settle records that letters have come to their end.
func (r *Relay) settle(ctx context.Context, letters []letter, refused bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.outbox.accepted(letters, refused)
	if len(out.save) > 0 || len(out.remove) > 0 {
		// Even at a stop: else it is posted again after the next start.
		err := r.o.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
			if err := tx.SaveRelayed(out.save); err != nil {
				return err
			}
			return tx.DeleteRelayed(out.remove)
		})
		if err != nil {
			return err
		}
	}
	out.settle()
	return nil
}

func (r *Relay) waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outbox.waiting()
}

// next is how long to wait after one more attempt that failed.
func next(wait time.Duration, err error) time.Duration {
	wait = min(max(2*wait, firstWait), longestWait)
	if asked, ok := err.(*unavailable); ok { //nolint:errorlint // post returns it bare
		wait = min(max(wait, asked.after), longestWait)
	}
	return wait
}

// pause waits, a little shorter or longer than asked for, and reports whether
// ctx goes on.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait*3/4 + rand.N(wait/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// failures says that nothing gets through, and when something does again.
type failures struct {
	log   *slog.Logger
	where string
	said  time.Time // zero: nothing is wrong
	count int
}

func (f *failures) say(err error, waiting int, now time.Time) {
	f.count++
	if !f.said.IsZero() && now.Sub(f.said) < complainEvery {
		return
	}
	f.said = now
	f.log.Warn("Alerts cannot be handed on; they are stored and tried again", "relay", f.where, "alerts", waiting, "attempts", f.count, "err", err)
}

func (f *failures) over() {
	if f.count > 0 {
		f.log.Info("Alerts are handed on again", "relay", f.where)
	}
	f.said, f.count = time.Time{}, 0
}
