package typed

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The classes of quotation marks: what begins with one of a class can end with
// any of it, because phones and office programs replace what was typed.
const (
	none = iota
	single
	double
)

func class(r rune) int {
	switch r {
	case '"', '“', '”', '„', '‟', '«', '»', '″', '＂', '「', '」':
		return double
	case '\'', '‘', '’', '‚', '‛', '‹', '›', '`', '´', '′':
		return single
	}
	return none
}

// partners are what properly ends a quotation; others end with what they begin
// with.
var partners = map[rune]string{'“': "”", '„': "“”", '«': "»", '»': "«", '‘': "’", '‚': "‘’", '‹': "›", '›': "‹", '「': "」"}

// quotation reads a quotation at the beginning of a text; end is where it
// ends, with its mark. An apostrophe ends none: after a closing mark a word
// ends. A quotation mark after a backslash is part of the text.
func quotation(text string) (inner string, end int, ok bool) {
	opens, size := utf8.DecodeRuneInString(text)
	of := class(opens)
	if of == none {
		return "", 0, false
	}
	partner, known := partners[opens]
	if !known {
		partner = string(opens)
	}
	first, before := -1, opens
	for i, r := range text[size:] {
		at := size + i
		if class(r) == of && before != '\\' {
			after := at + utf8.RuneLen(r)
			switch {
			case wordEnds(text[after:]) && strings.ContainsRune(partner, r):
				return text[size:at], after, true
			case wordEnds(text[after:]) && first < 0:
				first = at
			case unicode.IsSpace(before) && first >= 0 && known: // another one begins
				_, closing := utf8.DecodeRuneInString(text[first:])
				return text[size:first], first + closing, true
			}
		}
		before = r
	}
	if first < 0 {
		return "", 0, false
	}
	_, closing := utf8.DecodeRuneInString(text[first:])
	return text[size:first], first + closing, true
}

// wordEnds says that no word goes on at the beginning of a text.
func wordEnds(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return text == "" || unicode.IsSpace(r) || strings.ContainsRune(".,;:!?)]}…", r)
}

// wrapped is a text without the quotation marks around all of it.
func wrapped(text string) (string, bool) {
	opens, size := utf8.DecodeRuneInString(text)
	closes, closing := utf8.DecodeLastRuneInString(text)
	if class(opens) == none || class(closes) != class(opens) || size+closing > len(text) {
		return "", false
	}
	inner := text[size : len(text)-closing]
	if strings.ContainsRune(inner, opens) || strings.ContainsRune(inner, closes) {
		return "", false
	}
	return inner, true
}
