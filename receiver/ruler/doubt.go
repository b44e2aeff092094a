package ruler

import (
	"math"
	"strings"
)

// doubt says, once a rule, that nothing that comes is of any use to it: a field
// that has another name than the rule thinks looks like all well for ever. Of
// rows of a query an alert says so. The lock must be held.
func (r *Ruler) doubt() {
	for _, s := range r.evaluator.Stats() {
		rule, before := s.Rule, r.unusable[s.Rule]
		if rule.Measurement == "" || s.Unusable <= before {
			continue
		}
		r.unusable[rule] = s.Unusable
		if s.Series > 0 {
			continue
		}
		r.unusable[rule] = math.MaxUint64 // it is said
		r.o.Logger.Warn("A rule can decide nothing by any sample that comes: a field that it needs is missing, or is of another type; compare them with what telegraf --test prints",
			"rule", rule.Alert, "file", rule.Group.File, "line", rule.Line,
			"measurement", rule.Measurement, "needs", strings.Join(rule.Mentions(), ", "), "samples", s.Unusable)
	}
}
