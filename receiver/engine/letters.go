package engine

import (
	"context"
	"errors"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Replay makes a dead letter due again. store.ErrNotFound: there is none with
// this id.
func (e *Engine) Replay(ctx context.Context, id int64) error {
	var address string
	err := e.store.Update(ctx, func(tx store.Tx) error {
		post, err := deadLetter(tx, id)
		if err != nil {
			return err
		}
		post.Replay(e.Now())
		address = post.Address
		if err := e.tryAgain(tx, address); err != nil {
			return err
		}
		return tx.SavePost(&post)
	})
	if err == nil {
		e.deliver.Wake(address)
		e.current.Load().seek() // where the address is a person's
	}
	return err
}

// tryAgain lets an address be tried that Teams wanted to be left alone: who
// replays knows more than we do. A person without a conversation is to be
// reached again, and nothing is given up until that is known.
func (e *Engine) tryAgain(tx store.Tx, address string) error {
	if name, held := people.NameOf(address); held {
		if err := e.seekAgain(tx, name); err != nil {
			return err
		}
		return mend(tx, address)
	}
	row, err := tx.Address(address)
	if err != nil || !deliver.LeftAlone(&row, e.Now()) {
		return err
	}
	row.Mend()
	return tx.SaveAddress(&row)
}

// seekAgain has a person be reached, whatever was known against it.
func (e *Engine) seekAgain(tx store.Tx, name string) error {
	p, err := tx.Person(name)
	if errors.Is(err, store.ErrNotFound) {
		p, err = store.Person{Name: name, State: store.PersonUnknown}, nil
	}
	if err != nil || p.Wanted && p.Reason == "" {
		return err
	}
	p.Wanted, p.Reason, p.Message, p.Attempts, p.NotBefore, p.UpdatedAt = true, "", "", 0, time.Time{}, e.Now()
	return tx.SavePerson(&p)
}

// replayAtOnce is how many dead letters one transaction changes.
const replayAtOnce = 200

// ReplayAll makes every dead letter due again that can go somewhere, at the
// addresses that there are now, and returns how many. Those of destinations
// that are gone stay, because they would only be given up once more.
func (e *Engine) ReplayAll(ctx context.Context) (int, error) {
	if err := e.readdress(ctx); err != nil {
		return 0, err
	}
	all := 0
	for before, more := int64(0), true; more; {
		var some int
		var last int64
		err := e.store.Update(ctx, func(tx store.Tx) error {
			some, more = 0, false // it may run more than once
			letters, err := tx.ListPosts(store.PostFilter{
				States: []store.State{store.Dead}, DeadLetters: true, Before: before, Limit: replayAtOnce,
			})
			if err != nil {
				return err
			}
			for i := range letters {
				if _, there := e.address(letters[i].Address); !there {
					continue
				}
				if err := e.tryAgain(tx, letters[i].Address); err != nil {
					return err
				}
				letters[i].Replay(e.Now())
				if err := tx.SavePost(&letters[i]); err != nil {
					return err
				}
				some++
			}
			if more = len(letters) == replayAtOnce; more {
				last = letters[len(letters)-1].ID
			}
			return nil
		})
		if err != nil {
			return all, err
		}
		all, before = all+some, last
	}
	e.deliver.WakeAll()
	e.current.Load().seek()
	return all, nil
}

// Drop removes a dead letter for good; the delivery log keeps its attempts.
func (e *Engine) Drop(ctx context.Context, id int64) error {
	return e.store.Update(ctx, func(tx store.Tx) error {
		post, err := deadLetter(tx, id)
		if err != nil {
			return err
		}
		return tx.DeletePost(post.ID)
	})
}

func deadLetter(tx store.Tx, id int64) (store.Post, error) {
	post, err := tx.Post(id)
	if err == nil && !post.DeadLetter {
		err = store.ErrNotFound
	}
	return post, err
}

// Test sends a card that says that it is a test to one destination, all the
// way that an alert takes, and returns the number of its group.
func (e *Engine) Test(ctx context.Context, destination string) (int64, error) {
	c := e.current.Load()
	if _, ok := c.destinations[destination]; !ok {
		return 0, ErrUnknownDestination
	}
	return e.test(ctx, group.Target{Destination: destination})
}

// TestAt is Test for an address, which no destination of the file need have.
func (e *Engine) TestAt(ctx context.Context, address string) (int64, error) {
	target, ok := e.current.Load().targetAt(address)
	if !ok {
		return 0, ErrUnknownDestination
	}
	return e.test(ctx, target)
}

func (e *Engine) test(ctx context.Context, target group.Target) (int64, error) {
	now := e.Now()
	labels := map[string]string{
		alert.NameLabel: "TeamsrelayTest", alert.SeverityLabel: "info", "destination": target.Destination,
	}
	// Each test is a group of its own, which ends with its first card.
	made, err := e.one(ctx, sourceTest, alert.Alert{
		Fingerprint: alert.FingerprintOf(labels), Status: alert.Resolved, Labels: labels,
		Annotations: map[string]string{
			"summary":     "This is a test from teamsrelay. Nothing is wrong.",
			"description": "If you can read this, alerts for destination " + target.Destination + " arrive here.",
		},
		StartsAt: now.Add(-time.Second), EndsAt: now,
	}, target, nil)
	return made.ID, err
}
