package graph_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

func TestTheAppIsNamedAsTheCloudsGraphKnowsIt(t *testing.T) {
	for cloud, base := range map[string]string{
		"":        "https://graph.microsoft.com/v1.0",
		"gcc":     "https://graph.microsoft.com/v1.0",
		"gcchigh": "https://graph.microsoft.us/v1.0",
		"dod":     "https://dod-graph.microsoft.us/v1.0",
		"china":   "https://microsoftgraph.chinacloudapi.cn/v1.0",
	} {
		e := &entra{}
		cfg := config(watched(t, e))
		cfg.Cloud = cloud
		c, err := graph.New(cfg, graph.App{ManifestID: manifest})
		require.NoError(t, err)
		require.NoError(t, c.Install(t.Context(), []string{"1"})[0].Err)
		require.Equal(t, []string{"GET /appCatalogs/teamsApps", "POST /users/1/teamwork/installedApps"}, e.requests())
		require.JSONEq(t, `{"teamsApp@odata.bind":"`+base+`/appCatalogs/teamsApps/`+catalog+`"}`, e.all[1].body)
	}
}

func TestAConfiguredCatalogueIDSavesAPermission(t *testing.T) {
	e := &entra{}
	c := over(t, watched(t, e))
	c.Install(t.Context(), people(2))
	c.Installations(t.Context(), people(2))
	for _, r := range e.all {
		require.NotEqual(t, "/appCatalogs/teamsApps", r.path)
		if r.method == "GET" {
			require.Equal(t, "teamsApp/id eq '"+catalog+"'", r.query.Get("$filter"))
		}
	}
}

func TestWhoHasTheAppAndInWhichVersion(t *testing.T) {
	for name, c := range map[string]struct {
		answer      says
		id, version string
		reason      teams.Reason
	}{
		"they have it":             {says{}, "aW5zdGFsbGF0aW9u/==", "1.2.0", ""},
		"they do not":              {says{status: 200, body: `{"value":[]}`}, "", "", ""},
		"without a definition":     {says{status: 200, body: `{"value":[{"id":"x"}]}`}, "x", "", ""},
		"an installation of no id": {says{status: 200, body: `{"value":[{}]}`}, "", "", teams.Unavailable},
		"no list":                  {says{status: 200, body: `{}`, broken: true}, "", "", teams.Unavailable},
		"nothing":                  {says{status: 200, broken: true}, "", "", teams.Unavailable},
		"we may not look":          {failing(403, "Forbidden", "Missing role permissions on the request."), "", "", teams.Consent},
	} {
		t.Run(name, func(t *testing.T) {
			e := &entra{answer: func(_ int, r asked) says {
				if r.path == "/users/1/teamwork/installedApps" {
					return c.answer
				}
				return says{}
			}}
			got := client(t, e).Installations(t.Context(), []string{"1"})[0]
			require.Equal(t, c.id, got.ID)
			require.Equal(t, c.version, got.Version)
			if c.reason == "" {
				require.NoError(t, got.Err)
				return
			}
			require.Equal(t, c.reason, wrong(t, got.Err).Reason)
		})
	}
}

func TestTheChatOfAnInstallation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{}
		c := client(t, e)
		id, err := c.Chat(t.Context(), "1", "aW5z/==")
		require.NoError(t, err)
		require.Equal(t, "19:chat@unq.gbl.spaces", id)
		require.Equal(t, []string{"GET /users/1/teamwork/installedApps/aW5z%2F==/chat"}, e.requests(), "the id is opaque, and may hold a slash")

		start := time.Now()
		_, err = c.Chat(t.Context(), "2", "x")
		require.NoError(t, err)
		require.Equal(t, start, time.Now())
		_, err = c.Chat(t.Context(), "1", "aW5z/==")
		require.NoError(t, err)
		require.Greater(t, time.Since(start), time.Second, "of one chat Graph takes one request a second")

		for name, c := range map[string]struct {
			answer says
			reason teams.Reason
			kind   teams.Kind
		}{
			"it is not there yet": {failing(404, "NotFound", "The chat of the installation was not found."), teams.Installing, teams.Retry},
			"a chat without id":   {says{status: 200, body: `{}`}, teams.Unavailable, teams.Retry},
			"we may not":          {failing(403, "Forbidden", "Missing role permissions on the request."), teams.Consent, teams.Retry},
		} {
			e := &entra{answer: func(int, asked) says { return c.answer }}
			_, err := client(t, e).Chat(t.Context(), "1", "x")
			require.Equal(t, c.reason, wrong(t, err).Reason, name)
			require.Equal(t, c.kind, wrong(t, err).Kind, name)
		}
	})
}

