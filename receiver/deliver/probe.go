package deliver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// What keeps a probe from being tried. Both are for now.
var (
	// ErrBusy says that what is told there comes first: it goes on, and somebody
	// has the address, or its pace is used up.
	ErrBusy = errors.New("the address is busy")
	// ErrWaiting says that nothing is told there either: Teams has asked for
	// patience, or fails.
	ErrWaiting = errors.New("the address has to wait")
)

// Probe makes one attempt with a message that belongs to no post, to see what
// comes of it: a new one, or, if messageID is not "", an edit of that message.
// It keeps to the lease, the pace and the waits of the address, its attempt is in
// the log under the title, and what it finds out about the address holds: one
// that takes it works. The context does not cut it off once it has begun.
// ErrBusy, ErrWaiting: not now. store.ErrNotFound: nobody knows how to send there, or
// nothing may be sent.
func (d *Deliverer) Probe(ctx context.Context, id, title, messageID string, m card.Message) (teams.Outcome, error) {
	a, err := d.beginProbe(ctx, id, title, messageID)
	if err != nil {
		return teams.Outcome{}, err
	}
	d.send(ctx, a, m)
	if err := d.update(context.WithoutCancel(ctx), id, func(t *turn) error { return t.probed(a) }); err != nil {
		return a.outcome, fmt.Errorf("what came of it could not be stored: %w", err)
	}
	d.Wake(id)
	return a.outcome, nil
}

// prober is who has the lease during a probe. To the turns of this process that
// is somebody else, so that there is one attempt at a time.
func (d *Deliverer) prober() string { return d.holder + "/probe" }

func (d *Deliverer) beginProbe(ctx context.Context, id, title, messageID string) (a *attempt, err error) {
	err = d.update(ctx, id, func(t *turn) error {
		a = nil
		if !t.known || t.address.Held || t.address.Paused {
			return store.ErrNotFound
		}
		sends, err := t.tx.Sends(id, t.now.Add(-longest(t.address.Pace)))
		if err != nil {
			return err
		}
		busy := ErrBusy
		if t.row.Failures > 0 || t.row.Broken != "" {
			busy = ErrWaiting
		}
		if t.row.NotBefore.After(t.now) {
			return ErrWaiting
		}
		if nextSend(t.address.Pace, sends, t.now, shareOrdinary).After(t.now) {
			return busy
		}
		until := t.now.Add(t.address.Timeout + d.margin(t.now))
		if ok, err := t.tx.Lease(id, d.prober(), t.now, until); err != nil || !ok {
			return errors.Join(err, busy)
		}
		a = &attempt{address: t.address, leasedUntil: until}
		a.post.MessageID = messageID
		a.delivery = store.Delivery{Kind: store.KindCard, Address: id, Destination: t.address.Destination, Title: title, Attempt: 1, At: t.now}
		if messageID != "" {
			a.delivery.Kind = store.KindEdit
		}
		return nil
	})
	return a, err
}

// probed records what came of a probe: the line in the log and the address.
func (t *turn) probed(a *attempt) error {
	log := a.answered()
	if t.late(a, t.d.prober()) {
		return t.overtaken(a, log)
	}
	if t.row.Holder == t.d.prober() {
		t.row.Holder, t.row.LeasedUntil, t.changed = "", time.Time{}, true
	}
	switch {
	case a.outcome.Kind == teams.Delivered:
		log.State = delivered(a.address.Editable)
		t.well()
		t.mended()
	case a.outcome.Kind == teams.Retry:
		log.State = store.DeliveryRetry
		if a.outcome.Gone { // the message, not the address
			t.well()
			break
		}
		t.failed(a)
	default:
		log.State = store.DeliveryDead
		t.well()
		t.broke(a.outcome)
	}
	return t.record(a, log)
}
