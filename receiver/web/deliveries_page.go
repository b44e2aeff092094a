package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

var (
	deliveriesTemplate = pageTemplate("deliveries.tmpl")
	deliveryTemplate   = pageTemplate("delivery.tmpl")
)

// option is one of a select.
type option struct {
	Value, Words string
	Chosen       bool
}

// choices are the options of a select, of which the first is none.
func choices(chosen string, of ...option) []option {
	for i := range of {
		of[i].Chosen = of[i].Value == chosen
	}
	return of
}

// The states and kinds of deliveries, as people read them.
var (
	deliveryStates = []option{
		{Value: store.DeliveryDelivered, Words: "Told"},
		{Value: store.DeliveryAccepted, Words: "Taken by the webhook"},
		{Value: store.DeliveryRetry, Words: "Failed, tried again"},
		{Value: store.DeliveryDead, Words: "Failed for good"},
		{Value: store.DeliveryInterrupted, Words: "Cut off"},
		{Value: store.DeliverySending, Words: "Under way"},
	}
	deliveryKinds = []option{
		{Value: store.KindCard, Words: "New card"},
		{Value: store.KindEdit, Words: "Edit of a card"},
		{Value: store.KindCall, Words: "Call beside a card"},
		{Value: store.KindDigest, Words: "Digest of many"},
	}
)

// inWords are the words of an option.
func inWords(of []option, value string) string {
	for _, o := range of {
		if o.Value == value {
			return o.Words
		}
	}
	return value
}

// stateClass is the class of a delivery's state.
func stateClass(state string) string {
	switch state {
	case store.DeliveryDelivered, store.DeliveryAccepted:
		return "good"
	case store.DeliveryRetry, store.DeliveryInterrupted:
		return "warn"
	case store.DeliveryDead:
		return "bad"
	}
	return ""
}

// deliveriesView is what pages/deliveries.tmpl shows.
type deliveriesView struct {
	base
	Problem *problem
	// As it was asked.
	Query, Alert, Since, Until           string
	Destinations, States, Kinds, Reasons []option
	Asked                                string // all of that in words, "" for all attempts
	Rows                                 []deliveryRow
	Older                                string
	Looked                               bool // it was not looked at all there are
	Unread                               bool
}

// deliveryRow is an attempt on a page.
type deliveryRow struct {
	Delivery
	State, Class, What string // in words
	Why                string
}

func rowOfDelivery(d *store.Delivery, who string) deliveryRow {
	row := deliveryRow{Delivery: deliveryOf(d, who), State: inWords(deliveryStates, d.State), Class: stateClass(d.State), What: inWords(deliveryKinds, d.Kind)}
	if d.Digest > 0 {
		row.Title = fmt.Sprintf("%s alerts in one card", thousands(d.Digest))
	}
	return row
}

// deliveriesPage shows every attempt, newest first.
func (s *server) deliveriesPage(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	view := &deliveriesView{
		base: s.base(w, r), Query: cut(strings.TrimSpace(asked.Get("q"))), Alert: cut(strings.TrimSpace(strings.TrimPrefix(asked.Get("alert"), "#"))),
		Since: cut(asked.Get("since")), Until: cut(asked.Get("until")),
	}
	filter := store.DeliveryFilter{
		Destination: asked.Get("destination"), State: asked.Get("state"), Kind: asked.Get("kind"), Reason: asked.Get("reason"), Text: view.Query, Limit: defaultLimit,
	}
	filter.Before, _ = strconv.ParseInt(asked.Get("before"), 10, 64) // nonsense is the first page
	status := http.StatusOK
	if view.Problem = view.times(&filter); view.Problem == nil && view.Alert != "" {
		if id, ok := alert.FromShortID(view.Alert); ok {
			filter.GroupID = id
		} else {
			view.Problem = &problem{Field: "alert", Text: "This is not the id of an alert: it stands on the card, such as fgq8."}
		}
	}
	view.choose(s, &filter)
	if view.Problem != nil {
		status = http.StatusBadRequest
	} else if err := s.Store.View(r.Context(), func(tx store.Tx) error { return view.find(tx, filter, asked) }); err != nil {
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	s.show(w, r, status, deliveriesTemplate, view)
}

// pageTime is how times are written in a filter: as browsers' own inputs do, in
// UTC.
const pageTime = "2006-01-02T15:04"

// timeOf reads a time of a filter; "" is none.
func timeOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{pageTime, "2006-01-02T15:04:05", time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time: write it as 2026-11-21T10:02, in UTC", text)
}

func (v *deliveriesView) times(f *store.DeliveryFilter) *problem {
	var err, late error
	f.Since, err = timeOf(v.Since)
	f.Until, late = timeOf(v.Until)
	if err = errors.Join(err, late); err != nil {
		return &problem{Field: "since", Text: "This cannot be looked for: " + strings.ReplaceAll(err.Error(), "\n", "; ") + "."}
	}
	return nil
}

// choose fills the selects.
func (v *deliveriesView) choose(s *server, f *store.DeliveryFilter) {
	var names []option
	for _, d := range s.Engine.Destinations() {
		names = append(names, option{Value: d.Name, Words: d.Name})
	}
	if f.Destination != "" && !slices.ContainsFunc(names, func(o option) bool { return o.Value == f.Destination }) {
		names = append(names, option{Value: f.Destination, Words: f.Destination}) // one that is gone, or that the bot made
	}
	var reasons []option
	for _, r := range people.Reasons() {
		reasons = append(reasons, option{Value: string(r), Words: string(r) + ": " + people.Why(r)})
	}
	v.Destinations, v.Reasons = choices(f.Destination, names...), choices(f.Reason, reasons...)
	v.States, v.Kinds = choices(f.State, slices.Clone(deliveryStates)...), choices(f.Kind, slices.Clone(deliveryKinds)...)
	v.Asked = askedFor(f.Destination, inWords(deliveryStates, f.State), inWords(deliveryKinds, f.Kind), f.Reason, v.Alert, v.Query, bound("from", v.Since), bound("to", v.Until))
}

// askedFor is what a list is asked for, in words; empty parts are left out.
func askedFor(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " · ")
}

