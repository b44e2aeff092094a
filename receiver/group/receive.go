package group

import (
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// Received is news from a source about alerts of one group.
type Received struct {
	// Spec is used if an episode begins with this news.
	Spec Spec
	// Alerts without labels are ends without words: only fingerprint, status
	// and EndsAt count.
	Alerts []alert.Alert
	// Snapshot: Alerts is all that the source tells of the group now, and a
	// firing alert that is not among them becomes unseen.
	Snapshot bool
	// Repeats: the source does not say that this body is anything but a
	// repetition, so it may be a reminder if it brings nothing new.
	Repeats bool
	// Truncated is how many alerts the source left out; nothing becomes
	// unseen then.
	Truncated int
	Sender    SenderDetails
	// Event is set if the news is an event about the one alert in Alerts.
	Event *Event
}

// Event is what an event says beyond what fires.
type Event struct {
	// Deed is what somebody did: Commented, Assigned, or Nothing. That an
	// alert is updated is seen by itself.
	Deed Change
	// Who did it, as a name for people; what they wrote, as plain text.
	Who, Text string
	// ID tells a repeated event from a new one; 0: it cannot be told.
	ID uint64
	// Expires is how long a story is open without news; 0: for ever. It is
	// part of the episode's Spec.
	Expires time.Duration
}

// reminderAge is how old the last telling must be for a repeated body to be a
// reminder: the other of two Alertmanagers repeats within seconds or a few
// minutes, and no sensible repeat_interval is shorter (design D3).
const reminderAge = 10 * time.Minute

// Receive takes note of news. It reports false, and the group is as it was, if
// the news brought nothing that has to be remembered.
func Receive(g Group, r Received, now time.Time) (Group, bool) {
	if r.Event != nil && r.Event.ID != 0 && slices.Contains(g.Events, r.Event.ID) {
		return g, false
	}
	closed := g.stillClosed(r)
	if g.Phase == "" || g.Phase == Over && !closed && !g.endWaits() && !g.postscript(r) {
		return begin(g, r, now)
	}
	next := g
	if !closed {
		next.Closed = nil
	}
	next.Alerts = slices.Clone(g.Alerts)
	next.notLater(now)
	before := next.Alerts // merge gives those that change a new place
	if r.Event != nil {
		next.Alerts = slices.Clone(next.Alerts)
	}
	changed := next.merge(r, now)
	if r.Event != nil && next.happened(r, before, now) {
		changed = true
	}
	if r.Snapshot && r.Truncated == 0 && next.missing(r.Alerts) {
		changed = true
	}
	if changed && g.Deed == Nothing && next.Deed == Reworded && next.reminds(g, r, now) {
		next.Deed, next.Remind = Nothing, true // it reads otherwise, but what matters is that it goes on
	}
	if !changed {
		if g.Spec.Ready && r.Repeats && g.Phase == Open && !g.ToldAt.IsZero() && now.Sub(g.ToldAt) > reminderAge {
			next.Remind = true // with the latest words of every alert
		} else if r.Event != nil && g.Spec.Expires > 0 && now.Sub(g.HeardAt) > g.Spec.Expires/4 {
			next.HeardAt = now // the same again, but the story is alive
			next.DueAt = next.due(now)
			return next, true
		} else if !g.Spec.Ready && next.reworded {
			next.reworded = false
			next.HeardAt = now
			return next, true
		} else {
			return g, false
		}
	}
	next.reworded = false
	next.HeardAt = now
	next.Truncated = r.Truncated
	next.Sender = r.Sender
	next.settle(now)
	next.DueAt = next.due(now)
	return next, true
}

// begin starts an episode, if the news is worth one.
func begin(last Group, r Received, now time.Time) (Group, bool) {
	next := Group{
		Key: last.Key, Origin: last.Origin, Episode: last.Episode + 1, Before: last.ID,
		Phase: Gathering, Spec: r.Spec, Sender: r.Sender, Truncated: r.Truncated,
		OpenedAt: now, HeardAt: now, Events: last.Events,
	}
	deed := Nothing
	if r.Event != nil {
		deed, next.Spec.Expires = r.Event.Deed, r.Event.Expires
	}
	heard := last // unchanged, should the news be worth nothing
	last.notLater(now)
	known := last.index()
	firing := false
	here := make(map[alert.Fingerprint]int, len(r.Alerts))
	for _, a := range r.Alerts {
		if i, twice := here[a.Fingerprint]; twice {
			next.Alerts[i] = join(a, now) // the last word counts
			continue
		}
		if a.Status == alert.Firing {
			firing = true
		} else if _, ok := known[a.Fingerprint]; (ok || last.Forgotten > 0) && deed == Nothing && (r.Event != nil || !a.StartsAt.After(last.OverAt)) {
			continue // the end of the last episode, told again
		} else if !r.Spec.Ready {
			continue // the end of something that we never heard of, and nobody was told
		}
		here[a.Fingerprint] = len(next.Alerts)
		next.Alerts = append(next.Alerts, join(a, now))
	}
	if len(next.Alerts) == 0 {
		return heard, false
	}
	if firing && !r.Spec.Ready && !last.ToldAt.IsZero() {
		next.NotBefore = last.ToldAt.Add(r.Spec.Timing.Interval)
	}
	if r.Event != nil {
		next.record(r.Event, deed, now)
		if !firing { // else it is the news that it fires
			next.Deed = deed
		}
	}
	next.settle(now)
	next.DueAt = next.due(now)
	return next, true
}

// join makes a member of an alert. Senders that give no times get ours.
func join(a alert.Alert, now time.Time) Member {
	if a.StartsAt.IsZero() {
		a.StartsAt = now
	}
	return Member{Alert: a, State: State(a.Status), SeenAt: now}
}

// merge brings the members up to date and reports whether the state of any
// changed.
func (g *Group) merge(r Received, now time.Time) (changed bool) {
	known := g.index()
	for _, a := range r.Alerts {
		i, ok := known[a.Fingerprint]
		if !ok {
			if a.Status == alert.Resolved && (!g.Spec.Ready || g.Forgotten > 0) {
				continue // never told to fire, or told, counted and forgotten
			}
			known[a.Fingerprint] = len(g.Alerts)
			g.Alerts = append(g.Alerts, join(a, now))
			changed = true
			continue
		}
		m := &g.Alerts[i]
		if m.State == Resolved && a.Status == alert.Resolved {
			if r.Event != nil && r.Event.Deed != Nothing { // it reads otherwise now
				a.StartsAt, a.EndsAt = m.StartsAt, m.EndsAt
				m.Alert = a
			}
			continue
		}
		if a.Labels == nil { // an end without words
			ended := m.Alert
			ended.Status, ended.EndsAt = a.Status, a.EndsAt
			a = ended
		}
		if a.StartsAt.IsZero() || r.Event != nil && m.State != Resolved {
			a.StartsAt = m.StartsAt // an event's time is its own, not the story's
		}
		if m.State != State(a.Status) {
			m.State = State(a.Status)
			if m.Told != "" { // who was told of it must hear how it goes on
				m.Inhibited = false
			}
			changed = true
		}
		if !sameWords(&m.Alert, &a) {
			g.reworded = true
		}
		m.Alert = a
		m.SeenAt = now
	}
	return changed
}

// sameWords says whether two reports of one alert read the same. Times of
// senders differ without meaning anything.
func sameWords(a, b *alert.Alert) bool {
	if len(a.Annotations) != len(b.Annotations) || a.GeneratorURL != b.GeneratorURL || !a.StartsAt.Equal(b.StartsAt) {
		return false
	}
	for name, value := range a.Annotations {
		if other, ok := b.Annotations[name]; !ok || other != value {
			return false
		}
	}
	return true
}

// missing makes the firing members that are not in the snapshot unseen.
func (g *Group) missing(snapshot []alert.Alert) (changed bool) {
	present := make(map[alert.Fingerprint]struct{}, len(snapshot))
	for i := range snapshot {
		present[snapshot[i].Fingerprint] = struct{}{}
	}
	for i := range g.Alerts {
		m := &g.Alerts[i]
		if m.State != Firing {
			continue
		}
		if _, ok := present[m.Fingerprint]; !ok {
			m.State = Unseen
			changed = true
		}
	}
	return changed
}

// settle puts the group into the phase that its alerts say.
func (g *Group) settle(now time.Time) {
	firing, _, unseen := g.Counts()
	if g.Closed != nil {
		firing, unseen = 0, 0
	}
	switch {
	case firing > 0 && g.ToldAt.IsZero():
		g.Phase = Gathering
	case firing > 0:
		g.Phase = Open
	case unseen > 0:
		g.Phase = Unheard
	case g.Phase != Over:
		g.Phase = Over
		g.OverAt = now
	}
	g.Remind = g.Remind && g.Phase == Open && !g.calm()
}

// endWaits says that a group is over and that those who were told of it have
// not heard so yet, because the route is muted. Until they have, the episode
// can go on.
func (g *Group) endWaits() bool {
	change, _ := g.change()
	return g.Phase == Over && !g.ToldAt.IsZero() && change != Nothing
}

// notLater takes back times that lie ahead: the clock was set back since, and
// to wait for them would be silence.
func (g *Group) notLater(now time.Time) {
	for _, t := range []*time.Time{&g.OpenedAt, &g.ToldAt, &g.MessageAt, &g.FirstToldAt, &g.OverAt, &g.HeardAt, &g.Alone} {
		if t.After(now) {
			*t = now
		}
	}
}

func (g *Group) index() map[alert.Fingerprint]int {
	index := make(map[alert.Fingerprint]int, len(g.Alerts))
	for i := range g.Alerts {
		index[g.Alerts[i].Fingerprint] = i
	}
	return index
}
