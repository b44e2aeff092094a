package engine

import (
	"context"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/silence"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Alertmanager leaves silenced alerts out of what it sends, their ends too,
// and what it forgets in a restart it never mentions again. So that no group
// of its hangs for ever, it is asked from time to time which alerts it has.
const (
	reconcileEvery = 2 * time.Minute
	// goneAfter is how long every Alertmanager must not have had an alert
	// before that is its end. After a restart an Alertmanager has none until
	// Prometheus has sent them again, which takes a minute or a few.
	goneAfter = 10 * time.Minute
)

// Alertmanager is one that can be asked.
type Alertmanager struct {
	// URL is compared with what groups name as their sender.
	URL string
	// Known returns every alert that it has, silenced ones too.
	Known func(context.Context) (map[alert.Fingerprint]struct{}, error)
	// Silences is where silences are made; nil: nowhere, they are ours.
	Silences *silence.Alertmanager
}

// member is an alert in an episode.
type member struct {
	group int64
	fp    alert.Fingerprint
}

// reconciler remembers between two askings. It is only memory: after a start
// it sees for itself again what is missing.
type reconciler struct {
	// seen are the alerts that an Alertmanager has had while they were in an
	// open group: only of those can it say that they are gone. Others send
	// webhooks too.
	seen map[member]struct{}
	// missing says since when nobody has an alert.
	missing map[member]time.Time
	failing bool
}

func (e *Engine) runReconcile(ctx context.Context) {
	var r reconciler
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(reconcileEvery):
		}
		if err := e.reconcile(ctx, &r); err != nil && ctx.Err() == nil {
			if !r.failing {
				e.log.Warn("Alertmanager cannot be asked which alerts it has; until it can, groups that it does not mention stay open", "err", err)
			}
			r.failing = true
			continue
		}
		r.failing = false
	}
}

// reconcile ends the alerts that no Alertmanager has had for a while. It
// decides nothing unless all of them have answered.
func (e *Engine) reconcile(ctx context.Context, r *reconciler) error {
	c := e.current.Load()
	if len(c.Alertmanagers) == 0 {
		return nil
	}
	known := make(map[alert.Fingerprint]struct{})
	for _, a := range c.Alertmanagers {
		has, err := a.Known(ctx)
		if err != nil {
			return err
		}
		for fp := range has {
			known[fp] = struct{}{}
		}
	}
	gone, err := e.gone(ctx, c, r, known)
	if err != nil {
		return err
	}
	for id, fps := range gone {
		if err := e.end(ctx, id, fps, "Ended alerts that Alertmanager does not have any more"); err != nil {
			return err
		}
	}
	return nil
}

// gone finds, by group, the alerts that have been missing for long enough.
func (e *Engine) gone(ctx context.Context, c *compiled, r *reconciler, known map[alert.Fingerprint]struct{}) (map[int64][]alert.Fingerprint, error) {
	now := e.Now()
	seen, missing := make(map[member]struct{}), make(map[member]time.Time)
	gone := make(map[int64][]alert.Fingerprint)
	err := e.store.View(ctx, func(tx store.Tx) error {
		return tx.OpenGroups(func(g group.Group) error {
			if !g.Spec.Ready || g.Spec.Source != sourceAlertmanager {
				return nil
			}
			theirs := c.sentBy(g.Sender.ExternalURL)
			for i := range g.Alerts {
				m := &g.Alerts[i]
				key := member{group: g.ID, fp: m.Fingerprint}
				if m.State == group.Resolved {
					continue
				}
				if _, has := known[m.Fingerprint]; has {
					seen[key] = struct{}{}
					continue
				}
				if _, had := r.seen[key]; !had && !theirs {
					continue
				}
				seen[key] = struct{}{}
				since, ok := r.missing[key]
				if !ok {
					since = now
				}
				missing[key] = since
				if now.Sub(since) >= goneAfter {
					gone[g.ID] = append(gone[g.ID], m.Fingerprint)
				}
			}
			return nil
		})
	})
	if err == nil {
		r.seen, r.missing = seen, missing
	}
	return gone, err
}

// sentBy says whether a group's sender is one of the Alertmanagers that are
// asked.
func (c *compiled) sentBy(externalURL string) bool {
	for _, a := range c.Alertmanagers {
		if externalURL != "" && strings.TrimSuffix(externalURL, "/") == strings.TrimSuffix(a.URL, "/") {
			return true
		}
	}
	return false
}

// end resolves alerts of one episode, and says so in the log.
func (e *Engine) end(ctx context.Context, id int64, fps []alert.Fingerprint, says string) error {
	now, release := e.clock.Hold()
	defer release()
	var done after
	err := e.store.Update(ctx, func(tx store.Tx) error {
		done = after{}
		g, err := tx.Group(id)
		if err != nil || g.Phase == group.Over {
			return err
		}
		news := group.Received{Sender: g.Sender, Truncated: g.Truncated}
		for _, fp := range fps {
			news.Alerts = append(news.Alerts, alert.Alert{Fingerprint: fp, Status: alert.Resolved, EndsAt: now})
		}
		next, changed := group.Receive(g, news, now)
		if !changed {
			return nil
		}
		return e.save(tx, next, next.ID, now, &done)
	})
	if err == nil {
		e.log.Info(says, "alert", alert.ShortID(id), "count", len(fps))
		e.follow(done)
	}
	return err
}
