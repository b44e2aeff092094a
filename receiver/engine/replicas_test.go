package engine

import (
	"context"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
)

// line is what a replica has of the store that all share: it can be cut, and the
// database behind it has a clock of its own.
type line struct {
	store.Store
	cut     atomic.Bool
	updates atomic.Int64
	ahead   *atomic.Int64 // of the database's clock, before ours
	// measured, if set, runs once when the database has said what time it is.
	measured atomic.Pointer[func()]
}

func (l *line) Shared() bool { return true }

func (l *line) Time(context.Context) (time.Time, error) {
	if l.cut.Load() {
		return time.Time{}, store.ErrUnavailable
	}
	now := time.Now().Add(time.Duration(l.ahead.Load()))
	if measured := l.measured.Swap(nil); measured != nil {
		(*measured)()
	}
	return now, nil
}

func (l *line) Update(ctx context.Context, fn func(store.Tx) error) error {
	if l.cut.Load() {
		return store.ErrUnavailable
	}
	l.updates.Add(1)
	return l.Store.Update(ctx, fn)
}

func (l *line) View(ctx context.Context, fn func(store.Tx) error) error {
	if l.cut.Load() {
		return store.ErrUnavailable
	}
	return l.Store.View(ctx, fn)
}

// cluster is a store that several engines share.
type cluster struct {
	*rig
	db    store.Store
	ahead atomic.Int64 // of the database's clock
	ends  []func()
}

// replica is one of them.
type replica struct {
	*cluster
	line   *line
	engine *Engine
	slept  atomic.Int64 // for how long its machine stood still
	cancel context.CancelFunc
	ended  chan error
}

