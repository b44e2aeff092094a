package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
	"github.com/teamsrelay/teamsrelay/receiver/store/storetest"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// rig is an engine on a real store, with destinations that note what arrives.
type rig struct {
	t        *testing.T
	file     string
	store    *counting
	engine   *Engine
	stop     func()
	kill     func() // kill -9: nothing of what it does afterwards reaches the store
	now      func() time.Time
	skew     atomic.Int64        // of the wall clock
	tolerant bool                // no inhibition rules
	begin    func(Config) Config // what start makes of the configuration; nil: nothing
	singly   map[string]bool     // see route.Options
	rules    string              // a rule file
	mu       sync.Mutex
	arrived  []string // "destination: summary"
	throttle int      // how many of the next messages Teams refuses
	twice    bool     // see storetest.Twice
}

// counting counts transactions, but for those of the clock, and refuses them when
// told to.
type counting struct {
	store.Store
	updates atomic.Int64
	refuse  atomic.Bool
	// unreadable is the id of a group whose row is damaged.
	unreadable atomic.Int64
	// before and after, if set, run once around the next transaction; asked runs
	// in it, once it knows what there is of an origin.
	before, after, asked atomic.Pointer[func()]
	// meanwhile, if set, runs once in the next transaction, as what another replica
	// does and PostgreSQL commits between what a transaction lists and what it
	// changes: its lists are from before that.
	meanwhile atomic.Pointer[func()]
}

func (c *counting) Update(ctx context.Context, fn func(store.Tx) error) error {
	if c.refuse.Load() {
		return store.ErrUnavailable
	}
	if ofTheClock() {
		return c.Store.Update(ctx, fn)
	}
	c.updates.Add(1)
	if before := c.before.Swap(nil); before != nil {
		(*before)()
	}
	in := func(tx store.Tx) error { return fn(torn{tx, c.unreadable.Load(), &c.asked}) }
	if meanwhile := c.meanwhile.Swap(nil); meanwhile != nil {
		return c.listed(ctx, *meanwhile, in)
	}
	err := c.Store.Update(ctx, in)
	if after := c.after.Swap(nil); after != nil {
		(*after)()
	}
	return err
}

// listed is Update with lists from before something happened.
func (c *counting) listed(ctx context.Context, meanwhile func(), fn func(store.Tx) error) error {
	return c.View(ctx, func(before store.Tx) error {
		if _, err := before.ListPosts(store.PostFilter{}); err != nil { // what it sees is fixed from here on
			return err
		}
		meanwhile()
		return c.Store.Update(ctx, func(tx store.Tx) error { return fn(old{tx, before}) })
	})
}

// old is a transaction whose lists are old.
type old struct {
	store.Tx
	before store.Tx
}

func (o old) ListPosts(f store.PostFilter) ([]store.Post, error) { return o.before.ListPosts(f) }

func (o old) OpenGroupsAt(addresses []string, limit int) ([]group.Group, error) {
	return o.before.OpenGroupsAt(addresses, limit)
}

// ofTheClock says that it is called by who stores what time it is, every few
// seconds: no test that waits for the next transaction means that one.
func ofTheClock() bool {
	var callers [8]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers[:])])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "(*Engine).saveTime") {
			return true
		}
		if !more {
			return false
		}
	}
}

// torn is a transaction in which one group cannot be read.
type torn struct {
	store.Tx
	id    int64
	asked *atomic.Pointer[func()]
}

func (t torn) Groups(origin string) ([]group.Group, error) {
	groups, err := t.Tx.Groups(origin)
	if asked := t.asked.Swap(nil); asked != nil {
		(*asked)()
	}
	return groups, err
}

func (t torn) Group(id int64) (group.Group, error) {
	if id == t.id {
		return group.Group{}, errors.New("unexpected end of JSON input")
	}
	return t.Tx.Group(id)
}

