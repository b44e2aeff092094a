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

	// What came of it.
	rev     int // the revision that was sent
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
	a.rev = g.Rev
	d.send(ctx, a, d.render(a, g))
}

// gone is the outcome for a post whose group was deleted.
var gone = teams.Outcome{Kind: teams.GiveUp, Reason: teams.Expired, Message: "its group is not in the store any more; drop this dead letter"}

func (d *Deliverer) render(a *attempt, g group.Group) card.Message {
	now := d.now()
	in := card.Input{
		Group: g, Now: now, Location: d.location,
		Reminder: reminder(&a.post, &g), Shown: a.post.Carded,
	}
	if late := now.Sub(a.post.Since); late > lateAfter {
		in.Late = late
	}
	if a.minimal {
		return d.cards.Minimal(in, a.address.Limit)
	}
	m := d.cards.Render(a.post.Card, in, a.address.Limit)
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
// nothing has changed.
func reminder(p *store.Post, g *group.Group) bool {
	return p.Shown != 0 && g.Rev == p.Shown+1 && g.Reminded == g.Rev
}

// send makes the attempt. It is not cut off when ctx ends, only by its timeout.
func (d *Deliverer) send(ctx context.Context, a *attempt, m card.Message) {
	// The commit may have taken long. Who is not sure to hold the lease until
	// the end of the attempt does not begin it.
	if d.now().Add(a.address.Timeout).After(a.leasedUntil) {
		a.end(d.now(), teams.Outcome{Kind: teams.Retry, Reason: teams.Interrupted, Message: "the store took too long to say that this may be sent"})
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.address.Timeout)
	defer cancel()
	began := d.now()
	outcome := a.address.Send(ctx, m)
	a.sent, a.took = true, d.now().Sub(began)
	a.end(d.now(), outcome)
}

func (a *attempt) end(now time.Time, o teams.Outcome) { a.ended, a.outcome = now, o }
