package deliver

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// scanEvery is how often the store is asked for what nobody woke us for:
	// posts that another replica raised, or left when it died.
	scanEvery = 10 * time.Second
	// leaseMargin is how much longer than an attempt a lease is held: the commit
	// may take so long, and clocks may differ. What a replica that died was doing
	// is taken over after that, so nothing critical is later than 13 s for it. An
	// answer that is recorded later still counts, since what was cut off is not
	// sent again within a minute (uncertainWait).
	leaseMargin = 5 * time.Second
	// slowMargin is leaseMargin for slowFor after a commit took longer than that:
	// with a store that is so slow nothing would ever be sent.
	slowMargin, slowFor = 20 * time.Second, time.Minute
	// lookSoon is how long an address that waits lets news wait, at most: nobody
	// notices, and in a storm an address is looked at a few times a second
	// instead of for every alert.
	lookSoon = 200 * time.Millisecond
	// storeRetry is the wait after the store could not be written, and
	// complainEvery how often the log says so meanwhile.
	storeRetry    = time.Second
	complainEvery = time.Minute
	// lastWords is how long a stopping Deliverer tries to record an attempt
	// that has ended.
	lastWords = 10 * time.Second
)

// Cards makes messages. None of its functions fails: where a template does,
// the message is the minimal card and says so in Fault.
type Cards struct {
	Render  func(name string, in card.Input, limit card.Limit) card.Message
	Minimal func(in card.Input, limit card.Limit) card.Message
	Digest  func(in card.DigestInput, limit card.Limit) card.Message
	// Call makes the short message that belongs to a card and says what is
	// loud since revision called: the latest that had a message.
	Call func(in card.Input, called int, limit card.Limit) card.Message
}

// Options is what a Deliverer needs. Everything without "optional" must be set.
type Options struct {
	Store store.Store
	Cards Cards
	// Addresses says how to send to an address; false when it is not in the
	// configuration. It is asked anew in every turn, so it must not wait for
	// anything, and a reload only has to change what it answers and call
	// WakeAll.
	Addresses func(id string) (Address, bool)
	// Behind says, in a turn at an address that Addresses does not know and after
	// it was locked, that others know more than Addresses does, or that what is
	// there is to be moved: it is then left alone. It must not wait for anything.
	// Optional.
	Behind func(tx store.Tx, address string) (bool, error)
	// Configured lists all addresses, for the numbers of each destination.
	Configured func() []Address
	// Templates lists all cards, for the number of faults of each; optional.
	Templates func() []string
	// Missed is told, in the transaction that records it, of a post that could
	// not be told: it is given up, its address is broken, or nothing has come
	// of it for five minutes though it was tried. words say why to those who
	// are told instead, a few without a full stop: "has blocked the bot". It may
	// set p.Missed, and then is not told again before the post is delivered,
	// which Reached is. The post is stored when they are called, and read again
	// afterwards, so they may raise it. What they return runs after the commit,
	// once, and may be nil. They must not wait for anything, a lock that is held
	// by somebody who waits for the store least of all. Both are optional.
	Missed  func(tx store.Tx, p *store.Post, reason teams.Reason, words string) (after func(), err error)
	Reached func(tx store.Tx, p *store.Post) (after func(), err error)
	// Back is told, in the transaction that records it, of an address that was
	// left alone and takes messages again. It may make dead letters due, which
	// then go out at once, and must not wait for anything. Optional.
	Back func(tx store.Tx, address string) error
	// Holder names this process in leases: unique among replicas.
	Holder string
	// Location is where the readers' clock is; optional, nil: UTC.
	Location *time.Location
	Now      func() time.Time // optional: time.Now
	// Hold keeps the timers in the store from being moved, and Now with them,
	// until release is called. It is called before a transaction that stores
	// what follows from a time, and never in one. Optional: they never move.
	Hold    func() (now time.Time, release func())
	Random  func() float64        // optional: math/rand; from [0, 1), for jitter
	Logger  *slog.Logger          // optional: discard
	Metrics prometheus.Registerer // optional: not registered
}

