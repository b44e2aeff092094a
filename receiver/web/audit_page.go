package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var auditTemplate = pageTemplate("audit.tmpl")

// auditView is what pages/audit.tmpl shows.
type auditView struct {
	base
	Problem *problem
	// As it was asked.
	Who, Target, From, Since, Until string
	Actions                         []option
	Asked                           string // all of that in words, "" for all lines
	Rows                            []auditRow
	Older, Export, Table            string
	Looked                          bool // it was not looked at all there are
	Unread                          bool
}

// auditRow is a line on the page.
type auditRow struct {
	store.Audit
	Action  string // without what says that it was refused
	Alert   string // the id of the episode that it is about, while that is there
	Refused bool
}

// auditPage shows who did what.
func (s *server) auditPage(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	field := func(name string) string { return cut(strings.TrimSpace(asked.Get(name))) }
	view := &auditView{base: s.base(w, r), Who: field("who"), Target: field("target"), From: field("from"), Since: field("since"), Until: field("until")}
	filter := store.AuditFilter{Who: view.Who, Action: asked.Get("action"), Target: view.Target, From: view.From, Limit: defaultLimit + 1}
	filter.Before, _ = strconv.ParseInt(asked.Get("before"), 10, 64) // nonsense is the first page
	var wrong, late error
	filter.Since, wrong = timeOf(view.Since)
	filter.Until, late = timeOf(view.Until)
	actions := []option{{Value: store.Refused, Words: "Whatever was refused"}}
	for _, verb := range slices.Sorted(slices.Values(slices.Concat(command.Verbs, otherActions))) {
		actions = append(actions, option{Value: verb, Words: verb})
	}
	view.Actions = choices(filter.Action, actions...)
	view.Asked = askedFor(view.Who, filter.Action, view.Target, view.From, bound("from", view.Since), bound("to", view.Until))
	status := http.StatusOK
	if err := errors.Join(wrong, late); err != nil {
		view.Problem, status = &problem{Text: "This cannot be looked for: " + strings.ReplaceAll(err.Error(), "\n", "; ") + "."}, http.StatusBadRequest
	} else if err := s.Store.View(r.Context(), func(tx store.Tx) error { return view.find(tx, filter, asked) }); err != nil {
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	view.export(&filter)
	s.show(w, r, status, auditTemplate, view)
}

func (v *auditView) find(tx store.Tx, filter store.AuditFilter, asked url.Values) error {
	lines, further, err := tx.SearchAudit(filter)
	if err != nil {
		return err
	}
	v.Looked = further != 0 && len(lines) <= defaultLimit
	if len(lines) > defaultLimit {
		lines = lines[:defaultLimit]
		further = lines[defaultLimit-1].ID
	}
	if further != 0 {
		asked.Set("before", strconv.FormatInt(further, 10))
		v.Older = v.Root + "audit?" + asked.Encode()
	}
	there := episodes{}
	for _, l := range lines {
		action, refused := strings.CutPrefix(l.Action, store.Refused)
		row := auditRow{Audit: l, Action: action, Refused: refused}
		if id, ok := alert.FromShortID(l.Target); ok && aboutAlert(&l) {
			is, err := there.has(tx, id)
			if err != nil {
				return err
			}
			if is {
				row.Alert = alert.ShortID(id)
			}
		}
		v.Rows = append(v.Rows, row)
	}
	return nil
}

// episodes remembers which there are: a page has many lines about one.
type episodes map[int64]bool

func (e episodes) has(tx store.Tx, id int64) (bool, error) {
	if is, known := e[id]; known {
		return is, nil
	}
	_, err := tx.Group(id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	e[id] = err == nil
	return e[id], nil
}

// aboutAlert says whether the target of a line is an alert, if it is an id:
// subscriptions have the same ones.
func aboutAlert(l *store.Audit) bool {
	action := strings.TrimPrefix(l.Action, store.Refused)
	return isVerb(action) || action == "create" || action == "press"
}

// export leads to the same lines for programs and spreadsheets.
func (v *auditView) export(f *store.AuditFilter) {
	q := url.Values{"limit": {strconv.Itoa(maxLimit)}}
	for name, value := range map[string]string{"who": f.Who, "action": f.Action, "target": f.Target, "from": f.From} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if !f.Since.IsZero() {
		q.Set("since", f.Since.UTC().Format("2006-01-02T15:04:05Z"))
	}
	if !f.Until.IsZero() {
		q.Set("until", f.Until.UTC().Format("2006-01-02T15:04:05Z"))
	}
	v.Export = v.Root + "api/v1/audit?" + q.Encode()
	q.Set("format", "csv")
	v.Table = v.Root + "api/v1/audit?" + q.Encode()
}