// bound is one end of the time that is asked for; "" where there is none.
func bound(word, at string) string {
	if at == "" {
		return ""
	}
	return word + " " + at
}

func (v *deliveriesView) find(tx store.Tx, filter store.DeliveryFilter, asked url.Values) error {
	found, further, err := tx.SearchDeliveries(filter)
	if err != nil {
		return err
	}
	known := occupants{}
	for i := range found {
		here, err := known.at(tx, found[i].Address)
		if err != nil {
			return err
		}
		v.Rows = append(v.Rows, rowOfDelivery(&found[i], here.who))
	}
	if further == 0 {
		return nil
	}
	v.Looked = len(found) < defaultLimit
	asked.Set("before", strconv.FormatInt(further, 10))
	v.Older = v.Root + "deliveries?" + asked.Encode()
	return nil
}

// deliveryView is what pages/delivery.tmpl shows.
type deliveryView struct {
	base
	Row deliveryRow
	// Trouble says why it failed and Do what to do; "" when it did not.
	Trouble, Do string
	Attempts    []deliveryRow // all of the same post, newest first
	DeadLetter  int64         // the post, if it is one
	Letters     string        // the page with the dead letters like it
	PostState   string        // how it is with the card now, in words
	NotBefore   time.Time
	Unknown     bool
	Unread      bool
}

// mostAttempts is how many attempts of one post are shown.
const mostAttempts = 50

// deliveryPage shows all about one attempt.
func (s *server) deliveryPage(w http.ResponseWriter, r *http.Request) {
	view := &deliveryView{base: s.base(w, r)}
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64) // nonsense is none
	status := http.StatusOK
	err := s.Store.View(r.Context(), func(tx store.Tx) error { return view.read(s, tx, id) })
	switch {
	case errors.Is(err, store.ErrNotFound):
		view.Unknown, status = true, http.StatusNotFound
	case err != nil:
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	s.show(w, r, status, deliveryTemplate, view)
}

func (v *deliveryView) read(s *server, tx store.Tx, id int64) error {
	d, err := tx.Delivery(id)
	if err != nil {
		return err
	}
	here, err := occupantOf(tx, d.Address)
	if err != nil {
		return err
	}
	v.Row = rowOfDelivery(&d, here.who)
	if reason := teams.Reason(d.Reason); reason != "" && stateClass(d.State) != "good" {
		v.Trouble, v.Do = deliver.Trouble(reason)
		if here.who != "" {
			v.Trouble, v.Do = here.who+" "+people.Why(reason), people.Do(reason, here.who)
		}
		v.Trouble = strings.ToUpper(v.Trouble[:1]) + v.Trouble[1:] + "."
	}
	if d.PostID == 0 {
		return nil
	}
	p, err := tx.Post(d.PostID)
	switch {
	case errors.Is(err, store.ErrNotFound): // it was pruned or dropped
	case err != nil:
		return err
	default:
		v.post(&p)
	}
	attempts, err := tx.Deliveries(store.DeliveryFilter{PostID: d.PostID, Limit: mostAttempts})
	for i := range attempts {
		v.Attempts = append(v.Attempts, rowOfDelivery(&attempts[i], here.who))
	}
	return err
}

// post says how it is with the card that the attempt was about.
func (v *deliveryView) post(p *store.Post) {
	if p.DeadLetter && p.State == store.Dead {
		v.DeadLetter = p.ID
		v.Letters = v.Root + "dead-letters?" + url.Values{"destination": {p.Destination}, "reason": {p.Reason}}.Encode()
	}
	switch p.State {
	case store.Shown:
		v.PostState = "The card is there and shows what is so."
	case store.Accepted:
		v.PostState = "The webhook took it. Whether the card is there, only Teams shows."
	case store.Due:
		v.PostState = "Something is still to be told there."
	case store.Sending:
		v.PostState = "It is being told now."
	case store.Waiting:
		v.PostState, v.NotBefore = "It is tried again.", p.NotBefore
	case store.Dead:
		v.PostState = cmp.Or(map[bool]string{true: "It was given up and is a dead letter."}[p.DeadLetter], "It was given up.")
	}
}
