package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Snapshot takes what a source says of one of its own groups. When it returns
// nil, everything that follows from it is on disk.
//
// Each alert goes through its own routes, so the source's group can become
// several of ours; an alert that is part of an open episode stays where it is.
func (e *Engine) Snapshot(ctx context.Context, s ingest.Snapshot) error {
	taken := len(s.Alerts)
	if s.Alerts = e.withoutHeartbeats(&s); len(s.Alerts) == 0 {
		e.metrics.received.WithLabelValues(s.Source).Add(float64(taken))
		return nil
	}
	now, release := e.clock.Hold()
	defer release()
	var done after
	unchanged := 0
	err := e.store.Update(ctx, func(tx store.Tx) error {
		done, unchanged = after{}, 0
		c := e.current.Load()
		known, err := tx.Groups(s.Origin)
		if err != nil {
			return err
		}
		// Who has hung up will say how it is by then. What lay in a process that
		// stood still may be older than what another replica has taken since. An
		// event is news however old it is, and not everybody sends it again.
		if err := ctx.Err(); err != nil && s.Event == nil {
			return err
		}
		s := s
		s.Alerts = goOn(known, s)
		for _, p := range c.assign(known, s) {
			next, changed := group.Receive(p.group, group.Received{
				Spec: p.spec, Alerts: p.alerts,
				Snapshot: s.Complete, Repeats: s.Repeats, Truncated: s.Truncated, Sender: s.Sender,
				Event: s.Event,
			}, now)
			if !changed {
				unchanged += len(p.alerts)
				continue
			}
			if err := e.save(tx, next, p.group.ID, now, &done); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	e.metrics.received.WithLabelValues(s.Source).Add(float64(taken))
	e.decisions.unchanged.WithLabelValues(s.Source).Add(float64(unchanged))
	e.follow(done)
	return nil
}

// part is what one of our groups gets of a snapshot.
type part struct {
	group  group.Group
	spec   group.Spec
	alerts []alert.Alert
}

// assign divides a snapshot among the groups of its origin.
func (c *compiled) assign(known []group.Group, s ingest.Snapshot) []part {
	parts := make([]part, len(known), len(known)+1)
	byKey := make(map[string]int, len(known)+1)
	members := make([]map[alert.Fingerprint]struct{}, len(known)) // of those that are open
	for i, g := range known {
		parts[i] = part{group: g, spec: g.Spec}
		byKey[g.Key] = i
		if g.Phase != group.Over {
			members[i] = fingerprints(&g)
		}
	}
	for _, a := range s.Alerts {
		member, escalates := false, false
		for i := range members {
			if _, here := members[i][a.Fingerprint]; here {
				parts[i].alerts = append(parts[i].alerts, a)
				member = true
				escalates = escalates || s.Event != nil && worse(&parts[i].group, a)
			}
		}
		if member && !escalates {
			continue
		}
		for _, node := range c.nodes(s.Destination, a.Labels) {
			key := node.Key(s.Origin, a.Fingerprint)
			i, ok := byKey[key]
			if ok && i < len(members) && has(members[i], a.Fingerprint) {
				continue // it is there already
			}
			if !ok {
				i = len(parts)
				byKey[key] = i
				parts = append(parts, part{group: group.Group{Key: key, Origin: s.Origin}})
			}
			parts[i].spec = node.Spec(s.Source, true, s.GroupLabels)
			parts[i].alerts = append(parts[i].alerts, a)
		}
	}
	return parts
}

// worse says whether an event makes more of its alert than the group knew, or
// whether the group's route tells nobody: then the routes are asked anew, for
// others than those who know it already.
func worse(g *group.Group, a alert.Alert) bool {
	if len(g.Spec.Targets) == 0 {
		return true
	}
	for i := range g.Alerts {
		if m := &g.Alerts[i]; m.Fingerprint == a.Fingerprint {
			return a.Severity() > m.Severity()
		}
	}
	return false
}

func has(set map[alert.Fingerprint]struct{}, fp alert.Fingerprint) bool {
	_, ok := set[fp]
	return ok
}

// nodes are the routes of an alert: those that match, or the one straight to
// the destination that the source named.
func (c *compiled) nodes(destination string, labels map[string]string) []*route.Node {
	if destination != "" {
		if node, ok := c.Routes.To(destination); ok {
			return []*route.Node{node}
		}
		if _, added := c.destination(destination); added {
			return []*route.Node{c.Routes.ToAdded(destination)}
		}
	}
	return c.Routes.Match(labels)
}

func fingerprints(g *group.Group) map[alert.Fingerprint]struct{} {
	set := make(map[alert.Fingerprint]struct{}, len(g.Alerts))
	for i := range g.Alerts {
		set[g.Alerts[i].Fingerprint] = struct{}{}
	}
	return set
}

// Posted takes alerts that we group ourselves, as read reads them at a time. When
// it returns nil, everything that follows from them is on disk. Alerts that only
// say that they still fire cost no transaction.
func (e *Engine) Posted(ctx context.Context, read func(now time.Time) []ingest.Posted) error {
	// The clock may be set while a long body is read: its alerts move with it.
	now, release := e.clock.Hold()
	shifted := e.active.shiftedBy()
	release()
	return e.receive(ctx, read(now), shifted, sourceAPI, nil)
}

// decided is Posted for what our own rules decided, which do not decide while
// the clock moves; also runs in the same transaction, if it is not nil.
func (e *Engine) decided(ctx context.Context, posted []ingest.Posted, also func(store.Tx) error) error {
	return e.receive(ctx, posted, e.active.shiftedBy(), sourceRules, also)
}

func (e *Engine) receive(ctx context.Context, posted []ingest.Posted, shifted time.Duration, source string, also func(store.Tx) error) error {
	taken := len(posted)
	posted = e.postedWithoutHeartbeats(posted, source)
	if e.shared() && e.active.strange(posted, e.current.Load().Routes.Inhibits()) {
		if err := e.catchUp(ctx); err != nil {
			return err
		}
	}
	news := e.active.news(posted, shifted, e.Now(), e.trusts())
	if len(news) > 0 || also != nil {
		if err := e.posted(ctx, news, source, also); err != nil {
			return err
		}
	}
	e.metrics.received.WithLabelValues(source).Add(float64(taken))
	e.decisions.unchanged.WithLabelValues(source).Add(float64(len(posted) - len(news)))
	return nil
}

// posted stores news of alerts that we group ourselves, and what else belongs
// into the same transaction.
func (e *Engine) posted(ctx context.Context, news []newsItem, source string, also func(store.Tx) error) error {
	now, release := e.clock.Hold()
	defer release()
	c := e.current.Load()
	var done after
	work := func(parts []*part) func(store.Tx) error {
		return func(tx store.Tx) error {
			done = after{}
			for _, p := range parts {
				if err := e.receivePart(tx, *p, now, &done); err != nil {
					return err
				}
			}
			if err := ctx.Err(); err != nil && source == sourceAPI { // as in Snapshot
				return err
			}
			if also != nil {
				return also(tx)
			}
			return nil
		}
	}
	err := e.store.Update(ctx, work(c.collect(news, source)))
	for gone := (episodeGone{}); errors.As(err, &gone); {
		for i := range news { // only these: others stay where people were told of them
			if slices.Contains(news[i].origins, gone.origin) {
				news[i].origins = nil
			}
		}
		err = e.store.Update(ctx, work(c.collect(news, source)))
	}
	if err != nil {
		e.active.forget(news)
		return err
	}
	e.active.learn(news, e.Now(), c.ResolveTimeout)
	e.follow(done)
	return nil
}

// episodeGone: an alert was part of an episode that is not open any more, so
// it has to be routed anew.
type episodeGone struct{ origin string }

func (episodeGone) Error() string { return "the episode is not open any more" }

// receivePart applies the news of one group.
func (e *Engine) receivePart(tx store.Tx, p part, now time.Time, done *after) error {
	known, err := tx.Groups(p.group.Origin)
	if err != nil {
		return err
	}
	if len(known) > 0 {
		p.group = known[0]
	}
	if p.spec.Route == "" {
		if open := p.group.Phase != "" && p.group.Phase != group.Over; !open && firing(p.alerts) {
			return episodeGone{p.group.Origin}
		}
		p.spec = p.group.Spec
	}
	next, changed := group.Receive(p.group, group.Received{Spec: p.spec, Alerts: p.alerts}, now)
	if !changed {
		return nil
	}
	return e.save(tx, next, p.group.ID, now, done)
}

func firing(alerts []alert.Alert) bool {
	return slices.ContainsFunc(alerts, func(a alert.Alert) bool { return a.Status == alert.Firing })
}

// collect divides alerts among the groups that we make of them.
func (c *compiled) collect(news []newsItem, source string) []*part {
	var parts []*part
	byOrigin := make(map[string]*part)
	at := func(origin string) *part {
		p, ok := byOrigin[origin]
		if !ok {
			p = &part{group: group.Group{Key: origin, Origin: origin}}
			byOrigin[origin] = p
			parts = append(parts, p)
		}
		return p
	}
	for i := range news {
		n := &news[i]
		if len(n.origins) > 0 { // part of an open episode
			for _, origin := range n.origins {
				p := at(origin)
				p.alerts = append(p.alerts, n.alert.Alert)
			}
			continue
		}
		for _, node := range c.Routes.Match(n.alert.Labels) {
			labels := node.GroupLabels(n.alert.Labels)
			origin := node.Origin(labels)
			p := at(origin)
			p.spec = node.Spec(source, false, labels)
			p.alerts = append(p.alerts, n.alert.Alert)
			n.origins = append(n.origins, origin)
		}
	}
	return parts
}

// after is what has to happen once a transaction is on disk.
type after struct {
	addresses []string
	due       time.Time      // the earliest time at which a group wants a tick
	hushed    bool           // a silence was made or has ended
	asked     bool           // another system is to be asked
	wanted    bool           // a person is to be made reachable
	urged     bool           // and at once, somebody says
	moves     []move         // posts that are still to be moved
	people    []store.Person // who can be reached where they could not be before
	gather    bool           // others are in an audience, or somewhere else
	reopened  []group.Group
	ticks     bool // only time has passed
	// spreads: posts are spread, of episodes that others were told of before.
	spreads bool
	tally   tally
}

// tickAt says when a group wants a tick; the zero time: it wants none.
func (a *after) tickAt(at time.Time) {
	if !at.IsZero() && (a.due.IsZero() || at.Before(a.due)) {
		a.due = at
	}
}

func (e *Engine) follow(done after) {
	e.decisions.count(done.tally)
	e.deliver.Wake(done.addresses...)
	e.timers.set(done.due)
	for i := range done.reopened {
		e.active.adopt(&done.reopened[i], e.Now().Add(e.ResolveTimeout()))
	}
	if done.hushed {
		ring(e.hushed)
	}
	if c := e.current.Load(); done.urged && c.Urged != nil {
		c.Urged()
	}
	if done.wanted {
		e.current.Load().seek()
	}
	if done.asked {
		e.intents.Wake()
		e.silencer.Wake()
	}
}

// ring wakes who waits for a bell, now or when it next listens.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default: // it rings already
	}
}

// save tells what is due now, and stores the group and its posts. It takes the
// configuration inside the transaction: after a reload nothing may be stored
// for an address whose posts were moved already.
// before is the group as it was stored: itself, or the episode before it.
func (e *Engine) save(tx store.Tx, g group.Group, before int64, now time.Time, done *after) error {
	_, err := e.advance(tx, g, before, now, done)
	return err
}

// advance is save, and returns the group as it was stored.
func (e *Engine) advance(tx store.Tx, g group.Group, before int64, now time.Time, done *after) (group.Group, error) {
	if g.ID == before { // it may be told for the first time only now
		before = g.Before
	}
	c := e.current.Load()
	silences, err := e.silences(tx, now)
	if err != nil {
		return g, err
	}
	if err := e.subscribe(tx, c, &g); err != nil {
		return g, err
	}
	tick := group.Tick{
		Muted:     c.Routes.Muted(g.Spec, now),
		Inhibited: e.active.inhibited,
		Silenced:  silencing(silences),
	}
	if g.Spec.Source == sourceTest { // somebody waits for it
		tick.Silenced = nil
	}
	was := g
	g, due := group.Advance(g, tick, now)
	done.tally.told(&was, &g, due, now)
	if err := tx.SaveGroup(&g); err != nil {
		return g, err
	}
	for _, d := range due {
		if err := e.raise(tx, c, &g, before, d, now, done); err != nil {
			return g, err
		}
	}
	done.tickAt(g.DueAt)
	if done.wanted {
		if err := e.announce(tx, 0, now); err != nil {
			return g, err
		}
	}
	if !g.Spec.Ready && !done.ticks || done.asked { // others remember what fires, or are to do what was asked for
		return g, e.announce(tx, g.ID, now)
	}
	return g, nil
}
