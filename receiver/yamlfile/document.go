// Package yamlfile reads our own YAML files strictly: a key that does not exist
// or a value of the wrong kind is an error, and all of them are reported at
// once, each with its line and with what to do about it.
package yamlfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"unicode/utf16"

	"gopkg.in/yaml.v3"
)

// MaxSize is how many bytes of a file are read, so that one that was not meant
// for us, or was meant to hurt, costs nothing.
const MaxSize = 1 << 20

const (
	maxNodes = 200_000 // keys and values in it, an alias counted as often as it is used
	maxDepth = 60      // of values in values
)

// Words are what a kind of file has beyond the keys of its types.
type Words struct {
	// Later are keys that will come and do not work yet. Accepting them would
	// promise something; an empty list promises nothing.
	Later map[reflect.Type][]string
	// Elsewhere are keys that other programs have for what we call otherwise. Of
	// a map, where a key may have any name, those that hold more than a text.
	Elsewhere map[reflect.Type]map[string]string
	// Instead says what to do about a text that stands where a mapping belongs,
	// such as a link that was pasted there; "": it has nothing to say.
	Instead map[reflect.Type]func(text string) (do string)
	// Alone are the keys that a text stands for where a mapping of this type
	// belongs: group: ID for group: {id: ID}.
	Alone map[reflect.Type]string
	// Single are the types of lists whose only item, a mapping, may stand
	// without a list around it.
	Single map[reflect.Type]bool
	// Start says what to start from when the file is empty.
	Start string
	// Lookup finds the variable of the environment that ${NAME} stands for;
	// nil: ${NAME} is text like any other.
	Lookup func(name string) (value string, ok bool)
}

// Document is a file while it is being read: where everything stands in it,
// and what is wrong with it. Places in it are paths such as
// route.routes[0].card.
type Document struct {
	Problems Problems

	name  string
	words Words
	lines map[string]int // by path
	nodes int
	// unread are the paths whose values could not be read, around those that
	// have one of them below. What only follows from them is not reported too.
	unread, around map[string]bool
}

// New is an empty document. name stands in the problems.
func New(name string, words Words) *Document {
	return &Document{
		name: name, words: words,
		lines: make(map[string]int), unread: make(map[string]bool), around: make(map[string]bool),
	}
}

// Decode reads data into v, a pointer to a struct whose fields have yaml tags.
// It reports false, with the reason among the problems, if there is nothing to
// go on with; single mistakes are reported and leave their field empty.
func (d *Document) Decode(data []byte, v any) bool {
	node := d.parse(data)
	if node == nil {
		return false
	}
	d.decode(node, reflect.ValueOf(v).Elem(), "", 0)
	return !d.unread[""]
}

// parse reads the YAML. It returns nil, and has reported why, if there is
// nothing to go on with.
func (d *Document) parse(data []byte) *yaml.Node {
	if len(data) > MaxSize {
		d.Report(1, fmt.Sprintf("the file is larger than %d KiB", MaxSize>>10), "check that this is the right file")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var root, more yaml.Node
	switch err := decoder.Decode(&root); {
	case errors.Is(err, io.EOF):
		d.Report(1, "the file is empty", d.words.Start)
		return nil
	case err != nil:
		d.syntax(data, err)
		return nil
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		d.Report(max(more.Line, 1), "a second document begins here", "keep everything in one document, without ---")
	case !errors.Is(err, io.EOF):
		d.syntax(data, err)
	}
	node := root.Content[0]
	if isNull(node) {
		d.Report(1, "the file is empty", d.words.Start)
		return nil
	}
	return node
}

// Text is a file in UTF-8, without the mark that Windows' editors write before
// it; PowerShell writes UTF-16. Decode needs none of it: it is for those who look
// at a file's lines.
func Text(data []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return bytes.TrimPrefix(data, []byte("\ufeff"))
	}
	var units []uint16
	for data = data[2:]; len(data) >= 2; data = data[2:] {
		units = append(units, order.Uint16(data))
	}
	return []byte(string(utf16.Decode(units)))
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line \d+: )?`)

// syntax reports what the YAML parser says. Its messages name no values. The
// Line that it gives is where the mapping or list begins that it was reading,
// which can be far from the mistake: that is in the last line of the shortest
// beginning of the file that fails in the same way.
func (d *Document) syntax(data []byte, err error) {
	lines := bytes.SplitAfter(data, []byte("\n"))
	size := make([]int, len(lines)+1)
	for i, line := range lines {
		size[i+1] = size[i] + len(line)
	}
	line := sort.Search(len(lines), func(n int) bool {
		return fmt.Sprint(syntaxError(data[:size[n]])) == err.Error()
	})
	what := syntaxLine.ReplaceAllString(err.Error(), "")
	d.Report(max(line, 1), "this is not YAML: "+what, remedy(what, lines[max(line, 1)-1]))
}

var (
	// ownLine is a line that has a key and its value.
	ownLine = regexp.MustCompile(`^[ \t]*(?:- +)?[^\s:#{\[]+:[ \t]+(\S.*)`)
	// blockBegin is how a text over several lines begins, such as >-.
	blockBegin = regexp.MustCompile(`^[>|][+-]?[1-9]?[+-]?\s*(?:#.*)?$`)
)

