package intent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/clock"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/role"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// giveUpAfter is how long an intent is tried, and tryAtLeast how much of
	// that by a process that was there all the time: after a weekend during
	// which nothing ran, a day is over before the first attempt.
	giveUpAfter, tryAtLeast = 24 * time.Hour, time.Hour
	// lookAgain is how often we look into the store at least: timers move with
	// the clock, and nobody tells us.
	lookAgain = time.Minute
	// away is how long we have not looked when we were not there: the machine
	// slept, or the clock was set.
	away = 5 * lookAgain
	// An intent that was not taken is tried again after about a second, then
	// after twice as long each time.
	firstWait, longestWait = time.Second, 5 * time.Minute
	// longestPause is how long a source that does not answer is left alone
	// between the intents of different alerts.
	longestPause = time.Minute
	// absentWait is how long an intent waits whose action is not there.
	absentWait = time.Minute
	// farthest is how far ahead the time of an attempt can be; later ones were
	// stored while the clock was ahead, and are not waited for.
	farthest = maxRetryAfter + time.Minute
	// notNow is how long we wait when the store cannot be used.
	notNow = 5 * time.Second

	maxWho  = 256   // characters
	maxText = 10000 // characters
)

// Options are what a worker lives with from start to stop.
type Options struct {
	Store      store.Store
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Clock      *clock.Clock
	// Location is where the readers of times are; nil: UTC.
	Location *time.Location
	// Actions are those of a source in the configuration as it is now; nil
	// when there are none.
	Actions func(source string) Actions
	// Settled is told what became of an intent, or why it is not done yet, in
	// the transaction that stores it; like that, it may run more than once.
	// What it returns is called after the commit. nil: nobody is told.
	Settled func(tx store.Tx, i store.Intent, now time.Time) (after func(), err error)
}

// Worker carries out intents. It is made by New and works in Run.
type Worker struct {
	Options
	total *prometheus.CounterVec
	wake  chan struct{}

	fence role.Fence // of Run

	mu      sync.Mutex
	sources map[string]*state
	// seen is when we were last there, and since from when on without a gap.
	seen, since time.Time
}

// state is what is known of a source while we run.
type state struct {
	working  bool
	failures int       // in a row
	paused   time.Time // nothing is sent before; of the process' own clock, which nobody sets
}

// New makes a worker. Nothing is sent before Run.
func New(o Options) (*Worker, error) {
	w := &Worker{
		Options: o, wake: make(chan struct{}, 1), sources: map[string]*state{},
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "teamsrelay_intents_total",
			Help: "Attempts to do in other systems what people want, by what came of them: active, retry, failed.",
		}, []string{"source", "verb", "outcome"}),
	}
	return w, o.Registerer.Register(w.total)
}

// Show makes the numbers of a source's actions visible before the first of them,
// so that the first failure is seen to rise.
func (w *Worker) Show(source string, actions Actions) {
	for verb := range actions {
		for _, kind := range []string{done, retry, failed} {
			w.total.WithLabelValues(source, verb, kind)
		}
	}
}

// The reasons for which nothing can be requested.
var (
	ErrVerb   = errors.New("there is no such verb")
	ErrAction = errors.New("the source of the alert has no action for this verb")
	ErrText   = errors.New("the text is missing or too long")
)

// Add stores what somebody wants done about an alert, in a transaction of the
// caller, who holds the clock until the commit and calls Wake after it.
// store.ErrNotFound: there is no such group.
func (w *Worker) Add(tx store.Tx, now time.Time, groupID int64, verb, who, text string) (store.Intent, error) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	switch {
	case !slices.Contains(Verbs, verb):
		return store.Intent{}, ErrVerb
	case utf8.RuneCountInString(text) > maxText, verb != Resolve && strings.TrimSpace(text) == "":
		return store.Intent{}, ErrText
	}
	who = strings.ToValidUTF8(who, "\uFFFD")
	if runes := []rune(who); len(runes) > maxWho {
		who = string(runes[:maxWho])
	}
	g, err := tx.Group(groupID)
	if err != nil {
		return store.Intent{}, err
	}
	if w.action(g.Spec.Source, verb) == nil {
		return store.Intent{}, ErrAction
	}
	made := store.Intent{
		GroupID: groupID, Source: g.Spec.Source, Verb: verb, Who: who, Text: text,
		State: store.IntentRequested, NotBefore: now, RequestedAt: now,
	}
	return made, tx.SaveIntent(&made)
}

