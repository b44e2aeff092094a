package store

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// maxAbout is how long Audit.About is, in characters: a title, which has up to
// 120, and the labels of some alerts.
const maxAbout = 600

// About says in words what a line of the audit is about: the title of an episode
// and the matchers of a silence, as many sets as there is room for; "" and nil
// where there is none. Both are made of what others send, so it is one line.
func About(title string, sets [][]string) string {
	words := title
	for i, set := range sets {
		text := " {" + strings.Join(set, ", ") + "}"
		if i > 0 && utf8.RuneCountInString(words+text) > maxAbout {
			words += fmt.Sprintf(" and %d more", len(sets)-i)
			break
		}
		words += text
	}
	words = strings.Join(strings.Fields(words), " ")
	if runes := []rune(words); len(runes) > maxAbout {
		words = string(runes[:maxAbout]) + "…"
	}
	return words
}

// AboutGroup is About of an episode; "": there is none, or not any more.
func AboutGroup(tx GroupTx, id int64) (string, error) {
	g, err := tx.Group(id)
	switch {
	case errors.Is(err, ErrNotFound):
		return "", nil
	case err != nil:
		return "", err
	}
	return About(g.Title(), nil), nil
}

// SilenceTarget is the Audit.Target of a line about a silence and no episode:
// both have the same ids.
func SilenceTarget(id int64) string { return "silence " + alert.ShortID(id) }
