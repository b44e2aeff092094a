package botframework

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

// What one conversation takes of a bot (teams-platform §3.1). Edits and
// deletions are not listed there, and count as messages.
var (
	SendWindows   = []Window{{7, time.Second}, {8, 2 * time.Second}, {60, 30 * time.Second}, {1800, time.Hour}}
	MemberWindows = []Window{{14, time.Second}, {16, 2 * time.Second}, {120, 30 * time.Second}, {3600, time.Hour}}
)

// tenantWindows hold for all requests of an application to a tenant
// (teams-platform §3.2).
var tenantWindows = []Window{{50, time.Second}}

const (
	// slack is added to every window: timers and clocks are not exact.
	slack = 10 * time.Millisecond
	// sweepEvery is after how many requests lines are dropped that nobody uses.
	sweepEvery = 1000
)

// line is what waits for one thing: a conversation's messages, its questions
// about members, or a tenant.
type line struct {
	windows []Window
	times   []time.Time // of the latest requests, oldest first
	held    time.Time   // until when Teams wants nothing (Retry-After)
	turn    chan struct{}
	users   int // who holds it or waits
}

// next is the earliest time, not before now, for one more request.
func (l *line) next(now time.Time) time.Time {
	at := now
	if l.held.After(at) {
		at = l.held
	}
	for _, w := range l.windows {
		if len(l.times) >= w.N {
			if free := l.times[len(l.times)-w.N].Add(w.Per + slack); free.After(at) {
				at = free
			}
		}
	}
	return at
}

// note records a request.
func (l *line) note(now time.Time) {
	most := 0
	for _, w := range l.windows {
		most = max(most, w.N)
	}
	if l.times = append(l.times, now); len(l.times) > 2*most {
		l.times = slices.Clone(l.times[len(l.times)-most:])
	}
}

// pace keeps the order and the limits of all requests of a client.
type pace struct {
	mu    sync.Mutex
	lines map[string]*line
	taken int
}

// enter gets the line of a name. leave gives it back.
func (p *pace) enter(name string, windows []Window) *line {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken++; p.taken%sweepEvery == 0 {
		p.sweep(time.Now())
	}
	if p.lines == nil {
		p.lines = map[string]*line{}
	}
	l := p.lines[name]
	if l == nil {
		l = &line{windows: windows, turn: make(chan struct{}, 1)}
		p.lines[name] = l
	}
	l.users++
	return l
}

func (p *pace) leave(l *line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.users--
}

// sweep drops lines whose windows are empty. The caller holds the lock.
func (p *pace) sweep(now time.Time) {
	for name, l := range p.lines {
		longest := l.windows[len(l.windows)-1].Per
		if l.users == 0 && !l.held.After(now) && (len(l.times) == 0 || now.Sub(l.times[len(l.times)-1]) > longest+slack) {
			delete(p.lines, name)
		}
	}
}

// hold keeps requests from a line until a time.
func (p *pace) hold(l *line, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.After(l.held) {
		l.held = until
	}
}

// wait returns when a request may go through all the lines, and records it. If
// that is not before ctx ends it returns at once how long it would take; 0: ctx
// has ended.
func (p *pace) wait(ctx context.Context, lines ...*line) (ok bool, short time.Duration) {
	for {
		if ctx.Err() != nil {
			return false, 0
		}
		now := time.Now()
		p.mu.Lock()
		at := now
		for _, l := range lines {
			if next := l.next(now); next.After(at) {
				at = next
			}
		}
		if !at.After(now) {
			for _, l := range lines {
				l.note(now)
			}
		}
		p.mu.Unlock()
		if !at.After(now) {
			return true, 0
		}
		if deadline, ok := ctx.Deadline(); ok && !at.Before(deadline) {
			return false, at.Sub(now)
		}
		timer := time.NewTimer(at.Sub(now))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}
