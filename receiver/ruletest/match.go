package ruletest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// matching gives every expected alert one that fires, and no alert to two of
// them. Which alert an expectation gets depends on the others: {rack: r1} and
// {} match r1 and r2 whatever their order, so the first that fits is not good
// enough; where an alert is wanted twice its first taker moves on.
type matching struct {
	expected []map[string]string
	fires    []map[string]string
	taken    []int // by alert: the expectation that has it, or -1
}

// match finds the assignment that leaves the fewest expectations over.
func match(expected, fires []map[string]string) (missing, unexpected []map[string]string) {
	m := matching{expected: expected, fires: fires, taken: make([]int, len(fires))}
	for i := range m.taken {
		m.taken[i] = -1
	}
	for e := range expected {
		if !m.place(e, make([]bool, len(fires))) {
			missing = append(missing, expected[e])
		}
	}
	for f, e := range m.taken {
		if e < 0 {
			unexpected = append(unexpected, fires[f])
		}
	}
	return missing, unexpected
}

// place finds an alert for an expectation, if need be by moving others.
func (m *matching) place(e int, asked []bool) bool {
	for f := range m.fires {
		if asked[f] || !fits(m.expected[e], m.fires[f]) {
			continue
		}
		asked[f] = true
		if m.taken[f] < 0 || m.place(m.taken[f], asked) {
			m.taken[f] = e
			return true
		}
	}
	return false
}

// fits says whether an alert has the labels that are written. A label that is
// missing and one that is empty are the same.
func fits(expected, labels map[string]string) bool {
	for name, value := range expected {
		if labels[name] != value {
			return false
		}
	}
	return true
}

// nearest is the alert that has the most of the labels that are written, and
// how many are different; nil when there is no alert.
func nearest(expected map[string]string, fires []map[string]string) (near map[string]string, differ []string) {
	for _, labels := range fires {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(expected)) {
			if labels[name] != expected[name] {
				names = append(names, name)
			}
		}
		// An alert of another name is further away than any other label can say.
		if near == nil || cmp.Compare(distance(names), distance(differ)) < 0 {
			near, differ = labels, names
		}
	}
	return near, differ
}

func distance(differ []string) int {
	if slices.Contains(differ, alert.NameLabel) {
		return len(differ) + 1000
	}
	return len(differ)
}

// labelsText is labels as Prometheus writes them, the name first:
// Hot{rack="r1", severity="critical"}.
func labelsText(labels map[string]string) string {
	var b strings.Builder
	b.WriteString(labels[alert.NameLabel])
	b.WriteByte('{')
	first := true
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if name == alert.NameLabel {
			continue
		}
		if !first {
			b.WriteString(", ")
		}
		first = false
		fmt.Fprintf(&b, "%s=%s", name, strconv.Quote(labels[name]))
	}
	b.WriteByte('}')
	return b.String()
}
