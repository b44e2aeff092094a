package card

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

func TestTheShippedCardsPassTheFullCheck(t *testing.T) {
	set, _ := New(nil)
	for _, name := range set.Names() {
		require.Empty(t, set.Check(name), name)
	}
}

func TestCheckFindsWhatTheFastCheckLetsThrough(t *testing.T) {
	set := define(t, block(`{"type": "TextBlock", "text": "x", "size": "Huge"}, {"type": "TEXTBLOCK", "text": "x", "weight": "BOLDER"}`))
	problems := set.Check("mine")
	require.NoError(t, set.Render("mine", hot(1), WorkflowLimit).Fault)
	require.NotEmpty(t, problems)
	require.Contains(t, problems[0].String(), `mine.tmpl:1: error: card "mine": body[0].size: `)
	for _, p := range problems {
		require.NotContains(t, p.What, "weight", "Teams ignores the case of words")
	}
}

func TestCheckTriesGroupsOfEveryKind(t *testing.T) {
	problems := define(t, block(`{"type": "TextBlock", "text": "{{ (index .Alerts 1).Status }}"}`)).Check("mine")
	require.Len(t, problems, 1, "the group with one alert fails, at night if not now")
	require.Contains(t, problems[0].String(), "mine.tmpl:1: error: ")
}

// A card for tickets of one's own tracker asks for what ours never sent. It
// must not keep a receiver from starting, nor be broken without a word.
func TestCheckDoubtsWhatItCannotKnowOfAnEvent(t *testing.T) {
	for text, c := range map[string]struct{ want []string }{
		`{"type": "TextBlock", "text": "{{ .Event.incident.service.name }}"}`:                         {[]string{"mine.tmpl:1: warning: ", "--event SOURCE"}},
		`{"type": "TextBlock", "text": "{{ (index .Event.incidents 0).name }}"}`:                      {[]string{"mine.tmpl:1: warning: "}},
		`{"type": "TextBlock", "text": "{{ event "incident.service.name" }} {{ field "appName" }}x"}`: {nil},
		`{"type": "TextBlock", "text": "{{ with .Event.incident }}{{ .service.name }}{{ end }}x"}`:    {nil},
		`{"type": "TextBlock", "text": {{ if .Event.title }}"a"{{ else }}b{{ end }}}`:                 {[]string{"mine.tmpl:1: error: this is not JSON"}},
		`{"type": "TextBlock", "text": "{{ (index .Alerts 3).Status }}"}`:                             {[]string{"mine.tmpl:1: error: "}},
	} {
		problems := define(t, block(text)).Check("mine")
		if c.want == nil {
			require.Empty(t, problems, text)
			continue
		}
		require.Len(t, problems, 1, text)
		for _, want := range c.want {
			require.Contains(t, problems[0].String(), want, text)
		}
	}
}

// Workflows reads cards with a parser that may refuse what is newer than 1.5
// (teams-platform §7.5), so the shipped cards are held against that schema.
func TestTheShippedCardsUseAdaptiveCards15Only(t *testing.T) {
	file := filepath.Join("..", "..", "..", "shared", "contracts", "adaptive-card-1.5.0.schema.json")
	if _, err := os.Stat(file); err != nil {
		t.Skipf("the schema of Adaptive Cards 1.5 is not beside the project: %v", err)
	}
	schema, err := jsonschema.NewCompiler().Compile(file)
	require.NoError(t, err)
	set, _ := New(nil)
	messages := []Message{set.Digest(digestInput(100), WorkflowLimit), Minimal(hot(3), WorkflowLimit)}
	for _, in := range goldenCases() {
		messages = append(messages, set.Render("alert", in, WorkflowLimit))
	}
	for _, sample := range Samples(now) {
		if sample.Card != payloadCard {
			messages = append(messages, set.RenderSample(sample, WorkflowLimit))
		}
	}
	for _, message := range messages {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(message.Card))
		require.NoError(t, err)
		elements(value, func(element map[string]any) {
			delete(element, "msteams") // what Teams adds to every version
			if element["type"] == "CodeBlock" {
				fallback, ok := element["fallback"].(map[string]any)
				require.True(t, ok, "where there is no CodeBlock there is nothing")
				maps.DeleteFunc(element, func(string, any) bool { return true })
				maps.Copy(element, fallback)
			}
		})
		require.NoError(t, schema.Validate(value), "%s", message.Card)
	}
}

func TestABlockOfCodeIsShownWhereTeamsKnowsNone(t *testing.T) {
	set := define(t, block(`{"type": "CodeBlock", "codeSnippet": "a_b\n<c>"}, {"type": "CodeBlock", "codeSnippet": "x", "fallback": "drop"}, {"type": "CodeBlock", "codeSnippet": ""}`))
	message := set.Render("mine", hotRoom(now), WorkflowLimit)
	require.NoError(t, message.Fault)
	require.Equal(t, 1, strings.Count(string(message.Card), `"fontType":"Monospace"`), "one has a fallback of its own, one says nothing: %s", message.Card)
	require.Contains(t, string(message.Card), `"text":"a\\_b\n\n&lt;c>"`, "the script log would be missing")
}

// What can be no card for anybody must not get past check-config because the
// template also asks for an event.
func TestCheckDoesNotDoubtWhatCanNeverBeACard(t *testing.T) {
	const asks = `{"type": "TextBlock", "text": "{{ event "incident.name" }}{{ field "appName" }}x"}`
	for text, want := range map[string]string{
		block(`{"type": "TextBlok", "text": "x"}, ` + asks):                                           `"TextBlok"`,
		`{"type": "AdaptivCard", "version": "1.5", "body": [` + asks + `]}`:                           `"AdaptivCard"`,
		block(`{"type": "Image"}, ` + asks):                                                           "Image needs it",
		block(`{"type": "TextBlock", "text": "x", "size": "Huge"}, ` + asks):                          "size",
		block(`{"type": "TextBlock", "text": "{{ .Event.title }}{{ .Evnt.title }}"}`):                 "field Evnt",
		block(`{"type": "TextBlock", "text": "{{ .Event.title }}{{ repeat 9000 (repeat 90 "x") }}"}`): "more than any card may hold",
	} {
		problems := define(t, text).Check("mine")
		require.NotEmpty(t, problems, text)
		for _, p := range problems {
			require.False(t, p.Warning, p)
			require.Contains(t, p.String(), want)
		}
	}
	// What goes well with one event may go wrong with another for its data.
	problems := define(t, block(`{"type": {{ if event "issue" }}"TextBlock"{{ else if .Event }}"Sparkles"{{ else }}"TextBlock"{{ end }}, "text": "x"}`)).Check("mine")
	require.NotEmpty(t, problems)
	require.True(t, problems[0].Warning, problems[0])
}
