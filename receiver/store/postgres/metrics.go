package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

var (
	connectionsDesc = prometheus.NewDesc("teamsrelay_store_connections",
		"Connections to PostgreSQL of this replica, by what they are for and whether a transaction has them.", []string{"pool", "state"}, nil)
	waitsDesc = prometheus.NewDesc("teamsrelay_store_connection_waits_total",
		"Transactions that had to wait for a connection to PostgreSQL, because all were busy or none was made yet.", []string{"pool"}, nil)
	waitedDesc = prometheus.NewDesc("teamsrelay_store_connection_wait_seconds_total",
		"How long they waited.", []string{"pool"}, nil)
)

// pools tells how busy the connections are, at scrape time.
type pools map[string]*pgxpool.Pool

// Describe implements prometheus.Collector.
func (pools) Describe(ch chan<- *prometheus.Desc) {
	ch <- connectionsDesc
	ch <- waitsDesc
	ch <- waitedDesc
}

// Collect implements prometheus.Collector.
func (p pools) Collect(ch chan<- prometheus.Metric) {
	for name, pool := range p {
		s := pool.Stat()
		ch <- prometheus.MustNewConstMetric(connectionsDesc, prometheus.GaugeValue, float64(s.AcquiredConns()), name, "busy")
		ch <- prometheus.MustNewConstMetric(connectionsDesc, prometheus.GaugeValue, float64(s.IdleConns()), name, "idle")
		ch <- prometheus.MustNewConstMetric(waitsDesc, prometheus.CounterValue, float64(s.EmptyAcquireCount()), name)
		ch <- prometheus.MustNewConstMetric(waitedDesc, prometheus.CounterValue, s.EmptyAcquireWaitTime().Seconds(), name)
	}
}

// Why a transaction is begun anew. A deadlock has held it up for a second
// (deadlock_timeout), so many of them are a mistake of ours: see doc.go.
const (
	becauseDeadlock      = "deadlock"
	becauseSerialization = "serialization"
	becauseUnique        = "unique" // another one made the same row at the same time
	becauseLost          = "connection_lost"
)

// newRestarts counts transactions that are begun anew.
func newRestarts() *prometheus.CounterVec {
	restarts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "teamsrelay_store_restarts_total",
		Help: "Transactions that were begun anew, by what became of the attempt before.",
	}, []string{"reason"})
	for _, reason := range []string{becauseDeadlock, becauseSerialization, becauseUnique, becauseLost} {
		restarts.WithLabelValues(reason)
	}
	return restarts
}

// tooClose counts a shared transaction whose updates run alone because another
// transaction was in its way; those that were lost count for themselves.
func (s *Store) tooClose(failed error) {
	var e *serverError
	if !errors.As(failed, &e) || e.lost {
		return
	}
	if reason := because(e); reason != "" {
		s.restarts.WithLabelValues(reason).Inc()
	}
}

// register makes the metrics visible.
func (s *Store) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{pools{"writers": s.writers, "readers": s.readers}, s.restarts} {
		if err := r.Register(c); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return nil
}
