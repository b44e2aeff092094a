package rules

import (
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

const (
	// refreshEvery is how often the words and values of an alert that fires
	// follow its samples at most.
	refreshEvery = int64(time.Minute)
	// valueColumn is what $value is of, in a row of a query.
	valueColumn = "_value"
	// LimitAlert is the name of the alert that a rule has too many series.
	LimitAlert = "RuleSeriesLimitReached"
	// longestLabel is how long the value of an alert's label may be, in bytes.
	longestLabel = 1024
)

// told is an alert that fires.
type told struct {
	alert   alert.Alert
	tracker *tracker
	one     *series // nil: it is of the rule as a whole
	rank    uint16  // of its level; 0: it is of none
	place   int     // in Evaluator.firing
	said    uint64  // orders alerts by when they were told last
}

// fire puts an alert among those that fire and says so.
func (e *Evaluator) fire(t *told) *told {
	t.alert.Status = alert.Firing
	t.alert.Fingerprint = alert.FingerprintOf(t.alert.Labels)
	e.enlist(t)
	e.say(t)
	return t
}

// enlist puts an alert among those that fire.
func (e *Evaluator) enlist(t *told) {
	t.place = len(e.firing)
	e.firing = append(e.firing, t)
	e.alike[t.alert.Fingerprint]++
	e.sayings++
	t.said = e.sayings
}

// say tells how an alert that fires reads now.
func (e *Evaluator) say(t *told) {
	e.sayings++
	t.said = e.sayings
	e.changes = append(e.changes, t.alert)
}

// end says that an alert does not fire any more. why, if it is not "", stands
// in its description. Rules whose labels do not tell their series apart make
// alerts that are the same to everyone else: such an alert ends with the last.
func (e *Evaluator) end(t *told, at time.Time, why string) {
	e.strike(t)
	if e.alike[t.alert.Fingerprint] > 0 {
		return
	}
	a := t.alert
	a.Status = alert.Resolved
	if a.EndsAt = at; at.Before(a.StartsAt) { // samples can be older than the clock that ran without them
		a.EndsAt = a.StartsAt
	}
	if why != "" {
		a.Annotations = maps.Clone(a.Annotations)
		if a.Annotations == nil {
			a.Annotations = map[string]string{}
		}
		a.Annotations["description"] = why
	}
	if t.rank > 0 { // it ends with the numbers that ended it
		a.Chart = t.one.chart(t.one.newest)
		if values := t.one.values(); values != nil {
			a.Values = values
		}
	}
	e.changes = append(e.changes, a)
}

// strike takes an alert from those that fire.
func (e *Evaluator) strike(t *told) {
	last := len(e.firing) - 1
	e.firing[t.place] = e.firing[last]
	e.firing[t.place].place = t.place
	e.firing[last] = nil
	e.firing = e.firing[:last]
	if e.alike[t.alert.Fingerprint]--; e.alike[t.alert.Fingerprint] == 0 {
		delete(e.alike, t.alert.Fingerprint)
	}
}

// begin makes and tells the alert of a level.
func (e *Evaluator) begin(one *series, rank uint16, at int64) *told {
	t := &told{tracker: one.tracker, one: one, rank: rank}
	vars := one.vars(rank)
	t.alert.Labels = one.tracker.labels(vars)
	if severity := one.tracker.level(rank).Severity; severity != "" {
		t.alert.Labels[alert.SeverityLabel] = severity
	}
	t.alert.StartsAt = timeOf(at)
	one.dress(t, vars, at)
	one.unwell.refreshAt = e.now + refreshEvery
	return e.fire(t)
}

// refresh lets the words and values of a series' alert follow its samples.
func (e *Evaluator) refresh(one *series) {
	t := one.unwell.told
	if t == nil || e.now < one.unwell.refreshAt {
		return
	}
	one.unwell.refreshAt = e.now + refreshEvery
	was := t.alert
	vars := one.vars(t.rank)
	one.dress(t, vars, one.newest)
	one.flags |= moved
	if !maps.Equal(was.Annotations, t.alert.Annotations) || !maps.Equal(was.Values, t.alert.Values) {
		e.say(t)
	}
}

// vars are what the templates of a level see of the newest sample.
func (one *series) vars(rank uint16) Vars {
	r, u := one.tracker, one.unwell
	s := sample.Sample{Measurement: r.rule.Measurement, Fields: u.fields, Time: timeOf(one.newest)}
	s.Tags, _ = r.directory.tags(one.place.key)
	vars := Vars{Labels: labelsOf(s.Tags), Fields: make(map[string]any, len(u.fields))}
	for _, f := range u.fields {
		vars.Fields[f.Key] = f.Value.Any()
	}
	value := sample.Value{}
	if r.polled {
		value = s.Field(valueColumn)
	}
	if value.Kind() == sample.None {
		value = r.level(rank).When.Value(&s, u.computed)
	}
	vars.Value = value.Any()
	return vars
}

func labelsOf(tags []sample.Tag) map[string]string {
	labels := make(map[string]string, len(tags))
	for _, tag := range tags {
		labels[tag.Key] = tag.Value
	}
	return labels
}

// labels are those of the series' alerts, without a severity. Each is cut off
// where it is too long to be read, or to be carried about with every message.
func (r *tracker) labels(vars Vars) map[string]string {
	labels := maps.Clone(vars.Labels)
	for i := range r.rule.Labels {
		l := &r.rule.Labels[i]
		if text := render(l, vars); text != "" {
			labels[l.Name] = text
		} else {
			delete(labels, l.Name)
		}
	}
	labels[alert.NameLabel] = r.rule.Alert
	for name, text := range labels {
		labels[name] = shortened(text)
	}
	return labels
}

// shortened is a text as it may stand in a label: with … for what is too much.
func shortened(text string) string {
	if len(text) <= longestLabel {
		return text
	}
	end := longestLabel - len("…")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// render is what a template makes; if it fails, the words that Prometheus has
// for that.
func render(t *Template, vars Vars) string {
	text, err := t.Render(vars)
	if err != nil {
		return "<error expanding template: " + err.Error() + ">"
	}
	return text
}

// dress gives an alert the words and numbers of the newest sample. Unlike its
// labels, its words may speak of all its labels.
func (one *series) dress(t *told, vars Vars, at int64) {
	r := one.tracker
	vars.Labels = t.alert.Labels
	if len(r.rule.Annotations) > 0 {
		t.alert.Annotations = make(map[string]string, len(r.rule.Annotations))
		for i := range r.rule.Annotations {
			a := &r.rule.Annotations[i]
			t.alert.Annotations[a.Name] = render(a, vars)
		}
	}
	t.alert.Values, t.alert.Chart = one.values(), one.chart(at)
}

// values are the numbers of the newest sample that the rule looks at; nil when
// there are none.
func (one *series) values() (values map[string]float64) {
	number := func(name string, v sample.Value) {
		if n, ok := v.Number(); ok {
			if values == nil {
				values = make(map[string]float64)
			}
			values[name] = n
		}
	}
	s := sample.Sample{Fields: one.unwell.fields}
	for _, name := range one.tracker.mentioned {
		number(name, s.Field(name))
	}
	for i, v := range one.unwell.computed {
		number(needName(one.tracker.rule.Needs[i]), v)
	}
	return values
}

// Mentions are the fields whose numbers an alert of the rule carries: those
// that its conditions speak of, and the value of a query's row.
func (r *Rule) Mentions() (names []string) {
	if r.Measurement == "" {
		names = append(names, valueColumn)
	}
	for _, level := range r.Levels {
		for _, c := range []*condition.Condition{level.When, level.Clear} {
			if c != nil {
				for _, name := range c.Names() {
					position(&names, name)
				}
			}
		}
	}
	return names
}

// dataAgain is the description of a silence that is over.
const dataAgain = "Data comes again."

// beginSilence tells that nothing comes: of a series, or, if one is nil, of
// the rule as a whole.
func (e *Evaluator) beginSilence(r *tracker, one *series) *told {
	t := &told{tracker: r, one: one}
	vars := Vars{Labels: map[string]string{}}
	since, what, last := timeOf(r.emptySince+e.shift), "No data at all", "No sample has come since this was started at "
	if one != nil {
		tags, _ := r.directory.tags(one.place.key)
		vars.Labels = labelsOf(tags)
		since, what = timeOf(one.heard+e.shift), "No data"
		if one.flags&restored == 0 {
			last = "The last sample came at "
		}
	}
	t.alert.StartsAt = since.Add(time.Duration(r.patience))
	t.alert.Labels = r.labels(vars)
	t.alert.Labels[noDataLabel] = "true"
	if severity := r.rule.NoData.Severity; severity != "" {
		t.alert.Labels[alert.SeverityLabel] = severity
	}
	vars.Labels = t.alert.Labels
	t.alert.Annotations = r.links(vars)
	t.alert.Annotations["summary"] = what + " for more than " + inWords(time.Duration(r.patience))
	t.alert.Annotations["description"] = last + since.Format("2006-01-02 15:04:05 MST") + "."
	return e.fire(t)
}

// links are the annotations of the rule that make sense without a sample: its
// links, such as runbook_url, unless they are made of values.
func (r *tracker) links(vars Vars) map[string]string {
	links := map[string]string{}
	for i := range r.rule.Annotations {
		a := &r.rule.Annotations[i]
		if strings.HasSuffix(a.Name, "_url") {
			if text, err := a.Render(vars); err == nil {
				links[a.Name] = text
			}
		}
	}
	return links
}

// limit tells that the rule has no room for another series.
func (e *Evaluator) limit(r *tracker) {
	r.overLimit++
	r.refusedAt = e.now
	if r.full != nil {
		return
	}
	t := &told{tracker: r}
	t.alert.StartsAt = e.wall()
	t.alert.Labels = map[string]string{
		alert.NameLabel: LimitAlert, alert.SeverityLabel: "warning", "rule": r.rule.Alert, "group": r.rule.Group.Name,
	}
	t.alert.Annotations = map[string]string{
		"summary": r.reached(),
		"description": "New series are not evaluated, those that are known go on. " +
			"If a tag takes ever new values, leave it out of by; otherwise raise series_limit.",
	}
	r.full = e.fire(t)
	e.soilTracker(r)
}

// reached is what the alert says that there is no room for another series.
func (r *tracker) reached() string {
	return "The rule " + r.rule.Alert + " has reached its limit of " + strconv.Itoa(r.limit) + " series"
}

// relimit ends that alert if it speaks of another limit than the rule has now:
// whether this one is reached too, the next new series will tell.
func (e *Evaluator) relimit(r *tracker) {
	if r.full != nil && r.full.alert.Annotations["summary"] != r.reached() {
		e.end(r.full, e.wall(), otherLimit)
		r.full = nil
		e.soilTracker(r)
	}
}

// inWords writes a duration as rule files do: 5m, not 5m0s.
func inWords(d time.Duration) string { return model.Duration(d).String() }
