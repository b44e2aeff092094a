package card

import (
	"fmt"
	"slices"
	"strings"
)

// required names every type that Teams knows (teams-platform §7.2) with the
// properties without which it refuses the card or shows nothing.
var required = map[string][]string{
	"AdaptiveCard": {}, // body or actions; checked by itself

	"TextBlock": {"text"}, "RichTextBlock": {"inlines"}, "TextRun": {"text"}, "IconRun": {}, "ImageRun": {},
	"Image": {"url"}, "ImageSet": {"images"}, "Media": {"sources"}, "FactSet": {"facts"},
	"Table": {}, "TableRow": {}, "TableCell": {}, "Container": {}, "ColumnSet": {}, "Column": {},
	"ActionSet": {"actions"}, "Carousel": {"pages"}, "CarouselPage": {"items"}, "Icon": {"name"}, "Badge": {},
	"CompoundButton": {}, "CodeBlock": {"codeSnippet"}, "ProgressBar": {}, "ProgressRing": {}, "Rating": {},
	"Component":   {"name"},
	"Chart.Donut": {}, "Chart.Pie": {}, "Chart.Line": {}, "Chart.VerticalBar": {}, "Chart.VerticalBar.Grouped": {},
	"Chart.HorizontalBar": {}, "Chart.HorizontalBar.Stacked": {}, "Chart.Gauge": {},

	"Input.Text": {"id"}, "Input.Number": {"id"}, "Input.Date": {"id"}, "Input.Time": {"id"}, "Input.Rating": {"id"},
	"Input.Toggle": {"id", "title"}, "Input.ChoiceSet": {"id"}, "Data.Query": {},

	"Action.OpenUrl": {"url"}, "Action.Submit": {}, "Action.Execute": {}, "Action.ShowCard": {"card"},
	"Action.ToggleVisibility": {"targetElements"}, "Action.ResetInputs": {}, "Action.Popover": {},
	"Action.OpenUrlDialog": {}, "Action.InsertImage": {},

	"Layout.Stack": {}, "Layout.Flow": {}, "Layout.AreaGrid": {},
}

// typeNames finds the names of types, as they are and in lower case.
var typeNames = func() map[string]string {
	names := make(map[string]string, 2*len(required))
	for name := range required {
		names[name], names[strings.ToLower(name)] = name, name
	}
	return names
}()

// typeName is the name of a type that is written in any case, "" when there is
// no such type.
func typeName(word string) string {
	if name, known := typeNames[word]; known {
		return name
	}
	return typeNames[strings.ToLower(word)]
}

// words are the values that Teams knows for a property of some element, in
// lower case: it ignores the case.
var words = map[string][]string{
	"spacing":             {"default", "none", "extrasmall", "small", "medium", "large", "extralarge", "padding"},
	"weight":              {"default", "lighter", "bolder"},
	"horizontalAlignment": {"left", "center", "right"},
	"fontType":            {"default", "monospace"},
}

// elementArrays are the members whose elements have a type, and the type that
// an element without one has ("": it must have one).
var elementArrays = map[string]string{
	"body": "", "items": "", "actions": "", "inlines": "TextRun", "images": "Image",
	"columns": "Column", "rows": "TableRow", "cells": "TableCell", "pages": "CarouselPage",
}

// checker walks through a card once: it takes out what Teams would refuse or
// what must not be opened, and finds what it cannot mend.
type checker struct {
	tree   *tree
	images bool // take pictures out
	path   []pathStep
	fault  error // the first mistake: the path of a property, and what is wrong
}

// pathStep is one step of a path: a member's name, or an element's number.
type pathStep struct {
	name  []byte
	index int
}

// check walks through the card.
func (c *checker) check() error {
	root := &c.tree.nodes[0]
	if root.kind != '{' {
		return fmt.Errorf("the card is %s, not an object", kindWord(root))
	}
	if kind := c.tree.text(c.tree.member(0, "type")); !strings.EqualFold(kind, "AdaptiveCard") {
		return fmt.Errorf("type: %q, not \"AdaptiveCard\"", kind)
	}
	if c.tree.member(0, "body") == 0 && c.tree.member(0, "actions") == 0 {
		return fmt.Errorf("body: missing")
	}
	c.object(0, "")
	return c.fault
}

// wrong remembers a mistake in a member of the object where the walk is, or,
// for "", in what is there itself.
func (c *checker) wrong(name, format string, args ...any) {
	if c.fault != nil {
		return
	}
	var path strings.Builder
	for _, s := range c.path {
		if s.name == nil {
			fmt.Fprintf(&path, "[%d]", s.index)
			continue
		}
		path.WriteByte('.')
		path.Write(s.name)
	}
	if name != "" {
		path.WriteString("." + name)
	}
	c.fault = fmt.Errorf("%s: %s", strings.TrimPrefix(path.String(), "."), fmt.Sprintf(format, args...))
}

