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

// deadLetter is the post of that number, if it is one.
func deadLetter(tx store.Tx, id int64) (store.Post, error) {
	post, err := tx.Post(id)
	if err == nil && !post.DeadLetter {
		err = store.ErrNotFound
	}
	return post, err
}

// Test sends a card that says that it is a test to one destination, all the
// way that an alert takes, and returns the number of its group. The error is
// ErrUnknownDestination, a *Refusal or the store's.
func (e *Engine) Test(ctx context.Context, destination string, by group.Person, from string) (int64, error) {
	c := e.current.Load()
	d, ok := c.destination(destination)
	if !ok {
		return 0, ErrUnknownDestination
	}
	if d.Trouble != nil {
		return 0, e.Refused(ctx, &Refusal{"nothing can be sent to " + destination, d.Trouble.Words, true}, ActionTest, destination, by, from)
	}
	if off, is := c.kept.disabled[destination]; is {
		return 0, e.Refused(ctx, &Refusal{destination + " is disabled by " + off.By, "enable it first with teamsrelay destinations enable " + destination, true}, ActionTest, destination, by, from)
	}
	return e.test(ctx, group.Target{Destination: destination}, &store.Audit{
		At: e.Now(), Who: by.Name, ObjectID: by.ID, Action: ActionTest, Target: destination, From: from,
	})
}

// TestAt is Test for an address, which no destination of the file need have, and
// without a line in the audit.
func (e *Engine) TestAt(ctx context.Context, address string) (int64, error) {
	target, ok := e.current.Load().targetAt(address)
	if !ok {
		return 0, ErrUnknownDestination
	}
	return e.test(ctx, target, nil)
}

func (e *Engine) test(ctx context.Context, target group.Target, audit *store.Audit) (int64, error) {
	// Each test is a group of its own, which ends with its first card.
	made, err := e.one(ctx, sourceTest, testAlert(target.Destination, e.Now()), target, audit)
	return made.ID, err
}

// testAlert is what a test tells.
func testAlert(destination string, now time.Time) alert.Alert {
	labels := map[string]string{
		alert.NameLabel: "TeamsrelayTest", alert.SeverityLabel: "info", "destination": destination,
	}
	return alert.Alert{
		Fingerprint: alert.FingerprintOf(labels), Status: alert.Resolved, Labels: labels,
		Annotations: map[string]string{
			"summary":     "This is a test from teamsrelay. Nothing is wrong.",
			"description": "If you can read this, alerts for destination " + destination + " arrive here.",
		},
		StartsAt: now.Add(-time.Second), EndsAt: now,
	}
}
