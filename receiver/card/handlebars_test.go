package card

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"
)

func TestButlersOwnTemplatesRenderEveryContext(t *testing.T) {
	var events []string
	for _, folder := range []string{"butler/contexts", "butler/webhooks"} {
		for _, file := range corpus(t, folder) {
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			if json.Valid(body) {
				events = append(events, string(body))
			}
		}
	}
	require.Greater(t, len(events), 8)
	files := 0
	for _, file := range corpus(t, "butler/templates") {
		if !strings.HasPrefix(filepath.Base(file), "teams_templates__") {
			continue
		}
		files++
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name := strings.TrimPrefix(filepath.Base(file), "teams_templates__")
		set, problems := New([]Source{{Name: name, Text: string(text)}})
		require.Empty(t, problems)
		card := strings.TrimSuffix(name, ".handlebars")
		require.Empty(t, set.Check(card), name)
		for _, event := range append(events, "") {
			message := set.Render(card, ofEvent(event, nil), WorkflowLimit)
			require.NoError(t, message.Fault, "%s: people would get the minimal card", name)
			require.Empty(t, teamsSchema().faults(message.Card), "%s: %s", name, message.Card)
			require.NotContains(t, string(message.Card), "&#x", "Butler's users see HTML's escapes")
			require.NotContains(t, string(message.Card), "{{")
		}
	}
	require.Equal(t, 5, files)
}

func TestAHandlebarsTemplateDoesWhatItDidInButler(t *testing.T) {
	const event = `{
		"appName": "Sales \"EMEA\"\n<b>", "taskTags": ["a", "b"], "flag": true, "zero": 0, "nothing": null, "a": {"b": {"c": "deep"}},
		"genericUrls": [{"id": "docs", "url": "u1"}, {"id": "home", "url": "u2"}],
		"executionDuration": {"hours": 1, "minutes": 2, "seconds": 3}, "map": {"x": 1, "y": 2}}`
	tests := []struct{ name, text, want string }{
		{"a name", `{{appName}}`, "Sales \"EMEA\"\n<b>"},
		{"a name in three braces", `{{{ appName }}}`, "Sales \"EMEA\"\n<b>"},
		{"a part of an object", `{{executionDuration.hours}}:{{a.b.c}}:{{a/b/c}}:{{a.x.y}}`, "1:deep:deep:"},
		{"a name that is not there, or misspelt", `[{{tasId}}{{nothing}}]`, "[]"},
		{"if and else", `{{#if flag}}yes{{else}}no{{/if}}{{#if zero}}yes{{else}}no{{/if}}{{#if missing}}x{{/if}}`, "yesno"},
		{"else if", `{{#if zero}}1{{else if flag}}2{{else}}3{{/if}}`, "2"},
		{"unless", `{{#unless flag}}x{{else}}y{{/unless}}`, "y"},
		{"each with this, a member, index, first", `{{#each genericUrls}}{{@index}}{{this.url}}{{id}}{{#if @first}}!{{/if}} {{/each}}`, "0u1docs! 1u2home "},
		{"each of texts", `{{#each taskTags}}{{this}},{{.}} {{/each}}`, "a,a b,b "},
		{"each of an object", `{{#each map}}{{@key}}={{this}} {{/each}}`, "x=1 y=2 "},
		{"each of nothing", `{{#each missing}}x{{else}}none{{/each}}`, "none"},
		{"each with names", `{{#each genericUrls as |link i|}}{{i}}{{link.url}} {{/each}}`, "0u1 1u2 "},
		{"the context around", `{{#each taskTags}}{{../zero}}{{@root.flag}} {{/each}}`, "0true 0true "},
		{"the context around an if is that of its each", `{{#each genericUrls}}{{#if id}}{{id}}{{../zero}}{{/if}}{{/each}}`, "docs0home0"},
		{"else of an each is outside of it", `{{#with a}}{{b.c}}{{/with}}{{#with missing}}x{{else}}{{zero}}{{/with}}`, "deep0"},
		{"else if of a with", `{{#with missing}}x{{else if flag}}y{{/with}}`, "y"},
		{"eq", `{{#each genericUrls}}{{#if (eq id "docs")}}{{url}}{{/if}}{{/each}}{{#if (eq zero 0)}}z{{/if}}`, "u1z"},
		{"lookup", `{{lookup map "y"}}{{#each taskTags}}{{lookup ../taskTags @index}}{{/each}}`, "2ab"},
		{"comments, also of tags", `a{{! x }}b{{!-- {{#if (eq id "x")}} --}}c{{~!-- x --~}}d`, "abcd"},
		{"a tag that is none", `\{{x}}`, `{{x}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			set, problems := New([]Source{{Name: "templates/mine.hbs", Text: `{"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "CodeBlock", "codeSnippet": "` + test.text + `"}]}`}})
			require.Empty(t, problems)
			message := set.Render("mine", ofEvent(event, nil), WorkflowLimit)
			require.NoError(t, message.Fault)
			var card struct {
				Body []struct{ CodeSnippet string }
			}
			require.NoError(t, json.Unmarshal(message.Card, &card))
			require.Equal(t, test.want, card.Body[0].CodeSnippet)
		})
	}
}

