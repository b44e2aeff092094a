package web

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var nowTemplate = pageTemplate("now.tmpl")

// nowRows is how many episodes a page of what fires has.
const nowRows = 50

// nowPlaces is how many places of an episode a row names one by one: a
// destination of people has one for each.
const nowPlaces = 8

// nowView is what pages/now.tmpl shows.
type nowView struct {
	base
	At      time.Time
	Refresh string // the seconds after which the page is loaded again; "": never
	Refreshes,
	Rests string // the links that begin and end that

	// What is asked for.
	Query, Destination, Severity, Only string

	Troubles     []worry
	Open         int // all episodes that are not over
	Tiles        []tile
	Places       []chip   // destinations, those where it is worst first
	Destinations []string // to choose from
	Rows         []nowRow
	Matching     int
	Test         string // a destination to try things with; "": there is none
	Older        string
	All          string // leads to the list without a filter
	Unread       bool
}

// tile is a number that can be chosen.
type tile struct {
	Count             int
	Words, Kind, Link string
	Chosen            bool
}

// nowRow is an episode in the list.
type nowRow struct {
	store.Brief
	ShortID string
	Kind    string // the class of its severity
	Word    string // that in words
	Lasts   string
	Marks   []mark
	Shown   []string // where it is seen
	Sent    []string // where it was sent and Teams took it, which proves no more
	Waiting []string // where it is not yet
	Missing []string // where it was given up
	More    bool     // there are more places
}

// mark is something that holds, in words.
type mark struct{ Words, Kind string }

// severityWords are the ranks as the page names them, the worst first.
var severityWords = []struct {
	Rank        alert.Severity
	Words, Kind string
}{
	{alert.SeverityCritical, "critical", "bad"},
	{alert.SeverityError, "error", "bad"},
	{alert.SeverityWarning, "warning", "warn"},
	{alert.SeverityUnknown, "without severity", ""},
	{alert.SeverityInfo, "info", ""},
	{alert.SeverityNone, "none", ""},
}

func severityKind(s alert.Severity) (words, kind string) {
	for _, known := range severityWords {
		if known.Rank == s {
			return known.Words, known.Kind
		}
	}
	return s.String(), ""
}

// What ?only= may ask for.
const (
	onlySilenced  = "silenced"
	onlyEscalated = "escalated"
	onlyMissed    = "missed"
)

// nowPage shows what fires now: what somebody has to look after, then how much
// there is, then the worst and newest first.
func (s *server) nowPage(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	view := &nowView{
		base: s.base(w, r), At: s.Engine.Now(),
		Query: cut(strings.TrimSpace(asked.Get("q"))), Destination: asked.Get("destination"), Severity: asked.Get("severity"), Only: asked.Get("only"),
	}
	if every, err := time.ParseDuration(asked.Get("refresh")); err == nil && every >= 10*time.Second && every <= time.Hour {
		view.Refresh = strconv.Itoa(int(every.Seconds()))
	}
	status := http.StatusOK
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		*view = nowView{base: view.base, At: view.At, Refresh: view.Refresh, Query: view.Query, Destination: view.Destination, Severity: view.Severity, Only: view.Only}
		return s.fillNow(tx, view, positionOf(asked.Get("after")))
	})
	if err != nil {
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	if trouble, is := s.storeTrouble(r.Context()); is {
		view.Troubles = slices.Insert(view.Troubles, 0, trouble)
	}
	view.Refreshes, view.Rests = view.link(func(q url.Values) { q.Set("refresh", "30s") }), view.link(func(q url.Values) { q.Del("refresh") })
	view.All = view.link(func(q url.Values) {
		for _, name := range []string{"q", "destination", "severity", "only"} {
			q.Del(name)
		}
	})
	s.show(w, r, status, nowTemplate, view)
}

