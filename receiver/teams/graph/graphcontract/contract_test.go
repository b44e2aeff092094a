package graphcontract_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams/graph/graphcontract"
)

// A check that lets everything pass proves nothing of those who are checked.
func TestWhatBreaksTheContractIsSeen(t *testing.T) {
	c := graphcontract.Find(t)
	const (
		installs = "/users/1/teamwork/installedApps"
		bind     = `{"teamsApp@odata.bind":"https://graph.microsoft.com/v1.0/appCatalogs/teamsApps/1"}`
		notFound = `{"error":{"code":"NotFound","message":"no","innerError":{"request-id":"1","anything":true}}}`
	)
	batch := func(requests string) []byte { return []byte(`{"requests":[` + requests + `]}`) }
	answers := func(responses string) []byte { return []byte(`{"responses":[` + responses + `]}`) }
	const oneUser = `{"id":"0","method":"GET","url":"/users/1"}`
	for name, x := range map[string]struct {
		graphcontract.Exchange
		wrong string // "": it keeps the contract
	}{
		"a user":                                     {graphcontract.Exchange{"GET", "/users/1?$select=id", nil, 200, []byte(`{"id":"1","mail":null,"department":"cut short in the file"}`)}, ""},
		"a user by a name with $":                    {graphcontract.Exchange{"GET", "/users('$a@b')?$select=id", nil, 200, []byte(`{"id":"1"}`)}, ""},
		"nobody":                                     {graphcontract.Exchange{"GET", "/users/1", nil, 404, []byte(notFound)}, ""},
		"an installation":                            {graphcontract.Exchange{"POST", installs, []byte(bind), 201, nil}, ""},
		"whom we list ourselves":                     {graphcontract.Exchange{"GET", "/users?$filter=mail+eq+'a'", nil, 200, []byte(`{"@odata.context":"x","value":[{"id":"1"}]}`)}, ""},
		"a page that has a next":                     {graphcontract.Exchange{"GET", installs + "?$skiptoken=x", nil, 200, []byte(`{"@odata.nextLink":"x","value":[{"id":"1","teamsApp":{"id":"2","externalId":null,"distributionMethod":"organization"}}]}`)}, ""},
		"a batch":                                    {graphcontract.Exchange{"POST", "/$batch", batch(oneUser), 200, answers(`{"id":"0","status":200,"headers":{"a":"b"},"body":{"id":"1"}}`)}, ""},
		"a batch with an empty":                      {graphcontract.Exchange{"POST", "/$batch", batch(`{"id":"0","method":"POST","url":"` + installs + `","body":` + bind + `}`), 200, answers(`{"id":"0","status":201,"body":null}`)}, ""},
		"no such path":                               {graphcontract.Exchange{"GET", "/users/1/photo", nil, 200, nil}, "has no GET"},
		"no such method":                             {graphcontract.Exchange{"PATCH", "/users/1", nil, 200, nil}, "has no PATCH"},
		"no such parameter":                          {graphcontract.Exchange{"GET", "/users/1?$search=x", nil, 200, []byte(`{"id":"1"}`)}, "no parameter $search"},
		"a body that is missing":                     {graphcontract.Exchange{"POST", installs, nil, 201, nil}, "EOF"},
		"a body without the app":                     {graphcontract.Exchange{"POST", installs, []byte(`{}`), 201, nil}, "missing property"},
		"a field misspelled":                         {graphcontract.Exchange{"POST", installs, []byte(bind[:len(bind)-1] + `,"consented":1}`), 201, nil}, "consented"},
		"an app that is no URI":                      {graphcontract.Exchange{"POST", installs, []byte(`{"teamsApp@odata.bind":"teamsApps/%zz"}`), 201, nil}, "uri"},
		"no such status":                             {graphcontract.Exchange{"POST", installs, []byte(bind), 200, nil}, "does not answer 200"},
		"an id in an empty answer":                   {graphcontract.Exchange{"POST", installs, []byte(bind), 201, []byte(`{"id":"1"}`)}, "none belongs"},
		"an error of another kind":                   {graphcontract.Exchange{"GET", "/users/1", nil, 403, []byte(`{"message":"no"}`)}, "missing property"},
		"a page without values":                      {graphcontract.Exchange{"GET", installs, nil, 200, []byte(`{}`)}, "missing property"},
		"a field that is not known":                  {graphcontract.Exchange{"GET", installs, nil, 200, []byte(`{"value":[{"id":"1","app":{}}]}`)}, "app"},
		"an unknown field of what another builds on": {graphcontract.Exchange{"GET", installs, nil, 200, []byte(`{"value":[{"id":"1","teamsApp":{"externalID":"x"}}]}`)}, "externalID"},
		"a value that is not known":                  {graphcontract.Exchange{"GET", "/appCatalogs/teamsApps", nil, 200, []byte(`{"value":[{"id":"1","distributionMethod":"post"}]}`)}, "distributionMethod"},
		"a batch of 21":                              {graphcontract.Exchange{"POST", "/$batch", batch(strings.Repeat(oneUser+",", 20) + oneUser), 400, []byte(notFound)}, "maxItems"},
		"a batch with a bad request":                 {graphcontract.Exchange{"POST", "/$batch", batch(`{"id":"0","method":"GET","url":"/me"}`), 200, answers(`{"id":"0","status":200}`)}, "has no GET /me"},
		"a batch with a bad answer":                  {graphcontract.Exchange{"POST", "/$batch", batch(oneUser), 200, answers(`{"id":"0","status":200,"body":{"id":7}}`)}, "want string"},
		"a batch that answers something else":        {graphcontract.Exchange{"POST", "/$batch", batch(oneUser), 200, answers(`{"id":"1","status":200,"body":{}}`)}, "not asked"},
		"a batch that answers twice":                 {graphcontract.Exchange{"POST", "/$batch", batch(oneUser), 200, answers(`{"id":"0","status":404,"body":` + notFound + `},{"id":"0","status":404,"body":` + notFound + `}`)}, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			operations, err := c.Check(x.Exchange)
			if x.wrong == "" {
				require.NoError(t, err)
				require.NotEmpty(t, operations)
				return
			}
			require.ErrorContains(t, err, x.wrong)
		})
	}
}