func (w *Worker) action(source, verb string) *Action { return w.Actions(source)[verb] }

// Wake has the worker look into the store.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default: // it is about to look
	}
}

// Run works until ctx ends, and then until the requests that are under way
// have ended and are recorded. What came of one while another replica took over
// is not: that one asks again, with the same key.
func (w *Worker) Run(ctx context.Context, fence role.Fence) error {
	w.fence = fence
	var work sync.WaitGroup
	defer work.Wait()
	for ctx.Err() == nil {
		wait := w.start(ctx, &work)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-w.wake:
		}
		timer.Stop()
	}
	return nil
}

// start puts every source to work that has something to do, and says when to
// look again.
func (w *Worker) start(ctx context.Context, work *sync.WaitGroup) (wait time.Duration) {
	now := w.Clock.Now()
	w.present(now)
	var queues []store.IntentQueue
	err := w.Store.View(ctx, func(tx store.Tx) (err error) {
		queues, err = tx.IntentQueues(now, now.Add(farthest))
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			w.Logger.Error("Intents cannot be read; trying again", "err", err)
		}
		return notNow
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	wait = lookAgain
	for _, q := range queues {
		s := w.sources[q.Source]
		if s == nil {
			s = &state{}
			w.sources[q.Source] = s
		}
		left := max(q.NotBefore.Sub(now), time.Until(s.paused))
		switch {
		case s.working: // it wakes us when it is done
		case left > 0:
			wait = min(wait, left)
		default:
			s.working = true
			work.Go(func() {
				w.work(ctx, q.Source)
				w.mu.Lock()
				s.working = false
				w.mu.Unlock()
				w.Wake()
			})
		}
	}
	return wait
}

// work carries out what a source has to do now, one after the other, until
// nothing is left or the source wants to be left alone.
func (w *Worker) work(ctx context.Context, source string) {
	for ctx.Err() == nil {
		i, in, key, err := w.next(ctx, source)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return
		case err != nil:
			if ctx.Err() == nil {
				w.Logger.Error("An intent cannot be read; trying again", "event_source", source, "err", err)
				w.pause(source, notNow)
			}
			return
		}
		var o outcome
		if action := w.action(source, i.Verb); action != nil {
			// A stop lets the request end, so that what came of it is known.
			o = action.do(context.WithoutCancel(ctx), in, card.Press{Verb: i.Verb, Who: i.Who, Text: i.Text, Key: storyKey(&in.Group)}, key)
		} else {
			o = outcome{kind: absent, wait: absentWait, reason: fmt.Sprintf(
				"the configuration has no action %s for the source %s any more; it is done once there is one again", i.Verb, source)}
		}
		if err := w.record(context.WithoutCancel(ctx), i, o); err != nil {
			w.Logger.Error("What came of an intent could not be stored; it is tried again", "event_source", source, "intent", i.ID, "err", err)
			w.pause(source, notNow)
			return
		}
		if w.rest(source, o) {
			return
		}
	}
}

// next reads what the source is to do now, with the alert that it is about.
func (w *Worker) next(ctx context.Context, source string) (i store.Intent, in card.Input, key string, err error) {
	now := w.Clock.Now()
	err = w.Store.View(ctx, func(tx store.Tx) (err error) {
		if i, err = tx.NextIntent(source, now, now.Add(farthest)); err != nil {
			return err
		}
		in = card.Input{Now: now, Location: w.Location}
		in.Group, err = tx.Group(i.GroupID)
		return err
	})
	// The time tells intents of different databases apart.
	return i, in, fmt.Sprintf("teamsrelay-%d-%d", i.ID, i.RequestedAt.UnixMilli()), err
}

