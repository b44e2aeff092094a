package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// Subscription is what a destination gets beside the routes, in GET and POST
// /api/v1/subscriptions.
type Subscription struct {
	ID     string `json:"id,omitempty"`     // as the bot says it; none: it stands in the configuration
	Number int64  `json:"number,omitempty"` // for ?before=
	// Destination is one of the configuration, or that of a conversation which
	// subscribed itself.
	Destination string     `json:"destination"`
	Name        string     `json:"name"`     // of the channel or the person
	Matchers    []string   `json:"matchers"` // none: everything
	By          string     `json:"by"`
	At          *time.Time `json:"at,omitempty"`
}

// Subscribe is the body of POST /api/v1/subscriptions.
type Subscribe struct {
	Destination string   `json:"destination"`
	Matchers    []string `json:"matchers"`
	Who         string   `json:"who"`
}

// The actions in the audit; the bot's commands have the same names.
const (
	actionSubscribe   = "subscribe"
	actionUnsubscribe = "unsubscribe"
)

// subscriptions lists those of the store, newest first, and then those of the
// configuration.
func (s *server) subscriptions(w http.ResponseWriter, r *http.Request) {
	page, ok := s.page(w, r)
	if !ok {
		return
	}
	list := []Subscription{}
	s.list(w, r, "subscriptions", &list, func(tx store.Tx) error {
		list = list[:0]
		rows, err := tx.Subscriptions("")
		for i := range slices.Backward(rows) {
			if page.before == 0 || rows[i].ID < page.before {
				list = append(list, s.subscriptionOf(&rows[i]))
			}
		}
		for _, c := range s.Subscriptions() {
			list = append(list, Subscription{Destination: c.Destination, Matchers: orNone(c.Matchers), By: "configuration"})
		}
		list = list[:min(len(list), page.limit)]
		return err
	})
}

func (s *server) subscriptionOf(row *store.Subscription) Subscription {
	return Subscription{
		ID: alert.ShortID(row.ID), Number: row.ID, Destination: s.destinationAt(row.Address), Name: row.Name, Matchers: orNone(row.Matchers), By: row.By.Name, At: optional(row.At),
	}
}

// orNone is a list that JSON writes as [].
func orNone(matchers []string) []string {
	if matchers == nil {
		return []string{}
	}
	return matchers
}

// destinationAt is the destination that an address belongs to.
func (s *server) destinationAt(address string) string {
	for _, d := range s.Engine.Destinations() {
		for _, a := range d.Addresses {
			if a.ID == address {
				return d.Name
			}
		}
	}
	if conversation, ok := strings.CutPrefix(address, botframework.AddressID("")); ok {
		return botframework.DestinationOf(conversation)
	}
	return ""
}

// place is an address that can subscribe, with its name for people.
type place struct{ address, name string }

// placesOf are the addresses of a destination: of the configuration, or of a
// conversation that the bot is in.
func (s *server) placesOf(tx store.Tx, destination string) ([]place, error) {
	for _, d := range s.Engine.Destinations() {
		if d.Name != destination {
			continue
		}
		places := make([]place, len(d.Addresses))
		for i, a := range d.Addresses {
			places[i] = place{address: a.ID, name: d.Name}
		}
		return places, nil
	}
	conversations, err := tx.Conversations("")
	if err != nil {
		return nil, err
	}
	for i := range conversations {
		c := &conversations[i]
		if c.Installed && botframework.DestinationOf(c.ID) == destination {
			return []place{{address: botframework.AddressID(c.ID), name: c.Name}}, nil
		}
	}
	return nil, engine.ErrUnknownDestination
}

// errMatchers says that what a request names as matchers cannot be read.
var errMatchers = errors.New("the matchers cannot be read")

// subscribe has a destination get what matches.
func (s *server) subscribe(w http.ResponseWriter, r *http.Request) {
	var asked Subscribe
	if !read(w, r, &asked, `send {"destination": "sre", "matchers": ["team=\"dba\""]}`) {
		return
	}
	by := person(asked.Who)
	if by.Name == "" {
		by.Name = nameless(r)
	}
	list, _, err := s.addSubscription(r.Context(), asked.Destination, asked.Matchers, by, from(r))
	switch {
	case errors.Is(err, errMatchers):
		refuse(w, http.StatusBadRequest, err.Error(), "all of them must hold; without any it gets everything")
	case errors.Is(err, engine.ErrUnknownDestination):
		s.unknownDestination(w, asked.Destination)
	case err != nil:
		s.fail(w, r, err, "subscription")
	default:
		answer(w, http.StatusOK, map[string]any{"subscriptions": list})
	}
}

