package events

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// jiraText is what a person would read in a text field of Jira: a string in
// Jira's wiki notation (webhooks, Data Center), or a document in Atlassian
// Document Format (the newer REST API). Emphasis, macros and table borders
// go; words, links, lists, quotes and code stay. It is offered to mappings as
// jira_text.
func jiraText(value any) string {
	switch v := value.(type) {
	case string:
		return tidyLines(wikiText(v))
	case map[string]any:
		var doc document
		doc.block(v, 0)
		return tidyLines(doc.text.String())
	}
	return ""
}

// tidyLines takes away what marks leave behind: space at the ends of lines,
// and more than one empty line in a row.
func tidyLines(text string) string {
	var out strings.Builder
	empty := 0
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		if line == "" {
			empty++
			continue
		}
		if out.Len() > 0 {
			out.WriteString("\n")
			if empty > 0 {
				out.WriteString("\n")
			}
		}
		empty = 0
		out.WriteString(line)
	}
	return out.String()
}

// wikiText reads Jira's wiki notation line by line. What stands in a code or
// noformat macro is not looked at.
func wikiText(text string) string {
	var out strings.Builder
	code, quote := "", false
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if code == "" {
			for _, macro := range []string{"code", "noformat"} {
				before, after, found := cutMacro(line, macro)
				if !found {
					continue
				}
				if inner, rest, closed := cutMacro(after, macro); closed { // all on one line
					line = before + inner + rest
				} else {
					out.WriteString(quoted(wikiLine(before), quote))
					code, line = macro, after
				}
				break
			}
			if code != "" {
				out.WriteString(quoted(line, quote && line != ""))
				continue
			}
		} else if before, after, found := cutMacro(line, code); found {
			out.WriteString(quoted(before, quote && before != ""))
			code = ""
			if line = after; strings.TrimSpace(line) == "" {
				continue
			}
		} else {
			out.WriteString(quoted(line, quote))
			continue
		}
		for {
			before, after, found := cutMacro(line, "quote")
			if !found {
				break
			}
			if strings.TrimSpace(before) != "" {
				out.WriteString(quoted(wikiLine(before), quote))
			}
			quote, line = !quote, after
			if strings.TrimSpace(line) == "" {
				line = ""
			}
		}
		out.WriteString(quoted(wikiLine(line), quote && line != ""))
	}
	return out.String()
}

// cutMacro cuts a line at {name} or {name:…}.
func cutMacro(line, name string) (before, after string, found bool) {
	for from := 0; ; {
		at := strings.Index(line[from:], "{"+name)
		if at < 0 {
			return line, "", false
		}
		at += from
		rest := line[at+1+len(name):]
		if strings.HasPrefix(rest, "}") {
			return line[:at], rest[1:], true
		}
		if end := strings.IndexByte(rest, '}'); strings.HasPrefix(rest, ":") && end > 0 {
			return line[:at], rest[end+1:], true
		}
		from = at + 1
	}
}

func quoted(line string, quote bool) string {
	if quote {
		return "> " + line + "\n"
	}
	return line + "\n"
}

// wikiLine reads one line that is not code.
func wikiLine(line string) string {
	trimmed := strings.TrimSpace(line)
	if len(trimmed) > 3 && trimmed[0] == 'h' && trimmed[1] >= '1' && trimmed[1] <= '6' && trimmed[2:4] == ". " {
		return wikiWords(trimmed[4:])
	}
	if rest, found := strings.CutPrefix(trimmed, "bq. "); found {
		return "> " + wikiWords(rest)
	}
	if len(trimmed) >= 4 && strings.Trim(trimmed, "-") == "" {
		return ""
	}
	if strings.HasPrefix(trimmed, "|") {
		var cells []string
		for cell := range strings.SplitSeq(wikiWords(trimmed), "|") {
			if cell = strings.TrimSpace(cell); cell != "" {
				cells = append(cells, cell)
			}
		}
		return strings.Join(cells, " | ")
	}
	if marks := len(trimmed) - len(strings.TrimLeft(trimmed, "*#-")); marks > 0 && marks < 7 &&
		strings.HasPrefix(trimmed[marks:], " ") && len(trimmed) > marks+1 {
		return strings.Repeat("  ", marks-1) + "- " + wikiWords(strings.TrimLeft(trimmed[marks:], " "))
	}
	return wikiWords(line)
}

// markReach is how far ahead the end of a mark is looked for, in bytes. What
// is longer was hardly meant as a mark, and a line of a megabyte of opening
// brackets must not take a minute to read.
const markReach = 2000

