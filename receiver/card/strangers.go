package card

import (
	"reflect"
	"slices"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// ofStrangers says whether the alerts came as events. The annotations of a rule
// are its author's, whose Markdown is meant; those of an event are what anybody
// wrote into a ticket or a log, and a link under other words would be believed.
func ofStrangers(members []*group.Member) bool {
	return slices.ContainsFunc(members, func(m *group.Member) bool {
		return m.Event != nil || m.Labels[eventSourceLabel] != ""
	})
}

// annotation is the Markdown of an annotation.
func (t *teller) annotation(text string) string {
	if t.strangers {
		return escapeMarkdown(text)
	}
	return text
}

// annotations takes the values of actions that are annotations: to the one sink
// where they are a rule's, to the other where they are strangers'.
func (r *render) annotations(authors, strangers string) func(reflect.Value) nothing {
	toAuthors, toStrangers := r.sink(authors), r.sink(strangers)
	return func(value reflect.Value) nothing {
		if r.data.strangers {
			return toStrangers(value)
		}
		return toAuthors(value)
	}
}
