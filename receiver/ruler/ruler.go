// Package ruler runs rules for a process: samples and query rows go through
// the rules, what they decide is on disk before the next samples are taken,
// and what they know of their series survives a restart.
//
// It decides nothing (package rules does) and tells nobody (whoever Options.
// Hand leads to does). It is what the receiver and the Telegraf plugin share,
// whether the alerts become cards here or go to another receiver.
package ruler

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/role"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// resendEvery is how often what fires is handed on again, as Prometheus
	// does: whoever takes it may have started anew.
	resendEvery = time.Minute
	// lives is how long an alert fires that is not handed on again: longer
	// than a store refuses, because it is the rules that end it.
	lives = 24 * time.Hour
	// checkpointEvery is how often windows and charts are stored: a row for
	// each series that has one, so not often. After a crash they lack at most
	// this much.
	checkpointEvery = 5 * time.Minute
	// lookAgain is how long a timer sleeps at most, because clocks are set.
	lookAgain = 10 * time.Second
	// notNow is how long is waited after the store refused.
	notNow = time.Second
	// complainEvery is how often the log says that the store refuses: it may
	// be on the disk that is full.
	complainEvery = time.Minute
	// batch is how many rows or alerts go into one transaction when nothing
	// says that they belong together.
	batch = 2000
	// lastWords is how long the last checkpoint may take: Telegraf kills what
	// has not ended after ten seconds.
	lastWords = 3 * time.Second
)

// Options are what a Ruler works with.
type Options struct {
	Store      store.Store
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Now is a clock that never jumps by itself; see Shift.
	Now func() time.Time
	// Hand passes alerts on, and runs also, if it is not nil, in the
	// transaction that stores them. When it returns nil, both are on disk.
	// What fires is handed on again and again.
	Hand func(ctx context.Context, alerts []ingest.Posted, also func(store.Tx) error) error
}

// Ruler evaluates samples. It is safe for concurrent use.
type Ruler struct {
	o    Options
	wake chan struct{} // a timer may be due earlier

	// mu is held from a decision until it is on disk, so that decisions are
	// handed on in their order; the clock is read under it, so that it does
	// not move meanwhile.
	mu        sync.Mutex
	set       *rules.Set
	evaluator *rules.Evaluator
	// ours: this process runs the rules; of several that share the store one
	// does, as long as it has the role that fence is of.
	ours  bool
	fence role.Fence
	// reported are the alerts that fire and are not from a rule.
	reported map[alert.Fingerprint]alert.Alert
	// What the evaluator decided and the store has not taken yet.
	alerts []alert.Alert
	rows   []rules.Row
	// backlog is what is stored without haste: windows and charts. What is
	// decided about a series meanwhile takes its row out of here.
	backlog map[key]rules.Row
	// unusable is how many samples a rule could not decide by when that was
	// looked at last.
	unusable map[*rules.Rule]uint64
	// When something is done again.
	resendAt, checkpointAt, complainAt time.Time

	stats atomic.Pointer[[]rules.Stats] // as they were last seen
}

// key is what identifies a row.
type key struct{ rule, series string }

func keyOf(row *rules.Row) key { return key{row.Rule, row.Series} }

// New makes a Ruler that knows what the last one with this store knew.
func New(ctx context.Context, o Options, set *rules.Set) (*Ruler, error) {
	if set == nil {
		set = &rules.Set{}
	}
	r := &Ruler{o: o, wake: make(chan struct{}, 1), set: set}
	r.anew()
	if !o.Store.Shared() {
		if err := r.restore(ctx); err != nil {
			return nil, fmt.Errorf("reading what the rules knew: %w", err)
		}
		r.ours = true
	}
	stats := r.evaluator.Stats()
	r.stats.Store(&stats) // whoever looks while the first samples are being stored finds the rules
	if err := o.Registerer.Register(collector{r}); err != nil {
		return nil, err
	}
	return r, nil
}

// restore takes over what is stored. A row that cannot be read costs what was
// known of one series, and nothing else.
func (r *Ruler) restore(ctx context.Context) error {
	now := r.o.Now()
	return r.o.Store.View(ctx, func(tx store.Tx) error {
		return tx.EachSeries(func(row rules.Row) error {
			if err := r.restoreRow(row, now); err != nil {
				r.o.Logger.Warn("What a rule knew of a series cannot be read; it starts anew", "rule", row.Rule, "series", row.Series, "err", err)
				row.State = nil
				r.rows = append(r.rows, row)
			}
			return nil
		})
	})
}

