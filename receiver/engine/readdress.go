package engine

import (
	"context"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// move asks for posts to be moved to the addresses that there are now.
func (e *Engine) move() {
	select {
	case e.moved <- struct{}{}:
	default: // it is about to be done
	}
}

// runReaddress moves what waits to the addresses that the configuration has
// now, after the start and after every reload.
func (e *Engine) runReaddress(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.moved:
		}
		for err := e.readdress(ctx); err != nil && ctx.Err() == nil; err = e.readdress(ctx) {
			e.log.Error("Posts could not be moved to their addresses; trying again", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(notNow):
			}
		}
	}
}

func (e *Engine) readdress(ctx context.Context) error {
	c := e.current.Load()
	var outdated bool
	var moved map[string]int // by destination
	err := e.store.Update(ctx, func(tx store.Tx) (err error) {
		// Who has the newer configuration does it, and may have done it before it
		// was heard of here.
		if outdated, err = e.outdatedIn(tx, e.Now()); err != nil || outdated {
			return err
		}
		moved = make(map[string]int, len(c.Destinations))
		for _, d := range c.Destinations {
			ids := make([]string, len(d.Addresses))
			for i, a := range d.Addresses {
				ids[i] = a.ID
			}
			if len(ids) == 0 {
				continue
			}
			if moved[d.Name], err = tx.Readdress(d.Name, ids); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || outdated {
		return err
	}
	for _, d := range c.Destinations {
		if n := moved[d.Name]; n > 0 {
			e.log.Info("Posts go to a new address", "destination", d.Name, "posts", n)
		}
		if d.Audience == nil {
			continue
		}
		if err := e.spreadAll(ctx, store.PostFilter{Destination: d.Name}, e.lost); err != nil {
			return err
		}
	}
	e.deliver.WakeAll()
	return e.release(ctx)
}

// lost says that nobody will be told at an address: it is that of a webhook or
// a roster that the file does not name any more, or of somebody whose name was
// corrected in it.
func (e *Engine) lost(address string) bool {
	if name, held := people.NameOf(address); held {
		return len(e.where.Load().in[name]) == 0
	}
	_, there := e.address(address)
	return !there
}
