package rules

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// File is a rule file that has been read.
type File struct {
	Name string // as it stands in problems and in Group.File
	Data []byte
}

// What a group has that does not say.
const (
	DefaultInterval  = time.Minute // of a group with influxdb
	DefaultChartLast = time.Hour
)

// Limits of rule files, so that one that was made by a program gone wild is
// refused and not run.
const (
	maxRules    = 10_000 // in all files
	minInterval = time.Second
)

// What stands in a rule file.
type (
	fileSection struct {
		Groups []groupSection `yaml:"groups"`
	}

	groupSection struct {
		Name     string         `yaml:"name"`
		Interval *time.Duration `yaml:"interval"`
		InfluxDB string         `yaml:"influxdb"`
		Rules    []ruleSection  `yaml:"rules"`
	}

	ruleSection struct {
		Alert         string            `yaml:"alert"`
		Measurement   string            `yaml:"measurement"`
		Query         string            `yaml:"query"`
		InfluxQL      string            `yaml:"influxql"`
		Where         string            `yaml:"where"`
		By            []string          `yaml:"by"`
		Levels        []levelSection    `yaml:"levels"`
		When          string            `yaml:"when"`
		Clear         string            `yaml:"clear"`
		Severity      string            `yaml:"severity"`
		For           time.Duration     `yaml:"for"`
		KeepFiringFor time.Duration     `yaml:"keep_firing_for"`
		NoData        *noDataSection    `yaml:"no_data"`
		Labels        map[string]string `yaml:"labels"`
		Annotations   map[string]string `yaml:"annotations"`
		Chart         *chartSection     `yaml:"chart"`
		SeriesLimit   *int              `yaml:"series_limit"`
	}

	levelSection struct {
		Severity string `yaml:"severity"`
		When     string `yaml:"when"`
		Clear    string `yaml:"clear"`
	}

	noDataSection struct {
		After    time.Duration `yaml:"after"`
		Severity string        `yaml:"severity"`
	}

	chartSection struct {
		Field string        `yaml:"field"`
		Last  time.Duration `yaml:"last"`
	}
)

// elsewhere are the keys of Prometheus, vmalert and Kapacitor for what has
// another name here, and their keys for what only they can do.
var elsewhere = map[reflect.Type]map[string]string{
	reflect.TypeFor[fileSection](): {
		"spec":  "groups: at the top, without apiVersion, kind, metadata and spec",
		"rules": "groups: [{name: …, rules: […]}]",
	},
	reflect.TypeFor[groupSection](): {
		"limit":               "series_limit: in its rules",
		"evaluation_interval": "interval",
		"source":              "influxdb: the name of a connection",
		"connection":          "influxdb: the name of a connection",
		"alerts":              "rules",
	},
	reflect.TypeFor[ruleSection](): {
		"expr":        "when: a condition such as temp_c > 27 (PromQL needs a Prometheus)",
		"record":      "alert (recorded series need a Prometheus)",
		"name":        "alert",
		"alertname":   "alert",
		"condition":   "when",
		"if":          "when",
		"crit":        "levels: [{severity: critical, when: …}]",
		"critical":    "levels: [{severity: critical, when: …}]",
		"warn":        "levels: [{severity: warning, when: …}]",
		"warning":     "levels: [{severity: warning, when: …}]",
		"flux":        "query",
		"from":        "measurement",
		"group_by":    "by",
		"tags":        "by",
		"duration":    "for",
		"summary":     "annotations: {summary: …}",
		"description": "annotations: {description: …}",
		"runbook_url": "annotations: {runbook_url: …}",
		"reset":       "clear",
		"influxdb":    "influxdb: of its group, beside rules",
		"interval":    "interval: of its group, beside rules",
	},
	reflect.TypeFor[levelSection](): {
		"level":     "severity",
		"name":      "severity",
		"condition": "when",
		"expr":      "when: a condition such as temp_c > 27",
		"for":       "for: beside levels; it holds for all of them",
		"labels":    "labels: beside levels; a level brings its severity",
	},
	reflect.TypeFor[noDataSection](): {"for": "after", "level": "severity"},
	reflect.TypeFor[chartSection]():  {"for": "last", "range": "last", "name": "field"},
}

// promQL are the keys by which a rule is known to be one of Prometheus.
var promQL = []string{"expr", "record"}

// Parse compiles rule files. Every mistake of all of them is reported, in the
// order of the files; the Set is nil if any of them is an error.
func Parse(files []File) (*Set, yamlfile.Problems) {
	c := &checker{set: &Set{measurements: make(map[string][]*Rule)}}
	for _, f := range files {
		c.file(f)
	}
	c.duplicates()
	c.identify()
	c.problems = append(c.problems, c.across...)
	c.problems.Sort()
	if c.problems.Failed() {
		return nil, c.problems
	}
	return c.set, c.problems
}

// Wants says whether any rule looks at metrics of this name. No Set wants none.
func (s *Set) Wants(measurement string) bool {
	return s != nil && len(s.measurements[measurement]) > 0
}

// checker makes a Set of what files say, and reports what is wrong.
type checker struct {
	set      *Set
	problems yamlfile.Problems
	across   yamlfile.Problems // what is wrong between files
	rules    int
}

