package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What simulate prints for the bot is meant to be copied: it must load, and
// whoever has no bot must not be bothered with it.
func TestTheConfigurationThatSimulatePrintsIsGood(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	simulate := func(args ...string) string {
		var out, errOut bytes.Buffer
		require.Zero(t, run(ctx, append([]string{"simulate", "--listen-address=127.0.0.1:0"}, args...), strings.NewReader(""), &out, &errOut), errOut.String())
		return out.String()
	}
	require.NotContains(t, simulate(), "microsoft:")
	_, config, found := strings.Cut(simulate("--bot-endpoint=http://localhost:3978/api/messages"), "needs:\n")
	require.True(t, found)
	config, _, _ = strings.Cut(config, "\nNobody has the app")
	got := sayWith(t, config+"route: {destinations: [alerts, oncall, personal, team]}\nstorage: {url: \"sqlite:x.db\"}\n", "check-config")
	require.Zero(t, got.code, got.out+got.err)
	require.NotContains(t, got.out, "warning")
}

// Activities without tokens, and what alerts say in them, are for nobody else.
func TestSimulateTalksToBotsOfThisMachineOnly(t *testing.T) {
	for _, endpoint := range []string{"https://bot.example/api/messages", "http://10.0.0.1:3978/", "127.0.0.1:3978", "ftp://127.0.0.1/", "http://127.0.0.1.evil.example/"} {
		got := say(t, "simulate", "--listen-address=127.0.0.1:0", "--bot-endpoint="+endpoint)
		require.Equal(t, 1, got.code, endpoint)
		require.Contains(t, got.err, "on this machine")
	}
}
