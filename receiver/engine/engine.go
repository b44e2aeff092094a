package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/canary"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/clock"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/heartbeat"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/influxdb"
	"github.com/teamsrelay/teamsrelay/receiver/intent"
	"github.com/teamsrelay/teamsrelay/receiver/role"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/ruler"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/silence"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Options are what an engine lives with from start to stop.
type Options struct {
	Store      store.Store
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Now is the wall clock, Elapsed a clock that never jumps; nil: the
	// system's. The difference between the two tells when the wall clock was
	// set. Where others share the store, its time is the wall clock, and Now is
	// not used.
	Now     func() time.Time
	Elapsed func() time.Duration
	// Location is where the readers of the cards are; nil: the system's.
	Location *time.Location
	// Holder names this process in leases, unique among replicas; "" makes one
	// up.
	Holder string
}

// Config is what can be changed by a reload. It must not be changed once it
// was handed over.
type Config struct {
	Routes       *route.Tree
	Destinations []Destination
	// Adding is what destinations need that are not of the file.
	Adding Adding
	Cards  *card.Set
	// Alertmanagers are asked which alerts they have.
	Alertmanagers []Alertmanager
	// Rules decide about samples; nil: there are none.
	Rules *rules.Set
	// Sources are what the polled ones of them query.
	Sources []*influxdb.Source
	// Subscriptions are those of the file; others are in the store.
	Subscriptions []route.Subscription
	// Conversation is the address of a conversation that the bot is in and the
	// file does not name; nil: there is no bot.
	Conversation func(address string) (Destination, bool)
	// Tenant is the one whose people are told personally; "": whoever talks to
	// the bot is of the right one.
	Tenant string
	// Wanted is called when a person is to be made reachable; nil: nobody can be.
	Wanted func()
	// Urged is called when an administrator wants somebody to be tried at once;
	// nil: nobody can be.
	Urged func()
	// Actions are what can be done in the systems that events come from, by
	// the source's name.
	Actions map[string]intent.Actions
	// Heartbeats are alerts that must keep coming, Canaries the destinations
	// that get a card on a schedule.
	Heartbeats []*heartbeat.Heartbeat
	Canaries   []canary.Canary
	// ResolveTimeout is how long an alert that was posted without an end goes
	// on if it is not sent again.
	ResolveTimeout time.Duration
	// Retention is how long finished groups, the delivery log and dead
	// letters are kept.
	Retention time.Duration
}

// Destination is a name for one or more addresses.
type Destination struct {
	Name      string
	Addresses []deliver.Address
	// Target says to people where it leads, without what is secret of it.
	Target string
	// Audience says that it is people, each of whom is told personally; nil: it
	// is not. Addresses are then those of who is in it now.
	Audience *Audience
	// Fallback is the destination that gets the card where this one cannot be
	// reached; "": there is none.
	Fallback string
	// Trouble says why nothing can be sent there, whatever Teams would say; nil:
	// there is none. Its addresses are then Paused.
	Trouble *Trouble
}

// Audience are people who are told personally.
type Audience struct {
	Names  []string // as in store.Person
	Roster string   // as in store.Roster; "": none
	// Address is how the bot sends to one of them, by the conversation's id.
	// Name, age and pace of the destination are in it.
	Address func(conversation string) deliver.Address
}

// Engine is the running whole. It is made by New and works in Run.
type Engine struct {
	store    store.Store
	log      *slog.Logger
	location *time.Location // where the readers of the cards are
	clock    *clock.Clock
	roles    *role.Roles
	others   replicas
	deliver  *deliver.Deliverer
	ruler    *ruler.Ruler
	intents  *intent.Worker
	silencer *silence.Worker
	keys     keys
	watching watching
	timers   alarm
	metrics  metrics
	queries  *influxdb.Metrics

	reload sync.Mutex    // one Reload at a time
	moved  chan struct{} // destinations may have moved to other addresses
	polls  chan struct{} // other sources are to be polled
	hushed chan struct{} // a silence was made or has ended
	replay chan struct{} // dead letters are to be sent again

	current    atomic.Pointer[compiled]
	silenced   atomic.Pointer[compiledSilences]
	subscribed atomic.Pointer[compiledSubscriptions]
	where      atomic.Pointer[whereabouts] // people are
	relocating sync.Mutex                  // one change of where at a time

	// active are the posted alerts that fire. It is guarded by its own lock.
	active *active

	decisions decisions
}

// compiled is a Config with what follows from it.
type compiled struct {
	Config              // with the destinations that were added
	file         Config // without
	kept         *kept
	added        []Added
	leads        map[string][]string // the destinations of an address
	index        map[string]int      // of Destinations, by name
	destinations map[string][]deliver.Address
	addresses    map[string]deliver.Address
}

type metrics struct {
	received *prometheus.CounterVec
	jumps    prometheus.Counter
}

