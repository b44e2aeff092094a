package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/ingest/influxdb"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// influxdProgram is a real InfluxDB: the last 1.x that builds from Go alone.
// It answers InfluxQL, and Flux as 2.x does.
var influxdProgram = foreign{
	name: "InfluxDB", module: "github.com/influxdata/influxdb@v1.8.3", pkg: "./cmd/influxd",
}.builder()

// influxd is a running InfluxDB with the database dc.
type influxd struct {
	*process
	t       *testing.T
	program string
	file    string
	url     string
}

// The user that InfluxDB knows.
const (
	influxUser     = "watch"
	influxPassword = "pass-s3cret"
)

func startInfluxd(t *testing.T, program string) *influxd {
	t.Helper()
	dir := t.TempDir()
	// Its ports must stay the same when it is started again.
	web, backup := freePort(t), freePort(t)
	i := &influxd{t: t, program: program, file: filepath.Join(dir, "influxdb.conf"), url: "http://" + web}
	require.NoError(t, os.WriteFile(i.file, fmt.Appendf(nil, `
reporting-disabled = true
bind-address = %q
[meta]
  dir = %q
[data]
  dir = %q
  wal-dir = %q
[http]
  bind-address = %q
  flux-enabled = true
  auth-enabled = true
[monitor]
  store-enabled = false
`, backup, filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), web), 0o600))
	i.begin()
	i.query("CREATE USER " + influxUser + " WITH PASSWORD '" + influxPassword + "' WITH ALL PRIVILEGES")
	i.query("CREATE DATABASE dc")
	return i
}

// freePort is an address of loopback that nobody listens at.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// begin starts it and waits until it answers.
func (i *influxd) begin() {
	i.t.Helper()
	i.process = run(i.t, listen(i.t), i.program, "run", "-config", i.file)
	eventually(i.t, patience, "InfluxDB answers", func() bool {
		a, err := ask(http.MethodGet, i.url+"/ping", nil)
		return err == nil && a.status == http.StatusNoContent
	})
}

func (i *influxd) query(text string) {
	i.t.Helper()
	a := i.post("/query", url.Values{"q": {text}}.Encode(), "application/x-www-form-urlencoded")
	require.Equal(i.t, http.StatusOK, a.status, a.body)
	require.NotContains(i.t, a.body, "error")
}

// write writes points of this moment, in line protocol.
func (i *influxd) write(lines ...string) {
	i.t.Helper()
	a := i.post("/write?db=dc", strings.Join(lines, "\n"), "text/plain")
	require.Equal(i.t, http.StatusNoContent, a.status, a.body)
}

func (i *influxd) post(path, body, kind string) answer {
	i.t.Helper()
	a, err := ask(http.MethodPost, i.url+path, strings.NewReader(body),
		"Content-Type", kind, "Authorization", "Token "+influxUser+":"+influxPassword)
	require.NoError(i.t, err)
	return a
}

// source asks the running InfluxDB.
func (i *influxd) source(change func(*influxdb.Config)) *influxdb.Source {
	i.t.Helper()
	cfg := influxdb.Config{Name: "dc", URL: i.url, Username: influxUser, Password: influxPassword, Database: "dc"}
	if change != nil {
		change(&cfg)
	}
	s, err := influxdb.New(cfg)
	require.NoError(i.t, err)
	return s
}

const (
	fluxMean = `from(bucket: "dc/autogen") |> range(start: -5m) |> filter(fn: (r) => r._measurement == "temperature" and r._field == "temp_c") |> mean()`
	fluxLast = `from(bucket: "dc/autogen") |> range(start: -5m) |> filter(fn: (r) => r._measurement == "temperature")
		|> last() |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")`
	influxqlMean = `SELECT mean(temp_c) FROM temperature WHERE time > now() - 5m GROUP BY rack`
	influxqlLast = `SELECT last(state), temp_c FROM temperature GROUP BY rack`
)

