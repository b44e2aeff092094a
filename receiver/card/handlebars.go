package card

import (
	"fmt"
	"strconv"
	"strings"
)

// Butler's templates are Handlebars. A file of one is translated into a Go
// template that defines a card named after the file. Its values are then
// escaped as in every other card, so what breaks the JSON in Butler does not
// here; names are looked up as field does.

// The delimiters of translated templates: no text can contain them.
const (
	handlebarsOpen  = "\x01"
	handlebarsClose = "\x02"
)

func isHandlebars(file string) bool {
	return strings.HasSuffix(file, ".handlebars") || strings.HasSuffix(file, ".hbs")
}

// translateHandlebars makes a Go template of a file, line by line.
func translateHandlebars(file Source) (string, []Problem) {
	t := hbTranslator{file: file.Name, rest: strings.NewReplacer(handlebarsOpen, " ", handlebarsClose, " ").Replace(file.Text), line: 1}
	t.action("define " + strconv.Quote(baseName(file.Name)))
	for t.rest != "" && len(t.problems) == 0 {
		t.next()
	}
	if len(t.problems) == 0 && len(t.blocks) > 0 {
		open := t.blocks[len(t.blocks)-1]
		t.line = open.line
		t.wrong(fmt.Sprintf("{{#%s}} is not closed", open.name), "write {{/"+open.name+"}} where it ends")
	}
	t.action("end")
	return t.out.String(), t.problems
}

// hbTranslator goes through a file once.
type hbTranslator struct {
	file     string
	rest     string // what is still to be read
	line     int    // where rest begins
	out      strings.Builder
	blocks   []hbBlock // that are open
	problems []Problem
}

// hbBlock is a block that is open.
type hbBlock struct {
	name string // if, unless, each, with
	line int
	this string // the variable that holds what the names inside belong to; "" where that is the context around
	key  string // the variable that holds the index or key
	// item and index are the names that the template gave this and key.
	item, index string
	otherwise   bool // its {{else}} has been read
	ends        int  // how many ends it takes: one more for each {{else if}} that is none of Go's
}

func (t *hbTranslator) wrong(what, do string) {
	t.problems = append(t.problems, Problem{File: t.file, Line: t.line, What: what, Do: do + "; until then the file's card is not used"})
}

func (t *hbTranslator) action(text string) {
	t.out.WriteString(handlebarsOpen + " " + text + " " + handlebarsClose)
}

// skip moves on over what was read and keeps its line breaks, so that lines in
// messages are those of the file.
func (t *hbTranslator) skip(n int, keep bool) {
	lines := strings.Count(t.rest[:n], "\n")
	if keep && lines > 0 {
		t.out.WriteString(handlebarsOpen + "/*" + strings.Repeat("\n", lines) + "*/" + handlebarsClose)
	}
	t.line += lines
	t.rest = t.rest[n:]
}

