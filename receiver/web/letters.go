package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	answers "github.com/teamsrelay/teamsrelay/receiver/ingest/answer"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// DeadLetter is a post that was given up, in GET /api/v1/dead-letters.
type DeadLetter struct {
	ID          int64     `json:"id"`
	Destination string    `json:"destination"`
	Who         string    `json:"who"`   // whose personal chat it is; "" if it is nobody's
	State       string    `json:"state"` // dead, or due, sending, waiting while a replay is under way
	Title       string    `json:"title"`
	Alert       string    `json:"alert"`
	Reason      string    `json:"reason"`
	Message     string    `json:"message"`
	Since       time.Time `json:"since"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// Letters are the dead letters that somebody means, in POST
// /api/v1/dead-letters/replay: those with these numbers, or all of a
// destination, a reason, or both; all there are only by All.
type Letters struct {
	IDs         []int64 `json:"ids,omitempty"`
	Destination string  `json:"destination,omitempty"`
	Reason      string  `json:"reason,omitempty"`
	All         bool    `json:"all,omitempty"`
}

// Replay is dead letters that are sent again, in GET
// /api/v1/dead-letters/replays/{id}.
type Replay struct {
	ID          int64     `json:"id"`
	At          time.Time `json:"at"`
	By          string    `json:"by"`
	Destination string    `json:"destination"`
	Reason      string    `json:"reason"`
	State       string    `json:"state"` // running, done, stopped
	// Total is how many there were; Replayed were made due again, Left stay
	// because there is nowhere that they could go.
	Total    int        `json:"total"`
	Replayed int        `json:"replayed"`
	Left     int        `json:"left"`
	EndedAt  *time.Time `json:"ended_at,omitempty"`
	// What became of those that were made due again.
	Told    int `json:"told"`
	Waiting int `json:"waiting"`
	Dead    int `json:"dead"`
}

// maxLetters bounds the body of a request that names dead letters, in bytes.
const maxLetters = 64 << 10

func (s *server) deadLetters(w http.ResponseWriter, r *http.Request) {
	page, ok := s.page(w, r)
	if !ok {
		return
	}
	list := []DeadLetter{}
	s.list(w, r, "dead-letters", &list, func(tx store.Tx) error {
		list = list[:0]
		posts, err := tx.ListPosts(store.PostFilter{
			Destination: r.FormValue("destination"), DeadLetters: true, Before: page.before, Limit: page.limit,
		})
		known := occupants{}
		for _, p := range posts {
			here, err := known.at(tx, p.Address)
			if err != nil {
				return err
			}
			list = append(list, DeadLetter{
				ID: p.ID, Destination: p.Destination, Who: here.who, State: string(p.State), Title: p.Title, Alert: alert.ShortID(p.GroupID),
				Reason: p.Reason, Message: p.Message, Since: p.Since, UpdatedAt: p.UpdatedAt,
			})
		}
		if err != nil {
			return err
		}
		return s.found(tx, len(list), r.FormValue("destination"))
	})
}

// replay has one dead letter sent again, or those that the body names.
func (s *server) replay(w http.ResponseWriter, r *http.Request) {
	var which engine.Letters
	if r.PathValue("id") != "" {
		id, ok := s.id(w, r)
		if !ok {
			return
		}
		which.IDs = []int64{id}
	} else {
		var asked Letters
		body, ok := readBody(w, r, maxLetters, "name up to 1000 at once")
		if !ok {
			return
		}
		in := json.NewDecoder(bytes.NewReader(body))
		in.DisallowUnknownFields()
		if err := in.Decode(&asked); err != nil {
			refuse(w, http.StatusBadRequest, "the body does not say which dead letters: "+strings.TrimPrefix(answers.Explain(body, err).Error(), "json: "), `write {"ids": [17]}, {"destination": "ops"}, {"reason": "auth"} or {"all": true}`)
			return
		}
		which = engine.Letters{IDs: asked.IDs, Destination: asked.Destination, Reason: asked.Reason}
		one := asked.Destination != "" || asked.Reason != ""
		if asked.Reason != "" && !slices.Contains(people.Reasons(), teams.Reason(asked.Reason)) {
			refuse(w, http.StatusBadRequest, "there is no reason "+strconv.Quote(asked.Reason), "see the reasons in teamsrelay dead-letters list")
			return
		}
		if len(asked.IDs) > engine.MaxNamed || (len(asked.IDs) > 0) == (one || asked.All) || one && asked.All {
			refuse(w, http.StatusBadRequest, "it is not clear which dead letters are meant", `write either up to 1000 ids, or a destination, a reason or both, or "all": true`)
			return
		}
	}
	began, err := s.Engine.Replay(r.Context(), which, caller(r), through("api", r))
	switch {
	case errors.Is(err, store.ErrNotFound) && len(which.IDs) == 0: // whoever asks for all of none has them
		began = store.Replay{State: store.ReplayDone}
		err = s.Store.View(r.Context(), func(tx store.Tx) error { return s.found(tx, 0, which.Destination) })
		if errors.Is(err, engine.ErrUnknownDestination) { // the path does not name it
			s.unknownDestination(w, which.Destination)
			return
		}
	case errors.Is(err, store.ErrNotFound) && r.PathValue("id") == "": // no path to name it by
		refuse(w, http.StatusNotFound, "there are no such dead letters", "see teamsrelay dead-letters list; they may be gone since")
		return
	}
	if err != nil {
		s.fail(w, r, err, "dead letter")
		return
	}
	answer(w, http.StatusOK, replayOf(&began, store.ReplayCount{Waiting: began.Replayed}))
}

// replayed says how far a replay is.
func (s *server) replayed(w http.ResponseWriter, r *http.Request) {
	id, ok := s.id(w, r)
	if !ok {
		return
	}
	var out Replay
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		found, err := tx.Replay(id)
		if err != nil {
			return err
		}
		counts, err := tx.CountReplay(id)
		out = replayOf(&found, counts)
		return err
	})
	if err != nil {
		s.fail(w, r, err, "replay")
		return
	}
	answer(w, http.StatusOK, out)
}

func replayOf(r *store.Replay, counts store.ReplayCount) Replay {
	return Replay{
		ID: r.ID, At: r.At, By: r.By.Name, Destination: r.Destination, Reason: r.Reason, State: string(r.State),
		Total: r.Total, Replayed: r.Replayed, Left: r.Left, EndedAt: optional(r.EndedAt),
		Told: counts.Told, Waiting: counts.Waiting, Dead: counts.Dead,
	}
}

// stopReplay leaves dead what is not due again yet.
func (s *server) stopReplay(w http.ResponseWriter, r *http.Request) {
	if id, ok := s.id(w, r); ok {
		s.done(w, r, s.Engine.StopReplay(r.Context(), id, caller(r), through("api", r)), "running replay")
	}
}

func (s *server) drop(w http.ResponseWriter, r *http.Request) {
	if id, ok := s.id(w, r); ok {
		_, err := s.Engine.Drop(r.Context(), []int64{id}, caller(r), through("api", r))
		s.done(w, r, err, "dead letter")
	}
}
