package card

import "slices"

// addedPart is the template of what is added to cards.
const addedPart = "_added"

// complete adds to a card what its template, written for where nobody can
// answer, leaves out: what people did, after its first element, and the
// buttons, at its end. Templates that show them in their own way stay as they
// are.
func (w *worker) complete(data *Data) error {
	if data.Post == nil || data.Call != nil {
		return nil
	}
	card := &w.assembler.tree
	lines := len(data.Post.lines) > 0 && !data.Post.said
	buttons := len(data.Post.Actions) > 0 && !card.answers(0)
	if !lines && !buttons || card.nodes[0].kind != '{' {
		return nil
	}
	r := w.render
	from, holes := len(r.text), len(r.holes)
	if err := r.templates.ExecuteTemplate(r, addedPart, data); err != nil {
		return err
	}
	if err := w.added.assembleFrom(r.text, r.holes[holes:], from); err != nil {
		return err
	}
	w.assembler.mentions = append(w.assembler.mentions, w.added.mentions...)
	body := card.container(0, "body", '[')
	for i, child := range slices.Collect(w.added.tree.children(w.added.tree.member(0, "body"))) {
		switch {
		case i == 0 && lines:
			card.second(body, card.graft(body, &w.added.tree, child))
		case i > 0 && buttons:
			card.graft(body, &w.added.tree, child)
		}
	}
	return nil
}

// answers says whether an object or array has a button that does something.
func (t *tree) answers(at int) bool {
	for child := range t.children(at) {
		n := &t.nodes[child]
		if n.kind != '{' && n.kind != '[' {
			continue
		}
		if t.answered(child) || t.answers(child) {
			return true
		}
	}
	return false
}

// answered says whether an element is a button that does something: its data
// is signed.
func (t *tree) answered(at int) bool {
	data := t.member(at, "data")
	return data != 0 && t.nodes[data].kind == '{' && t.member(data, "sig") != 0
}

// graft adds a copy of a value of another tree.
func (t *tree) graft(parent int, from *tree, value int) int {
	n := from.nodes[value]
	n.first, n.last, n.next = 0, 0, 0
	at := t.add(parent, n)
	for child := range from.children(value) {
		t.graft(at, from, child)
	}
	return at
}

// second makes the last child of an array its second.
func (t *tree) second(array, last int) {
	first := int(t.nodes[array].first)
	before := first
	for int(t.nodes[before].next) != last {
		if before = int(t.nodes[before].next); before == 0 {
			return // it is the first
		}
	}
	if before == first {
		return
	}
	t.nodes[before].next, t.nodes[array].last = 0, int32(before)
	t.nodes[last].next = t.nodes[first].next
	t.nodes[first].next = int32(last)
}
