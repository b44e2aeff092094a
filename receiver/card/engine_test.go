package card

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/Masterminds/sprig/v3"
	"github.com/stretchr/testify/require"
)

// define makes a set with one card of the user's, named "mine".
func define(t *testing.T, text string) *Set {
	t.Helper()
	set, problems := New([]Source{{Name: "mine.tmpl", Text: `{{ define "mine" }}` + text + `{{ end }}`}})
	require.Empty(t, problems)
	return set
}

// block makes a card with one element.
func block(element string) string {
	return `{"type": "AdaptiveCard", "version": "1.5", "body": [` + element + `]}`
}

// first is the first element of a card's body.
func first(t *testing.T, message Message) map[string]any {
	t.Helper()
	require.NoError(t, message.Fault)
	var card struct{ Body []map[string]any }
	require.NoError(t, json.Unmarshal(message.Card, &card), "%s", message.Card)
	require.NotEmpty(t, card.Body, "%s", message.Card)
	return card.Body[0]
}

func TestValuesAreEscapedForTheirPlace(t *testing.T) {
	in := one(map[string]string{
		"alertname": `a"b\c`, "md": "_x_ [y](z)", "at": "<at>all</at>", "date": "{{DATE(2026-01-01T00:00:00Z)}} ${a}",
		"brace": "{", "rest": "{DATE(2026-01-01T00:00:00Z)}}", "lt": "<", "gt": "at>", "js": "javascript:alert(1)", "web": "https://e.example/a b?c=\"d",
		"entity": "&lt;", "lines": "a\n    b\r\n- c", "bad": "x\xffy", "number": "-5",
	}, map[string]string{"a": "**bold** <at>all</at> {{DATE(x)}} _i_", "list": "see\n- a\n- b"})
	for name, test := range map[string]struct{ template, property, want string }{
		"quotes end no string":                      {`{"type": "TextBlock", "text": "{{ .CommonLabels.alertname }}"}`, "text", `a"b\\c`},
		"a value without quotes gets them":          {`{"type": "TextBlock", "text": {{ .CommonLabels.alertname }}}`, "text", `a"b\\c`},
		"Markdown in a label shows itself":          {`{"type": "TextBlock", "text": "{{ .CommonLabels.md }}"}`, "text", `\_x\_ \[y\](z)`},
		"nobody is mentioned by a label":            {`{"type": "TextBlock", "text": "{{ .CommonLabels.at }}"}`, "text", `&lt;at>all&lt;/at>`},
		"no label is a template of Teams":           {`{"type": "TextBlock", "text": "{{ .CommonLabels.date }}"}`, "text", `{\{DATE(2026-01-01T00:00:00Z)}} $\{a}`},
		"nor are two labels together":               {`{"type": "TextBlock", "text": "{{ .CommonLabels.brace }}{{ .CommonLabels.rest }}"}`, "text", `{\{DATE(2026-01-01T00:00:00Z)}}`},
		"two labels make no mention":                {`{"type": "TextBlock", "text": "{{ .CommonLabels.lt }}{{ .CommonLabels.gt }}"}`, "text", `&lt;at>`},
		"an entity shows itself":                    {`{"type": "TextBlock", "text": "{{ .CommonLabels.entity }}"}`, "text", `&amp;lt;`},
		"a list needs an author":                    {`{"type": "TextBlock", "text": "{{ .CommonLabels.lines }}"}`, "text", "a\n\nb\n\n\\- c"},
		"a negative number is no list":              {`{"type": "TextBlock", "text": "is {{ .CommonLabels.number }}"}`, "text", "is -5"},
		"bytes that are no text are marked":         {`{"type": "TextBlock", "text": "{{ .CommonLabels.bad }}"}`, "text", "x\uFFFDy"},
		"a run of rich text has no Markdown":        {`{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": "{{ .CommonLabels.md }}"}], "id": "{{ .CommonLabels.md }}"}`, "id", `_x_ [y](z)`},
		"an annotation keeps its Markdown":          {`{"type": "TextBlock", "text": "{{ .CommonAnnotations.a }}"}`, "text", `**bold** &lt;at>all&lt;/at> {\{DATE(x)}} _i_`},
		"an alert's annotation too":                 {`{"type": "TextBlock", "text": "{{ .Alert.Annotations.a }}"}`, "text", `**bold** &lt;at>all&lt;/at> {\{DATE(x)}} _i_`},
		"one that index finds too":                  {`{"type": "TextBlock", "text": "{{ index .CommonAnnotations "a" }}"}`, "text", `**bold** &lt;at>all&lt;/at> {\{DATE(x)}} _i_`},
		"one of a variable too":                     {`{"type": "TextBlock", "text": "{{ $.CommonAnnotations.a }}"}`, "text", `**bold** &lt;at>all&lt;/at> {\{DATE(x)}} _i_`},
		"an annotation that was worked on does not": {`{"type": "TextBlock", "text": "{{ .CommonAnnotations.a | toUpper }}"}`, "text", `\*\*BOLD\*\* &lt;AT>ALL&lt;/AT> {\{DATE(X)}} \_I\_`},
		"unless markdown says so":                   {`{"type": "TextBlock", "text": "{{ .CommonLabels.md | markdown }}"}`, "text", `_x_ [y](z)`},
		"and plain takes it away":                   {`{"type": "TextBlock", "text": "{{ plain .CommonAnnotations.a }}"}`, "text", `\*\*bold\*\* &lt;at>all&lt;/at> {\{DATE(x)}} \_i\_`},
		"a list of an annotation stays a list":      {`{"type": "TextBlock", "text": "{{ .CommonAnnotations.list }}"}`, "text", "see\n\n- a\n- b"},
		"toJson writes its own quotes":              {`{"type": "TextBlock", "text": {{ toJson .CommonLabels.alertname }}}`, "text", `a"b\c`},
		"a label that is missing is nothing":        {`{"type": "TextBlock", "text": "[{{ .CommonLabels.nope }}]"}`, "text", `[]`},
		"a number needs no quotes":                  {`{"type": "TextBlock", "text": "x", "maxLines": {{ len .Alerts }}}`, "maxLines", "1"},
		"braces between templates do not matter":    {`{"type": "TextBlock", {{ if false }}"size": "Small",{{ end }} "text": "{{ "a}b" }}",, /* {{ .CommonLabels.alertname }} */ }, // {{ .CommonLabels.alertname }}` + "\n", "text", "a}b"},
		"a comma that is missing":                   {`{"type": "TextBlock" "text": "x"} {"type": "TextBlock", "text": "y"}`, "text", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			message := define(t, block(test.template)).Render("mine", in, WorkflowLimit)
			got := first(t, message)[test.property]
			require.Equal(t, test.want, fmt.Sprint(got))
		})
	}
}

