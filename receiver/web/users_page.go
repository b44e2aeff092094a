package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var (
	usersTemplate = pageTemplate("users.tmpl")
	userTemplate  = pageTemplate("user.tmpl")
)

// The kinds of users that the page tells apart: those for whom somebody has to
// do something come first.
const (
	showUnreachable = "unreachable"
	showUnderWay    = "underway"
	showFresh       = "fresh"
	showReachable   = "reachable"
)

// kinds are they in the order of the page, as readers call them.
var kinds = []struct{ Show, Words string }{
	{showUnreachable, "cannot be reached"},
	{showUnderWay, "on the way"},
	{showFresh, "not asked yet"},
	{showReachable, "reachable"},
}

func (u *User) kind() int {
	show := showFresh
	switch {
	case u.Unreachable():
		show = showUnreachable
	case u.State == string(store.PersonReachable):
		show = showReachable
	case u.State == string(store.PersonInstalling) || u.Wanted:
		show = showUnderWay
	}
	return slices.IndexFunc(kinds, func(k struct{ Show, Words string }) bool { return k.Show == show })
}

// userRow is a user on a page.
type userRow struct {
	User
	Kind string // one of kinds' Show
	Mark string // the same for readers
	Link string // the last part of the page's path
}

func rowOf(u User) userRow {
	kind := kinds[u.kind()]
	return userRow{User: u, Kind: kind.Show, Mark: strings.ToUpper(kind.Words[:1]) + kind.Words[1:], Link: url.PathEscape(u.Name)}
}

// usersView is what pages/users.tmpl shows.
type usersView struct {
	base
	Query, Destination, Show string
	Destinations             []string // of people
	Chips                    []chip
	Rows                     []userRow
	Total, Matching          int    // people; those that the filter has
	From, To                 int    // the rows of this page, from 1
	Newer, Older             string // links to the pages beside this one; "": there is none
	Rosters                  []Roster
	Unread                   bool // the store did not answer
}

// chip is a kind of something with how many there are, to choose it.
type chip struct {
	Words, Link string
	Kind        string // the class of its edge; "": an ordinary one
	Count       int
	Chosen      bool
}

// usersPage shows who can be reached and who cannot.
func (s *server) usersPage(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	view := &usersView{base: s.base(w, r), Query: cut(strings.TrimSpace(asked.Get("q"))), Destination: asked.Get("destination"), Show: asked.Get("show")}
	for _, d := range s.Engine.Destinations() {
		if d.Audience != nil {
			view.Destinations = append(view.Destinations, d.Name)
		}
	}
	status := http.StatusOK
	all, err := s.Engine.People(r.Context())
	if err == nil {
		err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
			view.Rosters, err = s.rostersOf(tx)
			return err
		})
	}
	if err != nil {
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	number, _ := strconv.Atoi(asked.Get("page")) // nonsense is the first page
	view.fill(all, number)
	s.show(w, r, status, usersTemplate, view)
}

// fill chooses the rows of a page, numbered from 1.
func (v *usersView) fill(all []engine.PersonAt, number int) {
	counts := make([]int, len(kinds))
	type match struct {
		user User
		kind int
		name string // for the order
	}
	var matching []match
	for i := range all {
		u := userOf(&all[i])
		if v.Destination != "" && !slices.Contains(u.Destinations, v.Destination) || !u.has(v.Query) {
			continue
		}
		kind := u.kind()
		counts[kind]++
		if v.Show == "" || v.Show == kinds[kind].Show {
			matching = append(matching, match{u, kind, strings.ToLower(cmp.Or(u.DisplayName, u.Called()))})
		}
	}
	slices.SortStableFunc(matching, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(a.name, b.name))
	})
	v.Total, v.Matching = len(all), len(matching)
	for i, k := range kinds {
		if counts[i] == 0 && v.Show != k.Show {
			continue
		}
		chosen := v.Show == k.Show
		show := k.Show
		if chosen {
			show = "" // pressed again it shows everybody
		}
		v.Chips = append(v.Chips, chip{Words: k.Words, Count: counts[i], Chosen: chosen, Link: v.link(show, 0)})
	}
	last := max(0, len(matching)-1) / defaultLimit
	at := min(max(number-1, 0), last)
	rows := matching[at*defaultLimit : min(len(matching), (at+1)*defaultLimit)]
	for i := range rows {
		v.Rows = append(v.Rows, rowOf(rows[i].user))
	}
	v.From, v.To = at*defaultLimit+1, at*defaultLimit+len(rows)
	if at > 0 {
		v.Newer = v.link(v.Show, at)
	}
	if at < last {
		v.Older = v.link(v.Show, at+2)
	}
}

