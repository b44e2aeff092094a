package engine

import (
	"container/heap"
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// active are the alerts that are posted again and again while they fire: when
// each ends if it is not sent again, and what it last said, so that a resend
// that changes nothing needs no transaction. It is only memory: after a start
// every alert has one resolve_timeout of grace.
type active struct {
	mu      sync.Mutex
	alerts  map[alert.Fingerprint]*activeAlert
	ends    endHeap
	inhibit *route.Inhibitor
	seed    maphash.Seed
	// busy are the alerts of which news is on its way to the store. Whoever
	// has more of them waits until it is free, so that this table and the
	// store hear of an alert in the same order.
	busy map[alert.Fingerprint]struct{}
	free *sync.Cond
	// shifted is by how much all ends were moved, with the clock. Whoever brings
	// a time that was read before has to move that too.
	shifted time.Duration
}

type activeAlert struct {
	fp      alert.Fingerprint
	said    uint64 // hash of what it last said
	stored  bool   // what it said is on disk
	until   time.Time
	seen    time.Time // when it was posted here last; zero: never
	known   time.Time // until when other replicas think that it goes on, at least
	origins []string  // the groups that it is in
	place   int       // in ends
}

// newsItem is a posted alert that says something new, with the open groups
// that it is in.
type newsItem struct {
	alert   ingest.Posted
	origins []string
	shifted time.Duration // as the table's when the alert's times were read
}

// remember reads what fires from the store, at the start and at a reload. The
// ends that are known already stay.
func (e *Engine) remember(ctx context.Context, c *compiled) error {
	t := e.active
	t.mu.Lock()
	defer t.mu.Unlock()
	now := e.Now() // no ends move from here on
	next := newActive(c.Routes.NewInhibitor())
	var after string
	err := e.store.View(ctx, func(tx store.Tx) (err error) {
		if after, err = tx.LastChange(); err != nil {
			return err
		}
		return tx.OpenGroups(func(g group.Group) error {
			if g.Spec.Ready {
				return nil
			}
			for i := range g.Alerts {
				m := &g.Alerts[i]
				if m.State != group.Firing {
					continue
				}
				until := now.Add(c.ResolveTimeout)
				old, ok := t.alerts[m.Fingerprint]
				if ok {
					until = old.until
				} else if m.EndsAt.After(until) { // its source said so, and may not say it again
					until = m.EndsAt
				}
				entry := next.adoptOne(m, g.Origin, until)
				if ok {
					entry.seen, entry.known = old.seen, old.known
				}
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("reading the open groups: %w", err)
	}
	t.alerts, t.ends, t.inhibit, t.seed = next.alerts, next.ends, next.inhibit, next.seed
	e.others.after, e.others.again = after, nil
	return nil
}

// adoptOne takes note of an alert of a group that fires, which ends at until
// unless that is known better.
func (t *active) adoptOne(m *group.Member, origin string, until time.Time) *activeAlert {
	entry, ok := t.alerts[m.Fingerprint]
	if !ok {
		entry = &activeAlert{fp: m.Fingerprint, until: until} // nobody knows what others think
		t.add(entry)
		t.inhibit.Add(m.Fingerprint, m.Labels)
	}
	if !slices.Contains(entry.origins, origin) {
		// A copy: news that is on its way holds the old ones.
		entry.origins = append(slices.Clone(entry.origins), origin)
	}
	return entry
}

// adopt takes note of what fires in a group that was reopened: the table may
// have been filled while that was over. until is when an alert ends that is not
// sent again, and of which no later end is known.
func (t *active) adopt(g *group.Group, until time.Time) {
	if g.Spec.Ready {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range g.Alerts {
		m := &g.Alerts[i]
		if m.State != group.Firing {
			continue
		}
		end := until
		if m.EndsAt.After(end) {
			end = m.EndsAt
		}
		t.adoptOne(m, g.Origin, end)
	}
}

// inhibitBy takes new inhibition rules that need not know what fires.
func (t *active) inhibitBy(rules *route.Inhibitor) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inhibit = rules
}

func newActive(inhibit *route.Inhibitor) *active {
	t := &active{
		alerts: make(map[alert.Fingerprint]*activeAlert), inhibit: inhibit, seed: maphash.MakeSeed(),
		busy: make(map[alert.Fingerprint]struct{}),
	}
	t.free = sync.NewCond(&t.mu)
	return t
}

func (t *active) add(entry *activeAlert) {
	t.alerts[entry.fp] = entry
	heap.Push(&t.ends, entry)
}

func (t *active) remove(entry *activeAlert) {
	delete(t.alerts, entry.fp)
	heap.Remove(&t.ends, entry.place)
	t.inhibit.Remove(entry.fp)
}

// news returns what has to be stored, and takes note of the rest; everything
// where trusted is false: what is remembered may not be true any more. shifted is
// shiftedBy of when their times were read. What it returns must go to learn or
// forget.
func (t *active) news(posted []ingest.Posted, shifted time.Duration, now time.Time, trusted bool) []newsItem {
	t.mu.Lock()
	defer t.mu.Unlock()
	for slices.ContainsFunc(posted, func(p ingest.Posted) bool { return t.isBusy(p.Fingerprint) }) {
		t.free.Wait()
	}
	var news []newsItem
	for _, p := range posted {
		p.Until = p.Until.Add(t.shifted - shifted)
		entry := t.alerts[p.Fingerprint]
		switch {
		case entry == nil && p.Status == alert.Resolved && trusted:
			continue // Prometheus tells an end for fifteen minutes
		case entry == nil:
			entry = &activeAlert{fp: p.Fingerprint, until: p.Until}
			t.add(entry)
		case trusted && entry.stored && p.Status == alert.Firing && entry.said == t.hash(&p.Alert):
			t.extend(entry, p.Until)
			entry.seen = now
			continue
		}
		t.busy[p.Fingerprint] = struct{}{}
		news = append(news, newsItem{alert: p, origins: entry.origins, shifted: t.shifted})
	}
	return news
}

func (t *active) isBusy(fp alert.Fingerprint) bool {
	_, busy := t.busy[fp]
	return busy
}

// release lets others bring news of these alerts.
func (t *active) release(news []newsItem) {
	for i := range news {
		delete(t.busy, news[i].alert.Fingerprint)
	}
	t.free.Broadcast()
}

func (t *active) extend(entry *activeAlert, until time.Time) {
	if !until.Equal(entry.until) {
		entry.until = until
		heap.Fix(&t.ends, entry.place)
	}
}

// extendAll has every alert end later. What others were told of it stays.
func (t *active) extendAll(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, entry := range t.ends { // the order stays
		entry.until = entry.until.Add(by)
	}
}

// learn takes note of what was stored. grace is how long others, who hear of an
// alert for the first time now, give it until they think that it has ended. Of one
// that they know they hear only what it says, not that it goes on.
func (t *active) learn(news []newsItem, now time.Time, grace time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.release(news)
	for _, n := range news {
		n.alert.Until = n.alert.Until.Add(t.shifted - n.shifted)
		entry := t.alerts[n.alert.Fingerprint]
		if entry == nil {
			if n.alert.Status == alert.Resolved {
				continue
			}
			entry = &activeAlert{fp: n.alert.Fingerprint, until: n.alert.Until}
			t.add(entry)
		}
		if n.alert.Status == alert.Resolved {
			t.remove(entry)
			continue
		}
		if anew := len(entry.origins) == 0; anew {
			if entry.known = now.Add(grace); n.alert.Until.Before(entry.known) {
				entry.known = n.alert.Until
			}
		}
		entry.stored = true
		entry.origins = n.origins
		entry.said = t.hash(&n.alert.Alert)
		t.extend(entry, n.alert.Until)
		entry.seen = now
		t.inhibit.Add(entry.fp, n.alert.Labels)
	}
}

// forget takes back what could not be stored.
func (t *active) forget(news []newsItem) {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.release(news)
	for _, n := range news {
		if entry := t.alerts[n.alert.Fingerprint]; entry != nil && !entry.stored && len(entry.origins) == 0 {
			t.remove(entry)
		}
	}
}

// expired returns, as resolved, up to limit alerts whose time is over, and
// when the next one's will be. What it returns must go to learn or forget.
func (t *active) expired(now time.Time, limit int) (news []newsItem, next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.ends) > 0 && len(news) < limit {
		entry := t.ends[0]
		until := entry.until
		if until.After(now) {
			return news, until
		}
		// Should storing the end fail, or news be on its way, it is looked at
		// again.
		entry.until = now.Add(expiryRetry)
		heap.Fix(&t.ends, 0)
		if t.isBusy(entry.fp) {
			continue
		}
		t.busy[entry.fp] = struct{}{}
		news = append(news, newsItem{
			alert: ingest.Posted{
				Alert: alert.Alert{Fingerprint: entry.fp, Status: alert.Resolved, EndsAt: until},
				Until: until,
			},
			origins: entry.origins, shifted: t.shifted,
		})
	}
	if len(t.ends) > 0 {
		next = t.ends[0].until
	}
	return news, next
}

// expiryRetry is when an end that could not be stored is tried again.
const expiryRetry = 10 * time.Second

func (t *active) inhibited(a *alert.Alert) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.inhibit.Inhibited(a.Labels)
}

// hash is of what an alert says, times of sending left out.
func (t *active) hash(a *alert.Alert) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	var sum uint64
	for name, value := range a.Annotations { // in any order
		h.Reset()
		_, _ = h.WriteString(name)
		_ = h.WriteByte(0)
		_, _ = h.WriteString(value)
		sum += h.Sum64()
	}
	h.Reset()
	_, _ = h.WriteString(a.GeneratorURL)
	_, _ = h.WriteString(a.StartsAt.UTC().Format(time.RFC3339Nano))
	return sum ^ h.Sum64()
}

// endHeap has the alert that ends first on top.
type endHeap []*activeAlert

func (h endHeap) Len() int           { return len(h) }
func (h endHeap) Less(i, j int) bool { return h[i].until.Before(h[j].until) }
func (h endHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *endHeap) Push(x any) {
	entry := x.(*activeAlert)
	entry.place = len(*h)
	*h = append(*h, entry)
}
func (h *endHeap) Pop() any {
	old := *h
	entry := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return entry
}
