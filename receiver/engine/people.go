package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/intent"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Do carries out what somebody wants done (design D13): in one transaction the
// episode learns of it, its posts are raised and the audit has its line. What
// cannot be done because something has changed meanwhile is no error: the
// result says why, and how things are now.
//
// Errors: those of package command, and the store's.
func (e *Engine) Do(ctx context.Context, cmd command.Command) (command.Result, error) {
	if err := check(&cmd); err != nil {
		return command.Result{}, err
	}
	now, release := e.clock.Hold()
	defer release()
	if cmd.Verb == command.Silence && (cmd.Until.Before(now.Add(time.Minute-time.Second)) || cmd.Until.After(now.Add(command.MaxSilence+time.Minute))) {
		return command.Result{}, command.ErrUntil
	}
	var done after
	var result command.Result
	err := e.store.Update(ctx, func(tx store.Tx) (err error) {
		done, result = after{}, command.Result{}
		if cmd.Activity != "" {
			if result.Repeated, err = tx.Seen(cmd.Activity, now); err != nil {
				return err
			}
		}
		result, err = e.do(tx, cmd, result.Repeated, now, &done)
		return err
	})
	if err != nil {
		return command.Result{}, err
	}
	e.follow(done)
	return result, nil
}

// check refuses what can never be done.
func check(cmd *command.Command) error {
	cmd.Text = strings.TrimSpace(strings.ToValidUTF8(cmd.Text, "\uFFFD"))
	long := utf8.RuneCountInString(cmd.Text) > command.MaxText
	switch cmd.Verb {
	case command.Ack, command.Unack, command.Resolve, command.Reopen, command.Silence, command.Expire:
		if long {
			return command.ErrText
		}
	case command.Comment:
		if long || cmd.Text == "" {
			return command.ErrText
		}
	case command.Assign:
		if long || cmd.To.Name == "" {
			return command.ErrText
		}
	default:
		return command.ErrVerb
	}
	return nil
}

// do is Do inside its transaction.
func (e *Engine) do(tx store.Tx, cmd command.Command, repeated bool, now time.Time, done *after) (command.Result, error) {
	var g group.Group
	if cmd.Group != 0 {
		var err error
		if g, err = tx.Group(cmd.Group); err != nil {
			return command.Result{}, unknown(err)
		}
	}
	if repeated {
		return command.Result{Group: g, Repeated: true, Why: "This was done already."}, nil
	}
	switch {
	case cmd.Verb == command.Silence:
		return e.silence(tx, cmd, g, now, done)
	case cmd.Verb == command.Expire:
		return e.expire(tx, cmd, g, now, done)
	case g.ID == 0:
		return command.Result{}, command.ErrUnknown
	}
	return e.deed(tx, cmd, g, now, done)
}

// unknown is what a missing row means to who named it.
func unknown(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return command.ErrUnknown
	}
	return err
}

// deed does what concerns one episode and nobody else, except that the system
// which its alert came from may have to do it too.
func (e *Engine) deed(tx store.Tx, cmd command.Command, g group.Group, now time.Time, done *after) (command.Result, error) {
	fact := group.Fact{By: cmd.By, To: cmd.To, Text: cmd.Text, Of: cmd.Of}
	switch cmd.Verb {
	case command.Ack:
		fact.Deed = group.Acknowledged
	case command.Unack:
		fact.Deed = group.Unacknowledged
	case command.Assign:
		fact.Deed = group.Assigned
	case command.Comment:
		fact.Deed = group.Commented
	case command.Resolve:
		fact.Deed = group.AllResolved
	case command.Reopen:
		fact.Deed = group.Reopened
		latest, err := isLatest(tx, &g)
		if err != nil {
			return command.Result{}, err
		}
		if !latest {
			return refused(g, cmd.Verb, group.ErrOver), nil
		}
	}
	next, err := group.Do(g, fact, now)
	if err == nil && cmd.Verb == command.Resolve && asking(&g, cmd.Verb) != nil {
		err = group.ErrAlready
	}
	if err != nil { // then nobody is asked either
		return refused(g, cmd.Verb, err), nil
	}
	asked, err := e.ask(tx, cmd, g, now)
	if err != nil {
		return command.Result{}, err
	}
	if asked != nil {
		done.asked = true
		from := next
		if cmd.Verb == command.Resolve { // it is over once it is over there
			from = g
		}
		if next, err = group.Do(from, group.Fact{Deed: group.Asked, By: cmd.By, Wish: *asked}, now); err != nil {
			return command.Result{}, err
		}
	}
	result, err := e.did(tx, cmd, g, next, nil, command.Result{Done: true, Asked: asked != nil}, now, done)
	if cmd.Verb == command.Reopen && err == nil {
		done.reopened = append(done.reopened, result.Group)
	}
	return result, err
}

// isLatest says whether no later episode of the group has begun.
func isLatest(tx store.Tx, g *group.Group) (bool, error) {
	known, err := tx.Groups(g.Origin)
	if err != nil {
		return false, err
	}
	for i := range known {
		if known[i].ID == g.ID {
			return true, nil
		}
	}
	return false, nil
}

