package teams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/plugins/outputs"
	"github.com/influxdata/telegraf/testutil"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/plugins/outputs/teams/relay"
	"github.com/teamsrelay/teamsrelay/receiver/clock"
	"github.com/teamsrelay/teamsrelay/receiver/ruler"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

const temperatureRule = `
groups:
  - name: datacenter
    rules:
      - alert: Hot
        measurement: temperature
        by: [rack]
        when: temp_c > 27
        labels: {severity: warning}
`

// files writes files into a directory of their own and returns it.
func files(t testing.TB, all map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range all {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// plugin is a plugin as Telegraf makes it, with rules, a state file and what
// change sets.
func plugin(t testing.TB, dir string, change func(*Teams)) (*Teams, *testutil.CaptureLogger) {
	t.Helper()
	made := outputs.Outputs["teams"]().(*Teams)
	log := &testutil.CaptureLogger{}
	made.Log = log
	made.RuleFiles = []string{filepath.Join(dir, "rules.yml")}
	made.StateFile = filepath.Join(dir, "teams.db")
	change(made)
	return made, log
}

func seconds(n int) *config.Duration {
	d := config.Duration(time.Duration(n) * time.Second)
	return &d
}

func TestWhatInitRefuses(t *testing.T) {
	const hook = "https://prod-01.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=topsecret"
	const good = "storage: {url: 'sqlite:receiver.db'}\ndestinations: [{name: ops, workflow: {url: '" + hook + "'}}]\nroute: {destinations: [ops]}\n"
	dir := files(t, map[string]string{
		"rules.yml": temperatureRule, "receiver.yml": good, "hook.url": "  " + hook + "\n", "empty.url": "\n",
		"wrong.yml":      "groups:\n  - name: a\n    rules:\n      - {alert: A, measurement: m, wen: v > 1}\n",
		"polled.yml":     "groups:\n  - name: p\n    interval: 30s\n    influxdb: dc\n    rules:\n      - {alert: A, query: 'from(bucket: \"dc\") |> range(start: -5m)', when: _value > 1}\n",
		"receiver2.yml":  strings.Replace(good, "route:", "rute:", 1),
		"broken.tmpl":    "{{ define \"mine\" }}{{ .Nothing \n{{ end }}",
		"rules_test.yml": "tests: []\n", "empty.yml": "groups: []\n", "empty2.yml": "groups:\n  - name: a\n    rules: []\n",
		"large.yml":         strings.Repeat("#\n", yamlfile.MaxSize/2+1),
		"bot.yml":           "microsoft: {insecure_local: true, app_id: a}\n" + strings.Replace(good, "workflow: {url: '"+hook+"'}", "channel: {channel_id: c}", 1),
		"lost.yml":          strings.Replace(good, "receiver.db", "none/receiver.db", 1),
		"emptyreceiver.yml": "rule_files: [empty.yml]\n" + good,
	})
	at := func(name string) string { return filepath.Join(dir, name) }
	byHook := func(p *Teams) { p.WebhookURL = config.NewSecret([]byte(hook)) }
	for name, c := range map[string]struct {
		change func(*Teams)
		words  []string // in the error; none: it is taken
	}{
		"a webhook":                      {byHook, nil},
		"a webhook in a file":            {func(p *Teams) { p.WebhookURLFile = at("hook.url") }, nil},
		"a simulated Teams":              {func(p *Teams) { p.WebhookURL = config.NewSecret([]byte("http://127.0.0.1:9099/workflow/ops")) }, nil},
		"every option of a webhook":      {func(p *Teams) { byHook(p); p.GroupBy = []string{"..."}; p.GroupWait = seconds(0); p.Card = "alert" }, nil},
		"a configuration file":           {func(p *Teams) { p.ConfigFile = at("receiver.yml") }, nil},
		"the same with its own store":    {func(p *Teams) { p.ConfigFile = at("receiver.yml"); p.StateFile = "" }, nil},
		"a receiver":                     {func(p *Teams) { p.RelayURL = "http://127.0.0.1:9097" }, nil},
		"a receiver that wants a user":   {func(p *Teams) { p.RelayURL = "https://am.example"; p.Username = config.NewSecret([]byte("me")) }, nil},
		"a pattern does not mean tests":  {func(p *Teams) { byHook(p); p.RuleFiles = []string{at("rules*.yml"), at("rules.yml")} }, nil},
		"a test by its name is no rules": {func(p *Teams) { byHook(p); p.RuleFiles = []string{at("rules_test.yml")} }, []string{"rules_test.yml:1: error: "}},

		"nothing":                {func(p *Teams) { p.StateFile = ""; p.RuleFiles = nil }, []string{"webhook_url: nothing says where alerts go", "state_file: ", "rule_files: there are no rules"}},
		"two ways":               {func(p *Teams) { byHook(p); p.RelayURL = "http://127.0.0.1:9097" }, []string{"webhook_url, relay_url: alerts can go one way only"}},
		"http to somewhere":      {func(p *Teams) { p.WebhookURL = config.NewSecret([]byte("http://teams.example/?sig=topsecret")) }, []string{"webhook_url: http to teams.example would send the secret"}},
		"no URL":                 {func(p *Teams) { p.WebhookURL = config.NewSecret([]byte("topsecret")) }, []string{"webhook_url: "}},
		"an empty webhook file":  {func(p *Teams) { p.WebhookURLFile = at("empty.url") }, []string{"webhook_url_file: there is no webhook URL"}},
		"no webhook file":        {func(p *Teams) { p.WebhookURLFile = at("none.url") }, []string{"webhook_url_file: the file", "no such file"}},
		"a directory for a file": {func(p *Teams) { p.WebhookURLFile = dir }, []string{"it is not an ordinary file"}},
		"a secret store outside": {func(p *Teams) { p.WebhookURL = config.NewSecret([]byte("@{vault:hook}")) }, []string{"webhook_url: the secret cannot be had", "${NAME}"}},

		"no rule file":            {func(p *Teams) { byHook(p); p.RuleFiles = []string{at("none*.yml")} }, []string{"rule_files: there is no file"}},
		"a pattern that is none":  {func(p *Teams) { byHook(p); p.RuleFiles = []string{"[a"} }, []string{"rule_files: \"[a\" is not a pattern"}},
		"only tests":              {func(p *Teams) { byHook(p); p.RuleFiles = []string{at("rules_t*.yml")} }, []string{"rule_files: the patterns match only files of tests, so there would never be an alert"}},
		"only tests, with a file": {func(p *Teams) { p.ConfigFile = at("receiver.yml"); p.RuleFiles = []string{at("rules_t*.yml")} }, []string{"rule_files: the patterns match only files of tests"}},
		"only tests, to hand on":  {func(p *Teams) { p.RelayURL = "http://h"; p.RuleFiles = []string{at("rules_t*.yml")} }, []string{"rule_files: the patterns match only files of tests"}},
		"no rule in the files": {func(p *Teams) {
			byHook(p)
			p.RuleFiles = []string{at("empty*.yml")}
			p.RuleFiles = []string{at("empty.yml"), at("empty2.yml")}
		}, []string{"so there would never be an alert"}},
		"no rule in a file's":      {func(p *Teams) { p.ConfigFile = at("emptyreceiver.yml"); p.RuleFiles = nil }, []string{"so there would never be an alert"}},
		"a file that is too large": {func(p *Teams) { byHook(p); p.RuleFiles = []string{at("large.yml")} }, []string{"it is larger than 1024 KiB; check that this is the right file"}},
		"a mistake in a rule":      {func(p *Teams) { byHook(p); p.RuleFiles = []string{at("wrong.yml")} }, []string{at("wrong.yml") + ":4: error: "}},
		"a query without InfluxDB": {func(p *Teams) { byHook(p); p.RuleFiles = []string{at("polled.yml")} }, []string{at("polled.yml") + ":2: error: the group \"p\" queries the InfluxDB \"dc\"", "config_file"}},
		"a query and a receiver":   {func(p *Teams) { p.RelayURL = "http://h"; p.RuleFiles = []string{at("polled.yml")} }, []string{"only a receiver queries InfluxDB"}},
		"a query of another one":   {func(p *Teams) { p.ConfigFile = at("receiver.yml"); p.RuleFiles = []string{at("polled.yml")} }, []string{"add it under influxdb: in " + at("receiver.yml")}},
		"no rules in either":       {func(p *Teams) { p.ConfigFile = at("receiver.yml"); p.RuleFiles = nil }, []string{"rule_files: neither the section nor the configuration file has rules"}},
		"a mistake in the file":    {func(p *Teams) { p.ConfigFile = at("receiver2.yml") }, []string{at("receiver2.yml") + ":3: error: ", "did you mean route?"}},

		"a channel of the bot's": {func(p *Teams) { p.ConfigFile = at("bot.yml") }, []string{`destination "ops": channels, chats and people need the receiver`, "hand it the alerts with relay_url"}},

		"no directory, a webhook":  {func(p *Teams) { byHook(p); p.StateFile = at("none/teams.db") }, []string{"state_file: there is no directory"}},
		"no directory, a file":     {func(p *Teams) { p.ConfigFile = at("lost.yml"); p.StateFile = "" }, []string{"storage.url of " + at("lost.yml") + ": there is no directory"}},
		"no directory, a receiver": {func(p *Teams) { p.RelayURL = "http://h"; p.StateFile = at("none/teams.db") }, []string{"state_file: there is no directory"}},

		"a time below zero":          {func(p *Teams) { byHook(p); p.GroupInterval = seconds(0); p.GroupWait = seconds(-1) }, []string{"group_interval: the time must be longer than 0", "group_wait: the time must be"}},
		"no such card":               {func(p *Teams) { byHook(p); p.Card = "none" }, []string{"card: "}},
		"a template with a mistake":  {func(p *Teams) { byHook(p); p.TemplateFiles = []string{at("broken.tmpl")} }, []string{"broken.tmpl:"}},
		"grouping beside a file":     {func(p *Teams) { p.ConfigFile = at("receiver.yml"); p.GroupBy = []string{"a"} }, []string{"group_by: this is only for webhook_url", "in the routes of the receiver's configuration file"}},
		"grouping beside a receiver": {func(p *Teams) { p.RelayURL = "http://h"; p.Card = "alert" }, []string{"card: this is only for webhook_url"}},
		"a token beside a webhook":   {func(p *Teams) { byHook(p); p.BearerToken = config.NewSecret([]byte("topsecret")) }, []string{"bearer_token: this is only for relay_url"}},
		"a token and a user": {func(p *Teams) {
			p.RelayURL = "http://h"
			p.BearerToken = config.NewSecret([]byte("t"))
			p.Username = config.NewSecret([]byte("u"))
		}, []string{"a token or a user, not both"}},
		"a password without a user": {func(p *Teams) { p.RelayURL = "http://h"; p.Password = config.NewSecret([]byte("topsecret")) }, []string{"password: there is no username to it"}},
		"a password in the URL":     {func(p *Teams) { p.RelayURL = "http://u:topsecret@h" }, []string{"relay_url: it cannot be used; a user or password does not belong into the URL"}},
		"no certificate":            {func(p *Teams) { p.RelayURL = "https://h"; p.TLSCA = at("none.pem") }, []string{"tls_ca, tls_cert, tls_key: "}},
		"no timeout":                {func(p *Teams) { p.RelayURL = "https://h"; p.Timeout = seconds(0) }, []string{"timeout: the time must be longer than 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, log := plugin(t, dir, c.change)
			err := p.Init()
			if len(c.words) == 0 {
				require.NoError(t, err)
			} else {
				require.Error(t, err)
				for _, words := range c.words {
					require.ErrorContains(t, err, words)
				}
				require.NotContains(t, err.Error(), "topsecret")
			}
			for _, m := range log.Messages() {
				require.NotContains(t, m.Text, "topsecret")
			}
			require.NoFileExists(t, at("teams.db"), "Init only looks")
		})
	}
}

// TestABotInTheFileIsNotOneHere: whoever shares a file with a receiver is told
// that buttons are the receiver's, and webhooks work.
func TestABotInTheFileIsNotOneHere(t *testing.T) {
	dir := files(t, map[string]string{
		"rules.yml":    temperatureRule,
		"receiver.yml": "microsoft: {insecure_local: true, app_id: a}\nstorage: {url: 'sqlite:receiver.db'}\ndestinations: [{name: ops, workflow: {url: 'http://127.0.0.1:9/workflow/ops'}}]\nroute: {destinations: [ops]}\n",
	})
	p, log := plugin(t, dir, func(p *Teams) { p.ConfigFile = filepath.Join(dir, "receiver.yml") })
	require.NoError(t, p.Init())
	require.Len(t, log.Warnings(), 1)
	require.Contains(t, log.Warnings()[0], "Teams cannot talk to a Telegraf, so here are no buttons")
}

// TestOptionsWithoutEffectAreRefused: whoever sets one expects something of it.
func TestOptionsWithoutEffectAreRefused(t *testing.T) {
	dir := files(t, map[string]string{"rules.yml": temperatureRule})
	off := false
	for option, set := range map[string]func(*Teams){
		"timeout":                  func(p *Teams) { p.Timeout = seconds(10) },
		"username":                 func(p *Teams) { p.Username = config.NewSecret([]byte("me")) },
		"password":                 func(p *Teams) { p.Password = config.NewSecret([]byte("topsecret")) },
		"bearer_token":             func(p *Teams) { p.BearerToken = config.NewSecret([]byte("topsecret")) },
		"tls_enable":               func(p *Teams) { p.Enable = &off },
		"tls_ca":                   func(p *Teams) { p.TLSCA = "x" },
		"tls_cert":                 func(p *Teams) { p.TLSCert = "x" },
		"tls_key":                  func(p *Teams) { p.TLSKey = "x" },
		"tls_key_pwd":              func(p *Teams) { p.TLSKeyPwd = "topsecret" },
		"tls_server_name":          func(p *Teams) { p.ServerName = "x" },
		"tls_min_version":          func(p *Teams) { p.TLSMinVersion = "TLS13" },
		"tls_cipher_suites":        func(p *Teams) { p.TLSCipherSuites = []string{"x"} },
		"tls_renegotiation_method": func(p *Teams) { p.RenegotiationMethod = "never" },
		"insecure_skip_verify":     func(p *Teams) { p.InsecureSkipVerify = true },
	} {
		p, _ := plugin(t, dir, func(p *Teams) {
			p.WebhookURL = config.NewSecret([]byte("http://127.0.0.1:9/workflow/nobody"))
			set(p)
		})
		require.EqualError(t, p.Init(), option+": this is only for relay_url; remove it")
	}
}

// metricAt is a metric of a rack.
func metricAt(rack string, temperature float64) telegraf.Metric {
	return metric.New("temperature", map[string]string{"rack": rack}, map[string]any{"temp_c": temperature}, time.Now())
}

// startTeams is a simulated Teams.
func startTeams(t *testing.T) (teams *teamstest.Server, url string) {
	t.Helper()
	teams = teamstest.New(teamstest.Options{})
	server := httptest.NewServer(teams)
	t.Cleanup(func() { teams.Close(); server.Close() })
	return teams, server.URL + "/workflow/ops"
}

// shown waits for n cards and returns what they begin with.
func shown(t *testing.T, teams *teamstest.Server, n int) (summaries []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	messages, err := teams.WaitFor(ctx, n)
	require.NoError(t, err)
	for _, m := range messages {
		summaries = append(summaries, m.Summary)
	}
	return summaries
}

// TestInsideTelegraf is the plugin as the agent drives it, over a restart.
func TestInsideTelegraf(t *testing.T) {
	teams, url := startTeams(t)
	dir := files(t, map[string]string{"rules.yml": temperatureRule})
	start := func() *Teams {
		p, _ := plugin(t, dir, func(p *Teams) { p.WebhookURL = config.NewSecret([]byte(url)); p.GroupWait = seconds(0) })
		require.NoError(t, p.Init())
		require.NoError(t, p.Connect())
		return p
	}
	p := start()
	require.NoError(t, p.Write([]telegraf.Metric{metricAt("r1", 33), testutil.TestMetric(1), metricAt("r2", 20)}))
	require.Contains(t, shown(t, teams, 1)[0], "firing")
	require.NoError(t, p.Close())

	p = start()
	require.NoError(t, p.Write([]telegraf.Metric{metricAt("r1", 33)}))
	require.NoError(t, p.Write([]telegraf.Metric{metricAt("r1", 20)}))
	cards := shown(t, teams, 2)
	require.Contains(t, strings.ToLower(cards[1]), "resolved", "it was known to fire, and told once: %q", cards)
	require.NoError(t, p.Close())
}

// TestEachHostIsToldAtOnce: a webhook cannot change a card, so a second host in
// the group of the first would wait for that group's next message.
func TestEachHostIsToldAtOnce(t *testing.T) {
	teams, url := startTeams(t)
	dir := files(t, map[string]string{"rules.yml": strings.Replace(temperatureRule, "rack", "host", 1)})
	p, _ := plugin(t, dir, func(p *Teams) { p.WebhookURL = config.NewSecret([]byte(url)); p.GroupWait = seconds(0) })
	require.NoError(t, p.Init())
	require.NoError(t, p.Connect())
	for n, host := range []string{"web1", "web2"} {
		require.NoError(t, p.Write([]telegraf.Metric{
			metric.New("temperature", map[string]string{"host": host}, map[string]any{"temp_c": 33.0}, time.Now()),
		}))
		require.Contains(t, shown(t, teams, n+1)[n], "firing")
	}
	require.NoError(t, p.Close())
}

func TestOneStoreIsForOneAgent(t *testing.T) {
	dir := files(t, map[string]string{"rules.yml": temperatureRule})
	make := func() *Teams {
		p, _ := plugin(t, dir, func(p *Teams) { p.RelayURL = "http://127.0.0.1:9" })
		require.NoError(t, p.Init())
		return p
	}
	first, second := make(), make()
	require.NoError(t, first.Connect())
	require.ErrorContains(t, second.Connect(), "another teamsrelay process uses it; stop that one, or give this one a state_file of its own")
	require.NoError(t, second.Close(), "the agent closes what it could not connect")
	require.NoError(t, first.Close())
	require.NoError(t, second.Connect())
	require.NoError(t, second.Close())
}

// TestClosingDoesNotWaitForTeams: Telegraf kills what takes long.
func TestClosingDoesNotWaitForTeams(t *testing.T) {
	teams, url := startTeams(t)
	teams.Fault("ops", teamstest.Fault{Hang: true, Times: -1})
	dir := files(t, map[string]string{"rules.yml": temperatureRule})
	p, _ := plugin(t, dir, func(p *Teams) { p.WebhookURL = config.NewSecret([]byte(url)); p.GroupWait = seconds(0) })
	require.NoError(t, p.Init())
	require.NoError(t, p.Connect())
	require.NoError(t, p.Write([]telegraf.Metric{metricAt("r1", 33)}))
	require.Eventually(t, func() bool { return len(teams.Messages("ops")) > 0 }, time.Minute, 10*time.Millisecond)
	require.ErrorIs(t, p.Close(), errClosing)
}

// TestTheRelayGetsCredentials, and nobody else does.
func TestTheRelayGetsCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Teams)
		header string
	}{
		"nobody":  {func(*Teams) {}, ""},
		"a token": {func(p *Teams) { p.BearerToken = config.NewSecret([]byte("topsecret\n")) }, "Bearer topsecret"},
		"a user with a password": {func(p *Teams) {
			p.Username = config.NewSecret([]byte("me"))
			p.Password = config.NewSecret([]byte("pw"))
		}, "Basic bWU6cHc="},
		"a user without a password": {func(p *Teams) { p.Username = config.NewSecret([]byte("me")) }, "Basic bWU6"},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan []string, 10)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				var alerts []struct{ Labels map[string]string }
				_ = json.Unmarshal(body, &alerts)
				got <- []string{r.URL.Path, r.Header.Get("Authorization"), fmt.Sprint(alerts)}
			}))
			defer server.Close()
			dir := files(t, map[string]string{"rules.yml": temperatureRule})
			p, log := plugin(t, dir, func(p *Teams) { p.RelayURL = server.URL + "/am/"; c.change(p) })
			require.NoError(t, p.Init())
			require.NoError(t, p.Connect())
			require.NoError(t, p.Write([]telegraf.Metric{metricAt("r1", 33)}))
			require.Equal(t, []string{"/am/api/v2/alerts", c.header, "[{map[alertname:Hot rack:r1 severity:warning]}]"}, <-got)
			require.NoError(t, p.Close())
			for _, m := range log.Messages() {
				require.NotContains(t, m.Text, "topsecret")
			}
		})
	}
}

