package deliver

import (
	"context"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// chunk is how many posts one transaction changes when thousands are to be,
// so that the writer is free for others in between.
const chunk = 200

// bury makes dead letters of the posts that will not be sent. It reports
// whether that is recorded.
func (d *Deliverer) bury(ctx context.Context, id string) bool {
	err := d.update(ctx, id, func(t *turn) error {
		posts, err := t.tx.ReadyPosts(t.id, t.now, chunk)
		if err != nil {
			return err
		}
		s := situation{now: t.now, known: t.known, held: t.address.Held, paused: t.address.Paused, maxAge: t.address.MaxAge, row: t.row}
		missed := 0
		for i := range posts {
			p := &posts[i]
			reason, lost := s.buried(p)
			if !lost {
				continue
			}
			if t.d.missed != nil && !p.Missed {
				if missed++; missed > missedAtOnce {
					return nil // the next turn goes on
				}
			}
			t.giveUp(p, reason, buriedBecause(reason, &t.row, s.held))
			if err := t.tx.SavePost(p); err != nil {
				return err
			}
			if err := t.missed(p, reason); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.log.Error("Dead letters could not be recorded; trying again", "err", err)
	}
	return err == nil
}

// buriedBecause says why no attempt was made.
func buriedBecause(reason teams.Reason, row *store.Address, held bool) string {
	switch reason {
	case teams.NoAddress:
		return "the destination is gone: it was removed, or is not in the configuration any more"
	case teams.Expired:
		return "it waited too long to be worth telling"
	}
	if held { // it was never a destination
		return row.Broken
	}
	return "the destination is broken: " + row.Broken
}
