package card

import (
	"errors"
	"strconv"
	"strings"
	"text/template"
)

// hbWord is a word of a tag: a name, a number, a text in quotes, or an
// expression in parentheses.
type hbWord struct {
	text   string
	quoted bool
	inner  []hbWord
}

func (w hbWord) is(name string) bool { return !w.quoted && w.inner == nil && w.text == name }

// maxNested is how deep parentheses may go: nobody writes more.
const maxNested = 20

// hbWords splits the inside of a tag.
func hbWords(text string) ([]hbWord, error) {
	words, rest, err := hbSplit(text, 0)
	if err == nil && rest != "" {
		err = errors.New("a ) that closes nothing")
	}
	return words, err
}

// hbSplit reads words up to the end or a closing parenthesis.
func hbSplit(text string, nested int) (words []hbWord, rest string, err error) {
	if nested > maxNested {
		return nil, "", errors.New("too many parentheses")
	}
	for text != "" {
		switch c := text[0]; c {
		case ' ', '\t', '\r', '\n':
			text = text[1:]
		case '"', '\'':
			end := strings.IndexByte(text[1:], c)
			if end < 0 {
				return nil, "", errors.New("a text in quotes does not end")
			}
			words = append(words, hbWord{text: text[1 : end+1], quoted: true})
			text = text[end+2:]
		case '(':
			inner, after, err := hbSplit(text[1:], nested+1)
			if err != nil {
				return nil, "", err
			}
			if !strings.HasPrefix(after, ")") || len(inner) == 0 {
				return nil, "", errors.New("a ( that is not closed, or with nothing in it")
			}
			words = append(words, hbWord{inner: inner})
			text = after[1:]
		case ')':
			return words, text, nil
		default:
			end := strings.IndexAny(text, " \t\r\n()")
			if end < 0 {
				end = len(text)
			}
			words = append(words, hbWord{text: text[:end]})
			text = text[end:]
		}
	}
	return words, "", nil
}

// hbFuncs are the functions that translated templates call.
func (r *render) hbFuncs() template.FuncMap {
	return template.FuncMap{
		"_hbname":   r.hbName,
		"_hblookup": hbLookup,
		"_hbeach":   hbEach,
		"_hbeq":     func(a, b any) bool { return textOf(a) == textOf(b) },
		"_hbnumber": func(text string) (float64, error) { return strconv.ParseFloat(text, 64) },
	}
}

// hbName is the value of a name that belongs to the event: a variable of
// Butler's, or a part of one, or whatever stands under that name.
func (r *render) hbName(name string) any {
	first, rest, deeper := strings.Cut(name, ".")
	if _, known := variables[first]; !known || !deeper {
		return r.variable(name)
	}
	value := r.variable(first)
	for _, part := range strings.Split(rest, ".") {
		value = hbLookup(value, part)
	}
	return value
}

// hbLookup is a member of an object or an element of a list; "" when there is
// none, as Handlebars prints it.
func hbLookup(value, key any) any {
	name := textOf(key)
	var found any
	switch v := value.(type) {
	case details:
		found = v[name]
	case map[string]any:
		found = v[name]
	case entries:
		found = hbElement(v, name)
	case []any:
		found = hbElement(v, name)
	}
	if found == nil {
		return ""
	}
	return asText.of(found)
}

// hbEach is what {{#each}} goes through: nothing, where there is no list.
func hbEach(value any) any {
	switch value.(type) {
	case details, map[string]any, entries, []any:
		return value
	}
	return entries{}
}

func hbElement(list []any, number string) any {
	if number == "length" {
		return float64(len(list))
	}
	index, err := strconv.Atoi(number)
	if err != nil || index < 0 || index >= len(list) {
		return nil
	}
	return list[index]
}