// TestAnAnswerThatRepeatsTheRequest: some proxies give back what they did not
// like, and what is answered stands in the log, which many people read.
func TestAnAnswerThatRepeatsTheRequest(t *testing.T) {
	for name, change := range map[string]func(*Teams){
		"a token": func(p *Teams) { p.BearerToken = config.NewSecret([]byte("top\"secret&/")) },
		"a user": func(p *Teams) {
			p.Username = config.NewSecret([]byte("me"))
			p.Password = config.NewSecret([]byte("top\"secret&/"))
		},
	} {
		for _, status := range []int{http.StatusBadRequest, http.StatusInternalServerError} {
			t.Run(fmt.Sprintf("%s, %d", name, status), func(t *testing.T) {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(status)
					sent := r.Header.Get("Authorization")
					_, password, _ := r.BasicAuth()
					if password == "" {
						password = strings.TrimPrefix(sent, "Bearer ")
					}
					quoted, _ := json.Marshal(password)
					fmt.Fprintf(w, "not this: %s %s %s %s %s %s %s", sent, password, quoted, html.EscapeString(password), url.QueryEscape(password),
						strings.ToLower(url.QueryEscape(password)), strings.NewReplacer("&", "&#38;", "/", `\/`).Replace(password))
				}))
				defer server.Close()
				dir := files(t, map[string]string{"rules.yml": temperatureRule})
				p, log := begin(t, dir, func(p *Teams) { p.RelayURL = server.URL; change(p) }, "not this: ", metricAt("r1", 33))
				require.NoError(t, p.Close())
				said := allOf(log)
				require.Contains(t, said, "<secret>")
				for _, part := range []string{"top", "secret&", "secret%", "bWU6"} {
					require.NotContains(t, said, part)
				}
			})
		}
	}
}

