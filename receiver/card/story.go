package card

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Story is a group in words: what the shipped cards lay out. Templates see it
// as .Card. Markdown is written by a rule's author and stays Markdown; every
// other string is plain text.
type Story struct {
	Severity    string // the word that the source wrote, "" without one
	State       string // "firing", "unseen" or "resolved": what is worst among the alerts
	Style       string // of the container around the head: attention, warning, accent, good, emphasis
	Color       string // of text: Attention, Warning, Accent, Good, Default
	Word        string // the same in one word: "CRITICAL", "FIRING", "RESOLVED", "NO NEWS"; "" for what only happened
	Status      string // "CRITICAL · 3 firing, 1 resolved", "Resolved after 12 min · was critical"; "WARNING" or "Butler" of what only happened
	Duration    string // "for 12 min", "after 12 min"; "" when nobody knows
	Title       string
	Name        string // the alerts' common name, "" when they differ
	Where       string // Markdown: the labels that say where, "site **fra1** · team **ops**"
	Since       string // "since 10:02 UTC", "fired 10:02, resolved 10:05 UTC"; "10:02 UTC" of what only happened
	Summary     string // Markdown; "" when the alerts differ in it
	Description string // Markdown; "" when the alerts differ in it
	Notices     []string
	Facts       []Fact // what else the alerts have in common
	Rows        []Row  // one for each alert, worst first; none when there is one alert
	Hidden      int    // how many alerts have no row; {{ more .Card.Hidden }} says so
	History     string // "10:02 fired · 10:05 2 joined"; "" when there is little to tell
	Comments    []Comment
	Links       []Link
	Picture     string // the URL of a picture that the source made, "" without one
	Standing    string // what somebody did about what goes on: "acknowledged by Alice", "silenced until 12:00"; "" when nobody did
	SmallPrint  string // "Alertmanager · DatacenterTemperature · #k3f9"
	Preview     string // the text that a phone shows
	Speak       string // the text that is read aloud

	people []Line  // what people did
	teller *teller // for what only some cards ask
}

// Began is when it began, "10:02 UTC"; "" when nobody knows.
func (s *Story) Began() string { return s.teller.wall.timeZone(s.teller.since) }

// Ended is when it was resolved, "10:05 UTC"; "" while it is not.
func (s *Story) Ended() string {
	if s.State != string(group.Resolved) {
		return ""
	}
	return s.teller.wall.timeZone(s.teller.over())
}

// Took is how long it took, or takes until now: "3 min"; "" when nobody knows.
func (s *Story) Took() string { return s.teller.took(s.State) }

// Worst is what sets the worst alert apart from the others, as Markdown:
// "rack **r1**"; "" when there is one alert.
func (s *Story) Worst() string {
	if len(s.teller.members) < 2 {
		return ""
	}
	return s.teller.apart(s.teller.members[0], s.teller.differing())
}

// Tag is how a preview begins: the word with what somebody did about it, and
// what they did just now. "[CRITICAL]", "[CRITICAL, acknowledged by Alice]",
// "[CRITICAL, escalated]",
// "[RESOLVED by Carol]", "[CRITICAL] assigned to Bob by Alice:"; "" without
// either.
func (s *Story) Tag() string {
	if news := s.teller.news(); news != "" {
		return strings.TrimSpace(s.bracket() + " " + news + ":")
	}
	return s.bracket()
}

func (s *Story) bracket() string {
	switch by := s.teller.in.Group.Closed; {
	case s.Word == "":
		return ""
	case by != nil:
		return "[" + s.Word + " by " + personName(by.By) + "]"
	case s.Standing != "":
		return "[" + s.Word + ", " + s.Standing + "]"
	}
	return "[" + s.Word + "]"
}

// Deed is what somebody did last in the system that the alert came from, or,
// with the name of a change, when somebody did that last: "commented",
// "assigned". Zero when nobody did.
func (s *Story) Deed(change ...string) Comment { return s.teller.deed(change...) }

