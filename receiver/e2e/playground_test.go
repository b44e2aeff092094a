//go:build playground

// Microsoft's own client for trying bots, the Microsoft 365 Agents Playground,
// as a second opinion on the wire format. Its licence allows evaluation, so it
// is no part of make test: make test-playground installs it and runs this.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// What the Playground has from the beginning.
const (
	playgroundBot     = "00000000-0000-0000-0000-00000000000011"
	playgroundTenant  = "00000000-0000-0000-0000-0000000000001"
	playgroundChannel = "channel-announcements-id"
	playgroundChat    = "personal-1"
	playgroundUser    = "user-id-0" // Alex Wilber
)

// sent is a request of ours to the Playground's connector.
type sent struct {
	method, path string
	body         []byte
	status       int
	answer       []byte
}

// wire stands between our program and the Playground and notes what passes.
type wire struct {
	mu  sync.Mutex
	all []sent
}

func (w *wire) handler(to *url.URL) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(to)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Host = to.Host
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, r)
		w.mu.Lock()
		w.all = append(w.all, sent{r.Method, r.URL.Path, body, answer.Code, answer.Body.Bytes()})
		w.mu.Unlock()
		for name, values := range answer.Header() {
			rw.Header()[name] = values
		}
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(answer.Body.Bytes())
	})
}

// find waits for a request that has all these words in its body, and that the
// Playground took.
func (w *wire) find(t *testing.T, method string, words ...string) sent {
	t.Helper()
	var found sent
	eventually(t, patience, fmt.Sprintf("the bot sends a %s with %q", method, words), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, s := range w.all {
			if s.method == method && s.status < 300 && contains(string(s.body), words) {
				found = s
				return true
			}
		}
		return false
	})
	return found
}

func contains(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
			return false
		}
	}
	return true
}

// refused are the requests that the Playground did not take.
func (w *wire) refused() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, s := range w.all {
		if s.status >= 300 {
			all = append(all, fmt.Sprintf("%s %s: %d %s", s.method, s.path, s.status, s.answer))
		}
	}
	return all
}

// playground is a running Playground.
type playground struct {
	t    *testing.T
	url  string
	wire *wire
}

func (p *playground) post(path string, body any) []byte {
	p.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(p.t, err)
	a, err := ask(http.MethodPost, p.url+path, bytes.NewReader(raw), "Content-Type", "application/json")
	require.NoError(p.t, err)
	require.Less(p.t, a.status, 300, "%s: %s", path, a.body)
	return []byte(a.body)
}

// say writes in a conversation as the Playground's user; in a channel with the
// mention that Teams asks for.
func (p *playground) say(conversation, text string) {
	message := map[string]any{"from": map[string]string{"id": playgroundUser}, "text": text, "textFormat": "plain"}
	if conversation != playgroundChat {
		const at = "<at>Test Bot</at>"
		message["text"] = at + " " + text
		message["mentions"] = []any{map[string]any{"mentioned": map[string]string{"id": playgroundBot, "name": "Test Bot"}, "text": at}}
	}
	p.post("/_conversation/v1/conversations/"+conversation+"/messages", message)
}

// action finds a button on the card of a message, by its verb.
func action(t *testing.T, activity []byte, verb string) map[string]any {
	t.Helper()
	var whole any
	require.NoError(t, json.Unmarshal(activity, &whole))
	var search func(any) map[string]any
	search = func(v any) map[string]any {
		switch v := v.(type) {
		case map[string]any:
			if v["type"] == "Action.Execute" && v["verb"] == verb {
				return v
			}
			for _, inner := range v {
				if found := search(inner); found != nil {
					return found
				}
			}
		case []any:
			for _, inner := range v {
				if found := search(inner); found != nil {
					return found
				}
			}
		}
		return nil
	}
	found := search(whole)
	require.NotNil(t, found, "no button %s on %s", verb, activity)
	return found
}

