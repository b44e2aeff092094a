package teamstest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

const alerts = "/v3/conversations/" + teamstest.Alerts

// installed is a simulated Teams with the bot in all places.
func installed(t *testing.T, o teamstest.Bot) *teamstest.Server {
	t.Helper()
	o.Endpoint = startBot(t).endpoint
	s := teamstest.New(teamstest.Options{Bot: o})
	require.NoError(t, s.InstallEverywhere(t.Context()))
	return s
}

// createChat is the request that makes the bot's chat with a user.
func createChat(user string) map[string]any {
	return map[string]any{"bot": map[string]any{"id": "28:" + teamstest.DefaultAppID}, "members": []any{map[string]any{"id": user}}, "tenantId": teamstest.DefaultTenant}
}

// code is the error's code in an answer of the connector.
func code(answer map[string]any) string {
	text, _ := in(answer, "error", "code").(string)
	return text
}

// Each answer of the connector that a bot has to tell apart (teams-platform
// §2.3 to §2.6, §3.3).
func TestTheConnectorAnswersAsMicrosofts(t *testing.T) {
	alice := teamstest.New(teamstest.Options{}).As("Alice")
	thread := func(channel string) map[string]any {
		return map[string]any{"isGroup": true, "tenantId": teamstest.DefaultTenant, "activity": ackCard(),
			"channelData": map[string]any{"channel": map[string]any{"id": channel}}}
	}
	large := cardActivity(textBlock(strings.Repeat("x", 52<<10))) // 52 K letters are 104 KB of UTF-16
	photo := cardActivity(map[string]any{"type": "Image", "url": "data:image/png;base64," + strings.Repeat("A", 200<<10)})
	for name, c := range map[string]struct {
		before       func(*teamstest.Server)
		method, path string
		body         any
		status       int
		code         string
	}{
		"a user's chat, by the id that bots see":      {nil, "POST", "/v3/conversations", createChat(alice.ID), 201, ""},
		"a user's chat, by object id":                 {nil, "POST", "/v3/conversations", createChat(alice.ObjectID), 201, ""},
		"a user's chat, by principal name":            {nil, "POST", "/v3/conversations", createChat(alice.UPN), 403, "ForbiddenOperationException"},
		"a stranger's chat":                           {nil, "POST", "/v3/conversations", createChat("29:stranger"), 403, "ForbiddenOperationException"},
		"a chat where the app is not installed":       {func(s *teamstest.Server) { uninstall(t, s, s.PersonalChat("Alice")) }, "POST", "/v3/conversations", createChat(alice.ID), 403, "ForbiddenOperationException"},
		"a chat in another tenant":                    {nil, "POST", "/v3/conversations", map[string]any{"members": []any{map[string]any{"id": alice.ID}}, "tenantId": "other"}, 400, "BadArgument"},
		"a chat with nobody":                          {nil, "POST", "/v3/conversations", map[string]any{"tenantId": teamstest.DefaultTenant}, 400, "BadArgument"},
		"a thread in a channel that there is not":     {nil, "POST", "/v3/conversations", thread("19:no@thread.tacv2"), 404, "ConversationNotFound"},
		"a thread in a team without the bot":          {func(s *teamstest.Server) { uninstall(t, s, teamstest.Alerts) }, "POST", "/v3/conversations", thread(teamstest.Alerts), 403, "BotNotInConversationRoster"},
		"a post to a channel":                         {nil, "POST", alerts + "/activities", ackCard(), 201, ""},
		"a post to a conversation that there is not":  {nil, "POST", "/v3/conversations/19:no@thread.v2/activities", ackCard(), 404, "ConversationNotFound"},
		"a chat with somebody who blocked the bot":    {func(s *teamstest.Server) { s.As("Alice").Block() }, "POST", "/v3/conversations", createChat(alice.ID), 403, "ConversationBlockedByUser"},
		"a reply in a thread that there is not":       {nil, "POST", alerts + ";messageid=1/activities", ackCard(), 404, "ActivityNotFoundInConversation"},
		"an edit of what is not there":                {nil, "PUT", alerts + "/activities/1", ackCard(), 404, "ActivityNotFoundInConversation"},
		"a deletion of what is not there":             {nil, "DELETE", alerts + "/activities/1", nil, 404, "ActivityNotFoundInConversation"},
		"an activity of a type that there is not":     {nil, "POST", alerts + "/activities", map[string]any{"type": "greeting"}, 400, "BadArgument"},
		"an empty message":                            {nil, "POST", alerts + "/activities", map[string]any{"type": "message"}, 400, "BadArgument"},
		"typing":                                      {nil, "POST", alerts + "/activities", map[string]any{"type": "typing"}, 202, ""},
		"a message of more than 100 KB in UTF-16":     {nil, "POST", alerts + "/activities", large, 413, "MessageSizeTooBig"},
		"a large picture, which is not counted":       {nil, "POST", alerts + "/activities", photo, 201, ""},
		"a member who is not there":                   {nil, "GET", alerts + "/members/29:stranger", nil, 404, "MemberNotFoundInConversation"},
		"members of a team without the bot":           {func(s *teamstest.Server) { uninstall(t, s, teamstest.Alerts) }, "GET", alerts + "/pagedmembers", nil, 403, "BotNotInConversationRoster"},
		"a token for a page that is not ours":         {nil, "GET", alerts + "/pagedmembers?continuationToken=x", nil, 400, "BadArgument"},
		"a team that is only a channel":               {nil, "GET", "/v3/teams/" + teamstest.Alerts, nil, 404, "ConversationNotFound"},
		"an operation that there is not":              {nil, "PATCH", alerts, nil, 404, "NotFound"},
		"an administrator who forbids it":             {faulty(teamstest.Fault{Code: "BotDisabledByAdmin"}), "POST", alerts + "/activities", ackCard(), 403, "BotDisabledByAdmin"},
		"the wrong host for a GCC tenant":             {faulty(teamstest.Fault{Code: "InvalidBotApiHost"}), "POST", alerts + "/activities", ackCard(), 403, "InvalidBotApiHost"},
		"a permission that is missing":                {faulty(teamstest.Fault{Code: "NotEnoughPermissions"}), "POST", alerts + "/activities", ackCard(), 403, "NotEnoughPermissions"},
		"a status alone gets the code that goes with": {faulty(teamstest.Fault{Status: 412}), "POST", alerts + "/activities", ackCard(), 412, "PreconditionFailed"},
		"a gateway's answer is a page and no JSON":    {faulty(teamstest.Fault{Status: 503}), "POST", alerts + "/activities", ackCard(), 503, ""},
		"a fault of the whole connector":              {func(s *teamstest.Server) { s.BotFault(teamstest.Connector, teamstest.Fault{Code: "ServiceError"}) }, "GET", alerts + "/members", nil, 500, "ServiceError"},
	} {
		t.Run(name, func(t *testing.T) {
			s := installed(t, teamstest.Bot{})
			if c.before != nil {
				c.before(s)
			}
			status, answer := connector(t, s, c.method, c.path, c.body)
			require.Equal(t, c.status, status, "%v", answer)
			require.Equal(t, c.code, code(answer))
			if status == 201 && c.method == "POST" {
				require.NotEmpty(t, answer["id"])
			} else {
				require.Empty(t, s.Posted(""), "what is refused is not shown")
			}
		})
	}
}