// link leads to other people of this list. A template would take the whole query
// for one value.
func (v *usersView) link(show string, page int) string {
	q := url.Values{}
	for name, value := range map[string]string{"q": v.Query, "destination": v.Destination, "show": show} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	return strings.TrimSuffix(v.Root+"users?"+q.Encode(), "?")
}

// has says whether one of somebody's names has the text.
func (u *User) has(text string) bool {
	text = strings.ToLower(text)
	return text == "" || strings.Contains(u.Name, text) || strings.Contains(strings.ToLower(u.UPN), text) ||
		strings.Contains(strings.ToLower(u.DisplayName), text) || strings.Contains(u.ObjectID, text)
}

// userView is what pages/user.tmpl shows.
type userView struct {
	base
	Row     userRow
	Story   UserStory
	Events  []event
	Notice  string
	Who     string
	Problem *problem
	// Unknown is whom nobody knows; Hint whom somebody may have meant.
	Unknown, Hint string
	Unread        bool // the store did not answer
}

// event is a line of somebody's story.
type event struct {
	At   time.Time
	What string
	Text string // more about it
}

// userPage shows how it is with one person.
func (s *server) userPage(w http.ResponseWriter, r *http.Request) {
	s.showUser(w, r, http.StatusOK, &userView{})
}

// retryOnPage has somebody tried again, as POST /api/v1/users/{name}/retry
// does.
func (s *server) retryOnPage(w http.ResponseWriter, r *http.Request, refused *problem) {
	view := &userView{Who: r.PostForm.Get("who"), Problem: refused}
	if refused == nil {
		by := person(cmp.Or(strings.TrimSpace(view.Who), nameless(r)))
		err := s.Engine.Retry(r.Context(), r.PathValue("name"), by, through("page", r))
		switch {
		case err == nil:
			w.Header().Set("Location", root(r)+"users/"+url.PathEscape(r.PathValue("name"))+"?retried")
			w.WriteHeader(http.StatusSeeOther)
			return
		case errors.Is(err, engine.ErrUnknownPerson):
			view.Problem = &problem{Status: http.StatusNotFound, Text: "Nothing was done: this person is not told personally any more."}
		default:
			view.Problem = s.storeProblem(r, err)
		}
	}
	s.showUser(w, r, view.Problem.Status, view)
}

// showUser completes a view and writes the page.
func (s *server) showUser(w http.ResponseWriter, r *http.Request, status int, view *userView) {
	view.base = s.base(w, r)
	typed := r.PathValue("name")
	all, err := s.Engine.People(r.Context())
	var found *engine.PersonAt
	if err == nil {
		found = findPerson(all, typed)
		if found == nil {
			view.Unknown, view.Hint = cut(typed), nearby(typed, all)
			status = http.StatusNotFound
		}
	}
	if found != nil {
		view.Row = rowOf(userOf(found))
		view.Story.User = view.Row.User
		err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
			if view.Story, err = storyOf(tx, found); err != nil {
				return err
			}
			view.Events, err = s.eventsOf(tx, &view.Story)
			return err
		})
		_, retried := r.URL.Query()["retried"]
		if retried && slices.ContainsFunc(view.Events, func(e event) bool { return s.Engine.Now().Sub(e.At).Abs() < time.Minute && e.What == retriedWords }) {
			view.Notice = "This is being tried again. Load the page again to see what came of it."
		}
	}
	if err != nil {
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	s.show(w, r, status, userTemplate, view)
}

// retriedWords begin the line of a retry in a story.
const retriedWords = "Tried again"

// eventsOf are what is known to have happened to somebody, newest first.
func (s *server) eventsOf(tx store.Tx, story *UserStory) ([]event, error) {
	var all []event
	if story.InstalledAt != nil {
		all = append(all, event{At: *story.InstalledAt, What: "App installed", Text: "by teamsrelay, through Microsoft Graph"})
	}
	if story.CheckedAt != nil {
		all = append(all, event{At: *story.CheckedAt, What: "Microsoft Graph was asked", Text: story.Message})
	}
	for _, p := range slices.Concat(story.Open, story.Told) {
		if p.Last != nil {
			all = append(all, event{At: p.Last.At, What: p.Last.words(), Text: sentences(p.Title, p.Last.Message)})
		}
	}
	lines, err := tx.Audit(store.AuditFilter{Action: actionRetry, Limit: maxLimit})
	for _, l := range lines {
		if l.Target == story.Name {
			all = append(all, event{At: l.At, What: retriedWords, Text: "by " + l.Who + ", " + l.From})
		}
	}
	slices.SortStableFunc(all, func(a, b event) int { return b.At.Compare(a.At) })
	return all, err
}

// words say what came of an attempt.
func (d *Delivery) words() string {
	switch d.State {
	case store.DeliveryDelivered, store.DeliveryAccepted:
		return "Told"
	case store.DeliverySending:
		return "Being told"
	case store.DeliveryDead:
		return "Given up"
	}
	return "Tried"
}
