package people

import (
	"context"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// lookAgain is how long the store is not looked into when nobody wakes us:
	// another replica may want somebody.
	lookAgain = 10 * time.Second
	// notNow is how long we wait when the store cannot be used.
	notNow = 5 * time.Second
	// mostReady is how many are read at a time.
	mostReady = 10_000
	// Results are stored as they come, but no more often than settleEvery while
	// they are few: whoever stores them looks at everybody.
	settleEvery, settleMost = 200 * time.Millisecond, 50
)

// work is what Run does. Everything in it belongs to Run's goroutine; others
// hand it what they found through done.
type work struct {
	*Worker
	desk
	ctx   context.Context // Run's
	done  chan func()
	under int // goroutines that will say done
	lease lease

	stale  bool      // the queue is to be read from the store
	looked time.Time // when it last was
	next   time.Time // when somebody else's turn comes; zero: nobody's
	paused time.Time // until when the store is left alone

	results  []settled // to be stored
	settling bool
	settleAt time.Time // not before, if they are few
	refused  bool      // the store did not take them

	rosters map[string]time.Time // when each is to be read
	reading bool
	checks  checks
	already map[string]bool // for whom the app was there before
}

// Run works until ctx ends, and then until what is under way has ended and is
// stored.
func (w *Worker) Run(ctx context.Context) error {
	k := &work{
		Worker: w, ctx: ctx, done: make(chan func()), stale: true,
		desk:    desk{withGraph: w.Graph != nil, busy: map[string]bool{}},
		rosters: map[string]time.Time{}, already: map[string]bool{}, checks: checks{at: w.Now().Add(firstCheck)},
	}
	for ctx.Err() == nil {
		timer := time.NewTimer(k.turn())
		select {
		case <-ctx.Done():
		case f := <-k.done:
			k.under--
			f()
		case <-w.wake:
			k.stale = true
		case <-w.urged:
			k.stale = true
			k.graph.urge(k.Now())
			k.bot.urge(k.Now())
		case <-timer.C:
		}
		timer.Stop()
	}
	k.finish()
	return nil
}

// do has f work beside Run; what it returns is then done by Run.
func (k *work) do(f func() func()) {
	k.under++
	go func() { k.done <- f() }()
}

// turn begins what can be begun, and says how long there is nothing more to do.
func (k *work) turn() time.Duration {
	now := k.Now()
	if now.Before(k.paused) {
		return k.paused.Sub(now)
	}
	if k.stale || due(k.next, now) || now.Sub(k.looked) >= lookAgain {
		k.read(now)
	}
	k.settle(now)
	do := k.plan(now)
	roster, rosterAt := k.rosterDue(now)
	check := do.empty() && k.checkable() && !now.Before(k.checks.at)
	begins := !do.empty() || roster != "" || check
	switch {
	case begins:
		if !k.lease.keep(k.ctx, k.Worker) {
			k.putBack(do)
			return max(k.lease.again.Sub(now), 0) // what came of earlier work is stored then too
		}
		k.begin(do, roster, check)
	case k.under > 0:
		k.lease.keep(k.ctx, k.Worker)
	default:
		k.lease.release(k.ctx, k.Worker)
	}
	return k.wait(now, rosterAt)
}

// due says that a time that is set has come.
func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// wait is how long until something is due; also is one more time when
// something is.
func (k *work) wait(now, also time.Time) time.Duration {
	times := []time.Time{k.next, k.graph.next(now), k.bot.next(now), also}
	if k.lease.held() {
		times = append(times, k.lease.again)
	}
	if len(k.results) > 0 && !k.settling {
		times = append(times, k.settleAt)
	}
	if k.checkable() {
		times = append(times, k.checks.at)
	}
	at := now.Add(lookAgain)
	for _, other := range times {
		if !other.IsZero() && other.Before(at) {
			at = other
		}
	}
	return max(at.Sub(now), 0)
}

// read reads whose turn it is.
func (k *work) read(now time.Time) {
	var ready []store.Person
	err := k.Store.View(k.ctx, func(tx store.Tx) (err error) {
		ready, k.next, err = tx.PeopleToReach(now, mostReady)
		return err
	})
	if err != nil {
		k.rest("It could not be read who is to be reached; trying again", err)
		return
	}
	k.stale, k.looked = false, now
	k.queue = slices.DeleteFunc(ready, func(p store.Person) bool { return k.busy[p.Name] })
}

// putBack undoes a plan that cannot be begun.
func (k *work) putBack(do plan) {
	var back []store.Person
	for _, people := range slices.Concat(do.chunks, do.opens) {
		back = append(back, people...)
	}
	for i := range do.held {
		delete(k.busy, do.held[i].Person.Name)
		k.stale = true // they are read again, without why they are held
	}
	k.free(back)
	k.chunks -= len(do.chunks)
	k.opens -= len(do.opens)
	k.graph.rest()
	k.bot.rest()
	k.queue = append(back, k.queue...)
}

func (k *work) free(people []store.Person) {
	for i := range people {
		delete(k.busy, people[i].Name)
	}
}

