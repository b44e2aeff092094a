package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// remote is a receiver that only remembers what it was asked.
type remote struct {
	*httptest.Server
	requests []*http.Request
}

func newRemote(t *testing.T) *remote {
	r := &remote{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *remote) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.requests = append(r.requests, request)
	_, _ = io.WriteString(w, `{}`)
}

// receiver is a teamsrelay serve in this process that posts to a simulated
// Teams; it returns where it listens.
func receiver(t *testing.T) (teams *teamstest.Server, url string) {
	t.Helper()
	teams = teamstest.New(teamstest.Options{})
	site := httptest.NewServer(teams)
	config := write(t, "relay.yml", strings.Replace(good, "http://127.0.0.1:9", site.URL, 1))
	ctx, stop := context.WithCancel(context.Background())
	reader, log := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--config.file=" + config, "--web.listen-address=127.0.0.1:0"}, strings.NewReader(""), io.Discard, log)
		_ = log.Close()
	}()
	t.Cleanup(func() {
		stop()
		require.Zero(t, <-ended)
		teams.Close()
		site.Close()
	})
	address := regexp.MustCompile(`msg="Taking alerts" address=(\S+)`)
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		if found := address.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, reader) }()
			return teams, "http://" + found[1]
		}
	}
	t.Fatal("the receiver never said where it listens")
	return nil, ""
}

func TestCommandsSayWhatARunningReceiverDid(t *testing.T) {
	teams, url := receiver(t)
	t.Setenv("TEAMSRELAY_URL", url)

	got := say(t, "send-test", "ops")
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.out, "accepted after")
	require.Len(t, teams.Shown("ops"), 1)
	got = say(t, "send-test", "opps")
	require.Equal(t, result{1, "", "teamsrelay: there is no destination \"opps\"; use one of ops\n"}, got)

	got = say(t, "dead-letters")
	require.Equal(t, "There are no dead letters.\n", got.err)
	require.Zero(t, got.code)

	teams.Fault("ops", teamstest.Fault{Status: http.StatusNotFound})
	got = say(t, "send-test", "ops")
	require.Equal(t, 1, got.code, "a test that did not arrive is a failure")
	require.Contains(t, got.out, "not delivered: not_found: ")
	got = say(t, "destinations")
	require.Regexp(t, `(?m)^ops +broken +0 +1 +not_found +.*Create a new webhook`, got.out, "who is woken sees what to mend")

	var letters struct {
		List []web.DeadLetter `json:"dead-letters"`
	}
	got = say(t, "dead-letters", "list", "--output=json")
	require.Empty(t, got.err)
	require.NoError(t, json.Unmarshal([]byte(got.out), &letters))
	require.Len(t, letters.List, 1)
	id := fmt.Sprint(letters.List[0].ID)

	got = say(t, "dead-letters", "drop", id, "4711")
	require.Equal(t, 1, got.code, "one of them could not be dropped")
	require.Equal(t, "1 dropped\n", got.out, "the other was")
	require.Contains(t, got.err, "there is no dead letter 4711")

	got = say(t, "audit", "list", "--what=drop")
	require.Regexp(t, `(?m) `+regexp.QuoteMeta(orAPI(whoami()))+` +drop `, got.out, "an audit says who dropped what somebody should have been told")
	require.Contains(t, say(t, "dead-letters", "replay", "4711").err, "there are no such dead letters; see teamsrelay dead-letters list")

	got = say(t, "deliveries", "--destination=ops")
	require.Equal(t, 3, strings.Count(got.out, "\n"), "a header and two attempts:\n%s", got.out)
	require.Regexp(t, `(?m)^1 .* ops +card +accepted `, got.out, "who asks why nobody was notified sees whether it was a new card or an edit")
	got = say(t, "deliveries", "list", "--state=dead", "--since=1h", "--output=json")
	require.Equal(t, 1, strings.Count(got.out, `"state": "dead"`))
	require.NotContains(t, got.out, "accepted")
	got = say(t, "deliveries", "show", "2")
	require.Contains(t, got.out, "HTTP 404")
	require.Contains(t, got.out, "kind         card")
	require.Contains(t, got.out, "not_found: ")
	require.Contains(t, say(t, "deliveries", "show", "4711").err, "there is no delivery 4711")
}

func TestCommandsReachAReceiverBehindTLSAndAPassword(t *testing.T) {
	var token string
	guarded := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ops" || password != "barley" {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		token = r.Header.Get(web.AdminTokenHeader)
		_, _ = io.WriteString(w, `{"deliveries": []}`)
	}))
	t.Cleanup(guarded.Close)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	file("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: guarded.Certificate().Raw})))
	trusting := file("trusting.yml", "tls_config: {ca_file: ca.pem}\n")
	knowing := file("knowing.yml", "tls_config: {ca_file: ca.pem}\nbasic_auth: {username: ops, password: barley}\n")
	plain := newRemote(t)

	for name, c := range map[string]struct {
		args []string
		err  string
	}{
		"with http where TLS is spoken": {[]string{"--relay.url=" + strings.Replace(guarded.URL, "https", "http", 1)}, "write --relay.url=https://"},
		"with https where it is not":    {[]string{"--relay.url=" + strings.Replace(plain.URL, "http", "https", 1)}, "write --relay.url=http://"},
		"without its CA":                {[]string{"--relay.url=" + guarded.URL}, "ca_file"},
		"without the password":          {[]string{"--relay.url=" + guarded.URL, "--http.config.file=" + trusting}, "basic_auth"},
		"with everything":               {[]string{"--relay.url=" + guarded.URL, "--http.config.file=" + knowing, "--admin-token-file=" + file("token", "open-sesame\n")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := say(t, append([]string{"deliveries", "list"}, c.args...)...)
			require.Contains(t, got.err, c.err)
			require.Equal(t, c.err == "", got.code == 0, got.err)
			require.NotContains(t, got.err, "barley")
		})
	}
	require.Equal(t, "open-sesame", token, "the password takes the place of Authorization, so the token travels beside it")
}