// file adds the groups of one file.
func (c *checker) file(f File) {
	d := &document{Document: yamlfile.New(f.Name, yamlfile.Words{
		Elsewhere: elsewhere, Start: "start from one of sample-configs/rules",
	})}
	defer func() { c.problems = append(c.problems, d.Problems...) }()
	text := yamlfile.Text(f.Data)
	if at := bare.FindIndex(text); at != nil {
		d.Report(1+bytes.Count(text[:at[1]], []byte("\n")), "the file begins with a list, and rules stand in groups", "write groups: [{name: …, rules: […]}] with this list in it")
		return
	}
	var section fileSection
	if !d.Decode(f.Data, &section) {
		return
	}
	if !d.Has("groups") && !d.Faulty("groups") {
		d.Report(1, "there are no groups", "write groups: [{name: …, rules: […]}]")
	}
	if d.foreign(&section) {
		return
	}
	lines := make(map[string]int)
	for i := range section.Groups {
		at := fmt.Sprintf("groups[%d]", i)
		g := d.group(&section.Groups[i], at)
		g.File, g.Line = f.Name, d.Line(at)
		if line, twice := lines[g.Name]; twice && g.Name != "" {
			d.Wrong(at, fmt.Sprintf("there are two groups %s in this file (first on line %d)", yamlfile.Quote(g.Name), line), "rename one of them, or put the rules into one")
		}
		lines[g.Name] = g.Line
		for k := range section.Groups[i].Rules {
			if c.rules++; c.rules == maxRules+1 {
				d.Wrong(at, fmt.Sprintf("there are more than %d rules", maxRules), "let one rule look at several series with by")
			}
			if c.rules > maxRules {
				break
			}
			place := fmt.Sprintf("%s.rules[%d]", at, k)
			if r := d.rule(&section.Groups[i].Rules[k], g, place); r != nil {
				g.Rules = append(g.Rules, r)
				if r.Measurement != "" {
					c.set.measurements[r.Measurement] = append(c.set.measurements[r.Measurement], r)
				}
			}
		}
		c.set.Groups = append(c.set.Groups, g)
	}
}

// group checks what a group says of itself.
func (d *document) group(s *groupSection, at string) *Group {
	g := &Group{Name: s.Name, InfluxDB: s.InfluxDB}
	if s.Name == "" && !d.Faulty(at+".name") {
		d.Wrong(at, "the group has no name", "add name: and what its rules have in common")
	}
	switch {
	case d.Has(at+".influxdb") && s.InfluxDB == "" && !d.Faulty(at+".influxdb"):
		d.Wrong(at+".influxdb", "influxdb is empty", "name a connection of the configuration, or remove the line for rules on Telegraf's metrics")
	case s.InfluxDB == "" && s.Interval != nil && !d.Faulty(at+".influxdb"):
		d.Warn(at+".interval", "the interval has no effect: rules on metrics look at each one as it comes", "remove it, or add influxdb: and the name of a connection")
	case s.Interval != nil && *s.Interval < minInterval:
		d.Wrong(at+".interval", "the interval is shorter than 1s", "write a time such as 30s")
	}
	if s.InfluxDB != "" {
		g.Interval = DefaultInterval
		if s.Interval != nil {
			g.Interval = *s.Interval
		}
	}
	return g
}

// foreign reports rules of Prometheus, once for a file that has no others.
func (d *document) foreign(s *fileSection) bool {
	count, line := 0, 0
	for i := range s.Groups {
		for k := range s.Groups[i].Rules {
			at := fmt.Sprintf("groups[%d].rules[%d]", i, k)
			if !d.isPromQL(at) {
				return false
			}
			if count == 0 {
				line = d.Line(at)
			}
			count++
		}
	}
	if count == 0 {
		return false
	}
	d.Problems = nil // they only say in how many ways it is another language
	d.Report(line, "this is a rule file of Prometheus", "PromQL needs Prometheus: let it evaluate these rules and send its alerts here; rules here look at Telegraf's metrics and at InfluxDB")
	return true
}

// isPromQL says whether a rule is one of Prometheus.
func (d *document) isPromQL(at string) bool {
	return slices.ContainsFunc(promQL, func(key string) bool { return d.Unread(at + "." + key) })
}

// identify gives every rule an ID that stays the same over reloads and
// restarts: its group, its name and its labels. Rules that have all of these
// in common are told apart by what they look at and by their severities, so
// that none gets the series of another when their order changes.
func (c *checker) identify() {
	twins := make(map[string]int)
	for _, g := range c.set.Groups {
		for _, r := range g.Rules {
			r.ID = g.Name + "/" + labelled(r.Alert, r.Labels)
			twins[r.ID]++
		}
	}
	for _, g := range c.set.Groups {
		for _, r := range g.Rules {
			if twins[r.ID] > 1 {
				what := []string{fmt.Sprint(shapeOf(r))}
				for _, level := range r.Levels {
					what = append(what, level.Severity)
				}
				r.ID = fmt.Sprintf("%s#%016x", r.ID, hashOf(what...))
			}
		}
	}
}

// sortedKeys are the keys of a mapping of the file, so that problems and
// labels always come in the same order.
func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
