package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// A press on the card of an alert that Alertmanager sent becomes a silence
// there, and only then does the card say so. Whoever is woken by Alertmanager
// in other ways is silenced too.
func TestASilencePressedInTeamsIsOneInARealAlertmanager(t *testing.T) {
	program := alertmanagerProgram(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	teams.MoveServiceURL(url + "/emea")
	config := configuration(inChannel("ops", teamstest.Alerts)) + local(url)
	relay := serve(t, plainProgram(t), t.TempDir(), config)
	meet(t, teams, relay)
	am := startAlertmanager(t, program, relay.url+"/alertmanager")
	relay.write(config + "alertmanagers: [{url: " + am.url + "}]\n")
	require.Equal(t, http.StatusOK, relay.post("/-/reload", nil).status)
	ctx := t.Context()
	bob := teams.As("Bob")
	_, err := bob.Install(ctx, teamstest.Alerts)
	require.NoError(t, err)

	require.Equal(t, http.StatusOK, postAlerts(t, am.url, diskAlert("db1"), diskAlert("db2")).status)
	card := cardIn(t, teams, teamstest.Alerts, "db1", "db2")

	answer, err := bob.Press(ctx, card, "1 hour", map[string]string{"silence_comment": "cleaning up"})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Status)
	require.NotContains(t, strings.ToLower(string(answer.Card)), "silenced until", "nothing may claim to be silenced before it is")
	reads(t, teams, card, "Silenced until", "Bob")

	silences := am.silences(t)
	require.Len(t, silences, 2, "one for each alert, with all its labels")
	for _, s := range silences {
		require.Equal(t, "Bob", strings.Fields(s.CreatedBy)[0])
		require.Contains(t, s.Comment, "cleaning up")
		require.Contains(t, s.Comment, "Alerts", "it does not say where somebody asked for it")
	}

	_, err = bob.Reply(ctx, card, "expire "+idOn(t, relay))
	require.NoError(t, err)
	eventually(t, patience, "Alertmanager has ended both", func() bool { return len(am.silences(t)) == 0 })
	eventually(t, patience, "the card does not claim it any more", func() bool {
		now, ok := teams.Message(card.Conversation, card.MessageID)
		return ok && !strings.Contains(string(now.Card), "Silenced until")
	})

	// Alertmanager is away: the card says so, and nothing claims to be silenced.
	am.kill()
	_, err = bob.Press(ctx, card, "4 hours", nil)
	require.NoError(t, err)
	reads(t, teams, card, "Alertmanager", "not silenced")
	now, _ := teams.Message(card.Conversation, card.MessageID)
	require.NotContains(t, string(now.Card), "Silenced until")
}

// cardIn waits for the bot's card with all these words in a conversation.
func cardIn(t *testing.T, teams *teamstest.Server, conversation string, words ...string) (card teamstest.Message) {
	t.Helper()
	until(t, teams, "a card is posted", func() bool {
		for _, m := range teams.Posted(conversation) {
			found := len(m.Card) > 0
			for _, word := range words {
				found = found && strings.Contains(string(m.Card), word)
			}
			if found {
				card = m
				return true
			}
		}
		return false
	})
	return card
}
