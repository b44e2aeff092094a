package deliver

import (
	"context"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// rests says that nothing is to be done at an address to which nobody can send
// yet. Thousands of people may wait for their conversation, each with an address
// of their own that every scan looks at, so it is asked without holding the
// writer. An address that cannot be asked for rests until the next scan.
func (d *Deliverer) rests(ctx context.Context, id string) bool {
	address, known := d.addresses(id)
	if !known || !address.Held && !address.Paused {
		return false
	}
	rests := true
	err := d.store.View(ctx, func(tx store.Tx) error {
		t := turn{d: d, tx: tx, now: d.now(), id: id, address: address.withDefaults(), known: known}
		var err error
		if t.row, err = tx.Address(id); err != nil {
			return err
		}
		cut, err := tx.SendingPosts(id)
		if err != nil {
			return err
		}
		s, err := t.situation()
		rests = len(cut) == 0 && decide(s).action == doStop
		return err
	})
	if err != nil && ctx.Err() == nil {
		d.log.Error("An address cannot be looked at; trying again", "err", err)
	}
	return rests
}
