package group

import (
	"errors"
	"slices"
	"time"
)

// Person is somebody who can be named: who pressed a button, typed a command
// or is to take care of something.
type Person struct {
	Name string `json:"n,omitempty"` // for people
	// ID is the Entra object id; of somebody who has none, what Teams calls them
	// ("29:…"). "" where nobody knows it.
	ID string `json:"i,omitempty"`
}

// Same says whether two persons are one.
func (p Person) Same(other Person) bool {
	if p.ID != "" && other.ID != "" {
		return p.ID == other.ID
	}
	return p.Name == other.Name
}

// Mark is something that somebody did and that still holds: an acknowledgement,
// an assignment, an end by hand.
type Mark struct {
	// ID names the mark within its episode, from 1: who takes something back
	// says what (design D13).
	ID int       `json:"i"`
	By Person    `json:"b"`
	To Person    `json:"t,omitzero"` // assigned to
	At time.Time `json:"a"`
}

// Silence keeps alerts quiet for a time.
type Silence struct {
	ID      int64     `json:"i"` // the store's number; its alert.ShortID is what people type
	By      Person    `json:"b"`
	Until   time.Time `json:"u"`
	Comment string    `json:"c,omitempty"`
	// Theirs: Alertmanager keeps it.
	Theirs bool `json:"t,omitempty"`
}

// Wish is something that another system has to do because somebody asked for
// it here: a silence in Alertmanager, a ticket to be resolved. Nothing claims
// to be so before that system has taken it.
type Wish struct {
	// Verb is silence, expire, resolve, assign or comment; with ID, the number
	// of the silence or intent in the store, it names the wish.
	Verb  string    `json:"v"`
	ID    int64     `json:"i"`
	By    Person    `json:"b"`
	At    time.Time `json:"a"`
	Until time.Time `json:"u,omitzero"` // of a silence
	// Count is how many alerts it concerns.
	Count int `json:"n,omitempty"`
	// System is who has to do it: "Alertmanager", or the event source.
	System string    `json:"s,omitempty"`
	State  WishState `json:"x"`
	// Reason says in words why it is not done yet, or never will be.
	Reason string `json:"r,omitempty"`
}

// WishState says how far a wish is.
type WishState string

// The states of a wish.
const (
	WishAsked   WishState = "asked"   // not done yet; with a Reason: it was tried
	WishGranted WishState = "granted" // the other system has taken it
	WishFailed  WishState = "failed"  // it was given up
)

// maxWishes is how many wishes an episode remembers.
const maxWishes = 5

// Fact is what somebody did about an episode.
type Fact struct {
	// Deed is Acknowledged, Unacknowledged, Assigned, Commented, AllResolved
	// (by hand), Reopened, or what became of a Wish: Asked, Granted, Failed.
	Deed Change
	By   Person
	To   Person // Assigned: who is to take care of it
	Text string // what they wrote, plain
	// Of is the mark that the deed takes back or replaces, as its doer saw it;
	// AnyMark: whichever there is. For Assigned 0 means that nobody had it.
	Of int
	// Wish is what was asked for, or what became of it.
	Wish Wish
}

// AnyMark is the Of of who names no mark: a typed command means what is so now.
const AnyMark = -1

// Why nothing was done.
var (
	// ErrAlready: it is so already, and by whom the group says.
	ErrAlready = errors.New("that is done already")
	// ErrStale: what the doer saw is not so any more.
	ErrStale = errors.New("this has changed since the card was shown")
	// ErrOver: the episode has ended.
	ErrOver = errors.New("the alert is over")
	// ErrOpen: it has not.
	ErrOpen = errors.New("the alert is not over")
)

// Do takes note of what somebody did. The group is as it was after an error.
func Do(g Group, f Fact, now time.Time) (Group, error) {
	next := g
	next.notLater(now)
	next.Facts++
	next.Here = true
	mark := &Mark{ID: next.Facts, By: f.By, To: f.To, At: now}
	names := func(m *Mark) bool { return f.Of == AnyMark || m.ID == f.Of }
	switch f.Deed {
	case Acknowledged:
		switch {
		case g.Phase == Over:
			return g, ErrOver
		case g.Ack != nil:
			return g, ErrAlready
		}
		next.Ack, next.Remind = mark, false
	case Unacknowledged:
		switch {
		case g.Ack == nil:
			return g, ErrAlready
		case !names(g.Ack):
			return g, ErrStale
		}
		next.Ack = nil
		next.alone(now)
	case Assigned:
		owner := 0
		if g.Owner != nil {
			owner = g.Owner.ID
		}
		switch {
		case g.Phase == Over:
			return g, ErrOver
		case g.Owner != nil && g.Owner.To.Same(f.To):
			return g, ErrAlready
		case f.Of != AnyMark && f.Of != owner:
			return g, ErrStale
		}
		next.Owner = mark
	case AllResolved:
		if g.Phase == Over {
			return g, ErrAlready
		}
		next.Closed = mark
	case Reopened:
		switch {
		case g.Closed == nil && g.Phase != Over:
			return g, ErrAlready
		case g.Closed == nil:
			return g, ErrOver
		case !names(g.Closed):
			return g, ErrStale
		case !g.anyFiring():
			return g, ErrOver
		}
		next.Closed, next.OverAt = nil, time.Time{}
	case Asked, Granted, Failed:
		if !next.wish(f.Wish) {
			return g, ErrAlready
		}
	}
	next.did(f, now)
	next.settle(now)
	next.DueAt = next.due(now)
	return next, nil
}