func TestWhatHandlebarsCannotSayHereIsToldWithItsLine(t *testing.T) {
	tests := map[string]string{
		"\n{{formatDate x}}":                 `there is no helper "formatDate"`,
		"\n{{#list x}}{{/list}}":             `there is no block helper "list"`,
		"\n{{> part}}":                       "partials",
		"\n{{#if x}}":                        "{{#if}} is not closed",
		"\n{{/if}}":                          "{{/if}} closes nothing",
		"{{#if x}}\n{{#each y}}{{/if}}":      "{{/if}} stands where {{/each}} is expected",
		"\n{{else}}":                         "{{else}} stands in no block",
		"{{#if x}}{{else}}\n{{else}}{{/if}}": "two {{else}}",
		"\n{{x":                              "a tag does not end",
		"\n{{!-- x":                          "a comment does not end",
		"\n{{eq a}}":                         "wants 2 values, not 1",
		"\n{{#if (eq a}}{{/if}}":             "not closed",
		"\n{{@last}}":                        "cannot be translated",
		"\n{{{{raw}}}}":                      "raw blocks",
		"\n{{}}":                             "a tag without a name",
		"\n{{a..b}}":                         "is no name",
		"{{#if a\n}}{{^}}":                   "cannot be translated",
	}
	for text, want := range tests {
		set, problems := New([]Source{{Name: "mine.handlebars", Text: text}})
		require.Len(t, problems, 1, text)
		require.Equal(t, "mine.handlebars", problems[0].File)
		require.Equal(t, 2, problems[0].Line, "%q: %s", text, problems[0])
		require.Contains(t, problems[0].What, want, text)
		require.NotEmpty(t, problems[0].Do)
		require.False(t, set.Has("mine"))
	}
}

func TestMistakesInTheJSONOfAHandlebarsFileHaveItsLines(t *testing.T) {
	set, problems := New([]Source{{Name: "mine.handlebars", Text: "{{!-- a\ncomment --}}\n{\"type\": \"AdaptiveCard\",\n\"body\": [{{#if\nx}}{{/if}} oops]}"}})
	require.Empty(t, problems)
	require.ErrorContains(t, set.Render("mine", ofEvent("{}", nil), WorkflowLimit).Fault, "mine.handlebars:5: error: this is not JSON")
}

func TestACopyOfButlersFileTakesThePlaceOfTheCardThatTellsTheSame(t *testing.T) {
	const mine = `{"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlock", "text": "mine"}]}`
	set, _ := New([]Source{{Name: "x/failed-reload-qseow.handlebars", Text: mine}, {Name: "service-stopped.handlebars", Text: mine}})
	for _, card := range []string{"failed-reload-qseow", "reload-failed", "service-stopped"} {
		require.Contains(t, string(set.Render(card, ofEvent("{}", nil), WorkflowLimit).Card), `"mine"`, card)
	}
	require.NotContains(t, string(set.Render("reload-aborted", ofEvent("{}", nil), WorkflowLimit).Card), `"mine"`)
}

// FuzzHandlebars translates any text: what comes out is a Go template, or
// there is a problem with a line.
func FuzzHandlebars(f *testing.F) {
	for _, text := range []string{`{{#each a as |b c|}}{{b.x}}{{else}}{{/each}}`, `{{{~x~}}}\{{y}}`, "{{(((a)))}}", `{{#if (eq a "b")}}{{else if c}}{{/if}}`, "{{!-- \n --}}{{../../x}}{{@root.y}}", `{{lookup "a" 'b'}}{{1.5}}{{null}}`} {
		f.Add(text)
	}
	funcs := sharedFuncs()
	own := (&render{}).funcs()
	f.Fuzz(func(t *testing.T, text string) {
		translated, problems := translateHandlebars(Source{Name: "mine.hbs", Text: text})
		for _, p := range problems {
			require.True(t, p.File == "mine.hbs" && p.Line > 0 && p.Line <= 1+strings.Count(text, "\n"), "%s", p)
		}
		if len(problems) == 0 {
			_, err := template.New("x").Funcs(funcs).Funcs(own).Delims(handlebarsOpen, handlebarsClose).Parse(translated)
			require.NoError(t, err, "the translation is no template")
			require.Equal(t, strings.Count(text, "\n"), strings.Count(translated, "\n"), "lines in messages would be wrong")
		}
	})
}
