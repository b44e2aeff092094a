package people

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// candidate is somebody on the way to being reached.
type candidate struct {
	person       store.Person
	was          store.Person        // as it was before the latest step
	conversation *store.Conversation // that the store knows; nil: none
	course       course              // 0: nothing came of it yet
	asked        bool                // Microsoft was asked
	already      bool                // the app was there before
	failed       teams.Outcome       // why it is waiting
	place        *botframework.Place // where they are, when they have arrived
	dropped      bool                // we were stopped in the middle
}

// after takes a step: asks decides what follows from Microsoft's answer, which
// was err if it failed.
func (c *candidate) after(err error, decide func(p *store.Person) course) {
	if err != nil {
		if c.failed = outcomeOf(err); c.failed.Reason == teams.Interrupted {
			c.dropped = true
			return
		}
	}
	c.was, c.asked = c.person, true
	c.course = decide(&c.person)
}

// take uses the conversation that the store knows, if that can be used.
func (c *candidate) take(now time.Time) {
	if holds(&c.person, c.conversation) {
		place := placeOf(c.conversation)
		c.place, c.course = &place, arrived
		arrive(&c.person, place.Conversation, now)
	}
}

// goesOn: there is a next step for them here.
func (c *candidate) goesOn() bool { return !c.dropped && (c.course == 0 || c.course == onward) }

// result is what came of an attempt for some persons.
type result struct {
	// settled is what is to be stored. Of whom nothing is in it nothing new is
	// known.
	settled []settled
	// passed and failed are those about whom Microsoft said something, and those
	// about whom it could not be asked.
	passed, failed []string
	// everybody is why it failed for everybody; nil: it did not.
	everybody *teams.Outcome
	err       error // of the store
}

// settled is what came of the work on one person.
type settled struct {
	Settled
	already bool // the app was there before: its version is to be looked at
}

// conclude says what came of an attempt. A failure is everybody's if it says so
// or nobody was luckier; then it is the service that is tried again, not each
// person.
func conclude(all []*candidate) (r result) {
	for _, c := range all {
		switch {
		case c.dropped || !c.asked:
		case c.course == waiting && c.failed.Kind == teams.Retry:
			r.failed = append(r.failed, c.person.Name)
		default:
			r.passed = append(r.passed, c.person.Name)
		}
	}
	for _, c := range all {
		if c.dropped || c.course != waiting || c.failed.Kind != teams.Retry {
			continue
		}
		if o := c.failed; o.Broken || o.Reason == teams.Throttled || len(r.passed) == 0 {
			if r.everybody == nil || o.Broken && !r.everybody.Broken || o.After > r.everybody.After {
				r.everybody = &o
			}
		}
	}
	for _, c := range all {
		s := settled{Settled: Settled{Person: c.person, Place: c.place, Waits: c.course == onward || c.course == waiting}, already: c.already}
		switch {
		case c.dropped || c.course == 0:
			continue
		case c.course == waiting && c.failed.Kind == teams.Retry && r.everybody != nil:
			if c.was.Reason == string(c.failed.Reason) && c.was.NotBefore.IsZero() {
				continue // that is known
			}
			s.Settled = held(c.was, c.failed)
		}
		r.settled = append(r.settled, s)
	}
	return r
}

// candidates are those of some persons who are still wanted. Who has been found
// by an event meanwhile is not.
func (w *Worker) candidates(ctx context.Context, people []store.Person) (all []*candidate, err error) {
	err = w.Store.View(ctx, func(tx store.Tx) error {
		all = nil
		for i := range people {
			stored, err := tx.Person(people[i].Name)
			switch {
			case errors.Is(err, store.ErrNotFound):
				continue
			case err != nil:
				return err
			case stored.Conversation != "" || !stored.Wanted:
				continue
			}
			c := &candidate{person: people[i], was: people[i]}
			if err := c.lookUp(tx, w.Tenant); err != nil {
				return err
			}
			all = append(all, c)
		}
		return nil
	})
	return all, err
}

// Home says that a conversation is of the tenant whose people are told. Object
// ids are Entra's in its own tenant only, and another one's administrator must
// not get our alerts by them. Of what nobody has said, or asked for, nothing is
// wrong.
func Home(conversations, tenant string) bool {
	return conversations == "" || tenant == "" || strings.EqualFold(conversations, tenant)
}

// lookUp finds the conversation that the store knows.
func (c *candidate) lookUp(tx store.Tx, tenant string) error {
	known, err := tx.PersonalConversation(objectID(&c.person))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	if Home(known.Tenant, tenant) {
		c.conversation = &known
	}
	return nil
}