// Fact is a name with a value.
type Fact struct {
	Name, Value string
	Markdown    bool   // the value is Markdown: an annotation of a rule
	source      string // the label or annotation, when it is not Name
}

// Row is what sets one alert apart from the others of its group.
type Row struct {
	Labels  string // Markdown: the labels in which the alerts differ, "rack **r1**"
	Summary string // Markdown; "" when all alerts share it
	When    string // "10:02", "resolved 10:05", "no news since 10:12"
	State   string // as group.State
	Color   string // of When
}

// Comment is what somebody wrote in the system that an event came from.
type Comment struct {
	At   string // "10:05"
	Who  string // "" when nobody knows
	Text string
}

// How much a card says before it stops being read. What is left out of labels
// can be seen in the source, one button away.
const (
	maxRows     = 10
	maxWhere    = 3
	maxFacts    = 8
	maxRowFacts = 3
	maxHistory  = 8
	maxComments = 5
	maxLinks    = 6 // Teams shows about six buttons (teams-platform §7.5)

	maxLabel   = 120  // runes of a label's value
	maxWho     = 60   // runes of a person's name
	maxTitle   = 160  // runes
	maxSummary = 600  // runes of a summary
	maxText    = 4000 // runes of a description
	maxPreview = 160  // runes
)

// Late deliveries are mentioned from here on: less than this is how alerting
// works on any day.
const worthSayingLate = time.Minute

// teller makes a Story. It holds what several parts of it need.
type teller struct {
	in      Input
	wall    wall
	members []*group.Member // those worth telling, worst first
	count   struct{ firing, resolved, unseen int }
	fires   int // alerts that fire at their source, also when somebody ended the episode
	rank    alert.Severity
	since   time.Time // when the first alert started; zero when nobody knows
	labels  map[string]string
	notes   map[string]string // the common annotations
	place   string            // the value of the label that says best where
	words   stateWords
	// strangers: nobody answers for the Markdown of the annotations.
	strangers bool
	// momentary: it happened, and nothing is known of a state that goes on.
	momentary bool
}

// stateWords is how a card speaks of the states of what it tells.
type stateWords struct {
	firing, began, again, resolved string
	ended                          string // as resolved, in a row, where there is little room
}

// ofAlerts is how cards speak of alerts.
var ofAlerts = stateWords{firing: "firing", began: "fired", again: "fired again", resolved: "resolved", ended: "resolved"}

// ofMoments is how cards speak of what only happened.
var ofMoments = stateWords{firing: "happened", began: "happened", again: "happened again", resolved: "resolved", ended: "resolved"}

// story puts the group into words, with at most rows rows.
func (t *teller) story(rows int) *Story {
	s := &Story{State: t.state(), Severity: t.severityWord(), Name: t.name(), teller: t}
	s.Standing, s.people = t.standing(), t.people()
	s.Style, s.Color = t.looks(s.State)
	s.Duration, s.Since = t.times(s.State)
	s.Word = t.word(s)
	s.Status = t.status(s)
	s.Summary, s.Description = t.texts()
	s.Title = t.title(s)
	s.Where, s.Facts = t.facts()
	s.Notices = t.notices()
	if len(t.members) > 1 {
		s.Rows = t.rows(min(rows, maxRows))
		s.Hidden = len(t.members) - len(s.Rows)
	}
	s.History = t.history()
	s.Comments = t.comments()
	s.Links, s.Picture = t.links(s.State), t.picture()
	s.SmallPrint = t.smallPrint(s)
	s.Preview = t.preview(s)
	s.Speak = t.speak(s)
	return s
}

