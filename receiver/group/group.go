package group

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// Phase says where in its life an episode is. See doc.go for the table.
type Phase string

// The phases of an episode.
const (
	Gathering Phase = "gathering" // something fires, nobody has been told yet
	Open      Phase = "open"      // something fires, and it was told
	Unheard   Phase = "unheard"   // nothing fires, but of some alerts nobody knows the end
	Over      Phase = "over"      // every alert is resolved; the episode is finished
)

// State says what is known of one alert of the group.
type State string

// The states of an alert in its group.
const (
	Firing   State = "firing"
	Resolved State = "resolved"
	// Unseen: it was firing, and the latest snapshot of its group does not
	// mention it (Alertmanager leaves silenced alerts out). Not resolved.
	Unseen State = "unseen"
)

// Group is one episode of a group: the alerts that are told together, from the
// first that fires to the last that is resolved. The zero value is a group
// that never was.
//
// Groups are values: Receive and Advance return a new one and leave their
// argument alone; maps and the alerts themselves are shared.
type Group struct {
	ID      int64  `json:"-"` // the store's number for this episode, 0 before it is stored
	Key     string `json:"-"` // identity of the group: origin and route
	Origin  string `json:"-"` // who made it: source, receiver and Alertmanager's groupKey; or our route and labels
	Episode int    `json:"-"` // counts the lives of a group from 1
	Rev     int    `json:"-"` // counts the tellings of an episode
	// Before is the ID of the episode before, 0 where there was none: what is
	// still to be told of that one goes first.
	Before int64 `json:"be,omitempty"`

	Phase  Phase         `json:"ph"`
	Spec   Spec          `json:"sp"` // fixed when the episode begins
	Alerts []Member      `json:"al"` // in order of arrival
	Sender SenderDetails `json:"sn"`

	OpenedAt time.Time `json:"op"`          // when the episode's first alert arrived here
	ToldAt   time.Time `json:"td,omitzero"` // the latest telling
	// MessageAt is the latest telling that was a message of its own everywhere:
	// reminders count from it, because the others may have reached nobody.
	MessageAt time.Time `json:"ms,omitzero"`
	// FirstToldAt is the episode's first telling; later ones come a whole
	// number of group_intervals after it.
	FirstToldAt time.Time `json:"ft,omitzero"`
	OverAt      time.Time `json:"ov,omitzero"` // when the last alert was resolved
	HeardAt     time.Time `json:"hd"`          // the latest news, duplicates that were not stored left out
	// NotBefore holds the first telling back: a group that fires again within
	// group_interval of its resolve waits for the rest of the interval.
	NotBefore time.Time `json:"nb,omitzero"`
	// DueAt is when the group wants a Tick; zero: never.
	DueAt time.Time `json:"-"`

	// Remind: the sender of a Ready group repeated itself, and it is time.
	Remind bool `json:"rm,omitempty"`
	// Deed is what an event said was done and nobody was told of yet.
	Deed Change `json:"de,omitempty"`
	// ToldSeverity is the worst severity in the latest telling.
	ToldSeverity alert.Severity `json:"ts,omitempty"`
	// Here: somebody did it here, and sees the card whatever the hour is.
	Here bool `json:"he,omitempty"`
	// Actor is who brought about what nobody was told of yet, as far as an
	// event says.
	Actor string `json:"ac,omitempty"`
	// Events are the ids of the latest events, to know those that come again.
	Events []uint64 `json:"ev,omitempty"`
	// What people did and what still holds; nil: nobody did.
	Ack    *Mark `json:"ak,omitempty"` // acknowledged: no reminders, no escalation
	Owner  *Mark `json:"ow,omitempty"` // somebody is to take care of it
	Closed *Mark `json:"cl,omitempty"` // ended by hand, whatever the source says
	// Facts counts what people did: it numbers marks.
	Facts int `json:"fc,omitempty"`
	// Silence keeps all that fires quiet; nil: nothing does. ToldSilence is
	// the number of that in the latest telling.
	Silence     *Silence `json:"si,omitempty"`
	ToldSilence int64    `json:"tl,omitempty"`
	// Wishes are what other systems were asked to do, the latest.
	Wishes []Wish `json:"wi,omitempty"`

	// Alone is since when nobody has taken care of what fires: since it was
	// first told, fired again, was given back, or a silence has ended. Steps are
	// counted from it; Escalated says of each when it was last told, zero: not
	// since then.
	Alone     time.Time   `json:"aa,omitzero"`
	Escalated []time.Time `json:"ed,omitempty"`
	// Misses are who could not be told, the oldest first, one for each fallback,
	// of maxMisses addresses or a few less; MoreMisses counts the others, in
	// whose place MoreFor are told. Fallbacks are who is still to be told in
	// their place.
	Misses     []Miss   `json:"mx,omitempty"`
	MoreMisses int      `json:"mm,omitempty"`
	MoreFor    []string `json:"mf,omitempty"`
	Fallbacks  []Target `json:"fb,omitempty"`
	// Recount are the fallbacks whose card says of others that they are missed
	// than is so; from RecountAt on they are told.
	Recount   []string  `json:"rc,omitempty"`
	RecountAt time.Time `json:"ra,omitzero"`

	// Reminded is the latest telling that only repeated the one before.
	Reminded int `json:"rr,omitempty"`
	// reworded: an alert reads differently, though its state is the same.
	reworded bool

	// Forgotten counts resolved alerts that were told and then dropped to
	// keep a long episode small.
	Forgotten int `json:"fg,omitempty"`
	// Truncated is how many alerts Alertmanager left out of its latest body.
	Truncated int       `json:"tr,omitempty"`
	History   []History `json:"hi,omitempty"` // oldest first, at most maxHistory
}

