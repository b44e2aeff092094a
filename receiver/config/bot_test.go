package config_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
)

// id is one of the ids of testdata/bot-good.yml.
func id(n string) string { return "3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a000" + n }

func TestTheBotComesOut(t *testing.T) {
	made, problems := config.Load("testdata/bot-good.yml", env())
	require.Empty(t, problems.Error())
	require.Equal(t, auth.Config{
		TenantID: id("1"), AppID: id("2"), Secret: "let-me-in", Cloud: "gcc",
		Endpoints: auth.Endpoints{
			Login: "https://login.example.org", Graph: "http://127.0.0.1:9099",
			BotOpenIDMetadata: "https://login.example.org/v1/.well-known/openidconfiguration",
			BotIssuer:         "https://api.example.org", ServiceURL: "https://service.example.org/teams/",
			AllowedServiceHosts: []string{"service.example.org:443", "127.0.0.1:9099"},
		},
	}, made.Microsoft.Auth())
	require.Equal(t, id("3"), made.Microsoft.TeamsAppID)
	require.Equal(t, id("4"), made.Microsoft.TeamsCatalogID)
	require.Equal(t, []string{id("1"), id("5")}, made.Microsoft.Tenants(), "the bot's own tenant is always among them")
	require.Equal(t, "Alerts of Contoso", made.Microsoft.AppName)
	require.True(t, made.Public(), "Teams could not reach the bot")

	sre, duty, board, alice, ops := made.Destinations[0], made.Destinations[1], made.Destinations[2], made.Destinations[3], made.Destinations[4]
	require.Equal(t, config.Channel{ID: "19:sre_channel-1@thread.tacv2", Team: id("6")}, sre.Channel)
	require.Equal(t, config.Actions{Members: true}, sre.Actions, "members may act if nothing else is said")
	require.Equal(t, "19:meeting_duty@thread.v2", duty.Conversation())
	require.Equal(t, config.Actions{Users: []string{"alice@contoso.com", id("7")}}, duty.Actions, "addresses and ids are compared in lower case")
	require.True(t, board.Actions.Nobody())
	require.Equal(t, config.Actions{Members: true}, alice.Actions)
	require.Empty(t, ops.Conversation())
	require.Equal(t, []config.Subscription{
		{Destination: "duty", Matchers: []string{`team="web"`, `severity=~"critical|warning"`}},
		{Destination: "ops"},
	}, made.Subscriptions)
}

func TestWithoutTheSectionThereIsNoBot(t *testing.T) {
	made, problems := config.Load("testdata/full-good.yml", env())
	require.Empty(t, problems.Error())
	require.False(t, made.Microsoft.Configured())
	require.False(t, made.Public())
}

// TestTheBotsAddresses: what the file says of a destination holds, whatever
// the bot says of the conversation.
func TestTheBotsAddresses(t *testing.T) {
	made, problems := config.Load("testdata/bot-good.yml", env())
	require.Empty(t, problems.Error())
	windows := []deliver.Window{{N: 7, Per: time.Second}}
	out, err := made.Engine(func(d config.Destination) deliver.Address {
		return deliver.Address{
			ID: "bot:" + d.Conversation(), Pace: windows, Limit: card.BotLimit, Editable: true,
			Send: func(context.Context, card.Message) teams.Outcome { return teams.Outcome{} },
		}
	})
	require.NoError(t, err)
	require.Len(t, out.Destinations, 5)
	require.Len(t, out.Subscriptions, 2)
	require.Equal(t, "duty", out.Subscriptions[0].Target.Destination)
	sre := out.Destinations[0].Addresses[0]
	require.Equal(t, "bot:19:sre_channel-1@thread.tacv2", sre.ID)
	require.Equal(t, "sre", sre.Destination)
	require.Equal(t, windows, sre.Pace)
	require.Equal(t, card.BotLimit, sre.Limit)
	require.True(t, sre.Editable)
	require.False(t, sre.ReadOnly)
	require.Equal(t, 24*time.Hour, sre.MaxAge)
	require.Equal(t, 2*time.Hour, out.Destinations[1].Addresses[0].MaxAge)
	require.False(t, out.Destinations[1].Addresses[0].ReadOnly, "those who are named see buttons")
	board := out.Destinations[2].Addresses[0]
	require.True(t, board.ReadOnly, "nobody may press, so there is nothing to press")
	require.Equal(t, []deliver.Window{{N: 1, Per: 2 * time.Second}}, board.Pace)
	ops := out.Destinations[4].Addresses[0]
	require.Equal(t, deliver.DefaultPace, ops.Pace)
	require.False(t, ops.Editable)
}

