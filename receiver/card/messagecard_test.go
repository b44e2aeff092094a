package card

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// payloadOf renders the card payload for what some program posted.
func payloadOf(t *testing.T, body string) Message {
	t.Helper()
	set, _ := New(nil)
	message := set.Render("payload", ofEvent(body, nil), WorkflowLimit)
	require.NoError(t, message.Fault)
	require.Empty(t, teamsSchema().faults(message.Card), "%s", message.Card)
	return message
}

func TestAMessageCardBecomesAnAdaptiveCard(t *testing.T) {
	message := payloadOf(t, `{
		"@type": "MessageCard", "@context": "http://schema.org/extensions",
		"summary": "Reload failed", "themeColor": "D70000",
		"title": "Reload of **Sales** failed", "text": "Since <b>10:00</b><br>on <a href=\"https://q/hub\">the hub</a>",
		"sections": [
			{"activityTitle": "Butler", "activitySubtitle": "on Q1", "activityText": "# Error\nmore", "activityImage": "https://x/i.png"},
			{"title": "Details", "startGroup": true, "facts": [{"name": "App", "value": "Sales_2024"}, {}],
				"heroImage": {"image": "https://x/hero.png", "title": "the app"}, "images": [{"image": "https://x/1.png"}],
				"text": "a | b\n--- | ---\n1 | 2"},
			{"markdown": false, "text": "2 * 3 * 4"}
		],
		"potentialAction": [
			{"@type": "OpenUri", "name": "Hub", "targets": [{"os": "iOS", "uri": "https://q/ios"}, {"os": "default", "uri": "https://q/hub"}]},
			{"@type": "ViewAction", "name": "Old", "target": ["https://q/old"]},
			{"@type": "HttpPOST", "name": "Restart", "target": "https://q/api"},
			{"@type": "ActionCard", "name": "Comment", "inputs": [], "actions": [{"@type": "HttpPOST", "name": "Send", "target": "https://q"}]},
			{"@type": "OpenUri", "name": "Bad", "targets": [{"os": "default", "uri": "javascript:alert(1)"}]}
		]}`)
	require.Equal(t, "Reload failed", message.Summary, "the phone shows the summary")
	compare(t, "old messagecard", message)
	var lost []string
	for _, p := range message.Lost {
		require.True(t, p.Warning)
		lost = append(lost, p.What)
	}
	require.Equal(t, []string{
		`the button "Restart" (HttpPOST) cannot be carried over: a card in Teams opens pages and calls nobody`,
		`the form behind the button "Comment" (ActionCard) cannot be carried over: Teams sends forms to bots only`,
		`the button "Send" (HttpPOST) cannot be carried over: a card in Teams opens pages and calls nobody`,
		`the button "Bad" is left out: its address is not http, https or mailto`,
	}, lost)
}

func TestTheColourOfAMessageCardBecomesTheStyleThatComesNearest(t *testing.T) {
	for color, style := range map[string]string{
		"2DC72D": "good", "#00FF00": "good", "8C1A1A": "attention", "D70000": "attention", "f00": "attention", "E0218A": "attention",
		"FFA500": "warning", "FFFF00": "warning", "0076D7": "accent", "6264A7": "accent", "808080": "emphasis", "000000": "emphasis",
		"": "", "red": "", "12345": "", "GGGGGG": "",
	} {
		require.Equal(t, style, themeStyle(color), color)
	}
}

// The colour is what says from afar whether something is broken, whichever
// part of the card has the words.
func TestAMessageCardWithoutATitleKeepsItsColour(t *testing.T) {
	for _, body := range []string{
		`{"themeColor": "D70000", "sections": [{}, {"activityTitle": "Sales"}, {"text": "more"}]}`,
		`{"themeColor": "D70000", "sections": [{"facts": [{"name": "App", "value": "Sales"}]}]}`,
		`{"themeColor": "D70000", "summary": "Sales", "sections": []}`,
		`{"themeColor": "D70000", "title": "Sales", "sections": [{"text": "more"}]}`,
	} {
		message := payloadOf(t, body)
		box := first(t, message)
		require.Equal(t, "attention", box["style"], body)
		require.Equal(t, true, box["bleed"], body)
		require.Contains(t, fmt.Sprint(box["items"]), "Sales", body)
		require.Nil(t, box["separator"], "a line above the first words parts them from nothing")
		require.Equal(t, 1, strings.Count(string(message.Card), "attention"), body)
	}
	require.NotContains(t, string(payloadOf(t, `{"sections": [{"text": "plain"}]}`).Card), "style")
}

