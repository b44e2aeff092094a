package silence

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/route"
)

// read reads the matchers of one set.
func read(lines []string) (labels.Matchers, error) {
	all := make(labels.Matchers, 0, len(lines))
	for _, line := range lines {
		if m := plain(line); m != nil {
			all = append(all, m)
			continue
		}
		some, err := route.ParseMatchers([]string{line})
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// plain reads a matcher as nearly all of ours are, name="value" without a sign
// that is written in another way, and returns nil for others. The parsers take
// a hundred times as long, and sets are read in every transaction.
func plain(line string) *labels.Matcher {
	name, value, ok := strings.Cut(line, `="`)
	value, closed := strings.CutSuffix(value, `"`)
	if !ok || !closed || !model.LegacyValidation.IsValidLabelName(name) || strings.ContainsAny(value, "\\\"\n") || !utf8.ValidString(value) {
		return nil
	}
	return &labels.Matcher{Type: labels.MatchEqual, Name: name, Value: value}
}

// CheckMatchers says what is wrong with matchers that people wrote, in words
// for them; nil: a silence can be made of them.
func CheckMatchers(lines []string) error {
	all, err := route.ParseMatchers(lines)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(m *labels.Matcher) bool { return !m.Matches("") }) { // Alertmanager refuses that too
		return errors.New(`they match alerts that have none of these labels; add a matcher such as alertname="DiskFull"`)
	}
	return nil
}

// SetsOf are the full labels of the alerts of a group that fire, or of which
// nobody knows the end: one set of matchers for each, in the order of the
// group.
func SetsOf(g *group.Group) [][]string {
	var sets [][]string
	for i := range g.Alerts {
		m := &g.Alerts[i]
		if m.State == group.Resolved {
			continue
		}
		if set := setOf(m.Labels); len(set) > 0 {
			sets = append(sets, set)
		}
	}
	return sets
}

// setOf is matchers for exactly these labels.
func setOf(all map[string]string) []string {
	set := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if value := all[name]; value != "" { // an empty label is none
			set = append(set, (&labels.Matcher{Type: labels.MatchEqual, Name: name, Value: value}).String())
		}
	}
	return set
}
