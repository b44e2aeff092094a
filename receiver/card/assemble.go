package card

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tailscale/hujson"
)

// assembler reads what a template wrote, once, as lenient JSON, and puts every
// value in its place, escaped for that place. Comments are skipped. Commas may
// be missing, doubled or trailing: templates leave some out and write some
// twice because an if between them was false, and no comma ever changes what
// a card says.
type assembler struct {
	text     []byte
	holes    []hole
	at       int // in text
	tree     tree
	scratch  []byte // of the strings that have values in them
	frames   []frame
	mentions []mention
	foreign  bool // another program's card is in it
	// lenient takes line breaks and tabs inside strings, as templates for
	// prometheus-msteams write them by accident.
	lenient bool
	// exact leaves text as it is, because Teams never sees it.
	exact bool
}

// frame is an object or array that is open.
type frame struct {
	node  int
	kind  byte
	under []byte // the name under which it stands; for the elements of an array the array's
	name  []byte // of the member that comes next, nil before it is read
	colon bool   // the colon after the name has been read
	typ   []byte // the object's "type", nil while that was not read
}

// assemble puts the values into the text and leaves the card in a.tree.
func (a *assembler) assemble(text []byte, holes []hole) error { return a.assembleFrom(text, holes, 0) }

// assembleFrom is assemble of what stands behind an offset.
func (a *assembler) assembleFrom(text []byte, holes []hole, from int) error {
	a.text, a.holes, a.at = text, holes, from
	a.tree.nodes, a.frames, a.mentions = a.tree.nodes[:0], a.frames[:0], a.mentions[:0]
	a.scratch, a.foreign = a.scratch[:0], false
	for a.at < len(a.text) || len(a.holes) > 0 {
		if err := a.next(); err != nil {
			return err
		}
	}
	switch {
	case len(a.tree.nodes) == 0:
		return a.fault("the template writes nothing")
	case len(a.frames) > 0:
		return a.fault("a " + string(a.frames[len(a.frames)-1].kind) + " is not closed")
	}
	return nil
}

// next reads one token.
func (a *assembler) next() error {
	if a.here() {
		return a.value(a.take())
	}
	switch c := a.text[a.at]; c {
	case ' ', '\t', '\r', '\n':
		a.space()
	case '/':
		return a.comment()
	case '{', '[':
		if err := a.open(c); err != nil {
			return err
		}
		a.at++
	case '}', ']':
		if len(a.frames) == 0 || a.top().kind != c-2 {
			return a.fault("a " + string(c) + " that closes nothing")
		}
		if a.top().name != nil {
			return a.fault(fmt.Sprintf("%q has no value", a.top().name))
		}
		a.frames = a.frames[:len(a.frames)-1]
		a.at++
	case ',':
		if len(a.frames) == 0 || a.top().name != nil {
			return a.fault("a comma where a value belongs")
		}
		a.at++
	case ':':
		if len(a.frames) == 0 || a.top().name == nil || a.top().colon {
			return a.fault("a colon that follows no name")
		}
		a.top().colon = true
		a.at++
	case '"':
		return a.string()
	default:
		return a.literal()
	}
	return nil
}

// space skips white space, of which templates have a lot.
func (a *assembler) space() {
	end := len(a.text)
	if len(a.holes) > 0 {
		end = a.holes[0].offset
	}
	for a.at < end {
		if c := a.text[a.at]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return
		}
		a.at++
	}
}

// here reports whether a value belongs here.
func (a *assembler) here() bool { return len(a.holes) > 0 && a.holes[0].offset == a.at }

func (a *assembler) take() hole {
	h := a.holes[0]
	a.holes = a.holes[1:]
	return h
}

func (a *assembler) top() *frame { return &a.frames[len(a.frames)-1] }

// name is the name under which a value that begins here stands.
func (a *assembler) name() []byte {
	if len(a.frames) == 0 {
		return nil
	}
	if top := a.top(); top.kind == '{' {
		return a.tree.nodes[a.tree.nodes[top.node].last].name
	}
	return a.top().under
}

// isName reports whether a string that begins here is the name of a member.
func (a *assembler) isName() bool {
	return len(a.frames) > 0 && a.top().kind == '{' && a.top().name == nil
}

// add puts a value into the tree.
func (a *assembler) add(n node) (int, error) {
	if len(a.frames) == 0 {
		if len(a.tree.nodes) > 0 {
			return 0, a.fault("there is something after the card")
		}
		return a.tree.add(0, n), nil
	}
	top := a.top()
	if top.kind == '{' {
		if top.name == nil || !top.colon {
			return 0, a.fault("a name and a colon belong here")
		}
		n.name = top.name
		top.name, top.colon = nil, false
	}
	return a.tree.add(top.node, n), nil
}