func newTeller(in Input) *teller {
	t := &teller{in: in, wall: newWall(in.Now, in.Location), words: ofAlerts}
	g := &in.Group
	t.members = tellable(g)
	for _, m := range t.members {
		if start := t.start(m); !start.IsZero() && (t.since.IsZero() || start.Before(t.since)) {
			t.since = start
		}
	}
	t.members = withoutReplaced(t.members)
	if g.Closed != nil {
		t.fires, _, _ = g.Counts()
		t.members = endedByHand(t.members, g.Closed.At)
	}
	t.strangers = ofStrangers(t.members)
	t.count.resolved = g.Forgotten
	any := alert.SeverityNone
	for _, m := range t.members {
		severity := m.Severity()
		any = max(any, severity)
		switch m.State {
		case group.Firing:
			t.count.firing++
			t.rank = max(t.rank, severity)
		case group.Unseen:
			t.count.unseen++
		default:
			t.count.resolved++
		}
	}
	t.momentary = momentary(t.members)
	if t.momentary {
		t.words = ofMoments
	}
	if t.rank == alert.SeverityNone {
		t.rank = any
	}
	t.sort()
	t.labels = common(t.members, func(m *group.Member) map[string]string { return m.Labels })
	t.notes = common(t.members, func(m *group.Member) map[string]string { return m.Annotations })
	return t
}

// tellable is the alerts that people hear of: those that no other alert makes
// needless, or all if there is no other.
func tellable(g *group.Group) []*group.Member {
	members := make([]*group.Member, 0, len(g.Alerts))
	for i := range g.Alerts {
		if !g.Alerts[i].Inhibited {
			members = append(members, &g.Alerts[i])
		}
	}
	if len(members) == 0 { // all are inhibited: rather say something
		for i := range g.Alerts {
			members = append(members, &g.Alerts[i])
		}
	}
	return members
}

// withoutReplaced leaves out resolved alerts in whose place there is another:
// one that differs from it in severity only, and fires or began later. When a
// warning becomes critical its rule ends one alert and begins the other, and
// to read of both would say that something is over.
func withoutReplaced(members []*group.Member) []*group.Member {
	resolved := slices.ContainsFunc(members, func(m *group.Member) bool { return m.State == group.Resolved })
	differ := slices.ContainsFunc(members, func(m *group.Member) bool {
		return m.Labels[alert.SeverityLabel] != members[0].Labels[alert.SeverityLabel]
	})
	if !resolved || !differ { // most groups: nothing to look for
		return members
	}
	latest := make(map[alert.Fingerprint]*group.Member, len(members))
	for _, m := range members {
		key := alert.FingerprintApart(m.Labels, alert.SeverityLabel)
		if other, ok := latest[key]; !ok || replaces(m, other) {
			latest[key] = m
		}
	}
	return slices.DeleteFunc(members, func(m *group.Member) bool {
		return m.State == group.Resolved && latest[alert.FingerprintApart(m.Labels, alert.SeverityLabel)] != m
	})
}

// replaces says which of two alerts that differ in severity only is the one
// that counts now.
func replaces(m, other *group.Member) bool {
	if fires := m.State == group.Firing; fires != (other.State == group.Firing) {
		return fires
	}
	return m.StartsAt.After(other.StartsAt)
}

// sort puts what fires before what is unseen and what is resolved, then the
// worse first, then the older: the first to fall is often the cause.
func (t *teller) sort() {
	type keyed struct {
		m     *group.Member
		state int
		rank  alert.Severity
	}
	order := make([]keyed, len(t.members))
	for i, m := range t.members {
		order[i] = keyed{m, stateRank(m.State), m.Severity()}
	}
	slices.SortStableFunc(order, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(a.state, b.state), cmp.Compare(b.rank, a.rank), a.m.StartsAt.Compare(b.m.StartsAt))
	})
	for i := range order {
		t.members[i] = order[i].m
	}
}

func stateRank(s group.State) int {
	switch s {
	case group.Firing:
		return 0
	case group.Unseen:
		return 1
	}
	return 2
}

// common is what all members agree on. It reads each map once.
func common(members []*group.Member, of func(*group.Member) map[string]string) map[string]string {
	sets := make([]map[string]string, len(members))
	for i, m := range members {
		sets[i] = of(m)
	}
	return alert.Common(sets...)
}

