package influxdb

import (
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
)

// Metrics are what can be seen of the queries. Connections and outcomes are
// closed sets; nothing here has a label from an answer. One Metrics serves all
// pollers of a process, one after another.
type Metrics struct {
	queries *prometheus.CounterVec
	seconds *prometheus.HistogramVec

	mu   sync.Mutex
	last map[string]Query // by the rule's id
}

// Query is how it was when a rule was asked for.
type Query struct {
	At   time.Time // when it began
	Took time.Duration
	// Trouble says why there were no rows that can be used, and what to do; ""
	// if there was nothing wrong.
	Trouble string
}

// Last is the latest query of a rule in this process; false: there was none.
func (m *Metrics) Last(rule *rules.Rule) (Query, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	q, ok := m.last[rule.ID]
	return q, ok
}

func (m *Metrics) keep(rule *rules.Rule, q Query) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last == nil {
		m.last = map[string]Query{}
	}
	m.last[rule.ID] = q
}

// forget leaves the queries of these groups' rules alone: nobody asks for others
// any more.
func (m *Metrics) forget(groups []*rules.Group) {
	asked := map[string]bool{}
	for _, g := range groups {
		for _, r := range g.Rules {
			asked[r.ID] = true
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.last, func(id string, _ Query) bool { return !asked[id] })
}

// NewMetrics registers the metrics with r; nil: nowhere.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		queries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "teamsrelay_influxdb_queries_total",
			Help: "Queries of rules, by what came of them: ok, unreachable, timeout, auth, refused, unavailable, unreadable, useless.",
		}, []string{"influxdb", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "teamsrelay_influxdb_query_seconds",
			Help:    "How long queries of rules took, also those that failed.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},

			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}, []string{"influxdb"}),
	}
	if r == nil {
		return m, nil
	}
	return m, errors.Join(r.Register(m.queries), r.Register(m.seconds))
}

// show makes the metrics of a connection visible before its first query.
func (m *Metrics) show(influxdb string) {
	for _, outcome := range outcomes {
		m.queries.WithLabelValues(influxdb, outcome)
	}
	m.seconds.WithLabelValues(influxdb)
}

func (m *Metrics) query(influxdb, outcome string, took time.Duration) {
	m.queries.WithLabelValues(influxdb, outcome).Inc()
	m.seconds.WithLabelValues(influxdb).Observe(took.Seconds())
}
