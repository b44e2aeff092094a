package people

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// enough is how many must have failed, with nobody in between for whom it
// worked, before somebody new is not tried: one may fail for reasons of their
// own.
const enough = 3

// gate keeps everybody from a service that fails for all: one attempt stands
// for them. The zero gate is open.
type gate struct {
	why    teams.Outcome // while it is closed
	until  time.Time     // when it is tried again; zero: it is open
	closed int           // how often in a row
	trying bool          // it is closed, and one attempt is under way
	// failed are those for whom it failed and has not worked since.
	failed map[string]pause
}

// pause is how long somebody is not tried again.
type pause struct {
	attempts int
	until    time.Time
}

func (g *gate) open() bool { return g.until.IsZero() }

// lets says whether somebody may be tried now.
func (g *gate) lets(name string, now time.Time) bool {
	mine, hasFailed := g.failed[name]
	switch {
	case hasFailed && now.Before(mine.until):
		return false
	case g.open():
		return true
	case g.trying:
		return false
	}
	return !now.Before(g.until) || !hasFailed && !g.forAll() && len(g.failed) < enough
}

// forAll: it fails for everybody until an administrator mends it, or Microsoft
// asked for patience.
func (g *gate) forAll() bool { return g.why.Broken || g.why.Reason == teams.Throttled }

// begin notes that an attempt begins.
func (g *gate) begin() { g.trying = !g.open() }

// shut closes the gate, because an attempt failed for everybody in it. What
// began before it was closed says nothing new.
func (g *gate) shut(o teams.Outcome, names []string, now time.Time) {
	if g.open() || g.trying {
		g.closed++
		g.until = now.Add(backoff(g.closed, o.After))
		g.why, g.trying = o, false
	}
	if asked := now.Add(o.After); o.After > 0 && asked.After(g.until) {
		g.until = asked
	}
	if g.failed == nil {
		g.failed = map[string]pause{}
	}
	for _, name := range names {
		n := g.failed[name].attempts + 1
		g.failed[name] = pause{n, now.Add(backoff(n, o.After))}
	}
}

// urge has the service tried at once, because somebody says that it is mended;
// but not before Microsoft wants to be asked.
func (g *gate) urge(now time.Time) {
	if g.open() || g.why.After > 0 {
		return
	}
	if g.until.After(now) {
		g.until = now
	}
	for name, p := range g.failed {
		if p.until.After(now) {
			g.failed[name] = pause{p.attempts, now}
		}
	}
}

// pass opens the gate, because it worked for some. If it was closed for all of
// them, the others' turn comes at once.
func (g *gate) pass(names []string) {
	if g.forAll() || len(g.failed) >= enough {
		*g = gate{}
		return
	}
	for _, name := range names {
		delete(g.failed, name)
	}
	*g = gate{failed: g.failed}
}

// rest notes that nothing came of an attempt.
func (g *gate) rest() { g.trying = false }

// next is when somebody may be tried who may not be now; zero: nobody.
func (g *gate) next(now time.Time) time.Time {
	at := g.until
	if !at.After(now) {
		at = time.Time{}
	}
	for _, p := range g.failed {
		if p.until.After(now) && (at.IsZero() || p.until.Before(at)) {
			at = p.until
		}
	}
	return at
}
