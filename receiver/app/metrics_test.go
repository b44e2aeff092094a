package app

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// monitoring is what users copy to watch us.
var monitoring = filepath.Join("..", "..", "sample-configs", "monitoring")

// family is one of our metrics, as it is at the start.
type family struct {
	labels map[string]bool
	series map[string]bool // each as name="value" pairs in their order
}

// elsewhere are the metrics that only others have, with their labels: those of
// PostgreSQL, those with Microsoft's keys, and those with a certificate. Each has
// a test of its own.
var elsewhere = map[string][]string{
	"teamsrelay_bot_key_fetches_total":                 {"outcome"},
	"teamsrelay_bot_certificate_end_timestamp_seconds": nil,
	"teamsrelay_store_connections":                     {"pool", "state"},
	"teamsrelay_store_connection_waits_total":          {"pool"},
	"teamsrelay_store_connection_wait_seconds_total":   {"pool"},
	"teamsrelay_store_restarts_total":                  {"reason"},
}

// watched starts a receiver of which everything is configured that has metrics,
// and returns those that it has after one alert was told.
func watched(t *testing.T) map[string]*family {
	s := newSite(t)
	s.public = "127.0.0.1:0"
	s.write("rules.yml", "groups: [{name: polled, influxdb: dc, rules: [{alert: Hot, query: 'from(bucket: \"dc\")', when: _value > 27}]}]\n")
	s.write("relay.yml", s.config+`
microsoft: {insecure_local: true, app_id: local}
influxdb: [{name: dc, url: "http://127.0.0.1:1", org: o, token: t}]
rule_files: [rules.yml]
events:
  - name: tickets
    token: long-enough-to-be-a-token-of-a-test
    mapping: {key: .ticket, name: '"Ticket"', status: .status}
    actions: {comment: {url: "http://127.0.0.1:1/"}}
heartbeats: [{name: fra, matchers: [alertname="Watchdog"], within: 5m}]
canary: [{destination: dev}]
`)
	a, url := s.start()
	status, answer := s.post(url+"/alertmanager", strings.Replace(firing("DiskFull"), `"severity"`, `"rack":"r1","severity"`, 1))
	require.Equal(t, 200, status, answer)
	s.waitFor(2) // it and the canary
	problems, err := testutil.GatherAndLint(a.registry)
	require.NoError(t, err)
	for _, p := range problems {
		require.NotContains(t, p.Metric, "teamsrelay_", p.Text)
	}
	gathered, err := a.registry.Gather()
	require.NoError(t, err)
	ours := map[string]*family{}
	for _, f := range gathered {
		if !strings.HasPrefix(f.GetName(), "teamsrelay_") {
			continue
		}
		is := &family{labels: map[string]bool{}, series: map[string]bool{}}
		for _, m := range f.Metric {
			var pairs []string
			for _, l := range m.Label {
				is.labels[l.GetName()] = true
				pairs = append(pairs, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			is.series[strings.Join(pairs, ",")] = true
		}
		ours[f.GetName()] = is
	}
	return ours
}

func TestMetricsAreNamedAndLabelledSoThatNobodyIsSurprised(t *testing.T) {
	ours := watched(t)

	// The labels of the alert that was told, and every other word of an alert,
	// are as many as there are alerts: one of them would fill Prometheus.
	closed := map[string]bool{}
	for _, name := range []string{
		"by", "card", "destination", "group", "heartbeat", "influxdb", "loudness", "operation", "outcome", "phase", "reason", "role", "rule",
		"source", "state", "status", "type", "verb", "way", "what",
	} {
		closed[name] = true
	}
	for name, f := range ours {
		for label := range f.labels {
			if name != "teamsrelay_build_info" {
				require.True(t, closed[label], "%s has the label %s: if its values are a closed set or names of the file, add it here", name, label)
			}
		}
		for series := range f.series {
			require.NotContains(t, series, "DiskFull", name)
			require.NotContains(t, series, `"r1"`, name)
		}
	}

	// Who alerts on the first failure needs the zero before it.
	for name, want := range map[string][]string{
		"teamsrelay_requests_total":          {`outcome="not_now",way="alertmanager"`, `outcome="refused",way="api"`, `outcome="taken",way="events"`},
		"teamsrelay_request_seconds":         {`way="events"`},
		"teamsrelay_request_body_bytes":      {`way="api"`},
		"teamsrelay_requests_refused_total":  {`status="413"`, `status="503"`},
		"teamsrelay_deliveries_total":        {`destination="dev",outcome="dead",reason="not_found"`, `destination="ops",outcome="retry",reason="throttled"`, `destination="other",outcome="accepted",reason=""`},
		"teamsrelay_card_faults_total":       {`card="alert"`},
		"teamsrelay_groups":                  {`phase="gathering"`, `phase="open"`, `phase="unheard"`},
		"teamsrelay_changes_total":           {`loudness="loud"`, `loudness="quiet"`},
		"teamsrelay_groups_withheld_total":   {`by="inhibited"`, `by="silenced"`},
		"teamsrelay_silences":                {`state="ending"`},
		"teamsrelay_silences_total":          {`outcome="failed"`},
		"teamsrelay_store_unavailable_total": {`operation="check"`, `operation="update"`, `operation="view"`},
		"teamsrelay_bot_presses_total":       {`outcome="nothing",verb="ack"`, `outcome="done",verb="reopen"`},
		"teamsrelay_bot_refused_total":       {`reason="signature"`, `reason="store"`},
		"teamsrelay_people":                  {`state="policy"`},
		"teamsrelay_intents_total":           {`outcome="failed",source="tickets",verb="comment"`},
		"teamsrelay_people_questions_total":  {`reason="",what="install"`},
		"teamsrelay_influxdb_queries_total":  {`influxdb="dc",outcome="auth"`},
		"teamsrelay_heartbeat_missing":       {`heartbeat="fra"`},
		"teamsrelay_canary_up":               {`destination="dev"`},
	} {
		require.Contains(t, ours, name)
		for _, series := range want {
			require.Contains(t, ours[name].series, series, name)
		}
	}
	for _, source := range engine.Sources {
		require.Contains(t, ours["teamsrelay_alerts_received_total"].series, fmt.Sprintf("source=%q", source))
		require.Contains(t, ours["teamsrelay_alerts_unchanged_total"].series, fmt.Sprintf("source=%q", source))
	}

	theGuideHasEachOfThem(t, ours)
	rulesAndDashboardNameOnlyThem(t, ours)
	theyAskForLabelsThatThereAre(t, ours)
	theDashboardShowsAllOfThem(t, ours)
}

// row is a metric in the guide's table.
var row = regexp.MustCompile("(?m)^\\| [A-Za-z]+ \\| `(teamsrelay_[a-z_]+)(?:\\{([a-z,]+)\\})?` \\| (counter|gauge|histogram) \\| (sum|max by|each) \\| [^|]+ \\|$")

func theGuideHasEachOfThem(t *testing.T, ours map[string]*family) {
	text, err := os.ReadFile(filepath.Join(monitoring, "README.md"))
	require.NoError(t, err)
	listed := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		require.NotContains(t, listed, m[1], "it stands there twice")
		listed[m[1]] = m[2]
	}
	there := map[string]string{}
	for name, f := range ours {
		there[name] = strings.Join(slices.Sorted(maps.Keys(f.labels)), ",")
	}
	for name, labels := range elsewhere {
		there[name] = strings.Join(slices.Sorted(slices.Values(labels)), ",")
	}
	there["teamsrelay_build_info"] = "version" // and what else it was built from
	require.Equal(t, there, listed, "sample-configs/monitoring/README.md lists all metrics with their labels, and no others")
}

// named are the metrics in an expression.
var named = regexp.MustCompile(`\bteamsrelay_[a-z_]+`)

func rulesAndDashboardNameOnlyThem(t *testing.T, ours map[string]*family) {
	all := expressions(t)
	require.Greater(t, len(all), 60, "this proves nothing if it finds none")
	for _, expr := range all {
		for _, name := range named.FindAllString(expr, -1) {
			name = strings.TrimSuffix(name, "_bucket")
			_, known := elsewhere[name]
			require.True(t, ours[name] != nil || known, "%s is in no receiver: %s", name, expr)
		}
	}
}

// expressions are those of the rules and the dashboard.
func expressions(t *testing.T) (all []string) {
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Record, Expr string
				Labels, Annotations map[string]string
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(monitoring, "teamsrelay-rules.yml"))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &file))
	tests, err := os.ReadFile(filepath.Join(monitoring, "teamsrelay-rules_test.yml"))
	require.NoError(t, err)
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			all = append(all, r.Expr)
			if r.Alert == "" {
				continue
			}
			require.NotEmpty(t, r.Labels["severity"], r.Alert)
			for _, says := range []string{"summary", "description", "runbook"} {
				require.NotEmpty(t, r.Annotations[says], "%s says no %s", r.Alert, says)
			}
			require.Contains(t, string(tests), `"`+r.Alert+" fires", "nothing proves that it fires")
			require.Contains(t, string(tests), `"`+r.Alert+" does not fire", "nothing proves that it does not fire all the time")
		}
	}
	return append(all, panels(t)...)
}

