package engine

import (
	"errors"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// showActions makes the numbers of what can be asked for visible.
func (e *Engine) showActions(c Config) {
	for source, actions := range c.Actions {
		e.intents.Show(source, actions)
	}
}

// carried tells the episode what became of what was asked of the system that
// its alert came from. What that system has resolved is over here too: not
// every system says so by itself.
func (e *Engine) carried(tx store.Tx, i store.Intent, now time.Time) (func(), error) {
	var done after
	follow := func() { e.follow(done) }
	g, err := tx.Group(i.GroupID)
	if errors.Is(err, store.ErrNotFound) {
		return follow, nil
	}
	if err != nil {
		return nil, err
	}
	w := group.Wish{
		Verb: i.Verb, ID: i.ID, By: group.Person{Name: i.Who}, At: i.RequestedAt, Count: 1,
		System: i.Source, State: group.WishAsked, Reason: i.Reason,
	}
	switch i.State {
	case store.IntentActive:
		w.State, w.Reason = group.WishGranted, ""
	case store.IntentFailed:
		w.State = group.WishFailed
	}
	if known := slices.IndexFunc(g.Wishes, func(o group.Wish) bool { return o.Verb == w.Verb && o.ID == w.ID }); known >= 0 {
		w.By = g.Wishes[known].By // with its id
	}
	if i.State == store.IntentActive && i.Verb == command.Resolve {
		over, err := group.Do(g, group.Fact{Deed: group.AllResolved, By: w.By}, now)
		switch {
		case err == nil:
			g = over
		case !errors.Is(err, group.ErrAlready):
			return nil, err
		}
	}
	return follow, e.became(tx, g, []group.Wish{w}, now, &done)
}
