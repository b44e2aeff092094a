package intent

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

const (
	// minKey is how many characters a text of a template must have to be hidden
	// in answers: shorter ones are words of the other system's language.
	minKey = 8
	// longKey is from how many on a part of an address is a key also without a
	// digit.
	longKey = 20
	// maxKeys is how much of a body is looked for in answers, in bytes.
	maxKeys = 4 << 10
)

var (
	// placeholder is what a template computes.
	placeholder = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	// quoted is a text that is written down there.
	quoted = regexp.MustCompile("(?s)\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`")
	// unquoted is what stands between two quotation marks of JSON, inside or
	// outside of a string, and nameEnd what follows the name of a value.
	unquoted = regexp.MustCompile(`(?s)(?:[^"\\]|\\.)+`)
	nameEnd  = regexp.MustCompile(`^"\s*:`)
)

// gap stands where a template computes something.
const gap = "\x00"

// written splits a template into what its author wrote as it is sent, with
// gaps, and the texts inside its placeholders.
func written(template string) (literal string, inside []string) {
	literal = placeholder.ReplaceAllStringFunc(template, func(text string) string {
		for _, q := range quoted.FindAllString(text, -1) {
			if text, err := strconv.Unquote(q); err == nil {
				inside = append(inside, text)
			}
		}
		return gap
	})
	return literal, inside
}

// keysOfURL are what may be keys in a URL's template: systems take them in the
// path or in the query, and repeat them when they refuse a request.
func keysOfURL(template string) []string {
	literal, keys := written(template)
	address, query, _ := strings.Cut(literal, "?")
	_, path, _ := strings.Cut(address, "://")
	_, path, _ = strings.Cut(path, "/")
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\x00' }) {
		keys = append(keys, decoded(part, url.PathUnescape))
	}
	keys = keep(keys, isKey)
	for pair := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			value = name
		}
		for part := range strings.SplitSeq(value, gap) {
			if part = decoded(part, url.QueryUnescape); !outbound.IsWeak(part) {
				keys = append(keys, part)
			}
		}
	}
	return keys
}

// keysOfBody are what may be keys in a body's template: all texts of some
// length, as nothing tells a key from other texts, except names of values.
func keysOfBody(template string) []string {
	literal, keys := written(template)
	keys = keep(keys, isKey)
	for _, at := range unquoted.FindAllStringIndex(literal, -1) {
		if nameEnd.MatchString(literal[at[1]:]) {
			continue
		}
		for part := range strings.SplitSeq(literal[at[0]:at[1]], gap) {
			text := strings.Trim(decoded(part, fromJSON), " \t\r\n{}[]:,")
			if length(text) >= minKey {
				keys = append(keys, text)
			}
			// Who refuses a key may repeat it without what stands around it.
			keys = append(keys, keep(strings.FieldsFunc(text, isBetween), isKey)...)
		}
	}
	size := 0
	for _, key := range keys {
		size += len(key)
	}
	if size > maxKeys {
		return []string{""} // what cannot be found: nothing is quoted
	}
	return keys
}

func isBetween(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"'=&,;:`, r) }

// isKey tells a key from a word.
func isKey(text string) bool {
	n := length(text)
	return n >= longKey || n >= minKey && strings.ContainsFunc(text, unicode.IsDigit)
}

// length counts the characters without blanks.
func length(text string) int {
	return utf8.RuneCountInString(strings.Join(strings.Fields(text), ""))
}

func keep(texts []string, want func(string) bool) []string {
	var kept []string
	for _, text := range texts {
		if want(text) {
			kept = append(kept, text)
		}
	}
	return kept
}

// decoded is a text without the escapes of what it stands in, which others may
// not use when they repeat it.
func decoded(text string, decode func(string) (string, error)) string {
	if plain, err := decode(text); err == nil {
		return plain
	}
	return text
}

func fromJSON(text string) (plain string, err error) {
	err = json.Unmarshal([]byte(`"`+text+`"`), &plain)
	return plain, err
}
