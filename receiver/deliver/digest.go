package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// maxDigest bounds the memory that a digest takes; what is beyond it is
	// told by the next.
	maxDigest = 10_000
	// smallerDigest divides the size of a digest that Teams did not take.
	smallerDigest = 4
)

// covered is a post that a digest tells, the revision that it tells, and the
// post of the episode before if the digest tells that too; 0: it does not.
type covered struct {
	post  int64
	rev   int
	after int64
}

// digest tells everything that waits at an address by one message. Until it is
// there nothing of the posts is changed; then they are shown by it, in chunks:
// who dies between two of them tells the rest twice, and loses nothing. It
// reports whether there was one and what came of it is recorded.
func (d *Deliverer) digest(ctx context.Context, id string, p *place) bool {
	address, known := d.addresses(id)
	if !known {
		return true // the next turn knows what to do
	}
	address = address.withDefaults()
	in, posts, err := d.collect(ctx, id, address)
	if err != nil || len(posts) == 0 {
		return d.postponed(ctx, err)
	}
	limit := address.Limit
	if p.smallDigest {
		limit.Bytes /= smallerDigest
	}
	m := d.cards.Digest(in, limit)

	if ctx.Err() != nil {
		return false // no new attempt while stopping
	}
	a, err := d.beginDigest(ctx, id, address, len(posts))
	if err != nil || a == nil {
		return d.postponed(ctx, err)
	}
	d.send(ctx, a, m)

	refused := a.outcome.Kind == teams.GiveUp && shrinkable(a.outcome.Reason)
	again := refused && !p.smallDigest
	p.smallDigest = again
	return d.settle(ctx, id, a, posts, again)
}

// postponed says that no digest was begun; err is why, nil when there is
// nothing to tell or somebody else has the address.
func (d *Deliverer) postponed(ctx context.Context, err error) bool {
	if err != nil && ctx.Err() == nil {
		d.log.Error("A digest could not be made; trying again", "err", err)
	}
	return false
}

// collect reads what waits at an address, also what only waits for its next
// attempt, or for the episode before: nothing shall wait behind a digest. A
// group has one row, which says how it is now.
func (d *Deliverer) collect(ctx context.Context, id string, address Address) (card.DigestInput, []covered, error) {
	in := card.DigestInput{Destination: address.Destination, Location: d.location}
	var posts []covered
	err := d.store.View(ctx, func(tx store.Tx) error {
		in.Now, in.Rows, in.Oldest, posts = d.now(), nil, time.Time{}, nil
		until := in.Now.Add(postBackoffMax)
		ready, err := tx.ReadyPosts(id, until, maxDigest)
		if err != nil {
			return err
		}
		following, err := tx.FollowingPosts(id, until, maxDigest-len(ready))
		if err != nil {
			return err
		}
		next := make(map[int64]*store.Post, len(following)) // by the one that it follows
		for i := range following {
			next[following[i].Follows] = &following[i]
		}
		for i := range ready {
			if ready[i].Rank == store.RankStale {
				break // a digest has told of this one, and of all after it
			}
			var row card.DigestRow
			after := int64(0)
			for p := &ready[i]; p != nil; p = next[p.ID] {
				if in.Now.Sub(p.Since) > address.MaxAge {
					break // it becomes a dead letter
				}
				g, err := tx.Group(p.GroupID)
				if errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
					return err
				}
				if err != nil { // one bad row must not silence the others
					d.log.Error("A group cannot be read and is left out of a digest", "group", p.GroupID, "post", p.ID, "err", err)
					break
				}
				row = digestRow(p, &g, row.Episodes+1)
				posts = append(posts, covered{p.ID, g.Rev, after})
				after = p.ID
				if in.Oldest.IsZero() || p.Since.Before(in.Oldest) {
					in.Oldest = p.Since
				}
			}
			if row.Episodes > 0 {
				in.Rows = append(in.Rows, row)
			}
		}
		return nil
	})
	return in, posts, err
}

// digestRow is the row of a group whose post is p, or that of the latest of so
// many episodes.
func digestRow(p *store.Post, g *group.Group, episodes int) card.DigestRow {
	firing, resolved, _ := g.Counts()
	return card.DigestRow{
		Title: p.Title, Severity: severityWord(g), Rank: int(g.Severity()),
		Firing: firing, Resolved: resolved, Episodes: episodes, Since: g.OpenedAt, ID: g.ShortID(), Note: card.Note(g, p.Destination),
	}
}