func TestARealInfluxDBAnswersBothLanguages(t *testing.T) {
	program := influxdProgram(t)
	t.Parallel()
	i := startInfluxd(t, program)
	began := time.Now()
	i.write(`temperature,rack=r1 temp_c=20,state="fine",ok=true,n=7i`, `temperature,rack=r2 temp_c=31,state="hot",ok=false,n=8i`)

	for name, c := range map[string]struct {
		language rules.Language
		query    string
		fields   []map[string]any // of r1 and r2
		hasTime  bool
	}{
		"a mean in Flux":        {rules.Flux, fluxMean, []map[string]any{{"_value": 20.0}, {"_value": 31.0}}, false},
		"the last rows in Flux": {rules.Flux, fluxLast, []map[string]any{{"temp_c": 20.0, "n": 7.0, "ok": true}, {"temp_c": 31.0, "n": 8.0, "ok": false}}, true},
		"a mean in InfluxQL":    {rules.InfluxQL, influxqlMean, []map[string]any{{"mean": 20.0}, {"mean": 31.0}}, true},
		"the last in InfluxQL":  {rules.InfluxQL, influxqlLast, []map[string]any{{"last": "fine", "temp_c": 20.0}, {"last": "hot", "temp_c": 31.0}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := i.source(nil).Query(t.Context(), c.language, c.query)
			require.NoError(t, err)
			require.Len(t, rows, 2)
			for n, rack := range []string{"r1", "r2"} {
				require.Equal(t, rack, rows[n].Tag("rack"))
				if c.query != fluxLast {
					require.Len(t, rows[n].Fields, len(c.fields[n]), "%+v", rows[n])
				}
				for field, want := range c.fields[n] {
					require.Equal(t, want, rows[n].Field(field).Any(), field)
				}
				if c.hasTime {
					require.WithinDuration(t, began, rows[n].Time, 6*time.Minute)
				} else {
					require.Zero(t, rows[n].Time)
				}
			}
		})
	}

	// What a real one says when something is wrong must reach people.
	for name, c := range map[string]struct {
		change   func(*influxdb.Config)
		language rules.Language
		query    string
		words    string
	}{
		"a wrong password, Flux":     {func(c *influxdb.Config) { c.Password = "wrong-s3cret" }, rules.Flux, fluxMean, "authorization failed"},
		"a wrong password, InfluxQL": {func(c *influxdb.Config) { c.Password = "wrong-s3cret" }, rules.InfluxQL, influxqlMean, "authorization failed"},
		"no password":                {func(c *influxdb.Config) { c.Username, c.Password = "", "" }, rules.InfluxQL, influxqlMean, "unable to parse authentication credentials"},
		"Flux that does not compile": {nil, rules.Flux, "from(", "expected RPAREN, got EOF"},
		"InfluxQL that is none":      {nil, rules.InfluxQL, "SELEKT", "error parsing query: found SELEKT"},
		"a bucket that is not there": {nil, rules.Flux, strings.ReplaceAll(fluxMean, "dc/", "attic/"), "no database"},
		"a database likewise":        {func(c *influxdb.Config) { c.Database = "attic" }, rules.InfluxQL, influxqlMean, "database not found: attic"},
		"no database":                {func(c *influxdb.Config) { c.Database = "" }, rules.InfluxQL, influxqlMean, "database name required"},
		"a type that does not fit":   {nil, rules.Flux, strings.ReplaceAll(fluxMean, "temp_c", "state"), "string"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := i.source(c.change).Query(t.Context(), c.language, c.query)
			require.ErrorContains(t, err, c.words)
			require.Empty(t, rows)
			require.NotContains(t, err.Error(), "s3cret")
			t.Log(err)
		})
	}

	t.Run("a user and a password as the token, which 1.8 takes for Flux", func(t *testing.T) {
		for _, language := range []rules.Language{rules.Flux, rules.InfluxQL} {
			s := i.source(func(c *influxdb.Config) {
				c.Token, c.Username, c.Password = influxUser+":"+influxPassword, "", ""
			})
			_, err := s.Query(t.Context(), language, map[rules.Language]string{rules.Flux: fluxMean, rules.InfluxQL: influxqlMean}[language])
			require.NoError(t, err)
		}
	})
}