// base is the routing of most tests: everything to ops, critical alerts also
// straight to sre.
const base = `
destinations: [ops]
group_by: [alertname]
group_wait: 30s
group_interval: 5m
repeat_interval: 4h
routes:
- matchers: [severity="critical"]
  destinations: [sre]
`

func newRig(t *testing.T) *rig {
	r := &rig{t: t, file: sqlitetest.File(t)}
	r.now = func() time.Time { return time.Now().Add(time.Duration(r.skew.Load())).Round(0) }
	return r
}

// start opens the store and runs an engine with these routes; names are its
// destinations.
func (r *rig) start(routes string, names ...string) {
	r.t.Helper()
	db, err := sqlite.Open(r.file, sqlite.Options{})
	require.NoError(r.t, err)
	r.store = &counting{Store: db}
	if r.twice {
		r.store.Store = storetest.Twice(db)
	}
	began := time.Now()
	c := r.config(routes, names...)
	if r.begin != nil {
		c = r.begin(c)
	}
	r.engine, err = New(Options{
		Store: r.store, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		Now: r.now, Elapsed: func() time.Duration { return time.Since(began) }, Location: time.UTC, Holder: "test",
	}, c)
	require.NoError(r.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.engine.Run(ctx) }()
	r.stop = func() {
		r.t.Helper()
		cancel()
		require.NoError(r.t, <-done)
		require.NoError(r.t, db.Close())
	}
	r.kill = func() {
		r.t.Helper()
		r.store.refuse.Store(true)
		cancel()
		<-done
		require.NoError(r.t, db.Close())
	}
}

func (r *rig) config(routes string, names ...string) Config {
	r.t.Helper()
	if len(names) == 0 {
		names = []string{"ops", "sre"}
	}
	cards, problems := card.New(nil)
	require.Empty(r.t, problems)
	o := route.Options{Destinations: names, Cards: cards.Names(), Singly: r.singly}
	require.NoError(r.t, yaml.Unmarshal([]byte(routes), &o.Route))
	if !r.tolerant {
		o.InhibitRules = []route.InhibitRule{{
			SourceMatchers: []string{`alertname="SiteDown"`}, TargetMatchers: []string{`alertname!="SiteDown"`}, Equal: []string{"site"},
		}}
	}
	var morning timeinterval.TimeInterval
	require.NoError(r.t, yaml.Unmarshal([]byte("times: [{start_time: '00:00', end_time: '01:00'}]"), &morning))
	o.TimeIntervals = []route.Interval{{Name: "first-hour", TimeIntervals: []timeinterval.TimeInterval{morning}}}
	tree, wrong := route.New(o)
	require.Empty(r.t, wrong)
	c := Config{Routes: tree, Cards: cards, ResolveTimeout: 5 * time.Minute, Retention: 30 * 24 * time.Hour}
	if r.rules != "" {
		set, mistakes := rules.Parse([]rules.File{{Name: "rules.yml", Data: []byte(r.rules)}})
		require.Empty(r.t, mistakes.Error())
		c.Rules = set
	}
	for _, name := range names {
		c.Destinations = append(c.Destinations, Destination{Name: name, Addresses: []deliver.Address{{
			ID: "workflow:" + name, Destination: name, Pace: []deliver.Window{{N: 1000, Per: time.Second}},
			Send: func(_ context.Context, m card.Message) teams.Outcome {
				r.mu.Lock()
				defer r.mu.Unlock()
				if r.throttle > 0 {
					r.throttle--
					return teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, Status: 429, After: 5 * time.Second}
				}
				r.arrived = append(r.arrived, name+": "+m.Summary)
				return teams.Outcome{Kind: teams.Delivered, Status: 202}
			},
		}}})
	}
	return c
}

// messages waits until nothing moves and returns what has arrived since the
// last call.
func (r *rig) messages() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	arrived := r.arrived
	r.arrived = nil
	return arrived
}

