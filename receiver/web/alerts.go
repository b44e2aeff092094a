package web

import (
	"net/http"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/silence"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Silenced says what keeps an alert quiet.
type Silenced struct {
	ID           string    `json:"id"` // of the silence
	By           string    `json:"by"`
	Until        time.Time `json:"until"`
	Comment      string    `json:"comment"`
	Alertmanager bool      `json:"alertmanager"` // which keeps it
}

// Wish is what another system was asked to do about an alert.
type Wish struct {
	Verb   string     `json:"verb"`
	By     string     `json:"by"`
	At     time.Time  `json:"at"`
	Until  *time.Time `json:"until,omitempty"` // of a silence
	System string     `json:"system"`
	State  string     `json:"state"` // asked, granted, failed
	Reason string     `json:"reason"`
}

// Escalated is a step of an escalation that was taken, because nobody has
// acknowledged or silenced an alert.
type Escalated struct {
	Step         int       `json:"step"` // of the route, from 1
	At           time.Time `json:"at"`   // the latest time, if it repeats
	Destinations []string  `json:"destinations"`
}

// Missed is somebody who could not be told of an alert.
type Missed struct {
	// Who is the person; "": the destination as a whole.
	Who         string    `json:"who"`
	Destination string    `json:"destination"`
	Why         string    `json:"why"` // what follows who: "has blocked the bot"
	At          time.Time `json:"at"`
	Fallback    string    `json:"fallback"` // the destination that was told instead; "": there is none
}

func (s *server) alerts(w http.ResponseWriter, r *http.Request) {
	page, ok := s.page(w, r)
	if !ok {
		return
	}
	list := []Alert{}
	s.list(w, r, "alerts", &list, func(tx store.Tx) error {
		groups, err := tx.ListGroups(r.FormValue("open") != "false", page.before, page.limit)
		if err != nil {
			return err
		}
		list, err = s.alertsOf(tx, groups)
		return err
	})
}

// alert answers what is known of one alert's group, also when it is over.
func (s *server) alert(w http.ResponseWriter, r *http.Request) {
	id, ok := groupID(w, r)
	if !ok {
		return
	}
	list := []Alert{}
	s.list(w, r, "alerts", &list, func(tx store.Tx) error {
		g, err := tx.Group(id)
		if err != nil {
			return err
		}
		list, err = s.alertsOf(tx, []group.Group{g})
		return err
	})
}

// alertsOf is what is known of the alerts of groups.
func (s *server) alertsOf(tx store.Tx, groups []group.Group) ([]Alert, error) {
	ids := make([]int64, len(groups))
	for i := range groups {
		ids[i] = groups[i].ID
	}
	intents, err := intentsOf(tx, ids)
	if err != nil {
		return nil, err
	}
	silences, err := tx.ActiveSilences(s.Engine.Now())
	if err != nil {
		return nil, err
	}
	active := silence.Compile(silences)
	list := []Alert{}
	for i := range groups {
		list = append(list, alertsOf(&groups[i], intents[groups[i].ID], active)...)
	}
	return list, nil
}

func alertsOf(g *group.Group, intents []Intent, active *silence.Active) []Alert {
	destinations := make([]string, len(g.Spec.Targets))
	for i, target := range g.Spec.Targets {
		destinations[i] = target.Destination
	}
	escalated, missed := escalatedOf(g), missedOf(g)
	var asked []Wish
	for _, w := range g.Wishes {
		asked = append(asked, Wish{
			Verb: w.Verb, By: w.By.Name, At: w.At, Until: optional(w.Until), System: w.System, State: string(w.State), Reason: w.Reason,
		})
	}
	out := make([]Alert, 0, len(g.Alerts))
	for i := range g.Alerts {
		m := &g.Alerts[i]
		a := Alert{
			ID: g.ShortID(), Group: g.ID, Status: string(m.State), Severity: m.Severity().String(),
			Labels: m.Labels, Annotations: m.Annotations, StartsAt: m.StartsAt, EndsAt: optional(m.EndsAt),
			Inhibited: m.Inhibited, Destinations: destinations, Intents: intents, Asked: asked,
			Escalated: escalated, Missed: missed, MoreMissed: g.MoreMisses,
		}
		if g.Ack != nil {
			a.AcknowledgedBy = g.Ack.By.Name
		}
		if g.Owner != nil {
			a.AssignedTo = g.Owner.To.Name
		}
		if g.Closed != nil {
			a.ResolvedBy = g.Closed.By.Name
		}
		if is, ok := active.Member(m); ok && m.State != group.Resolved {
			a.Silenced = &Silenced{ID: alert.ShortID(is.ID), By: is.By.Name, Until: is.Until, Comment: is.Comment, Alertmanager: is.Theirs}
		}
		out = append(out, a)
	}
	return out
}

// escalatedOf are the steps that were taken since nobody takes care of it.
func escalatedOf(g *group.Group) []Escalated {
	var steps []Escalated
	for i, at := range g.Escalated {
		if !at.IsZero() && i < len(g.Spec.Escalate) {
			step := Escalated{Step: i + 1, At: at, Destinations: []string{}}
			for _, t := range g.Spec.Escalate[i].Targets {
				step.Destinations = append(step.Destinations, t.Destination)
			}
			steps = append(steps, step)
		}
	}
	return steps
}

func missedOf(g *group.Group) []Missed {
	var missed []Missed
	for _, m := range g.Misses {
		missed = append(missed, Missed{Who: m.Who, Destination: m.Destination, Why: m.Why, At: m.At, Fallback: m.Fallback})
	}
	return missed
}
