package card

import (
	"errors"
	"fmt"
	"strings"
)

// Template is a template for something that Teams never sees: the address and
// the body of a request to the system that an alert came from. It has the
// functions of cards, and its values are kept apart from its own text in the
// same way, so no data can pass for what its author wrote. It is safe for
// concurrent use.
type Template struct{ set *Set }

// requestDefine is the name of the only template of such a set.
const requestDefine = "request"

// NewTemplate reads a template. Its lines in problems count from 1; name
// stands there as the file.
func NewTemplate(name, text string) (*Template, []Problem) {
	r := newReader()
	r.add(Source{Name: name, Text: `{{ define "` + requestDefine + `" }}` + text + `{{ end }}`}, false)
	s, problems := r.finish()
	if len(problems) > 0 {
		return nil, problems
	}
	return &Template{s}, nil
}

// Press is what somebody wants done about an alert.
type Press struct {
	Verb string // resolve, assign or comment
	Who  string // who wants it, as a name for people
	Text string // what they wrote; of an assignment, to whom
	// Key is what the system that the alert came from calls it; "" when it
	// has no name for it.
	Key string
}

// request is what such a template sees: the data of a card, what somebody
// wants done, and the alert that fires worst.
type request struct {
	*Data
	Press
	Labels, Annotations KV
	StartsAt            string // RFC 3339
}

// Piece is a part of what a template wrote: text of its author, or a value.
type Piece struct {
	Text    string
	IsValue bool
}

// JSON renders the template as JSON. Each value is escaped for JSON and for
// nothing else: who reads it gets it as it is.
func (t *Template) JSON(in Input, p Press) ([]byte, error) {
	var text []byte
	err := t.run(in, p, func(w *worker) error {
		w.assembler.exact = true
		if err := w.assembler.assemble(w.render.text, w.render.holes); err != nil {
			return err
		}
		text = w.assembler.tree.write(make([]byte, 0, len(w.render.text)+w.render.size), 0)
		return nil
	})
	return text, err
}

// Pieces renders the template as text, with its values told apart.
func (t *Template) Pieces(in Input, p Press) ([]Piece, error) {
	var pieces []Piece
	err := t.run(in, p, func(w *worker) error {
		from := 0
		for _, h := range w.render.holes {
			pieces = append(pieces, Piece{Text: string(w.render.text[from:h.offset])}, Piece{Text: textOf(h.value), IsValue: true})
			from = h.offset
		}
		pieces = append(pieces, Piece{Text: string(w.render.text[from:])})
		return nil
	})
	return pieces, err
}

// run renders and hands on what was written. Errors are Problems. A panic on
// the way is an error like others.
func (t *Template) run(in Input, p Press, take func(*worker) error) (err error) {
	w := t.set.renders.Get().(*worker)
	defer t.set.renders.Put(w)
	defer func() {
		if fault := recover(); fault != nil {
			err = Problem{What: fmt.Sprintf("the template panics: %v", fault)}
		}
	}()
	teller := newTeller(in)
	data := dataOf(in, teller, teller.story(maxRows))
	dot := &request{Data: data, Press: p, Labels: KV{}, Annotations: KV{}}
	if data.Alert != nil {
		dot.Labels, dot.Annotations = data.Alert.Labels, data.Alert.Annotations
		dot.StartsAt = data.Alert.StartsAt.UTC().Format("2006-01-02T15:04:05Z07:00")
	}
	err = w.render.run(requestDefine, dot, data, newWall(in.Now, in.Location), reductions[0])
	if err == nil {
		err = take(w)
	}
	if err == nil {
		return nil
	}
	var problem Problem
	if errors.As(t.set.explain(w, requestDefine, err), &problem) {
		problem.Do, problem.What = "", strings.TrimSpace(problem.What)
		return problem
	}
	return err
}