// join starts a replica with these routes.
func (c *cluster) join(name string, config Config) *replica {
	c.t.Helper()
	m := &replica{cluster: c, line: &line{Store: c.db, ahead: &c.ahead}, ended: make(chan error, 1)}
	began := time.Now()
	var err error
	m.engine, err = New(Options{
		Store: m.line, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Location: time.UTC, Holder: name,
		Elapsed: func() time.Duration { return time.Since(began) - time.Duration(m.slept.Load()) },
	}, config)
	require.NoError(c.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	go func() { m.ended <- m.engine.Run(ctx) }()
	c.ends = append(c.ends, func() { cancel(); <-m.ended })
	synctest.Wait()
	return m
}

// refuse has Teams refuse so many of the next messages.
func (c *cluster) refuse(messages int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.throttle = messages
}

// kill is kill -9: nothing of what it does afterwards reaches the store.
func (m *replica) kill() {
	m.line.cut.Store(true)
	m.cancel()
	m.ended <- <-m.ended
}

func (m *replica) post(alerts ...alert.Alert) {
	m.t.Helper()
	require.NoError(m.t, m.engine.Posted(context.Background(), byPrometheus(alerts)))
}

// fires is how many alerts this replica thinks to fire.
func (m *replica) fires() int {
	m.engine.active.mu.Lock()
	defer m.engine.active.mu.Unlock()
	return len(m.engine.active.alerts)
}

// together tells a story of replicas.
func together(t *testing.T, name string, story func(c *cluster)) {
	t.Helper()
	test(t, name, func(r *rig) {
		db, err := sqlite.Open(r.file, sqlite.Options{})
		require.NoError(r.t, err)
		c := &cluster{rig: r, db: db}
		defer func() {
			for _, end := range c.ends {
				end()
			}
			require.NoError(r.t, db.Close())
		}()
		story(c)
	})
}

func TestReplicasAreAsOne(t *testing.T) {
	together(t, "an alert goes on that another replica has seen, and ends once when nobody has", func(c *cluster) {
		a, b := c.join("a", c.config(base)), c.join("b", c.config(base))
		disk := labeled("DiskFull", "warning")
		a.post(disk)
		time.Sleep(40 * time.Second)
		c.expect("ops: DiskFull firing")
		for range 8 { // the load balancer has changed its mind
			b.post(disk)
			time.Sleep(time.Minute)
		}
		c.expect()
		time.Sleep(3 * time.Minute) // not yet: the last was a minute ago
		c.expect()
		time.Sleep(5*time.Minute + 10*time.Second) // with group_interval
		c.expect("ops: DiskFull resolved")
		time.Sleep(6 * time.Minute)
		c.expect()
	})

	together(t, "an alert whose value changes with every resend goes on too", func(c *cluster) {
		a, b := c.join("a", c.config(base)), c.join("b", c.config(base))
		disk := labeled("DiskFull", "warning")
		a.post(disk)
		time.Sleep(40 * time.Second)
		c.expect("ops: DiskFull firing")
		for n := range 8 {
			disk.Annotations = map[string]string{"value": strconv.Itoa(n)}
			b.post(disk)
			time.Sleep(time.Minute)
		}
		for _, said := range c.messages() {
			require.NotContains(c.t, said, "RESOLVED")
		}
		require.Equal(c.t, 1, a.fires())
	})

	together(t, "what one that was restarted sees counts for the others", func(c *cluster) {
		a, b := c.join("a", c.config(base)), c.join("b", c.config(base))
		disk := labeled("DiskFull", "warning")
		b.post(disk)
		time.Sleep(4 * time.Minute)
		c.expect("ops: DiskFull firing")
		a.kill()
		a = c.join("a2", c.config(base))
		a.post(disk)
		time.Sleep(4 * time.Minute)
		c.expect()
	})

	together(t, "what a replica saw before it died is not ended at once", func(c *cluster) {
		a, b := c.join("a", c.config(base)), c.join("b", c.config(base))
		disk := labeled("DiskFull", "warning")
		a.post(disk)
		for range 4 {
			time.Sleep(time.Minute)
			b.post(disk)
		}
		time.Sleep(10 * time.Second)
		c.expect("ops: DiskFull firing")
		b.kill()
		time.Sleep(time.Minute)
		a.post(disk)
		time.Sleep(4 * time.Minute)
		c.expect()
	})

	together(t, "a database that was away ends nothing that the slower one has seen", func(c *cluster) {
		a, b := c.join("a", c.config(base)), c.join("b", c.config(base))
		disk := labeled("DiskFull", "warning")
		a.post(disk)
		time.Sleep(4*time.Minute + 39*time.Second + 500*time.Millisecond)
		c.expect("ops: DiskFull firing")
		b.post(disk)
		a.line.cut.Store(true)
		b.line.cut.Store(true)
		time.Sleep(40 * time.Second)
		a.line.cut.Store(false)
		time.Sleep(6 * time.Second)
		b.line.cut.Store(false)
		time.Sleep(30 * time.Second)
		require.Equal(c.t, 1, a.fires())
		c.expect()
		time.Sleep(5 * time.Minute)
		c.expect("ops: DiskFull resolved")
	})

	for _, away := range []time.Duration{10 * time.Second, 4*time.Minute + 30*time.Second, 10 * time.Minute} {
		together(t, "a database that was away for "+away.String()+" ends nothing that is sent once a minute", func(c *cluster) {
			a, b := c.join("a", c.config(base)), c.join("b", c.config(base))
			disk, own := labeled("DiskFull", "warning"), labeled("OfB", "warning", ReplicaLabel, "b")
			a.post(disk)
			require.NoError(c.t, b.engine.Report(context.Background(), own))
			time.Sleep(time.Minute)
			c.expect("ops: DiskFull firing", "ops: OfB firing")
			a.post(disk)
			time.Sleep(50 * time.Second)
			a.line.cut.Store(true)
			b.line.cut.Store(true)
			time.Sleep(away) // all that is sent is refused
			a.line.cut.Store(false)
			time.Sleep(3 * time.Second)
			b.line.cut.Store(false)
			time.Sleep(55 * time.Second)
			a.post(disk)
			time.Sleep(4 * time.Minute)
			c.expect()
			time.Sleep(2*time.Minute + away)
			c.expect("ops: DiskFull resolved")
		})
	}

	together(t, "news of an alert counts wherever it is said, and costs a commit only if it is some", func(c *cluster) {
		a, b := c.join("a", c.config(base)), c.join("b", c.config(base))
		disk := labeled("DiskFull", "warning")
		a.post(disk)
		b.post(over(disk)) // b has never heard of it
		time.Sleep(time.Minute)
		c.expect("ops: DiskFull resolved")
		again := labeled("MemoryFull", "warning")
		a.post(again)
		time.Sleep(40 * time.Second)
		c.expect("ops: MemoryFull firing")
		before := a.line.updates.Load() + b.line.updates.Load()
		for range 10 {
			a.post(again)
			b.post(again)
		}
		require.Equal(c.t, before, a.line.updates.Load()+b.line.updates.Load(), "Prometheus says it to everybody once a minute")
		b.post(over(again))
		time.Sleep(2 * time.Second)
		a.post(labeled("MemoryFull", "warning")) // and a hears that it fires anew
		time.Sleep(2 * time.Second)
		for _, m := range []*replica{a, b} {
			require.Equal(c.t, 1, m.fires(), "it fires, whoever heard of it last")
		}
	})

	together(t, "what one receives inhibits what another is about to tell", func(c *cluster) {
		routes := base + "- {matchers: [alertname=\"AtOnce\"], destinations: [sre], group_wait: 0s}\n"
		a, b := c.join("a", c.config(routes)), c.join("b", c.config(routes))
		b.post(labeled("DiskFull", "warning", "site", "fra")) // waits for group_wait
		time.Sleep(29*time.Second + 900*time.Millisecond)
		a.post(labeled("SiteDown", "critical", "site", "fra"))
		b.post(labeled("AtOnce", "warning", "site", "fra"))
		time.Sleep(time.Minute)
		c.expect("sre: SiteDown")
	})

	together(t, "a group that waits is told in time though its replica died", func(c *cluster) {
		a := c.join("a", c.config(base))
		c.join("b", c.config(base))
		time.Sleep(time.Minute)
		a.post(labeled("DiskFull", "warning"))
		a.kill()
		time.Sleep(29 * time.Second)
		c.expect()
		time.Sleep(3 * time.Second)
		c.expect("ops: DiskFull firing")
	})

	together(t, "a replica that has lost the store promises nothing", func(c *cluster) {
		a := c.join("a", c.config(base))
		disk := labeled("DiskFull", "warning")
		a.post(disk)
		a.line.cut.Store(true)
		time.Sleep(20 * time.Second)
		err := a.engine.Posted(context.Background(), these(ingest.Posted{Alert: disk, Until: time.Now().Add(time.Hour)}))
		require.ErrorIs(c.t, err, store.ErrUnavailable, "others may have ended it meanwhile")
		a.line.cut.Store(false)
		time.Sleep(2 * time.Second)
		a.post(disk)
	})
}

// Microsoft counts what all of them send, also in the moment in which one comes.
func TestReplicasNeverTakeMoreThanThereIs(t *testing.T) {
	together(t, "together", func(c *cluster) {
		a := c.join("a", c.config(base))
		require.Equal(c.t, 1.0, a.engine.Part(), "who is alone waits for nobody")
		all := []*replica{a}
		watch := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
				sum := 0.0
				for _, m := range all {
					sum += m.engine.Part()
				}
				require.LessOrEqual(c.t, sum, 1.0)
			}
		}
		watch(1500 * time.Millisecond)
		b := c.join("b", c.config(base))
		all = append(all, b)
		watch(700 * time.Millisecond)
		all = append(all, c.join("c", c.config(base)))
		watch(10 * time.Second)
		for _, m := range all {
			require.Equal(c.t, 1.0/3, m.engine.Part())
		}
		b.kill()
		all = []*replica{a, all[2]}
		watch(20 * time.Second)
		require.Equal(c.t, 0.5, a.engine.Part(), "what a dead one leaves is used")
		require.NoError(c.t, a.engine.Reload(context.Background(), c.config(base)))
		require.Equal(c.t, 0.5, a.engine.Part(), "who reads its file anew is known already")
	})
}

