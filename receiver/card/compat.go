package card

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"gopkg.in/yaml.v3"
)

// Templates written for prometheus-msteams define "teams.card". That program
// printed values as they were or, by default, escaped for JSON beforehand, and
// its users' templates add what was missing: reReplaceAll "_" "\\\\_" is in
// most of them. Here the values are escaped afterwards, where they land, so
// such a template is given them in a form in which both kinds work: a
// backslash of the data is a character that no template looks for, and a
// backslash that a value has when it is printed is therefore the template's
// own, and means what it means in JSON and in Markdown.

// oldCard is the define that prometheus-msteams makes its cards of.
const oldCard = "teams.card"

// addOld takes a file for prometheus-msteams into the set. That program reads
// one file a channel, so each has a teams.card and may call its other defines
// as it likes: calls stay within the file, and the card has the file's name
// too.
func (r *reader) addOld(parsed *template.Template, file Source) {
	own := func(name string) string { return "_" + file.Name + ":" + name }
	list := defines(parsed)
	known := map[string]bool{}
	for _, t := range list {
		known[t.Name()] = true
	}
	for _, t := range list {
		for call := range calls(t.Root) {
			if known[call.Name] {
				call.Name = own(call.Name)
			}
		}
	}
	for _, t := range list {
		for _, name := range []string{own(t.Name()), t.Name()} {
			r.take(name, t.Tree.Copy(), file)
			r.set.old[name] = true
		}
		r.owners[t.Name()] = file.Name
	}
	r.oldFiles = append(r.oldFiles, file.Name)
}

// oldAliases gives each teams.card the name of its file, so that routes can
// tell them apart, and makes the last one the card of all groups for which no
// route and no alert names another: that is what it was.
func (r *reader) oldAliases() {
	if len(r.oldFiles) == 0 {
		return
	}
	s := r.set
	for _, file := range r.oldFiles {
		from := "_" + file + ":" + oldCard
		name, line := baseName(file), s.defined[from]
		switch {
		case s.templates.Lookup(name) == nil:
			r.alias(from, name)
		case len(r.oldFiles) > 1:
			r.problem(Problem{File: file, Line: line, Warning: true,
				What: fmt.Sprintf("no route can name this card: there are several %q, and a card %q is there already", oldCard, name),
				Do:   "rename the file; the card is called as the file is"})
		}
	}
	last := r.oldFiles[len(r.oldFiles)-1]
	s.everyday = oldCard
	r.problem(Problem{File: last, Line: s.defined[oldCard], Warning: true,
		What: fmt.Sprintf("%q is the card of every group for which no route and no alert names one, as it was in prometheus-msteams", oldCard),
		Do:   `nothing, if that is meant; to see the shipped card, write card: alert into the route`})
}

// oldFuncs are what prometheus-msteams has beside Alertmanager's and sprig's
// functions. The others of Helm's need files and values that only Helm has.
func oldFuncs() template.FuncMap {
	return template.FuncMap{
		"counter": func() func() int {
			n := -1
			return func() int { n++; return n }
		},
		"toYaml": func(value any) string {
			text, err := yaml.Marshal(value)
			if err != nil {
				return ""
			}
			return strings.TrimSuffix(string(text), "\n")
		},
	}
}

// oldData is what a template for prometheus-msteams sees.
func oldData(data *Data) *Data {
	made := *data
	made.event = original{read: hideIn(data.Event())}
	made.ExternalURL = hideBackslash(data.ExternalURL)
	made.GroupLabels, made.CommonLabels, made.CommonAnnotations = hideBackslashes(data.GroupLabels), hideBackslashes(data.CommonLabels), hideBackslashes(data.CommonAnnotations)
	made.Alerts = slices.Clone(data.Alerts)
	for i := range made.Alerts {
		a := &made.Alerts[i]
		a.Labels, a.Annotations = hideBackslashes(a.Labels), hideBackslashes(a.Annotations)
		a.GeneratorURL = hideBackslash(a.GeneratorURL)
	}
	if len(made.Alerts) > 0 {
		made.Alert = &made.Alerts[0]
	}
	return &made
}

// hideBackslashes puts what stands for a backslash into values that have one.
func hideBackslashes(set KV) KV {
	made := maps.Clone(set)
	for name, value := range made {
		made[name] = hideBackslash(value)
	}
	return made
}

func hideBackslash(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, backslash, "\uFFFD"), `\`, backslash)
}

// hideIn is decoded JSON in which texts have what stands for a backslash.
func hideIn(value any) any {
	switch v := value.(type) {
	case string:
		return hideBackslash(v)
	case map[string]any:
		made := make(map[string]any, len(v))
		for name, member := range v {
			made[name] = hideIn(member)
		}
		return made
	case []any:
		made := make([]any, len(v))
		for i, element := range v {
			made[i] = hideIn(element)
		}
		return made
	}
	return value
}

// showBackslashes puts back the backslashes of values that were printed as
// JSON.
func (t *tree) showBackslashes() {
	for i := range t.nodes {
		if n := &t.nodes[i]; bytes.Contains(n.raw, []byte(backslash)) {
			n.raw = bytes.ReplaceAll(n.raw, []byte(backslash), []byte(`\\`))
		}
	}
}

// The functions that print the values of these templates.
const (
	sinkOldText     = "_old"         // text
	sinkOldMarkdown = "_oldmarkdown" // an annotation, or made of one
)

// backslash stands for a backslash of the data. It is a noncharacter, which no
// text may contain.
const backslash = "\uFDD0"

// markdownMarks are the characters that a backslash may stand before in
// Markdown.
const markdownMarks = "\\`*_{}[]()<>#+-.!|~&\""

// readOld reads a value that such a template prints. keep: the escapes of
// Markdown stay.
func readOld(text string, keep bool) string {
	if strings.Contains(text, `\`) {
		text = unescapeJSON(text)
		if !keep {
			text = unescapeMarkdown(text)
		}
	}
	return strings.ReplaceAll(text, backslash, `\`)
}

// unescapeJSON reads the inside of a JSON string. What is no escape stays.
func unescapeJSON(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; c {
		case '"', '\\', '/', '\'':
			out.WriteByte(c)
		case 'n':
			out.WriteByte('\n')
		case 'r':
			out.WriteByte('\r')
		case 't':
			out.WriteByte('\t')
		case 'u':
			if i+4 < len(text) {
				if code, err := strconv.ParseUint(text[i+1:i+5], 16, 16); err == nil {
					out.WriteRune(rune(code))
					i += 4
					continue
				}
			}
			out.WriteString(`\u`)
		default:
			out.WriteByte('\\')
			out.WriteByte(c)
		}
	}
	return out.String()
}

// unescapeMarkdown takes the backslashes away that keep marks from being
// Markdown.
func unescapeMarkdown(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && strings.IndexByte(markdownMarks, text[i+1]) >= 0 {
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String()
}