// Deliverer works on all addresses. Make one with New.
type Deliverer struct {
	store     store.Store
	cards     Cards
	addresses func(id string) (Address, bool)
	behind    func(tx store.Tx, address string) (bool, error)
	missed    func(tx store.Tx, p *store.Post, reason teams.Reason, words string) (after func(), err error)
	reached   func(tx store.Tx, p *store.Post) (after func(), err error)
	back      func(tx store.Tx, address string) error
	holder    string
	location  *time.Location
	now       func() time.Time
	hold      func() (now time.Time, release func())
	random    func() float64
	log       *slog.Logger
	metrics   *metrics

	rescan chan struct{}
	work   sync.WaitGroup // goroutines of places

	mu     sync.Mutex
	ctx    context.Context // Run's; nil before it and after it was cancelled
	places map[string]*place
	// complained is when the log last said that the store cannot be written.
	complained time.Time
	// slowUntil is until when the store is thought to be slow.
	slowUntil time.Time
	// logged is when something was last logged that many people share.
	logged map[string]time.Time
}

// place is an address that has something to do, now or later.
type place struct {
	working bool        // it has a goroutine
	woken   bool        // something happened since its turn began
	timer   *time.Timer // otherwise: nothing can be done
	until   time.Time   // until then, when timer fires
	// smallDigest: Teams did not take the last digest; the next is short.
	smallDigest bool // only used by the goroutine
	// missedAt is when what waits was last looked through for what is to be
	// missed.
	missedAt time.Time // only used by the goroutine
	// pacedAt is since when the pace holds back what is next; zero: it does not.
	pacedAt time.Time // only used by the goroutine
}

// New makes a Deliverer. It does nothing before Run.
func New(o Options) (*Deliverer, error) {
	switch {
	case o.Store == nil, o.Addresses == nil, o.Configured == nil, o.Holder == "":
		return nil, errors.New("deliver: Store, Addresses, Configured and Holder must be set")
	case o.Cards.Render == nil, o.Cards.Minimal == nil, o.Cards.Digest == nil, o.Cards.Call == nil:
		return nil, errors.New("deliver: every function of Cards must be set")
	}
	d := &Deliverer{
		store: o.Store, cards: o.Cards, addresses: o.Addresses, behind: o.Behind, holder: o.Holder,
		missed: o.Missed, reached: o.Reached, back: o.Back,
		location: o.Location, now: o.Now, hold: o.Hold, random: o.Random, log: o.Logger,
		rescan: make(chan struct{}, 1),
		places: make(map[string]*place),
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.hold == nil {
		d.hold = func() (time.Time, func()) { return d.now(), func() {} }
	}
	if d.random == nil {
		d.random = rand.Float64
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.log = d.log.With("component", "deliver")
	var err error
	d.metrics, err = newMetrics(o.Metrics, o.Store, o.Configured, o.Templates, d.now)
	return d, err
}

// Run delivers until ctx is cancelled. Then no new attempt starts, those under
// way end (within their timeout), are recorded, and the leases are given back.
func (d *Deliverer) Run(ctx context.Context) error {
	d.mu.Lock()
	d.ctx = ctx
	d.mu.Unlock()

	scan := time.NewTicker(scanEvery)
	defer scan.Stop()
	if err := d.recoverDigests(ctx); err != nil && ctx.Err() == nil {
		d.log.Error("Digests that were cut off could not be looked for; one may come twice", "err", err)
	}
	d.scan(ctx)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-scan.C:
			d.scan(ctx)
		case <-d.rescan:
			d.scan(ctx)
		}
	}
	return d.stop(ctx)
}

func (d *Deliverer) stop(ctx context.Context) error {
	d.mu.Lock()
	d.ctx = nil
	for _, p := range d.places {
		if p.timer != nil {
			p.timer.Stop()
		}
	}
	d.mu.Unlock()
	d.work.Wait()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	return d.store.Update(ctx, func(tx store.Tx) error { return tx.ReleaseLeases(d.holder) })
}

// scan wakes every address that has something to do.
func (d *Deliverer) scan(ctx context.Context) {
	var busy []string
	err := d.store.View(ctx, func(tx store.Tx) (err error) {
		busy, err = tx.BusyAddresses()
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			d.log.Error("The store cannot be asked for what is due; trying again", "err", err)
		}
		return
	}
	d.Wake(busy...)
}

// WakeAll looks at every address anew: after a reload of the configuration,
// and after store.ShiftTimers.
func (d *Deliverer) WakeAll() {
	select {
	case d.rescan <- struct{}{}:
	default: // it will
	}
}

