package deliver

import (
	"context"

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
		s := situation{now: t.now, known: t.known, maxAge: t.address.MaxAge, row: t.row}
		for i := range posts {
			reason, lost := s.buried(&posts[i])
			if !lost {
				continue
			}
			t.giveUp(&posts[i], reason, buriedBecause(reason, t.row.Broken))
			if err := t.tx.SavePost(&posts[i]); err != nil {
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
func buriedBecause(reason teams.Reason, broken string) string {
	switch reason {
	case teams.NoAddress:
		return "the destination is not in the configuration any more"
	case teams.Expired:
		return "it waited too long to be worth telling"
	}
	return "the destination is broken: " + broken
}
