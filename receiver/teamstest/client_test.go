package teamstest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// The receiver's own client and this side were written apart, from the same
// documents. With tokens of Microsoft's library, and the names of the public
// cloud, they understand each other.
func TestTheReceiversClientIsUnderstood(t *testing.T) {
	s := installed(t, teamstest.Bot{Signed: true})
	client, err := botframework.New(auth.Config{
		TenantID: teamstest.DefaultTenant, AppID: teamstest.DefaultAppID, Secret: teamstest.DefaultSecret, Transport: s.Transport(),
	})
	require.NoError(t, err)
	message := func(text string) card.Message {
		return card.Message{Card: []byte(`{"type":"AdaptiveCard","version":"1.5","body":[{"type":"TextBlock","text":"` + text + `"}]}`), Summary: text}
	}
	place := botframework.Place{Conversation: teamstest.Alerts, Kind: botframework.Channel}
	sender := client.At(func(context.Context) (botframework.Place, error) { return place, nil }, nil)

	sent := sender.Send(t.Context(), message("hot"))
	require.Equal(t, teams.Delivered, sent.Kind, sent.Message)
	require.Equal(t, teams.Delivered, sender.Edit(t.Context(), sent.MessageID, message("still hot")).Kind)
	require.Equal(t, teams.Delivered, sender.Call(t.Context(), sent.MessageID, message("look")).Kind)
	m, ok := s.Message(teamstest.Alerts, sent.MessageID)
	require.True(t, ok)
	require.Contains(t, string(m.Card), "still hot")
	require.Equal(t, 1, m.Edited)
	require.Equal(t, 1, m.Replies)

	s.RevokeTokens()
	require.Equal(t, teams.Delivered, sender.Edit(t.Context(), sent.MessageID, message("hotter")).Kind, "a refused token is replaced")
	require.Equal(t, 2, s.SignIns())
	require.Equal(t, teams.Delivered, sender.Delete(t.Context(), sent.MessageID).Kind)
	gone := sender.Edit(t.Context(), sent.MessageID, message("gone"))
	require.True(t, gone.Gone, gone.Message)

	for range 600 { // more than one page
		s.AddUser(teamstest.User{Name: "Somebody Else"})
	}
	members, err := client.Members(t.Context(), place)
	require.NoError(t, err)
	require.Len(t, members, 603)
	alice, err := client.Member(t.Context(), place, s.As("Alice").ObjectID)
	require.NoError(t, err)
	require.Equal(t, "alice@contoso.com", alice.UPN)
	_, err = client.Member(t.Context(), place, "29:stranger")
	require.ErrorIs(t, err, botframework.ErrNotMember)

	chat, err := client.Open(t.Context(), botframework.Place{Kind: botframework.Personal, User: alice.ObjectID})
	require.NoError(t, err)
	require.Equal(t, s.PersonalChat("Alice"), chat.Conversation)
	require.Equal(t, s.ServiceURL(), chat.ServiceURL)
}