// start is when an alert started. Sources leave the time out or have clocks
// that are ahead; then it is when the group opened here.
func (t *teller) start(m *group.Member) time.Time {
	if m.StartsAt.Year() > 1 && !m.StartsAt.After(t.in.Now) {
		return m.StartsAt
	}
	return t.in.Group.OpenedAt
}

// end is when a resolved alert ended.
func (t *teller) end(m *group.Member) time.Time {
	if m.EndsAt.Year() > 1 && !m.EndsAt.After(t.in.Now) {
		return m.EndsAt
	}
	return m.SeenAt
}

func (t *teller) state() string {
	switch {
	case t.count.firing > 0:
		return string(group.Firing)
	case t.count.unseen > 0:
		return string(group.Unseen)
	}
	return string(group.Resolved)
}

// severityWord is the word of the worst alert, as its source wrote it.
func (t *teller) severityWord() string {
	for _, m := range t.members {
		if m.Severity() == t.rank {
			return shorten(strings.TrimSpace(m.Labels[alert.SeverityLabel]), 24)
		}
	}
	return ""
}

func (t *teller) name() string {
	if len(t.members) == 0 {
		return t.in.Group.Spec.Labels[alert.NameLabel]
	}
	return t.labels[alert.NameLabel]
}

func (t *teller) looks(state string) (style, color string) {
	switch {
	case state == string(group.Resolved):
		return "good", "Good"
	case t.silenced(), state == string(group.Unseen) && !t.momentary:
		return "emphasis", "Default"
	}
	if t.momentary && t.severityWord() == "" {
		return "emphasis", "Default" // no alarm, as far as anybody said
	}
	if style, color = severityLooks(t.rank); t.acknowledged() {
		style = "emphasis" // somebody cares: as bad, and calmer
	}
	return style, color
}

// severityLooks is the style of a container and the colour of text for
// something that fires. The word always stands beside it.
func severityLooks(rank alert.Severity) (style, color string) {
	switch rank {
	case alert.SeverityCritical, alert.SeverityError:
		return "attention", "Attention"
	case alert.SeverityWarning, alert.SeverityUnknown:
		return "warning", "Warning"
	case alert.SeverityInfo:
		return "accent", "Accent"
	}
	return "emphasis", "Default"
}

// texts are the common summary and description. An alert without a summary
// often has the one sentence under another name.
func (t *teller) texts() (summary, description string) {
	for _, key := range summaryKeys {
		if summary = strings.TrimSpace(t.notes[key]); summary != "" {
			break
		}
	}
	for _, key := range descriptionKeys {
		if description = strings.TrimSpace(t.notes[key]); description != "" {
			break
		}
	}
	if summary == "" && !t.haveSummaries() {
		if description == "" && len(t.members) == 1 { // it has no row that would show them
			return valuesLine(t.members[0]), ""
		}
		return t.annotation(shorten(description, maxText)), ""
	}
	if description == summary {
		description = ""
	}
	return t.annotation(shorten(summary, maxSummary)), t.annotation(shorten(description, maxText))
}

// haveSummaries reports whether the alerts have summaries of their own.
func (t *teller) haveSummaries() bool {
	for _, m := range t.members {
		for _, key := range summaryKeys {
			if m.Annotations[key] != "" {
				return true
			}
		}
	}
	return false
}

func (t *teller) title(s *Story) string {
	if s.Name != "" {
		return shorten(t.titleOf(s), maxTitle)
	}
	var names []string
	for _, m := range t.members {
		if name := m.Name(); name != "" && !slices.Contains(names, name) {
			if names = append(names, name); len(names) == 3 {
				break
			}
		}
	}
	switch {
	case len(names) == 0 && s.Summary != "":
		return shorten(spoken(s.Summary), maxTitle)
	case len(names) == 0:
		return "Alert without a name"
	}
	for i, name := range names {
		names[i] = titleWords(oneLine(name))
	}
	return shorten(thousands(len(t.members))+" alerts: "+strings.Join(names, ", "), maxTitle)
}
