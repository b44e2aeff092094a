package engine

import (
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// sync takes over what another replica has stored of a group. It says that news
// of one of its alerts is on its way to the store: then the group is to be looked
// at again.
func (t *active) sync(g *group.Group, now time.Time, grace time.Duration) (again bool) {
	if g.Spec.Ready {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range g.Alerts {
		m := &g.Alerts[i]
		if t.isBusy(m.Fingerprint) {
			again = true
			continue
		}
		if m.State == group.Firing && g.Phase != group.Over {
			until := now.Add(grace)
			if m.EndsAt.After(until) {
				until = m.EndsAt
			}
			entry := t.adoptOne(m, g.Origin, until)
			entry.said, entry.stored = t.hash(&m.Alert), true
			continue
		}
		entry := t.alerts[m.Fingerprint]
		if entry == nil || !slices.Contains(entry.origins, g.Origin) {
			continue
		}
		entry.origins = slices.DeleteFunc(slices.Clone(entry.origins), func(origin string) bool { return origin == g.Origin })
		if len(entry.origins) == 0 {
			t.remove(entry)
		}
	}
	return again
}

// strange says that something is posted which may mean something else to who
// knows what other replicas have stored: an end of what never fired here, or,
// where alerts inhibit each other, anything new.
func (t *active) strange(posted []ingest.Posted, inhibits bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(posted, func(p ingest.Posted) bool {
		entry := t.alerts[p.Fingerprint]
		if p.Status == alert.Resolved {
			return entry == nil
		}
		return inhibits && (entry == nil || entry.said != t.hash(&p.Alert))
	})
}

// sightings are the alerts that were posted here again, and that others think to
// end before a time, up to limit of them.
func (t *active) sightings(before time.Time, limit int) (seen []store.Sighting, more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, entry := range t.ends {
		if entry.seen.IsZero() || !entry.until.After(entry.known) || !entry.known.Before(before) {
			continue
		}
		if len(seen) == limit {
			return seen, true
		}
		seen = append(seen, store.Sighting{Fingerprint: entry.fp, At: entry.seen, Until: entry.until})
	}
	return seen, false
}

// sighted takes note of sightings that are stored.
func (t *active) sighted(all []store.Sighting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range all {
		if entry := t.alerts[s.Fingerprint]; entry != nil && entry.known.Before(s.Until) {
			entry.known = s.Until
		}
	}
}

// goOn has the alerts that another replica has seen later go on, and returns the
// others.
func (t *active) goOn(news []newsItem, seen []store.Sighting) []newsItem {
	t.mu.Lock()
	defer t.mu.Unlock()
	later := make(map[alert.Fingerprint]store.Sighting, len(seen))
	for _, s := range seen {
		later[s.Fingerprint] = s
	}
	var on, over []newsItem
	for _, n := range news {
		s, ok := later[n.alert.Fingerprint]
		entry := t.alerts[n.alert.Fingerprint]
		if !ok || entry == nil || !s.At.After(entry.seen) || !s.Until.After(n.alert.Until) {
			over = append(over, n)
			continue
		}
		on = append(on, n)
		t.extend(entry, s.Until)
		entry.known = s.Until
	}
	t.release(on)
	return over
}