func TestLinksThatMustNotBeOpenedAreNotOnTheCard(t *testing.T) {
	in := one(map[string]string{"alertname": "A", "js": "javascript:alert(1)", "data": "data:text/html,x", "rel": "/x", "web": "https://e.example/a b?c=\"d"}, nil)
	button := func(value string) string {
		return `{"type": "ActionSet", "actions": [{"type": "Action.OpenUrl", "title": "x", "url": "` + value + `"}]}`
	}
	for label, want := range map[string]int{"js": 0, "data": 0, "rel": 0, "nope": 0, "web": 1} {
		message := define(t, block(button(`{{ .CommonLabels.`+label+` }}`))).Render("mine", in, WorkflowLimit)
		require.Len(t, first(t, message)["actions"], want, label)
	}
	message := define(t, block(button(`{{ .CommonLabels.web }}`))).Render("mine", in, WorkflowLimit)
	require.Contains(t, string(message.Card), `"https://e.example/a%20b?c=%22d"`, "a label must not end the URL")
	in.Group.Alerts[0].Labels["png"] = "data:image/png;base64,AAAA"
	message = define(t, block(`{"type": "Image", "url": "{{ .CommonLabels.png }}"}, {"type": "TextBlock", "text": "t"}`)).Render("mine", in, WorkflowLimit)
	require.Equal(t, "TextBlock", first(t, message)["type"], "a label must not put a picture on the card")
	message = define(t, block(`{"type": "Image", "url": "javascript:x"}, {"type": "TextBlock", "text": "t", "selectAction": {"type": "Action.OpenUrl", "url": "vbscript:x"}}`)).Render("mine", in, WorkflowLimit)
	require.Equal(t, "TextBlock", first(t, message)["type"], "the picture that cannot be had is left out")
	require.NotContains(t, first(t, message), "selectAction")
}

