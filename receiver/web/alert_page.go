package web

import (
	"cmp"
	"context"
	"errors"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/cardview"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var alertTemplate = pageTemplate("alert.tmpl")

// How much of an episode's story a page has of each kind.
const (
	alertMembers    = 50
	alertPosts      = 25
	alertDeliveries = 25
	alertAudit      = 50
	alertEpisodes   = 8
)

// alertView is what pages/alert.tmpl shows.
type alertView struct {
	base
	Unread  bool
	Unknown string // what somebody asked for and there is not

	ID, Title, Source, Receiver string
	Word, Kind                  string // of its severity
	State                       mark
	Marks                       []mark
	Since, OpenedAt             time.Time // it began; we heard of it
	OverAt, HeardAt             time.Time
	Lasts                       string
	Episode                     int
	Firing, Resolved, Unseen    int
	Labels                      []named
	Escalations                 []string
	Missed                      []Missed
	MoreMissed                  int

	Card     template.HTML
	CardAt   string // the place that it is shown at
	NoCard   string // why there is none
	Others   []chip // places with a card of their own
	Members  []memberRow
	MoreMore string // the link to further alerts
	Posts    []postRow
	OlderPosts,
	OlderDeliveries string
	Deliveries []Delivery
	Silences   []Silence
	Intents    []Intent
	Audit      []store.Audit
	History    []happened
	Episodes   []episodeRow
	Latest     string // the id of the latest episode, if this is not it
}

type named struct{ Name, Value string }

// memberRow is an alert of the group.
type memberRow struct {
	Name          string
	State         mark
	Severity      string
	Labels, Notes []named
	Values        []named
	StartsAt      time.Time
	EndsAt        *time.Time
	Source        string // the link to where it was decided
}

// postRow is a place where the episode is told.
type postRow struct {
	Post
	Words mark   // its state for people
	Card  string // the link that shows its card
	Here  bool   // its card is the one on this page
}

// happened is a line of the episode's story.
type happened struct {
	At   time.Time
	What string
	Text string
}

type episodeRow struct {
	ID       string
	Number   int
	OpenedAt time.Time
	Lasts    string
	Word     string
}

// alertPage shows one episode's whole story, also when it is over.
func (s *server) alertPage(w http.ResponseWriter, r *http.Request) {
	view := &alertView{base: s.base(w, r)}
	typed := strings.TrimPrefix(strings.TrimSpace(r.PathValue("id")), "#")
	id, ok := alert.FromShortID(typed)
	if !ok {
		view.Unknown = cut(typed)
		s.show(w, r, http.StatusNotFound, alertTemplate, view)
		return
	}
	var g group.Group
	var shown store.Post
	err := s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		*view = alertView{base: view.base}
		if g, err = tx.Group(id); err != nil {
			return err
		}
		shown, err = s.fillAlert(tx, view, &g, r.URL.Query())
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		view.Unknown = typed
		s.show(w, r, http.StatusNotFound, alertTemplate, view)
		return
	case err != nil:
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread = true
		s.show(w, r, http.StatusServiceUnavailable, alertTemplate, view)
		return
	}
	view.fillCard(r.Context(), s, &g, &shown)
	s.show(w, r, http.StatusOK, alertTemplate, view)
}