// maxDepth is how deep a card may be nested. Nobody can read one of ten
// levels; a thousand would only be there to use up our stack.
const maxDepth = 100

// open begins an object or array.
func (a *assembler) open(kind byte) error {
	if len(a.frames) == maxDepth {
		return a.fault("nested too deeply")
	}
	at, err := a.add(node{kind: kind, from: int32(a.at)})
	if err == nil {
		a.frames = append(a.frames, frame{node: at, kind: kind, under: a.name()})
	}
	return err
}

// comment skips a comment and the values in it.
func (a *assembler) comment() error {
	rest := a.text[a.at:]
	end := -1
	line := bytes.HasPrefix(rest, []byte("//"))
	switch {
	case line:
		if end = bytes.IndexByte(rest, '\n'); end < 0 {
			end = len(rest)
		}
	case bytes.HasPrefix(rest, []byte("/*")):
		if end = bytes.Index(rest[2:], []byte("*/")); end >= 0 {
			end += 4
		}
	}
	if end < 0 {
		return a.fault("a / that begins no comment, or a comment that does not end")
	}
	a.at += end
	for len(a.holes) > 0 && (a.holes[0].offset < a.at || line && a.holes[0].offset == a.at) {
		a.take()
	}
	return nil
}

// literal reads a number, true, false or null.
func (a *assembler) literal() error {
	start := a.at
	for a.at < len(a.text) && strings.IndexByte(" \t\r\n,:{}[]\"/", a.text[a.at]) < 0 {
		if a.at++; a.here() {
			break
		}
	}
	raw := a.text[start:a.at]
	if string(raw) != "true" && !json.Valid(raw) {
		a.at = start
		return a.fault(fmt.Sprintf("%.40q is no value; text needs quotes", raw))
	}
	_, err := a.add(node{kind: '0', raw: raw})
	return err
}

// string reads a string of the template and fills its holes.
func (a *assembler) string() error {
	begin := a.at
	name := a.isName()
	how := plain
	if !name {
		how = a.placement()
	}
	a.at++
	start := len(a.scratch)
	from := a.at // what is not in scratch yet
	filled := false
	for {
		if a.here() {
			a.scratch = append(a.scratch, a.text[from:a.at]...)
			a.fill(a.take(), how, start)
			from, filled = a.at, true
			continue
		}
		if a.at >= len(a.text) {
			a.at = begin
			return a.fault("a string that does not end")
		}
		c := a.text[a.at]
		if c == '"' {
			break
		}
		if c < ' ' && a.lenient {
			a.scratch = appendJSON(append(a.scratch, a.text[from:a.at]...), string(c))
			a.at++
			from, filled = a.at, true
			continue
		}
		if c < ' ' {
			return a.fault(`a line break or tab inside a string; write \n or \t`)
		}
		if c == '\\' {
			if !a.escape() {
				return a.fault(`a \ that escapes nothing; write \\`)
			}
			continue
		}
		a.at++
	}
	raw := a.text[from:a.at]
	if filled {
		a.scratch = append(a.scratch, raw...)
		raw = a.scratch[start:len(a.scratch):len(a.scratch)]
	}
	a.at++
	return a.accept(name, raw, how)
}

// escape skips an escape sequence and reports whether it is one.
func (a *assembler) escape() bool {
	rest := a.text[a.at+1:]
	if len(rest) == 0 || len(a.holes) > 0 && a.holes[0].offset == a.at+1 {
		return false
	}
	if rest[0] != 'u' {
		a.at += 2
		return strings.IndexByte(`"\/bfnrt`, rest[0]) >= 0
	}
	if len(rest) < 5 || len(a.holes) > 0 && a.holes[0].offset < a.at+6 {
		return false
	}
	for _, c := range rest[1:5] {
		if strings.IndexByte("0123456789abcdefABCDEF", c) < 0 {
			return false
		}
	}
	a.at += 6
	return true
}

// accept takes a string, which is a name or a value.
func (a *assembler) accept(name bool, raw []byte, how writing) error {
	if name {
		if raw == nil {
			raw = []byte{}
		}
		a.top().name = raw
		return nil
	}
	if len(a.frames) > 0 && (string(a.top().name) == "type" || string(a.top().name) == "@type") {
		a.top().typ = raw
	}
	_, err := a.add(node{kind: '"', raw: raw, how: how})
	return err
}

// How a value is written inside a string.
type writing int

const (
	plain    writing = iota // as text that is no Markdown
	markdown                // as text in a place where Teams reads Markdown
	address                 // as part of a URL
)

