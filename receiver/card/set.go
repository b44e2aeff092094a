package card

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/template"

	"github.com/teamsrelay/teamsrelay/receiver/chart"
	"github.com/teamsrelay/teamsrelay/templates"
)

// Source is a file of templates.
type Source struct {
	Name string // the path, as it shall stand in messages
	Text string
}

// The names of the shipped cards.
const (
	Default    = "alert" // of routes that name none
	digestName = "digest"
	callName   = "call"
)

// Set is all the templates of one configuration. It is safe for concurrent
// use and never changes.
type Set struct {
	templates *template.Template
	places    map[*byte]place // of the templates' texts
	defined   map[string]int  // the lines in which the templates begin
	names     []string
	old       map[string]bool // templates for prometheus-msteams
	wording   wording
	everyday  string    // the card of groups that no other was chosen for
	renders   sync.Pool // of *worker
	drawn     chart.Pictures
}

// place is a position in a template file.
type place struct {
	file string
	line int
}

// worker is what a goroutine needs to render: kept, because it is not cheap to
// make.
type worker struct {
	render    *render
	assembler assembler
	added     assembler // of what a card gets that lacks it
	losses    []loss    // of the last card
	buttons   []int     // of the last card, if it was a MessageCard: where they stand in the output
	fewer     bool      // buttons were dropped from it to make it fit
	out       []byte    // the last card
}

// New reads the shipped templates and then the user's files; a user's define
// replaces the shipped one of the same name. The set can be used whatever the
// problems are: what could not be read is left out.
//
// A define whose name begins with an underscore is a part of cards, not a
// card.
func New(files []Source) (*Set, []Problem) {
	r := newReader()
	for _, file := range shipped() {
		r.add(file, false)
	}
	for _, file := range files {
		r.add(file, true)
	}
	return r.finish()
}

// shipped is the files in the program.
func shipped() []Source {
	names, err := fs.Glob(templates.Files, "*.tmpl")
	if err != nil || len(names) == 0 {
		panic("card: the program was built without its templates")
	}
	var files []Source
	for _, name := range names {
		text, err := fs.ReadFile(templates.Files, name)
		if err != nil {
			panic(err)
		}
		files = append(files, Source{Name: name, Text: string(text)})
	}
	return files
}

// Has reports whether a card of this name can be rendered. "" is the card that
// suits the group, see Choose.
func (s *Set) Has(name string) bool { return name == "" || s.isCard(name) }

func (s *Set) isCard(name string) bool {
	_, found := slices.BinarySearch(s.names, name)
	return found
}

// Names lists the cards, sorted.
func (s *Set) Names() []string { return slices.Clone(s.names) }

// Render makes the card of a group; without a name the one that suits it, see
// Choose. It never fails: when the template cannot be used the message is the
// minimal card, and its Fault says why, with file and line.
func (s *Set) Render(name string, in Input, limit Limit) Message {
	teller := newTeller(in)
	if name == "" {
		name = s.choose(teller.members)
	}
	if name == MinimalCard && s.templates.Lookup(name) == nil {
		message := minimalOf(in, limit)
		message.Template = name
		return message
	}
	story := teller.story(maxRows)
	data := dataOf(in, teller, story)
	message, err := s.make(name, data, story.Preview, newWall(in.Now, in.Location), limit)
	if err != nil {
		message = minimalOf(in, limit)
		message.Fault = faultOf(err)
		message.Folded = foldedOf(err)
	}
	message.Template, message.asked = name, data.event.read != nil
	return message
}

// Digest makes the card that tells of many groups at once. It never fails.
func (s *Set) Digest(in DigestInput, limit Limit) Message {
	digest := tellDigest(in, maxDigestRows)
	data := &Data{Digest: digest, Status: "firing", GroupLabels: KV{}, CommonLabels: KV{}, CommonAnnotations: KV{}, RouteLabels: KV{}}
	message, err := s.make(digestName, data, digest.Preview, newWall(in.Now, in.Location), limit)
	if err != nil {
		message = minimalDigest(in, limit)
		message.Fault = faultOf(err)
		message.Folded = foldedOf(err)
	}
	return message
}