func (r *Ruler) restoreRow(row rules.Row, now time.Time) error {
	if row.Rule != reportedRule {
		return r.evaluator.Restore(row, now)
	}
	var a alert.Alert
	if err := json.Unmarshal(row.State, &a); err != nil {
		return err
	}
	r.reported[a.Fingerprint] = a
	return nil
}

// Samples evaluates samples in their order. When it returns nil, everything
// that they decided is on disk. After an error nothing is lost: they must not
// be given again, and the next call, with or without samples, stores what this
// one could not. But role.ErrLost: another replica runs the rules.
func (r *Ruler) Samples(ctx context.Context, samples []sample.Sample) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ours {
		return role.ErrLost
	}
	now := r.o.Now()
	for i := range samples {
		r.evaluator.Metric(&samples[i], now)
	}
	return r.flush(ctx)
}

// Rows evaluates all that a query gave for a polled rule; see Samples for the
// error.
func (r *Ruler) Rows(ctx context.Context, rule *rules.Rule, rows []sample.Sample) (rules.Verdict, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ours {
		return rules.Verdict{}, role.ErrLost
	}
	// While the store refuses, polls must not pile up decisions in memory: the
	// rows will be there to be asked for again.
	if err := r.flush(ctx); err != nil {
		return rules.Verdict{}, err
	}
	verdict := r.evaluator.Rows(rule, rows, r.o.Now())
	return verdict, r.flush(ctx)
}

// Unasked says that a polled rule cannot be asked for: nothing that it told
// ends for want of rows, until Rows is called again.
func (r *Ruler) Unasked(rule *rules.Rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ours {
		r.evaluator.Unasked(rule, r.o.Now())
	}
}

