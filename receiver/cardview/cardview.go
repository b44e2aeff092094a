// Package cardview shows an Adaptive Card as HTML, as people see it in Teams:
// for our pages, which have no scripts, so that whoever looks sees what was
// told and not only that it was.
//
// What it is given may come from a template that somebody else wrote, so it
// trusts nothing of it: every text is escaped, links lead to http, https and
// mailto only, pictures are shown when they are part of the card and never
// fetched, and neither depth nor number nor size makes it slow. It writes no
// ids, no styles and no scripts; its classes are in Style, and all begin
// with "cv".
//
// What a page cannot do is shown as what it is: buttons that would send
// something, and inputs, are disabled; a card behind a button and what a button
// unfolds can be unfolded.
package cardview

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"strings"
)

// Style is the style sheet of what HTML writes, light and dark.
//
//go:embed cardview.css
var Style string

// The limits of what is shown. The largest card that Teams takes has 80 KB,
// counted as UTF-16 (design D9), and ours have some 300 elements at most.
const (
	maxBytes    = 256 << 10
	maxElements = 4000
	maxDepth    = 32
	// maxTitle is how much is shown of a button's title beside what it unfolds,
	// in characters: the same title may stand at every element.
	maxTitle = 100
)

// HTML shows a card. One that is none is shown as a sentence that says so.
func HTML(card []byte) template.HTML {
	html, _ := view(card)
	return html
}

// view is HTML, with the types of the elements and actions that it does not
// know.
func view(card []byte) (template.HTML, []string) {
	w := &writer{}
	var root any
	if len(card) > maxBytes {
		w.note("This card is too large to be shown here.")
		return w.html(), nil
	}
	if err := json.Unmarshal(card, &root); err != nil {
		w.note("This is not JSON, so Teams shows no card.")
		return w.html(), nil
	}
	top, ok := root.(map[string]any)
	if !ok {
		w.note("This is not a card.")
		return w.html(), nil
	}
	w.mentions = mentionsOf(top)
	w.toggles = map[string]string{}
	w.findToggles(top, 0)
	w.card(top, 0)
	return w.html(), w.unknown
}

// writer writes the HTML of one card.
type writer struct {
	out      strings.Builder
	elements int // that were written
	cut      bool
	mentions map[string]bool   // the texts that name somebody: "<at>Alice</at>"
	toggles  map[string]string // ids of what buttons show and hide: their titles
	unknown  []string
}

func (w *writer) html() template.HTML { return template.HTML(w.out.String()) }

// raw writes HTML of this package.
func (w *writer) raw(html ...string) {
	for _, h := range html {
		w.out.WriteString(h)
	}
}

// text writes what comes from a card.
func (w *writer) text(s string) {
	template.HTMLEscape(&w.out, []byte(strings.ToValidUTF8(s, "\uFFFD")))
}

// note writes a sentence of ours.
func (w *writer) note(sentence string) {
	w.raw(`<div class="cv-note">`)
	w.text(sentence)
	w.raw("</div>")
}

// open begins a div with classes; "" is none of them.
func (w *writer) open(classes ...string) { w.tag("div", classes...) }

func (w *writer) tag(name string, classes ...string) {
	w.raw("<", name, ` class="`)
	first := true
	for _, class := range classes {
		if class == "" {
			continue
		}
		if !first {
			w.raw(" ")
		}
		w.raw(class)
		first = false
	}
	w.raw(`">`)
}

func (w *writer) close() { w.raw("</div>") }

// more says whether another element may be written, and notes once that not
// all are.
func (w *writer) more(depth int) bool {
	if w.elements++; w.elements <= maxElements && depth <= maxDepth {
		return true
	}
	if !w.cut {
		w.cut = true
		w.note("There is more, which is not shown here.")
	}
	return false
}

// card writes a card, or the one behind a button.
func (w *writer) card(c map[string]any, depth int) {
	wide := ""
	if strings.EqualFold(word(object(c["msteams"]), "width"), "full") {
		wide = "cv-full"
	}
	w.open("cv", wide)
	body := list(c["body"])
	if len(body) == 0 && len(list(c["actions"])) == 0 {
		if text := word(c, "fallbackText"); text != "" {
			w.open("cv-text")
			w.markdown(text)
			w.close()
		} else {
			w.note("This card is empty.")
		}
	}
	w.items(body, depth+1)
	w.actions(list(c["actions"]), depth+1)
	w.close()
}

// items writes elements below each other.
func (w *writer) items(all []any, depth int) {
	for _, item := range all {
		w.element(object(item), depth)
	}
}

// mentionsOf are the texts that name somebody in a card.
func mentionsOf(card map[string]any) map[string]bool {
	known := map[string]bool{}
	for _, e := range list(object(card["msteams"])["entities"]) {
		if entity := object(e); word(entity, "type") == "mention" {
			known[word(entity, "text")] = true
		}
	}
	return known
}

// findToggles finds what buttons show and hide.
func (w *writer) findToggles(v any, depth int) {
	if depth > 2*maxDepth { // of lists and elements
		return
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			w.findToggles(item, depth+1)
		}
	case map[string]any:
		for _, target := range list(v["targetElements"]) {
			id, ok := target.(string)
			if !ok {
				id = word(object(target), "elementId")
			}
			w.toggles[id] = short(word(v, "title"), maxTitle)
		}
		for _, item := range v {
			w.findToggles(item, depth+1)
		}
	}
}

// object is a JSON object; of anything else nil, which has nothing in it.
func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// word is a text of an object, "" when it is something else.
func word(o map[string]any, name string) string {
	s, _ := o[name].(string)
	return s
}

// is says whether something is switched on, otherwise if nothing says so.
func is(o map[string]any, name string, otherwise bool) bool {
	if b, ok := o[name].(bool); ok {
		return b
	}
	return otherwise
}

// short is the beginning of a text, up to most characters.
func short(text string, most int) string {
	count := 0
	for i := range text {
		if count++; count > most {
			return text[:i] + "…"
		}
	}
	return text
}

// class is the class for a word of a card, if it is one of those that are
// known; Teams ignores case. "" is no class.
func class(prefix string, o map[string]any, name string, known ...string) string {
	given := strings.ToLower(word(o, name))
	for _, k := range known {
		if given == k {
			return prefix + k
		}
	}
	return ""
}
