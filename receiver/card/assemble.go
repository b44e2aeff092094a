package card

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

// assembler reads what a template wrote, once, as lenient JSON, and puts every
// value in its place, escaped for that place. Its result is compact JSON with
// the commas where they belong: left out before a closing bracket, one where
// the template has several or none. What else is wrong with it is for the
// parser of the result to find.
type assembler struct {
	text     []byte
	holes    []hole
	at       int // in text
	out      []byte
	frames   []frame
	ended    bool // a value has ended, so a comma or a bracket comes next
	colon    bool // a colon has been read: a value comes next
	marks    []mark
	mentions []string // addresses, in order
}

// frame is an object or array that is open.
type frame struct {
	object bool
	under  string // the name under which it stands; for the elements of an array the array's
	name   string // of the member that is being read
	kind   string // the object's "type", "" while that was not read
}

// mark says which offset of the text an offset of the result comes from.
type mark struct{ out, text int }

// assemble puts the values into the text.
func (a *assembler) assemble(text []byte, holes []hole) error {
	*a = assembler{
		text: text, holes: holes, out: a.out[:0], frames: a.frames[:0],
		marks: a.marks[:0], mentions: a.mentions[:0],
	}
	for a.at < len(a.text) || len(a.holes) > 0 {
		if len(a.holes) > 0 && a.holes[0].offset == a.at {
			if err := a.value(a.take()); err != nil {
				return err
			}
			continue
		}
		c := a.text[a.at]
		switch c {
		case ' ', '\t', '\r', '\n':
			a.at++
		case '/':
			if err := a.comment(); err != nil {
				return err
			}
		case '{', '[':
			a.begin()
			a.frames = append(a.frames, frame{object: c == '{', under: a.place().name})
			a.emit(c)
		case '}', ']':
			if len(a.frames) > 0 {
				a.frames = a.frames[:len(a.frames)-1]
			}
			a.emit(c)
			a.ended, a.colon = true, false
		case ',':
			a.at++
			a.colon = false
		case ':':
			a.emit(c)
			a.ended, a.colon = false, true
		case '"':
			if err := a.string(); err != nil {
				return err
			}
		default:
			a.literal()
		}
	}
	return nil
}

func (a *assembler) take() hole {
	h := a.holes[0]
	a.holes = a.holes[1:]
	return h
}

func (a *assembler) emit(c byte) {
	a.out = append(a.out, c)
	a.at++
}

// begin starts a value or a name: a comma comes before it when a value has
// ended before.
func (a *assembler) begin() {
	if a.ended {
		a.out = append(a.out, ',')
		a.ended = false
	}
	a.marks = append(a.marks, mark{len(a.out), a.at})
}

func (a *assembler) end() { a.ended, a.colon = true, false }

// place is the innermost frame.
func (a *assembler) place() frame {
	if len(a.frames) == 0 {
		return frame{}
	}
	top := a.frames[len(a.frames)-1]
	if !top.object {
		top.name = top.under // elements of an array stand under its name
	}
	return top
}

// isName reports whether a string that begins here is the name of a member.
func (a *assembler) isName() bool {
	return len(a.frames) > 0 && a.frames[len(a.frames)-1].object && !a.colon
}

// comment skips a comment and the values in it.
func (a *assembler) comment() error {
	rest := a.text[a.at:]
	end := -1
	switch {
	case bytes.HasPrefix(rest, []byte("//")):
		if end = bytes.IndexByte(rest, '\n'); end < 0 {
			end = len(rest)
		}
	case bytes.HasPrefix(rest, []byte("/*")):
		if end = bytes.Index(rest[2:], []byte("*/")); end >= 0 {
			end += 4
		}
	}
	if end < 0 {
		return a.fault("a / that begins no comment")
	}
	a.at += end
	for len(a.holes) > 0 && a.holes[0].offset < a.at {
		a.take()
	}
	if len(a.holes) > 0 && a.holes[0].offset == a.at && bytes.HasPrefix(rest, []byte("//")) {
		a.take() // the last thing on the comment's line
	}
	return nil
}

