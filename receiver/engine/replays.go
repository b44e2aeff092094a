package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// MaxNamed is how many dead letters can be named at once.
	MaxNamed = 1000
	// replayAtOnce is how many dead letters one transaction looks at.
	replayAtOnce = 200
	// lookForReplays is how often it is looked for replays that another process
	// began and did not end.
	lookForReplays = 15 * time.Second
	// countable is how many dead letters of a kind are counted: more than anybody has.
	countable = 10_000_000
)

// The audit's words.
const (
	actionReplay = "replay"
	actionStop   = "stop"
	actionDrop   = "drop"
)

// Letters says which dead letters are meant.
type Letters struct {
	IDs []int64 // these, up to MaxNamed; none: all of Destination and Reason
	// "": any.
	Destination, Reason string
}

// String is what stands in the audit.
func (l Letters) String() string {
	if len(l.IDs) > 0 {
		const most = 10
		var ids []string
		for _, id := range l.IDs[:min(len(l.IDs), most)] {
			ids = append(ids, fmt.Sprint(id))
		}
		text := "dead letters " + strings.Join(ids, ", ")
		if len(l.IDs) == 1 {
			text = "dead letter " + ids[0]
		} else if len(l.IDs) > most {
			text += fmt.Sprintf(" and %d more", len(l.IDs)-most)
		}
		return text
	}
	text := "all dead letters"
	if l.Destination != "" {
		text += " of " + l.Destination
	}
	if l.Reason != "" {
		text += " with reason " + l.Reason
	}
	return text
}

// Replay has dead letters sent again. Those that are named are due again when
// it returns; of a kind, Run makes some due at a time, newest first, after a
// restart too. Letters of destinations that are gone stay as they are when they
// are not named: they would only be given up once more. store.ErrNotFound: there
// are none.
func (e *Engine) Replay(ctx context.Context, which Letters, by group.Person, from string) (store.Replay, error) {
	if len(which.IDs) > 0 {
		return e.replayNamed(ctx, which, by, from)
	}
	total, err := e.countLetters(ctx, which)
	if err != nil {
		return store.Replay{}, err
	}
	if total == 0 {
		return store.Replay{}, store.ErrNotFound
	}
	var r store.Replay
	err = e.store.Update(ctx, func(tx store.Tx) error {
		r = store.Replay{
			By: by, From: from, Destination: which.Destination, Reason: which.Reason,
			State: store.ReplayRunning, Next: math.MaxInt64, Total: total, At: e.Now(),
		}
		return e.begin(tx, &r, which)
	})
	if err == nil {
		ring(e.replay)
	}
	return r, err
}

func (e *Engine) begin(tx store.Tx, r *store.Replay, which Letters) error {
	if err := tx.SaveReplay(r); err != nil {
		return err
	}
	return tx.AddAudit(&store.Audit{
		At: r.At, Who: r.By.Name, ObjectID: r.By.ID, From: r.From, Action: actionReplay, Target: which.String(),
		After: fmt.Sprintf("%d to be sent again", r.Total),
	})
}

func (e *Engine) countLetters(ctx context.Context, which Letters) (total int, err error) {
	err = e.store.View(ctx, func(tx store.Tx) error {
		piles, err := tx.LetterPiles(countable)
		for _, p := range piles {
			if (which.Destination == "" || which.Destination == p.Destination) && (which.Reason == "" || which.Reason == p.Reason) {
				total += p.Dead
			}
		}
		return err
	})
	return total, err
}

// replayNamed makes named dead letters due again, those too whose destination
// is gone: whoever names them may have seen more than we.
func (e *Engine) replayNamed(ctx context.Context, which Letters, by group.Person, from string) (store.Replay, error) {
	if len(which.IDs) > MaxNamed {
		return store.Replay{}, fmt.Errorf("%d dead letters were named, and %d can be: say of which destination they are", len(which.IDs), MaxNamed)
	}
	which.IDs = slices.Compact(slices.Sorted(slices.Values(which.IDs)))
	var r store.Replay
	var woken []string
	err := e.store.Update(ctx, func(tx store.Tx) error {
		woken = nil // it may run more than once
		var letters []store.Post
		for _, id := range which.IDs {
			post, err := deadLetter(tx, id)
			switch {
			case errors.Is(err, store.ErrNotFound):
				continue
			case err != nil:
				return err
			}
			letters = append(letters, post)
		}
		if len(letters) == 0 {
			return store.ErrNotFound
		}
		now := e.Now()
		r = store.Replay{By: by, From: from, State: store.ReplayDone, Total: len(letters), Replayed: len(letters), At: now, EndedAt: now}
		if err := e.begin(tx, &r, which); err != nil {
			return err
		}
		for i := range letters {
			if err := e.replayOne(tx, &letters[i], r.ID); err != nil {
				return err
			}
			woken = append(woken, letters[i].Address)
		}
		return nil
	})
	if err == nil {
		e.wakeReplayed(woken)
	}
	return r, err
}

// replayOne makes one dead letter due again.
func (e *Engine) replayOne(tx store.Tx, letter *store.Post, replay int64) error {
	if err := e.tryAgain(tx, letter.Address); err != nil {
		return err
	}
	letter.Replay(e.Now())
	letter.ReplayID = replay
	return tx.SavePost(letter)
}

