package route

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Tree is a routing tree that is ready to be used.
type Tree struct {
	root      *Node
	direct    map[string]*Node // by destination
	intervals map[string][]timeinterval.TimeInterval
	rules     []rule
}

// New makes a tree. Every mistake is reported, each where it was made; the
// tree is nil unless all of them are warnings.
func New(o Options) (*Tree, []Problem) {
	c := &checker{options: o}
	t := &Tree{
		intervals: c.intervals(o.TimeIntervals),
		direct:    make(map[string]*Node, len(o.Destinations)),
	}
	c.known = t.intervals
	c.top(o.Route)
	t.root = c.node(o.Route, "route", &Node{
		timing: group.Timing{Wait: DefaultGroupWait, Interval: DefaultGroupInterval, Repeat: DefaultRepeatInterval},
	})
	t.root.identify("", 0)
	for _, name := range o.Destinations {
		t.direct[name] = t.root.straightTo(name, o.DestinationCards[name])
		t.direct[name].singly = o.Singly[name]
	}
	for i, r := range o.InhibitRules {
		t.rules = append(t.rules, c.rule(r, fmt.Sprintf("inhibit_rules[%d]", i)))
	}
	for _, p := range c.problems {
		if !p.Warning {
			return nil, c.problems
		}
	}
	return t, c.problems
}

// checker makes the parts of a tree and collects what is wrong with them.
type checker struct {
	options  Options
	known    map[string][]timeinterval.TimeInterval
	problems []Problem
}

func (c *checker) wrong(at, what, do string) {
	c.problems = append(c.problems, Problem{At: at, What: what, Do: do})
}

func (c *checker) warn(at, what, do string) {
	c.problems = append(c.problems, Problem{At: at, Warning: true, What: what, Do: do})
}

// top checks what only the first route has to keep to: it must take every
// alert, at any time.
func (c *checker) top(r Route) {
	if len(r.Destinations) == 0 {
		c.wrong("route.destinations", "the top route names no destination", "add destinations: [NAME]; it takes every alert that no other route takes")
	}
	if len(r.Matchers)+len(r.Match)+len(r.MatchRE) > 0 {
		c.wrong("route.matchers", "the top route has matchers, but it must take every alert", "move them to a route under routes:")
	}
	if r.Continue {
		c.wrong("route.continue", "the top route has nothing to continue with", "remove continue")
	}
	const intervals = "the top route cannot have time intervals, it must take every alert at any time"
	if len(r.MuteTimeIntervals) > 0 {
		c.wrong("route.mute_time_intervals", intervals, "move them to a route under routes:")
	}
	if len(r.ActiveTimeIntervals) > 0 {
		c.wrong("route.active_time_intervals", intervals, "move them to a route under routes:")
	}
}

// node makes a route and all below it.
func (c *checker) node(r Route, at string, above *Node) *Node {
	n := &Node{
		matchers:     c.matchers(matcherFields{at: at, lines: r.Matchers, equal: r.Match, regexp: r.MatchRE}),
		goesOn:       r.Continue,
		groupBy:      above.groupBy,
		groupByAll:   above.groupByAll,
		timing:       above.timing,
		destinations: above.destinations,
		card:         above.card,
		escalation:   above.escalation,
		loudResolve:  above.loudResolve,
		mute:         c.intervalNames(r.MuteTimeIntervals, at+".mute_time_intervals"),
		active:       c.intervalNames(r.ActiveTimeIntervals, at+".active_time_intervals"),
	}
	if r.GroupBy != nil {
		n.groupBy, n.groupByAll = c.groupBy(r.GroupBy, at+".group_by")
	}
	if r.GroupWait != nil {
		n.timing.Wait = *r.GroupWait // may be 0: told at once
	}
	n.timing.Interval = c.interval(r.GroupInterval, n.timing.Interval, at+".group_interval")
	n.timing.Repeat = c.interval(r.RepeatInterval, n.timing.Repeat, at+".repeat_interval")
	if r.Destinations != nil {
		n.destinations = c.destinations(r.Destinations, at+".destinations")
	}
	if r.Card != "" {
		n.card = r.Card
		if !slices.Contains(c.options.Cards, r.Card) {
			c.wrong(at+".card", "there is no card "+quote(r.Card), knownNames(c.options.Cards,
				"define it in one of the template_files"))
		}
	}
	switch r.Resolve {
	case "":
	case ResolveQuiet, ResolveLoud:
		n.loudResolve = r.Resolve == ResolveLoud
	default:
		c.wrong(at+".resolve", "resolve is "+quote(r.Resolve), `write "quiet" or "loud"`)
	}
	n.targets = c.targets(n, n.destinations)
	c.escalate(r.Escalate, at+".escalate", n)
	for i, below := range r.Routes {
		n.routes = append(n.routes, c.node(below, fmt.Sprintf("%s.routes[%d]", at, i), n))
	}
	c.reachable(n, at)
	return n
}

