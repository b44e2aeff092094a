package torture

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is what goes wrong.
type Kind string

// What goes wrong at Microsoft's.
const (
	Throttled   Kind = "throttled"    // 429 with Retry-After
	Unavailable Kind = "unavailable"  // 502, 503 or 504
	Busy        Kind = "busy"         // 412: another request to the conversation is under way
	Broken      Kind = "broken"       // 500, after which the connector is not asked again
	CutBefore   Kind = "cut before"   // the connection breaks, nothing is shown
	CutAfter    Kind = "cut after"    // the connection breaks, the card is shown
	SlowAnswer  Kind = "slow answer"  // the card is shown at once, the answer comes late
	NoAnswer    Kind = "no answer"    // there is none, and nothing is shown
	ErrorInBody Kind = "error in 200" // a workflow that answers 200 with a body that speaks of an error
	Denied      Kind = "denied"       // 503, and the card is shown
	Lost        Kind = "lost"         // 202, and nothing is ever shown
	NoSignIn    Kind = "no sign-in"   // there are no tokens
	Revoked     Kind = "revoked"      // the tokens that there are become bad
)

// What goes wrong with the receiver and what it stands on.
const (
	Killed     Kind = "killed"      // kill -9 of a replica, which starts again
	Restarted  Kind = "restarted"   // SIGTERM, and it starts again
	Hung       Kind = "hung"        // SIGSTOP, and SIGCONT later
	Reloaded   Kind = "reloaded"    // the configuration is read anew
	Jumped     Kind = "clock"       // a replica's clock is set
	AllJumped  Kind = "all clocks"  // every replica's is
	DiskFull   Kind = "disk full"   // the store cannot grow
	DBKilled   Kind = "db killed"   // kill -9 of PostgreSQL, which starts again
	DBCut      Kind = "db cut"      // all connections to it break
	DBShutdown Kind = "db shutdown" // PostgreSQL stops as in a failover, and starts again
)

// Fault is something that goes wrong.
type Fault struct {
	At      time.Duration
	For     time.Duration // how long it lasts, how late an answer is, what Retry-After says
	Kind    Kind
	Place   string        // where, at Microsoft's; "": everywhere
	Times   int           // how many requests meet it
	Status  int           // what is answered
	Replica int           // which
	By      time.Duration // how far the clock is set
}

// AtMicrosoft says that it is Teams that fails, not we.
func (f Fault) AtMicrosoft() bool {
	return slices.Contains([]Kind{Throttled, Unavailable, Busy, Broken, CutBefore, CutAfter, SlowAnswer, NoAnswer, ErrorInBody, Denied, Lost, NoSignIn, Revoked}, f.Kind)
}

// longHang is longer than a lease of an address (28 s), so that another replica
// has taken it over when the one that hung goes on.
const longHang = 32 * time.Second

// faults spreads what goes wrong over the day. The last tenth is for the
// senders alone.
func faults(r *rand.Rand, shape Shape) []Fault {
	day := shape.For * 9 / 10
	var all []Fault
	for at := between(r, 0, time.Second); at < day; at += between(r, 100*time.Millisecond, 1200*time.Millisecond) {
		all = append(all, microsofts(r, at, shape.Sure))
	}
	kinds := []Kind{Killed, Killed, Restarted, Hung, Reloaded, Jumped, AllJumped}
	if shape.Disk {
		kinds = append(kinds, DiskFull)
	}
	if shape.Shared {
		kinds = append(kinds, DBKilled, DBCut, DBCut, DBShutdown)
	}
	// Every kind has its turn, in another order each time: a short day has few
	// of them, and a long one all.
	var turns []Kind
	for at := between(r, time.Second, 3*time.Second); at < day; at += between(r, time.Second, 5*time.Second) {
		if len(turns) == 0 {
			turns = slices.Clone(kinds)
			r.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
		}
		f := ours(r, at, turns[0], shape)
		all, turns = append(all, f), turns[1:]
		if shape.Replicas == 1 || f.Kind == DBKilled || f.Kind == DBShutdown || f.Kind == DiskFull {
			at += f.For // with nobody there, nothing else can be seen
		}
	}
	if shape.Replicas > 1 && shape.For >= longHang+20*time.Second {
		all = append(all, Fault{At: between(r, 5*time.Second, 10*time.Second), For: longHang, Kind: Hung, Replica: r.IntN(shape.Replicas)})
	}
	slices.SortStableFunc(all, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return all
}

func microsofts(r *rand.Rand, at time.Duration, sure bool) Fault {
	f := Fault{At: at, Place: Places[r.IntN(len(Places))].Name, Times: 1 + r.IntN(2)}
	editable := f.Place == SRE.Name || f.Place == Duty.Name
	kinds := []Kind{Throttled, Unavailable, Unavailable, CutBefore, CutAfter, SlowAnswer, SlowAnswer, Denied}
	if editable {
		kinds = append(kinds, Busy, Busy, Broken, NoSignIn, Revoked)
	} else {
		kinds = append(kinds, ErrorInBody, ErrorInBody, Lost, NoAnswer)
	}
	if sure {
		kinds = slices.DeleteFunc(kinds, func(k Kind) bool {
			return slices.Contains([]Kind{CutBefore, CutAfter, SlowAnswer, NoAnswer}, k)
		})
	}
	switch f.Kind = kinds[r.IntN(len(kinds))]; f.Kind {
	case Throttled:
		f.For = between(r, time.Second, 4*time.Second)
	case Unavailable:
		f.Status = 502 + r.IntN(3)
	case SlowAnswer:
		f.For = between(r, 100*time.Millisecond, 3*time.Second)
	case Lost, Broken, Denied, NoAnswer:
		f.Times = 1
	}
	return f
}

func ours(r *rand.Rand, at time.Duration, kind Kind, shape Shape) Fault {
	f := Fault{At: at, Kind: kind, Replica: r.IntN(shape.Replicas)}
	switch kind {
	case Killed, Restarted, DBCut:
		f.For = between(r, 0, time.Second) // until it starts again
	case Hung:
		f.For = between(r, 500*time.Millisecond, 5*time.Second)
	case DBKilled, DBShutdown, DiskFull:
		f.For = between(r, 500*time.Millisecond, 4*time.Second)
	case Jumped, AllJumped:
		f.By = []time.Duration{time.Hour, -time.Hour, 7 * time.Minute, -90 * time.Second}[r.IntN(4)]
		f.For = between(r, time.Second, 8*time.Second) // until it is set right
	}
	return f
}
