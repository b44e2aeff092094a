package card

import (
	"bytes"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
)

// Alertmanager's templates write text, not cards. Its users' files define
// texts of their own, which call those that ship with it. Here they can be
// called from cards, inside a string, and those with the names that
// Alertmanager has for Teams take the place of title and text of the card
// alert.

// wording is the names of the templates that word the card alert; "" for those
// that no user's file defines.
type wording struct{ title, text, summary string }

func (w wording) uses(name string) bool {
	return name != "" && (name == w.title || name == w.text || name == w.summary)
}

// wording finds what users' files define under Alertmanager's names. Those of
// its Workflows integration come first, then those of the older one.
func (r *reader) wording() wording {
	find := func(part string) string {
		for _, name := range []string{"msteamsv2.default." + part, "msteams.default." + part} {
			if r.owners[name] != "" {
				return name
			}
		}
		return ""
	}
	return wording{title: find("title"), text: find("text"), summary: find("summary")}
}

// reword puts the users' words into the card.
func (r *render) reword(w wording, data *Data, wall wall, reduce reduction) error {
	r.reset(data, wall, reduce)
	card := data.Card
	if w.title != "" {
		words, err := r.markdownOf(w.title)
		if err != nil {
			return err
		}
		card.Title = unescapeMarkdown(withoutMarks(oneLine(words)))
		card.Preview = card.Title
	}
	if w.text != "" {
		words, err := r.markdownOf(w.text)
		if err != nil {
			return err
		}
		card.Summary, card.Description, card.Rows, card.Hidden = words, "", nil, r.left
	}
	if w.summary != "" {
		words, err := r.markdownOf(w.summary)
		if err != nil {
			return err
		}
		card.Preview = unescapeMarkdown(withoutMarks(oneLine(words)))
	}
	return nil
}

// markdownOf executes a template that writes text; its values are escaped.
func (r *render) markdownOf(name string) (string, error) {
	if err := r.templates.ExecuteTemplate(r, name, r.data); err != nil {
		return "", err
	}
	var scratch []byte
	for _, part := range r.spoken(0, 0) {
		scratch = appendJSON(scratch, write(textOf(part.value), markdown, scratch, part.sink))
	}
	return readable(strings.TrimSpace(unquote(scratch))), nil
}

// speech is a text with values in it, each of which is escaped for itself.
type speech []hole

// spoken takes away what was written since and makes one text of it.
func (r *render) spoken(text, holes int) speech {
	var parts speech
	static := func(to int) {
		if to > text {
			parts = append(parts, hole{sink: sinkMarkdown, value: string(r.text[text:to])})
			text = to
		}
	}
	start := text
	for _, h := range r.holes[holes:] {
		static(h.offset)
		parts = append(parts, h)
	}
	static(len(r.text))
	r.text, r.holes = r.text[:start], r.holes[:holes]
	for len(r.pieces) > 0 && r.pieces[len(r.pieces)-1].offset >= start {
		r.pieces = r.pieces[:len(r.pieces)-1]
	}
	return parts
}

// say executes a template that writes text. Inside a string of the card its
// line breaks and quotation marks belong to the text.
func (r *render) say(name string, data ...any) (string, error) {
	var dot any
	if len(data) > 0 {
		dot = data[0]
	}
	inside := r.inString()
	text, holes := len(r.text), len(r.holes)
	if err := r.templates.ExecuteTemplate(r, name, dot); err != nil {
		return "", err
	}
	if inside && !insideOfString(r.text[text:]) {
		parts := r.spoken(text, holes)
		trim(parts)
		r.holes = append(r.holes, hole{len(r.text), sinkMarkdown, parts})
	}
	return "", nil
}

// trim takes the space away with which a define begins and ends.
func trim(parts speech) {
	if len(parts) == 0 {
		return
	}
	if first, ok := parts[0].value.(string); ok && parts[0].sink == sinkMarkdown {
		parts[0].value = strings.TrimLeft(first, " \t\r\n")
	}
	if last, ok := parts[len(parts)-1].value.(string); ok && parts[len(parts)-1].sink == sinkMarkdown {
		parts[len(parts)-1].value = strings.TrimRight(last, " \t\r\n")
	}
}

// insideOfString reports whether text can stand inside a JSON string as it is.
func insideOfString(text []byte) bool {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c < ' ':
			return false
		case c == '\\':
			i++
		}
	}
	return true
}

// inString reports whether a string of the card is open where the template
// writes.
func (r *render) inString() bool {
	for ; r.scanned < len(r.text); r.scanned++ {
		rest := r.text[r.scanned:]
		switch {
		case r.quoted && rest[0] == '\\':
			r.scanned++
		case rest[0] == '"':
			r.quoted = !r.quoted
		case r.quoted:
		case bytes.HasPrefix(rest, []byte("//")):
			if end := bytes.IndexByte(rest, '\n'); end > 0 {
				r.scanned += end
			}
		case bytes.HasPrefix(rest, []byte("/*")):
			if end := bytes.Index(rest[2:], []byte("*/")); end >= 0 {
				r.scanned += end + 3
			}
		}
	}
	return r.quoted
}

// writesText reports whether a template writes text: what it writes first
// cannot be the beginning of an object. One that writes nothing is a text too.
func writesText(set *template.Template, t *template.Template) bool {
	first := beginning{set: set, called: map[string]bool{}}
	first.list(t.Root)
	return !first.card
}

// beginning finds out what templates write first.
type beginning struct {
	set    *template.Template
	called map[string]bool
	card   bool // an object may be the first
}

// list goes through a list and reports whether something may follow as the
// first that is written.
func (b *beginning) list(list *parse.ListNode) (open bool) {
	if list == nil {
		return true
	}
	for _, node := range list.Nodes {
		if !b.node(node) {
			return false
		}
	}
	return true
}

func (b *beginning) node(node parse.Node) (open bool) {
	switch node := node.(type) {
	case *parse.TextNode:
		text := withoutComments(node.Text)
		if len(text) == 0 {
			return true
		}
		b.card = b.card || text[0] == '{'
		return false
	case *parse.ActionNode:
		if len(node.Pipe.Decl) > 0 {
			return true
		}
		kind := sinkFor(node.Pipe)
		b.card = b.card || kind == sinkJSON || kind == sinkPayload
		return false
	case *parse.TemplateNode:
		t := b.set.Lookup(node.Name)
		if t == nil || t.Tree == nil {
			b.card = true // a card of which a part is missing
			return false
		}
		if b.called[node.Name] {
			return true
		}
		b.called[node.Name] = true
		return b.list(t.Root)
	case *parse.IfNode:
		then, otherwise := b.list(node.List), b.list(node.ElseList)
		return then || otherwise
	case *parse.WithNode:
		then, otherwise := b.list(node.List), b.list(node.ElseList)
		return then || otherwise
	case *parse.RangeNode:
		b.list(node.List)
		return b.list(node.ElseList)
	}
	return true
}

// withoutComments is what stands after space and comments.
func withoutComments(text []byte) []byte {
	for {
		text = bytes.TrimSpace(text)
		switch {
		case bytes.HasPrefix(text, []byte("//")):
			end := slices.Index(text, '\n')
			if end < 0 {
				return nil
			}
			text = text[end:]
		case bytes.HasPrefix(text, []byte("/*")):
			end := bytes.Index(text, []byte("*/"))
			if end < 0 {
				return nil
			}
			text = text[end+2:]
		default:
			return text
		}
	}
}
