package doctor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/doctor"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	signIn    = "login.microsoftonline.com"
	graphHost = "graph.microsoft.com"
	connector = "smba.trafficmanager.net"
	keysHost  = "login.botframework.com"
	relay     = "relay.example.com"
	publicURL = "https://relay.example.com/api/messages"
)

// now is what this machine's clock says.
var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// world is everything outside: a simulated Microsoft behind the names of the
// public cloud, and our own endpoint behind a name of its own. No test opens a
// socket.
type world struct {
	*teamstest.Server
	t *testing.T
	// hosts answer in the place of Microsoft's, by name.
	hosts map[string]func(*http.Request) (*http.Response, error)
	// ahead is how much this machine's clock is ahead of Microsoft's.
	ahead time.Duration

	mu    sync.Mutex
	asked []string // "METHOD host/path" of all requests
}

// newWorld is a Microsoft at which everything is as it should be: the app is in
// the catalogue, the permissions are there, and the bot is in the team, in the
// chat and with Alice.
func newWorld(t *testing.T) *world {
	s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Signed: true}})
	t.Cleanup(s.Close)
	w := &world{Server: s, t: t, hosts: map[string]func(*http.Request) (*http.Response, error){relay: ourEndpoint}}
	for _, where := range []string{teamstest.General, teamstest.Chat, s.PersonalChat("Alice")} {
		// Nobody listens at the bot's endpoint, and Microsoft does not mind.
		_, _ = s.As("Alice").Install(t.Context(), where)
	}
	return w
}

// RoundTrip implements http.RoundTripper.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.asked = append(w.asked, r.Method+" "+r.URL.Host+r.URL.Path)
	w.mu.Unlock()
	answer := w.Transport().RoundTrip
	if own, ok := w.hosts[r.URL.Hostname()]; ok {
		answer = own
	}
	response, err := answer(r)
	if response != nil {
		response.Header.Set("Date", now.Add(-w.ahead).Format(http.TimeFormat))
	}
	return response, err
}

// requests are those whose text contains part.
func (w *world) requests(part string) (found []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.asked {
		if strings.Contains(r, part) {
			found = append(found, r)
		}
	}
	return found
}

func answering(status int, body string, headers ...string) *http.Response {
	r := &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// always is a host that gives the same answer to everything.
func always(status int, body string, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		response := answering(status, body, headers...)
		response.Request = r
		return response, nil
	}
}

// failing is a host to which there is no connection.
func failing(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// ourEndpoint is the receiver's public listener, as package bot answers who has
// no token (TestOurOwnRefusalIsRecognised compares them).
func ourEndpoint(r *http.Request) (*http.Response, error) {
	said := `{"error":"there is no Authorization header"}`
	if r.Header.Get("Authorization") != "" {
		said = `{"error":"the token does not have three parts"}`
	}
	return answering(http.StatusUnauthorized, said, "Content-Type: application/json", "WWW-Authenticate: Bearer"), nil
}

// The secrets of the configuration, at every place that can hold one.
var secrets = []string{
	teamstest.DefaultSecret, "the-admin-token-nobody-may-see", "sig-of-the-webhook-nobody-may-see", "proxy-password-nobody-may-see",
	"influx-token-nobody-may-see", "event-token-nobody-may-see",
}

// settings is a configuration of everything. The group and the tag are those
// of w.
func (w *world) settings(more string) string {
	return fmt.Sprintf(`
storage: {url: sqlite:teamsrelay.db}
microsoft:
  tenant_id: %s
  app_id: %s
  client_secret: %s
  teams_app_id: %s
destinations:
  - name: ops
    channel: {channel_id: "%s"}
  - name: chat
    chat: {chat_id: "%s"}
  - name: oncall
    users: [alice@contoso.com, bob@contoso.com]
    fallback: ops
  - name: duty
    group: %s
    fallback: ops
  - name: shift
    group: {team_id: %s, tag_id: %s}
    fallback: ops
  - name: web
    workflow: {url: "https://prod-01.westeurope.logic.azure.com/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?sig=%s", proxy_url: "http://us:%s@proxy.example:3128"}
route: {destinations: [ops]}
admin_token: %s
influxdb:
  - {name: dc, url: "http://localhost:8086", token: %s}
events:
  - {name: butler, preset: butler, token: %s}
%s`, teamstest.DefaultTenant, teamstest.DefaultAppID, teamstest.DefaultSecret, teamstest.DefaultApp.ManifestID,
		teamstest.Alerts, teamstest.Chat,
		w.AddGroup("On duty", "Alice", "Bob"), teamstest.TeamGroup, w.AddTag("Shift", "Carol"),
		secrets[2], secrets[3], secrets[1], secrets[4], secrets[5], more)
}

// examine runs the doctor over a configuration, and returns what it prints.
func (w *world) examine(settings string, change func(*doctor.Options)) ([]doctor.Finding, string) {
	w.t.Helper()
	made, problems := config.Parse("teamsrelay.yml", []byte(settings), config.Env{})
	problems = slices.DeleteFunc(problems, func(p yamlfile.Problem) bool {
		return strings.Contains(p.What, "does not look like the id of a tag") // those of the simulated Graph do not
	})
	o := doctor.Options{
		File: "teamsrelay.yml", Config: made, Problems: problems, Transport: w, PublicURL: publicURL,
		Ready: func(context.Context) error { return nil }, Now: func() time.Time { return now },
	}
	if change != nil {
		change(&o)
	}
	var b bytes.Buffer
	text := doctor.NewText(&b)
	found := doctor.Run(w.t.Context(), o, text.Write)
	require.NoError(w.t, text.End(found))
	raw, err := json.Marshal(found)
	require.NoError(w.t, err)
	for _, printed := range []string{b.String(), string(raw)} {
		for _, secret := range secrets {
			require.NotContains(w.t, printed, secret, "what doctor prints is sent to colleagues and put into tickets")
		}
		require.NotContains(w.t, printed, "eyJ", "no token either")
	}
	return found, b.String()
}

// of are the findings of one check.
func of(found []doctor.Finding, check string) (all []doctor.Finding) {
	for _, f := range found {
		if f.Check == check {
			all = append(all, f)
		}
	}
	return all
}

// only are the findings of a check that have this result.
func only(found []doctor.Finding, check string, result doctor.Result) (all []doctor.Finding) {
	for _, f := range of(found, check) {
		if f.Result == result {
			all = append(all, f)
		}
	}
	return all
}

// golden compares what was printed with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "make it with go test ./receiver/doctor -update, and read it as an administrator would")
	require.Equal(t, string(want), got)
}

var errRefused = errors.New("connection refused")

// steady is what was printed, with the ids that differ from run to run made
// equal.
func (w *world) steady(text string) string { return requestID.ReplaceAllString(text, "${1}…") }

var requestID = regexp.MustCompile(`(request-id\s+)[0-9a-f-]{36}`)