// expect checks what has arrived: each message begins with its destination
// and has all the words.
func (r *rig) expect(want ...string) {
	r.t.Helper()
	arrived := r.messages()
	require.Len(r.t, arrived, len(want), "%q", arrived)
	for i, words := range want {
		destination, text, _ := strings.Cut(words, ": ")
		found := false
		for _, message := range arrived {
			if strings.HasPrefix(message, destination+": ") && contains(message, strings.Fields(text)) {
				found = true
			}
		}
		require.True(r.t, found, "message %d, %q, is not among %q", i, words, arrived)
	}
}

func contains(message string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(strings.ToLower(message), strings.ToLower(word)) {
			return false
		}
	}
	return true
}

func labeled(name, severity string, more ...string) alert.Alert {
	labels := map[string]string{"alertname": name, "severity": severity}
	for i := 0; i+1 < len(more); i += 2 {
		labels[more[i]] = more[i+1]
	}
	return alert.Alert{Fingerprint: alert.FingerprintOf(labels), Status: alert.Firing, Labels: labels, StartsAt: time.Now()}
}

func over(a alert.Alert) alert.Alert {
	a.Status, a.EndsAt = alert.Resolved, time.Now()
	return a
}

func snapshot(alerts ...alert.Alert) ingest.Snapshot {
	return ingest.Snapshot{Source: "alertmanager", Origin: "am", Complete: true, Repeats: true, Alerts: alerts}
}

func (r *rig) send(alerts ...alert.Alert) {
	r.t.Helper()
	require.NoError(r.t, r.engine.Snapshot(context.Background(), snapshot(alerts...)))
}

func (r *rig) post(alerts ...alert.Alert) {
	r.t.Helper()
	require.NoError(r.t, r.engine.Posted(context.Background(), byPrometheus(alerts)))
}

// byPrometheus reads alerts that go on for five minutes from when they are read.
func byPrometheus(alerts []alert.Alert) func(time.Time) []ingest.Posted {
	return func(now time.Time) []ingest.Posted {
		posted := make([]ingest.Posted, len(alerts))
		for i, a := range alerts {
			posted[i] = ingest.Posted{Alert: a, Until: now.Add(5 * time.Minute)}
			if a.Status == alert.Resolved {
				posted[i].Until = a.EndsAt
			}
		}
		return posted
	}
}

// these reads the same at any time.
func these(posted ...ingest.Posted) func(time.Time) []ingest.Posted {
	return func(time.Time) []ingest.Posted { return posted }
}

func test(t *testing.T, name string, story func(*rig)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { story(newRig(t)) })
	})
}

