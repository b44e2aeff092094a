package botframework_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// stored is a place as a store keeps it.
type stored struct {
	place botframework.Place
	moved int
}

func (s *stored) sender(b *botframework.Client) *botframework.Sender {
	return b.At(
		func(context.Context) (botframework.Place, error) { return s.place, nil },
		func(_ context.Context, p botframework.Place) { s.place, s.moved = p, s.moved+1 })
}

const gcc = "https://smba.infra.gcc.teams.microsoft.com/teams"

func TestAConversationOfTheGCCIsFoundThere(t *testing.T) {
	teamsSide := &connector{answer: func(_ int, r asked) (*http.Response, error) {
		if strings.HasPrefix(r.url, service) {
			return failing(403, "InvalidBotApiHost"), nil
		}
		return nil, nil
	}}
	there := &stored{place: channel}
	s := there.sender(client(t, teamsSide))
	require.Equal(t, teams.Delivered, s.Send(t.Context(), hot).Kind)
	require.Equal(t, 1, there.moved)
	require.Equal(t, gcc, there.place.ServiceURL)
	require.Equal(t, channel.Conversation, there.place.Conversation)
	require.Equal(t, teams.Delivered, s.Edit(t.Context(), thread, hot).Kind)
	require.Len(t, teamsSide.all, 3, "from then on it goes there at once")
	require.Equal(t, 1, there.moved)
}

func TestAConversationThatIsNowhereIsTriedTwice(t *testing.T) {
	teamsSide := &connector{answer: func(int, asked) (*http.Response, error) { return failing(403, "InvalidBotApiHost"), nil }}
	there := &stored{place: chat}
	o := there.sender(client(t, teamsSide)).Send(t.Context(), hot)
	require.Equal(t, teams.GiveUp, o.Kind)
	require.Contains(t, o.Message, "microsoft.cloud")
	require.Zero(t, there.moved, "a place that is wrong too must not be stored over one that an activity named")
	require.Len(t, teamsSide.all, 2)
	require.True(t, strings.HasPrefix(teamsSide.all[1].url, gcc))

	teamsSide.all = nil
	o = at(t, teamsSide, with(chat, func(p *botframework.Place) { p.ServiceURL = gcc })).Send(t.Context(), hot)
	require.Equal(t, teams.GiveUp, o.Kind)
	require.Len(t, teamsSide.all, 1, "it is there already")
}

func TestAPersonalConversationThatIsGoneIsMadeAnew(t *testing.T) {
	teamsSide := &connector{answer: func(_ int, r asked) (*http.Response, error) {
		if strings.Contains(r.url, "a:1xyz") {
			return failing(404, "ConversationNotFound"), nil
		}
		return nil, nil
	}}
	there := &stored{place: personal}
	s := there.sender(client(t, teamsSide))
	o := s.Send(t.Context(), hot)
	require.Equal(t, teams.Delivered, o.Kind, o.Message)
	require.Equal(t, "a:1new", there.place.Conversation, "what is stored leads there from now on")
	require.Len(t, teamsSide.all, 3)
	require.JSONEq(t, `{"bot":{"id":"28:`+app+`"},"isGroup":false,"members":[{"id":"29:alice"}],"tenantId":"`+tenant+`","channelData":{"tenant":{"id":"`+tenant+`"}}}`, teamsSide.all[1].body)
	require.Equal(t, strings.TrimSuffix(service, "/")+"/v3/conversations/a:1new/activities", teamsSide.all[2].url)
	require.Equal(t, botframework.AddressID("a:1new"), o.Address, "nobody would know where the message is that may have to be changed")
	require.Empty(t, s.Send(t.Context(), hot).Address, "the next one is where it is expected")

	there.place = personal
	o = s.Edit(t.Context(), "7", hot)
	require.True(t, o.Gone, "the message went with its conversation")
}

func TestAConversationThatCannotBeMadeAnew(t *testing.T) {
	nobody := with(personal, func(p *botframework.Place) { p.User = "" })
	for name, c := range map[string]struct {
		place  botframework.Place
		open   func(int, asked) (*http.Response, error)
		reason teams.Reason
	}{
		"nobody knows with whom":            {nobody, nil, teams.NotFound},
		"a chat is nobody's":                {chat, nil, teams.NotFound},
		"a channel is nobody's":             {channel, nil, teams.NotFound},
		"the app is not installed any more": {personal, func(int, asked) (*http.Response, error) { return failing(403, "ForbiddenOperationException"), nil }, teams.NotInstalled},
		"the same one comes back":           {personal, func(int, asked) (*http.Response, error) { return answering(201, `{"id":"a:1xyz"}`), nil }, teams.NotFound},
		"Teams does not say which":          {personal, func(int, asked) (*http.Response, error) { return answering(201, `{}`), nil }, teams.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			teamsSide := &connector{answer: func(n int, r asked) (*http.Response, error) {
				if strings.HasSuffix(r.url, "/v3/conversations") && c.open != nil {
					return c.open(n, r)
				}
				return failing(404, "ConversationNotFound"), nil
			}}
			there := &stored{place: c.place}
			require.Equal(t, c.reason, there.sender(client(t, teamsSide)).Send(t.Context(), hot).Reason)
			require.LessOrEqual(t, len(teamsSide.all), 3, "no going round in circles")
			require.Equal(t, c.place, there.place)
		})
	}
}

func TestAPersonIsWrittenToForTheFirstTime(t *testing.T) {
	teamsSide := &connector{}
	there := &stored{place: botframework.Place{User: "bbbbbbbb-0000-0000-0000-000000000000"}} // an Entra object id
	s := there.sender(client(t, teamsSide))
	require.Equal(t, teams.Delivered, s.Send(t.Context(), hot).Kind)
	require.Equal(t, "https://smba.trafficmanager.net/teams/v3/conversations", teamsSide.all[0].url)
	require.Contains(t, teamsSide.all[0].body, `"members":[{"id":"bbbbbbbb-0000-0000-0000-000000000000"}]`)
	require.Equal(t, "a:1new", there.place.Conversation)
	require.Equal(t, botframework.Personal, there.place.Kind)

	place, err := client(t, teamsSide).Open(t.Context(), botframework.Place{User: "29:bob"})
	require.NoError(t, err)
	require.Equal(t, "a:1new", place.Conversation)
}

func TestTeamsSaysWhereAConversationGoesOn(t *testing.T) {
	for serviceURL, want := range map[string]string{
		"https://smba.trafficmanager.net/apac/": "https://smba.trafficmanager.net/apac/",
		"https://smba.trafficmanager.net/emea":  service, // the same
		"https://evil.example/":                 service,
		"":                                      service,
	} {
		teamsSide := &connector{answer: func(int, asked) (*http.Response, error) {
			return answering(201, fmt.Sprintf(`{"id":"19:abc@thread.tacv2;messageid=17","activityId":"17","serviceUrl":%q}`, serviceURL)), nil
		}}
		there := &stored{place: channel}
		require.Equal(t, teams.Delivered, there.sender(client(t, teamsSide)).Send(t.Context(), hot).Kind)
		require.Equal(t, want, there.place.ServiceURL)
	}
}
