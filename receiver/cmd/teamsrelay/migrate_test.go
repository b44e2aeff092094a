package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMigratePrintsAConfigurationThatCanBeChecked(t *testing.T) {
	values := write(t, "values.yml", `
connectors: [{ops: "http://127.0.0.1:9/workflow/ops"}]
customCardTemplate: '{{ define "teams.card" }}{"@type": "MessageCard", "text": "hot"}{{ end }}'
`)
	dir := t.TempDir()
	got := say(t, "migrate", "prometheus-msteams", values, "--templates="+dir)
	require.Equal(t, 0, got.code, got.err)
	require.Contains(t, got.err, "wrote "+filepath.Join(dir, "templates", "card.tmpl"))
	file := filepath.Join(dir, "teamsrelay.yml")
	require.NoError(t, os.WriteFile(file, []byte(got.out), 0o600))
	checked := say(t, "check-config", file)
	require.Equal(t, 0, checked.code, checked.out)

	again := say(t, "migrate", "prometheus-msteams", values, "--templates="+dir)
	require.Equal(t, 1, again.code, "somebody's template would be written over")
	require.Contains(t, again.err, "card.tmpl")
}

func TestMigrateSaysWhatItCannotRead(t *testing.T) {
	got := say(t, "migrate", "prometheus-msteams", write(t, "alertmanager.yml", "route: {receiver: x}"))
	require.Equal(t, 1, got.code)
	require.Contains(t, got.err, "alertmanager.yml: there are no connectors in this file")
	require.Empty(t, got.out)
	require.Contains(t, say(t, "migrate", "prometheus-msteams", write(t, "config.yml", "connectors: [{a: 'https://outlook.office.com/webhook/x'}]")).err, `comments that begin with "To do": 1`)
}