func TestAlertmanagersGroups(t *testing.T) {
	test(t, "become one message when they fire and one when they end", func(r *rig) {
		r.start(base)
		defer r.stop()
		a := labeled("DiskFull", "warning", "host", "db1")
		r.send(a)
		r.expect("ops: DiskFull firing")
		r.send(a) // the other Alertmanager
		r.expect()
		r.send(over(a))
		r.expect("ops: DiskFull resolved")
	})
	test(t, "are divided by routes, alert by alert", func(r *rig) {
		r.start(base)
		defer r.stop()
		r.send(labeled("DiskFull", "warning", "host", "db1"), labeled("DiskFull", "critical", "host", "db2"))
		r.expect("ops: DiskFull", "sre: DiskFull critical")
	})
	// A replica that stood still reads what its sender gave up on long ago, and
	// sent to another one since: it would open again what has ended.
	test(t, "are not taken from who has hung up meanwhile, and events are", func(r *rig) {
		r.start(base)
		defer r.stop()
		a := labeled("DiskFull", "warning")
		for _, event := range []*group.Event{nil, {}} {
			ctx, hangUp := context.WithCancel(context.Background())
			asked := func() { hangUp() }
			r.store.asked.Store(&asked)
			s := snapshot(a)
			s.Event = event
			err := r.engine.Snapshot(ctx, s)
			if event == nil {
				require.ErrorIs(r.t, err, context.Canceled)
				r.expect()
				continue
			}
			require.NoError(r.t, err)
			r.expect("ops: DiskFull firing")
		}
	})
	test(t, "end where they fired, though the routes have changed", func(r *rig) {
		r.start(base)
		defer r.stop()
		a := labeled("DiskFull", "critical")
		r.send(a)
		r.expect("sre: DiskFull")
		require.NoError(r.t, r.engine.Reload(context.Background(), r.config("destinations: [ops]")))
		r.send(over(a))
		r.expect("sre: DiskFull resolved")
		r.send(a)
		r.expect("ops: DiskFull firing")
	})
	test(t, "go straight to the destination that the path names", func(r *rig) {
		r.start(base)
		defer r.stop()
		s := snapshot(labeled("DiskFull", "warning"))
		s.Destination = "sre"
		require.NoError(r.t, r.engine.Snapshot(context.Background(), s))
		r.expect("sre: DiskFull")
	})
	test(t, "are told alert by alert where a destination wants that", func(r *rig) {
		r.singly = map[string]bool{"sre": true}
		r.start(base)
		defer r.stop()
		one, two := labeled("DiskFull", "warning", "host", "db1"), labeled("DiskFull", "warning", "host", "db2")
		straight := func(alerts ...alert.Alert) {
			s := snapshot(alerts...)
			s.Destination = "sre"
			require.NoError(r.t, r.engine.Snapshot(context.Background(), s))
		}
		straight(one, two)
		r.expect("sre: DiskFull db1 firing", "sre: DiskFull db2 firing")
		straight(one, over(two))
		r.expect("sre: DiskFull db2 resolved")
		straight(over(one), over(two))
		r.expect("sre: DiskFull db1 resolved")
	})
	test(t, "are not taken when the store refuses, and are when they are sent again", func(r *rig) {
		r.start(base)
		defer r.stop()
		r.messages()
		r.store.refuse.Store(true)
		err := r.engine.Snapshot(context.Background(), snapshot(labeled("DiskFull", "warning")))
		require.ErrorIs(r.t, err, store.ErrUnavailable)
		r.expect()
		r.store.refuse.Store(false)
		r.send(labeled("DiskFull", "warning"))
		r.expect("ops: DiskFull")
	})
}