func TestAMentionIsTextAndEntityTogether(t *testing.T) {
	message := define(t, `{"type": "AdaptiveCard", "body": [{"type": "TextBlock", "text": "Hello {{ mention "alice_b@contoso.com" }}"}], "actions": [{"type": "Action.OpenUrl", "title": "{{ mention "alice_b@contoso.com" }}", "url": "https://e.example"}]}`).
		Render("mine", one(nil, nil), WorkflowLimit)
	require.Equal(t, "Hello <at>alice_b@contoso.com</at>", first(t, message)["text"])
	require.Contains(t, string(message.Card), `"title":"alice_b@contoso.com"`, "buttons cannot mention")
	require.Contains(t, string(message.Card), `"msteams":{"entities":[{"type":"mention","text":"<at>alice_b@contoso.com</at>","mentioned":{"id":"alice_b@contoso.com","name":"alice_b@contoso.com"}}]}`)

	in := one(map[string]string{"owner": "a</at><at>everyone"}, nil)
	message = define(t, block(`{"type": "TextBlock", "text": "{{ mention .CommonLabels.owner }}"}`)).Render("mine", in, WorkflowLimit)
	require.NotContains(t, string(message.Card), "<at>", "a label must not mention whom it likes")
}

func TestATemplateThatFailsCostsItsLooksAndNotTheAlert(t *testing.T) {
	for name, test := range map[string]struct{ template, want string }{
		"no JSON":               {"\n{\"type\": oops}", `mine.tmpl:2: error: this is not JSON: "oops" is no value`},
		"a string without end":  {"\n\n{\"type\": \"x", "mine.tmpl:3: error: this is not JSON: a string that does not end"},
		"JSON after an if":      {"{\"type\": \"AdaptiveCard\",\n{{ if true }}\n\"body\": [],\n{{ end }}\n]", "mine.tmpl:5: error: this is not JSON: a ] that closes nothing"},
		"a function's error":    {"{\n\"body\": {{ fail \"no\" }}}", "mine.tmpl:2: error: "},
		"a wrong field":         {"\n\n{{ .Nope }}", "mine.tmpl:3: error: "},
		"a panic":               {"{{ index .Alerts 99 }}", "mine.tmpl:1: error: "},
		"an endless call":       {`{{ template "mine" . }}`, "mine.tmpl:1: error: the template does not come to an end"},
		"an endless loop":       {"{{ range 2000000000 }}{{ range 2000000000 }}{{ end }}{{ end }}", "mine.tmpl:1: error: the template does not come to an end"},
		"too much text":         {`{{ range 100000 }}{{ template "alert" $ }}{{ end }}`, "mine.tmpl:1: error: the template writes more than any card may hold"},
		"a number too high":     {`{{ repeat 1000000000 "x" }}`, "mine.tmpl:1: error: "},
		"a growing variable":    {`{{ $x := "0123456789" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}`, "mine.tmpl:1: error: a variable grows beyond what a card may hold"},
		"endless nesting":       {`{{ range 5000 }}[{{ end }}`, "mine.tmpl:1: error: this is not JSON: nested too deeply"},
		"a panic of a function": {`{{ reReplaceAll "(" "" "x" }}`, "mine.tmpl:1: error: "},
		"nothing":               {"", "mine.tmpl"},
		"no card":               {"[]", "mine.tmpl:1: error: the card is an array, not an object"},
		"an unknown element":    {block(`{"type": "Container", "items": [{"type": "Blink"}]}`), `mine.tmpl:1: error: body[0].items[0].type: Teams knows no "Blink"`},
		"a missing property":    {block(`{"type": "TextBlock"}`), "mine.tmpl:1: error: body[0].text: TextBlock needs it"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			message := define(t, test.template).Render("mine", hot(2), WorkflowLimit)
			require.Less(t, time.Since(began), time.Minute, "the worker hangs, and every address behind it")
			require.ErrorContains(t, message.Fault, test.want)
			require.Equal(t, Minimal(hot(2), WorkflowLimit).Card, message.Card, "nobody would be told")
		})
	}
	set, _ := New(nil)
	message := set.Render("nope", hot(2), WorkflowLimit)
	require.ErrorContains(t, message.Fault, `there is no card "nope"`)
	require.NotEmpty(t, message.Card)
}

func TestMistakesInFilesAreFoundWhenTheyAreRead(t *testing.T) {
	set, problems := New([]Source{
		{"a.tmpl", "\n{{ define \"alert\" }}{{ .X"},
		{"b.tmpl", "{{ define \"two\" }}{{ end }}"},
		{"c.tmpl", "{{ define \"two\" }}\n{{ template \"gone\" . }}{{ end }}outside"},
	})
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.String())
	}
	text := strings.Join(lines, "\n")
	require.Contains(t, text, "a.tmpl:2: error: ")
	require.Contains(t, text, `c.tmpl:1: warning: "two" is also defined in b.tmpl`)
	require.Contains(t, text, `c.tmpl:2: error: there is no template "gone"`)
	require.Contains(t, text, "c.tmpl:1: warning: text outside of {{ define }} is not used")
	require.True(t, set.Has("two"))
	require.True(t, set.Has("alert"), "the shipped card is still there")
	require.NoError(t, set.Render("alert", hot(1), WorkflowLimit).Fault)
}