// begin begins what was planned, under the lease.
func (k *work) begin(do plan, roster string, check bool) {
	ctx := k.lease.ctx
	for _, chunk := range do.chunks {
		k.do(func() func() {
			r := k.reach(ctx, chunk)
			return func() {
				k.chunks--
				k.judge(&k.graph, r)
				k.take(chunk, r)
			}
		})
	}
	for _, one := range do.opens {
		k.do(func() func() {
			r := k.open(ctx, one)
			return func() {
				k.opens--
				k.judge(&k.bot, r)
				k.take(one, r)
			}
		})
	}
	k.results = append(k.results, do.held...)
	if roster != "" {
		k.reading = true
		_, again := k.rosters[roster]
		k.do(func() func() {
			at := k.readRoster(ctx, roster, !again)
			return func() { k.reading, k.rosters[roster] = false, at }
		})
	}
	if check {
		k.beginCheck(ctx)
	}
}

// judge tells a gate what came of an attempt.
func (k *work) judge(g *gate, r result) {
	was := *g
	switch {
	case r.everybody != nil:
		g.shut(*r.everybody, r.failed, k.Now())
		if was.open() || was.why.Reason != g.why.Reason {
			k.Logger.Error("People cannot be made reachable; what is to be told to them waits", "reason", g.why.Reason, "why", g.why.Message, "again", g.until)
		}
	case len(r.passed) > 0:
		g.pass(r.passed)
		if !was.open() {
			k.Logger.Info("People can be made reachable again", "was", was.why.Reason)
		}
	default:
		g.rest()
	}
	k.metrics.working.Set(flag(k.graph.open() && k.bot.open()))
}

// take keeps what came of an attempt for some persons to be stored. The others
// are as they were, or somebody else has changed them.
func (k *work) take(people []store.Person, r result) {
	k.free(people)
	for i := range r.settled {
		k.busy[r.settled[i].Person.Name] = true
	}
	k.results = append(k.results, r.settled...)
	if len(r.settled) < len(people) {
		k.stale = true
	}
	if r.err != nil {
		k.rest("It could not be read who is to be reached; trying again", r.err)
	}
}

// rest leaves the store alone for a while.
func (k *work) rest(words string, err error) {
	k.complain(k.ctx, words, err)
	k.paused = k.Now().Add(notNow)
}

// settle has what came of the work stored, in the order in which it came.
func (k *work) settle(now time.Time) {
	soon := now.Before(k.settleAt) && (len(k.results) < chunkSize || k.refused)
	if k.settling || len(k.results) == 0 || soon {
		return
	}
	batch := k.results[:min(len(k.results), settleMost)]
	k.settling, k.settleAt = true, now.Add(settleEvery)
	k.do(func() func() {
		err := k.store(batch)
		return func() { k.stored(batch, err) }
	})
}

// store hands on what came of the work, also while we are stopping: it is true.
func (k *work) store(batch []settled) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), notNow)
	defer cancel()
	all := make([]Settled, len(batch))
	for i := range batch {
		all[i] = batch[i].Settled
	}
	return k.Settle(ctx, all)
}

// stored follows on what was stored.
func (k *work) stored(batch []settled, err error) {
	k.settling, k.refused = false, err != nil
	now := k.Now()
	if err != nil {
		k.complain(k.ctx, "What came of making people reachable could not be stored; trying again", err)
		k.settleAt = now.Add(notNow)
		return
	}
	k.results = k.results[len(batch):]
	for i := range batch {
		s := &batch[i]
		delete(k.busy, s.Person.Name)
		k.tell(&s.Settled)
		switch {
		case s.already:
			k.already[s.Person.Name] = true
		case s.Place != nil && k.already[s.Person.Name]:
			delete(k.already, s.Person.Name)
			k.checks.soon, k.checks.at = append(k.checks.soon, s.Person.Name), now
		}
		switch {
		case !s.Waits:
		case s.Person.NotBefore.After(now):
			if k.next.IsZero() || s.Person.NotBefore.Before(k.next) {
				k.next = s.Person.NotBefore
			}
		default:
			k.queue = append(k.queue, s.Person)
		}
	}
}

// tell logs what became of a person.
func (k *work) tell(s *Settled) {
	p := &s.Person
	switch log := k.Logger.With("person", p.Name); {
	case s.Place != nil:
		log.Info("A person can be told")
	case !s.Waits:
		log.Warn("A person cannot be told", "reason", p.Reason, "why", p.Message, "do", Do(teams.Reason(p.Reason), p.Name))
	case p.Reason == string(teams.Installing):
		log.Warn("A person cannot be told yet", "reason", p.Reason, "why", p.Message, "attempt", p.Attempts)
	default:
		log.Debug("A person cannot be told yet", "state", p.State, "reason", p.Reason, "attempt", p.Attempts, "again", p.NotBefore)
	}
}

// finish waits for what is under way, which ends soon because Run's ctx has, and
// stores what came of it.
func (k *work) finish() {
	k.lease.drop()
	for k.under > 0 {
		f := <-k.done
		k.under--
		f()
	}
	if len(k.results) > 0 {
		if err := k.store(k.results); err != nil {
			k.Logger.Error("What came of making people reachable could not be stored; it is found out again after the start", "err", err)
		}
	}
	k.lease.release(context.WithoutCancel(k.ctx), k.Worker)
}
