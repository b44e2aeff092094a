package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/clock"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// meetEvery is how often a replica looks at what others have changed.
	meetEvery = time.Second
	// presentEvery is how often it says that it is there, and which alerts it
	// saw; presentFor after the last time it is gone for others.
	presentEvery, presentFor = 3 * time.Second, 10 * time.Second
	// noticedAfter is when all others have noticed one that came: they look every
	// meetEvery, and the database may take its time.
	noticedAfter = 3 * time.Second
	// moveAgain is how often, at most, it is tried to move what another replica puts
	// at an address that only it knows: where the destination is gone too there
	// is nowhere to move it to, and whoever moves looks at all addresses again.
	moveAgain = 10 * time.Second
	// trustFor is how long what is remembered is held for true without having
	// heard of changes. After that every alert is news, and the store, if it can
	// be asked, knows better.
	trustFor = 10 * time.Second
	// measureEvery is how often the database is asked what the time is.
	measureEvery = 2 * time.Second
	// sightingsAtOnce is how many are stored in one transaction.
	sightingsAtOnce = 2000
)

// replicas is what an engine knows of the processes that share its store. Where
// nobody does, it stays empty.
type replicas struct {
	holder   string
	measured *clock.Measured // the database's time
	shifted  atomic.Int64    // what store.Shifted was when the clock was right
	movedAt  atomic.Int64    // when what others put somewhere was moved last, in nanoseconds since 1970

	live atomic.Pointer[[]store.Replica] // with ourselves

	mu         sync.Mutex // of catchUp
	begun      atomic.Int64
	ended      int64   // the number of the last catchUp that has ended
	after      string  // of store.Changes
	again      []int64 // groups with an alert of which news was on its way
	caughtUp   atomic.Pointer[time.Time]
	measuredAt time.Time // of New and then of runTimers alone

	presence sync.Mutex    // of what follows, and of saying it
	self     store.Replica // as it is stored
	// since is from when on we are there without a gap, in nanoseconds since 1970.
	since atomic.Int64
}

// shared says that other processes may write to the store.
func (e *Engine) shared() bool { return e.store.Shared() }

// Replicas are the processes that work with the store now, this one among them;
// nil where nobody can share it.
func (e *Engine) Replicas() []store.Replica {
	if live := e.others.live.Load(); live != nil {
		return *live
	}
	return nil
}

// Part is how much this replica may do, from 0 to 1, of what all of them together
// may: the same for each. One that has just come does not take its part before
// the others must have noticed it, because until then they use it up.
func (e *Engine) Part() float64 {
	live := len(e.Replicas())
	switch {
	case live < 2:
		return 1
	case e.Now().Sub(time.Unix(0, e.others.since.Load())) < noticedAfter:
		return 0
	}
	return 1 / float64(live)
}

