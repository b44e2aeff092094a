package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"
)

// Limits on what is read, so that a file that was not meant for us, or was
// meant to hurt, costs nothing.
const (
	maxFile   = 1 << 20 // bytes of a configuration file
	maxNodes  = 200_000 // keys and values in it, an alias counted as often as it is used
	maxDepth  = 60      // of values in values
	maxSecret = 64 << 10
)

// document is a file while it is being read: where everything stands in it,
// and what is wrong with it.
type document struct {
	name     string
	dir      string // what relative paths start from
	env      Env
	lines    map[string]int // by path, such as route.routes[0].card
	nodes    int
	problems Problems
	// unread are the paths whose values could not be read, around those that
	// have one of them below. What only follows from them is not reported too.
	unread, around map[string]bool
}

// parse reads the YAML. It returns nil, and has reported why, if there is
// nothing to go on with.
func (d *document) parse(data []byte) *yaml.Node {
	if len(data) > maxFile {
		d.report(1, fmt.Sprintf("the file is larger than %d KiB", maxFile>>10), "check that this is the right file")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var root, more yaml.Node
	switch err := decoder.Decode(&root); {
	case errors.Is(err, io.EOF):
		d.report(1, "the file is empty", "start from sample-configs/quickstart.yml")
		return nil
	case err != nil:
		d.syntax(data, err)
		return nil
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		d.report(max(more.Line, 1), "a second document begins here", "keep everything in one document, without ---")
	case !errors.Is(err, io.EOF):
		d.syntax(data, err)
	}
	node := root.Content[0]
	if isNull(node) {
		d.report(1, "the file is empty", "start from sample-configs/quickstart.yml")
		return nil
	}
	return node
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line \d+: )?`)

// syntax reports what the YAML parser says. Its messages name no values. The
// line that it gives is where the mapping or list begins that it was reading,
// which can be far from the mistake: that is in the last line of the shortest
// beginning of the file that fails in the same way.
func (d *document) syntax(data []byte, err error) {
	lines := bytes.SplitAfter(data, []byte("\n"))
	size := make([]int, len(lines)+1)
	for i, line := range lines {
		size[i+1] = size[i] + len(line)
	}
	line := sort.Search(len(lines), func(n int) bool {
		return fmt.Sprint(syntaxError(data[:size[n]])) == err.Error()
	})
	what := syntaxLine.ReplaceAllString(err.Error(), "")
	d.report(max(line, 1), "this is not YAML: "+what, "look at the indentation, at quotes and colons of this line and the one before")
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

func (d *document) report(line int, what, do string) {
	d.problems = append(d.problems, Problem{File: d.name, Line: line, Level: Error, What: what, Do: do})
}

// wrong reports a mistake at a path.
func (d *document) wrong(at, what, do string) { d.report(d.line(at), what, do) }

func (d *document) warn(at, what, do string) {
	d.problems = append(d.problems, Problem{File: d.name, Line: d.line(at), Level: Warning, What: what, Do: do})
}

// line is where a path stands in the file, or the nearest thing around it
// that does.
func (d *document) line(at string) int {
	for at != "" {
		if line, ok := d.lines[at]; ok {
			return line
		}
		at = above(at)
	}
	return 1
}

// broken reports a value that cannot be read.
func (d *document) broken(at, what, do string) {
	d.wrong(at, what, do)
	d.mark(at)
}

// mark remembers that there is nothing to be had at a path.
func (d *document) mark(at string) {
	d.unread[at] = true
	for ; at != ""; at = above(at) {
		d.around[at] = true
	}
}

// faulty says whether a value could not be read at a path, below or above it.
func (d *document) faulty(at string) bool {
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

// has says whether the file says anything at a path.
func (d *document) has(at string) bool {
	_, ok := d.lines[at]
	return ok
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}
