package botframework_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// cardJSON is the activity that shows hot; more follows the attachments.
func cardJSON(more string) string {
	return `{"type":"message","summary":"r1 is <hot> & loud","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":` + string(hot.Card) + `}]` + more + `}`
}

const alert = `,"channelData":{"notification":{"alert":true}}`

// What goes over the wire (teams-platform §2.3 to §2.7).
func TestWhatGoesOverTheWire(t *testing.T) {
	for name, c := range map[string]struct {
		place    botframework.Place
		do       func(*botframework.Sender) teams.Outcome
		asks     string // method and path
		body     string // JSON; "": none
		messages string // the id that comes back
	}{
		"a new card in a channel begins a thread": {
			channel, func(s *botframework.Sender) teams.Outcome { return s.Send(context.Background(), hot) },
			"POST /v3/conversations",
			`{"isGroup":true,"bot":{"id":"28:` + app + `"},"tenantId":"` + tenant + `","channelData":{"channel":{"id":"19:abc@thread.tacv2"},"tenant":{"id":"` + tenant + `"}},"activity":` + cardJSON("") + `}`,
			"1700000000001",
		},
		"a new card in a chat comes at its end and alerts people": {
			chat, func(s *botframework.Sender) teams.Outcome { return s.Send(context.Background(), hot) },
			"POST /v3/conversations/19:def@thread.v2/activities", cardJSON(alert), "1700000000001",
		},
		"a new card to a person": {
			personal, func(s *botframework.Sender) teams.Outcome { return s.Send(context.Background(), hot) },
			"POST /v3/conversations/a:1xyz/activities", cardJSON(alert), "1700000000001",
		},
		"a call in a channel is a reply in the thread": {
			channel, func(s *botframework.Sender) teams.Outcome { return s.Call(context.Background(), thread, hot) },
			"POST /v3/conversations/19:abc@thread.tacv2%3Bmessageid=" + thread + "/activities", cardJSON(""), "1700000000001",
		},
		"a call in a chat is a new message": {
			chat, func(s *botframework.Sender) teams.Outcome { return s.Call(context.Background(), thread, hot) },
			"POST /v3/conversations/19:def@thread.v2/activities", cardJSON(alert), "1700000000001",
		},
		"an edit in a channel": {
			channel, func(s *botframework.Sender) teams.Outcome { return s.Edit(context.Background(), thread, hot) },
			"PUT /v3/conversations/19:abc@thread.tacv2%3Bmessageid=" + thread + "/activities/" + thread, cardJSON(""), "",
		},
		"an edit in a chat": {
			chat, func(s *botframework.Sender) teams.Outcome { return s.Edit(context.Background(), "1:a/b?c", hot) },
			"PUT /v3/conversations/19:def@thread.v2/activities/1:a%2Fb%3Fc", cardJSON(""), "",
		},
		"a conversation that came with its thread": {
			with(channel, func(p *botframework.Place) { p.Conversation += ";messageid=1" }),
			func(s *botframework.Sender) teams.Outcome { return s.Call(context.Background(), thread, hot) },
			"POST /v3/conversations/19:abc@thread.tacv2%3Bmessageid=" + thread + "/activities", cardJSON(""), "1700000000001",
		},
		"an answer in words, in the thread where somebody asked": {
			channel, func(s *botframework.Sender) teams.Outcome {
				alice := botframework.Mention{ID: "29:alice", Name: "Alice <Ops> & Co"}
				return s.Say(context.Background(), thread, botframework.Text{Markdown: alice.Text() + " has **3** alerts", Mentions: []botframework.Mention{alice}})
			},
			"POST /v3/conversations/19:abc@thread.tacv2%3Bmessageid=" + thread + "/activities",
			`{"type":"message","text":"<at>Alice &lt;Ops&gt; &amp; Co</at> has **3** alerts","textFormat":"markdown","entities":[{"type":"mention","text":"<at>Alice &lt;Ops&gt; &amp; Co</at>","mentioned":{"id":"29:alice","name":"Alice <Ops> & Co"}}]}`,
			"1700000000001",
		},
		"an answer in words to a person": {
			personal, func(s *botframework.Sender) teams.Outcome {
				return s.Say(context.Background(), "", botframework.Text{Markdown: "hello"})
			},
			"POST /v3/conversations/a:1xyz/activities", `{"type":"message","text":"hello","textFormat":"markdown"}`, "1700000000001",
		},
		"a deletion": {
			channel, func(s *botframework.Sender) teams.Outcome { return s.Delete(context.Background(), thread) },
			"DELETE /v3/conversations/19:abc@thread.tacv2%3Bmessageid=" + thread + "/activities/" + thread, "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			teamsSide := &connector{}
			o := c.do(at(t, teamsSide, c.place))
			require.Equal(t, teams.Delivered, o.Kind, o.Message)
			require.Empty(t, o.Message)
			require.Len(t, teamsSide.all, 1)
			got := teamsSide.all[0]
			method, path, _ := strings.Cut(c.asks, " ")
			require.Equal(t, method, got.method)
			require.Equal(t, strings.TrimSuffix(service, "/")+path, got.url)
			require.Equal(t, "token-1", got.token)
			if c.body == "" {
				require.Empty(t, got.body)
			} else {
				require.JSONEq(t, c.body, got.body)
				require.Equal(t, "application/json; charset=utf-8", got.header.Get("Content-Type"))
			}
			if c.messages != "" {
				require.Equal(t, c.messages, o.MessageID)
			}
		})
	}
}

