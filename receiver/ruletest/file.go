package ruletest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// file is a file of rule tests as it is written.
type file struct {
	// ConfigFile is a configuration whose routes and cards are used; without
	// one everything is told at once, to one destination.
	ConfigFile string `yaml:"config_file"`
	// RuleFiles are the rules; without any those of the configuration.
	RuleFiles []string      `yaml:"rule_files"`
	Tests     []testSection `yaml:"tests"`
}

type testSection struct {
	Name   string          `yaml:"name"`
	Input  string          `yaml:"input"`
	Expect []expectSection `yaml:"expect"`
}

type expectSection struct {
	At     *time.Duration       `yaml:"at"`
	Alerts *[]map[string]string `yaml:"alerts"` // nil: not looked at; empty: nothing fires
	Card   *cardSection         `yaml:"card"`
}

type cardSection struct {
	Contains    []string `yaml:"contains"`
	NotContains []string `yaml:"not_contains"`
}

// What stands here for promtool's labels and annotations.
const (
	labelsHere = "the labels themselves, as in {alertname: Hot, rack: r1}"
	textsHere  = "card: {contains: […]}, which looks for their texts"
)

// elsewhere are promtool's keys for what has another name here.
var elsewhere = map[reflect.Type]map[string]string{
	reflect.TypeFor[testSection](): {
		"input_series": "input: with line protocol", "alert_rule_test": "expect", "promql_expr_test": "expect",
	},
	reflect.TypeFor[expectSection](): {
		"eval_time": "at", "exp_alerts": "alerts: [{alertname: …}]", "alertname": "alerts: [{alertname: …}]",
		"annotations": textsHere, "exp_annotations": textsHere,
	},
	reflect.TypeFor[map[string]string](): {
		"labels": labelsHere, "exp_labels": labelsHere, "annotations": textsHere, "exp_annotations": textsHere,
	},
}

// suite is a file of tests that can be run.
type suite struct {
	rules  *rules.Set
	routes *route.Tree
	cards  *card.Set
	tests  []test
}

type test struct {
	name   string
	line   int
	input  []inputLine
	expect []expectation // in order of time
}

// expectation is what must be so at one moment.
type expectation struct {
	at     time.Duration
	alerts *[]map[string]string
	card   *cardSection
	// The lines in the file.
	line, alertsLine, cardLine int
}

// document is a file of tests while it is being read.
type document struct {
	*yamlfile.Document
	dir string // what relative paths start from
	// more are the problems of the files that it names.
	more yamlfile.Problems
}

// Check reads a file of tests with everything that it names, and runs nothing.
// Paths in it are relative to the directory of its name.
func Check(name string, data []byte) yamlfile.Problems {
	_, problems := readSuite(name, data)
	return problems
}

// load reads a file of tests with everything that it names. The suite is nil
// if any of the problems is an error.
func load(path string) (*suite, yamlfile.Problems) {
	data, err := read(path)
	if stat, _ := os.Stat(path); stat != nil && stat.IsDir() {
		return nil, yamlfile.Problems{{
			File: path, Line: 1, Level: yamlfile.Error,
			What: "this is a folder", Do: "name the files in it, such as " + filepath.Join(path, "*_test.yml"),
		}}
	}
	if err != nil {
		return nil, yamlfile.Problems{{
			File: path, Line: 1, Level: yamlfile.Error,
			What: "the file cannot be read: " + reason(err), Do: "check the name and that this user may read it",
		}}
	}
	return readSuite(path, data)
}

// readSuite is load for a file that has been read already.
func readSuite(path string, data []byte) (*suite, yamlfile.Problems) {
	d := &document{
		Document: yamlfile.New(path, yamlfile.Words{Elsewhere: elsewhere, Start: "start from one of sample-configs/rules/*_test.yml"}),
		dir:      filepath.Dir(path),
	}
	if rules.IsRules(data) {
		d.Report(1, "this is a file of rules, and no file of tests", "name one with rule_files: ["+filepath.Base(path)+"] and tests: in it, such as those of sample-configs/rules")
		return nil, d.Problems
	}
	var f file
	var made *suite
	if d.Decode(data, &f) {
		made = d.suite(&f)
	}
	problems := append(d.Problems, d.more...)
	problems.Sort()
	if problems.Failed() {
		return nil, problems
	}
	return made, problems
}

