package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// ruled is a site with rules about temperatures, which come as metrics.
func ruled(t *testing.T) *site {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dc.yml")
	require.NoError(t, os.WriteFile(file, []byte(`
groups:
  - name: datacenter
    rules:
      - alert: Hot
        measurement: temperature
        by: [rack]
        levels:
          - {severity: critical, when: temp_c > 32, clear: temp_c < 30}
          - {severity: warning, when: temp_c > 27}
        no_data: {after: 10m}
      - alert: Cold
        measurement: temperature
        when: temp_c < 5
        for: 10m
`), 0o600))
	return newSiteOf(t, `
storage: {url: "sqlite:web.db"}
destinations: [{name: ops, workflow: {url: "http://127.0.0.1:9/workflow/ops"}}]
route: {destinations: [ops]}
rule_files: ["`+file+`"]
`, nil)
}

func (s *site) measures(rack string, degrees float64) {
	s.t.Helper()
	require.NoError(s.t, s.engine.Samples(s.t.Context(), []sample.Sample{{
		Measurement: "temperature", Tags: []sample.Tag{{Key: "rack", Value: rack}}, Time: s.engine.Now(),
		Fields: []sample.Field{{Key: "temp_c", Value: sample.Num(degrees)}},
	}}))
}

// TestARuleThatIsPolledSaysHowItWasAskedForLast: who wonders why a rule is silent
// looks here first.
func TestARuleThatIsPolledSaysHowItWasAskedForLast(t *testing.T) {
	s := polledSite(t)
	require.NotContains(t, s.page("/rules"), "which took")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.engine.Run(ctx)
	}()
	defer func() { stop(); <-ended }()
	require.Eventually(t, func() bool { return strings.Contains(s.page("/rules"), "which took") }, time.Minute, 50*time.Millisecond)
	inOrder(t, s.page("/rules"), "Hot", "Learns nothing", "no such bucket", "asked for", "which took")
	inOrder(t, s.page("/rules/1"), "Hot", "Learns nothing", "no such bucket", "Asked for last", "which took")
	require.NotContains(t, s.page("/rules/1"), canaryOfSecrets)
}

// polledSite is a site with a rule for which an InfluxDB is asked that refuses.
func polledSite(t *testing.T) *site {
	t.Helper()
	db := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"code":"not found","message":"no such bucket"}`))
	}))
	t.Cleanup(db.Close)
	file := filepath.Join(t.TempDir(), "dc.yml")
	require.NoError(t, os.WriteFile(file, []byte(`
groups:
  - name: datacenter
    influxdb: dc
    interval: 1s
    rules:
      - alert: Hot
        query: from(bucket:"dc") |> range(start:-5m)
        when: temp_c > 32
`), 0o600))
	return newSiteOf(t, `
storage: {url: "sqlite:web.db"}
destinations: [{name: ops, workflow: {url: "http://127.0.0.1:9/workflow/ops"}}]
route: {destinations: [ops]}
influxdb: [{name: dc, url: "`+db.URL+`", token: `+canaryOfSecrets+`, org: ops}]
rule_files: ["`+file+`"]
`, nil)
}

func TestTheRulesAreShownWithHowTheyAreDoing(t *testing.T) {
	require.Contains(t, newSite(t).page("/rules"), "There are no rules.")
	s := ruled(t)
	for rack, degrees := range map[string]float64{"r1": 33.25, "r2": 28, "r3": 20, "r4": 1} {
		s.measures(rack, degrees)
	}
	page := s.page("/rules")
	inOrder(t, page, "datacenter", "dc.yml:3", "Telegraf's metrics", `href="./rules/1">Hot`, "2 firing", "critical: temp_c > 32, until temp_c < 30", "warning: temp_c > 27", "4 series",
		`href="./rules/2">Cold`, "temp_c < 5", "for 10m", "4 series")
	hot := s.page("/rules/1")
	inOrder(t, hot, "<h1>Hot", "2 firing", "dc.yml:5, group datacenter", "is told after 10m", "<b>2</b> firing",
		"rack=r1", "Firing", "critical", "temp_c = 33.25", "rack=r2", "Firing", "warning", "temp_c = 28")
	require.Contains(t, s.page("/rules/2"), "Pending")
	inOrder(t, s.page("/rules/2"), "rack=r4", "Pending", "temp_c = 1")
	for _, nobody := range []string{"/rules/3", "/rules/0", "/rules/x"} {
		require.Equal(t, 404, s.ask("GET", nobody, "").Code)
	}
	s.store.blind = true
	require.Equal(t, 503, s.ask("GET", "/rules", "").Code)
	require.Equal(t, 503, s.ask("GET", "/rules/1", "").Code)
}

func TestManySeriesAreAHundredAPageTheWorstFirst(t *testing.T) {
	s := ruled(t)
	var many []sample.Sample
	for i := range 250 {
		degrees := 28.0
		if i%2 == 1 {
			degrees = 40
		}
		many = append(many, sample.Sample{Measurement: "temperature", Tags: []sample.Tag{{Key: "rack", Value: fmt.Sprintf("r%03d", i)}}, Time: s.engine.Now(),
			Fields: []sample.Field{{Key: "temp_c", Value: sample.Num(degrees)}}})
	}
	require.NoError(t, s.engine.Samples(t.Context(), many))
	first := s.page("/rules/1")
	require.Equal(t, 100, strings.Count(first, "</span> critical"))
	require.Contains(t, first, "1 to 100 of 250")
	require.Equal(t, 25, strings.Count(s.page("/rules/1?page=2"), "</span> critical"))
	require.Equal(t, 50, strings.Count(s.page("/rules/1?page=99"), "</span> warning"))
}

func TestThePagesOfRulesFitAPhone(t *testing.T) {
	s := ruled(t)
	s.measures("r1", 33.25)
	s.measures("r2", 28)
	s.measures("r4", 1)
	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	ctx := browser(t, l.URL+"/rules")
	fits(t, ctx, "rules", l.URL+"/rules")
	fits(t, ctx, "rule", l.URL+"/rules/1")
}
