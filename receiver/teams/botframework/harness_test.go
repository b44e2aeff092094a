package botframework_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

const (
	tenant  = "11111111-2222-3333-4444-555555555555"
	app     = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	service = "https://smba.trafficmanager.net/emea/"
	thread  = "1700000000000"
)

var (
	channel  = botframework.Place{ServiceURL: service, Conversation: "19:abc@thread.tacv2", Kind: botframework.Channel, Tenant: tenant, BotID: "28:" + app}
	chat     = botframework.Place{ServiceURL: service, Conversation: "19:def@thread.v2", Kind: botframework.GroupChat, Tenant: tenant, BotID: "28:" + app}
	personal = botframework.Place{ServiceURL: service, Conversation: "a:1xyz", Kind: botframework.Personal, Tenant: tenant, BotID: "28:" + app, User: "29:alice"}

	hot = card.Message{Card: []byte(`{"type":"AdaptiveCard","version":"1.5","body":[{"type":"TextBlock","text":"r1 is at 33 °C <&>"}]}`), Summary: "r1 is <hot> & loud"}
)

// asked is one request as the connector saw it.
type asked struct {
	method, url, token string
	body               string
	header             http.Header
}

// connector stands for Microsoft's connector and sign-in. It carries the
// requests itself, so no test opens a socket.
type connector struct {
	answer func(n int, r asked) (*http.Response, error) // to the nth request; nil: success
	delay  time.Duration
	hang   bool // never answers
	unsent bool // what hangs has not left us

	mu      sync.Mutex
	all     []asked
	tokens  int            // given by sign-in
	working map[string]int // requests under way, by conversation
	most    int            // under way in one conversation at the same time
	mostAll int            // under way at the same time
	times   map[string][]time.Time
}

func (c *connector) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "login.test" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.tokens++
		return answering(200, fmt.Sprintf(`{"token_type":"Bearer","expires_in":3600,"access_token":"token-%d"}`, c.tokens)), nil
	}
	a := asked{method: r.Method, url: r.URL.String(), token: strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), header: r.Header}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.WroteHeaders != nil && !c.unsent {
		trace.WroteHeaders()
	}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		a.body = string(body)
	}
	conversation := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/emea/v3/conversations/"), "/")[0]
	conversation, _, _ = strings.Cut(conversation, "%3B")
	if r.URL.EscapedPath() == "/emea/v3/conversations" {
		var body struct {
			ChannelData struct{ Channel struct{ ID string } }
		}
		_ = json.Unmarshal([]byte(a.body), &body)
		conversation = body.ChannelData.Channel.ID
	}
	c.mu.Lock()
	c.all = append(c.all, a)
	n := len(c.all)
	if c.working == nil {
		c.working, c.times = map[string]int{}, map[string][]time.Time{}
	}
	c.times[conversation] = append(c.times[conversation], time.Now())
	c.times["everywhere"] = append(c.times["everywhere"], time.Now())
	c.working[conversation]++
	c.most = max(c.most, c.working[conversation])
	under := 0
	for _, n := range c.working {
		under += n
	}
	c.mostAll = max(c.mostAll, under)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.working[conversation]--
		c.mu.Unlock()
	}()
	if c.hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if c.delay > 0 {
		time.Sleep(c.delay)
	}
	if c.answer != nil {
		if answer, err := c.answer(n, a); answer != nil || err != nil {
			return answer, err
		}
	}
	return success(n, a), nil
}

// success is what the connector answers when all is well (teams-platform §2.3).
func success(n int, a asked) *http.Response {
	switch path, _, _ := strings.Cut(a.url, "?"); {
	case strings.HasSuffix(path, "/v3/conversations") && strings.Contains(a.body, `"activity"`):
		return answering(201, fmt.Sprintf(`{"id":"19:abc@thread.tacv2;messageid=%d","activityId":"%d"}`, 1700000000000+n, 1700000000000+n))
	case strings.HasSuffix(path, "/v3/conversations"):
		return answering(201, `{"id":"a:1new"}`)
	case strings.HasSuffix(path, "/pagedmembers"):
		return answering(200, `{"members":[]}`)
	case a.method == http.MethodDelete:
		return answering(200, "")
	case a.method == http.MethodPut:
		return answering(200, `{"id":"`+thread+`"}`)
	}
	return answering(201, fmt.Sprintf(`{"id":"%d"}`, 1700000000000+n))
}

func answering(status int, body string, headers ...string) *http.Response {
	r := &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: io.NopCloser(bytes.NewReader([]byte(body))),
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// failing is Teams' usual form of an error.
func failing(status int, code string, headers ...string) *http.Response {
	return answering(status, fmt.Sprintf(`{"error":{"code":%q,"message":"Teams has its reasons."}}`, code), headers...)
}

func client(t *testing.T, c *connector) *botframework.Client {
	t.Helper()
	b, err := botframework.New(auth.Config{
		TenantID: tenant, AppID: app, Secret: "abc8Q~the-secret", Transport: c,
		Endpoints: auth.Endpoints{Login: "https://login.test"},
	})
	require.NoError(t, err)
	return b
}

// at is a sender to a place that does not move.
func at(t *testing.T, c *connector, p botframework.Place) *botframework.Sender {
	t.Helper()
	return to(client(t, c), p)
}

func to(b *botframework.Client, p botframework.Place) *botframework.Sender {
	return b.At(func(context.Context) (botframework.Place, error) { return p, nil }, nil)
}