func TestAnUpgrade(t *testing.T) {
	e := &entra{}
	require.NoError(t, client(t, e).Upgrade(t.Context(), "1", "aW5z/=="))
	require.Equal(t, []string{"POST /users/1/teamwork/installedApps/aW5z%2F==/upgrade"}, e.requests())
	require.Empty(t, e.all[0].body)

	for reason, answer := range map[teams.Reason]says{
		teams.NotInstalled: failing(404, "NotFound", "No installed app was found with id 'x'."),
		teams.Consent:      failing(403, "Forbidden", "Missing role permissions on the request."),
	} {
		e := &entra{answer: func(int, asked) says { return answer }}
		require.Equal(t, reason, wrong(t, client(t, e).Upgrade(t.Context(), "1", "x")).Reason)
	}
}

func TestWhatKeepsAClientFromWorkingIsSaidAtTheStart(t *testing.T) {
	good := config(&entra{})
	both := graph.App{ManifestID: manifest, CatalogID: catalog}
	for name, c := range map[string]struct {
		change func(*auth.Config)
		app    graph.App
		says   string
	}{
		"no tenant":                   {func(c *auth.Config) { c.TenantID = "" }, both, "tenant_id: Microsoft Graph answers for one tenant only"},
		"no secret":                   {func(c *auth.Config) { c.Secret = "" }, both, "client_secret"},
		"no app":                      {nil, graph.App{}, "teams_app_id"},
		"Microsoft without tokens":    {func(c *auth.Config) { c.Secret, c.InsecureLocal = "", true }, both, "endpoints.graph"},
		"a Graph elsewhere, the same": {func(c *auth.Config) { c.Secret, c.InsecureLocal, c.Endpoints.Graph = "", true, "https://graph.test" }, both, "on this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			if c.change != nil {
				c.change(&cfg)
			}
			_, err := graph.New(cfg, c.app)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), secret)
		})
	}
}

func TestASimulatedGraphOnThisMachineWantsNoToken(t *testing.T) {
	e := &entra{}
	cfg := auth.Config{AppID: app, InsecureLocal: true, Transport: watched(t, e), Endpoints: auth.Endpoints{Graph: "http://127.0.0.1:9099"}}
	c, err := graph.New(cfg, graph.App{ManifestID: manifest})
	require.NoError(t, err)
	require.NoError(t, c.Users(t.Context(), []string{"alice@contoso.com"})[0].Err)
	require.Empty(t, e.all[0].token)
	require.Contains(t, e.all[0].query.Get("$select"), "accountEnabled", "nothing is refused there")
	require.Zero(t, e.tokens)
	roles, err := c.Roles(t.Context())
	require.NoError(t, err)
	require.Empty(t, roles)
}

func TestOurPermissionsAreReadFromOurToken(t *testing.T) {
	e := &entra{roles: []string{"User.ReadBasic.All", "AppCatalog.Read.All"}}
	roles, err := client(t, e).Roles(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"AppCatalog.Read.All", "User.ReadBasic.All"}, roles)
	require.Empty(t, e.requests(), "Graph need not be asked")

	e = &entra{roles: []string{}}
	roles, err = client(t, e).Roles(t.Context())
	require.NoError(t, err)
	require.Empty(t, roles, "nobody has consented yet")
}
