package engine

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// decisions are what can be seen of what was decided. Nothing here has a label
// from an alert.
type decisions struct {
	unchanged, told, withheld *prometheus.CounterVec
	episodes, ended           prometheus.Counter
}

// What keeps people from being told, as a metric calls it.
const (
	bySilence    = "silenced"
	byInhibition = "inhibited"
)

func (d *decisions) init(e *Engine, r prometheus.Registerer) error {
	auto := promauto.With(r)
	d.unchanged = auto.NewCounterVec(prometheus.CounterOpts{
		Name: "teamsrelay_alerts_unchanged_total", Help: "Alerts taken from sources that said nothing new: repeated, or sent by another of a pair.",
	}, []string{"source"})
	d.episodes = auto.NewCounter(prometheus.CounterOpts{
		Name: "teamsrelay_episodes_total", Help: "Episodes of groups that began.",
	})
	d.ended = auto.NewCounter(prometheus.CounterOpts{
		Name: "teamsrelay_episodes_ended_total", Help: "Ends of episodes of groups; one that goes on before its end was told ends again.",
	})
	d.told = auto.NewCounterVec(prometheus.CounterOpts{
		Name: "teamsrelay_changes_total", Help: "Changes that are told, once for each destination, by whether they call people (loud) or only make the card true (quiet).",
	}, []string{"loudness"})
	d.withheld = auto.NewCounterVec(prometheus.CounterOpts{
		Name: "teamsrelay_groups_withheld_total", Help: "How often a silence or another alert began to keep alerts of a group from being told.",
	}, []string{"by"})
	for _, source := range Sources {
		d.unchanged.WithLabelValues(source)
	}
	for _, loudness := range []string{"loud", "quiet"} {
		d.told.WithLabelValues(loudness)
	}
	for _, by := range []string{bySilence, byInhibition} {
		d.withheld.WithLabelValues(by)
	}
	return r.Register(&standing{store: e.store, now: e.clock.Now})
}

// tally is what one transaction decided, for the metrics, once it is on disk.
type tally struct {
	episodes, ended, loud, quiet, silenced, inhibited int
}

// told counts what a tick at a time has decided about a group, with the news that
// led to it. was is the group before the tick.
func (t *tally) told(was, is *group.Group, due []group.Due, now time.Time) {
	if was.ID == 0 {
		t.episodes++
	}
	if is.Phase == group.Over && is.OverAt.Equal(now) {
		t.ended++
	}
	for _, d := range due {
		if d.Loud {
			t.loud++
		} else {
			t.quiet++
		}
	}
	if was.Silence == nil && is.Silence != nil {
		t.silenced++
	}
	if !inhibited(was) && inhibited(is) {
		t.inhibited++
	}
}

func inhibited(g *group.Group) bool {
	for i := range g.Alerts {
		if g.Alerts[i].Inhibited {
			return true
		}
	}
	return false
}

func (d *decisions) count(t tally) {
	d.episodes.Add(float64(t.episodes))
	d.ended.Add(float64(t.ended))
	d.told.WithLabelValues("loud").Add(float64(t.loud))
	d.told.WithLabelValues("quiet").Add(float64(t.quiet))
	d.withheld.WithLabelValues(bySilence).Add(float64(t.silenced))
	d.withheld.WithLabelValues(byInhibition).Add(float64(t.inhibited))
}

const (
	// standingFor is how long numbers from the store are used again, so that
	// eager scrapers do not make the store count, and standingTimeout bounds
	// what a scrape waits for it.
	standingFor     = 15 * time.Second
	standingTimeout = 2 * time.Second
)

var (
	groupsDesc = prometheus.NewDesc("teamsrelay_groups",
		"Groups whose episode is not over, by phase.", []string{"phase"}, nil)
	silencesDesc = prometheus.NewDesc("teamsrelay_silences",
		"Silences that are not over, by state.", []string{"state"}, nil)
)

// standing tells what is open in the store, at scrape time. When the store
// cannot be asked it repeats what it knew.
type standing struct {
	store store.Store
	now   func() time.Time

	mu       sync.Mutex
	asked    time.Time
	groups   map[group.Phase]int
	silences map[store.SilenceState]int
}

// Describe implements prometheus.Collector.
func (s *standing) Describe(ch chan<- *prometheus.Desc) {
	ch <- groupsDesc
	ch <- silencesDesc
}

// Collect implements prometheus.Collector.
func (s *standing) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); now.Sub(s.asked).Abs() > standingFor {
		s.asked = now
		s.ask(now)
	}
	for _, phase := range []group.Phase{group.Gathering, group.Open, group.Unheard} {
		ch <- prometheus.MustNewConstMetric(groupsDesc, prometheus.GaugeValue, float64(s.groups[phase]), string(phase))
	}
	for _, state := range []store.SilenceState{store.SilenceRequested, store.SilenceActive, store.SilenceEnding} {
		ch <- prometheus.MustNewConstMetric(silencesDesc, prometheus.GaugeValue, float64(s.silences[state]), string(state))
	}
}

func (s *standing) ask(now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), standingTimeout)
	defer cancel()
	var groups map[group.Phase]int
	silences := map[store.SilenceState]int{}
	err := s.store.View(ctx, func(tx store.Tx) (err error) {
		if groups, err = tx.CountGroups(); err != nil {
			return err
		}
		clear(silences)
		open, err := tx.OpenSilences(now)
		for i := range open {
			silences[open[i].State]++
		}
		return err
	})
	if err == nil {
		s.groups, s.silences = groups, silences
	}
}
