package rules

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode/utf8"

	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// Limits of templates. A label or annotation is read by people.
const (
	maxTemplate = 16 << 10 // bytes of its text
	maxOutput   = 16 << 10 // bytes that it may write; the rest is left out
)

// Template is a label or annotation of a rule: a Prometheus template, with
// Prometheus' functions that need no server.
type Template struct {
	Name string
	text string
	// compiled is nil for text without {{, which costs nothing.
	compiled *template.Template
}

// Vars is what a template can say: $labels, $value and $fields, or .Labels,
// .Value and .Fields.
type Vars struct {
	Labels map[string]string
	Value  any            // float64, string, bool or nil
	Fields map[string]any // the sample's fields, of the same types
}

// variables stands before every template, on its first line.
const variables = "{{$labels := .Labels}}{{$value := .Value}}{{$fields := .Fields}}"

// templateError is what is wrong with a template.
type templateError struct{ What, Do string }

// newTemplate compiles a template.
func newTemplate(name, text string) (Template, *templateError) {
	t := Template{Name: name, text: text}
	if len(text) > maxTemplate {
		return t, &templateError{fmt.Sprintf("the text is longer than %d KiB", maxTemplate>>10), "shorten it, and link to a page that says the rest"}
	}
	if !strings.Contains(text, "{{") {
		return t, nil
	}
	compiled, err := template.New(name).Option("missingkey=zero").Funcs(functions).Parse(variables + text)
	if err != nil {
		return t, explain(err)
	}
	if len(compiled.Templates()) > 1 {
		return t, &templateError{"a template is defined in it", "write its text where it is used"}
	}
	// Behind the variables, which nothing else may set.
	if wrong := endless(false, compiled.Tree.Root.Nodes[strings.Count(variables, "{{"):]...); wrong != nil {
		return t, wrong
	}
	t.compiled = compiled
	return t, nil
}

// errFull stops a template that has written enough.
var errFull = errors.New("enough")

// output takes what a template writes, up to maxOutput bytes.
type output struct{ strings.Builder }

func (o *output) Write(p []byte) (int, error) {
	if room := maxOutput - o.Len(); len(p) > room {
		for room > 0 && !utf8.RuneStart(p[room]) {
			room--
		}
		o.Builder.Write(p[:room])
		return room, errFull
	}
	return o.Builder.Write(p)
}

// Render is the text for an alert. What is missing is the empty text, and what
// is longer than 16 KiB is cut off and ends in "…". The error is one of a
// function that was given something that it cannot use.
func (t *Template) Render(vars Vars) (string, error) {
	if t.compiled == nil {
		return t.text, nil
	}
	var out output
	err := t.compiled.Execute(&out, vars)
	// The library has words of its own for a value of an interface type that
	// is missing, and no option for them.
	text := strings.ReplaceAll(out.String(), "<no value>", "")
	switch {
	case errors.Is(err, errFull):
		return text + "…", nil
	case err != nil:
		return "", errors.New(reason(err))
	}
	return text, nil
}

var (
	prefix      = regexp.MustCompile(`^template: .*?:(\d+)(?::\d+)?: (?:executing ".*" at )?`)
	noFunction  = regexp.MustCompile(`function "([^"]+)" not defined`)
	noVariable  = regexp.MustCompile(`undefined variable "([^"]+)"`)
	onLaterLine = regexp.MustCompile(`^template: .*?:([2-9]|\d\d+):`)
)

// reason is an error of the template library without its prefix.
func reason(err error) string {
	return yamlfile.OneLine(prefix.ReplaceAllString(err.Error(), ""))
}

// onServer are Prometheus' functions and variables that only a Prometheus can
// answer.
var onServer = []string{
	"query", "first", "label", "value", "strvalue", "sortByLabel", "graphLink", "tableLink",
	"externalURL", "pathPrefix", "$externalLabels", "$externalURL",
}

// explain is what is wrong with a template that cannot be parsed.
func explain(err error) *templateError {
	what, do := reason(err), "close every {{ with }} and every if, range and with with {{ end }}"
	if m := onLaterLine.FindStringSubmatch(err.Error()); m != nil {
		what = "line " + m[1] + " of the text: " + what
	}
	var found string
	if m := noFunction.FindStringSubmatch(err.Error()); m != nil {
		found = m[1]
		do = "use one of " + strings.Join(slices.Sorted(maps.Keys(functions)), ", ")
		if near := yamlfile.Nearest(found, slices.Sorted(maps.Keys(functions))); near != "" {
			do = "did you mean " + near + "?"
		}
	}
	if m := noVariable.FindStringSubmatch(err.Error()); m != nil {
		found = m[1]
		do = "use $labels, $value or $fields"
	}
	if slices.Contains(onServer, found) {
		do = "this needs a Prometheus server; use $labels, $value and $fields"
	}
	return &templateError{what, do}
}

// always are the errors of a template that no other alert would do without.
var always = regexp.MustCompile(`can't evaluate field|incompatible types for comparison|wrong number of args|wrong type for value`)