// runMeet says that this replica is there, and follows what others do.
func (e *Engine) runMeet(ctx context.Context) {
	if !e.shared() {
		return
	}
	var failing bool
	presentAt := time.Now()
	for ctx.Err() == nil {
		var err error
		if now := time.Now(); now.Sub(presentAt) >= presentEvery {
			presentAt = now
			err = e.present(ctx, false)
		}
		err = errors.Join(err, e.catchUp(ctx))
		if err != nil && ctx.Err() == nil && !failing {
			e.log.Error("What other replicas do cannot be read; trying again, and what is posted is refused until it can", "err", err)
		}
		failing = err != nil
		// Others may have put there what our workers are to do.
		e.intents.Wake()
		e.silencer.Wake()
		select {
		case <-ctx.Done():
		case <-time.After(meetEvery):
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	err := e.present(last, true)
	if err == nil {
		err = e.store.Update(last, func(tx store.Tx) error { return tx.ForgetReplica(e.others.holder) })
	}
	if err != nil {
		e.log.Warn("That this replica stops could not be stored; others wait for it for some seconds", "err", err)
	}
}

// lastWords is how long a stopping replica tries to store what only it knows.
const lastWords = 3 * time.Second

// present stores that this replica is there, and the alerts that only it has seen
// lately: those that others would end otherwise, or all of them.
func (e *Engine) present(ctx context.Context, all bool) error {
	now := e.Now()
	horizon := e.ResolveTimeout() / 2
	if all {
		horizon = farFuture
	}
	for more := true; more; {
		var seen []store.Sighting
		seen, more = e.active.sightings(now.Add(horizon), sightingsAtOnce)
		if len(seen) == 0 {
			break
		}
		if err := e.store.Update(ctx, func(tx store.Tx) error { return tx.SaveSightings(seen) }); err != nil {
			return err
		}
		e.active.sighted(seen)
	}
	e.others.presence.Lock()
	defer e.others.presence.Unlock()
	next := e.others.self
	next.SightedAt, next.Until = now, e.Now().Add(presentFor)
	if err := e.store.Update(ctx, func(tx store.Tx) error { return tx.SaveReplica(&next) }); err != nil {
		return err
	}
	if e.others.self.Until.Before(now) { // others were not heard of meanwhile either
		e.others.since.Store(now.UnixNano())
	}
	e.others.self = next
	return nil
}

// farFuture is longer than any alert goes on without being posted again.
const farFuture = 10 * 365 * 24 * time.Hour

// enter says with which configuration this replica works from now on. One that
// others have, or had within a day, is as old as theirs.
func (e *Engine) enter(ctx context.Context, c *compiled) error {
	if !e.shared() {
		return nil
	}
	e.others.presence.Lock()
	defer e.others.presence.Unlock()
	now, hash := e.Now(), c.hash()
	next := store.Replica{
		Name: e.others.holder, Until: now.Add(presentFor), SightedAt: e.others.self.SightedAt, Config: hash, ConfigAt: now,
	}
	if next.SightedAt.IsZero() {
		next.SightedAt = now // it has seen nothing yet
	}
	var live []store.Replica
	err := e.store.Update(ctx, func(tx store.Tx) error {
		known, err := tx.Replicas(now.Add(-store.KeepReplicas))
		if err != nil {
			return err
		}
		next.ConfigAt = now
		for i := range known {
			if known[i].Config == hash && known[i].ConfigAt.Before(next.ConfigAt) {
				next.ConfigAt = known[i].ConfigAt
			}
		}
		if err := tx.SaveReplica(&next); err != nil {
			return err
		}
		live, err = tx.Replicas(now)
		return err
	})
	if err != nil {
		return fmt.Errorf("which replicas there are: %w", err)
	}
	if e.others.self.Name == "" {
		e.others.since.Store(now.UnixNano())
	}
	e.others.self = next
	e.others.live.Store(&live)
	return nil
}

// hash stands for what the file says of where posts go: two replicas with the
// same one move no posts back that the other has moved.
func (c *compiled) hash() string {
	h := sha256.New()
	for _, d := range c.file.Destinations {
		fmt.Fprintf(h, "%q %q", d.Name, d.Fallback)
		if d.Audience != nil {
			fmt.Fprintf(h, " %q %q\n", d.Audience.Names, d.Audience.Roster)
			continue
		}
		for _, a := range d.Addresses {
			fmt.Fprintf(h, " %q", a.ID)
		}
		fmt.Fprintln(h)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// outdated says that another replica works with a newer configuration: during a
// deployment the old one must not undo what the new one does.
func (e *Engine) outdated() bool {
	self := e.others.selfIn(e.Replicas())
	return slices.ContainsFunc(e.Replicas(), func(r store.Replica) bool { return newer(&r, self) })
}

// errOutdated refuses what only a replica with the newer configuration can do.
// Senders try again, and find one.
var errOutdated = fmt.Errorf("another replica works with a newer configuration, which knows the destination: %w", store.ErrUnavailable)

// outdatedIn is outdated by what the store says now. Who works with another
// configuration than it has there is about to reload, or has tried to and not
// heard that it was stored.
func (e *Engine) outdatedIn(tx store.Tx, now time.Time) (bool, error) {
	if !e.shared() {
		return false, nil
	}
	live, err := tx.Replicas(now)
	self := e.others.selfIn(live)
	if self.Config != "" && self.Config != e.current.Load().hash() {
		return true, err
	}
	return slices.ContainsFunc(live, func(r store.Replica) bool { return newer(&r, self) }), err
}

// mixedIn says that replicas work with another configuration than this one,
// whichever of them is newer. What the store has of this one counts as well: see
// outdatedIn.
func (e *Engine) mixedIn(tx store.Tx) (bool, error) {
	if !e.shared() {
		return false, nil
	}
	live, err := tx.Replicas(e.Now())
	ours := e.current.Load().hash()
	return slices.ContainsFunc(live, func(r store.Replica) bool { return r.Config != ours }), err
}

// selfIn is ourselves among replicas, as we were stored.
func (o *replicas) selfIn(all []store.Replica) *store.Replica {
	for i := range all {
		if all[i].Name == o.holder {
			return &all[i]
		}
	}
	return &store.Replica{}
}

// newer says that a replica has a configuration that is newer than another's.
func newer(r, than *store.Replica) bool {
	return r.Config != than.Config && than.Config != "" &&
		(r.ConfigAt.After(than.ConfigAt) || r.ConfigAt.Equal(than.ConfigAt) && r.Config > than.Config)
}

// know takes note of the replicas that there are now. When one with another
// configuration has gone, what it left at its addresses goes to ours.
func (e *Engine) know(now []store.Replica) {
	was := e.Replicas()
	e.others.live.Store(&now)
	self := e.others.selfIn(now)
	for i := range was {
		gone := !slices.ContainsFunc(now, func(r store.Replica) bool { return r.Name == was[i].Name && r.Config == was[i].Config })
		if gone && was[i].Config != self.Config {
			e.move()
			return
		}
	}
}

// catchUp takes over what other replicas have changed until it was called. Of
// those who call it at the same time one asks for all.
func (e *Engine) catchUp(ctx context.Context) error {
	o := &e.others
	came := o.begun.Load()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended > came {
		return nil
	}
	number := o.begun.Add(1)
	if at := o.caughtUp.Load(); at == nil || time.Since(*at) > store.KeepChanges/2 {
		if err := e.rememberAll(ctx, e.current.Load()); err != nil {
			return err
		}
		o.ended = number
		return nil
	}
	began, now := time.Now(), e.Now()
	var live []store.Replica
	var changed, again []int64
	var after string
	err := e.store.View(ctx, func(tx store.Tx) (err error) {
		again = nil
		if live, err = tx.Replicas(now); err != nil {
			return err
		}
		if changed, after, err = tx.Changes(o.after); err != nil {
			return err
		}
		for _, id := range union(changed, o.again) {
			if id == 0 {
				continue
			}
			g, err := tx.Group(id)
			switch {
			case errors.Is(err, store.ErrNotFound):
			case errors.Is(err, store.ErrUnavailable):
				return err
			case err != nil:
				e.log.Error("A group cannot be read; what fires in it is not known here", "group", id, "err", err)
			case e.active.sync(&g, e.Now(), e.ResolveTimeout()): // the clock may have been set since the beginning
				again = append(again, id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	o.after, o.again, o.ended = after, again, number
	e.forgive()
	o.caughtUp.Store(&began)
	e.know(live)
	if slices.Contains(changed, 0) {
		e.current.Load().seek()
		return e.gather(ctx)
	}
	return nil
}

func union(a, b []int64) []int64 {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// rememberAnew reads everything of which changes would tell, for a configuration.
func (e *Engine) rememberAnew(ctx context.Context, c *compiled) error {
	e.others.mu.Lock()
	defer e.others.mu.Unlock()
	return e.rememberAll(ctx, c)
}

// rememberAll is rememberAnew with the lock held.
func (e *Engine) rememberAll(ctx context.Context, c *compiled) error {
	began := time.Now()
	if err := e.remember(ctx, c); err != nil {
		return err
	}
	e.forgive()
	e.others.caughtUp.Store(&began)
	return nil
}

// forgive leaves the time out in which resends were refused because the store
// was away: who sends them once a minute needs one to say that an alert goes on.
func (e *Engine) forgive() {
	at := e.others.caughtUp.Load()
	if !e.shared() || at == nil { // who does not share the store asks it only at a reload, and refuses no resends
		return
	}
	if away := time.Since(*at); away > trustFor {
		e.active.extendAll(away)
	}
}

// announce tells other replicas in a transaction that a group has changed; 0: that
// people are reached somewhere else, or are to be.
func (e *Engine) announce(tx store.Tx, groupID int64, now time.Time) error {
	if !e.shared() {
		return nil
	}
	return tx.NoteChange(groupID, now)
}

// trusts says that what is remembered of alerts is what the store has.
func (e *Engine) trusts() bool {
	if !e.shared() {
		return true
	}
	at := e.others.caughtUp.Load()
	return at != nil && time.Since(*at) < trustFor
}

// sightedBy is until when every replica has stored what it saw: what was not
// posted again by then was not posted again anywhere. The zero time: nobody
// knows, because we are just there (again), and others may be about to be.
func (e *Engine) sightedBy(now time.Time) time.Time {
	if !e.shared() {
		return now
	}
	if now.Sub(time.Unix(0, e.others.since.Load())) < presentFor+presentEvery || e.others.selfIn(e.Replicas()).Until.Before(now) {
		return time.Time{}
	}
	for _, r := range e.Replicas() {
		if r.Until.After(now) && r.SightedAt.Before(now) {
			now = r.SightedAt
		}
	}
	return now
}

// unseen leaves, of alerts that nobody posted to us again, those that nobody
// posted to another replica either. What it returns must go to learn or forget.
func (e *Engine) unseen(ctx context.Context, news []newsItem) ([]newsItem, error) {
	if !e.shared() || len(news) == 0 {
		return news, nil
	}
	fps := make([]alert.Fingerprint, len(news))
	for i := range news {
		fps[i] = news[i].alert.Fingerprint
	}
	var seen []store.Sighting
	err := e.store.View(ctx, func(tx store.Tx) (err error) {
		seen, err = tx.Sightings(fps)
		return err
	})
	if err != nil {
		e.active.forget(news)
		return nil, err
	}
	return e.active.goOn(news, seen), nil
}
