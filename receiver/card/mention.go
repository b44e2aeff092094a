package card

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// mention is a person in the text of a card: Teams wants the name between
// marks in the text, and beside it the same and who that is (teams-platform
// §2.7).
type mention struct{ id, name string }

// mentionFunc takes what a template mentions: an address, or a person.
func mentionFunc(who any) (any, error) {
	switch who := who.(type) {
	case Person:
		return who, nil
	case *Person:
		return *who, nil
	case string:
		return strings.TrimSpace(who), nil
	case nil:
		return "", nil
	}
	return "", fmt.Errorf("mention wants an address or a person, not %T", who)
}

// mentioned is the mention that a value makes; !ok: nobody knows who that is,
// and it is written as text.
func mentioned(value any, text string) (m mention, ok bool) {
	if p, is := value.(Person); is {
		m = mention{id: p.id, name: mentionName(p.Name)}
		return m, m.name != "" && mentionable(m.id)
	}
	return mention{id: text, name: text}, mentionable(text)
}

// mentionName is a name without what Teams would read as more than letters:
// it has to be the same in the text, where Markdown is read, and beside it.
func mentionName(name string) string {
	return oneLine(strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || strings.ContainsRune("<>&\"\\`*_[]~{}$", r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, name))
}

// addMentions adds what belongs to the mentions in the text.
func (t *tree) addMentions(list []mention) {
	entities := t.container(t.container(0, "msteams", '{'), "entities", '[')
	slices.SortFunc(list, func(a, b mention) int { return strings.Compare(a.id+" "+a.name, b.id+" "+b.name) })
	for _, m := range slices.Compact(list) {
		at := t.add(entities, node{kind: '{'})
		t.string(at, "type", "mention")
		t.setText(at, "text", "<at>"+m.name+"</at>")
		who := t.container(at, "mentioned", '{')
		t.setText(who, "id", m.id)
		t.setText(who, "name", m.name)
	}
}