// fakeWork is a plugin whose store can be told to refuse.
func fakeWork(t *testing.T, samples func(context.Context, []sample.Sample) error) *Teams {
	t.Helper()
	dir := files(t, map[string]string{"rules.yml": temperatureRule})
	p, _ := plugin(t, dir, func(p *Teams) { p.RelayURL = "http://127.0.0.1:9" })
	require.NoError(t, p.Init())
	p.work = &work{samples: samples}
	return p
}

// TestTimersMoveWithTheWallClock: a machine whose clock is corrected after the
// start must not end every alert, nor post ends that lie in the past.
func TestTimersMoveWithTheWallClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wrong atomic.Int64
		wall := func() time.Time { return time.Now().Add(time.Duration(wrong.Load())) }
		log := &testutil.CaptureLogger{}
		logger := slog.New(logHandler{log: log})
		db, err := openStore(t.Context(), filepath.Join(t.TempDir(), "teams.db"), "state_file", logger)
		require.NoError(t, err)
		c := clock.New(wall, nil)
		api, err := relay.NewAPI("http://127.0.0.1:9", &http.Client{}, nil)
		require.NoError(t, err)
		onward, err := relay.New(t.Context(), relay.Options{API: api, Store: db, Logger: logger, Now: c.Now})
		require.NoError(t, err)
		decides, err := ruler.New(t.Context(), ruler.Options{
			Store: db, Logger: logger, Registerer: prometheus.NewRegistry(), Now: c.Now, Hand: onward.Hand,
		}, nil)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- followClock(ctx, c, decides, onward, logger) }()
		wrong.Store(int64(time.Hour))
		time.Sleep(clockEvery)
		synctest.Wait()
		require.WithinDuration(t, wall(), c.Now(), time.Second)
		require.Len(t, log.Warnings(), 1)
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, db.Close())
	})
}