func with(p botframework.Place, change func(*botframework.Place)) botframework.Place {
	change(&p)
	return p
}

// Teams makes two messages of a text with a card and tells no id, so the card
// could never be changed (teams-platform §2.6).
func TestACardNeverComesWithAText(t *testing.T) {
	for _, m := range []card.Message{hot, {Card: hot.Card}} {
		var activity map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(botframework.Envelope(m), &activity))
		require.NotContains(t, activity, "text")
		require.Equal(t, m.Summary != "", activity["summary"] != nil)
		require.Contains(t, string(botframework.Envelope(m)), string(m.Card), "what was measured is what is sent")
	}
	envelope := len(botframework.Envelope(card.Message{Card: []byte("{}")})) + len(alert)
	require.Less(t, 2*envelope, card.BotLimit.Overhead, "the limit leaves room for what goes around a card")
}

func TestAPlaceThatLeavesMuchToUs(t *testing.T) {
	teamsSide := &connector{}
	o := at(t, teamsSide, botframework.Place{Conversation: "19:abc@thread.tacv2", Kind: botframework.Channel}).Send(t.Context(), hot)
	require.Equal(t, teams.Delivered, o.Kind, o.Message)
	require.Equal(t, "https://smba.trafficmanager.net/teams/v3/conversations", teamsSide.all[0].url, "a channel that no activity came from yet")
	require.Contains(t, teamsSide.all[0].body, `"bot":{"id":"28:`+app+`"}`)
	require.Contains(t, teamsSide.all[0].body, `"tenantId":"`+tenant+`"`)
}

func TestABotOfAllTenantsNamesTheOneThatItKnows(t *testing.T) {
	teamsSide := &connector{}
	b, err := botframework.New(auth.Config{AppID: app, InsecureLocal: true, Transport: teamsSide})
	require.NoError(t, err)
	local := with(channel, func(p *botframework.Place) { p.ServiceURL = "http://localhost/emea/" })
	to(b, local).Send(t.Context(), hot)
	require.Contains(t, teamsSide.all[0].body, `"tenantId":"`+tenant+`"`)
	to(b, with(local, func(p *botframework.Place) { p.Tenant = "" })).Send(t.Context(), hot)
	require.NotContains(t, teamsSide.all[1].body, "enant", "an empty tenant is a wrong one")
}

func TestInsecureLocalSendsNoToken(t *testing.T) {
	teamsSide := &connector{}
	b, err := botframework.New(auth.Config{AppID: app, InsecureLocal: true, Transport: teamsSide})
	require.NoError(t, err)
	local := with(chat, func(p *botframework.Place) { p.ServiceURL = "http://localhost:56150/_connector" })
	require.Equal(t, teams.Delivered, to(b, local).Send(t.Context(), hot).Kind)
	require.NotContains(t, teamsSide.all[0].header, "Authorization")
	require.Equal(t, "http://localhost:56150/_connector/v3/conversations/19:def@thread.v2/activities", teamsSide.all[0].url)
	require.Zero(t, teamsSide.tokens)
}