// did writes a deed into the story.
func (g *Group) did(f Fact, now time.Time) {
	switch f.Deed {
	case AllResolved: // it is a telling of its own, which writes the line
		g.Actor = cut(f.By.Name, maxTitle)
		if !g.ToldAt.IsZero() && g.endTold() { // the end of some was told, and nothing was known of the others
			g.addHistory(History{At: now, Change: AllResolved, Who: g.Actor, Told: g.Rev + 1})
			g.raise(Reworded)
		}
		return
	case Granted:
		g.raise(Reworded)
		return
	case Asked, Failed:
		if f.Wish.State == WishAsked && f.Wish.Reason != "" { // tried again
			g.raise(Reworded)
			return
		}
	}
	text := f.Text
	switch f.Deed {
	case Assigned:
		text = f.To.Name
	case Asked, Failed:
		text = f.Wish.Verb
	}
	g.record(&Event{Who: f.By.Name, Text: text}, f.Deed, now)
	g.History[len(g.History)-1].Here = true
	g.raise(f.Deed)
}

// raise makes a deed the one that is told, unless a more important one is.
func (g *Group) raise(deed Change) {
	if g.Deed == Nothing || slices.Index(deeds, deed) < slices.Index(deeds, g.Deed) {
		g.Deed = deed
	}
}

// wish keeps a wish, or what became of it; false: nothing has changed.
func (g *Group) wish(w Wish) bool {
	wishes := slices.Clone(g.Wishes)
	defer func() { g.Wishes = wishes }()
	i := slices.IndexFunc(wishes, func(o Wish) bool { return o.Verb == w.Verb && o.ID == w.ID })
	if i >= 0 {
		if wishes[i] == w {
			return false
		}
		wishes[i] = w
		return true
	}
	wishes = append(wishes, w)
	wishes = wishes[max(0, len(wishes)-maxWishes):]
	return true
}

// hush finds out whether all that fires is silenced, and by what: then nothing
// that happens to it is loud. The silence that ends first counts.
func (g *Group) hush(silenced func(*Member) (Silence, bool)) {
	g.Silence = nil
	if g.Phase == Over {
		return
	}
	if silenced == nil {
		g.unhushed()
		return
	}
	var first *Silence
	for i := range g.Alerts {
		m := &g.Alerts[i]
		if m.State == Resolved || m.Inhibited && m.Told == "" {
			continue
		}
		s, ok := silenced(m)
		if !ok {
			g.unhushed()
			return
		}
		if first == nil || s.Until.Before(first.Until) {
			first = &s
		}
	}
	if g.Silence = first; first == nil {
		g.unhushed()
	}
}

// wasSilenced says that all that came and went is silenced.
func (g *Group) wasSilenced(silenced func(*Member) (Silence, bool)) bool {
	return silenced != nil && !slices.ContainsFunc(g.Alerts, func(m Member) bool {
		_, ok := silenced(&m)
		return !ok && !m.Inhibited
	})
}

// unhushed has cards that say that the group is silenced say so no more. Where
// something fires that is news; where nobody knows whether it does it is not.
func (g *Group) unhushed() {
	if g.Phase == Unheard && g.ToldSilence != 0 {
		g.raise(Reworded)
	}
}

// HushChanges says that other silences keep all that fires quiet than when the
// group last looked, or until another time: then it wants a Tick. A group that
// nobody was told of waits for the end of the silence that it knows, and has to
// hear that it is another.
func (g *Group) HushChanges(silenced func(*Member) (Silence, bool)) bool {
	look := *g
	look.hush(silenced)
	switch was, is := g.Silence, look.Silence; {
	case was == nil || is == nil:
		return was != is || !g.ToldAt.IsZero() && is == nil && g.ToldSilence != 0
	default:
		return was.ID != is.ID || !was.Until.Equal(is.Until)
	}
}

// stillClosed says that news of a group that was ended by hand brings nothing
// that its end did not know of: the same alerts go on firing, or end.
func (g *Group) stillClosed(r Received) bool {
	if g.Closed == nil {
		return false
	}
	known := g.index()
	for i := range r.Alerts {
		a := &r.Alerts[i]
		if a.Status == "" || State(a.Status) != Firing {
			continue
		}
		j, ok := known[a.Fingerprint]
		if !ok || g.Alerts[j].State == Resolved || a.Labels != nil && a.Severity() > g.Alerts[j].Severity() {
			return false
		}
	}
	return true
}
