package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
	"github.com/teamsrelay/teamsrelay/receiver/store/storetest"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// message is what the test's cards say, as JSON, and when it arrived.
type message struct {
	Kind     string // "card", "minimal", "digest", "call"
	Groups   []string
	Rev      int
	Reminder bool
	Shown    int // what the card takes for known
	Late     time.Duration
	Bytes    int
	Called   int    // what a call takes for heard
	Link     string // the message that shows the card, as the look says

	at  time.Time
	via string // how it came: "card", "edit", "call"
	id  string // the message that it made or changed
}

// channel is one channel of a Teams that counts: beyond its windows it answers
// 429, and two requests at a time are a mistake of ours.
type channel struct {
	windows []Window
	latency time.Duration
	// answer says what to do with a message, nil: take it.
	answer func(message) *teams.Outcome
	// names: each new message has an id. An edit of one that is in deleted is
	// answered as the bot's service does.
	names   bool
	deleted map[string]bool

	mu       sync.Mutex
	requests []time.Time
	taken    []message
	asked    []message // also what was not taken
	refused  int       // with 429
	sending  bool
	overlap  bool
}

var taken = teams.Outcome{Kind: teams.Delivered, Status: 202}

func (c *channel) send(ctx context.Context, m card.Message) teams.Outcome {
	return c.take(ctx, store.KindCard, "", m)
}

func (c *channel) edit(ctx context.Context, id string, m card.Message) teams.Outcome {
	return c.take(ctx, store.KindEdit, id, m)
}

func (c *channel) call(ctx context.Context, id string, m card.Message) teams.Outcome {
	return c.take(ctx, store.KindCall, id, m)
}

func (c *channel) take(ctx context.Context, via, id string, m card.Message) teams.Outcome {
	now := time.Now()
	var got message
	if err := json.Unmarshal(m.Card, &got); err != nil {
		panic(err)
	}
	got.at, got.via, got.id = now, via, id
	c.mu.Lock()
	c.overlap = c.overlap || c.sending
	c.sending = true
	c.asked = append(c.asked, got)
	full := false
	for _, w := range c.windows {
		n := 0
		for i := len(c.requests) - 1; i >= 0 && now.Sub(c.requests[i]) <= w.Per; i-- {
			n++
		}
		full = full || n >= w.N
	}
	c.requests = append(c.requests, now)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.sending = false
		c.mu.Unlock()
	}()
	if c.latency > 0 {
		select {
		case <-time.After(c.latency):
		case <-ctx.Done():
			return teams.Outcome{Kind: teams.Retry, Reason: teams.Timeout, Message: "no answer in time", Uncertain: true}
		}
	}
	if full {
		c.mu.Lock()
		c.refused++
		c.mu.Unlock()
		return teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, Status: 429}
	}
	if c.answer != nil {
		if o := c.answer(got); o != nil {
			return *o
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.deleted[id]:
		return teams.Outcome{Kind: teams.Retry, Reason: teams.NotFound, Status: 404, Message: "the message is not there any more", Gone: true}
	case c.names && via == store.KindCard:
		got.id = fmt.Sprint("m", len(c.taken)+1)
	}
	c.taken = append(c.taken, got)
	o := taken
	o.MessageID = got.id
	return o
}

// story is how a group was told, one word for each message and its revision.
func (c *channel) story(name string) []string {
	var story []string
	for _, m := range c.messages() {
		if slices.Contains(m.Groups, name) {
			story = append(story, fmt.Sprintf("%s %d", m.via, m.Rev))
		}
	}
	return story
}

// messages is what was taken so far.
func (c *channel) messages() []message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]message(nil), c.taken...)
}

func (c *channel) attempts() []message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]message(nil), c.asked...)
}

// told counts how often each group was told.
func (c *channel) told() map[string]int {
	groups := map[string]int{}
	for _, m := range c.messages() {
		for _, g := range m.Groups {
			groups[g]++
		}
	}
	return groups
}

func testCard(m message) card.Message {
	data, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return card.Message{Card: data, Summary: m.Kind}
}

func fromInput(kind string, in card.Input, limit card.Limit) card.Message {
	return testCard(message{Kind: kind, Groups: []string{in.Group.Key}, Rev: in.Group.Rev,
		Reminder: in.Reminder, Shown: in.Shown, Late: in.Late, Bytes: limit.Bytes, Link: in.Look.Link})
}