// promtool runs Debian's program, with the files where they are.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not there (Debian: prometheus), so the rules are not tested")
	}
	command := exec.Command(program, args...)
	command.Dir = monitoring
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestThePrometheusRulesFireWhenTheyMustAndOnlyThen(t *testing.T) {
	promtool(t, "test", "rules", "teamsrelay-rules_test.yml")
}

func TestPrometheusTakesItsConfigurationAndTheRules(t *testing.T) {
	promtool(t, "check", "config", "--lint=all", "prometheus.yml")
}

func TestPrometheusUnderstandsEveryExpressionOfTheDashboard(t *testing.T) {
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var rules []rule
	for i, expr := range panels(t) {
		rules = append(rules, rule{fmt.Sprintf("panel:%d", i), expr})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	promtool(t, "check", "rules", file)
}

// theirRoute is what we use of a route of Alertmanager's.
type theirRoute struct {
	Receiver string        `yaml:"receiver"`
	GroupBy  []string      `yaml:"group_by"`
	Matchers []string      `yaml:"matchers"`
	Continue bool          `yaml:"continue"`
	Wait     time.Duration `yaml:"group_wait"`
	Interval time.Duration `yaml:"group_interval"`
	Repeat   time.Duration `yaml:"repeat_interval"`
	Routes   []theirRoute  `yaml:"routes"`
}

// Alerts about us must have a way that does not lead through us, and the Watchdog
// must come more often than the heartbeat of the guide may be silent.
func TestAlertmanagerTellsOthersOfUsAndUsOfTheWatchdog(t *testing.T) {
	text, err := os.Open(filepath.Join(monitoring, "alertmanager.yml"))
	require.NoError(t, err)
	defer text.Close()
	var file struct {
		Route     theirRoute `yaml:"route"`
		Receivers []struct {
			Name     string              `yaml:"name"`
			Webhooks []map[string]string `yaml:"webhook_configs"`
			Mails    []map[string]string `yaml:"email_configs"`
		} `yaml:"receivers"`
	}
	strict := yaml.NewDecoder(text)
	strict.KnownFields(true)
	require.NoError(t, strict.Decode(&file))
	ours := map[string]bool{}
	for _, r := range file.Receivers {
		require.Len(t, append(r.Webhooks, r.Mails...), 1, r.Name)
		ours[r.Name] = len(r.Webhooks) == 1
	}
	require.True(t, ours[file.Route.Receiver], "the rest is told by us")
	require.Len(t, file.Route.Routes, 2)
	us, watchdog := file.Route.Routes[0], file.Route.Routes[1]
	require.Equal(t, []string{`alertname=~"Teamsrelay.*"`}, us.Matchers)
	require.Contains(t, ours, us.Receiver)
	require.False(t, ours[us.Receiver], "teamsrelay is down, and nobody else tells it")
	require.True(t, us.Continue, "and where it still works it does")
	for _, expr := range ruleNames(t) {
		require.Regexp(t, "^Teamsrelay", expr, "it would go to nobody else")
	}
	require.Equal(t, []string{`alertname="Watchdog"`}, watchdog.Matchers)
	require.True(t, ours[watchdog.Receiver])
	require.Positive(t, watchdog.Repeat)
	require.Less(t, watchdog.Interval+watchdog.Repeat, 5*time.Minute, "the guide has within: 5m")
}

// ruleNames are the names of our alerts.
func ruleNames(t *testing.T) (names []string) {
	text, err := os.ReadFile(filepath.Join(monitoring, "teamsrelay-rules.yml"))
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	require.NotEmpty(t, names)
	return names
}

// The certificate of a bot is seen to end before it has.
func TestWhenTheBotsCertificateEndsIsAMetric(t *testing.T) {
	s := newSite(t)
	s.public = "127.0.0.1:0"
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ends := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	file := s.write("bot.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))+
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
	s.write("relay.yml", s.config+"microsoft: {tenant_id: "+teamstest.DefaultTenant+", app_id: "+teamstest.DefaultAppID+", certificate_file: bot.pem}\n")
	_, url := s.start()
	const name = "teamsrelay_bot_certificate_end_timestamp_seconds "
	require.Contains(t, s.metrics(url), name+strconv.FormatFloat(float64(ends.Unix()), 'g', -1, 64)+"\n")
	require.NoError(t, os.Remove(file))
	require.Contains(t, s.metrics(url), name+"0\n", "no token can be had with it")
}