// Who does not share the store asks it for what fires at the start and at reloads
// only: the time between them is no outage.
func TestAReloadHasNoAlertGoOnForLonger(t *testing.T) {
	test(t, "without replicas", func(r *rig) {
		r.start(base)
		defer r.stop()
		time.Sleep(time.Hour)
		r.post(labeled("DiskFull", "warning"))
		require.NoError(r.t, r.engine.Reload(context.Background(), r.config(base)))
		time.Sleep(time.Minute)
		r.expect("ops: DiskFull firing")
		time.Sleep(10 * time.Minute)
		r.expect("ops: DiskFull resolved")
	})
}

func TestReplicasWithAnOldConfiguration(t *testing.T) {
	together(t, "move nothing back, and give up nothing that is new", func(c *cluster) {
		old, anew := c.config(base), c.config(base)
		anew.Destinations[0].Addresses[0].ID = "workflow:moved"
		c.refuse(1000)
		a := c.join("a", old)
		a.post(labeled("DiskFull", "warning"))
		time.Sleep(time.Minute)
		b := c.join("b", anew)
		where := func() (address string) {
			require.NoError(c.t, c.db.View(context.Background(), func(tx store.Tx) error {
				posts, err := tx.ListPosts(store.PostFilter{})
				require.Len(c.t, posts, 1)
				require.NotEqual(c.t, store.Dead, posts[0].State)
				address = posts[0].Address
				return err
			}))
			return address
		}
		require.Equal(c.t, "workflow:moved", where())
		require.NoError(c.t, a.engine.readdress(context.Background()))
		require.Equal(c.t, "workflow:moved", where(), "the old one has not heard of the new one yet")
		time.Sleep(5 * time.Second)
		require.NoError(c.t, a.engine.Reload(context.Background(), old))
		time.Sleep(time.Minute)
		require.Equal(c.t, "workflow:moved", where(), "what is loaded again is as old as it was")
		c.refuse(0)
		time.Sleep(time.Minute)
		c.expect("ops: DiskFull")

		// Once it was rolled back, the old one is the new one.
		b.post(labeled("Other", "warning"))
		require.NoError(c.t, b.engine.Reload(context.Background(), old))
		time.Sleep(time.Minute)
		c.expect("ops: Other")
	})
}