// TestWithoutAReceiverThereIsNoBot: the Telegraf plugin takes the same file,
// and Teams cannot reach it.
func TestWithoutAReceiverThereIsNoBot(t *testing.T) {
	made, problems := config.Load("testdata/bot-good.yml", env())
	require.Empty(t, problems.Error())
	_, err := made.Engine(nil)
	require.ErrorContains(t, err, `destination "sre": channels, chats and people need the receiver`)
}

// TestHowTheBotSignsIn has the ways that no other fixture has.
func TestHowTheBotSignsIn(t *testing.T) {
	const file = `
storage: {url: "sqlite:x.db"}
microsoft: {tenant_id: %ID, app_id: %ID, WAY}
destinations: [{name: sre, channel: {channel_id: "19:a@thread.tacv2"}}]
route: {destinations: [sre]}
`
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "not-a.pem"), []byte("topsecret"), 0o600))
	for _, test := range []struct{ name, way, problem string }{
		{"by a managed identity", "managed_identity: true", ""},
		{"by a secret of the environment", "client_secret: '${OPS_URL}'", ""},
		{"managed_identity: false is no way", "managed_identity: false", "x.yml:3: error: nothing proves to Microsoft that we are the application"},
		{"a managed identity and Graph's address where it is not looked for", "managed_identity: true, graph: 'https://graph.microsoft.us'", `x.yml:3: error: there is no key "graph" here; did you mean endpoints: {graph: …}?`},
		{"the package's id as that of the catalogue", "managed_identity: true, teams_app_id: %ID, teams_catalog_id: %ID", "x.yml:3: warning: this is the id in the app package"},
		{"a certificate that is not there", "certificate_file: gone.pem", "x.yml:3: error: "},
		{"a file that is no certificate", "certificate_file: not-a.pem", "x.yml:3: error: "},
		{"a secret and its file", "client_secret: a, client_secret_file: not-a.pem", "x.yml:3: error: both client_secret and client_secret_file are there"},
		{"a secret and a certificate", "client_secret: a, certificate_file: not-a.pem", "x.yml:3: error: there is also client_secret"},
		{"an empty secret", "client_secret: '${EMPTY}'", "x.yml:3: error: client_secret is empty"},
		{"tokens that nobody asks for", "insecure_local: true, client_secret: a", "x.yml:3: warning: it is not used, because insecure_local does without tokens"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.NewReplacer("%ID", id("1")).Replace(strings.Replace(file, "WAY", test.way, 1))
			made, problems := config.Parse(filepath.Join(dir, "x.yml"), []byte(text), env())
			require.NotContains(t, problems.Error(), "topsecret")
			if test.problem == "" {
				require.Empty(t, problems.Error())
				return
			}
			require.Len(t, problems, 1, problems.Error())
			require.Contains(t, problems.Error(), test.problem)
			require.Equal(t, strings.Contains(test.problem, "warning"), made != nil)
		})
	}
}

// TestOneConversationHasOnePermission: two destinations of one channel share
// its card, so it must be clear who may press there.
func TestOneConversationHasOnePermission(t *testing.T) {
	const file = `
storage: {url: "sqlite:x.db"}
microsoft: {insecure_local: true, tenant_id: t, app_id: a}
destinations:
  - {name: sre, channel: {channel_id: c}}
  - {name: other, channel: {channel_id: c}, actions: ACTIONS}
route: {destinations: [sre]}
`
	_, problems := config.Parse("x.yml", []byte(strings.Replace(file, "ACTIONS", "members", 1)), env())
	require.Empty(t, problems.Error())
	_, problems = config.Parse("x.yml", []byte(strings.Replace(file, "ACTIONS", "none", 1)), env())
	require.Len(t, problems, 1)
	require.Contains(t, problems.Error(), `x.yml:6: error: the destinations "sre" and "other" are one conversation with one card, and differ in actions; say the same in both`)
}

// TestTheBotsSecretsAreNeverShown: whoever prints a configuration sees none.
func TestTheBotsSecretsAreNeverShown(t *testing.T) {
	made, problems := config.Load("testdata/bot-good.yml", env())
	require.Empty(t, problems.Error())
	made.Tree, made.Cards = nil, nil // no secrets, and not for printing
	shown := printed(t, made, made.Microsoft)
	require.Contains(t, shown, "<secret>")
	require.False(t, strings.Contains(shown, "let-me-in"))
}
