package route

import (
	"errors"
	"fmt"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Subscription says that one target gets what matches, beside the routes.
type Subscription struct {
	Target   group.Target
	matchers labels.Matchers
}

// maxMatchers bounds what one subscription or silence asks of an alert.
const maxMatchers = 32

// ParseMatchers reads matchers as people write them, in Alertmanager's
// notation.
func ParseMatchers(lines []string) (labels.Matchers, error) {
	var all labels.Matchers
	for _, line := range lines {
		if TooCostly(line) {
			return nil, fmt.Errorf("%q is too large a pattern: it repeats too much", line)
		}
		parsed, err := parse(line, "")
		if err != nil {
			return nil, fmt.Errorf("%q is no matcher; write name=\"value\", name!=\"value\", name=~\"pattern\" or name!~\"pattern\"", line)
		}
		all = append(all, parsed...)
	}
	if len(all) > maxMatchers {
		return nil, errors.New("these are more than 32 matchers")
	}
	return all, nil
}

// Subscribe makes a subscription. No matchers: everything.
func Subscribe(target group.Target, lines []string) (Subscription, error) {
	matchers, err := ParseMatchers(lines)
	return Subscription{Target: target, matchers: matchers}, err
}

// Add gives an episode the targets that have subscribed to what fires in it.
// From its next telling on they are told too.
func Add(g *group.Group, all []Subscription) {
	for i := range all {
		s := &all[i]
		if g.Spec.Has(s.Target) || !s.wants(g) {
			continue
		}
		g.Spec.Targets = append(g.Spec.Targets[:len(g.Spec.Targets):len(g.Spec.Targets)], s.Target)
	}
}

func (s *Subscription) wants(g *group.Group) bool {
	for i := range g.Alerts {
		if m := &g.Alerts[i]; m.State == group.Firing && matches(s.matchers, m.Labels) {
			return true
		}
	}
	return false
}
