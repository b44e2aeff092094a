package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// askAgain is how old what Microsoft said about a person may be before an alert
// to them has it asked again: no event tells that an account was enabled, or
// that somebody has got a licence.
const askAgain = time.Hour

// recipient is somebody of an audience, and where messages to them go.
type recipient struct {
	person  store.Person // of a roster that was never read: without a name
	address deliver.Address
}

// destination returns the one of that name; false: there is none any more.
func (c *compiled) destination(name string) (Destination, bool) {
	i, ok := c.index[name]
	if !ok {
		return Destination{}, false
	}
	return c.Destinations[i], true
}

// audience returns the destination of that name, if it is people.
func (c *compiled) audience(name string) (Destination, bool) {
	d, ok := c.destination(name)
	return d, ok && d.Audience != nil
}

// seek has persons made reachable.
func (c *compiled) seek() {
	if c.Wanted != nil {
		c.Wanted()
	}
}

// recipients are the people of an audience now, each once: several names may be
// one person. A roster that was never read, or in which nobody is, is one
// without a name.
func recipients(tx store.Tx, a *Audience) ([]recipient, error) {
	names, read, err := named(tx, a)
	if err != nil {
		return nil, err
	}
	if !read {
		return []recipient{{address: a.held(a.Roster)}}, nil
	}
	var all []recipient
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		p, err := personOf(tx, name)
		if err != nil {
			return nil, err
		}
		m := recipient{person: p, address: a.addressOf(&p)}
		if !seen[m.address.ID] {
			seen[m.address.ID] = true
			all = append(all, m)
		}
	}
	return all, nil
}

// named are the names in an audience now; false: its roster was never read, or
// nobody is in it.
func named(tx store.Tx, a *Audience) (names []string, read bool, err error) {
	if a.Roster == "" {
		return a.Names, true, nil
	}
	r, err := tx.Roster(a.Roster)
	return r.Members, len(r.Members) > 0, err
}

// addressOf is where messages to somebody go now.
func (a *Audience) addressOf(p *store.Person) deliver.Address {
	address := a.Address(p.Conversation)
	if p.Conversation == "" {
		address = a.held(people.AddressID(p.Name))
	}
	address.Who, address.Name = people.Called(p), p.Name
	return address
}

// held is an address at which posts wait.
func (a *Audience) held(id string) deliver.Address {
	like := a.Address("")
	return deliver.Address{ID: id, Destination: like.Destination, MaxAge: like.MaxAge, Editable: true, Held: true}
}

// whereabouts are the addresses of all audiences, as they were a moment ago.
type whereabouts struct {
	of  map[string]deliver.Address   // by id; of two destinations the first one's
	all map[string][]deliver.Address // by destination
	in  map[string][]string          // the destinations that a name is in
}

// gather reads where everybody is.
func (e *Engine) gather(ctx context.Context) error {
	e.relocating.Lock()
	defer e.relocating.Unlock()
	c := e.current.Load()
	found := &whereabouts{of: map[string]deliver.Address{}, all: map[string][]deliver.Address{}, in: map[string][]string{}}
	err := e.store.View(ctx, func(tx store.Tx) error {
		for _, d := range c.Destinations {
			if d.Audience == nil {
				continue
			}
			names, read, err := named(tx, d.Audience)
			if err != nil {
				return err
			}
			if !read {
				found.put(d.Name, d.Audience.held(d.Audience.Roster))
				continue
			}
			for _, name := range names {
				p, err := personOf(tx, name)
				if err != nil {
					return err
				}
				found.in[name] = append(found.in[name], d.Name)
				found.put(d.Name, d.Audience.addressOf(&p))
			}
		}
		return nil
	})
	if err == nil {
		e.where.Store(found)
	}
	return err
}

// put adds an address of a destination, if it is not there.
func (w *whereabouts) put(destination string, a deliver.Address) {
	_, taken := w.of[a.ID]
	if !taken {
		w.of[a.ID] = a
	}
	if !taken || !slices.ContainsFunc(w.all[destination], func(o deliver.Address) bool { return o.ID == a.ID }) {
		w.all[destination] = append(w.all[destination], a)
	}
}

