package sqlite

import (
	"sync/atomic"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// revisions are the numbers of store.Revisions. Only the writer gives them, and
// no number is given twice, so what a transaction writes that does not come to
// be leaves a number behind that nobody has.
//
// A view is told what was committed before it began. Its rows may be newer,
// never older.
type revisions struct {
	last atomic.Int64 // the number that was given last
	// Of what is committed.
	silences, subscriptions, destinations atomic.Int64
}

func newRevisions() *revisions {
	r := &revisions{}
	r.renew()
	return r
}

// number is one that was never given.
func (r *revisions) number() int64 { return r.last.Add(1) }

// renew gives all that is committed new numbers: nobody knows whether it is
// what it was.
func (r *revisions) renew() {
	r.silences.Store(r.number())
	r.subscriptions.Store(r.number())
	r.destinations.Store(r.number())
}

// committed are the numbers of what is committed.
func (r *revisions) committed() store.Revisions {
	return store.Revisions{Silences: r.silences.Load(), Subscriptions: r.subscriptions.Load(), Destinations: r.destinations.Load()}
}

// commit takes the numbers of a transaction whose rows everybody sees now.
func (r *revisions) commit(now store.Revisions) {
	r.silences.Store(now.Silences)
	r.subscriptions.Store(now.Subscriptions)
	r.destinations.Store(now.Destinations)
}
