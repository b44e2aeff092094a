package silence

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// People end and change silences in Alertmanager too. A silence of which we
// still believe that it holds would keep quiet here what Alertmanager tells.
const (
	// watchEvery is how often Alertmanager is asked, while it keeps silences
	// for us.
	watchEvery = time.Minute
	// goneAfter is how many times in a row a silence must not be there: one
	// that has just come back may not have heard of it from the others.
	goneAfter = 2
)

// watch is what is remembered between two looks at what Alertmanager keeps.
type watch struct {
	next    time.Time // of the process' own clock, which nobody sets
	missing map[int64]int
	failing bool
}

// look compares the silences that hold with what Alertmanager has, when it is
// time, and says when to look again.
func (w *Worker) look(ctx context.Context) (wait time.Duration) {
	if left := time.Until(w.watch.next); left > 0 {
		return left
	}
	w.watch.next = time.Now().Add(watchEvery)
	var held []store.Silence
	err := w.Store.View(ctx, func(tx store.Tx) (err error) {
		held, err = tx.ActiveSilences(w.Clock.Now())
		return err
	})
	held = slices.DeleteFunc(held, func(s store.Silence) bool { return !s.Theirs || s.State != store.SilenceActive })
	if err != nil || len(held) == 0 {
		w.watch.missing = nil
		return lookAgain // the store is complained of elsewhere
	}
	there, err := allKept(ctx, w.Alertmanagers())
	if err != nil {
		if !w.watch.failing && ctx.Err() == nil {
			w.Logger.Warn("Alertmanager cannot be asked whether it still keeps silences; what somebody ends there goes on here until it can", "err", err)
		}
		w.watch.failing = true
		return lookAgain
	}
	w.watch.failing = false
	missing := make(map[int64]int)
	for i := range held {
		s := &held[i]
		found := find(s, there)
		if len(found.ids) < len(s.Sets) {
			if missing[s.ID] = w.watch.missing[s.ID] + 1; missing[s.ID] < goneAfter {
				continue
			}
		}
		if err := w.correct(context.WithoutCancel(ctx), s, found); err != nil && ctx.Err() == nil {
			w.Logger.Error("What Alertmanager keeps of a silence could not be stored; trying again", "silence", alert.ShortID(s.ID), "err", err)
		}
	}
	w.watch.missing = missing
	return lookAgain
}

// allKept are the silences of all Alertmanagers that answer; an error when none
// does.
func allKept(ctx context.Context, all []*Alertmanager) (there []kept, err error) {
	answered := false
	for _, a := range all {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		some, failed := a.silences(context.WithoutCancel(ctx))
		if failed != nil {
			err = failed
			continue
		}
		answered = true
		there = append(there, some...)
	}
	if answered {
		return there, nil
	}
	if err == nil { // there are none any more
		err = errNone
	}
	return nil, err
}

// findings are what there is of a silence.
type findings struct {
	ids    []string
	endsAt time.Time // of the first that ends
}

// find looks for each set of a silence. Who changes the end there keeps its
// name, or makes another one with the mark.
func find(s *store.Silence, there []kept) (found findings) {
	for n, lines := range s.Sets {
		matchers, err := read(lines)
		if err != nil {
			continue
		}
		wanted := key(matchers)
		i := slices.IndexFunc(there, func(k kept) bool {
			known := len(s.TheirIDs) == len(s.Sets) && s.TheirIDs[n] == k.id
			return k.matchers == wanted && (known || strings.HasSuffix(k.comment, mark(s)))
		})
		if i < 0 {
			continue
		}
		found.ids = append(found.ids, there[i].id)
		if found.endsAt.IsZero() || there[i].endsAt.Before(found.endsAt) {
			found.endsAt = there[i].endsAt
		}
	}
	return found
}

// correct stores what Alertmanager has of a silence, where that is not what we
// believe.
func (w *Worker) correct(ctx context.Context, believed *store.Silence, found findings) error {
	is := *believed
	is.TheirIDs = found.ids // without all of them it silences nothing here
	switch {
	case len(found.ids) == 0:
		is.State, is.TheirIDs = store.SilenceEnded, believed.TheirIDs
	case len(found.ids) == len(is.Sets) && found.endsAt.Sub(is.EndsAt).Abs() >= time.Second: // Alertmanager's are milliseconds
		is.EndsAt = found.endsAt
	case slices.Equal(found.ids, believed.TheirIDs):
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, notNow)
	defer cancel()
	now, release := w.Clock.Hold()
	defer release()
	if is.State == store.SilenceEnded {
		is.EndsAt = now
	}
	var after func()
	err := w.Store.Update(ctx, func(tx store.Tx) error {
		after = nil
		known, err := tx.Silence(is.ID)
		if err != nil || known.State != store.SilenceActive { // somebody has ended it here meanwhile
			return err
		}
		if err := tx.SaveSilence(&is); err != nil {
			return err
		}
		after, err = w.Settled(tx, is, now)
		return err
	})
	if err != nil {
		return err
	}
	w.Logger.Info("A silence was changed in Alertmanager", "silence", alert.ShortID(is.ID), "state", is.State, "alerts", len(found.ids), "until", is.EndsAt)
	if after != nil {
		after()
	}
	return nil
}