// remedy is what to do about a line that the YAML parser has something against.
func remedy(what string, line []byte) string {
	value := ""
	if m := ownLine.FindSubmatch(line); m != nil {
		value = string(m[1])
	}
	begins := value[:min(1, len(value))]
	switch {
	case strings.Contains(what, "UTF-8"):
		return "save the file as UTF-8"
	case indentedByTab(line) && (strings.Contains(what, "cannot start any token") || strings.Contains(what, "tab character")):
		return "the line begins with a tab, which looks like spaces; indent it with spaces"
	case strings.HasPrefix(value, "{{"), begins == ">" && !blockBegin.MatchString(value):
		return "put the value in quotes: what begins with " + begins + " is no text in YAML"
	case begins == "'":
		return "write '' for a ' within '…', or put the value in \"…\""
	case strings.Contains(what, "expected ',' or"): // such as {when: mean(temp_c, "5m") > 27}
		return "inside { } and [ ] put what has a comma, a bracket or a quote in it into quotes; elsewhere look at the line before"
	case strings.Contains(what, "mapping values are not allowed"):
		return "put a text with a colon in it in quotes; if there is none, indent the line like the one before"
	}
	return "look at the indentation, at quotes and colons of this line and the one before"
}

// indentedByTab says whether a tab is in what stands before the first word.
func indentedByTab(line []byte) bool {
	return bytes.ContainsRune(line[:len(line)-len(bytes.TrimLeft(line, " \t"))], '\t')
}

// syntaxError is what the parser has against a file, nil for one that is YAML.
func syntaxError(data []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for range 2 { // parse looks at two documents
		var node yaml.Node
		if err := decoder.Decode(&node); err != nil {
			return err
		}
	}
	return nil
}

// Report reports a mistake on a line.
func (d *Document) Report(line int, what, do string) {
	d.Problems = append(d.Problems, Problem{File: d.name, Line: line, Level: Error, What: what, Do: do})
}

// Doubt reports what works, on a line, and is probably not meant.
func (d *Document) Doubt(line int, what, do string) {
	d.Problems = append(d.Problems, Problem{File: d.name, Line: line, Level: Warning, What: what, Do: do})
}

// Wrong reports a mistake at a path.
func (d *Document) Wrong(at, what, do string) { d.Report(d.Line(at), what, do) }

// Warn reports what works and is probably not meant.
func (d *Document) Warn(at, what, do string) {
	d.Doubt(d.Line(at), what, do)
}

// Line is where a path stands in the file, or the nearest thing around it
// that does.
func (d *Document) Line(at string) int {
	for at != "" {
		if line, ok := d.lines[at]; ok {
			return line
		}
		at = above(at)
	}
	return 1
}

// Unread says whether the value at this very path could not be read.
func (d *Document) Unread(at string) bool { return d.unread[at] }

// Broken reports a value that cannot be read.
func (d *Document) Broken(at, what, do string) {
	d.Wrong(at, what, do)
	d.mark(at)
}

// mark remembers that there is nothing to be had at a path.
func (d *Document) mark(at string) {
	d.unread[at] = true
	for ; at != ""; at = above(at) {
		d.around[at] = true
	}
}

// Faulty says whether a value could not be read at a path, below or above it.
func (d *Document) Faulty(at string) bool {
	if d.around[at] {
		return true
	}
	for ; at != ""; at = above(at) {
		if d.unread[at] {
			return true
		}
	}
	return false
}

// above is the path of what holds a path; "" is the file.
func above(at string) string { return at[:max(strings.LastIndexAny(at, ".["), 0)] }

// below is the path of a key in what is at a path.
func below(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

// Has says whether the file says anything at a path.
func (d *Document) Has(at string) bool {
	_, ok := d.lines[at]
	return ok
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}
