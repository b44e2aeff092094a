package rules

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// noDataLabel marks the alert that a series went silent.
const noDataLabel = "no_data"

// document is a rule file while it is being read.
type document struct{ *yamlfile.Document }

// rule compiles one rule; nil if it is not one of ours.
func (d *document) rule(s *ruleSection, g *Group, at string) *Rule {
	if d.isPromQL(at) {
		return nil // it has been said that there are no such keys
	}
	r := &Rule{
		Alert: s.Alert, Group: g, Line: d.Line(at),
		Measurement: s.Measurement,
		For:         s.For, KeepFiringFor: s.KeepFiringFor,
		SeriesLimit: DefaultSeriesLimit,
	}
	if strings.TrimSpace(s.Alert) == "" && !d.Faulty(at+".alert") {
		d.Wrong(at, "the rule has no name", "add alert: and a name such as DatacenterTemperature")
	}
	d.source(s, r, at)
	if d.Has(at+".where") && !d.Faulty(at+".where") {
		where, err := condition.CompileWhere(s.Where)
		if d.condition(err, at+".where") && len(where.Names()) == 0 {
			d.Warn(at+".where", "where mentions no tag or field, so it takes all samples or none", `compare a tag, as in site == "fra1", or remove it`)
		}
		r.Where = where
	}
	r.By = d.by(s.By, at+".by")
	d.levels(s, r, at)
	d.noData(s, r, at)
	d.labels(s, r, at)
	all := append(sortedKeys(s.Labels), alert.NameLabel, alert.SeverityLabel, noDataLabel)
	r.Annotations = d.templates(s.Annotations, s, append(all, s.By...), at+".annotations")
	d.chart(s, r, at)
	d.doubts(r, at)
	if s.SeriesLimit != nil {
		r.SeriesLimit = *s.SeriesLimit
		if *s.SeriesLimit <= 0 && !d.Faulty(at+".series_limit") {
			d.Wrong(at+".series_limit", "series_limit must be more than 0", fmt.Sprintf("write how many series the rule may have, or remove it for %d", DefaultSeriesLimit))
		}
	}
	return r
}

// source is where the rule's samples come from.
func (d *document) source(s *ruleSection, r *Rule, at string) {
	for _, key := range []string{"measurement", "query", "influxql"} {
		if d.Faulty(at + "." + key) {
			return
		}
	}
	polled := r.Group.InfluxDB != ""
	group := at[:strings.LastIndex(at, ".rules[")]
	key := "query"
	switch {
	case s.Query != "":
		r.Query, r.Language = s.Query, Flux
		if s.InfluxQL != "" {
			d.Wrong(at+".influxql", "the rule has two queries", "keep query (Flux) or influxql")
		}
	case s.InfluxQL != "":
		r.Query, r.Language, key = s.InfluxQL, InfluxQL, "influxql"
	}
	if words := strings.Fields(s.Query); len(words) > 0 && strings.EqualFold(words[0], "select") {
		d.Wrong(at+".query", "this is InfluxQL, and query is for Flux", "write influxql: instead of query:")
	}
	switch {
	case polled && s.Measurement != "":
		d.Wrong(at+".measurement", "the rules of this group query InfluxDB, and measurement is for Telegraf's metrics", "name the measurement in the query, or move the rule to a group without influxdb")
	case polled && r.Query == "":
		d.Wrong(at, "the rule has no query", "add query: with Flux, or influxql:")
	case !polled && d.Has(group+".influxdb"):
		// It is reported already that the connection has no name.
	case !polled && r.Query != "":
		d.Wrong(at+"."+key, "the rule has a query, and its group has no InfluxDB to ask", "add influxdb: and the name of a connection to the group")
	case !polled && s.Measurement == "" && r.Query == "":
		d.Wrong(at, "the rule does not say which metrics it looks at", "add measurement: and their name, such as cpu")
	}
}