// press presses a button as Microsoft's client does, and returns what the bot
// answered.
func (p *playground) press(card sent, conversation, message, verb string) string {
	p.t.Helper()
	button := action(p.t, card.body, verb)
	return string(p.post("/_conversation/v1/invoke", map[string]any{
		"name": "adaptiveCard/action", "conversation": map[string]string{"id": conversation}, "from": map[string]string{"id": playgroundUser},
		"replyToId": message,
		"value": map[string]any{"trigger": "manual", "action": map[string]any{
			"type": "Action.Execute", "verb": button["verb"], "data": button["data"], "title": button["title"],
		}},
	}))
}

// picture takes a screenshot of what the Playground shows and returns its text.
func (p *playground) picture(ctx context.Context, name string) string {
	p.t.Helper()
	time.Sleep(2 * time.Second) // it draws when it likes to, and says nothing
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	require.NoError(p.t, err)
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(p.t, err)
	file := filepath.Join(cache, name+".png")
	require.NoError(p.t, os.WriteFile(file, png, 0o644))
	p.t.Logf("picture: %s", file)
	return text
}

// cache is where make test-playground installs it, and where pictures go.
const cache = "../../.cache/playground"

// chromium opens a page in a headless Chromium.
func chromium(t *testing.T, page string) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	require.NoError(t, err, "install chromium to see what people see")
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1300, 1400)}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has no sandbox for root
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(options...))
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(page)))
	return ctx
}

var messageOf = regexp.MustCompile(`"activityId":"([^"]+)"`)

