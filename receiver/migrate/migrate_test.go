package migrate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/migrate"
)

const hook = "https://prod-1.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=secret"

// load migrates and loads what comes out, with the templates beside it.
func load(t *testing.T, from string, files ...string) (migrate.Result, *config.Config, string) {
	t.Helper()
	result, err := migrate.PrometheusMsteams([]byte(from))
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for _, file := range files {
		write(file, `{{ define "teams.card" }}{"@type": "MessageCard", "text": "`+file+`"}{{ end }}`)
	}
	for _, file := range result.Templates {
		write(file.Name, file.Text)
	}
	write("teamsrelay.yml", result.Config)
	made, problems := config.Load(filepath.Join(dir, "teamsrelay.yml"), config.Env{})
	require.NotNil(t, made, "what was printed cannot be used: %s\n%s", problems, result.Config)
	return result, made, problems.Error()
}

func TestPathsAndTemplatesStayTheSame(t *testing.T) {
	result, made, problems := load(t, `
connectors:
- high_priority_channel: "`+hook+`"
- low/priority: '`+hook+`'
connectors_with_custom_templates:
- request_path: /alert2
  template_file: ./templates/mine.tmpl
  webhook_url: `+hook+`
  escape_underscores: true
- request_path: /alert3
  template_file: ./default-message-card.tmpl
  webhook_url: `+hook+`
`, "templates/mine.tmpl")
	require.Equal(t, 0, result.Todo, result.Config)
	require.NotContains(t, problems, "error")
	for path, want := range map[string][2]string{
		"/high_priority_channel": {"high_priority_channel", "alert"},
		"/low/priority":          {"low-priority", "alert"},
		"/alert2":                {"alert2", "mine"},
		"/alert3":                {"alert3", "alert"},
	} {
		name := made.PathDestination(path)
		require.Equal(t, want[0], name, "Alertmanager's URL leads nowhere")
		node, ok := made.Tree.To(name)
		require.True(t, ok)
		require.Equal(t, want[1], node.Spec("alertmanager", true, nil).Targets[0].Card, path)
	}
	require.Contains(t, result.Config, "--web.listen-address=:2000", "Alertmanager's URLs have prometheus-msteams' port")
}

func TestAliasesAreFollowed(t *testing.T) {
	_, made, _ := load(t, "x: &hook '"+hook+"'\nconnectors: [{ops: *hook}]")
	require.Equal(t, hook, made.Destinations[0].URL.Reveal())
}

func TestAConfigurationWithoutTemplatesGetsTheCardsThatSuit(t *testing.T) {
	result, made, problems := load(t, "connectors: [{ops: '"+hook+"'}]")
	require.Empty(t, problems)
	require.NotContains(t, result.Config, "card:")
	require.Equal(t, "ops", made.PathDestination("/ops"))
}

func TestHelmValuesBecomeAConfigurationAndItsTemplateFiles(t *testing.T) {
	result, made, _ := load(t, `
replicaCount: 1
container:
  port: 2100
  additionalArgs: [-debug, -disable-grouping=true, -odd=1]
extraEnvs: {HTTPS_PROXY: "http://proxy:8080"}
customCardTemplate: |
  {{ define "teams.card" }}{"@type": "MessageCard", "text": "all"}{{ end }}
connectors:
- bar: `+hook+`
connectorsWithCustomTemplates:
- request_path: /alert2
  webhook_url: `+hook+`
  template_file: |
    {{ define "teams.card" }}{"@type": "MessageCard", "text": "two"}{{ end }}
`)
	require.Len(t, result.Templates, 2)
	require.Equal(t, "templates/card.tmpl", result.Templates[0].Name)
	require.Equal(t, "templates/alert2.tmpl", result.Templates[1].Name)
	for path, card := range map[string]string{"/bar": "card", "/alert2": "alert2"} {
		node, _ := made.Tree.To(made.PathDestination(path))
		require.Equal(t, card, node.Spec("", true, nil).Targets[0].Card)
	}
	require.Equal(t, 2, result.Todo, result.Config)
	for _, words := range []string{":2100", "proxy_url", "The setting odd has no counterpart", "group_by: ['...']"} {
		require.Contains(t, result.Config, words)
	}
	require.NotContains(t, result.Config, "proxy:8080", "a proxy's URL may hold a password")
}

