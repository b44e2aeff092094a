package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/command"
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
	From     string    `json:"from"`
	Before   string    `json:"before"`
	After    string    `json:"after"`
}

// actionRetry is the engine's: somebody is to be tried again.
const actionRetry = "retry"

// otherActions are what the audit knows beside the verbs; press is a press of
// which nobody can tell what it was.
var otherActions = []string{"create", actionSubscribe, actionUnsubscribe, "test", "press", actionRetry}

func (s *server) audit(w http.ResponseWriter, r *http.Request) {
	page, ok := s.page(w, r)
	if !ok {
		return
	}
	// Who looks for what there is not would take the empty list for an answer.
	verb := strings.TrimPrefix(r.FormValue("action"), "refused:")
	if known := slices.Concat(command.Verbs, otherActions); r.FormValue("action") != "" && !slices.Contains(known, verb) {
		refuse(w, http.StatusBadRequest, "the audit has no such action", "use one of "+strings.Join(known, ", ")+", or one of them after refused:")
		return
	}
	filter := store.AuditFilter{
		Since: page.since, Who: r.FormValue("who"), Action: r.FormValue("action"), Before: page.before, Limit: page.limit,
	}
	list := []Audit{}
	s.list(w, r, "audit", &list, func(tx store.Tx) error {
		list = list[:0]
		lines, err := tx.Audit(filter)
		for _, l := range lines {
			list = append(list, Audit{
				ID: l.ID, At: l.At, Who: l.Who, ObjectID: l.ObjectID, Action: l.Action, Target: l.Target,
				From: l.From, Before: l.Before, After: l.After,
			})
		}
		return err
	})
}