// Call makes the short message that belongs to a card which is edited in place:
// what became loud, or was written, after revision called, with a mention of
// whom it concerns. It has no buttons that do something. It never fails.
func (s *Set) Call(in Input, called int, limit Limit) Message {
	in.Look.Press = nil
	teller := newTeller(in)
	story := teller.story(0)
	data := dataOf(in, teller, story)
	data.Call = teller.call(story, called)
	message, err := s.make(callName, data, data.Call.Preview, newWall(in.Now, in.Location), limit)
	if err != nil {
		message = minimalCall(data.Call, limit)
		message.Fault = faultOf(err)
		message.Folded = foldedOf(err)
	}
	message.Template = callName
	return message
}

var errTooLarge = errors.New("the card does not fit, however much is left out")

// A card that does not fit is nobody's mistake; a fault is the template's.
func faultOf(err error) error {
	if errors.Is(err, errTooLarge) {
		return nil
	}
	return err
}

func foldedOf(err error) string {
	if errors.Is(err, errTooLarge) {
		return "everything but the minimal card"
	}
	return ""
}

// make renders a card, checks it and makes it fit.
func (s *Set) make(name string, data *Data, preview string, wall wall, limit Limit) (Message, error) {
	if s.templates.Lookup(name) == nil {
		return Message{}, Problem{What: fmt.Sprintf("there is no card %q", name), Do: "one of " + strings.Join(s.names, ", ")}
	}
	w := s.renders.Get().(*worker)
	defer s.renders.Put(w)
	var last error
	for _, reduce := range reductions {
		card, summary, err := s.once(w, name, data, wall, reduce)
		if errors.Is(err, errOutput) {
			last = err // fewer rows may help
			continue
		}
		if err != nil {
			return Message{}, s.explain(w, name, err)
		}
		message := Message{Card: card, Summary: cmp.Or(summary, preview), Folded: reduce.folded, Lost: s.lost(w, name)}
		for _, from := range w.buttons {
			message.buttons = append(message.buttons, w.render.spotOf(from))
		}
		if w.fewer {
			message.Folded += ", buttons"
		}
		if limit.fits(message) {
			return message, nil
		}
		last = errTooLarge
	}
	if errors.Is(last, errOutput) {
		return Message{}, s.explain(w, name, last)
	}
	return Message{}, last
}

// once renders a card with one reduction and checks it; summary is the card's
// own preview text. A panic on the way is an error like others: the alert has
// to be told all the same.
func (s *Set) once(w *worker, name string, data *Data, wall wall, reduce reduction) (text []byte, summary string, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			text, summary, err = nil, "", fmt.Errorf("the card %q panics: %v", name, fault)
		}
	}()
	if name == Default && s.wording != (wording{}) {
		if err := w.render.reword(s.wording, data, wall, reduce); err != nil {
			return nil, "", err
		}
	}
	whole := data
	if w.assembler.lenient = s.old[name]; w.assembler.lenient {
		data = oldData(data)
	}
	if err := w.render.run(name, data, data, wall, reduce); err != nil {
		return nil, "", err
	}
	if err := w.assembler.assemble(w.render.text, w.render.holes); err != nil {
		return nil, "", err
	}
	card := &w.assembler.tree
	if w.assembler.lenient {
		card.showBackslashes()
	}
	w.losses, w.buttons = card.adapt(w.assembler.foreign)
	if err := w.complete(whole); err != nil {
		return nil, "", err
	}
	check := checker{tree: card, images: reduce.images}
	if err := check.check(); err != nil {
		return nil, "", err
	}
	summary = card.preview()
	if reduce.runes > 0 {
		card.shortenTexts(reduce.runes)
	}
	w.fewer = reduce.buttons > 0 && card.dropButtons(reduce.buttons)
	if w.render.left > 0 && !w.render.told {
		card.addMore(w.render.left)
	}
	if len(w.assembler.mentions) > 0 {
		card.addMentions(w.assembler.mentions)
	}
	w.out = card.write(w.out[:0], 0)
	return bytes.Clone(w.out), summary, nil
}