// A phone shows the preview as it is: marks would only be in the way.
func TestThePreviewOfAMessageCardHasNoMarks(t *testing.T) {
	set, _ := New([]Source{{"old.tmpl", `{{ define "teams.card" }}{"@type": "MessageCard", "summary": "**{{ .Status }}** of [Sales](https://q/1)",
		"text": "x"}{{ end }}`}})
	require.Equal(t, "firing of Sales", set.Render("old", hot(1), WorkflowLimit).Summary)
	require.Equal(t, "down of Sales", payloadOf(t, `{"@type": "MessageCard", "summary": "**down** of [Sales](https://q/1)", "text": "x"}`).Summary)
}

// A button for a runbook is left out where an alert has none. That is what its
// author wants; one that no alert shows is a mistake.
func TestCheckIsSilentAboutAButtonThatSomeAlertsShow(t *testing.T) {
	card := func(uri string) *Set {
		set, _ := New([]Source{{"old.tmpl", `{{ define "teams.card" }}{"@type": "MessageCard", "summary": "s", "text": "x", "potentialAction": [` +
			`{"@type": "OpenUri", "name": "Always", "targets": [{"os": "default", "uri": "https://q/"}]}, ` +
			`{"@type": "OpenUri", "name": "Button", "targets": [{"os": "default", "uri": "` + uri + `"}]}]}{{ end }}`}})
		return set
	}
	require.Empty(t, card(`{{ if eq .Status "firing" }}https://q/{{ end }}`).Check("old"))
	for uri, want := range map[string]string{"": "its address is empty", "{{ .CommonLabels.nix }}": "its address is empty", "ftp://q/": "is not http, https or mailto"} {
		problems := card(uri).Check("old")
		require.Len(t, problems, 1)
		require.Contains(t, problems[0].String(), `old.tmpl:1: warning: the button "Button" is left out: `)
		require.Contains(t, problems[0].What, want)
	}
}

func TestACardOfAnotherProgramActsForNobody(t *testing.T) {
	message := payloadOf(t, `{"type": "message", "summary": "Hello", "attachments": [{
		"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": {
		"type": "AdaptiveCard", "version": "1.4",
		"refresh": {"action": {"type": "Action.Execute", "verb": "x"}, "userIds": []},
		"msteams": {"width": "Full", "entities": [{"type": "mention", "text": "<at>Boss</at>", "mentioned": {"id": "boss@x", "name": "Boss"}}]},
		"body": [
			{"type": "TextBlock", "text": "Hi <at>Boss</at> {{DATE(2026-01-01T00:00:00Z)}} **bold**"},
			{"type": "Input.Text", "id": "password"},
			{"type": "Image", "url": "data:image/svg+xml;base64,AAAA", "altText": "x"},
			{"type": "Image", "url": "data:image/png;base64,iVBORw0KGgo=", "altText": "x"},
			{"type": "Container", "selectAction": {"type": "Action.Submit", "data": {}}, "items": [{"type": "TextBlock", "text": "in"}]},
			{"type": "Sparkles"}
		],
		"actions": [
			{"type": "Action.Submit", "title": "Send", "data": {}}, {"type": "action.execute", "title": "Go"},
			{"type": "Action.Http", "title": "Call", "url": "https://x"},
			{"type": "Action.OpenUrl", "title": "Page", "url": "https://x"}, {"type": "Action.OpenUrl", "title": "Bad", "url": "file:///etc/passwd"}
		]}}]}`)
	require.Equal(t, "Hello", message.Summary)
	compare(t, "old payload", message)
	for _, word := range []string{"<at>", "{{", "entities", "Submit", "xecute", "Action.Http", "Input", "svg", "refresh", "file:"} {
		require.NotContains(t, string(message.Card), word)
	}
	require.Contains(t, string(message.Card), "data:image/png;base64,iVBORw0KGgo=")
	require.Len(t, message.Lost, 8, "each is named: %v", message.Lost)
}

func TestPayloadsOfOtherShapes(t *testing.T) {
	tests := []struct {
		name, body string
		want       []string
	}{
		{"a MessageCard without its type", `{"title": "T*", "text": "*x*"}`, []string{`"T\\*"`, `"*x*"`}},
		{"one in an attachment", `{"attachments": [{"contentType": "application/vnd.microsoft.teams.card.o365connector", "content": {"@type": "MessageCard", "text": "hello"}}]}`, []string{`"hello"`}},
		{"only a summary", `{"@type": "MessageCard", "summary": "hello_there"}`, []string{`"hello\\_there"`}},
		{"numbers where text belongs", `{"@type": "MessageCard", "title": 5, "sections": [{"facts": [{"name": "n", "value": 7}]}]}`, []string{`"5"`, `"7"`}},
		{"a second attachment", `{"attachments": [{"content": {"type": "AdaptiveCard", "version": "1.2", "body": []}}, {"content": {"type": "AdaptiveCard", "body": []}}]}`, []string{`AdaptiveCard`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			message := payloadOf(t, test.body)
			for _, want := range test.want {
				require.Contains(t, string(message.Card), want)
			}
			require.True(t, json.Valid(message.Card))
		})
	}
}

