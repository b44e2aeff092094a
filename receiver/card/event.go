package card

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// original is what an event source sent, read when a template asks for it.
type original struct {
	raw  json.RawMessage
	read any
}

// Event is the JSON that an event source sent; numbers are floats, and an id
// of many digits stays what it is. Without one it is an empty object, so that
// .Event.title is nothing rather than a mistake.
func (d *Data) Event() any {
	if d.event.read == nil {
		decoder := json.NewDecoder(bytes.NewReader(d.event.raw))
		decoder.UseNumber()
		if decoder.Decode(&d.event.read) != nil || d.event.read == nil {
			d.event.read = map[string]any{}
		}
		d.event.read = withNumbers(d.event.read)
	}
	return d.event.read
}

// withNumbers makes numbers of the numbers in decoded JSON. Whole ones of more
// digits than a float64 holds stay text: those are ids.
func withNumbers(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			v[name] = withNumbers(v[name])
		}
	case []any:
		for i := range v {
			v[i] = withNumbers(v[i])
		}
	case json.Number:
		f, err := v.Float64()
		if err == nil && (strings.ContainsAny(v.String(), ".eE") || numberText(f) == v.String()) {
			return f
		}
	}
	return value
}

// path leads to a value in decoded JSON.
type path []pathPart

// pathPart is the name of a member, or the number of an element.
type pathPart struct {
	name  string
	index int // of an element, when name is ""
}

// readPath reads a path such as "issue.fields.labels[0].name".
func readPath(text string) (path, error) {
	var made path
	for _, step := range strings.Split(strings.TrimPrefix(text, "."), ".") {
		name, rest, indexed := strings.Cut(step, "[")
		if name != "" {
			made = append(made, pathPart{name: name})
		} else if !indexed && text != "" && text != "." {
			return nil, fmt.Errorf("%.40q is no path; write a.b[0].c", text)
		}
		for indexed {
			var number string
			number, rest, indexed = strings.Cut(rest, "]")
			index, err := strconv.Atoi(number)
			if !indexed || err != nil || index < 0 || rest != "" && rest[0] != '[' {
				return nil, fmt.Errorf("%.40q is no path; write a.b[0].c", text)
			}
			made = append(made, pathPart{index: index})
			rest, indexed = strings.CutPrefix(rest, "[")
		}
	}
	return made, nil
}

// paths reads paths that are written in the program.
func paths(texts ...string) []path {
	made := make([]path, len(texts))
	for i, text := range texts {
		p, err := readPath(text)
		if err != nil {
			panic(err)
		}
		made[i] = p
	}
	return made
}

// in is the value to which the path leads, nil when it leads nowhere.
func (p path) in(value any) any {
	for _, step := range p {
		switch v := value.(type) {
		case map[string]any:
			if step.name == "" {
				return nil
			}
			value = v[step.name]
		case []any:
			if step.name != "" || step.index >= len(v) {
				return nil
			}
			value = v[step.index]
		default:
			return nil
		}
	}
	return value
}
