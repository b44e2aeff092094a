package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
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

// A web page that points a name of its own at loopback is the same origin as
// what it then asks, so that only the name gives it away.
func TestNoWebPageReadsOrActsInTheSimulatedTeams(t *testing.T) {
	server := teamstest.New(teamstest.Options{})
	t.Cleanup(server.Close)
	ask := func(at, method, host, path string) int {
		handler := forThisMachine(&net.TCPAddr{IP: net.ParseIP(at), Port: 9099}, server)
		r := httptest.NewRequest(method, "http://"+host+path, strings.NewReader("{}"))
		r.Header.Set("Origin", "http://"+host)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	for _, what := range []struct{ method, path string }{
		{"GET", "/messages"}, {"GET", "/bot"}, {"GET", "/v1.0/users/alice@contoso.com"}, {"POST", "/bot/become"}, {"POST", "/bot/press"},
		{"POST", "/v1.0/$batch"}, {"POST", "/v3/conversations"}, {"POST", "/faults"},
	} {
		for _, host := range []string{"evil.example:9099", "127.0.0.1.evil.example", "localhost.evil.example:9099"} {
			require.Equal(t, http.StatusForbidden, ask("127.0.0.1", what.method, host, what.path), what.path)
		}
		for _, host := range []string{"localhost:9099", "127.0.0.1:9099", "[::1]:9099", "127.0.0.1"} {
			require.NotEqual(t, http.StatusForbidden, ask("127.0.0.1", what.method, host, what.path), what.path)
		}
	}
	require.Equal(t, http.StatusOK, ask("10.0.0.1", "GET", "simulate.test:9099", "/messages"), "who opens it to others wants them to come")
}

// Activities without tokens, and what alerts say in them, are for nobody else.
func TestSimulateTalksToBotsOfThisMachineOnly(t *testing.T) {
	for _, endpoint := range []string{"https://bot.example/api/messages", "http://10.0.0.1:3978/", "127.0.0.1:3978", "ftp://127.0.0.1/", "http://127.0.0.1.evil.example/"} {
		got := say(t, "simulate", "--listen-address=127.0.0.1:0", "--bot-endpoint="+endpoint)
		require.Equal(t, 1, got.code, endpoint)
		require.Contains(t, got.err, "on this machine")
	}
}
