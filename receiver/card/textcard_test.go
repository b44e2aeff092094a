package card

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// texts is all that stands in the TextBlocks of a card.
func blockTexts(t *testing.T, card []byte) []string {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(card, &v))
	var found []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["type"] == "TextBlock" {
				found = append(found, v["text"].(string))
			}
			for _, name := range []string{"body", "items", "columns"} {
				walk(v[name])
			}
		case []any:
			for _, element := range v {
				walk(element)
			}
		}
	}
	walk(v)
	return found
}

func TestAlertmanagersTextsWordTheShippedCard(t *testing.T) {
	set, problems := New([]Source{{Name: "teams.tmpl", Text: `
{{ define "mine.list" }}{{ range . }}- {{ .Labels.rack }} in {{ .Labels.site }}: {{ .Annotations.summary }}
{{ end }}{{ end }}
{{ define "msteamsv2.default.title" }}{{ template "__subject" . }} **now**{{ end }}
{{ define "msteamsv2.default.text" }}
# Firing:
{{ template "mine.list" .Alerts.Firing }}
[Alertmanager]({{ template "__alertmanagerURL" . }})
{{ end }}
{{ define "slack.mine.title" }}x {{ template "somewhere.else" . }}{{ end }}`}})
	require.Len(t, problems, 1, "%v", problems)
	require.Equal(t, `teams.tmpl:10: warning: there is no template "somewhere.else"; define it or correct the name`, problems[0].String(),
		"a text for Slack that no card uses stops nobody")

	in := hotRoom(now)
	in.Group.Alerts[0].Labels = map[string]string{"alertname": "Hot_Rack", "rack": "r_1", "site": "*fra*", "severity": "critical"}
	in.Group.Alerts[0].Annotations = map[string]string{"summary": "**33** °C <b>hot</b>"}
	in.Group.Alerts = in.Group.Alerts[:1]
	in.Group.Spec.Labels = map[string]string{"alertname": "Hot_Rack"}
	message := set.Render(Default, in, WorkflowLimit)
	require.NoError(t, message.Fault)
	require.Empty(t, teamsSchema().faults(message.Card))
	shown := blockTexts(t, message.Card)
	require.Contains(t, shown, `\[FIRING:1\] Hot\_Rack (r\_1 critical \*fra\*) now`, "the title is text")
	require.Contains(t, shown, "**Firing:**\n\n- r\\_1 in \\*fra\\*: **33** °C **hot**\n\n[Alertmanager](https://alertmanager.example.com/#/alerts?receiver=teams)",
		"an annotation's Markdown is its author's, a label's is not")
	require.Contains(t, message.Summary, "[FIRING:1] Hot_Rack (r_1 critical *fra*) now", "the phone shows the title")
	require.Empty(t, set.Check(Default))
	require.NotContains(t, set.Names(), "mine.list", "a text is no card")
	require.False(t, set.Has("msteamsv2.default.title"))
}

func TestAlertmanagersOlderNamesWordTheCardToo(t *testing.T) {
	set, _ := New([]Source{{Name: "teams.tmpl", Text: `{{ define "msteams.default.text" }}only text{{ end }}{{ define "msteams.default.summary" }}only summary{{ end }}`}})
	message := set.Render(Default, hotRoom(now), WorkflowLimit)
	require.Contains(t, blockTexts(t, message.Card), "only text")
	require.Contains(t, blockTexts(t, message.Card), "Datacenter temperature high", "the title stays ours")
	require.Equal(t, "only summary", message.Summary)
}

func TestWithoutAUsersTextsTheCardKeepsItsOwnWords(t *testing.T) {
	set, _ := New(nil)
	message := set.Render(Default, hotRoom(now), WorkflowLimit)
	require.NotContains(t, string(message.Card), "FIRING:", "Alertmanager's own texts are there to be called, no more")
}

