package silence

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/clock"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// What Alertmanager has not done is tried again after about a second, then
	// after twice as long each time.
	firstWait, longestWait = time.Second, time.Minute
	// giveUpAfter is how many attempts there are: with these waits about an
	// hour, in which only the time counts when somebody was there to try.
	giveUpAfter = 70
	// lookAgain is how often we look into the store at least: timers move with
	// the clock, and nobody tells us.
	lookAgain = time.Minute
	// notNow is how long we wait when the store cannot be used.
	notNow = 5 * time.Second
	// atOnce is how many silences are read from the store at a time.
	atOnce = 100
)

// Options are what a worker lives with from start to stop.
type Options struct {
	Store      store.Store
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Clock      *clock.Clock
	// Alertmanagers are those of the configuration as it is now.
	Alertmanagers func() []*Alertmanager
	// Settled is told what became of a silence, in the transaction that stores
	// it; like that, it may run more than once. What it returns is called
	// after the commit.
	Settled func(tx store.Tx, s store.Silence, now time.Time) (after func(), err error)
}

// Worker has Alertmanager make and end silences. It makes one request at a
// time. It is made by New and works in Run.
type Worker struct {
	Options
	total *prometheus.CounterVec
	wake  chan struct{}
	watch watch // of Run alone
}

// New makes a worker. Nothing is sent before Run.
func New(o Options) (*Worker, error) {
	w := &Worker{
		Options: o, wake: make(chan struct{}, 1),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "teamsrelay_silences_total",
			Help: "Attempts to make or end silences in Alertmanager, by what came of them: active, ended, retry, failed.",
		}, []string{"outcome"}),
	}
	for _, outcome := range []string{string(store.SilenceActive), string(store.SilenceEnded), retried, string(store.SilenceFailed)} {
		w.total.WithLabelValues(outcome) // from the start, so that the first one is seen to rise
	}
	return w, o.Registerer.Register(w.total)
}

// retried is what the metric calls an attempt after which there is another.
const retried = "retry"

// Wake has the worker look into the store.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default: // it is about to look
	}
}

// Run works until ctx ends, and then until the request that is under way has
// ended and is recorded.
func (w *Worker) Run(ctx context.Context) error {
	w.watch.next = time.Now().Add(watchEvery)
	for ctx.Err() == nil {
		timer := time.NewTimer(w.work(ctx))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-w.wake:
		}
		timer.Stop()
	}
	return nil
}

// work does what is to be done now, and says when to look again.
func (w *Worker) work(ctx context.Context) (wait time.Duration) {
	ready, next, err := w.unsettled(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.Logger.Error("Silences cannot be read; trying again", "err", err)
		}
		return notNow
	}
	var away *outcome // what came of it when nobody answered
	for i := range ready {
		if ctx.Err() != nil {
			return 0
		}
		s, o := &ready[i].silence, outcome{}
		switch {
		case !w.Clock.Now().Before(s.EndsAt): // whatever became of it, it is over
			o = outcome{kind: refused, reason: over(s)}
		case away != nil: // nor will anybody answer for this one
			o = *away
		default:
			o = w.attempt(ctx, s, ready[i].sender)
		}
		if o.kind == unreached {
			away = &outcome{kind: unreached, reason: o.reason}
		}
		if err := w.record(context.WithoutCancel(ctx), s, o); err != nil {
			w.Logger.Error("What became of a silence could not be stored; it is tried again", "silence", alert.ShortID(s.ID), "err", err)
			return notNow
		}
	}
	switch {
	case len(ready) > 0: // what was not done has another time now
		return 0
	case next.IsZero():
		return w.look(ctx)
	}
	return min(max(next.Sub(w.Clock.Now()), 0), w.look(ctx))
}

// over says why nothing can be done about a silence whose time has passed.
func over(s *store.Silence) string {
	if s.Reason == "" {
		return "its time was over before it could be made"
	}
	return "its time was over before it could be made: " + s.Reason
}

// unsettled is a silence that Alertmanager has to be told of.
type unsettled struct {
	silence store.Silence
	sender  string // the URL of the Alertmanager that sent its alerts, as that calls itself
}