// Wake says that something was raised at these addresses; call it after the
// commit. It never blocks. Before Run and after its end it does nothing: the
// store knows what is due, and the next Run finds it there.
func (d *Deliverer) Wake(addresses ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ctx := d.ctx
	if ctx == nil || ctx.Err() != nil {
		return
	}
	for _, id := range addresses {
		p := d.places[id]
		if p == nil {
			p = &place{}
			d.places[id] = p
		}
		p.woken = true
		switch {
		case p.working:
		case p.timer == nil:
			d.start(ctx, id, p)
		case p.until.Sub(d.now()) > lookSoon:
			// It waits for the pace or a backoff, which only something more
			// urgent can change. In a storm that is not asked for every post.
			p.until = d.now().Add(lookSoon)
			p.timer.Reset(lookSoon)
		}
	}
}

// start gives a place its goroutine.
func (d *Deliverer) start(ctx context.Context, id string, p *place) {
	p.working, p.timer = true, nil
	d.work.Go(func() { d.visit(ctx, id, p) })
}

// look is what a place's timer does.
func (d *Deliverer) look(id string, p *place) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if ctx := d.ctx; ctx != nil && ctx.Err() == nil && !p.working && p.timer != nil {
		d.start(ctx, id, p)
	}
}

// visit takes turns at an address until nothing can be done there now.
func (d *Deliverer) visit(ctx context.Context, id string, p *place) {
	var done *attempt // that has ended and is not recorded yet
	for {
		d.mu.Lock()
		p.woken = false
		d.mu.Unlock()

		if done == nil && d.rests(ctx, id) {
			if d.leave(id, p, step{action: doStop}) {
				return
			}
			continue
		}
		next, begun, err := d.turn(ctx, id, done)
		if next.missing {
			d.miss(ctx, id, p)
		}
		if err == nil {
			p.pacing(next, d.now(), d.metrics)
		}
		switch {
		case err != nil:
			if !d.pause(ctx, done, err) {
				return
			}
			continue
		case begun != nil:
			d.perform(ctx, begun)
			done = begun
			continue
		case next.action == doDigest && d.digest(ctx, id, p),
			next.action == doBury && d.bury(ctx, id):
			done = nil
			continue
		}
		done = nil
		if d.leave(id, p, next) {
			return
		}
	}
}

// pacing takes note of how long the pace holds back what is next.
func (p *place) pacing(next step, now time.Time, m *metrics) {
	switch {
	case next.paced && p.pacedAt.IsZero():
		p.pacedAt = now
	case (next.action == doSend || next.action == doDigest) && !p.pacedAt.IsZero():
		m.paced.Observe(max(now.Sub(p.pacedAt).Seconds(), 0))
		p.pacedAt = time.Time{}
	case !next.paced: // nothing is left that it could hold back
		p.pacedAt = time.Time{}
	}
}

// leave ends a visit, unless something happened meanwhile.
func (d *Deliverer) leave(id string, p *place, next step) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	stopped := d.ctx == nil || d.ctx.Err() != nil
	now := d.now()
	until := now.Add(storeRetry) // a digest or burial that could not be recorded
	if next.action == doWait {
		until = next.until
	}
	if soon := now.Add(lookSoon); p.woken && !stopped {
		if next.action == doStop || !until.After(soon) {
			return false
		}
		until = soon // as in Wake
	}
	p.working = false
	switch {
	case stopped:
	case next.action == doStop:
		delete(d.places, id)
	default:
		p.until = until
		p.timer = time.AfterFunc(until.Sub(now), func() { d.look(id, p) })
	}
	return true
}

// pause waits until the store may be there again. It reports false when there
// is no more time: the attempt that is not recorded will be found as cut off.
func (d *Deliverer) pause(ctx context.Context, done *attempt, err error) bool {
	if ctx.Err() != nil {
		if done != nil && done.lastWords.IsZero() {
			done.lastWords = time.Now().Add(lastWords)
		}
		if done != nil && time.Now().Before(done.lastWords) {
			time.Sleep(storeRetry)
			return true
		}
		if done != nil {
			d.log.Error("Stopped before an attempt could be recorded; its message may come twice",
				"destination", done.address.Destination, "title", done.delivery.Title, "err", err)
		}
		return false
	}
	d.mu.Lock()
	complain := d.now().Sub(d.complained).Abs() >= complainEvery
	if complain {
		d.complained = d.now()
	}
	d.mu.Unlock()
	if complain {
		d.log.Error("The store cannot be written; deliveries wait for it", "err", err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(storeRetry):
	}
	return true
}
