package torture

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Verdict is what the checker found.
type Verdict struct {
	Problems []Problem
	// Counts is what was looked at and what was explained, by name.
	Counts map[string]int
}

// Problem is a promise that was broken.
type Problem struct {
	Promise string // lost, invented, order, twice, pace, left
	Group   string // "": it concerns none
	Place   string // "": all
	What    string
}

func (p Problem) String() string {
	where := strings.TrimSpace(p.Group + " " + p.Place)
	return strings.TrimSpace(fmt.Sprintf("%s: %s: %s", p.Promise, cmp.Or(where, "everywhere"), p.What))
}

// Passed says that every promise was kept.
func (v Verdict) Passed() bool { return len(v.Problems) == 0 }

// Sum adds up the counts whose names begin so.
func (v Verdict) Sum(begins string) (sum int) {
	for name, n := range v.Counts {
		if strings.HasPrefix(name, begins) {
			sum += n
		}
	}
	return sum
}

// String is the counts and the problems, a line each.
func (v Verdict) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(v.Counts)) {
		fmt.Fprintf(&b, "%6d %s\n", v.Counts[name], name)
	}
	for _, p := range v.Problems {
		fmt.Fprintf(&b, "BROKEN %s\n", p)
	}
	return b.String()
}

// Check judges a world.
func Check(w *World) Verdict {
	c := newChecker(w)
	for i := range w.Plan.Groups {
		g := &w.Plan.Groups[i]
		c.stored(g)
		for _, place := range g.Places {
			c.truth(g, place)
			c.order(g, place)
			c.twice(g, place)
		}
	}
	c.invented()
	c.log()
	c.pace()
	c.left()
	c.presses()
	return c.verdict
}

// checker is a world, sorted for looking things up.
type checker struct {
	*World
	verdict  Verdict
	groups   map[string]*Group
	takes    map[string][]Take      // by group
	sights   map[spot][]Sight       // of cards of the group, and digests that name it
	requests map[string][]Request   // by place
	latest   map[string]StoredGroup // by name: the latest episode
	posts    map[spot][]StoredPost  // by group's name and place
	digests  map[string][]Sight     // by place
}

// spot is a group in a place.
type spot struct{ group, place string }

func newChecker(w *World) *checker {
	c := &checker{
		World: w, verdict: Verdict{Counts: map[string]int{}}, groups: map[string]*Group{}, takes: map[string][]Take{},
		sights: map[spot][]Sight{}, requests: map[string][]Request{}, latest: map[string]StoredGroup{}, posts: map[spot][]StoredPost{},
		digests: map[string][]Sight{},
	}
	for i := range w.Plan.Groups {
		c.groups[w.Plan.Groups[i].Name] = &w.Plan.Groups[i]
	}
	for _, t := range w.Takes {
		c.takes[t.Group] = append(c.takes[t.Group], t)
		if t.Taken() {
			c.count("bodies taken")
		} else {
			c.count("bodies refused or not answered")
		}
	}
	for _, s := range w.Sights {
		switch {
		case s.Mark != nil:
			at := spot{s.Mark.Group, s.Place}
			c.sights[at] = append(c.sights[at], s)
		case s.Digest != nil || s.Hidden > 0:
			c.digests[s.Place] = append(c.digests[s.Place], s)
			for _, row := range s.Digest {
				at := spot{row.Group, s.Place}
				c.sights[at] = append(c.sights[at], s)
			}
		}
		switch {
		case !s.Shown:
			c.count("messages not shown")
		case s.Edit:
			c.count("edits shown")
		case s.Digest != nil:
			c.count("digests shown")
		case s.Mark != nil:
			c.count("cards shown")
		default:
			c.count("other messages shown")
		}
	}
	for _, r := range w.Requests {
		c.requests[r.Place] = append(c.requests[r.Place], r)
	}
	for _, g := range w.Groups {
		if g.Episode > c.latest[g.Name].Episode {
			c.latest[g.Name] = g
		}
	}
	for _, p := range w.Posts {
		at := spot{p.Group, p.Place}
		c.posts[at] = append(c.posts[at], p)
	}
	for _, d := range w.Done {
		if d.Left == "" && !d.AtMicrosoft() {
			c.count("times " + string(d.Kind))
		}
	}
	return c
}

func (c *checker) count(what string) { c.verdict.Counts[what]++ }

func (c *checker) broken(promise, group, place, format string, args ...any) {
	c.verdict.Problems = append(c.verdict.Problems, Problem{promise, group, place, fmt.Sprintf(format, args...)})
}

// late says whether a body of a group may have been taken after a newer one:
// nobody heard an answer to it, and it reached a replica that hung, or a
// database that did. step 0: any.
func (c *checker) late(group string, step int) bool {
	for _, t := range c.takes[group] {
		if t.Status != 0 || step != 0 && t.Step != step {
			continue
		}
		if c.during(t.Began, t.Ended, Hung, DBKilled, DBCut, DBShutdown) {
			return true
		}
	}
	return false
}

// slack is how long after an event its consequences may begin: to record what
// was delivered takes a commit, on a machine that has much to do.
const slack = 3 * time.Second

// during says whether something of these kinds was done to the receiver while
// something else went on.
func (c *checker) during(from, to time.Duration, kinds ...Kind) bool {
	_, found := c.doneDuring(from, to, kinds...)
	return found
}

func (c *checker) doneDuring(from, to time.Duration, kinds ...Kind) (Done, bool) {
	for _, d := range c.Done {
		if d.Left == "" && slices.Contains(kinds, d.Kind) && d.From <= to+slack && d.To+slack >= from {
			return d, true
		}
	}
	return Done{}, false
}

// states are those of a step's alerts, by instance.
func states(s Step) map[string]string {
	all := map[string]string{}
	for _, a := range s.Alerts {
		all[a.Instance] = "resolved"
		if a.Firing {
			all[a.Instance] = "firing"
		}
	}
	return all
}

// words lists states for people.
func words(states map[string]string) string {
	if len(states) == 0 {
		return "nothing"
	}
	var all []string
	for _, instance := range slices.Sorted(maps.Keys(states)) {
		all = append(all, instance+" "+states[instance])
	}
	return strings.Join(all, ", ")
}

func (m *Mark) states() map[string]string {
	all := map[string]string{}
	for _, a := range m.Alerts {
		all[a.Instance] = a.State
	}
	return all
}