// relocate is gather for some persons, of whom it is known where they are now.
func (e *Engine) relocate(persons []store.Person) {
	e.relocating.Lock()
	defer e.relocating.Unlock()
	c, was := e.current.Load(), e.where.Load()
	is := &whereabouts{of: maps.Clone(was.of), all: maps.Clone(was.all), in: was.in}
	for i := range persons {
		p := &persons[i]
		if p.Conversation == "" { // what they are called may have changed
			delete(is.of, people.AddressID(p.Name))
		}
		for _, name := range is.in[p.Name] {
			d, ok := c.audience(name)
			if !ok {
				continue
			}
			held := people.AddressID(p.Name)
			is.all[name] = slices.DeleteFunc(slices.Clone(is.all[name]), func(a deliver.Address) bool { return a.ID == held })
			is.put(name, d.Audience.addressOf(p))
		}
	}
	e.where.Store(is)
}

// runWhereabouts follows what other replicas found out, and has somebody told
// in the place of those for whom posts have waited too long.
func (e *Engine) runWhereabouts(ctx context.Context) {
	for ctx.Err() == nil {
		var err error
		if e.hasAudiences() {
			err = errors.Join(e.gather(ctx), e.overdue(ctx))
		}
		if err == nil && !e.outdated() { // by an old file others would be wanted
			err = e.release(ctx)
		}
		if err != nil && ctx.Err() == nil {
			e.log.Error("It could not be read who is reached where; trying again", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookAgain):
		}
	}
}

// releasedAtOnce is how many people are looked at whether they are told
// personally at all.
const releasedAtOnce = 10_000

