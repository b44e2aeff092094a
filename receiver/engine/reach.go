package engine

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// missedAfter is how long posts wait for somebody to be reached for the first
// time before another is told in their place.
const missedAfter = 5 * time.Minute

// Settle takes over what came of making persons reachable: what waits for those
// who are goes to their conversation, and others are told in the place of those
// who are not.
func (e *Engine) Settle(ctx context.Context, all []people.Settled) error {
	now, release := e.clock.Hold()
	defer release()
	return e.moveIn(ctx, func(tx store.Tx, done *after) error {
		for i := range all {
			if err := e.settlePerson(tx, all[i], now, done); err != nil {
				return err
			}
		}
		return nil
	})
}

// moveIn is Update for what changes where people are: delivery hears of it once
// it is known where they are now.
func (e *Engine) moveIn(ctx context.Context, fn func(store.Tx, *after) error) error {
	var done after
	err := e.store.Update(ctx, func(tx store.Tx) error {
		done = after{}
		if err := fn(tx, &done); err != nil || !done.gather && len(done.people) == 0 {
			return err
		}
		return e.announce(tx, 0, e.clock.Now())
	})
	if err != nil {
		return err
	}
	if done.gather {
		err = e.gather(ctx)
	} else if len(done.people) > 0 {
		e.relocate(done.people)
	}
	for _, m := range done.moves {
		for more := true; more && err == nil; {
			err = e.store.Update(ctx, func(tx store.Tx) (err error) {
				_, more, err = tx.MovePosts(m.from, m.to, e.Now(), manyPosts)
				return err
			})
		}
	}
	e.follow(done)
	return err
}

// move is what is left to be moved from one address to another after a
// transaction, so that thousands of posts do not hold up who wants to write.
// Those of somebody who was killed meanwhile are found by overdue.
type move struct{ from, to string }

// moveSome moves posts, and notes what is left.
func moveSome(tx store.Tx, from, to string, now time.Time, done *after) error {
	_, more, err := tx.MovePosts(from, to, now, manyPosts)
	if more {
		done.moves = append(done.moves, move{from, to})
	}
	return err
}

