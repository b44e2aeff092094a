package engine

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/canary"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/heartbeat"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/role"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// watching is what sees that nothing comes in any more, or goes out.
type watching struct {
	heartbeats *heartbeat.Worker
	canaries   *canary.Worker
}

// The roles of who watches: see package role.
const (
	roleHeartbeats = "heartbeats"
	roleCanary     = "canary"
)

func (e *Engine) newWatch(o Options) (err error) {
	w := &e.watching
	w.heartbeats, err = heartbeat.New(heartbeat.Options{
		Store: o.Store, Logger: o.Logger, Registerer: o.Registerer, Clock: e.clock, Settle: e.ruler.Settle,
		Heartbeats: func() []*heartbeat.Heartbeat { return e.current.Load().Heartbeats },
		End:        e.endMatching,
	})
	if err != nil {
		return err
	}
	w.canaries, err = canary.New(canary.Options{
		Store: o.Store, Logger: o.Logger, Registerer: o.Registerer, Clock: e.clock, Settle: e.ruler.Settle,
		Canaries: func() []canary.Canary { return e.current.Load().Canaries },
		Address:  e.canaryAddress, Probe: e.deliver.Probe,
	})
	return err
}

// runWatch works until ctx ends: what comes in is heard by every replica, what
// is missing is looked for by one.
func (e *Engine) runWatch(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { e.watching.heartbeats.Run(ctx) })
	work.Go(func() {
		e.roles.Play(ctx, roleHeartbeats, func(ctx context.Context, fence role.Fence) { e.watching.heartbeats.Watch(ctx, fence) })
	})
	work.Go(func() {
		e.roles.Play(ctx, roleCanary, func(ctx context.Context, fence role.Fence) { e.watching.canaries.Run(ctx, fence) })
	})
	work.Wait()
}

// canaryAddress is the address of a destination that is one place; false while
// nothing can be sent there, or may be.
func (e *Engine) canaryAddress(destination string) (deliver.Address, bool) {
	addresses := e.current.Load().destinations[destination]
	if len(addresses) != 1 {
		return deliver.Address{}, false
	}
	at, known := e.address(addresses[0].ID)
	return at, known && !at.Held && !at.Paused
}

// Heartbeats are those of the configuration, with what is known of each.
func (e *Engine) Heartbeats(tx store.Tx) ([]heartbeat.Status, error) {
	return e.watching.heartbeats.List(tx)
}

// endMatching ends alerts of open episodes, by their labels.
func (e *Engine) endMatching(ctx context.Context, is func(labels map[string]string) bool) error {
	found := map[int64][]alert.Fingerprint{}
	err := e.store.View(ctx, func(tx store.Tx) error {
		clear(found)
		return tx.OpenGroups(func(g group.Group) error {
			for i := range g.Alerts {
				if m := &g.Alerts[i]; m.State != group.Resolved && is(m.Labels) {
					found[g.ID] = append(found[g.ID], m.Fingerprint)
				}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		if err := e.end(ctx, id, found[id], "Ended alerts that are heartbeats"); err != nil {
			return err
		}
	}
	return nil
}

// Canaries are those of the configuration, with what is known of each.
func (e *Engine) Canaries(tx store.Tx) ([]canary.Status, error) {
	return e.watching.canaries.List(tx)
}

// withoutHeartbeats takes the heartbeats out of what a source says, and returns
// what people are to be told of.
func (e *Engine) withoutHeartbeats(s *ingest.Snapshot) []alert.Alert {
	if len(e.current.Load().Heartbeats) == 0 {
		return s.Alerts
	}
	return slices.DeleteFunc(slices.Clone(s.Alerts), func(a alert.Alert) bool {
		sender := s.Sender.ExternalURL
		if sender == "" {
			sender = a.GeneratorURL
		}
		return e.watching.heartbeats.Take(&a, from(s.Source, sender))
	})
}

// postedWithoutHeartbeats is withoutHeartbeats for alerts that we group
// ourselves.
func (e *Engine) postedWithoutHeartbeats(posted []ingest.Posted, source string) []ingest.Posted {
	if len(e.current.Load().Heartbeats) == 0 {
		return posted
	}
	return slices.DeleteFunc(slices.Clone(posted), func(p ingest.Posted) bool {
		return e.watching.heartbeats.Take(&p.Alert, from(source, p.GeneratorURL))
	})
}

// from says who sent an alert, as far as it tells: the source, and the host of
// its sender.
func from(source, sender string) string {
	u, err := url.Parse(sender)
	if err != nil || u.Host == "" || len(u.Host) > 253+len(":65535") || strings.ContainsFunc(u.Host, strange) {
		return source
	}
	return source + " " + u.Host
}

// strange is what no host has in it: it came from outside, and goes onto a card.
func strange(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == ':', r == '[', r == ']':
		return false
	}
	return true
}
