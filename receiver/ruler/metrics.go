package ruler

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
)

var (
	byRule      = []string{"group", "rule"}
	seriesDesc  = prometheus.NewDesc("teamsrelay_rule_series", "Series that the rule knows.", byRule, nil)
	alertsDesc  = prometheus.NewDesc("teamsrelay_rule_alerts", "Alerts of the rule that fire.", byRule, nil)
	ignoredDesc = prometheus.NewDesc("teamsrelay_rule_samples_ignored_total",
		"Samples that the rule could not use: older than what it had seen (late), without a value that its conditions can decide by (unusable), or of a new series over its series_limit (limit).",
		append(byRule, "reason"), nil)
)

// Stats is how the rules are doing, or were a moment ago.
func (r *Ruler) Stats() []rules.Stats { return r.seen() }

// seen is how the rules are doing. While something is being stored it is how
// they did before: whoever watches us must not hang on our store.
func (r *Ruler) seen() []rules.Stats {
	if r.mu.TryLock() {
		stats := r.evaluator.Stats()
		r.mu.Unlock()
		r.stats.Store(&stats)
	}
	if stats := r.stats.Load(); stats != nil {
		return *stats
	}
	return nil
}

// collector shows what the rules say of themselves. Its labels come from the
// rule files, so they are as many as there are rules.
type collector struct{ r *Ruler }

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- seriesDesc
	ch <- alertsDesc
	ch <- ignoredDesc
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	stats := c.r.seen()
	type name struct{ group, rule string }
	var names []name
	sums := make(map[name]*rules.Stats) // rules may share a name and differ in their labels
	for i := range stats {
		s := &stats[i]
		n := name{s.Rule.Group.Name, s.Rule.Alert}
		sum, ok := sums[n]
		if !ok {
			sum = &rules.Stats{}
			sums[n] = sum
			names = append(names, n)
		}
		sum.Series += s.Series
		sum.Firing += s.Firing
		sum.Late += s.Late
		sum.Unusable += s.Unusable
		sum.OverLimit += s.OverLimit
	}
	for _, n := range names {
		sum := sums[n]
		ch <- prometheus.MustNewConstMetric(seriesDesc, prometheus.GaugeValue, float64(sum.Series), n.group, n.rule)
		ch <- prometheus.MustNewConstMetric(alertsDesc, prometheus.GaugeValue, float64(sum.Firing), n.group, n.rule)
		for reason, count := range map[string]uint64{"late": sum.Late, "unusable": sum.Unusable, "limit": sum.OverLimit} {
			ch <- prometheus.MustNewConstMetric(ignoredDesc, prometheus.CounterValue, float64(count), n.group, n.rule, reason)
		}
	}
}
