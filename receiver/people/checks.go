package people

import (
	"context"
	"errors"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

const (
	// checkEvery is how old may become what we know of the version that a person
	// has. Nobody is asked about more often than once in that time.
	checkEvery = 24 * time.Hour
	// One check asks about checkSize persons at a time and then pauses, which is
	// a fifteenth of what Graph takes; while somebody is to be reached there is
	// none. Everybody is looked through once in roundEvery.
	checkSize, checkPause = 10, 5 * time.Second
	roundEvery            = time.Hour
	// firstCheck is the first time after a start.
	firstCheck = time.Minute
	// pageSize is how many persons are read from the store at a time.
	pageSize = 200
)

// checks is how far it is with looking which version people have.
type checks struct {
	at    time.Time // when to go on
	after string    // the name after which to go on
	soon  []string  // names of those whose app was there already
	under bool
}

// checkable says that there is nothing more urgent than checks.
func (k *work) checkable() bool {
	return k.withGraph && !k.checks.under && len(k.busy) == 0 && k.graph.open()
}

func (k *work) beginCheck(ctx context.Context) {
	k.checks.under = true
	after, soon := k.checks.after, k.checks.soon[:min(len(k.checks.soon), checkSize)]
	k.do(func() func() {
		next := k.checkSome(ctx, after, soon)
		return func() {
			k.checks.under, k.checks.after, k.checks.soon = false, next, k.checks.soon[len(soon):]
			k.checks.at = k.Now().Add(checkPause)
			if next == "" && len(k.checks.soon) == 0 {
				k.checks.at = k.Now().Add(roundEvery)
			}
		}
	})
}

// isDue says that Graph may be asked which version a person has.
func isDue(p *store.Person, now time.Time) bool {
	last := p.CheckedAt
	if last.IsZero() {
		last = p.UpdatedAt
	}
	return p.State == store.PersonReachable && p.ObjectID != "" && now.Sub(last) >= checkEvery
}

// dueAfter reads some of whom it is time to ask about: those named, and those
// whose turn it is after a name. next is the name to go on after; "": that was
// everybody.
func (w *Worker) dueAfter(ctx context.Context, after string, soon []string) (due []store.Person, next string, err error) {
	err = w.Store.View(ctx, func(tx store.Tx) error {
		due, next = nil, after
		for _, name := range soon {
			switch p, err := tx.Person(name); {
			case errors.Is(err, store.ErrNotFound):
			case err != nil:
				return err
			case p.Conversation != "":
				due = append(due, p)
			}
		}
		for {
			page, err := tx.People(next, pageSize)
			if err != nil {
				return err
			}
			for i := range page {
				if len(due) >= checkSize {
					return nil
				}
				if next = page[i].Name; isDue(&page[i], w.Now()) {
					due = append(due, page[i])
				}
			}
			if len(page) < pageSize {
				next = ""
				return nil
			}
		}
	})
	return due, next, err
}

// checkSome asks Graph which version some people have, and brings them to the
// catalogue's. Whatever fails is tried again in the next round: it harms nobody.
func (w *Worker) checkSome(ctx context.Context, after string, soon []string) (next string) {
	due, next, err := w.dueAfter(ctx, after, soon)
	if err != nil {
		if ctx.Err() == nil {
			w.Logger.Error("It could not be read who is to be checked; trying again later", "err", err)
		}
		return ""
	}
	if len(due) == 0 {
		return next
	}
	ids := make([]string, len(due))
	for i := range due {
		ids[i] = objectID(&due[i])
	}
	newest := w.lookUpNewest(ctx)
	for i, has := range w.Graph.Installations(ctx, ids) {
		w.metrics.asked("installation", has.Err)
		if has.Err != nil {
			if outcomeOf(has.Err).Kind == teams.Retry {
				w.Logger.Debug("It could not be asked which version people have; trying again later", "why", has.Err)
				return ""
			}
			has = graph.Installation{}
		}
		if has.ID != "" && graph.Newer(newest, has.Version) && w.upgrade(ctx, &due[i], has) {
			has.Version = newest
		}
		if err := w.noteVersion(ctx, due[i].Name, has.Version); err != nil {
			if ctx.Err() == nil {
				w.Logger.Error("Which version people have could not be stored; trying again later", "err", err)
			}
			return ""
		}
	}
	return next
}

// upgrade brings somebody's app to the catalogue's version, and says whether
// that was done.
func (w *Worker) upgrade(ctx context.Context, p *store.Person, has graph.Installation) bool {
	err := w.Graph.Upgrade(ctx, objectID(p), has.ID)
	w.metrics.asked("upgrade", err)
	if err != nil {
		w.Logger.Warn("The app of a person could not be upgraded; it goes on working, and is tried again tomorrow", "person", p.Name, "has", has.Version, "why", err)
		return false
	}
	w.Logger.Info("Upgraded the app of a person", "person", p.Name, "from", has.Version)
	return true
}

// noteVersion stores which version somebody has; "": none that is known. That
// the app is gone changes nothing else: what is sent there tells it, or an event.
func (w *Worker) noteVersion(ctx context.Context, name, version string) error {
	return w.update(ctx, func(tx store.Tx) error {
		p, err := tx.Person(name)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		p.Version, p.CheckedAt = version, w.Now()
		return tx.SavePerson(&p)
	})
}

// lookUpNewest is the catalogue's version of the app, asked for once in a round;
// "": nobody knows.
func (w *Worker) lookUpNewest(ctx context.Context) string {
	if now := w.Now(); w.askedNewest.IsZero() || now.Sub(w.askedNewest) >= roundEvery {
		app, err := w.Graph.Catalogue(ctx)
		w.metrics.asked("catalogue", err)
		w.askedNewest = now
		switch {
		case err == nil:
			w.newestVersion.Store(&app.Version)
		default:
			w.Logger.Debug("The catalogue does not say which version of the app is the newest, so nobody is upgraded", "why", err)
		}
	}
	return w.newest()
}

// newest is what we know of the catalogue's version; "": nothing.
func (w *Worker) newest() string {
	if v := w.newestVersion.Load(); v != nil {
		return *v
	}
	return ""
}
