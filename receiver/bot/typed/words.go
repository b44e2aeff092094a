package typed

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// parser reads a message from left to right.
type parser struct {
	text     string
	at       int // bytes of it that are read
	now      time.Time
	mentions []Mention
	timed    bool // a time is to come, which can look like an id
}

// word is a word of a message, or what stands between quotation marks.
type word struct {
	text   string // without quotation marks and what stands around a word in a sentence
	quoted bool
	start  int
	end    int // where the next one begins
}

func (w word) empty() bool { return w.text == "" && !w.quoted }

func (w word) lower() string { return strings.ToLower(w.text) }

// is says whether it is one of some words, written in lower case.
func (w word) is(words ...string) bool {
	return !w.quoted && slices.Contains(words, w.lower())
}

// around is what can stand around a word in a sentence and does not belong to
// it; doubled asterisks and the like are how people type emphasis.
const around = ".,;:!?()[]{}<>*_~/#…–—-\"'"

// peek is the next word; it is not read yet.
func (p *parser) peek() word { return p.peekAt(p.at) }

// after is the word after another one.
func (p *parser) after(w word) word { return p.peekAt(w.end) }

func (p *parser) peekAt(at int) word {
	for {
		at += len(p.text[at:]) - len(strings.TrimLeft(p.text[at:], " \n"))
		if at == len(p.text) {
			return word{start: at, end: at}
		}
		if inner, end, ok := quotation(p.text[at:]); ok {
			return word{text: oneLine(inner), quoted: true, start: at, end: at + end}
		}
		end := at + length(p.text[at:], " \n")
		if i := strings.IndexFunc(p.text[at:end], isMark); i == 0 { // a mention is a word, whatever it touches
			end = at + utf8.RuneLen(mark)
		} else if i > 0 {
			end = at + i
		}
		text := p.text[at:end]
		if text == "?" { // alone it asks for help
			return word{text: text, start: at, end: end}
		}
		text = strings.TrimFunc(text, func(r rune) bool {
			return strings.ContainsRune(around, r) || class(r) != none
		})
		if text != "" {
			return word{text: text, start: at, end: end}
		}
		at = end // nothing but punctuation
	}
}

// length is how many bytes of a text come before one of some characters.
func length(text, stops string) int {
	if end := strings.IndexAny(text, stops); end >= 0 {
		return end
	}
	return len(text)
}

// fillers skips what is polite.
func (p *parser) fillers() {
	for w := p.peek(); w.is("please", "pls", "plz", "hey", "hi", "hello", "ok", "okay", "thanks"); w = p.peek() {
		p.at = w.end
	}
}

// idOf is the number that an id stands for.
func idOf(text string) (int64, bool) { return alert.FromShortID(text) }

// looksLikeID says that a word was meant as an id, though it may be none.
func looksLikeID(text string) bool {
	const shortest, longest = 3, 13
	if len(text) < shortest || len(text) > longest {
		return false
	}
	digit := false
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= '0' && r <= '9':
			digit = true
		case r < 'a' || r > 'z':
			return false
		}
	}
	return digit && strings.IndexFunc(text, unicode.IsLetter) >= 0
}

// ids reads ids that stand together, up to most of them, each once.
func (p *parser) ids(most int) []int64 {
	var ids []int64
	for at := p.at; len(ids) < most; {
		at += len(p.text[at:]) - len(strings.TrimLeft(p.text[at:], " \n,;+&"))
		end := at + length(p.text[at:], " \n,;+&")
		w := strings.TrimFunc(p.text[at:end], func(r rune) bool { return strings.ContainsRune(around, r) || class(r) != none })
		if len(ids) > 0 && strings.EqualFold(w, "and") {
			at = end
			continue
		}
		id, ok := idOf(w)
		if _, _, isMatcher := scanMatcher(p.text[at:]); !ok || isMatcher || p.timed && len(ids) > 0 && compact.MatchString(strings.ToLower(w)) {
			break
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		p.at, at = end, end
	}
	return ids
}

// mention is whom a word mentions.
func (p *parser) mention(w word) (Who, bool) {
	r, _ := utf8.DecodeRuneInString(w.text)
	return p.marked(r)
}

// name reads the name of somebody who is not mentioned: up to the end of the
// message, or up to an id that is still missing.
func (p *parser) name(toEnd bool) string {
	var name []string
	for w := p.peek(); !w.empty(); w = p.peek() {
		if _, isID := idOf(w.text); isID && !toEnd && len(name) > 0 || w.is("to") {
			break
		}
		p.at = w.end
		name = append(name, w.text)
		if w.quoted || len(name) > MaxName { // then it is too long whatever follows
			break
		}
	}
	return p.said(strings.TrimLeft(strings.Join(name, " "), "@ "))
}

// comment reads all that is left as what somebody wants to say.
func (p *parser) comment() string {
	rest := strings.TrimSpace(p.text[p.at:])
	p.at = len(p.text)
	rest = strings.TrimSpace(strings.TrimLeft(rest, ".,;:!?-–—)]"))
	if inner, end, ok := quotation(rest); ok && end == len(rest) {
		rest = inner
	} else if inner, ok := wrapped(rest); ok {
		rest = inner
	}
	return strings.TrimSpace(p.said(rest))
}

// maxQuotes is how many quotation marks are tried: each costs a look at all
// that follows.
const maxQuotes = 50

// untilQuote is what stands before a quotation that ends the message.
func (p *parser) untilQuote() (before string, at int, found bool) {
	tried := 0
	for i, r := range p.text[p.at:] {
		if tried == maxQuotes {
			break
		}
		if class(r) != double || i == 0 || !strings.ContainsRune(" \n", rune(p.text[p.at+i-1])) {
			continue
		}
		tried++
		if _, end, ok := quotation(p.text[p.at+i:]); ok && p.at+i+end == len(p.text) {
			return p.said(strings.TrimSpace(p.text[p.at : p.at+i])), p.at + i, true
		}
	}
	return "", 0, false
}

// lines reads the first line, and what follows it.
func (p *parser) lines() (first, rest string) {
	first, rest, _ = strings.Cut(strings.TrimSpace(p.said(p.text[p.at:])), "\n")
	p.at = len(p.text)
	return strings.TrimLeft(first, ":-–— "), strings.TrimSpace(rest)
}