func TestPostedAlerts(t *testing.T) {
	test(t, "are grouped, wait for group_wait, and end when nobody sends them any more", func(r *rig) {
		r.start(base)
		defer r.stop()
		r.post(labeled("DiskFull", "warning", "host", "db1"), labeled("DiskFull", "warning", "host", "db2"))
		time.Sleep(29 * time.Second)
		r.expect()
		time.Sleep(2 * time.Second)
		r.expect("ops: DiskFull firing")
		time.Sleep(5 * time.Minute)
		r.expect("ops: DiskFull resolved")
	})
	test(t, "are not taken from who has hung up meanwhile", func(r *rig) {
		r.start(base)
		defer r.stop()
		ctx, hangUp := context.WithCancel(context.Background())
		asked := func() { hangUp() }
		r.store.asked.Store(&asked)
		a := labeled("DiskFull", "warning")
		require.ErrorIs(r.t, r.engine.Posted(ctx, these(ingest.Posted{Alert: a, Until: time.Now().Add(5 * time.Minute)})), context.Canceled)
		time.Sleep(time.Minute)
		r.expect()
		r.post(a)
		time.Sleep(time.Minute)
		r.expect("ops: DiskFull firing")
	})
	test(t, "are told to be over before they are told to fire again, however long Teams refuses", func(r *rig) {
		r.start(base)
		defer r.stop()
		a := labeled("DiskFull", "warning")
		r.post(a)
		time.Sleep(time.Minute)
		r.expect("ops: DiskFull firing")
		refuse := func(times int) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.throttle = times
		}
		refuse(1000)
		r.post(over(a))
		time.Sleep(10 * time.Minute)
		r.post(a)
		time.Sleep(time.Minute)
		refuse(0)
		time.Sleep(2 * time.Minute)
		arrived := r.messages()
		require.Len(r.t, arrived, 2)
		require.Contains(r.t, strings.ToLower(arrived[0]), "resolved", "the last that people read would be that it is over")
		require.NotContains(r.t, strings.ToLower(arrived[1]), "resolved")
	})
	test(t, "that only say that they still fire cost no transaction and do not end", func(r *rig) {
		r.start(base)
		defer r.stop()
		a := labeled("DiskFull", "warning")
		r.post(a)
		time.Sleep(time.Minute)
		r.expect("ops: DiskFull")
		before := r.store.updates.Load()
		for range 20 {
			r.post(a)
			time.Sleep(10 * time.Second)
		}
		require.Equal(r.t, before, r.store.updates.Load(), "transactions for resends")
		for range 10 {
			r.post(a)
			time.Sleep(time.Minute)
		}
		r.expect()
	})
	test(t, "whose end is sent are resolved at once", func(r *rig) {
		r.start(base)
		defer r.stop()
		a := labeled("DiskFull", "warning")
		r.post(a)
		time.Sleep(time.Minute)
		r.expect("ops: DiskFull firing")
		r.post(over(a))
		r.expect("ops: DiskFull resolved")
		before := r.store.updates.Load()
		for range 15 { // as Prometheus does
			r.post(over(a))
			time.Sleep(time.Second)
		}
		require.LessOrEqual(r.t, r.store.updates.Load()-before, int64(0), "transactions for an end told again")
	})
	test(t, "are remembered over a restart, with a resolve_timeout of grace", func(r *rig) {
		r.start(base)
		a := labeled("DiskFull", "warning")
		r.post(a)
		time.Sleep(time.Minute)
		r.expect("ops: DiskFull firing")
		r.stop()
		time.Sleep(time.Hour) // nobody could send it again
		r.start(base)
		defer r.stop()
		time.Sleep(4 * time.Minute)
		r.expect()
		time.Sleep(2 * time.Minute)
		r.expect("ops: DiskFull resolved")
	})
	test(t, "that were posted once with a time far off end then, also over a restart", func(r *rig) {
		r.start(base)
		a := labeled("Maintenance", "info")
		a.EndsAt = time.Now().Add(3 * time.Hour)
		require.NoError(r.t, r.engine.Posted(context.Background(), these(ingest.Posted{Alert: a, Until: a.EndsAt})))
		time.Sleep(time.Minute)
		r.expect("ops: Maintenance firing")
		r.stop()
		r.start(base)
		defer r.stop()
		time.Sleep(2 * time.Hour)
		r.expect()
		time.Sleep(time.Hour)
		r.expect("ops: Maintenance resolved")
	})
	test(t, "wait for group_wait across a restart", func(r *rig) {
		r.start(base)
		r.post(labeled("DiskFull", "warning"))
		time.Sleep(10 * time.Second)
		r.stop()
		r.expect()
		r.start(base)
		defer r.stop()
		time.Sleep(15 * time.Second)
		r.expect()
		time.Sleep(10 * time.Second)
		r.expect("ops: DiskFull")
	})
	test(t, "are told though the row of another group cannot be read", func(r *rig) {
		r.start(base)
		defer r.stop()
		r.post(labeled("Torn", "warning"))
		r.store.unreadable.Store(1)
		r.post(labeled("DiskFull", "warning"))
		time.Sleep(31 * time.Second)
		r.expect("ops: DiskFull")
	})
	test(t, "that could not be stored are not taken for known", func(r *rig) {
		r.start(base)
		defer r.stop()
		a := labeled("DiskFull", "warning")
		r.store.refuse.Store(true)
		err := r.engine.Posted(context.Background(), these(ingest.Posted{Alert: a, Until: time.Now().Add(time.Minute)}))
		require.ErrorIs(r.t, err, store.ErrUnavailable)
		r.store.refuse.Store(false)
		r.post(a)
		time.Sleep(31 * time.Second)
		r.expect("ops: DiskFull")
	})
	test(t, "are inhibited by others, until those end", func(r *rig) {
		r.start(base)
		defer r.stop()
		down, disk := labeled("SiteDown", "critical", "site", "fra1"), labeled("DiskFull", "warning", "site", "fra1")
		r.post(down, disk, labeled("DiskFull", "warning", "site", "ams1"))
		time.Sleep(31 * time.Second)
		arrived := r.messages()
		require.Len(r.t, arrived, 2, "%q", arrived)
		for _, message := range arrived {
			require.NotContains(r.t, message, "fra1 +", "the inhibited alert is not counted")
		}
		r.post(over(down), disk)
		r.expect("sre: SiteDown resolved")
	})
	test(t, "are told when a reload takes the inhibition rules away, and are as before when it brings them back", func(r *rig) {
		r.start(base)
		defer r.stop()
		down, disk := labeled("SiteDown", "critical", "site", "fra1"), labeled("DiskFull", "warning", "site", "fra1")
		r.post(down, disk)
		time.Sleep(time.Minute)
		r.expect("sre: SiteDown")
		r.tolerant = true
		require.NoError(r.t, r.engine.Reload(context.Background(), r.config(base)))
		r.post(down, disk)
		time.Sleep(4*time.Minute + 50*time.Second)
		r.post(down, disk)
		r.expect("ops: DiskFull firing")
		r.tolerant = false
		require.NoError(r.t, r.engine.Reload(context.Background(), r.config(base)))
		time.Sleep(6 * time.Minute)
		r.expect("sre: SiteDown resolved", "ops: DiskFull resolved")
	})
	test(t, "are not told while their route is muted, and are afterwards", func(r *rig) {
		// synctest's clock starts at midnight UTC, in the first hour.
		r.start("destinations: [ops]\ngroup_by: [alertname]\ngroup_wait: 30s\ngroup_interval: 5m\nroutes:\n- destinations: [ops]\n  mute_time_intervals: [first-hour]\n")
		defer r.stop()
		a := labeled("DiskFull", "warning")
		for range 59 {
			r.post(a)
			time.Sleep(time.Minute)
		}
		r.expect()
		for range 10 {
			r.post(a)
			time.Sleep(time.Minute)
		}
		r.expect("ops: DiskFull")
	})
}