func TestAnAnswerThatIsNotOursIsSaidToBeNone(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"a page":       func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"another site": http.NotFound,
	} {
		t.Run(name, func(t *testing.T) {
			site := httptest.NewServer(handler)
			defer site.Close()
			got := say(t, "dead-letters", "list", "--relay.url="+site.URL)
			require.Equal(t, 1, got.code)
			require.Contains(t, got.err, "correct --relay.url")
		})
	}
}

func TestACommandThatIsStoppedSaysSo(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	site := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stop()
		<-r.Context().Done()
	}))
	defer site.Close()
	var out, errOut bytes.Buffer
	code := run(ctx, []string{"deliveries", "show", "1", "--relay.url=" + site.URL}, strings.NewReader(""), &out, &errOut)
	require.Equal(t, 1, code)
	require.Equal(t, "teamsrelay: stopped before it was done\n", errOut.String(), "it is nobody's fault, least of all the receiver's")
}

func TestWhoReplaysManySeesHowFarItIs(t *testing.T) {
	asked := 0
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		is := web.Replay{ID: 7, State: "running", Total: 100_000}
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			require.Equal(t, "/api/v1/dead-letters/replay", r.URL.Path)
			require.JSONEq(t, `{"destination": "ops"}`, string(body))
			require.Equal(t, whoami(), r.FormValue("who"), "the audit says who it was")
		} else {
			require.Equal(t, "/api/v1/dead-letters/replays/7", r.URL.Path)
			if asked++; asked == 1 {
				is.Replayed = 40_000
			} else {
				is.State, is.Replayed, is.Left = "done", 99_998, 2
			}
		}
		_ = json.NewEncoder(w).Encode(is)
	}))
	defer site.Close()
	got := say(t, "dead-letters", "replay", "--destination=ops", "--relay.url="+site.URL)
	require.Zero(t, got.code, got.err)
	require.Equal(t, "99998 replayed\n", got.out)
	require.Equal(t, "40000 of 100000\n2 have nowhere to go and stay in the list: put their destinations back into the configuration, or drop them.\n", got.err)
}

// Whoever holds the list of the audit against its page must not be an hour off.
func TestATimeInAListSaysItsZone(t *testing.T) {
	zone, _ := time.Date(2026, 11, 21, 10, 2, 0, 0, time.UTC).Local().Zone()
	require.Regexp(t, `^2026-11-2\d \d\d:\d\d:00 `+regexp.QuoteMeta(zone)+`$`, moment(time.Date(2026, 11, 21, 10, 2, 0, 0, time.UTC)))
}

func TestWhoMistypesWhatToReplayIsNotLeftToThinkThatItWasSent(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(web.Replay{ID: 7, State: "done"})
	}))
	defer site.Close()
	got := say(t, "dead-letters", "replay", "--destination=opps", "--relay.url="+site.URL)
	require.Equal(t, result{0, "0 replayed\n", "No dead letter is like that; see teamsrelay dead-letters list.\n"}, got)

	_, url := receiver(t)
	for _, args := range [][]string{{"dead-letters", "replay", "--destination=opps"}, {"deliveries", "list", "--destination=opps"}} {
		require.Equal(t, result{1, "", "teamsrelay: there is no destination \"opps\"; use one of ops\n"}, say(t, append(args, "--relay.url="+url)...))
	}
}

func TestTheListOfDestinationsSaysWhyOneWaits(t *testing.T) {
	since := time.Date(2026, 11, 21, 10, 2, 0, 0, time.UTC)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"destinations": []web.Destination{
			{Name: "ops", State: "waiting", Since: &since},
			{Name: "dba", State: "waiting", Since: &since, Reason: "throttled", Message: "Teams asked for patience."},
			{Name: "oncall", State: "waiting", Since: &since, Reason: "installing", Message: "Alice cannot be reached.", People: &web.Reach{Total: 1}},
		}})
	}))
	defer site.Close()
	got := say(t, "destinations", "list", "--relay.url="+site.URL)
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.out, "tried again at "+moment(since)+"; teamsrelay deliveries list --destination=ops says why\n")
	require.Regexp(t, `dba +waiting .* throttled .* tried again at `+regexp.QuoteMeta(moment(since))+"; Teams asked for patience.\n", got.out)
	require.Regexp(t, ` +- +Alice cannot be reached.\n`, got.out, "since when she cannot be is not when she is tried again")
}

func TestWhoReplaysByNumberHearsOfThoseThatAreGone(t *testing.T) {
	var bodies []string
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, strings.TrimSpace(string(body)))
		_ = json.NewEncoder(w).Encode(web.Replay{ID: 7, State: "done", Total: 2, Replayed: 2})
	}))
	defer site.Close()
	got := say(t, "dead-letters", "replay", "17", "21", "99", "17", "--relay.url="+site.URL)
	require.Equal(t, []string{`{"ids":[17,21,99]}`}, bodies, "one press, one line of the audit")
	require.Equal(t, result{1, "2 replayed\n", "teamsrelay: 1 of these are no dead letters; see teamsrelay dead-letters\n"}, got)
	got = say(t, "dead-letters", "replay", "17", "--all", "--relay.url="+site.URL)
	require.Contains(t, got.err, "not both")
	require.Len(t, bodies, 1)
}
