package graph_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph/graphcontract"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// simulated is the simulated Teams with a bot that signs in, and a client of
// its Graph; everything that they say to each other is held against the
// contract, if that is at hand.
func simulated(t *testing.T, o teamstest.Options) (*teamstest.Server, *graph.Client) {
	t.Helper()
	o.Bot.Signed = true
	server := teamstest.New(o)
	t.Cleanup(server.Close)
	return server, of(t, watched(t, server.Transport()))
}

// of is a client of the simulated Teams.
func of(t *testing.T, transport http.RoundTripper) *graph.Client {
	t.Helper()
	c, err := graph.New(auth.Config{
		TenantID: teamstest.DefaultTenant, AppID: teamstest.DefaultAppID, Secret: teamstest.DefaultSecret,
		Endpoints: auth.Endpoints{Login: "https://login.test"}, Transport: transport,
	}, graph.App{ManifestID: teamstest.DefaultApp.ManifestID})
	require.NoError(t, err)
	return c
}

func TestEveryCallKeepsMicrosoftsContract(t *testing.T) {
	contract := graphcontract.Find(t)
	synctest.Test(t, func(t *testing.T) {
		server := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Signed: true}, Graph: teamstest.GraphOptions{Page: 2}})
		defer server.Close()
		n := &graphcontract.Notary{T: t, Contract: contract, Inner: server.Transport()}
		c, ctx := of(t, n), t.Context()

		gina := server.AddUser(teamstest.User{Name: "Gina Gast", Mail: "gina@fabrikam.com", Guest: true})
		added := server.AddUsers(20)
		var names, ids []string
		for _, u := range added {
			names, ids = append(names, u.UPN), append(ids, u.ObjectID)
		}
		alice := server.As("alice")
		names = append(names, alice.ObjectID, gina.Mail, gina.UPN, "mallory@contoso.com")
		found := c.Users(ctx, names)
		for _, f := range found[:len(found)-1] {
			require.NoError(t, f.Err)
		}
		require.True(t, found[len(found)-2].Guest)
		require.Equal(t, found[len(found)-2].ID, found[len(found)-3].ID, "a guest is found by e-mail too")
		require.Equal(t, teams.UnknownUser, wrong(t, found[len(found)-1].Err).Reason)

		for _, done := range c.Install(ctx, ids) {
			require.NoError(t, done.Err)
			require.False(t, done.Already)
		}
		require.True(t, c.Install(ctx, ids[:1])[0].Already)
		has := c.Installations(ctx, append(ids, alice.ObjectID))
		for _, i := range has[:len(ids)] {
			require.NoError(t, i.Err)
			require.NotEmpty(t, i.ID)
			require.Equal(t, teamstest.DefaultApp.Version, i.Version)
		}
		require.Equal(t, graph.Installation{}, has[len(ids)])
		chat, err := c.Chat(ctx, ids[0], has[0].ID)
		require.NoError(t, err)
		require.Contains(t, chat, "@unq.gbl.spaces")

		newer := teamstest.DefaultApp
		newer.Version = "1.10.0"
		server.Publish(newer)
		inCatalogue, err := c.Catalogue(ctx)
		require.NoError(t, err)
		require.True(t, graph.Newer(inCatalogue.Version, has[0].Version))
		require.Equal(t, teamstest.DefaultAppID, inCatalogue.EntraID)
		require.NoError(t, c.Upgrade(ctx, ids[0], has[0].ID))
		require.Equal(t, "1.10.0", c.Installations(ctx, ids[:1])[0].Version)

		group := server.AddGroup("On call", "alice", "bob", gina.Name)
		name, members, err := c.GroupMembers(ctx, group)
		require.NoError(t, err)
		require.Equal(t, "On call", name)
		require.Len(t, members, 3)
		tag := server.AddTag("Operators", "alice", "bob", gina.Name)
		name, members, err = c.TagMembers(ctx, teamstest.TeamGroup, tag)
		require.NoError(t, err)
		require.Equal(t, "Operators", name)
		require.Len(t, members, 3)

		server.As("bob").Become(teamstest.Situation{Policy: true})
		require.Equal(t, teams.Policy, wrong(t, c.Install(ctx, []string{server.As("bob").ObjectID})[0].Err).Reason)

		seen := n.Seen()
		for op := range graphcontract.Beyond {
			require.Positive(t, seen[op], "%v is on the list of what the contract lacks, and nobody needs it", op)
		}
		for _, op := range []graphcontract.Operation{
			{Method: "POST", Path: "/$batch"}, {Method: "GET", Path: "/users/{user-id}"}, {Method: "GET", Path: "/appCatalogs/teamsApps"},
			{Method: "GET", Path: "/users/{user-id}/teamwork/installedApps"}, {Method: "POST", Path: "/users/{user-id}/teamwork/installedApps"},
			{Method: "GET", Path: "/users/{user-id}/teamwork/installedApps/{userScopeTeamsAppInstallation-id}/chat"},
		} {
			require.Positive(t, seen[op], "the test does not prove %v", op)
		}
		require.Equal(t, 1, server.GraphSignIns())
	})
}