func faulty(f teamstest.Fault) func(*teamstest.Server) {
	return func(s *teamstest.Server) { s.BotFault(teamstest.Alerts, f) }
}

func uninstall(t *testing.T, s *teamstest.Server, conversation string) {
	t.Helper()
	_, err := s.As("Alice").Uninstall(t.Context(), conversation)
	require.NoError(t, err)
}

// Who has taken the app away, or has blocked the bot, gives the one error of
// another shape, with JSON inside of a string.
func TestAPersonWithoutTheAppBlocksWritesInTheirOwnWay(t *testing.T) {
	for name, does := range map[string]func(*teamstest.Server){
		"the app is taken away": func(s *teamstest.Server) { uninstall(t, s, s.PersonalChat("Alice")) },
		"the bot is blocked":    func(s *teamstest.Server) { s.As("Alice").Block() },
	} {
		t.Run(name, func(t *testing.T) {
			s := installed(t, teamstest.Bot{})
			does(s)
			status, answer := connector(t, s, "POST", "/v3/conversations/"+s.PersonalChat("Alice")+"/activities", ackCard())
			require.Equal(t, 403, status)
			require.Equal(t, 209.0, answer["errorCode"])
			require.Contains(t, answer["message"], `"subCode":"MessageWritesBlocked"`)
			require.NotContains(t, answer, "error")
		})
	}
}

// A bot that guesses the id of a chat that has not begun gets nowhere.
func TestAChatThatHasNotBegunIsNotThere(t *testing.T) {
	s := teamstest.New(teamstest.Options{})
	status, answer := connector(t, s, "POST", "/v3/conversations/"+s.PersonalChat("Alice")+"/activities", ackCard())
	require.Equal(t, 404, status)
	require.Equal(t, "ConversationNotFound", code(answer))
}

