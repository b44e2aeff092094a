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
