package engine

import (
	"context"
	"errors"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// postMissed is deliver.Options.Missed: the episode learns that a post could
// not be told, and who is told instead.
func (e *Engine) postMissed(tx store.Tx, p *store.Post, reason teams.Reason, _ string) (func(), error) {
	var done after
	err := e.miss(tx, p, reason, e.clock.Now(), &done)
	return func() { e.timers.set(done.due) }, err
}

// postReached is deliver.Options.Reached.
func (e *Engine) postReached(tx store.Tx, p *store.Post) (func(), error) {
	var done after
	err := e.reached(tx, p, e.clock.Now(), &done)
	return func() { e.timers.set(done.due) }, err
}

// miss has the episode of a post know that it could not be told. The group's own
// timer does the rest: a thousand people who cannot be told are one telling.
func (e *Engine) miss(tx store.Tx, p *store.Post, reason teams.Reason, now time.Time, done *after) error {
	d, ok := e.current.Load().destination(p.Destination)
	if !ok || d.Fallback == "" && d.Audience == nil {
		return nil
	}
	g, err := tx.Group(p.GroupID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || g.Phase == group.Over {
		return err
	}
	m := group.Miss{Destination: p.Destination, Address: p.Address, Why: people.Why(reason)}
	if a, ok := e.address(p.Address); ok {
		m.Who = a.Who
	}
	var fallback *group.Target
	if d.Fallback != "" {
		fallback = &group.Target{Destination: d.Fallback, Card: p.Card}
	}
	p.Missed = true
	next, changed := group.Missed(g, m, fallback, now)
	if !changed {
		return nil
	}
	return e.saveDue(tx, &next, done)
}

// reached has the episode of a post know that it was told after all.
func (e *Engine) reached(tx store.Tx, p *store.Post, now time.Time, done *after) error {
	p.Missed = false
	g, err := tx.Group(p.GroupID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	next, changed := group.Reached(g, p.Destination, p.Address, now)
	if !changed {
		return nil
	}
	return e.saveDue(tx, &next, done)
}

// saveDue stores a group whose timer may ring earlier now.
func (e *Engine) saveDue(tx store.Tx, g *group.Group, done *after) error {
	if !g.DueAt.IsZero() && (done.due.IsZero() || g.DueAt.Before(done.due)) {
		done.due = g.DueAt
	}
	return tx.SaveGroup(g)
}

// missHeld is miss for all that waits at an address.
func (e *Engine) missHeld(tx store.Tx, address string, reason teams.Reason, _ string, now time.Time, done *after) error {
	posts, err := tx.ReadyPosts(address, now, manyPosts)
	if err != nil {
		return err
	}
	for i := range posts {
		if posts[i].Missed {
			continue
		}
		if err := e.miss(tx, &posts[i], reason, now, done); err != nil {
			return err
		}
		if !posts[i].Missed {
			continue
		}
		if err := tx.SavePost(&posts[i]); err != nil {
			return err
		}
	}
	return nil
}

// overdue has others told in the place of those for whom posts have waited too
// long, and makes sure that somebody works on reaching them.
func (e *Engine) overdue(ctx context.Context) error {
	now, release := e.clock.Hold()
	defer release()
	var busy []string
	err := e.store.View(ctx, func(tx store.Tx) (err error) {
		busy, err = tx.BusyAddresses()
		return err
	})
	if err != nil {
		return err
	}
	for _, address := range busy {
		name, isPerson := people.NameOf(address)
		if !isPerson && !people.IsRoster(address) {
			continue
		}
		var done after
		err := e.store.Update(ctx, func(tx store.Tx) error {
			done = after{}
			reason := teams.Installing
			if isPerson {
				p, err := tx.Person(name)
				if errors.Is(err, store.ErrNotFound) {
					p, err = store.Person{Name: name, State: store.PersonUnknown}, nil
				}
				if err != nil {
					return err
				}
				if p.Reason != "" {
					reason = teams.Reason(p.Reason)
				}
				if err := want(tx, p, now, &done); err != nil {
					return err
				}
			} else {
				r, err := tx.Roster(address)
				if err != nil {
					return err
				}
				if r.Reason != "" {
					reason = teams.Reason(r.Reason)
				}
			}
			posts, err := tx.ReadyPosts(address, now, 1)
			if err != nil || len(posts) == 0 || now.Sub(posts[0].Since) < missedAfter {
				return err
			}
			return e.missHeld(tx, address, reason, "", now, &done)
		})
		if err != nil {
			return err
		}
		e.follow(done)
	}
	return nil
}
