package web

import (
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Audit is one line of GET /api/v1/audit: who did what.
type Audit struct {
	ID       int64     `json:"id"`
	At       time.Time `json:"at"`
	Who      string    `json:"who"`
	ObjectID string    `json:"object_id"` // in Entra; "" where nobody knows it
	Action   string    `json:"action"`    // a verb, or "refused:" and a verb
	Target   string    `json:"target"`
	About    string    `json:"about"` // the target in words where it is an id, else ""
	From     string    `json:"from"`
	Before   string    `json:"before"`
	After    string    `json:"after"`
}

// actionRetry is the engine's: somebody is to be tried again.
const actionRetry = "retry"

// otherActions are what the audit knows beside the verbs; press is a press of
// which nobody can tell what it was.
var otherActions = []string{
	"create", actionSubscribe, actionUnsubscribe, "press", actionRetry, "replay", "drop", actionStop, actionReload, actionProfile, "change",
	engine.ActionAdd, engine.ActionRotate, engine.ActionEnable, engine.ActionDisable, engine.ActionRemove, engine.ActionReseal, engine.ActionTest,
}

func (s *server) audit(w http.ResponseWriter, r *http.Request) {
	page, ok := s.page(w, r)
	if !ok {
		return
	}
	// Who looks for what there is not would take the empty list for an answer.
	verb := strings.TrimPrefix(r.FormValue("action"), store.Refused)
	if known := slices.Concat(command.Verbs, otherActions); verb != "" && !slices.Contains(known, verb) {
		refuse(w, http.StatusBadRequest, "the audit has no such action", "use one of "+strings.Join(known, ", ")+", one of them after refused:, or refused: alone")
		return
	}
	filter := store.AuditFilter{
		Since: page.since, Who: r.FormValue("who"), Action: r.FormValue("action"), Target: r.FormValue("target"),
		From: r.FormValue("from"), Before: page.before, Limit: page.limit,
	}
	if text := r.FormValue("until"); text != "" {
		until, err := time.Parse(time.RFC3339, text)
		if err != nil {
			refuse(w, http.StatusBadRequest, "until is not a time", "write it as 2026-11-21T10:02:00Z")
			return
		}
		filter.Until = until
	}
	list := []Audit{}
	read := func(tx store.Tx) error {
		list = list[:0]
		lines, err := tx.Audit(filter)
		for i := range lines {
			list = append(list, auditOf(&lines[i]))
		}
		return err
	}
	switch r.FormValue("format") {
	case "", "json":
		s.list(w, r, "audit", &list, read)
	case "csv":
		if err := s.Store.View(r.Context(), read); err != nil {
			s.fail(w, r, err, "audit")
			return
		}
		s.auditTable(w, list)
	default:
		refuse(w, http.StatusBadRequest, "the audit has no such format", "use json or csv")
	}
}

// auditTable writes lines for a spreadsheet.
func (s *server) auditTable(w http.ResponseWriter, list []Audit) {
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="teamsrelay-audit.csv"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	table := csv.NewWriter(w)
	rows := [][]string{{"id", "at", "who", "object_id", "action", "target", "about", "from", "before", "after"}}
	for _, l := range list {
		row := []string{strconv.FormatInt(l.ID, 10), l.At.UTC().Format(time.RFC3339Nano), l.Who, l.ObjectID, l.Action, l.Target, l.About, l.From, l.Before, l.After}
		for i := range row {
			row[i] = cell(row[i])
		}
		rows = append(rows, row)
	}
	if err := table.WriteAll(rows); err != nil {
		s.Logger.Debug("The audit was not read to its end", "err", err)
	}
}

// cell is a text as a spreadsheet shows it. What people write is in the audit,
// and spreadsheets carry out what begins like a formula
// (https://owasp.org/www-community/attacks/CSV_Injection): an apostrophe keeps
// them from it.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(text)[0]) {
		return "'" + text
	}
	return text
}

func auditOf(l *store.Audit) Audit {
	return Audit{
		ID: l.ID, At: l.At, Who: l.Who, ObjectID: l.ObjectID, Action: l.Action, Target: l.Target, About: l.About,
		From: l.From, Before: l.Before, After: l.After,
	}
}