// wikiWords reads the marks inside a line.
func wikiWords(line string) string {
	var out strings.Builder
	for i := 0; i < len(line); {
		text, used := wikiMark(line, i)
		if used == 0 {
			text, used = line[i:i+1], 1
		}
		out.WriteString(text)
		i += used
	}
	return out.String()
}

// wikiMark reads the mark that begins at i and says how many bytes it took;
// 0 when there is none.
func wikiMark(line string, i int) (text string, used int) {
	rest := line[i:min(len(line), i+markReach)]
	switch rest[0] {
	case '\\':
		if strings.HasPrefix(rest, `\\`) && !strings.HasPrefix(rest, `\\\`) && (len(rest) == 2 || rest[2] == ' ') {
			return "\n", 2 // a forced line break
		}
		if len(rest) > 1 && strings.IndexByte(`{}[]*_-+^~|!?#(\`, rest[1]) >= 0 {
			return rest[1:2], 2
		}
	case '{':
		return wikiMacro(rest)
	case '[':
		return wikiLink(rest)
	case '!':
		return wikiPicture(rest)
	case '*', '_':
		return wikiEmphasis(line, i)
	case '?':
		if inner, end := between(rest, "??", "??"); end > 0 {
			return wikiWords(inner), end
		}
	}
	return "", 0
}

// wikiMacro reads {{monospaced}} and leaves out {color:red}, {panel:…} and
// the like, whose content is text.
func wikiMacro(rest string) (string, int) {
	if inner, end := between(rest, "{{", "}}"); end > 0 {
		return inner, end
	}
	end := strings.IndexByte(rest, '}')
	if end < 2 {
		return "", 0
	}
	name, _, _ := strings.Cut(rest[1:end], ":")
	switch name {
	case "color", "panel", "quote", "code", "noformat", "anchor", "adf", "tip", "info", "note", "warning", "section", "column":
		return "", end + 1
	}
	return "", 0
}

// wikiLink reads [words|address], [address] and [~person].
func wikiLink(rest string) (string, int) {
	inner, end := between(rest, "[", "]")
	if end == 0 || strings.TrimSpace(inner) == "" {
		return "", 0
	}
	if person, found := strings.CutPrefix(inner, "~"); found {
		if strings.HasPrefix(person, "accountid:") {
			return "@somebody", end // the name is known to Jira only
		}
		return "@" + person, end
	}
	if file, found := strings.CutPrefix(inner, "^"); found {
		return file, end
	}
	words, address, two := strings.Cut(inner, "|")
	address, _, _ = strings.Cut(address, "|") // |smart-link
	switch {
	case !two && isLink(words):
		return words, end
	case !two || !isLink(address):
		return "", 0 // [ERROR] is no link
	case words == address:
		return address, end
	}
	return wikiWords(words) + " (" + address + ")", end
}

func isLink(text string) bool {
	return strings.Contains(text, "://") || strings.HasPrefix(text, "mailto:")
}

// wikiPicture reads !picture.png|thumbnail!.
func wikiPicture(rest string) (string, int) {
	inner, end := between(rest, "!", "!")
	name, _, _ := strings.Cut(inner, "|")
	if end == 0 || name == "" || strings.ContainsAny(name, " \t") || !strings.Contains(name, ".") {
		return "", 0
	}
	return "[" + name + "]", end
}

// wikiEmphasis reads *bold* and _italic_, where the mark stands at the edge
// of a word: snake_case_names and 2*3*4 stay.
func wikiEmphasis(line string, i int) (string, int) {
	mark := line[i]
	before, _ := utf8.DecodeLastRuneInString(line[:i])
	if i > 0 && (unicode.IsLetter(before) || unicode.IsDigit(before) || before == rune(mark)) {
		return "", 0
	}
	rest := line[i+1 : min(len(line), i+1+markReach)]
	if rest == "" || rest[0] == ' ' || rest[0] == mark {
		return "", 0
	}
	for from := 1; ; {
		end := strings.IndexByte(rest[min(from, len(rest)):], mark)
		if end < 0 {
			return "", 0
		}
		end += from
		after, _ := utf8.DecodeRuneInString(rest[end+1:])
		if rest[end-1] != ' ' && !unicode.IsLetter(after) && !unicode.IsDigit(after) && after != rune(mark) {
			return wikiWords(rest[:end]), end + 2
		}
		from = end + 1
	}
}

