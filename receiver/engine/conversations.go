package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/press"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// keyAge is how long a key signs buttons. Older ones still check: a card may
// be pressed for as long as its episode is kept.
const keyAge = 90 * 24 * time.Hour

// keysAgain is how long an unknown key has nobody read the keys anew: who sends
// nonsense must not keep the store busy. Where other replicas make keys too it is
// a second.
const keysAgain, keysAgainShared = time.Minute, time.Second

// keys are those that sign buttons, newest first.
type keys struct {
	mu     sync.Mutex
	all    []press.Key
	readAt time.Time

	reading sync.Mutex // held while an unknown key has them read
}

// readKeys reads the keys, and makes one where there is none that is young.
func (e *Engine) readKeys(ctx context.Context) error {
	now := e.Now()
	var rows []store.Key
	err := e.store.Update(ctx, func(tx store.Tx) (err error) {
		if rows, err = tx.Keys(); err != nil {
			return err
		}
		if len(rows) > 0 && now.Sub(rows[0].MadeAt) < keyAge {
			return nil
		}
		made := store.Key{ID: strings.ToLower(rand.Text()[:8]), Secret: []byte(rand.Text() + rand.Text()), MadeAt: now}
		rows = append([]store.Key{made}, rows...)
		return tx.AddKey(made)
	})
	if err != nil {
		return err
	}
	all := make([]press.Key, len(rows))
	for i, row := range rows {
		all[i] = press.Key{ID: row.ID, Secret: row.Secret}
	}
	e.keys.mu.Lock()
	defer e.keys.mu.Unlock()
	e.keys.all, e.keys.readAt = all, now
	return nil
}

// renewKeys is readKeys once a day: who runs for years does not sign with one
// key.
func (e *Engine) renewKeys(ctx context.Context) error {
	if _, _, readAt := e.keysWith(""); e.Now().Sub(readAt).Abs() < 24*time.Hour {
		return nil
	}
	return e.readKeys(ctx)
}

func (e *Engine) newestKey() press.Key {
	e.keys.mu.Lock()
	defer e.keys.mu.Unlock()
	return e.keys.all[0]
}

// CheckPress says whether what stands behind a button was made by us for an
// address: press.ErrForged. A key that is not known may be another replica's:
// they are read again. Other errors are the store's: nobody knows.
func (e *Engine) CheckPress(ctx context.Context, address string, d press.Data) error {
	if _, here := e.where.Load().of[address]; !here && e.shared() && e.hasAudiences() {
		if err := e.catchUp(ctx); err != nil { // another replica may just have reached somebody there
			return err
		}
	}
	all, known, _ := e.keysWith(d.Key)
	if !known {
		var err error
		if all, err = e.keysAnew(ctx, d.Key); err != nil {
			return err
		}
	}
	return press.Check(all, address, d)
}

// keysWith are the keys, and whether one of them has that id.
func (e *Engine) keysWith(id string) (all []press.Key, known bool, readAt time.Time) {
	e.keys.mu.Lock()
	defer e.keys.mu.Unlock()
	known = slices.ContainsFunc(e.keys.all, func(k press.Key) bool { return k.ID == id })
	return e.keys.all, known, e.keys.readAt
}

// keysAnew reads the keys for one that is not known, unless that was just done.
func (e *Engine) keysAnew(ctx context.Context, id string) ([]press.Key, error) {
	e.keys.reading.Lock()
	defer e.keys.reading.Unlock()
	all, known, readAt := e.keysWith(id)
	again := keysAgain
	if e.shared() {
		again = keysAgainShared
	}
	if age := e.Now().Sub(readAt); known || age >= 0 && age < again {
		return all, nil
	}
	if err := e.readKeys(ctx); err != nil {
		return nil, err
	}
	all, _, _ = e.keysWith(id)
	return all, nil
}

// answerable gives the cards at an address buttons.
func (e *Engine) answerable(a deliver.Address) func(messageID string) card.Look {
	base := a.Look
	return func(messageID string) card.Look {
		var look card.Look
		if base != nil {
			look = base(messageID)
		}
		key := e.newestKey()
		look.Press = func(groupID int64, verb string, of int64, span string) press.Data {
			return key.Sign(a.ID, press.Data{Verb: verb, Group: groupID, Of: of, For: span})
		}
		return look
	}
}

// Rendered is the card that should be at an address now: the answer to a press.
func (e *Engine) Rendered(ctx context.Context, address string, g group.Group) (card.Message, error) {
	return e.rendered(ctx, address, g, true)
}

// Shown is a copy of that card for somebody to read: nobody keeps it true, so
// it has no buttons.
func (e *Engine) Shown(ctx context.Context, address string, g group.Group) (card.Message, error) {
	return e.rendered(ctx, address, g, false)
}

