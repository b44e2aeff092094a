package deliver

import (
	"context"
	"errors"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// turn is one transaction at an address. What it decides holds after the
// commit only; a turn whose transaction runs again starts from nothing.
type turn struct {
	d       *Deliverer
	tx      store.Tx
	now     time.Time
	id      string
	address Address
	known   bool
	row     store.Address
	changed bool     // the row is to be saved
	back    bool     // the address was left alone, and takes messages again
	after   []func() // log lines and metrics, once the commit is there
}

// turn records the attempt that has ended, if any, and begins what comes next.
// begun is set when next is doSend.
func (d *Deliverer) turn(ctx context.Context, id string, done *attempt) (next step, begun *attempt, err error) {
	stopping := ctx.Err() != nil
	if stopping && done == nil {
		return step{}, nil, nil
	}
	err = d.update(ctx, id, func(t *turn) error {
		next, begun = step{}, nil
		if done != nil {
			if err := t.finish(done); err != nil {
				return err
			}
		}
		if stopping {
			return nil
		}
		var err error
		next, begun, err = t.next()
		next.missing = !t.address.Held && !t.address.Paused && !missing(&t.row, t.now).IsZero()
		return err
	})
	if err != nil {
		return step{}, nil, err
	}
	return next, begun, nil
}

// update runs fn as a turn. All of its times are from before timers are moved
// or from after that: one from before that is stored after would be an hour
// ahead when the clock is set back by one. It outlives ctx by lastWords, so that
// what has ended is recorded.
func (d *Deliverer) update(ctx context.Context, id string, fn func(*turn) error) error {
	ctx, cancel := outlive(ctx, lastWords)
	defer cancel()
	var t turn
	_, release := d.hold()
	err := d.store.Update(ctx, func(tx store.Tx) error {
		t = turn{d: d, tx: tx, now: d.now(), id: id}
		t.address, t.known = d.addresses(id)
		t.address = t.address.withDefaults()
		var err error
		if t.row, err = tx.Address(id); err != nil {
			return err
		}
		if !t.known && d.behind != nil {
			behind, err := d.behind(tx, id)
			if err != nil {
				return err
			}
			if behind {
				t.address.Paused, t.known = true, true
			} else { // or it was heard of while the lock was waited for
				t.address, t.known = d.addresses(id)
				t.address = t.address.withDefaults()
			}
		}
		if err := fn(&t); err != nil {
			return err
		}
		if t.changed {
			if err := tx.SaveAddress(&t.row); err != nil {
				return err
			}
		}
		if t.back && d.back != nil {
			t.then(func() { d.Wake(id) })
			return d.back(tx, id)
		}
		return nil
	})
	release()
	if err != nil {
		return err
	}
	for _, f := range t.after {
		f()
	}
	return nil
}

// outlive is a context that ends a while after its parent.
func outlive(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { stop(); cancel() }
}

// next decides what to do and begins it. Who does nothing gives the lease back.
func (t *turn) next() (step, *attempt, error) {
	if t.leasedByOther(&t.row) {
		return step{action: doWait, until: t.row.LeasedUntil}, nil, nil
	}
	if err := t.recover(); err != nil {
		return step{}, nil, err
	}
	s, err := t.situation()
	if err != nil {
		return step{}, nil, err
	}
	next := decide(s)
	switch next.action {
	case doStop, doWait:
		t.release()
		return next, nil, nil
	}
	if t.address.Held || t.address.Paused { // nothing is sent that could meet another's
		return next, nil, nil
	}
	if ok, err := t.lease(); err != nil || !ok {
		return step{action: doWait, until: t.now.Add(storeRetry)}, nil, err
	}
	if next.action != doSend {
		return next, nil, nil
	}
	begun, err := t.begin(next)
	return next, begun, err
}

// leasedByOther says that somebody else has an address.
func (t *turn) leasedByOther(row *store.Address) bool {
	return row.Holder != "" && row.Holder != t.d.holder && row.LeasedUntil.After(t.now)
}

// lease takes or renews the lease, for longer than an attempt can take.
func (t *turn) lease() (bool, error) {
	until := t.now.Add(t.address.Timeout + t.d.margin(t.now))
	ok, err := t.tx.Lease(t.id, t.d.holder, t.now, until)
	if ok {
		t.row.Holder, t.row.LeasedUntil = t.d.holder, until
	}
	return ok, err
}

// margin is how much longer than an attempt a lease that is taken now is held.
func (d *Deliverer) margin(now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Before(d.slowUntil) {
		return slowMargin
	}
	return leaseMargin
}

// tooSlow takes note of a commit that took longer than the margin.
func (d *Deliverer) tooSlow(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slowUntil = now.Add(slowFor)
}

// release gives the lease back, so that another replica need not wait for its
// end.
func (t *turn) release() {
	if t.row.Holder == t.d.holder {
		t.row.Holder, t.row.LeasedUntil, t.changed = "", time.Time{}, true
	}
}

func (t *turn) situation() (situation, error) {
	s := situation{
		now: t.now, known: t.known, held: t.address.Held, paused: t.address.Paused, row: t.row,
		windows: t.address.Pace, maxAge: t.address.MaxAge,
	}
	var err error
	if s.ready, err = t.tx.ReadyPosts(t.id, t.now, peek); err != nil {
		return s, err
	}
	if s.held || s.paused || len(s.ready) > 0 && t.row.NotBefore.After(t.now) {
		return s, nil // the pace does not matter now
	}
	if len(s.ready) == 0 {
		s.next, err = t.tx.NextPost(t.id)
		return s, err
	}
	if s.sends, err = t.tx.Sends(t.id, t.now.Add(-longest(t.address.Pace))); err != nil {
		return s, err
	}
	err = t.count(&s)
	return s, err
}

// count counts what waits. Behind a post may wait those of the episodes after
// it, so what is ready now does not say how much that is.
func (t *turn) count(s *situation) (err error) {
	best := s.ready[0].Rank
	if best == store.RankStale {
		return nil
	}
	s.backlog, err = t.tx.Backlog(t.id, store.RankQuiet, t.now, peek)
	if err == nil && s.backlog == peek {
		s.backlog, err = t.tx.Backlog(t.id, store.RankQuiet, t.now, s.countTo())
	}
	if err == nil && best >= store.RankLoudCritical {
		s.critical, err = t.tx.Backlog(t.id, store.RankLoudCritical, t.now, aloneInStorm+1)
	}
	return err
}

// begin records that an attempt starts.
func (t *turn) begin(s step) (*attempt, error) {
	a := &attempt{address: t.address, post: s.post, minimal: minimal(&s.post), leasedUntil: t.row.LeasedUntil}
	if s.spaced {
		t.row.DigestAt, t.changed = t.now, true
	}
	a.delivery = store.Delivery{
		Kind: kindOf(&s.post, t.address.Editable), PostID: a.post.ID, GroupID: a.post.GroupID, Address: t.id, Destination: t.destination(&a.post), Title: a.post.Title,
		State: store.DeliverySending, Attempt: a.post.Attempts + 1, Revision: a.post.Want, At: t.now,
	}
	if err := t.tx.SaveDelivery(&a.delivery); err != nil {
		return nil, err
	}
	a.post.Begin(a.delivery.ID, t.now)
	return a, t.tx.SavePost(&a.post)
}

// destination is the name under which a post's deliveries are told: a post
// keeps the destination that first led to its address.
func (t *turn) destination(p *store.Post) string {
	if p.Destination != "" {
		return p.Destination
	}
	return t.address.Destination
}

// recover finds attempts that were cut off: whoever made them died, since
// nobody else has the lease and ours are recorded before a turn comes here. An
// attempt that began at another address, from which its post was moved, may be
// under way for as long as that one's lease holds.
func (t *turn) recover() error {
	posts, err := t.tx.SendingPosts(t.id)
	if err != nil {
		return err
	}
	for i := range posts {
		p := &posts[i]
		log, err := t.tx.Deliveries(store.DeliveryFilter{PostID: p.ID, State: store.DeliverySending, Limit: 1})
		if err != nil {
			return err
		}
		if under, err := t.underWay(log); err != nil || under {
			if err != nil {
				return err
			}
			continue
		}
		at, why := t.notLater(p.UpdatedAt).Add(uncertainWait), "it may have arrived, so it is sent again after a minute"
		if len(log) == 1 && log[0].Kind == store.KindEdit {
			at, why = t.now, "an edit repeated is harmless, so it is sent again at once"
		}
		p.Retry(at, string(teams.Interrupted), "the process ended while this was being sent; "+why, t.now)
		if err := t.tx.SavePost(p); err != nil {
			return err
		}
		for j := range log {
			if err := t.interrupted(&log[j]); err != nil {
				return err
			}
		}
	}
	if t.row.Holder == "" || t.row.Holder == t.d.holder {
		return nil
	}
	// Somebody died with the lease. A digest of theirs leaves no post behind
	// that is sending, only its line in the log.
	return t.recoverDigests()
}

// underWay says that the attempt in the log was made at another address, and may
// still be.
func (t *turn) underWay(log []store.Delivery) (bool, error) {
	if len(log) == 0 || log[0].Address == t.id {
		return false, nil
	}
	row, err := t.tx.Address(log[0].Address)
	return err == nil && row.Holder != "" && row.LeasedUntil.After(t.now), err
}

// recoverDigests finds digests to this address that were cut off.
func (t *turn) recoverDigests() error {
	log, err := t.tx.Deliveries(store.DeliveryFilter{State: store.DeliverySending})
	if err != nil {
		return err
	}
	for i := range log {
		if log[i].Digest == 0 || log[i].Address != t.id {
			continue
		}
		if err := t.interrupted(&log[i]); err != nil {
			return err
		}
		t.holdDigest(log[i].At)
	}
	return nil
}

// interrupted writes into the log that an attempt was cut off, and counts it
// as a send: Teams may have seen it.
func (t *turn) interrupted(d *store.Delivery) error {
	d.State, d.Reason = store.DeliveryInterrupted, string(teams.Interrupted)
	d.Message = "the process ended before the answer came"
	if err := t.tx.SaveDelivery(d); err != nil {
		return err
	}
	log := *d
	t.after = append(t.after, func() {
		t.d.metrics.delivery(log.Destination, store.DeliveryInterrupted, teams.Interrupted)
		t.d.log.Warn("An attempt was cut off; it is made again, if it may have been a new message a minute after it began",
			"kind", log.Kind, "destination", log.Destination, "title", log.Title, "delivery", log.ID)
	})
	return t.recordSend(d.At)
}

// holdDigest keeps the next digest back until a minute after one that began at
// a time and may have arrived.
func (t *turn) holdDigest(began time.Time) {
	t.row.DigestAt, t.changed = t.notLater(began).Add(uncertainWait-digestDistance), true
}

// notLater is when something happened, at the latest now: the clock may have been
// set back since, by hours, and what counts from there would wait for as long.
func (t *turn) notLater(at time.Time) time.Time {
	if at.After(t.now) {
		return t.now
	}
	return at
}

func (t *turn) recordSend(at time.Time) error {
	at = t.notLater(at)
	return t.tx.RecordSend(t.id, at, at.Add(-longest(t.address.Pace)))
}

// recoverDigests finds digests that were cut off when everything stopped.
func (d *Deliverer) recoverDigests(ctx context.Context) error {
	var log []store.Delivery
	err := d.store.View(ctx, func(tx store.Tx) (err error) {
		log, err = tx.Deliveries(store.DeliveryFilter{State: store.DeliverySending, Limit: 1000})
		return err
	})
	for _, l := range log {
		if l.Digest == 0 {
			continue
		}
		err = errors.Join(err, d.update(ctx, l.Address, func(t *turn) error {
			if t.leasedByOther(&t.row) {
				return nil // somebody else's, and under way
			}
			return t.recoverDigests()
		}))
	}
	return err
}