// by is the tags that make a series, sorted; nil where the file does not say.
func (d *document) by(tags []string, at string) []string {
	if tags == nil {
		return nil
	}
	sorted := append([]string{}, tags...) // not nil: [] makes one series of all
	slices.Sort(sorted)
	for i, tag := range tags {
		place := fmt.Sprintf("%s[%d]", at, i)
		switch {
		case d.Faulty(place):
		case tag == "":
			d.Wrong(place, "a tag has no name", "write its name or remove it")
		case slices.Index(tags, tag) < i:
			d.Wrong(place, "the tag "+yamlfile.Quote(tag)+" is there twice", "remove one of the two")
		case strings.Contains(tag, " "): // without it all would silently be one series
			d.Warn(place, "the tag "+yamlfile.Quote(tag)+" has a space in its name, which Telegraf seldom does", "put a comma between two tags, as in ["+strings.Join(strings.Fields(tag), ", ")+"]")
		}
	}
	return slices.Compact(sorted)
}

// condition reports what is wrong with a condition, and whether it is right.
func (d *document) condition(err error, at string) bool {
	var wrong *condition.Error
	switch {
	case err == nil:
		return true
	case errors.As(err, &wrong):
		d.Wrong(at, key(at)+": "+wrong.Where()+wrong.What, wrong.Do)
	default:
		d.Wrong(at, err.Error(), "write a condition such as temp_c > 27")
	}
	return false
}

// levels compiles levels, or the one that stands in the rule itself.
func (d *document) levels(s *ruleSection, r *Rule, at string) {
	sections, places := s.Levels, []string{at}
	short := d.Has(at+".when") || d.Has(at+".clear") || d.Has(at+".severity")
	switch {
	case d.Has(at+".levels") && short:
		for _, key := range []string{"when", "clear", "severity"} {
			if d.Has(at + "." + key) {
				d.Wrong(at+"."+key, key+" and levels are both there", "move it into a level, or remove levels")
				break
			}
		}
	case d.Faulty(at + ".levels"):
		return
	case !d.Has(at + ".levels"):
		sections = []levelSection{{Severity: s.Severity, When: s.When, Clear: s.Clear}}
	case len(sections) == 0:
		d.Wrong(at+".levels", "there is no level", "add one such as {severity: warning, when: temp_c > 27}")
	}
	if d.Has(at + ".levels") {
		places = nil
		for i := range sections {
			places = append(places, fmt.Sprintf("%s.levels[%d]", at, i))
		}
	}
	slots := &condition.Slots{}
	good := true
	for i := range sections {
		level, ok := d.level(&sections[i], slots, places[i])
		good = good && ok
		if len(sections) > 1 && level.Severity == "" && !d.Faulty(places[i]+".severity") {
			d.Wrong(places[i], "the level has no severity", "add severity: critical, or warning, …; it tells the levels apart")
		}
		r.Levels = append(r.Levels, level)
	}
	r.Needs = slots.Needs
	d.severities(r.Levels, places)
	if good {
		d.reachable(r.Levels, places)
		d.momentary(r, at)
	}
}

// level compiles one level, and says whether its conditions are right.
func (d *document) level(s *levelSection, slots *condition.Slots, at string) (Level, bool) {
	level := Level{Severity: s.Severity, Line: d.Line(at + ".when")}
	d.noTemplate(s.Severity, at+".severity")
	good := true
	switch place := at + ".when"; {
	case d.Faulty(place):
		good = false
	case !d.Has(place):
		d.Wrong(at, "there is no when", "add when: and a condition such as temp_c > 27")
		good = false
	default:
		when, err := condition.Compile(s.When, slots)
		level.When, good = when, d.condition(err, place)
		switch {
		case !good:
		case len(when.Names()) == 0:
			d.Warn(place, "when mentions no field, so it says the same of every sample", "compare a field, as in temp_c > 27")
		case when.Never():
			d.Wrong(place, "when can never be true: parts of it contradict each other", "join them with or, or correct the numbers")
		case when.Always():
			d.Warn(place, "when is always true", "join its parts with and, or correct the numbers")
		}
	}
	switch place := at + ".clear"; {
	case d.Faulty(place):
		good = false
	case d.Has(place):
		clearing, err := condition.Compile(s.Clear, slots)
		level.Clear = clearing
		good = d.condition(err, place) && good
	}
	return level, good
}

