package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// strangers is one alert for people who have nothing installed, with all of
// Microsoft's limits: when the first and the last of them are told, and what
// was asked of Microsoft for that. The second alert finds them known.
func (b *bench) strangers(n int) error {
	teams := teamstest.New(teamstest.Options{
		Bot:   teamstest.Bot{Signed: true, Throttle: teamstest.RealBotThrottle},
		Graph: teamstest.GraphOptions{Throttle: teamstest.RealGraphThrottle},
	})
	server := httptest.NewTLSServer(teams)
	defer server.Close()
	defer teams.Close()
	teams.MoveServiceURL(server.URL + "/emea")
	users := make([]string, n)
	for i := range users {
		users[i] = teams.AddUser(teamstest.User{Name: fmt.Sprintf("Stranger %04d", i)}).UPN
	}
	host, err := url.Parse(server.URL)
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	config := fmt.Sprintf(`
storage: {url: "sqlite:bench.db"}
microsoft:
  tenant_id: %[2]s
  app_id: %[3]s
  client_secret: %[4]s
  teams_app_id: %[5]s
  endpoints: {login: "%[1]s", graph: "%[1]s", bot_openid_metadata: "%[1]s/v1/.well-known/openidconfiguration", service_url: "%[1]s/emea", allowed_service_hosts: ["%[6]s"]}
destinations:
  - name: everybody
    users: [%[7]s]
route: {destinations: [everybody], group_by: [alertname], group_wait: 1ms, group_interval: 1s}
`, server.URL, teamstest.DefaultTenant, teamstest.DefaultAppID, teamstest.DefaultSecret, teamstest.DefaultApp.ManifestID, host.Host, strings.Join(users, ", "))
	r, err := b.run(func(dir, address string) (*exec.Cmd, error) {
		ca, file := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "teamsrelay.yml")
		if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
			return nil, err
		}
		cmd := exec.Command(b.program, "serve", "--config.file="+file, "--web.listen-address="+address,
			"--public.listen-address=127.0.0.1:"+port, "--log.level=error")
		cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+ca)
		return cmd, os.WriteFile(file, []byte(config), 0o600)
	})
	if err != nil {
		return err
	}
	defer r.stop()
	teams.Meet("http://127.0.0.1:" + port + "/api/messages")

	first, last, err := tell(r, teams, "NewToThem", n)
	if err != nil {
		return err
	}
	calls, installs, tokens := teams.GraphCalls(teamstest.AnyGraph), teams.GraphCalls(teamstest.Installing), teams.SignIns()
	b.found(fmt.Sprintf("one alert for %d people who have nothing installed, with Microsoft's limits", n),
		"the first is told after %s, all are after %.1f s; %d requests to Graph, %d of them refused (429), %d installations, %d tokens",
		ms(first), last.Seconds(), calls, teams.GraphThrottled(), installs, tokens)
	teams.Clear()
	first, last, err = tell(r, teams, "KnownToAll", n)
	if err != nil {
		return err
	}
	b.found("the next alert for the same people", "the first after %s, all after %.1f s; %d more requests to Graph, %d more tokens",
		ms(first), last.Seconds(), teams.GraphCalls(teamstest.AnyGraph)-calls, teams.SignIns()-tokens)
	return nil
}

// tell sends an alert, and returns how long after the answer the first and the
// last of n people read it.
func tell(r *receiver, teams *teamstest.Server, name string, n int) (first, last time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	body := fmt.Sprintf(`[{"labels":{"alertname":%q,"severity":"critical"},"endsAt":"2099-01-01T00:00:00Z"}]`, name)
	if err := r.post("/api/v2/alerts", []byte(body)); err != nil {
		return 0, 0, err
	}
	taken := time.Now()
	var told []teamstest.Message
	for len(told) < n {
		told = told[:0]
		for _, m := range teams.Shown("") {
			if strings.Contains(m.Summary, name) {
				told = append(told, m)
			}
		}
		if ctx.Err() != nil {
			return 0, 0, fmt.Errorf("%d of %d are told\n%s", len(told), n, r.output.String())
		}
		time.Sleep(50 * time.Millisecond)
	}
	return told[0].At.Sub(taken), told[n-1].At.Sub(taken), nil
}
