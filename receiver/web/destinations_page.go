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

	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var (
	destinationsTemplate = pageTemplate("destinations.tmpl")
	destinationTemplate  = pageTemplate("destination.tmpl")
)

// destinationsView is what pages/destinations.tmpl shows.
type destinationsView struct {
	base
	Rows   []destinationRow
	Add    addDestinationForm
	Key    string // the id of the key that seals; "": nothing can be added
	Unread bool   // the store did not answer
}

// addDestinationForm is what was typed, but for the URL, which is typed again:
// it must not stand in a page.
type addDestinationForm struct {
	Name, Pace, Who string
	Test            bool
	Problem         *problem
}

// destinationView is what pages/destination.tmpl shows.
type destinationView struct {
	base
	Row     destinationRow
	Notice  string
	Who     string
	Form    addDestinationForm // of another URL
	Problem *problem
	Done    []Audit // the latest that was done to it
	Key     string
	Unknown string // the name that no destination has
	Unread  bool
}

// destinationRow is a destination as pages show it.
type destinationRow struct {
	DestinationHealth
	Link string // its name, as a path has it
	Mark string // how it is, for the badge with the class Kind
	Edge string
}

// destinationsPage shows where alerts go, and whether they arrive.
func (s *server) destinationsPage(w http.ResponseWriter, r *http.Request) {
	s.showDestinations(w, r, http.StatusOK, &destinationsView{})
}

func (s *server) showDestinations(w http.ResponseWriter, r *http.Request, status int, view *destinationsView) {
	view.base, view.Key = s.base(w, r), s.Engine.SealingKey()
	everybody, err := s.everybody(r.Context())
	if err == nil {
		err = s.Store.View(r.Context(), func(tx store.Tx) error {
			all, err := s.destinationsOf(tx, everybody)
			if err != nil {
				return err
			}
			view.Rows = nil
			for i := range all {
				health := DestinationHealth{Destination: all[i]}
				if err := s.goes(tx, &health); err != nil {
					return err
				}
				view.Rows = append(view.Rows, destinationRowOf(health))
			}
			return nil
		})
	}
	if err != nil {
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	// What needs somebody comes first; else the order of the file.
	slices.SortStableFunc(view.Rows, func(a, b destinationRow) int { return cmp.Compare(urgency(&a), urgency(&b)) })
	s.show(w, r, status, destinationsTemplate, view)
}

func urgency(row *destinationRow) int {
	switch row.State {
	case "broken":
		return 0
	case "waiting":
		return 1
	case "disabled":
		return 2
	}
	return 3
}

func destinationRowOf(h DestinationHealth) destinationRow {
	row := destinationRow{DestinationHealth: h, Link: url.PathEscape(h.Name)}
	switch h.State {
	case "broken":
		row.Mark, row.Edge = "Broken", "bad"
	case "waiting":
		row.Mark, row.Edge = "Waits", "warn"
	case "disabled":
		row.Mark, row.Edge = "Disabled", "warn"
	default:
		row.Mark, row.Edge = "OK", "good"
		if h.LastGood == nil {
			row.Mark, row.Edge = "Nothing told yet", ""
		}
	}
	return row
}

// Trouble is why something does not arrive, or waits.
func (row *destinationRow) Trouble() string {
	switch {
	case row.Message != "":
		return row.Message
	case row.State == "waiting" && row.LastError != nil:
		return row.LastError.Message
	}
	return ""
}

// PaceWords say how much of a pace is used now.
func (row *destinationRow) PaceWords() string {
	var words []string
	for _, p := range row.Pace {
		words = append(words, strconv.Itoa(p.Sent)+" of "+strconv.Itoa(p.N)+" in "+model.Duration(p.Per*float64(time.Second)).String())
	}
	return strings.Join(words, ", ")
}

// KindWords say what kind of destination it is.
func (row *destinationRow) KindWords() string {
	switch row.Kind {
	case kindPeople:
		return "people"
	case kindConversation:
		return "channel or chat of the bot"
	}
	if row.Added != nil && !row.Added.Hidden {
		return "webhook, added by " + row.Added.By
	}
	return "webhook"
}

// IsAdded says that it is the added destination that holds.
func (row *destinationRow) IsAdded() bool { return row.Added != nil && !row.Added.Hidden }

// addDestinationOnPage adds one, as POST /api/v1/destinations does.
func (s *server) addDestinationOnPage(w http.ResponseWriter, r *http.Request, refused *problem) {
	form := destinationForm(r, refused)
	if refused == nil {
		err := s.add(r, form.Name, form.asked(r), false, s.by(r, form.Who), through("page", r))
		form.Problem = s.changeProblem(r, err)
	}
	if form.Problem != nil {
		s.showDestinations(w, r, form.Problem.Status, &destinationsView{Add: form})
		return
	}
	seeDestination(w, r, form.Name)
}

func destinationForm(r *http.Request, refused *problem) addDestinationForm {
	return addDestinationForm{
		Name: strings.TrimSpace(r.PostForm.Get("name")), Pace: r.PostForm.Get("pace"), Who: r.PostForm.Get("who"),
		Test: r.PostForm.Get("test") != "", Problem: refused,
	}
}

func (f *addDestinationForm) asked(r *http.Request) AddDestination {
	return AddDestination{URL: r.PostForm.Get("url"), Test: f.Test, Pace: strings.FieldsFunc(f.Pace, func(r rune) bool { return r == ',' || r == ' ' })}
}

// changeProblem says on a page why something was not done.
func (s *server) changeProblem(r *http.Request, err error) *problem {
	var refusal *engine.Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		status := http.StatusBadRequest
		if refusal.Conflict {
			status = http.StatusConflict
		}
		return &problem{Status: status, Text: "Nothing was changed: " + refusal.What + ". To mend it: " + refusal.Do + "."}
	case errors.Is(err, engine.ErrUnknownDestination):
		return &problem{Status: http.StatusNotFound, Text: "Nothing was changed: there is no such destination. Somebody else may have removed it."}
	}
	return s.storeProblem(r, err)
}