func TestMicrosoftsPlayground(t *testing.T) {
	program := filepath.Join(cache, "node_modules", ".bin", "agentsplayground")
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("the Playground is not installed; run make test-playground")
	}
	_, port, _ := strings.Cut(freePort(t), ":")
	p := &playground{t: t, url: "http://127.0.0.1:" + port, wire: &wire{}}
	to, err := url.Parse(p.url)
	require.NoError(t, err)
	between := httptest.NewServer(p.wire.handler(to))
	t.Cleanup(between.Close)
	service := between.URL + "/_connector"

	relay := serve(t, plainProgram(t), t.TempDir(), configuration(fmt.Sprintf(
		"  - name: ops\n    channel: {team_id: team-id, channel_id: %s}\n", playgroundChannel))+fmt.Sprintf(
		"microsoft: {insecure_local: true, tenant_id: %q, app_id: %q, endpoints: {service_url: %q}}\n", playgroundTenant, playgroundBot, service))
	found := outside.FindStringSubmatch(relay.said.all())
	require.NotNil(t, found, relay.said.tail())
	heard := listen(t)
	runWith(t, heard, []string{"TEAMSAPPTESTER_BROWSER=none", "M365_AGENTS_PLAYGROUND_LOGFILE=" + filepath.Join(t.TempDir(), "playground.log")}, program, "start",
		"-e", "http://"+found[1]+"/api/messages", "-c", "msteams", "-p", port,
		"--conversation-id", playgroundChat, "--service-url", service, "--disable-telemetry", "true")
	eventually(t, 2*patience, "the Playground answers", func() bool {
		a, err := ask(http.MethodGet, p.url+"/_debug/ping", nil)
		return err == nil && a.status == http.StatusOK
	})
	ctx := chromium(t, p.url)

	// Install: in the channel's team, and for one person.
	p.post("/_debug/conversation/"+playgroundChannel+"/installation", map[string]any{})
	p.post("/_debug/conversation/"+playgroundChat+"/installation", map[string]any{})
	p.wire.find(t, http.MethodPost, "Hello")

	// An alert is posted.
	alert := `[{"labels":{"alertname":"HotRack","severity":"critical","rack":"r1","site":"fra1"},"annotations":{"summary":"r1 is at 34 °C"},"endsAt":"2099-01-01T00:00:00Z"}]`
	require.Equal(t, http.StatusOK, relay.post("/api/v2/alerts", []byte(alert)).status)
	posted := p.wire.find(t, http.MethodPost, "HotRack", "Action.Execute")
	require.NotContains(t, string(posted.body), `"text":"HotRack`, "a card with text is split into two messages")
	id := messageOf.FindStringSubmatch(string(posted.answer))
	require.NotNil(t, id, "%s", posted.answer)
	message := id[1]

	// It is acknowledged by a button.
	answer := p.press(posted, playgroundChannel+";messageid="+message, message, "ack")
	require.Contains(t, answer, "application/vnd.microsoft.card.adaptive", "the answer to a press is the new card")
	require.Contains(t, answer, "Alex Wilber")
	acknowledged := p.wire.find(t, http.MethodPut, "acknowledged", "Alex Wilber")

	// It is commented by a command, which Teams sends from where it was written.
	alerts := list[web.Alert](relay, "alerts", "")
	require.Len(t, alerts, 1)
	p.say(playgroundChannel, "COMMENT "+alerts[0].ID+" “the fan is loud”")
	p.wire.find(t, http.MethodPut, "the fan is loud")
	reply := p.wire.find(t, http.MethodPost, "the fan is loud")
	require.Contains(t, reply.path, message, "a comment is a reply in the card's thread")

	// An older client presses, and sends a message.
	submit := action(t, acknowledged.body, "unack")
	p.post("/_conversation/v1/submit", map[string]any{
		"conversation": map[string]string{"id": playgroundChannel + ";messageid=" + message}, "from": map[string]string{"id": playgroundUser},
		"replyToId": message, "value": submit["data"],
	})
	eventually(t, patience, "the acknowledgement is taken back", func() bool {
		return list[web.Alert](relay, "alerts", "")[0].AcknowledgedBy == ""
	})

	p.say(playgroundChannel, "ack "+alerts[0].ID)
	eventually(t, patience, "it is acknowledged again", func() bool {
		return list[web.Alert](relay, "alerts", "")[0].AcknowledgedBy == "Alex Wilber"
	})

	// One person asks, and subscribes.
	p.say(playgroundChat, "alerts")
	p.wire.find(t, http.MethodPost, alerts[0].ID)
	p.say(playgroundChat, "subscribe severity=critical")
	other := strings.ReplaceAll(alert, "HotRack", "WetRack")
	eventually(t, patience, "the subscription is kept", func() bool {
		return strings.Contains(relay.get("/api/v1/subscriptions").body, "critical")
	})
	require.Equal(t, http.StatusOK, relay.post("/api/v2/alerts", []byte(other)).status)
	eventually(t, patience, "the personal message", func() bool {
		p.wire.mu.Lock()
		defer p.wire.mu.Unlock()
		for _, s := range p.wire.all {
			if strings.Contains(s.path, playgroundChat) && contains(string(s.body), []string{"WetRack", "attachments"}) {
				return true
			}
		}
		return false
	})

	// It is resolved by its source, on the same card.
	require.Equal(t, http.StatusOK, relay.post("/api/v2/alerts", []byte(strings.Replace(alert, "2099", "2020", 1))).status)
	over := p.wire.find(t, http.MethodPut, "resolved", "HotRack")
	require.Contains(t, over.path, message)

	chat := p.picture(ctx, "personal")
	require.Contains(t, chat, "WetRack", "a person who looks at the Playground sees no card")
	_, err = chromedp.Run(ctx, chromedp.Evaluate[bool](`[...document.querySelectorAll('*')].filter(e => e.children.length === 0 && e.textContent.trim() === 'Announcements').some(e => (e.click(), true))`))
	require.NoError(t, err)
	channel := p.picture(ctx, "channel")
	for _, word := range []string{"HotRack", "esolved", "the fan is loud", "Alex Wilber"} {
		require.Contains(t, channel, word)
	}
	for _, r := range p.wire.refused() {
		t.Errorf("the Playground refuses: %s", r)
	}
}