// What users copy must be answered: each rule gets a row that it can use.
func TestARealInfluxDBAnswersTheSampleRules(t *testing.T) {
	program := influxdProgram(t)
	t.Parallel()
	i := startInfluxd(t, program)
	i.write(`temperature,site=fra1,rack=r1 temp_c=33`, `internal_agent,host=a,version=1.10 metrics_gathered=5i`,
		fmt.Sprintf(`internal_agent,host=a,version=1.9 metrics_gathered=5i %d`, time.Now().Add(-time.Hour).UnixNano()), // before it was upgraded
		`backup,host=a age_seconds=100000`)
	file := filepath.Join("..", "..", "sample-configs", "rules", "polled.yml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	set, problems := rules.Parse([]rules.File{{Name: file, Data: text}})
	require.NotNil(t, set, "%v", problems)
	now := time.Now()
	evaluator, asked := rules.NewEvaluator(set, now), 0
	for _, group := range set.Groups {
		for _, rule := range group.Rules {
			rows, err := i.source(nil).Query(t.Context(), rule.Language, rule.Query)
			require.NoError(t, err, rule.Alert)
			require.Len(t, rows, 1, rule.Alert)
			require.Equal(t, rules.Verdict{Rows: 1, Used: 1}, evaluator.Rows(rule, rows, now), rule.Alert)
			asked++
		}
	}
	require.Positive(t, asked)
	fired := map[string]string{}
	for _, a := range evaluator.Changes() {
		fired[a.Name()] = a.Annotations["summary"]
	}
	require.Equal(t, "The aisle at r1 is at 33.0 °C on average over 5 minutes", fired["ColdAisle"])
	require.Equal(t, "The last backup of a is 1d 3h 46m 40s old", fired["BackupTooOld"])
	require.NotContains(t, fired, "TelegrafSilent", "it was heard of just now")
}

// polledRules ask the same in both languages, every second.
const polledRules = `
groups:
  - name: polled
    interval: 1s
    influxdb: dc
    rules:
      - alert: ColdAisle
        query: |
          from(bucket: "dc/autogen") |> range(start: -5m)
            |> filter(fn: (r) => r._measurement == "temperature" and r._field == "temp_c") |> mean()
        when: _value > 27
        labels: {severity: warning}
        annotations: {summary: 'Flux says that {{ $labels.rack }} is at {{ printf "%.1f" $value }} °C'}
      - alert: HotAisle
        influxql: SELECT mean(temp_c) FROM temperature WHERE time > now() - 5m GROUP BY rack
        when: mean > 27
        labels: {severity: warning}
        annotations: {summary: 'InfluxQL says that {{ $labels.rack }} is at {{ printf "%.1f" $value }} °C'}
`

// pollingConfiguration is a receiver that polls i by polledRules.
func pollingConfiguration(t *testing.T, dir, teams string, i *influxd) string {
	t.Helper()
	for name, text := range map[string]string{"rules.yml": polledRules, "password": influxPassword + "\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return configuration(destination("ops", teams+"/workflow/ops", fast)) + fmt.Sprintf(
		"rule_files: [rules.yml]\ninfluxdb:\n  - {name: dc, url: %q, username: %s, password_file: password, database: dc}\n", i.url, influxUser)
}

// firing are the names of the alerts that fire.
func (r *relay) firing() map[string]int {
	r.t.Helper()
	names := map[string]int{}
	for _, a := range list[web.Alert](r, "alerts", "") {
		if a.Status == "firing" {
			names[a.Labels["alertname"]]++
		}
	}
	return names
}

// cardWith waits for a card that has all these words, and returns it.
func cardWith(t *testing.T, teams *teamstest.Server, words ...string) string {
	t.Helper()
	var found string
	eventually(t, patience, fmt.Sprintf("a card with %q", words), func() bool {
		for _, m := range teams.Shown("ops") {
			found = string(m.Card)
			missing := false
			for _, word := range words {
				missing = missing || !strings.Contains(strings.ToLower(found), strings.ToLower(word))
			}
			if !missing {
				return true
			}
		}
		return false
	})
	return found
}

// The founding example: a temperature in InfluxDB becomes a card in Teams,
// and an InfluxDB that is gone does not look like a room that is cool.
func TestRulesOverARealInfluxDBBecomeCards(t *testing.T) {
	database, ours := influxdProgram(t), program(t)
	t.Parallel()
	i := startInfluxd(t, database)
	i.write(`temperature,rack=r1 temp_c=20`, `temperature,rack=r2 temp_c=20`)
	teams, url := startTeams(t, teamstest.Options{})
	dir := t.TempDir()
	relay := serve(t, ours, dir, pollingConfiguration(t, dir, url, i))
	polls := func(outcome string, n int) {
		t.Helper()
		before := -1
		eventually(t, patience, "polls", func() bool {
			name, body := fmt.Sprintf(`teamsrelay_influxdb_queries_total{influxdb="dc",outcome=%q}`, outcome), relay.get("/metrics").body
			if !strings.Contains(body, name) {
				return false // it listens before it begins to poll
			}
			now := metric(t, body, name)
			if before < 0 {
				before = now
			}
			return now >= before+n
		})
	}
	polls("ok", 4)
	require.Empty(t, relay.firing())
	require.Empty(t, teams.Shown("ops"), "20 °C is nothing to tell")

	i.write(`temperature,rack=r1 temp_c=60`) // on average 40
	cardWith(t, teams, "ColdAisle", "Flux says that r1 is at 40.0 °C")
	cardWith(t, teams, "HotAisle", "InfluxQL says that r1 is at 40.0 °C")
	require.Equal(t, map[string]int{"ColdAisle": 1, "HotAisle": 1}, relay.firing(), "r2 is cool")

	i.stop()
	card := cardWith(t, teams, "InfluxDBQueryFailed", "get no usable answer from InfluxDB dc", "see whether it runs", strings.TrimPrefix(i.url, "http://"))
	require.NotContains(t, strings.ToLower(card), "resolved")
	polls("unreachable", 4)
	require.Equal(t, map[string]int{"ColdAisle": 1, "HotAisle": 1, "InfluxDBQueryFailed": 1}, relay.firing(),
		"what is not known to be over goes on")

	i.begin()
	cardWith(t, teams, "InfluxDBQueryFailed", "resolved")
	require.Equal(t, map[string]int{"ColdAisle": 1, "HotAisle": 1}, relay.firing())

	i.write(`temperature,rack=r1 temp_c=-100`)
	cardWith(t, teams, "ColdAisle", "resolved")
	cardWith(t, teams, "HotAisle", "resolved")
	require.Empty(t, relay.firing())
	relay.settled(patience)
	require.Len(t, teams.Shown("ops"), 6, "three alerts, each told once and told to be over once")
	for _, m := range teams.Shown("ops") {
		require.NotContains(t, string(m.Card), influxPassword)
	}
	require.NotContains(t, relay.said.all(), influxPassword)
}