func (s *server) fillNow(tx store.Tx, v *nowView, after position) error {
	var all []store.Brief
	err := tx.Briefs(func(b store.Brief) error {
		all = append(all, b)
		return nil
	})
	if err != nil {
		return err
	}
	v.Open = len(all)
	if v.Troubles, err = s.troubles(tx, all, v.At); err != nil {
		return err
	}
	places := map[string]*told{}
	counts := map[alert.Severity]int{}
	silenced := 0
	var rows []store.Brief
	for _, b := range all {
		if v.has(&b, true, false) {
			for _, d := range b.Destinations {
				if places[d] == nil {
					places[d] = &told{}
				}
				places[d].count++
				if b.SilencedBy == "" {
					places[d].worst = max(places[d].worst, b.Severity)
				}
			}
		}
		if v.has(&b, false, true) {
			if quiet(&b) {
				silenced++
			} else {
				counts[b.Severity]++
			}
		}
		if v.has(&b, true, true) {
			rows = append(rows, b)
		}
	}
	v.Matching = len(rows)
	v.tile(counts, silenced)
	v.places(places)
	for _, d := range s.Engine.Destinations() {
		v.Destinations = append(v.Destinations, d.Name)
		if v.Test == "" && d.Audience == nil {
			v.Test = d.Name
		}
	}
	slices.SortFunc(rows, func(a, b store.Brief) int { return positionAt(&a).compare(positionAt(&b)) })
	for i := range rows {
		b := &rows[i]
		if after != (position{}) && positionAt(b).compare(after) <= 0 {
			continue
		}
		if len(v.Rows) == nowRows {
			last := positionAt(&v.Rows[nowRows-1].Brief)
			v.Older = v.link(func(q url.Values) { q.Set("after", last.String()) })
			break
		}
		row, err := s.nowRowOf(tx, b, v.At)
		if err != nil {
			return err
		}
		v.Rows = append(v.Rows, row)
	}
	return nil
}

// told counts what a destination is told of.
type told struct {
	count int
	worst alert.Severity
}

// quiet says that nobody has to look at it now.
func quiet(b *store.Brief) bool { return b.SilencedBy != "" }

// has says whether an episode is among those that are asked for. bySeverity and
// byPlace: that condition counts too.
func (v *nowView) has(b *store.Brief, bySeverity, byPlace bool) bool {
	switch v.Only {
	case onlyEscalated:
		if b.Escalated == 0 {
			return false
		}
	case onlyMissed:
		if b.Missed == 0 {
			return false
		}
	case onlySilenced:
		if bySeverity && !quiet(b) {
			return false
		}
	}
	if bySeverity && v.Severity != "" && (b.Severity.String() != v.Severity || quiet(b)) {
		return false
	}
	if byPlace && v.Destination != "" && !slices.Contains(b.Destinations, v.Destination) {
		return false
	}
	if v.Query == "" {
		return true
	}
	query := strings.ToLower(strings.TrimPrefix(v.Query, "#"))
	for _, text := range []string{b.Title, b.Summary, b.AckBy, b.Owner} {
		if strings.Contains(strings.ToLower(text), query) {
			return true
		}
	}
	return strings.HasPrefix(alert.ShortID(b.ID), query)
}

// position is where an episode stands in the list: what is silenced last, then
// the worst first, then the newest.
type position struct {
	quiet, severity int
	id              int64
}

func positionAt(b *store.Brief) position {
	p := position{severity: int(b.Severity), id: b.ID}
	if quiet(b) {
		p.quiet = 1
	}
	return p
}

func (p position) compare(o position) int {
	return cmp.Or(cmp.Compare(p.quiet, o.quiet), -cmp.Compare(p.severity, o.severity), -cmp.Compare(p.id, o.id))
}

func (p position) String() string { return fmt.Sprintf("%d-%d-%d", p.quiet, p.severity, p.id) }

// positionOf is what ?after= says; nonsense is the first page.
func positionOf(text string) position {
	var p position
	if _, err := fmt.Sscanf(text, "%d-%d-%d", &p.quiet, &p.severity, &p.id); err != nil {
		return position{}
	}
	return p
}

// link leads to this list, changed.
func (v *nowView) link(change func(url.Values)) string {
	q := url.Values{}
	for name, value := range map[string]string{"q": v.Query, "destination": v.Destination, "severity": v.Severity, "only": v.Only} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if v.Refresh != "" {
		q.Set("refresh", v.Refresh+"s")
	}
	change(q)
	return "./?" + q.Encode()
}