// Spec is what the route says about a group. It stays for the episode, so that
// a resolve goes where the firing went.
type Spec struct {
	Route   string            `json:"r"`
	Source  string            `json:"s"`            // "alertmanager", "api", …: where the alerts come from
	Ready   bool              `json:"rd,omitempty"` // the source has grouped, waited and repeated already (Alertmanager's groups)
	Labels  map[string]string `json:"l,omitempty"`  // what the alerts of the group have in common by definition
	Targets []Target          `json:"t"`
	Timing  Timing            `json:"tm,omitzero"` // for groups that are not Ready
	// LoudResolve: the route asks that the end of the episode reaches people.
	LoudResolve bool `json:"lr,omitempty"`
	// Expires: an event's story that nobody has news of for so long is given
	// up; 0: never.
	Expires time.Duration `json:"ex,omitempty"`
	// Escalate are who is told when nobody takes care of the episode, in the
	// order in which it is their turn.
	Escalate []Step `json:"es,omitempty"`
	// Mute names the route's mute time intervals, Active its active ones.
	Mute   []string `json:"mi,omitempty"`
	Active []string `json:"ai,omitempty"`
}

// Target is one destination of a group and the card that it gets.
type Target struct {
	Destination string `json:"d"`
	Card        string `json:"c"` // the template's name; "": what suits the group
	// Address is the one address of a destination that is not in the
	// configuration: a conversation that has subscribed.
	Address string `json:"a,omitempty"`
}

// Has says whether an episode goes to a destination.
func (s *Spec) Has(t Target) bool {
	return slices.ContainsFunc(s.Targets, func(o Target) bool { return o.Destination == t.Destination && o.Address == t.Address })
}

// Timing is Alertmanager's three intervals.
type Timing struct {
	Wait     time.Duration `json:"w"`
	Interval time.Duration `json:"i"`
	Repeat   time.Duration `json:"r"`
}

// SenderDetails is what the latest body said about its sender; it goes into
// templates and decides nothing.
type SenderDetails struct {
	Receiver    string            `json:"r,omitempty"`
	ExternalURL string            `json:"u,omitempty"`
	RouteLabels map[string]string `json:"l,omitempty"`
}

// Member is an alert of a group with what is known and what was told of it.
type Member struct {
	alert.Alert
	State State `json:"x"`
	// Told is the state in the latest telling, "" while it was in none.
	Told State `json:"y,omitempty"`
	// Inhibited: another alert makes this one not worth telling. Its end is,
	// if it was ever told.
	Inhibited bool      `json:"i,omitempty"`
	SeenAt    time.Time `json:"n,omitzero"` // when a source last brought news of it
}

// History is one line of a group's story.
type History struct {
	At     time.Time `json:"t"`
	Change Change    `json:"c"`
	Count  int       `json:"n,omitempty"` // how many alerts it concerns
	// Who did it and what they wrote, where an event says so.
	Who  string `json:"w,omitempty"`
	Text string `json:"x,omitempty"`
	// Rev is the telling that a deed belongs to; 0 for what is no deed.
	Rev int `json:"r,omitempty"`
	// Told is the telling that the line came with, whatever it is; 0 in a
	// story that began before lines were numbered.
	Told int `json:"o,omitempty"`
	// Here: it was done in Teams or through the API, not by an event.
	Here bool `json:"h,omitempty"`
}

// Due says that the card at one target has to change.
type Due struct {
	Target Target
	Change Change
	// Loud changes must reach somebody's attention; quiet ones only make the
	// card true.
	Loud bool
	// Message: where a card cannot be edited, this change is a new message.
	// Other changes wait there for the next one that is.
	Message bool
	// Call: where it can, the change also is a message of its own, under the
	// card or after it: an edit reaches nobody's attention.
	Call bool
}

// Counts says how many alerts are in which state.
func (g *Group) Counts() (firing, resolved, unseen int) {
	for i := range g.Alerts {
		switch g.Alerts[i].State {
		case Firing:
			firing++
		case Resolved:
			resolved++
		case Unseen:
			unseen++
		}
	}
	return firing, resolved + g.Forgotten, unseen
}

// Severity is the worst severity among the alerts that fire, or among all when
// none does.
func (g *Group) Severity() alert.Severity {
	worst, any := alert.SeverityNone, alert.SeverityNone
	for i := range g.Alerts {
		severity := g.Alerts[i].Severity()
		any = max(any, severity)
		if g.Alerts[i].State == Firing {
			worst = max(worst, severity)
		}
	}
	if worst == alert.SeverityNone {
		return any
	}
	return worst
}

// Name is the alertname that all alerts share, or "".
func (g *Group) Name() string {
	name := ""
	for i := range g.Alerts {
		switch n := g.Alerts[i].Name(); {
		case i == 0:
			name = n
		case n != name:
			return ""
		}
	}
	return name
}

// Title says in a few words what the group is about, for lists, logs and dead
// letters: the alert's name and what its group labels add to it.
func (g *Group) Title() string {
	title := g.Name()
	if title == "" {
		title = strconv.Itoa(len(g.Alerts)) + " alerts"
		if len(g.Alerts) == 1 {
			title = "an alert without a name"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(g.Spec.Labels)) {
		if value := g.Spec.Labels[name]; name != alert.NameLabel && value != "" {
			title += " " + value
		}
	}
	return cut(title, maxTitle)
}

// maxTitle is the length of a title in characters.
const maxTitle = 120

// ShortID is the id that people read and type.
func (g *Group) ShortID() string { return alert.ShortID(g.ID) }