func TestMarkdownThatTeamsDoesNotShowBecomesReadable(t *testing.T) {
	tests := map[string]string{
		"# Alerts Firing:\ntext":                          "**Alerts Firing:**\n\ntext",
		"## **Bold** ##":                                  "**Bold**",
		"a<br/>b<BR>c":                                    "a\n\nb\n\nc",
		"<b>x</b> <i>y</i> <strong>z":                     "**x** *y* **z**",
		"<b>x<br>y</b>":                                   "**x**\n\ny",
		`<a href="https://x/a b">t</a>`:                   "[t](https://x/a%20b)",
		`<a href="javascript:x">t</a>`:                    "t",
		"<ul><li>a</li><li>b</li></ul>":                   "\n\n- a\n- b",
		"![alt](https://x/i.png)":                         "[alt](https://x/i.png)",
		"[one\n\ntwo](https://x)":                         "[one](https://x)\n\ntwo",
		"[](https://x)":                                   "[Open](https://x)",
		"| a | b |\n|---|---|\n| 1 | 2 |":                 "**a** · **b**\n\n1 · 2",
		"| no table":                                      "| no table",
		"> quoted":                                        "quoted",
		"a\n---\nb":                                       "a\n\nb",
		"```\ncode # x\n```":                              "code # x",
		"2 < 3 and <unknown>":                             "2 < 3 and <unknown>",
		"- item\n- item":                                  "- item\n- item",
		`<img src="https://x/i.png" alt="graph"> <at>x`:   "[graph](https://x/i.png) <at>x",
		"&lt;b&gt; stays, as it was escaped, \\# as well": "&lt;b&gt; stays, as it was escaped, \\# as well",
	}
	for text, want := range tests {
		require.Equal(t, want, readable(text), "%q", text)
	}
}

func TestCardsOfOthersComeThroughAsPayloads(t *testing.T) {
	set, _ := New(nil)
	shown := 0
	for _, file := range corpus(t, "cards") {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		var card map[string]any
		if json.Unmarshal(body, &card) != nil {
			continue
		}
		message := set.Render("payload", ofEvent(string(body), nil), Limit{Bytes: 256 << 10})
		require.True(t, json.Valid(message.Card), file)
		for _, word := range []string{`"type":"Action.Submit"`, `"type":"Action.Execute"`, `"type":"Input.`, `"refresh":`, `"entities":`, "data:image/svg", "data:image/jpeg", "<at>"} {
			require.NotContains(t, string(message.Card), word, file)
		}
		if message.Fault == nil {
			shown++
		}
	}
	require.Greater(t, shown, 60, "the test reads almost nothing of the corpus")
}

// FuzzPayload lets anybody post anything as a card.
func FuzzPayload(f *testing.F) {
	for _, text := range []string{
		`{"@type": "MessageCard", "title": "a", "sections": [{"activityTitle": "[x\n](y)", "activityImage": "https://x", "facts": [{"name": 1}], "images": ["https://x"]}], "potentialAction": [{"@type": "ActionCard", "actions": [{}]}]}`,
		`{"attachments": [{"content": {"type": "AdaptiveCard", "body": [{"type": "Input.Text"}], "msteams": {"entities": []}}}], "summary": "x"}`,
		`{"text": "<b><a href='x y'>|a|\n|---|---|\n# b", "themeColor": "f00"}`,
		`{"sections": [[], 1, null, {"heroImage": {}, "potentialAction": {}}], "potentialAction": "x"}`,
		`{"attachments": [{"content": {"attachments": []}}]}`,
	} {
		f.Add(text)
	}
	set, _ := New(nil)
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		message := set.Render("payload", ofEvent(text, nil), WorkflowLimit)
		require.True(t, json.Valid(message.Card), "%s", message.Card)
		require.NotContains(t, string(message.Card), `"type":"Action.Submit"`)
		require.NotContains(t, string(message.Card), "<at>")
		if message.Fault != nil {
			require.NotContains(t, message.Fault.Error(), "panics")
		}
	})
}

// FuzzReadable: whatever somebody's Markdown and HTML are, the words stay.
func FuzzReadable(f *testing.F) {
	for _, text := range []string{"# a\n| b | c |\n|---|---|\n<br><b>x</i>", "[a\n](b)", "```\nx", "<a href=x>y", "![](z)"} {
		f.Add(text)
	}
	word := regexp.MustCompile(`[a-zA-Z]{4,}`)
	f.Fuzz(func(t *testing.T, text string) {
		made := readable(text)
		if strings.ContainsAny(text, "<`[&") {
			return // tags, languages of code and attributes are no words
		}
		for _, w := range word.FindAllString(text, -1) {
			require.Contains(t, made, w)
		}
	})
}