func (v *nowView) tile(counts map[alert.Severity]int, silenced int) {
	for _, known := range severityWords {
		name := known.Rank.String()
		chosen := v.Severity == name
		if counts[known.Rank] == 0 && !chosen && known.Rank != alert.SeverityCritical {
			continue
		}
		kind := known.Kind
		if counts[known.Rank] == 0 {
			kind = "good"
		}
		v.Tiles = append(v.Tiles, tile{Count: counts[known.Rank], Words: known.Words, Kind: kind, Chosen: chosen, Link: v.link(func(q url.Values) {
			q.Del("severity")
			q.Del("only")
			if !chosen {
				q.Set("severity", name)
			}
		})})
	}
	chosen := v.Only == onlySilenced
	if silenced > 0 || chosen {
		v.Tiles = append(v.Tiles, tile{Count: silenced, Words: "silenced", Chosen: chosen, Link: v.link(func(q url.Values) {
			q.Del("severity")
			q.Del("only")
			if !chosen {
				q.Set("only", onlySilenced)
			}
		})})
	}
}

// maxPlaces is how many destinations are offered to choose one; all are in the
// form.
const maxPlaces = 12

func (v *nowView) places(found map[string]*told) {
	names := slices.SortedFunc(maps.Keys(found), func(a, b string) int {
		return cmp.Or(-cmp.Compare(found[a].worst, found[b].worst), -cmp.Compare(found[a].count, found[b].count), strings.Compare(a, b))
	})
	for _, name := range names[:min(len(names), maxPlaces)] {
		chosen := v.Destination == name
		_, kind := severityKind(found[name].worst)
		v.Places = append(v.Places, chip{Kind: kind, Words: name, Count: found[name].count, Chosen: chosen, Link: v.link(func(q url.Values) {
			q.Del("destination")
			if !chosen {
				q.Set("destination", name)
			}
		})})
	}
}

// nowRowOf completes an episode with where people are told of it.
func (s *server) nowRowOf(tx store.Tx, b *store.Brief, now time.Time) (nowRow, error) {
	row := nowRow{Brief: *b, ShortID: alert.ShortID(b.ID), Lasts: lasting(now.Sub(b.Since))}
	row.Word, row.Kind = severityKind(b.Severity)
	row.Marks = marksOf(b)
	if quiet(b) {
		row.Kind = ""
	}
	posts, err := tx.ListPosts(store.PostFilter{GroupID: b.ID, Limit: nowPlaces + 1})
	if err != nil {
		return row, err
	}
	if len(posts) > nowPlaces {
		row.More, posts = true, posts[:nowPlaces]
	}
	for i := range posts {
		p := &posts[i]
		switch {
		case p.State == store.Dead:
			row.Missing = appendNew(row.Missing, p.Destination)
		case p.State == store.Shown || p.MessageID != "":
			row.Shown = appendNew(row.Shown, p.Destination)
		case p.State == store.Accepted || p.Shown > 0:
			row.Sent = appendNew(row.Sent, p.Destination)
		default:
			row.Waiting = appendNew(row.Waiting, p.Destination)
		}
	}
	return row, nil
}

func appendNew(list []string, name string) []string {
	if slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

// marksOf are what people and others did about an episode, and what holds.
func marksOf(b *store.Brief) []mark {
	var marks []mark
	if b.SilencedBy != "" {
		marks = append(marks, mark{Words: "silenced by " + b.SilencedBy + " until " + clockTime(b.SilencedUntil)})
	}
	if b.AckBy != "" {
		marks = append(marks, mark{Words: "acknowledged by " + b.AckBy, Kind: "good"})
	}
	if b.Owner != "" {
		marks = append(marks, mark{Words: b.Owner + " takes care of it", Kind: "good"})
	}
	if b.Escalated > 0 && b.AckBy == "" {
		marks = append(marks, mark{Words: "escalated", Kind: "bad"})
	}
	if b.Missed > 0 {
		marks = append(marks, mark{Words: numbered(b.Missed, "place", "places") + " not reached", Kind: "bad"})
	}
	switch b.Phase {
	case group.Gathering:
		marks = append(marks, mark{Words: "not told yet"})
	case group.Unheard:
		marks = append(marks, mark{Words: "no news from its source", Kind: "warn"})
	}
	return marks
}

// lasting is a time span in the two largest units that say something.
func lasting(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 24*time.Hour:
		return together(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	}
	return together(int(d.Hours())/24, "d", int(d.Hours())%24, "h")
}

func together(n int, unit string, rest int, smaller string) string {
	if rest == 0 {
		return strconv.Itoa(n) + " " + unit
	}
	return strconv.Itoa(n) + " " + unit + " " + strconv.Itoa(rest) + " " + smaller
}
