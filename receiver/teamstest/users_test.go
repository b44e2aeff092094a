package teamstest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// fakeBot is a bot that remembers what it is told and answers as it is told.
type fakeBot struct {
	mu       sync.Mutex
	heard    []map[string]any
	tokens   []string
	answer   string
	endpoint string
	more     chan struct{} // closed and made anew when something is heard
}

func startBot(t *testing.T) *fakeBot {
	t.Helper()
	b := &fakeBot{more: make(chan struct{})}
	l := httptest.NewServer(b)
	t.Cleanup(l.Close)
	b.endpoint = l.URL + "/api/messages"
	return b
}

// botInside is a bot without sockets, for testing/synctest.
func botInside() (*fakeBot, teamstest.Bot) {
	b := &fakeBot{more: make(chan struct{})}
	return b, teamstest.Bot{Endpoint: "http://bot.test/api/messages", Client: &http.Client{Transport: b}}
}

// RoundTrip implements http.RoundTripper.
func (b *fakeBot) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w.Result(), nil
}

// ServeHTTP implements http.Handler.
func (b *fakeBot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var activity map[string]any
	if err := json.Unmarshal(body, &activity); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = append(b.heard, activity)
	close(b.more)
	b.more = make(chan struct{})
	b.tokens = append(b.tokens, strings.Join(r.Header.Values("Authorization"), ","))
	_, _ = io.WriteString(w, b.answer)
}

// kinds are the kinds of what the bot heard, in order, in short.
func (b *fakeBot) kinds() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := []string{}
	for _, activity := range b.heard {
		kind := activity["type"].(string)
		if action, ok := activity["action"].(string); ok {
			kind += " " + action
		}
		for _, what := range []string{"membersAdded", "membersRemoved"} {
			if _, there := activity[what]; there {
				kind += " " + what
			}
		}
		found = append(found, kind)
	}
	return found
}

// hears waits until the bot has heard n activities, and returns all.
func (b *fakeBot) hears(t *testing.T, n int) []map[string]any {
	t.Helper()
	for {
		b.mu.Lock()
		heard, more := slices.Clone(b.heard), b.more
		b.mu.Unlock()
		if len(heard) >= n {
			return heard
		}
		select {
		case <-more:
		case <-t.Context().Done():
			require.Fail(t, "the bot was not told enough")
		}
	}
}

// last is what the bot heard last.
func (b *fakeBot) last(t *testing.T) map[string]any {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.NotEmpty(t, b.heard)
	return b.heard[len(b.heard)-1]
}

// await waits until somebody has said this, and returns the activity.
func (b *fakeBot) await(t *testing.T, text string) map[string]any {
	t.Helper()
	for {
		b.mu.Lock()
		at := slices.IndexFunc(b.heard, func(a map[string]any) bool { return a["text"] == text })
		more := b.more
		if at >= 0 {
			defer b.mu.Unlock()
			return b.heard[at]
		}
		b.mu.Unlock()
		select {
		case <-more:
		case <-t.Context().Done():
			require.Fail(t, "nobody said "+text)
		}
	}
}