// TestNoMetricIsEvaluatedTwice: Telegraf brings a batch again that was not
// taken; a count or a rate must not see its metrics twice.
func TestNoMetricIsEvaluatedTwice(t *testing.T) {
	var refuse error
	var seen []string
	p := fakeWork(t, func(_ context.Context, all []sample.Sample) error {
		for _, s := range all {
			seen = append(seen, s.Tag("rack"))
		}
		return refuse
	})
	a, b, c := metricAt("a", 1), metricAt("b", 1), metricAt("c", 1)
	refuse = errors.New("disk full")
	require.ErrorContains(t, p.Write([]telegraf.Metric{a, b}), "disk full")
	require.Error(t, p.Write([]telegraf.Metric{a, b, c}), "with what came meanwhile")
	refuse = nil
	require.NoError(t, p.Write([]telegraf.Metric{b, c}), "the oldest was dropped")
	require.Equal(t, []string{"a", "b", "c"}, seen)
	require.NoError(t, p.Write([]telegraf.Metric{a}))
	require.Len(t, seen, 4, "it is another one by now")
}

func TestSamplesOfMetrics(t *testing.T) {
	at := time.Unix(17, 0)
	m := metric.New("temperature", map[string]string{"z": "1", "a": "2"}, map[string]any{"n": int64(-1), "u": uint64(2), "f": 1.5, "b": true, "s": "x"}, at)
	var s samples
	for range 2 { // memory is used again
		s.reset()
		s.add(m)
		s.add(metricAt("r1", 3))
		require.Len(t, s.all, 2)
		got := s.all[0]
		require.Equal(t, "temperature", got.Measurement)
		require.Equal(t, at, got.Time)
		require.Equal(t, []sample.Tag{{Key: "a", Value: "2"}, {Key: "z", Value: "1"}}, got.Tags)
		for key, want := range map[string]any{"n": -1.0, "u": 2.0, "f": 1.5, "b": true, "s": "x"} {
			require.Equal(t, want, got.Field(key).Any(), key)
		}
		require.Len(t, got.Fields, 5)
		require.Equal(t, "r1", s.all[1].Tag("rack"))
	}
}

