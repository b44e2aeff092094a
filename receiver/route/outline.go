package route

import (
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Branch is a route as people read it: with all that it inherits.
type Branch struct {
	Matchers     []string // none: every alert
	Continue     bool
	Destinations []string // none: nobody
	Card         string   // "": what suits the alert
	GroupBy      []string // "..." alone: all labels
	// When a group is told first, then when it changes, and again when it does not.
	Wait, Interval, Repeat string
	Mute, Active           []string     // time intervals
	Escalate               []group.Step // who else is told, and when
	Loud                   bool         // the end of an episode must reach somebody's attention
	Routes                 []Branch
}

// Outline is the tree from its root.
func (t *Tree) Outline() Branch { return t.root.outline() }

func (n *Node) outline() Branch {
	b := Branch{
		Continue: n.goesOn, Destinations: n.destinations, Card: n.card, GroupBy: n.groupBy,
		Wait: spelt(n.timing.Wait), Interval: spelt(n.timing.Interval), Repeat: spelt(n.timing.Repeat), Mute: n.mute, Active: n.active, Escalate: n.escalate, Loud: n.loudResolve,
	}
	if n.groupByAll {
		b.GroupBy = []string{"..."}
	}
	for _, m := range n.matchers {
		b.Matchers = append(b.Matchers, m.String())
	}
	for _, below := range n.routes {
		b.Routes = append(b.Routes, below.outline())
	}
	return b
}

// Escalation is when others are told, in words: "managers after 15m".
func (b Branch) Escalation() string {
	var steps []string
	for _, s := range b.Escalate {
		var names []string
		for _, t := range s.Targets {
			names = append(names, t.Destination)
		}
		text := strings.Join(names, ", ") + " after " + spelt(s.After)
		if s.Every > 0 {
			text += " and every " + spelt(s.Every)
		}
		steps = append(steps, text)
	}
	return strings.Join(steps, "; ")
}

// spelt is a duration as the file has it.
func spelt(d time.Duration) string { return model.Duration(d).String() }
