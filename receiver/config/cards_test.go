package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
)

// loadWith loads a configuration whose template files are these.
func loadWith(t *testing.T, more string, templates map[string]string) (*config.Config, string) {
	t.Helper()
	dir := t.TempDir()
	var patterns []string
	for name, text := range templates {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		patterns = append(patterns, name)
	}
	file := filepath.Join(dir, "teamsrelay.yml")
	text := "storage: {url: sqlite:x.db}\ndestinations:\n  - {name: ops, workflow: {url: '" + opsURL + "'}, card: CARD}\nroute: {destinations: [ops]}\ntemplate_files: [" + strings.Join(patterns, ", ") + "]\n"
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(text, "card: CARD", more, 1)), 0o600))
	made, problems := config.Load(file, env())
	return made, strings.ReplaceAll(problems.Error(), dir+string(filepath.Separator), "")
}

func TestADestinationHasTheCardOfItsOwnTemplateFile(t *testing.T) {
	templates := map[string]string{
		"sre.tmpl":   `{{ define "teams.card" }}{"@type": "MessageCard", "text": "{{ .Status }}"}{{ end }}`,
		"mine.hbs":   `{"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlock", "text": "{{appName}}"}]}`,
		"texts.tmpl": `{{ define "slack.mine.title" }}[{{ .Status }}]{{ end }}`,
	}
	for _, card := range []string{"sre", "mine", "teams.card", "alert"} {
		made, problems := loadWith(t, "card: "+card, templates)
		require.NotNil(t, made, problems)
		require.Equal(t, 1, strings.Count(problems, "\n")+1, "only that teams.card is used for everything: %s", problems)
		require.Contains(t, problems, `sre.tmpl:1: warning: "teams.card" is the card of every group`)
		node, ok := made.Tree.To("ops")
		require.True(t, ok)
		require.Equal(t, card, node.Spec("alertmanager", true, nil).Targets[0].Card, "what is posted to its path gets another card")
	}
	made, problems := loadWith(t, "card: slack.mine.title", templates)
	require.Nil(t, made)
	require.Contains(t, problems, `teamsrelay.yml:3: error: there is no card "slack.mine.title"`, "a text is no card")
}

func TestMistakesInOldTemplatesAreReportedOnceEach(t *testing.T) {
	_, problems := loadWith(t, "card: mine", map[string]string{"mine.handlebars": "{\n{{formatDate x}}"})
	require.Equal(t, `mine.handlebars:2: error: there is no helper "formatDate"; use eq, lookup, if, unless, each or with, or write the card as a Go template (templates/README.md); until then the file's card is not used`, problems,
		"that the card is missing only follows from it")
	_, problems = loadWith(t, "card: mine", map[string]string{"mine.tmpl": "{{ define \"teams.card\" }}\n{\"@type\": \"MessageCard\" oops}{{ end }}"})
	require.Contains(t, problems, "mine.tmpl:2: error: this is not JSON")
}
