package teamstest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams/graph/graphcontract"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

const graphBase = "https://graph.microsoft.com/v1.0"

// withGraph is a simulated Teams whose Graph is held against the contract file
// as long as the test lasts: a client that gets on with it gets on with
// Microsoft's. Without the file the test still runs.
func withGraph(t *testing.T, o teamstest.Options) *teamstest.Server {
	t.Helper()
	return held(t, o, false)
}

// held is withGraph; strictly: what is asked is held against the contract too,
// and must not be refused as wrong.
func held(t *testing.T, o teamstest.Options, strictly bool) *teamstest.Server {
	t.Helper()
	if text, err := os.ReadFile("../../../shared/contracts/graph-v1.0-teams-subset.openapi.json"); err == nil {
		contract, err := graphcontract.Read(text)
		require.NoError(t, err)
		var mu sync.Mutex // the contract is read by one at a time
		o.Graph.Watch = func(x teamstest.GraphExchange) {
			mu.Lock()
			defer mu.Unlock()
			if _, err := contract.CheckRequest(x.Method, x.Target, x.Request); err != nil && !strictly {
				return // a test asks for what there is not
			}
			_, err := contract.Check(graphcontract.Exchange(x))
			assert.NoError(t, err)
		}
	}
	s := teamstest.New(o)
	t.Cleanup(s.Close)
	return s
}

// ask asks Graph something; path is behind the version and may have a query.
func ask(t *testing.T, s *teamstest.Server, method, path string, body any, headers ...string) (int, map[string]any) {
	t.Helper()
	response, answer := asked(t, s, method, path, body, headers...)
	return response.StatusCode, answer
}

func asked(t *testing.T, s *teamstest.Server, method, path string, body any, headers ...string) (*http.Response, map[string]any) {
	t.Helper()
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		payload = bytes.NewReader(raw)
	}
	if !strings.HasPrefix(path, "https://") {
		path = graphBase + path
	}
	request, err := http.NewRequestWithContext(t.Context(), method, path, payload)
	require.NoError(t, err)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := (&http.Client{Transport: s.Transport()}).Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var answer map[string]any
	if len(raw) > 0 {
		require.NoError(t, json.Unmarshal(raw, &answer), string(raw))
	}
	return response, answer
}

func installs(user string) string {
	return "/users/" + url.PathEscape(user) + "/teamwork/installedApps"
}

// filtered is a list, filtered.
func filtered(path, filter string) string {
	sign := "?"
	if strings.Contains(path, "?") {
		sign = "&"
	}
	return path + sign + "$filter=" + url.QueryEscape(filter)
}

// order is the request to install an app of the catalogue.
func order(id string) map[string]any {
	return map[string]any{"teamsApp@odata.bind": graphBase + "/appCatalogs/teamsApps/" + id}
}

var theApp = teamstest.DefaultApp.CatalogID

// values are the entries of a list.
func values(t *testing.T, answer map[string]any) []map[string]any {
	t.Helper()
	list, ok := answer["value"].([]any)
	require.True(t, ok, "%v", answer)
	found := []map[string]any{}
	for _, entry := range list {
		found = append(found, entry.(map[string]any))
	}
	return found
}

