package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Place is where people see cards.
type Place struct {
	Name string
	// Editable: the bot is there, and a card can be changed. Otherwise it is a
	// webhook, where all is a new message.
	Editable bool
}

// The places of a torture: two webhooks, the second with so little pace that
// digests tell what waits, a channel and a group chat.
var (
	Ops  = Place{Name: "ops"}
	Slow = Place{Name: "slow"}
	SRE  = Place{Name: "sre", Editable: true}
	Duty = Place{Name: "duty", Editable: true}

	Places = []Place{Ops, Slow, SRE, Duty}
)

// Source is the way on which a group's alerts come.
type Source string

// The sources.
const (
	Webhook Source = "webhook" // Alertmanager's: it groups, and sends a body until it is taken
	Posted  Source = "posted"  // POST /api/v2/alerts: sent again and again, and we group
	Event   Source = "event"   // POST /events/jobs: each once, until it is taken
)

// Shape is how large a torture is, and what can be done to the receiver.
type Shape struct {
	For      time.Duration // how long the bad day lasts
	Replicas int
	Shared   bool // the store is a database of its own, which can be killed
	Disk     bool // the store's disk can be filled
	// Sure: Teams leaves nobody in doubt whether a message is there, for which
	// it is left alone for a minute.
	Sure bool
}

// Plan is a bad day. Times count from its beginning.
type Plan struct {
	Seed    uint64
	Shape   Shape
	Groups  []Group
	Faults  []Fault // by At
	Presses []Press // by At
}

// Group is alerts that are told together, and what becomes of them.
type Group struct {
	Name   string // its alertname
	Source Source
	Places []string // names
	Twins  bool     // two Alertmanagers send it, to two replicas at once
	Steps  []Step   // by At
}

// Step is a body: all alerts of an episode.
type Step struct {
	At     time.Duration
	Alerts []Alert
	// Must: it is sent until it is taken, however long that takes. Any other
	// is forgotten when the next is due, as Alertmanager does.
	Must bool
}

// Alert is an alert of a body.
type Alert struct {
	Instance string
	Severity string
	Firing   bool
}

// Over says that nothing fires.
func (s Step) Over() bool {
	return !slices.ContainsFunc(s.Alerts, func(a Alert) bool { return a.Firing })
}

// Press is somebody who answers a card, by its button or through the API.
type Press struct {
	At   time.Duration
	Who  string
	Verb string
	// Text of a comment. No two are the same.
	Text string
	Pick uint64 // which of the cards that are there
	API  bool
}

// names of people in the simulated Teams; all of them are in the channel, and
// the first two in the chat.
var names = []string{"Alice", "Bob", "Carol"}

// NewPlan makes a plan. The same seed and shape are always the same plan.
func NewPlan(seed uint64, shape Shape) Plan {
	p := Plan{Seed: seed, Shape: shape}
	// Each part has numbers of its own: one that is changed leaves the others.
	p.Groups = groups(rand.New(rand.NewPCG(seed, 1)), shape)
	p.Faults = faults(rand.New(rand.NewPCG(seed, 2)), shape)
	p.Presses = presses(rand.New(rand.NewPCG(seed, 3)), shape)
	return p
}

// groupsPerPlace is below what a digest names, so that nobody is only counted.
const groupsPerPlace = 14

func groups(r *rand.Rand, shape Shape) []Group {
	var all []Group
	add := func(source Source, count int, places ...string) {
		for range count {
			g := Group{Name: fmt.Sprintf("G%03d", len(all)), Source: source, Places: places}
			g.Twins = source == Webhook && r.IntN(4) == 0
			g.Steps = script(r, source, shape.For)
			all = append(all, g)
		}
	}
	for _, place := range Places {
		add(Webhook, groupsPerPlace/2, place.Name)
		add(Posted, groupsPerPlace/7, place.Name)
		add(Event, groupsPerPlace/7, place.Name)
	}
	add(Webhook, groupsPerPlace/7, Ops.Name, SRE.Name)
	add(Webhook, groupsPerPlace/7, Slow.Name, Duty.Name)
	return all
}

// script is the life of a group: episodes that begin, change and end.
func script(r *rand.Rand, source Source, length time.Duration) []Step {
	var steps []Step
	var alerts []Alert
	instances, ends := 0, r.IntN(3) > 0
	join := func() {
		instances++
		severity := "warning"
		if r.IntN(4) == 0 {
			severity = "critical"
		}
		alerts = append(alerts, Alert{Instance: fmt.Sprintf("a%d", instances), Severity: severity, Firing: true})
	}
	firing := func() (at []int) {
		for i := range alerts {
			if alerts[i].Firing {
				at = append(at, i)
			}
		}
		return at
	}
	for at := between(r, 0, length/3); at < length; at += between(r, length/40, length/6) {
		burning := firing()
		must := false
		switch what := r.IntN(10); {
		case len(burning) == 0: // an episode begins
			alerts = nil
			if source == Event {
				instances = 0 // the story of one thing
			}
			join()
			if source != Event && r.IntN(2) == 0 {
				join()
			}
			must = len(steps) == 0
		case source == Event, what < 3, len(burning) == 1 && what < 5: // it ends
			for _, i := range burning {
				alerts[i].Firing = false
			}
			// Alertmanager keeps what is resolved until somebody has taken it.
			must = true
		case what < 6 && len(burning) > 1: // a part of it ends
			alerts[burning[r.IntN(len(burning))]].Firing = false
		case what < 7 && len(burning) < len(alerts): // a part of it is back
			for i := range alerts {
				if !alerts[i].Firing {
					alerts[i].Firing = true
					break
				}
			}
		default: // it grows
			join()
		}
		steps = append(steps, Step{At: at, Alerts: slices.Clone(alerts), Must: must})
	}
	last := &steps[len(steps)-1]
	last.Must = true
	if ends && !last.Over() {
		end := Step{At: length, Alerts: slices.Clone(last.Alerts), Must: true}
		for i := range end.Alerts {
			end.Alerts[i].Firing = false
		}
		steps = append(steps, end)
	}
	return steps
}

func presses(r *rand.Rand, shape Shape) []Press {
	var all []Press
	for at := between(r, 0, 3*time.Second); at < shape.For; at += between(r, 200*time.Millisecond, 1500*time.Millisecond) {
		p := Press{At: at, Who: names[r.IntN(len(names))], Pick: r.Uint64(), API: r.IntN(5) == 0}
		switch r.IntN(5) {
		case 0, 1:
			p.Verb = "ack"
		case 2:
			p.Verb = "unack"
		default:
			p.Verb, p.Text = "comment", fmt.Sprintf("words%04d", len(all))
		}
		all = append(all, p)
	}
	return all
}

// between is a time from [least, most).
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(max(most-least, 1))))
}