func TestWhatIsLeftToDoIsSaidWhereItIs(t *testing.T) {
	tests := map[string]struct {
		from  string
		files []string
		want  string
		todo  int
	}{
		"a connector that Microsoft switched off": {"connectors: [{a: 'https://outlook.office.com/webhook/x'}]", nil, "Office 365 connector", 1},
		"the newer form of it":                    {"connectors: [{a: 'https://contoso.webhook.office.com/webhookb2/x'}]", nil, "Office 365 connector", 1},
		"a path that is ours":                     {"connectors: [{metrics: '" + hook + "'}]", nil, "/alertmanager/metrics", 1},
		"a path that we cannot have":              {"connectors: [{'a:b/c d': '" + hook + "'}]", nil, "/alertmanager/a-b-c-d", 1},
		"/alertmanager itself":                    {"connectors: [{a: '" + hook + "'}, {alertmanager: '" + hook + "'}]", nil, "destinations: [alertmanager]", 0},
		"below /alertmanager":                     {"connectors: [{alertmanager/sre: '" + hook + "'}]", nil, "name: sre", 0},
		"a path that is there twice":              {"connectors: [{a: '" + hook + "'}, {/a: '" + hook + "'}]", nil, "twice", 1},
		"one card for each alert": {"connectors_with_custom_templates: [{request_path: a, webhook_url: '" + hook + "', template_file: x.tmpl, disable_grouping: true}]",
			[]string{"x.tmpl"}, "group_by: ['...']", 0},
		"two template files of one name": {"connectors_with_custom_templates: [{request_path: a, webhook_url: '" + hook + "', template_file: a/x.tmpl}, {request_path: b, webhook_url: '" + hook + "', template_file: b/x.tmpl}]",
			[]string{"a/x.tmpl"}, "Rename the file", 1},
		"a template file called as a card of ours": {"connectors_with_custom_templates: [{request_path: a, webhook_url: '" + hook + "', template_file: alert.tmpl}]", nil, "Rename the file", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			result, _, _ := load(t, test.from, test.files...)
			require.Contains(t, result.Config, test.want)
			require.Equal(t, test.todo, result.Todo, result.Config)
			require.Equal(t, test.todo, strings.Count(result.Config, "# To do: "))
		})
	}
}

func TestAFileThatIsNoneOfTheirsIsRefused(t *testing.T) {
	for from, want := range map[string]string{
		"":                  "no connectors",
		"route: {}":         "no connectors",
		"connectors: [x]":   "line 1: connectors is a list of PATH: URL",
		"a: [":              "YAML",
		"connectors: \"x\"": "no connectors",
	} {
		_, err := migrate.PrometheusMsteams([]byte(from))
		require.ErrorContains(t, err, want, from)
	}
}

// FuzzPrometheusMsteams: whatever somebody's file holds, what is printed is
// YAML of the shape that is meant, and nothing in a value gets out of its line.
func FuzzPrometheusMsteams(f *testing.F) {
	f.Add("ops", hook, "x.tmpl")
	f.Add("a\nroute: {}", "u: [", "#")
	f.Add("/../x", "${HOME}", "{{ define }}")
	f.Fuzz(func(t *testing.T, path, url, file string) {
		quote := func(text string) string {
			return "'" + strings.ReplaceAll(strings.ToValidUTF8(text, ""), "'", "''") + "'"
		}
		result, err := migrate.PrometheusMsteams([]byte("connectors: [{" + quote(path) + ": " + quote(url) + "}]\nconnectors_with_custom_templates: [{request_path: " + quote(path+"2") + ", webhook_url: " + quote(url) + ", template_file: " + quote(file) + "}]"))
		if err != nil {
			return
		}
		_, problems := config.Parse("teamsrelay.yml", []byte(result.Config), config.Env{})
		for _, p := range problems {
			require.NotContains(t, p.What, "YAML", "%s\n%s", p, result.Config)
			require.NotContains(t, p.What, "unknown", "%s\n%s", p, result.Config)
		}
	})
}
