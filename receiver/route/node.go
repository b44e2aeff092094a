package route

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Node is a route that alerts can be told through. It never changes.
type Node struct {
	id           string
	matchers     labels.Matchers
	goesOn       bool // continue
	groupBy      []string
	groupByAll   bool
	timing       group.Timing
	destinations []string
	card         string
	targets      []group.Target
	escalation   Escalation   // as in the file, for the routes below
	escalate     []group.Step // with this route's cards
	mute, active []string
	loudResolve  bool
	singly       bool
	routes       []*Node
}

// Match returns the routes that take an alert with these labels, in the order
// of the file; there is always at least one.
func (t *Tree) Match(labels map[string]string) []*Node {
	return t.root.match(labels, nil)
}

// match appends the routes under n, or n itself, that take the alert, and
// nothing if n does not match.
func (n *Node) match(labels map[string]string, found []*Node) []*Node {
	if !matches(n.matchers, labels) {
		return found
	}
	before := len(found)
	for _, below := range n.routes {
		had := len(found)
		found = below.match(labels, found)
		if len(found) > had && !below.goesOn {
			break
		}
	}
	if len(found) == before {
		found = append(found, n)
	}
	return found
}

// To is the way straight to one destination, with the card and the times of
// the top route; without a card there, with the destination's. Nobody else is
// told, so it does not escalate. It reports false if there is no such
// destination.
func (t *Tree) To(destination string) (*Node, bool) {
	n, ok := t.direct[destination]
	return n, ok
}

// ToAdded is To for a destination that the tree does not know: one that was
// added since.
func (t *Tree) ToAdded(destination string) *Node { return t.root.straightTo(destination, "") }

func (n *Node) straightTo(destination, card string) *Node {
	direct := *n
	direct.id = "destination:" + destination // ids of the tree begin with {
	direct.targets = []group.Target{{Destination: destination, Card: cmp.Or(n.card, card)}}
	direct.escalate, direct.routes = nil, nil
	return &direct
}

// ID names the route for people and for the store: the matchers on the way to
// it. It is unique in its tree and stays the same over reloads as long as the
// matchers do.
func (n *Node) ID() string { return n.id }

// GroupLabels are those of an alert's labels that say which group it is in.
func (n *Node) GroupLabels(labels map[string]string) map[string]string {
	if n.groupByAll {
		return labels
	}
	by := make(map[string]string, len(n.groupBy))
	for _, name := range n.groupBy {
		if value, ok := labels[name]; ok {
			by[name] = value
		}
	}
	return by
}

// Spec is what the route says about a group. ready is set for groups that the
// source has grouped, and that are not held back here. What Spec returns
// shares its lists with the route and must not be changed.
func (n *Node) Spec(source string, ready bool, groupLabels map[string]string) group.Spec {
	spec := group.Spec{
		Route:       n.id,
		Source:      source,
		Ready:       ready,
		Labels:      groupLabels,
		Targets:     n.targets,
		LoudResolve: n.loudResolve,
		Escalate:    n.escalate,
		Mute:        n.mute,
		Active:      n.active,
	}
	if !ready {
		spec.Timing = n.timing
	}
	return spec
}

// Origin says who made a group that is grouped here: this route, by these
// labels.
func (n *Node) Origin(groupLabels map[string]string) string {
	names := make([]string, 0, len(groupLabels))
	for name := range groupLabels {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(n.id)
	b.WriteString(":{")
	for i, name := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Quote(name))
		b.WriteByte('=')
		b.WriteString(strconv.Quote(groupLabels[name]))
	}
	b.WriteByte('}')
	return bounded(b.String())
}

// Key is the identity of a group: the part of what its origin brings that goes
// through this route, or that alert of it where each is told by itself.
func (n *Node) Key(origin string, a alert.Fingerprint) string {
	key := bounded(n.id + " < " + origin)
	if n.singly {
		key += " " + a.String()
	}
	return key
}

// bounded keeps a key short enough for the index of any database (PostgreSQL
// takes 2,704 bytes), whatever senders put into labels. A long key ends in its
// hash, so that different ones stay different.
func bounded(key string) string {
	const most = 1024
	if len(key) <= most {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	hash := hex.EncodeToString(sum[:])
	return strings.ToValidUTF8(key[:most-len(hash)-1], "") + "#" + hash
}

// Muted says whether the time intervals of a group's route let nothing through
// now. Names that are not in this tree, because the file has changed since the
// episode began, mute nothing.
func (t *Tree) Muted(spec group.Spec, now time.Time) bool {
	if muted, _ := t.within(spec.Mute, now); muted {
		return true
	}
	active, known := t.within(spec.Active, now)
	return len(spec.Active) > 0 && known && !active
}

// within says whether one of the named time intervals contains the time, and
// whether all of them exist.
func (t *Tree) within(names []string, now time.Time) (within, known bool) {
	known = true
	for _, name := range names {
		intervals, ok := t.intervals[name]
		known = known && ok
		for _, interval := range intervals {
			within = within || interval.ContainsTime(now.UTC())
		}
	}
	return within, known
}
