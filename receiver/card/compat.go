package card

import (
	"strconv"
	"strings"
)

// Templates written for prometheus-msteams define "teams.card". That program
// printed values as they were or, by default, escaped for JSON beforehand, and
// its users' templates add what was missing: reReplaceAll "_" "\\\\_" is in
// most of them. Here the values are escaped afterwards, where they land, so
// such a template is given them in a form in which both kinds work: a
// backslash of the data is a character that no template looks for, and a
// backslash that a value has when it is printed is therefore the template's
// own, and means what it means in JSON and in Markdown.

// The functions that print the values of these templates.
const (
	sinkOldText     = "_old"         // text
	sinkOldMarkdown = "_oldmarkdown" // an annotation, or made of one
)

// backslash stands for a backslash of the data. It is a noncharacter, which no
// text may contain.
const backslash = "\uFDD0"

// markdownMarks are the characters that a backslash may stand before in
// Markdown.
const markdownMarks = "\\`*_{}[]()<>#+-.!|~&\""

// readOld reads a value that such a template prints. keep: the escapes of
// Markdown stay.
func readOld(text string, keep bool) string {
	if strings.Contains(text, `\`) {
		text = unescapeJSON(text)
		if !keep {
			text = unescapeMarkdown(text)
		}
	}
	return strings.ReplaceAll(text, backslash, `\`)
}

// unescapeJSON reads the inside of a JSON string. What is no escape stays.
func unescapeJSON(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; c {
		case '"', '\\', '/', '\'':
			out.WriteByte(c)
		case 'n':
			out.WriteByte('\n')
		case 'r':
			out.WriteByte('\r')
		case 't':
			out.WriteByte('\t')
		case 'u':
			if i+4 < len(text) {
				if code, err := strconv.ParseUint(text[i+1:i+5], 16, 16); err == nil {
					out.WriteRune(rune(code))
					i += 4
					continue
				}
			}
			out.WriteString(`\u`)
		default:
			out.WriteByte('\\')
			out.WriteByte(c)
		}
	}
	return out.String()
}

// unescapeMarkdown takes the backslashes away that keep marks from being
// Markdown.
func unescapeMarkdown(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && strings.IndexByte(markdownMarks, text[i+1]) >= 0 {
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String()
}