// between is what stands between opening and closing at the beginning of the
// text, and how many bytes all of it takes; 0 when it does not begin so.
func between(text, opening, closing string) (inner string, used int) {
	rest, found := strings.CutPrefix(text, opening)
	end := strings.Index(rest, closing)
	if !found || end <= 0 {
		return "", 0
	}
	return rest[:end], len(opening) + end + len(closing)
}

// document collects the text of a document in Atlassian Document Format.
type document struct{ text strings.Builder }

// documentDepth is how deep nodes are followed. Jira's editor nests lists in
// tables in panels; a hundred levels come from somebody else.
const documentDepth = 40

// block writes a node that stands on lines of its own.
func (d *document) block(node map[string]any, depth int) {
	if depth > documentDepth {
		return
	}
	switch kind, _ := node["type"].(string); kind {
	case "bulletList", "orderedList", "taskList", "decisionList":
		for n, item := range children(node) {
			mark := "- "
			if kind == "orderedList" {
				mark = strconv.Itoa(n+1) + ". "
			}
			if attribute(item, "state") == "DONE" {
				mark = "- ✓ "
			}
			d.indented(item, depth, mark, "  ")
		}
		d.text.WriteString("\n")
	case "blockquote":
		d.indented(node, depth, "> ", "> ")
		d.text.WriteString("\n")
	case "table":
		for _, row := range children(node) {
			var cells []string
			for _, cell := range children(row) {
				var inner document
				inner.content(cell, depth+1)
				cells = append(cells, strings.Join(strings.Fields(inner.text.String()), " "))
			}
			d.text.WriteString(strings.Join(cells, " | ") + "\n")
		}
		d.text.WriteString("\n")
	case "rule":
		d.text.WriteString("\n")
	case "expand", "nestedExpand":
		if title := attribute(node, "title"); title != "" {
			d.text.WriteString(title + "\n\n")
		}
		d.content(node, depth+1)
	case "paragraph", "heading", "codeBlock", "mediaSingle", "mediaGroup":
		d.content(node, depth+1)
		d.text.WriteString("\n\n")
	default:
		d.content(node, depth+1)
	}
}

// indented writes the content of a node with marks before its lines.
func (d *document) indented(node map[string]any, depth int, first, others string) {
	var inner document
	inner.content(node, depth+1)
	mark := first
	for line := range strings.SplitSeq(tidyLines(inner.text.String()), "\n") {
		if line == "" && others != "> " {
			continue // an item of a list is kept together
		}
		d.text.WriteString(mark + line + "\n")
		mark = others
	}
}

// content writes what is in a node: words on the same line, or blocks.
func (d *document) content(node map[string]any, depth int) {
	for _, child := range children(node) {
		switch kind, _ := child["type"].(string); kind {
		case "text":
			words, _ := child["text"].(string)
			d.text.WriteString(words)
			if address := linkOf(child); address != "" && address != words {
				d.text.WriteString(" (" + address + ")")
			}
		case "hardBreak":
			d.text.WriteString("\n")
		case "mention", "status", "placeholder":
			d.text.WriteString(attribute(child, "text"))
		case "emoji":
			words := attribute(child, "text")
			if words == "" {
				words = attribute(child, "shortName")
			}
			d.text.WriteString(words)
		case "inlineCard", "blockCard", "embedCard":
			d.text.WriteString(attribute(child, "url"))
		case "media", "mediaInline":
			if name := attribute(child, "alt"); name != "" {
				d.text.WriteString("[" + name + "]")
			}
		case "date":
			if ms, err := strconv.ParseInt(attribute(child, "timestamp"), 10, 64); err == nil {
				d.text.WriteString(time.UnixMilli(ms).UTC().Format("2006-01-02"))
			}
		default:
			d.block(child, depth)
		}
	}
}

func children(node map[string]any) []map[string]any {
	list, _ := node["content"].([]any)
	nodes := make([]map[string]any, 0, len(list))
	for _, child := range list {
		if n, ok := child.(map[string]any); ok {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

func attribute(node map[string]any, name string) string {
	attributes, _ := node["attrs"].(map[string]any)
	text, _ := attributes[name].(string)
	return text
}

// linkOf is the address that a text node links to.
func linkOf(node map[string]any) string {
	marks, _ := node["marks"].([]any)
	for _, m := range marks {
		mark, _ := m.(map[string]any)
		if kind, _ := mark["type"].(string); kind == "link" {
			return attribute(mark, "href")
		}
	}
	return ""
}
