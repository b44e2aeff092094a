package main

import (
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
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

// TestEveryLineSaysWhichFile: Telegraf's log has lines of many plugins.
func TestEveryLineSaysWhichFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "teams.conf")
	require.NoError(t, os.WriteFile(file, []byte("[[outputs.teams]]\n  group_wait = \"-1s\"\n  group_interval = \"0s\"\n  webhook_url = \"http://127.0.0.1:9/workflow/nobody\"\n"), 0o600))
	var out, errOut strings.Builder
	require.Equal(t, 1, run(t.Context(), []string{"-check", "-config", file}, strings.NewReader(""), &out, &errOut))
	require.Empty(t, out.String())
	lines := strings.Split(strings.TrimSpace(errOut.String()), "\n")
	require.Len(t, lines, 4, "rules, two times and the state are wrong, each is said once: %q", lines)
	for _, line := range lines {
		require.True(t, strings.HasPrefix(line, "E! "+file+": "), line)
	}
}

// TestWhatIsLostIsSaid: a store that refuses to the end costs what came last,
// and whoever looks at the exit code or the log must see it.
func TestWhatIsLostIsSaid(t *testing.T) {
	dir := t.TempDir()
	section := writeSection(t, dir, "http://127.0.0.1:9/workflow/nobody")
	db, err := sql.Open("sqlite", filepath.Join(dir, "teams.db"))
	require.NoError(t, err)
	defer db.Close()
	first := true
	in := readFunc(func(p []byte) (int, error) {
		if !first {
			return 0, io.EOF
		}
		first = false
		_, err := db.ExecContext(t.Context(), "PRAGMA busy_timeout = 60000; BEGIN IMMEDIATE") // nobody else can write any more
		require.NoError(t, err)
		return copy(p, "cpu,host=a usage_idle=1\n"), nil
	})
	var out, errOut strings.Builder
	require.Equal(t, 1, run(t.Context(), []string{"-config", section}, in, &out, &errOut))
	require.Contains(t, errOut.String(), "what came last is lost")
	require.Contains(t, out.String(), "Stopped; 0 metrics evaluated")
}

// TestAnEndGivesTheStoreBack: else what the rules know is not in it, and who
// starts next is refused.
func TestAnEndGivesTheStoreBack(t *testing.T) {
	section := writeSection(t, t.TempDir(), "http://127.0.0.1:9/workflow/nobody")
	for range 2 {
		var out, errOut strings.Builder
		require.Equal(t, 0, run(t.Context(), []string{"-config", section}, strings.NewReader(""), &out, &errOut), errOut.String())
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// TestFlags: what people and Telegraf put on the command line.
func TestFlags(t *testing.T) {
	section := writeSection(t, t.TempDir(), "http://127.0.0.1:9/workflow/nobody")
	for name, c := range map[string]struct {
		args        []string
		code        int
		out, errOut string // words on stdout and stderr; "": nothing at all
	}{
		"help":                         {[]string{"--help"}, 0, "[[outputs.execd]]", ""},
		"help, short":                  {[]string{"-h"}, 0, "-sample-config > /etc/telegraf/teams.conf", ""},
		"the version":                  {[]string{"-version"}, 0, "telegraf-output-teams, version", ""},
		"a section to begin with":      {[]string{"-sample-config"}, 0, "[[outputs.teams]]", ""},
		"a check":                      {[]string{"-check", "-config", section}, 0, "I! " + section + ": all is well", ""},
		"what Telegraf's inputs get":   {[]string{"-poll_interval", "1s", "-poll_interval_disabled", "-check", "-config", section}, 0, "all is well", ""},
		"metrics from an empty stdin":  {[]string{"-config", section}, 0, "Stopped; 0 metrics evaluated", ""},
		"no file":                      {nil, 2, "", "-config FILE is missing"},
		"a flag that there is not":     {[]string{"-conf", "x"}, 2, "", "-conf"},
		"an argument":                  {[]string{section}, 2, "", "there is no argument"},
		"a file that there is not":     {[]string{"-config", "none.conf"}, 1, "", "E! none.conf: the file cannot be read: no such file"},
		"a check of what is not there": {[]string{"-check", "-config", "none.conf"}, 1, "", "E! none.conf"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errOut strings.Builder
			require.Equal(t, c.code, run(t.Context(), c.args, strings.NewReader(""), &out, &errOut))
			for said, words := range map[string]string{out.String(): c.out, errOut.String(): c.errOut} {
				if words == "" {
					require.Empty(t, said)
				}
				require.Contains(t, said, words)
			}
		})
	}
}
