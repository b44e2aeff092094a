package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// Destination is one of GET /api/v1/destinations.
type Destination struct {
	Name string `json:"name"`
	// Kind: webhook, conversation (a channel or chat that the bot is in) or
	// people.
	Kind string `json:"kind"`
	// State is ok, waiting or broken. People are broken while somebody has to do
	// something for one of them to be reached, and waiting while that comes by
	// itself.
	State       string     `json:"state"`
	Reason      string     `json:"reason"`
	Message     string     `json:"message"`
	Since       *time.Time `json:"since,omitempty"`
	Waiting     int        `json:"waiting"`
	DeadLetters int        `json:"dead_letters"`
	// People says how many there are; none: it is no destination of people.
	People *Reach `json:"people,omitempty"`
	// Fallback is the destination that gets the card where this one cannot be
	// reached; "": there is none.
	Fallback string `json:"fallback"`
}

// Reach is how many people can be told.
type Reach struct {
	Total       int `json:"total"`
	Reachable   int `json:"reachable"`   // there is a conversation
	Unreachable int `json:"unreachable"` // the others have not been tried yet, or are being tried
}

// The kinds of destinations.
const (
	kindWebhook      = "webhook"
	kindConversation = "conversation"
	kindPeople       = "people"
)

func kindOf(d *engine.Destination) string {
	switch {
	case d.Audience != nil:
		return kindPeople
	case len(d.Addresses) > 0 && strings.HasPrefix(d.Addresses[0].ID, botframework.AddressID("")):
		return kindConversation
	}
	return kindWebhook
}

func (s *server) destinations(w http.ResponseWriter, r *http.Request) {
	configured := s.Engine.Destinations()
	var everybody []engine.PersonAt
	if slices.ContainsFunc(configured, func(d engine.Destination) bool { return d.Audience != nil }) {
		var err error
		if everybody, err = s.Engine.People(r.Context()); err != nil {
			s.fail(w, r, err, "destinations")
			return
		}
	}
	list := []Destination{}
	s.list(w, r, "destinations", &list, func(tx store.Tx) error {
		list = list[:0]
		counts, err := tx.CountPosts()
		if err != nil {
			return err
		}
		for i := range configured {
			d := &configured[i]
			out := Destination{Name: d.Name, Kind: kindOf(d), State: "ok", Fallback: d.Fallback}
			out.count(counts)
			if d.Audience != nil {
				err = out.reach(tx, d.Audience, everybody)
			} else {
				err = out.look(tx, d.Addresses, s.Engine.Now())
			}
			if err != nil {
				return err
			}
			list = append(list, out)
		}
		return nil
	})
}

func (d *Destination) count(counts []store.PostCount) {
	for _, c := range counts {
		switch {
		case c.Destination != d.Name:
		case c.DeadLetter:
			d.DeadLetters += c.Count
		case c.State == store.Due || c.State == store.Waiting || c.State == store.Sending:
			d.Waiting += c.Count
		}
	}
}

// look says how it is with addresses.
func (d *Destination) look(tx store.Tx, addresses []deliver.Address, now time.Time) error {
	for _, a := range addresses {
		known, err := tx.Address(a.ID)
		if err != nil {
			return err
		}
		switch {
		case known.Broken != "":
			d.State, d.Reason, d.Message, d.Since = "broken", known.BrokenReason, known.Broken, optional(known.BrokenAt)
		case known.NotBefore.After(now) && d.State == "ok":
			d.State, d.Since = "waiting", optional(known.NotBefore)
		}
	}
	return nil
}

// reach says how it is with people.
func (d *Destination) reach(tx store.Tx, audience *engine.Audience, everybody []engine.PersonAt) error {
	d.People = &Reach{}
	var worst *engine.PersonAt
	for i := range everybody {
		p := &everybody[i]
		if !slices.Contains(p.Destinations, d.Name) {
			continue
		}
		d.People.Total++
		u := userOf(p)
		switch {
		case u.Unreachable():
			d.People.Unreachable++
			if worst == nil || passes(worst) && !passes(p) { // what needs somebody comes first
				worst = p
			}
		case p.Status.State == store.PersonReachable:
			d.People.Reachable++
		}
	}
	if audience.Roster != "" {
		row, err := tx.Roster(audience.Roster)
		if err != nil {
			return err
		}
		switch {
		case row.Reason != "":
			d.State, d.Reason, d.Message = trouble(row.Reason), row.Reason, row.Message
			return nil
		case row.RefreshedAt.IsZero():
			d.State, d.Message = "waiting", "Its members are being read from Microsoft Graph."
			return nil
		}
	}
	if worst == nil {
		return nil
	}
	u := userOf(worst)
	d.State, d.Reason, d.Message = trouble(u.Reason), u.Reason, sentences(u.Called()+" cannot be reached.", u.Message, u.Do)
	if n := d.People.Unreachable; n > 1 {
		d.Message = fmt.Sprintf("%d of %d cannot be reached; see teamsrelay users list. The first is %s. %s", n, d.People.Total, u.Called(), sentences(u.Message, u.Do))
	}
	a, err := tx.Address(people.AddressID(worst.Name))
	if worst.Conversation != "" {
		a, err = tx.Address(botframework.AddressID(worst.Conversation))
	}
	d.Since = optional(a.BrokenAt)
	return err
}

// trouble is the state of a destination of people for a reason.
func trouble(reason string) string {
	if people.Passes(teams.Reason(reason)) {
		return "waiting"
	}
	return "broken"
}

func passes(p *engine.PersonAt) bool { return people.Passes(teams.Reason(p.Status.Reason)) }
