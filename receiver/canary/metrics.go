package canary

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// askedFor is how long numbers from the store are used again, so that eager
	// scrapers do not keep it busy, and askTimeout bounds what a scrape waits.
	askedFor   = 5 * time.Second
	askTimeout = 2 * time.Second
)

var (
	upDesc = prometheus.NewDesc("teamsrelay_canary_up",
		"Whether the canary arrives at the destination, as far as anybody knows.", []string{DestinationLabel}, nil)
	lastDesc = prometheus.NewDesc("teamsrelay_canary_last_success_timestamp_seconds",
		"When the canary last arrived at the destination; 0: never.", []string{DestinationLabel}, nil)
	everyDesc = prometheus.NewDesc("teamsrelay_canary_interval_seconds",
		"How often the canary is to arrive.", []string{DestinationLabel}, nil)
)

// collector tells what the store knows, at scrape time. When the store cannot
// be asked it repeats what it knew. Destinations are those of the configuration;
// of one at which nothing may be sent nothing is told: Prometheus must not miss
// what somebody has disabled.
type collector struct {
	store    store.Store
	canaries func() []Canary
	address  func(destination string) (deliver.Address, bool)
	now      func() time.Time

	mu    sync.Mutex
	asked time.Time
	known map[string]store.Canary
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- upDesc
	ch <- lastDesc
	ch <- everyDesc
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	configured := c.canaries()
	if now := c.now(); len(configured) > 0 && now.Sub(c.asked).Abs() > askedFor {
		c.asked = now
		c.ask()
	}
	for _, canary := range configured {
		if _, there := c.address(canary.Destination); !there {
			continue
		}
		row := c.known[canary.Destination]
		up, last := 1.0, 0.0
		if !row.FailedAt.IsZero() {
			up = 0
		}
		if !row.OKAt.IsZero() {
			last = float64(row.OKAt.UnixMilli()) / 1000
		}
		gauge := func(desc *prometheus.Desc, value float64) {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, canary.Destination)
		}
		gauge(upDesc, up)
		gauge(lastDesc, last)
		gauge(everyDesc, canary.Every.Seconds())
	}
}

func (c *collector) ask() {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	known := map[string]store.Canary{}
	err := c.store.View(ctx, func(tx store.Tx) error {
		clear(known)
		rows, err := tx.Canaries()
		for _, row := range rows {
			known[row.Destination] = row
		}
		return err
	})
	if err == nil {
		c.known = known
	}
}