// fillAlert fills all but the card, and returns the post whose card is to be
// shown; a zero one: there is none.
func (s *server) fillAlert(tx store.Tx, v *alertView, g *group.Group, asked url.Values) (shown store.Post, err error) {
	now := s.Engine.Now()
	b := store.BriefOf(g)
	v.ID, v.Title, v.Source, v.Receiver, v.Episode = g.ShortID(), g.Title(), g.Spec.Source, g.Sender.Receiver, g.Episode
	v.Word, v.Kind = severityKind(b.Severity)
	v.State, v.Marks = stateOf(g), marksOf(&b)
	v.OpenedAt, v.OverAt, v.HeardAt = g.OpenedAt, g.OverAt, g.HeardAt
	end := now
	if g.Phase == group.Over {
		end = g.OverAt
	}
	v.Since, v.Lasts = b.Since, lasting(end.Sub(b.Since))
	v.Firing, v.Resolved, v.Unseen = g.Counts()
	v.Labels = sortedPairs(g.Spec.Labels)
	for _, e := range escalatedOf(g) {
		v.Escalations = append(v.Escalations, "step "+strconv.Itoa(e.Step)+" to "+strings.Join(e.Destinations, ", ")+" at "+clockTime(e.At))
	}
	v.Missed, v.MoreMissed = missedOf(g), g.MoreMisses
	v.members(g, asked)
	for _, h := range slices.Backward(g.History) {
		v.History = append(v.History, happened{At: h.At, What: historyWords(h), Text: h.Text})
	}

	before, _ := strconv.ParseInt(asked.Get("posts"), 10, 64) // nonsense is the first page
	posts, err := tx.ListPosts(store.PostFilter{GroupID: g.ID, Before: before, Limit: alertPosts})
	if err != nil {
		return shown, err
	}
	if len(posts) == alertPosts {
		v.OlderPosts = link(asked, "posts", posts[len(posts)-1].ID) + "#posts"
	}
	rows, err := postsOf(tx, posts)
	if err != nil {
		return shown, err
	}
	chosen, _ := strconv.ParseInt(asked.Get("card"), 10, 64)
	for i := range posts {
		if posts[i].ID == chosen || shown.ID == 0 && chosen == 0 {
			shown = posts[i]
		}
	}
	if shown.ID == 0 && chosen != 0 { // one of another page
		p, err := tx.Post(chosen)
		switch {
		case err == nil && p.GroupID == g.ID:
			shown = p
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return shown, err
		}
	}
	for i := range rows {
		if at := rows[i].NotBefore; at != nil && !at.After(now) {
			rows[i].NotBefore = nil
		}
		v.Posts = append(v.Posts, postRow{
			Post: rows[i], Words: postWords(&rows[i]), Here: rows[i].ID == shown.ID, Card: link(asked, "card", rows[i].ID) + "#card",
		})
	}

	before, _ = strconv.ParseInt(asked.Get("deliveries"), 10, 64)
	log, err := tx.Deliveries(store.DeliveryFilter{GroupID: g.ID, Before: before, Limit: alertDeliveries})
	if err != nil {
		return shown, err
	}
	if len(log) == alertDeliveries {
		v.OlderDeliveries = link(asked, "deliveries", log[len(log)-1].ID) + "#deliveries"
	}
	known := occupants{}
	for i := range log {
		here, err := known.at(tx, log[i].Address)
		if err != nil {
			return shown, err
		}
		v.Deliveries = append(v.Deliveries, deliveryOf(&log[i], here.who))
	}
	return shown, v.actions(tx, g, now)
}

// actions are what people did about it.
func (v *alertView) actions(tx store.Tx, g *group.Group, now time.Time) error {
	lines, err := tx.Audit(store.AuditFilter{Target: v.ID, Limit: alertAudit})
	if err != nil {
		return err
	}
	v.Audit = slices.DeleteFunc(lines, func(l store.Audit) bool { return !aboutAlert(&l) })
	silences, err := tx.OpenSilences(now)
	if err != nil {
		return err
	}
	for i := range silences {
		if is := &silences[i]; is.GroupID == g.ID || g.Silence != nil && g.Silence.ID == is.ID {
			v.Silences = append(v.Silences, silenceOf(is))
		}
	}
	intents, err := intentsOf(tx, []int64{g.ID})
	if err != nil {
		return err
	}
	v.Intents = intents[g.ID]
	latest, before, err := tx.Episodes(g.ID, alertEpisodes)
	if err != nil {
		return err
	}
	if latest != g.ID {
		v.Latest = alert.ShortID(latest)
	}
	for i := range before {
		e := &before[i]
		row := episodeRow{ID: e.ShortID(), Number: e.Episode, OpenedAt: e.OpenedAt}
		row.Word, _ = severityKind(e.Severity())
		if !e.OverAt.IsZero() {
			row.Lasts = lasting(e.OverAt.Sub(e.OpenedAt))
		}
		v.Episodes = append(v.Episodes, row)
	}
	return nil
}

// members are the alerts of a page, those that fire first.
func (v *alertView) members(g *group.Group, asked url.Values) {
	order := map[group.State]int{group.Firing: 0, group.Unseen: 1, group.Resolved: 2}
	all := make([]*group.Member, len(g.Alerts))
	for i := range g.Alerts {
		all[i] = &g.Alerts[i]
	}
	slices.SortStableFunc(all, func(a, b *group.Member) int {
		return cmp.Or(cmp.Compare(order[a.State], order[b.State]), -cmp.Compare(a.Severity(), b.Severity()))
	})
	from, _ := strconv.Atoi(asked.Get("alerts"))
	from = min(max(from, 0), len(all))
	to := min(len(all), from+alertMembers)
	for _, m := range all[from:to] {
		v.Members = append(v.Members, memberOf(m))
	}
	if to < len(all) {
		v.MoreMore = link(asked, "alerts", int64(to)) + "#alerts"
	}
}

