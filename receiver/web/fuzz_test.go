package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// asked are the places that take a query or a part of their path from whoever
// asks.
var asked = []string{
	"/", "/alerts/{}", "/deliveries", "/deliveries/{}", "/dead-letters", "/dead-letters/replays/{}", "/subscriptions", "/destinations",
	"/destinations/{}", "/users", "/users/{}", "/api/v1/alerts", "/api/v1/alerts/{}", "/api/v1/alerts/{}/posts", "/api/v1/silences",
	"/api/v1/users", "/api/v1/users/{}", "/api/v1/audit", "/api/v1/deliveries", "/api/v1/deliveries/{}", "/api/v1/dead-letters",
	"/api/v1/destinations", "/api/v1/destinations/{}", "/api/v1/rosters",
}

// written are those that take a form or JSON: whoever comes over loopback may
// write there.
var written = []string{
	"/subscriptions", "/subscriptions/{}/remove", "/dead-letters", "/dead-letters/drop", "/destinations", "/destinations/{}/rotate",
	"/users/{}/retry", "/alertmanager", "/alertmanager/{}", "/api/v2/alerts", "/events/jira", "/api/v1/alerts/{}/ack",
	"/api/v1/alerts/{}/comment", "/api/v1/alerts/{}/silence", "/api/v1/alerts/{}/assign", "/api/v1/subscriptions",
	"/api/v1/dead-letters/replay", "/api/v1/dead-letters/{}/replay", "/api/v1/destinations",
}

// FuzzWhatIsAsked: no query and no path makes a page fail, and none gets markup
// of its own into it.
func FuzzWhatIsAsked(f *testing.F) {
	for i := range asked {
		f.Add(i, "2345", "limit=10&before=5")
	}
	f.Add(0, "1", "destination=%3Cscript%3Ealert(1)%3C/script%3E&q=%3Cb%3E&state=x&since=1h")
	f.Add(8, `"><img src=x onerror=alert(1)>`, "before=-1&limit=99999999999999999999")
	f.Add(17, "..%2f..", "since=2026-11-22T00:00:00Z&who=%00&action=refused:")
	s := newSite(f)
	require.Equal(f, http.StatusOK, s.ask("POST", "/alertmanager", firing).Code)
	f.Fuzz(func(t *testing.T, which int, part, query string) {
		u := url.URL{Path: strings.Replace(asked[uint(which)%uint(len(asked))], "{}", strings.ReplaceAll(part, "/", "-"), 1), RawQuery: query}
		if !isRequest(u) {
			return
		}
		w := s.ask("GET", u.RequestURI(), "")
		require.Less(t, w.Code, 500, "%s: %s", u.RequestURI(), w.Body)
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			return
		}
		values, _ := url.ParseQuery(query)
		for _, all := range append([][]string{{part}}, values["destination"], values["q"], values["state"], values["who"]) {
			for _, value := range all {
				if i := strings.IndexByte(value, '<'); i >= 0 && len(value) > i+3 {
					require.NotContains(t, w.Body.String(), value, "markup of whoever asked stands in the page")
				}
			}
		}
	})
}

// isRequest says that a URL can stand in the first line of a request: anything
// else does not get as far as we are.
func isRequest(u url.URL) bool {
	_, err := url.ParseRequestURI(u.RequestURI())
	return err == nil && !strings.ContainsFunc(u.RequestURI(), func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// FuzzWhatIsSent: no body makes anything fail that takes one, as a form or as
// JSON.
func FuzzWhatIsSent(f *testing.F) {
	for i := range written {
		f.Add(i, "2345", `{"who": "Alice", "text": "words", "for": "4h"}`, false)
		f.Add(i, "2345", "csrf_token="+strings.Repeat("x", csrfLength)+"&destination=ops&matchers=team%3Ddba&id=1&name=x&url=https%3A%2F%2Fexample.com", true)
	}
	f.Add(0, "", "%", true)
	f.Add(7, "", firing, false)
	f.Add(10, "", `{"ticket": "A-1", "status": "firing"}`, false)
	s := newSite(f)
	f.Fuzz(func(t *testing.T, which int, part, body string, form bool) {
		u := url.URL{Path: strings.Replace(written[uint(which)%uint(len(written))], "{}", strings.ReplaceAll(part, "/", "-"), 1)}
		if !isRequest(u) {
			return
		}
		w := s.ask("POST", u.RequestURI(), body, func(r *http.Request) {
			r.Header.Set("Content-Type", "application/json")
			if form {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.AddCookie(&http.Cookie{Name: csrfCookie, Value: strings.Repeat("x", csrfLength)})
			}
		})
		require.Less(t, w.Code, 500, "%s %s: %s", u.RequestURI(), body, w.Body)
	})
}
