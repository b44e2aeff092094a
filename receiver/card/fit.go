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
}

// No webhook card can hold more than reductions[0].rows rows: 24 KiB would
// leave 240 bytes for each.
var reductions = []reduction{
	{rows: 100},
	{rows: 100, images: true, folded: "pictures"},
	{rows: 20, images: true, runes: 600, folded: "pictures, long texts"},
	{rows: 10, images: true, runes: 200, folded: "pictures, long texts, alerts"},
	{rows: 3, images: true, runes: 80, folded: "pictures, long texts, alerts"},
}

// shortenTexts cuts the strings that people read to a number of runes, the
// cut made visible by "…". Escapes are not cut in two, nor are mentions.
func (t *tree) shortenTexts(runes int) {
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.kind != '"' || len(n.raw) <= runes {
			continue
		}
		switch string(n.name) {
		case "text", "title", "value", "speak", "fallbackText", "altText", "codeSnippet":
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

// unquote reads the inside of a JSON string.
func unquote(raw []byte) string {
	return hujson.Literal(slices.Concat([]byte{'"'}, raw, []byte{'"'})).String()
}
