package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// service is what Butler's service monitor posts.
func service(name, state string) []byte {
	return fmt.Appendf(nil, `{"event":"Windows service monitor","host":"QLIK1","serviceStatus":%q,"serviceName":%q,
		"serviceDisplayName":"Qlik Sense Engine Service","serviceStartType":"Automatic","currState":%q,"stateChanged":true}`, state, name, state)
}

var outside = regexp.MustCompile(`msg="Taking activities and events from outside" address=(\S+)`)

func TestAServiceThatStopsAndStartsAtOnceIsToldTwiceOrBothInOne(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	relay := serve(t, plainProgram(t), t.TempDir(),
		configuration(destination("ops", url+"/workflow/ops", fast))+"events: [{name: butler, preset: butler, paths: [/butler/services]}]\n")

	for i, state := range []string{"STOPPED", "RUNNING", "STOPPED", "RUNNING"} {
		path := "/events/butler"
		if i%2 == 1 {
			path = "/butler/services" // the same source under a path of its own
		}
		answer := relay.post(path, service("QlikSenseEngineService", state))
		require.Equal(t, http.StatusOK, answer.status, answer.body)
	}
	relay.settled(patience)
	var text strings.Builder
	for _, m := range teams.Shown("ops") {
		text.Write(m.Card)
	}
	require.Zero(t, relay.stop())
	require.Len(t, relay.posts(), 1)
	for _, posts := range relay.posts() {
		require.Len(t, posts, 2, "each stop is a story of its own")
	}
	for _, words := range []string{"Qlik Sense Engine Service", "QLIK1", "topped", "unning"} {
		require.Contains(t, text.String(), words, "people would not know that it was down")
	}
	last := teams.Shown("ops")[len(teams.Shown("ops"))-1]
	require.NotContains(t, last.Summary, "STOPPED", "the last that people read is that it runs")
}

func TestOnlySourcesWithCredentialsAreTakenFromOutside(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte("correct-horse\n"), 0o600))
	relay := serve(t, plainProgram(t), dir, configuration(destination("ops", url+"/workflow/ops", fast))+`events:
  - {name: inside, preset: generic}
  - {name: guarded, preset: generic, token_file: token}
`)
	found := outside.FindStringSubmatch(relay.said.all())
	require.NotNil(t, found, "the listener for events from outside is not open:\n%s", relay.said.tail())
	public := "http://" + found[1]
	event := func(title string) *strings.Reader {
		return strings.NewReader(fmt.Sprintf(`{"title":%q,"id":%q,"severity":"critical"}`, title, title))
	}
	for name, c := range map[string]struct {
		url    string
		header []string
		status int
	}{
		"a source without credentials, from outside":       {public + "/events/inside", nil, http.StatusUnauthorized},
		"a source that does not exist":                     {public + "/events/nobody", nil, http.StatusUnauthorized},
		"nothing but events is outside":                    {public + "/metrics", nil, http.StatusNotFound},
		"no API outside":                                   {public + "/api/v1/alerts", nil, http.StatusNotFound},
		"no token":                                         {public + "/events/guarded", nil, http.StatusUnauthorized},
		"a wrong token":                                    {public + "/events/guarded", []string{"Authorization", "Bearer wrong"}, http.StatusUnauthorized},
		"the token, from outside":                          {public + "/events/guarded", []string{"Authorization", "Bearer correct-horse"}, http.StatusOK},
		"the token is asked for inside too":                {relay.url + "/events/guarded", nil, http.StatusUnauthorized},
		"a source without credentials, from this machine":  {relay.url + "/events/inside", nil, http.StatusOK},
		"the token in the wrong case of the word's letter": {relay.url + "/events/guarded", []string{"Authorization", "bearer correct-horse"}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := ask(http.MethodPost, c.url, event(name), c.header...)
			require.NoError(t, err)
			require.Equal(t, c.status, answer.status, answer.body)
		})
	}
	cards(t, teams, "ops", 3)
	require.NotContains(t, relay.said.all(), "correct-horse", "whoever reads the log could send events")

	// Without credentials in the configuration nobody listens outside.
	relay.write(configuration(destination("ops", url+"/workflow/ops", fast)) + "events: [{name: inside, preset: generic}]\n")
	require.Equal(t, http.StatusOK, relay.post("/-/reload", nil).status)
	_, err := ask(http.MethodGet, public+"/events/guarded", nil)
	require.Error(t, err, "the listener must close")
}

func TestAnEventThatWasTakenIsToldAfterAKill(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	relay := serve(t, plainProgram(t), t.TempDir(),
		configuration(destination("ops", url+"/workflow/ops", fast))+"events: [{name: butler, preset: butler}]\n")
	teams.Fault("ops", teamstest.Fault{Status: http.StatusServiceUnavailable, Times: -1})
	require.Equal(t, http.StatusOK, relay.post("/events/butler", service("QlikSenseEngineService", "STOPPED")).status)
	eventually(t, patience, "an attempt fails", func() bool {
		all := list[web.Delivery](relay, "deliveries", "")
		return len(all) > 0 && all[0].State == store.DeliveryRetry
	})
	relay.kill()
	teams.ClearFaults()
	relay.again()
	relay.listen()
	require.Contains(t, string(cards(t, teams, "ops", 1)[0].Card), "Qlik Sense Engine Service")
	require.Equal(t, http.StatusOK, relay.post("/events/butler", service("QlikSenseEngineService", "RUNNING")).status)
	relay.settled(patience)
	require.Zero(t, relay.stop())
	for _, posts := range relay.posts() {
		require.Len(t, posts, 1, "the story goes on where it was")
	}
}
