package people

import (
	"context"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// leaseName is the lease of whoever works on people, so that of several
	// replicas one does.
	leaseName = "people"
	// leaseFor is how long it holds: what a replica that died was doing is taken
	// over after that. leaseMargin before its end whoever has not renewed it
	// stops.
	leaseFor, leaseMargin = 30 * time.Second, 5 * time.Second
	renewEvery            = 10 * time.Second
	// leaseAgain is when it is tried again while another replica has it.
	leaseAgain = time.Second
)

// lease is the right to work on people. What works under it ends with its ctx.
type lease struct {
	ctx    context.Context
	cancel context.CancelFunc // nil: nothing works under it
	guard  *time.Timer        // ends ctx before the lease ends
	again  time.Time          // when it is to be renewed, or tried again
	stored bool               // the store says that we have it
}

func (l *lease) held() bool { return l.cancel != nil && l.ctx.Err() == nil }

// drop ends what works under the lease.
func (l *lease) drop() {
	if l.cancel != nil {
		l.guard.Stop()
		l.cancel()
		l.cancel = nil
	}
}

// keep takes or renews the lease, if that is due, and says whether we have it.
func (l *lease) keep(ctx context.Context, w *Worker) bool {
	if !l.held() {
		l.drop()
	}
	now := w.Now()
	if now.Before(l.again) {
		return l.held()
	}
	began := time.Now()
	var ok bool
	err := w.update(ctx, func(tx store.Tx) (err error) {
		ok, err = tx.Lease(leaseName, w.Holder, now, now.Add(leaseFor))
		return err
	})
	switch {
	case err != nil: // nobody else can have taken it before it ends
		l.again = now.Add(leaseAgain)
		w.complain(ctx, "Who works on people could not be stored; trying again", err)
		return l.held()
	case !ok:
		l.drop()
		l.again, l.stored = now.Add(leaseAgain), false
		return false
	}
	l.stored = true
	l.again = now.Add(renewEvery)
	left := leaseFor - leaseMargin - time.Since(began)
	if l.held() && l.guard.Reset(left) {
		return true
	}
	l.drop()
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.guard = time.AfterFunc(left, l.cancel)
	return true
}

// release gives the lease back, so that another replica need not wait for its
// end.
func (l *lease) release(ctx context.Context, w *Worker) {
	l.drop()
	if !l.stored {
		return
	}
	l.again, l.stored = time.Time{}, false
	err := w.update(ctx, func(tx store.Tx) error {
		row, err := tx.Address(leaseName)
		if err != nil || row.Holder != w.Holder {
			return err
		}
		row.Holder, row.LeasedUntil = "", time.Time{}
		return tx.SaveAddress(&row)
	})
	if err != nil {
		w.complain(ctx, "It could not be stored that nobody works on people; others wait for the end of the lease", err)
	}
}
