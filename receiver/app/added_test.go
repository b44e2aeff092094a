package app

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/vault"
)

// get reads a path of a running receiver.
func (s *site) get(url string) string {
	s.t.Helper()
	response, err := http.Get(url)
	require.NoError(s.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return string(text)
}

// A webhook is added and changed while the receiver runs, outlives its restart
// and a change of the key, and is in no file and no log in the clear.
func TestAWebhookThatIsAddedWhileItRuns(t *testing.T) {
	s := newSite(t)
	teams := s.config[strings.Index(s.config, "http://"):]
	teams = teams[:strings.Index(teams, "/workflow")]
	old := vault.NewKey()
	s.write("key", old+"\n")
	s.write("relay.yml", strings.Replace(s.config, "storage: {", "storage: {encryption_key_file: key, ", 1)+
		"runtime_destinations: {allowed_hosts: ["+strings.TrimPrefix(teams, "http://")+"]}\n")
	url, stop := s.run()
	status, answer := s.post(url+"/api/v1/destinations", fmt.Sprintf(`{"name":"dba","url":"%s/workflow/seCretDba","who":"Alice","test":true}`, teams))
	require.Equal(t, 200, status, answer)
	require.Equal(t, "seCretDba", s.waitFor(1)[0].Webhook, "the test came first")
	status, _ = s.post(url+"/alertmanager/dba", firing("First"))
	require.Equal(t, 200, status)
	require.Equal(t, "seCretDba", s.waitFor(2)[1].Webhook)
	require.NoError(t, stop())

	s.write("key", vault.NewKey()+"\n"+old+"\n")
	url, stop = s.run()
	status, _ = s.post(url+"/alertmanager/dba", firing("Second"))
	require.Equal(t, 200, status)
	require.Equal(t, "seCretDba", s.waitFor(3)[2].Webhook)
	require.Eventually(t, func() bool {
		return strings.Contains(s.get(url+"/api/v1/destinations/dba"), `"old_key":false`)
	}, time.Minute, 20*time.Millisecond, "nobody would know when the old key can be thrown away")
	require.Contains(t, s.get(url+"/api/v1/audit?action=reseal"), `"target":"dba"`)
	require.NoError(t, stop())
	require.NotContains(t, s.log.String(), "seCretDba")
	stored, err := os.ReadFile(filepath.Join(s.dir, "relay.db"))
	require.NoError(t, err)
	require.NotContains(t, string(stored), "seCretDba")
}

func TestAHangupIsNoted(t *testing.T) {
	s := newSite(t)
	url, _ := s.run()
	// A warning stands before the mistake, and is not why nothing was reloaded.
	doubtful := strings.Replace(s.config, "destinations:\n", "destinations:\n  - {name: typo, workflow: {url: https://contoso.example/hook}}\n", 1)
	s.write("relay.yml", doubtful+"strange: 1\n")
	for range 3 { // as in TestAHangupReloadsTheConfiguration
		s.reload <- struct{}{}
	}
	lines := s.get(url + "/api/v1/audit?who=SIGHUP")
	require.Contains(t, lines, `"action":"reload"`)
	require.Regexp(t, `failed: \S+: error: `, lines)
	require.Contains(t, lines, "strange")
}