// Each answer of Graph that a client has to tell apart (teams-platform §5).
func TestGraphAnswersAsMicrosofts(t *testing.T) {
	everybody := teamstest.New(teamstest.Options{})
	alice := everybody.As("Alice")
	app := "/appCatalogs/teamsApps"
	become := func(x teamstest.Situation) func(*teamstest.Server) {
		return func(s *teamstest.Server) { s.As("Alice").Become(x) }
	}
	consent := func(roles ...string) func(*teamstest.Server) {
		return func(s *teamstest.Server) { s.Consent(roles...) }
	}
	publish := func(change func(*teamstest.App)) func(*teamstest.Server) {
		return func(s *teamstest.Server) {
			a := teamstest.DefaultApp
			change(&a)
			s.Publish(a)
		}
	}
	for name, c := range map[string]struct {
		before       func(*teamstest.Server)
		method, path string
		body         any
		status       int
		code         string
	}{
		"a user by principal name":                     {nil, "GET", "/users/alice@contoso.com?$select=id,userPrincipalName,displayName", nil, 200, ""},
		"a user by object id":                          {nil, "GET", "/users/" + alice.ObjectID, nil, 200, ""},
		"a user in the other form of a path":           {nil, "GET", "/users('alice@contoso.com')", nil, 200, ""},
		"a guest, whose name has a number sign":        {nil, "GET", "/users/gina_fabrikam.com%23EXT%23@contoso.onmicrosoft.com", nil, 200, ""},
		"nobody":                                       {nil, "GET", "/users/mallory@contoso.com", nil, 404, "Request_ResourceNotFound"},
		"a user by a name that is none of Graph's":     {nil, "GET", "/users/Alice", nil, 404, "Request_ResourceNotFound"},
		"a user who was deleted":                       {become(teamstest.Situation{Gone: true}), "GET", "/users/" + alice.ObjectID, nil, 404, "Request_ResourceNotFound"},
		"a user without consent":                       {consent("AppCatalog.Read.All"), "GET", "/users/" + alice.ObjectID, nil, 403, "Authorization_RequestDenied"},
		"users by e-mail address":                      {nil, "GET", filtered("/users", "mail eq 'alice@contoso.com'"), nil, 200, ""},
		"a filter that Graph does not understand":      {nil, "GET", filtered("/users", "mail like 'alice'"), nil, 400, "BadRequest"},
		"the catalogue":                                {nil, "GET", app, nil, 200, ""},
		"the catalogue without consent":                {consent("User.ReadBasic.All"), "GET", app, nil, 403, "Forbidden"},
		"an app of the catalogue":                      {nil, "GET", app + "/" + theApp + "?$expand=appDefinitions", nil, 200, ""},
		"an app that is not in the catalogue":          {(*teamstest.Server).Unpublish, "GET", app + "/" + theApp, nil, 404, "NotFound"},
		"the apps that somebody has":                   {nil, "GET", installs(alice.ObjectID), nil, 200, ""},
		"the apps of nobody":                           {nil, "GET", installs("mallory@contoso.com"), nil, 404, "Request_ResourceNotFound"},
		"the apps of who has never opened Teams":       {become(teamstest.Situation{NoTeams: true}), "GET", installs(alice.ObjectID), nil, 404, "NotFound"},
		"the apps that somebody has, without consent":  {consent("User.Read.All"), "GET", installs(alice.ObjectID), nil, 403, "Forbidden"},
		"an installation":                              {nil, "POST", installs(alice.ObjectID), order(theApp), 201, ""},
		"an installation by principal name":            {nil, "POST", installs(alice.UPN), order(theApp), 201, ""},
		"an installation for nobody":                   {nil, "POST", installs("mallory@contoso.com"), order(theApp), 404, "Request_ResourceNotFound"},
		"an installation for a disabled account":       {become(teamstest.Situation{Disabled: true}), "POST", installs(alice.ObjectID), order(theApp), 404, "NotFound"},
		"an installation without Teams":                {become(teamstest.Situation{NoTeams: true}), "POST", installs(alice.ObjectID), order(theApp), 404, "NotFound"},
		"an installation that a policy forbids":        {become(teamstest.Situation{Policy: true}), "POST", installs(alice.ObjectID), order(theApp), 403, "Forbidden"},
		"an installation for a guest of another Teams": {become(teamstest.Situation{Foreign: true}), "POST", installs(alice.ObjectID), order(theApp), 403, "Forbidden"},
		"an installation that fails once":              {become(teamstest.Situation{Flaky: 1}), "POST", installs(alice.ObjectID), order(theApp), 400, "BadRequest"},
		"an installation of what there is not":         {nil, "POST", installs(alice.ObjectID), order("11111111-2222-3333-4444-555555555555"), 404, "NotFound"},
		"an installation of a sideloaded app":          {publish(func(a *teamstest.App) { a.Distribution = "sideloaded" }), "POST", installs(alice.ObjectID), order(theApp), 403, "Forbidden"},
		"an installation from elsewhere":               {nil, "POST", installs(alice.ObjectID), map[string]any{"teamsApp@odata.bind": "https://evil.example/v1.0/appCatalogs/teamsApps/" + theApp}, 400, "BadRequest"},
		"an installation with permission to read":      {consent("TeamsAppInstallation.ReadForUser.All"), "POST", installs(alice.ObjectID), order(theApp), 403, "Forbidden"},
		"an app that is not this application's own":    {publish(func(a *teamstest.App) { a.EntraID = "somebody-else" }), "POST", installs(alice.ObjectID), order(theApp), 403, "Forbidden"},
		"an installation that there is not":            {nil, "GET", installs(alice.ObjectID) + "/bm9uZQ==", nil, 404, "NotFound"},
		"the chat of none":                             {nil, "GET", installs(alice.ObjectID) + "/bm9uZQ==/chat", nil, 404, "NotFound"},
		"a group that there is not":                    {nil, "GET", "/groups/11111111-2222-3333-4444-555555555555", nil, 404, "Request_ResourceNotFound"},
		"a group without consent":                      {consent("User.ReadBasic.All"), "GET", "/groups/11111111-2222-3333-4444-555555555555", nil, 403, "Authorization_RequestDenied"},
		"members without saying that they may be old":  {nil, "GET", "/groups/11111111-2222-3333-4444-555555555555/transitiveMembers/microsoft.graph.user", nil, 400, "Request_UnsupportedQuery"},
		"a tag that there is not":                      {nil, "GET", "/teams/" + teamstest.TeamGroup + "/tags/none", nil, 404, "NotFound"},
		"a tag without consent":                        {consent("User.ReadBasic.All"), "GET", "/teams/" + teamstest.TeamGroup + "/tags/none", nil, 403, "Forbidden"},
		"a chat that there is not":                     {consent("Chat.ReadBasic.All"), "GET", "/chats/19:none@unq.gbl.spaces", nil, 404, "NotFound"},
		"something that there is not":                  {nil, "GET", "/me", nil, 400, "BadRequest"},
		"a fault of one call":                          {func(s *teamstest.Server) { s.GraphFault(teamstest.FindUser, teamstest.Fault{Status: 503}) }, "GET", "/users/" + alice.ObjectID, nil, 503, "ServiceUnavailable"},
		"a fault of everything":                        {func(s *teamstest.Server) { s.GraphFault(teamstest.AnyGraph, teamstest.Fault{Code: "GatewayTimeout"}) }, "GET", app, nil, 504, "GatewayTimeout"},
		"a fault for one person": {func(s *teamstest.Server) {
			s.As("Bob").GraphFault(teamstest.FindUser, teamstest.Fault{Status: 500, Times: -1})
			s.As("Alice").GraphFault(teamstest.FindUser, teamstest.Fault{Status: 502})
		}, "GET", "/users/" + alice.ObjectID, nil, 502, "BadGateway"},
	} {
		t.Run(name, func(t *testing.T) {
			s := withGraph(t, teamstest.Options{})
			s.AddUser(teamstest.User{Name: "Gina Gast", Mail: "gina@fabrikam.com", Guest: true})
			if c.before != nil {
				c.before(s)
			}
			response, answer := asked(t, s, c.method, c.path, c.body, "client-request-id: mine")
			require.Equal(t, c.status, response.StatusCode, "%v", answer)
			require.Equal(t, c.code, code(answer))
			require.NotEmpty(t, response.Header.Get("request-id"))
			if c.status >= 400 {
				require.Equal(t, response.Header.Get("request-id"), in(answer, "error", "innerError", "request-id"), "what a support case needs")
				require.Equal(t, "mine", in(answer, "error", "innerError", "client-request-id"))
			}
			if c.method == "POST" && c.status != 201 {
				require.Empty(t, s.AppVersion("Alice"), "what is refused is not installed")
			}
		})
	}
}

