package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// road is the way to an Alertmanager, which can be closed, and can lose what
// comes back.
type road struct {
	to     atomic.Pointer[url.URL]
	closed atomic.Bool
	// loses is how many answers to what makes a silence are lost.
	loses atomic.Int32
}

func (r *road) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	to := r.to.Load()
	if to == nil || r.closed.Load() {
		panic(http.ErrAbortHandler)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	if request.Method == http.MethodPost && r.loses.Add(-1) >= 0 {
		proxy.ServeHTTP(httptest.NewRecorder(), request)
		panic(http.ErrAbortHandler)
	}
	proxy.ServeHTTP(w, request)
}

// theirSilence is a silence as Alertmanager tells of it.
type theirSilence struct {
	ID        string `json:"id"`
	CreatedBy string `json:"createdBy"`
	Comment   string `json:"comment"`
	Status    struct {
		State string `json:"state"`
	} `json:"status"`
}

// silences are those of a real Alertmanager that hold now.
func (a *alertmanager) silences(t *testing.T) (active []theirSilence) {
	t.Helper()
	answer, err := ask(http.MethodGet, a.url+"/api/v2/silences", nil)
	require.NoError(t, err)
	var all []theirSilence
	require.NoError(t, json.Unmarshal([]byte(answer.body), &all))
	for _, s := range all {
		if s.Status.State == "active" {
			active = append(active, s)
		}
	}
	return active
}

// suppressed is how many alerts a real Alertmanager keeps quiet.
func (a *alertmanager) suppressed(t *testing.T) int {
	t.Helper()
	answer, err := ask(http.MethodGet, a.url+"/api/v2/alerts?active=false&inhibited=false&silenced=true", nil)
	require.NoError(t, err)
	var all []json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(answer.body), &all))
	return len(all)
}

// Whoever was told "silencing" gets each alert silenced in Alertmanager once,
// whatever happens on the way, and nothing claims to be silenced before it is.
func TestASilenceOfARealAlertmanagersAlertIsMadeThereOnce(t *testing.T) {
	program := alertmanagerProgram(t)
	t.Parallel()
	_, teams := startTeams(t, teamstest.Options{})
	way := &road{}
	server := httptest.NewServer(way)
	t.Cleanup(server.Close)
	relay := startRelay(t, configuration(destination("ops", teams+"/workflow/ops", fast))+fmt.Sprintf("alertmanagers: [{url: %q}]\n", server.URL))
	am := startAlertmanager(t, program, relay.url+"/alertmanager")
	to, err := url.Parse(am.url)
	require.NoError(t, err)
	way.to.Store(to)
	require.Equal(t, http.StatusOK, postAlerts(t, am.url, diskAlert("db1"), diskAlert("db2")).status)
	eventually(t, patience, "both alerts are here", func() bool { return len(list[web.Alert](relay, "alerts", "")) == 2 })
	id := list[web.Alert](relay, "alerts", "")[0].ID

	way.closed.Store(true)
	made := relay.post("/api/v1/alerts/"+id+"/silence", []byte(`{"who":"Alice","for":"1h","text":"deploying"}`))
	require.Equal(t, http.StatusAccepted, made.status, made.body)
	var done web.Done
	require.NoError(t, json.Unmarshal([]byte(made.body), &done))
	require.True(t, done.Asked)
	eventually(t, patience, "the alert says why it is not silenced", func() bool {
		a := list[web.Alert](relay, "alerts", "")[0]
		return len(a.Asked) == 1 && a.Asked[0].State == "asked" && strings.Contains(a.Asked[0].Reason, "cannot be reached") && a.Silenced == nil
	})
	way.loses.Store(1)
	way.closed.Store(false)
	eventually(t, patience, "one silence is there, and nobody here knows", func() bool { return len(am.silences(t)) > 0 && way.loses.Load() <= 0 })
	relay.kill()
	relay.again()
	relay.listen()
	eventually(t, patience, "both alerts are said to be silenced", func() bool {
		for _, a := range list[web.Alert](relay, "alerts", "") {
			if a.Silenced == nil || !a.Silenced.Alertmanager || a.Silenced.By != "Alice" || a.Asked[0].State != "granted" {
				return false
			}
		}
		return true
	})
	require.Equal(t, 2, am.suppressed(t))
	silences := am.silences(t)
	require.Len(t, silences, 2, "one for each alert, though an answer was lost and we were killed")
	for _, s := range silences {
		require.Equal(t, "Alice", s.CreatedBy)
		require.Contains(t, s.Comment, "deploying – asked for by Alice, api 127.0.0.1 (teamsrelay "+done.Silence+", ")
	}

	ended, err := ask(http.MethodDelete, relay.url+"/api/v1/silences/"+done.Silence+"?who=Bob", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, ended.status, ended.body)
	eventually(t, patience, "it has ended", func() bool { return len(am.silences(t)) == 0 && len(list[web.Silence](relay, "silences", "")) == 0 })
	for _, a := range list[web.Alert](relay, "alerts", "") {
		require.Nil(t, a.Silenced)
	}
}