// trial finds what makes a template fail whatever $value is, so that nobody
// learns of it from a card.
func (t *Template) trial() *templateError {
	what, misprint := "", ""
	for _, value := range []any{1.5, "text", true} {
		text, err := t.Render(Vars{Value: value})
		// That there is no value is no fault of the template.
		switch found := Misprint(nothing.ReplaceAllString(text, "")); {
		case err == nil && found == "", err != nil && !always.MatchString(err.Error()):
			return nil
		case err == nil && misprint == "":
			misprint = found
		case err != nil && what == "":
			what = err.Error()
		}
	}
	if misprint != "" {
		return &templateError{"a printf in it does not go with its values, and writes " + misprint, `numbers are floating point: write %.0f for %d, as in printf "%.0f" $value`}
	}
	what = strings.ReplaceAll(what, " in type rules.Vars", "")
	do := "correct it; there are $labels, $value and $fields"
	if strings.Contains(what, "comparison") {
		do = "numbers are floating point: write 5.0 for 5, as in gt $value 5.0"
	}
	return &templateError{"this fails for every alert: " + what, do}
}

// misprint is what printf writes where the format does not go with the value,
// or their numbers differ: %!d(float64=28), %!s(MISSING), %!(EXTRA float64=28).
var misprint = regexp.MustCompile(`%!(?:[^\s(]\([^)]*\)|\((?:EXTRA |NOVERB|BAD)[^)]*\))`)

// nothing is what printf writes of a value that is missing.
var nothing = regexp.MustCompile(`%![^\s(]\(<nil>\)`)

// Misprint is the first place of a text where a printf of its template has
// written that it cannot write what it was given; "" if there is none.
func Misprint(text string) string { return misprint.FindString(text) }

// endless finds what could keep a template busy for longer than an alert can
// wait. The library counts to a number where it is told to range over one, and
// a number hides in any variable and in any dot; so a loop goes over the labels
// or the fields, by their own names, which nothing else may bear. Loops within
// each other would go over them again and again, and are good for nothing here.
func endless(looping bool, nodes ...parse.Node) *templateError {
	for _, n := range nodes {
		var wrong *templateError
		switch n := n.(type) {
		case *parse.ListNode:
			if n != nil { // there is no else
				wrong = endless(looping, n.Nodes...)
			}
		case *parse.ActionNode:
			wrong = endless(looping, n.Pipe)
		case *parse.PipeNode:
			wrong = endlessPipe(looping, n)
		case *parse.ChainNode:
			wrong = endless(looping, n.Node)
		case *parse.TemplateNode:
			wrong = &templateError{"templates of other names are not available", "write the text where it is used"}
		case *parse.IfNode:
			wrong = endless(looping, n.Pipe, n.List, n.ElseList)
		case *parse.WithNode:
			wrong = endless(looping, n.Pipe, n.List, n.ElseList)
		case *parse.RangeNode:
			switch {
			case looping:
				wrong = &templateError{"a loop stands in another", "put them one after another"}
			case !isBounded(n.Pipe):
				wrong = &templateError{"range goes over something else than all labels or all fields", "write range $labels or range $fields"}
			default:
				wrong = endless(true, n.Pipe, n.List, n.ElseList)
			}
		}
		if wrong != nil {
			return wrong
		}
	}
	return nil
}

// endlessPipe finds a $labels or $fields that is set to something else, also
// within parentheses.
func endlessPipe(looping bool, pipe *parse.PipeNode) *templateError {
	for _, set := range pipe.Decl {
		if name := set.Ident[0]; name == "$labels" || name == "$fields" {
			return &templateError{name + " is set to something else", "give it another name"}
		}
	}
	for _, command := range pipe.Cmds {
		if wrong := endless(looping, command.Args...); wrong != nil {
			return wrong
		}
	}
	return nil
}

// isBounded tells whether a range goes over all labels or all fields. Where the
// dot is something else, .Labels and .Fields are no numbers that the library
// could count to either: a field holds a floating-point number.
func isBounded(pipe *parse.PipeNode) bool {
	if len(pipe.Cmds) != 1 || len(pipe.Cmds[0].Args) != 1 {
		return false
	}
	switch pipe.Cmds[0].Args[0].String() {
	case "$labels", "$fields", ".Labels", ".Fields", "$.Labels", "$.Fields":
		return true
	}
	return false
}

// labels are the labels that the template mentions by name.
func (t *Template) labels() []string {
	if t.compiled == nil {
		return nil
	}
	found := make(map[string]bool)
	mentions(t.compiled.Tree.Root, found)
	return slices.Sorted(maps.Keys(found))
}

// mentions collects the x of $labels.x and .Labels.x.
func mentions(n parse.Node, found map[string]bool) {
	branches := func(b *parse.BranchNode) {
		mentions(b.Pipe, found)
		mentions(b.List, found)
		if b.ElseList != nil {
			mentions(b.ElseList, found)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, n := range n.Nodes {
			mentions(n, found)
		}
	case *parse.ActionNode:
		mentions(n.Pipe, found)
	case *parse.IfNode:
		branches(&n.BranchNode)
	case *parse.WithNode:
		branches(&n.BranchNode)
	case *parse.RangeNode:
		branches(&n.BranchNode)
	case *parse.PipeNode:
		for _, command := range n.Cmds {
			for _, argument := range command.Args {
				mentions(argument, found)
			}
		}
	case *parse.VariableNode:
		if len(n.Ident) > 1 && n.Ident[0] == "$labels" {
			found[n.Ident[1]] = true
		}
	case *parse.FieldNode:
		if len(n.Ident) > 1 && n.Ident[0] == "Labels" {
			found[n.Ident[1]] = true
		}
	}
}
