package ruletest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// Report is what became of a file of tests.
type Report struct {
	File string
	// Problems are what is wrong with the file and those that it names. If
	// any is an error, no test was run.
	Problems yamlfile.Problems
	Results  []Result // in the order of the file
}

// Result is what became of a test.
type Result struct {
	Name     string
	Line     int
	Failures []Failure // none: it has passed
	// Story is all that happened until the end of the test, for those who
	// look for the reason of a failure.
	Story []string
}

// Failure is one expectation that was not met.
type Failure struct {
	At      time.Duration // since the start
	Line    int
	What    string   // in one sentence
	Details []string // what was expected and what is there, a line each

	about subject
}

// subject is what an expectation is about.
type subject uint8

const (
	aboutAlerts subject = iota
	aboutCard
)

// Failed says whether anything is not as it should be.
func (r *Report) Failed() bool {
	return r.Problems.Failed() || slices.ContainsFunc(r.Results, func(result Result) bool { return result.Failed() })
}

// Failed says whether an expectation was not met.
func (r *Result) Failed() bool { return len(r.Failures) > 0 }

// Run runs the tests of a file whose names match; nil: all of them.
func Run(path string, names *regexp.Regexp) Report {
	report := Report{File: path}
	var s *suite
	if s, report.Problems = load(path); s == nil {
		return report
	}
	for i := range s.tests {
		t := &s.tests[i]
		if names == nil || names.MatchString(t.name) {
			report.Results = append(report.Results, s.run(t))
		}
	}
	return report
}

// run runs one test. A test goes on after an expectation that was not met: the
// later ones often say why.
func (s *suite) run(t *test) Result {
	result := Result{Name: t.name, Line: t.line}
	c := newCourse(s, t)
	for i := range t.expect {
		e := &t.expect[i]
		if err := c.until(e.at); err != nil {
			result.Failures = append(result.Failures, Failure{At: e.at, Line: e.line, What: err.Error()})
			break
		}
		failures := c.compare(e)
		if len(failures) > 0 {
			s.hint(failures, t, e)
		}
		result.Failures = append(result.Failures, failures...)
	}
	for _, b := range c.broken {
		result.Failures = append(result.Failures, Failure{
			At: b.at, Line: t.line, What: fmt.Sprintf("%s of %s cannot be written", b.name, b.alert), Details: []string{b.why},
		})
	}
	if result.Failed() {
		_ = c.until(t.expect[len(t.expect)-1].at + moment) // with what comes right after
		result.Story = append(c.storyLines(), c.passedOver(t)...)
	}
	return result
}

// moment is long enough for what is due strictly after a time.
const moment = time.Millisecond

// hint says of failures that they are none a moment later. To expect an alert
// at the very end of its for is the most usual mistake.
func (s *suite) hint(failures []Failure, t *test, e *expectation) {
	c := newCourse(s, t)
	if err := c.until(e.at + moment); err != nil {
		return
	}
	later := c.compare(e)
	for i := range failures {
		f := &failures[i]
		if !slices.ContainsFunc(later, func(l Failure) bool { return l.about == f.about }) {
			f.Details = append(f.Details, "a moment later it is as expected: for, keep_firing_for and no_data mean strictly longer")
		}
	}
}

// compare says what is not as expected at this moment.
func (c *course) compare(e *expectation) (failures []Failure) {
	fail := func(about subject, what string, details []string) {
		line := e.cardLine
		if about == aboutAlerts {
			line = e.alertsLine
		}
		failures = append(failures, Failure{At: e.at, Line: line, What: what, Details: details, about: about})
	}
	if e.alerts != nil {
		if what, details := alertsDiffer(*e.alerts, c.firing()); what != "" {
			fail(aboutAlerts, what, slices.Concat(details, c.unasked(*e.alerts), c.mistaken(*e.alerts)))
		}
	}
	if e.card == nil {
		return failures
	}
	if len(c.told) == 0 {
		var details []string
		for _, g := range c.groups {
			if g.Phase == group.Gathering {
				details = append(details, g.Title()+" waits for its route's group_wait and is told "+momentText(g.DueAt.Sub(start)))
			}
		}
		fail(aboutCard, "there is no card: no message was made until now", details)
		return failures
	}
	last := &c.told[len(c.told)-1]
	message := c.message(last)
	if message.Fault != nil {
		fail(aboutCard, "the template of the card "+last.due.Target.Card+" fails, and people get the minimal card",
			[]string{yamlfile.OneLine(message.Fault.Error())})
	}
	if what, details := cardDiffers(e.card, textOf(message)); what != "" {
		details = append(details, fmt.Sprintf("the last message was made %s (%s), its card says:", momentText(last.at.Sub(start)), last.due.Change))
		for _, line := range strings.Split(textOf(message), "\n") {
			details = append(details, "  | "+line)
		}
		fail(aboutCard, what, details)
	}
	return failures
}

// maxStory is how many events a failure tells of: the latest.
const maxStory = 40

// storyLines is what happened, a line each.
func (c *course) storyLines() (lines []string) {
	story := c.story
	if left := len(story) - maxStory; left > 0 {
		lines = append(lines, fmt.Sprintf("… %d earlier events", left))
		story = story[left:]
	}
	width := 0
	for _, e := range story {
		width = max(width, len(offsetText(e.at.Sub(start))))
	}
	for _, e := range story {
		lines = append(lines, fmt.Sprintf("%-*s  %s", width, offsetText(e.at.Sub(start)), e.what))
	}
	if len(story) == 0 {
		lines = append(lines, "nothing: no alert fired, no message was made")
	}
	return lines
}

// passedOver says what the rules have not looked at, a line a rule: a name
// that is written in two ways is seen nowhere else.
func (c *course) passedOver(t *test) (lines []string) {
	for _, stats := range c.evaluator.Stats() {
		r := stats.Rule
		given := 0
		for i := range t.input {
			if name := t.input[i].sample.Measurement; name == r.Measurement || r.Measurement == "" && name == r.Alert {
				given++
			}
		}
		switch {
		case given == 0:
		case stats.Unusable > 0:
			lines = append(lines, fmt.Sprintf("%s could decide nothing by %d of %s: a field that its conditions need is missing, or is of another type",
				r.Alert, stats.Unusable, count(given, "sample")))
		case stats.Series == 0 && r.Where != nil:
			lines = append(lines, fmt.Sprintf("%s has looked at none of %s: where: %s", r.Alert, count(given, "sample"), r.Where))
		}
	}
	return lines
}
