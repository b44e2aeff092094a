package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var replayTemplate = pageTemplate("replay.tmpl")

// replayView is what pages/replay.tmpl shows.
type replayView struct {
	base
	Problem *problem
	Who     string
	Replay  store.Replay
	What    string // was asked for
	Says    string // how far it is, in a sentence
	Good    bool   // all of it was told
	// Settled letters have an outcome, of All.
	Settled, All int
	Tiles        []outcomeTile
	Letters      []letterRow
	Failed       bool // only those that failed again are shown
	Older        string
	// Refresh is after how many seconds the browser looks again; 0: it does not.
	Refresh int
	Link    string
	Unknown bool
	Unread  bool
}

// outcomeTile counts the letters with one outcome.
type outcomeTile struct {
	Count, Words, Class, Link string
	Chosen                    bool
}

// refreshAfter is how often a browser looks how far a replay is, in seconds.
const refreshAfter = 3

// replayWords says what a replay was asked for.
func replayWords(r *store.Replay) string {
	text := lettersInWords(r.Total)
	if r.Destination != "" {
		text += " to " + r.Destination
	}
	return text
}

// becameOf says how far a replay is.
func becameOf(r *store.Replay) string {
	switch r.State {
	case store.ReplayRunning:
		return fmt.Sprintf("%s of %s are on their way", thousands(r.Replayed), thousands(r.Total))
	case store.ReplayStopped:
		return fmt.Sprintf("stopped after %s", thousands(r.Replayed))
	}
	return ""
}

// replayPage shows what becomes of dead letters that are sent again.
func (s *server) replayPage(w http.ResponseWriter, r *http.Request) {
	s.showReplay(w, r, http.StatusOK, &replayView{})
}

// stopOnPage leaves dead what is not due again yet.
func (s *server) stopOnPage(w http.ResponseWriter, r *http.Request, refused *problem) {
	view := &replayView{Who: r.PostForm.Get("who"), Problem: refused}
	if refused == nil {
		id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64) // nonsense is none
		err := s.Engine.StopReplay(r.Context(), id, person(cmp.Or(strings.TrimSpace(view.Who), nameless(r))), through("page", r))
		switch {
		case err == nil:
			w.Header().Set("Location", root(r)+"dead-letters/replays/"+strconv.FormatInt(id, 10))
			w.WriteHeader(http.StatusSeeOther)
			return
		case errors.Is(err, store.ErrNotFound):
			view.Problem = &problem{Status: http.StatusNotFound, Text: "Nothing was stopped: nothing of it was left to be stopped."}
		default:
			view.Problem = s.storeProblem(r, err)
		}
	}
	s.showReplay(w, r, view.Problem.Status, view)
}

func (s *server) showReplay(w http.ResponseWriter, r *http.Request, status int, view *replayView) {
	view.base = s.base(w, r)
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64) // nonsense is none
	asked := r.URL.Query()
	view.Failed = asked.Get("show") == "failed"
	before, _ := strconv.ParseInt(asked.Get("before"), 10, 64) // nonsense is the first page
	_, still := asked["still"]
	err := s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		if view.Replay, err = tx.Replay(id); err != nil {
			return err
		}
		counts, err := tx.CountReplay(id)
		if err != nil {
			return err
		}
		filter := store.PostFilter{Replay: id, Before: before, Limit: defaultLimit + 1}
		if view.Failed {
			filter.DeadLetters, filter.States = true, []store.State{store.Dead}
		}
		posts, err := tx.ListPosts(filter)
		if err != nil {
			return err
		}
		if len(posts) > defaultLimit {
			posts = posts[:defaultLimit]
			view.Older = fmt.Sprintf("%sdead-letters/replays/%d?before=%d", view.Root, id, posts[defaultLimit-1].ID)
			if view.Failed {
				view.Older += "&show=failed"
			}
		}
		if view.Letters, err = s.letterRows(tx, posts, occupants{}); err != nil {
			return err
		}
		for i := range posts {
			view.Letters[i].Outcome, view.Letters[i].Mark = outcomeOf(&posts[i])
			if !posts[i].DeadLetter || posts[i].State == store.Due || posts[i].State == store.Sending { // that was before
				view.Letters[i].Why = ""
			}
		}
		view.fill(counts)
		if waits := counts.Waiting > 0 || view.Replay.State == store.ReplayRunning; waits && !still && before == 0 && r.Method == http.MethodGet {
			view.Refresh = refreshAfter
		}
		return nil
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		view.Unknown, status = true, http.StatusNotFound
	case err != nil:
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	s.show(w, r, status, replayTemplate, view)
}

// outcomeOf says what became of a letter, and the class of that.
func outcomeOf(p *store.Post) (words, class string) {
	switch {
	case !p.DeadLetter:
		return "Told", "good"
	case p.State == store.Dead:
		return "Failed again", "bad"
	case p.State == store.Waiting:
		return "Failed, and is tried again", "warn"
	}
	return "On its way", ""
}

func (v *replayView) fill(c store.ReplayCount) {
	r := &v.Replay
	v.What, v.Link = replayWords(r), fmt.Sprintf("%sdead-letters/replays/%d", v.Root, r.ID)
	toCome := 0
	if r.State == store.ReplayRunning {
		toCome = max(0, r.Total-r.Replayed-r.Left)
	}
	waiting := c.Waiting + toCome
	v.Settled, v.All = c.Told+c.Dead, c.Told+c.Dead+waiting
	for _, t := range []outcomeTile{
		{Count: thousands(c.Told), Words: "told", Class: "good"},
		{Count: thousands(waiting), Words: "on their way"},
		{Count: thousands(c.Dead), Words: "failed again", Class: "bad", Link: v.Link + "?show=failed", Chosen: v.Failed},
	} {
		if t.Count == "0" {
			t.Class, t.Link = "", ""
		}
		v.Tiles = append(v.Tiles, t)
	}
	if v.Failed {
		v.Tiles[2].Link = v.Link
	}
	switch {
	case r.State == store.ReplayStopped:
		v.Says = fmt.Sprintf("This was stopped: %s of %s were sent again. The others are dead letters as before.", thousands(r.Replayed), thousands(r.Total))
	case waiting > 0:
		v.Says = fmt.Sprintf("%s are being sent again. This page shows what becomes of them; you can also close it.", thousands(waiting))
		if waiting == 1 {
			v.Says = "1 is being sent again. This page shows what becomes of it; you can also close it."
		}
	case c.Dead > 0 && c.Told == 0:
		v.Says = "This failed again. The reason stands with each; mend it and send them again from the dead letters."
	case c.Dead > 0:
		v.Says = fmt.Sprintf("%s were told, %s failed again. The reason stands with each; mend it and send them again from the dead letters.", thousands(c.Told), thousands(c.Dead))
	case c.Told > 0:
		v.Says, v.Good = "All of them were told.", true
		if c.Told == 1 {
			v.Says = "It was told."
		}
	default:
		v.Says = "Nothing was sent again."
	}
	if r.Left > 0 {
		v.Says += fmt.Sprintf(" %s stay where they are, because their destination is not in the configuration any more.", lettersInWords(r.Left))
	}
}
