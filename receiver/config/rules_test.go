package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
)

// TestRulesAndDatabasesComeOut: what polls is what the file says.
func TestRulesAndDatabasesComeOut(t *testing.T) {
	made, problems := config.Load("testdata/full-good.yml", env())
	require.Empty(t, problems.Error())
	require.Len(t, made.Rules.Groups, 2, "the rule test beside the rules is none of them")
	require.Equal(t, "dc", made.Rules.Groups[1].InfluxDB)
	require.Equal(t, 30*time.Second, made.Rules.Groups[1].Interval)

	require.Len(t, made.InfluxDB, 2)
	dc := made.InfluxDB[0].Connection()
	require.Equal(t, opsURL, dc.Token)
	require.Equal(t, 10*time.Second, dc.Timeout)
	require.Equal(t, "let-me-in", made.InfluxDB[1].Connection().Password)

	parts, err := made.Engine(nil)
	require.NoError(t, err)
	require.Len(t, parts.Sources, 2)
	require.Same(t, made.Rules, parts.Rules)
}

// TestMistakesInRuleFilesAreReportedThere: with the line of the rule file, and
// beside those of the configuration.
func TestMistakesInRuleFilesAreReportedThere(t *testing.T) {
	text, err := os.ReadFile("testdata/minimal-good.yml")
	require.NoError(t, err)
	for _, test := range []struct{ name, rules, problem string }{
		{"a condition with a mistake", "groups:\n- name: g\n  rules:\n  - alert: Hot\n    measurement: m\n    when: temp_c +\n", "rules.yml:6: error: "},
		{"a database that is not configured", "groups:\n- name: g\n  influxdb: dc\n  rules:\n  - {alert: Hot, query: q, when: _value > 1}\n", `rules.yml:2: error: the group "g" queries the InfluxDB "dc", which is not configured; add it under influxdb:`},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yml"), []byte(test.rules), 0o600))
			_, problems := config.Parse(filepath.Join(dir, "config.yml"), append([]byte("rule_files: ['*les.yml']\n"), text...), env())
			require.Len(t, problems, 1, problems.Error())
			require.Contains(t, problems.Error(), test.problem)
		})
	}
}

// TestDatabasePasswordsAreNeverShown: a URL with a password in it, a token.
func TestDatabasePasswordsAreNeverShown(t *testing.T) {
	text, err := os.ReadFile("testdata/minimal-good.yml")
	require.NoError(t, err)
	_, problems := config.Parse("config.yml", append([]byte("influxdb: [{name: dc, url: 'http://user:topsecret@', token: topsecret, timeout: -1s}]\n"), text...), env())
	require.True(t, problems.Failed())
	require.NotContains(t, problems.Error(), "topsecret")
}
