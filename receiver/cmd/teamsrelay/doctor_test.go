package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/doctor"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// trial is a simulated Microsoft on this machine, and a configuration that is
// right for it.
func trial(t *testing.T) (teams *teamstest.Server, file string) {
	t.Helper()
	teams = teamstest.New(teamstest.Options{})
	site := httptest.NewServer(teams)
	t.Cleanup(func() { teams.Close(); site.Close() })
	// The bot answers nobody here; that it was added is all that matters.
	_, _ = teams.As("Alice").Install(t.Context(), teamstest.General)
	return teams, write(t, "relay.yml", fmt.Sprintf(`
storage: {url: "sqlite:relay.db"}
microsoft:
  tenant_id: %s
  app_id: %s
  teams_app_id: %s
  insecure_local: true
  endpoints: {service_url: "%s/emea/", graph: "%s"}
destinations:
  - {name: ops, channel: {channel_id: "%s"}}
  - {name: oncall, users: [alice@contoso.com], fallback: ops}
route: {destinations: [ops, oncall]}
`, teamstest.DefaultTenant, teamstest.DefaultAppID, teamstest.DefaultApp.ManifestID, site.URL, site.URL, teamstest.Alerts))
}

// nowhere is a receiver's URL at which nobody answers.
func nowhere(t *testing.T) string {
	t.Helper()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	return gone.URL
}

func TestDoctorSaysByItsExitCodeWhatItFound(t *testing.T) {
	teams, file := trial(t)
	t.Setenv("TEAMSRELAY_URL", nowhere(t))

	got := say(t, "doctor", "--config.file="+file)
	require.Zero(t, got.code, "warnings alone are no failure: %s", got.out)
	require.Contains(t, got.out, "alice@contoso.com: Alice Adams was found")
	require.Contains(t, got.out, "skipped  The receiver: No receiver answers at")
	require.NotContains(t, got.out, "\x1b", "there is no terminal here")
	require.Empty(t, teams.AppVersion("Alice"))

	got = say(t, "doctor", "--config.file="+file, "--user=Alice@Contoso.com", "--install")
	require.Zero(t, got.code, got.out)
	require.Contains(t, got.out, "The app is installed now.")
	require.NotEmpty(t, teams.AppVersion("Alice"))

	got = say(t, "doctor", "--config.file="+file, "--user=nobody@contoso.com")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.out, "1 failed")

	got = say(t, "doctor", "--config.file="+write(t, "wrong.yml", "destinations: []\n"))
	require.Equal(t, 1, got.code, "a configuration with mistakes is a finding: %s", got.out)
	require.Contains(t, got.out, "skipped  The bot in Teams: The configuration comes first.")

	got = say(t, "doctor", "--config.file="+file, "--timeout=1ns")
	require.Zero(t, got.code)
	require.Contains(t, got.out, "give more with --timeout", "nobody takes this for a healthy one")
}

func TestDoctorSaysWhenItCouldNotRun(t *testing.T) {
	for name, args := range map[string][]string{
		"a file that is not there":      {"--config.file=/nowhere/relay.yml"},
		"a flag that there is not":      {"--confg.file=relay.yml"},
		"installing for whom":           {"--install"},
		"a form that there is not":      {"--output=xml"},
		"a time that is none":           {"--timeout=soon"},
		"something that is not a flag":  {"alice@contoso.com"},
		"a flag that wants to be given": {"--user"},
	} {
		t.Run(name, func(t *testing.T) {
			got := say(t, append([]string{"doctor"}, args...)...)
			require.Equal(t, 2, got.code, "a script must not take it for a finding")
			require.Empty(t, got.out)
			require.NotEmpty(t, got.err)
		})
	}
}

func TestDoctorsFindingsCanBeReadByPrograms(t *testing.T) {
	_, file := trial(t)
	ready := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/-/ready", r.URL.Path)
		http.Error(w, "the store cannot be written", http.StatusServiceUnavailable)
	}))
	defer ready.Close()
	got := say(t, "doctor", "--config.file="+file, "--output=json", "--relay.url="+ready.URL)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.out, " > ", "ways through menus are readable here, too")
	var read struct{ Checks []doctor.Finding }
	decoder := json.NewDecoder(strings.NewReader(got.out))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&read))
	last := read.Checks[len(read.Checks)-1]
	require.Equal(t, doctor.Finding{
		Check: "receiver", Result: doctor.Failed, What: "It is not ready: the store cannot be written.",
		Why: "A receiver that is not ready takes no alerts.", Do: "Look into its log.",
	}, last)
	var names []string
	for _, f := range read.Checks {
		if len(names) == 0 || names[len(names)-1] != f.Check {
			names = append(names, f.Check)
		}
	}
	require.Equal(t, doctor.Checks(), names)
}
