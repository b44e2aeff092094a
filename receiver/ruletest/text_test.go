package ruletest

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

func TestTextsAreWhatTeamsShowsOfMarkdown(t *testing.T) {
	for markdown, want := range map[string]string{
		"site **fra1** · rack **r\\_1**":           "site fra1 · rack r_1",
		"*a* and **b** and _c_ and __d__":          "a and b and c and d",
		"_a_ _b_":                                  "a b",
		"temp_c is no emphasis, nor is usage_idle": "temp_c is no emphasis, nor is usage_idle",
		"5 * 3 * 2":                                "5 * 3 * 2",
		`5 \* 3 \* 2`:                              "5 * 3 * 2",
		`C:\\Users\\x`:                             `C:\Users\x`,
		`C:\Users`:                                 `C:\Users`,
		"[Clean up](https://wiki.example.com/x)":   "Clean up",
		`\[WARNING\] x`:                            "[WARNING] x",
		"a &lt;b&gt; &amp;amp; c":                  "a <b> &amp; c",
		"a {\\{ b":                                 "a {{ b",
		"a $\u2060{b}":                             "a ${b}",
		"<at>alice@contoso.com</at> look":          "alice@contoso.com look",
		`\*\*not bold\*\*`:                         "**not bold**",
	} {
		require.Equal(t, want, shown(markdown), "%q", markdown)
	}
}

func TestACardIsReadFromTopToBottomWithThePreviewFirst(t *testing.T) {
	m := card.Message{Summary: "[WARNING] preview", Card: []byte(`{
		"type": "AdaptiveCard", "version": "1.5", "fallbackText": "not shown", "speak": "not shown",
		"body": [
			{"type": "ColumnSet", "columns": [
				{"type": "Column", "items": [{"type": "TextBlock", "text": "left **one**"}]},
				{"type": "Column", "items": [{"type": "TextBlock", "text": "right"}]}]},
			{"type": "Container", "items": [{"type": "TextBlock", "text": "two\n\nlines"}]},
			{"type": "FactSet", "facts": [{"title": "mount\\_point", "value": "/var"}, {"title": "empty"}]},
			{"type": "RichTextBlock", "inlines": ["plain *run*", {"type": "TextRun", "text": " more"}]},
			{"type": "Image", "url": "https://example.com/not-shown.png", "altText": "a chart"},
			{"type": "Table", "rows": [{"type": "TableRow", "cells": [{"type": "TableCell", "items": [{"type": "TextBlock", "text": "cell"}]}]}]},
			{"type": "Input.ChoiceSet", "id": "not-shown", "label": "For how long?", "value": "not-shown", "choices": [{"title": "1 hour", "value": "not-shown"}]},
			{"type": "Input.Text", "id": "c", "placeholder": "Say why", "value": "typed already"},
			{"type": "ActionSet", "actions": [{"type": "Action.OpenUrl", "title": "In the *body*", "url": "https://example.com/not-shown"}]}],
		"actions": [{"type": "Action.ShowCard", "title": "More", "card": {"type": "AdaptiveCard", "body": [{"type": "TextBlock", "text": "within"}]}}]}`)}
	require.Equal(t, `[WARNING] preview
left one
right
two
lines
mount_point: /var
empty:
plain *run*
more
a chart
cell
For how long?
1 hour
typed already
Say why
In the *body*
More
within`, textOf(m))
}

// FuzzText: whatever stands in a label, the card's text has it as it is. So
// nobody has to know how cards are escaped to expect something of them.
func FuzzText(f *testing.F) {
	cards, problems := card.New(nil)
	require.Empty(f, problems)
	for _, seed := range []string{
		"r1", "*a*", "_a_", "__init__.py", `C:\Windows\system32`, "\\\\server\\share", "[x](y)", "<at>a</at>", "a &amp; b", "{{ x }}", "${x}", "1. a", "- a", "# a", "a**b**c", "&lt;", "`x`", "~~a~~", "a<b>c", "\\*", "a_b_c", "![a](b)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		value = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) || r == utf8.RuneError || r >= aside {
				return ' '
			}
			return r
		}, value)), " ")
		if value == "" || utf8.RuneCountInString(value) > 100 {
			return
		}
		a := alert.Alert{Status: alert.Firing, Labels: map[string]string{"alertname": "Hot", "rack": value}}
		message := cards.Render("alert", card.Input{Now: start, Group: group.Group{
			Phase: group.Open, Alerts: []group.Member{{Alert: a, State: group.Firing}},
		}}, card.WorkflowLimit)
		require.NoError(t, message.Fault)
		require.Contains(t, textOf(message), "rack "+value)
	})
}
