package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// Added is what is known of a destination that was added while the receiver ran.
// Its URL is not: nobody sees it again.
type Added struct {
	By        string     `json:"by"`
	At        *time.Time `json:"at,omitempty"`
	RotatedBy string     `json:"rotated_by,omitempty"`
	RotatedAt *time.Time `json:"rotated_at,omitempty"`
	// Key is the id of the key that it is sealed under, and OldKey says that it
	// is not the one that seals now: that key must not be thrown away yet.
	Key    string `json:"key"`
	OldKey bool   `json:"old_key"`
	// Hidden: the configuration has a destination of this name too, and that one
	// holds.
	Hidden bool `json:"hidden"`
}

// Disabled says who wants nothing to be sent to a destination.
type Disabled struct {
	By string     `json:"by"`
	At *time.Time `json:"at,omitempty"`
	// StillTold are other destinations that lead to the same channel or person
	// and are not disabled: what goes there is sent, also through this one.
	StillTold []string `json:"still_told,omitempty"`
}

// DestinationHealth is GET /api/v1/destinations/{name}: a destination and how it
// goes there.
type DestinationHealth struct {
	Destination
	Last      *Delivery `json:"last,omitempty"`       // the latest attempt
	LastGood  *Delivery `json:"last_good,omitempty"`  // that Teams took, of the last few
	LastError *Delivery `json:"last_error,omitempty"` // that it did not, of the last few
	Failures  int       `json:"failures"`             // attempts in a row
	// Pace is what Teams takes there, and how much of it is used now; none of a
	// destination of many people, each of whom has one.
	Pace []PaceUsed `json:"pace,omitempty"`
}

// PaceUsed is one window of a pace: at most N messages in Per seconds, of which
// Sent were sent in the last Per seconds.
type PaceUsed struct {
	N    int     `json:"n"`
	Per  float64 `json:"per_seconds"`
	Sent int     `json:"sent"`
}

// AddDestination is the body of POST /api/v1/destinations, and without its name
// of PUT /api/v1/destinations/{name}/url.
type AddDestination struct {
	Name string   `json:"name,omitempty"`
	URL  string   `json:"url"`
	Pace []string `json:"pace,omitempty"`
	Who  string   `json:"who,omitempty"`
	// Test: a card that says that it is a test is sent first, and nothing is
	// kept if Teams does not take it.
	Test bool `json:"test,omitempty"`
}

func addedOf(a *engine.Added) *Added {
	return &Added{
		By: a.AddedBy, At: optional(a.AddedAt), RotatedBy: a.RotatedBy, RotatedAt: optional(a.RotatedAt),
		Key: a.KeyID, OldKey: a.OldKey, Hidden: a.Hidden,
	}
}

// runtime adds what was done to a destination while the receiver ran.
func (s *server) runtime(out *Destination, d *engine.Destination) {
	if d.Trouble != nil {
		out.State, out.Reason, out.Message, out.Since = "broken", d.Trouble.Reason, d.Trouble.Words, nil
	}
	if off, is := s.Engine.Disabled(d.Name); is {
		out.Disabled = &Disabled{By: off.By, At: optional(off.At), StillTold: s.Engine.StillTold(d.Name)}
		out.State = "disabled"
		out.Message = sentences("Disabled by "+off.By+"; what is due waits.", out.Message)
	}
}

// oneDestination says how it goes at a destination.
func (s *server) oneDestination(w http.ResponseWriter, r *http.Request) {
	health, err := s.health(r, r.PathValue("name"))
	if err != nil {
		s.fail(w, r, err, "destination")
		return
	}
	answer(w, http.StatusOK, health)
}

// health is how it goes at a destination; engine.ErrUnknownDestination.
func (s *server) health(r *http.Request, name string) (health DestinationHealth, err error) {
	everybody, err := s.everybody(r.Context())
	if err != nil {
		return health, err
	}
	err = s.Store.View(r.Context(), func(tx store.Tx) error {
		all, err := s.destinationsOf(tx, everybody)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(d Destination) bool { return d.Name == name })
		if i < 0 {
			return engine.ErrUnknownDestination
		}
		health = DestinationHealth{Destination: all[i]}
		return s.goes(tx, &health)
	})
	return health, err
}

// lastFew is how many attempts are looked through for the last that failed, and
// the last that did not.
const lastFew = 50