func TestTheDatabasesClockIsSet(t *testing.T) {
	shifted := func(c *cluster) (by time.Duration) {
		require.NoError(c.t, c.db.View(context.Background(), func(tx store.Tx) (err error) {
			by, err = tx.Shifted()
			return err
		}))
		return by
	}
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		together(t, "and all timers move once: "+jump.String(), func(c *cluster) {
			a, b := c.join("a", c.config(base)), c.join("b", c.config(base))
			time.Sleep(time.Minute)
			a.post(labeled("DiskFull", "warning"))
			c.ahead.Store(int64(jump))
			time.Sleep(20 * time.Second)
			c.expect()
			require.Equal(c.t, jump, shifted(c))
			require.WithinDuration(c.t, time.Now().Add(jump), a.engine.Now(), time.Second)
			require.WithinDuration(c.t, time.Now().Add(jump), b.engine.Now(), time.Second)
			time.Sleep(12 * time.Second)
			c.expect("ops: DiskFull firing")
			require.Len(c.t, a.engine.Replicas(), 2, "nobody is thought to be gone")
		})
	}
	together(t, "is not what a machine that has slept thinks", func(c *cluster) {
		a, b := c.join("a", c.config(base)), c.join("b", c.config(base))
		time.Sleep(time.Minute)
		a.post(labeled("DiskFull", "warning"))
		b.slept.Store(int64(time.Hour)) // its clock that never jumps stood still
		time.Sleep(20 * time.Second)
		require.Zero(c.t, shifted(c))
		require.WithinDuration(c.t, time.Now(), b.engine.Now(), time.Second)
		time.Sleep(12 * time.Second)
		c.expect("ops: DiskFull firing")
	})
	together(t, "on one machine, and nothing happens", func(c *cluster) {
		c.skew.Store(int64(time.Hour))
		a := c.join("a", c.config(base))
		require.WithinDuration(c.t, time.Now(), a.engine.Now(), time.Second)
	})
}
