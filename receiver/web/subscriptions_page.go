package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

var subscriptionsTemplate = pageTemplate("subscriptions.tmpl")

// subscriptionsView is what pages/subscriptions.tmpl shows.
type subscriptionsView struct {
	base
	Notice string // what was done just now
	// Add is what was typed into the form, with what was wrong with it; Remove
	// the same of the button of a subscription.
	Add    addForm
	Remove removeForm
	Places []placeGroup
	Rows   []subscriptionRow // of the store, newest first
	Older  int64             // ?before= of the next page; 0: there is none
	// Configured are those of the file.
	Configured []config.Subscription
	Unread     bool // the store did not answer
}

type addForm struct {
	Destination, Matchers, Who string
	Problem                    *problem
}

type removeForm struct {
	ID, Who string
	Problem *problem
}

type subscriptionRow struct {
	Subscription
	Trouble string // why nothing gets there now; "" when it does
}

// placeGroup are destinations of one kind, to choose from.
type placeGroup struct {
	Kind   string
	Places []placeOption
}

type placeOption struct{ Destination, Name string }

// subscriptionsPage shows who gets what beside the routes.
func (s *server) subscriptionsPage(w http.ResponseWriter, r *http.Request) {
	s.showSubscriptions(w, r, http.StatusOK, &subscriptionsView{})
}

// addOnPage has a destination get what matches, as POST
// /api/v1/subscriptions does.
func (s *server) addOnPage(w http.ResponseWriter, r *http.Request, refused *problem) {
	form := addForm{
		Destination: r.PostForm.Get("destination"), Matchers: r.PostForm.Get("matchers"), Who: r.PostForm.Get("who"), Problem: refused,
	}
	var list []Subscription
	var made int
	if refused == nil {
		var err error
		by := person(cmp.Or(strings.TrimSpace(form.Who), nameless(r)))
		list, made, err = s.addSubscription(r.Context(), form.Destination, linesOf(form.Matchers), by, through("page", r))
		form.Problem = s.addProblem(r, err)
	}
	if form.Problem != nil {
		s.showSubscriptions(w, r, form.Problem.Status, &subscriptionsView{Add: form})
		return
	}
	what := "known"
	if made > 0 {
		what = "added"
	}
	done := url.Values{}
	for _, one := range list {
		done.Add(what, one.ID)
	}
	seeSubscriptions(w, r, done)
}

// linesOf are the matchers that somebody wrote, one a line.
func linesOf(text string) []string {
	var lines []string
	for line := range strings.Lines(strings.ToValidUTF8(text, "\uFFFD")) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func (s *server) addProblem(r *http.Request, err error) *problem {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errMatchers):
		return &problem{Status: http.StatusBadRequest, Field: "matchers", Text: "Nothing was added: " + err.Error() + "."}
	case errors.Is(err, engine.ErrUnknownDestination):
		return &problem{Status: http.StatusNotFound, Field: "destination", Text: "Nothing was added: choose a destination. One that was chosen before may be gone since."}
	default:
		return s.storeProblem(r, err)
	}
}

// removeOnPage removes a subscription, as DELETE /api/v1/subscriptions/{id}
// does.
func (s *server) removeOnPage(w http.ResponseWriter, r *http.Request, refused *problem) {
	form := removeForm{ID: r.PathValue("id"), Who: r.PostForm.Get("who"), Problem: refused}
	if refused == nil {
		err := store.ErrNotFound
		if id, ok := alert.FromShortID(form.ID); ok {
			by := person(cmp.Or(strings.TrimSpace(form.Who), nameless(r)))
			err = s.removeSubscription(r.Context(), id, by, through("page", r))
		}
		switch {
		case errors.Is(err, store.ErrNotFound):
			form.Problem = &problem{Status: http.StatusNotFound, Text: "There is no subscription " + strconv.Quote(form.ID) + ". Somebody else may have removed it."}
		case err != nil:
			form.Problem = s.storeProblem(r, err)
		}
	}
	if form.Problem != nil {
		s.showSubscriptions(w, r, form.Problem.Status, &subscriptionsView{Remove: form})
		return
	}
	seeSubscriptions(w, r, url.Values{"removed": {form.ID}})
}

func (s *server) storeProblem(r *http.Request, err error) *problem {
	s.Logger.Error("A page could not do what it was asked", "path", r.URL.Path, "err", err)
	return &problem{Status: http.StatusServiceUnavailable, Text: "Nothing was changed: the store does not answer. Try again; the log says why."}
}

