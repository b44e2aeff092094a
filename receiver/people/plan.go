package people

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// chunkSize is how many persons Graph takes in one request (teams-platform
	// §5.3), and maxChunks how many such are worked on at once: the client's
	// pace, not this, keeps Graph's limits, and while one waits for an answer
	// the others go on.
	chunkSize, maxChunks = 20, 4
	// maxOpens is how many conversations are opened at once. The bot's windows
	// hold for them too.
	maxOpens = 16
)

// desk is what is worked on, and what there is to be done.
type desk struct {
	withGraph bool
	// queue are the persons whose turn it is, in order. Nobody works on them.
	queue []store.Person
	busy  map[string]bool // names that somebody works on
	// chunks and opens are how many are under way.
	chunks, opens int
	// graph and bot keep everybody from a service that fails for all.
	graph, bot gate
}

// plan is what is to be begun.
type plan struct {
	chunks [][]store.Person // to be worked on with Graph
	opens  [][]store.Person // whose conversation is to be opened; all of one person
	held   []settled        // who cannot be tried now and does not know it yet
}

func (p *plan) empty() bool { return len(p.chunks)+len(p.opens)+len(p.held) == 0 }

// plan takes out of the queue what can be begun now. Who waits for an answer of
// Microsoft does not keep the others waiting: each service has its own lane.
func (d *desk) plan(now time.Time) (do plan) {
	var rest, chunk []store.Person
	opens := map[string]int{} // by object id, the number in do.opens
	flush := func() {
		if len(chunk) > 0 {
			do.chunks = append(do.chunks, chunk)
			d.chunks++
			d.graph.begin()
			chunk = nil
		}
	}
	for _, p := range d.queue {
		if d.busy[p.Name] {
			continue
		}
		s := next(&p, nil, d.withGraph)
		if s == stepCheck && !d.graph.open() {
			s = stepOpen // it would only tell us more
		}
		at := &d.bot
		if s.needsGraph() {
			at = &d.graph
		}
		id := objectID(&p)
		i, together := opens[id]
		together = together && at == &d.bot && id != ""
		switch {
		case !together && !at.lets(p.Name, now):
			if !at.open() && p.Reason != string(at.why.Reason) {
				do.held = append(do.held, settled{Settled: held(p, at.why)})
				d.busy[p.Name] = true
			} else {
				rest = append(rest, p)
			}
		case together:
			do.opens[i] = append(do.opens[i], p)
			d.busy[p.Name] = true
		case at == &d.bot && d.opens < maxOpens:
			opens[id] = len(do.opens)
			do.opens = append(do.opens, []store.Person{p})
			d.busy[p.Name] = true
			d.opens++
			d.bot.begin()
		case at == &d.graph && d.chunks < maxChunks:
			chunk = append(chunk, p)
			d.busy[p.Name] = true
			if len(chunk) == chunkSize {
				flush()
			}
		default:
			rest = append(rest, p)
		}
	}
	flush()
	d.queue = rest
	return do
}

// held says of somebody who is not tried why not. When it is mended, their turn
// comes at once.
func held(p store.Person, why teams.Outcome) Settled {
	p.Reason, p.Message, p.NotBefore = string(why.Reason), why.Message, time.Time{}
	return Settled{Person: p, Waits: true}
}
