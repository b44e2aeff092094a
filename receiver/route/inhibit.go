package route

import (
	"fmt"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// rule is an InhibitRule that is ready to be used.
type rule struct {
	source, target labels.Matchers
	equal          []string
}

func (c *checker) rule(r InhibitRule, at string) rule {
	made := rule{
		source: c.matchers(matcherFields{at: at, prefix: "source_", lines: r.SourceMatchers, equal: r.SourceMatch, regexp: r.SourceMatchRE}),
		target: c.matchers(matcherFields{at: at, prefix: "target_", lines: r.TargetMatchers, equal: r.TargetMatch, regexp: r.TargetMatchRE}),
	}
	if len(r.SourceMatchers)+len(r.SourceMatch)+len(r.SourceMatchRE) == 0 {
		c.wrong(at, "the rule does not say which alerts inhibit others", "add source_matchers:")
	}
	if len(r.TargetMatchers)+len(r.TargetMatch)+len(r.TargetMatchRE) == 0 {
		c.wrong(at, "the rule does not say which alerts are inhibited", "add target_matchers:")
	}
	for i, name := range r.Equal {
		if !validLabel(name) {
			c.wrong(fmt.Sprintf("%s.equal[%d]", at, i), quote(name)+" is not a label name", "write the name of a label")
			continue
		}
		made.equal = append(made.equal, name)
	}
	return made
}

// Inhibitor knows which alerts fire and answers which others are not worth
// telling because of them. Each answer is a look-up, however many alerts fire.
//
// It changes with every alert and is not safe for concurrent use: one
// goroutine has it, or a lock of its owner's guards it. It belongs to the tree
// that made it; after a reload the new tree makes a new one.
type Inhibitor struct {
	rules []ruleIndex
	// sources are the alerts that inhibit something, by which their labels
	// are found again when they end.
	sources map[alert.Fingerprint]map[string]string
	key     []byte // reused between calls
}

// ruleIndex counts, for one rule, the alerts that match its source by the
// values of the labels that must be equal. Alerts that match the target too
// count separately: they inhibit no alert that does the same, or each would
// inhibit itself.
type ruleIndex struct {
	rule
	sourceOnly, bothSides map[string]int
}

// Inhibits says whether the tree has inhibition rules at all.
func (t *Tree) Inhibits() bool { return len(t.rules) > 0 }

// NewInhibitor makes an Inhibitor that knows of no alert yet.
func (t *Tree) NewInhibitor() *Inhibitor {
	in := &Inhibitor{sources: make(map[alert.Fingerprint]map[string]string)}
	for _, r := range t.rules {
		in.rules = append(in.rules, ruleIndex{rule: r, sourceOnly: make(map[string]int), bothSides: make(map[string]int)})
	}
	return in
}

// Add says that an alert fires. Saying it again changes nothing. The labels
// are kept and must not be changed.
func (in *Inhibitor) Add(id alert.Fingerprint, labels map[string]string) {
	if _, ok := in.sources[id]; ok {
		return
	}
	if in.count(labels, 1) {
		in.sources[id] = labels
	}
}

// Remove says that an alert does not fire any more.
func (in *Inhibitor) Remove(id alert.Fingerprint) {
	if labels, ok := in.sources[id]; ok {
		delete(in.sources, id)
		in.count(labels, -1)
	}
}

// count adds to the counters of all rules whose source the labels match, and
// reports whether there are any.
func (in *Inhibitor) count(labels map[string]string, by int) (any bool) {
	for i := range in.rules {
		r := &in.rules[i]
		if !matches(r.source, labels) {
			continue
		}
		any = true
		counts := r.sourceOnly
		if matches(r.target, labels) {
			counts = r.bothSides
		}
		key := string(in.equal(r, labels))
		if counts[key] += by; counts[key] == 0 {
			delete(counts, key)
		}
	}
	return any
}

// Inhibited says whether an alert that fires makes one with these labels not
// worth telling.
func (in *Inhibitor) Inhibited(labels map[string]string) bool {
	for i := range in.rules {
		r := &in.rules[i]
		if !matches(r.target, labels) {
			continue
		}
		key := in.equal(r, labels)
		if r.sourceOnly[string(key)] > 0 {
			return true
		}
		if r.bothSides[string(key)] > 0 && !matches(r.source, labels) {
			return true
		}
	}
	return false
}

// equal is the values of the labels that a rule wants equal, as a key. It is
// valid until the next call.
func (in *Inhibitor) equal(r *ruleIndex, labels map[string]string) []byte {
	in.key = in.key[:0]
	for _, name := range r.rule.equal {
		in.key = append(in.key, labels[name]...)
		in.key = append(in.key, 255) // cannot occur in UTF-8 text
	}
	return in.key
}