func memberOf(m *group.Member) memberRow {
	row := memberRow{
		Name: m.Name(), Severity: m.Labels[alert.SeverityLabel], Labels: sortedPairs(m.Labels), Notes: sortedPairs(m.Annotations),
		StartsAt: m.StartsAt, EndsAt: optional(m.EndsAt), State: mark{Words: "firing", Kind: "bad"},
	}
	if row.Name == "" {
		row.Name = "An alert without a name"
	}
	switch {
	case m.State == group.Resolved:
		row.State = mark{Words: "resolved", Kind: "good"}
	case m.State == group.Unseen:
		row.State = mark{Words: "no news"}
	case m.Inhibited:
		row.State = mark{Words: "firing, and another alert says why"}
	}
	if m.State != group.Resolved {
		row.EndsAt = nil
	}
	if u, err := url.Parse(m.GeneratorURL); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		row.Source = m.GeneratorURL
	}
	for _, name := range slices.Sorted(maps.Keys(m.Values)) {
		row.Values = append(row.Values, named{name, strconv.FormatFloat(m.Values[name], 'g', -1, 64)})
	}
	return row
}

func sortedPairs(all map[string]string) []named {
	pairs := make([]named, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		pairs = append(pairs, named{name, all[name]})
	}
	return pairs
}

// link leads to this page, further in one of its lists.
func link(asked url.Values, name string, at int64) string {
	q := url.Values{}
	for _, known := range []string{"card", "posts", "deliveries", "alerts"} {
		if value := asked.Get(known); value != "" {
			q.Set(known, cut(value))
		}
	}
	q.Set(name, strconv.FormatInt(at, 10))
	return "?" + q.Encode()
}

// stateOf is where an episode is in its life.
func stateOf(g *group.Group) mark {
	switch g.Phase {
	case group.Over:
		if g.Closed != nil {
			return mark{Words: "resolved by " + g.Closed.By.Name, Kind: "good"}
		}
		return mark{Words: "over", Kind: "good"}
	case group.Unheard:
		return mark{Words: "no news from its source", Kind: "warn"}
	case group.Gathering:
		return mark{Words: "not told yet"}
	}
	return mark{Words: "firing", Kind: "bad"}
}

// postWords is how it is with a post, for people.
func postWords(p *Post) mark {
	switch store.State(p.State) {
	case store.Shown:
		return mark{Words: "shown", Kind: "good"}
	case store.Accepted:
		return mark{Words: "taken by the webhook", Kind: "good"}
	case store.Sending:
		return mark{Words: "being sent"}
	case store.Dead:
		return mark{Words: "given up", Kind: "bad"}
	case store.Waiting:
		return mark{Words: "failed, tried again", Kind: "warn"}
	}
	return mark{Words: "waits for its turn"}
}

// deedWords are the lines of a story, in words.
var deedWords = map[group.Change]string{
	group.FirstFiring: "It began to fire", group.FiresAgain: "It fires again", group.SeverityRises: "It got worse", group.SeverityFalls: "It got better",
	group.JoinsCritical: "More alerts joined", group.Joins: "More alerts joined", group.AllResolved: "All was resolved", group.PartlyResolved: "Some alerts were resolved",
	group.SilenceEnds: "The silence ended", group.Failed: "Another system did not do what it was asked for", group.Assigned: "Assigned", group.Reopened: "Opened again",
	group.Commented: "Commented", group.Updated: "Updated", group.Acknowledged: "Acknowledged", group.Unacknowledged: "The acknowledgement was taken back",
	group.Silenced: "Silenced", group.Asked: "Another system was asked to do something", group.Granted: "Another system did what it was asked for",
	group.Vanishes: "Its source left some alerts out", group.Reworded: "It reads differently", group.Escalated: "Escalated, because nobody took care of it",
	group.Unreached: "Somebody could not be told: others were", group.Reminds: "A reminder",
}

func historyWords(h group.History) string {
	words := deedWords[h.Change]
	if words == "" {
		words = string(h.Change)
	}
	if h.Count > 1 {
		words += " (" + strconv.Itoa(h.Count) + " alerts)"
	}
	if h.Who != "" {
		words += ", by " + h.Who
	}
	return words
}

// fillCard shows the card that is to be at a place now.
func (v *alertView) fillCard(ctx context.Context, s *server, g *group.Group, p *store.Post) {
	if p.ID == 0 {
		v.NoCard = "It was told nowhere yet, so there is no card."
		return
	}
	v.CardAt = p.Destination
	message, err := s.Engine.Rendered(ctx, p.Address, *g)
	switch {
	case errors.Is(err, engine.ErrUnknownDestination):
		v.NoCard = p.Destination + " is not in the configuration any more, so nobody can say what its card would look like now."
	case err != nil:
		s.Logger.Error("A card could not be made for a page", "alert", v.ID, "err", err)
		v.NoCard = "The card cannot be made now; the log says why."
	default:
		v.Card = cardview.HTML(message.Card)
	}
}