func TestATextOfManyAlertsLeavesAsManyOutAsItMust(t *testing.T) {
	set, _ := New([]Source{{Name: "teams.tmpl", Text: `{{ define "msteamsv2.default.text" }}{{ range .Alerts }}- {{ .Labels.instance }}: {{ .Annotations.description }}
{{ end }}{{ end }}`}})
	message := set.Render(Default, hot(400), WorkflowLimit)
	require.NoError(t, message.Fault)
	require.LessOrEqual(t, WorkflowLimit.size(message), WorkflowLimit.Bytes)
	require.Regexp(t, "and [0-9]+ more", strings.Join(blockTexts(t, message.Card), "\n"), "nobody would know of the others")
}

func TestATextCalledAsACardDoesNotTakeItsPlace(t *testing.T) {
	set, problems := New([]Source{{Name: "slack.tmpl", Text: "{{ define \"__subject\" }}mine{{ end }}\n{{ define \"alert\" }}[{{ .Status }}]{{ end }}"}})
	require.Len(t, problems, 1)
	require.Equal(t, `slack.tmpl:2: error: "alert" is the name of a card, and this writes text; rename it; a card begins with {`, problems[0].String())
	require.NoError(t, set.Render(Default, hotRoom(now), WorkflowLimit).Fault)
}

func TestATextThatFailsIsToldWithItsLine(t *testing.T) {
	set, problems := New([]Source{{Name: "teams.tmpl", Text: "{{ define \"deep\" }}\n{{ fail \"no\" }}{{ end }}{{ define \"msteamsv2.default.title\" }}x {{ template \"deep\" . }}{{ end }}"}})
	require.Empty(t, problems)
	require.ErrorContains(t, set.Render(Default, hotRoom(now), WorkflowLimit).Fault, "teams.tmpl:2: error")
}

func TestATextMayBeCalledFromACard(t *testing.T) {
	const text = `
{{ define "quoted" }}
  a "quoted" text
  of {{ .CommonLabels.alertname }}
{{ end }}
{{ define "plain" }}rack {{ .CommonLabels.rack }}{{ end }}
{{ define "members" }}"weight": "Bolder", "wrap": {{ true }}{{ end }}
{{ define "x" }}{"type": "AdaptiveCard", "version": "1.5", "fallbackText": "{{ template "quoted" . }}", // "no string
  "body": [
    {"type": "TextBlock", "text": "{{ template "quoted" . }}", {{ template "members" . }} },
    {"type": "TextBlock", "text": "on \"{{ template "plain" . }}\""},
  ]}{{ end }}`
	set, problems := New([]Source{{Name: "x.tmpl", Text: text}})
	require.Empty(t, problems)
	message := set.Render("x", one(map[string]string{"alertname": "A_B", "rack": "r_1"}, nil), WorkflowLimit)
	require.NoError(t, message.Fault)
	require.Equal(t, []string{"a \"quoted\" text\n\nof A\\_B", `on "rack r\_1"`}, blockTexts(t, message.Card))
	require.Contains(t, string(message.Card), `"weight":"Bolder"`)
	require.Equal(t, "a \"quoted\" text of A_B", message.Summary, "where no Markdown is read, none is escaped")
}

func TestTemplateFilesOfAlertmanagersUsersStopNobody(t *testing.T) {
	inputs := alertmanagerPayloads(t)
	files := 0
	for _, file := range corpus(t, "templates") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if !strings.HasSuffix(file, ".tmpl") || strings.Contains(string(text), `define "teams.card"`) {
			continue
		}
		set, problems := New([]Source{{Name: file, Text: string(text)}})
		broken := false
		for _, p := range problems {
			require.Positive(t, p.Line, "%s", p)
			require.NotEmpty(t, p.Do)
			broken = broken || !p.Warning
		}
		if broken { // written for another program, with functions of its own
			continue
		}
		files++
		for name, in := range inputs {
			message := set.Render(Default, in, WorkflowLimit)
			require.NoError(t, message.Fault, "%s with %s", file, name)
			require.Empty(t, teamsSchema().faults(message.Card), "%s with %s", file, name)
		}
		_, title, _ := strings.Cut(string(text), `define "msteams`)
		require.Equal(t, title == "", set.wording == wording{}, file)
	}
	require.GreaterOrEqual(t, files, 5, "the test reads almost nothing of the corpus")
}
