package main

import (
	"archive/zip"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const botConfig = `
storage: {url: "sqlite:x.db"}
microsoft:
  tenant_id: 3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a0001
  app_id: 3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a0002
  client_secret: topsecret
  teams_app_id: 3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a0003
  app_name: Alerts of Contoso
destinations: [{name: sre, channel: {channel_id: "19:a@thread.tacv2"}}]
route: {destinations: [sre]}
`

func TestAppPackage(t *testing.T) {
	dir := t.TempDir()
	file, output := filepath.Join(dir, "teamsrelay.yml"), filepath.Join(dir, "app.zip")
	configure := func(text string) {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	making := func(more ...string) result {
		_ = os.Remove(output)
		return say(t, append([]string{"app-package", "--config.file=" + file, "-o", output}, more...)...)
	}

	configure(botConfig)
	got := making("--app-version=1.2.1")
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.err, `the app "Alerts of Contoso", version 1.2.1`)
	r, err := zip.OpenReader(output)
	require.NoError(t, err)
	defer r.Close()
	f, err := r.Open("manifest.json")
	require.NoError(t, err)
	var manifest struct {
		ID, Version string
		Bots        []struct{ BotID string }
	}
	require.NoError(t, json.NewDecoder(f).Decode(&manifest))
	require.Equal(t, "1.2.1", manifest.Version)
	require.Equal(t, "3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a0003", manifest.ID)
	require.Equal(t, "3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a0002", manifest.Bots[0].BotID)

	t.Run("an id of its own is proposed and never invented silently", func(t *testing.T) {
		const line = "  teams_app_id: 3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a0003\n"
		configure(strings.Replace(botConfig, line, "", 1))
		got := making()
		require.Equal(t, 1, got.code)
		require.NoFileExists(t, output)
		proposed := regexp.MustCompile(`microsoft:\n(  teams_app_id: .*\n)`).FindStringSubmatch(got.err)
		require.NotNil(t, proposed, got.err)
		require.NotEqual(t, proposed[1], regexp.MustCompile(`  teams_app_id: .*\n`).FindString(making().err), "everybody gets another one")

		configure(strings.Replace(botConfig, line, proposed[1], 1))
		got = making()
		require.Zero(t, got.code, "what was proposed is taken: %s", got.err)
	})
	for name, c := range map[string]struct {
		config string
		args   []string
		want   string
	}{
		"a configuration without a bot": {config: "storage: {url: 'sqlite:x.db'}\ndestinations: [{name: ops, workflow: {url: 'http://127.0.0.1:9099/workflow/ops'}}]\nroute: {destinations: [ops]}\n", want: "has no microsoft: section"},
		"a configuration with mistakes": {config: strings.Replace(botConfig, "app_name", "app_nmae", 1), want: "did you mean app_name?"},
		"an id that Teams refuses":      {config: strings.Replace(botConfig, "teams_app_id: 3d", "teams_app_id: x", 1), want: "is not a GUID, and Teams takes nothing else"},
		"a version that Teams refuses":  {config: botConfig, args: []string{"--app-version=next"}, want: `the version "next" is not three numbers`},
	} {
		t.Run(name, func(t *testing.T) {
			configure(c.config)
			got := making(c.args...)
			require.Equal(t, 1, got.code)
			require.Contains(t, got.err, c.want)
			require.NotContains(t, got.err, "topsecret")
			require.NoFileExists(t, output)
		})
	}
}

// TestAnAppIsUpdated: an administrator runs the same command again after a
// change, and what comes out is something that Teams takes.
func TestAnAppIsUpdated(t *testing.T) {
	dir := t.TempDir()
	file, output := filepath.Join(dir, "teamsrelay.yml"), filepath.Join(dir, "app.zip")
	making := func(text string, more ...string) result {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return say(t, append([]string{"app-package", "--config.file=" + file, "-o", output}, more...)...)
	}
	bytes := func() []byte {
		data, err := os.ReadFile(output)
		require.NoError(t, err)
		return data
	}
	got := making(botConfig, "--app-version=1.4.0")
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.err, "Actions, Upload new app")
	first := bytes()

	got = making(botConfig)
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.err, `is what would be made: the app "Alerts of Contoso", version 1.4.0; there is nothing to upload`)
	require.Equal(t, first, bytes())

	renamed := strings.Replace(botConfig, "Alerts of Contoso", "Alerts", 1)
	got = making(renamed)
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.err, `the app "Alerts", version 1.4.1`)
	require.Contains(t, got.err, "it was version 1.4.0 before")
	require.Contains(t, got.err, "the app, Upload file")

	got = making(botConfig, "--app-version=1.4.1")
	require.Zero(t, got.code, "who says a version gets it")
	require.Contains(t, got.err, "the file had version 1.4.1 before; if Teams has that it takes only a higher one")

	got = making(strings.Replace(botConfig, "teams_app_id: 3d", "teams_app_id: 4d", 1))
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.err, "is another one for Teams now")

	require.NoError(t, os.WriteFile(output, []byte("a letter"), 0o600))
	got = making(botConfig)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.err, "app.zip is there already, and would be lost: it is not a package of a Teams app; name another file, or remove it")
	require.Equal(t, "a letter", string(bytes()))

	require.NoError(t, os.WriteFile(output, nil, 0o600))
	got = making(botConfig)
	require.Zero(t, got.code, "what mktemp makes is no loss: %s", got.err)
}