// next translates text up to the next tag, or a tag.
func (t *hbTranslator) next() {
	at := strings.Index(t.rest, "{{")
	if at < 0 {
		at = len(t.rest)
	}
	if at > 0 {
		text := t.rest[:at]
		if at < len(t.rest) && strings.HasSuffix(text, `\`) && !strings.HasSuffix(text, `\\`) { // \{{ is no tag
			t.out.WriteString(text[:at-1] + "{{")
			t.skip(at+2, false)
			return
		}
		t.out.WriteString(text)
		t.skip(at, false)
		return
	}
	switch {
	case strings.HasPrefix(t.rest, "{{{{"):
		t.wrong("raw blocks ({{{{) cannot be translated", "write their text without them")
	case strings.HasPrefix(t.rest, "{{!--"), strings.HasPrefix(t.rest, "{{~!--"):
		t.comment("--}}", "--~}}")
	case strings.HasPrefix(t.rest, "{{!"), strings.HasPrefix(t.rest, "{{~!"):
		t.comment("}}", "}}")
	case strings.HasPrefix(t.rest, "{{{"), strings.HasPrefix(t.rest, "{{~{"):
		t.tag("}}}", "}~}}")
	default:
		t.tag("}}", "}}")
	}
}

// comment skips a comment.
func (t *hbTranslator) comment(end, other string) {
	at, length := strings.Index(t.rest, end), len(end)
	if second := strings.Index(t.rest, other); second >= 0 && (at < 0 || second < at) {
		at, length = second, len(other)
	}
	if at < 0 {
		t.wrong("a comment does not end", "close it with "+end)
		return
	}
	t.skip(at+length, true)
}

// tag translates one tag.
func (t *hbTranslator) tag(end, other string) {
	at, length := strings.Index(t.rest, end), len(end)
	if second := strings.Index(t.rest, other); second >= 0 && (at < 0 || second < at) {
		at, length = second, len(other)
	}
	if at < 0 {
		t.wrong("a tag does not end", "close it with "+end)
		return
	}
	text := strings.Trim(strings.TrimLeft(t.rest[:at], "{~"), "~ \t\r\n")
	words, err := hbWords(text)
	switch {
	case err != nil:
		t.wrong(err.Error(), "correct the tag")
	case len(words) == 0:
		t.wrong("a tag without a name", "remove it or write {{name}}")
	default:
		t.translate(text, words)
	}
	t.skip(at+length, true)
}

// translate writes what a tag does.
func (t *hbTranslator) translate(text string, words []hbWord) {
	switch text[0] {
	case '#':
		t.open(text, words)
	case '/':
		t.close(strings.TrimSpace(text[1:]))
	case '>':
		t.wrong("partials ({{> …}}) cannot be translated", "write the partial's text here")
	case '^':
		t.wrong("{{^…}} cannot be translated", "write {{#unless …}} or {{else}}")
	case '*', '&':
		t.wrong(fmt.Sprintf("{{%c…}} cannot be translated", text[0]), "write {{{name}}}")
	default:
		if words[0].is("else") {
			t.otherwise(words[1:])
			return
		}
		if expression, ok := t.expression(words); ok {
			t.action(expression)
		}
	}
}

// open begins a block.
func (t *hbTranslator) open(text string, words []hbWord) {
	name := strings.TrimPrefix(words[0].text, "#")
	words = words[1:]
	if name == "" && len(words) > 0 { // {{# if x}}
		name, words = words[0].text, words[1:]
	}
	block := hbBlock{name: name, line: t.line, ends: 1}
	words = block.parameters(words)
	switch name {
	case "if", "unless", "each", "with":
	default:
		t.wrong(fmt.Sprintf("there is no block helper %q", name), "use if, unless, each or with")
		return
	}
	value, ok := t.argument(name, words)
	if !ok {
		return
	}
	number := strconv.Itoa(len(t.blocks))
	switch name {
	case "if":
		t.action("if " + value)
	case "unless":
		t.action("if not " + value)
	case "with":
		block.this = "$this" + number
		t.action("with " + block.this + " := " + value)
	case "each":
		block.this, block.key = "$this"+number, "$key"+number
		t.action("range " + block.key + ", " + block.this + " := _hbeach " + value)
	}
	t.blocks = append(t.blocks, block)
}

// parameters takes "as |item index|" off the end of a block's words.
func (b *hbBlock) parameters(words []hbWord) []hbWord {
	for i, word := range words {
		if !word.is("as") {
			continue
		}
		var names []string
		for _, name := range words[i+1:] {
			names = append(names, strings.Fields(strings.ReplaceAll(name.text, "|", " "))...)
		}
		names = append(names, "", "")
		b.item, b.index = names[0], names[1]
		return words[:i]
	}
	return words
}

// otherwise translates {{else}} and {{else if x}}.
func (t *hbTranslator) otherwise(words []hbWord) {
	if len(t.blocks) == 0 {
		t.wrong("{{else}} stands in no block", "remove it")
		return
	}
	block := &t.blocks[len(t.blocks)-1]
	if block.otherwise {
		t.wrong("a block has two {{else}}", "remove one")
		return
	}
	block.this, block.key, block.item, block.index = "", "", "", "" // the context is the one around again
	if len(words) == 0 {
		block.otherwise = true
		t.action("else")
		return
	}
	value, ok := "", false
	switch {
	case words[0].is("if"):
		if value, ok = t.argument("else if", words[1:]); ok {
			value = "if " + value
		}
	case words[0].is("unless"):
		if value, ok = t.argument("else unless", words[1:]); ok {
			value = "if not " + value
		}
	default:
		t.wrong(fmt.Sprintf("{{else %s …}} cannot be translated", words[0].text), "write {{else}} and a block of its own")
	}
	if !ok {
		return
	}
	if block.name == "if" || block.name == "unless" {
		t.action("else " + value)
		return
	}
	t.action("else") // a range or with has no else if
	t.action(value)
	block.ends++
}

// close ends a block.
func (t *hbTranslator) close(name string) {
	if len(t.blocks) == 0 {
		t.wrong("{{/"+name+"}} closes nothing", "remove it")
		return
	}
	block := t.blocks[len(t.blocks)-1]
	if block.name != name {
		t.wrong(fmt.Sprintf("{{/%s}} stands where {{/%s}} is expected, for line %d", name, block.name, block.line), "close the blocks in the order in which they were opened, the last one first")
		return
	}
	t.blocks = t.blocks[:len(t.blocks)-1]
	for range block.ends {
		t.action("end")
	}
}

// argument is the one value that a block wants.
func (t *hbTranslator) argument(block string, words []hbWord) (string, bool) {
	if len(words) != 1 {
		t.wrong("{{"+block+"}} wants one value", "write {{"+block+" name}} or {{"+block+` (eq name "text")}}`)
		return "", false
	}
	return t.value(words[0])
}

// expression is a value, or a helper with its values, as Go writes it.
func (t *hbTranslator) expression(words []hbWord) (string, bool) {
	if len(words) == 1 {
		return t.value(words[0])
	}
	helper := words[0].text
	counts := map[string]int{"eq": 2, "lookup": 2}
	if helper == "log" {
		return `""`, true
	}
	count, known := counts[helper]
	if words[0].quoted || !known {
		t.wrong(fmt.Sprintf("there is no helper %q", helper), "use eq, lookup, if, unless, each or with, or write the card as a Go template (templates/README.md)")
		return "", false
	}
	if len(words)-1 != count {
		t.wrong(fmt.Sprintf("the helper %s wants %d values, not %d", helper, count, len(words)-1), "correct the tag")
		return "", false
	}
	out := "(_hb" + helper
	for _, word := range words[1:] {
		value, ok := t.value(word)
		if !ok {
			return "", false
		}
		out += " " + value
	}
	return out + ")", true
}

// value is one word as Go writes it.
func (t *hbTranslator) value(word hbWord) (string, bool) {
	switch {
	case word.inner != nil:
		return t.expression(word.inner)
	case word.quoted:
		return strconv.Quote(word.text), true
	case word.text == "true" || word.text == "false":
		return word.text, true
	case word.text == "null" || word.text == "undefined":
		return `""`, true
	}
	if _, err := strconv.ParseFloat(word.text, 64); err == nil && !strings.ContainsAny(word.text, "xXpPiInN_") {
		return "(_hbnumber " + strconv.Quote(word.text) + ")", true
	}
	return t.path(word.text)
}

// path is a name such as executionDuration.hours, this.url, ../appName,
// @index or @root.appName.
func (t *hbTranslator) path(text string) (string, bool) {
	depth := len(t.blocks)
	original := text
	for {
		rest, up := strings.CutPrefix(text, "../")
		if !up && text == ".." {
			rest, up = "this", true
		}
		if !up {
			break
		}
		for depth > 0 && t.blocks[depth-1].this == "" {
			depth-- // if and unless have no context of their own
		}
		depth = max(depth-1, 0)
		text = rest
	}
	if rest, ok := strings.CutPrefix(text, "@"); ok {
		return t.data(original, rest, depth)
	}
	text = strings.NewReplacer("/", ".", ".[", ".", "[", "", "]", "").Replace(strings.TrimPrefix(text, "./"))
	parts := strings.Split(text, ".")
	if parts[0] == "" && len(parts) == 2 && parts[1] == "" { // {{.}}
		parts = []string{"this"}
	}
	this := ""
	for i := depth - 1; i >= 0 && this == ""; i-- {
		b := t.blocks[i]
		switch {
		case b.item != "" && parts[0] == b.item:
			return hbAt(b.this, parts[1:]), true
		case b.index != "" && parts[0] == b.index && len(parts) == 1:
			return b.key, true
		case b.this != "":
			this = b.this
		}
	}
	if parts[0] == "this" {
		parts = parts[1:]
	}
	for _, part := range parts {
		if part == "" || strings.ContainsAny(part, "\"'`(){}=|,;:<>!#%&*+~^ \t\r\n") {
			t.wrong(fmt.Sprintf("%.40q is no name", original), "write {{name}}, {{name.part}}, {{this.part}} or {{../name}}")
			return "", false
		}
	}
	return hbAt(this, parts), true
}

// data is one of the @ variables.
func (t *hbTranslator) data(original, name string, depth int) (string, bool) {
	if rest, root := strings.CutPrefix(name, "root."); root {
		return hbAt("", strings.Split(rest, ".")), true
	}
	for i := depth - 1; i >= 0; i-- {
		b := t.blocks[i]
		switch {
		case b.key == "":
		case name == "index" || name == "key":
			return b.key, true
		case name == "first":
			return "(_hbeq " + b.key + " 0)", true
		default:
			i = 0
		}
	}
	t.wrong(fmt.Sprintf("{{%.40s}} cannot be translated", original), "use @index, @key or @first inside of {{#each}}, or @root.name")
	return "", false
}

// hbAt is the value at a path below a variable, or below the event.
func hbAt(this string, path []string) string {
	if this == "" && len(path) == 0 {
		return ".Event"
	}
	if this == "" {
		return "(_hbname " + strconv.Quote(strings.Join(path, ".")) + ")"
	}
	for _, part := range path {
		this = "(_hblookup " + this + " " + strconv.Quote(part) + ")"
	}
	return this
}
