package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// Post is the card of one alert's group at one address, in GET
// /api/v1/alerts/{id}/posts.
type Post struct {
	ID          int64  `json:"id"` // as a dead letter it has the same
	Alert       string `json:"alert"`
	Title       string `json:"title"`
	Destination string `json:"destination"`
	Who         string `json:"who"`   // whose personal chat it is; "" if it is nobody's
	State       string `json:"state"` // due, sending, waiting, shown, accepted, dead
	// Reason and Message say why it is not there, also while what hinders it is
	// that the person cannot be reached yet.
	Reason     string     `json:"reason"`
	Message    string     `json:"message"`
	DeadLetter bool       `json:"dead_letter"`
	Attempts   int        `json:"attempts"` // since it was last there
	Since      *time.Time `json:"since,omitempty"`
	NotBefore  *time.Time `json:"not_before,omitempty"` // when it is tried again
	UpdatedAt  time.Time  `json:"updated_at"`
	// Last is the latest attempt; none: there was none, or a digest told it.
	Last *Delivery `json:"last,omitempty"`
}

// posts lists where an alert is told, newest first.
func (s *server) posts(w http.ResponseWriter, r *http.Request) {
	id, ok := groupID(w, r)
	if !ok {
		return
	}
	page, ok := s.page(w, r)
	if !ok {
		return
	}
	list := []Post{}
	s.list(w, r, "posts", &list, func(tx store.Tx) error {
		if _, err := tx.Group(id); err != nil {
			return err
		}
		found, err := tx.ListPosts(store.PostFilter{GroupID: id, Before: page.before, Limit: page.limit})
		if err != nil {
			return err
		}
		list, err = postsOf(tx, found)
		return err
	})
}

func postsOf(tx store.Tx, posts []store.Post) ([]Post, error) {
	list := make([]Post, 0, len(posts))
	known := occupants{}
	for i := range posts {
		p := &posts[i]
		is := Post{
			ID: p.ID, Alert: alert.ShortID(p.GroupID), Title: p.Title, Destination: p.Destination, State: string(p.State),
			Reason: p.Reason, Message: p.Message, DeadLetter: p.DeadLetter, Attempts: p.Attempts, UpdatedAt: p.UpdatedAt,
		}
		if p.Unsent() {
			is.Since, is.NotBefore = optional(p.Since), optional(p.NotBefore)
		}
		here, err := known.at(tx, p.Address)
		if err != nil {
			return nil, err
		}
		is.Who = here.who
		if here.held && p.Unsent() {
			is.Reason, is.Message, is.NotBefore = here.reason, here.words, optional(here.next)
		}
		attempts, err := tx.Deliveries(store.DeliveryFilter{PostID: p.ID, Limit: 1})
		if err != nil {
			return nil, err
		}
		for j := range attempts {
			last := deliveryOf(&attempts[j], here.who)
			is.Last = &last
		}
		list = append(list, is)
	}
	return list, nil
}

// occupant is who is at an address.
type occupant struct {
	who string // as people call them; "": it is no person's
	// held: nothing can be sent there yet; reason and words say why, and next
	// when it is tried again.
	held          bool
	reason, words string
	next          time.Time
}

// occupants are those that were looked up already, by address.
type occupants map[string]occupant

func (o occupants) at(tx store.Tx, address string) (occupant, error) {
	if here, known := o[address]; known {
		return here, nil
	}
	here, err := occupantOf(tx, address)
	o[address] = here
	return here, err
}

func occupantOf(tx store.Tx, address string) (occupant, error) {
	if name, ok := people.NameOf(address); ok {
		return heldPerson(tx, name)
	}
	if people.IsRoster(address) {
		row, err := tx.Roster(address)
		here := occupant{held: true, reason: row.Reason, words: row.Message, next: row.NotBefore}
		if here.words == "" {
			here.words = "Its members are being read from Microsoft Graph."
		}
		return here, err
	}
	conversation, ok := strings.CutPrefix(address, botframework.AddressID(""))
	if !ok {
		return occupant{}, nil
	}
	known, err := tx.PeopleIn(conversation)
	if err != nil || len(known) == 0 {
		return occupant{}, err
	}
	return occupant{who: called(known[0].Name, known[0].ObjectID, known[0].UPN)}, nil
}

func heldPerson(tx store.Tx, name string) (occupant, error) {
	p, err := tx.Person(name)
	if errors.Is(err, store.ErrNotFound) {
		p, err = store.Person{Name: name, State: store.PersonUnknown}, nil
	}
	if err != nil {
		return occupant{}, err
	}
	a, err := tx.Address(people.AddressID(name))
	if err != nil {
		return occupant{}, err
	}
	status := people.Look(p, nil, a)
	here := occupant{
		who: called(p.Name, p.ObjectID, p.UPN), held: true, reason: status.Reason, words: sentences(status.Words, status.Do), next: p.NotBefore,
	}
	if here.words == "" {
		here.words = "They are being looked up in Microsoft Graph."
	}
	return here, nil
}

// sentences puts together those that there are.
func sentences(all ...string) string {
	var some []string
	for _, s := range all {
		if s != "" {
			some = append(some, s)
		}
	}
	return strings.Join(some, " ")
}
