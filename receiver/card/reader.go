package card

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
)

// reader takes template files into a set.
type reader struct {
	set      *Set
	owners   map[string]string      // which user's file defines a name
	oldFiles []string               // those for prometheus-msteams
	shipped  map[string]*parse.Tree // what comes with the program, by name
	funcs    template.FuncMap       // to parse with; a render has its own
	problems []Problem
}

func newReader() *reader {
	funcs := sharedFuncs()
	maps.Copy(funcs, (&render{}).funcs())
	return &reader{owners: map[string]string{}, shipped: map[string]*parse.Tree{}, funcs: funcs, set: &Set{
		templates: template.New("").Option("missingkey=zero").Funcs(funcs),
		places:    map[*byte]place{}, defined: map[string]int{}, old: map[string]bool{}, everyday: Default,
	}}
}

func (r *reader) problem(p Problem) { r.problems = append(r.problems, p) }

// add parses a file and takes its defines into the set. A user's file may
// replace what stands there.
func (r *reader) add(file Source, users bool) {
	parsed, file := r.parse(file)
	if parsed == nil {
		return
	}
	if users && parsed.Lookup(oldCard) != nil {
		r.addOld(parsed, file)
		return
	}
	for _, t := range defines(parsed) {
		if users {
			if other := r.owners[t.Name()]; other != "" {
				r.problem(Problem{File: file.Name, Line: lineAt(file.Text, int(t.Root.Pos)), Warning: true,
					What: fmt.Sprintf("%q is also defined in %s", t.Name(), other), Do: "this one is used; rename or remove one"})
			}
			r.owners[t.Name()] = file.Name
		} else {
			r.shipped[t.Name()] = t.Tree
		}
		r.take(t.Name(), t.Tree, file)
	}
}

// parse reads a file. The template is nil when it cannot be read; the text of
// the file is the one that was parsed.
func (r *reader) parse(file Source) (*template.Template, Source) {
	parsed := template.New(file.Name).Funcs(r.funcs)
	if isHandlebars(file.Name) {
		translated, problems := translateHandlebars(file)
		r.problems = append(r.problems, problems...)
		if len(problems) > 0 {
			return nil, file
		}
		parsed.Delims(handlebarsOpen, handlebarsClose)
		file.Text = translated
	}
	if _, err := parsed.Parse(file.Text); err != nil {
		r.problem(parseProblem(file.Name, err))
		return nil, file
	}
	if root := parsed.Lookup(file.Name); root != nil && root.Tree != nil && !parse.IsEmptyTree(root.Root) {
		r.problem(Problem{File: file.Name, Line: 1, Warning: true,
			What: "text outside of {{ define }} is not used", Do: `put it between {{ define "name" }} and {{ end }}`})
	}
	return parsed, file
}

var (
	parseFault = regexp.MustCompile(`(?s)^template: (.*?):(\d+): (.*)$`)
	noFunction = regexp.MustCompile(`^function "(.*)" not defined$`)
)

func parseProblem(file string, err error) Problem {
	problem := Problem{File: file, What: err.Error(), Do: "the file's cards are not used"}
	if parts := parseFault.FindStringSubmatch(err.Error()); parts != nil {
		problem.Line, _ = strconv.Atoi(parts[2])
		problem.What = parts[3]
	}
	switch parts := noFunction.FindStringSubmatch(problem.What); {
	case parts == nil:
	case slices.Contains(hidden, parts[1]):
		problem.What = fmt.Sprintf("a template cannot use sprig's function %q", parts[1])
		problem.Do = "remove it: cards see neither the machine nor the network, and make no keys, certificates or passwords; until then the file's cards are not used"
	default:
		problem.Do = "take one of Alertmanager's, sprig's or those in templates/README.md; until then the file's cards are not used"
	}
	return problem
}

var defineTag = regexp.MustCompile(`{{-?\s*define\s+"([^"]+)"`)

// Cards are the names that a file may give to cards, as far as that can be
// told without reading it: for files that have mistakes in them.
func (s Source) Cards() []string {
	var names []string
	if isHandlebars(s.Name) {
		names = append(names, baseName(s.Name))
	}
	for _, m := range defineTag.FindAllStringSubmatch(s.Text, -1) {
		if names = append(names, m[1]); m[1] == oldCard {
			names = append(names, baseName(s.Name))
		}
	}
	return names
}

// defines are the templates that a file defines, in the order of their names.
func defines(parsed *template.Template) []*template.Template {
	list := slices.DeleteFunc(parsed.Templates(), func(t *template.Template) bool { return t.Name() == parsed.Name() })
	slices.SortFunc(list, func(a, b *template.Template) int { return strings.Compare(a.Name(), b.Name()) })
	return list
}

