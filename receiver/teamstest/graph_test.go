package teamstest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

const graphBase = "https://graph.microsoft.com/v1.0"

// ask asks Graph something; path is behind the version and may have a query.
func ask(t *testing.T, s *teamstest.Server, method, path string, body any, headers ...string) (int, map[string]any) {
	t.Helper()
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		payload = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, graphBase+path, payload)
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
	return response.StatusCode, answer
}

func installs(user string) string {
	return "/users/" + url.PathEscape(user) + "/teamwork/installedApps"
}

// order is the request to install the app of the catalogue.
func order(id string) map[string]any {
	return map[string]any{"teamsApp@odata.bind": graphBase + "/appCatalogs/teamsApps/" + id}
}

func TestAnInstallationByGraphReachesTheBot(t *testing.T) {
	bot := startBot(t)
	s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Endpoint: bot.endpoint}})
	alice := s.As("Alice")
	status, answer := connector(t, s, "POST", "/v3/conversations", createChat(alice.ObjectID))
	require.Equal(t, 403, status)
	require.Equal(t, "ForbiddenOperationException", code(answer))

	status, answer = ask(t, s, "GET", "/appCatalogs/teamsApps?$filter="+url.QueryEscape("externalId eq '"+teamstest.DefaultApp.ManifestID+"'"), nil)
	require.Equal(t, 200, status, "%v", answer)
	id := answer["value"].([]any)[0].(map[string]any)["id"].(string)
	status, answer = ask(t, s, "POST", installs(alice.ObjectID), order(id))
	require.Equal(t, 201, status, "%v", answer)
	require.Empty(t, answer, "so no installation id")
	status, answer = ask(t, s, "POST", installs(alice.ObjectID), order(id))
	require.Equal(t, 409, status)
	require.Equal(t, "Conflict", code(answer))

	status, answer = ask(t, s, "GET", installs(alice.ObjectID)+"?$expand=teamsApp,teamsAppDefinition&$filter="+url.QueryEscape("teamsApp/id eq '"+id+"'"), nil)
	require.Equal(t, 200, status, "%v", answer)
	installation := answer["value"].([]any)[0].(map[string]any)
	require.Equal(t, "1.0.0", in(installation, "teamsAppDefinition", "version"))
	status, answer = ask(t, s, "GET", installs(alice.ObjectID)+"/"+url.PathEscape(installation["id"].(string))+"/chat", nil)
	require.Equal(t, 200, status, "%v", answer)
	require.Equal(t, "19:"+alice.ObjectID+"_"+teamstest.DefaultAppID+"@unq.gbl.spaces", answer["id"])

	status, answer = connector(t, s, "POST", "/v3/conversations", createChat(alice.ObjectID))
	require.Equal(t, 201, status, "%v", answer)
	require.Equal(t, s.PersonalChat("Alice"), answer["id"])
	told := []string{}
	for _, activity := range bot.hears(t, 2) {
		require.Equal(t, s.PersonalChat("Alice"), in(activity, "conversation", "id"))
		require.Equal(t, alice.ObjectID, in(activity, "from", "aadObjectId"))
		told = append(told, activity["type"].(string))
	}
	require.ElementsMatch(t, []string{"installationUpdate", "conversationUpdate"}, told)
}
