package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Limits of a list.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// Alert is one alert in GET /api/v1/alerts.
type Alert struct {
	ID             string            `json:"id"`    // of its group, as it stands on the card
	Group          int64             `json:"group"` // for ?before=
	Status         string            `json:"status"`
	Severity       string            `json:"severity"`
	Labels         map[string]string `json:"labels"`
	Annotations    map[string]string `json:"annotations"`
	StartsAt       time.Time         `json:"starts_at"`
	EndsAt         *time.Time        `json:"ends_at,omitempty"`
	Inhibited      bool              `json:"inhibited"`
	Destinations   []string          `json:"destinations"`
	AcknowledgedBy string            `json:"acknowledged_by"`
	AssignedTo     string            `json:"assigned_to"`
	// ResolvedBy ended it by hand, while it may still fire.
	ResolvedBy string `json:"resolved_by"`
	// Silenced is what keeps it quiet now; of several silences the longest.
	Silenced *Silenced `json:"silenced,omitempty"`
	// Asked is what other systems were asked to do about it, the latest.
	Asked []Wish `json:"asked,omitempty"`
	// Intents are what people want done about it where it came from.
	Intents []Intent `json:"intents,omitempty"`
	// Escalated are the steps that were taken because nobody takes care of it.
	Escalated []Escalated `json:"escalated,omitempty"`
	// Missed are who could not be told, the oldest first; MoreMissed counts
	// those beyond the first few.
	Missed     []Missed `json:"missed,omitempty"`
	MoreMissed int      `json:"more_missed,omitempty"`
}

// Delivery is one attempt in GET /api/v1/deliveries.
type Delivery struct {
	ID          int64     `json:"id"`
	At          time.Time `json:"at"`
	Destination string    `json:"destination"`
	Who         string    `json:"who"` // whose personal chat it went to; "" if it is nobody's
	State       string    `json:"state"`
	// Kind says what was sent: card (a new message), edit (of that message),
	// call (a short message that belongs to it) or digest.
	Kind      string  `json:"kind"`
	Title     string  `json:"title"`
	Attempt   int     `json:"attempt"`
	Digest    int     `json:"digest,omitempty"`
	Status    int     `json:"status,omitempty"`
	Reason    string  `json:"reason"`
	Message   string  `json:"message"`
	MessageID string  `json:"message_id"`
	TookMS    float64 `json:"took_ms"`
	Alert     string  `json:"alert,omitempty"`
	Group     int64   `json:"group,omitempty"`
}

// Test is the answer to POST /api/v1/destinations/{name}/test.
type Test struct {
	Group int64 `json:"group"`
}

func (s *server) deliveries(w http.ResponseWriter, r *http.Request) {
	page, ok := s.page(w, r)
	if !ok {
		return
	}
	filter := store.DeliveryFilter{
		Destination: r.FormValue("destination"), State: r.FormValue("state"),
		GroupID: page.group, Before: page.before, Limit: page.limit, Since: page.since,
	}
	list := []Delivery{}
	s.list(w, r, "deliveries", &list, func(tx store.Tx) error {
		list = list[:0]
		found, err := tx.Deliveries(filter)
		known := occupants{}
		for i := range found {
			here, err := known.at(tx, found[i].Address)
			if err != nil {
				return err
			}
			list = append(list, deliveryOf(&found[i], here.who))
		}
		if err != nil {
			return err
		}
		return s.found(tx, len(list), filter.Destination)
	})
}

func (s *server) delivery(w http.ResponseWriter, r *http.Request) {
	id, ok := s.id(w, r)
	if !ok {
		return
	}
	var out Delivery
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		found, err := tx.Delivery(id)
		if err != nil {
			return err
		}
		here, err := occupantOf(tx, found.Address)
		out = deliveryOf(&found, here.who)
		return err
	})
	if err != nil {
		s.fail(w, r, err, "delivery")
		return
	}
	answer(w, http.StatusOK, out)
}

func deliveryOf(d *store.Delivery, who string) Delivery {
	out := Delivery{
		ID: d.ID, At: d.At, Destination: d.Destination, Who: who, State: d.State, Kind: d.Kind, Title: d.Title, Attempt: d.Attempt,
		Digest: d.Digest, Status: d.Status, Reason: d.Reason, Message: d.Message, MessageID: d.MessageID,
		TookMS: float64(d.Took.Microseconds()) / 1000, Group: d.GroupID,
	}
	if d.GroupID != 0 {
		out.Alert = alert.ShortID(d.GroupID)
	}
	return out
}

func (s *server) test(w http.ResponseWriter, r *http.Request) {
	id, err := s.Engine.Test(r.Context(), r.PathValue("name"), caller(r), from(r))
	if err != nil {
		s.fail(w, r, err, "destination")
		return
	}
	answer(w, http.StatusOK, Test{Group: id})
}

// list reads in one view and answers {"<name>": [...]}.
func (s *server) list(w http.ResponseWriter, r *http.Request, name string, list any, read func(store.Tx) error) {
	if err := s.Store.View(r.Context(), read); err != nil {
		s.fail(w, r, err, "alert") // there is no other list of something
		return
	}
	answer(w, http.StatusOK, map[string]any{name: list})
}

// page is what lists can be asked for.
type page struct {
	before, group int64
	limit         int
	since         time.Time
}

func (s *server) page(w http.ResponseWriter, r *http.Request) (page, bool) {
	p := page{limit: defaultLimit}
	number := func(name string, into *int64) bool {
		text := r.FormValue(name)
		if text == "" {
			return true
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			refuse(w, http.StatusBadRequest, name+" is not a number", "write digits only; before and group take what a list shows")
			return false
		}
		*into = n
		return true
	}
	limit := int64(defaultLimit)
	if !number("before", &p.before) || !number("limit", &limit) || !number("group", &p.group) {
		return p, false
	}
	p.limit = int(min(max(limit, 1), maxLimit))
	if text := r.FormValue("since"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			refuse(w, http.StatusBadRequest, "since is not a time", "write it as 2026-11-21T10:02:00Z")
			return p, false
		}
		p.since = at
	}
	return p, true
}

func (s *server) id(w http.ResponseWriter, r *http.Request) (int64, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id <= 0 {
		refuse(w, http.StatusBadRequest, "the id is not a number", "take it from the list")
		return 0, false
	}
	return id, true
}

func (s *server) done(w http.ResponseWriter, r *http.Request, err error, what string) {
	if err != nil {
		s.fail(w, r, err, what)
		return
	}
	answer(w, http.StatusOK, struct{}{})
}

func (s *server) fail(w http.ResponseWriter, r *http.Request, err error, what string) {
	var refused *engine.Refusal
	switch {
	case errors.As(err, &refused) && refused.Conflict:
		refuse(w, http.StatusConflict, refused.What, refused.Do)
	case refused != nil:
		refuse(w, http.StatusBadRequest, refused.What, refused.Do)
	case errors.Is(err, engine.ErrUnknownDestination):
		s.unknownDestination(w, cmp.Or(r.PathValue("name"), r.FormValue("destination")))
	case errors.Is(err, store.ErrNotFound):
		refuse(w, http.StatusNotFound, "there is no "+what+" "+r.PathValue("id"), "take the id from the list; it may be gone since")
	default:
		s.Logger.Error("The API could not answer", "path", r.URL.Path, "err", err)
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, "the store does not answer", "try again; the log says why")
	}
}

func refuse(w http.ResponseWriter, status int, message, hint string) {
	answer(w, status, struct {
		Error string `json:"error"`
		Hint  string `json:"hint"`
	}{message, hint})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func statusLabel(status int) string { return strconv.Itoa(status) }