func TestAWallClockThatIsSetCausesNeitherABurstNorSilence(t *testing.T) {
	test(t, "set forward by a day, nothing becomes due early", func(r *rig) {
		r.start(base)
		defer r.stop()
		a := labeled("DiskFull", "warning")
		r.post(a)
		time.Sleep(time.Second)
		r.skew.Store(int64(24 * time.Hour))
		time.Sleep(20 * time.Second)
		r.expect()
		time.Sleep(11 * time.Second)
		r.expect("ops: DiskFull firing")
	})
	test(t, "set back by a day, nothing waits for a day", func(r *rig) {
		r.start(base)
		defer r.stop()
		r.post(labeled("DiskFull", "warning"))
		time.Sleep(time.Second)
		r.skew.Store(-int64(24 * time.Hour))
		time.Sleep(41 * time.Second)
		r.expect("ops: DiskFull firing")
	})
}

func TestADestinationThatIsGoneLosesNothing(t *testing.T) {
	test(t, "its news becomes a dead letter that can be replayed when it is back", func(r *rig) {
		r.start(base)
		defer r.stop()
		a := labeled("DiskFull", "critical")
		r.send(a)
		r.expect("sre: DiskFull")
		require.NoError(r.t, r.engine.Reload(context.Background(), r.config("destinations: [ops]", "ops")))
		r.send(over(a))
		r.expect()
		var letters []store.Post
		require.NoError(r.t, r.store.View(context.Background(), func(tx store.Tx) (err error) {
			letters, err = tx.ListPosts(store.PostFilter{DeadLetters: true})
			return err
		}))
		require.Len(r.t, letters, 1)
		require.Equal(r.t, string(teams.NoAddress), letters[0].Reason)
		require.NoError(r.t, r.engine.Reload(context.Background(), r.config(base)))
		named := Letters{IDs: []int64{letters[0].ID}}
		_, err := r.engine.Replay(context.Background(), named, alice, "test")
		require.NoError(r.t, err)
		r.expect("sre: DiskFull resolved")
		_, err = r.engine.Replay(context.Background(), named, alice, "test")
		require.ErrorIs(r.t, err, store.ErrNotFound, "it has left the list")
	})
	test(t, "a test for an unknown destination says so", func(r *rig) {
		r.start(base)
		defer r.stop()
		_, err := r.engine.Test(context.Background(), "nobody", alice, "test")
		require.ErrorIs(r.t, err, ErrUnknownDestination)
		_, err = r.engine.Test(context.Background(), "ops", alice, "test")
		require.NoError(r.t, err)
		r.expect("ops: test")
	})
}