// take puts a template into the set.
func (r *reader) take(name string, tree *parse.Tree, file Source) {
	r.set.defined[name] = lineAt(file.Text, int(tree.Root.Pos))
	r.set.locate(tree.Root, file)
	if _, err := r.set.templates.AddParseTree(name, tree); err != nil {
		r.problem(Problem{File: file.Name, Line: r.set.defined[name], What: err.Error()})
	}
}

// finish looks for mistakes that several files make together, tells cards from
// other templates, and rewrites all. The reader must not be used any more.
func (r *reader) finish() (*Set, []Problem) {
	s := r.set
	r.keepCards()
	r.aliases()
	s.wording = r.wording()
	texts := map[string]bool{}
	for _, t := range s.templates.Templates() {
		switch {
		case t.Tree == nil:
		case writesText(s.templates, t):
			texts[t.Name()] = true
		case !strings.HasPrefix(t.Name(), "_"):
			s.names = append(s.names, t.Name())
		}
	}
	if s.templates.Lookup(MinimalCard) == nil { // the one that is built in
		s.names = append(s.names, MinimalCard)
	}
	slices.Sort(s.names)
	r.unresolved(texts)
	for _, t := range s.templates.Templates() {
		rewrite(t.Tree, rewriter{old: s.old[t.Name()], text: texts[t.Name()], texts: texts})
	}
	s.renders.New = func() any { return &worker{render: newRender(s.templates, &s.drawn)} }
	return s, r.problems
}

// keepCards puts a shipped card back that a text of a user's has the name of:
// what everybody's alerts are told with must not go because a text for
// somewhere else is called alert.
func (r *reader) keepCards() {
	set := r.set.templates
	for name, tree := range r.shipped {
		t := set.Lookup(name)
		if t.Tree == tree || strings.HasPrefix(name, "_") || !writesText(set, t) {
			continue
		}
		own := template.Must(template.New(name).Funcs(r.funcs).AddParseTree(name, tree))
		if writesText(set, own) {
			continue // Alertmanager's texts are there to be replaced
		}
		r.problem(Problem{File: r.owners[name], Line: r.set.defined[name],
			What: fmt.Sprintf("%q is the name of a card, and this writes text", name), Do: "rename it; a card begins with {"})
		template.Must(set.AddParseTree(name, tree))
	}
}

// unresolved finds calls of templates that do not exist. In a text that no
// card uses they do no harm.
func (r *reader) unresolved(texts map[string]bool) {
	var problems []Problem
	for _, t := range r.set.templates.Templates() {
		for call := range calls(t.Root) {
			if r.set.templates.Lookup(call.Name) == nil {
				problems = append(problems, Problem{File: t.ParseName, Line: call.Line, Warning: texts[t.Name()] && !r.set.wording.uses(t.Name()),
					What: fmt.Sprintf("there is no template %q", call.Name), Do: "define it or correct the name"})
			}
		}
	}
	slices.SortFunc(problems, compareProblems)
	r.problems = append(r.problems, slices.Compact(problems)...)
}

// locate remembers where in the file each text of a template stands, so that a
// mistake in the JSON can be told with its line.
func (s *Set) locate(node parse.Node, file Source) {
	for text := range texts(node) {
		if len(text.Text) > 0 {
			s.places[&text.Text[0]] = place{file.Name, lineAt(file.Text, int(text.Pos))}
		}
	}
}

func lineAt(text string, offset int) int {
	return 1 + strings.Count(text[:min(offset, len(text))], "\n")
}

// baseName is a file's name without folders and ending.
func baseName(file string) string {
	file = file[strings.LastIndexAny(file, `/\`)+1:]
	if dot := strings.LastIndexByte(file, '.'); dot > 0 {
		file = file[:dot]
	}
	return file
}

// butlerCards says which shipped card tells what one of Butler's own template
// files tells, so that somebody's copy of that file takes its place.
var butlerCards = map[string]string{
	"failed-reload-qseow":   "reload-failed",
	"aborted-reload-qseow":  "reload-aborted",
	"failed-reload-qscloud": "cloud-reload-failed",
}

// alias gives a template a second name.
func (r *reader) alias(from, to string) {
	s := r.set
	first := s.templates.Lookup(from).Tree
	second := first.Copy()
	copied := slices.Collect(texts(second.Root))
	i := 0
	for text := range texts(first.Root) {
		if len(text.Text) > 0 {
			s.places[&copied[i].Text[0]] = s.places[&text.Text[0]]
		}
		i++
	}
	s.defined[to], s.old[to] = s.defined[from], s.old[from]
	if _, err := s.templates.AddParseTree(to, second); err != nil {
		panic(err) // it is a tree already
	}
}

// aliases gives cards the names under which they are looked for.
func (r *reader) aliases() {
	for from, to := range butlerCards {
		if file := r.owners[from]; isHandlebars(file) && r.owners[to] == "" {
			r.alias(from, to)
		}
	}
	r.oldAliases()
}