// record stores what came of an attempt.
func (w *Worker) record(ctx context.Context, i store.Intent, o outcome) error {
	ctx, cancel := context.WithTimeout(ctx, notNow)
	defer cancel()
	now, release := w.Clock.Hold()
	defer release()
	was := i
	i.Reason = o.reason
	if o.kind != absent {
		i.Attempts++
	}
	if (o.kind == retry || o.kind == absent) && w.isLate(i, now) {
		o.kind, i.Reason = failed, "given up after a day: "+o.reason
	}
	switch o.kind {
	case done:
		i.State, i.DoneAt, i.NotBefore = store.IntentActive, now, time.Time{}
	case failed:
		i.State, i.DoneAt, i.NotBefore = store.IntentFailed, now, time.Time{}
	default:
		i.NotBefore = now.Add(max(o.wait, backoff(i.Attempts, firstWait, longestWait)))
		if o.wait > 0 {
			i.NotBefore = now.Add(o.wait) // the system knows better than we do
		}
	}
	var after func()
	err := w.Store.Update(ctx, func(tx store.Tx) (err error) {
		after = nil
		if err := w.fence(tx); err != nil {
			return err
		}
		if err := tx.SaveIntent(&i); err != nil {
			return err
		}
		if w.Settled != nil && (i.State != was.State || i.Reason != was.Reason) {
			after, err = w.Settled(tx, i, now)
		}
		return err
	})
	if err != nil {
		return err
	}
	if after != nil {
		after()
	}
	if o.kind != absent {
		w.total.WithLabelValues(i.Source, i.Verb, o.kind).Inc()
	}
	log := w.Logger.With("event_source", i.Source, "verb", i.Verb, "intent", i.ID, "attempt", i.Attempts)
	switch o.kind {
	case done:
		log.Info("Done in the system that the alert came from")
	case absent:
		if i.Reason != was.Reason { // it stays the same until somebody changes the configuration
			log.Warn("An action is gone from the configuration; what is wanted waits for it", "reason", i.Reason)
		}
	case failed:
		log.Error("Could not be done in the system that the alert came from", "reason", i.Reason)
	default:
		log.Warn("Not done yet in the system that the alert came from; trying again", "reason", i.Reason, "at", i.NotBefore)
	}
	return nil
}

// isLate says whether an intent that was not taken is given up: a day after it
// was requested, and an hour after we began to be there.
func (w *Worker) isLate(i store.Intent, now time.Time) bool {
	since := w.present(now)
	requested := i.RequestedAt
	if requested.After(now) { // the clock was ahead
		requested = since
	}
	return now.Sub(requested) >= giveUpAfter && now.Sub(since) >= tryAtLeast
}

// present notes that we are there, and says from when on without a gap.
func (w *Worker) present(now time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if gap := now.Sub(w.seen); gap < 0 || gap > away {
		w.since = now
	}
	w.seen = now
	return w.since
}

// rest leaves a source alone that did not take an intent, and reports whether
// it did.
func (w *Worker) rest(source string, o outcome) bool {
	w.mu.Lock()
	s := w.sources[source]
	if o.kind != retry {
		s.failures = 0
		w.mu.Unlock()
		return false
	}
	s.failures++
	pause := max(o.wait, backoff(s.failures, firstWait/2, longestPause))
	w.mu.Unlock()
	w.pause(source, pause)
	return true
}

func (w *Worker) pause(source string, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sources[source].paused = time.Now().Add(d)
}

// backoff is how long to wait after the nth failure (from 1), with a fifth of
// chance, so that what failed together does not come back together.
func backoff(n int, first, longest time.Duration) time.Duration {
	d := first << min(n-1, 30)
	if d <= 0 || d > longest {
		d = longest
	}
	return time.Duration(float64(d) * (0.8 + 0.2*rand.Float64()))
}

// storyKey is what the source calls the story of a group, from its origin
// (ingest.Origin); "" where that is no event's, or too long to be kept.
func storyKey(g *group.Group) string {
	parts := strings.SplitN(g.Origin, "\x1f", 3)
	if len(parts) < 3 || parts[0] != "events" {
		return ""
	}
	return parts[2]
}