// doubts warns of what the rule's conditions probably do not mean.
func (d *document) doubts(r *Rule, at string) {
	type placed struct {
		is *condition.Condition
		at string
	}
	all := []placed{{r.Where, at + ".where"}}
	for i, level := range r.Levels {
		place := at
		if d.Has(at + ".levels") {
			place = fmt.Sprintf("%s.levels[%d]", at, i)
		}
		all = append(all, placed{level.When, place + ".when"}, placed{level.Clear, place + ".clear"})
	}
	all = slices.DeleteFunc(all, func(c placed) bool { return c.is == nil })
	certain := slices.Clone(r.By)
	if r.Chart != nil {
		certain = append(certain, r.Chart.Field)
	}
	for _, c := range all {
		certain = append(certain, c.is.Certain()...)
	}
	for _, c := range all {
		for _, doubt := range c.is.Doubts() {
			if !slices.ContainsFunc(doubt.Names, func(name string) bool { return slices.Contains(certain, name) }) {
				d.Warn(c.at, key(c.at)+": "+doubt.Where()+doubt.What, doubt.Do)
			}
		}
	}
}

// key is the last key of a path.
func key(at string) string { return at[strings.LastIndexByte(at, '.')+1:] }

// noTemplate refuses a template in a severity that chooses colours and routes
// as it stands.
func (d *document) noTemplate(severity, at string) {
	if strings.Contains(severity, "{{") {
		d.Wrong(at, "this severity is no template, and would be told as it stands", "write a word such as critical, or remove it and write the template into labels: {severity: …}")
	}
}

// severities reports severities that are there twice or in the wrong order.
func (d *document) severities(levels []Level, places []string) {
	for i, level := range levels {
		if level.Severity == "" {
			continue
		}
		same := func(l Level) bool { return l.Severity == level.Severity }
		if first := slices.IndexFunc(levels, same); first < i {
			d.Wrong(places[i], fmt.Sprintf("the severity %s is there twice (first on line %d)", yamlfile.Quote(level.Severity), levels[first].Line), "give each level its own")
		}
		if i > 0 && levels[i-1].Severity != "" && rank(levels[i-1].Severity) < rank(level.Severity) {
			d.Warn(places[i], fmt.Sprintf("%s stands below %s", level.Severity, levels[i-1].Severity), "write the worst level first: the first one whose when holds counts")
		}
	}
}

func rank(severity string) alert.Severity {
	return alert.SeverityOf(map[string]string{alert.SeverityLabel: severity})
}

// reachable reports levels that can never be told, and those that can never
// end.
func (d *document) reachable(levels []Level, places []string) {
	for i, level := range levels {
		for _, higher := range levels[:i] {
			if level.When.Implies(higher.When) {
				d.Wrong(places[i], fmt.Sprintf("this level can never be reached: whenever %s holds, %s of line %d holds too", level.When, higher.When, higher.Line), "write the highest level first, and give each lower one a weaker condition")
				break
			}
		}
		if level.Clear == nil {
			continue
		}
		place := places[i] + ".clear"
		switch {
		case level.Clear.Implies(level.When):
			d.Wrong(place, fmt.Sprintf("this level can never end: whenever %s holds, when (%s) holds too", level.Clear, level.When), "let clear say when all is well again, as in when: temp_c > 27, clear: temp_c < 25")
		case level.When.Implies(level.Clear):
			d.Wrong(place, fmt.Sprintf("clear is in the wrong direction: it holds whenever when (%s) does, and where %s does not hold the level never ends", level.When, level.Clear), "let clear say when all is well again, as in when: temp_c > 27, clear: temp_c < 25")
		case level.When.Covers(level.Clear) && !level.Clear.Excludes(level.When):
			d.Wrong(place, fmt.Sprintf("clear has no effect: as soon as when (%s) does not hold any more, %s holds", level.When, level.Clear), "let clear begin beyond when, as in when: temp_c > 27, clear: temp_c < 25, or remove it")
		}
	}
}

