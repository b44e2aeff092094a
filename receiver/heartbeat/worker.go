package heartbeat

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
	"github.com/teamsrelay/teamsrelay/receiver/clock"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// storeEvery is how long a beat is only in memory: whoever floods us with
	// them costs one commit in this time. A crash loses no more than this.
	storeEvery = time.Second
	// lookEvery is how often it is looked whether something is missing.
	lookEvery = 2 * time.Second
	// sayEvery is how often it is stored that somebody watches; see absence.
	sayEvery = 15 * time.Second
	// outageGrace is how long nothing is missed after the store has refused:
	// what came meanwhile is still in the memory of who heard it, and a replica
	// may wait for a connection for as long as that.
	outageGrace = 30 * time.Second
	// endEvery is how often it is looked for heartbeats that people are told of.
	endEvery = 30 * time.Second
	// complainEvery is how often the log says that the store refuses.
	complainEvery = time.Minute
)

// Options are what a Worker lives with from start to stop. All must be set.
type Options struct {
	Store      store.Store
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Clock      *clock.Clock
	// Heartbeats are those of the configuration as it is now.
	Heartbeats func() []*Heartbeat
	// Settle has exactly these alerts of a name fire; after an error it is
	// called again.
	Settle func(ctx context.Context, name string, firing []alert.Alert) error
	// End ends what is open of the alerts whose labels are those: people were
	// told of them before the file said that they are heartbeats, or by a
	// replica that has not read it yet, and their end is not told either.
	End func(ctx context.Context, is func(labels map[string]string) bool) error
}

// Worker hears heartbeats and misses them. It is made by New.
type Worker struct {
	Options
	heard chan struct{} // something is in beats

	mu           sync.Mutex
	beats        map[string]beat // that are not stored yet, by the heartbeat's name
	complainedAt time.Time       // of the process' own clock, as all here
	refusedAt    time.Time       // when the store last refused
}

// beat is the last time that a heartbeat came.
type beat struct {
	at   time.Time // of the process' own clock, which nobody sets
	from string
}

// New makes a Worker.
func New(o Options) (*Worker, error) {
	w := &Worker{Options: o, heard: make(chan struct{}, 1), beats: map[string]beat{}}
	return w, o.Registerer.Register(&collector{store: o.Store, heartbeats: o.Heartbeats, now: o.Clock.Now})
}

// Take says whether an alert is a heartbeat, which nobody is told of, and takes
// note of it if it fires. from says who sent it, for people.
func (w *Worker) Take(a *alert.Alert, from string) bool {
	taken := false
	for _, h := range w.Heartbeats() {
		if !h.Matches(a.Labels) {
			continue
		}
		taken = true
		if a.Status == alert.Resolved {
			continue // it says that it stops
		}
		w.mu.Lock()
		w.beats[h.Name] = beat{at: time.Now(), from: from}
		w.mu.Unlock()
		ring(w.heard)
	}
	return taken
}

// Run stores what comes, in every replica, until ctx ends and then once more.
func (w *Worker) Run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-w.heard:
			w.store(ctx)
			pause(ctx, storeEvery)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookEvery)
	defer cancel()
	w.store(last)
}

