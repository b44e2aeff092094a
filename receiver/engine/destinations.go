package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// What the audit calls what is done to destinations.
const (
	ActionAdd     = "add"
	ActionRotate  = "rotate"
	ActionEnable  = "enable"
	ActionDisable = "disable"
	ActionRemove  = "remove"
	ActionReseal  = "reseal"
	ActionTest    = "test"
)

// Refusal is why something was not done that somebody asked for, and what they
// can do.
type Refusal struct {
	What, Do string
	// Conflict: it could be done if something else were different.
	Conflict bool
}

func (r *Refusal) Error() string { return r.What + "; " + r.Do }

// AddDestination adds a webhook under a name. The error is a *Refusal or the
// store's.
func (e *Engine) AddDestination(ctx context.Context, name string, w Webhook, by group.Person, from string) error {
	return e.changeAdded(ctx, store.Audit{Action: ActionAdd, Target: name, From: from}, by, func(tx store.Tx, c *compiled, line *store.Audit) (bool, error) {
		if d, there := c.destination(name); there && !slices.ContainsFunc(c.added, func(a Added) bool { return a.Name == name }) && (d.Trouble == nil || d.Trouble.Reason != ReasonNotAdded) {
			return false, &Refusal{"the configuration has a destination " + name + " already", "choose another name, or take it out of the file first", true}
		}
		switch _, err := tx.AddedDestination(name); {
		case err == nil:
			return false, &Refusal{"there is a destination " + name + " already", "give it another URL with teamsrelay destinations rotate " + name + ", or choose another name", true}
		case !errors.Is(err, store.ErrNotFound):
			return false, err
		}
		row, err := c.seal(name, w)
		if err != nil {
			return false, err
		}
		row.AddedBy, row.AddedAt = by.Name, e.Now()
		if err := tx.SaveDestination(&row); err != nil {
			return false, err
		}
		line.After = shownOf(&row)
		return true, e.arriveAt(tx, &row)
	})
}

// RotateDestination gives a destination that was added another URL. What waits
// goes there; what stands at the old one stays. The error is a *Refusal,
// ErrUnknownDestination or the store's.
func (e *Engine) RotateDestination(ctx context.Context, name string, w Webhook, by group.Person, from string) error {
	return e.changeAdded(ctx, store.Audit{Action: ActionRotate, Target: name, From: from}, by, func(tx store.Tx, c *compiled, line *store.Audit) (bool, error) {
		was, err := e.addedRow(tx, c, name)
		if err != nil {
			return false, err
		}
		row, err := c.seal(name, w)
		if err != nil {
			return false, err
		}
		row.AddedBy, row.AddedAt = was.AddedBy, was.AddedAt
		row.RotatedBy, row.RotatedAt = by.Name, e.Now()
		if err := tx.SaveDestination(&row); err != nil {
			return false, err
		}
		old := AddedAddress(was.Hash)
		if was.Hash != row.Hash && len(c.leads[old]) <= 1 { // others may lead there too, and keep theirs
			if err := tx.MoveSubscriptions(old, AddedAddress(row.Hash)); err != nil {
				return false, err
			}
		}
		line.Before = shownOf(&was)
		line.After = shownOf(&row)
		return true, e.arriveAt(tx, &row)
	})
}

// arriveAt moves what waits for a destination to its address, which is tried
// again if it was broken: somebody has just given it.
func (e *Engine) arriveAt(tx store.Tx, row *store.Destination) error {
	address := AddedAddress(row.Hash)
	if err := mend(tx, address); err != nil {
		return err
	}
	_, err := tx.Readdress(row.Name, []string{address})
	return err
}

