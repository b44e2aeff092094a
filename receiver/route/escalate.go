package route

import (
	"fmt"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// How often a step may be repeated. Below hastily people stop reading, so it is
// probably not meant; below shortest nobody could answer in between.
const (
	shortest = time.Second
	hastily  = time.Minute
)

// escalate gives a route its steps: its own, or those of the route above.
func (c *checker) escalate(own Escalation, at string, n *Node) {
	if own != nil {
		n.escalation = c.steps(own, at, n)
	}
	if len(n.destinations) == 0 {
		if len(own) > 0 {
			c.warn(at, "this route tells nobody, so there is no answer to wait for and nobody is told later", "add destinations: [NAME], or remove escalate")
		}
		return
	}
	for _, s := range n.escalation {
		step := group.Step{Targets: c.targets(n, s.Destinations)}
		if s.After != nil {
			step.After = *s.After
		}
		if s.Every != nil {
			step.Every = *s.Every
		}
		n.escalate = append(n.escalate, step)
	}
}

// steps checks the steps that stand at a route.
func (c *checker) steps(own Escalation, at string, n *Node) Escalation {
	before := time.Duration(0)
	made := slices.Clone(own)
	for i := range made {
		s, place := &made[i], fmt.Sprintf("%s[%d]", at, i)
		switch {
		case s.After == nil:
			c.wrong(place, "nothing says when this step is told", "add after: 15m, the time that people have to acknowledge what they were told")
		case *s.After <= 0:
			c.wrong(place+".after", "the time must be longer than 0", "write a time such as 15m; who is told at once stands under the route's destinations")
		case *s.After < before:
			c.wrong(place+".after", "this step comes before the one above it", "put the steps in the order of their times, which all count from the same moment")
		case *s.After == before:
			c.warn(place+".after", "this step comes together with the one above it", "name all destinations in one step, or give this one more time")
		}
		if s.After != nil {
			before = max(before, *s.After)
		}
		switch {
		case s.Every == nil:
		case *s.Every < shortest:
			c.wrong(place+".every", "nobody can answer in less than a second", "write a time such as 30m, or remove it")
		case *s.Every < hastily:
			c.warn(place+".every", "this rings everybody in it more than once a minute", "write a time such as 30m")
		}
		if len(s.Destinations) == 0 {
			c.wrong(place+".destinations", "this step tells nobody", "add destinations: [NAME]; to escalate nothing in this route write escalate: []")
			continue
		}
		s.Destinations = c.destinations(s.Destinations, place+".destinations")
		if len(s.Destinations) > 0 && !slices.ContainsFunc(s.Destinations, func(name string) bool { return !slices.Contains(n.destinations, name) }) {
			c.warn(place+".destinations", "all of them are told by this route already, so this step only reminds them", "name somebody else, or leave it if that is meant")
		}
	}
	return made
}