// momentary reports a for that waits for what never lasts: changed holds for
// one sample.
func (d *document) momentary(r *Rule, at string) {
	if r.For == 0 {
		return
	}
	for _, need := range r.Needs {
		if need.Func != "changed" {
			continue
		}
		changed, err := condition.Compile("changed("+strconv.Quote(need.Field)+")", &condition.Slots{})
		if err == nil && slices.ContainsFunc(r.Levels, func(l Level) bool { return l.When.Implies(changed) }) {
			d.Warn(at+".for", "changed holds for one sample only, so nothing is told if the next one comes within for", "remove for, and let the alert last with clear or keep_firing_for")
			return
		}
	}
}

// noData checks no_data. Without a severity it has the lowest level's: that a
// sensor is silent says less than what it measures.
func (d *document) noData(s *ruleSection, r *Rule, at string) {
	at += ".no_data"
	if s.NoData == nil {
		return
	}
	r.NoData = &NoData{After: s.NoData.After, Severity: s.NoData.Severity}
	if s.NoData.Severity == "" && len(r.Levels) > 0 {
		r.NoData.Severity = r.Levels[len(r.Levels)-1].Severity
	}
	d.noTemplate(s.NoData.Severity, at+".severity")
	switch {
	case d.Faulty(at + ".after"):
	case !d.Has(at + ".after"):
		d.Wrong(at, "no_data does not say after which time", "add after: 10m")
	case s.NoData.After <= 0:
		d.Wrong(at+".after", "the time must be longer than 0", "write a time such as 10m, longer than the metrics' interval")
	}
}

// labels checks the names of labels and compiles their templates.
func (d *document) labels(s *ruleSection, r *Rule, at string) {
	for _, name := range sortedKeys(s.Labels) {
		place := at + ".labels." + name
		switch {
		case name == alert.NameLabel:
			d.Wrong(place, "the label alertname cannot be set", "write it after alert:")
		case name == noDataLabel:
			d.Wrong(place, "the label no_data cannot be set: it marks the alerts that no_data raises", "choose another name")
		case name == alert.SeverityLabel && slices.ContainsFunc(r.Levels, func(l Level) bool { return l.Severity != "" }):
			d.Wrong(place, "both the label and a level give the severity", "remove the label")
		}
	}
	r.Labels = d.templates(s.Labels, s, s.By, at+".labels")
	for _, l := range r.Labels {
		if l.compiled == nil && slices.Contains(s.By, l.Name) {
			d.Warn(at+".labels."+l.Name, "the label "+l.Name+" hides the tag of this name, which tells series apart", "choose another name, or remove it from by")
		}
	}
}

// templates compiles labels or annotations. known are the labels that they can
// speak of, if the rule has by.
func (d *document) templates(texts map[string]string, s *ruleSection, known []string, at string) []Template {
	var made []Template
	for _, name := range sortedKeys(texts) {
		place := at + "." + name
		if d.Faulty(place) {
			continue
		}
		if !model.UTF8Validation.IsValidLabelName(name) || strings.HasPrefix(name, "__") {
			d.Wrong(place, yamlfile.Quote(name)+" is no name for a label or annotation", "use letters, digits and _; two _ at the beginning belong to Prometheus")
			continue
		}
		t, err := newTemplate(name, texts[name])
		if err != nil {
			d.Wrong(place, name+": "+err.What, err.Do)
			continue
		}
		for _, label := range t.labels() {
			if s.By != nil && !slices.Contains(known, label) {
				d.Warn(place, fmt.Sprintf("%s mentions $labels.%s, which no alert of this rule has", name, label), "add "+label+" to by")
			}
		}
		if wrong := t.trial(); wrong != nil {
			d.Warn(place, name+": "+wrong.What, wrong.Do)
		}
		made = append(made, t)
	}
	return made
}

func (d *document) chart(s *ruleSection, r *Rule, at string) {
	at += ".chart"
	if s.Chart == nil {
		return
	}
	r.Chart = &Chart{Field: s.Chart.Field, Last: s.Chart.Last}
	if s.Chart.Field == "" && !d.Faulty(at+".field") {
		d.Wrong(at, "the chart does not say of which field", "add field: temp_c")
	}
	switch {
	case d.Faulty(at + ".last"):
	case !d.Has(at + ".last"):
		r.Chart.Last = DefaultChartLast
	case s.Chart.Last < time.Minute:
		d.Wrong(at+".last", "the chart is shorter than 1m", "write a time such as 1h")
	}
}
