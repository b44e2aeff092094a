package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// alerts is what GET of a path tells.
func (s *site) alerts(path string) []Alert {
	s.t.Helper()
	w := s.ask("GET", path, "")
	require.Equal(s.t, 200, w.Code, w.Body)
	var answer struct{ Alerts []Alert }
	require.NoError(s.t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer.Alerts
}

// ticket posts a ticket's event and returns the id of its alert.
func (s *site) ticket(key string) string {
	s.t.Helper()
	require.Equal(s.t, 200, s.ask("POST", "/events/jira", `{"ticket":"`+key+`","status":"firing"}`).Code)
	return s.alerts("/api/v1/alerts?limit=1")[0].ID
}

func TestWhatSomebodyWantsIsStoredAndShown(t *testing.T) {
	s := newSite(t)
	other, id := s.ticket("OPS-1"), s.ticket("OPS-2")
	w := s.ask("POST", "/api/v1/alerts/"+id+"/comment", `{"who":"Alice","text":"it was the \"fan\""}`)
	require.Equal(t, http.StatusAccepted, w.Code, w.Body)
	var made Intent
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &made))
	require.Equal(t, id, made.Alert)
	require.Equal(t, "requested", made.State)
	require.Nil(t, made.DoneAt)
	require.Equal(t, 202, s.ask("POST", "/api/v1/alerts/"+strings.ToUpper(id)+"/resolve", `{"who":"Bob"}`).Code, "people type as they like")

	for _, path := range []string{"/api/v1/alerts", "/api/v1/alerts/" + id} {
		for _, a := range s.alerts(path) {
			if a.ID != id {
				require.Equal(t, other, a.ID)
				require.Empty(t, a.Intents)
				continue
			}
			require.Len(t, a.Intents, 2)
			require.Equal(t, made, a.Intents[0], "in the order of the requests")
			require.Equal(t, "resolve", a.Intents[1].Verb)
		}
	}
	require.Len(t, s.alerts("/api/v1/alerts/"+id), 1)
}

func TestWhatCannotBeDoneThereIsSaid(t *testing.T) {
	s := newSite(t)
	id := s.ticket("OPS-1")
	const good = `{"who":"Alice","text":"a"}`
	for name, c := range map[string]struct {
		path, body string
		status     int
		said       string
	}{
		"an id that is none":          {"/api/v1/alerts/x/comment", good, 400, "not the id of an alert"},
		"an id of nobody":             {"/api/v1/alerts/zzzz/comment", good, 404, "no alert zzzz"},
		"a verb that there is not":    {"/api/v1/alerts/" + id + "/delete", good, 404, "assign, resolve, comment"},
		"a comment that says nothing": {"/api/v1/alerts/" + id + "/comment", `{"who":"Alice"}`, 400, "text"},
		"nobody":                      {"/api/v1/alerts/" + id + "/comment", `{"text":"a"}`, 400, "who"},
		"no JSON":                     {"/api/v1/alerts/" + id + "/comment", `who=Alice`, 400, "not JSON"},
		"a book":                      {"/api/v1/alerts/" + id + "/comment", `{"who":"Alice","text":"` + strings.Repeat("x", 300<<10) + `"}`, 413, "larger than"},
		"a long text":                 {"/api/v1/alerts/" + id + "/comment", `{"who":"Alice","text":"` + strings.Repeat("x", 11000) + `"}`, 400, "longer"},
	} {
		t.Run(name, func(t *testing.T) {
			w := s.ask("POST", c.path, c.body)
			require.Equal(t, c.status, w.Code, w.Body)
			require.Contains(t, w.Body.String(), c.said)
			var refused struct{ Error, Hint string }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &refused))
			require.NotEmpty(t, refused.Hint)
		})
	}
	require.Empty(t, s.alerts("/api/v1/alerts/" + id)[0].Intents)
	for _, path := range []string{"/api/v1/alerts/zzzz", "/api/v1/alerts/zzzz/posts"} {
		var refused struct{ Error string }
		s.told(404, "GET", path, "", &refused)
		require.Equal(t, "there is no alert zzzz", refused.Error, path)
	}

	elsewhere := func(r *http.Request) { r.RemoteAddr = "192.0.2.7:50000" }
	require.Equal(t, 401, s.ask("POST", "/api/v1/alerts/"+id+"/comment", good, elsewhere).Code, "not everybody may close tickets")
	s.store.refuse = true
	require.Equal(t, 503, s.ask("POST", "/api/v1/alerts/"+id+"/comment", good).Code, "what is not stored is not promised")
}