// in follows names into an object.
func in(value any, path ...string) any {
	for _, name := range path {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// connector calls an operation of the connector over the server's Transport.
func connector(t *testing.T, s *teamstest.Server, method, path string, body any, headers ...string) (int, map[string]any) {
	t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(s.ServiceURL(), "/")+path, strings.NewReader(string(raw)))
	require.NoError(t, err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	a, err := s.Transport().RoundTrip(r)
	require.NoError(t, err)
	text, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	var answer map[string]any
	_ = json.Unmarshal(text, &answer) // what is not JSON is looked at by its status
	return a.StatusCode, answer
}

// cardActivity is a message with a card with the elements.
func cardActivity(elements ...any) map[string]any {
	return map[string]any{"type": "message", "summary": "a summary", "attachments": []any{map[string]any{
		"contentType": "application/vnd.microsoft.card.adaptive",
		"content":     map[string]any{"type": "AdaptiveCard", "version": "1.5", "body": elements},
	}}}
}

// ackCard is a card with an input and a button.
func ackCard() map[string]any {
	data := map[string]any{"verb": "ack", "group": 7}
	return cardActivity(textBlock("hot"),
		map[string]any{"type": "Input.Text", "id": "comment", "value": ""},
		map[string]any{"type": "ActionSet", "actions": []any{map[string]any{
			"type": "Action.Execute", "title": "Acknowledge", "verb": "ack", "data": data,
			"fallback": map[string]any{"type": "Action.Submit", "title": "Acknowledge", "data": data},
		}}})
}

// thread begins a thread in a channel and returns its first message.
func thread(t *testing.T, s *teamstest.Server, channel string, activity map[string]any) teamstest.Message {
	t.Helper()
	status, created := connector(t, s, "POST", "/v3/conversations", map[string]any{
		"isGroup": true, "tenantId": teamstest.DefaultTenant, "activity": activity,
		"channelData": map[string]any{"channel": map[string]any{"id": channel}},
	})
	require.Equal(t, 201, status, "%v", created)
	m, ok := s.Message(channel, created["activityId"].(string))
	require.True(t, ok)
	require.Equal(t, channel+";messageid="+m.MessageID, created["id"])
	return m
}

// The way of a press: what stood behind the button comes back with what was
// typed, the answer is for who pressed, and an edit is for everybody.
func TestAPressGoesToTheBotAndItsAnswerIsSeenByOneUntilTheCardIsReplaced(t *testing.T) {
	bot := startBot(t)
	s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Endpoint: bot.endpoint}})
	alice := s.As("Alice")
	_, err := alice.Install(t.Context(), teamstest.Alerts)
	require.NoError(t, err)
	m := thread(t, s, teamstest.Alerts, ackCard())

	bot.answer = `{"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive", "value": {"type": "AdaptiveCard", "version": "1.5", "body": []}}`
	answer, err := alice.Press(t.Context(), m, "acknowledge", map[string]string{"comment": "on it"})
	require.NoError(t, err)
	require.Equal(t, 200, answer.Code)
	sent := bot.last(t)
	require.Equal(t, "adaptiveCard/action", sent["name"])
	require.Equal(t, m.MessageID, sent["replyToId"])
	require.Equal(t, teamstest.Alerts+";messageid="+m.MessageID, in(sent, "conversation", "id"))
	require.Equal(t, "ack", in(sent, "value", "action", "verb"))
	require.Equal(t, map[string]any{"verb": "ack", "group": 7.0, "comment": "on it"}, in(sent, "value", "action", "data"))

	m, _ = s.Message(teamstest.Alerts, m.MessageID)
	require.JSONEq(t, `{"type": "AdaptiveCard", "version": "1.5", "body": []}`, string(m.CardFor("Alice Adams")))
	require.Contains(t, string(m.CardFor("Bob Brown")), "hot", "the answer is for who pressed")

	status, _ := connector(t, s, "PUT", "/v3/conversations/"+teamstest.Alerts+"/activities/"+m.MessageID, cardActivity(textBlock("acknowledged")))
	require.Equal(t, 200, status)
	m, _ = s.Message(teamstest.Alerts, m.MessageID)
	require.Contains(t, string(m.CardFor("Alice Adams")), "acknowledged")
	require.Equal(t, 1, m.Edited)
}

func TestAPressTakesWhatStandsOnTheCard(t *testing.T) {
	execute := func(title, verb string, more map[string]any) map[string]any {
		a := map[string]any{"type": "Action.Execute", "title": title, "verb": verb, "data": map[string]any{"verb": verb}}
		for name, value := range more {
			a[name] = value
		}
		return a
	}
	input := func(id, value string) map[string]any {
		return map[string]any{"type": "Input.Text", "id": id, "value": value}
	}
	silence := map[string]any{"type": "Action.ShowCard", "title": "Silence", "card": map[string]any{"type": "AdaptiveCard",
		"body":    []any{input("comment", "maintenance")},
		"actions": []any{execute("1 hour", "silence", nil)}}}
	card := cardActivity(textBlock("hot"), input("note", ""),
		map[string]any{"type": "ColumnSet", "columns": []any{map[string]any{"type": "Column", "items": []any{
			map[string]any{"type": "ActionSet", "actions": []any{execute("Acknowledge", "ack", map[string]any{"associatedInputs": "none", "fallback": "drop"})}}}}}},
		map[string]any{"type": "ActionSet", "actions": []any{silence, map[string]any{"type": "Action.Submit", "title": "Old", "data": map[string]any{"a": 1}}}})
	for name, c := range map[string]struct {
		button  string
		inputs  map[string]string
		old     bool
		kind    string
		data    map[string]any
		problem string
	}{
		"by title, in any case": {"acknowledge", nil, false, "invoke", map[string]any{"verb": "ack"}, ""},
		"by verb":               {"ack", nil, false, "invoke", map[string]any{"verb": "ack"}, ""},
		"in a card that unfolds, with what is there": {"1 hour", nil, false, "invoke", map[string]any{"verb": "silence", "comment": "maintenance", "note": ""}, ""},
		"with what was typed":                        {"1 hour", map[string]string{"comment": "new pump"}, false, "invoke", map[string]any{"verb": "silence", "comment": "new pump", "note": ""}, ""},
		"a submit is a message":                      {"Old", nil, false, "message", map[string]any{"a": 1.0, "note": ""}, ""},
		"a button that is not there":                 {"Resolve", nil, false, "", nil, `no button "Resolve"`},
		"an input of a card that is not unfolded":    {"Old", map[string]string{"comment": "x"}, false, "", nil, `no input "comment"`},
		"an old client without a fallback":           {"ack", nil, true, "", nil, "no fallback"},
	} {
		t.Run(name, func(t *testing.T) {
			bot := startBot(t)
			s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Endpoint: bot.endpoint}})
			require.NoError(t, s.InstallEverywhere(t.Context()))
			m := thread(t, s, teamstest.Alerts, card)
			press := s.As("Bob").Press
			if c.old {
				press = s.As("Bob").Submit
			}
			_, err := press(t.Context(), m, c.button, c.inputs)
			if c.problem != "" {
				require.ErrorContains(t, err, c.problem)
				return
			}
			require.NoError(t, err)
			heard := bot.last(t)
			require.Equal(t, c.kind, heard["type"])
			if c.kind == "invoke" {
				require.Equal(t, c.data, in(heard, "value", "action", "data"))
			} else {
				require.Equal(t, c.data, heard["value"])
			}
		})
	}
}

