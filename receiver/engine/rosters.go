package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// Assemble takes over who is in a roster, or why that could not be read. What
// waits at a roster that was never read goes to each of its members.
func (e *Engine) Assemble(ctx context.Context, r store.Roster, members []store.Person) error {
	now, release := e.clock.Hold()
	err := e.moveIn(ctx, func(tx store.Tx, done *after) error {
		done.gather = true
		if err := tx.SaveRoster(&r); err != nil {
			return err
		}
		if r.RefreshedAt.IsZero() {
			waits := !r.NotBefore.IsZero()
			return e.unreached(tx, r.ID, teams.Reason(r.Reason), r.Message, waits, now, done)
		}
		for i := range members {
			if err := introduce(tx, members[i], now); err != nil {
				return err
			}
		}
		return mend(tx, r.ID)
	})
	release()
	if err != nil || len(r.Members) == 0 {
		return err
	}
	return e.disperse(ctx, r.ID)
}

// introduce keeps what a roster says of a person beside what is known.
func introduce(tx store.Tx, p store.Person, now time.Time) error {
	stored, err := tx.Person(p.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		p.UpdatedAt = now
		return tx.SavePerson(&p)
	case err != nil:
		return err
	case stored.DisplayName == p.DisplayName && stored.UPN == p.UPN && stored.ObjectID == p.ObjectID:
		return nil
	}
	stored.DisplayName, stored.UPN, stored.ObjectID, stored.UpdatedAt = p.DisplayName, p.UPN, p.ObjectID, now
	return tx.SavePerson(&stored)
}

// unsettled are the states of posts that are still to be told, or were given up.
var unsettled = []store.State{store.Due, store.Waiting, store.Sending, store.Dead}

// spreadAtOnce is how many posts one transaction makes a post of everybody of.
const spreadAtOnce = 20

// disperse has the posts that waited for a roster's members told to each of
// them.
func (e *Engine) disperse(ctx context.Context, roster string) error {
	return e.spreadAll(ctx, store.PostFilter{Address: roster}, func(string) bool { return true })
}

// spreadAll spreads, in small steps, the posts that are still to be told, or
// were given up, at addresses that are lost.
func (e *Engine) spreadAll(ctx context.Context, f store.PostFilter, lost func(address string) bool) error {
	f.States, f.Limit = unsettled, manyPosts
	for more := true; more; {
		var last int64
		now, release := e.clock.Hold()
		err := e.moveIn(ctx, func(tx store.Tx, done *after) error {
			last, more = f.Before, false
			posts, err := tx.ListPosts(f)
			spread := 0
			for i := range posts {
				if err != nil || spread == spreadAtOnce {
					more = true
					break
				}
				if last = posts[i].ID; lost(posts[i].Address) {
					spread++
					err = e.spread(tx, &posts[i], now, done)
				}
			}
			more = more || len(posts) == manyPosts
			return err
		})
		release()
		if err != nil {
			return err
		}
		f.Before = last
	}
	return nil
}

// spread makes of a post at an address that is nobody's any more one for each of
// the people that its destination is, but for those who have heard of it.
func (e *Engine) spread(tx store.Tx, p *store.Post, now time.Time, done *after) error {
	d, ok := e.peopleAt(p)
	if !ok {
		return nil // it is given up, which says what to do
	}
	g, err := tx.Group(p.GroupID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	gone := err != nil
	if err := tx.DeletePost(p.ID); err != nil {
		return err
	}
	if gone || g.Phase == group.Over && p.Shown == 0 && p.State == store.Dead {
		return nil
	}
	due := group.Due{
		Target: group.Target{Destination: d.Name, Card: p.Card}, Change: group.FirstFiring,
		Loud: p.Loud, Message: true, Call: p.Call > p.Called,
	}
	done.spreads = true
	_, err = e.raiseEach(tx, d, &g, 0, due, now, done, func(there *store.Post) bool {
		return there.ID == 0 || there.State == store.Dead && there.Shown == 0 || p.Call > max(there.Call, there.Called)
	})
	if err != nil || !p.Missed {
		return err
	}
	return e.reached(tx, p, now, done)
}

// peopleAt are the destination of a post, if it is people; or the one that has
// its roster now, under another name.
func (e *Engine) peopleAt(p *store.Post) (Destination, bool) {
	c := e.current.Load()
	if d, ok := c.audience(p.Destination); ok {
		return d, true
	}
	i := slices.IndexFunc(c.Destinations, func(d Destination) bool { return d.Audience != nil && d.Audience.Roster == p.Address })
	if i < 0 {
		return Destination{}, false
	}
	return c.Destinations[i], true
}
