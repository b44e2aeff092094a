package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/plugins/outputs/teams"
)

// idleRule is a rule about metrics of inputs.cpu.
const idleRule = `
groups:
  - name: hosts
    rules:
      - alert: NoIdle
        measurement: cpu
        by: [host]
        when: usage_idle < 5
        labels: {severity: warning}
`

// writeSection writes a section and its rules into a directory and returns the
// section's file.
func writeSection(t testing.TB, dir, url string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yml"), []byte(idleRule), 0o600))
	file := filepath.Join(dir, "teams.conf")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
[[outputs.teams]]
  rule_files = ["rules.yml"]
  webhook_url = %q
  state_file = "teams.db"
  group_wait = "0s"
`, url), 0o600))
	return file
}

// startPlugin is a plugin that works.
func startPlugin(t testing.TB, dir, url string) *teams.Teams {
	t.Helper()
	plugin, err := load(writeSection(t, dir, url), os.LookupEnv)
	require.NoError(t, err)
	plugin.Log = testutil.Logger{Quiet: true}
	require.NoError(t, plugin.Init())
	require.NoError(t, plugin.Connect())
	return plugin
}