// literal copies a number, true, false or null, or whatever stands there.
func (a *assembler) literal() {
	a.begin()
	for a.at < len(a.text) && !strings.ContainsRune(" \t\r\n,:{}[]\"/", rune(a.text[a.at])) {
		a.emit(a.text[a.at])
		if len(a.holes) > 0 && a.holes[0].offset == a.at {
			break
		}
	}
	a.end()
}

// string copies a string of the template and fills its holes.
func (a *assembler) string() error {
	name := a.isName()
	place := a.place()
	a.begin()
	start := len(a.out)
	a.emit('"')
	how := plain
	if !name {
		how = placement(place)
	}
	for {
		if len(a.holes) > 0 && a.holes[0].offset == a.at {
			a.fill(a.take(), how, start+1)
			continue
		}
		if a.at >= len(a.text) {
			return a.fault("a string that does not end")
		}
		c := a.text[a.at]
		if c == '"' {
			a.emit(c)
			break
		}
		if c == '\\' && a.at+1 < len(a.text) {
			a.emit(c)
			c = a.text[a.at]
		}
		if c == '\n' || c == '\r' || c == '\t' {
			return a.fault("a line break or tab inside a string; write \\n")
		}
		a.emit(c)
	}
	a.named(name, start)
	return nil
}

// named remembers a string that says where what follows stands.
func (a *assembler) named(name bool, start int) {
	if len(a.frames) > 0 {
		top := &a.frames[len(a.frames)-1]
		text := a.out[start+1 : len(a.out)-1]
		switch {
		case name:
			top.name = string(text)
			a.ended = false
			return
		case top.object && top.name == "type":
			top.kind = string(text)
		}
	}
	a.end()
}

// How a value is written inside a string.
type writing int

const (
	plain    writing = iota // as text that is no Markdown
	markdown                // as text in a place where Teams reads Markdown
	address                 // as part of a URL
)

// placement says what Teams reads in a string. Markdown is read in the text of
// a TextBlock and in the facts of a FactSet; titles of buttons, runs of a
// RichTextBlock and all else are shown as they are.
func placement(place frame) writing {
	switch place.name {
	case "url", "iconUrl", "poster", "backgroundImage":
		return address
	case "text":
		if place.kind == "" || place.kind == "TextBlock" {
			return markdown
		}
	case "title", "value":
		if place.under == "facts" {
			return markdown
		}
	}
	return plain
}

// fill writes a value inside a string that began at start.
func (a *assembler) fill(h hole, how writing, start int) {
	text := textOf(h.value)
	before := byte('\n')
	if len(a.out) > start {
		before = a.out[len(a.out)-1]
	}
	if h.sink == sinkMention && mentionable(text) {
		if how == markdown {
			a.mentions = append(a.mentions, text)
			text = "<at>" + text + "</at>"
		}
		a.out = appendJSON(a.out, text)
		return
	}
	switch how {
	case markdown:
		text = markdownAfter(before, text, h.sink != sinkMarkdown)
	case address:
		text = escapeURL(text)
	default:
		text = plainText(text)
		if (before == '{' || before == '$') && strings.HasPrefix(text, "{") {
			text = "\u2060" + text
		}
	}
	a.out = appendJSON(a.out, text)
}

// value writes a value where no string is open: a whole JSON value.
func (a *assembler) value(h hole) error {
	name := a.isName()
	place := a.place()
	a.begin()
	start := len(a.out)
	if text, ok := h.value.(string); ok && h.sink != sinkJSON || name || h.sink == sinkMention {
		if !ok {
			text = textOf(h.value)
		}
		h.value = text
		how := plain
		if !name {
			how = placement(place)
		}
		a.out = append(a.out, '"')
		a.fill(h, how, start+1)
		a.out = append(a.out, '"')
		a.named(name, start)
		return nil
	}
	raw, err := rawJSON(h)
	if err != nil {
		return a.fault(err.Error())
	}
	if h.sink == sinkJSON {
		a.out = append(a.out, raw...)
	} else {
		parsed, err := hujson.Parse(raw)
		if err != nil {
			return a.fault(err.Error())
		}
		a.tree(parsed, place)
	}
	a.end()
	return nil
}