// RemoveDestination removes a destination that was added. What waits for it
// becomes a dead letter. Where something still leads there it is a *Refusal,
// unless somebody insists: then what subscribed to it is removed too.
func (e *Engine) RemoveDestination(ctx context.Context, name string, insist bool, by group.Person, from string) error {
	return e.changeAdded(ctx, store.Audit{Action: ActionRemove, Target: name, From: from}, by, func(tx store.Tx, c *compiled, line *store.Audit) (bool, error) {
		was, err := e.addedRow(tx, c, name)
		if err != nil {
			return false, err
		}
		address := AddedAddress(was.Hash)
		var subscriptions []store.Subscription
		if len(c.leads[address]) <= 1 {
			if subscriptions, err = tx.Subscriptions(address); err != nil {
				return false, err
			}
		}
		hidden := slices.ContainsFunc(c.file.Destinations, func(d Destination) bool { return d.Name == name })
		if !insist && !hidden {
			if slices.Contains(c.Adding.Expected, name) {
				return false, &Refusal{"the configuration expects " + name + " (runtime_destinations.names)", "take it out there and out of the routes first, or insist (--force): what goes there then waits until it is added again", true}
			}
			if n := len(subscriptions); n > 0 {
				return false, &Refusal{fmt.Sprintf("%s has %d subscriptions", name, n), "remove them first, or insist (--force)", true}
			}
		}
		for i := range subscriptions {
			s := &subscriptions[i]
			if err := tx.DeleteSubscription(s.ID); err != nil {
				return false, err
			}
			if err := e.note(tx, by, &store.Audit{Action: "unsubscribe", Target: alert.ShortID(s.ID), From: from, Before: strings.TrimSpace(name + ": " + strings.Join(s.Matchers, " "))}); err != nil {
				return false, err
			}
		}
		if err := tx.Enable(name); err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
		line.Before = shownOf(&was)
		return true, tx.DeleteDestination(name)
	})
}

// EnableDestination has a destination, of the file or added, be told again. That
// it was not disabled is no error.
func (e *Engine) EnableDestination(ctx context.Context, name string, by group.Person, from string) error {
	return e.changeAdded(ctx, store.Audit{Action: ActionEnable, Target: name, From: from}, by, func(tx store.Tx, c *compiled, line *store.Audit) (bool, error) {
		was, err := disabledRow(tx, name)
		if err != nil {
			return false, err
		}
		if was == nil {
			if _, there := c.destination(name); !there {
				return false, ErrUnknownDestination
			}
			return false, nil
		}
		line.Before, line.After = "disabled by "+was.By, "enabled"
		return true, tx.Enable(name)
	})
}

// DisableDestination has nothing be sent to a destination, of the file or added,
// until it is enabled. What is due there waits.
func (e *Engine) DisableDestination(ctx context.Context, name string, by group.Person, from string) error {
	return e.changeAdded(ctx, store.Audit{Action: ActionDisable, Target: name, From: from}, by, func(tx store.Tx, c *compiled, line *store.Audit) (bool, error) {
		if _, there := c.destination(name); !there {
			return false, ErrUnknownDestination
		}
		was, err := disabledRow(tx, name)
		if err != nil || was != nil {
			return false, err
		}
		line.Before, line.After = "enabled", "disabled"
		return true, tx.Disable(&store.Disabled{Destination: name, By: by.Name, At: e.Now()})
	})
}

// disabledRow is how a destination is disabled; nil: it is not.
func disabledRow(tx store.Tx, name string) (*store.Disabled, error) {
	all, err := tx.DisabledDestinations()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(d store.Disabled) bool { return d.Destination == name })
	if i < 0 {
		return nil, nil
	}
	return &all[i], nil
}

// changeAdded does something to a destination with its line in the audit, in one
// transaction, and has it hold in this process at once. do says false when
// there was nothing to do. A refusal has its line too.
func (e *Engine) changeAdded(ctx context.Context, deed store.Audit, by group.Person, do func(store.Tx, *compiled, *store.Audit) (done bool, err error)) error {
	e.reload.Lock()
	defer e.reload.Unlock()
	c := e.current.Load()
	changed := false
	err := e.store.Update(ctx, func(tx store.Tx) error {
		line := deed
		var err error
		if changed, err = do(tx, c, &line); err != nil || !changed {
			return err
		}
		return e.note(tx, by, &line)
	})
	if err != nil {
		return e.Refused(ctx, err, deed.Action, deed.Target, by, deed.From)
	}
	if !changed {
		return nil
	}
	if err := e.join(ctx, c.file); err != nil {
		e.log.Warn("What was done to a destination is stored and could not be read; trying again", "err", err)
	}
	e.deliver.WakeAll()
	return nil
}

