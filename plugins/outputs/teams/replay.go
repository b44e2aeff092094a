package teams

import (
	"context"
	"log/slog"

	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// replayAtOnce is how many dead letters one transaction changes.
const replayAtOnce = 200

// replay makes every dead letter due again that can go somewhere. A receiver
// has a command for it; here nobody can give one, so a restart says that what
// was wrong is mended. It is called before the engine runs.
func replay(ctx context.Context, db store.Store, e *engine.Engine, log *slog.Logger) {
	again := 0
	configured, err := readdress(ctx, db, e, log)
	for before, more := int64(0), true; more && err == nil; {
		var some int
		before, some, err = replaySome(ctx, db, e, configured, before)
		again += some
		more = before > 0
	}
	if again > 0 {
		log.Info("What was given up before the start is tried again", "dead_letters", again)
	}
	if err != nil {
		log.Warn("Not everything that was given up before the start could be made due again; restart Telegraf to try once more", "err", err)
	}
}

// replaySome replays dead letters with ids below before, 0 for the first, and
// returns the before of the next call, 0 when there are no more.
func replaySome(ctx context.Context, db store.Store, e *engine.Engine, configured map[string]bool, before int64) (next int64, again int, err error) {
	err = db.Update(ctx, func(tx store.Tx) error {
		next, again = 0, 0 // it may run more than once
		letters, err := tx.ListPosts(store.PostFilter{States: []store.State{store.Dead}, DeadLetters: true, Before: before, Limit: replayAtOnce})
		if err != nil {
			return err
		}
		for i := range letters {
			if !configured[letters[i].Address] {
				continue // its destination is gone, and it would be given up once more
			}
			letters[i].Replay(e.Now())
			if err := tx.SavePost(&letters[i]); err != nil {
				return err
			}
			again++
		}
		if len(letters) == replayAtOnce {
			next = letters[len(letters)-1].ID
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return next, again, nil
}

// readdress moves what waits to the addresses that there are now, as the
// engine is about to, and returns these: the webhook may be another one.
func readdress(ctx context.Context, db store.Store, e *engine.Engine, log *slog.Logger) (map[string]bool, error) {
	configured := make(map[string]bool)
	moved := make(map[string]int)
	err := db.Update(ctx, func(tx store.Tx) error {
		for _, d := range e.Destinations() {
			ids := make([]string, len(d.Addresses))
			for i, a := range d.Addresses {
				ids[i] = a.ID
				configured[a.ID] = true
			}
			if len(ids) == 0 {
				continue
			}
			n, err := tx.Readdress(d.Name, ids)
			if err != nil {
				return err
			}
			moved[d.Name] = n
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for name, n := range moved {
		if n > 0 {
			log.Info("Posts go to a new address", "destination", name, "posts", n)
		}
	}
	return configured, nil
}
