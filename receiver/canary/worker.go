package canary

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/clock"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// lookEvery is how often it is looked whether a canary is due.
	lookEvery = time.Second
	// complainEvery is how often the log says that the store refuses.
	complainEvery = time.Minute
)

// Options are what a Worker lives with from start to stop. All must be set.
type Options struct {
	Store      store.Store
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Clock      *clock.Clock
	// Canaries are those of the configuration as it is now.
	Canaries func() []Canary
	// Address is where a destination is; false while nothing may be sent there.
	Address func(destination string) (deliver.Address, bool)
	// Probe is deliver's.
	Probe func(ctx context.Context, address, title, messageID string, m card.Message) (teams.Outcome, error)
	// Settle has exactly these alerts of a name fire; after an error it is
	// called again.
	Settle func(ctx context.Context, name string, firing []alert.Alert) error
}

// Worker sends canaries. It is made by New.
type Worker struct {
	Options
	// unsaved is when an attempt was made last of which nothing could be stored, by
	// destination. Only used by who has the role.
	unsaved map[string]time.Time

	mu           sync.Mutex
	complainedAt time.Time // of the process' own clock
}

// New makes a Worker.
func New(o Options) (*Worker, error) {
	return &Worker{Options: o, unsaved: map[string]time.Time{}}, o.Registerer.Register(&collector{store: o.Store, canaries: o.Canaries, address: o.Address, now: o.Clock.Now})
}

// Run sends canaries, in one of the replicas, until ctx ends. fence fails in a
// transaction when it is another one meanwhile.
func (w *Worker) Run(ctx context.Context, fence func(store.Tx) error) {
	for ctx.Err() == nil {
		if err := w.look(ctx, fence); err != nil {
			w.complain(ctx, err)
		}
		timer := time.NewTimer(lookEvery)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// look sends what is due, and has it told what fails.
func (w *Worker) look(ctx context.Context, fence func(store.Tx) error) error {
	known := map[string]store.Canary{}
	err := w.Store.View(ctx, func(tx store.Tx) error {
		clear(known)
		rows, err := tx.Canaries()
		for _, row := range rows {
			known[row.Destination] = row
		}
		return err
	})
	if err != nil {
		return err
	}
	var errs []error
	var failing []alert.Alert
	for _, c := range w.Canaries() {
		row := known[c.Destination]
		delete(known, c.Destination)
		at, there := w.Address(c.Destination)
		if !there { // and somebody has wanted that
			continue
		}
		now := w.Clock.Now()
		if row = c.begin(row, at.ID, now); !row.NextAt.After(now) && time.Since(w.unsaved[c.Destination]) >= retryAfter {
			var err error
			if row, err = w.try(ctx, &c, row, at.Editable, fence); err != nil {
				errs = append(errs, err)
			}
		}
		if !row.FailedAt.IsZero() {
			failing = append(failing, c.failure(&row))
		}
	}
	for _, destination := range slices.Sorted(maps.Keys(known)) { // not in the configuration any more
		errs = append(errs, w.update(ctx, fence, func(tx store.Tx) error { return tx.DeleteCanary(destination) }))
	}
	return errors.Join(append(errs, w.Settle(ctx, AlertName, failing))...)
}

// try makes an attempt and stores what came of it.
func (w *Worker) try(ctx context.Context, c *Canary, row store.Canary, editable bool, fence func(store.Tx) error) (store.Canary, error) {
	was := row
	o, err := w.send(ctx, c, &row, editable)
	t := made
	switch {
	case errors.Is(err, deliver.ErrBusy):
		t = busy
	case errors.Is(err, deliver.ErrWaiting):
		t = waits
	case err != nil:
		if o.Kind != 0 || row.MessageID != was.MessageID {
			w.unsaved[c.Destination] = time.Now()
		}
		return was, err
	}
	now, release := w.Clock.Hold()
	defer release()
	row = c.after(row, o, t, now)
	err = w.update(ctx, fence, func(tx store.Tx) error { return tx.SaveCanary(&row) })
	if err != nil && t == made { // people see each attempt, and nobody would know that it was made
		w.unsaved[c.Destination] = time.Now()
	}
	return row, err
}

// send edits the message that there is, or makes one; one that can be edited is
// edited at once, because only that proves that it is there.
func (w *Worker) send(ctx context.Context, c *Canary, row *store.Canary, editable bool) (o teams.Outcome, err error) {
	if row.MessageID != "" {
		o, err = w.Probe(ctx, row.Address, title, row.MessageID, c.message(true, w.Clock.Now()))
		if err != nil || !o.Gone {
			return o, err
		}
		row.MessageID = "" // somebody has deleted it
	}
	o, err = w.Probe(ctx, row.Address, title, "", c.message(false, w.Clock.Now()))
	if err != nil || o.Kind != teams.Delivered || !editable || o.MessageID == "" {
		return o, err
	}
	row.MessageID = o.MessageID
	sent := o
	if o, err = w.Probe(ctx, row.Address, title, row.MessageID, c.message(true, w.Clock.Now())); errors.Is(err, deliver.ErrBusy) || errors.Is(err, deliver.ErrWaiting) {
		return sent, nil // the next time proves it
	}
	return o, err
}

func (w *Worker) update(ctx context.Context, fence, fn func(store.Tx) error) error {
	return w.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		if err := fence(tx); err != nil {
			return err
		}
		return fn(tx)
	})
}

// complain says, not too often, that something keeps canaries from being sent.
func (w *Worker) complain(ctx context.Context, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() == nil && time.Since(w.complainedAt) >= complainEvery {
		w.complainedAt = time.Now()
		w.Logger.Error("A canary could not be sent or stored; trying again", "err", err)
	}
}
