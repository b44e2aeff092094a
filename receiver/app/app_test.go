package app

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// site is a directory with a configuration whose destination is a simulated
// Teams.
type site struct {
	t      *testing.T
	teams  *teamstest.Server
	dir    string
	config string
	log    *lockedBuffer
	reload chan struct{}
	public string // --public.listen-address
}

func newSite(t *testing.T) *site {
	teams := teamstest.New(teamstest.Options{})
	server := httptest.NewServer(teams)
	t.Cleanup(func() {
		teams.Close()
		server.Close()
	})
	s := &site{t: t, teams: teams, dir: t.TempDir(), log: &lockedBuffer{}, reload: make(chan struct{}, 1), config: `
storage: {url: "sqlite:relay.db"}
destinations:
  - name: ops
    workflow: {url: "` + server.URL + `/workflow/ops"}
  - name: dev
    workflow: {url: "` + server.URL + `/workflow/dev"}
route: {destinations: [ops]}
`}
	s.write("relay.yml", s.config)
	return s
}

func (s *site) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	require.NoError(s.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// options are those of `serve` on these addresses.
func (s *site) options(addresses ...string) Options {
	if len(addresses) == 0 {
		addresses = []string{"127.0.0.1:0"}
	}
	socket, web := false, ""
	return Options{
		ConfigFile: filepath.Join(s.dir, "relay.yml"), Reload: s.reload,
		Web:    &toolkit.FlagConfig{WebListenAddresses: &addresses, WebSystemdSocket: &socket, WebConfigFile: &web},
		Logger: slog.New(slog.NewTextHandler(s.log, nil)), PublicAddress: s.public,
	}
}

// run starts a receiver; stop ends it and returns what Run returned.
func (s *site) run() (url string, stop func() error) {
	s.t.Helper()
	_, url, stop = s.begin()
	return url, stop
}

// start is run, and also returns the receiver.
func (s *site) start() (a *App, url string) {
	s.t.Helper()
	a, url, _ = s.begin()
	return a, url
}

func (s *site) begin() (a *App, url string, stop func() error) {
	s.t.Helper()
	o := s.options()
	listening := make(chan string, 1)
	o.Listening = func(addresses []net.Addr) { listening <- "http://" + addresses[0].String() }
	a, err := New(o)
	require.NoError(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	s.t.Cleanup(func() { require.NoError(s.t, stop()) })
	select {
	case url = <-listening:
	case err := <-ended:
		ended <- err
		s.t.Fatalf("it ended at once: %v", err)
	}
	return a, url, stop
}

func (s *site) post(url, body string) (int, string) {
	s.t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	require.NoError(s.t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return response.StatusCode, string(answer)
}

// waitFor returns the first n cards that the simulated Teams shows.
func (s *site) waitFor(n int) []teamstest.Message {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	cards, err := s.teams.WaitFor(ctx, n)
	require.NoError(s.t, err, s.log)
	return cards
}

// firing is what Alertmanager posts when an alert of this name fires.
func firing(name string) string {
	return `{"version":"4","groupKey":"` + name + `","alerts":[{"status":"firing","labels":{"alertname":"` + name + `","severity":"critical"}}]}`
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func TestAnAlertThatIsTakenIsShownInTeams(t *testing.T) {
	s := newSite(t)
	url, stop := s.run()
	status, answer := s.post(url+"/alertmanager", firing("DiskFull"))
	require.Equal(t, http.StatusOK, status, answer)
	card := s.waitFor(1)[0]
	require.Equal(t, "ops", card.Webhook)
	require.Contains(t, string(card.Card), "Disk full")
	require.NoError(t, stop(), "a stop that was asked for is no failure")
	require.Contains(t, s.log.String(), "relay.yml", "the log says which configuration was read")
	require.NotContains(t, s.log.String(), "/workflow/ops", "whoever reads the log could post to the channel")
	_, err := http.Get(url + "/-/healthy")
	require.Error(t, err, "nobody listens after a stop")
}

func TestWhatWasTakenBeforeAStopIsToldAfterTheNextStart(t *testing.T) {
	s := newSite(t)
	s.teams.Fault("ops", teamstest.Fault{Status: http.StatusServiceUnavailable, RetryAfter: time.Second})
	url, stop := s.run()
	status, _ := s.post(url+"/alertmanager", firing("DiskFull"))
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, stop())
	s.run()
	require.Contains(t, string(s.waitFor(1)[0].Card), "Disk full")
}

func TestAReloadTakesAGoodConfigurationAndRefusesAWrongOne(t *testing.T) {
	s := newSite(t)
	url, _ := s.run()
	reload := func() (int, string) { return s.post(url+"/-/reload", "") }

	s.write("relay.yml", strings.Replace(s.config, "route: {destinations: [ops]}", "route: {destinations: [opps]}\nstrange: 1", 1))
	status, answer := reload()
	require.Equal(t, http.StatusInternalServerError, status)
	require.Contains(t, answer, `"opps"`)
	require.Contains(t, answer, `"strange"`, "every mistake is told at once")
	require.Contains(t, s.metrics(url), "teamsrelay_config_last_reload_successful 0")
	_, _ = s.post(url+"/alertmanager", firing("First"))
	require.Equal(t, "ops", s.waitFor(1)[0].Webhook, "the old configuration goes on")

	s.write("relay.yml", strings.Replace(s.config, "sqlite:relay.db", "sqlite:other.db", 1))
	status, answer = reload()
	require.Equal(t, http.StatusInternalServerError, status)
	require.Contains(t, answer, "restart", "a store cannot be moved while it is open")

	s.write("relay.yml", strings.Replace(s.config, "[ops]", "[dev]", 1))
	status, answer = reload()
	require.Equal(t, http.StatusOK, status, answer)
	require.Contains(t, s.metrics(url), "teamsrelay_config_last_reload_successful 1")
	_, _ = s.post(url+"/alertmanager", firing("Second"))
	require.Equal(t, "dev", s.waitFor(2)[1].Webhook)
}

func TestAHangupReloadsTheConfiguration(t *testing.T) {
	s := newSite(t)
	url, _ := s.run()
	s.write("relay.yml", strings.Replace(s.config, "[ops]", "[dev]", 1))
	// There is room for one: the third is in when the second is being worked
	// on, and then the first is done.
	for range 3 {
		s.reload <- struct{}{}
	}
	_, _ = s.post(url+"/alertmanager", firing("DiskFull"))
	require.Equal(t, "dev", s.waitFor(1)[0].Webhook)
}

func (s *site) metrics(url string) string {
	s.t.Helper()
	response, err := http.Get(url + "/metrics")
	require.NoError(s.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return string(text)
}

func TestWhatCannotStartSaysWhyAndLeavesNothingOpen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for name, c := range map[string]struct {
		config  func(string) string
		options func(*site, *Options)
		says    []string
	}{
		"a port that is taken": {
			options: func(s *site, o *Options) { *o = s.options("127.0.0.1:0", taken.Addr().String()) },
			says:    []string{taken.Addr().String(), "--web.listen-address"},
		},
		"a port that is none": {
			options: func(s *site, o *Options) { *o = s.options("nowhere") },
			says:    []string{"nowhere", "HOST:PORT"},
		},
		"a directory of the store that is not there": {
			config: func(c string) string { return strings.Replace(c, "sqlite:relay.db", "sqlite:nothere/relay.db", 1) },
			says:   []string{"nothere", "create it"},
		},
		"a store that is something else": {
			config: func(c string) string { return strings.Replace(c, "sqlite:relay.db", "sqlite:relay.yml", 1) },
			says:   []string{"relay.yml"},
		},
		"a PostgreSQL that does not answer": {
			config: func(c string) string {
				return strings.Replace(c, "sqlite:relay.db", "postgres://relay:seCretPassword@127.0.0.1:1/relay?sslmode=disable", 1)
			},
			says: []string{"PostgreSQL at 127.0.0.1: ", "is it up?"},
		},
		"a mistake in the configuration": {
			config: func(c string) string { return strings.Replace(c, "[ops]", "[opps]", 1) },
			says:   []string{"relay.yml:8: error: ", `"opps"`},
		},
		"a web configuration with a wrong key": {
			options: func(s *site, o *Options) {
				file := s.write("web.yml", "tls_server_confg: {}\n")
				o.Web.WebConfigFile = &file
			},
			says: []string{"--web.config.file", "web.yml", "tls_server_confg"},
		},
		"a web configuration that is not there": {
			options: func(s *site, o *Options) {
				file := filepath.Join(s.dir, "web.yml")
				o.Web.WebConfigFile = &file
			},
			says: []string{"--web.config.file", "web.yml"},
		},
		"a bot without tokens that others can reach": {
			config:  func(c string) string { return c + "microsoft: {insecure_local: true, app_id: local}\n" },
			options: func(_ *site, o *Options) { o.PublicAddress = ":0" },
			says:    []string{"insecure_local", "--public.listen-address=127.0.0.1"},
		},
		"sockets of systemd": {
			options: func(_ *site, o *Options) { socket := true; o.Web.WebSystemdSocket = &socket },
			says:    []string{"--web.listen-address"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			o := s.options()
			if c.options != nil {
				c.options(s, &o)
			}
			if c.config != nil {
				s.write("relay.yml", c.config(s.config))
			}
			a, err := New(o)
			if err == nil {
				err = a.Run(t.Context())
			}
			require.Error(t, err)
			for _, want := range c.says {
				require.ErrorContains(t, err, want)
			}
			for _, secret := range []string{"/workflow/ops", "seCretPassword"} {
				require.NotContains(t, err.Error()+s.log.String(), secret)
			}

			s.write("relay.yml", s.config)
			_, stop := s.run() // the store is free again
			require.NoError(t, stop())
		})
	}
}

func TestTwoReceiversDoNotShareAStore(t *testing.T) {
	s := newSite(t)
	_, stop := s.run()
	_, err := New(s.options())
	require.ErrorContains(t, err, "another teamsrelay process uses it", "both would tell the same alert")
	require.NoError(t, stop())
	s.run()
}

// Without tokens anybody who can reach the public listener may command the
// bot: only who works on this machine may.
func TestOnlyThisMachineIsThisMachine(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:3978": true, "127.8.9.1:0": true, "[::1]:3978": true, "localhost:3978": true, "": true, // not open
		":3978": false, "0.0.0.0:3978": false, "[::]:3978": false, "192.168.1.7:3978": false, "10.0.0.1:1": false,
		"relay.example:3978": false, "localhost.example:3978": false, "127.0.0.1.example:3978": false, "127.0.0.1": false,
	} {
		require.Equal(t, want, isLoopback(address), address)
	}
}

// The file is changed while the receiver runs: it must not open to everybody
// what it refused at the start.
func TestAReloadDoesNotOpenTheBotToEverybody(t *testing.T) {
	s := newSite(t)
	s.public = "0.0.0.0:0"
	url, _ := s.run()
	s.write("relay.yml", s.config+"microsoft: {insecure_local: true, app_id: local}\n")
	status, body := s.post(url+"/-/reload", "")
	require.NotEqual(t, http.StatusOK, status)
	require.Contains(t, body, "insecure_local")
	_, body = s.post(url+"/alertmanager", firing("DiskFull"))
	require.Contains(t, s.waitFor(1)[0].Webhook, "ops", "the old configuration goes on: "+body)
}
