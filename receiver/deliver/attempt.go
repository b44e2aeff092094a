package deliver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// lateAfter is the wait from which a card says that it is late.
const lateAfter = 2 * time.Minute

// attempt is one try to make a post true, or to send a digest.
type attempt struct {
	address     Address
	post        store.Post // as begun; zero for a digest
	delivery    store.Delivery
	minimal     bool
	leasedUntil time.Time
	lastWords   time.Time // until when who stops tries to record it

	// What came of it.
	rev     int  // the revision that was sent
	over    bool // it says that the episode is over
	outcome teams.Outcome
	sent    bool // Teams may have seen it
	ended   time.Time
	took    time.Duration
}

// perform makes the card that should be there now and sends it.
func (d *Deliverer) perform(ctx context.Context, a *attempt) {
	var g group.Group
	// It has begun, so a stop does not end it here: only sending can be cut off.
	err := d.store.View(context.WithoutCancel(ctx), func(tx store.Tx) (err error) {
		g, err = tx.Group(a.post.GroupID)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		a.end(d.now(), gone)
		return
	case err != nil:
		a.end(d.now(), teams.Outcome{Kind: teams.Retry, Reason: teams.Interrupted, Message: fmt.Sprintf("the group could not be read: %v", err)})
		return
	}
	a.rev, a.over = g.Rev, g.Phase == group.Over
	d.send(ctx, a, d.render(a, g))
}

// gone is the outcome for a post whose group was deleted.
var gone = teams.Outcome{Kind: teams.GiveUp, Reason: teams.Expired, Message: "its group is not in the store any more; drop this dead letter"}

func (d *Deliverer) render(a *attempt, g group.Group) card.Message {
	now := d.now()
	in := card.Input{
		Group: g, Now: now, Location: d.location,
		Destination: a.post.Destination, Reminder: a.reminder(&g), Shown: a.post.Carded,
	}
	if a.address.Look != nil {
		in.Look = a.address.Look(a.post.MessageID)
	}
	if late := now.Sub(a.post.Since); late > lateAfter {
		in.Late = late
	}
	var m card.Message
	switch {
	case a.minimal:
		if a.delivery.Kind == store.KindCall { // buttons belong to the card
			in.Look.Press = nil
		}
		return d.cards.Minimal(in, a.address.Limit)
	case a.delivery.Kind == store.KindCall:
		m = d.cards.Call(in, a.post.Called, a.address.Limit)
	default:
		m = d.cards.Render(a.post.Card, in, a.address.Limit)
	}
	if m.Fault != nil {
		d.metrics.fault(m.Template)
		d.log.Error("A card's template failed; the minimal card is sent", "card", m.Template, "group", g.ShortID(), "err", m.Fault)
	}
	for _, lost := range m.Lost {
		d.log.Debug("A card goes without something that Teams cannot do", "card", m.Template, "group", g.ShortID(), "lost", lost)
	}
	return m
}

// reminder says that the only telling that is not there yet is one that
// nothing has changed. A call is one if that is what called for it.
func (a *attempt) reminder(g *group.Group) bool {
	if a.delivery.Kind == store.KindCall {
		return g.Reminded == a.post.Call
	}
	return a.post.Shown != 0 && g.Rev == a.post.Shown+1 && g.Reminded == g.Rev
}

// send makes the attempt. It is not cut off when ctx ends, only by its timeout.
func (d *Deliverer) send(ctx context.Context, a *attempt, m card.Message) {
	// The commit may have taken long. Who is not sure to hold the lease until
	// the end of the attempt does not begin it.
	if d.now().Add(a.address.Timeout).After(a.leasedUntil) {
		d.tooSlow(d.now())
		a.end(d.now(), teams.Outcome{Kind: teams.Retry, Reason: teams.Interrupted, Message: "the store took too long to say that this may be sent"})
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.address.Timeout)
	defer cancel()
	began := d.now()
	outcome := a.carry(ctx, m)
	a.sent, a.took = true, d.now().Sub(began)
	a.end(d.now(), outcome)
}

// carry hands a message to the address in the way of its kind.
func (a *attempt) carry(ctx context.Context, m card.Message) teams.Outcome {
	switch a.delivery.Kind {
	case store.KindEdit:
		return a.address.Edit(ctx, a.post.MessageID, m)
	case store.KindCall:
		return a.address.Call(ctx, a.post.MessageID, m)
	}
	return a.address.Send(ctx, m)
}

// tells says that the attempt told what the post does not know to be there.
func (a *attempt) tells(p *store.Post) bool {
	if a.delivery.Kind == store.KindCall {
		return a.rev > p.Called
	}
	return a.rev > p.Shown
}

// delivered records at the post that Teams took the attempt.
func (a *attempt) delivered(p *store.Post, now time.Time) {
	switch {
	case a.delivery.Kind == store.KindCall:
		p.CalledFor(a.rev, now)
	case p.Address != a.delivery.Address && p.Address != a.outcome.Address: // it moved meanwhile, and its message did not
		p.Delivered(a.rev, "", a.address.Editable, now)
	default:
		p.Delivered(a.rev, a.outcome.MessageID, a.address.Editable, now)
	}
}

func (a *attempt) end(now time.Time, o teams.Outcome) { a.ended, a.outcome = now, o }

// answered is the line in the log with the answer; what it means is to be added.
func (a *attempt) answered() store.Delivery {
	log := a.delivery
	log.Revision, log.Status, log.Message, log.MessageID = a.rev, a.outcome.Status, a.outcome.Message, a.outcome.MessageID
	log.Reason = string(a.outcome.Reason)
	return log
}