// severityWord is the word that the source wrote for the group's severity.
func severityWord(g *group.Group) string {
	rank := g.Severity()
	for i := range g.Alerts {
		if word := g.Alerts[i].Labels[alert.SeverityLabel]; word != "" && g.Alerts[i].Severity() == rank {
			return word
		}
	}
	return rank.String()
}

// beginDigest records that a digest is sent; nil when somebody else has the
// address now.
func (d *Deliverer) beginDigest(ctx context.Context, id string, address Address, posts int) (a *attempt, err error) {
	err = d.update(ctx, id, func(t *turn) error {
		a = nil
		ok, err := t.lease()
		if err != nil || !ok {
			return err
		}
		a = &attempt{address: address, leasedUntil: t.row.LeasedUntil}
		t.row.DigestAt, t.changed = t.now, true
		a.delivery = store.Delivery{
			Kind: store.KindDigest, Address: id, Destination: address.Destination, Title: fmt.Sprintf("digest of %d", posts),
			State: store.DeliverySending, Attempt: t.row.Failures + 1, Digest: posts, At: t.now,
		}
		return t.tx.SaveDelivery(&a.delivery)
	})
	return a, err
}

// settle records what came of a digest: in the first transaction the log, the
// address and the first of the posts, in others the rest.
func (d *Deliverer) settle(ctx context.Context, id string, a *attempt, posts []covered, again bool) bool {
	if a.outcome.Kind == teams.Retry || again || breaking(a.outcome.Reason) {
		posts = nil // they stay as they are
	}
	untold := map[int64]bool{} // posts of which something else came meanwhile
	for first := true; first || len(posts) > 0; first = false {
		part := posts[:min(chunk, len(posts))]
		var late bool
		for {
			var not []int64
			err := d.update(ctx, id, func(t *turn) (err error) {
				if late = first && t.late(a, t.d.holder); late {
					return t.overtaken(a, a.answered())
				}
				if first {
					if err := t.finishDigest(a, again); err != nil {
						return err
					}
				}
				if _, err := t.lease(); err != nil {
					return err
				}
				not, err = t.cover(a, part, untold)
				return err
			})
			if err == nil {
				for _, post := range not {
					untold[post] = true
				}
				break
			}
			if !d.pause(ctx, a, err) {
				return false
			}
		}
		if late {
			return true
		}
		posts = posts[len(part):]
	}
	return true
}

// finishDigest records the attempt and what it says about the address.
func (t *turn) finishDigest(a *attempt, again bool) error {
	log := a.answered()
	switch {
	case a.outcome.Kind == teams.Delivered:
		log.State = delivered(a.address.Editable)
		t.well()
		t.mended()
		t.after = append(t.after, func() { t.d.metrics.digests.Inc() })
	case a.outcome.Kind == teams.Retry:
		log.State = store.DeliveryRetry
		t.failed(a)
		at := t.row.NotBefore
		if a.outcome.Uncertain {
			t.holdDigest(a.delivery.At)
			at = t.notLater(a.delivery.At).Add(uncertainWait)
		}
		t.logRetry(log, at)
	case again:
		log.State = store.DeliveryRetry
		t.well()
		t.row.DigestAt, t.changed = time.Time{}, true // at once
		t.logRetry(log, t.now)
	default:
		log.State = store.DeliveryDead
		t.well()
		t.broke(a.outcome)
	}
	return t.record(a, log)
}

// cover records what the digest means for some of its posts, and returns those
// for which it means nothing, beside the untold from before: what another
// replica has told since is what people read last, so what follows it is still
// to be told.
func (t *turn) cover(a *attempt, posts []covered, untold map[int64]bool) (not []int64, err error) {
	for _, c := range posts {
		p, err := t.tx.Post(c.post)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		switch {
		case err != nil, p.Shown >= c.rev && p.Called >= p.Call, // dropped, or there already
			p.State == store.Sending, // another attempt has it, and knows the card that comes of that
			untold[c.after], slices.Contains(not, c.after):
			not = append(not, c.post)
			continue
		}
		told := t.reached
		if a.outcome.Kind == teams.Delivered {
			// The digest is no card of this post that could be edited.
			t.observeDelay(p.Since)
			p.Digested(c.rev, t.now)
		} else {
			t.giveUp(&p, a.outcome.Reason, a.outcome.Message)
			told = func(p *store.Post) error { return t.missed(p, a.outcome.Reason) }
		}
		if err := t.tx.SavePost(&p); err != nil {
			return nil, err
		}
		if err := told(&p); err != nil {
			return nil, err
		}
	}
	return not, nil
}