// What the file learns must not stay on our own list.
func TestTheListOfWhatTheFileLacksHoldsNothingThatItHas(t *testing.T) {
	graphcontract.Find(t)
	op := graphcontract.Operation{Method: "GET", Path: "/users/{user-id}"}
	graphcontract.Beyond[op] = graphcontract.Answers{Status: "200"}
	defer delete(graphcontract.Beyond, op)
	_, err := graphcontract.Read([]byte(`{"components":{"schemas":{}},"paths":{"/users/{user-id}":{"get":{}}}}`))
	require.ErrorContains(t, err, "take it out")
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	failed []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failed = append(r.failed, fmt.Sprintf(format, args...))
}

// answers is a Graph that always says the same.
type answers struct {
	status int
	body   string
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

func TestTheNotaryFailsTheTestAndPassesEverythingOn(t *testing.T) {
	c := graphcontract.Find(t)
	test := &recorder{TB: t}
	n := &graphcontract.Notary{T: test, Contract: c, Inner: answers{200, `{"id":7}`}}
	get := func(url string) string {
		request, err := http.NewRequest(http.MethodGet, url, nil)
		require.NoError(t, err)
		answer, err := n.RoundTrip(request)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return string(body)
	}
	require.Equal(t, `{"id":7}`, get("https://login.test/x/oauth2/v2.0/token"))
	require.Empty(t, test.failed, "sign-in is not Graph's")
	require.Equal(t, `{"id":7}`, get("https://graph.test/v1.0/users/a%23b?$select=id"))
	require.Len(t, test.failed, 1)
	n.Broken = func(*http.Response) bool { return true }
	require.Equal(t, `{"id":7}`, get("https://graph.test/v1.0/users/a"))
	require.Len(t, test.failed, 1, "the answer breaks the contract on purpose")
	get("https://graph.test/v1.0/me")
	require.Len(t, test.failed, 2, "but never a request of ours")
	require.Equal(t, 2, n.Seen()[graphcontract.Operation{Method: "GET", Path: "/users/{user-id}"}])
}
