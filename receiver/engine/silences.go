package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/silence"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// silence makes a silence. What Alertmanager sent it has to keep quiet itself,
// if it can be asked; everything else is ours to keep.
func (e *Engine) silence(tx store.Tx, cmd command.Command, g group.Group, now time.Time, done *after) (command.Result, error) {
	s := store.Silence{
		GroupID: g.ID, By: cmd.By, From: cmd.From, Comment: cmd.Text,
		StartsAt: now, EndsAt: cmd.Until, State: store.SilenceActive,
	}
	theirs := slices.ContainsFunc(e.current.Load().Alertmanagers, func(a Alertmanager) bool { return a.Silences != nil })
	if g.ID == 0 {
		if err := silence.CheckMatchers(cmd.Matchers); err != nil {
			return command.Result{}, fmt.Errorf("%w: %w", command.ErrMatchers, err)
		}
		s.Sets = [][]string{cmd.Matchers}
	} else {
		switch {
		case g.Phase == group.Over:
			return refused(g, cmd.Verb, group.ErrOver), nil
		case g.Silence != nil:
			return command.Result{Group: g, Why: "It is silenced already, by " + g.Silence.By.Name + ". End that silence first to set another time."}, nil
		case asking(&g, command.Silence) != nil:
			return command.Result{Group: g, Why: "Alertmanager has been asked for a silence already."}, nil
		}
		if firing, _, unseen := g.Counts(); firing+unseen > command.MaxSilenced {
			return command.Result{Group: g, Why: fmt.Sprintf(
				"Nothing was silenced: one press silences up to %d alerts, and these are %d. Type silence and the matchers that they share instead.", command.MaxSilenced, firing+unseen)}, nil
		}
		s.Sets = silence.SetsOf(&g)
		theirs = theirs && g.Spec.Source == sourceAlertmanager
	}
	if theirs {
		s.Theirs, s.State, s.NotBefore = true, store.SilenceRequested, now
	}
	if err := tx.SaveSilence(&s); err != nil {
		return command.Result{}, err
	}
	done.hushed, done.asked = true, theirs
	result := command.Result{Done: true, SilenceID: s.ID, Asked: theirs}
	if g.ID == 0 {
		return result, tx.AddAudit(&store.Audit{
			At: now, Who: cmd.By.Name, ObjectID: cmd.By.ID, Action: cmd.Verb, Target: fmt.Sprint(cmd.Matchers), From: cmd.From,
			After: describe(&s),
		})
	}
	next := g
	if theirs {
		var err error
		if next, err = group.Do(g, group.Fact{Deed: group.Asked, By: cmd.By, Wish: silence.Wishes(&s, now)[0]}, now); err != nil {
			return command.Result{}, err
		}
	} else {
		next.DueAt = now // it finds the silence
	}
	return e.did(tx, cmd, g, next, s.Sets, result, now, done)
}