func TestTheEndsOfAlertsComeInOrder(t *testing.T) {
	tree, problems := route.New(route.Options{Route: route.Route{Destinations: []string{"ops"}}, Destinations: []string{"ops"}, Cards: []string{"alert"}})
	require.Empty(t, problems)
	table := newActive(tree.NewInhibitor())
	start := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	var posted []ingest.Posted
	for i := range 1000 {
		a := labeled("Disk", "warning", "host", fmt.Sprint(i))
		posted = append(posted, ingest.Posted{Alert: a, Until: start.Add(time.Duration(i*7919%1000) * time.Second)})
	}
	table.learn(table.news(posted, 0, start, true), start, time.Hour)
	ended := 0
	for s := range 1001 {
		now := start.Add(time.Duration(s) * time.Second)
		news, _ := table.expired(now, 10)
		for _, n := range news {
			require.False(t, n.alert.Until.After(now))
			require.Equal(t, alert.Resolved, n.alert.Status)
		}
		table.learn(news, now, time.Hour)
		ended += len(news)
	}
	require.Equal(t, 1000, ended, "every alert ends once")
	require.Empty(t, table.alerts)
}

// TestNewsThatIsOnItsWayMovesWithTheClock: an alert that was posted in the moment
// in which the wall clock was set would end at once, and be told as resolved
// while it fires.
func TestNewsThatIsOnItsWayMovesWithTheClock(t *testing.T) {
	tree, problems := route.New(route.Options{Route: route.Route{Destinations: []string{"ops"}}, Destinations: []string{"ops"}, Cards: []string{"alert"}})
	require.Empty(t, problems)
	start := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	const jump, timeout = 7 * time.Minute, 5 * time.Minute
	ends := func(table *active) time.Time {
		table.mu.Lock()
		defer table.mu.Unlock()
		require.Len(t, table.ends, 1)
		return table.ends[0].until
	}
	says := []ingest.Posted{{Alert: labeled("Disk", "warning"), Until: start.Add(timeout)}}
	for name, moves := range map[string]func(*active, func() []newsItem){
		"before it is looked at": func(table *active, look func() []newsItem) {
			table.shift(jump)
			table.learn(look(), start.Add(jump), timeout)
		},
		"while it is stored": func(table *active, look func() []newsItem) {
			news := look()
			table.shift(jump)
			table.learn(news, start.Add(jump), timeout)
		},
		"while it is sent again": func(table *active, look func() []newsItem) {
			table.learn(look(), start, timeout)
			table.shift(jump)
			require.Empty(t, look(), "nothing is new")
		},
	} {
		t.Run(name, func(t *testing.T) {
			table := newActive(tree.NewInhibitor())
			read := table.shiftedBy()
			moves(table, func() []newsItem { return table.news(says, read, start, true) })
			require.Equal(t, start.Add(timeout+jump), ends(table))
		})
	}
}