// rawJSON is the JSON of a value: the value itself where it is JSON text
// already.
func rawJSON(h hole) ([]byte, error) {
	if text, ok := h.value.(string); ok {
		if !json.Valid([]byte(text)) {
			return nil, fmt.Errorf("not JSON: %.40q", text)
		}
		var compact bytes.Buffer
		err := json.Compact(&compact, []byte(text))
		return compact.Bytes(), err
	}
	raw, err := json.Marshal(h.value)
	if err != nil {
		return nil, fmt.Errorf("%T has no JSON", h.value)
	}
	return raw, nil
}

// tree writes a JSON value whose strings are data.
func (a *assembler) tree(v hujson.Value, place frame) {
	switch v := v.Value.(type) {
	case hujson.Literal:
		if v.Kind() != '"' {
			a.out = append(a.out, v...)
			return
		}
		a.out = append(a.out, '"')
		a.fill(hole{value: v.String()}, placement(place), len(a.out))
		a.out = append(a.out, '"')
	case *hujson.Array:
		a.out = append(a.out, '[')
		for i, element := range v.Elements {
			if i > 0 {
				a.out = append(a.out, ',')
			}
			a.tree(element, frame{under: place.name, name: place.name})
		}
		a.out = append(a.out, ']')
	case *hujson.Object:
		inner := frame{object: true, under: place.name}
		a.out = append(a.out, '{')
		for i, member := range v.Members {
			if i > 0 {
				a.out = append(a.out, ',')
			}
			inner.name = member.Name.Value.(hujson.Literal).String()
			if kind, ok := member.Value.Value.(hujson.Literal); ok && inner.name == "type" {
				inner.kind = kind.String()
			}
			a.out = append(a.out, '"')
			a.out = appendJSON(a.out, plainText(inner.name))
			a.out = append(a.out, '"', ':')
			a.tree(member.Value, inner)
		}
		a.out = append(a.out, '}')
	}
}

// textOf is a value as text, as text/template would print it; nothing for nil.
func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	if v := reflect.ValueOf(value); v.Kind() == reflect.Pointer && v.IsNil() {
		return ""
	}
	return fmt.Sprint(value)
}

// markdownAfter escapes a value that stands after a byte of the same string.
func markdownAfter(before byte, text string, escape bool) string {
	text = rewriteMarkdown(text, escape)
	switch {
	case (before == '{' || before == '$') && strings.HasPrefix(text, "{"):
		text = `\` + text
	case before == '<':
		text = "\u2060" + text // a tag cannot be put together from two values
	}
	if strings.HasSuffix(text, "<") {
		text = text[:len(text)-1] + "&lt;"
	}
	return text
}

var mentionAddress = regexp.MustCompile(`^[^\s<>"&{}$\\]{1,256}$`)

// mentionable reports whether a text can be a user's principal name or object
// id; everything else is written as text.
func mentionable(text string) bool { return utf8.ValidString(text) && mentionAddress.MatchString(text) }

// appendJSON appends text as the inside of a JSON string. Bytes that are not
// UTF-8 become U+FFFD.
func appendJSON(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c < ' ':
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			out = append(out, c)
		default:
			r, size := utf8.DecodeRuneInString(text[i:])
			out = utf8.AppendRune(out, r) // RuneError is U+FFFD
			i += size
			continue
		}
		i++
	}
	return out
}

// escapeURL percent-encodes what cannot stand in a URL, and nothing else: the
// value may be a whole URL.
func escapeURL(text string) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for _, c := range []byte(strings.TrimSpace(text)) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			out.Write([]byte{'%', hex[c>>4], hex[c&15]})
			continue
		}
		out.WriteByte(c)
	}
	return out.String()
}

// syntaxFault is a mistake in the JSON at an offset of the template's text.
type syntaxFault struct {
	offset int
	what   string
}

func (f *syntaxFault) Error() string { return f.what }

func (a *assembler) fault(what string) error { return &syntaxFault{a.at, what} }

// origin is the offset in the text that an offset of the result comes from.
func (a *assembler) origin(out int) int {
	text := 0
	for _, m := range a.marks {
		if m.out > out {
			break
		}
		text = m.text
	}
	return text
}
