package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// lookAgain is how long a timer sleeps at most: the wall clock may jump.
	lookAgain = 10 * time.Second
	// lookAgainShared is lookAgain where another replica may have set an earlier
	// time, and died.
	lookAgainShared = 2 * time.Second
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
		if err := e.rebase(ctx); err != nil && ctx.Err() == nil {
			e.log.Error("Timers could not be moved after the clock was set; trying again", "err", err)
		}
		if e.outdated() { // who has the newer configuration does it
			e.wait(ctx, time.Time{})
			continue
		}
		more, next, err := e.tick(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			e.log.Error("Timers could not be worked; trying again", "err", err)
			e.wait(ctx, e.Now().Add(notNow))
		case !more:
			e.wait(ctx, next)
		}
	}
}

// wait sleeps until next at the latest, or a little while when next is zero.
func (e *Engine) wait(ctx context.Context, next time.Time) {
	now := e.Now()
	most := lookAgain
	if e.shared() {
		most = lookAgainShared
	}
	if limit := now.Add(most); next.IsZero() || next.After(limit) {
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
	now, release := e.clock.Hold()
	defer release()
	err = e.store.View(ctx, func(tx store.Tx) (err error) {
		next, err = tx.NextDueGroup()
		return err
	})
	if err != nil || next.IsZero() || next.After(now) {
		return false, next, err
	}
	if e.shared() && e.current.Load().Routes.Inhibits() {
		if err := e.catchUp(ctx); err != nil { // what another replica has received may inhibit
			return false, time.Time{}, err
		}
	}
	var done after
	worked := 0
	err = e.store.Update(ctx, func(tx store.Tx) error {
		done, worked = after{ticks: true}, 0
		ids, err := tx.DueGroups(now, tickBatch)
		if err != nil {
			return err
		}
		slices.Sort(ids) // two replicas that lock them in another order would wait for each other
		for _, id := range ids {
			g, err := tx.Group(id)
			switch {
			case errors.Is(err, store.ErrUnavailable):
				return err
			case err != nil: // one bad row must not silence the others
				e.log.Error("A group cannot be read and its timer is left out", "group", id, "err", err)
				continue
			}
			worked++
			if g.DueAt.IsZero() || g.DueAt.After(now) {
				continue // another replica was faster
			}
			if err := e.save(tx, g, g.ID, now, &done); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, time.Time{}, err
	}
	e.follow(done)
	return worked > 0, time.Time{}, nil
}

// runExpiry ends the posted alerts that are not sent any more.
func (e *Engine) runExpiry(ctx context.Context) {
	const batch = 200
	for ctx.Err() == nil {
		now, release := e.clock.Hold() // ends move with the clock
		news, next := e.active.expired(e.sightedBy(now), batch)
		release()
		expired := len(news) > 0
		news, err := e.unseen(ctx, news)
		if err != nil && ctx.Err() == nil {
			e.log.Error("It could not be read whether another replica has seen alerts; trying again", "err", err)
		}
		if len(news) > 0 {
			if err := e.posted(ctx, news, sourceAPI, nil); err != nil && ctx.Err() == nil {
				e.log.Error("The end of alerts could not be stored; trying again", "alerts", len(news), "err", err)
			}
		}
		if expired {
			continue
		}
		// New alerts never end within a second, so looking once a second
		// misses nothing.
		pause := time.Second
		if left := next.Sub(now); !next.IsZero() && !e.shared() && left < pause {
			pause = left
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// runPrune deletes what is past its retention, in small steps, and replaces
// keys that are too old.
func (e *Engine) runPrune(ctx context.Context) {
	const rows, breath, every = 200, 50 * time.Millisecond, 10 * time.Minute
	for ctx.Err() == nil {
		pause := every
		if err := e.renewKeys(ctx); err != nil && ctx.Err() == nil {
			e.log.Error("A new key for buttons could not be made; the old one goes on", "err", err)
		}
		var more bool
		err := e.store.Update(ctx, func(tx store.Tx) (err error) {
			more, err = tx.Prune(e.Now(), e.current.Load().Retention, rows)
			return err
		})
		switch {
		case err != nil && ctx.Err() == nil:
			e.log.Error("Old rows could not be deleted; trying again", "err", err)
		case more:
			pause = breath
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// rebase moves all timers with the wall clock when that was set: neither does
// everything become due at once, nor does everything wait for the hour that
// was taken back. Until the timers have moved, the engine lives in the old
// time.
func (e *Engine) rebase(ctx context.Context) error {
	if e.shared() {
		return e.followTime(ctx)
	}
	jump := e.clock.Jump()
	if jump == 0 {
		return nil
	}
	return e.shift(ctx, jump, func(tx store.Tx) (bool, error) { return true, nil })
}

// shift moves the engine's clock, and with it the timers in the store if, in the
// same transaction, stored says so: another replica may have moved them.
func (e *Engine) shift(ctx context.Context, jump time.Duration, stored func(store.Tx) (bool, error)) error {
	moved := false
	err := e.ruler.Shift(jump, func() error {
		return e.clock.Move(jump, func() error {
			err := e.store.Update(ctx, func(tx store.Tx) (err error) {
				if moved, err = stored(tx); err != nil || !moved {
					return err
				}
				if err := tx.ShiftTimers(jump); err != nil {
					return err
				}
				return shiftEscalations(tx, jump)
			})
			if err != nil {
				return err
			}
			e.active.shift(jump)
			e.others.since.Add(int64(jump))
			return nil
		})
	})
	if err != nil {
		return err
	}
	if moved {
		e.log.Warn("The wall clock was set; timers have moved with it", "by", jump)
	} else {
		e.log.Warn("This replica follows the time of the others; its own had stood still, or they were faster", "by", jump)
	}
	e.metrics.jumps.Inc()
	e.deliver.WakeAll()
	return nil
}

// shiftEscalations moves what the steps of escalations count from: an hour that
// never was must not have anybody called.
func shiftEscalations(tx store.Tx, by time.Duration) error {
	var counting []group.Group
	err := tx.OpenGroups(func(g group.Group) error {
		if !g.Alone.IsZero() || !g.RecountAt.IsZero() {
			counting = append(counting, g)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range counting {
		g, err := tx.Group(counting[i].ID) // with the timer that was just moved
		if err != nil {
			return err
		}
		g.Shift(by)
		if err := tx.SaveGroup(&g); err != nil {
			return err
		}
	}
	return nil
}

// shift moves the ends of all alerts by the same time, also of those of which
// news is on its way.
func (t *active) shift(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shifted += by
	for _, entry := range t.ends { // the order stays
		entry.until, entry.known = entry.until.Add(by), entry.known.Add(by)
		if !entry.seen.IsZero() {
			entry.seen = entry.seen.Add(by)
		}
	}
}

// shiftedBy is by how much ends were moved until now: who reads times asks while
// it holds the clock.
func (t *active) shiftedBy() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shifted
}