// expire ends silences: one, or all that an episode has.
func (e *Engine) expire(tx store.Tx, cmd command.Command, g group.Group, now time.Time, done *after) (command.Result, error) {
	if g.ID == 0 && cmd.SilenceID == 0 {
		return command.Result{}, command.ErrUnknown
	}
	open, err := tx.OpenSilences(now)
	if err != nil {
		return command.Result{}, err
	}
	ended := 0
	var asked *group.Wish
	before := ""
	var sets [][]string
	for i := range open {
		s := &open[i]
		switch {
		case s.State == store.SilenceEnding, s.State == store.SilenceFailed, s.State == store.SilenceEnded:
			continue
		case cmd.SilenceID != 0 && s.ID != cmd.SilenceID,
			cmd.SilenceID == 0 && s.GroupID != g.ID && (g.Silence == nil || g.Silence.ID != s.ID):
			continue
		}
		before = describe(s)
		sets = append(sets, s.Sets...)
		s.EndedBy = cmd.By
		if s.Theirs { // it is not over before Alertmanager says so
			s.State, s.NotBefore, s.Attempts, s.Reason = store.SilenceEnding, now, 0, ""
			done.asked = true
			asked = &silence.Wishes(s, now)[0]
		} else {
			s.State, s.EndsAt = store.SilenceEnded, now
		}
		if err := tx.SaveSilence(s); err != nil {
			return command.Result{}, err
		}
		ended++
		if g.ID == 0 && s.GroupID != 0 {
			switch about, err := tx.Group(s.GroupID); {
			case err == nil:
				g = about
			case !errors.Is(err, store.ErrNotFound):
				return command.Result{}, err
			}
		}
	}
	if ended == 0 {
		if g.ID == 0 {
			return command.Result{}, command.ErrUnknown
		}
		return command.Result{Group: g, Why: "Nothing was done: it is not silenced here any more."}, nil
	}
	done.hushed = true
	result := command.Result{Done: true, Asked: done.asked}
	if g.ID == 0 {
		return result, tx.AddAudit(&store.Audit{
			At: now, Who: cmd.By.Name, ObjectID: cmd.By.ID, Action: cmd.Verb, Target: store.SilenceTarget(cmd.SilenceID), About: store.About("", sets), From: cmd.From, Before: before,
		})
	}
	next := g
	if asked != nil {
		if next, err = group.Do(g, group.Fact{Deed: group.Asked, By: cmd.By, Wish: *asked}, now); err != nil {
			return command.Result{}, err
		}
	}
	if g.Phase != group.Over {
		next.DueAt = now
	}
	return e.did(tx, cmd, g, next, sets, result, now, done)
}

func describe(s *store.Silence) string {
	words := fmt.Sprintf("%s until %s by %s", s.State, s.EndsAt.UTC().Format(time.RFC3339), s.By.Name)
	if s.Theirs {
		words += ", in Alertmanager"
	}
	if s.Comment != "" {
		words += ": " + s.Comment
	}
	return words
}

// settled tells the episode what became of a silence in Alertmanager.
func (e *Engine) settled(tx store.Tx, s store.Silence, now time.Time) (func(), error) {
	done := after{hushed: true}
	follow := func() { e.follow(done) }
	if s.GroupID == 0 {
		return follow, nil
	}
	g, err := tx.Group(s.GroupID)
	if errors.Is(err, store.ErrNotFound) {
		return follow, nil
	}
	if err != nil {
		return nil, err
	}
	return follow, e.became(tx, g, silence.Wishes(&s, now), now, &done)
}

// became tells an episode what became of wishes.
func (e *Engine) became(tx store.Tx, g group.Group, wishes []group.Wish, now time.Time, done *after) error {
	next := g
	for _, w := range wishes {
		if i := slices.IndexFunc(g.Wishes, func(o group.Wish) bool { return o.Verb == w.Verb && o.ID == w.ID }); i >= 0 {
			w.At = g.Wishes[i].At // it was made then
		}
		deed := group.Asked
		switch w.State {
		case group.WishGranted:
			deed = group.Granted
		case group.WishFailed:
			deed = group.Failed
		}
		is, err := group.Do(next, group.Fact{Deed: deed, By: w.By, Wish: w}, now)
		if err == nil {
			next = is
		} else if !errors.Is(err, group.ErrAlready) { // else the card says so
			return err
		}
	}
	if next.Phase != group.Over {
		next.DueAt = now // the silence may hold now, or not any more
	}
	return e.save(tx, next, g.ID, now, done)
}

// silences are those that keep alerts quiet at now; nil when there are none.
// Every alert is held against them, so they are read when one may have changed,
// begun or ended, and not for each transaction.
func (e *Engine) silences(tx store.Tx, now time.Time) (*silence.Active, error) {
	revisions, err := tx.Revisions()
	if err != nil {
		return nil, err
	}
	known := e.silenced.Load()
	if known != nil && known.holds(revisions.Silences, now) {
		return known.active, nil
	}
	rows, err := tx.OpenSilences(now)
	if err != nil {
		return nil, err
	}
	made := compileSilences(known, rows, now)
	made.revision = revisions.Silences
	e.silenced.Store(made)
	return made.active, nil
}