func TestAUsersDefineReplacesTheShippedOne(t *testing.T) {
	set, problems := New([]Source{{"mine.tmpl", `{{ define "_smallprint" }}{"type": "TextBlock", "text": "ours"},{{ end }}`}})
	require.Empty(t, problems)
	message := set.Render("alert", hot(1), WorkflowLimit)
	require.NoError(t, message.Fault)
	require.Contains(t, string(message.Card), `"text":"ours"`)
	require.Contains(t, string(message.Card), "Datacenter temperature high", "the rest is as shipped")
	require.NotContains(t, set.Names(), "_smallprint", "a part is no card")
}

func TestTemplatesSeeNeitherTheMachineNorTheNetwork(t *testing.T) {
	for _, call := range []string{`env "HOME"`, `expandenv "$HOME"`, `getHostByName "localhost"`} {
		_, problems := New([]Source{{"mine.tmpl", `{{ define "mine" }}{{ ` + call + ` }}{{ end }}`}})
		require.Len(t, problems, 1, call)
		require.Contains(t, problems[0].What, "a template cannot use sprig's function")
		require.Contains(t, problems[0].Do, "neither the machine nor the network")
	}
}

// One call of these takes up to seconds and cannot be interrupted: a card that
// calls them in a range would hold up all others.
func TestTemplatesMakeNoKeys(t *testing.T) {
	for name := range sprig.TxtFuncMap() {
		if !regexp.MustCompile(`^gen[A-Z]|[cC]ert|^derive|bcrypt|htpasswd`).MatchString(name) {
			continue
		}
		_, problems := New([]Source{{"mine.tmpl", `{{ define "mine" }}{{ ` + name + ` }}{{ end }}`}})
		require.Len(t, problems, 1, name)
		require.Contains(t, problems[0].String(), `mine.tmpl:1: error: a template cannot use sprig's function "`+name+`"; remove it`)
	}
}

func TestEveryRoundOfARangeLooksAtTheClock(t *testing.T) {
	r := &render{started: time.Now().Add(-2 * maxRunTime)}
	require.PanicsWithValue(t, errRunTime, func() { r.round() }, "64 rounds that take a second each are a minute")
}

func TestAlertmanagersDataAndFunctionsMeanWhatTheyMeanThere(t *testing.T) {
	in := hotRoom(now)
	in.Group.Sender.RouteLabels = map[string]string{"team": "ops"}
	for template, want := range map[string]string{
		`{{ .Status }} {{ .Alerts.Firing | len }} {{ .Alerts.Resolved | len }} {{ .Receiver }}`:                                               "firing 1 1 teams",
		`{{ .GroupLabels.alertname }} {{ .CommonLabels.site }}`:                                                                               "DatacenterTemperatureHigh fra1",
		`{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}`:                                                             "alertname=DatacenterTemperatureHigh severity=critical site=fra1 team=facilities ",
		`{{ (.CommonLabels.Remove (stringSlice "site" "team")).Names.Join "," }}`:                                                             "alertname,severity",
		`{{ (index .Alerts 0).Labels.rack | toUpper }} {{ join "-" (stringSlice "a" "b") }}`:                                                  "R1 a-b",
		`{{ (index .Alerts 0).StartsAt.Format "15:04" }} {{ date "15:04" (index .Alerts 0).StartsAt }}`:                                       "10:02 10:02",
		`{{ since (index .Alerts 0).StartsAt | duration }} {{ duration 3900 }} {{ localTime now }}`:                                           "12 min 1 h 5 min 10:14 UTC",
		`{{ .Alert.Values.temp_c }} {{ severityStyle "page" }} {{ words "NodeDown" }} {{ .ID }}`:                                              "33.1 attention Node down fgq8",
		`{{ .Chart.Field }} {{ len .Chart.Points }} {{ last .Chart.Points }} {{ (index .Chart.Thresholds 0).Value }} {{ .Alert.Chart.Step }}`: `temp\_c 60 33.1 32 1m0s`,
		`{{ routeLabels "team" }}`: "ops",
		`{{ .ExternalURL }} {{ reReplaceAll "a+" "b" "caat" }} {{ .CommonLabels.team | default "x" | quote }}`: `https://alertmanager.example.com cbt "facilities"`,
	} {
		message := define(t, block(`{"type": "TextBlock", "text": "`+template+`"}`)).Render("mine", in, WorkflowLimit)
		require.Equal(t, want, first(t, message)["text"], template)
	}
}
