package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/config"
)

// TestSecretsAreNeverShown tries every way in which a configuration could end
// up in a log, an error or an answer of the API.
func TestSecretsAreNeverShown(t *testing.T) {
	made, problems := config.Load("testdata/full-good.yml", env())
	require.Empty(t, problems)
	made.Tree, made.Cards, made.Rules = nil, nil, nil // no secrets, and not for printing

	shown := printed(t, made, made.Destinations, made.InfluxDB, made.AdminToken, *made, made.Destinations[0].URL, fmt.Errorf("token %v", made.AdminToken))
	for _, secret := range []string{"topsecret", "let-me-in", fmt.Sprintf("%x", "let-me-in")} {
		require.NotContains(t, shown, secret)
	}
	require.Contains(t, shown, "<secret>")
	require.Equal(t, opsURL, made.Destinations[0].URL.Reveal())
}

// printed is what somebody sees of values, whatever they do with them.
func printed(t *testing.T, values ...any) string {
	t.Helper()
	var shown bytes.Buffer
	for _, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&shown, verb+"\n", value)
		}
		for _, handler := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
			slog.New(handler).Info("loaded", "value", value)
		}
		require.NoError(t, json.NewEncoder(&shown).Encode(value))
		require.NoError(t, yaml.NewEncoder(&shown).Encode(value))
	}
	return shown.String()
}
