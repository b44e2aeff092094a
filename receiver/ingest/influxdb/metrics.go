package influxdb

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what can be seen of the queries. Connections and outcomes are
// closed sets; nothing here has a label from an answer. One Metrics serves all
// pollers of a process, one after another.
type Metrics struct {
	queries *prometheus.CounterVec
	seconds *prometheus.HistogramVec
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
