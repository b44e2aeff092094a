package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// postMissed is deliver.Options.Missed: the episode learns that a post could
// not be told, and who is told instead.
func (e *Engine) postMissed(tx store.Tx, p *store.Post, _ teams.Reason, why string) (func(), error) {
	var done after
	err := e.miss(tx, p, why, e.clock.Now(), &done)
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
func (e *Engine) miss(tx store.Tx, p *store.Post, why string, now time.Time, done *after) error {
	g, err := tx.Group(p.GroupID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || g.Phase == group.Over {
		return err
	}
	fallbacks, concerned, err := e.standIns(tx, &g, p)
	if err != nil || !concerned {
		return err
	}
	m := group.Miss{Destination: p.Destination, Address: p.Address, Why: why}
	switch name, held := people.NameOf(p.Address); {
	case held: // what they are called may have been found out in this transaction
		person, err := personOf(tx, name)
		if err != nil {
			return err
		}
		m.Who = people.Called(&person)
	default:
		if a, ok := e.address(p.Address); ok {
			m.Who = a.Who
		}
	}
	p.Missed = true
	next, changed := group.Missed(g, m, fallbacks, now)
	if !changed {
		return nil
	}
	return e.saveDue(tx, &next, done)
}

// standIns are who is told in the place of whom an address is: each of the
// destinations of the episode that lead there has somebody of its own. false:
// nobody wants to know.
func (e *Engine) standIns(tx store.Tx, g *group.Group, p *store.Post) (fallbacks []group.Target, concerned bool, err error) {
	c := e.current.Load()
	leads, err := e.leadTo(tx, p.Address)
	for i, t := range slices.Insert(slices.Clone(g.Spec.Targets), 0, group.Target{Destination: p.Destination}) {
		d, ok := c.destination(t.Destination)
		if !ok || i > 0 && (t.Address != "" || !slices.Contains(leads, t.Destination)) {
			continue
		}
		concerned = concerned || d.Audience != nil || d.Fallback != ""
		if d.Fallback != "" && !slices.ContainsFunc(fallbacks, func(o group.Target) bool { return o.Destination == d.Fallback }) {
			fallbacks = append(fallbacks, group.Target{Destination: d.Fallback, Card: p.Card})
		}
	}
	return fallbacks, concerned, err
}

// leadTo are the destinations that lead to an address, some perhaps twice.
func (e *Engine) leadTo(tx store.Tx, address string) (names []string, err error) {
	where := e.where.Load()
	if name, held := people.NameOf(address); held {
		return where.in[name], nil
	}
	for _, d := range e.current.Load().Destinations {
		if d.Audience != nil && d.Audience.Roster == address ||
			slices.ContainsFunc(d.Addresses, func(a deliver.Address) bool { return a.ID == address }) {
			names = append(names, d.Name)
		}
	}
	conversation, ok := strings.CutPrefix(address, botframework.AddressID(""))
	if !ok {
		return names, nil
	}
	persons, err := tx.PeopleIn(conversation)
	for i := range persons {
		names = append(names, where.in[persons[i].Name]...)
	}
	return names, err
}

// missAgain is miss for a destination by which somebody is to be told who is
// missed already: others stand in for it than for the one that led there first.
func (e *Engine) missAgain(tx store.Tx, g *group.Group, p *store.Post, now time.Time, done *after) error {
	why := g.WhyMissed(p.Address)
	if why == "" {
		why = people.Why(teams.Reason(p.Reason))
	}
	return e.miss(tx, p, why, now, done)
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
	addresses, err := formerly(tx, p.Address)
	if err != nil {
		return err
	}
	next, changed := group.Reached(g, addresses, now)
	if !changed {
		return nil
	}
	return e.saveDue(tx, &next, done)
}

// formerly is an address and those at which posts for the same person waited
// before there was a conversation.
func formerly(tx store.Tx, address string) ([]string, error) {
	all := []string{address}
	conversation, ok := strings.CutPrefix(address, botframework.AddressID(""))
	if !ok {
		return all, nil
	}
	persons, err := tx.PeopleIn(conversation)
	for i := range persons {
		all = append(all, people.AddressID(persons[i].Name))
	}
	return all, err
}

// saveDue stores a group whose timer may ring earlier now.
func (e *Engine) saveDue(tx store.Tx, g *group.Group, done *after) error {
	done.tickAt(g.DueAt)
	return tx.SaveGroup(g)
}

// missHeld is miss for what waits at an address, those that came last first. Of
// very many some are left, which overdue finds.
func (e *Engine) missHeld(tx store.Tx, address string, reason teams.Reason, now time.Time, done *after) error {
	missed := 0
	return unmissed(tx, address, func(p *store.Post) (bool, error) {
		if err := e.miss(tx, p, people.Why(reason), now, done); err != nil || !p.Missed {
			return err == nil, err
		}
		missed++
		return missed < manyPosts, tx.SavePost(p)
	})
}

// unmissed goes through the posts that wait at an address and of which nobody
// knows that they could not be told, until next says that it is enough.
func unmissed(tx store.Tx, address string, next func(*store.Post) (more bool, err error)) error {
	f := store.PostFilter{Address: address, States: []store.State{store.Due, store.Waiting}, Unmissed: true, Limit: manyPosts}
	for {
		posts, err := tx.ListPosts(f)
		if err != nil {
			return err
		}
		for i := range posts {
			f.Before = posts[i].ID
			if more, err := next(&posts[i]); err != nil || !more {
				return err
			}
		}
		if len(posts) < manyPosts {
			return nil
		}
	}
}

// overdueAtOnce is how many addresses one transaction looks after.
const overdueAtOnce = 20

// overdue has others told in the place of those for whom posts have waited too
// long, and makes sure that somebody works on reaching them.
func (e *Engine) overdue(ctx context.Context) error {
	late, read, err := e.lookThrough(ctx)
	for _, roster := range read { // somebody was killed meanwhile
		if err == nil {
			err = e.disperse(ctx, roster)
		}
	}
	if err != nil {
		return err
	}
	now, release := e.clock.Hold()
	defer release()
	for some := range slices.Chunk(late, overdueAtOnce) {
		err = e.moveIn(ctx, func(tx store.Tx, done *after) error {
			for _, address := range some {
				if err := e.lookAfter(tx, address, now, done); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lookThrough returns the addresses at which something is late or was left
// behind, and the rosters whose members are known by now.
func (e *Engine) lookThrough(ctx context.Context) (late, read []string, err error) {
	now := e.clock.Now()
	err = e.store.View(ctx, func(tx store.Tx) error {
		late, read = nil, nil
		busy, err := tx.BusyAddresses()
		if err != nil {
			return err
		}
		for _, address := range busy {
			if _, isPerson := people.NameOf(address); !isPerson && !people.IsRoster(address) {
				continue
			}
			w, err := waitingAt(tx, address, now)
			if err != nil {
				return err
			}
			switch {
			case w.read:
				read = append(read, address)
			case w.long || w.moved() || w.forgotten(now) && e.told(w.person.Name):
				late = append(late, address)
			}
		}
		return nil
	})
	return late, read, err
}

// waiting is what waits at an address until somebody is reached.
type waiting struct {
	person store.Person // without a name: it is a roster's
	reason teams.Reason
	read   bool // it is a roster's, whose members are known by now
	long   bool // so long that others are to be told, and do not know it
}

func waitingAt(tx store.Tx, address string, now time.Time) (waiting, error) {
	w := waiting{reason: teams.Installing}
	reason := ""
	if name, isPerson := people.NameOf(address); isPerson {
		var err error
		if w.person, err = personOf(tx, name); err != nil {
			return w, err
		}
		reason = w.person.Reason
	} else {
		r, err := tx.Roster(address)
		if err != nil {
			return w, err
		}
		reason, w.read = r.Reason, len(r.Members) > 0
	}
	if reason != "" {
		w.reason = teams.Reason(reason)
	}
	err := unmissed(tx, address, func(p *store.Post) (bool, error) {
		w.long = forAll(w.reason) || now.Sub(p.Since) >= missedAfter
		return !w.long, nil
	})
	return w, err
}

// moved: posts were left behind by who was killed while they moved, or made
// by another replica meanwhile.
func (w waiting) moved() bool { return w.person.Conversation != "" }

// forgotten: nobody works on reaching the person.
func (w waiting) forgotten(now time.Time) bool {
	return w.person.Name != "" && wantable(&w.person, now)
}

// told says that somebody is in a destination.
func (e *Engine) told(name string) bool { return len(e.where.Load().in[name]) > 0 }

// lookAfter does what overdue found to be done at an address.
func (e *Engine) lookAfter(tx store.Tx, address string, now time.Time, done *after) error {
	w, err := waitingAt(tx, address, now)
	if err != nil {
		return err
	}
	if w.moved() {
		to := botframework.AddressID(w.person.Conversation)
		done.addresses = append(done.addresses, to)
		return moveSome(tx, address, to, now, done)
	}
	if w.person.Name != "" && e.told(w.person.Name) {
		if err := want(tx, w.person, now, done); err != nil {
			return err
		}
	}
	if !w.long {
		return nil
	}
	return e.missHeld(tx, address, w.reason, now, done)
}
