package card

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"
)

// required names every type that Teams knows (teams-platform §7.2) with the
// properties without which it refuses the card or shows nothing.
var required = map[string][]string{
	"AdaptiveCard": {}, // body or actions; checked by itself

	"TextBlock": {"text"}, "RichTextBlock": {"inlines"}, "TextRun": {"text"}, "IconRun": {}, "ImageRun": {},
	"Image": {"url"}, "ImageSet": {"images"}, "Media": {"sources"}, "FactSet": {"facts"},
	"Table": {}, "TableRow": {}, "TableCell": {"items"}, "Container": {"items"}, "ColumnSet": {}, "Column": {},
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

// lowerTypes finds a type whatever its case is.
var lowerTypes = func() map[string]string {
	names := make(map[string]string, len(required))
	for name := range required {
		names[strings.ToLower(name)] = name
	}
	return names
}()

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

// foreign are members that are not ours or Teams' card language to check.
var foreign = map[string]bool{
	"data": true, "msteams": true, "authentication": true, "metadata": true, "requires": true, "resources": true,
	"properties": true, "choices.data": true,
}

// checker walks through a card once: it takes out what Teams would refuse or
// what must not be opened, and finds what it cannot mend.
type checker struct {
	path []string
	// fault is the first mistake: the path of a property, and what is wrong.
	fault   error
	changed bool // something was taken out
	images  bool // take pictures out
}

// check walks through the card.
func (c *checker) check(card *hujson.Value) error {
	object, ok := card.Value.(*hujson.Object)
	if !ok {
		return fmt.Errorf("the card is %s, not an object", kindWord(card.Value))
	}
	if kind, _ := textMember(object, "type"); !strings.EqualFold(kind, "AdaptiveCard") {
		return fmt.Errorf("type: %q, not \"AdaptiveCard\"", kind)
	}
	if member(object, "body") == nil && member(object, "actions") == nil {
		return fmt.Errorf("body: missing")
	}
	c.object(object, "")
	return c.fault
}

func (c *checker) wrong(format string, args ...any) {
	if c.fault == nil {
		c.fault = fmt.Errorf("%s: %s", strings.TrimPrefix(strings.Join(c.path, ""), "."), fmt.Sprintf(format, args...))
	}
}

// object checks an object; elsewise is its type when it names none. It reports
// whether to keep it.
func (c *checker) object(object *hujson.Object, elsewise string) (keep bool) {
	kind, written := textMember(object, "type")
	if !written {
		kind = elsewise
	}
	if kind != "" {
		name, known := lowerTypes[strings.ToLower(kind)]
		if !known {
			if member(object, "fallback") == nil {
				c.path = append(c.path, ".type")
				c.wrong("Teams knows no %q", kind)
				c.path = c.path[:len(c.path)-1]
			}
			return true
		}
		if c.images && (name == "Image" || name == "ImageSet" || name == "Media" || name == "ImageRun") {
			return false
		}
		for _, property := range required[name] {
			if member(object, property) == nil {
				c.path = append(c.path, "."+property)
				c.wrong("%s needs it", name)
				c.path = c.path[:len(c.path)-1]
			}
		}
	}
	for i := 0; i < len(object.Members); i++ {
		m := &object.Members[i]
		name := literalText(m.Name.Value)
		c.path = append(c.path, "."+name)
		if !c.member(kind, name, m) {
			if slices.Contains(required[kind], name) {
				keep = true
				c.path = c.path[:len(c.path)-1]
				return false
			}
			object.Members = slices.Delete(object.Members, i, i+1)
			c.changed = true
			i--
		}
		c.path = c.path[:len(c.path)-1]
	}
	return true
}

// member checks one member of an object of a kind and reports whether to keep
// it.
func (c *checker) member(kind, name string, m *hujson.ObjectMember) bool {
	if foreign[name] {
		return true
	}
	switch name {
	case "url", "iconUrl", "poster":
		return opens(literalText(m.Value.Value), name != "url" || kind != "Action.OpenUrl")
	case "backgroundImage":
		if c.images {
			return false
		}
		if literal, ok := m.Value.Value.(hujson.Literal); ok {
			return opens(literal.String(), true)
		}
	case "text", "title", "value", "altText", "speak", "fallbackText":
		if literal, ok := m.Value.Value.(hujson.Literal); !ok || name == "text" && literal.Kind() != '"' {
			c.wrong("%s, not a string", kindWord(m.Value.Value))
		}
		return true
	}
	if known := words[name]; known != nil && kind != "" {
		if word := literalText(m.Value.Value); !slices.Contains(known, strings.ToLower(word)) {
			c.wrong("Teams knows no %q; one of %s", word, strings.Join(known, ", "))
		}
	}
	switch v := m.Value.Value.(type) {
	case *hujson.Object:
		return c.object(v, "")
	case *hujson.Array:
		c.array(kind, name, v)
	default:
		if _, elements := elementArrays[name]; elements || name == "facts" {
			c.wrong("%s, not an array", kindWord(m.Value.Value))
		}
	}
	return true
}

func (c *checker) array(kind, name string, array *hujson.Array) {
	elsewise, elements := elementArrays[name]
	if name == "columns" && strings.EqualFold(kind, "Table") {
		return // widths, no elements
	}
	for i := 0; i < len(array.Elements); i++ {
		c.path = append(c.path, "["+strconv.Itoa(i)+"]")
		switch v := array.Elements[i].Value.(type) {
		case *hujson.Object:
			if name == "facts" {
				for _, property := range []string{"title", "value"} {
					if member(v, property) == nil {
						c.wrong("a fact needs %q", property)
					}
				}
			}
			if elements && elsewise == "" && member(v, "type") == nil {
				c.wrong("type is missing")
			}
			if !c.object(v, elsewise) {
				array.Elements = slices.Delete(array.Elements, i, i+1)
				c.changed = true
				i--
			}
		case hujson.Literal:
			if elements && !(name == "inlines" && v.Kind() == '"') {
				c.wrong("%s, not an element", kindWord(v))
			}
		}
		c.path = c.path[:len(c.path)-1]
	}
}

// opens reports whether a link may stand on a card: to a page or, for links
// that people press, a mail; for pictures also a PNG in the card itself.
func opens(link string, picture bool) bool {
	scheme, _, ok := strings.Cut(link, ":")
	if !ok {
		return false
	}
	switch strings.ToLower(scheme) {
	case "http", "https":
		return true
	case "mailto":
		return !picture
	}
	return picture && strings.HasPrefix(link, "data:image/png;base64,")
}

func member(object *hujson.Object, name string) *hujson.Value {
	for i := range object.Members {
		if isText(object.Members[i].Name.Value, name) {
			return &object.Members[i].Value
		}
	}
	return nil
}

// isText compares a JSON string without unquoting it: names have nothing to
// escape.
func isText(v hujson.ValueTrimmed, text string) bool {
	literal, ok := v.(hujson.Literal)
	return ok && len(literal) == len(text)+2 && string(literal[1:len(literal)-1]) == text
}

func textMember(object *hujson.Object, name string) (string, bool) {
	v := member(object, name)
	if v == nil {
		return "", false
	}
	return literalText(v.Value), true
}

// literalText is the text of a JSON string, "" of anything else.
func literalText(v hujson.ValueTrimmed) string {
	if literal, ok := v.(hujson.Literal); ok && literal.Kind() == '"' {
		if !slices.Contains(literal, '\\') {
			return string(literal[1 : len(literal)-1])
		}
		return literal.String()
	}
	return ""
}

func kindWord(v hujson.ValueTrimmed) string {
	switch v.Kind() {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 'n':
		return "null"
	}
	return "true or false"
}
