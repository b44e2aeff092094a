package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/intent"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// maxRequest bounds the body of a request for an action, in bytes: a comment
// of the longest kind, with every letter escaped.
const maxRequest = 256 << 10

// Intent is what somebody wants done in the system that an alert came from, in
// GET /api/v1/alerts and POST /api/v1/alerts/{id}/{verb}.
type Intent struct {
	ID          int64      `json:"id"`
	Alert       string     `json:"alert"`
	Source      string     `json:"source"`
	Verb        string     `json:"verb"`
	Who         string     `json:"who"`
	Text        string     `json:"text"`
	State       string     `json:"state"` // requested, active, failed
	Attempts    int        `json:"attempts"`
	Reason      string     `json:"reason"`
	RequestedAt time.Time  `json:"requested_at"`
	DoneAt      *time.Time `json:"done_at,omitempty"`
}

func intentOf(i *store.Intent) Intent {
	return Intent{
		ID: i.ID, Alert: alert.ShortID(i.GroupID), Source: i.Source, Verb: i.Verb, Who: i.Who, Text: i.Text,
		State: string(i.State), Attempts: i.Attempts, Reason: i.Reason, RequestedAt: i.RequestedAt, DoneAt: optional(i.DoneAt),
	}
}

// intentsOf are the intents of groups, by group.
func intentsOf(tx store.Tx, groups []int64) (map[int64][]Intent, error) {
	found, err := tx.Intents(groups)
	byGroup := make(map[int64][]Intent)
	for i := range found {
		byGroup[found[i].GroupID] = append(byGroup[found[i].GroupID], intentOf(&found[i]))
	}
	return byGroup, err
}

// alert answers what is known of one alert's group, also when it is over.
func (s *server) alert(w http.ResponseWriter, r *http.Request) {
	id, ok := groupID(w, r)
	if !ok {
		return
	}
	list := []Alert{}
	s.list(w, r, "alerts", &list, func(tx store.Tx) error {
		g, err := tx.Group(id)
		if err != nil {
			return err
		}
		intents, err := intentsOf(tx, []int64{id})
		list = alertsOf(&g, intents[id])
		return err
	})
}

// act has something done in the system that an alert came from. It answers
// once that is stored; what becomes of it stands with the alert.
func (s *server) act(w http.ResponseWriter, r *http.Request) {
	id, ok := groupID(w, r)
	if !ok {
		return
	}
	var asked struct{ Who, Text string }
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, "the body is larger than "+strconv.Itoa(maxRequest>>10)+" KiB", "shorten the text")
		return
	case err != nil:
		return // the client went away
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		refuse(w, http.StatusBadRequest, "the body is not JSON: "+err.Error(), `send {"who": "Alice", "text": "…"}`)
		return
	}
	if strings.TrimSpace(asked.Who) == "" {
		refuse(w, http.StatusBadRequest, "nobody is named who wants this", `add "who": a name for people`)
		return
	}
	made, err := s.Engine.Request(r.Context(), id, r.PathValue("verb"), asked.Who, asked.Text)
	switch {
	case err == nil:
		s.Logger.Info("Requested in the system that an alert came from", "alert", alert.ShortID(id), "event_source", made.Source, "verb", made.Verb, "intent", made.ID)
		answer(w, http.StatusAccepted, intentOf(&made))
	case errors.Is(err, intent.ErrVerb):
		refuse(w, http.StatusNotFound, "there is no verb "+strconv.Quote(r.PathValue("verb")), "use one of "+strings.Join(intent.Verbs, ", "))
	case errors.Is(err, intent.ErrAction):
		refuse(w, http.StatusConflict, "the source of this alert has no action "+r.PathValue("verb"), "add it under events: NAME: actions: in the configuration")
	case errors.Is(err, intent.ErrText):
		refuse(w, http.StatusBadRequest, "the text is missing, or longer than can be handed on", `add "text": what the comment says, or to whom it is assigned`)
	default:
		s.fail(w, r, err, "alert")
	}
}

// groupID is the number of the group whose id stands in the path.
func groupID(w http.ResponseWriter, r *http.Request) (int64, bool) {
	id, ok := alert.FromShortID(r.PathValue("id"))
	if !ok {
		refuse(w, http.StatusBadRequest, "this is not the id of an alert", "take it from the card or from /api/v1/alerts, without the #")
	}
	return id, ok
}