// New makes an engine. Nothing happens before Run, except that alerts can be
// received already.
func New(o Options, c Config) (*Engine, error) {
	if o.Holder == "" {
		o.Holder = rand.Text()
	}
	if o.Location == nil {
		o.Location = time.Local
	}
	auto := promauto.With(o.Registerer)
	e := &Engine{
		store: o.Store, log: o.Logger, moved: make(chan struct{}, 1), polls: make(chan struct{}, 1),
		hushed: make(chan struct{}, 1), replay: make(chan struct{}, 1),
		clock: clock.New(o.Now, o.Elapsed),
		metrics: metrics{
			received: auto.NewCounterVec(prometheus.CounterOpts{
				Name: "teamsrelay_alerts_received_total", Help: "Alerts taken from sources, duplicates included.",
			}, []string{"source"}),
			jumps: auto.NewCounter(prometheus.CounterOpts{
				Name: "teamsrelay_clock_jumps_total", Help: "How often the wall clock was set and timers were moved with it.",
			}),
		},
	}
	if err := e.setClock(context.Background(), o); err != nil {
		return nil, err
	}
	e.roles = role.New(role.Options{
		Store: o.Store, Logger: o.Logger, Registerer: o.Registerer, Holder: o.Holder, Now: e.clock.Now,
	})
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "teamsrelay_replicas", Help: "Processes that work with the store now, this one among them.",
	}, func() float64 { return float64(max(len(e.Replicas()), 1)) })
	e.timers.init()
	for _, source := range Sources {
		e.metrics.received.WithLabelValues(source)
	}
	var found *kept
	err := o.Store.View(context.Background(), func(tx store.Tx) (err error) {
		found, err = readKept(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("destinations that were added: %w", err)
	}
	e.current.Store(compile(c, found, nil, true))
	if err := e.gather(context.Background()); err != nil {
		return nil, fmt.Errorf("where people are: %w", err)
	}
	e.active = newActive(c.Routes.NewInhibitor())
	err = e.readKeys(context.Background())
	if err != nil {
		return nil, fmt.Errorf("the keys that sign buttons: %w", err)
	}
	e.deliver, err = deliver.New(deliver.Options{
		Store: o.Store, Logger: o.Logger, Metrics: o.Registerer, Now: e.clock.Now, Hold: e.clock.Hold,
		Holder: o.Holder, Location: o.Location,
		Cards: deliver.Cards{
			Render: func(name string, in card.Input, limit card.Limit) card.Message {
				return e.current.Load().Cards.Render(name, in, limit)
			},
			Digest: func(in card.DigestInput, limit card.Limit) card.Message {
				return e.current.Load().Cards.Digest(in, limit)
			},
			Call: func(in card.Input, called int, limit card.Limit) card.Message {
				return e.current.Load().Cards.Call(in, called, limit)
			},
			Minimal: card.Minimal,
		},
		Addresses: e.address,
		Behind:    e.behind,
		Templates: func() []string { return e.current.Load().Cards.Names() },
		Missed:    e.postMissed,
		Reached:   e.postReached,
		Back:      e.addressBack,
		Configured: func() []deliver.Address {
			var all []deliver.Address
			for _, d := range e.Destinations() {
				all = append(all, d.Addresses...)
			}
			return all
		},
	})
	if err != nil {
		return nil, err
	}
	if err := e.rememberAnew(context.Background(), e.current.Load()); err != nil {
		return nil, err
	}
	if e.queries, err = influxdb.NewMetrics(o.Registerer); err != nil {
		return nil, err
	}
	e.ruler, err = ruler.New(context.Background(), ruler.Options{
		Store: o.Store, Logger: o.Logger, Registerer: o.Registerer, Now: e.clock.Now, Hand: e.decided,
	}, c.Rules)
	if err != nil {
		return nil, err
	}
	e.silencer, err = silence.New(silence.Options{
		Store: o.Store, Logger: o.Logger, Registerer: o.Registerer, Clock: e.clock, Settled: e.settled,
		Alertmanagers: func() []*silence.Alertmanager {
			var all []*silence.Alertmanager
			for _, a := range e.current.Load().Alertmanagers {
				if a.Silences != nil {
					all = append(all, a.Silences)
				}
			}
			return all
		},
	})
	if err != nil {
		return nil, err
	}
	if err := e.rebase(context.Background()); err != nil { // the wall clock may have been set back before
		e.log.Error("Timers could not be moved after the clock was set; trying again", "err", err)
	}
	if err := e.enter(context.Background(), e.current.Load()); err != nil {
		return nil, err
	}
	e.intents, err = intent.New(intent.Options{
		Store: o.Store, Logger: o.Logger, Registerer: o.Registerer, Clock: e.clock, Location: o.Location,
		Settled: e.carried,
		Actions: func(source string) intent.Actions { return e.current.Load().Actions[source] },
	})
	if err != nil {
		return nil, err
	}
	e.showActions(e.current.Load().Config)
	return e, errors.Join(e.decisions.init(e, o.Registerer), e.newWatch(o))
}

// Sources, as they stand in metrics and groups.
const (
	sourceAlertmanager = "alertmanager"
	sourceAPI          = "api"
	sourceRules        = "rules"
	sourceTest         = "test"
	sourceHand         = "hand" // made by hand, with the bot's create
)

// Sources are the names of the sources that are always there: no other source
// can have one of them.
var Sources = []string{sourceAlertmanager, sourceAPI, sourceRules, sourceTest, sourceHand}

// compile makes ready what a file and the store say together. was has the
// destinations that were opened before; after a reload all are opened anew.
func compile(file Config, k *kept, was map[string]opened, reloaded bool) *compiled {
	c := file
	added := k.join(&c, was, reloaded)
	out := &compiled{Config: c, file: file, kept: k, added: added, leads: map[string][]string{}, index: map[string]int{}, destinations: map[string][]deliver.Address{}, addresses: map[string]deliver.Address{}}
	for i, d := range c.Destinations {
		out.index[d.Name] = i
		out.destinations[d.Name] = d.Addresses
		for _, a := range d.Addresses {
			out.leads[a.ID] = append(out.leads[a.ID], d.Name)
			// Two destinations that lead to one address share its posts; the
			// first one's pace and limits hold.
			if _, taken := out.addresses[a.ID]; !taken {
				out.addresses[a.ID] = a
			}
		}
	}
	return out
}

// Run works until ctx ends, and then until what is under way is recorded.
func (e *Engine) Run(ctx context.Context) error {
	e.move()
	ring(e.hushed) // a silence may have been made or ended by who was killed before all cards knew
	var work sync.WaitGroup
	for _, part := range []func(context.Context){e.runTimers, e.runExpiry, e.runReaddress, e.runReplays, e.runHush, e.runWhereabouts, e.runAdded, e.runMeet, e.runWatch, e.runTime} {
		work.Go(func() { part(ctx) })
	}
	// What must be done once is done by one of the replicas.
	for name, part := range map[string]func(context.Context, role.Fence){
		roleRules: e.playRules, roleIntents: e.playIntents, roleAlertmanagers: e.playAlertmanagers, roleUpkeep: e.playUpkeep,
	} {
		work.Go(func() { e.roles.Play(ctx, name, part) })
	}
	err := e.deliver.Run(ctx)
	work.Wait()
	return err
}

// Reload takes a new configuration. Episodes that are under way keep the
// destinations that they began with; posts that wait for an address whose
// webhook was replaced go to the new one. After an error the old configuration
// goes on.
func (e *Engine) Reload(ctx context.Context, c Config) error {
	e.reload.Lock()
	defer e.reload.Unlock()
	found := e.keptNow(ctx)
	next := compile(c, found, e.current.Load().kept.opened, true)
	if !c.Routes.Inhibits() {
		e.active.inhibitBy(c.Routes.NewInhibitor())
	} else if err := e.rememberAnew(ctx, next); err != nil { // the rules are about all that fires
		return err
	}
	if err := e.enter(ctx, next); err != nil {
		return err
	}
	e.current.Store(next)
	e.showActions(c)
	if err := e.gather(ctx); err != nil {
		e.log.Error("Where people are could not be read; trying again", "err", err)
	}
	e.move()
	if e.reseal(ctx) {
		if err := e.join(ctx, c); err != nil {
			e.log.Warn("What was sealed under the new key is stored and could not be read; trying again", "err", err)
		}
	}
	if err := e.ruler.Reload(ctx, c.Rules); err != nil {
		e.log.Error("What the new rules end could not be stored yet; trying again", "err", err)
	}
	select {
	case e.polls <- struct{}{}:
	default:
	}
	return nil
}

// Now is the time by which the engine works. Whoever hands it facts takes
// their times from it.
func (e *Engine) Now() time.Time { return e.clock.Now() }

// Report tells of an alert that this process has about itself: it fires until
// it is reported as resolved. After an error it has to be reported again.
func (e *Engine) Report(ctx context.Context, a alert.Alert) error { return e.ruler.Report(ctx, a) }

// Reported are the alerts that were reported and fire, also by a process that
// is gone, or another replica.
func (e *Engine) Reported(ctx context.Context) ([]alert.Alert, error) { return e.ruler.Reported(ctx) }

// ResolveTimeout is the configured one.
func (e *Engine) ResolveTimeout() time.Duration { return e.current.Load().ResolveTimeout }

// Destinations are the configured ones, in the order of the file. The addresses
// of people are those that were known a moment ago.
func (e *Engine) Destinations() []Destination {
	where := e.where.Load()
	all := slices.Clone(e.current.Load().Destinations)
	for i := range all {
		if all[i].Audience != nil {
			all[i].Addresses = where.all[all[i].Name]
		}
	}
	return all
}

// ErrUnknownDestination says that the configuration has no such destination.
var ErrUnknownDestination = errors.New("there is no such destination")
