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
	l := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	}))
	t.Cleanup(l.Close)
	b.endpoint = l.URL + "/api/messages"
	return b
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