var testCards = Cards{
	Render:  func(_ string, in card.Input, l card.Limit) card.Message { return fromInput("card", in, l) },
	Minimal: func(in card.Input, l card.Limit) card.Message { return fromInput("minimal", in, l) },
	Digest: func(in card.DigestInput, l card.Limit) card.Message {
		m := message{Kind: "digest", Bytes: l.Bytes}
		for _, row := range in.Rows {
			m.Groups = append(m.Groups, row.Title)
		}
		return testCard(m)
	},
	Call: func(in card.Input, called int, l card.Limit) card.Message {
		return testCard(message{Kind: "call", Groups: []string{in.Group.Key}, Rev: in.Group.Rev, Called: called,
			Reminder: in.Reminder, Bytes: l.Bytes, Link: in.Look.Link})
	},
}

// office is a store, channels, and a Deliverer at work. Its address "a" leads
// to destination "ops".
type office struct {
	t         testing.TB
	store     store.Store
	mu        sync.Mutex
	addresses map[string]Address
	channel   *channel // behind address "a"
	deliverer *Deliverer
	registry  *prometheus.Registry
	stop      func() // stops the Deliverer; it can be started again

	groups map[string]group.Group
	// missed and reached are the options, for those who stand in.
	missed  func(store.Tx, *store.Post, teams.Reason, string) (func(), error)
	reached func(store.Tx, *store.Post) (func(), error)
	back    []string // addresses that were left alone and are not any more
	now     func() time.Time
	hold    func() (time.Time, func())
	twice   bool // the Deliverer's transactions run twice: see storetest.Twice
}

// isBack is Options.Back: everything that was given up is wanted.
func (o *office) isBack(tx store.Tx, address string) error {
	o.back = append(o.back, address)
	letters, err := tx.DeadLettersAt(address)
	for i := range letters {
		if err == nil {
			letters[i].Replay(time.Now())
			err = tx.SavePost(&letters[i])
		}
	}
	return err
}

// inOffice runs a test in a bubble in which time passes only when everybody
// waits, so hours take milliseconds.
func inOffice(t *testing.T, test func(o *office)) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.start("one")
		defer func() { o.stop() }() // also when the test has failed, or its bubble never ends
		test(o)
		require.False(t, o.channel.overlap, "two messages were on their way to one address")
	})
}