// preview is the card's own fallbackText, which Teams shows where it cannot
// show the card: the same words do for the notification. "" without one.
func (t *tree) preview() string {
	at := t.member(0, "fallbackText")
	if at == 0 || t.nodes[at].kind != '"' {
		return ""
	}
	text := strings.ReplaceAll(unquote(t.nodes[at].raw), joiner, "") // a phone expands nothing
	return shorten(oneLine(text), maxPreview)
}

var execFault = regexp.MustCompile(`(?s)^template: (.*?):(\d+):\d+: executing .*?: (?:error calling _[a-z]+: )?(.*)$`)

// explain makes a Problem with file and line of an error.
func (s *Set) explain(w *worker, name string, err error) error {
	problem := Problem{File: s.templates.Lookup(name).ParseName, What: err.Error(), Do: "the minimal card is sent instead"}
	var syntax *syntaxFault
	if errors.As(err, &syntax) {
		problem.What, problem.syntax = "this is not JSON: "+syntax.what, true
		if at, ok := s.placeOf(w.render, syntax.offset); ok {
			problem.File, problem.Line = at.file, at.line
		}
		return problem
	}
	problem.Line = s.defined[name]
	for parts := execFault.FindStringSubmatch(problem.What); parts != nil; parts = execFault.FindStringSubmatch(problem.What) {
		problem.File = parts[1] // the innermost, if one template calls another
		problem.Line, _ = strconv.Atoi(parts[2])
		problem.What = parts[3]
		problem.noData = !neverRuns.MatchString(parts[3]) &&
			!slices.ContainsFunc([]error{errOutput, errSteps, errRunTime, errValue}, func(e error) bool { return errors.Is(err, e) })
	}
	return problem
}

// neverRuns finds the mistakes that no data mend: fields that our own data
// never have.
var neverRuns = regexp.MustCompile(`can't evaluate field \S+ in type \*?card\.`)

// lost says where in the templates stands what could not be carried over.
func (s *Set) lost(w *worker, name string) []Problem {
	var problems []Problem
	for _, l := range w.losses {
		problem := Problem{Warning: true, File: s.templates.Lookup(name).ParseName, Line: s.defined[name],
			What: l.what, Do: "the card is sent without it"}
		if at, ok := s.placeOf(w.render, l.from); ok {
			problem.File, problem.Line = at.file, at.line
		}
		if l.button {
			problem.button = w.render.spotOf(l.from)
		}
		problems = append(problems, problem)
	}
	return problems
}

// spot is a place in the text of a template, whatever was rendered before it.
type spot struct {
	text *byte // of the template's text: tells which text it is
	at   int
}

// spotOf finds what of the templates wrote what stands at an offset.
func (r *render) spotOf(offset int) spot {
	for _, p := range slices.Backward(r.pieces) {
		if p.offset <= offset {
			return spot{p.first, offset - p.offset}
		}
	}
	return spot{}
}

// placeOf finds the line of the template that wrote what stands at an offset.
func (s *Set) placeOf(r *render, offset int) (place, bool) {
	for _, p := range slices.Backward(r.pieces) {
		if p.offset > offset {
			continue
		}
		at, ok := s.places[p.first]
		at.line += strings.Count(string(r.text[p.offset:min(offset, len(r.text))]), "\n")
		return at, ok
	}
	return place{}, false
}

// addMore says at the end of a card how many alerts its template was not
// given, for templates that do not say so themselves with {{ more }}.
func (t *tree) addMore(left int) {
	body := t.member(0, "body")
	if body == 0 || t.nodes[body].kind != '[' {
		return
	}
	block := t.add(body, node{kind: '{'})
	t.string(block, "type", "TextBlock")
	t.string(block, "text", "and "+thousands(left)+" more")
	t.add(block, node{kind: '0', name: []byte("wrap"), raw: []byte("true")})
}

// container finds or makes the object or array of a name.
func (t *tree) container(parent int, name string, kind byte) int {
	if at := t.member(parent, name); at != 0 {
		if t.nodes[at].kind == kind {
			return at
		}
		t.nodes[at].gone = true
	}
	return t.add(parent, node{kind: kind, name: []byte(name)})
}
