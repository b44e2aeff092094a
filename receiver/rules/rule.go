package rules

import (
	"regexp"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// Set is all groups of all rule files, compiled. It does not change, and
// belongs to one Evaluator: conditions have memory to work in.
type Set struct {
	Groups []*Group
	// measurements finds the rules for a metric.
	measurements map[string][]*Rule
}

// IsTest says whether a file is a rule test by its name: those lie beside the
// rules, and a pattern such as rules/*.yml does not mean them.
func IsTest(name string) bool {
	return strings.HasSuffix(name, "_test.yml") || strings.HasSuffix(name, "_test.yaml")
}

// heading is how a rule file begins a line, and nothing else of ours does.
var heading = regexp.MustCompile(`(?m)^(?:\{\s*)?["']?(?:groups|rules)["']?[ \t]*:`)

// bare is how a file begins that is a list: only blank lines and comments
// stand before it.
var bare = regexp.MustCompile(`^(?:[ \t\r]*(?:#[^\n]*)?\n|---[ \t\r]*\n)*- +`)

// itemKey is a key by which an item of a list is known as a rule, or a group.
var itemKey = regexp.MustCompile(`(?m)^(?:-| ) +(?:alert|record|rules)[ \t]*:`)

// IsRules says whether the text of a file is meant to be rules, right or
// wrong: a file with groups, or rules that stand in none.
func IsRules(data []byte) bool {
	data = yamlfile.Text(data)
	return heading.Match(data) || bare.Match(data) && itemKey.Match(data)
}

// Group is rules that are evaluated together.
type Group struct {
	Name string
	File string
	Line int
	// InfluxDB names the connection that the group's rules query every
	// Interval; "": its rules look at Telegraf's metrics.
	InfluxDB string
	Interval time.Duration
	Rules    []*Rule
}

// Rule turns samples into alerts.
type Rule struct {
	// ID identifies the rule across reloads and restarts: its group, its
	// name and its labels; where these are not enough, what it looks at.
	ID    string
	Alert string
	Group *Group
	Line  int

	// Measurement is the name of the metrics that the rule looks at; of a
	// polled rule it is "" and Query stands in Language.
	Measurement string
	Query       string
	Language    Language

	Where *condition.Condition // nil: every sample
	// By are the tags that make a series, sorted; nil: all of them.
	By []string
	// Levels are the highest first; at least one.
	Levels        []Level
	Needs         []condition.Need // of all levels, by slot
	For           time.Duration
	KeepFiringFor time.Duration
	NoData        *NoData // nil: silence says nothing
	Labels        []Template
	Annotations   []Template
	Chart         *Chart // nil: none
	SeriesLimit   int
}

// Language is what a query is written in.
type Language string

// The languages of queries.
const (
	Flux     Language = "flux"
	InfluxQL Language = "influxql"
)

// Level is one severity of a rule.
type Level struct {
	Severity string // "" where the rule's labels say it, or nobody
	When     *condition.Condition
	Clear    *condition.Condition // nil: when When is not true any more
	Line     int
}

// NoData says that a series that goes silent is worth an alert.
type NoData struct {
	After    time.Duration // strictly longer
	Severity string
}

// Chart is which field is kept for how long, for the card.
type Chart struct {
	Field string
	Last  time.Duration
}

// DefaultSeriesLimit is how many series a rule may have at a time, so that a
// tag that takes ever new values cannot eat the memory. 100,000 series without
// windows take about 50 MB.
const DefaultSeriesLimit = 100_000