func TestNamesOfAddressesAndDestinations(t *testing.T) {
	require.Equal(t, "bot:19:abc@thread.tacv2", botframework.AddressID("19:abc@thread.tacv2"))
	require.Equal(t, "bot:19:abc@thread.tacv2", botframework.AddressID("19:abc@thread.tacv2;messageid=17"), "all threads of a channel are one address")
	require.Equal(t, botframework.DestinationOf("19:abc@thread.tacv2"), botframework.DestinationOf("19:abc@thread.tacv2;messageid=17"))
	require.NotEqual(t, botframework.DestinationOf("19:abc@thread.tacv2"), botframework.DestinationOf("19:abd@thread.tacv2"))
	require.Regexp(t, `^conversation-[0-9a-f]{10}$`, botframework.DestinationOf("a:1"))

	for conversation, want := range map[string][2]string{
		"19:abc@thread.tacv2":                        {"19:abc@thread.tacv2", ""},
		"19:abc@thread.tacv2;messageid=17":           {"19:abc@thread.tacv2", "17"},
		"19:abc@thread.tacv2;messageid=":             {"19:abc@thread.tacv2", ""},
		"channel-announcements-id;messageid=1700001": {"channel-announcements-id", "1700001"},
		"": {"", ""},
	} {
		bare, root := botframework.Thread(conversation)
		require.Equal(t, want, [2]string{bare, root}, conversation)
	}
}

func TestLinksToMessages(t *testing.T) {
	grouped := with(channel, func(p *botframework.Place) { p.Group = "gggg" })
	at := func(p botframework.Place, serviceURL string) botframework.Place {
		return with(p, func(p *botframework.Place) { p.ServiceURL = serviceURL })
	}
	for want, p := range map[string]botframework.Place{
		"https://teams.microsoft.com/l/message/19:abc@thread.tacv2/17?groupId=gggg&parentMessageId=17&tenantId=" + tenant: grouped,
		"https://teams.microsoft.com/l/message/19:abc@thread.tacv2/17?parentMessageId=17&tenantId=" + tenant:              channel,
		"https://teams.microsoft.com/l/message/19:def@thread.v2/17?context=%7B%22contextType%22%3A%22chat%22%7D":          chat,
		"https://gov.teams.microsoft.us/l/message/19:def@thread.v2/17?context=%7B%22contextType%22%3A%22chat%22%7D":       at(chat, "https://smba.infra.gov.teams.microsoft.us/teams"),
		"https://dod.teams.microsoft.us/l/message/19:def@thread.v2/17?context=%7B%22contextType%22%3A%22chat%22%7D":       at(chat, "https://smba.infra.dod.teams.microsoft.us/teams"),
		"https://teams.microsoftonline.cn/l/message/19:def@thread.v2/17?context=%7B%22contextType%22%3A%22chat%22%7D":     at(chat, "https://smba.infra.teams.microsoftonline.cn/teams"),
	} {
		require.Equal(t, want, botframework.Link(p, "17"))
	}
	require.Empty(t, botframework.Link(personal, "17"), "the id of a personal chat with a bot means nothing to people's Teams")
	require.Empty(t, botframework.Link(channel, ""))
}

func TestWhatIsFoundDecides(t *testing.T) {
	teamsSide := &connector{}
	b := client(t, teamsSide)
	find := func(err error) *botframework.Sender {
		return b.At(func(context.Context) (botframework.Place, error) { return botframework.Place{}, err }, nil)
	}
	o := find(&botframework.Error{Outcome: teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotInstalled, Message: "removed"}}).Send(t.Context(), hot)
	require.Equal(t, teams.NotInstalled, o.Reason)
	o = find(fmt.Errorf("the disk is full")).Send(t.Context(), hot)
	require.Equal(t, teams.Retry, o.Kind)
	require.Contains(t, o.Message, "the disk is full")
	o = find(nil).Send(t.Context(), hot)
	require.Equal(t, teams.NotFound, o.Reason, "nobody knows whom to write to")
	require.Empty(t, teamsSide.all)
}
