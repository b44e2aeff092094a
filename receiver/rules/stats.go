package rules

import "time"

// Stats says how a rule is doing.
type Stats struct {
	Rule   *Rule
	Series int // that are known
	Firing int // alerts, those of silence and of the series limit too, and each of those that are alike
	// What was not evaluated since the start: samples that came too late, by
	// which nothing could be decided, and of new series over the limit.
	Late, Unusable, OverLimit uint64
	// Verdict is of the latest poll, at Polled; zero if there was none.
	Verdict Verdict
	Polled  time.Time
}

// Stats says how every rule is doing, in the order of the files.
func (e *Evaluator) Stats() []Stats {
	list := make([]Stats, 0, len(e.trackers))
	at := make(map[*tracker]*Stats, len(e.trackers))
	for _, r := range e.trackers {
		list = append(list, Stats{
			Rule: r.rule, Series: r.series,
			Late: r.late, Unusable: r.unusable, OverLimit: r.overLimit,
			Verdict: r.verdict, Polled: r.verdictAt,
		})
		at[r] = &list[len(list)-1]
	}
	for _, t := range e.firing {
		at[t.tracker].Firing++
	}
	return list
}