// addSubscription has a destination get what matches: one subscription for
// each of its addresses, in list. One that there is already is not made again;
// made is how many are new. The error is errMatchers,
// engine.ErrUnknownDestination or the store's.
func (s *server) addSubscription(ctx context.Context, destination string, matchers []string, by group.Person, from string) (list []Subscription, made int, err error) {
	if _, err := route.Subscribe(group.Target{}, matchers); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errMatchers, err)
	}
	now := s.Engine.Now()
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		list, made = []Subscription{}, 0
		places, err := s.placesOf(tx, destination)
		if err != nil {
			return err
		}
		for _, p := range places {
			row := store.Subscription{Address: p.address, Name: p.name, Matchers: matchers, By: by, At: now}
			known, err := tx.Subscriptions(p.address)
			if err != nil {
				return err
			}
			same := func(k store.Subscription) bool { return slices.Equal(k.Matchers, row.Matchers) }
			if i := slices.IndexFunc(known, same); i >= 0 {
				list = append(list, s.subscriptionOf(&known[i]))
				continue
			}
			if err := tx.SaveSubscription(&row); err != nil {
				return err
			}
			list = append(list, s.subscriptionOf(&row))
			made++
			err = tx.AddAudit(&store.Audit{
				At: now, Who: by.Name, Action: actionSubscribe, Target: alert.ShortID(row.ID), From: from, After: whatOf(destination, row.Matchers),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return list, made, err
}

// unsubscribe removes a subscription.
func (s *server) unsubscribe(w http.ResponseWriter, r *http.Request) {
	id, ok := alert.FromShortID(r.PathValue("id"))
	if !ok {
		refuse(w, http.StatusBadRequest, "this is not the id of a subscription", "take it from the list of subscriptions")
		return
	}
	s.done(w, r, s.removeSubscription(r.Context(), id, caller(r), from(r)), "subscription")
}

// removeSubscription removes a subscription; store.ErrNotFound. What is open
// stays where it was told.
func (s *server) removeSubscription(ctx context.Context, id int64, by group.Person, from string) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		rows, err := tx.Subscriptions("")
		if err != nil {
			return err
		}
		i := slices.IndexFunc(rows, func(row store.Subscription) bool { return row.ID == id })
		if i < 0 {
			return store.ErrNotFound
		}
		if err := tx.DeleteSubscription(id); err != nil {
			return err
		}
		return tx.AddAudit(&store.Audit{
			At: s.Engine.Now(), Who: by.Name, Action: actionUnsubscribe, Target: alert.ShortID(id),
			From: from, Before: whatOf(s.destinationAt(rows[i].Address), rows[i].Matchers),
		})
	})
}

// whatOf says who gets what, for the audit.
func whatOf(destination string, matchers []string) string {
	if len(matchers) == 0 {
		return destination + ": everything"
	}
	return destination + ": " + strings.Join(matchers, " ")
}

// found is engine.ErrUnknownDestination where a list about a destination is empty
// because no destination is called that, "" is any, and nothing was ever sent to
// one: what was sent to those that are gone is still asked for.
func (s *server) found(tx store.Tx, n int, destination string) error {
	if n > 0 || destination == "" || s.destination(destination) != "" {
		return nil
	}
	log, err := tx.Deliveries(store.DeliveryFilter{Destination: destination, Limit: 1})
	if err == nil && len(log) == 0 {
		err = engine.ErrUnknownDestination
	}
	return err
}

// unknownDestination refuses a destination that there is not.
func (s *server) unknownDestination(w http.ResponseWriter, name string) {
	var names []string
	for _, d := range s.Engine.Destinations() {
		names = append(names, d.Name)
	}
	refuse(w, http.StatusNotFound, "there is no destination "+strconv.Quote(name), "use one of "+strings.Join(names, ", "))
}
