package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// A database is asked by one replica. When that one dies, another one asks, and
// what was told is neither told again nor ended, of rules and of queries that fail.
func TestOneReplicaAsksInfluxDBAndTheNextOneGoesOn(t *testing.T) {
	database := postgrestest.Database(t)
	t.Parallel()
	var well atomic.Bool
	var asked atomic.Int64 // for the rule Hot
	influx := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, _ := io.ReadAll(r.Body)
		value := 50
		if well.Load() {
			value = 20
		}
		switch {
		case strings.Contains(string(query), "hot"):
			asked.Add(1)
		case !well.Load():
			http.Error(w, `{"message":"no bucket"}`, http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "text/csv")
		fmt.Fprintf(w, "#datatype,string,long,string,double\n#group,false,false,true,false\n#default,_result,,,\n,result,table,rack,_value\n,,0,r1,%d\n\n", value)
	}))
	t.Cleanup(influx.Close)
	rules := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(rules, []byte(`
groups:
  - {name: good, influxdb: dc, interval: 1s, rules: [{alert: Hot, query: hot, when: _value > 27}]}
  - {name: bad, influxdb: dc, interval: 1s, rules: [{alert: Cold, query: cold, when: _value < 5}]}
`), 0o600))
	teams, url := startTeams(t, teamstest.Options{})
	config := configuration(destination("ops", url+"/workflow/ops", fast)) +
		fmt.Sprintf("rule_files: [%q]\ninfluxdb: [{name: dc, url: %q}]\n", rules, influx.URL)
	first := startReplicas(t, 1, database, config)[0]
	told := func(alert string, n int) {
		t.Helper()
		eventually(t, patience, fmt.Sprintf("%d cards of %s", n, alert), func() bool { return len(with(teams, "ops", alert)) >= n })
		require.Len(t, with(teams, "ops", alert), n)
	}
	since := func(r *relay) string {
		for _, a := range list[web.Alert](r, "alerts", "") {
			if a.Labels["alertname"] == "InfluxDBQueryFailed" {
				return a.Status + " since " + fmt.Sprint(a.StartsAt)
			}
		}
		return ""
	}
	told("Hot", 1)
	told("InfluxDBQueryFailed", 1)
	began := since(first)

	second := startReplicas(t, 1, database, config)[0]
	eventually(t, patience, "they know of each other", func() bool { return metric(t, second.get("/metrics").body, "teamsrelay_replicas") == 2 })
	asks := func(r *relay) int {
		const name = `teamsrelay_influxdb_queries_total{influxdb="dc",outcome="ok"}`
		scrape := r.get("/metrics").body
		if !strings.Contains(scrape, name) {
			return 0
		}
		return metric(t, scrape, name)
	}
	// On a busy machine the second one may have taken it over by now.
	before, atFirst, atSecond := asked.Load(), asks(first), asks(second)
	eventually(t, patience, "more polls", func() bool { return asked.Load() >= before+3 })
	require.True(t, asks(first) == atFirst || asks(second) == atSecond, "one of them asks, not both")

	first.kill()
	eventually(t, patience, "the other one asks", func() bool { return asks(second) > 3 })
	require.Equal(t, began, since(second), "it fails for as long as it does")
	told("Hot", 1)
	told("InfluxDBQueryFailed", 1)
	well.Store(true)
	told("Hot", 2)
	told("InfluxDBQueryFailed", 2)
	require.Empty(t, second.firing())
	require.Zero(t, second.stop())
}
