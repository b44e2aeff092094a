package e2e

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// startSigned is a simulated Teams with a bot side that signs in and signs, as
// Microsoft's does, over TLS. ca is the file of who vouches for it.
func startSigned(t *testing.T, o teamstest.Options) (teams *teamstest.Server, base, ca string) {
	t.Helper()
	o.Bot.Signed = true
	teams = teamstest.New(o)
	server := httptest.NewTLSServer(teams)
	t.Cleanup(func() {
		teams.Close()
		server.Close()
	})
	teams.MoveServiceURL(server.URL + "/emea")
	ca = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	return teams, server.URL, ca
}

// microsoft is the part of a configuration that is the bot.
func microsoft(t *testing.T, base string) string {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	return fmt.Sprintf(`
microsoft:
  tenant_id: %s
  app_id: %s
  client_secret: %s
  endpoints:
    login: %s
    bot_openid_metadata: %s/v1/.well-known/openidconfiguration
    service_url: %s
    allowed_service_hosts: [%s]
`, teamstest.DefaultTenant, teamstest.DefaultAppID, teamstest.DefaultSecret, base, base, base+"/emea", u.Host)
}

// local is the bot of a trial on one machine, without tokens.
func local(base string) string {
	return fmt.Sprintf("\nmicrosoft: {insecure_local: true, tenant_id: %s, app_id: %s, endpoints: {service_url: %q}}\n", teamstest.DefaultTenant, teamstest.DefaultAppID, base+"/emea")
}

// inChannel is a destination that is a channel of the simulated team.
func inChannel(name, channel string, more ...string) string {
	return fmt.Sprintf("  - name: %s\n    channel: {team_id: %q, channel_id: %q}\n%s", name, teamstest.Team, channel, strings.Join(more, ""))
}

// meet tells Teams where the bot is.
func meet(t *testing.T, teams *teamstest.Server, r *relay) {
	t.Helper()
	found := outside.FindStringSubmatch(r.said.all())
	require.NotNil(t, found, "the public listener is not open:\n%s", r.said.tail())
	teams.Meet("http://" + found[1] + "/api/messages")
}

// until waits for something in Teams.
func until(t *testing.T, teams *teamstest.Server, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, teams.Until(ctx, holds), what)
}

// reads waits until the card of a message has all these words.
func reads(t *testing.T, teams *teamstest.Server, m teamstest.Message, words ...string) {
	t.Helper()
	var text string
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := teams.Until(ctx, func() bool {
		now, ok := teams.Message(m.Conversation, m.MessageID)
		text = string(now.Card)
		for _, word := range words {
			ok = ok && strings.Contains(strings.ToLower(text), strings.ToLower(word))
		}
		return ok
	})
	require.NoError(t, err, "the card does not say %q; it says %s", words, text)
}

// The story that the bot is there for, with tokens in both directions: one card
// in a channel that people answer and that stays true until the alert is over.
func TestOneCardTellsTheWholeStory(t *testing.T) {
	t.Parallel()
	teams, base, ca := startSigned(t, teamstest.Options{})
	relay := serveWith(t, []string{"SSL_CERT_FILE=" + ca}, plainProgram(t), t.TempDir(),
		configuration(inChannel("ops", teamstest.Alerts))+microsoft(t, base))
	meet(t, teams, relay)
	ctx := t.Context()
	alice, bob := teams.As("Alice"), teams.As("Bob")
	answers, err := alice.Install(ctx, teamstest.Alerts)
	require.NoError(t, err)
	for _, a := range answers {
		require.Equal(t, http.StatusOK, a.Status, "%s", a.Body)
	}

	long := `[{"labels":{"alertname":"HotRack","severity":"critical","rack":"r1"},"endsAt":"2099-01-01T00:00:00Z"}]`
	require.Equal(t, http.StatusOK, relay.post("/api/v2/alerts", []byte(long)).status)
	card := cardIn(t, teams, teamstest.Alerts, "HotRack")

	answer, err := alice.Press(ctx, card, "ack", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Status)
	require.Contains(t, string(answer.Card), "Alice", "the answer to the press is the new card")
	reads(t, teams, card, "acknowledged", "Alice")

	answer, err = bob.Press(ctx, card, "comment", map[string]string{"comment": "the fan is *loud*"})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Status)
	until(t, teams, "the comment stands under the card", func() bool {
		return strings.Contains(thread(teams, card), "the fan is")
	})

	_, err = bob.Reply(ctx, card, "assign "+idOn(t, relay)+" me")
	require.NoError(t, err)
	reads(t, teams, card, "assigned", "Bob")

	over := strings.Replace(long, "2099", "2020", 1)
	require.Equal(t, http.StatusOK, relay.post("/api/v2/alerts", []byte(over)).status)
	reads(t, teams, card, "resolved", "Alice", "Bob")

	cards := 0
	for _, m := range teams.Posted(teamstest.Alerts) {
		if m.MessageID == m.Thread && strings.Contains(string(m.Card), "HotRack") {
			cards++
		}
	}
	require.Equal(t, 1, cards, "one card tells the whole story")
	require.Zero(t, relay.stop())
	require.NotContains(t, relay.said.all(), teamstest.DefaultSecret)
	require.NotContains(t, relay.said.all(), "eyJ", "a token stands in the log")
}

// thread is what stands under a card, as text.
func thread(teams *teamstest.Server, card teamstest.Message) string {
	var all strings.Builder
	c, _ := teams.Conversation(card.Conversation)
	for _, t := range c.Threads {
		if t.First().MessageID != card.MessageID {
			continue
		}
		for _, m := range t.Messages[1:] {
			all.WriteString(m.Text + "\n" + string(m.Card) + "\n")
		}
	}
	return all.String()
}

// idOn is the id of the alerts of the one episode that there is.
func idOn(t *testing.T, r *relay) string {
	t.Helper()
	alerts := list[web.Alert](r, "alerts", "")
	require.NotEmpty(t, alerts)
	return alerts[0].ID
}