// TestAClockThatIsSetWhileABodyIsRead: the torture found an alert that ended as it
// was posted, because its body was being read while the timers moved.
func TestAClockThatIsSetWhileABodyIsRead(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": 7 * time.Minute, "back": -time.Hour} {
		test(t, name, func(r *rig) {
			r.start(base)
			defer r.stop()
			a := labeled("DiskFull", "warning")
			require.NoError(r.t, r.engine.Posted(context.Background(), func(now time.Time) []ingest.Posted {
				r.skew.Store(int64(jump))
				time.Sleep(lookAgain + time.Second)
				require.InDelta(r.t, jump, r.engine.Now().Sub(now), float64(time.Minute), "it was noticed meanwhile")
				return []ingest.Posted{{Alert: a, Until: now.Add(5 * time.Minute)}}
			}))
			time.Sleep(4 * time.Minute)
			r.expect("ops: DiskFull firing")
			time.Sleep(2 * time.Minute)
			r.expect("ops: DiskFull resolved")
		})
	}
}

func TestGroupsThatAlertmanagerForgetsDoNotHangForEver(t *testing.T) {
	// set gives the engine an Alertmanager that has what has says, which it is
	// asked under the lock.
	set := func(r *rig, has func() (map[alert.Fingerprint]struct{}, error)) {
		r.t.Helper()
		c := r.config(base)
		c.Alertmanagers = []Alertmanager{{URL: "http://am:9093/", Known: func(context.Context) (map[alert.Fingerprint]struct{}, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return has()
		}}}
		require.NoError(r.t, r.engine.Reload(context.Background(), c))
	}
	a, b := labeled("DiskFull", "warning", "host", "db1"), labeled("DiskFull", "warning", "host", "db2")
	both := map[alert.Fingerprint]struct{}{a.Fingerprint: {}, b.Fingerprint: {}}

	test(t, "an alert that is silenced and then ends is resolved though nobody says so", func(r *rig) {
		r.start(base)
		defer r.stop()
		has := both
		set(r, func() (map[alert.Fingerprint]struct{}, error) { return has, nil })
		r.send(a, b)
		r.expect("ops: DiskFull firing")
		r.send(a)       // b is silenced
		r.send(over(a)) // and a is over
		r.expect("ops: DiskFull")
		time.Sleep(time.Hour)
		r.expect() // silenced is not over
		r.mu.Lock()
		has = nil
		r.mu.Unlock()
		time.Sleep(9 * time.Minute)
		r.expect() // an Alertmanager that was restarted has nothing for a while
		time.Sleep(5 * time.Minute)
		r.expect("ops: DiskFull resolved")
	})
	test(t, "what another sender sent is none of Alertmanager's business", func(r *rig) {
		r.start(base)
		defer r.stop()
		set(r, func() (map[alert.Fingerprint]struct{}, error) { return nil, nil })
		r.send(a)
		r.expect("ops: DiskFull firing")
		time.Sleep(time.Hour)
		r.expect()
	})
	test(t, "what it sent itself is, even if it was forgotten before it could be asked", func(r *rig) {
		r.start(base)
		defer r.stop()
		set(r, func() (map[alert.Fingerprint]struct{}, error) { return nil, nil })
		s := snapshot(a)
		s.Sender.ExternalURL = "http://am:9093"
		require.NoError(r.t, r.engine.Snapshot(context.Background(), s))
		r.expect("ops: DiskFull firing")
		time.Sleep(15 * time.Minute)
		r.expect("ops: DiskFull resolved")
	})
	test(t, "one that does not answer decides nothing", func(r *rig) {
		r.start(base)
		defer r.stop()
		var down error
		has := both
		set(r, func() (map[alert.Fingerprint]struct{}, error) { return has, down })
		r.send(a)
		r.expect("ops: DiskFull firing")
		time.Sleep(5 * time.Minute)
		r.mu.Lock()
		down, has = store.ErrUnavailable, nil
		r.mu.Unlock()
		time.Sleep(time.Hour)
		r.expect()
	})
}
