package cardview

import (
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	bullet = regexp.MustCompile(`^\s{0,8}[-*+]\s+`)
	number = regexp.MustCompile(`^\s{0,8}\d{1,9}[.)]\s+`)
)

// markdown writes a text as Teams shows it: bold, italics, links, lists and
// paragraphs (teams-platform §7.4).
func (w *writer) markdown(text string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	inside := "" // the element that is open: "p", "ul", "ol" or none
	leave := func() {
		switch inside {
		case "":
		case "p":
			w.raw("</p>")
		default:
			w.raw("</li></", inside, ">")
		}
		inside = ""
	}
	for line := range strings.SplitSeq(text, "\n") {
		kind, rest := "p", line
		if m := bullet.FindString(line); m != "" {
			kind, rest = "ul", line[len(m):]
		} else if m := number.FindString(line); m != "" {
			kind, rest = "ol", line[len(m):]
		}
		switch {
		case strings.TrimSpace(line) == "":
			leave()
			continue
		case kind == "p" && inside != "":
			w.raw("\n") // goes on in the same paragraph or item
		case kind == "p":
			w.raw("<p>")
			inside = kind
		case kind == inside:
			w.raw("</li><li>")
		default:
			leave()
			w.raw("<", kind, "><li>")
			inside = kind
		}
		w.inline(rest)
	}
	leave()
}

// piece is a part of a line: text of the card, or HTML of ours.
type piece struct {
	text string
	html bool
}

// opener is a mark that may begin something: "*", "**", "_", "__" or "[".
type opener struct {
	at   int // the piece where it stands
	mark string
}

// line reads one line's marks in one go: what begins something is remembered
// until its end comes, and is a text like any other when that never does.
type line struct {
	pieces  []piece
	openers []opener
	counts  map[string]int // of openers, so that nobody looks for what is not there
}

// inline writes a line, or the text of a fact.
func (w *writer) inline(text string) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if !strings.ContainsAny(text, "\\*_[<&\r") {
		w.text(text)
		return
	}
	l := line{counts: map[string]int{}}
	plain := 0 // where the text began that has no marks
	flush := func(to int) {
		if plain < to {
			l.pieces = append(l.pieces, piece{text: text[plain:to]})
		}
	}
	for i := 0; i < len(text); {
		c := text[i]
		used := 0
		switch c {
		case '\\':
			if i+1 < len(text) && isPunctuation(text[i+1]) {
				flush(i)
				l.pieces = append(l.pieces, piece{text: text[i+1 : i+2]})
				used = 2
			}
		case '\r':
			flush(i)
			l.pieces = append(l.pieces, piece{text: "<br>", html: true})
			used = 1
		case '*', '_':
			used = len(text[i:]) - len(strings.TrimLeft(text[i:], string(c)))
			flush(i)
			l.mark(text, i, used)
		case '[':
			flush(i)
			l.open("[")
			used = 1
		case ']':
			if address, n := target(text[i+1:]); n > 0 && l.counts["["] > 0 {
				flush(i)
				l.link(address)
				used = 1 + n
			}
		case '<':
			if name, n := mention(text[i:]); n > 0 && w.mentions[text[i:i+n]] {
				flush(i)
				l.pieces = append(l.pieces, piece{text: `<span class="cv-at">`, html: true}, piece{text: name}, piece{text: "</span>", html: true})
				used = n
			}
		}
		if used == 0 {
			i++
			continue
		}
		i += used
		plain = i
	}
	flush(len(text))
	for _, p := range l.pieces {
		if p.html {
			w.raw(p.text)
		} else {
			w.text(html.UnescapeString(p.text))
		}
	}
}

func isPunctuation(c byte) bool {
	return c > ' ' && c < utf8.RuneSelf && !unicode.IsLetter(rune(c)) && !unicode.IsDigit(rune(c))
}

func (l *line) open(mark string) {
	l.openers = append(l.openers, opener{at: len(l.pieces), mark: mark})
	l.counts[mark]++
	l.pieces = append(l.pieces, piece{text: mark})
}

// end takes back the openers down to the last one of a mark, which it returns.
func (l *line) end(mark string) opener {
	for {
		last := l.openers[len(l.openers)-1]
		l.openers = l.openers[:len(l.openers)-1]
		l.counts[last.mark]--
		if last.mark == mark {
			return last
		}
	}
}

// mark reads n stars or underscores at i.
func (l *line) mark(text string, i, n int) {
	c := text[i : i+1]
	if n > 3 {
		l.pieces = append(l.pieces, piece{text: text[i : i+n]})
		return
	}
	before, _ := utf8.DecodeLastRuneInString(text[:i])
	after, _ := utf8.DecodeRuneInString(text[i+n:])
	begins := i+n < len(text) && !unicode.IsSpace(after)
	ends := i > 0 && !unicode.IsSpace(before)
	if c == "_" { // within a word it is part of the word
		begins = begins && !(i > 0 && isWord(before))
		ends = ends && !(i+n < len(text) && isWord(after))
	}
	for ends && n > 0 {
		mark := strings.Repeat(c, min(n, 2))
		if last := len(l.openers) - 1; last >= 0 && len(l.openers[last].mark) < len(mark) && l.openers[last].mark == c {
			mark = c // what began last ends first
		}
		if l.counts[mark] == 0 && n > 1 {
			mark = c
		}
		if l.counts[mark] == 0 {
			break
		}
		began := l.end(mark)
		element := "em"
		if len(mark) == 2 {
			element = "strong"
		}
		l.pieces[began.at] = piece{text: "<" + element + ">", html: true}
		l.pieces = append(l.pieces, piece{text: "</" + element + ">", html: true})
		n -= len(mark)
	}
	for n > 0 {
		mark := strings.Repeat(c, min(n, 2))
		if begins {
			l.open(mark)
		} else {
			l.pieces = append(l.pieces, piece{text: mark})
		}
		n -= len(mark)
	}
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// link ends what the last "[" began. What leads nowhere stays text.
func (l *line) link(address string) {
	began := l.end("[")
	if !leads(address) {
		l.pieces = append(l.pieces, piece{text: "](" + address + ")"})
		return
	}
	l.pieces[began.at] = piece{text: `<a rel="noopener noreferrer" href="` + html.EscapeString(address) + `">`, html: true}
	l.pieces = append(l.pieces, piece{text: "</a>", html: true})
	for i := len(l.openers) - 1; l.counts["["] > 0; i-- { // a link in a link is none
		if l.openers[i].mark == "[" {
			l.openers[i].mark = ""
			l.counts["["]--
		}
	}
}

// target is the address in "(address)" at the beginning of a text, and how
// long that is; 0: there is none.
func target(text string) (address string, n int) {
	if !strings.HasPrefix(text, "(") {
		return "", 0
	}
	open := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '(':
			open++
		case c == ')':
			if open--; open == 0 {
				return html.UnescapeString(text[1:i]), i + 1
			}
		case c <= ' ', c == ']' && strings.HasPrefix(text[i:], "]("):
			return "", 0
		}
	}
	return "", 0
}

// mention is the name in "<at>name</at>" at the beginning of a text, and how
// long that is; 0: there is none.
func mention(text string) (name string, n int) {
	const most = 512 // a display name has 256 characters at most
	rest, ok := strings.CutPrefix(text[:min(len(text), most)], "<at>")
	if !ok {
		return "", 0
	}
	name, _, ok = strings.Cut(rest, "</at>")
	if !ok {
		return "", 0
	}
	return name, len("<at></at>") + len(name)
}