func TestABotHearsOnlyWhatIsForIt(t *testing.T) {
	bot := startBot(t)
	s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Endpoint: bot.endpoint}})
	alice := s.As("Alice")
	answer, err := alice.Say(t.Context(), teamstest.Alerts, "status")
	require.NoError(t, err)
	require.Zero(t, answer.Status, "it is not installed")
	require.NoError(t, s.InstallEverywhere(t.Context()))
	answer, err = alice.Write(t.Context(), teamstest.Alerts, "", "lunch, <at>Bob</at>?")
	require.NoError(t, err)
	require.Zero(t, answer.Status, "it is not mentioned")
	answer, err = alice.Write(t.Context(), teamstest.Alerts, "", "assign 12 <at>Bob Brown</at> "+s.Mention())
	require.NoError(t, err)
	require.Equal(t, 200, answer.Status)
	require.Len(t, bot.last(t)["entities"], 3, "two mentions and the client")
	require.Empty(t, s.Messages(""), "what people write is not what came in")
}

// Microsoft sends an activity again when an answer is late: the same one.
func TestARepeatedActivityIsTheSame(t *testing.T) {
	bot := startBot(t)
	s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Endpoint: bot.endpoint, Signed: true}})
	require.NoError(t, s.InstallEverywhere(t.Context()))
	first, err := s.As("Alice").Say(t.Context(), s.PersonalChat("Alice"), "help")
	require.NoError(t, err)
	was := bot.last(t)
	_, err = s.Repeat(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, was, bot.last(t))
	require.True(t, strings.HasPrefix(bot.tokens[len(bot.tokens)-1], "Bearer ey"), "with a token, as the first")
	_, err = s.Send(t.Context(), map[string]any{"type": "surprise"})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"type": "surprise"}, bot.last(t), "an unknown activity goes out as it is")
}

func TestWhoLeavesIsNoMemberAndMovesAreTold(t *testing.T) {
	bot := startBot(t)
	s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Endpoint: bot.endpoint}})
	require.NoError(t, s.InstallEverywhere(t.Context()))
	carol := s.As("Carol")
	_, err := carol.Leave(t.Context(), teamstest.Alerts)
	require.NoError(t, err)
	require.Equal(t, "teamMemberRemoved", in(bot.last(t), "channelData", "eventType"))
	status, _ := connector(t, s, "GET", alerts+"/members/"+carol.ID, nil)
	require.Equal(t, 404, status)
	_, err = carol.Join(t.Context(), teamstest.Alerts)
	require.NoError(t, err)
	status, _ = connector(t, s, "GET", alerts+"/members/"+carol.ObjectID, nil)
	require.Equal(t, 200, status)

	s.MoveServiceURL("https://smba.trafficmanager.net/apac/" + teamstest.DefaultTenant)
	_, err = carol.Say(t.Context(), s.PersonalChat("Carol"), "help")
	require.NoError(t, err)
	require.Equal(t, "https://smba.trafficmanager.net/apac/"+teamstest.DefaultTenant+"/", bot.last(t)["serviceUrl"])
	status, _ = connector(t, s, "GET", alerts+"/members/"+carol.ID, nil)
	require.Equal(t, 200, status, "the connector answers where it says it is")
}

