package card

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// alertmanagerPayloads are the bodies of the corpus that hold alerts.
func alertmanagerPayloads(t *testing.T) map[string]Input {
	t.Helper()
	inputs := map[string]Input{}
	for _, file := range corpus(t, "alertmanager-payloads") {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		var p payload
		if json.Unmarshal(body, &p) != nil {
			var bodies []payload
			if json.Unmarshal(body, &bodies) != nil || len(bodies) == 0 {
				continue
			}
			p = bodies[0]
		}
		inputs[filepath.Base(file)] = inputOf(p)
	}
	require.Greater(t, len(inputs), 60)
	return inputs
}

func TestTemplatesOfPrometheusMsteamsRenderEveryPayload(t *testing.T) {
	inputs := alertmanagerPayloads(t)
	files := 0
	for _, file := range corpus(t, "templates") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if !strings.HasSuffix(file, ".tmpl") || !strings.Contains(string(text), `define "teams.card"`) {
			continue
		}
		files++
		set, problems := New([]Source{{Name: file, Text: string(text)}})
		require.Len(t, problems, 1, "only that it is used for everything: %v", problems)
		for _, problem := range set.Check(oldCard) {
			require.True(t, problem.Warning, "%s", problem)
		}
		for name, in := range inputs {
			message := set.Render(oldCard, in, WorkflowLimit)
			require.NoError(t, message.Fault, "%s with %s: people would get the minimal card", file, name)
			require.Empty(t, teamsSchema().faults(message.Card), "%s with %s: %s", file, name, message.Card)
			require.LessOrEqual(t, WorkflowLimit.size(message), WorkflowLimit.Bytes)
		}
	}
	require.GreaterOrEqual(t, files, 5, "the test reads almost nothing of the corpus")
}

// The two shapes of templates for prometheus-msteams, with what most of them
// do: name and value of every label, underscores escaped by hand, a helper.
const (
	oldOffice = `{{ define "summary" }}{{ .CommonAnnotations.summary }}{{ end }}
{{ define "teams.card" }}
{
  "@type": "MessageCard", "@context": "http://schema.org/extensions",
  "themeColor": "{{ if eq .Status "resolved" }}2DC72D{{ else }}8C1A1A{{ end }}",
  "summary": "{{ template "summary" . }}",
  "title": "Alert ({{ .Status | title }})",
  "sections": [ {{$externalUrl := .ExternalURL}}
  {{- range $index, $alert := .Alerts }}{{- if $index }},{{- end }}
    {
      "activityTitle": "[{{ $alert.Annotations.description }}]({{ $externalUrl }})",
      "facts": [
        {{- range $key, $value := $alert.Annotations }}
        { {{- if ne $key "description" -}} "name": "{{ $key }}", "value": "{{ $value }}" {{- end -}} },
        {{- end -}}
        {{$c := counter}}{{ range $key, $value := $alert.Labels }}{{if call $c}},{{ end }}
        { "name": "{{ reReplaceAll "_" "\\\\_" $key }}", "value": "{{ reReplaceAll "_" "\\\\_" $value }}" }
        {{- end }}
      ],
      "markdown": true
    }
    {{- end }}
  ],
  "potentialAction": [{{ if .CommonAnnotations.runbook }}{"@type": "OpenUri", "name": "Runbook", "targets": [{"os": "default", "uri": "{{ reReplaceAll "_" "\\\\_" .CommonAnnotations.runbook }}"}]}{{ end }}
  {"@type": "HttpPOST", "name": "Silence", "target": "http://x"}]
}
{{ end }}`
	oldWorkflow = `{{ define "teams.card" }}
{"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": {
  "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.2",
  "body": [
    {"type": "TextBlock", "text": "{{ .CommonLabels.alertname }} {{ .Status | toUpper }}", "color": "{{ if false }}x{{ end }}", "wrap": true}
    {{ range .Alerts }},
    {"type": "TextBlock", "text": "{{ .Annotations.description | reReplaceAll "\n" "\\n" }}", "wrap": true},
    {"type": "FactSet", "facts": [{{ range $k, $v := .Labels }}{"title": "{{ $k }}", "value": "{{ $v }}"},{{ end }}]}
    {{ end }}
  ]}}]}
{{ end }}`
)

// oldInput is an alert whose values would break a template that prints them as
// they are.
func oldInput() Input {
	in := one(map[string]string{
		"alertname": "Disk_Full", "severity": "critical", "path": `C:\new\"quoted"`, "evil": "[x](http://evil) *b* <at>boss</at>",
	}, map[string]string{
		"summary": `Disk "C:" on {{ $labels.host }} is full`, "description": "**90 %** used\nclean_up \\ now", "runbook": "https://wiki/disk_full",
	})
	in.Group.Sender.ExternalURL = "https://alertmanager.example.com"
	return in
}

func TestOldTemplatesLookAsTheirAuthorsMeantThem(t *testing.T) {
	for name, text := range map[string]string{"old office template": oldOffice, "old workflow template": oldWorkflow} {
		t.Run(name, func(t *testing.T) {
			set, _ := New([]Source{{Name: "channel.tmpl", Text: text}})
			message := set.Render("channel", oldInput(), WorkflowLimit)
			require.NoError(t, message.Fault)
			require.Empty(t, teamsSchema().faults(message.Card))
			compare(t, name, message)
		})
	}
}

