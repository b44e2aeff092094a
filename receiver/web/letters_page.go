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

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

var (
	lettersTemplate = pageTemplate("letters.tmpl")
	dropTemplate    = pageTemplate("letters_drop.tmpl")
)

const (
	// fewLetters is how many of a kind are shown before somebody asks for all.
	fewLetters = 5
	// mostPiles is how many kinds are shown.
	mostPiles = 30
	// pileMost is how many letters of a kind are counted.
	pileMost = 10_000
)

// lettersView is what pages/letters.tmpl shows.
type lettersView struct {
	base
	Notice  string
	Problem *problem
	Who     string
	Piles   []pile
	// Destination and Reason are what is shown of, "" of all; Alone: one kind
	// is, and all of it.
	Destination, Reason string
	Filtered            bool
	Total               string // of all piles, "" when there is but one
	MorePiles           int
	Older               string
	Replays             []replayRow
	Unread              bool
}

// CanTick says whether there is anything to tick. The only one of its kind has
// its own buttons.
func (v *lettersView) CanTick() bool {
	return !v.ReadOnly && slices.ContainsFunc(v.Piles, func(p pile) bool {
		return p.Dead != 1 && slices.ContainsFunc(p.Letters, func(l letterRow) bool { return !l.Again })
	})
}

// pile is the dead letters of a destination that were given up for one reason.
type pile struct {
	store.LetterPile
	Title   string // what happened, in words
	Do      string // what to do about it
	Code    string // the reason, as commands and the API call it
	Kind    string // names the pile in a form
	Link    string // to all of it
	Broken  string // "": the place works as far as is known
	Count   string
	Some    bool // there are more than Letters
	Letters []letterRow
}

// letterRow is a dead letter on the page.
type letterRow struct {
	ID           int64
	Title, Alert string
	Who          string
	Since        time.Time
	Open         string // how it is with the alert
	Mark         string // the class of that
	Again        bool   // it is being sent again
	Why          string // it failed, in the words of who tried
	Outcome      string
}

// replayRow is a replay in a list.
type replayRow struct {
	store.Replay
	What, Became string
}

// lettersPage shows what could not be told.
func (s *server) lettersPage(w http.ResponseWriter, r *http.Request) {
	view := &lettersView{}
	if n, err := strconv.Atoi(r.URL.Query().Get("dropped")); err == nil && n > 0 && n <= engine.MaxNamed {
		view.Notice = "Dropped: " + lettersInWords(n) + ". The delivery log keeps the attempts."
	}
	s.showLetters(w, r, http.StatusOK, view)
}

// lettersInWords is a number of dead letters.
func lettersInWords(n int) string {
	if n == 1 {
		return "1 dead letter"
	}
	return thousands(n) + " dead letters"
}

// thousands is a number that people can read.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// upTo is a number that was counted up to most.
func upTo(n, most int) string {
	if n >= most {
		return "more than " + thousands(most-1)
	}
	return thousands(n)
}

func (s *server) showLetters(w http.ResponseWriter, r *http.Request, status int, view *lettersView) {
	view.base = s.base(w, r)
	asked := r.URL.Query()
	view.Destination, view.Reason = asked.Get("destination"), asked.Get("reason")
	view.Filtered = view.Destination != "" || view.Reason != ""
	before, _ := strconv.ParseInt(asked.Get("before"), 10, 64) // nonsense is the first page
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		piles, err := tx.LetterPiles(pileMost)
		if err != nil {
			return err
		}
		return s.fillLetters(tx, view, piles, before)
	})
	if err != nil {
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	s.show(w, r, status, lettersTemplate, view)
}

func (s *server) fillLetters(tx store.Tx, view *lettersView, piles []store.LetterPile, before int64) error {
	slices.SortStableFunc(piles, func(a, b store.LetterPile) int { // what nobody is doing anything about comes first
		return cmp.Or(cmp.Compare(min(b.Dead, 1), min(a.Dead, 1)), b.Since.Compare(a.Since))
	})
	known := occupants{}
	total := 0
	for _, p := range piles {
		if view.Destination != "" && p.Destination != view.Destination || view.Reason != "" && p.Reason != view.Reason {
			continue
		}
		if len(view.Piles) == mostPiles {
			view.MorePiles++
			continue
		}
		total += p.Dead
		filled, err := s.pileOf(tx, p, view, known, before)
		if err != nil {
			return err
		}
		view.Piles = append(view.Piles, filled)
	}
	if one := len(view.Piles) == 1 && view.Piles[0].Older() != 0; one && view.Filtered {
		q := url.Values{"before": {strconv.FormatInt(view.Piles[0].Older(), 10)}}
		view.Older = view.Piles[0].link(view.Root) + "&" + q.Encode()
	}
	if dead := slices.IndexFunc(view.Piles, func(p pile) bool { return p.Dead > 0 }); dead >= 0 && len(view.Piles) > 1 {
		view.Total = upTo(total, pileMost)
	}
	replays, err := tx.Replays(0, fewLetters)
	for i := range replays {
		view.Replays = append(view.Replays, replayRow{Replay: replays[i], What: replayWords(&replays[i]), Became: becameOf(&replays[i])})
	}
	return err
}

