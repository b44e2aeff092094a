// Package role has work that must be done once be done by one of several
// replicas: by who has the lease of the role. Where nobody shares the store
// there is no lease, and every role is ours.
//
// A replica that stops gives its roles back, and another one takes them within a
// second. One that dies or hangs is replaced after the lease: within 12 s of the
// last time that it renewed it. Who hangs loses its role before that, by a clock
// that never jumps, so whatever works under the context of Play has ended. What
// was about to be written at that moment has the fence: the transaction fails if
// somebody else has the role.
package role

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// leaseFor is how long a lease holds; leaseMargin before its end whoever has
	// not renewed it stops working.
	leaseFor, leaseMargin = 10 * time.Second, 3 * time.Second
	renewEvery            = 2 * time.Second
	// again is when a role is tried for again that somebody else has, or a lease
	// renewed that could not be.
	again = time.Second
	// notLong is how long a stopping replica tries to give a role back.
	notLong = 2 * time.Second
)

// ErrLost says that another replica has the role now.
var ErrLost = errors.New("another replica does this now")

// Fence fails with ErrLost in a transaction (of Update) that began to do what is
// somebody else's meanwhile. It holds until the commit.
type Fence func(store.Tx) error

// Options are what roles are taken with. All must be set but Registerer.
type Options struct {
	Store      store.Store
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: not registered
	// Holder names this process: unique among replicas.
	Holder string
	// Now is the clock by which all replicas live.
	Now func() time.Time
}

// Roles are what this replica can take.
type Roles struct {
	Options
	held *prometheus.GaugeVec
}

// New makes Roles. None is taken before Play.
func New(o Options) *Roles {
	// A deliverer that stops gives back what its holder has; a role ends when
	// its work has, which may be later.
	o.Holder += "/roles"
	return &Roles{Options: o, held: promauto.With(o.Registerer).NewGaugeVec(prometheus.GaugeOpts{
		Name: "teamsrelay_role_held", Help: "Whether this replica does what one of all replicas does. The sum over all replicas is 1, but for the moments of a change.",
	}, []string{"role"})}
}

// Lease is the name of a role among addresses, which have leases.
func Lease(name string) string { return "role:" + name }

// Play does work while this replica has the role, until ctx ends and then until
// work has ended. The context of work ends when the role is lost; work is begun
// anew when the role is had again, or a second after it has returned by itself.
// So whatever work knew of the store, it has to read again when it begins.
func (r *Roles) Play(ctx context.Context, name string, work func(context.Context, Fence)) {
	gauge := r.held.WithLabelValues(name)
	for ctx.Err() == nil {
		if began := time.Now(); r.take(ctx, name) {
			gauge.Set(1)
			r.hold(ctx, name, began, work)
			gauge.Set(0)
		}
		sleep(ctx, again)
	}
}

// hold works under a lease that was taken at began, and renews it.
func (r *Roles) hold(ctx context.Context, name string, began time.Time, work func(context.Context, Fence)) {
	if !r.Store.Shared() {
		work(ctx, func(store.Tx) error { return nil })
		return
	}
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	left := func() time.Duration { return leaseFor - leaseMargin - time.Since(began) }
	guard := time.AfterFunc(left(), cancel)
	defer guard.Stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		work(working, r.fence(name))
	}()
	renew := time.NewTimer(renewEvery)
	defer renew.Stop()
	for {
		select {
		case <-ended:
			r.giveBack(ctx, name)
			return
		case <-working.Done():
			if ctx.Err() == nil {
				r.Logger.Warn("The lease of this replica ended before it could be renewed: another one may do from now on what it did", "role", name)
			}
			<-ended
			r.giveBack(ctx, name)
			return
		case <-renew.C:
		}
		at := time.Now()
		switch ok, err := r.lease(working, name); {
		case err != nil: // nobody else can have it before it ends; guard watches
			r.complain(ctx, name, err)
			renew.Reset(again)
		case !ok:
			cancel()
		default:
			began = at
			guard.Reset(left())
			renew.Reset(renewEvery)
		}
	}
}

// take takes a role if nobody has it. Who only looks holds up nobody.
func (r *Roles) take(ctx context.Context, name string) bool {
	if !r.Store.Shared() {
		return true
	}
	free := false
	looking, cancel := context.WithTimeout(ctx, leaseFor-leaseMargin)
	defer cancel()
	err := r.Store.View(looking, func(tx store.Tx) error {
		row, err := tx.Address(Lease(name))
		free = row.Holder == "" || row.Holder == r.Holder || !row.LeasedUntil.After(r.Now())
		return err
	})
	if err == nil && free {
		free, err = r.lease(looking, name)
	}
	if err != nil {
		r.complain(ctx, name, err)
		return false
	}
	return free
}

// lease takes or renews a lease, and says whether it did. It does not wait for
// longer than until the lease would be lost.
func (r *Roles) lease(ctx context.Context, name string) (ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaseFor-leaseMargin)
	defer cancel()
	err = r.Store.Update(ctx, func(tx store.Tx) (err error) {
		now := r.Now()
		ok, err = tx.Lease(Lease(name), r.Holder, now, now.Add(leaseFor))
		return err
	})
	return ok && err == nil, err
}

// fence is a role's Fence. Who reads the row in Update keeps others from it
// until the commit.
func (r *Roles) fence(name string) Fence {
	return func(tx store.Tx) error {
		row, err := tx.Address(Lease(name))
		if err == nil && row.Holder != r.Holder {
			err = fmt.Errorf("%s: %w", name, ErrLost)
		}
		return err
	}
}

// giveBack gives a role back, so that others need not wait for the end of the
// lease.
func (r *Roles) giveBack(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), notLong)
	defer cancel()
	err := r.Store.Update(ctx, func(tx store.Tx) error {
		row, err := tx.Address(Lease(name))
		if err != nil || row.Holder != r.Holder {
			return err
		}
		row.Holder, row.LeasedUntil = "", time.Time{}
		return tx.SaveAddress(&row)
	})
	if err != nil {
		r.Logger.Warn("A role could not be given back; other replicas wait for the end of its lease", "role", name, "err", err)
	}
}

func (r *Roles) complain(ctx context.Context, name string, err error) {
	if ctx.Err() == nil {
		r.Logger.Warn("Which replica has a role cannot be stored; trying again", "role", name, "err", err)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
