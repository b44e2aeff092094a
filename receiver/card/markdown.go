package card

import (
	"regexp"
	"slices"
	"strings"
)

// readable makes Markdown as other places show it into Markdown that an
// Adaptive Card shows: that has bold, italics, lists and links, and no
// headings, tables, quotations, code, pictures or HTML (teams-platform §7.4).
func readable(text string) string {
	if strings.ContainsRune(text, '<') {
		text = htmlToMarkdown(text)
	}
	if strings.Contains(text, "](") {
		text = mendLinks(text)
	}
	if !strings.ContainsAny(text, "\n#|`>") && !isRule(text) {
		return text
	}
	lines := strings.Split(text, "\n")
	out := lines[:0]
	fenced := false
	table := slices.ContainsFunc(lines, func(line string) bool { return isTableRule([]string{line}) })
	for i, line := range lines {
		bare := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(bare, "```"):
			fenced = !fenced
			continue
		case fenced:
		case isRule(bare):
			line = ""
		case heading.MatchString(bare):
			line = bold(heading.FindStringSubmatch(bare)[1]) + "\n"
		case table && tableRule.MatchString(bare):
			continue
		case table && strings.Contains(bare, "|"):
			line = tableRow(bare, isTableRule(lines[i+1:]))
		case strings.HasPrefix(bare, "> "):
			line = strings.TrimLeft(bare, "> ")
		}
		out = append(out, line)
	}
	return strings.TrimRight(manyBreaks.ReplaceAllString(strings.Join(out, "\n"), "\n\n"), "\n")
}

// isTableRule reports whether the rule under a table's head comes next.
func isTableRule(lines []string) bool {
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" {
			return tableRule.MatchString(line)
		}
	}
	return false
}

var (
	heading   = regexp.MustCompile(`^#{1,6}\s+(.*?)\s*#*$`)
	tableRule = regexp.MustCompile(`^\|?\s*:?-{3,}:?\s*(\|\s*:?-{3,}:?\s*)+\|?$`)
)

func isRule(line string) bool {
	if len(line) < 3 || strings.IndexByte("-*_", line[0]) < 0 {
		return false
	}
	return strings.Trim(line, line[:1]+" ") == ""
}

func bold(text string) string {
	if text = strings.TrimSpace(strings.ReplaceAll(text, "**", "")); text == "" {
		return ""
	}
	return "**" + text + "**"
}

// tableRow is a row of a table as a line.
func tableRow(line string, head bool) string {
	cells := strings.Split(strings.Trim(line, "|"), "|")
	words := cells[:0]
	for _, cell := range cells {
		if cell = strings.TrimSpace(cell); cell == "" {
			continue
		} else if head {
			cell = bold(cell)
		}
		words = append(words, cell)
	}
	return strings.Join(words, " · ") + "\n"
}

var link = regexp.MustCompile(`!?\[([^\[\]]*)\]\(([^()\s]*)\)`)

// mendLinks makes links of pictures, and links again of those whose text has
// line breaks, because a template put a description there: the first line is
// the link.
func mendLinks(text string) string {
	return link.ReplaceAllStringFunc(text, func(found string) string {
		parts := link.FindStringSubmatch(found)
		words, address := strings.TrimSpace(parts[1]), parts[2]
		first, rest, _ := strings.Cut(words, "\n")
		if first = strings.TrimSpace(first); first == "" {
			first = "Open"
		}
		made := first
		if address != "" {
			made = "[" + first + "](" + address + ")"
		}
		if rest = strings.TrimSpace(rest); rest != "" {
			made += "\n\n" + rest
		}
		return made
	})
}

var (
	tag       = regexp.MustCompile(`(?s)<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s[^<>]*)?)/?>`)
	attribute = regexp.MustCompile(`(?i)\b(href|src|alt)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))`)
)

// htmlToMarkdown makes Markdown of the HTML that connectors understood. Tags
// that it does not know stay.
func htmlToMarkdown(text string) string {
	var out strings.Builder
	var address string // of the link that is open
	marks := []string{}
	at := 0
	for _, m := range tag.FindAllStringSubmatchIndex(text, -1) {
		out.WriteString(text[at:m[0]])
		at = m[1]
		closes, name := m[2] != m[3], strings.ToLower(text[m[4]:m[5]])
		switch name {
		case "b", "strong", "i", "em":
			mark := "**"
			if name[0] == 'i' || name == "em" {
				mark = "*"
			}
			open := len(marks) > 0 && marks[len(marks)-1] == mark
			if closes != open || len(marks) > 1 {
				continue // never two of a kind, nor one that was not opened
			}
			if closes {
				marks = marks[:len(marks)-1]
			} else {
				marks = append(marks, mark)
			}
			out.WriteString(mark)
		case "a":
			if closes && address != "" {
				out.WriteString("](" + address + ")")
				address = ""
			} else if !closes && address == "" {
				if address = attributeOf(text[m[6]:m[7]], "href"); opens(address, false) {
					out.WriteByte('[')
				} else {
					address = ""
				}
			}
		case "img":
			words := attributeOf(text[m[6]:m[7]], "alt")
			if words == "" {
				words = "picture"
			}
			if source := attributeOf(text[m[6]:m[7]], "src"); source != "" {
				out.WriteString("[" + words + "](" + source + ")")
			}
		case "br", "p", "div", "tr", "table", "hr", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote":
			for _, mark := range marks {
				out.WriteString(mark) // no mark reaches over paragraphs
			}
			marks = marks[:0]
			out.WriteString("\n\n")
		case "li":
			if !closes {
				out.WriteString("\n- ")
			}
		case "td", "th":
			if closes {
				out.WriteByte(' ')
			}
		case "span", "font", "u", "s", "strike", "del", "code", "pre", "small", "big", "tbody", "thead", "center", "sub", "sup":
		default:
			out.WriteString(text[m[0]:m[1]])
		}
	}
	out.WriteString(text[at:])
	if address != "" {
		out.WriteString("](" + address + ")")
	}
	for _, mark := range marks {
		out.WriteString(mark)
	}
	return manyBreaks.ReplaceAllString(out.String(), "\n\n")
}

var manyBreaks = regexp.MustCompile(`\n[ \t]*\n(?:[ \t]*\n)+`)

func attributeOf(attributes, name string) string {
	for _, m := range attribute.FindAllStringSubmatch(attributes, -1) {
		if strings.EqualFold(m[1], name) {
			value := m[2] + m[3] + m[4]
			return strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29", "\n", "", "&amp;", "&").Replace(value)
		}
	}
	return ""
}

var marked = regexp.MustCompile(`\*\*|__|` + "`")

// withoutMarks is Markdown as plain text.
func withoutMarks(text string) string {
	return marked.ReplaceAllString(link.ReplaceAllString(text, "$1"), "")
}