// store stores the beats that came. What cannot be stored waits.
func (w *Worker) store(ctx context.Context) {
	w.mu.Lock()
	beats := w.beats
	w.beats = map[string]beat{}
	w.mu.Unlock()
	if len(beats) == 0 {
		return
	}
	now, release := w.Clock.Hold()
	defer release()
	err := w.Store.Update(ctx, func(tx store.Tx) error {
		for _, name := range slices.Sorted(maps.Keys(beats)) { // in one order, so that no two replicas wait for each other
			if err := tx.Beat(name, now.Add(-time.Since(beats[name].at)), beats[name].from); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return
	}
	w.refused()
	w.complain(ctx, "A heartbeat could not be stored; trying again", err)
	w.mu.Lock()
	for name, b := range beats {
		if _, newer := w.beats[name]; !newer {
			w.beats[name] = b
		}
	}
	w.mu.Unlock()
	ring(w.heard)
}

// Watch tells of heartbeats that are missing, in one of the replicas, until ctx
// ends. fence fails in a transaction when it is another one meanwhile.
func (w *Worker) Watch(ctx context.Context, fence func(store.Tx) error) {
	var ended time.Time
	for ctx.Err() == nil {
		// The store may have refused until now, which is why it is us: others
		// store first what they heard.
		pause(ctx, lookEvery)
		if err := w.look(ctx, fence); err != nil {
			w.complain(ctx, "It could not be seen whether heartbeats are missing; trying again", err)
		}
		if time.Since(ended) < endEvery {
			continue
		}
		ended = time.Now()
		if err := w.end(ctx); err != nil {
			w.complain(ctx, "It could not be seen whether heartbeats are open that people were told of; trying again", err)
		}
	}
}

// end ends heartbeats that people were told of.
func (w *Worker) end(ctx context.Context) error {
	configured := w.Heartbeats()
	if len(configured) == 0 {
		return nil
	}
	return w.End(ctx, func(labels map[string]string) bool {
		return slices.ContainsFunc(configured, func(h *Heartbeat) bool { return h.Matches(labels) })
	})
}

// look judges all heartbeats, and has it told what is missing.
func (w *Worker) look(ctx context.Context, fence func(store.Tx) error) error {
	if w.unsure() {
		return nil
	}
	missing, err := w.judge(ctx, fence)
	if errors.Is(err, store.ErrUnavailable) {
		w.refused()
	}
	if err != nil {
		return err
	}
	return w.Settle(ctx, AlertName, missing)
}

// verdict is what became of all heartbeats.
type verdict struct {
	missing []alert.Alert
	changed []store.Heartbeat
	gone    []string // stored, and not in the configuration
}

// judge brings what is stored up to date, and returns the alerts about what is
// missing.
func (w *Worker) judge(ctx context.Context, fence func(store.Tx) error) ([]alert.Alert, error) {
	now, release := w.Clock.Hold()
	defer release()
	var v verdict
	err := w.Store.View(ctx, func(tx store.Tx) (err error) {
		v, err = judgeAll(tx, w.Heartbeats(), now)
		return err
	})
	if err != nil || len(v.changed)+len(v.gone) == 0 {
		return v.missing, err
	}
	err = w.Store.Update(ctx, func(tx store.Tx) error {
		if err := fence(tx); err != nil {
			return err
		}
		var err error
		if v, err = judgeAll(tx, w.Heartbeats(), now); err != nil { // anew: something may have come
			return err
		}
		for i := range v.changed {
			if err := tx.SaveHeartbeat(&v.changed[i]); err != nil {
				return err
			}
		}
		for _, name := range v.gone {
			if err := tx.DeleteHeartbeat(name); err != nil {
				return err
			}
		}
		return nil
	})
	return v.missing, err
}

func judgeAll(tx store.Tx, configured []*Heartbeat, now time.Time) (v verdict, err error) {
	rows, err := tx.Heartbeats()
	if err != nil {
		return v, err
	}
	known := make(map[string]store.Heartbeat, len(rows))
	for _, row := range rows {
		known[row.Name] = row
	}
	for _, h := range configured {
		was := known[h.Name]
		was.Name = h.Name
		delete(known, h.Name)
		is := h.judge(was, now)
		if !is.MissingAt.IsZero() {
			v.missing = append(v.missing, h.alert(&is))
		}
		if is.MissingAt != was.MissingAt || is.WatchedFrom != was.WatchedFrom || is.BeatAt != was.BeatAt || is.WatchedAt.Sub(was.WatchedAt) >= sayEvery {
			v.changed = append(v.changed, is)
		}
	}
	v.gone = slices.Sorted(maps.Keys(known))
	return v, nil
}

// refused takes note that the store refuses.
func (w *Worker) refused() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refusedAt = time.Now()
}

// unsure says that something may have come that is not stored yet.
func (w *Worker) unsure() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.refusedAt.IsZero() && time.Since(w.refusedAt) < outageGrace
}

// complain says, not too often, that the store refuses.
func (w *Worker) complain(ctx context.Context, what string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() == nil && time.Since(w.complainedAt) >= complainEvery {
		w.complainedAt = time.Now()
		w.Logger.Error(what, "err", err)
	}
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default: // it rings already
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
