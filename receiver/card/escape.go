package card

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escapeMarkdown makes a text that shows itself: nothing in it is Markdown, a
// mention, or a template expression of Teams.
//
// Each of \ ` * _ [ ] ~ gets a backslash, and so does what would make a list, a
// heading, a quotation or a rule at the start of a line. A "<" that could begin
// a tag becomes "&lt;", an "&" that could begin an entity "&amp;". Between the
// braces of "{{" and after the "$" of "${" stands a backslash. A line break
// becomes two, because Teams shows no single one (teams-platform §7.4); space
// at the beginning of a line goes, because four make a code block.
func escapeMarkdown(text string) string { return rewriteMarkdown(text, true, true) }

// keepMarkdown leaves the Markdown of an annotation's author alone, and takes
// away only what is not Markdown: mentions, "{{" and "${". Line breaks are
// doubled outside lists.
func keepMarkdown(text string) string { return rewriteMarkdown(text, false, true) }

// rewriteMarkdown does the work of both. begins: the text begins a line.
func rewriteMarkdown(text string, escape, begins bool) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if !strings.ContainsAny(text, "\\`*_[]~<&{$\r\n") && blockMarker(text) < 0 {
		return text
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	var out strings.Builder
	out.Grow(len(text) + len(text)/8)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if i > 0 {
			out.WriteString(lineBreak(lines[i-1], line, escape))
		}
		if escape {
			if i > 0 {
				line = strings.TrimLeft(line, " \t")
			}
			writeEscaped(&out, line, begins || i > 0)
		} else {
			writeKept(&out, line, i > 0 && !isListItem(line))
		}
	}
	return out.String()
}

// lineBreak is what stands between two lines.
func lineBreak(before, after string, escape bool) string {
	blank := strings.TrimSpace(before) == "" || strings.TrimSpace(after) == ""
	if blank || !escape && isListItem(after) && isListItem(before) {
		return "\n"
	}
	return "\n\n"
}

// isListItem reports whether a line is an item of a Markdown list.
func isListItem(line string) bool {
	line = strings.TrimLeft(line, " \t")
	digits := 0
	for digits < len(line) && digits < 9 && line[digits] >= '0' && line[digits] <= '9' {
		digits++
	}
	if digits > 0 {
		line = line[digits:]
		return len(line) > 1 && (line[0] == '.' || line[0] == ')') && line[1] == ' '
	}
	return len(line) > 1 && (line[0] == '-' || line[0] == '*' || line[0] == '+') && line[1] == ' '
}

func writeEscaped(out *strings.Builder, line string, begins bool) {
	marker := -1 // what would make a list or a heading of the line
	if begins {
		marker = blockMarker(line)
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		if i == marker {
			out.WriteByte('\\')
			out.WriteByte(c)
			continue
		}
		switch c {
		case '\\', '`', '*', '_', '[', ']', '~':
			out.WriteByte('\\')
		case '<':
			if beginsTag(line[i:]) {
				out.WriteString("&lt;")
				continue
			}
		case '&':
			if beginsEntity(line[i:]) {
				out.WriteString("&amp;")
				continue
			}
		case '{':
			if i > 0 && (line[i-1] == '{' || line[i-1] == '$') {
				out.WriteByte('\\')
			}
		}
		out.WriteByte(c)
	}
}

// blockMarker finds the character at the beginning of a line that makes a
// list, a heading, a quotation or a rule of it; -1 when there is none.
func blockMarker(line string) int {
	start := len(line) - len(strings.TrimLeft(line, " \t"))
	text := line[start:]
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	after := func(i int) bool {
		return len(text) == i+1 || text[i+1] == ' ' || text[i+1] == '\t' || text[i+1] == text[i]
	}
	switch {
	case text == "":
		return -1
	case digits > 0:
		if digits < len(text) && (text[digits] == '.' || text[digits] == ')') && after(digits) {
			return start + digits
		}
	case text[0] == '>' || strings.IndexByte("#+-=", text[0]) >= 0 && after(0):
		return start
	}
	return -1
}

// writeKept writes a line of Markdown. unindent takes away the space that
// would make a code block of a continued line.
func writeKept(out *strings.Builder, line string, unindent bool) {
	if unindent {
		line = strings.TrimLeft(line, " \t")
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '<' && isMention(line[i:]):
			out.WriteString("&lt;")
			continue
		case c == '{' && i > 0 && (line[i-1] == '{' || line[i-1] == '$'):
			out.WriteByte('\\')
		}
		out.WriteByte(c)
	}
}