func TestLogLines(t *testing.T) {
	capture := &testutil.CaptureLogger{}
	log := slog.New(logHandler{log: capture})
	log.With("component", "deliver").WithGroup("to").Warn("Not now", "host", "a b", "empty", "", slog.Group("in", "n", 1))
	log.Info("All is well", "err", errors.New("line\nbreak"))
	log.Error("Bad", "equals", "a=b")
	var lines []string
	for _, m := range capture.Messages() {
		lines = append(lines, m.String())
	}
	all := strings.Join(lines, "\n")
	require.Contains(t, all, `Not now component=deliver to.host="a b" to.empty="" to.in.n=1`)
	require.Contains(t, all, `All is well err="line\nbreak"`)
	require.Contains(t, all, `Bad equals="a=b"`)
	require.Len(t, capture.Warnings(), 1)
	require.Len(t, capture.Errors(), 1)
}

func TestEventSourcesOfAReceiversFileAreSaidToBeDeaf(t *testing.T) {
	dir := files(t, map[string]string{
		"rules.yml": temperatureRule,
		"receiver.yml": "storage: {url: 'sqlite:receiver.db'}\ndestinations: [{name: ops, workflow: {url: 'http://127.0.0.1:1/workflow/ops'}}]\n" +
			"route: {destinations: [ops]}\nevents: [{name: butler, preset: butler}]\n",
	})
	made, log := plugin(t, dir, func(p *Teams) { p.ConfigFile = filepath.Join(dir, "receiver.yml") })
	require.NoError(t, made.Init())
	require.Len(t, log.Warnings(), 1, "whoever moves their configuration into Telegraf would wait for cards")
	require.Contains(t, log.Warnings()[0], "run teamsrelay serve")
}
