package engine

import (
	"context"
	"errors"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Shown is the card of an episode as somebody asked to see it at an address:
// like Rendered, without buttons, because nobody keeps that copy true.
func (e *Engine) Shown(ctx context.Context, address string, g group.Group) (card.Message, error) {
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
	in := card.Input{Group: g, Now: e.Now(), Location: e.location}
	return e.current.Load().Cards.Render(post.Card, in, a.Limit), nil
}