// object checks an object; elsewise is its type when it names none. It reports
// whether to keep it.
func (c *checker) object(at int, elsewise string) (keep bool) {
	kind := elsewise
	if written := c.tree.member(at, "type"); written != 0 {
		word := c.tree.raw(written)
		if kind = typeName(string(word)); kind == "" && len(word) > 0 {
			if c.tree.member(at, "fallback") == 0 {
				c.wrong("type", "Teams knows no %q", word)
			}
			return true
		}
	}
	if kind != "" {
		if c.images && (kind == "Image" || kind == "ImageSet" || kind == "Media" || kind == "ImageRun") {
			return false
		}
		for _, property := range required[kind] {
			if c.tree.member(at, property) == 0 {
				c.wrong(property, "%s needs it", kind)
			}
		}
	}
	if kind == "CodeBlock" && c.tree.member(at, "fallback") == 0 {
		c.tree.addFallback(at)
	}
	for child := range c.tree.children(at) {
		name := c.tree.nodes[child].name
		c.path = append(c.path, pathStep{name: name})
		keep := c.member(kind, name, child)
		c.path = c.path[:len(c.path)-1]
		if !keep {
			if slices.Contains(required[kind], string(name)) {
				return false
			}
			c.tree.nodes[child].gone = true
		}
	}
	return true
}

// member checks one member of an object of a kind and reports whether to keep
// it.
func (c *checker) member(kind string, name []byte, at int) bool {
	n := &c.tree.nodes[at]
	switch string(name) {
	case "type", "wrap", "width", "version", "$schema":
		return true
	case "data", "msteams", "authentication", "metadata", "requires", "resources", "properties", "choices.data":
		return true // not the card language
	case "url", "iconUrl", "poster":
		return opens(c.tree.raw(at), string(name) != "url" || kind != "Action.OpenUrl")
	case "backgroundImage":
		if c.images {
			return false
		}
		if n.kind == '"' {
			return opens(c.tree.raw(at), true)
		}
	case "color", "size", "style", "weight", "spacing", "horizontalAlignment", "fontType", "fillMode":
		if n.kind == '"' && len(n.raw) == 0 {
			return false // a template's way to say nothing
		}
		if string(name) == "weight" && strings.EqualFold(c.tree.text(at), "normal") {
			return false // CSS's word for what is the default here; Butler's cards have it
		}
	case "text", "speak", "fallbackText":
		if n.kind != '"' {
			c.wrong("", "%s, not a string", kindWord(n))
		}
		return true
	}
	if known := words[string(name)]; known != nil && kind != "" {
		word := c.tree.raw(at)
		if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, string(word)) }) {
			c.wrong("", "Teams knows no %q; one of %s", word, strings.Join(known, ", "))
		}
	}
	switch n.kind {
	case '{':
		keep := c.object(at, "")
		return keep && !(string(name) == "backgroundImage" && c.tree.member(at, "url") == 0)
	case '[':
		c.array(kind, string(name), at)
	default:
		if _, elements := elementArrays[string(name)]; elements || string(name) == "facts" {
			c.wrong("", "%s, not an array", kindWord(n))
		}
	}
	return true
}

func (c *checker) array(kind, name string, at int) {
	if name == "columns" && strings.EqualFold(kind, "Table") {
		return // widths, no elements
	}
	elsewise, elements := elementArrays[name]
	index := -1
	for child := range c.tree.children(at) {
		index++
		c.path = append(c.path, pathStep{index: index})
		switch n := &c.tree.nodes[child]; {
		case name == "facts" && n.kind == '{' && n.first == 0:
			n.gone = true // an if in the template wrote nothing
		case n.kind == '{':
			if name == "facts" {
				c.fact(child)
			}
			if elements && elsewise == "" && c.tree.member(child, "type") == 0 {
				c.wrong("type", "missing")
			}
			keep := c.object(child, elsewise) // which may add nodes: n is not to be trusted any more
			c.tree.nodes[child].gone = !keep
		case elements && !(name == "inlines" && n.kind == '"'):
			c.wrong("", "%s, not an element", kindWord(n))
		}
		c.path = c.path[:len(c.path)-1]
	}
}

func (c *checker) fact(at int) {
	for _, property := range []string{"title", "value"} {
		if c.tree.member(at, property) == 0 {
			c.wrong(property, "a fact needs it")
		}
	}
}

// opens reports whether a link may stand on a card: to a page or, for links
// that people press, a mail; for pictures also a PNG in the card itself.
func opens[text string | []byte](link text, picture bool) bool {
	begin := string(link[:min(len(link), len("mailto:"))])
	switch scheme, _, ok := strings.Cut(begin, ":"); {
	case ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")):
		return true
	case ok && strings.EqualFold(scheme, "mailto"):
		return !picture
	}
	return picture && opensPicture(link)
}

// opensPicture reports whether a link is a picture in itself.
func opensPicture[text string | []byte](link text) bool {
	const begin = "data:image/png;base64,"
	return len(link) >= len(begin) && string(link[:len(begin)]) == begin
}

func kindWord(n *node) string {
	switch {
	case n.kind == '{':
		return "an object"
	case n.kind == '[':
		return "an array"
	case n.kind == '"':
		return "a string"
	case n.raw[0] == 'n':
		return "null"
	case n.raw[0] == 't' || n.raw[0] == 'f':
		return "true or false"
	}
	return "a number"
}