func newOffice(t testing.TB) *office {
	s, err := sqlite.Open(sqlitetest.File(t), sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	c := &channel{windows: DefaultPace}
	return &office{
		t: t, store: s, channel: c, groups: map[string]group.Group{}, stop: func() {},
		addresses: map[string]Address{"a": {ID: "a", Destination: "ops", Send: c.send}},
	}
}

func (o *office) options(holder string) Options {
	o.registry = prometheus.NewRegistry()
	s := o.store
	if o.twice {
		s = storetest.Twice(s)
	}
	return Options{
		Store: s, Cards: testCards, Holder: holder, Metrics: o.registry,
		Missed: o.missed, Reached: o.reached, Back: o.isBack, Now: o.now, Hold: o.hold,
		Random: func() float64 { return 0.5 },
		Addresses: func(id string) (Address, bool) {
			o.mu.Lock()
			defer o.mu.Unlock()
			a, ok := o.addresses[id]
			return a, ok
		},
		Configured: func() []Address {
			o.mu.Lock()
			defer o.mu.Unlock()
			return slices.Collect(maps.Values(o.addresses))
		},
	}
}

// fast makes the channel one that takes four messages a second and no end, and
// the address one that knows it.
func (o *office) fast() {
	o.channel.windows = DefaultPace[:1]
	o.addresses["a"] = Address{ID: "a", Destination: "ops", Send: o.channel.send, Pace: DefaultPace[:1]}
}

// botPace is what Teams takes from a bot in one conversation (teams-platform
// §3.1).
var botPace = []Window{{7, time.Second}, {8, 2 * time.Second}, {60, 30 * time.Second}, {1800, time.Hour}}

// bot makes the channel and the address those of a bot.
func (o *office) bot() {
	c := o.channel
	c.windows, c.names, c.deleted = botPace, true, map[string]bool{}
	o.addresses["a"] = Address{
		ID: "a", Destination: "ops", Pace: botPace, Limit: card.BotLimit, Editable: true,
		Send: c.send, Edit: c.edit, Call: c.call,
		Look: func(id string) card.Look { return card.Look{Link: id} },
	}
}

// start begins to deliver.
func (o *office) start(holder string) *Deliverer {
	d, err := New(o.options(holder))
	require.NoError(o.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	previous := o.stop
	o.stop = func() {
		cancel()
		o.stop = func() {}
		if err := <-done; !errors.Is(err, store.ErrUnavailable) { // a test's full disk
			require.NoError(o.t, err)
		}
		previous()
	}
	o.deliverer = d
	synctest.Wait()
	return d
}

// update runs fn in a transaction.
func (o *office) update(fn func(store.Tx) error) {
	o.t.Helper()
	require.NoError(o.t, o.store.Update(context.Background(), fn))
}

// raise tells something new of groups at address "a", in one transaction, and
// wakes the Deliverer.
func (o *office) raise(rank int, names ...string) {
	o.t.Helper()
	o.raiseAt("a", rank, names...)
	o.deliverer.Wake("a")
}

func (o *office) raiseAt(address string, rank int, names ...string) {
	o.t.Helper()
	groups := map[string]group.Group{} // it may run more than once
	o.update(func(tx store.Tx) error {
		now := time.Now()
		for _, name := range names {
			g, known := groups[name]
			if !known {
				g, known = o.groups[name]
			}
			if !known {
				g = group.Group{Key: name, Origin: "test", Episode: 1, Phase: group.Open, OpenedAt: now,
					Alerts: []group.Member{{State: group.Firing, Alert: alert.Alert{Status: alert.Firing,
						Labels: map[string]string{"alertname": name, "severity": "critical"}}}}}
			}
			g.Rev++
			g.ToldAt = now
			g.History = []group.History{{At: now, Change: group.FirstFiring}}
			if err := o.save(tx, &g, address, rank); err != nil {
				return err
			}
			groups[name] = g
		}
		return nil
	})
	maps.Copy(o.groups, groups)
}

// save stores a group and raises its post.
func (o *office) save(tx store.Tx, g *group.Group, address string, rank int) error {
	if err := tx.SaveGroup(g); err != nil {
		return err
	}
	p, err := tx.PostOf(g.ID, address)
	if err != nil {
		p = store.Post{GroupID: g.ID, Address: address, Destination: "ops", Card: "alert", Title: g.Key}
	}
	loud := rank > store.RankQuiet
	p.Raise(g.Rev, group.Due{Loud: loud, Call: loud}, rank, time.Now())
	return tx.SavePost(&p)
}

func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return list
}

// after lets time pass and everybody come to rest. Whatever the test changed
// before is seen by those who work meanwhile.
func (o *office) after(d time.Duration) {
	for _, mu := range []*sync.Mutex{&o.mu, &o.channel.mu} {
		mu.Lock()
		mu.Unlock() // empty: the order of memory is what it is for
	}
	time.Sleep(d)
	synctest.Wait()
}

func (o *office) post(name string) store.Post {
	o.t.Helper()
	var p store.Post
	require.NoError(o.t, o.store.View(context.Background(), func(tx store.Tx) (err error) {
		p, err = tx.PostOf(o.groups[name].ID, "a")
		return err
	}))
	return p
}

func (o *office) log(f store.DeliveryFilter) []store.Delivery {
	o.t.Helper()
	var list []store.Delivery
	require.NoError(o.t, o.store.View(context.Background(), func(tx store.Tx) (err error) {
		list, err = tx.Deliveries(f)
		return err
	}))
	return list
}

func (o *office) row() store.Address {
	o.t.Helper()
	var row store.Address
	require.NoError(o.t, o.store.View(context.Background(), func(tx store.Tx) (err error) {
		row, err = tx.Address("a")
		return err
	}))
	return row
}

// last is the group told last of those whose names begin so.
func (c *channel) last(begins string) (name string) {
	for _, m := range c.messages() {
		for _, g := range m.Groups {
			if strings.HasPrefix(g, begins) {
				name = g
			}
		}
	}
	return name
}
