package silence

import (
	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Active is silences ready to be asked about many alerts. It does not change,
// so it may be used by several goroutines.
type Active struct {
	sets []set
	// with holds, for a label, the sets that only match alerts with it; rest
	// holds those that say of no label what its value is.
	with map[label][]int
	rest []int
}

type label struct{ name, value string }

// set is the matchers of a silence that have to match all.
type set struct {
	matchers labels.Matchers
	silence  group.Silence
}

// Compile makes the silences that keep alerts quiet now
// (store.BotTx.ActiveSilences) ready to be asked. One that Alertmanager has
// not got in whole keeps nothing quiet; neither does a set that cannot be
// read, which nobody can have asked for (see CheckMatchers).
func Compile(silences []store.Silence) *Active {
	var sets []set
	for i := range silences {
		s := &silences[i]
		if s.Theirs && len(s.TheirIDs) < len(s.Sets) {
			continue
		}
		is := group.Silence{ID: s.ID, By: s.By, Until: s.EndsAt, Comment: s.Comment, Theirs: s.Theirs}
		for _, lines := range s.Sets {
			if matchers, err := read(lines); err == nil && len(matchers) > 0 {
				sets = append(sets, set{matchers, is})
			}
		}
	}
	a := &Active{sets: sets}
	if len(sets) == 0 {
		return a
	}
	a.with = make(map[label][]int)
	// A set is found by the label that the fewest sets ask for: by the
	// instance, not by the name that all of them have.
	wanted := make(map[label]int)
	for i := range sets {
		for _, m := range sets[i].matchers {
			if isLabel(m) {
				wanted[label{m.Name, m.Value}]++
			}
		}
	}
	for i := range sets {
		var rarest label
		for _, m := range sets[i].matchers {
			l := label{m.Name, m.Value}
			if isLabel(m) && (rarest.name == "" || wanted[l] < wanted[rarest]) {
				rarest = l
			}
		}
		if rarest.name == "" {
			a.rest = append(a.rest, i)
			continue
		}
		a.with[rarest] = append(a.with[rarest], i)
	}
	return a
}

// isLabel says whether a matcher asks for a label with one value.
func isLabel(m *labels.Matcher) bool { return m.Type == labels.MatchEqual && m.Value != "" }

// Of says what silences an alert with these labels, if anything does: of
// several silences that which lasts longest.
func (a *Active) Of(labels map[string]string) (group.Silence, bool) {
	if len(a.sets) == 0 { // nearly always
		return group.Silence{}, false
	}
	best := a.longest(nil, a.rest, labels)
	for name, value := range labels {
		best = a.longest(best, a.with[label{name, value}], labels)
	}
	if best == nil {
		return group.Silence{}, false
	}
	return best.silence, true
}

// Member is Of for an alert of a group.
func (a *Active) Member(m *group.Member) (group.Silence, bool) { return a.Of(m.Labels) }

// longest is best, or one of some sets if that matches and lasts longer.
func (a *Active) longest(best *set, some []int, labels map[string]string) *set {
	for _, i := range some {
		s := &a.sets[i]
		if (best == nil || lasts(&s.silence, &best.silence)) && matches(s.matchers, labels) {
			best = s
		}
	}
	return best
}

// lasts says whether a silence is told of rather than another.
func lasts(s, other *group.Silence) bool {
	if !s.Until.Equal(other.Until) {
		return s.Until.After(other.Until)
	}
	return s.ID < other.ID
}

// matches says whether labels satisfy all matchers. A label that is missing is
// an empty one, as in Alertmanager.
func matches(all labels.Matchers, labels map[string]string) bool {
	for _, m := range all {
		if !m.Matches(labels[m.Name]) {
			return false
		}
	}
	return true
}