// goes says how it went lately.
func (s *server) goes(tx store.Tx, h *DestinationHealth) error {
	attempts, err := tx.Deliveries(store.DeliveryFilter{Destination: h.Name, Limit: lastFew})
	if err != nil {
		return err
	}
	for i := range attempts {
		is := deliveryOf(&attempts[i], "")
		h.Last = cmp.Or(h.Last, &is)
		switch is.State {
		case store.DeliveryDelivered, store.DeliveryAccepted:
			h.LastGood = cmp.Or(h.LastGood, &is)
		case store.DeliveryRetry, store.DeliveryDead, store.DeliveryInterrupted:
			h.LastError = cmp.Or(h.LastError, &is)
		}
	}
	if h.Kind == kindPeople {
		return nil
	}
	for _, d := range s.Engine.Destinations() {
		if d.Name != h.Name {
			continue
		}
		for i := range d.Addresses {
			row, err := tx.Address(d.Addresses[i].ID)
			if err != nil {
				return err
			}
			h.Failures = max(h.Failures, row.Failures)
			if h.Pace, err = paceOf(tx, &d.Addresses[i], s.Engine.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}

// paceOf is how much of each window of an address is used now.
func paceOf(tx store.Tx, a *deliver.Address, now time.Time) ([]PaceUsed, error) {
	var longest time.Duration
	for _, w := range a.Pace {
		longest = max(longest, w.Per)
	}
	sends, err := tx.Sends(a.ID, now.Add(-longest))
	if err != nil {
		return nil, err
	}
	var used []PaceUsed
	for _, w := range a.Pace {
		is := PaceUsed{N: w.N, Per: w.Per.Seconds()}
		for _, at := range sends {
			if now.Sub(at) < w.Per {
				is.Sent++
			}
		}
		used = append(used, is)
	}
	return used, nil
}

func (s *server) addDestination(w http.ResponseWriter, r *http.Request) {
	var asked AddDestination
	if !read(w, r, &asked, `send {"name": "dba", "url": "https://…"}`) {
		return
	}
	name := strings.TrimSpace(asked.Name)
	s.answerChange(w, r, name, s.add(r, name, asked, false, s.by(r, asked.Who), from(r)))
}

func (s *server) rotateDestination(w http.ResponseWriter, r *http.Request) {
	var asked AddDestination
	if !read(w, r, &asked, `send {"url": "https://…"}`) {
		return
	}
	name := r.PathValue("name")
	s.answerChange(w, r, name, s.add(r, name, asked, true, s.by(r, asked.Who), from(r)))
}

// add adds a destination or gives it another URL, after a test if one is wanted.
func (s *server) add(r *http.Request, name string, asked AddDestination, rotate bool, by group.Person, from string) error {
	webhook := engine.Webhook{URL: asked.URL, Pace: asked.Pace}
	action, change := engine.ActionAdd, s.Engine.AddDestination
	if rotate {
		action, change = engine.ActionRotate, s.Engine.RotateDestination
	}
	if asked.Test {
		outcome, err := s.Engine.TryWebhook(r.Context(), name, webhook)
		if err == nil && outcome.Kind != teams.Delivered {
			err = &engine.Refusal{What: "Teams did not take the test card: " + strings.TrimSuffix(outcome.Message, "."), Do: "mend that, or leave out the test", Conflict: true}
		}
		if err != nil {
			return s.Engine.Refused(r.Context(), err, action, name, by, from)
		}
	}
	return change(r.Context(), name, webhook, by, from)
}

func (s *server) enableDestination(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	s.answerChange(w, r, name, s.Engine.EnableDestination(r.Context(), name, caller(r), from(r)))
}

func (s *server) disableDestination(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	s.answerChange(w, r, name, s.Engine.DisableDestination(r.Context(), name, caller(r), from(r)))
}

func (s *server) removeDestination(w http.ResponseWriter, r *http.Request) {
	insist := r.FormValue("force") == "true"
	s.done(w, r, s.Engine.RemoveDestination(r.Context(), r.PathValue("name"), insist, caller(r), from(r)), "destination")
}

// by is who changes something, by the name that they say.
func (s *server) by(r *http.Request, who string) group.Person {
	if by := person(who); by.Name != "" {
		return by
	}
	return group.Person{Name: nameless(r)}
}

// answerChange answers with a destination as it is after a change.
func (s *server) answerChange(w http.ResponseWriter, r *http.Request, name string, err error) {
	if err != nil {
		r.SetPathValue("name", name)
		s.fail(w, r, err, "destination")
		return
	}
	health, err := s.health(r, name)
	if err != nil { // it is done; somebody may have removed it since
		answer(w, http.StatusOK, struct{}{})
		return
	}
	answer(w, http.StatusOK, health)
}