// The simulated Graph counts as Microsoft does.
func TestAStormOfNewPeopleMeetsNoLimitOfGraphs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := simulated(t, teamstest.Options{Graph: teamstest.GraphOptions{Throttle: teamstest.RealGraphThrottle}})
		var ids []string
		for _, u := range server.AddUsers(200) {
			ids = append(ids, u.ObjectID)
		}
		tag := server.AddTag("Operators", "alice", "bob")
		start := time.Now()
		for _, done := range c.Install(t.Context(), ids) {
			require.NoError(t, done.Err)
		}
		require.Less(t, time.Since(start), 8*time.Second, "200 by 30 a second")
		for _, has := range c.Installations(t.Context(), ids) {
			require.NoError(t, has.Err)
			if time.Since(start) < 10*time.Second {
				_, err := c.Chat(t.Context(), ids[0], has.ID)
				require.NoError(t, err)
				require.NoError(t, c.Upgrade(t.Context(), ids[0], has.ID))
				_, _, err = c.TagMembers(t.Context(), teamstest.TeamGroup, tag)
				require.NoError(t, err)
				ids = ids[1:]
			}
		}
		require.Zero(t, server.GraphThrottled())
	})
}

// What people and administrators get wrong becomes a reason that says what is
// to be done.
func TestWhatHappensAtMicrosoftHasItsReason(t *testing.T) {
	someone := func(o teamstest.Situation) func(*teamstest.Server) {
		return func(s *teamstest.Server) { s.As("alice").Become(o) }
	}
	consent := func(roles ...string) func(*teamstest.Server) {
		return func(s *teamstest.Server) { s.Consent(roles...) }
	}
	publish := func(change func(*teamstest.App)) func(*teamstest.Server) {
		return func(s *teamstest.Server) {
			app := teamstest.DefaultApp
			change(&app)
			s.Publish(app)
		}
	}
	const install, look, catalogue = "TeamsAppInstallation.ReadWriteSelfForUser.All", "User.ReadBasic.All", "AppCatalog.Read.All"
	for name, c := range map[string]struct {
		before func(*teamstest.Server)
		reason teams.Reason
	}{
		"a good day":                      {func(*teamstest.Server) {}, ""},
		"an installation that fails once": {someone(teamstest.Situation{Flaky: 1}), ""},
		"the account was deleted":         {someone(teamstest.Situation{Gone: true}), teams.UnknownUser},
		"the account is disabled": {func(s *teamstest.Server) {
			someone(teamstest.Situation{Disabled: true})(s)
			s.Consent(install, "User.Read.All", catalogue)
		}, teams.Disabled},
		"we may not see that it is":       {someone(teamstest.Situation{Disabled: true}), teams.NoTeams},
		"they have never opened Teams":    {someone(teamstest.Situation{NoTeams: true}), teams.NoTeams},
		"a policy forbids it":             {someone(teamstest.Situation{Policy: true}), teams.Policy},
		"they belong to another tenant":   {someone(teamstest.Situation{Foreign: true}), teams.Foreign},
		"the app is not in the catalogue": {func(s *teamstest.Server) { s.Unpublish() }, teams.NoCatalogue},
		"the app is only sideloaded":      {publish(func(a *teamstest.App) { a.Distribution = "sideloaded" }), teams.NoCatalogue},
		"the app is another's":            {publish(func(a *teamstest.App) { a.EntraID = "somebody-else" }), teams.Consent},
		"no consent to look people up":    {consent(install, catalogue), teams.Consent},
		"no consent to install":           {consent(look, catalogue), teams.Consent},
		"no consent to the catalogue":     {consent(install, look), teams.Consent},
		"no consent to anything":          {consent(), teams.Consent},
		"the secret has expired": {func(s *teamstest.Server) {
			s.BotFault(teamstest.SignIn, teamstest.Fault{Code: "AADSTS7000222", Times: -1})
		}, teams.Auth},
		"Graph is down": {func(s *teamstest.Server) { s.GraphFault(teamstest.AnyGraph, teamstest.Fault{Status: 503, Times: -1}) }, teams.Unavailable},
		"Graph throttles": {func(s *teamstest.Server) {
			s.GraphFault(teamstest.Installing, teamstest.Fault{Code: "TooManyRequests", RetryAfter: 5 * time.Second})
		}, teams.Throttled},
		"the connection breaks": {func(s *teamstest.Server) {
			s.GraphFault(teamstest.AnyGraph, teamstest.Fault{Cut: teamstest.CutBefore, Times: -1})
		}, teams.Network},
		"our tokens are revoked": {func(s *teamstest.Server) { s.RevokeTokens() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Signed: true}})
				defer server.Close()
				client, ctx := of(t, server.Transport()), t.Context()
				c.before(server)
				alice := server.As("alice")
				err := client.Users(ctx, []string{alice.UPN})[0].Err
				if err == nil {
					err = client.Install(ctx, []string{alice.ObjectID})[0].Err
				}
				if c.reason == "" {
					require.NoError(t, err)
					require.NotEmpty(t, server.AppVersion("alice"))
					return
				}
				require.Equal(t, c.reason, wrong(t, err).Reason, wrong(t, err).Message)
				require.Empty(t, server.AppVersion("alice"))
			})
		})
	}
}