// reach finds persons and has the app installed for them, all with few
// requests. What follows is up to open.
func (w *Worker) reach(ctx context.Context, people []store.Person) result {
	all, err := w.candidates(ctx, people)
	if err != nil {
		return result{err: err}
	}
	for _, c := range all {
		c.take(w.Now())
	}
	if err := w.find(ctx, all); err != nil {
		return result{err: err}
	}
	w.check(ctx, all)
	w.install(ctx, all)
	return conclude(all)
}

// at returns those whose next step it is.
func at(s step, all []*candidate) (these []*candidate) {
	for _, c := range all {
		if c.goesOn() && next(&c.person, c.conversation, true) == s {
			these = append(these, c)
		}
	}
	return these
}

// find asks Graph who they are, and the store for their conversations.
func (w *Worker) find(ctx context.Context, all []*candidate) error {
	these := at(stepFind, all)
	if len(these) == 0 {
		return nil
	}
	names := make([]string, len(these))
	for i, c := range these {
		names[i] = c.person.Name
	}
	for i, f := range w.Graph.Users(ctx, names) {
		w.metrics.asked("user", f.Err)
		these[i].after(f.Err, func(p *store.Person) course { return found(p, f, w.Now()) })
	}
	return w.Store.View(ctx, func(tx store.Tx) error {
		for _, c := range these {
			if !c.goesOn() {
				continue
			}
			if err := c.lookUp(tx, w.Tenant); err != nil {
				return err
			}
			c.take(w.Now())
		}
		return nil
	})
}

// byID puts those together who are one person: several names may be.
func byID(all []*candidate) (ids []string, of map[string][]*candidate) {
	of = map[string][]*candidate{}
	for _, c := range all {
		id := objectID(&c.person)
		if of[id] == nil {
			ids = append(ids, id)
		}
		of[id] = append(of[id], c)
	}
	return ids, of
}

// check asks Graph what became of installations.
func (w *Worker) check(ctx context.Context, all []*candidate) {
	ids, of := byID(at(stepCheck, all))
	if len(ids) == 0 {
		return
	}
	var wait sync.WaitGroup
	for i, found := range w.Graph.Installations(ctx, ids) {
		w.metrics.asked("installation", found.Err)
		wait.Go(func() {
			chat := false
			if found.ID != "" && of[ids[i]][0].person.Reason == string(teams.Installing) {
				_, err := w.Graph.Chat(ctx, ids[i], found.ID)
				w.metrics.asked("chat", err)
				chat = err == nil
			}
			for _, c := range of[ids[i]] {
				if c.after(found.Err, func(p *store.Person) course {
					checked(p, found, chat, w.Now())
					return onward
				}); found.Err != nil {
					c.asked = false
				}
			}
		})
	}
	wait.Wait()
}

// install has Graph install the app.
func (w *Worker) install(ctx context.Context, all []*candidate) {
	ids, of := byID(at(stepInstall, all))
	if len(ids) == 0 {
		return
	}
	w.expected.add(ids, w.Now())
	for i, done := range w.Graph.Install(ctx, ids) {
		w.metrics.asked("install", done.Err)
		for _, c := range of[ids[i]] {
			c.already = done.Already
			c.after(done.Err, func(p *store.Person) course { return installed(p, done, w.newest(), w.Now()) })
		}
	}
}

// open asks the bot's service for the conversation of one person, who may have
// several names.
func (w *Worker) open(ctx context.Context, people []store.Person) result {
	all, err := w.candidates(ctx, people)
	if err != nil || len(all) == 0 {
		return result{err: err}
	}
	for _, c := range all {
		if c.take(w.Now()); c.course == arrived {
			continue
		}
		if next(&c.person, c.conversation, w.Graph != nil) == stepRefuse {
			c.course = refused(&c.person, w.Now())
		}
	}
	var open []*candidate
	for _, c := range all {
		if c.course == 0 {
			open = append(open, c)
		}
	}
	if len(open) == 0 {
		return conclude(all)
	}
	first := open[0]
	to := botframework.Place{Kind: botframework.Personal}
	if first.conversation != nil { // the way there may still be right
		to = placeOf(first.conversation)
		to.Conversation = ""
	}
	to.User = objectID(&first.person)
	place, err := w.Bot.Open(ctx, to)
	w.metrics.asked("conversation", err)
	for _, c := range open {
		c.after(err, func(p *store.Person) course { return opened(p, place, err, w.Graph != nil, w.Now()) })
		if c.course == arrived {
			c.place = &place
		}
	}
	return conclude(all)
}
