package card

import (
	"fmt"
	"slices"
	"strings"
	"text/template"
)

// tellingFuncs are the functions with which the shipped cards put a group into
// words of their own.
func (r *render) tellingFuncs() template.FuncMap {
	return template.FuncMap{
		"tell": tell, "named": named, "facts": facts, "others": others, "without": without, "rows": rows, "links": links,
		"phrase": phrase,
		"line":   func(parts ...any) string { return joined(" ", parts) },
		"dots":   func(parts ...any) string { return joined(" · ", parts) },
		"commas": func(parts ...any) string { return joined(", ", parts) },

		"moment": r.moment, "overdue": r.overdue, "priorityWords": priorityWords,
		"logError": logError, "logStart": logStart, "logEnd": logEnd,
	}
}

// tell is the same data with the group in other words. Names and values take
// turns; the names are those of Story's fields, and besides "Firing", "Began",
// "Again" and "Resolved", which are the words for these states ("stopped",
// "running again"), and "Ended", which is the last one in a row. They count in their
// order, and what is not named stays as it is. All values are plain text, but
// what named made.
func tell(data *Data, pairs ...any) (*Data, error) {
	if data == nil || data.Card == nil {
		return nil, fmt.Errorf("tell: there is no group to tell of")
	}
	told, story, t := *data, *data.Card, *data.Card.teller
	told.Card, story.teller = &story, &t
	texts := map[string]*string{
		"Severity": &story.Severity, "Word": &story.Word, "Style": &story.Style, "Color": &story.Color, "Status": &story.Status,
		"Duration": &story.Duration, "Title": &story.Title, "Where": &story.Where, "Since": &story.Since,
		"Summary": &story.Summary, "Description": &story.Description, "Preview": &story.Preview, "Picture": &story.Picture,
		"Firing": &t.words.firing, "Began": &t.words.began, "Again": &t.words.again, "Resolved": &t.words.resolved, "Ended": &t.words.ended,
	}
	err := eachPair("tell", pairs, func(name string, value any) error {
		var fits bool
		switch name {
		case "Facts":
			story.Facts, fits = value.([]Fact)
		case "Rows":
			story.Rows, fits = value.([]Row)
		case "Links":
			story.Links, fits = value.([]Link)
		}
		if fits {
			return nil
		}
		text := texts[name]
		if text == nil {
			return fmt.Errorf("tell: a card has no %q that is %T", name, value)
		}
		if t.byHand() && (name == "Resolved" || name == "Ended") {
			return nil // nobody knows that it runs again
		}
		*text = textOf(value)
		switch name {
		case "Where", "Summary", "Description":
			if _, ok := value.(markup); !ok {
				*text = escapeMarkdown(*text)
			}
		case "Severity":
			story.Word = t.word(&story)
			story.Status = t.status(&story)
		case "Firing", "Began", "Again", "Resolved", "Ended":
			story.Duration, story.Since = t.times(story.State)
			story.Status = t.status(&story)
			story.Rows = t.rows(len(story.Rows))
			story.History = t.history()
		}
		return nil
	})
	story.Preview = shorten(oneLine(story.Preview), maxPreview)
	story.Speak = t.speak(&story)
	return &told, err
}

// eachPair goes through names and values that take turns.
func eachPair(function string, pairs []any, do func(name string, value any) error) error {
	if len(pairs)%2 != 0 {
		return fmt.Errorf("%s: a name without a value; they take turns", function)
	}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return fmt.Errorf("%s: %v is no name; names and values take turns", function, pairs[i])
		}
		if err := do(name, pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// markup is a text that is Markdown already.
type markup string

// named is names and their values on one line: "host **db-3** · service
// **Spooler**". What has no value is left out.
func named(pairs ...any) (markup, error) {
	list, err := facts(pairs...)
	for i := range list {
		list[i].Value = shorten(oneLine(list[i].Value), maxLabel)
	}
	return markup(labelLine(list)), err
}

// facts is names and values for a FactSet; what has no value is left out. A
// list of facts may stand at the end.
func facts(pairs ...any) ([]Fact, error) {
	var more, list []Fact
	if n := len(pairs); n > 0 {
		if last, ok := pairs[n-1].([]Fact); ok {
			more, pairs = last, pairs[:n-1]
		}
	}
	err := eachPair("facts", pairs, func(name string, value any) error {
		if text := strings.TrimSpace(textOf(value)); text != "" {
			list = append(list, Fact{Name: name, Value: shorten(text, maxSummary)})
		}
		return nil
	})
	return append(list, more...), err
}

// others is the facts that the alerts have in common, apart from the labels
// and annotations that are named.
func others(data *Data, shown ...string) []Fact {
	if data == nil || data.Card == nil {
		return nil
	}
	return data.Card.teller.rest(shown)
}

// without is facts apart from those of these names, their own or those of the
// labels and annotations that they are made of.
func without(list []Fact, names ...string) []Fact {
	return slices.DeleteFunc(slices.Clone(list), func(f Fact) bool {
		return slices.Contains(names, f.Name) || f.source != "" && slices.Contains(names, f.source)
	})
}

// rows is the rows of a group, each named by the first of these labels or
// annotations that its alert has.
func rows(data *Data, naming ...string) []Row {
	if data == nil || data.Card == nil {
		return nil
	}
	return data.Card.teller.rowsOf(data.Card.Rows, naming)
}

// links puts buttons before those of the group: titles and URLs take turns.
// What is no URL is left out.
func links(data *Data, pairs ...any) ([]Link, error) {
	var list []Link
	add := func(link Link) {
		for _, known := range list {
			if known.URL == link.URL || known.Title == link.Title {
				return
			}
		}
		if len(list) < maxLinks {
			list = append(list, link)
		}
	}
	err := eachPair("links", pairs, func(title string, value any) error {
		if address := webURL(textOf(value)); address != "" {
			add(Link{title, address})
		}
		return nil
	})
	if data != nil && data.Card != nil {
		for _, link := range data.Card.Links {
			add(link)
		}
	}
	return list, err
}

// phrase puts a value into a few words, "on %s"; without a value there are no
// words.
func phrase(format string, value any) string {
	text := oneLine(textOf(value))
	if text == "" {
		return ""
	}
	return strings.Replace(format, "%s", text, 1)
}

// joined joins the texts that are not empty.
func joined(separator string, parts []any) string {
	var texts []string
	for _, part := range parts {
		if text := oneLine(textOf(part)); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, separator)
}
