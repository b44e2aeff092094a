package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// startTeams is a simulated Teams on a port of its own.
func startTeams(t *testing.T, options teamstest.Options) (teams *teamstest.Server, url string) {
	t.Helper()
	teams = teamstest.New(options)
	server := httptest.NewServer(teams)
	t.Cleanup(func() {
		teams.Close()
		server.Close()
	})
	return teams, server.URL
}

// fast is a pace at which nothing ever waits.
const fast = "1000/1s"

// destination is an entry of a configuration's destinations.
func destination(name, url string, pace ...string) string {
	text := fmt.Sprintf("  - name: %s\n    workflow: {url: %q}\n", name, url)
	if len(pace) > 0 {
		text += "    pace: [" + strings.Join(pace, ", ") + "]\n"
	}
	return text
}

// configuration is a file with these destinations; every alert goes to the
// first of them, which is called ops, and an alert that is posted to
// /api/v2/alerts ends 3 s after it was posted last.
func configuration(destinations ...string) string {
	return "storage: {url: 'sqlite:teamsrelay.db'}\n" +
		"resolve_timeout: 3s\n" +
		"destinations:\n" + strings.Join(destinations, "") +
		"route: {destinations: [ops], group_by: [alertname], group_wait: 1s, group_interval: 1s}\n"
}

// later is a configuration in which an alert ends 10 s after it was posted last:
// whoever posts it every second may be held up for some on a busy machine.
func later(config string) string {
	return strings.Replace(config, "resolve_timeout: 3s", "resolve_timeout: 10s", 1)
}

// relay is a teamsrelay serve.
type relay struct {
	*process
	t       *testing.T
	program string
	file    string // its configuration
	env     []string
	url     string
}

// startRelay writes the configuration into a directory of its own and serves.
func startRelay(t *testing.T, config string) *relay {
	t.Helper()
	return serve(t, program(t), t.TempDir(), config)
}

// serve starts a program as a receiver whose configuration and state are in dir.
func serve(t *testing.T, program, dir, config string) *relay {
	t.Helper()
	return serveWith(t, nil, program, dir, config)
}

// serveWith is serve with more in the environment.
func serveWith(t *testing.T, env []string, program, dir, config string) *relay {
	t.Helper()
	r := &relay{t: t, program: program, file: filepath.Join(dir, "teamsrelay.yml"), env: env}
	r.write(config)
	r.begin(listen(t))
	r.listen()
	return r
}

// begin starts the process and does not wait for it.
func (r *relay) begin(said *said) {
	r.t.Helper()
	r.process = runWith(r.t, said, r.env, r.program, "serve", "--config.file="+r.file,
		"--web.listen-address=127.0.0.1:0", "--public.listen-address=127.0.0.1:0", "--log.level=debug")
}

// listen waits until it takes alerts.
func (r *relay) listen() {
	r.t.Helper()
	r.url = "http://" + r.address()
}

// again starts it anew after it has ended, on another port.
func (r *relay) again() {
	r.t.Helper()
	r.said.next()
	r.begin(r.said)
}

func (r *relay) write(config string) {
	r.t.Helper()
	require.NoError(r.t, os.WriteFile(r.file, []byte(config), 0o600))
}

// answer is an HTTP answer of a receiver or an Alertmanager.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask makes a request that gets an answer, whatever that is.
func ask(method, url string, body io.Reader, header ...string) (answer, error) {
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

func (r *relay) post(path string, body []byte, header ...string) answer {
	r.t.Helper()
	a, err := ask(http.MethodPost, r.url+path, bytes.NewReader(body), header...)
	require.NoError(r.t, err)
	return a
}

func (r *relay) get(path string) answer {
	r.t.Helper()
	a, err := ask(http.MethodGet, r.url+path, nil)
	require.NoError(r.t, err)
	return a
}

// metric adds up the samples of a scrape that begin with these characters.
func metric(t *testing.T, scrape, begin string) (sum int) {
	t.Helper()
	found := false
	for line := range strings.Lines(scrape) {
		if strings.HasPrefix(line, begin) {
			value, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
			require.NoError(t, err)
			sum += int(value)
			found = true
		}
	}
	require.True(t, found, "there is no metric %s", begin)
	return sum
}

// list reads one of the API's lists.
func list[T any](r *relay, name, query string) []T {
	r.t.Helper()
	a := r.get("/api/v1/" + name + query)
	require.Equal(r.t, http.StatusOK, a.status, a.body)
	var lists map[string][]T
	require.NoError(r.t, json.Unmarshal([]byte(a.body), &lists))
	return lists[name]
}

// settled waits until nothing is on its way any more.
func (r *relay) settled(within time.Duration) {
	r.t.Helper()
	eventually(r.t, within, "everything is told", func() bool {
		for _, d := range list[web.Destination](r, "destinations", "") {
			if d.Waiting > 0 {
				return false
			}
		}
		return true
	})
}

// view reads the store of a receiver that has ended.
func (r *relay) view(read func(store.Tx) error) {
	r.t.Helper()
	s, err := sqlite.Open(filepath.Join(filepath.Dir(r.file), "teamsrelay.db"), sqlite.Options{})
	require.NoError(r.t, err)
	defer s.Close()
	require.NoError(r.t, s.View(r.t.Context(), read))
}

// deliveries reads the whole log in the store of a receiver that has ended,
// newest first.
func (r *relay) deliveries() (all []store.Delivery) {
	r.t.Helper()
	r.view(func(tx store.Tx) error {
		for filter := (store.DeliveryFilter{Limit: 1000}); ; {
			page, err := tx.Deliveries(filter)
			if err != nil || len(page) == 0 {
				return err
			}
			all = append(all, page...)
			filter.Before = page[len(page)-1].ID
		}
	})
	return all
}

// eventually waits until something is so. The processes under test live in
// real time, so there is no clock to turn.
func eventually(t *testing.T, within time.Duration, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !so(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// cards waits for the nth card of a webhook and returns all.
func cards(t *testing.T, teams *teamstest.Server, webhook string, n int) []teamstest.Message {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("%d cards in %s", n, webhook), func() bool { return len(teams.Shown(webhook)) >= n })
	return teams.Shown(webhook)
}

// body is a group with one alert as Alertmanager's webhook sends it. The name
// is the group's, and can be read on the card.
func body(name, status string) []byte {
	started := time.Now().Add(-time.Minute).UTC()
	var ended time.Time
	if status == "resolved" {
		ended = time.Now().UTC()
	}
	type object = map[string]any
	text, err := json.Marshal(object{
		"version": "4", "receiver": "teams", "status": status, "groupKey": "{}:{alertname=\"" + name + "\"}",
		"groupLabels": object{"alertname": name}, "externalURL": "http://alertmanager.example.com:9093",
		"alerts": []object{{
			"status":      status,
			"labels":      object{"alertname": name, "severity": "warning", "instance": "db1:9100"},
			"annotations": object{"summary": "something is wrong with " + name},
			"startsAt":    started, "endsAt": ended,
			"generatorURL": "http://prometheus.example.com/graph",
		}},
	})
	if err != nil {
		panic(err) // these values can be marshalled
	}
	return text
}
