package heartbeat

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// askedFor is how long numbers from the store are used again, so that eager
	// scrapers do not keep it busy, and askTimeout bounds what a scrape waits.
	askedFor   = 5 * time.Second
	askTimeout = 2 * time.Second
)

var (
	lastDesc = prometheus.NewDesc("teamsrelay_heartbeat_last_timestamp_seconds",
		"When the heartbeat last came to any replica; 0: never.", []string{NameLabel}, nil)
	missingDesc = prometheus.NewDesc("teamsrelay_heartbeat_missing",
		"Whether people are told that the heartbeat does not come.", []string{NameLabel}, nil)
)

// collector tells what the store knows, at scrape time. When the store cannot
// be asked it repeats what it knew. Names are those of the configuration.
type collector struct {
	store      store.Store
	heartbeats func() []*Heartbeat
	now        func() time.Time

	mu    sync.Mutex
	asked time.Time
	known []Status
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- lastDesc
	ch <- missingDesc
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.asked).Abs() > askedFor {
		c.asked = now
		c.ask()
	}
	for i := range c.known {
		s := &c.known[i]
		last, missing := 0.0, 0.0
		if !s.Known.BeatAt.IsZero() {
			last = float64(s.Known.BeatAt.UnixMilli()) / 1000
		}
		if s.State() == Missing {
			missing = 1
		}
		ch <- prometheus.MustNewConstMetric(lastDesc, prometheus.GaugeValue, last, s.Name)
		ch <- prometheus.MustNewConstMetric(missingDesc, prometheus.GaugeValue, missing, s.Name)
	}
}

func (c *collector) ask() {
	configured := c.heartbeats()
	if len(configured) == 0 {
		c.known = nil
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	var known []Status
	err := c.store.View(ctx, func(tx store.Tx) (err error) {
		known, err = list(tx, configured)
		return err
	})
	if err == nil {
		c.known = known
	}
}
