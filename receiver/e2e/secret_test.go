package e2e

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

func TestNoSecretIsEverSaid(t *testing.T) {
	t.Parallel()
	const marker = "sWoRdFiSh-0123456789-aBcDeF"
	teams, url := startTeams(t, teamstest.Options{})
	// Every bad day has a webhook of its own, with the secret in path and query.
	days := map[string]teamstest.Fault{
		"gone":      {Status: http.StatusNotFound},
		"forbidden": {Status: http.StatusForbidden},
		"large":     {Status: http.StatusRequestEntityTooLarge},
		"payload":   {Status: http.StatusBadRequest, Body: "bad request to /workflow/" + marker},
		"echo":      {Body: "Webhook message delivery failed with error: POST /workflow/" + marker + "?sig=" + marker},
		"throttled": {Status: http.StatusTooManyRequests, RetryAfter: time.Second},
		"down":      {Status: http.StatusBadGateway, Body: "upstream https://" + marker + ".example.com"},
		"cut":       {Cut: teamstest.CutBefore},
		"timeout":   {Hang: true},
	}
	entries := []string{destination("ops", url+"/workflow/ops-"+marker+"?sig="+marker, fast)}
	for name, fault := range days {
		fault.Times = -1
		teams.Fault(name+"-"+marker, fault)
		entries = append(entries, destination(name, url+"/workflow/"+name+"-"+marker+"?sig="+marker, fast))
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	entries = append(entries,
		destination("refused", "http://"+closed.Addr().String()+"/workflow/"+marker+"?sig="+marker, fast),
		destination("name", "https://no-such-host.invalid/workflow/"+marker+"?sig="+marker, fast),
		destination("tls", strings.Replace(url, "http:", "https:", 1)+"/workflow/"+marker+"?sig="+marker, fast),
		"  - name: proxied\n    workflow: {url: 'https://prod.logic.azure.com/"+marker+"?sig="+marker+"', proxy_url: 'http://user:"+marker+"@"+closed.Addr().String()+"'}\n",
	)
	// Nobody wants to wait for 8 s until it is a timeout.
	good := strings.ReplaceAll(configuration(entries...), "    workflow: {", "    workflow: {timeout: 1s, ") + "admin_token: " + marker + "\n"
	relay := startRelay(t, good)
	tried := len(entries)

	for _, d := range list[web.Destination](relay, "destinations", "") {
		require.Equal(t, http.StatusOK, relay.post("/alertmanager/"+d.Name, body("Secret", "firing")).status)
	}
	eventually(t, patience, "every destination has been tried, and the bad ones said what is wrong", func() bool {
		reached := map[string]bool{}
		for _, d := range list[web.Delivery](relay, "deliveries", "?limit=1000") {
			if d.State != "sending" && (d.Reason != "" || d.Destination == "ops") {
				reached[d.Destination] = true
			}
		}
		return len(reached) == tried
	})

	var everything strings.Builder
	for _, path := range []string{"/", "/metrics", "/-/ready", "/api/v1/alerts", "/api/v1/destinations", "/api/v1/deliveries?limit=1000", "/api/v1/dead-letters"} {
		a := relay.get(path)
		require.Equal(t, http.StatusOK, a.status, path)
		fmt.Fprintln(&everything, path, a.header, a.body)
	}
	// Mistakes in the configuration are told without what stands there.
	bad := strings.NewReplacer("https://prod", "htps://prod", "/workflow/ops-", ":no-port/").Replace(good) + "storage: 'postgres://user:" + marker + "@db'\n"
	relay.write(bad)
	fmt.Fprintln(&everything, relay.post("/-/reload", nil).body)
	stdout, stderr, code := command(t, relay.program, "check-config", relay.file)
	require.Equal(t, 1, code)
	fmt.Fprintln(&everything, stdout, stderr)
	for _, args := range [][]string{{"destinations", "list"}, {"deliveries", "list"}, {"dead-letters", "list"}, {"send-test", "gone", "--timeout=1s"}} {
		stdout, stderr, _ := command(t, relay.program, append(args, "--relay.url="+relay.url)...)
		fmt.Fprintln(&everything, stdout, stderr)
	}
	_, stderr, code = command(t, relay.program, "serve", "--config.file="+relay.file, "--web.listen-address=127.0.0.1:0")
	require.Equal(t, 1, code)
	fmt.Fprintln(&everything, stderr)
	require.Zero(t, relay.stop())
	everything.WriteString(relay.said.all())

	for line := range strings.Lines(everything.String()) {
		require.NotContains(t, line, marker, "whoever reads this could post to the channel")
	}
	require.Contains(t, everything.String(), filepath.Base(relay.file)+":", "no mistake was told, so this has proven little")
}