// asking is what a system was asked to do and has not answered yet; nil: it was
// not asked.
func asking(g *group.Group, verb string) *group.Wish {
	i := slices.IndexFunc(g.Wishes, func(w group.Wish) bool { return w.Verb == verb && w.State == group.WishAsked })
	if i < 0 {
		return nil
	}
	return &g.Wishes[i]
}

// ask has the system that an alert came from do the same, if its source says
// how; nil: there is nobody to ask.
func (e *Engine) ask(tx store.Tx, cmd command.Command, g group.Group, now time.Time) (*group.Wish, error) {
	text := cmd.Text
	switch cmd.Verb {
	case command.Resolve, command.Comment:
	case command.Assign:
		text = cmd.To.Name
	default:
		return nil, nil
	}
	made, err := e.intents.Add(tx, now, g.ID, cmd.Verb, cmd.By.Name, text)
	switch {
	case errors.Is(err, intent.ErrAction):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &group.Wish{
		Verb: cmd.Verb, ID: made.ID, By: cmd.By, At: now, Count: 1, System: made.Source, State: group.WishAsked,
	}, nil
}

// did stores what was done, with its line in the audit. sets are the matchers of
// a silence that it is about.
func (e *Engine) did(tx store.Tx, cmd command.Command, was, is group.Group, sets [][]string, r command.Result, now time.Time, done *after) (command.Result, error) {
	saved, err := e.advance(tx, is, was.ID, now, done)
	if err != nil {
		return command.Result{}, err
	}
	r.Group = saved
	return r, tx.AddAudit(&store.Audit{
		At: now, Who: cmd.By.Name, ObjectID: cmd.By.ID, Action: cmd.Verb, Target: saved.ShortID(), About: store.About(saved.Title(), sets), From: cmd.From,
		Before: condition(&was), After: outcome(&saved, cmd),
	})
}

// refused is the result of what could not be done because of how things are.
func refused(g group.Group, verb string, err error) command.Result {
	return command.Result{Group: g, Why: why(&g, verb, err)}
}

// why says for people why nothing was done.
func why(g *group.Group, verb string, err error) string {
	switch {
	case errors.Is(err, group.ErrAlready) && verb == command.Ack && g.Ack != nil:
		return "It is acknowledged already, by " + g.Ack.By.Name + "."
	case errors.Is(err, group.ErrAlready) && verb == command.Unack:
		return "Nobody has acknowledged it."
	case errors.Is(err, group.ErrAlready) && verb == command.Assign:
		return "It is assigned to " + g.Owner.To.Name + " already."
	case errors.Is(err, group.ErrAlready) && verb == command.Resolve && g.Phase != group.Over && asking(g, verb) != nil:
		w := asking(g, verb)
		return w.System + " was asked to resolve it already, by " + w.By.Name + "."
	case errors.Is(err, group.ErrAlready) && verb == command.Resolve && g.Closed != nil:
		return "It is resolved already, by " + g.Closed.By.Name + "."
	case errors.Is(err, group.ErrAlready) && verb == command.Resolve:
		return "It is resolved already."
	case errors.Is(err, group.ErrAlready) && verb == command.Reopen:
		return "It is open."
	case errors.Is(err, group.ErrOver) && verb == command.Reopen:
		return "It cannot be reopened: its alerts are over, or have fired anew since."
	case errors.Is(err, group.ErrOver):
		return "Nothing was done: the alert is over."
	case errors.Is(err, group.ErrStale):
		return "Nothing was done: somebody else was faster. This is how it is now."
	}
	return "Nothing was done: " + err.Error() + "."
}

// condition puts into a few words how an episode is, for the audit.
func condition(g *group.Group) string {
	if g.ID == 0 {
		return ""
	}
	words := []string{string(g.Phase)}
	switch {
	case g.Closed != nil:
		words[0] = "resolved by " + g.Closed.By.Name
	case g.Phase == group.Over:
		words[0] = "resolved"
	case g.Phase == group.Unheard:
		words[0] = "no news"
	default:
		words[0] = "firing"
	}
	if g.Ack != nil {
		words = append(words, "acknowledged by "+g.Ack.By.Name)
	}
	if g.Owner != nil {
		words = append(words, "assigned to "+g.Owner.To.Name)
	}
	if g.Silence != nil {
		words = append(words, fmt.Sprintf("silenced until %s by %s", g.Silence.Until.UTC().Format(time.RFC3339), g.Silence.By.Name))
	}
	return strings.Join(words, ", ")
}

// outcome is condition, and what cannot be seen in it.
func outcome(g *group.Group, cmd command.Command) string {
	words := condition(g)
	if len(g.Wishes) > 0 {
		if w := g.Wishes[len(g.Wishes)-1]; w.State == group.WishAsked && w.Verb == cmd.Verb {
			words += ", " + w.Verb + " asked of " + w.System
		}
	}
	if cmd.Text != "" {
		words += ": " + cmd.Text
	}
	return words
}