// targets are destinations with the cards that they get by a route.
func (c *checker) targets(n *Node, destinations []string) []group.Target {
	made := make([]group.Target, len(destinations))
	for i, name := range destinations {
		made[i] = group.Target{Destination: name, Card: cmp.Or(n.card, c.options.DestinationCards[name])}
	}
	return made
}

// reachable warns of routes that come after one that takes everything.
func (c *checker) reachable(n *Node, at string) {
	for i, r := range n.routes {
		if len(r.matchers) > 0 || r.goesOn || i == len(n.routes)-1 {
			continue
		}
		if c.wrongUnder(fmt.Sprintf("%s.routes[%d]", at, i)) {
			continue // it has matchers, which could not be read
		}
		c.warn(fmt.Sprintf("%s.routes[%d]", at, i+1), "no alert gets here: the route before it takes everything",
			"give that route matchers or continue: true, or put it last")
		return
	}
}

// wrongUnder says whether something is wrong below a place.
func (c *checker) wrongUnder(at string) bool {
	return slices.ContainsFunc(c.problems, func(p Problem) bool { return strings.HasPrefix(p.At, at+".") })
}

func (c *checker) groupBy(names []string, at string) (by []string, all bool) {
	for i, name := range names {
		place := fmt.Sprintf("%s[%d]", at, i)
		switch {
		case name == "...":
			all = true
			if len(names) > 1 {
				c.wrong(place, "... means all labels and stands alone", "remove ... or the other labels")
			}
		case !validLabel(name):
			c.wrong(place, quote(name)+" is not a label name", "write the name of a label")
		case slices.Contains(by, name):
			c.wrong(place, "the label "+quote(name)+" is there twice", "remove one")
		default:
			by = append(by, name)
		}
	}
	return by, all
}

// interval is the time that the route has, or else the inherited one.
func (c *checker) interval(own *time.Duration, inherited time.Duration, at string) time.Duration {
	if own == nil {
		return inherited
	}
	if *own <= 0 {
		c.wrong(at, "the time must be longer than 0", "write a time such as 5m, or remove it")
	}
	return *own
}

func (c *checker) destinations(names []string, at string) []string {
	var known []string
	for i, name := range names {
		place := fmt.Sprintf("%s[%d]", at, i)
		switch {
		case !slices.Contains(c.options.Destinations, name):
			c.wrong(place, "there is no destination "+quote(name), knownNames(c.options.Destinations,
				"add it under destinations:"))
		case slices.Contains(known, name):
			c.wrong(place, "the destination "+quote(name)+" is there twice", "remove one")
		default:
			known = append(known, name)
		}
	}
	return known
}

// intervals collects the time intervals by name.
func (c *checker) intervals(all []Interval) map[string][]timeinterval.TimeInterval {
	byName := make(map[string][]timeinterval.TimeInterval, len(all))
	for i, interval := range all {
		at := fmt.Sprintf("time_intervals[%d]", i)
		_, twice := byName[interval.Name]
		switch {
		case interval.Name == "":
			c.wrong(at, "the time interval has no name", "add name:, which routes call it by")
		case twice:
			c.wrong(at+".name", "there are two time intervals "+quote(interval.Name), "rename one of them")
		default:
			byName[interval.Name] = interval.TimeIntervals
		}
	}
	return byName
}

func (c *checker) intervalNames(names []string, at string) []string {
	for i, name := range names {
		if _, ok := c.known[name]; !ok {
			var all []string
			for _, interval := range c.options.TimeIntervals {
				all = append(all, interval.Name)
			}
			c.wrong(fmt.Sprintf("%s[%d]", at, i), "there is no time interval "+quote(name), knownNames(all,
				"add it under time_intervals:"))
		}
	}
	return names
}

// knownNames is the advice for a name that does not exist.
func knownNames(names []string, otherwise string) string {
	const most = 30 // a longer list is no help; the cards that ship are some twenty
	switch {
	case len(names) == 0:
		return otherwise
	case len(names) > most:
		return fmt.Sprintf("%s, or use one of the %d that there are", otherwise, len(names))
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	return "use one of " + strings.Join(names, ", ") + ", or " + otherwise
}

// identify gives a node and all below it their ids: the matchers on the way
// from the top, as in Alertmanager's group keys, and a number where siblings
// have the same matchers. So a route keeps its id when others come and go.
func (n *Node) identify(above string, twin int) {
	n.id = above + n.matchers.String()
	if twin > 0 {
		n.id = fmt.Sprintf("%s#%d", n.id, twin+1)
	}
	seen := make(map[string]int, len(n.routes))
	for _, below := range n.routes {
		matchers := below.matchers.String()
		below.identify(n.id+"/", seen[matchers])
		seen[matchers]++
	}
}
