package typed

import (
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/route"
)

// parseMatcher reads a matcher as Alertmanager does by default.
var parseMatcher = compat.FallbackMatcherParser(slog.New(slog.DiscardHandler))

// isMatcher says whether a matcher begins here.
func (p *parser) isMatcher() bool {
	_, _, ok := scanMatcher(p.text[p.at:])
	return ok
}

// matchers reads the matchers that stand together. They come back as
// Alertmanager writes them.
func (p *parser) matchers(verb string) ([]string, error) {
	var all []string
	for {
		line, end, ok := scanMatcher(p.text[p.at:])
		if !ok {
			return all, nil
		}
		wrote := strings.Trim(p.text[p.at:p.at+end], " \n,;&{}")
		p.at += end
		if len(line) > MaxMatcher || len(all) == MaxMatchers {
			return nil, &Problem{Verb: verb, What: "That are too many or too long matchers: at most 20 with 500 characters each.", Example: example(verb)}
		}
		if route.TooCostly(line) {
			return nil, &Problem{Verb: verb, What: quoted(wrote) + " is too large a pattern: it repeats too much.", Example: example(verb)}
		}
		matcher, err := parseMatcher(line, "")
		if err == nil { // it is stored as it is written here
			_, err = parseMatcher(matcher.String(), "")
		}
		if err != nil {
			return nil, &Problem{Verb: verb, What: quoted(wrote) + " is no matcher: " + shorten(oneLine(p.said(err.Error())), 120) + ".", Example: example(verb)}
		}
		all = append(all, matcher.String())
	}
}

// scanMatcher finds the matcher at the beginning of a text, after what can
// stand between two of them, and writes it so that there is one way to read
// it. People leave quotation marks out, use those that their phone gives them,
// and put a space or a comma between matchers.
func scanMatcher(text string) (line string, end int, ok bool) {
	at := 0
	space := func(also string) { at += len(text[at:]) - len(strings.TrimLeft(text[at:], " \n"+also)) }
	space(",;&{(")
	if rest := text[at:]; len(rest) > 4 && strings.EqualFold(rest[:4], "and ") {
		at += 4
		space("")
	}
	name, size, isQuoted := text[at:], 0, false
	if inner, end, ok := quotedPart(text[at:]); ok && class(firstRune(text[at:])) == double {
		name, size, isQuoted = inner, end, true
	} else {
		size = strings.IndexFunc(name, func(r rune) bool { return strings.ContainsRune("=!~<>,;{}()\\ \n", r) || class(r) != none || isMark(r) })
		if size <= 0 {
			return "", 0, false
		}
		name = name[:size]
	}
	at += size
	space("")
	operator := ""
	for _, one := range []string{"=~", "!=", "!~", "==", "="} {
		if strings.HasPrefix(text[at:], one) {
			operator, at = one, at+len(one)
			break
		}
	}
	if operator == "" {
		return "", 0, false
	}
	if operator == "==" {
		operator = "="
	}
	space("")
	if !isQuoted && !model.LegacyValidation.IsValidLabelName(name) {
		name, isQuoted = escape(name), true
	}
	if isQuoted {
		name = `"` + name + `"`
	}
	var value string
	if inner, size, ok := quotedPart(text[at:]); ok {
		value, at = inner, at+size
	} else {
		size := bareValue(text[at:])
		value = text[at : at+size]
		at += size
		if !strings.HasSuffix(operator, "~") && strings.Trim(text[at:], " \n") == "" {
			value = strings.TrimRight(value, ".?!") // the sentence ends
		}
		value = escape(value)
	}
	at += len(text[at:]) - len(strings.TrimLeft(text[at:], "})"))
	return name + operator + `"` + value + `"`, at, true
}

func firstRune(text string) rune {
	r, _ := utf8.DecodeRuneInString(text)
	return r
}

// quotedPart reads what stands in quotation marks at the beginning of a text,
// written for straight ones.
func quotedPart(text string) (inner string, end int, ok bool) {
	opens, size := utf8.DecodeRuneInString(text)
	of := class(opens)
	if of == none {
		return "", 0, false
	}
	partner, known := partners[opens]
	if !known {
		partner = string(opens)
	}
	closes := -1
	for i := size; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\\' && i+n < len(text):
			_, next := utf8.DecodeRuneInString(text[i+n:])
			n += next
		case class(r) == of && (strings.ContainsRune(partner, r) || closes < 0):
			closes = i
			if strings.ContainsRune(partner, r) || known {
				i = len(text)
			}
		}
		i += n
	}
	if closes < 0 {
		return "", 0, false
	}
	_, n := utf8.DecodeRuneInString(text[closes:])
	inner = text[size:closes]
	if opens != '"' { // straight quotation marks may stand inside of others
		inner = bareQuotes(inner)
	}
	return strings.ReplaceAll(inner, "\n", " "), closes + n, true
}

// bareQuotes puts a backslash before quotation marks that have none.
func bareQuotes(text string) string {
	var out strings.Builder
	before := byte(0)
	for i := range len(text) {
		if text[i] == '"' && before != '\\' {
			out.WriteByte('\\')
		}
		out.WriteByte(text[i])
		if before = text[i]; before == '\\' && i > 0 && text[i-1] == '\\' {
			before = 0
		}
	}
	return out.String()
}

// bareValue is how many bytes of a text are a value without quotation marks.
// Braces and commas in it belong to a regular expression if they are in pairs.
func bareValue(text string) int {
	depth := 0
	for i, r := range text {
		switch {
		case r == ' ' || r == '\n' || isMark(r):
			return i
		case r == '{' || r == '(' || r == '[':
			depth++
		case (r == '}' || r == ')' || r == ']') && depth > 0:
			depth--
		case (r == ',' || r == ';' || r == '}') && depth == 0:
			return i
		}
	}
	return len(text)
}

// escape writes a value so that it stands for itself between quotation marks,
// in both of Alertmanager's notations.
func escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
}
