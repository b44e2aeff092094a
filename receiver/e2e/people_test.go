package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph/graphcontract"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// withGraph is the bot of microsoft, which may also install its app for people.
func withGraph(t *testing.T, base string) string {
	t.Helper()
	return microsoft(t, base) + fmt.Sprintf("    graph: %s\n  teams_app_id: %s\n", base, teamstest.DefaultApp.ManifestID)
}

// personally is a destination that is people.
func personally(name string, users string, more ...string) string {
	return fmt.Sprintf("  - name: %s\n    users: [%s]\n%s", name, users, strings.Join(more, ""))
}

// contracted holds every exchange of the simulated Graph against the contract
// file, where that is there.
func contracted(t *testing.T) func(teamstest.GraphExchange) {
	if _, err := graphcontract.File(); err != nil {
		t.Logf("Graph's answers are not held against the contract: %v", err)
		return nil
	}
	contract := graphcontract.Find(t)
	return func(x teamstest.GraphExchange) {
		if _, err := contract.Check(graphcontract.Exchange{Method: x.Method, Target: x.Target, Request: x.Request, Status: x.Status, Answer: x.Answer}); err != nil {
			t.Errorf("%s %s: %v", x.Method, x.Target, err)
		}
	}
}

// personalCard waits for a card in somebody's chat with the bot.
func personalCard(t *testing.T, teams *teamstest.Server, user string, words ...string) teamstest.Message {
	t.Helper()
	return cardIn(t, teams, teams.PersonalChat(user), words...)
}

// The reason why all of this is there: a temperature in a time series database
// crosses a threshold, and a named person who has installed nothing is told.
func TestFromATemperatureToSomebodyWhoHasInstalledNothing(t *testing.T) {
	program := influxdProgram(t)
	t.Parallel()
	teams, base, ca := startSigned(t, teamstest.Options{Graph: teamstest.GraphOptions{Watch: contracted(t)}})
	i := startInfluxd(t, program)
	dir := t.TempDir()
	for name, text := range map[string]string{"rules.yml": polledRules, "password": influxPassword + "\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	config := configuration(personally("ops", "alice@contoso.com")) + fmt.Sprintf(
		"rule_files: [rules.yml]\ninfluxdb:\n  - {name: dc, url: %q, username: %s, password_file: password, database: dc}\n", i.url, influxUser)
	relay := serveWith(t, []string{"SSL_CERT_FILE=" + ca}, plainProgram(t), dir, config+withGraph(t, base))
	meet(t, teams, relay)
	require.Zero(t, teams.GraphCalls(teamstest.AnyGraph), "nobody is asked about before there is something to tell")
	require.Empty(t, teams.Posted(teams.PersonalChat("Alice")))

	i.write(`temperature,rack=r1 temp_c=40`)
	card := personalCard(t, teams, "Alice", "ColdAisle")
	require.Contains(t, string(card.Card), "40.0 °C")
	personalCard(t, teams, "Alice", "HotAisle")
	require.Equal(t, 1, teams.GraphCalls(teamstest.Installing), "the app was installed once")
	for _, m := range teams.Posted(teams.PersonalChat("Alice")) {
		require.NotEmpty(t, m.Card, "who is woken by an alert is not greeted: %s", m.Text)
	}
	require.Equal(t, 1, teams.GraphSignIns(), "one token does for all")

	// She answers where she was told, and it is true everywhere.
	answer, err := teams.As("Alice").Press(t.Context(), card, "ack", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Status)
	reads(t, teams, card, "acknowledged", "Alice")

	asked := teams.GraphCalls(teamstest.AnyGraph)
	i.write(`temperature,rack=r2 temp_c=50`)
	until(t, teams, "the second rack", func() bool {
		for _, m := range teams.Posted(teams.PersonalChat("Alice")) {
			if strings.Contains(string(m.Card), "r2") {
				return true
			}
		}
		return false
	})
	require.Equal(t, asked, teams.GraphCalls(teamstest.AnyGraph), "who is known needs no Graph")
	users := list[web.User](relay, "users", "")
	require.Len(t, users, 1)
	require.Equal(t, string(store.PersonReachable), users[0].State)
}

const hotRack = `[{"labels":{"alertname":"HotRack","severity":"critical","rack":"r1"},"endsAt":"2099-01-01T00:00:00Z"}]`

// An escalation that ends with the process it began in calls nobody on the
// night on which it matters.
func TestAnEscalationSurvivesAKill(t *testing.T) {
	t.Parallel()
	teams, base, ca := startSigned(t, teamstest.Options{})
	config := strings.Replace(configuration(
		inChannel("ops", teamstest.Alerts),
		personally("managers", "bob@contoso.com"),
	), "group_wait: 1s", "group_wait: 1s, escalate: [{after: 6s, destinations: [managers], every: 5s}]", 1)
	relay := serveWith(t, []string{"SSL_CERT_FILE=" + ca}, plainProgram(t), t.TempDir(), config+withGraph(t, base))
	meetAgain(t, teams, relay)
	_, err := teams.As("Alice").Install(t.Context(), teamstest.Alerts)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, relay.post("/api/v2/alerts", []byte(hotRack)).status)
	card := cardIn(t, teams, teamstest.Alerts, "HotRack")
	relay.settled(patience) // what is under way at a kill waits for a minute
	relay.kill()
	require.Empty(t, teams.Posted(teams.PersonalChat("Bob")), "it is not time yet")

	relay.again()
	relay.listen()
	meetAgain(t, teams, relay)
	personal := personalCard(t, teams, "Bob", "HotRack")
	reads(t, teams, card, "escalated to managers")
	until(t, teams, "the reminder", func() bool { return len(teams.Posted(teams.PersonalChat("Bob"))) > 1 })

	answer, err := teams.As("Bob").Press(t.Context(), personal, "ack", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Status)
	reads(t, teams, card, "acknowledged", "Bob")
	relay.settled(patience)
	told := len(teams.Posted(teams.PersonalChat("Bob")))
	relay.kill()
	relay.view(func(tx store.Tx) error {
		groups, err := tx.ListGroups(true, 0, 10)
		require.Len(t, groups, 1)
		require.True(t, groups[0].DueAt.IsZero() || groups[0].DueAt.After(time.Now().Add(time.Minute)), "who has acknowledged is called again at %s", groups[0].DueAt)
		return err
	})
	require.Len(t, teams.Posted(teams.PersonalChat("Bob")), told)
}

