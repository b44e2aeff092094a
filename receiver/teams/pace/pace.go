// Package pace keeps the limits that Microsoft sets before they are met: on
// requests in windows of time, of which several can hold at once, and on how
// soon it wants to be asked again (Retry-After). It keeps what one client does;
// limits on what is told at one address are package deliver's.
package pace

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Window is a limit on requests: at most N in any Per.
type Window struct {
	N   int
	Per time.Duration
}

const (
	// slack is added to every window: timers and clocks are not exact.
	slack = 10 * time.Millisecond
	// sweepEvery is after how many requests lines are dropped that nobody uses.
	sweepEvery = 1000
)

// Line is what waits for one thing: a conversation's messages, a tenant, one
// kind of request.
type Line struct {
	// Turn has room for one, where no two requests may be made at the same time.
	Turn chan struct{}

	windows func() []Window // the longest last
	times   []time.Time     // of the latest requests, oldest first
	under   int             // requests let through by WaitSome whose answer is not there
	held    time.Time       // until when Microsoft wants nothing (Retry-After)
	users   int             // who holds it or waits
}

// next is the earliest time, not before now, for one more request.
func (l *Line) next(now time.Time) time.Time {
	at := now
	if l.held.After(at) {
		at = l.held
	}
	for _, w := range l.windows() {
		latest := w.N - l.under // of the requests that have ended, the one that has to leave the window
		switch {
		case latest <= 0:
			at = latestOf(at, now.Add(w.Per+slack))
		case len(l.times) >= latest:
			at = latestOf(at, l.times[len(l.times)-latest].Add(w.Per+slack))
		}
	}
	return at
}

func latestOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// note records a request.
func (l *Line) note(now time.Time) {
	most := 0
	for _, w := range l.windows() {
		most = max(most, w.N)
	}
	if l.times = append(l.times, now); len(l.times) > 2*most {
		l.times = slices.Clone(l.times[len(l.times)-most:])
	}
}

// Pace keeps the limits of all requests of a client. The zero value has no
// lines yet.
type Pace struct {
	mu    sync.Mutex
	lines map[string]*Line
	taken int
}

// Enter gets the line of a name, with its windows from now on, the longest last.
// Leave gives it back.
func (p *Pace) Enter(name string, windows []Window) *Line {
	return p.EnterChanging(name, func() []Window { return windows })
}

// EnterChanging is Enter for windows that may change while somebody waits: they
// are asked for whenever a request could go. windows must not wait for anything.
func (p *Pace) EnterChanging(name string, windows func() []Window) *Line {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken++; p.taken%sweepEvery == 0 {
		p.sweep(time.Now())
	}
	if p.lines == nil {
		p.lines = map[string]*Line{}
	}
	l := p.lines[name]
	if l == nil {
		l = &Line{Turn: make(chan struct{}, 1)}
		p.lines[name] = l
	}
	l.windows = windows
	l.users++
	return l
}

// Leave gives a line back.
func (p *Pace) Leave(l *Line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.users--
}

// sweep drops lines whose windows are empty. The caller holds the lock.
func (p *Pace) sweep(now time.Time) {
	for name, l := range p.lines {
		windows := l.windows()
		longest := windows[len(windows)-1].Per
		if l.users == 0 && !l.held.After(now) && (len(l.times) == 0 || now.Sub(l.times[len(l.times)-1]) > longest+slack) {
			delete(p.lines, name)
		}
	}
}

// Hold keeps requests from a line until a time.
func (p *Pace) Hold(l *Line, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.After(l.held) {
		l.held = until
	}
}

// Wait returns when a request may go through all the lines, and records it. If
// that is not before ctx ends it returns at once how long it would take; 0: ctx
// has ended.
func (p *Pace) Wait(ctx context.Context, lines ...*Line) (ok bool, short time.Duration) {
	n, short := p.WaitSome(ctx, 1, lines...)
	if n == 1 {
		p.Done(1, lines...)
	}
	return n == 1, short
}

// WaitSome is Wait for requests that go together: it returns as soon as one may
// go, and how many, up to most, may then go at once. n is 0 where Wait is false.
//
// Nobody knows when a request arrives before its answer is there, and one that
// was slow on its way would meet those of the next window: they count from
// Done, which has to be called with n then.
func (p *Pace) WaitSome(ctx context.Context, most int, lines ...*Line) (n int, short time.Duration) {
	for {
		if ctx.Err() != nil {
			return 0, 0
		}
		now := time.Now()
		n, at := p.take(now, most, lines)
		if n > 0 {
			return n, 0
		}
		if deadline, ok := ctx.Deadline(); ok && !at.Before(deadline) {
			return 0, at.Sub(now)
		}
		timer := time.NewTimer(at.Sub(now))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// Done says that the answers to n requests of WaitSome are there, or never will
// be.
func (p *Pace) Done(n int, lines ...*Line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, l := range lines {
		l.under -= n
		for range n {
			l.note(now)
		}
	}
}

// take records as many requests as may go now, up to most, and tells when the
// next may go.
func (p *Pace) take(now time.Time, most int, lines []*Line) (n int, next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		next = now
		for _, l := range lines {
			if at := l.next(now); at.After(next) {
				next = at
			}
		}
		if next.After(now) || n == most {
			return n, next
		}
		for _, l := range lines {
			l.under++
		}
		n++
	}
}