// One card that is edited and replied to: what tests of the whole way look at.
func TestAThreadHoldsTheCardAndWhatIsRepliedToIt(t *testing.T) {
	s := installed(t, teamstest.Bot{})
	m := thread(t, s, teamstest.Alerts, ackCard())
	for _, id := range []string{m.Conversation + ";messageid=" + m.MessageID, m.Conversation + "%3Bmessageid%3D" + m.MessageID} {
		status, _ := connector(t, s, "POST", "/v3/conversations/"+id+"/activities", map[string]any{"type": "message", "text": "still hot"})
		require.Equal(t, 201, status, "an id in a path may be escaped or not")
	}
	status, answer := connector(t, s, "PUT", alerts+"/activities/"+m.MessageID, cardActivity(textBlock("resolved")))
	require.Equal(t, 200, status)
	require.Equal(t, m.MessageID, answer["id"])
	_, err := s.As("Bob").React(t.Context(), m, "like")
	require.NoError(t, err)

	c, ok := s.Conversation(teamstest.Alerts)
	require.True(t, ok)
	require.Len(t, c.Threads, 1)
	require.Len(t, c.Threads[0].Messages, 3)
	first := c.Threads[0].First()
	require.Contains(t, string(first.Card), "resolved")
	require.Equal(t, 1, first.Edited)
	require.Equal(t, 2, first.Replies)
	require.Equal(t, map[string][]string{"like": {"Bob Brown"}}, first.Reactions)

	_, body := call(t, "GET", listen(t, s)+"/messages?conversation="+teamstest.Alerts, "")
	require.Contains(t, body, `"message_id": "`+m.MessageID+`"`)
	require.Contains(t, body, `"replies": 2`)

	s.Delete(m)
	status, answer = connector(t, s, "PUT", alerts+"/activities/"+m.MessageID, ackCard())
	require.Equal(t, 404, status, "what an owner deleted cannot be edited: %v", answer)
}

// Teams makes two messages of text and card, and then tells no id: a bot that
// sends both can never edit its card.
func TestTextAndCardTogetherAreSplitAndNoIDComesBack(t *testing.T) {
	s := installed(t, teamstest.Bot{})
	both := ackCard()
	both["text"] = "look"
	status, answer := connector(t, s, "POST", alerts+"/activities", both)
	require.Equal(t, 201, status)
	require.Empty(t, answer)
	require.Len(t, s.Posted(teamstest.Alerts), 2)
}

func TestMembersComeInPages(t *testing.T) {
	s := installed(t, teamstest.Bot{})
	for i := range 120 {
		s.AddUser(teamstest.User{Name: fmt.Sprintf("Person %d", i)})
	}
	var all []any
	for token, pages := "", 0; pages == 0 || token != ""; pages++ {
		status, page := connector(t, s, "GET", alerts+"/pagedmembers?pageSize=50&continuationToken="+strings.ReplaceAll(token, "+", "%2B"), nil)
		require.Equal(t, 200, status)
		members := page["members"].([]any)
		require.LessOrEqual(t, len(members), 50)
		all = append(all, members...)
		token, _ = page["continuationToken"].(string)
		require.Less(t, pages, 5, "the pages do not end")
	}
	require.Len(t, all, 123)
	for _, field := range []string{"id", "aadObjectId", "name", "userPrincipalName", "email", "tenantId"} {
		require.Contains(t, all[0], field)
	}
}

func TestATeamTellsItsChannelsAndGeneralHasNoName(t *testing.T) {
	s := installed(t, teamstest.Bot{})
	_, team := connector(t, s, "GET", "/v3/teams/"+teamstest.Team, nil)
	require.Equal(t, "Operations", team["name"])
	require.NotEmpty(t, team["aadGroupId"])
	_, list := connector(t, s, "GET", "/v3/teams/"+teamstest.Team+"/conversations", nil)
	require.Equal(t, []any{map[string]any{"id": teamstest.General}, map[string]any{"id": teamstest.Alerts, "name": "Alerts"}}, list["conversations"])
}

