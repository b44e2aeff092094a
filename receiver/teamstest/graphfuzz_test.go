package teamstest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// Whatever is asked, Graph answers with its envelope or with what was asked
// for: a simulator that falls over takes the tests of others with it.
func FuzzGraphAnswersWhateverIsAsked(f *testing.F) {
	bind := `{"teamsApp@odata.bind":"` + graphBase + "/appCatalogs/teamsApps/" + theApp + `"}`
	for _, seed := range []struct{ method, path, query, body string }{
		{"GET", "/users/alice@contoso.com", "$select=id", ""},
		{"GET", "/users('o''neil')", "", ""},
		{"GET", "/users", "$filter=mail eq 'x' or otherMails/any(m:m eq 'y')&$top=1&$skiptoken=simulated~1", ""},
		{"GET", "/users/alice@contoso.com/teamwork/installedApps", "$expand=teamsApp($select=id),teamsAppDefinition", ""},
		{"POST", "/users/alice@contoso.com/teamwork/installedApps", "", bind},
		{"POST", "/$batch", "", `{"requests":[{"id":"1","method":"GET","url":"/users?$top=x"},{"id":"2","method":"POST","url":"users/x/%zz","headers":{"content-type":""},"body":` + bind + `,"dependsOn":["1"]}]}`},
		{"GET", "/groups/x/transitiveMembers", "$count=true", ""},
		{"DELETE", "//", "$filter='", ""},
	} {
		f.Add(seed.method, seed.path, seed.query, seed.body)
	}
	s := teamstest.New(teamstest.Options{Graph: teamstest.GraphOptions{Page: 1}})
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		u := &url.URL{Scheme: "https", Host: "graph.microsoft.com", Path: "/v1.0/" + strings.TrimPrefix(path, "/"), RawQuery: query}
		request, err := http.NewRequestWithContext(t.Context(), method, u.String(), strings.NewReader(body))
		if err != nil {
			t.Skip("no client can ask this")
		}
		response, err := s.Transport().RoundTrip(request)
		require.NoError(t, err)
		answer, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		var said struct {
			Error *struct{ Code, Message string }
		}
		if len(answer) > 0 {
			require.NoError(t, json.Unmarshal(answer, &said), "%s", answer)
		}
		require.Less(t, response.StatusCode, 500)
		require.Equal(t, response.StatusCode >= 400, said.Error != nil, "%d %s", response.StatusCode, answer)
		if said.Error != nil {
			require.NotEmpty(t, said.Error.Code)
		}
	})
}
