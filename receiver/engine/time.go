package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/clock"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// setClock makes the clock: the database's, where others live by it too.
func (e *Engine) setClock(ctx context.Context, o Options) error {
	e.others.holder = o.Holder
	if !e.shared() {
		e.clock = clock.New(o.Now, o.Elapsed)
		return e.resume(ctx)
	}
	e.others.measured = clock.NewMeasured(o.Elapsed)
	err := e.measure(ctx)
	for tries := 1; errors.Is(err, clock.ErrSlow) && tries < 10; tries++ {
		err = e.measure(ctx)
	}
	if err != nil {
		return fmt.Errorf("the database's time: %w", err)
	}
	for range 3 { // the first answer had a connection to wait for
		_ = e.measure(ctx) // if it fails, the first one holds
	}
	e.clock = clock.New(e.others.measured.Now, o.Elapsed)
	return e.resume(ctx)
}

// resume has the clock go on from the time that was stored last, if that lies
// ahead: it was right when it was stored, so the wall clock was set back since, and
// the timers, which are of that time, move back with the clock (rebase) as if the
// process had never ended. If it lies behind, nobody can know whether the process
// was down for so long or the wall clock was set ahead meanwhile: it is taken for
// the first, and what is due is due.
func (e *Engine) resume(ctx context.Context) error {
	var total time.Duration
	var last time.Time
	err := e.store.View(ctx, func(tx store.Tx) (err error) {
		if total, err = tx.Shifted(); err != nil {
			return err
		}
		last, err = tx.LastTime()
		return err
	})
	if err != nil {
		return fmt.Errorf("the time that was stored last: %w", err)
	}
	e.others.shifted.Store(int64(total))
	e.clock.Resume(last)
	return nil
}

// saveTimeEvery is how often the time is stored. After a clock was set back and
// the process was killed, what waits comes late by as much, and by as long as
// nobody ran.
const saveTimeEvery = 5 * time.Second

// runTime stores what time it is, for resume of the next process.
func (e *Engine) runTime(ctx context.Context) {
	for failing := false; ctx.Err() == nil; {
		err := e.saveTime(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			e.log.Warn("What time it is could not be stored for the next start; trying again", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-time.After(saveTimeEvery):
		}
	}
}

// saveTime stores the time in which the timers are. Where another replica has
// moved them and this one has yet to find out why, it is not ours.
func (e *Engine) saveTime(ctx context.Context) error {
	now, release := e.clock.Hold()
	defer release()
	return e.store.Update(ctx, func(tx store.Tx) error {
		if e.shared() {
			total, err := tx.Shifted()
			if err != nil || int64(total) != e.others.shifted.Load() {
				return err
			}
		}
		return tx.SaveTime(now)
	})
}

// measure asks the database what the time is.
func (e *Engine) measure(ctx context.Context) error {
	return e.others.measured.Measure(func() (time.Time, error) { return e.store.Time(ctx) })
}

// followTime takes over what the database says the time is. If that was set, the
// replica that finds it out first moves the timers for all.
func (e *Engine) followTime(ctx context.Context) error {
	o := &e.others
	if time.Since(o.measuredAt) < measureEvery {
		return nil
	}
	var total time.Duration // before it is measured: what is moved afterwards is not what our clock says
	err := e.store.View(ctx, func(tx store.Tx) (err error) {
		total, err = tx.Shifted()
		return err
	})
	if err != nil {
		return err
	}
	if err := e.measure(ctx); errors.Is(err, clock.ErrSlow) {
		return nil // the next answer will be faster
	} else if err != nil {
		return err
	}
	o.measuredAt = time.Now()
	jump := e.clock.Jump()
	if jump == 0 {
		o.shifted.Store(int64(total))
		return nil
	}
	err = e.shift(ctx, jump, func(tx store.Tx) (bool, error) {
		var err error
		if total, err = tx.Shifted(); err != nil || int64(total) != o.shifted.Load() {
			return false, err // somebody has moved them
		}
		// If others live in the time that we have measured, it is this machine
		// that has slept.
		now := o.measured.Now()
		live, err := tx.Replicas(now)
		others := slices.ContainsFunc(live, func(r store.Replica) bool {
			return r.Name != o.holder && r.Until.Before(now.Add(presentFor+jumpless))
		})
		if !others {
			total += jump
		}
		return !others, err
	})
	if err == nil {
		o.shifted.Store(int64(total))
	}
	return err
}

// jumpless is by how much the clocks of two replicas may differ in one time.
const jumpless = 2 * time.Second
