package e2e

import (
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// broken is a configuration with three mistakes, on its lines 2, 4 and 6.
const broken = `storage: {url: 'sqlite:teamsrelay.db'}
resolve_timeout: soon
destinations:
  - name: two words
    workflow: {url: 'http://127.0.0.1:1/workflow/ops'}
rout: {destinations: [ops]}
`

func TestABrokenConfigurationIsNotTakenAndTheOldOneGoesOn(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	good := configuration(destination("ops", url+"/workflow/ops", fast))
	relay := startRelay(t, good)
	successful := func() int {
		return metric(t, relay.get("/metrics").body, "teamsrelay_config_last_reload_successful ")
	}
	require.Equal(t, 1, successful())

	relay.write(broken)
	refused := relay.post("/-/reload", nil)
	require.Equal(t, http.StatusInternalServerError, refused.status)
	for _, place := range []string{"teamsrelay.yml:2:", "teamsrelay.yml:4:", "teamsrelay.yml:6:"} {
		require.Contains(t, refused.body, place, "every mistake at once, or people mend them one by one")
	}
	require.Zero(t, successful())
	require.Equal(t, http.StatusOK, relay.post("/alertmanager", body("Still", "firing")).status)
	cards(t, teams, "ops", 1)

	// Mended, with one more destination: that is where the next alert goes.
	relay.write(strings.Replace(good, "route:", destination("web", url+"/workflow/web", fast)+"route:", 1))
	require.Equal(t, http.StatusOK, relay.post("/-/reload", nil).status)
	require.Equal(t, 1, successful())
	require.Equal(t, http.StatusOK, relay.post("/alertmanager/web", body("New", "firing")).status)
	cards(t, teams, "web", 1)

	if runtime.GOOS == "windows" {
		return // has no SIGHUP
	}
	relay.write(broken)
	require.NoError(t, relay.cmd.Process.Signal(syscall.SIGHUP))
	eventually(t, patience, "the gauge says that SIGHUP found mistakes", func() bool { return successful() == 0 })
	relay.write(good)
	require.NoError(t, relay.cmd.Process.Signal(syscall.SIGHUP))
	eventually(t, patience, "the gauge says that they are mended", func() bool { return successful() == 1 })
	require.Equal(t, http.StatusNotFound, relay.post("/alertmanager/web", body("Newer", "firing")).status, "web is gone again")
}

func TestWhoDoesNotComeOverLoopbackNeedsTheAdminToken(t *testing.T) {
	t.Parallel()
	_, url := startTeams(t, teamstest.Options{})
	relay := startRelay(t, configuration(destination("ops", url+"/workflow/ops", fast))+"admin_token: open-sesame\n")
	const from = "203.0.113.7"
	changes := []string{"/-/reload", "/api/v1/destinations/ops/test", "/api/v1/dead-letters/1/replay"}
	for name, c := range map[string]struct {
		header  []string
		refused int
	}{
		"through a proxy":             {[]string{"X-Forwarded-For", from}, http.StatusUnauthorized},
		"with a wrong token":          {[]string{"X-Forwarded-For", from, "Authorization", "Bearer open-barley"}, http.StatusUnauthorized},
		"from a page of another site": {[]string{"Origin", "https://evil.example.com", "Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"with the token":              {[]string{"X-Forwarded-For", from, "Authorization", "Bearer open-sesame"}, 0},
		"over loopback":               {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range changes {
				got := relay.post(path, nil, c.header...).status
				if c.refused != 0 {
					require.Equal(t, c.refused, got, path)
				} else {
					require.NotContains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, got, path)
				}
			}
		})
	}
	require.Equal(t, http.StatusOK, relay.post("/alertmanager", body("Alert", "firing"), "X-Forwarded-For", from).status,
		"alerts are no administration")
}
