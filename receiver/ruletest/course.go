package ruletest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// course is a test while it runs: what the engine keeps in its store, and the
// time, which goes from one event to the next.
type course struct {
	suite     *suite
	input     []inputLine // what is still to come
	evaluator *rules.Evaluator
	// given are the names that the input has samples of.
	given     map[string]bool
	inhibitor *route.Inhibitor
	groups    []*group.Group // in order of their making
	byOrigin  map[string]*group.Group
	// origins are the groups of the alerts that fire.
	origins map[alert.Fingerprint][]string
	told    []telling // every message, in their order
	broken  []broken  // annotations that could not be written
	ids     int64
	steps   int
	story   []event
}

// telling is a message at the moment when it was made.
type telling struct {
	at    time.Time
	group group.Group
	due   group.Due
}

// broken is a label or annotation whose template has failed.
type broken struct {
	at               time.Duration
	alert, name, why string
}

// event is something that happened, for those who look for the reason.
type event struct {
	at   time.Time
	what string
}

// maxSteps is how many events a test may have. A rule that wants to be asked
// again every nanosecond, or a group_interval of 1ms over a year, is a mistake
// that should end.
const maxSteps = 1_000_000

var errSteps = errors.New("too much happens in this test; make its times shorter")

func newCourse(s *suite, t *test) *course {
	given := make(map[string]bool)
	for i := range t.input {
		given[t.input[i].sample.Measurement] = true
	}
	return &course{
		suite: s, input: t.input, given: given,
		evaluator: rules.NewEvaluator(s.rules, start),
		inhibitor: s.routes.NewInhibitor(),
		byOrigin:  make(map[string]*group.Group),
		origins:   make(map[alert.Fingerprint][]string),
	}
}

// until works everything that happens up to a moment, that moment included:
// what is measured then comes before what is due then.
func (c *course) until(offset time.Duration) error {
	end := start.Add(offset)
	for {
		if c.steps++; c.steps > maxSteps {
			return errSteps
		}
		rule, told := c.evaluator.Next(), c.nextDue()
		switch {
		case len(c.input) > 0 && c.input[0].offset <= offset && !before(rule, c.input[0].time()) && !before(told, c.input[0].time()):
			c.take()
		case !rule.IsZero() && !rule.After(end) && !before(told, rule):
			c.evaluator.Tick(rule)
			c.hand(rule)
		case !told.IsZero() && !told.After(end.Add(instant)):
			c.tick(told)
		default:
			return nil
		}
	}
}

func (l *inputLine) time() time.Time { return start.Add(l.offset) }

// before says whether a time that is set comes before another.
func before(t, other time.Time) bool { return !t.IsZero() && t.Before(other) }

// take gives the next of the input to the rules: a sample, or all rows that a
// query has at that moment.
func (c *course) take() {
	now := c.input[0].time()
	name, offset := c.input[0].sample.Measurement, c.input[0].offset
	n := 0
	for n < len(c.input) && c.input[n].offset == offset && c.input[n].sample.Measurement == name {
		n++
	}
	samples := make([]sample.Sample, n)
	for i := range samples {
		samples[i] = c.input[i].sample
		samples[i].Time = now
		c.evaluator.Metric(&samples[i], now)
	}
	c.input = c.input[n:]
	for _, rule := range polled(c.suite.rules, name) {
		if verdict := c.evaluator.Rows(rule, samples, now); verdict.Problem != "" {
			c.happened(now, "rows of "+name+" cannot be used: "+verdict.Problem)
		}
	}
	c.hand(now)
}

// part is what one group gets of the news.
type part struct {
	origin string
	spec   group.Spec // of an episode that begins
	alerts []alert.Alert
}

// hand gives to the groups what the rules have decided, as the engine does.
func (c *course) hand(now time.Time) {
	changes := c.evaluator.Changes()
	var parts []*part
	at := func(origin string) *part {
		for _, p := range parts {
			if p.origin == origin {
				return p
			}
		}
		parts = append(parts, &part{origin: origin})
		return parts[len(parts)-1]
	}
	for i := range changes {
		a := changes[i]
		origins, known := c.origins[a.Fingerprint]
		if !known {
			for _, node := range c.suite.routes.Match(a.Labels) {
				labels := node.GroupLabels(a.Labels)
				origin := node.Origin(labels)
				at(origin).spec = node.Spec(source, false, labels)
				origins = append(origins, origin)
			}
		}
		for _, origin := range origins {
			p := at(origin)
			p.alerts = append(p.alerts, a)
		}
		switch {
		case a.Status == alert.Resolved:
			c.happened(now, "resolved  "+labelsText(a.Labels))
			delete(c.origins, a.Fingerprint)
		default:
			if !known {
				c.happened(now, "fires     "+labelsText(a.Labels))
			}
			c.origins[a.Fingerprint] = origins
		}
	}
	c.readable(changes, now)
	for _, p := range parts {
		c.receive(p, now)
	}
	for i := range changes {
		if a := &changes[i]; a.Status == alert.Resolved {
			c.inhibitor.Remove(a.Fingerprint)
		} else {
			c.inhibitor.Add(a.Fingerprint, a.Labels)
		}
	}
}

// failedTemplate is how a text begins whose template has failed.
const failedTemplate = "<error expanding template: "

