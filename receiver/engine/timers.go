package engine

import (
	"context"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// lookAgain is how long a timer sleeps at most: the wall clock may jump,
	// and another replica may have set an earlier time.
	lookAgain = 10 * time.Second
	// tickBatch is how many groups are ticked in one transaction, so that
	// ingest never waits long behind a storm of timers.
	tickBatch = 50
	// notNow is how long is waited after the store refused.
	notNow = time.Second
)

// alarm wakes one sleeper at the earliest of the times that were set.
type alarm struct {
	mu   sync.Mutex
	at   time.Time
	ring chan struct{}
}

func (a *alarm) init() { a.ring = make(chan struct{}, 1) }

// set asks for a wake-up; the zero time asks for none.
func (a *alarm) set(at time.Time) {
	if at.IsZero() {
		return
	}
	a.mu.Lock()
	earlier := a.at.IsZero() || at.Before(a.at)
	if earlier {
		a.at = at
	}
	a.mu.Unlock()
	if earlier {
		select {
		case a.ring <- struct{}{}:
		default:
		}
	}
}

// sleeping says until when the sleeper sleeps from now on.
func (a *alarm) sleeping(until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = until
}

// runTimers ticks the groups whose time has come.
func (e *Engine) runTimers(ctx context.Context) {
	for ctx.Err() == nil {
		e.timers.sleeping(time.Time{}) // what is set from here on rings
		if err := e.rebase(ctx); err != nil {
			e.log.Error("Timers could not be moved after the clock was set; trying again", "err", err)
		}
		more, next, err := e.tick(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			e.log.Error("Timers could not be worked; trying again", "err", err)
			e.wait(ctx, e.now().Add(notNow))
		case !more:
			e.wait(ctx, next)
		}
	}
}

// wait sleeps until next at the latest, or a little while when next is zero.
func (e *Engine) wait(ctx context.Context, next time.Time) {
	now := e.now()
	if limit := now.Add(lookAgain); next.IsZero() || next.After(limit) {
		next = limit
	}
	e.timers.sleeping(next)
	timer := time.NewTimer(next.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-e.timers.ring:
	}
}

// tick works one batch, and says whether there is more, else when there will be.
func (e *Engine) tick(ctx context.Context) (more bool, next time.Time, err error) {
	now := e.now()
	c := e.current.Load()
	var done after
	err = e.store.Update(ctx, func(tx store.Tx) error {
		done, more, next = after{}, false, time.Time{}
		ids, err := tx.DueGroups(now, tickBatch)
		if err != nil {
			return err
		}
		for _, id := range ids {
			g, err := tx.Group(id)
			if err != nil {
				return err
			}
			if err := e.save(tx, c, g, now, &done); err != nil {
				return err
			}
		}
		if more = len(ids) == tickBatch; !more {
			next, err = tx.NextDueGroup()
		}
		return err
	})
	if err != nil {
		return false, time.Time{}, err
	}
	e.deliver.Wake(done.addresses...)
	return more, next, nil
}

// runExpiry ends the posted alerts that are not sent any more.
func (e *Engine) runExpiry(ctx context.Context) {
	const batch = 200
	for ctx.Err() == nil {
		now := e.now()
		news, next := e.active.expired(now, batch)
		if len(news) > 0 {
			if err := e.posted(ctx, news); err != nil && ctx.Err() == nil {
				e.log.Error("The end of alerts could not be stored; trying again", "alerts", len(news), "err", err)
			}
			continue
		}
		// New alerts never end within a second, so looking once a second
		// misses nothing.
		pause := time.Second
		if left := next.Sub(now); !next.IsZero() && left < pause {
			pause = left
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// runPrune deletes what is past its retention, in small steps.
func (e *Engine) runPrune(ctx context.Context) {
	const rows, breath, every = 200, 50 * time.Millisecond, 10 * time.Minute
	for ctx.Err() == nil {
		pause := every
		var more bool
		err := e.store.Update(ctx, func(tx store.Tx) (err error) {
			more, err = tx.Prune(e.now().Add(-e.current.Load().Retention), rows)
			return err
		})
		switch {
		case err != nil && ctx.Err() == nil:
			e.log.Error("Old rows could not be deleted; trying again", "err", err)
		case more:
			pause = breath
		}
		e.metrics.pruned.Inc()
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// clock notices when the wall clock is set.
type clock struct {
	now     func() time.Time
	elapsed func() time.Duration

	wall    time.Time
	running time.Duration
}

// jumpThreshold is how far the wall clock may be set before timers move with
// it. Less than that is neither a burst nor a silence that anybody would
// notice; NTP corrects less than 0.128 s without a step.
const jumpThreshold = 5 * time.Second

// jumped returns by how much the wall clock was set since the last call.
func (c *clock) jumped() time.Duration {
	wall, running := c.now().Round(0), c.elapsed()
	before, ran := c.wall, c.running
	c.wall, c.running = wall, running
	if before.IsZero() {
		return 0
	}
	jump := wall.Sub(before) - (running - ran)
	if jump.Abs() < jumpThreshold {
		return 0
	}
	return jump
}

// rebase moves all timers with the wall clock when that was set: neither does
// everything become due at once, nor does everything wait for the hour that
// was taken back.
func (e *Engine) rebase(ctx context.Context) error {
	jump := e.jumps.jumped()
	if jump == 0 {
		return nil
	}
	e.log.Warn("The wall clock was set; timers move with it", "by", jump)
	e.metrics.jumps.Inc()
	if err := e.store.Update(ctx, func(tx store.Tx) error { return tx.ShiftTimers(jump) }); err != nil {
		e.jumps.wall = e.jumps.wall.Add(-jump) // notice it again
		return err
	}
	e.active.shift(jump)
	e.deliver.WakeAll()
	return nil
}

// shift moves the ends of all alerts by the same time.
func (t *active) shift(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, entry := range t.ends { // the order stays
		entry.until = entry.until.Add(by)
	}
}
