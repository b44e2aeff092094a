package card

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

// fits reports whether the message stays within the limit on the wire, its
// summary and the transport's envelope included.
func (l Limit) fits(m Message) bool { return l.size(m) <= l.Bytes }

// size is what a message takes on the wire, in the bytes that the limit
// counts.
func (l Limit) size(m Message) int {
	summary := encode(m.Summary)
	if l.UTF16 {
		return l.Overhead + 2*(utf16Units(m.Card)+utf16Units(summary))
	}
	return l.Overhead + len(m.Card) + len(summary)
}

// utf16Units counts the UTF-16 code units of UTF-8 text.
func utf16Units(text []byte) int {
	units := 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r >= 0x10000 {
			units++
		}
		units++
		text = text[size:]
	}
	return units
}

// A reduction is one step of making a card smaller: always these, in this
// order, so that people learn what a missing thing means.
type reduction struct {
	folded string // what Message.Folded says
	rows   int    // rounds of a range over alerts
	images bool   // take pictures out
	runes  int    // cut texts to this length; 0: leave them
	// buttons is how many of each list of them stay, the first; 0: all. An
	// address cannot be cut, so one that is longer than maxKeptURL goes whole.
	buttons int
}

// maxKeptURL is the longest address, in bytes, of a button on a card that had
// to be cut: some browsers and proxies stop at about 2,000 too.
const maxKeptURL = 2000

// No webhook card can hold more than reductions[0].rows rows: 24 KiB would
// leave 240 bytes for each.
var reductions = []reduction{
	{rows: 100},
	{rows: 100, images: true, folded: "pictures"},
	{rows: 20, images: true, runes: 600, buttons: 6, folded: "pictures, long texts"},
	{rows: 10, images: true, runes: 200, buttons: 4, folded: "pictures, long texts, alerts"},
	{rows: 3, images: true, runes: 80, buttons: 4, folded: "pictures, long texts, alerts"},
}

// shortenTexts cuts the strings that people read to a number of runes, the
// cut made visible by "…". Escapes are not cut in two, nor are mentions. Code
// loses its beginning, because a log says at its end what went wrong.
func (t *tree) shortenTexts(runes int) {
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.kind == '{' && strings.EqualFold(t.text(t.member(i, "fontType")), "monospace") {
			t.keepEnd(t.member(i, "text"), runes, true)
			continue
		}
		if n.kind != '"' || len(n.raw) <= runes {
			continue
		}
		switch string(n.name) {
		case "codeSnippet":
			t.keepEnd(i, runes, false)
		case "text", "title", "value", "speak", "fallbackText", "altText":
			text := unquote(n.raw)
			if utf8.RuneCountInString(text) <= runes || strings.Contains(text, "<at>") {
				continue
			}
			text = strings.TrimSuffix(shorten(text, runes), "…")
			if slashes := len(text) - len(strings.TrimRight(text, `\`)); slashes%2 == 1 {
				text = text[:len(text)-1]
			}
			n.raw = append(appendJSON(nil, text), "…"...)
		}
	}
}

// keepEnd cuts the beginning of a string. escaped: a backslash in it belongs
// to the character after it.
func (t *tree) keepEnd(at, runes int, escaped bool) {
	n := &t.nodes[at]
	if n.kind != '"' || len(n.raw) <= runes {
		return
	}
	text := unquote(n.raw)
	cut := len(text)
	for range runes - 1 {
		_, size := utf8.DecodeLastRuneInString(text[:cut])
		cut -= size
	}
	if cut == 0 || utf8.RuneCountInString(text[:cut]) == 1 {
		return // it is short enough
	}
	if before := text[:cut]; escaped && (len(before)-len(strings.TrimRight(before, `\`)))%2 == 1 {
		_, size := utf8.DecodeRuneInString(text[cut:])
		cut += size
	}
	n.raw = append([]byte("…"), appendJSON(nil, text[cut:])...)
}

// dropButtons leaves the first buttons of every list and reports whether there
// were more, or one whose address is too long. Those that do something stay:
// at three in the morning they are what a card is for.
func (t *tree) dropButtons(most int) (dropped bool) {
	for i := range t.nodes {
		if n := &t.nodes[i]; n.kind != '[' || string(n.name) != "actions" {
			continue
		}
		kept := 0
		for button := range t.children(i) {
			if t.answered(button) || t.answers(button) {
				continue
			}
			if kept == most || len(t.text(t.member(button, "url"))) > maxKeptURL {
				t.nodes[button].gone, dropped = true, true
				continue
			}
			kept++
		}
	}
	return dropped
}

// unquote reads the inside of a JSON string.
func unquote(raw []byte) string {
	return hujson.Literal(slices.Concat([]byte{'"'}, raw, []byte{'"'})).String()
}
