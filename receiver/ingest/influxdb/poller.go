package influxdb

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// longestStart bounds how long a group waits for its first poll: a rule that
// is asked once a day is not to wait for a day after every start.
const longestStart = time.Minute

// PollerOptions are what a poller works with. All but Metrics and Now are
// needed.
type PollerOptions struct {
	Sources []*Source
	// Groups are the groups to ask for. Those that name no InfluxDB are left
	// out.
	Groups []*rules.Group
	// Rows hands the rows of one rule on. An error says that they could not
	// be kept: they are asked for again.
	Rows func(context.Context, *rules.Rule, []sample.Sample) (rules.Verdict, error)
	// Unasked says that there are no rows to be had of a rule: that it is
	// silent means nothing, until Rows is called again.
	Unasked func(*rules.Rule)
	// Report hands on an alert of the poller's own, firing or resolved, each
	// once. It is called again after an error. A resolved one also comes when
	// nothing was reported before: the process before this one may have.
	Report func(context.Context, alert.Alert) error
	Logger *slog.Logger
	// Now is the wall clock; nil: the system's.
	Now func() time.Time
	// Metrics may be nil.
	Metrics *Metrics
}

// Poller asks sources for the rows of rules. It lives from one reload to the
// next.
type Poller struct{ groups []*group }

// NewPoller makes a poller; it fails if a group names a source that there is
// not.
func NewPoller(o PollerOptions) (*Poller, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Metrics == nil {
		o.Metrics, _ = NewMetrics(nil) // fails only at registering
	}
	sources := make(map[string]*Source, len(o.Sources))
	for _, s := range o.Sources {
		sources[s.name] = s
		o.Metrics.show(s.name)
	}
	p := &Poller{}
	o.Metrics.forget(o.Groups)
	var errs []error
	for _, g := range o.Groups {
		if g.InfluxDB == "" || len(g.Rules) == 0 {
			continue
		}
		source := sources[g.InfluxDB]
		if source == nil {
			errs = append(errs, fmt.Errorf("group %q: there is no influxdb named %q in the config", g.Name, g.InfluxDB))
			continue
		}
		if g.Interval <= 0 {
			errs = append(errs, fmt.Errorf("group %q: the interval %v is not above zero", g.Name, g.Interval))
			continue
		}
		p.groups = append(p.groups, newGroup(&o, source, g))
	}
	return p, errors.Join(errs...)
}

// Run asks until ctx ends, each group at its own pace. It comes back as soon
// as all queries have been broken off.
func (p *Poller) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, g := range p.groups {
		running.Go(func() { g.run(ctx) })
	}
	running.Wait()
}

// phase is how long after the start a group is asked first: spread evenly, so
// that a hundred groups do not ask at the same moment, and the same after each
// start.
func phase(influxdb, group string, interval time.Duration) time.Duration {
	sum := fnv.New64a()
	sum.Write([]byte(influxdb + "\x00" + group))
	return time.Duration(mix(sum.Sum64()) % uint64(min(interval, longestStart)))
}

// mix spreads FNV's sum over all bits: of names that differ in their last
// letter only, it differs little in the high ones.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x
}
