package people

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

type metrics struct {
	questions *prometheus.CounterVec
	working   prometheus.Gauge
}

func newMetrics(r prometheus.Registerer, s store.Store, now func() time.Time) (*metrics, error) {
	m := &metrics{
		questions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "teamsrelay_people_questions_total",
			Help: "What Microsoft was asked about people (user, install, installation, chat, upgrade, catalogue, members, conversation), each person counted, by the reason why it failed (empty: it did not).",
		}, []string{"what", "reason"}),
		working: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "teamsrelay_people_working",
			Help: "Whether people can be made reachable, as far as Microsoft's services and our permissions go.",
		}),
	}
	m.working.Set(1)
	for _, what := range []string{"user", "install", "installation", "chat", "upgrade", "catalogue", "members", "conversation"} {
		m.questions.WithLabelValues(what, "")
	}
	if r == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.questions, m.working, &counted{store: s, now: now}} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}

// asked counts a question about one person or roster.
func (m *metrics) asked(what string, err error) {
	var reason teams.Reason
	if err != nil {
		reason = outcomeOf(err).Reason
	}
	m.questions.WithLabelValues(what, string(reason)).Inc()
}

func flag(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

const (
	// countedFor is how long numbers from the store are used again, so that
	// eager scrapers do not make the store count.
	countedFor = 15 * time.Second
	// countTimeout bounds what a scrape waits for the store.
	countTimeout = 2 * time.Second
)

var peopleDesc = prometheus.NewDesc("teamsrelay_people",
	"People who were to be told personally, by whether they can be.", []string{"state"}, nil)

// counted tells how many people are in each state, at scrape time. When the
// store cannot be asked it repeats what it knew.
type counted struct {
	store store.Store
	now   func() time.Time

	mu    sync.Mutex
	asked time.Time
	in    map[store.PersonState]float64
}

// Describe implements prometheus.Collector.
func (c *counted) Describe(ch chan<- *prometheus.Desc) { ch <- peopleDesc }

// Collect implements prometheus.Collector.
func (c *counted) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.asked).Abs() > countedFor {
		c.asked = now
		c.count()
	}
	for state, n := range c.in {
		ch <- prometheus.MustNewConstMetric(peopleDesc, prometheus.GaugeValue, n, string(state))
	}
}

func (c *counted) count() {
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	var people []store.Person
	var rows []store.Address
	err := c.store.View(ctx, func(tx store.Tx) (err error) {
		if people, err = tx.People("", 0); err != nil {
			return err
		}
		rows, err = tx.Addresses()
		return err
	})
	if err != nil {
		return
	}
	at := make(map[string]store.Address, len(rows))
	for _, row := range rows {
		at[row.Address] = row
	}
	c.in = map[store.PersonState]float64{}
	for _, state := range states {
		c.in[state] = 0
	}
	for _, p := range people {
		address := AddressID(p.Name)
		if p.Conversation != "" {
			address = botframework.AddressID(p.Conversation)
		}
		c.in[Look(p, nil, at[address]).State]++
	}
}

var states = []store.PersonState{
	store.PersonUnknown, store.PersonKnown, store.PersonInstalling, store.PersonReachable, store.PersonBlocked, store.PersonPolicy,
}