// placement says what Teams reads in the string that begins here.
func (a *assembler) placement() writing {
	if len(a.frames) == 0 {
		return plain
	}
	top := a.top()
	if top.kind == '[' {
		return placement(top.under, nil, top.under)
	}
	return placement(top.name, top.typ, top.under)
}

// placement says what Teams reads in a member of an object. Markdown is read
// in the text of a TextBlock and in the facts of a FactSet; titles of buttons,
// runs of a RichTextBlock and all else are shown as they are.
func placement(name, typ, under []byte) writing {
	switch string(name) {
	case "url", "iconUrl", "poster", "backgroundImage":
		return address
	case "text":
		if len(typ) == 0 || string(typ) == "TextBlock" || string(typ) == messageCard {
			return markdown
		}
	case "title", "value", "name":
		switch string(under) {
		case "facts":
			return markdown
		case "sections":
			if string(name) == "title" {
				return markdown
			}
		}
		if string(typ) == messageCard && string(name) == "title" {
			return markdown
		}
	case "activityTitle", "activitySubtitle", "activityText": // of a MessageCard
		return markdown
	case "uri", "target", "activityImage", "image", "heroImage":
		return address
	}
	return plain
}

// fill writes a value inside a string that began at start.
func (a *assembler) fill(h hole, how writing, start int) {
	if parts, ok := h.value.(speech); ok {
		for _, part := range parts {
			a.fill(part, how, start)
		}
		return
	}
	if own, ok := h.value.(*ownPicture); ok && how == address && len(a.scratch) == start {
		a.scratch = append(a.scratch, own.uri...)
		return
	}
	text := textOf(h.value)
	if a.exact {
		a.scratch = appendJSON(a.scratch, text)
		return
	}
	who, known := mention{}, false
	if h.sink == sinkMention {
		who, known = mentioned(h.value, text)
	}
	switch {
	case known && how == markdown:
		a.mentions = append(a.mentions, who)
		text = "<at>" + who.name + "</at>"
	case known:
		text = who.name
	default:
		text = write(text, how, a.scratch[start:], h.sink)
	}
	a.scratch = appendJSON(a.scratch, text)
}

// value takes a value where no string is open: a whole JSON value, or a name.
func (a *assembler) value(h hole) error {
	text, isText := h.value.(string)
	name := a.isName()
	_, isPicture := h.value.(*ownPicture)
	if name || isPicture || h.sink == sinkMention || isText && h.sink != sinkJSON {
		how := plain
		if !name {
			how = a.placement()
		}
		start := len(a.scratch)
		a.fill(h, how, start)
		return a.accept(name, a.scratch[start:len(a.scratch):len(a.scratch)], how)
	}
	raw := []byte(text)
	if !isText {
		var err error
		if raw, err = json.Marshal(h.value); err != nil {
			return a.fault(fmt.Sprintf("%T has no JSON", h.value))
		}
	}
	parsed, err := hujson.Parse(raw)
	if err != nil {
		return a.fault(fmt.Sprintf("not JSON: %.40q", raw))
	}
	a.foreign = a.foreign || h.sink == sinkPayload
	return a.graft(parsed, h.sink)
}

// graft takes a JSON value whose strings are data.
func (a *assembler) graft(v hujson.Value, sink string) error {
	switch v := v.Value.(type) {
	case hujson.Literal:
		if v.Kind() != '"' {
			_, err := a.add(node{kind: '0', raw: v})
			return err
		}
		if sink == sinkJSON {
			return a.accept(false, v[1:len(v)-1], a.placement())
		}
		start, how := len(a.scratch), a.placement()
		a.fill(hole{value: v.String(), sink: sink}, how, start)
		return a.accept(false, a.scratch[start:len(a.scratch):len(a.scratch)], how)
	case *hujson.Array:
		if err := a.open('['); err != nil {
			return err
		}
		for _, element := range v.Elements {
			if err := a.graft(element, sink); err != nil {
				return err
			}
		}
		a.frames = a.frames[:len(a.frames)-1]
	case *hujson.Object:
		if err := a.open('{'); err != nil {
			return err
		}
		for _, m := range v.Members {
			name := m.Name.Value.(hujson.Literal).String()
			if !a.exact {
				name = plainText(name)
			}
			raw := appendJSON(nil, name)
			if raw == nil {
				raw = []byte{}
			}
			a.top().name, a.top().colon = raw, true
			if err := a.graft(m.Value, sink); err != nil {
				return err
			}
		}
		a.frames = a.frames[:len(a.frames)-1]
	}
	return nil
}

// syntaxFault is a mistake in the JSON at an offset of the template's text.
type syntaxFault struct {
	offset int
	what   string
}

func (f *syntaxFault) Error() string { return f.what }

func (a *assembler) fault(what string) error { return &syntaxFault{a.at, what} }
