package main

import (
	"context"
	"os"
	"syscall"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/torture"
)

// fail carries out the plan's faults and returns when the last has begun.
func (d *day) fail(ctx context.Context) {
	for _, f := range d.plan.Faults {
		d.until(ctx, f.At)
		if ctx.Err() != nil {
			return
		}
		if f.AtMicrosoft() {
			d.teams.fail(f)
			d.note(torture.Done{Fault: f, From: d.since(), To: d.since()})
			continue
		}
		d.chaos.Go(func() {
			done := torture.Done{Fault: f, From: d.since()}
			done.Left = d.harm(ctx, f)
			done.To = d.since()
			d.note(done)
		})
	}
}

func (d *day) note(done torture.Done) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = append(d.done, done)
}

// harm does one thing to the receiver, and ends it again. It returns why it was
// left out, "" if it was not.
func (d *day) harm(ctx context.Context, f torture.Fault) (left string) {
	r := d.replicas[f.Replica]
	switch f.Kind {
	case torture.Killed, torture.Restarted:
		if !r.again.TryLock() {
			return "the replica is being started"
		}
		defer r.again.Unlock()
		if !r.running() {
			return "the replica does not run"
		}
		if f.Kind == torture.Restarted {
			d.stop(r)
		} else if _, err := r.end(os.Kill, endsWithin); err != nil {
			d.wrong(err)
		}
		d.wait(ctx, f.For)
		if err := r.start(); err != nil {
			d.wrong(err)
		}
		d.revive(ctx, r)
	case torture.Hung:
		if !r.running() {
			return "the replica does not run"
		}
		r.hang(true)
		d.wait(ctx, f.For)
		r.hang(false)
	case torture.Reloaded:
		r.signal(syscall.SIGHUP)
	case torture.Jumped:
		r.jump(f.By)
		d.wait(ctx, f.For)
		r.jump(-f.By)
	case torture.AllJumped:
		for _, r := range d.replicas {
			r.jump(f.By)
		}
		d.wait(ctx, f.For)
		for _, r := range d.replicas {
			r.jump(-f.By)
		}
	case torture.DiskFull:
		return d.database.full(func() { d.wait(ctx, f.For) })
	case torture.DBKilled, torture.DBShutdown:
		return d.database.restart(f.Kind == torture.DBKilled, func() { d.wait(ctx, f.For) })
	case torture.DBCut:
		return d.database.cut()
	}
	return ""
}

// revive starts a replica again that could not start, as a supervisor does:
// its disk may be full, or its database gone.
func (d *day) revive(ctx context.Context, r *replica) {
	for ctx.Err() == nil {
		if main, _ := r.at(); main != "" {
			return
		}
		r.mu.Lock()
		ended := r.hasEnded()
		r.mu.Unlock()
		if ended {
			d.wait(ctx, 500*time.Millisecond)
			if err := r.start(); err != nil {
				d.wrong(err)
				return
			}
		}
		d.wait(ctx, 50*time.Millisecond)
	}
}

func (d *day) wait(ctx context.Context, how time.Duration) {
	select {
	case <-time.After(how):
	case <-ctx.Done():
	}
}

func (d *day) wrong(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = append(d.ended, err.Error())
}

// stop asks a replica to end, and notes how it did.
func (d *day) stop(r *replica) {
	from := d.since()
	code, err := r.end(syscall.SIGTERM, endsWithin)
	if err != nil {
		d.wrong(err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stops = append(d.stops, torture.Stop{Replica: r.number, Began: from, Ended: d.since(), Code: code})
}

// hang stops a replica as a machine does that has no time for it, or lets it go
// on.
func (r *replica) hang(hung bool) {
	if hung {
		r.signal(stopSignal)
	} else {
		r.signal(contSignal)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hung = hung
}

// jump sets its clock by so much more.
func (r *replica) jump(by time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off += by
	_ = r.setClock(r.off) // it goes on as it was, and nothing was proven
}
