package typed

import (
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tags are what Teams' editors put into a text. Other things between angle
// brackets are what people wrote.
var (
	breaks  = regexp.MustCompile(`(?i)<(?:br|/p|/div|/li|/h[1-6]|/blockquote|/pre)(?:\s[^<>]*)?/?>`)
	markup  = regexp.MustCompile(`(?i)</?(?:p|div|br|span|b|strong|i|em|u|s|strike|a|pre|code|ul|ol|li|blockquote|font|h[1-6]|img|emoji|attachment)(?:\s[^<>]*)?/?>`)
	mention = regexp.MustCompile(`(?is)<at(?:\s[^<>]*)?>([^<>]*)</at>`)
)

// mark stands for a mention in a text: runes of the private use area, which
// are taken out of what people write.
const mark = '\U000F0000'

// plain is a text as people see it: without markup, mentions of the bot and
// invisible characters, every space an ordinary one. A mention of somebody
// else is one rune, mark and the number of the mention.
func (p *parser) plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Co, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	text = p.withMarks(text)
	text = markup.ReplaceAllString(breaks.ReplaceAllString(text, "\n"), "")
	text = html.UnescapeString(text)
	return strings.TrimSpace(visible(text))
}

// withMarks puts marks in the place of mentions. Two people can have the same
// name: mentions come in the order of the text.
func (p *parser) withMarks(text string) string {
	addressed := false
	for i, m := range p.mentions {
		if m.Text == "" || !strings.Contains(text, m.Text) {
			continue
		}
		with := " " // what stands beside it is another word
		if m.Bot {
			addressed = true
		} else {
			with = string(mark + rune(i))
		}
		text = strings.Replace(text, m.Text, with, 1)
	}
	for _, m := range p.mentions { // once among the mentions, often in the text
		if m.Bot && m.Text != "" {
			text = strings.ReplaceAll(text, m.Text, " ")
		}
	}
	// What is left names nobody that Teams knows. At the beginning it is how
	// people speak to the bot, also after it was renamed.
	if at := mention.FindStringIndex(text); at != nil && !addressed && strings.TrimSpace(text[:at[0]]) == "" {
		text = text[at[1]:]
	}
	return mention.ReplaceAllString(text, "@$1")
}

// visible makes every space an ordinary one, keeps line breaks, and drops what
// cannot be seen.
func visible(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\u2028' || r == '\u2029' || r == '\v' || r == '\f':
			return '\n'
		case unicode.IsSpace(r) || r == '\u180e' || r == '\u2800' || r == '\u3164':
			return ' '
		case r == '\u200c' || r == '\u200d' || r >= '\U000E0020' && r <= '\U000E007F':
			return r // inside of words and of emoji
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError:
			return -1
		case unicode.Is(unicode.Co, r) && (r < mark || r >= mark+maxMentions):
			return -1 // written as an entity
		}
		return r
	}, text)
}

// said is a text with names where mentions were.
func (p *parser) said(text string) string {
	if !strings.ContainsFunc(text, isMark) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if who, ok := p.marked(r); ok {
			out.WriteString("@" + who.Name)
		} else if !isMark(r) {
			out.WriteRune(r)
		}
	}
	return out.String()
}

func isMark(r rune) bool { return r >= mark && r < mark+maxMentions }

// marked is whom a mark names.
func (p *parser) marked(r rune) (Who, bool) {
	if !isMark(r) || int(r-mark) >= len(p.mentions) {
		return Who{}, false
	}
	m := p.mentions[r-mark]
	name := m.Name
	if name == "" {
		name = mention.ReplaceAllString(m.Text, "$1")
	}
	return Who{ID: m.ID, Name: shorten(oneLine(visible(html.UnescapeString(name))), MaxName)}, true
}

// oneLine is a text without line breaks and without space around it.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// shorten cuts a text to at most most characters.
func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// quoted is what somebody wrote, to stand in an answer.
func quoted(text string) string {
	text = oneLine(strings.Map(func(r rune) rune {
		if isMark(r) {
			return -1
		}
		return r
	}, text))
	return "“" + shorten(text, 40) + "”"
}
