package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/role"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// ReplicaLabel names, on alerts that a replica reports of itself, which one it
// is. They end when it is gone.
const ReplicaLabel = "replica"

// finishEvery is how often it is looked whether a replica has died before it had
// finished something.
const finishEvery = 5 * time.Second

// playUpkeep deletes what is old, and finishes what others have begun. Of several
// replicas one does it: two that delete the same rows would wait for each other.
// What is done twice does no harm.
func (e *Engine) playUpkeep(ctx context.Context, _ role.Fence) {
	var work sync.WaitGroup
	work.Go(func() { e.runFinish(ctx) })
	e.runPrune(ctx)
	work.Wait()
}

// runFinish has all episodes hear of a silence whose maker died before they had,
// and ends what replicas that are gone have reported of themselves.
func (e *Engine) runFinish(ctx context.Context) {
	if !e.shared() {
		return
	}
	var known int64 // the revision of the silences
	for ctx.Err() == nil {
		revision := known
		err := e.store.View(ctx, func(tx store.Tx) error {
			revisions, err := tx.Revisions()
			revision = revisions.Silences
			return err
		})
		if err == nil {
			err = e.endOfGone(ctx)
		}
		if err != nil && ctx.Err() == nil {
			e.log.Warn("It cannot be read what replicas that are gone have left; trying again", "err", err)
		}
		if revision != known {
			known = revision
			ring(e.hushed)
		}
		select {
		case <-ctx.Done():
		case <-time.After(finishEvery):
		}
	}
}

// endOfGone ends the alerts that replicas which are gone have reported of
// themselves. Who has just come, or was cut off from the store, does not know yet
// who is gone: they may be about to say that they are there.
func (e *Engine) endOfGone(ctx context.Context) error {
	if e.sightedBy(e.Now()).IsZero() {
		return nil
	}
	reported, err := e.ruler.Reported(ctx)
	if err != nil {
		return err
	}
	for _, a := range reported {
		name := a.Labels[ReplicaLabel]
		if name == "" || slices.ContainsFunc(e.Replicas(), func(r store.Replica) bool { return r.Name == name }) {
			continue
		}
		a.Status, a.EndsAt = alert.Resolved, e.Now()
		if err := e.ruler.Report(ctx, a); err != nil {
			return err
		}
	}
	return nil
}
