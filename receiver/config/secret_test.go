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

	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&shown, verb+"\n", made.Destinations)
		fmt.Fprintf(&shown, verb+"\n", made.InfluxDB)
		fmt.Fprintf(&shown, verb+"\n", made.AdminToken)
		fmt.Fprintf(&shown, verb+"\n", *made)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
		slog.New(handler).Info("loaded", "config", made, "token", made.AdminToken, "url", made.Destinations[0].URL)
	}
	require.NoError(t, json.NewEncoder(&shown).Encode(made))
	require.NoError(t, yaml.NewEncoder(&shown).Encode(made))
	_, _ = fmt.Fprintln(&shown, fmt.Errorf("token %v", made.AdminToken))

	for _, secret := range []string{"topsecret", "let-me-in", fmt.Sprintf("%x", "let-me-in")} {
		require.NotContains(t, shown.String(), secret)
	}
	require.Contains(t, shown.String(), "<secret>")
	require.Equal(t, opsURL, made.Destinations[0].URL.Reveal())
}