func (e *Engine) rendered(ctx context.Context, address string, g group.Group, buttons bool) (card.Message, error) {
	a, ok := e.address(address)
	if !ok {
		return card.Message{}, ErrUnknownDestination
	}
	var post store.Post
	err := e.store.View(ctx, func(tx store.Tx) (err error) {
		post, err = tx.PostOf(g.ID, address)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return card.Message{}, err
	}
	in := card.Input{Group: g, Destination: post.Destination, Now: e.Now(), Location: e.location, Shown: post.Carded}
	if a.Look != nil && buttons {
		in.Look = a.Look(post.MessageID)
	}
	return e.current.Load().Cards.Render(post.Card, in, cmp.Or(a.Limit, card.WorkflowLimit)), nil
}

// Revive is for an address that can be reached again: the app is back, or the
// person has unblocked it. What is still open is told; what is over is not, but
// cards that are there learn of it.
func (e *Engine) Revive(ctx context.Context, address string) error {
	now, release := e.clock.Hold()
	defer release()
	err := e.store.Update(ctx, func(tx store.Tx) error { return reviveIn(tx, address, now) })
	if err == nil {
		e.deliver.Wake(address)
	}
	return err
}

// addressBack is deliver.Options.Back.
func (e *Engine) addressBack(tx store.Tx, address string) error {
	return reviveIn(tx, address, e.clock.Now())
}

// reviveIn is Revive inside a transaction.
func reviveIn(tx store.Tx, address string, now time.Time) error {
	if err := mend(tx, address); err != nil {
		return err
	}
	letters, err := tx.DeadLettersAt(address)
	if err != nil {
		return err
	}
	for i := range letters {
		if err := replayOpen(tx, &letters[i], now); err != nil {
			return err
		}
		if err := tx.SavePost(&letters[i]); err != nil {
			return err
		}
	}
	return nil
}

// replayOpen makes a dead letter due again. Where its episode is over, the card
// that is there becomes true, and nobody is called to it.
func replayOpen(tx store.Tx, p *store.Post, now time.Time) error {
	if p.MessageID != "" {
		switch g, err := tx.Group(p.GroupID); {
		case err == nil && g.Phase == group.Over:
			p.Correct(now)
			return nil
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		}
	}
	p.Replay(now)
	return nil
}

// maxMade is how long the title of an alert made by hand may be, in characters.
const maxMade = 200

// Create makes an alert by hand. It is told at one address, whatever the routes
// say: who made it has said where. If that is a destination of the file, those
// who have subscribed to it are told too.
// command.ErrText: the title is missing, or a text too long.
func (e *Engine) Create(ctx context.Context, c command.Creation) (group.Group, error) {
	title := strings.TrimSpace(strings.ToValidUTF8(c.Title, "\uFFFD"))
	description := strings.TrimSpace(strings.ToValidUTF8(c.Description, "\uFFFD"))
	if title == "" || utf8.RuneCountInString(title) > maxMade || utf8.RuneCountInString(description) > command.MaxText {
		return group.Group{}, command.ErrText
	}
	now := e.Now()
	labels := map[string]string{alert.NameLabel: title, alert.SeverityLabel: "warning", "created_by": c.By.Name}
	made := alert.Alert{
		Fingerprint: alert.FingerprintOf(labels), Status: alert.Firing, Labels: labels, StartsAt: now,
		Annotations: map[string]string{"description": description},
	}
	target, ok := e.current.Load().targetAt(c.Address)
	if !ok {
		return group.Group{}, ErrUnknownDestination
	}
	return e.one(ctx, sourceHand, made, target, &store.Audit{
		At: now, Who: c.By.Name, ObjectID: c.By.ID, Action: "create", From: c.From, After: title,
	})
}

// one begins an episode of one alert at one target.
func (e *Engine) one(ctx context.Context, source string, a alert.Alert, target group.Target, audit *store.Audit) (group.Group, error) {
	now, release := e.clock.Hold()
	defer release()
	origin := ingest.Origin(source, rand.Text())
	var done after
	var made group.Group
	err := e.store.Update(ctx, func(tx store.Tx) (err error) {
		done = after{}
		g, _ := group.Receive(group.Group{Key: origin, Origin: origin}, group.Received{
			Spec: group.Spec{
				Route: source, Source: source, Ready: true, Targets: []group.Target{target},
				Labels: map[string]string{alert.NameLabel: a.Name()},
			},
			Alerts: []alert.Alert{a},
		}, now)
		if made, err = e.advance(tx, g, 0, now, &done); err != nil {
			return err
		}
		if audit == nil {
			return nil
		}
		line := *audit
		if line.Target == "" {
			line.Target, line.About = made.ShortID(), store.About(made.Title(), nil)
		}
		return tx.AddAudit(&line)
	})
	if err != nil {
		return group.Group{}, err
	}
	e.metrics.received.WithLabelValues(source).Inc()
	e.follow(done)
	return made, nil
}