// Refused notes that somebody was refused what they wanted, if err is a *Refusal
// or ErrUnknownDestination, and returns it.
func (e *Engine) Refused(ctx context.Context, err error, action, target string, by group.Person, from string) error {
	var refusal *Refusal
	why := ErrUnknownDestination.Error()
	if errors.As(err, &refusal) {
		why = refusal.What
	} else if !errors.Is(err, ErrUnknownDestination) {
		return err
	}
	line := store.Audit{Action: store.Refused + action, Target: shortened(target), From: from, After: shortened(why)}
	if noted := e.store.Update(ctx, func(tx store.Tx) error { return e.note(tx, by, &line) }); noted != nil {
		e.log.Error("What was refused could not be noted", "action", action, "err", noted)
	}
	return err
}

// shortened keeps what somebody sent from filling the audit.
func shortened(text string) string {
	const most = 300
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// note writes a line of the audit.
func (e *Engine) note(tx store.Tx, by group.Person, line *store.Audit) error {
	line.At, line.Who, line.ObjectID = e.Now(), by.Name, by.ID
	return tx.AddAudit(line)
}

// addedRow is the row of a destination that was added.
func (e *Engine) addedRow(tx store.Tx, c *compiled, name string) (store.Destination, error) {
	row, err := tx.AddedDestination(name)
	if !errors.Is(err, store.ErrNotFound) {
		return row, err
	}
	switch d, there := c.destination(name); {
	case !there:
		return row, ErrUnknownDestination
	case d.Trouble != nil && d.Trouble.Reason == ReasonNotAdded:
		return row, &Refusal{name + " was not added yet", "add it with teamsrelay destinations add " + name, true}
	}
	return row, &Refusal{name + " stands in the configuration", "change the file and reload", true}
}

// seal makes a row of what somebody adds.
func (c *compiled) seal(name string, w Webhook) (store.Destination, error) {
	if c.Adding.Seal == nil || c.Adding.Key == "" {
		return store.Destination{}, &Refusal{"there is no key to seal webhooks with",
			"make one with teamsrelay destinations key, keep it in a file that only the receiver can read, name that in storage.encryption_key_file, and reload", true}
	}
	return c.Adding.Seal(name, w)
}

// shownOf is what the audit says of a webhook.
func shownOf(row *store.Destination) string {
	return row.Host + " #" + row.Hash[:min(8, len(row.Hash))]
}

// TryWebhook sends a card that says that it is a test to a webhook that is not
// added yet, and returns what came of it. Nothing is kept of it. The error is a
// *Refusal.
func (e *Engine) TryWebhook(ctx context.Context, name string, w Webhook) (teams.Outcome, error) {
	c := e.current.Load()
	row, err := c.seal(name, w)
	if err != nil {
		return teams.Outcome{}, err
	}
	made, err := c.Adding.Open(&row)
	if err != nil {
		return teams.Outcome{}, err
	}
	now := e.Now()
	g, _ := group.Receive(group.Group{Key: sourceTest, Origin: sourceTest}, group.Received{
		Spec: group.Spec{
			Route: sourceTest, Source: sourceTest, Ready: true, Targets: []group.Target{{Destination: name}},
			Labels: map[string]string{alert.NameLabel: "TeamsrelayTest"},
		},
		Alerts: []alert.Alert{testAlert(name, now)},
	}, now)
	g, _ = group.Advance(g, group.Tick{}, now)
	message := c.Cards.Render("", card.Input{Group: g, Now: now, Location: e.location, Destination: name}, made.Addresses[0].Limit)
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	return made.Addresses[0].Send(ctx, message), nil
}

// tryTimeout is how long somebody waits for a test before they add a webhook.
const tryTimeout = 15 * time.Second
