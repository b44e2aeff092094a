package web

import (
	"context"
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
	// Target says where it leads, without what is secret of it: host and short
	// hash of a webhook, the id of a conversation.
	Target string `json:"target"`
	// State is ok, waiting (Since says until when), broken or disabled. People are broken while somebody
	// has to do something for one of them to be reached, and waiting while that
	// comes by itself.
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
	// Disabled: nothing is sent there, and what is due waits.
	Disabled *Disabled `json:"disabled,omitempty"`
	// Added says that it was added while the receiver ran; none: it stands in
	// the configuration, or is expected by it.
	Added *Added `json:"added,omitempty"`
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
	everybody, err := s.everybody(r.Context())
	if err != nil {
		s.fail(w, r, err, "destinations")
		return
	}
	list := []Destination{}
	s.list(w, r, "destinations", &list, func(tx store.Tx) (err error) {
		list, err = s.destinationsOf(tx, everybody)
		return err
	})
}

// everybody are all who are told personally, if anybody is.
func (s *server) everybody(ctx context.Context) ([]engine.PersonAt, error) {
	if !slices.ContainsFunc(s.Engine.Destinations(), func(d engine.Destination) bool { return d.Audience != nil }) {
		return nil, nil
	}
	return s.Engine.People(ctx)
}

// destinationsOf are all destinations: those of the file in its order, then those
// that were added and those that the file expects.
func (s *server) destinationsOf(tx store.Tx, everybody []engine.PersonAt) ([]Destination, error) {
	counts, err := tx.CountPosts()
	if err != nil {
		return nil, err
	}
	list := []Destination{}
	added := s.Engine.AddedDestinations()
	configured := s.Engine.Destinations()
	for i := range configured {
		d := &configured[i]
		out := Destination{Name: d.Name, Kind: kindOf(d), Target: d.Target, State: "ok", Fallback: d.Fallback}
		out.count(counts)
		if d.Audience != nil {
			err = out.reach(tx, d.Audience, everybody)
		} else {
			err = out.look(tx, d.Addresses, s.Engine.Now())
		}
		if err == nil && out.State == "waiting" && out.Reason == "" {
			err = out.why(tx)
		}
		if err != nil {
			return nil, err
		}
		for j := range added {
			if added[j].Name == d.Name {
				out.Added = addedOf(&added[j])
			}
		}
		s.runtime(&out, d)
		list = append(list, out)
	}
	return list, nil
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

// why says why addresses wait: as the latest attempt of the last few that failed
// says, if there is one. Others may lead to the same address.
func (d *Destination) why(tx store.Tx) error {
	attempts, err := tx.Deliveries(store.DeliveryFilter{Destination: d.Name, Limit: lastFew})
	for i := range attempts {
		if a := &attempts[i]; a.State == store.DeliveryRetry {
			d.Reason, d.Message = a.Reason, a.Message
			break
		}
	}
	return err
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