// suite checks what the file says and makes values of it.
func (d *document) suite(f *file) *suite {
	s := &suite{}
	s.routes, s.cards, s.rules = d.surroundings(f.ConfigFile)
	if s.rules == nil || d.Has("rule_files") {
		s.rules = d.rules(f.RuleFiles)
	}
	if len(f.Tests) == 0 && !d.Faulty("tests") {
		d.Wrong("tests", "there is no test", "add tests: with a name, an input and what to expect")
	}
	names := make(map[string]int)
	for i := range f.Tests {
		at := fmt.Sprintf("tests[%d]", i)
		t := d.test(&f.Tests[i], at, s.rules)
		if first, twice := names[t.name]; twice && t.name != "" {
			d.Wrong(at+".name", fmt.Sprintf("another test has this name too (line %d)", first), "name it after what it proves")
		}
		names[t.name] = t.line
		s.tests = append(s.tests, t)
	}
	return s
}

// surroundings are a configuration's routes, cards and rules, or else one
// route that tells everything as it happens, the shipped cards and no rules.
func (d *document) surroundings(configFile string) (*route.Tree, *card.Set, *rules.Set) {
	if d.Faulty("config_file") {
		return nil, nil, nil
	}
	if configFile == "" {
		cards, _ := card.New(nil) // the shipped ones are tested
		return atOnce(cards), cards, nil
	}
	made, problems := config.Load(d.path(configFile), config.Env{Lookup: os.LookupEnv})
	d.more = append(d.more, problems...)
	if made == nil {
		return nil, nil, nil
	}
	return made.Tree, made.Cards, made.Rules
}

// instant is the group_interval of tests without a configuration: changes of
// one moment are told together, and nothing waits longer.
const instant = time.Nanosecond

// atOnce is a route tree that tells everything as it happens, and reminds
// nobody.
func atOnce(cards *card.Set) *route.Tree {
	wait, interval, repeat := time.Duration(0), instant, 2*maxOffset
	tree, problems := route.New(route.Options{
		Route: route.Route{
			Destinations: []string{"test"}, GroupBy: []string{"alertname"},
			GroupWait: &wait, GroupInterval: &interval, RepeatInterval: &repeat,
		},
		Destinations: []string{"test"}, Cards: cards.Names(),
	})
	if tree == nil {
		panic(fmt.Sprintf("ruletest: %v", problems))
	}
	return tree
}

// rules reads the rule files.
func (d *document) rules(patterns []string) *rules.Set {
	if d.Faulty("rule_files") {
		return nil
	}
	if len(patterns) == 0 {
		d.Wrong("rule_files", "there is no rule file to test", "add rule_files: [FILE]; paths are relative to this file")
		return nil
	}
	var files []rules.File
	complete := true
	for i, pattern := range patterns {
		at := fmt.Sprintf("rule_files[%d]", i)
		paths, err := filepath.Glob(d.path(pattern))
		if err != nil {
			d.Wrong(at, yamlfile.Quote(pattern)+" is not a pattern for files", "write a path such as rules/*.yml; close every [")
			complete = false
			continue
		}
		if len(paths) == 0 {
			d.Wrong(at, "there is no file "+yamlfile.Quote(pattern), "correct it; paths are relative to this file")
			complete = false
		}
		for _, path := range paths {
			if rules.IsTest(path) && path != d.path(pattern) || slices.ContainsFunc(files, func(f rules.File) bool { return f.Name == path }) {
				continue
			}
			data, err := read(path)
			if err != nil {
				d.Wrong(at, "the file "+yamlfile.Quote(path)+" cannot be read: "+reason(err), "correct the path or let this user read it")
				complete = false
				continue
			}
			files = append(files, rules.File{Name: path, Data: data})
		}
	}
	if !complete {
		return nil
	}
	set, problems := rules.Parse(files)
	d.more = append(d.more, problems...)
	return set
}

// test checks one test. set is nil if the rules cannot be used.
func (d *document) test(s *testSection, at string, set *rules.Set) test {
	t := test{name: strings.TrimSpace(s.Name), line: d.Line(at)}
	if t.name == "" && !d.Faulty(at+".name") {
		d.Wrong(at, "the test has no name", "add name: with a sentence that says what it proves")
	}
	t.input = d.input(s.Input, at+".input", set)
	if len(s.Expect) == 0 && !d.Faulty(at+".expect") {
		d.Wrong(at, "the test expects nothing, so it proves nothing", "add expect: [{at: 5m, alerts: […]}]")
	}
	for i := range s.Expect {
		t.expect = append(t.expect, d.expectation(&s.Expect[i], fmt.Sprintf("%s.expect[%d]", at, i)))
	}
	slices.SortStableFunc(t.expect, func(a, b expectation) int { return int(a.at - b.at) })
	if n := len(t.expect); n > 0 && !d.Faulty(at) {
		last := t.expect[n-1].at
		if i := slices.IndexFunc(t.input, func(l inputLine) bool { return l.offset > last }); i >= 0 {
			d.Doubt(d.inputLine(s.Input, at+".input", t.input[i].line),
				fmt.Sprintf("nothing is expected at or after %s, when this comes", offsetText(t.input[i].offset)),
				"add an at: for it, or remove it")
		}
	}
	return t
}