// seeDestination sends the browser to the page of a destination.
func seeDestination(w http.ResponseWriter, r *http.Request, name string) {
	w.Header().Set("Location", root(r)+"destinations/"+url.PathEscape(name)+"?done")
	w.WriteHeader(http.StatusSeeOther)
}

// destinationPage shows how it goes at one destination.
func (s *server) destinationPage(w http.ResponseWriter, r *http.Request) {
	s.showDestination(w, r, http.StatusOK, &destinationView{})
}

// maxDone is how much is shown of what was done to a destination.
const maxDone = 20

func (s *server) showDestination(w http.ResponseWriter, r *http.Request, status int, view *destinationView) {
	view.base, view.Key = s.base(w, r), s.Engine.SealingKey()
	name := r.PathValue("name")
	health, err := s.health(r, name)
	switch {
	case errors.Is(err, engine.ErrUnknownDestination):
		view.Unknown, status = cut(name), http.StatusNotFound
	case err == nil:
		view.Row = destinationRowOf(health)
		err = s.Store.View(r.Context(), func(tx store.Tx) error {
			lines, err := tx.Audit(store.AuditFilter{Target: name, Limit: maxDone})
			view.Done = nil
			for i := range lines {
				view.Done = append(view.Done, auditOf(&lines[i]))
			}
			return err
		})
	}
	if err != nil && view.Unknown == "" {
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	if _, done := r.URL.Query()["done"]; done && len(view.Done) > 0 && s.Engine.Now().Sub(view.Done[0].At).Abs() < time.Minute {
		view.Notice = doneWords[view.Done[0].Action]
	}
	s.show(w, r, status, destinationTemplate, view)
}

// doneWords say what was done just now, as the audit bears it out: anybody can
// write a link to this page.
var doneWords = map[string]string{
	engine.ActionAdd:     "Added. Its URL is stored encrypted, and nobody sees it again. Have something go there with a subscription, or a route of the configuration.",
	engine.ActionRotate:  "It has its new URL, and what waited goes there. Dead letters go out when they are replayed.",
	engine.ActionEnable:  "Enabled. What waited is being sent.",
	engine.ActionDisable: "Disabled. Nothing is sent there until somebody enables it; what is due waits.",
}

// changeOnPage does something to the destination that the path names, and shows
// its page.
func (s *server) changeOnPage(do func(r *http.Request, name string, form *addDestinationForm) error) http.Handler {
	return s.form(func(w http.ResponseWriter, r *http.Request, refused *problem) {
		form := destinationForm(r, nil)
		name := r.PathValue("name")
		if refused == nil {
			refused = s.changeProblem(r, do(r, name, &form))
		}
		if refused != nil {
			s.showDestination(w, r, refused.Status, &destinationView{Who: form.Who, Form: form, Problem: refused})
			return
		}
		seeDestination(w, r, name)
	})
}

func (s *server) rotateOnPage(r *http.Request, name string, form *addDestinationForm) error {
	return s.add(r, name, form.asked(r), true, s.by(r, form.Who), through("page", r))
}

func (s *server) enableOnPage(r *http.Request, name string, form *addDestinationForm) error {
	return s.Engine.EnableDestination(r.Context(), name, s.by(r, form.Who), through("page", r))
}

func (s *server) disableOnPage(r *http.Request, name string, form *addDestinationForm) error {
	return s.Engine.DisableDestination(r.Context(), name, s.by(r, form.Who), through("page", r))
}

// removeDestinationOnPage removes one, and shows the others.
func (s *server) removeDestinationOnPage(w http.ResponseWriter, r *http.Request, refused *problem) {
	form := destinationForm(r, nil)
	if refused == nil {
		err := s.Engine.RemoveDestination(r.Context(), r.PathValue("name"), r.PostForm.Get("force") != "", s.by(r, form.Who), through("page", r))
		refused = s.changeProblem(r, err)
	}
	if refused != nil {
		s.showDestination(w, r, refused.Status, &destinationView{Who: form.Who, Problem: refused})
		return
	}
	w.Header().Set("Location", root(r)+"destinations")
	w.WriteHeader(http.StatusSeeOther)
}

// testOnPage sends a test card, and shows what comes of it.
func (s *server) testOnPage(w http.ResponseWriter, r *http.Request, refused *problem) {
	form := destinationForm(r, nil)
	var id int64
	if refused == nil {
		var err error
		id, err = s.Engine.Test(r.Context(), r.PathValue("name"), s.by(r, form.Who), through("page", r))
		refused = s.changeProblem(r, err)
	}
	if refused != nil {
		s.showDestination(w, r, refused.Status, &destinationView{Who: form.Who, Problem: refused})
		return
	}
	w.Header().Set("Location", root(r)+"alerts/"+alert.ShortID(id))
	w.WriteHeader(http.StatusSeeOther)
}
