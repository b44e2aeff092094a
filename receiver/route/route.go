// Package route decides which destinations are told of an alert, with which
// card, grouped how and how often. It is Alertmanager's routing tree with
// Alertmanager's matchers, time intervals and inhibition rules, so that a tree
// can be carried over and means the same here; only that a route names
// destinations, several if it likes, and a card.
//
// The package does no I/O and reads no clock. A Tree never changes once it is
// made and may be used by any number of goroutines; a reload makes a new one.
// An Inhibitor does change, and whoever holds it guards it.
package route

import (
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
)

// Route is one route as the configuration file has it. A field that is left
// out is inherited from the route above, except for the matchers, continue and
// the time intervals, which are a route's own.
type Route struct {
	// Matchers are what an alert's labels must satisfy, all of them, in
	// Alertmanager's syntax, UTF-8 and classic. A route without any takes
	// every alert.
	Matchers []string `yaml:"matchers"`
	// Match and MatchRE are the form that Alertmanager had before matchers.
	Match   map[string]string `yaml:"match"`
	MatchRE map[string]string `yaml:"match_re"`
	// Continue: an alert that matches goes on to the next route too.
	Continue bool `yaml:"continue"`

	// GroupBy are the labels whose values make a group; "..." alone stands for
	// all labels. nil is inherited, an empty list makes one group of all.
	GroupBy        []string       `yaml:"group_by"`
	GroupWait      *time.Duration `yaml:"group_wait"`
	GroupInterval  *time.Duration `yaml:"group_interval"`
	RepeatInterval *time.Duration `yaml:"repeat_interval"`

	// MuteTimeIntervals and ActiveTimeIntervals name time intervals: nothing
	// is told while one of the first contains the time, nor while none of the
	// second does.
	MuteTimeIntervals   []string `yaml:"mute_time_intervals"`
	ActiveTimeIntervals []string `yaml:"active_time_intervals"`

	// Destinations are who is told. nil is inherited, an empty list means
	// nobody.
	Destinations []string `yaml:"destinations"`
	// Card names the template; without it each group gets what suits it.
	Card string `yaml:"card"`
	// Resolve says whether the end of an episode must reach somebody's
	// attention: "quiet" (the default) or "loud".
	Resolve string `yaml:"resolve"`

	// Escalate says who else is told as long as nobody takes care of an episode.
	// nil is inherited, an empty list means nobody. A route that tells nobody
	// inherits nothing: there is no answer to wait for.
	Escalate Escalation `yaml:"escalate"`

	// Routes are asked in order before this route takes an alert itself.
	Routes []Route `yaml:"routes"`
}

// Escalation are steps in the order in which it is their turn. In a file a
// single one may stand without a list around it.
type Escalation []Step

// Step is one step of an escalation.
type Step struct {
	// After is how long something has fired, and was told, with nobody having
	// acknowledged or silenced it.
	After        *time.Duration `yaml:"after"`
	Destinations []string       `yaml:"destinations"`
	// Every repeats the step for as long as that is so; nil: it is told once.
	Every *time.Duration `yaml:"every"`
}

// The values of Route.Resolve.
const (
	ResolveQuiet = "quiet"
	ResolveLoud  = "loud"
)

// What the top route has where the file says nothing. The times are
// Alertmanager's.
const (
	DefaultGroupWait      = 30 * time.Second
	DefaultGroupInterval  = 5 * time.Minute
	DefaultRepeatInterval = 4 * time.Hour
)

// Interval is a time interval with its name, as the configuration file has it.
type Interval struct {
	Name          string                      `yaml:"name"`
	TimeIntervals []timeinterval.TimeInterval `yaml:"time_intervals"`
}

// InhibitRule says that alerts which match the target are not worth telling
// while an alert fires that matches the source and has the same values in the
// labels of Equal. A label that neither has counts as equal.
type InhibitRule struct {
	Name           string            `yaml:"name"`
	SourceMatchers []string          `yaml:"source_matchers"`
	SourceMatch    map[string]string `yaml:"source_match"`
	SourceMatchRE  map[string]string `yaml:"source_match_re"`
	TargetMatchers []string          `yaml:"target_matchers"`
	TargetMatch    map[string]string `yaml:"target_match"`
	TargetMatchRE  map[string]string `yaml:"target_match_re"`
	Equal          []string          `yaml:"equal"`
}

// Options is all that a tree is made from.
type Options struct {
	Route         Route
	TimeIntervals []Interval
	InhibitRules  []InhibitRule
	// Destinations and Cards are the names that exist.
	Destinations []string
	Cards        []string
	// DestinationCards are the cards of destinations that have one of their
	// own, for what no route names a card for.
	DestinationCards map[string]string
	// Singly are the destinations that get a card of each alert, of what is
	// sent straight to them in groups.
	Singly map[string]bool
}

// Problem is something wrong with the options.
type Problem struct {
	// At is where: "route.routes[0].matchers[1]", "time_intervals[2].name",
	// "inhibit_rules[0].equal[1]", in the names of the configuration file.
	At string
	// Warning: the tree can be used all the same.
	Warning bool
	What    string // what is wrong
	Do      string // what to do about it
}