// compiledSilences are the silences of a revision that keep alerts quiet from
// one time to another.
type compiledSilences struct {
	revision    int64
	from, until time.Time // until is zero where none begins or ends
	of          string    // what they were made of
	active      *silence.Active
}

func (c *compiledSilences) holds(revision int64, now time.Time) bool {
	return c.revision == revision && !now.Before(c.from) && (c.until.IsZero() || now.Before(c.until))
}

// compileSilences makes those of the open silences that hold at now ready to be
// asked. To compile those of a thousand alerts takes milliseconds, and mostly
// they are what was known: a silence was read again because another one did
// not reach Alertmanager, or because one begins at night.
func compileSilences(known *compiledSilences, open []store.Silence, now time.Time) *compiledSilences {
	made := &compiledSilences{from: now.Round(0)} // by the wall clock, as the store has it
	var held []store.Silence
	var of strings.Builder
	for i := range open {
		s := &open[i]
		next := s.EndsAt
		switch begun := !s.StartsAt.After(now); {
		case !begun:
			next = s.StartsAt
		case s.State == store.SilenceActive || s.State == store.SilenceEnding:
			held = append(held, *s)
			// The number alone does not say which it is: it is given twice if
			// the commit with the first one failed.
			fmt.Fprintf(&of, "%d %q %q %d %d %q;", s.ID, s.By, s.Comment, s.EndsAt.UnixNano(), len(s.TheirIDs), s.Sets)
		}
		if made.until.IsZero() || next.Before(made.until) {
			made.until = next
		}
	}
	made.of = of.String()
	switch {
	case len(held) == 0:
	case known != nil && known.of == made.of:
		made.active = known.active
	default:
		made.active = silence.Compile(held)
	}
	return made
}

// silencing is what a group asks of the silences; nil: there are none.
func silencing(active *silence.Active) func(*group.Member) (group.Silence, bool) {
	if active == nil {
		return nil
	}
	return func(m *group.Member) (group.Silence, bool) { return active.Of(m.Labels) }
}

// runHush has every open episode look again at what silences it, after one was
// made or has been ended: they are about more than the episode on which
// somebody pressed.
func (e *Engine) runHush(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.hushed:
		}
		for err := e.hush(ctx); err != nil && ctx.Err() == nil; err = e.hush(ctx) {
			e.log.Error("A silence could not be applied to all alerts; trying again", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(notNow):
			}
		}
	}
}

func (e *Engine) hush(ctx context.Context) error {
	var ids []int64
	now := e.Now()
	err := e.store.View(ctx, func(tx store.Tx) error {
		active, err := e.silences(tx, now)
		if err != nil {
			return err
		}
		silenced := silencing(active)
		return tx.OpenGroups(func(g group.Group) error {
			if g.HushChanges(silenced) {
				ids = append(ids, g.ID)
			}
			return nil
		})
	})
	for batch := range slices.Chunk(ids, tickBatch) {
		if err == nil {
			err = e.hushSome(ctx, batch)
		}
	}
	return err
}

func (e *Engine) hushSome(ctx context.Context, ids []int64) error {
	now, release := e.clock.Hold()
	defer release()
	var done after
	err := e.store.Update(ctx, func(tx store.Tx) error {
		done = after{}
		for _, id := range ids {
			g, err := tx.Group(id)
			switch {
			case errors.Is(err, store.ErrUnavailable):
				return err
			case err != nil: // one bad row must not keep a silence from the others
				e.log.Error("A group cannot be read and is left out of a silence", "group", id, "err", err)
				continue
			case g.Phase == group.Over:
				continue
			}
			g.DueAt = now
			if err := e.save(tx, g, id, now, &done); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		e.follow(done)
	}
	return err
}