// Reload goes on with other rules. What they decide about series that are
// known is on disk when it returns nil; after an error the new rules are in
// force too, and Run stores the rest.
func (r *Ruler) Reload(ctx context.Context, set *rules.Set) error {
	if set == nil {
		set = &rules.Set{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unusable = make(map[*rules.Rule]uint64)
	if r.set = set; !r.ours {
		r.evaluator = rules.NewEvaluator(set, r.o.Now())
		return nil
	}
	r.evaluator.Reload(set, r.o.Now())
	return r.flush(ctx)
}

// Shift runs move, which sets the clock by that much, while nothing is
// decided, and moves all timers with it.
func (r *Ruler) Shift(by time.Duration, move func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := move(); err != nil {
		return err
	}
	r.evaluator.Shift(by)
	for _, at := range []*time.Time{&r.resendAt, &r.checkpointAt, &r.complainAt} {
		*at = at.Add(by)
	}
	r.ring()
	return nil
}

// flush stores what was decided. The lock must be held.
func (r *Ruler) flush(ctx context.Context) (err error) {
	r.alerts = append(r.alerts, r.evaluator.Changes()...)
	for _, row := range r.evaluator.Dirty() {
		delete(r.backlog, keyOf(&row)) // it is older
		r.rows = append(r.rows, row)
	}
	if len(r.alerts) == 0 && len(r.rows) == 0 {
		return nil
	}
	defer r.ring()
	defer func() {
		if err != nil { // a store that refuses for hours must not cost memory for each of them
			r.rows = latest(r.rows)
		}
	}()
	// Without a decision the rows do not belong together.
	for len(r.alerts) == 0 && len(r.rows) > batch {
		if err := r.o.Store.Update(ctx, r.save(r.rows[:batch])); err != nil {
			return err
		}
		r.rows = r.rows[batch:]
	}
	if len(r.alerts) == 0 {
		if err := r.o.Store.Update(ctx, r.save(r.rows)); err != nil {
			return err
		}
	} else if err := r.o.Hand(ctx, r.posted(r.alerts), r.save(r.rows)); err != nil {
		return err
	}
	r.alerts, r.rows = nil, nil
	return nil
}

// latest keeps the last row of every series, in their order.
func latest(rows []rules.Row) []rules.Row {
	last := make(map[key]int, len(rows))
	for i := range rows {
		last[keyOf(&rows[i])] = i
	}
	kept := make([]rules.Row, 0, len(last))
	for i := range rows {
		if last[keyOf(&rows[i])] == i {
			kept = append(kept, rows[i])
		}
	}
	return kept
}

// save stores rows, if this is still ours to do.
func (r *Ruler) save(rows []rules.Row) func(store.Tx) error {
	fence := r.fence
	return func(tx store.Tx) error {
		if fence != nil {
			if err := fence(tx); err != nil {
				return err
			}
		}
		return tx.SaveSeries(rows)
	}
}

func (r *Ruler) posted(alerts []alert.Alert) []ingest.Posted {
	until := r.o.Now().Add(lives)
	posted := make([]ingest.Posted, len(alerts))
	for i, a := range alerts {
		posted[i] = ingest.Posted{Alert: a, Until: until}
	}
	return posted
}

func (r *Ruler) firing() []alert.Alert {
	firing := slices.Collect(maps.Values(r.reported))
	r.evaluator.Firing(func(a alert.Alert) { firing = append(firing, a) })
	return firing
}

// ring tells Run that a timer may be due earlier than it thinks.
func (r *Ruler) ring() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run works the rules' timers, hands on again what fires, and stores windows
// and charts from time to time, until ctx ends; then once more.
func (r *Ruler) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		pause, err := r.round(ctx)
		if err == nil {
			r.sleep(ctx, pause, r.wake)
			continue
		}
		r.complain(ctx, err)
		r.sleep(ctx, notNow, nil) // whoever rings
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	defer r.end()
	if err := r.checkpoint(last); err != nil {
		return fmt.Errorf("storing what the rules know: %w", err)
	}
	return nil
}

// round does what is due, and returns how long there is nothing to do.
func (r *Ruler) round(ctx context.Context) (time.Duration, error) {
	if err := r.tick(ctx); err != nil {
		return 0, err
	}
	if r.due(&r.checkpointAt, checkpointEvery) {
		if err := r.checkpoint(ctx); err != nil {
			return 0, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.complainAt = time.Time{}
	now := r.o.Now()
	pause := lookAgain
	for _, at := range []time.Time{r.evaluator.Next(), r.resendAt, r.checkpointAt} {
		if !at.IsZero() {
			pause = min(pause, at.Sub(now))
		}
	}
	return pause, nil
}

// tick works the timers that are due, and hands on again what fires.
func (r *Ruler) tick(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.o.Now()
	r.evaluator.Tick(now)
	if err := r.flush(ctx); err != nil {
		return err
	}
	if now.Before(r.resendAt) {
		return nil
	}
	if err := r.hear(ctx); err != nil {
		return err
	}
	for some := range slices.Chunk(r.firing(), batch) {
		if err := r.o.Hand(ctx, r.posted(some), nil); err != nil {
			return err
		}
	}
	r.resendAt = now.Add(resendEvery)
	return nil
}

// due says whether a time has come, and puts it off until it does again.
func (r *Ruler) due(at *time.Time, every time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.o.Now()
	if now.Before(*at) {
		return false
	}
	*at = now.Add(every)
	return true
}

// checkpoint stores what changes with every sample, in steps between which
// samples are evaluated.
func (r *Ruler) checkpoint(ctx context.Context) error {
	r.mu.Lock()
	if err := r.flush(ctx); err != nil { // what is left is only for want of haste
		r.mu.Unlock()
		return err
	}
	r.doubt()
	r.evaluator.Checkpoint()
	for _, row := range r.evaluator.Dirty() {
		r.backlog[keyOf(&row)] = row
	}
	r.mu.Unlock()
	for {
		if more, err := r.storeSome(ctx); !more || err != nil {
			return err
		}
	}
}

// storeSome stores some of the backlog, and says whether there is more.
func (r *Ruler) storeSome(ctx context.Context) (more bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	some := make([]rules.Row, 0, min(batch, len(r.backlog)))
	for _, row := range r.backlog {
		if len(some) == batch {
			break
		}
		some = append(some, row)
	}
	if len(some) == 0 {
		return false, nil
	}
	if err := r.o.Store.Update(ctx, r.save(some)); err != nil {
		return true, err
	}
	for i := range some {
		delete(r.backlog, keyOf(&some[i]))
	}
	return len(r.backlog) > 0, nil
}

// complain says, not too often, that the store refuses.
func (r *Ruler) complain(ctx context.Context, err error) {
	if ctx.Err() == nil && r.due(&r.complainAt, complainEvery) {
		r.o.Logger.Error("What the rules decided could not be stored; it is tried again every second", "err", err)
	}
}

// sleep waits, or until it is woken.
func (r *Ruler) sleep(ctx context.Context, pause time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}