// release has nobody made reachable who is in no destination any more: no app is
// installed for who has left the file, or the group, before it could be. What
// waits for them is told to who is there now.
func (e *Engine) release(ctx context.Context) error {
	in := e.where.Load().in
	var left []string
	err := e.store.View(ctx, func(tx store.Tx) error {
		left = nil
		wanted, _, err := tx.PeopleToReach(e.clock.Now().Add(askAgain), releasedAtOnce)
		for i := range wanted {
			if len(in[wanted[i].Name]) == 0 {
				left = append(left, wanted[i].Name)
			}
		}
		return err
	})
	if err != nil || len(left) == 0 {
		return err
	}
	now, release := e.clock.Hold()
	defer release()
	err = e.store.Update(ctx, func(tx store.Tx) error {
		for _, name := range left {
			p, err := personOf(tx, name)
			if err == nil && p.Wanted {
				p.Wanted, p.Attempts, p.NotBefore, p.UpdatedAt = false, 0, time.Time{}, now
				err = tx.SavePerson(&p)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		e.move()
	}
	return err
}

func (e *Engine) hasAudiences() bool {
	return slices.ContainsFunc(e.current.Load().Destinations, func(d Destination) bool { return d.Audience != nil })
}

// Rosters are the groups and tags of the configuration, each once.
func (e *Engine) Rosters() []string {
	var all []string
	for _, d := range e.current.Load().Destinations {
		if d.Audience != nil && d.Audience.Roster != "" && !slices.Contains(all, d.Audience.Roster) {
			all = append(all, d.Audience.Roster)
		}
	}
	return all
}

// addressesOf are where a target that is no audience leads; false: nowhere any
// more.
func (c *compiled) addressesOf(t group.Target) ([]deliver.Address, bool) {
	if t.Address == "" {
		addresses, ok := c.destinations[t.Destination]
		return addresses, ok
	}
	if a, ok := c.addresses[t.Address]; ok { // the file names it now
		return []deliver.Address{a}, true
	}
	if c.Conversation == nil {
		return nil, false
	}
	d, ok := c.Conversation(t.Address)
	return d.Addresses, ok
}

// address says how to send to an address.
func (e *Engine) address(id string) (deliver.Address, bool) {
	c := e.current.Load()
	a, ok := c.addresses[id]
	if !ok {
		a, ok = e.where.Load().of[id]
	}
	if !ok && c.Conversation != nil {
		_, held := people.NameOf(id)
		if held || slices.Contains(e.Rosters(), id) {
			return deliver.Address{ID: id, Editable: true, Held: true}, true // of the file as it was
		}
		if people.IsRoster(id) { // nobody will read who is in it
			return a, false
		}
		var d Destination
		if d, ok = c.Conversation(id); ok {
			a = d.Addresses[0]
		}
	}
	if !ok && e.outdated() { // a newer configuration has it, and who has that sends
		return deliver.Address{ID: id, Paused: true}, true
	}
	if ok && a.Editable && !a.ReadOnly && !a.Held {
		a.Look = e.answerable(a)
	}
	a.Paused = a.Paused || ok && e.paused(c, &a)
	return a, ok
}

// raisePeople makes what is due the wanted state of the posts of everybody in an
// audience. Who is new in it hears of what is loud, and not of the end of what
// they never heard of; who has left it is not disturbed any more, but the card
// that they have stays true.
func (e *Engine) raisePeople(tx store.Tx, d Destination, g *group.Group, before int64, due group.Due, now time.Time, done *after) error {
	here, err := e.raiseEach(tx, d, g, before, due, now, done, func(p *store.Post) bool {
		switch {
		case p.ID == 0:
			return g.Rev == 1 || due.Message && due.Change != group.AllResolved
		case p.State == store.Dead && p.Shown == 0:
			return due.Loud // who could not be told that it fires need not be missed with every change
		}
		return true
	})
	if err != nil {
		return err
	}
	if g.Rev == 1 {
		return nil
	}
	quiet := due
	quiet.Loud, quiet.Call = false, false
	for last := int64(0); ; {
		posts, err := tx.ListPosts(store.PostFilter{GroupID: g.ID, Destination: d.Name, Before: last, Limit: manyPosts})
		if err != nil {
			return err
		}
		for i := range posts {
			p := &posts[i]
			if here[p.Address] || !strings.HasPrefix(p.Address, botframework.AddressID("")) {
				continue
			}
			if _, _, err := e.raiseAt(tx, g, before, quiet, p.Address, now, done, always); err != nil {
				return err
			}
		}
		if len(posts) < manyPosts {
			return nil
		}
		last = posts[len(posts)-1].ID
	}
}

// raiseEach raises the posts of everybody in an audience that want it, and
// returns the addresses of all of them.
func (e *Engine) raiseEach(tx store.Tx, d Destination, g *group.Group, before int64, due group.Due, now time.Time, done *after, wants func(*store.Post) bool) (here map[string]bool, err error) {
	all, err := recipients(tx, d.Audience)
	if err != nil {
		return nil, err
	}
	here = make(map[string]bool, len(all))
	for i := range all {
		m := &all[i]
		here[m.address.ID] = true
		post, did, err := e.raiseAt(tx, g, before, due, m.address.ID, now, done, wants)
		switch {
		case err != nil:
			return nil, err
		case !did || !m.address.Held:
		case m.person.Name != "":
			err = want(tx, m.person, now, done)
		default:
			err = e.missEmpty(tx, &post, now, done)
		}
		if err != nil {
			return nil, err
		}
	}
	return here, nil
}

// missEmpty has others told at once where a roster is known to have no members.
func (e *Engine) missEmpty(tx store.Tx, p *store.Post, now time.Time, done *after) error {
	r, err := tx.Roster(p.Address)
	if err != nil || p.Missed || r.RefreshedAt.IsZero() {
		return err
	}
	if err := e.miss(tx, p, "has no members", now, done); err != nil || !p.Missed {
		return err
	}
	return tx.SavePost(p)
}

// manyPosts is how many posts of an episode are read at once.
const manyPosts = 500

// personOf is a person whom the store may not know yet.
func personOf(tx store.Tx, name string) (store.Person, error) {
	p, err := tx.Person(name)
	if errors.Is(err, store.ErrNotFound) {
		return store.Person{Name: name, State: store.PersonUnknown}, nil
	}
	return p, err
}

// want has a person be made reachable, unless it was found out lately why they
// are not.
func want(tx store.Tx, p store.Person, now time.Time, done *after) error {
	if !wantable(&p, now) {
		return nil
	}
	p.Wanted, p.NotBefore, p.Attempts, p.UpdatedAt = true, time.Time{}, 0, now
	done.wanted = true
	return tx.SavePerson(&p)
}

// wantable says that nobody works on reaching a person, and that it is worth it.
func wantable(p *store.Person, now time.Time) bool {
	return !p.Wanted && p.Conversation == "" && (p.Reason == "" || now.Sub(p.CheckedAt).Abs() >= askAgain)
}
