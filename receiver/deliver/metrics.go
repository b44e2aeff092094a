package deliver

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
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
	paced      prometheus.Histogram

	templates func() []string // may be nil
	// names are the destinations of the configuration.
	names atomic.Pointer[map[string]struct{}]
}

// elsewhere stands in metrics for every conversation that no destination of the
// configuration is: there may be any number of them.
const elsewhere = "other"

// show makes the metrics of destinations visible before their first delivery, so
// that the first failure is seen to rise.
func (m *metrics) show(configured []Address) {
	if m.templates != nil {
		for _, card := range m.templates() {
			m.faults.WithLabelValues(card)
		}
	}
	was := m.names.Load()
	names := make(map[string]struct{}, len(configured)+1)
	for _, a := range configured {
		names[a.Destination] = struct{}{}
	}
	names[elsewhere] = struct{}{}
	m.names.Store(&names)
	for name := range names {
		if was != nil {
			if _, shown := (*was)[name]; shown {
				continue
			}
		}
		for _, outcome := range []string{store.DeliveryDelivered, store.DeliveryAccepted} {
			m.deliveries.WithLabelValues(name, outcome, "")
		}
		m.deliveries.WithLabelValues(name, store.DeliveryInterrupted, string(teams.Interrupted))
		for _, reason := range passing {
			m.deliveries.WithLabelValues(name, store.DeliveryRetry, string(reason))
		}
		for _, reason := range final {
			m.deliveries.WithLabelValues(name, store.DeliveryDead, string(reason))
		}
	}
}

// passing and final are the reasons that an attempt is usually tried again for,
// or given up for.
var (
	passing = []teams.Reason{teams.Throttled, teams.Unavailable, teams.Timeout, teams.Network, teams.Interrupted}
	final   = []teams.Reason{
		teams.Payload, teams.TooLarge, teams.Auth, teams.NotFound, teams.Rejected, teams.Expired, teams.NoAddress, teams.TLS,
		teams.Service, teams.Blocked, teams.NotInstalled, teams.Policy,
	}
)

func newMetrics(r prometheus.Registerer, s store.Store, configured func() []Address, templates func() []string, now func() time.Time) (*metrics, error) {
	m := &metrics{
		templates: templates,
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
	m.paced = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "teamsrelay_pace_wait_seconds",
		Help:    "How long a message waited for the pace of its address, of those that had to.",
		Buckets: []float64{.25, .5, 1, 2.5, 5, 15, 60, 120, 300, 600, 3600},

		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
	})
	m.show(configured())
	if r == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.deliveries, m.faults, m.digests, m.seconds, m.delay, m.paced,
		&stored{store: s, configured: configured, now: now, show: m.show}} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}

func (m *metrics) delivery(destination, outcome string, reason teams.Reason) {
	if _, known := (*m.names.Load())[destination]; !known {
		destination = elsewhere
	}
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
	oldestDesc = prometheus.NewDesc("teamsrelay_post_oldest_waiting_seconds",
		"How long that post has waited to be sent that waits longest; 0: none does.", []string{"destination"}, nil)
	sendingDesc = prometheus.NewDesc("teamsrelay_posts_sending",
		"Posts that are being sent.", []string{"destination"}, nil)
	brokenDesc = prometheus.NewDesc("teamsrelay_destination_broken",
		"Whether something has to be mended before the destination can be reached.", []string{"destination"}, nil)
)

// stored tells what the store knows, at scrape time. When the store cannot be
// asked it repeats what it knew.
type stored struct {
	store      store.Store
	configured func() []Address
	now        func() time.Time
	show       func([]Address)

	mu    sync.Mutex
	asked time.Time
	// By destination.
	waiting, sending, dead, broken map[string]float64
	oldest                         map[string]time.Time // since when it waits
}

// Describe implements prometheus.Collector.
func (s *stored) Describe(ch chan<- *prometheus.Desc) {
	ch <- waitingDesc
	ch <- deadDesc
	ch <- brokenDesc
	ch <- sendingDesc
	ch <- oldestDesc
}

// Collect implements prometheus.Collector.
func (s *stored) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); now.Sub(s.asked).Abs() > storedFor {
		s.ask()
		s.asked = now
	}
	for desc, values := range map[*prometheus.Desc]map[string]float64{waitingDesc: s.waiting, sendingDesc: s.sending, deadDesc: s.dead, brokenDesc: s.broken} {
		for destination, value := range values {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, destination)
		}
	}
	now := s.now()
	for destination, since := range s.oldest {
		waits := 0.0
		if !since.IsZero() {
			waits = max(now.Sub(since).Seconds(), 0)
		}
		ch <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, waits, destination)
	}
}

func (s *stored) ask() {
	ctx, cancel := context.WithTimeout(context.Background(), storedTimeout)
	defer cancel()
	var (
		counts []store.PostCount
		rows   []store.Address
		oldest map[string]time.Time
	)
	err := s.store.View(ctx, func(tx store.Tx) (err error) {
		if counts, err = tx.CountPosts(); err != nil {
			return err
		}
		if oldest, err = tx.OldestWaiting(); err != nil {
			return err
		}
		rows, err = tx.Addresses()
		return err
	})
	configured := s.configured()
	s.show(configured)
	if err != nil {
		return
	}
	s.waiting, s.sending, s.dead, s.broken = map[string]float64{}, map[string]float64{}, map[string]float64{}, map[string]float64{}
	s.oldest = map[string]time.Time{}
	broken := make(map[string]bool, len(rows))
	for _, row := range rows {
		broken[row.Address] = row.Broken != ""
	}
	// Every destination has all three numbers, also when they are 0: an alert
	// on one that appears only with the trouble would miss its beginning.
	for _, a := range configured {
		if since := oldest[a.ID]; s.oldest[a.Destination].IsZero() || !since.IsZero() && since.Before(s.oldest[a.Destination]) {
			s.oldest[a.Destination] = since
		}
		s.sending[a.Destination] += 0
		s.waiting[a.Destination] += 0
		s.dead[a.Destination] += 0
		s.broken[a.Destination] += 0
		if broken[a.ID] || a.Broken {
			s.broken[a.Destination] = 1
		}
	}
	for _, c := range counts {
		switch c.State {
		case store.Due, store.Waiting, store.Sending:
			s.waiting[c.Destination] += float64(c.Count)
		}
		if c.State == store.Sending {
			s.sending[c.Destination] += float64(c.Count)
		}
		if c.DeadLetter {
			s.dead[c.Destination] += float64(c.Count)
		}
	}
}
