package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// A bad day at Microsoft's, row by row of teams-platform §3.3: nothing that was
// done is lost, and when the day is over every copy of the card is true.
func TestABadDayOfTheConnectorEndsWithTrueCards(t *testing.T) {
	t.Parallel()
	teams := teamstest.New(teamstest.Options{Keep: 100_000})
	server, elsewhere := httptest.NewServer(teams), httptest.NewServer(teams)
	t.Cleanup(func() {
		teams.Close()
		elsewhere.Close()
		server.Close()
	})
	relay, c := startCopies(t, teams, server.URL)
	alice, bob := teams.As("Alice"), teams.As("Bob")
	ctx := t.Context()
	channel, personal := c.cards[0], c.cards[2]

	// Somebody else's request is under way, then too many of ours.
	teams.BotFault(teamstest.Alerts, teamstest.Fault{Status: http.StatusPreconditionFailed, Times: 3},
		teamstest.Fault{Status: http.StatusTooManyRequests, RetryAfter: 2 * time.Second, Times: 2})
	_, err := bob.Press(ctx, channel, "ack", nil)
	require.NoError(t, err)
	reads(t, teams, channel, "acknowledged by Bob")
	require.Empty(t, teams.Faults(), "the card was not tried again as often as it was refused")

	// Somebody deletes the card: it is posted anew, and the new one is kept true.
	teams.Delete(channel)
	_, err = alice.Press(ctx, personal, "comment", map[string]string{"comment": "looking at the fans"})
	require.NoError(t, err)
	until(t, teams, "the card is there again", func() bool {
		for _, m := range teams.Posted(teamstest.Alerts) {
			if m.MessageID == m.Thread && !m.Deleted && m.MessageID != channel.MessageID && len(m.Card) > 0 {
				c.cards[0] = m
				return true
			}
		}
		return false
	})
	channel = c.cards[0]
	reads(t, teams, channel, "looking at the fans")
	_, err = bob.Press(ctx, channel, "unack", nil)
	require.NoError(t, err, "the buttons of the new card are dead")
	_, err = bob.Press(ctx, channel, "ack", nil)
	require.NoError(t, err)

	// A 500 is not tried again; the next change is, and tells what was missed.
	c.check(relay)
	teams.BotFault(teamstest.Alerts, teamstest.Fault{Status: http.StatusInternalServerError})
	_, err = alice.Press(ctx, personal, "comment", map[string]string{"comment": "never mind"})
	require.NoError(t, err)
	eventually(t, patience, "the failed edit is a dead letter", func() bool {
		letters := list[web.DeadLetter](relay, "dead-letters", "")
		return len(letters) == 1 && letters[0].Reason == "service"
	})
	require.Equal(t, http.StatusOK, relay.post(fmt.Sprintf("/api/v1/dead-letters/%d/replay", list[web.DeadLetter](relay, "dead-letters", "")[0].ID), nil).status)
	reads(t, teams, channel, "never mind")
	c.check(relay)

	// Alice does not want to hear of it, and then she does.
	alice.Block()
	_, err = bob.Press(ctx, channel, "comment", map[string]string{"comment": "while Alice was away"})
	require.NoError(t, err)
	eventually(t, patience, "it is not sent to who has blocked the bot", func() bool {
		return len(list[web.DeadLetter](relay, "dead-letters", "")) == 1
	})
	alice.Unblock()
	_, err = alice.Say(ctx, personal.Conversation, "status")
	require.NoError(t, err)
	reads(t, teams, personal, "while Alice was away")
	c.check(relay)

	// The app is taken out of the team, and put there again.
	_, err = bob.Uninstall(ctx, teamstest.Alerts)
	require.NoError(t, err)
	_, err = alice.Press(ctx, personal, "comment", map[string]string{"comment": "while the app was away"})
	require.NoError(t, err)
	eventually(t, patience, "it is not sent where the app is not", func() bool {
		return len(list[web.DeadLetter](relay, "dead-letters", "")) == 1
	})
	_, err = bob.Install(ctx, teamstest.Alerts)
	require.NoError(t, err)
	reads(t, teams, channel, "while the app was away")

	// Microsoft moves the service: every conversation hears of it once, and then
	// nobody answers where it was.
	c.check(relay)
	teams.MoveServiceURL(elsewhere.URL + "/amer")
	for n, someone := range c.who {
		_, err = someone.Reply(ctx, c.cards[n], "status")
		require.NoError(t, err)
	}
	c.check(relay)
	server.Close()
	_, err = alice.Press(ctx, personal, "comment", map[string]string{"comment": "after the move"})
	require.NoError(t, err)
	for _, card := range c.cards {
		reads(t, teams, card, "after the move")
	}
	c.check(relay)
	for n := range c.cards {
		until(t, teams, "everybody hears of it", func() bool { return c.told(n, "after the move") == 1 })
	}
	require.Empty(t, list[web.DeadLetter](relay, "dead-letters", ""))
	require.Zero(t, relay.stop())
}