func TestAnOldTemplateMayEscapeItsValuesOrNot(t *testing.T) {
	tests := map[string]string{ // what a template does with the value, and what stands in the card's JSON
		`{{ .CommonLabels.path }}`:                                        `C:\\\\new\\\\"quoted"`,
		`{{ .CommonLabels.path | reReplaceAll "\"" "\\\"" }}`:             `C:\\\\new\\\\"quoted"`,
		`{{ .CommonLabels.path | toJson | trimAll "\"" }}`:                `C:\\\\new\\\\"quoted`,
		`{{ .CommonLabels.path | toUpper }}`:                              `C:\\\\NEW\\\\"QUOTED"`,
		`{{ .CommonLabels.path | trunc 6 }}`:                              `C:\\\\n`,
		`{{ reReplaceAll "_" "\\\\_" .CommonLabels.alertname }}`:          `Disk\\_Full`,
		`{{ reReplaceAll "_" "\\_" .CommonLabels.alertname }}`:            `Disk\\_Full`,
		`{{ .CommonLabels.alertname }}`:                                   `Disk\\_Full`,
		`{{ .CommonAnnotations.description | replace "\n" "<br>" }}`:      `**90 %** used\n\nclean_up \\ now`,
		`{{ .CommonAnnotations.description | replace "\n" "\\n" }}`:       `**90 %** used\n\nclean_up \\ now`,
		`{{ range .CommonAnnotations.SortedPairs }}{{ .Value }}{{ end }}`: `**90 %** used`,
	}
	for action, want := range tests {
		set, _ := New([]Source{{Name: "x.tmpl", Text: `{{ define "teams.card" }}{"@type": "MessageCard", "text": "` + action + `"}{{ end }}`}})
		message := set.Render(oldCard, oldInput(), WorkflowLimit)
		require.NoError(t, message.Fault, action)
		var card struct{ Body []struct{ Text string } }
		require.NoError(t, json.Unmarshal(message.Card, &card))
		require.Contains(t, strings.ReplaceAll(string(appendJSON(nil, card.Body[0].Text)), `\"`, `"`), want, action)
	}
}

func TestAnOldTemplateMayShowAnEvent(t *testing.T) {
	set, _ := New([]Source{{Name: "x.tmpl", Text: `{{ define "teams.card" }}{"@type": "MessageCard", "text": "{{ .Event.path }} {{ index .Event.list 0 }} {{ hostName }}"}{{ end }}`}})
	message := set.Render(oldCard, ofEvent(`{"path": "C:\\new", "list": ["a\\b"], "hostName": "Q1"}`, nil), WorkflowLimit)
	require.NoError(t, message.Fault)
	require.Contains(t, string(message.Card), `C:\\\\new a\\\\b Q1`, "a path is no line break")
}

func TestEachChannelsTemplateIsACardOfItsOwn(t *testing.T) {
	file := func(word string) string {
		return `{{ define "word" }}` + word + `{{ end }}{{ define "teams.card" }}{"@type": "MessageCard", "text": "{{ template "word" . }}"}{{ end }}`
	}
	set, problems := New([]Source{
		{Name: "a/sre.tmpl", Text: file("one")}, {Name: "b/dev.tmpl", Text: file("two")},
		{Name: "c/dev.tmpl", Text: file("three")}, {Name: "alert.tmpl", Text: file("four")},
	})
	var said []string
	for _, p := range problems {
		require.True(t, p.Warning, "the configuration can be used")
		said = append(said, p.String())
	}
	require.Equal(t, []string{
		`c/dev.tmpl:1: warning: no route can name this card: there are several "teams.card", and a card "dev" is there already; rename the file; the card is called as the file is`,
		`alert.tmpl:1: warning: no route can name this card: there are several "teams.card", and a card "alert" is there already; rename the file; the card is called as the file is`,
		`alert.tmpl:1: warning: "teams.card" is the card of every group for which no route and no alert names one, as it was in prometheus-msteams; nothing, if that is meant; to see the shipped card, write card: alert into the route`,
	}, said)
	for card, word := range map[string]string{"sre": "one", "dev": "two", oldCard: "four"} {
		require.Contains(t, string(set.Render(card, oldInput(), WorkflowLimit).Card), `"text":"`+word+`"`)
	}
	require.Contains(t, string(set.Render(Default, oldInput(), WorkflowLimit).Card), "CRITICAL · firing", "the shipped card is still there")
}

func TestWhatAnOldTemplateCannotDoIsSaidWithItsLine(t *testing.T) {
	set, _ := New([]Source{{Name: "channel.tmpl", Text: oldOffice}})
	var said []string
	for _, p := range set.Check("channel") {
		said = append(said, p.String())
	}
	require.Equal(t, []string{
		`channel.tmpl:25: warning: the button "Silence" (HttpPOST) cannot be carried over: a card in Teams opens pages and calls nobody; the card is sent without it`,
	}, said)
}

// FuzzOldTemplate lets any text be in the values of templates for
// prometheus-msteams: the card always parses.
func FuzzOldTemplate(f *testing.F) {
	f.Add("a", "b")
	f.Add(`\u12`, "\\")
	f.Add("\uFDD0\n\"", `\\_`)
	set, _ := New([]Source{{Name: "office.tmpl", Text: oldOffice}, {Name: "workflow.tmpl", Text: oldWorkflow}})
	f.Fuzz(func(t *testing.T, label, note string) {
		in := one(map[string]string{"alertname": label, "x": label}, map[string]string{"summary": note, "description": note, "runbook": note})
		for _, card := range []string{"office", "workflow"} {
			message := set.Render(card, in, WorkflowLimit)
			require.NoError(t, message.Fault)
			require.True(t, json.Valid(message.Card), "%s", message.Card)
		}
	})
}
