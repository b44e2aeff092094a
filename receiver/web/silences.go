package web

import (
	"net/http"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Silence is one of GET /api/v1/silences.
type Silence struct {
	ID     string `json:"id"`
	Number int64  `json:"number"`          // for ?before=
	Alert  string `json:"alert,omitempty"` // the one on which somebody asked for it
	State  string `json:"state"`           // requested, active, ending
	// Matchers are sets; an alert is silenced if all of one match.
	Matchers     [][]string `json:"matchers"`
	By           string     `json:"by"`
	From         string     `json:"from"`
	Comment      string     `json:"comment"`
	StartsAt     time.Time  `json:"starts_at"`
	EndsAt       time.Time  `json:"ends_at"`
	Alertmanager bool       `json:"alertmanager"` // which keeps it
	// Reason says why Alertmanager has not done yet what it was asked for.
	Reason  string `json:"reason"`
	EndedBy string `json:"ended_by"`
}

// silences are those that are not over, and those that nobody has yet.
func (s *server) silences(w http.ResponseWriter, r *http.Request) {
	page, ok := s.page(w, r)
	if !ok {
		return
	}
	list := []Silence{}
	s.list(w, r, "silences", &list, func(tx store.Tx) error {
		list = list[:0]
		open, err := tx.OpenSilences(s.Engine.Now())
		for i := range open {
			known := &open[i]
			if page.before != 0 && known.ID >= page.before || len(list) == page.limit {
				continue
			}
			list = append(list, silenceOf(known))
		}
		return err
	})
}

func silenceOf(s *store.Silence) Silence {
	out := Silence{
		ID: alert.ShortID(s.ID), Number: s.ID, State: string(s.State), Matchers: s.Sets, By: s.By.Name, From: s.From, Comment: s.Comment,
		StartsAt: s.StartsAt, EndsAt: s.EndsAt, Alertmanager: s.Theirs, Reason: s.Reason, EndedBy: s.EndedBy.Name,
	}
	if s.GroupID != 0 {
		out.Alert = alert.ShortID(s.GroupID)
	}
	return out
}

// expire ends a silence before its time.
func (s *server) expire(w http.ResponseWriter, r *http.Request) {
	id, ok := alert.FromShortID(r.PathValue("id"))
	if !ok {
		refuse(w, http.StatusBadRequest, "this is not the id of a silence", "take it from /api/v1/silences")
		return
	}
	s.do(w, r, command.Command{Verb: command.Expire, SilenceID: id, By: caller(r), From: from(r), Of: int(id)})
}