func (e *Engine) settlePerson(tx store.Tx, s people.Settled, now time.Time, done *after) error {
	p := s.Person
	p.UpdatedAt = now
	stored, err := tx.Person(p.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if stored.Conversation != "" && s.Place == nil { // an event was faster, or only facts have come
		p.Conversation, p.State, p.Wanted = stored.Conversation, store.PersonReachable, false
		p.Reason, p.Message, p.Attempts, p.NotBefore = "", "", 0, time.Time{}
		return tx.SavePerson(&p)
	}
	if s.Place != nil {
		p.Conversation = cmp.Or(stored.Conversation, p.Conversation)
		return e.arrive(tx, p, *s.Place, now, done)
	}
	p.Wanted = s.Waits
	if err := tx.SavePerson(&p); err != nil {
		return err
	}
	if people.Called(&p) != people.Called(&stored) {
		done.people = append(done.people, p) // who reads of them reads their name
	}
	reason := teams.Reason(p.Reason)
	return e.unreached(tx, people.AddressID(p.Name), reason, p.Message, s.Waits, now, done)
}

// unreached marks the address at which posts wait for somebody who cannot be
// reached. Those of who will not be are given up by delivery; where it is an
// administrator who has to mend something, others are told meanwhile.
func (e *Engine) unreached(tx store.Tx, address string, reason teams.Reason, words string, waits bool, now time.Time, done *after) error {
	row, err := tx.Address(address)
	if err != nil {
		return err
	}
	switch same := row.BrokenReason == string(reason) && row.Waits == waits; {
	case reason == "" || waits && !forAll(reason):
		if row.Broken != "" {
			row.Mend()
			err = tx.SaveAddress(&row)
		}
	case !same:
		row.Break(string(reason), words, waits, now)
		err = tx.SaveAddress(&row)
	}
	if err != nil {
		return err
	}
	done.addresses = append(done.addresses, address)
	if !waits || !forAll(reason) {
		return nil
	}
	return e.missHeld(tx, address, reason, now, done)
}

// forAll says that a reason holds for everybody until an administrator mends
// something.
func forAll(r teams.Reason) bool {
	return r == teams.Auth || r == teams.Consent || r == teams.NoCatalogue || r == teams.TLS
}

// arrive moves what waits for a person to their conversation.
func (e *Engine) arrive(tx store.Tx, p store.Person, place botframework.Place, now time.Time, done *after) error {
	c, err := tx.Conversation(place.Conversation)
	if errors.Is(err, store.ErrNotFound) {
		c, err = store.Conversation{ID: place.Conversation}, nil
	}
	if err != nil {
		return err
	}
	c.Kind, c.Installed, c.Blocked, c.UpdatedAt = store.Personal, true, "", now
	c.ServiceURL = cmp.Or(place.ServiceURL, c.ServiceURL)
	c.Tenant = cmp.Or(place.Tenant, c.Tenant)
	c.BotID = cmp.Or(place.BotID, c.BotID)
	c.UserID = cmp.Or(c.UserID, place.User, p.ObjectID)
	c.UserObjectID = cmp.Or(c.UserObjectID, p.ObjectID)
	c.Name = cmp.Or(c.Name, p.DisplayName)
	was, err := formerConversation(tx, &p)
	if err != nil {
		return err
	}
	if err := tx.SaveConversation(&c); err != nil {
		return err
	}
	was = cmp.Or(was, c.ID)
	defer func() { done.people = append(done.people, p) }()
	p.Conversation, p.State, p.Wanted = c.ID, store.PersonReachable, false
	p.Reason, p.Message, p.Attempts, p.NotBefore = "", "", 0, time.Time{}
	if err := tx.SavePerson(&p); err != nil {
		return err
	}
	to := botframework.AddressID(c.ID)
	for _, from := range []string{people.AddressID(p.Name), botframework.AddressID(was)} {
		if from == to {
			continue
		}
		if err := mend(tx, from); err != nil {
			return err
		}
		if err := moveMisses(tx, from, to); err != nil {
			return err
		}
		if err := moveSome(tx, from, to, now, done); err != nil {
			return err
		}
		if err := tx.MoveSubscriptions(from, to); err != nil {
			return err
		}
	}
	done.addresses = append(done.addresses, to)
	return reviveIn(tx, to, now)
}

// moveMisses has episodes look for somebody whom they miss where they will be
// told. Where posts waited for a conversation is known without it (formerly).
func moveMisses(tx store.Tx, from, to string) error {
	if _, held := people.NameOf(from); held {
		return nil
	}
	groups, err := tx.OpenGroupsAt([]string{from}, manyPosts)
	if err != nil {
		return err
	}
	for _, listed := range slices.Backward(groups) { // they are locked in the order of their ids
		g, err := tx.Group(listed.ID) // it may have changed since
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		next, changed := group.Readdressed(g, from, to)
		if !changed {
			continue
		}
		if err := tx.SaveGroup(&next); err != nil {
			return err
		}
	}
	return nil
}

// formerConversation is the one that was had with a person until now, also if
// it was given up when Microsoft was to be asked anew; "": none was.
func formerConversation(tx store.Tx, p *store.Person) (string, error) {
	if p.Conversation != "" {
		return p.Conversation, nil
	}
	c, err := tx.PersonalConversation(p.ObjectID)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return c.ID, err
}

// mend takes the mark away that an address is broken.
func mend(tx store.Tx, address string) error {
	row, err := tx.Address(address)
	if err != nil || row.Broken == "" {
		return err
	}
	row.Mend()
	return tx.SaveAddress(&row)
}

// Met takes note of a personal conversation that Teams told us of: who waits to
// be reached has been. People of other tenants may talk to the bot, but nobody of
// them is one of ours, whatever id they have at home.
func (e *Engine) Met(ctx context.Context, c store.Conversation) error {
	id := strings.ToLower(c.UserObjectID)
	if c.Kind != store.Personal || id == "" || c.ID == "" || !c.Installed || !e.hasAudiences() {
		return nil
	}
	if !people.Home(c.Tenant, e.current.Load().Tenant) {
		return nil
	}
	now, release := e.clock.Hold()
	defer release()
	return e.moveIn(ctx, func(tx store.Tx, done *after) error {
		all, err := tx.PeopleOf(id)
		if err != nil {
			return err
		}
		for _, p := range all {
			if p.Conversation == c.ID {
				continue
			}
			p.ObjectID = id
			place := botframework.Place{ServiceURL: c.ServiceURL, Conversation: c.ID, Kind: c.Kind, Tenant: c.Tenant, BotID: c.BotID, User: c.UserID}
			done.gather = done.gather || p.Conversation != ""
			if err := e.arrive(tx, p, place, now, done); err != nil {
				return err
			}
		}
		return nil
	})
}

// Moved takes note that Teams has given a personal conversation another id: who
// is told there is told at the new one.
func (e *Engine) Moved(ctx context.Context, from, to string) error {
	now, release := e.clock.Hold()
	defer release()
	return e.moveIn(ctx, func(tx store.Tx, done *after) error {
		all, err := tx.PeopleIn(from)
		if err != nil {
			return err
		}
		done.gather = len(all) > 0
		for i := range all {
			all[i].Conversation, all[i].UpdatedAt = to, now
			if err := tx.SavePerson(&all[i]); err != nil {
				return err
			}
		}
		was, is := botframework.AddressID(from), botframework.AddressID(to)
		if err := moveMisses(tx, was, is); err != nil {
			return err
		}
		if err := moveSome(tx, was, is, now, done); err != nil {
			return err
		}
		done.addresses = append(done.addresses, was, is)
		return tx.MoveSubscriptions(was, is)
	})
}

// ErrUnknownPerson says that nobody of that name is told personally.
var ErrUnknownPerson = errors.New("nobody of this name is told personally")

// Retry has Microsoft asked anew about a person, and the app installed for them
// if they do not have it. What could not be told to them is due again.
func (e *Engine) Retry(ctx context.Context, name string, by group.Person, from string) error {
	name = strings.ToLower(strings.TrimSpace(name))
	now, release := e.clock.Hold()
	defer release()
	return e.moveIn(ctx, func(tx store.Tx, done *after) error {
		switch in, err := e.destinationsByName(tx); {
		case err != nil:
			return err
		case len(in[name]) == 0:
			return ErrUnknownPerson
		}
		p, status, err := look(tx, name)
		if err != nil {
			return err
		}
		was := string(status.State)
		addresses := []string{people.AddressID(p.Name)}
		if p.Conversation != "" {
			if status.State == store.PersonReachable {
				return nil
			}
			addresses = append(addresses, botframework.AddressID(p.Conversation))
		}
		done.gather = true
		p.Conversation, p.State = "", store.PersonUnknown
		p.Wanted, p.Reason, p.Message, p.Attempts, p.NotBefore, p.UpdatedAt = true, "", "", 0, time.Time{}, now
		if err := tx.SavePerson(&p); err != nil {
			return err
		}
		for _, address := range addresses {
			if err := reviveIn(tx, address, now); err != nil {
				return err
			}
		}
		done.addresses, done.wanted, done.urged = append(done.addresses, addresses...), true, true
		return tx.AddAudit(&store.Audit{
			At: now, Who: by.Name, ObjectID: by.ID, Action: "retry", Target: p.Name, From: from, Before: was, After: "asked anew",
		})
	})
}

// PersonAt is a person who is told personally, and how it is with them.
type PersonAt struct {
	store.Person
	Status       people.Status
	Destinations []string // by name
}

// People are all who are told personally, whether anything was ever told to
// them or not, by name.
func (e *Engine) People(ctx context.Context) (all []PersonAt, err error) {
	err = e.store.View(ctx, func(tx store.Tx) (err error) {
		all, err = e.everybody(tx)
		return err
	})
	return all, err
}

// everybody reads in bulk: ten thousand people are looked up three times each
// otherwise, while somebody waits for a list.
func (e *Engine) everybody(tx store.Tx) ([]PersonAt, error) {
	in, err := e.destinationsByName(tx)
	if err != nil || len(in) == 0 {
		return nil, err
	}
	persons, err := tx.People("", 0)
	if err != nil {
		return nil, err
	}
	known := make(map[string]*store.Person, len(persons))
	for i := range persons {
		known[persons[i].Name] = &persons[i]
	}
	conversations, err := tx.Conversations("")
	if err != nil {
		return nil, err
	}
	talks := make(map[string]*store.Conversation, len(conversations))
	for i := range conversations {
		talks[conversations[i].ID] = &conversations[i]
	}
	rows, err := tx.Addresses()
	if err != nil {
		return nil, err
	}
	addresses := make(map[string]*store.Address, len(rows))
	for i := range rows {
		addresses[rows[i].Address] = &rows[i]
	}
	all := make([]PersonAt, 0, len(in))
	for _, name := range slices.Sorted(maps.Keys(in)) {
		at := PersonAt{Person: store.Person{Name: name, State: store.PersonUnknown}, Destinations: in[name]}
		if p := known[name]; p != nil {
			at.Person = *p
		}
		var a store.Address
		if row := addresses[addressOf(&at.Person)]; row != nil {
			a = *row
		}
		at.Status = people.Look(at.Person, talks[at.Conversation], a)
		all = append(all, at)
	}
	return all, nil
}

// destinationsByName are the destinations of everybody who is told personally,
// in the order of the file.
func (e *Engine) destinationsByName(tx store.Tx) (map[string][]string, error) {
	in := map[string][]string{}
	for _, d := range e.current.Load().Destinations {
		if d.Audience == nil {
			continue
		}
		names := d.Audience.Names
		if d.Audience.Roster != "" {
			r, err := tx.Roster(d.Audience.Roster)
			if err != nil {
				return nil, err
			}
			names = r.Members
		}
		for _, name := range names {
			in[name] = append(in[name], d.Name)
		}
	}
	return in, nil
}

// addressOf is where something is told to a person, or waits for them.
func addressOf(p *store.Person) string {
	if p.Conversation == "" {
		return people.AddressID(p.Name)
	}
	return botframework.AddressID(p.Conversation)
}

// look is how it is with a person.
func look(tx store.Tx, name string) (store.Person, people.Status, error) {
	p, err := tx.Person(name)
	if errors.Is(err, store.ErrNotFound) {
		p, err = store.Person{Name: name, State: store.PersonUnknown}, nil
	}
	if err != nil {
		return p, people.Status{}, err
	}
	var conversation *store.Conversation
	if p.Conversation != "" {
		c, err := tx.Conversation(p.Conversation)
		switch {
		case err == nil:
			conversation = &c
		case !errors.Is(err, store.ErrNotFound):
			return p, people.Status{}, err
		}
	}
	row, err := tx.Address(addressOf(&p))
	return p, people.Look(p, conversation, row), err
}
