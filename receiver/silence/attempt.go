package silence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// outcome is what came of one attempt.
type outcome struct {
	kind   string
	reason string   // in words, "" when it is done
	ids    []string // Alertmanager's names of what is there now; nil: nothing new is known
}

// The kinds of outcomes.
const (
	done        = "done"
	unreached   = "unreached"   // no Alertmanager answered as it should
	refused     = "refused"     // another attempt would bring nothing
	interrupted = "interrupted" // we were stopped in the middle
)

// errNone says that there is nobody to ask.
var errNone = errors.New("the configuration names no Alertmanager any more; name it under alertmanagers")

// attempt makes or ends a silence. sender is the Alertmanager that the alerts
// came from, as it calls itself.
func (w *Worker) attempt(ctx context.Context, s *store.Silence, sender string) outcome {
	all := preferred(w.Alertmanagers(), sender)
	if len(all) == 0 {
		return outcome{kind: unreached, reason: errNone.Error()}
	}
	if s.State == store.SilenceEnding {
		return endIn(ctx, all, s)
	}
	o := makeIn(ctx, all, s)
	if o.kind == refused || o.kind == unreached && s.Attempts+1 >= giveUpAfter {
		// What was made of it is not to stay behind. If it does, it ends at
		// its time.
		_ = endIn(ctx, all, s)
	}
	return o
}

// preferred is all, that first which sent the alerts.
func preferred(all []*Alertmanager, sender string) []*Alertmanager {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b *Alertmanager) int {
		switch {
		case a.is(sender) && !b.is(sender):
			return -1
		case b.is(sender) && !a.is(sender):
			return 1
		}
		return 0
	})
	return all
}

// makeIn makes a silence in the first Alertmanager that answers; the others
// hear of it from that one.
func makeIn(ctx context.Context, all []*Alertmanager, s *store.Silence) outcome {
	o := outcome{kind: unreached}
	for _, a := range all {
		ids, err := a.makeAll(ctx, s)
		if len(ids) > 0 {
			o.ids = ids
		}
		var p *problem
		switch {
		case err == nil:
			return outcome{kind: done, ids: ids}
		case ctx.Err() != nil:
			return outcome{kind: interrupted, ids: o.ids}
		case errors.As(err, &p) && p.refused:
			return outcome{kind: refused, reason: err.Error(), ids: o.ids}
		case o.reason == "":
			o.reason = err.Error()
		}
	}
	return o
}

// makeAll makes what is missing of a silence and returns the names of all
// that is there.
func (a *Alertmanager) makeAll(ctx context.Context, s *store.Silence) (ids []string, err error) {
	there, err := a.marked(ctx, s)
	if err != nil {
		return nil, err
	}
	made := false
	for _, lines := range s.Sets {
		matchers, err := read(lines)
		if err != nil {
			return ids, &problem{words: "its matchers cannot be read", refused: true}
		}
		if id, ok := there[key(matchers)]; ok {
			ids = append(ids, id)
			continue
		}
		if ctx.Err() != nil { // we are to stop; a request that has begun is let end
			return ids, ctx.Err()
		}
		id, err := a.make(context.WithoutCancel(ctx), matchers, creator(s), comment(s), s.StartsAt, s.EndsAt)
		if err != nil {
			return ids, err
		}
		ids, made = append(ids, id), true
	}
	if !made {
		return ids, nil
	}
	if there, err = a.marked(ctx, s); err != nil {
		return ids, err
	}
	for _, lines := range s.Sets {
		if matchers, _ := read(lines); there[key(matchers)] == "" {
			return ids, &problem{words: fmt.Sprintf("Alertmanager at %s does not have the silence that it has taken", a.base.Host)}
		}
	}
	return ids, nil
}

// marked are the silences of an Alertmanager that were made for this one, by
// the key of their matchers.
func (a *Alertmanager) marked(ctx context.Context, s *store.Silence) (map[string]string, error) {
	all, err := a.silences(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	there := make(map[string]string)
	for _, k := range all {
		if strings.HasSuffix(k.comment, mark(s)) {
			there[k.matchers] = k.id
		}
	}
	return there, nil
}

// endIn ends a silence in every Alertmanager that answers. It has ended when
// one of them had it, which tells the others, or when nobody has it.
func endIn(ctx context.Context, all []*Alertmanager, s *store.Silence) outcome {
	o := outcome{kind: unreached}
	answered, ended := 0, 0
	for _, a := range all {
		if ctx.Err() != nil {
			return outcome{kind: interrupted}
		}
		n, err := a.endAll(context.WithoutCancel(ctx), s)
		if err != nil {
			if o.reason == "" {
				o.reason = err.Error()
			}
			continue
		}
		answered++
		ended += n
	}
	if ended > 0 || answered == len(all) {
		return outcome{kind: done}
	}
	return o
}

// endAll ends what an Alertmanager has of a silence, and returns how much it
// was. Who edits one there gets another name for it, and the mark stays.
func (a *Alertmanager) endAll(ctx context.Context, s *store.Silence) (ended int, err error) {
	all, err := a.silences(ctx)
	if err != nil {
		return 0, err
	}
	for _, k := range all {
		if !strings.HasSuffix(k.comment, mark(s)) && !slices.Contains(s.TheirIDs, k.id) {
			continue
		}
		if err := a.end(ctx, k.id); err != nil {
			return 0, err
		}
		ended++
	}
	return ended, nil
}

// creator is who Alertmanager says has made a silence.
func creator(s *store.Silence) string {
	if s.By.Name == "" {
		return "teamsrelay"
	}
	return s.By.Name
}

// comment is what Alertmanager's users read: what somebody wrote, who and
// where they are, and our mark.
func comment(s *store.Silence) string {
	words := "asked for by " + creator(s)
	if s.From != "" {
		words += ", " + s.From
	}
	if s.Comment != "" {
		words = s.Comment + " – " + words
	}
	return words + " " + mark(s)
}

// mark ends the comment of what was made for a silence, and of nothing else.
func mark(s *store.Silence) string {
	return fmt.Sprintf("(teamsrelay %s, %s)", alert.ShortID(s.ID), s.StartsAt.UTC().Format(time.RFC3339))
}

// key tells sets of matchers apart, in whichever order they stand.
func key(all labels.Matchers) string {
	lines := make([]string, len(all))
	for i, m := range all {
		lines[i] = m.String()
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