// link leads to all letters of a pile.
func (p *pile) link(root string) string {
	return root + "dead-letters?" + url.Values{"destination": {p.Destination}, "reason": {p.Reason}}.Encode()
}

// Older is the number before which the next page of the pile begins; 0: there
// is none.
func (p *pile) Older() int64 {
	if !p.Some || len(p.Letters) == 0 {
		return 0
	}
	return p.Letters[len(p.Letters)-1].ID
}

func (s *server) pileOf(tx store.Tx, p store.LetterPile, view *lettersView, known occupants, before int64) (pile, error) {
	limit := fewLetters
	if view.Destination != "" && view.Reason != "" {
		limit = defaultLimit
	} else {
		before = 0
	}
	posts, err := tx.ListPosts(store.PostFilter{DeadLetters: true, Destination: p.Destination, Reason: p.Reason, Before: before, Limit: limit + 1})
	if err != nil {
		return pile{}, err
	}
	some := len(posts) > limit
	posts = posts[:min(limit, len(posts))]
	letters, err := s.letterRows(tx, posts, known)
	if err != nil {
		return pile{}, err
	}
	reason := teams.Reason(p.Reason)
	why, advice := deliver.Trouble(reason)
	if whom := s.audienceOf(p.Destination); whom {
		why, advice = people.Why(reason), people.Do(reason, "")
	}
	out := pile{
		LetterPile: p, Title: p.Destination + ": " + why, Do: advice, Code: p.Reason, Kind: url.Values{"destination": {p.Destination}, "reason": {p.Reason}}.Encode(),
		Count: upTo(p.Dead, pileMost), Some: some, Letters: letters,
	}
	out.Link = out.link(view.Root)
	if len(posts) > 0 {
		a, err := tx.Address(posts[0].Address)
		if err != nil {
			return out, err
		}
		out.Broken = strings.TrimRight(a.Broken, ". ")
	}
	return out, nil
}

// audienceOf says whether a destination is people.
func (s *server) audienceOf(destination string) bool {
	return slices.ContainsFunc(s.Engine.Destinations(), func(d engine.Destination) bool { return d.Name == destination && d.Audience != nil })
}

// letterRows are posts as the pages show them.
func (s *server) letterRows(tx store.Tx, posts []store.Post, known occupants) ([]letterRow, error) {
	groups := make([]int64, len(posts))
	for i := range posts {
		groups[i] = posts[i].GroupID
	}
	phases, err := tx.Phases(groups)
	if err != nil {
		return nil, err
	}
	rows := make([]letterRow, len(posts))
	for i := range posts {
		p := &posts[i]
		here, err := known.at(tx, p.Address)
		if err != nil {
			return nil, err
		}
		rows[i] = letterRow{
			ID: p.ID, Title: cmp.Or(p.Title, "Alert "+alert.ShortID(p.GroupID)), Alert: alert.ShortID(p.GroupID), Who: here.who, Since: p.Since,
			Again: p.State != store.Dead, Why: p.Message,
		}
		rows[i].Open, rows[i].Mark = phaseInWords(phases[p.GroupID])
	}
	return rows, nil
}

// phaseInWords says how it is with an alert, and the class of that.
func phaseInWords(phase group.Phase) (words, class string) {
	switch phase {
	case group.Gathering, group.Open:
		return "Still firing", "bad"
	case group.Unheard:
		return "Not heard of any more", "warn"
	}
	return "Over", ""
}