// input reads a test's line protocol.
func (d *document) input(text, at string, set *rules.Set) []inputLine {
	lines, faults := readLines(text)
	for _, fault := range faults {
		d.Report(d.inputLine(text, at, fault.line), fault.what, fault.do)
	}
	if set == nil {
		return lines
	}
	reported := make(map[string]bool)
	for _, l := range lines {
		name := l.sample.Measurement
		if set.Wants(name) || len(polled(set, name)) > 0 || reported[name] {
			continue
		}
		reported[name] = true
		do := "remove it or correct the name"
		if near := yamlfile.Nearest(name, subjects(set)); near != "" {
			do = "did you mean " + near + "?"
		}
		d.Doubt(d.inputLine(text, at, l.line), "no rule looks at "+yamlfile.Quote(name), do)
	}
	return lines
}

// inputLine is where a line of the input stands in the file. In a block it
// begins on the line after its key.
func (d *document) inputLine(text, at string, line int) int {
	if !strings.Contains(text, "\n") {
		return d.Line(at)
	}
	return d.Line(at) + 1 + line
}

// expectation checks what is expected at one moment.
func (d *document) expectation(s *expectSection, at string) expectation {
	e := expectation{
		alerts: s.Alerts, card: s.Card,
		line: d.Line(at), alertsLine: d.Line(at + ".alerts"), cardLine: d.Line(at + ".card"),
	}
	switch {
	case s.At != nil && *s.At > maxOffset:
		d.Wrong(at+".at", "this is very long after the start", "write at most "+offsetText(maxOffset))
	case s.At != nil:
		e.at = *s.At
	case !d.Faulty(at + ".at"):
		d.Wrong(at, "it is not said when this is expected", "add at: with the time since the start, such as at: 5m")
	}
	switch {
	case d.Faulty(at):
	case s.Alerts == nil && d.Has(at+".alerts"):
		d.Wrong(at+".alerts", "alerts says nothing", "write alerts: [] for no alert, or list them")
	case s.Alerts == nil && s.Card == nil:
		d.Wrong(at, "nothing is expected here", "add alerts: or card:")
	}
	if s.Card != nil && len(s.Card.Contains)+len(s.Card.NotContains) == 0 && !d.Faulty(at+".card") {
		d.Wrong(at+".card", "nothing is expected of the card", "add contains: or not_contains: with a list of texts")
	}
	if s.Card != nil {
		d.texts(s.Card.Contains, at+".card.contains")
		d.texts(s.Card.NotContains, at+".card.not_contains")
	}
	return e
}

// texts reports texts that are in every card.
func (d *document) texts(texts []string, at string) {
	for i, text := range texts {
		place := fmt.Sprintf("%s[%d]", at, i)
		if strings.TrimSpace(text) == "" && !d.Faulty(place) {
			d.Wrong(place, "the text is empty", "write what the card must say or must not say")
		}
	}
}

// polled are the rules of this name that look at rows of queries.
func polled(set *rules.Set, name string) []*rules.Rule {
	var found []*rules.Rule
	for _, g := range set.Groups {
		for _, r := range g.Rules {
			if r.Measurement == "" && r.Alert == name {
				found = append(found, r)
			}
		}
	}
	return found
}

// subjects are the names that a test's input can have: the measurements that
// rules look at, and the names of those that look at rows.
func subjects(set *rules.Set) []string {
	var names []string
	for _, g := range set.Groups {
		for _, r := range g.Rules {
			if r.Measurement == "" {
				names = append(names, r.Alert)
			} else {
				names = append(names, r.Measurement)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// path is where a path of the file leads.
func (d *document) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(d.dir, name)
}

// read reads a file, one byte more than yamlfile takes at most, so that it can
// say so.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, yamlfile.MaxSize+1))
}

// reason is what the operating system says, without the path, which stands in
// the message already.
func reason(err error) string {
	if wrapped, ok := err.(*os.PathError); ok { //nolint:errorlint // os returns it bare
		return wrapped.Err.Error()
	}
	return err.Error()
}