// replayListed is replayOne for a letter that was only listed, and returns it as
// it is now: store.ErrNotFound if it was told, dropped or replayed since. Its
// address is locked first, as whoever sends does.
func (e *Engine) replayListed(tx store.Tx, listed *store.Post, replay int64) (letter store.Post, err error) {
	if _, err := tx.Address(listed.Address); err != nil {
		return letter, err
	}
	if letter, err = deadLetter(tx, listed.ID); err != nil {
		return letter, err
	}
	if letter.State != store.Dead {
		return letter, store.ErrNotFound
	}
	return letter, e.replayOne(tx, &letter, replay)
}

func (e *Engine) wakeReplayed(addresses []string) {
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	e.deliver.Wake(addresses...)
	if slices.ContainsFunc(addresses, func(a string) bool { _, held := people.NameOf(a); return held }) {
		e.current.Load().seek()
	}
}

// StopReplay leaves dead what is not due again yet. store.ErrNotFound: there is
// no such replay, or nothing is left of it.
func (e *Engine) StopReplay(ctx context.Context, id int64, by group.Person, from string) error {
	return e.store.Update(ctx, func(tx store.Tx) error {
		r, err := tx.Replay(id)
		if err != nil {
			return err
		}
		if r.State != store.ReplayRunning {
			return store.ErrNotFound
		}
		r.State, r.EndedAt = store.ReplayStopped, e.Now()
		if err := tx.SaveReplay(&r); err != nil {
			return err
		}
		return tx.AddAudit(&store.Audit{
			At: r.EndedAt, Who: by.Name, ObjectID: by.ID, From: from, Action: actionStop, Target: Letters{Destination: r.Destination, Reason: r.Reason}.String(),
			Before: fmt.Sprintf("%d to be sent again", r.Total), After: fmt.Sprintf("stopped after %d", r.Replayed),
		})
	})
}

// runReplays works what Replay began, here or in a process that is gone.
func (e *Engine) runReplays(ctx context.Context) {
	for ctx.Err() == nil {
		pause := lookForReplays
		if err := e.workReplays(ctx); err != nil && ctx.Err() == nil {
			e.log.Error("Dead letters could not be sent again yet; trying again", "err", err)
			pause = notNow
		}
		select {
		case <-ctx.Done():
		case <-e.replay:
		case <-time.After(pause):
		}
	}
}

// workReplays brings all replays to their end. Another process may be at the
// same ones: each step locks the replay that it belongs to.
func (e *Engine) workReplays(ctx context.Context) error {
	var running []store.Replay
	err := e.store.View(ctx, func(tx store.Tx) (err error) {
		running, err = tx.RunningReplays()
		return err
	})
	if err != nil || len(running) == 0 {
		return err
	}
	if err := e.readdress(ctx); err != nil { // what is mended may be mended by another URL
		return err
	}
	for _, r := range running {
		for more := true; more; {
			if more, err = e.replaySome(ctx, r.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// replaySome makes the next dead letters of a replay due again, and says
// whether there are more.
func (e *Engine) replaySome(ctx context.Context, id int64) (more bool, err error) {
	var woken []string
	err = e.store.Update(ctx, func(tx store.Tx) error {
		more, woken = false, nil // it may run more than once
		r, err := tx.Replay(id)
		if err != nil || r.State != store.ReplayRunning {
			return err
		}
		letters, err := tx.ListPosts(store.PostFilter{
			DeadLetters: true, Destination: r.Destination, Reason: r.Reason, Before: r.Next, Limit: replayAtOnce,
		})
		if err != nil {
			return err
		}
		for i := range letters {
			listed := &letters[i]
			r.Next = listed.ID
			if listed.State != store.Dead {
				continue
			}
			if _, there := e.address(listed.Address); !there {
				r.Left++
				continue
			}
			switch letter, err := e.replayListed(tx, listed, r.ID); {
			case errors.Is(err, store.ErrNotFound):
			case err != nil:
				return err
			default:
				r.Replayed++
				woken = append(woken, letter.Address)
			}
		}
		if more = len(letters) == replayAtOnce; !more {
			r.State, r.EndedAt = store.ReplayDone, e.Now()
			r.Next = 0
		}
		return tx.SaveReplay(&r)
	})
	if err == nil {
		e.wakeReplayed(woken)
	}
	return more, err
}

// Drop removes dead letters for good, up to MaxNamed, and returns how many
// there were; the delivery log keeps their attempts. store.ErrNotFound: none of
// them is there.
func (e *Engine) Drop(ctx context.Context, ids []int64, by group.Person, from string) (dropped int, err error) {
	if len(ids) > MaxNamed {
		return 0, fmt.Errorf("%d dead letters were named, and %d can be", len(ids), MaxNamed)
	}
	which := Letters{IDs: slices.Compact(slices.Sorted(slices.Values(ids)))}
	err = e.store.Update(ctx, func(tx store.Tx) error {
		dropped = 0 // it may run more than once
		before := ""
		for _, id := range which.IDs {
			post, err := deadLetter(tx, id)
			switch {
			case errors.Is(err, store.ErrNotFound):
				continue
			case err != nil:
				return err
			}
			if err := tx.DeletePost(post.ID); err != nil {
				return err
			}
			before = fmt.Sprintf("%s for %s (%s)", post.Title, post.Destination, post.Reason)
			dropped++
		}
		if dropped == 0 {
			return store.ErrNotFound
		}
		if dropped > 1 {
			before = fmt.Sprintf("%d dead letters", dropped)
		}
		return tx.AddAudit(&store.Audit{
			At: e.Now(), Who: by.Name, ObjectID: by.ID, From: from, Action: actionDrop, Target: which.String(), Before: before,
		})
	})
	return dropped, err
}
