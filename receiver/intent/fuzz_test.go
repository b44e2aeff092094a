package intent

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/teamsrelay/teamsrelay/receiver/card"
)

// FuzzAddress: whatever an event holds, the request goes to the host of our
// file, into the part of the path that its author meant, and is one request.
func FuzzAddress(f *testing.F) {
	for _, value := range []string{"OPS-1", "", ".", "..", "../..", `..\..`, "@evil", "//evil", "a?b#c", "%2e%2e", "a\r\nb", "\x00", "ü", "owner/name", ";x=1"} {
		f.Add(value, value)
	}
	f.Fuzz(func(t *testing.T, inPath, inQuery string) {
		u, err := locate([]card.Piece{
			{Text: "https://jira.example:8443/issue/"}, {Text: inPath, IsValue: true}, {Text: "/comment?key="}, {Text: inQuery, IsValue: true}, {Text: "&x=1"},
		})
		if err != nil {
			return
		}
		request, err := http.NewRequest(http.MethodPost, u.String(), nil)
		if err != nil {
			t.Fatalf("what was allowed cannot be called: %v", err)
		}
		sent := request.URL
		steps := strings.Split(sent.EscapedPath(), "/")
		if sent.Scheme != "https" || sent.Host != "jira.example:8443" || sent.User != nil || sent.Fragment != "" {
			t.Fatalf("it goes elsewhere: %s", sent)
		}
		if len(steps) != 4 || steps[1] != "issue" || steps[3] != "comment" {
			t.Fatalf("it goes to another place in the path: %q", steps)
		}
		step, err := url.PathUnescape(steps[2])
		if err != nil || step != inPath || step == "" || step == "." || step == ".." {
			t.Fatalf("the value does not arrive: %q, %v", step, err)
		}
		query, err := url.ParseQuery(sent.RawQuery)
		if err != nil || len(query) != 2 || query.Get("key") != inQuery || query.Get("x") != "1" {
			t.Fatalf("the query says something else: %q, %v", sent.RawQuery, err)
		}
		if line := sent.RequestURI(); strings.ContainsAny(line, " \r\n\t\x00") {
			t.Fatalf("it would be more than one request: %q", line)
		}
	})
}
