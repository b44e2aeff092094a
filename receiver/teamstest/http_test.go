package teamstest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

func listen(t *testing.T, s *teamstest.Server) string {
	t.Helper()
	l := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); l.Close() })
	return l.URL
}

func call(t *testing.T, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	a, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer a.Body.Close()
	got, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	return a.StatusCode, string(got)
}

func TestMessagesAreListedAsJSON(t *testing.T) {
	url := listen(t, teamstest.New(teamstest.Options{}))
	_, body := call(t, "GET", url+"/messages", "")
	require.JSONEq(t, `[]`, body, "an empty list is a list")
	for _, name := range []string{"ops", "sre", "ops"} {
		status, _ := call(t, "POST", url+"/workflow/"+name+"?sig=x", envelope("hot"))
		require.Equal(t, 202, status)
	}
	_, body = call(t, "GET", url+"/messages?webhook=ops", "")
	var got []map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	require.Len(t, got, 2)
	for _, field := range []string{"id", "webhook", "at", "summary", "status", "shown", "bytes", "card"} {
		require.Contains(t, got[0], field)
	}
	require.Less(t, got[0]["id"], got[1]["id"], "the newest is last")
	require.NotContains(t, body, "sig", "a webhook's secret is not kept")

	status, _ := call(t, "DELETE", url+"/messages", "")
	require.Equal(t, http.StatusNoContent, status)
	_, body = call(t, "GET", url+"/messages", "")
	require.JSONEq(t, `[]`, body)
}

func TestFaultsOverHTTP(t *testing.T) {
	for name, c := range map[string]struct {
		body, says string
		status     int
	}{
		"all there is":          {`{"webhook":"ops","faults":[{"status":429,"retry_after":"2s","body":"x","latency":"0s","times":2},{"cut":"after"},{"hang":true}]}`, "", 204},
		"for every webhook":     {`{"faults":[{"status":503}]}`, "", 204},
		"a status too low":      {`{"faults":[{"status":101}]}`, "200 to 599", 400},
		"an unknown cut":        {`{"faults":[{"cut":"middle"}]}`, `"before" or "after"`, 400},
		"a number for a time":   {`{"faults":[{"latency":"5"}]}`, "like 2s", 400},
		"a time below zero":     {`{"faults":[{"retry_after":"-5s"}]}`, "like 2s", 400},
		"a field by mistake":    {`{"fault":[]}`, "write it like", 400},
		"a name that is a path": {`{"webhook":"../x","faults":[]}`, "not a webhook's name", 400},
	} {
		t.Run(name, func(t *testing.T) {
			url := listen(t, teamstest.New(teamstest.Options{}))
			status, said := call(t, "POST", url+"/faults", c.body)
			require.Equal(t, c.status, status, said)
			require.Contains(t, said, c.says)
			_, queued := call(t, "GET", url+"/faults", "")
			require.Equal(t, c.status != 204, strings.TrimSpace(queued) == "{}", "all or nothing is queued: %s", queued)
			status, _ = call(t, "DELETE", url+"/faults", "")
			require.Equal(t, 204, status)
			_, queued = call(t, "GET", url+"/faults", "")
			require.JSONEq(t, `{}`, queued)
		})
	}
}

func TestAFaultIsWrittenAsItIsRead(t *testing.T) {
	url := listen(t, teamstest.New(teamstest.Options{}))
	const fault = `{"status":429,"retry_after":"2s","body":"x","latency":"1s","cut":"before","hang":true,"shown":true,"times":-1}`
	call(t, "POST", url+"/faults", `{"webhook":"ops","faults":[`+fault+`]}`)
	_, queued := call(t, "GET", url+"/faults", "")
	require.JSONEq(t, `{"ops":[`+fault+`]}`, queued)
}

func TestAPageOfSomebodyElseCannotPost(t *testing.T) {
	s := teamstest.New(teamstest.Options{})
	url := listen(t, s)
	status, _ := call(t, "POST", url+"/workflow/ops", envelope("hot"), "Sec-Fetch-Site: cross-site")
	require.Equal(t, http.StatusForbidden, status)
	require.Empty(t, s.Messages(""))
}

func TestNamesAreBounded(t *testing.T) {
	s := teamstest.New(teamstest.Options{})
	for name, status := range map[string]int{
		"ops": 202, "Ops_1.prod-eu": 202, strings.Repeat("x", 64): 202,
		strings.Repeat("x", 65): 404, ".hidden": 404, "%3Cscript%3E": 404,
	} {
		got, _ := call(t, "POST", listen(t, s)+"/workflow/"+name, envelope("hot"))
		require.Equal(t, status, got, name)
	}
	for i := range 2000 {
		r, err := http.NewRequest("POST", webhookURL(fmt.Sprintf("n%d", i)), strings.NewReader(envelope("hot")))
		require.NoError(t, err)
		a, err := s.Transport().RoundTrip(r)
		require.NoError(t, err)
		if i == 1999 {
			require.Equal(t, 404, a.StatusCode, "anyone can post, so names must not fill the memory")
		}
	}
}

// nextEvent reads one server-sent event; "" for its id when it has none. Who
// is there is told at first, and is another test's matter.
func nextEvent(t *testing.T, r *bufio.Reader) (id, event, data string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			event = value
		case "data":
			data = value
		case "":
			if event != "bot" {
				return id, event, data
			}
		}
	}
}

func TestAPageSeesWhatComesAndGoesOnWhereItWas(t *testing.T) {
	s := teamstest.New(teamstest.Options{})
	url := listen(t, s)
	stream := func(lastID string) *bufio.Reader {
		r, err := http.NewRequestWithContext(t.Context(), "GET", url+"/events", nil)
		require.NoError(t, err)
		if lastID != "" {
			r.Header.Set("Last-Event-ID", lastID)
		}
		a, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { a.Body.Close() })
		return bufio.NewReader(a.Body)
	}
	call(t, "POST", url+"/workflow/ops", envelope("first"))
	page := stream("")
	firstID, event, data := nextEvent(t, page)
	require.Equal(t, "message", event)
	require.Contains(t, data, "first", "what came before the page was opened")

	call(t, "POST", url+"/workflow/ops", envelope("second\\nline"))
	_, _, data = nextEvent(t, page)
	require.Contains(t, data, "second", "what comes while it is open")

	_, _, data = nextEvent(t, stream(firstID))
	require.Contains(t, data, "second", "a page that reconnects sees only what it missed")

	stranger := stream("another-99")
	_, event, _ = nextEvent(t, stranger)
	require.Equal(t, "cleared", event, "a page from before a restart forgets what it knew")
	_, _, data = nextEvent(t, stranger)
	require.Contains(t, data, "first")

	s.Clear()
	_, event, _ = nextEvent(t, page)
	require.Equal(t, "cleared", event)
	s.Close()
	_, err := page.ReadByte()
	require.ErrorIs(t, err, io.EOF, "a stop does not wait for open pages")
}