// seeSubscriptions sends the browser to the list, so that loading the page
// again does not send the form again.
func seeSubscriptions(w http.ResponseWriter, r *http.Request, done url.Values) {
	w.Header().Set("Location", root(r)+"subscriptions?"+done.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

// showSubscriptions completes a view and writes the page.
func (s *server) showSubscriptions(w http.ResponseWriter, r *http.Request, status int, view *subscriptionsView) {
	view.base = s.base(w, r)
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64) // nonsense is the first page
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		conversations, err := tx.Conversations("")
		if err != nil {
			return err
		}
		rows, err := tx.Subscriptions("")
		if err != nil {
			return err
		}
		view.Places = s.placesToChoose(conversations)
		view.Notice = notice(r.URL.Query(), rows)
		view.Rows, view.Older = s.rowsOf(rows, conversations, before)
		return nil
	})
	if err != nil {
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
		view.Places = s.placesToChoose(nil)
	}
	if before <= 0 {
		view.Configured = s.Subscriptions()
	}
	s.show(w, r, status, subscriptionsTemplate, view)
}

// rowsOf are the subscriptions of one page, newest first, and where the next
// page begins; 0: nowhere.
func (s *server) rowsOf(all []store.Subscription, conversations []store.Conversation, before int64) (rows []subscriptionRow, older int64) {
	byAddress := make(map[string]*store.Conversation, len(conversations))
	for i := range conversations {
		byAddress[botframework.AddressID(conversations[i].ID)] = &conversations[i]
	}
	for i := range slices.Backward(all) {
		switch row := &all[i]; {
		case before > 0 && row.ID >= before:
		case len(rows) == defaultLimit:
			return rows, rows[len(rows)-1].Number
		default:
			rows = append(rows, subscriptionRow{Subscription: s.subscriptionOf(row), Trouble: s.trouble(row.Address, byAddress[row.Address])})
		}
	}
	return rows, 0
}

// trouble says why nothing gets to an address now; "" when it does. c is the
// conversation there; nil: none is known.
func (s *server) trouble(address string, c *store.Conversation) string {
	switch {
	case c != nil && c.Blocked != "":
		return c.Blocked
	case s.inFile(address) || c != nil && c.Installed:
		return ""
	case strings.HasPrefix(address, botframework.AddressID("")):
		return "the app is not installed there now"
	}
	return "its destination is not in the configuration any more"
}

// inFile says whether an address belongs to a destination of the file.
func (s *server) inFile(address string) bool {
	for _, d := range s.Engine.Destinations() {
		for _, a := range d.Addresses {
			if a.ID == address {
				return true
			}
		}
	}
	return false
}

// placesToChoose are all destinations that can subscribe: those of the file,
// and the conversations that the bot is in.
func (s *server) placesToChoose(conversations []store.Conversation) []placeGroup {
	var configured []placeOption
	named := map[string]bool{} // addresses that the file has a name for
	for _, d := range s.Engine.Destinations() {
		configured = append(configured, placeOption{Destination: d.Name, Name: d.Name})
		for _, a := range d.Addresses {
			named[a.ID] = true
		}
	}
	kinds := map[string][]placeOption{}
	for i := range conversations {
		if c := &conversations[i]; c.Installed && c.MovedTo == "" && !named[botframework.AddressID(c.ID)] {
			kinds[c.Kind] = append(kinds[c.Kind], optionOf(c))
		}
	}
	groups := []placeGroup{{"In the configuration", configured}}
	for _, g := range []placeGroup{
		{"Channels", kinds[store.Channel]}, {"Group chats", kinds[store.GroupChat]}, {"People", kinds[store.Personal]},
	} {
		if len(g.Places) > 0 {
			slices.SortStableFunc(g.Places, func(a, b placeOption) int {
				return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
			})
			groups = append(groups, g)
		}
	}
	return groups
}

// optionOf names a conversation for people. Names are not unique, and some
// have none; those of destinations are.
func optionOf(c *store.Conversation) placeOption {
	o := placeOption{Destination: botframework.DestinationOf(c.ID)}
	if c.TeamName != "" {
		o.Name = c.TeamName + " › "
	}
	if c.Name != "" {
		o.Name += c.Name + " · "
	}
	o.Name += o.Destination
	return o
}

// notice says what was done just now, as far as the subscriptions bear it out:
// anybody can write a link to this page.
func notice(query url.Values, rows []store.Subscription) string {
	is := func(text string) bool {
		id, ok := alert.FromShortID(text)
		return ok && slices.ContainsFunc(rows, func(row store.Subscription) bool { return row.ID == id })
	}
	all := func(ids []string) bool {
		return len(ids) > 0 && !slices.ContainsFunc(ids, func(id string) bool { return !is(id) })
	}
	added, known, removed := query["added"], query["known"], query.Get("removed")
	_, valid := alert.FromShortID(removed)
	switch {
	case all(added):
		return "Added: " + strings.Join(added, ", ") + ". What matches now comes with its next news."
	case all(known):
		return "That is there already: " + strings.Join(known, ", ") + "."
	case valid && !is(removed):
		return "Removed: " + removed + ". What is open is told on to its end."
	}
	return ""
}
