package relay

import (
	"maps"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// grace is how long an alert that was on its way when the process ended fires
// unless the rules hand it on again: their resends come every minute.
const grace = 5 * time.Minute

// outbox is what is on its way. It only decides; whoever uses it stores what
// it says and holds a lock meanwhile.
type outbox struct {
	entries map[alert.Fingerprint]*entry
	changes uint64
}

// entry is one alert.
type entry struct {
	store.Relayed
	pending bool      // what it says now was not accepted yet
	resend  bool      // it fires, and the other side is to hear that it still does
	refused bool      // the other side can never take it
	until   time.Time // it ends then if the rules do not hand it on again
	change  uint64    // the latest
}

// letter is one alert as it is to be posted.
type letter struct {
	alert  alert.Alert
	change uint64 // of the entry when it was written
}

func newOutbox(rows []store.Relayed, now time.Time) *outbox {
	o := &outbox{entries: make(map[alert.Fingerprint]*entry, len(rows))}
	for _, row := range rows {
		o.put(&entry{Relayed: row, pending: true, until: now.Add(grace)})
	}
	return o
}

func (o *outbox) put(e *entry) {
	o.changes++
	e.change = o.changes
	o.entries[e.Alert.Fingerprint] = e
}

// news returns the entries that alerts make new, to be stored and then given
// to learn. What says nothing new is taken note of.
func (o *outbox) news(posted []ingest.Posted) []*entry {
	var news []*entry
	for _, p := range posted {
		old := o.entries[p.Fingerprint]
		if i := slices.IndexFunc(news, func(e *entry) bool { return e.Alert.Fingerprint == p.Fingerprint }); i >= 0 {
			old = news[i]
		}
		switch {
		case old == nil && p.Status == alert.Resolved:
			continue // its end was accepted, or nobody ever knew of it
		case old != nil && same(&old.Alert, &p.Alert):
			old.until, old.resend = p.Until, !old.refused
			continue
		}
		next := &entry{pending: true, until: p.Until}
		next.Alert = p.Alert
		next.Alert.Values, next.Alert.Chart = nil, nil // the API has no place for them
		// A new episode has to be told from its beginning: the other side may
		// have ended the one before by itself.
		next.Told = old != nil && old.Told && (p.Status == alert.Resolved || old.Alert.Status == alert.Firing)
		news = append(news, next)
	}
	return news
}

// learn takes over entries that were stored.
func (o *outbox) learn(news []*entry) {
	for _, e := range news {
		o.put(e)
	}
}

// same reports whether two alerts say the same, their ends left out while they
// fire.
func same(a, b *alert.Alert) bool {
	return a.Status == b.Status && a.StartsAt.Equal(b.StartsAt) && a.GeneratorURL == b.GeneratorURL &&
		(a.Status == alert.Firing || a.EndsAt.Equal(b.EndsAt)) && maps.Equal(a.Annotations, b.Annotations)
}

// forgotten returns, as resolved, the alerts that the rules have stopped to
// hand on: their rule is gone. They are to be stored and then given to learn.
func (o *outbox) forgotten(now time.Time) []*entry {
	var ended []*entry
	for _, e := range o.entries {
		if e.Alert.Status == alert.Firing && now.After(e.until) {
			next := &entry{Relayed: e.Relayed, pending: true}
			next.Alert.Status, next.Alert.EndsAt = alert.Resolved, now
			ended = append(ended, next)
		}
	}
	return ended
}

// shift moves all ends by the same time.
func (o *outbox) shift(by time.Duration) {
	for _, e := range o.entries {
		e.until = e.until.Add(by)
	}
}

// letters returns up to limit alerts to post now, what is new before what
// still fires. ahead is how far the end of those that fire lies.
func (o *outbox) letters(now time.Time, ahead time.Duration, limit int) []letter {
	var letters, again []letter
	for _, e := range o.entries {
		a := e.Alert
		if a.Status == alert.Firing || !e.Told {
			a.Status, a.EndsAt = alert.Firing, now.Add(ahead)
		}
		switch l := (letter{a, e.change}); {
		case e.pending:
			letters = append(letters, l)
		case e.resend:
			again = append(again, l)
		}
		if len(letters) == limit {
			return letters
		}
	}
	letters = append(letters, again...)
	return letters[:min(limit, len(letters))]
}

// outcome is what follows from letters that came to their end: rows to store,
// and fingerprints to delete. It changes nothing before settle.
type outcome struct {
	save   []store.Relayed
	remove []alert.Fingerprint
	settle func()
}

// accepted says what follows when letters were accepted, or refused for ever.
func (o *outbox) accepted(letters []letter, refused bool) outcome {
	var out outcome
	var after []func()
	for _, l := range letters {
		e, known := o.entries[l.alert.Fingerprint]
		if !known {
			continue
		}
		unchanged := e.change == l.change
		switch {
		case l.alert.Status == alert.Resolved && unchanged:
			out.remove = append(out.remove, l.alert.Fingerprint)
			after = append(after, func() { delete(o.entries, l.alert.Fingerprint) })
			continue
		case l.alert.Status == alert.Resolved:
			continue // it fires again
		case !e.Told:
			told := e.Relayed
			told.Told = true
			out.save = append(out.save, told)
		}
		after = append(after, func() {
			e.Told, e.resend = true, false
			if unchanged {
				e.refused = refused
				e.pending = e.Alert.Status == alert.Resolved
			}
		})
	}
	out.settle = func() {
		for _, f := range after {
			f()
		}
	}
	return out
}

// waiting is how many alerts have something to say that was not accepted.
func (o *outbox) waiting() int {
	n := 0
	for _, e := range o.entries {
		if e.pending {
			n++
		}
	}
	return n
}