// Somebody who cannot be told is no reason for nobody to know.
func TestOthersAreToldInThePlaceOfWhomNothingReaches(t *testing.T) {
	t.Parallel()
	teams, base, ca := startSigned(t, teamstest.Options{})
	config := configuration(
		personally("ops", "nobody@contoso.com, carol@contoso.com", "    fallback: sre\n"),
		inChannel("sre", teamstest.Alerts),
	)
	relay := serveWith(t, []string{"SSL_CERT_FILE=" + ca}, plainProgram(t), t.TempDir(), config+withGraph(t, base))
	meet(t, teams, relay)
	_, err := teams.As("Alice").Install(t.Context(), teamstest.Alerts)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, relay.post("/api/v2/alerts", []byte(hotRack)).status)
	personalCard(t, teams, "Carol", "HotRack")
	card := cardIn(t, teams, teamstest.Alerts, "HotRack", "nobody@contoso.com")
	letters := list[web.DeadLetter](relay, "dead-letters", "")
	require.Len(t, letters, 1)
	require.Equal(t, "unknown_user", letters[0].Reason)

	// The account is there now; an administrator says so.
	teams.AddUser(teamstest.User{Name: "Nobody", UPN: "nobody@contoso.com", Mail: "nobody@contoso.com"})
	require.Equal(t, http.StatusOK, relay.post("/api/v1/users/nobody@contoso.com/retry", nil).status)
	personalCard(t, teams, "Nobody", "HotRack")
	until(t, teams, "nobody is missed any more", func() bool {
		now, _ := teams.Message(card.Conversation, card.MessageID)
		return !strings.Contains(string(now.Card), "could not be told")
	})
	require.Empty(t, list[web.DeadLetter](relay, "dead-letters", ""))
}

// firing is an alert of this name that goes on for long.
func firing(name string) []byte {
	return fmt.Appendf(nil, `[{"labels":{"alertname":%q,"severity":"critical"},"endsAt":"2099-01-01T00:00:00Z"}]`, name)
}

// Who comes back is told of what is open, where they were told before, and
// nobody has to do anything about it: Teams tells of no new conversation when
// somebody installs the app again, so the one that is remembered does.
func TestWhoComesBackIsToldByItself(t *testing.T) {
	t.Parallel()
	teams, base, ca := startSigned(t, teamstest.Options{})
	config := configuration(
		personally("ops", "alice@contoso.com", "    fallback: sre\n"),
		inChannel("sre", teamstest.Alerts),
	)
	relay := serveWith(t, []string{"SSL_CERT_FILE=" + ca}, plainProgram(t), t.TempDir(), config+withGraph(t, base))
	meet(t, teams, relay)
	alice, chat := teams.As("Alice"), teams.PersonalChat("Alice")
	_, err := alice.Install(t.Context(), teamstest.Alerts)
	require.NoError(t, err)
	fire := func(name string) {
		require.Equal(t, http.StatusOK, relay.post("/api/v2/alerts", firing(name)).status)
	}
	fire("First")
	personalCard(t, teams, "Alice", "First")
	relay.settled(patience) // also with the installation's version
	asked := teams.GraphCalls(teamstest.AnyGraph)

	for _, c := range []struct {
		alert, state, reason, why string
		leaves, returns           func() error
	}{
		{
			alert: "Second", state: "blocked", reason: "blocked", why: "has blocked the bot",
			leaves: func() error { alice.Block(); return nil },
			returns: func() error {
				alice.Unblock()
				_, err := alice.Say(t.Context(), chat, "status")
				return err
			},
		},
		{
			alert: "Third", state: "known", reason: "not_installed", why: "does not have the app",
			leaves:  func() error { _, err := alice.Uninstall(t.Context(), chat); return err },
			returns: func() error { _, err := alice.Install(t.Context(), chat); return err },
		},
	} {
		require.NoError(t, c.leaves())
		fire(c.alert)
		instead := cardIn(t, teams, teamstest.Alerts, c.alert, "Alice", c.why)
		relay.settled(patience)
		users := list[web.User](relay, "users", "")
		require.Len(t, users, 1)
		require.Equal(t, c.state, users[0].State)
		require.Equal(t, c.reason, users[0].Reason)
		require.NotEmpty(t, users[0].Do)
		letters := list[web.DeadLetter](relay, "dead-letters", "")
		require.Len(t, letters, 1)
		require.Equal(t, c.reason, letters[0].Reason)

		require.NoError(t, c.returns())
		personalCard(t, teams, "Alice", c.alert)
		until(t, teams, "nobody is missed any more", func() bool {
			now, _ := teams.Message(instead.Conversation, instead.MessageID)
			return !strings.Contains(string(now.Card), "could not be told")
		})
		relay.settled(patience)
		require.Equal(t, "reachable", list[web.User](relay, "users", "")[0].State)
		require.Empty(t, list[web.DeadLetter](relay, "dead-letters", ""))
	}
	require.Equal(t, asked, teams.GraphCalls(teamstest.AnyGraph), "the app is not forced back on anybody, and who is known needs no Graph")
}