// readable takes a note of every label and annotation that could not be
// written, once. People would read that instead of what is the matter.
func (c *course) readable(changes []alert.Alert, now time.Time) {
	for i := range changes {
		a := &changes[i]
		for _, texts := range []map[string]string{a.Labels, a.Annotations} {
			for _, name := range slices.Sorted(maps.Keys(texts)) {
				why, failed := strings.CutPrefix(texts[name], failedTemplate)
				if misprint := rules.Misprint(texts[name]); !failed && misprint != "" {
					why, failed = "a printf in it does not go with its values, and writes "+misprint, true
				}
				if !failed || slices.ContainsFunc(c.broken, func(b broken) bool { return b.alert == a.Name() && b.name == name }) {
					continue
				}
				c.broken = append(c.broken, broken{at: now.Sub(start), alert: a.Name(), name: name, why: strings.TrimSuffix(why, ">")})
			}
		}
	}
}

// source is where the alerts come from, in the words of the engine.
const source = "rules"

// receive gives a group its news.
func (c *course) receive(p *part, now time.Time) {
	g, ok := c.byOrigin[p.origin]
	if !ok {
		g = &group.Group{Key: p.origin, Origin: p.origin}
	}
	if p.spec.Route == "" {
		p.spec = g.Spec
	}
	next, changed := group.Receive(*g, group.Received{Spec: p.spec, Alerts: p.alerts}, now)
	if !changed {
		return
	}
	if !ok {
		c.byOrigin[p.origin] = g
		c.groups = append(c.groups, g)
	}
	c.advance(g, next, now)
}

// tick works the groups whose time has come.
func (c *course) tick(now time.Time) {
	for _, g := range c.groups {
		if !g.DueAt.IsZero() && !g.DueAt.After(now) {
			c.advance(g, *g, now)
		}
	}
}

// nextDue is when the first group wants a tick; zero: none does.
func (c *course) nextDue() (next time.Time) {
	for _, g := range c.groups {
		if next.IsZero() || before(g.DueAt, next) {
			next = g.DueAt
		}
	}
	return next
}

// advance tells what is due of a group and keeps it.
func (c *course) advance(g *group.Group, next group.Group, now time.Time) {
	if next.ID == 0 { // a new episode
		c.ids++
		next.ID = c.ids
	}
	rev := next.Rev
	next, due := group.Advance(next, group.Tick{
		Muted:     c.suite.routes.Muted(next.Spec, now),
		Inhibited: func(a *alert.Alert) bool { return c.inhibitor.Inhibited(a.Labels) },
	}, now)
	*g = next
	if next.Rev > rev && len(due) == 0 {
		c.happened(now, "nobody is told: the route "+next.Spec.Route+" has no destination")
	}
	for _, d := range due {
		d.Target.Card = cmp.Or(d.Target.Card, c.suite.cards.Choose(&next))
		where := d.Target.Destination + ", card " + d.Target.Card
		if !d.Message {
			c.happened(now, fmt.Sprintf("no message of its own for %s: %s", where, d.Change))
			continue
		}
		c.happened(now, fmt.Sprintf("message   to %s: %s", where, d.Change))
		c.told = append(c.told, telling{at: now, group: next, due: d})
	}
}

// happened takes a note.
func (c *course) happened(at time.Time, what string) {
	c.story = append(c.story, event{at, what})
}

// firing are the labels of the alerts that fire now, in order.
func (c *course) firing() []map[string]string {
	var all []map[string]string
	c.evaluator.Firing(func(a alert.Alert) { all = append(all, a.Labels) })
	slices.SortFunc(all, func(a, b map[string]string) int {
		x, y := labelsText(a), labelsText(b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return all
}

// unasked says of the rules whose silence is told although the test is not
// about them why that is, a line each.
func (c *course) unasked(expected []map[string]string) (lines []string) {
	_, unexpected := match(expected, c.firing())
	for _, labels := range unexpected {
		name := labels[alert.NameLabel]
		if labels["no_data"] != "true" || !c.neverGiven(name) {
			continue
		}
		line := "the test has no sample for " + name + "; its no_data fires by itself"
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// mistaken says of the names that are expected among the labels, and are those
// of annotations, what to do instead, a line each.
func (c *course) mistaken(expected []map[string]string) (lines []string) {
	c.evaluator.Firing(func(a alert.Alert) {
		for _, labels := range expected {
			for _, name := range slices.Sorted(maps.Keys(labels)) {
				_, labelled := a.Labels[name]
				_, said := a.Annotations[name]
				line := name + " is an annotation; alerts are matched by their labels: look for its text with card: {contains: […]}"
				if said && !labelled && !slices.Contains(lines, line) {
					lines = append(lines, line)
				}
			}
		}
	})
	return lines
}

// neverGiven says whether the test has no sample for any rule of this name.
func (c *course) neverGiven(name string) bool {
	for _, g := range c.suite.rules.Groups {
		for _, r := range g.Rules {
			if r.Alert == name && (c.given[r.Measurement] || r.Measurement == "" && c.given[name]) {
				return false
			}
		}
	}
	return true
}

// message is the card of a telling.
func (c *course) message(t *telling) card.Message {
	return c.suite.cards.Render(t.due.Target.Card, card.Input{
		Group: t.group, Now: t.at, Reminder: t.due.Change == group.Reminds,
	}, card.WorkflowLimit)
}