// What a bot says to a press, as whoever presses gets it.
func TestTheAnswerToAPressIsTakenApart(t *testing.T) {
	for name, c := range map[string]struct {
		body, text string
		code       int
	}{
		"a message":        {`{"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": "too late"}`, "too late", 200},
		"an error":         {`{"statusCode": 400, "type": "application/vnd.microsoft.error", "value": {"code": "BadRequest", "message": "forged"}}`, "forged", 400},
		"nothing":          {``, "", 0},
		"something else":   {`[]`, "", 0},
		"a strange card":   {`{"statusCode": 500, "type": "application/vnd.microsoft.card.adaptive", "value": {}}`, "", 500},
		"a strange number": {`{"statusCode": "200", "type": "x"}`, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			bot := startBot(t)
			bot.answer = c.body
			s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Endpoint: bot.endpoint}})
			require.NoError(t, s.InstallEverywhere(t.Context()))
			answer, err := s.As("Alice").Press(t.Context(), thread(t, s, teamstest.Alerts, ackCard()), "ack", nil)
			require.NoError(t, err)
			require.Equal(t, c.text, answer.Text)
			require.Equal(t, c.code, answer.Code)
			require.Nil(t, answer.Card)
		})
	}
}

func TestScriptsDoOverHTTPWhatPeopleDo(t *testing.T) {
	bot := startBot(t)
	bot.answer = `{"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": "done"}`
	s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Endpoint: bot.endpoint}})
	require.NoError(t, s.InstallEverywhere(t.Context()))
	url := listen(t, s)
	m := thread(t, s, teamstest.Alerts, ackCard())
	for name, c := range map[string]struct {
		path, body string
		status     int
		says       string
	}{
		"a press":                   {"press", `{"as": "alice", "conversation": "` + m.Conversation + `", "message": "` + m.MessageID + `", "button": "Acknowledge", "inputs": {"comment": "x"}}`, 200, `"text": "done"`},
		"words":                     {"say", `{"as": "bob@contoso.com", "conversation": "` + m.Conversation + `", "thread": "` + m.Thread + `", "text": "help"}`, 200, `"status": 200`},
		"a button that is not":      {"press", `{"as": "alice", "conversation": "` + m.Conversation + `", "message": "` + m.MessageID + `", "button": "Launch"}`, 200, `no button`},
		"a message that is gone":    {"press", `{"as": "alice", "conversation": "` + m.Conversation + `", "message": "1", "button": "Acknowledge"}`, 200, "not there any more"},
		"a stranger":                {"say", `{"as": "Mallory", "text": "help"}`, 400, "GET /bot"},
		"a place that there is not": {"say", `{"as": "Alice", "conversation": "x", "text": "help"}`, 200, "no conversation"},
		"a field by mistake":        {"say", `{"who": "Alice"}`, 400, "write it like"},
		"a deed that there is not":  {"dance", `{}`, 404, "react, rename, say"},
		"a situation":               {"become", `{"as": "Carol", "situation": {"policy": true, "delay": "5s", "flaky": 1}}`, 200, `"status": 0`},
		"no situation":              {"become", `{"as": "Alice", "situation": {}}`, 200, `"status": 0`},
		"a situation by mistake":    {"become", `{"as": "Alice", "situation": {"ill": true}}`, 400, "ill"},
		"a delay that is none":      {"become", `{"as": "Alice", "situation": {"delay": "soon"}}`, 400, "delay"},
		"nothing that is held":      {"arrive", `{"as": "Alice"}`, 200, `"status": 0`},
	} {
		t.Run(name, func(t *testing.T) {
			status, said := call(t, "POST", url+"/bot/"+c.path, c.body)
			require.Equal(t, c.status, status, said)
			require.Contains(t, said, c.says)
		})
	}
	status, _ := call(t, "POST", url+"/bot/say", `{"as": "Alice"}`, "Sec-Fetch-Site: cross-site")
	require.Equal(t, 403, status, "a page of somebody else must not talk to a bot")
	_, around := call(t, "GET", url+"/bot", "")
	require.Contains(t, around, teamstest.Chat)
}

// A bot may replace the card before its answer to the press has arrived. Who
// pressed must not be left with what is older than what all others see.
func TestAnAnswerThatIsLateShowsNothingOld(t *testing.T) {
	var s *teamstest.Server
	var m teamstest.Message
	hasty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.MessageID != "" {
			status, _ := connector(t, s, "PUT", "/v3/conversations/"+m.Conversation+"/activities/"+m.MessageID, cardActivity(textBlock("newest")))
			assert.Equal(t, 200, status)
		}
		_, _ = io.WriteString(w, `{"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive", "value": {"type": "AdaptiveCard", "version": "1.5", "body": []}}`)
	}))
	defer hasty.Close()
	s = teamstest.New(teamstest.Options{Bot: teamstest.Bot{Endpoint: hasty.URL}})
	require.NoError(t, s.InstallEverywhere(t.Context()))
	m = thread(t, s, teamstest.Alerts, ackCard())
	answer, err := s.As("Alice").Press(t.Context(), m, "ack", nil)
	require.NoError(t, err)
	require.NotNil(t, answer.Card)
	m, _ = s.Message(m.Conversation, m.MessageID)
	require.Contains(t, string(m.CardFor("Alice Adams")), "newest")
}
