package card

import "unicode/utf8"

// fits reports whether the message stays within the limit on the wire, its
// summary and the transport's envelope included.
func (l Limit) fits(m Message) bool { return l.size(m) <= l.Bytes }

// size is what a message takes on the wire, in the bytes that the limit counts.
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