// replayOnPage has dead letters sent again: one, those that are ticked, a pile
// or all.
func (s *server) replayOnPage(w http.ResponseWriter, r *http.Request, refused *problem) {
	view := &lettersView{Who: r.PostForm.Get("who"), Problem: refused}
	if refused == nil && r.PostForm.Get("drop") != "" {
		s.askDrop(w, r)
		return
	}
	var made store.Replay
	if view.Problem == nil {
		which, wrong := lettersOf(r)
		view.Problem = wrong
		if wrong == nil {
			by := person(cmp.Or(strings.TrimSpace(view.Who), nameless(r)))
			var err error
			made, err = s.Engine.Replay(r.Context(), which, by, through("page", r))
			switch {
			case errors.Is(err, store.ErrNotFound):
				view.Problem = &problem{Status: http.StatusNotFound, Text: "Nothing was sent again: these are no dead letters any more. Somebody else may have sent them again or dropped them."}
			case err != nil:
				view.Problem = s.storeProblem(r, err)
			}
		}
	}
	if view.Problem != nil {
		s.showLetters(w, r, view.Problem.Status, view)
		return
	}
	w.Header().Set("Location", root(r)+"dead-letters/replays/"+strconv.FormatInt(made.ID, 10))
	w.WriteHeader(http.StatusSeeOther)
}

// lettersOf are the dead letters that a form means.
func lettersOf(r *http.Request) (engine.Letters, *problem) {
	form := r.PostForm
	kind, err := url.ParseQuery(form.Get("kind"))
	switch {
	case form.Get("one") != "":
		return namedLetters([]string{form.Get("one")})
	case form.Get("all") != "":
		return engine.Letters{}, nil
	case err == nil && (kind.Get("destination") != "" || kind.Get("reason") != ""):
		return engine.Letters{Destination: kind.Get("destination"), Reason: kind.Get("reason")}, nil
	}
	return namedLetters(form["id"])
}

func namedLetters(texts []string) (engine.Letters, *problem) {
	var which engine.Letters
	for _, text := range texts {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id <= 0 {
			return which, &problem{Status: http.StatusBadRequest, Text: "Nothing was done: the form came damaged. Load the page again."}
		}
		which.IDs = append(which.IDs, id)
	}
	switch {
	case len(which.IDs) == 0:
		return which, &problem{Status: http.StatusBadRequest, Text: "Nothing was done: no dead letter is ticked. Tick those that you mean."}
	case len(which.IDs) > engine.MaxNamed:
		return which, &problem{Status: http.StatusBadRequest, Text: "Nothing was done: these are more than can be ticked at once."}
	}
	return which, nil
}

// dropView is what pages/letters_drop.tmpl shows.
type dropView struct {
	base
	Problem *problem
	Who     string
	Letters []letterRow
}

// askDrop asks whether the ticked dead letters are to be dropped.
func (s *server) askDrop(w http.ResponseWriter, r *http.Request) {
	ticked := r.PostForm["id"]
	if one := r.PostForm.Get("drop"); one != "ticked" {
		ticked = []string{one}
	}
	which, wrong := namedLetters(ticked)
	if wrong != nil {
		s.showLetters(w, r, wrong.Status, &lettersView{Who: r.PostForm.Get("who"), Problem: wrong})
		return
	}
	s.showDrop(w, r, http.StatusOK, which.IDs, &dropView{Who: r.PostForm.Get("who")})
}

func (s *server) showDrop(w http.ResponseWriter, r *http.Request, status int, ids []int64, view *dropView) {
	view.base = s.base(w, r)
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		var posts []store.Post
		for _, id := range ids {
			p, err := tx.Post(id)
			switch {
			case errors.Is(err, store.ErrNotFound):
			case err != nil:
				return err
			case p.DeadLetter:
				posts = append(posts, p)
			}
		}
		var err error
		view.Letters, err = s.letterRows(tx, posts, occupants{})
		return err
	})
	if err != nil {
		p := s.storeProblem(r, err)
		status, view.Problem = p.Status, p
	}
	s.show(w, r, status, dropTemplate, view)
}

// dropOnPage drops the dead letters that somebody has confirmed.
func (s *server) dropOnPage(w http.ResponseWriter, r *http.Request, refused *problem) {
	which, wrong := namedLetters(r.PostForm["id"])
	view := &dropView{Who: r.PostForm.Get("who"), Problem: cmp.Or(refused, wrong)}
	if view.Problem == nil {
		by := person(cmp.Or(strings.TrimSpace(view.Who), nameless(r)))
		n, err := s.Engine.Drop(r.Context(), which.IDs, by, through("page", r))
		switch {
		case err == nil:
			w.Header().Set("Location", root(r)+"dead-letters?dropped="+strconv.Itoa(n))
			w.WriteHeader(http.StatusSeeOther)
			return
		case errors.Is(err, store.ErrNotFound):
			view.Problem = &problem{Status: http.StatusNotFound, Text: "Nothing was dropped: these are no dead letters any more."}
		default:
			view.Problem = s.storeProblem(r, err)
		}
	}
	s.showDrop(w, r, view.Problem.Status, which.IDs, view)
}