func (w *Worker) unsettled(ctx context.Context) (ready []unsettled, next time.Time, err error) {
	now := w.Clock.Now()
	err = w.Store.View(ctx, func(tx store.Tx) (err error) {
		var silences []store.Silence
		if silences, next, err = tx.UnsettledSilences(now, atOnce); err != nil {
			return err
		}
		ready = make([]unsettled, len(silences))
		for i := range silences {
			ready[i].silence = silences[i]
			if silences[i].GroupID == 0 {
				continue
			}
			// Without its group, which may be forgotten, any will do.
			if g, err := tx.Group(silences[i].GroupID); err == nil {
				ready[i].sender = g.Sender.ExternalURL
			}
		}
		return nil
	})
	return ready, next, err
}

// record stores what came of an attempt, and tells the group of it.
func (w *Worker) record(ctx context.Context, tried *store.Silence, o outcome) error {
	ctx, cancel := context.WithTimeout(ctx, notNow)
	defer cancel()
	now, release := w.Clock.Hold()
	defer release()
	var was, is store.Silence
	var after func()
	err := w.Store.Update(ctx, func(tx store.Tx) (err error) {
		after = nil
		if was, err = tx.Silence(tried.ID); err != nil {
			return err
		}
		is = was
		if o.ids != nil {
			is.TheirIDs = o.ids
		}
		// Somebody may have ended it meanwhile: then that is to be done.
		if was.State == tried.State && o.kind != interrupted {
			settle(&is, o, now)
		}
		if err := tx.SaveSilence(&is); err != nil {
			return err
		}
		if is.State != was.State || is.Reason != was.Reason {
			after, err = w.Settled(tx, is, now)
		}
		return err
	})
	if err != nil {
		return err
	}
	if was.Attempts != is.Attempts {
		w.tell(was.State, &is)
	}
	if after != nil {
		after()
	}
	return nil
}

// settle says what becomes of a silence after an attempt.
func settle(s *store.Silence, o outcome, now time.Time) {
	s.Attempts++
	s.Reason, s.NotBefore = o.reason, time.Time{}
	making, isOver, late := s.State == store.SilenceRequested, !now.Before(s.EndsAt), s.Attempts >= giveUpAfter
	switch {
	case making && o.kind == done:
		s.State = store.SilenceActive
	case !making && (o.kind == done || isOver):
		s.State, s.Reason = store.SilenceEnded, ""
		if !isOver {
			s.EndsAt = now
		}
	case o.kind != refused && !late:
		s.NotBefore = now.Add(backoff(s.Attempts))
		return
	case making:
		s.State = store.SilenceFailed
	default: // it goes on there
		s.State = store.SilenceActive
	}
	if late && o.kind == unreached && s.State != store.SilenceEnded {
		s.Reason = "given up after an hour: " + o.reason
	}
}

// tell counts and logs an attempt to bring a silence on from a state.
func (w *Worker) tell(was store.SilenceState, s *store.Silence) {
	log := w.Logger.With("silence", alert.ShortID(s.ID), "alerts", len(s.Sets), "attempt", s.Attempts)
	wanted := "to silence"
	if was == store.SilenceEnding {
		wanted = "to end the silence"
	}
	outcome := string(s.State)
	switch {
	case s.State == was:
		outcome = retried
		log.Warn("Alertmanager has not done yet what was asked for; trying again", "asked", wanted, "reason", s.Reason, "at", s.NotBefore)
	case s.Reason != "":
		outcome = string(store.SilenceFailed)
		log.Error("Alertmanager could not do what was asked for", "asked", wanted, "reason", s.Reason)
	case s.State == store.SilenceActive:
		log.Info("Silenced in Alertmanager", "until", s.EndsAt)
	default:
		log.Info("A silence in Alertmanager has ended")
	}
	w.total.WithLabelValues(outcome).Inc()
}

// backoff is how long to wait after the nth attempt (from 1), with a fifth of
// chance, so that what failed together does not come back together.
func backoff(n int) time.Duration {
	d := firstWait << min(n-1, 30)
	if d > longestWait {
		d = longestWait
	}
	return time.Duration(float64(d) * (0.8 + 0.2*rand.Float64()))
}