// The permissions of the contract are enough, each by itself: a client with
// the least of them must not fail here, nor pass with less than at Microsoft.
func TestGraphAsksForThePermissionsOfTheContract(t *testing.T) {
	text, err := os.ReadFile("../../../shared/contracts/graph-v1.0-teams-subset.openapi.json")
	if os.IsNotExist(err) {
		t.Skip("the contract of Microsoft Graph is not beside the project")
	}
	require.NoError(t, err)
	var document struct {
		Paths map[string]map[string]struct {
			Roles []string `json:"x-application-permissions"`
		}
	}
	require.NoError(t, json.Unmarshal(text, &document))
	ids := strings.NewReplacer("{user-id}", "alice@contoso.com", "{teamsApp-id}", theApp, "{userScopeTeamsAppInstallation-id}", "x", "{chat-id}", "x")
	tested := 0
	for path, methods := range document.Paths {
		if strings.HasPrefix(path, "/teams/") || strings.HasSuffix(path, "sendActivityNotification") {
			continue // teamsrelay does neither
		}
		for method, operation := range methods {
			ask := func(roles ...string) (int, map[string]any) {
				s := withGraph(t, teamstest.Options{})
				s.Consent(roles...)
				return ask(t, s, strings.ToUpper(method), ids.Replace(path), nil)
			}
			for _, role := range operation.Roles {
				tested++
				status, answer := ask(role)
				require.NotEqual(t, 403, status, "%s %s with %s: %v", method, path, role, answer)
			}
			if len(operation.Roles) > 0 {
				status, _ := ask("Something.Else.All")
				require.Equal(t, 403, status, "%s %s", method, path)
			}
		}
	}
	require.Greater(t, tested, 15)
}
