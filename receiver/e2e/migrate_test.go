package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

func TestWhoComesFromPrometheusMsteamsChangesNothingElse(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("config.yml", `
connectors:
- low_priority_channel: `+url+`/workflow/low
connectors_with_custom_templates:
- request_path: /alert2
  template_file: ./sre.tmpl
  webhook_url: `+url+`/workflow/sre
  escape_underscores: true
`)
	write("sre.tmpl", `{{ define "teams.card" }}
{"@type": "MessageCard", "@context": "http://schema.org/extensions", "themeColor": "8C1A1A",
 "title": "For SRE: {{ .CommonLabels.alertname }}", "summary": "{{ .Status }}",
 "sections": [{{ range $i, $a := .Alerts }}{{ if $i }},{{ end }}{"facts": [
   {{$c := counter}}{{ range $k, $v := $a.Labels }}{{ if call $c }},{{ end }}{"name": "{{ $k }}", "value": "{{ reReplaceAll "_" "\\\\_" $v }}"}{{ end }}]}{{ end }}]}
{{ end }}`)
	config, err := exec.Command(program(t), "migrate", "prometheus-msteams", filepath.Join(dir, "config.yml")).Output()
	require.NoError(t, err)
	relay := serve(t, program(t), dir, string(config))

	require.Equal(t, http.StatusOK, relay.post("/alert2", body("Disk_Full", "firing")).status, "Alertmanager's URL must stay good")
	require.Equal(t, http.StatusOK, relay.post("/low_priority_channel", body("InstanceDown", "firing")).status)

	sre := string(cards(t, teams, "sre", 1)[0].Card)
	require.Contains(t, sre, `For SRE: Disk\\_Full`, "the channel's own template")
	require.Contains(t, sre, `"style":"attention"`)
	require.Contains(t, sre, `"value":"db1:9100"`)
	low := cards(t, teams, "low", 1)[0]
	require.NotContains(t, string(low.Card), "For SRE")
	require.Contains(t, low.Summary, "InstanceDown")
}

func TestWhoComesFromButlerBringsTheTemplatesAlong(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "failed-reload-qseow.handlebars"), []byte(`{
  "type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": {
    "type": "AdaptiveCard", "version": "1.3",
    "body": [
      {"type": "TextBlock", "text": "Ours: {{taskName}}", "weight": "bolder"},
      {"type": "FactSet", "facts": [{"title": "App", "value": "{{appName}}"}, {"title": "Task", "value": "{{tasId}}"}]},
      {"type": "ActionSet", "actions": [{{#each genericUrls}},{"type": "Action.OpenUrl", "title": "{{this.linkText}}", "url": "{{this.url}}"}{{/each}}]}
    ]}}]}`), 0o600))
	relay := serve(t, program(t), dir, configuration(destination("ops", url+"/workflow/ops", fast))+
		"events: [{name: butler, preset: butler}]\ntemplate_files: ['*.handlebars']\n")

	got := relay.post("/events/butler", []byte(`{"event": "Qlik Sense reload failed", "hostName": "Q1", "taskName": "Reload of \"Sales\" =\n weekly",
		"taskId": "09b3c78f-04dd-45e3-a4bf-1b074d6572fa", "appName": "Sales", "executionId": "4dd69fcb-1fdc-4ea2-83a5-1e5a2b7a3c6f", "logMessage": "Max retries reached"}`))
	require.Equal(t, http.StatusOK, got.status, got.body)
	card := string(cards(t, teams, "ops", 1)[0].Card)
	require.Contains(t, card, `Ours: Reload of \"Sales\" =\n\nweekly`, "Butler's own templates show &quot; and &#x3D; here, or nothing at all")
}

func TestACardThatAnotherProgramPostsIsTold(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	relay := startRelay(t, configuration(destination("ops", url+"/workflow/ops", fast))+"events: [{name: old, preset: generic}]\n")
	got := relay.post("/events/old", []byte(`{"@type": "MessageCard", "@context": "http://schema.org/extensions", "summary": "Backup", "title": "Backup of db1 failed",
		"themeColor": "FF0000", "sections": [{"facts": [{"name": "Host", "value": "db1"}]}],
		"potentialAction": [{"@type": "OpenUri", "name": "Log", "targets": [{"os": "default", "uri": "https://logs.example.com/1"}]}]}`))
	require.Equal(t, http.StatusOK, got.status, got.body)
	message := cards(t, teams, "ops", 1)[0]
	require.Equal(t, "Backup", message.Summary)
	for _, words := range []string{"Backup of db1 failed", `"style":"attention"`, `"title":"Host","value":"db1"`, `"url":"https://logs.example.com/1"`} {
		require.Contains(t, string(message.Card), words)
	}
}
