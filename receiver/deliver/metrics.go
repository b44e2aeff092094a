package deliver

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// metrics are what can be seen of deliveries. Destinations and reasons are
// closed sets; nothing here has a label from an alert.
type metrics struct {
	deliveries *prometheus.CounterVec
	faults     *prometheus.CounterVec
	digests    prometheus.Counter
	seconds    prometheus.Histogram
	delay      prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, s store.Store, configured func() []Address, now func() time.Time) (*metrics, error) {
	m := &metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "teamsrelay_deliveries_total",
			Help: "Attempts to deliver, by what came of them: delivered, accepted, retry, dead, interrupted.",
		}, []string{"destination", "outcome", "reason"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "teamsrelay_card_faults_total",
			Help: "Cards whose template failed, so that the minimal card was sent.",
		}, []string{"card"}),
		digests: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "teamsrelay_digests_total",
			Help: "Digests that were delivered.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "teamsrelay_delivery_seconds",
			Help:    "How long Teams took to answer an attempt.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},

			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "teamsrelay_delivery_delay_seconds",
			Help:    "How long a change waited from its commit until Teams took it.",
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 15, 60, 120, 600, 3600, 21600, 86400},

			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}),
	}
	if r == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.deliveries, m.faults, m.digests, m.seconds, m.delay,
		&stored{store: s, configured: configured, now: now}} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}

func (m *metrics) delivery(destination, outcome string, reason teams.Reason) {
	m.deliveries.WithLabelValues(destination, outcome, string(reason)).Inc()
}

func (m *metrics) fault(card string) { m.faults.WithLabelValues(card).Inc() }

const (
	// storedFor is how long numbers from the store are used again, so that
	// eager scrapers do not make the store count.
	storedFor = 5 * time.Second
	// storedTimeout bounds what a scrape waits for the store.
	storedTimeout = 2 * time.Second
)

var (
	waitingDesc = prometheus.NewDesc("teamsrelay_posts_waiting",
		"Posts that are due, waiting or being sent.", []string{"destination"}, nil)
	deadDesc = prometheus.NewDesc("teamsrelay_dead_letters",
		"Posts given up on that nobody has replayed or dropped.", []string{"destination"}, nil)
	brokenDesc = prometheus.NewDesc("teamsrelay_destination_broken",
		"Whether something has to be mended before the destination can be reached.", []string{"destination"}, nil)
)

// stored tells what the store knows, at scrape time. When the store cannot be
// asked it repeats what it knew.
type stored struct {
	store      store.Store
	configured func() []Address
	now        func() time.Time

	mu                    sync.Mutex
	asked                 time.Time
	waiting, dead, broken map[string]float64 // by destination
}

// Describe implements prometheus.Collector.
func (s *stored) Describe(ch chan<- *prometheus.Desc) {
	ch <- waitingDesc
	ch <- deadDesc
	ch <- brokenDesc
}

// Collect implements prometheus.Collector.
func (s *stored) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); now.Sub(s.asked).Abs() > storedFor {
		s.ask()
		s.asked = now
	}
	for desc, values := range map[*prometheus.Desc]map[string]float64{waitingDesc: s.waiting, deadDesc: s.dead, brokenDesc: s.broken} {
		for destination, value := range values {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, destination)
		}
	}
}

func (s *stored) ask() {
	ctx, cancel := context.WithTimeout(context.Background(), storedTimeout)
	defer cancel()
	var (
		counts []store.PostCount
		rows   []store.Address
	)
	err := s.store.View(ctx, func(tx store.Tx) (err error) {
		if counts, err = tx.CountPosts(); err != nil {
			return err
		}
		rows, err = tx.Addresses()
		return err
	})
	if err != nil {
		return
	}
	s.waiting, s.dead, s.broken = map[string]float64{}, map[string]float64{}, map[string]float64{}
	broken := make(map[string]bool, len(rows))
	for _, row := range rows {
		broken[row.Address] = row.Broken != ""
	}
	// Every destination has all three numbers, also when they are 0: an alert
	// on one that appears only with the trouble would miss its beginning.
	for _, a := range s.configured() {
		s.waiting[a.Destination] += 0
		s.dead[a.Destination] += 0
		s.broken[a.Destination] += 0
		if broken[a.ID] {
			s.broken[a.Destination] = 1
		}
	}
	for _, c := range counts {
		switch c.State {
		case store.Due, store.Waiting, store.Sending:
			s.waiting[c.Destination] += float64(c.Count)
		}
		if c.DeadLetter {
			s.dead[c.Destination] += float64(c.Count)
		}
	}
}
