package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// tracker is an issue tracker that hangs until somebody wakes it.
type tracker struct {
	mu    sync.Mutex
	asked []string // method, path, token, key and body
	awake chan struct{}
}

func (j *tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	j.mu.Lock()
	j.asked = append(j.asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Idempotency-Key")+" "+string(body))
	j.mu.Unlock()
	select {
	case <-j.awake:
		w.WriteHeader(http.StatusCreated)
	case <-r.Context().Done():
	}
}

func (j *tracker) requests() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.asked...)
}

// Whoever was told that a comment is on its way must find it in the ticket,
// whatever happens to us in between.
func TestACommentReachesTheTicketThoughWeAreKilled(t *testing.T) {
	t.Parallel()
	_, url := startTeams(t, teamstest.Options{})
	jira := &tracker{awake: make(chan struct{})}
	server := httptest.NewServer(jira)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "jira.token"), []byte("the-token-of-jira\n"), 0o600))
	r := serve(t, program(t), dir, configuration(destination("ops", url+"/workflow/ops", fast))+`
events:
  - name: tickets
    mapping: {key: .key, name: '"Ticket"', status: '"firing"', labels: {ticket: .key}}
    actions:
      comment:
        url: "`+server.URL+`/rest/api/2/issue/{{ .Labels.ticket }}/comment"
        body: '{"body": "{{ .Who }} in Teams: {{ .Text }}"}'
        token_file: jira.token
`)
	require.Equal(t, http.StatusOK, r.post("/events/tickets", []byte(`{"key":"OPS-1"}`)).status)
	alerts := list[web.Alert](r, "alerts", "")
	require.Len(t, alerts, 1)
	made := r.post("/api/v1/alerts/"+alerts[0].ID+"/comment", []byte(`{"who":"Alice","text":"it was the \"fan\""}`))
	require.Equal(t, http.StatusAccepted, made.status, made.body)
	eventually(t, patience, "the tracker is asked", func() bool { return len(jira.requests()) == 1 })
	r.kill()
	close(jira.awake)
	r.again()
	r.listen()
	eventually(t, patience, "the next process does it", func() bool {
		alerts := list[web.Alert](r, "alerts", "")
		return len(alerts[0].Intents) == 1 && alerts[0].Intents[0].State == "active"
	})
	require.Zero(t, r.stop())
	requests := jira.requests()
	require.Len(t, requests, 2)
	require.Contains(t, requests[0], `POST /rest/api/2/issue/OPS-1/comment Bearer the-token-of-jira teamsrelay-1-`)
	require.Contains(t, requests[0], `{"body":"Alice in Teams: it was the \"fan\""}`)
	require.Equal(t, requests[0], requests[1], "the tracker can tell that it is the same wish")
	require.NotContains(t, r.said.all(), "the-token-of-jira")
}