func beginsTag(text string) bool {
	return len(text) > 1 && (text[1] == '/' || text[1] == '!' || text[1] == '?' || isLetter(text[1]))
}

func beginsEntity(text string) bool {
	return len(text) > 1 && (text[1] == '#' || isLetter(text[1]))
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// isMention reports whether text begins with <at or </at, in any case: Teams
// takes that for a mention, and shows the markup when none belongs to it.
func isMention(text string) bool {
	text = strings.TrimPrefix(text[1:], "/")
	return len(text) >= 2 && strings.EqualFold(text[:2], "at")
}

// joiner is an invisible word joiner. It keeps apart what would make something
// that Teams expands, also where two values would make it together.
const joiner = "\u2060"

// plainText takes "{{" and "${" apart where there is no Markdown to escape
// them with: an invisible word joiner stands between the two characters.
func plainText(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if !strings.Contains(text, "{{") && !strings.Contains(text, "${") {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '{' && i > 0 && (text[i-1] == '{' || text[i-1] == '$') {
			out.WriteString(joiner)
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// write escapes a value for a place in a string, where it follows what is
// before, which is escaped already. sink is what its template said of it.
func write(text string, how writing, before []byte, sink string) string {
	last := byte(0)
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	keep := sink == sinkMarkdown || sink == sinkPayload || sink == sinkOldMarkdown
	if sink == sinkOldText || sink == sinkOldMarkdown {
		text = readOld(text, keep && how == markdown)
	}
	opens := (last == '{' || last == '$') && strings.HasPrefix(text, "{")
	switch how {
	case address:
		if last == 0 && isData(text) && (sink == sinkText || sink == sinkMarkdown || !opensPicture(text)) {
			return "" // pictures in the card itself are the template's to make, not the data's
		}
		return escapeURL(text)
	case plain:
		if text = plainText(text); opens {
			text = joiner + text
		}
		return text
	}
	text = rewriteMarkdown(text, !keep, last == 0 || bytes.HasSuffix(before, []byte(`\n`)))
	switch {
	case opens:
		text = `\` + text
	case last == '<':
		text = joiner + text
	}
	if strings.HasSuffix(text, "<") {
		text = text[:len(text)-1] + "&lt;"
	}
	return text
}

func isData(text string) bool {
	const scheme = "data:"
	text = strings.TrimSpace(text)
	return len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme)
}

// textOf is a value as text, as text/template would print it; nothing for nil,
// and numbers as people write them.
func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return numberText(v)
	}
	if v := reflect.ValueOf(value); v.Kind() == reflect.Pointer && v.IsNil() {
		return ""
	}
	return fmt.Sprint(value)
}

// mentionable reports whether a text can be a user's principal name or object
// id; everything else is written as text.
func mentionable(text string) bool {
	return text != "" && len(text) <= 256 && utf8.ValidString(text) &&
		!strings.ContainsAny(text, "<>\"&{}$\\") && !strings.ContainsFunc(text, unicode.IsSpace) &&
		!strings.ContainsFunc(text, unicode.IsControl)
}

// appendJSON appends text as the inside of a JSON string. Bytes that are not
// UTF-8 become U+FFFD.
func appendJSON(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c < ' ':
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			out = append(out, c)
		default:
			r, size := utf8.DecodeRuneInString(text[i:])
			out = utf8.AppendRune(out, r) // RuneError is U+FFFD
			i += size
			continue
		}
		i++
	}
	return out
}

// escapeURL percent-encodes what cannot stand in a URL, and nothing else: the
// value may be a whole URL.
func escapeURL(text string) string {
	const hex = "0123456789ABCDEF"
	text = strings.TrimSpace(text)
	fine := 0 // what can stand as it is
	for fine < len(text) && inURL(text[fine]) {
		fine++
	}
	if fine == len(text) {
		return text
	}
	out := []byte(text[:fine])
	for _, c := range []byte(text[fine:]) {
		if inURL(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}

// inURL reports whether a character can stand in a URL.
func inURL(c byte) bool {
	return c > ' ' && c < 0x7f && strings.IndexByte("\"<>\\^`{|}", c) < 0
}