// The service answers 412 to a bot that writes to one conversation twice at
// once: only a bot that waits its turn never sees it.
func TestTwoWritesAtOnceToOneConversationAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Client: noBot}})
		s.Meet("http://127.0.0.1/api/messages")
		require.NoError(t, s.InstallEverywhere(t.Context()))
		s.BotFault(teamstest.Alerts, teamstest.Fault{Latency: time.Minute})
		first := make(chan int)
		go func() {
			status, _ := connector(t, s, "POST", alerts+"/activities", ackCard())
			first <- status
		}()
		synctest.Wait() // the first is under way
		status, answer := connector(t, s, "POST", alerts+"/activities", ackCard())
		require.Equal(t, 412, status, "%v", answer)
		status, _ = connector(t, s, "POST", "/v3/conversations/"+teamstest.General+"/activities", ackCard())
		require.Equal(t, 201, status, "another conversation is another matter")
		status, _ = connector(t, s, "GET", alerts+"/members", nil)
		require.Equal(t, 200, status, "who only reads does not disturb")
		require.Equal(t, 201, <-first)
		status, _ = connector(t, s, "POST", alerts+"/activities", ackCard())
		require.Equal(t, 201, status)
	})
}

// noBot is a client of a bot that answers 200 to everything, without sockets.
var noBot = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(nil)), Header: http.Header{}}, nil
})}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTheRealLimitsHoldForEachConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Client: noBot, Endpoint: "http://127.0.0.1/", Throttle: teamstest.RealBotThrottle}})
		require.NoError(t, s.InstallEverywhere(t.Context()))
		post := func(conversation string) int {
			status, _ := connector(t, s, "POST", "/v3/conversations/"+conversation+"/activities", ackCard())
			return status
		}
		for range 7 {
			require.Equal(t, 201, post(teamstest.Alerts))
		}
		require.Equal(t, 429, post(teamstest.Alerts), "7 in a second (teams-platform §3.1)")
		require.Equal(t, 201, post(teamstest.General))
		time.Sleep(time.Second) // the bubble's clock
		require.Equal(t, 201, post(teamstest.Alerts))
		require.Equal(t, 429, post(teamstest.Alerts), "8 in two seconds")
	})
}

func TestACutAnswerLeavesTheMessage(t *testing.T) {
	s := installed(t, teamstest.Bot{})
	for cut, shown := range map[teamstest.Cut]int{teamstest.CutBefore: 0, teamstest.CutAfter: 1} {
		s.Clear()
		s.BotFault(teamstest.Alerts, teamstest.Fault{Cut: cut})
		body := strings.NewReader(`{"type": "message", "text": "hot"}`)
		r, err := http.NewRequestWithContext(t.Context(), "POST", "https://smba.trafficmanager.net/emea"+alerts+"/activities", body)
		require.NoError(t, err)
		_, err = s.Transport().RoundTrip(r)
		require.Error(t, err)
		require.Len(t, s.Posted(""), shown, cut)
		status, _ := connector(t, s, "POST", alerts+"/activities", ackCard())
		require.Equal(t, 201, status, "the conversation is free again")
	}
}

func TestTheConnectorMayDenyWhatIsShown(t *testing.T) {
	s := installed(t, teamstest.Bot{})
	s.BotFault(teamstest.Alerts, teamstest.Fault{Status: 503, Shown: true})
	status, _ := connector(t, s, "POST", alerts+"/activities", ackCard())
	require.Equal(t, 503, status)
	require.Len(t, s.Posted(teamstest.Alerts), 1, "people see it, whatever was answered")
}

func TestFaultsOfTheBotOverHTTP(t *testing.T) {
	for name, c := range map[string]struct {
		body, says string
		status     int
	}{
		"of a conversation":              {`{"conversation":"` + teamstest.Alerts + `","faults":[{"code":"BotDisabledByAdmin","times":2}]}`, "", 204},
		"of a thread's conversation":     {`{"conversation":"` + teamstest.Alerts + `;messageid=1","faults":[{"status":412}]}`, "", 204},
		"of a service":                   {`{"service":"sign-in","faults":[{"code":"AADSTS7000222"}]}`, "", 204},
		"of a conversation that is none": {`{"conversation":"ops","faults":[{"status":412}]}`, "GET /bot", 400},
		"of a service that is none":      {`{"service":"weather","faults":[{"status":412}]}`, "sign-in", 400},
	} {
		t.Run(name, func(t *testing.T) {
			s := teamstest.New(teamstest.Options{})
			status, said := call(t, "POST", listen(t, s)+"/faults", c.body)
			require.Equal(t, c.status, status, said)
			require.Contains(t, said, c.says)
			require.Equal(t, c.status == 204, len(s.Faults()) == 1)
		})
	}
}
