package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/influxdata/telegraf/config"
)

// environment is what os.LookupEnv finds.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"ODD": "a${UNKNOWN}topsecret", "HOOK": `https://prod-01.westeurope.logic.azure.com/workflows/1?sig=top"secret\`, "EMPTY": "", "labels": "eaten",
	}[name]
	return value, ok
}

func TestSection(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "teams.conf")
	require.NoError(t, os.WriteFile(file, []byte(`
# the only section
[[outputs.teams]]
  rule_files = ["rules/*.yml", "/abs/*.yml"]
  webhook_url = "${HOOK}"
  state_file = "teams.db"
  group_by = ["${UNKNOWN}", "$HOOK", "{{ $labels.rack }}", "costs $5"]
  group_wait = "5s"
  tls_ca = "/etc/ca.pem"
  tls_cert = "cert.pem"
`), 0o600))
	plugin, err := load(file, environment)
	require.NoError(t, err)
	secret, err := plugin.WebhookURL.Get()
	require.NoError(t, err)
	require.Equal(t, `https://prod-01.westeurope.logic.azure.com/workflows/1?sig=top"secret\`, secret.String(), "whatever is in it, it is one text")
	require.Equal(t, []string{"${UNKNOWN}", "$HOOK", "{{ $labels.rack }}", "costs $5"}, plugin.GroupBy, "only ${NAME} of a variable that is there is replaced")
	require.Equal(t, config.Duration(5*time.Second), *plugin.GroupWait)
	require.Equal(t, []string{filepath.Join(dir, "rules/*.yml"), "/abs/*.yml"}, plugin.RuleFiles, "paths start from the file")
	require.Equal(t, filepath.Join(dir, "teams.db"), plugin.StateFile)
	require.Equal(t, "/etc/ca.pem", plugin.TLSCA)
	require.Equal(t, filepath.Join(dir, "cert.pem"), plugin.TLSCert)
	require.Nil(t, plugin.Timeout, "what nobody says is not set")
}

// TestEveryPathStartsFromTheFile: Telegraf's working directory is not where
// people write a section.
func TestEveryPathStartsFromTheFile(t *testing.T) {
	dir := t.TempDir()
	text := "[[outputs.teams]]\n"
	lists, paths := []string{"rule_files", "template_files"}, []string{"webhook_url_file", "config_file", "state_file", "tls_ca", "tls_cert", "tls_key"}
	for _, option := range lists {
		text += fmt.Sprintf("  %s = [%q]\n", option, option)
	}
	for _, option := range paths {
		text += fmt.Sprintf("  %s = %q\n", option, option)
	}
	file := filepath.Join(dir, "teams.conf")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	p, err := load(file, environment)
	require.NoError(t, err)
	for i, path := range []string{p.RuleFiles[0], p.TemplateFiles[0], p.WebhookURLFile, p.ConfigFile, p.StateFile, p.TLSCA, p.TLSCert, p.TLSKey} {
		require.Equal(t, filepath.Join(dir, append(lists, paths...)[i]), path)
	}
}

func TestWhatIsWrongWithASection(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		words []string
	}{
		"no section":                    {"", []string{"there are 0 sections [[outputs.teams]]"}},
		"two sections":                  {"[[outputs.teams]]\n[[outputs.teams]]\n", []string{"there are 2 sections [[outputs.teams]]; write exactly one"}},
		"an option that there is not":   {"[[outputs.teams]]\n\n  webhok_url = \"x\"\n", []string{"line 3: there is no option webhok_url here"}},
		"an option of Telegraf's":       {"[[outputs.teams]]\n  namepass = [\"cpu\"]\n", []string{"line 2: there is no option namepass here", "stands in the section [[outputs.execd]]"}},
		"two of them":                   {"[[outputs.teams]]\n  a = 1\n  b = 1\n", []string{"line 2: there is no option a ", "line 3: there is no option b "}},
		"another section":               {"[agent]\n  interval = \"10s\"\n[[outputs.teams]]\n", []string{"line 1: agent does not belong here"}},
		"another output":                {"[[outputs.teams]]\n[[outputs.file]]\n  files = [\"x\"]\n", []string{"line 2: outputs.file does not belong here"}},
		"a value of the wrong kind":     {"[[outputs.teams]]\n  rule_files = \"x.yml\"\n", []string{"line 2: the value of rule_files is of the wrong kind"}},
		"a time without a unit":         {"[[outputs.teams]]\n  group_wait = \"soon\"\n", []string{"line 2: the value of group_wait is no time", `such as "30s", "5m" or "4h"`}},
		"a list for a time":             {"[[outputs.teams]]\n  timeout = [1]\n", []string{"line 2: the value of timeout is no time"}},
		"a variable that is not set":    {"[[outputs.teams]]\n  webhook_url = \"${NO_HOOK}\"\n", []string{"line 2: webhook_url: the environment variable NO_HOOK is not set; pass it with environment of outputs.execd"}},
		"one of two that is not set":    {"[[outputs.teams]]\n  relay_url = \"http://h\"\n  password = \"${HOOK}${NO_PASSWORD}\"\n", []string{"line 3: password: the environment variable NO_PASSWORD is not set"}},
		"a host that is not set":        {"[[outputs.teams]]\n  relay_url = \"http://${RELAY}:9097\"\n", []string{"line 2: relay_url: the environment variable RELAY is not set"}},
		"an option that is there twice": {"[[outputs.teams]]\n  webhook_url = \"topsecret\"\n\n  webhook_url = \"topsecret\"\n", []string{"line 4: webhook_url is written twice; keep one of them"}},
		"a secret store":                {"[[outputs.teams]]\n  webhook_url = \"@{vault:hook}\"\n", []string{"line 2: webhook_url: secret stores are only in Telegraf's own process", "${NAME}", "webhook_url_file"}},
		"a secret store in a list":      {"[[outputs.teams]]\n  group_by = [\"a\", \"@{vault:hook}\"]\n", []string{"line 2: group_by: secret stores"}},
		"no TOML":                       {"[[outputs.teams]]\n  webhook_url = https://host/?sig=topsecret\n", []string{"line 2: this is not TOML near outputs.teams.webhook_url"}},
		"no TOML, with digits":          {"[[outputs.teams]]\n  bearer_token = 1234topsecret\n", []string{"line 2: this is not TOML"}},
		"a text that is not closed":     {"[[outputs.teams]]\n  bearer_token = \"topsecret\n", []string{"line 2: this is not TOML"}},
		"a plain table":                 {"[outputs.teams]\n  state_file = \"x\"\n", []string{"outputs.teams is no section; write [[outputs.teams]]"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(c.text, environment)
			require.Error(t, err)
			for _, words := range c.words {
				require.ErrorContains(t, err, words)
			}
			require.NotContains(t, err.Error(), "topsecret")
		})
	}
}

// TestWhatAVariableHoldsIsNotLookedInto: a password may look like a variable.
func TestWhatAVariableHoldsIsNotLookedInto(t *testing.T) {
	plugin, err := parse("[[outputs.teams]]\n  password = \"${ODD}\"\n", environment)
	require.NoError(t, err)
	password, err := plugin.Password.Get()
	require.NoError(t, err)
	require.Equal(t, "a${UNKNOWN}topsecret", password.String())
}

func TestAFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	_, err := load(filepath.Join(dir, "none.conf"), environment)
	require.ErrorContains(t, err, "cannot be read: no such file")
	_, err = load(dir, environment)
	require.ErrorContains(t, err, "cannot be read")
	large := filepath.Join(dir, "large.conf")
	require.NoError(t, os.WriteFile(large, []byte(strings.Repeat("#\n", maxFile)), 0o600))
	_, err = load(large, environment)
	require.ErrorContains(t, err, "larger than")
}

// FuzzSection: whatever stands in the file, it is an answer in words and
// without the secret.
func FuzzSection(f *testing.F) {
	f.Add("[[outputs.teams]]\nwebhook_url = ")
	f.Add("[[outputs.teams]]\n[outputs.teams.group_by]\na = ")
	f.Fuzz(func(t *testing.T, text string) {
		const secret = "topsecret0123456789"
		if plugin, err := parse(text+secret+"\n", environment); err != nil {
			require.NotContains(t, err.Error(), secret)
		} else {
			require.NotNil(t, plugin)
		}
	})
}

// TestTheSampleSectionsAreUnderstood: people copy them, and an option that
// there is not would keep their Telegraf from telling anybody anything.
func TestTheSampleSectionsAreUnderstood(t *testing.T) {
	known := func(name string) (string, bool) { return "x", true }
	for _, name := range []string{"telegraf-teams.conf", "telegraf-teams-relay.conf"} {
		_, err := load(filepath.Join("..", "..", "..", "..", "..", "sample-configs", name), known)
		require.NoError(t, err)
	}
}
