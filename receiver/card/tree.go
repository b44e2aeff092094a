package card

import "iter"

// tree is a card as it was read: nodes in one slice, so that a card costs a
// few allocations and none when the slice is used again. The root is node 0.
type tree struct{ nodes []node }

// node is a JSON value.
type node struct {
	kind  byte   // '{', '[', '"', or '0' for a number, true, false and null
	name  []byte // of the member, without quotes; nil outside of objects
	raw   []byte // a string without its quotes, as it is escaped; or the literal
	first int32  // the first child, 0 without one
	last  int32
	next  int32   // the next sibling, 0 without one
	gone  bool    // taken out
	how   writing // how Teams reads a string, as far as that was known
	from  int32   // where an object begins in the template's output
}

func (t *tree) add(parent int, n node) int {
	at := len(t.nodes)
	t.nodes = append(t.nodes, n)
	if at == 0 {
		return at
	}
	p := &t.nodes[parent]
	if p.first == 0 {
		p.first = int32(at)
	} else {
		t.nodes[p.last].next = int32(at)
	}
	p.last = int32(at)
	return at
}

// children goes through what is left of a node's children.
func (t *tree) children(parent int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for at := t.nodes[parent].first; at != 0; at = t.nodes[at].next {
			if !t.nodes[at].gone && !yield(int(at)) {
				return
			}
		}
	}
}

// member finds a member of an object, 0 when there is none.
func (t *tree) member(object int, name string) int {
	for at := range t.children(object) {
		if string(t.nodes[at].name) == name {
			return at
		}
	}
	return 0
}

// text is the text of a string as it is escaped in JSON, "" of anything else.
func (t *tree) text(at int) string { return string(t.raw(at)) }

func (t *tree) raw(at int) []byte {
	if n := &t.nodes[at]; n.kind == '"' {
		return n.raw
	}
	return nil
}

// write appends what is left of a value as compact JSON.
func (t *tree) write(out []byte, at int) []byte {
	n := &t.nodes[at]
	switch n.kind {
	case '"':
		out = append(out, '"')
		out = append(out, n.raw...)
		return append(out, '"')
	case '0':
		return append(out, n.raw...)
	}
	out = append(out, n.kind)
	comma := false
	for child := range t.children(at) {
		if comma {
			out = append(out, ',')
		}
		comma = true
		if n.kind == '{' {
			out = append(out, '"')
			out = append(out, t.nodes[child].name...)
			out = append(out, '"', ':')
		}
		out = t.write(out, child)
	}
	return append(out, n.kind+2) // '}' and ']' are two after their openings
}

func (t *tree) string(parent int, name, raw string) int {
	return t.add(parent, node{kind: '"', name: []byte(name), raw: []byte(raw)})
}

// loose adds a value that stands nowhere yet.
func (t *tree) loose(kind byte) int {
	t.nodes = append(t.nodes, node{kind: kind})
	return len(t.nodes) - 1
}

// element adds an element of a type to an array.
func (t *tree) element(array int, kind string) int {
	at := t.add(array, node{kind: '{'})
	t.string(at, "type", kind)
	return at
}

// setText adds a string.
func (t *tree) setText(object int, name, text string) {
	t.string(object, name, string(appendJSON(nil, text)))
}

func (t *tree) literal(object int, name, value string) {
	t.add(object, node{kind: '0', name: []byte(name), raw: []byte(value)})
}

// count is how many children are left.
func (t *tree) count(at int) (n int) {
	for range t.children(at) {
		n++
	}
	return n
}

// addFallback gives a block of code what is shown where Teams knows no such
// block; without it nothing would be (teams-platform §7.2).
func (t *tree) addFallback(block int) {
	code := t.member(block, "codeSnippet")
	if code == 0 || t.nodes[code].kind != '"' || len(t.nodes[code].raw) == 0 {
		return
	}
	text := t.add(block, node{kind: '{', name: []byte("fallback")})
	t.string(text, "type", "TextBlock")
	t.setText(text, "text", escapeMarkdown(unquote(t.nodes[code].raw)))
	t.string(text, "fontType", "Monospace")
	t.string(text, "size", "Small")
	t.literal(text, "wrap", "true")
}
