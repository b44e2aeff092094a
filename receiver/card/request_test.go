package card

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// aStory is an alert whose ticket carries this text.
func aStory(ticket string) Input {
	in := hotRoom(time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC))
	in.Group.Alerts = in.Group.Alerts[:1]
	in.Group.Alerts[0].Labels = KV{"alertname": "Ticket", "ticket": ticket}
	in.Group.Alerts[0].Event = json.RawMessage(`{"issue":{"id":17,"link":"https://jira.example/17"}}`)
	return in
}

// Jira must get a comment letter by letter: what Teams would expand or format
// is nothing to it.
func TestTheBodyOfARequestSaysWhatSomebodyWrote(t *testing.T) {
	for _, text := range []string{
		"plain", "", `a "quote" and a \ backslash`, "two\nlines\tand a tab", "*bold* _x_ [l](http://x) <at>y</at>", "{{DATE(2026)}} ${x}", "\u2028 مرحبا 🔥",
		`"},"transition":{"id":"666"},"x":{"y":"`,
	} {
		body, problems := NewTemplate("body", `{"body": "{{ .Who }}: {{ .Text }}", "whole": {{ .Text }}, "transition": {"id": "31"},
			"issue": {{ .Event.issue }}, "key": "{{ .Key }}", "{{ .Verb }}": true, "since": "{{ .StartsAt }}", "number": {{ .Event.issue.id }},}`)
		require.Empty(t, problems)
		wire, err := body.JSON(aStory("OPS-1"), Press{Verb: "comment", Who: "Alice", Text: text, Key: "k"})
		require.NoError(t, err)
		var said map[string]any
		require.NoError(t, json.Unmarshal(wire, &said), "%s", wire)
		require.Equal(t, map[string]any{
			"body": "Alice: " + text, "whole": text, "transition": map[string]any{"id": "31"}, "key": "k", "comment": true,
			"issue": map[string]any{"id": 17.0, "link": "https://jira.example/17"}, "since": "2026-03-02T09:48:00Z", "number": 17.0,
		}, said)
	}
}

func TestValuesAreToldApartFromWhatTheAuthorWrote(t *testing.T) {
	address, problems := NewTemplate("url", `https://jira.example/issue/{{ .Labels.ticket }}{{ if .Text }}?text={{ .Text }}{{ end }}`)
	require.Empty(t, problems)
	pieces, err := address.Pieces(aStory("OPS-1"), Press{Text: "a"})
	require.NoError(t, err)
	require.Equal(t, []Piece{{Text: "https://jira.example/issue/"}, {Text: "OPS-1", IsValue: true}, {Text: "?text="}, {Text: "a", IsValue: true}, {Text: ""}}, pieces)
}

func TestWhatIsWrongWithATemplateOfARequestHasItsLine(t *testing.T) {
	_, problems := NewTemplate("body", "{\n\"a\": {{ .Labels. }}}")
	require.Len(t, problems, 1)
	require.Equal(t, 2, problems[0].Line)

	for text, line := range map[string]int{
		"{\n\"a\": no}":                                    2,
		"{\n\n\"a\": {{ index .Alerts 7 }}}":               3,
		"{\"a\": \"{{ template \"alert\" . }}\"}":          1, // cards are not at hand
		"{\"a\": \n{{ range until 9999 }}{{ . }},{{ end }": 2,
	} {
		body, problems := NewTemplate("body", text)
		if len(problems) > 0 {
			require.Equal(t, line, problems[0].Line, text)
			continue
		}
		_, err := body.JSON(aStory("x"), Press{})
		var problem Problem
		require.ErrorAs(t, err, &problem, text)
		require.Equal(t, line, problem.Line, text)
		require.NotContains(t, err.Error(), "minimal card", "there is no card")
	}

	endless, problems := NewTemplate("body", `["{{ range until 9999 }}{{ repeat 9999 "x" }}{{ end }}"]`)
	require.Empty(t, problems)
	_, err := endless.JSON(aStory("x"), Press{})
	require.ErrorContains(t, err, "writes more")
	_, err = endless.Pieces(aStory(strings.Repeat("x", 10)), Press{})
	require.Error(t, err)
}
