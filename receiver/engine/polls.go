package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/influxdb"
	"github.com/teamsrelay/teamsrelay/receiver/role"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// Samples takes Telegraf's metrics in their order. When it returns nil, what
// the rules decided about them is on disk. After an error nothing is lost:
// they must not be given again, and the next call, with or without samples,
// stores what this one could not.
func (e *Engine) Samples(ctx context.Context, samples []sample.Sample) error {
	return e.ruler.Samples(ctx, samples)
}

// playRules runs the rules for all replicas: it takes over what the one before
// knew, polls, and stores what is decided.
func (e *Engine) playRules(ctx context.Context, fence role.Fence) {
	for err := e.ruler.Begin(ctx, fence); err != nil; err = e.ruler.Begin(ctx, fence) {
		if ctx.Err() != nil {
			return
		}
		e.log.Error("What the rules knew cannot be read; trying again", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(notNow):
		}
	}
	var work sync.WaitGroup
	work.Go(func() { e.runPolls(ctx) })
	if err := e.ruler.Run(ctx); err != nil {
		e.log.Error("What the rules know could not be stored in the end; it lacks some minutes", "err", err)
	}
	work.Wait()
}

// runPolls queries the databases that polled rules look at, from the start
// and anew after every reload.
func (e *Engine) runPolls(ctx context.Context) {
	for ctx.Err() == nil {
		c := e.current.Load()
		groups := polled(c.Rules)
		poller, err := influxdb.NewPoller(influxdb.PollerOptions{
			Sources: c.Sources, Groups: groups,
			Rows: e.ruler.Rows, Unasked: e.ruler.Unasked, Report: e.ruler.Report,
			Logger: e.log, Now: e.clock.Now, Metrics: e.queries,
		})
		if err != nil { // config checks that groups name what there is
			e.log.Error("Some groups of rules are not polled", "err", err)
		}
		e.endReports(ctx, groups)
		polling, stop := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			poller.Run(polling)
		}()
		select {
		case <-ctx.Done():
		case <-e.polls:
		}
		stop()
		<-ended
	}
}

func polled(set *rules.Set) (groups []*rules.Group) {
	if set == nil {
		return nil
	}
	for _, g := range set.Groups {
		if g.InfluxDB != "" {
			groups = append(groups, g)
		}
	}
	return groups
}

// endReports ends what was reported about groups that nobody polls any more:
// nobody else will.
func (e *Engine) endReports(ctx context.Context, groups []*rules.Group) {
	reported, err := e.ruler.Reported(ctx)
	if err != nil && ctx.Err() == nil {
		e.log.Error("It could not be read which groups were reported as failing; the next reload tells their end", "err", err)
	}
	for _, a := range reported {
		if a.Labels["influxdb"] == "" || slices.ContainsFunc(groups, func(g *rules.Group) bool {
			return g.Name == a.Labels["group"] && g.InfluxDB == a.Labels["influxdb"]
		}) {
			continue
		}
		a.Status, a.EndsAt = alert.Resolved, e.Now()
		for err := e.ruler.Report(ctx, a); err != nil && ctx.Err() == nil; err = e.ruler.Report(ctx, a) {
			e.log.Error("The end of an alert could not be stored; trying again", "alert", a.Name(), "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(notNow):
			}
		}
	}
}
