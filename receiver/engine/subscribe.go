package engine

import (
	"slices"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// subscribe adds to an episode those who have subscribed to what fires in it.
func (e *Engine) subscribe(tx store.Tx, c *compiled, g *group.Group, done *after) error {
	if g.Phase == group.Over || g.Spec.Source == sourceTest || private(g) {
		return nil
	}
	if !done.subscribersRead {
		rows, err := tx.Subscriptions("")
		if err != nil {
			return err
		}
		done.subscribers, done.subscribersRead = e.subscribers(c, rows), true
	}
	route.Add(g, c.Subscriptions)
	route.Add(g, done.subscribers)
	return nil
}

// private says that somebody made an alert by hand in a chat of their own, or
// in another conversation that the file does not name: it is nobody else's.
func private(g *group.Group) bool {
	return g.Spec.Source == sourceHand && len(g.Spec.Targets) == 1 && g.Spec.Targets[0].Address != ""
}

func (e *Engine) subscribers(c *compiled, rows []store.Subscription) []route.Subscription {
	all := make([]route.Subscription, 0, len(rows))
	for i := range rows {
		row := &rows[i]
		s, err := e.compiledSubscription(row)
		if err != nil { // it was checked when it was made; who made it must not get everything
			e.log.Error("A subscription cannot be read and is left out", "subscription", row.ID, "err", err)
			continue
		}
		target, ok := c.targetAt(row.Address)
		if !ok {
			continue // nothing can be sent there: the bot is not configured any more
		}
		s.Target = target
		all = append(all, s)
	}
	return all
}

// compiledSubscription is a subscription of the store, ready to be asked, with
// the matchers that it was made of.
type compiledSubscription struct {
	of []string
	route.Subscription
}

// compiledSubscription compiles a subscription that is new. Its number alone
// does not say which it is: one that was read before its commit failed gives
// its number to the next.
func (e *Engine) compiledSubscription(row *store.Subscription) (route.Subscription, error) {
	if known, ok := e.subscriptions.Load(row.ID); ok {
		if known := known.(compiledSubscription); slices.Equal(known.of, row.Matchers) {
			return known.Subscription, nil
		}
	}
	s, err := route.Subscribe(group.Target{}, row.Matchers)
	if err == nil {
		e.subscriptions.Store(row.ID, compiledSubscription{row.Matchers, s})
	}
	return s, err
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
