package botframework_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

func direct(inner http.RoundTripper) http.RoundTripper { return inner }

// The simulated Teams counts as Microsoft does, and answers 412 to two requests
// at a time in a conversation.
func TestAStormMeetsNoLimitOfTeams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, b := simulated(t, teamstest.Bot{Throttle: teamstest.RealBotThrottle}, direct)
		server.BotFault(teamstest.Connector, teamstest.Fault{Latency: 50 * time.Millisecond, Times: -1})
		places := []botframework.Place{
			placeAt(teamstest.Alerts, botframework.Channel), placeAt(teamstest.General, botframework.Channel), placeAt(teamstest.Chat, botframework.GroupChat),
		}
		var wait sync.WaitGroup
		for _, p := range places {
			for i := range 100 {
				wait.Go(func() {
					s := to(b, p)
					o := s.Send(t.Context(), hot)
					require.Equal(t, teams.Delivered, o.Kind, o.Message)
					o = s.Edit(t.Context(), o.MessageID, hot)
					require.Equal(t, teams.Delivered, o.Kind, o.Message)
					if i%10 == 0 {
						_, err := b.Members(t.Context(), p)
						require.NoError(t, err)
					}
				})
			}
		}
		wait.Wait()
		require.Equal(t, 1, server.SignIns())
	})
}

// What people and administrators do in Teams becomes a reason that says what
// is to be done there.
func TestWhatHappensInTeamsHasItsReason(t *testing.T) {
	server, b := simulated(t, teamstest.Bot{}, direct)
	inChat, inChannel := to(b, placeAt(teamstest.Chat, botframework.GroupChat)), to(b, placeAt(teamstest.Alerts, botframework.Channel))

	posted := inChannel.Send(t.Context(), hot)
	require.Equal(t, teams.Delivered, posted.Kind, posted.Message)
	message, ok := server.Message(teamstest.Alerts, posted.MessageID)
	require.True(t, ok)
	server.Delete(message)
	require.True(t, inChannel.Edit(t.Context(), posted.MessageID, hot).Gone, "somebody deleted the card")

	server.RevokeTokens()
	require.Equal(t, teams.Delivered, inChat.Send(t.Context(), hot).Kind, "one fresh token after a 401")
	require.Equal(t, 2, server.SignIns())

	_, _ = server.As("alice").Uninstall(t.Context(), teamstest.Chat) // nobody is told: the bot has no endpoint
	require.Equal(t, teams.NotInstalled, inChat.Send(t.Context(), hot).Reason, "somebody removed the app")

	alice := server.As("alice")
	toAlice := to(b, botframework.Place{ServiceURL: service, User: alice.ObjectID})
	require.Equal(t, teams.NotInstalled, toAlice.Send(t.Context(), hot).Reason, "she has not got the app")
	_, _ = alice.Install(t.Context(), server.PersonalChat("alice"))
	require.Equal(t, teams.Delivered, toAlice.Send(t.Context(), hot).Kind)
	require.Len(t, server.Posted(server.PersonalChat("alice")), 1)

	// In her chat Teams has one word for both, so what it told us before counts.
	chat := placeAt(server.PersonalChat("alice"), botframework.Personal)
	_, _ = alice.Uninstall(t.Context(), chat.Conversation)
	require.Equal(t, teams.Blocked, to(b, chat).Send(t.Context(), hot).Reason)
	chat.Removed = true
	require.Equal(t, teams.NotInstalled, to(b, chat).Send(t.Context(), hot).Reason)
	_, _ = alice.Install(t.Context(), chat.Conversation)
	require.Equal(t, teams.Delivered, to(b, chat).Send(t.Context(), hot).Kind)

	alice.Block()
	require.Equal(t, teams.Blocked, toAlice.Send(t.Context(), hot).Reason)
}
