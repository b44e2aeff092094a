package deliver

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// missedAfter is how long a post is tried before somebody else is to be
	// told: long enough for Teams to come back from a restart, and short enough
	// for who stands in to do something.
	missedAfter = 5 * time.Minute
	// missedAtOnce is how many posts one transaction reports: each may change an
	// episode and raise the posts of those who are told instead.
	missedAtOnce = 50
	// missedEvery is how often what waits at an address is looked through, at
	// most.
	missedEvery = 5 * time.Second
	// declinedFor is how long an address is left alone of whose posts nobody
	// wanted to hear: most destinations have no fallback.
	declinedFor = time.Minute
)

// groupsFirst locks the episodes of posts of which they may learn something: who
// changes an episode locks it before its posts, and two replicas that lock in
// different orders wait for each other until the database ends one of them.
func (t *turn) groupsFirst(posts ...store.Post) error {
	if t.d.missed == nil && t.d.reached == nil {
		return nil
	}
	ids := make([]int64, len(posts))
	for i := range posts {
		ids[i] = posts[i].GroupID
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if _, err := t.tx.Group(id); errors.Is(err, store.ErrUnavailable) {
			return err // one bad row must not keep the others from being told
		}
	}
	return nil
}

// missed reports, in this transaction, a post that could not be told. The post
// is to be saved before: whoever hears of it may raise it, so it is read anew.
func (t *turn) missed(p *store.Post, reason teams.Reason) error {
	if t.d.missed == nil || p.Missed {
		return nil
	}
	if _, err := t.tx.Group(p.GroupID); err != nil {
		if errors.Is(err, store.ErrUnavailable) {
			return err
		}
		return nil // one bad row must not keep the others from being told
	}
	after, err := t.d.missed(t.tx, p, reason, because(&t.address, reason))
	if err != nil {
		return err
	}
	t.then(after)
	return t.noted(p, p.Missed)
}

// reached takes back that a post could not be told, now that it is. The post is
// to be saved before.
func (t *turn) reached(p *store.Post) error {
	if !p.Missed {
		return nil
	}
	p.Missed = false
	if t.d.reached != nil {
		after, err := t.d.reached(t.tx, p)
		if err != nil {
			return err
		}
		t.then(after)
	}
	return t.noted(p, false)
}

// noted keeps whether a post is missed, and nothing else of what was known of
// it before somebody heard of that.
func (t *turn) noted(p *store.Post, missed bool) error {
	now, err := t.tx.Post(p.ID)
	if err != nil {
		return err
	}
	*p = now
	if p.Missed == missed {
		return nil
	}
	p.Missed = missed
	return t.tx.SavePost(p)
}

// then has something done once the transaction is on disk.
func (t *turn) then(after func()) {
	if after != nil {
		t.after = append(t.after, after)
	}
}

// wanting says that somebody waits for what a post has to tell: that their card
// still says what was is no reason to tell others.
func wanting(p *store.Post) bool {
	return p.Shown == 0 && p.MessageID == "" || p.Loud || p.SendingLoud || p.Call > p.Called
}

// tooLate says that a post is to be missed whose attempt failed, and of which
// the next one may start at at.
func tooLate(p *store.Post, o teams.Outcome, at, now time.Time) bool {
	switch deadline := p.Since.Add(missedAfter); {
	case !wanting(p):
		return false
	case o.Broken, !deadline.After(now):
		return true
	default: // nobody will know better before that
		return o.After > 0 && at.After(deadline)
	}
}

// inTime is when a post whose attempt failed is tried again, if that may be at
// at: whoever is to be told in somebody's place is told when that time is up,
// so the last attempt before is then.
func inTime(p *store.Post, at, now time.Time) time.Time {
	if deadline := p.Since.Add(missedAfter); !p.Missed && deadline.After(now) && at.After(deadline) {
		return deadline
	}
	return at
}

// missing says that an address does not take what it is sent, and since when
// posts have waited there that are to be missed because of it; zero: none are.
func missing(row *store.Address, now time.Time) time.Time {
	switch {
	case row.Broken != "" && row.Waits && !people.Passes(teams.Reason(row.BrokenReason)):
		return now
	case row.Failures > 0:
		return now.Add(-missedAfter)
	}
	return time.Time{}
}

// miss reports the posts of an address that wait behind one that failed: each
// attempt is made for one post, or for none while Teams asks for patience, and
// the others must not wait for their turn to be missed. They are looked for
// without holding the writer, and reported in chunks.
func (d *Deliverer) miss(ctx context.Context, id string, p *place) {
	now := d.now()
	if d.missed == nil || now.Before(p.missedAt.Add(missedEvery)) && p.missedAt.Before(now.Add(declinedFor)) {
		return
	}
	p.missedAt = now
	all, err := d.waiting(ctx, id)
	declined := 0
	for waiting := all; len(waiting) > 0 && err == nil && ctx.Err() == nil; {
		part := waiting[:min(missedAtOnce, len(waiting))]
		waiting = waiting[len(part):]
		var not int
		err = d.update(ctx, id, func(t *turn) (err error) {
			not, err = t.miss(part)
			return err
		})
		declined += not
	}
	if declined > 0 && declined == len(all) {
		p.missedAt = now.Add(declinedFor - missedEvery)
	}
	if err != nil && ctx.Err() == nil {
		d.log.Error("It could not be recorded who cannot be told; trying again", "err", err)
	}
}

// waiting are the posts of an address that are to be missed, by id.
func (d *Deliverer) waiting(ctx context.Context, id string) (posts []store.Post, err error) {
	err = d.store.View(ctx, func(tx store.Tx) error {
		posts = nil
		row, err := tx.Address(id)
		if err != nil {
			return err
		}
		since := missing(&row, d.now())
		if since.IsZero() {
			return nil
		}
		// Those of an episode that waits for the one before it are missed too.
		all, err := tx.ListPosts(store.PostFilter{
			Address: id, States: []store.State{store.Due, store.Waiting}, Unmissed: true, Limit: maxDigest,
		})
		slices.SortStableFunc(all, func(a, b store.Post) int { return cmp.Or(b.Rank-a.Rank, a.Since.Compare(b.Since)) })
		for i := range all {
			if overdue(&all[i], since) {
				posts = append(posts, all[i])
			}
		}
		return err
	})
	return posts, err
}

// overdue says that a post that waits since a time at the latest is missed.
func overdue(p *store.Post, since time.Time) bool {
	return !p.Missed && p.Unsent() && p.Rank > store.RankStale && wanting(p) && !p.Since.After(since)
}

// miss reports some posts, if that is still so, and says of how many nobody
// wanted to hear.
func (t *turn) miss(posts []store.Post) (declined int, err error) {
	since := missing(&t.row, t.now)
	if since.IsZero() {
		return 0, nil
	}
	if err := t.groupsFirst(posts...); err != nil {
		return 0, err
	}
	for i := range posts {
		p, err := t.tx.Post(posts[i].ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && (p.Address != t.id || !overdue(&p, since)) {
			continue // dropped, moved, or told meanwhile
		}
		if err != nil {
			return declined, err
		}
		reason := teams.Reason(t.row.BrokenReason)
		if reason == "" {
			reason = teams.Reason(p.Reason)
		}
		if reason == "" {
			reason = teams.Unavailable
		}
		if err := t.missed(&p, reason); err != nil {
			return declined, err
		}
		if !p.Missed {
			declined++
		}
	}
	return declined, nil
}
