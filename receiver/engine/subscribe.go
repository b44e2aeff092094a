package engine

import (
	"slices"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// subscribe adds to an episode those who have subscribed to what fires in it.
func (e *Engine) subscribe(tx store.Tx, c *compiled, g *group.Group) error {
	if g.Phase == group.Over || g.Spec.Source == sourceTest || private(g) {
		return nil
	}
	subscribers, err := e.subscribers(tx, c)
	if err != nil {
		return err
	}
	route.Add(g, c.Subscriptions)
	route.Add(g, subscribers)
	return nil
}

// private says that somebody made an alert by hand in a chat of their own, or
// in another conversation that the file does not name: it is nobody else's.
func private(g *group.Group) bool {
	return g.Spec.Source == sourceHand && len(g.Spec.Targets) == 1 && g.Spec.Targets[0].Address != ""
}

// subscribers are the subscriptions of the store. Every alert is held against
// them, so they are read when one may have changed and not for each
// transaction.
func (e *Engine) subscribers(tx store.Tx, c *compiled) ([]route.Subscription, error) {
	revisions, err := tx.Revisions()
	if err != nil {
		return nil, err
	}
	known := e.subscribed.Load()
	if known != nil && known.revision == revisions.Subscriptions && known.config == c {
		return known.all, nil
	}
	rows, err := tx.Subscriptions("")
	if err != nil {
		return nil, err
	}
	made := e.compileSubscriptions(known, c, rows)
	made.revision = revisions.Subscriptions
	e.subscribed.Store(made)
	return made.all, nil
}

// compiledSubscriptions are the subscriptions of a revision, and where they go
// in a configuration.
type compiledSubscriptions struct {
	revision int64
	config   *compiled
	all      []route.Subscription
	byID     map[int64]compiledSubscription
}

// compiledSubscription is a subscription of the store, ready to be asked, with
// the matchers that it was made of.
type compiledSubscription struct {
	of []string
	route.Subscription
}

// compileSubscriptions makes subscriptions ready to be asked; only those that
// are new cost more than a look. The number alone does not say which it is: one
// that was read before its commit failed gives its number to the next.
func (e *Engine) compileSubscriptions(known *compiledSubscriptions, c *compiled, rows []store.Subscription) *compiledSubscriptions {
	made := &compiledSubscriptions{config: c, byID: make(map[int64]compiledSubscription, len(rows))}
	for i := range rows {
		row := &rows[i]
		var one compiledSubscription
		is := false
		if known != nil {
			one, is = known.byID[row.ID]
		}
		if !is || !slices.Equal(one.of, row.Matchers) {
			s, err := route.Subscribe(group.Target{}, row.Matchers)
			if err != nil { // it was checked when it was made; who made it must not get everything
				e.log.Error("A subscription cannot be read and is left out", "subscription", row.ID, "err", err)
				continue
			}
			one = compiledSubscription{row.Matchers, s}
		}
		made.byID[row.ID] = one
		target, ok := c.targetAt(row.Address)
		if !ok {
			continue // nothing can be sent there: the bot is not configured any more
		}
		one.Target = target
		made.all = append(made.all, one.Subscription)
	}
	return made
}

// targetAt is the destination that an address belongs to: one of the file, or
// a conversation that the file does not name.
func (c *compiled) targetAt(address string) (group.Target, bool) {
	if a, ok := c.addresses[address]; ok {
		return group.Target{Destination: a.Destination}, true
	}
	if c.Conversation == nil {
		return group.Target{}, false
	}
	d, ok := c.Conversation(address)
	return group.Target{Destination: d.Name, Address: address}, ok
}
