package teamstest_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// clientOf is the receiver's own client of Graph, with tokens of Microsoft's
// library and the names of the public cloud.
func clientOf(t *testing.T, s *teamstest.Server) *graph.Client {
	t.Helper()
	client, err := graph.New(auth.Config{
		TenantID: teamstest.DefaultTenant, AppID: teamstest.DefaultAppID, Secret: teamstest.DefaultSecret, Transport: s.Transport(),
	}, graph.App{ManifestID: teamstest.DefaultApp.ManifestID})
	require.NoError(t, err)
	return client
}

// The receiver's client and this side were written apart, from the same
// documents and the same contract: every request and every answer is held
// against it. A thousand people whom nobody knew get the app as fast as
// Microsoft allows, without passing a limit, and with one token.
func TestTheReceiversClientOfGraphIsUnderstood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bot, o := botInside()
		o.Signed = true
		s := held(t, teamstest.Options{Bot: o, Graph: teamstest.GraphOptions{Throttle: teamstest.RealGraphThrottle}}, true)
		client := clientOf(t, s)
		people := s.AddUsers(1000)
		var names, ids []string
		for _, u := range people {
			names = append(names, u.UPN)
		}
		start := time.Now()
		for i, found := range client.Users(t.Context(), names) {
			require.NoError(t, found.Err)
			require.Equal(t, people[i].ObjectID, found.ID, "answers of a batch come in any order")
			ids = append(ids, found.ID)
		}
		for _, done := range client.Install(t.Context(), ids) {
			require.NoError(t, done.Err)
		}
		t.Logf("1,000 people looked up and installed in %v", time.Since(start))
		synctest.Wait()
		require.Len(t, bot.kinds(), 2000)
		require.Zero(t, s.GraphThrottled(), "no limit was passed")
		require.Equal(t, 1, s.GraphSignIns(), "one token for all")
		require.Equal(t, 1000, s.GraphCalls(teamstest.Installing))
		for _, done := range client.Install(t.Context(), ids[:3]) {
			require.NoError(t, done.Err)
			require.True(t, done.Already)
		}
		for i, installation := range client.Installations(t.Context(), ids[:3]) {
			require.NoError(t, installation.Err)
			require.Equal(t, "1.0.0", installation.Version)
			chat, err := client.Chat(t.Context(), ids[i], installation.ID)
			require.NoError(t, err)
			require.Contains(t, chat, ids[i])
			require.NoError(t, client.Upgrade(t.Context(), ids[i], installation.ID))
		}
		app, err := client.Catalogue(t.Context())
		require.NoError(t, err)
		require.Equal(t, teamstest.DefaultApp.CatalogID, app.ID)
		require.Equal(t, "1.0.0", app.Version)
		group, tag := s.AddGroup("Night shift", append(names, "Alice")...), s.AddTag("on call", "Bob")
		name, members, err := client.GroupMembers(t.Context(), group)
		require.NoError(t, err)
		require.Equal(t, "Night shift", name)
		require.Len(t, members, 1001)
		name, members, err = client.TagMembers(t.Context(), teamstest.TeamGroup, tag)
		require.NoError(t, err)
		require.Equal(t, "on call", name)
		require.Equal(t, s.As("Bob").ObjectID, members[0].ID)
		roles, err := client.Roles(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, teamstest.RecommendedRoles, roles)
		require.Zero(t, s.GraphThrottled())
		require.Equal(t, 1, s.GraphSignIns())
	})
}

// Each thing that can be wrong with a person, or with what an administrator
// set up, has its reason, whoever says it.
func TestTheReceiversClientTellsWhatIsWrong(t *testing.T) {
	become := func(x teamstest.Situation) func(*teamstest.Server) {
		return func(s *teamstest.Server) { s.As("Alice").Become(x) }
	}
	alice := teamstest.New(teamstest.Options{}).As("Alice").ObjectID
	for name, c := range map[string]struct {
		before func(*teamstest.Server)
		who    string
		reason teams.Reason
		kind   teams.Kind
	}{
		"nobody has the name":              {nil, "mallory@contoso.com", teams.UnknownUser, teams.GiveUp},
		"the account was deleted":          {become(teamstest.Situation{Gone: true}), alice, teams.UnknownUser, teams.GiveUp},
		"the account is disabled":          {become(teamstest.Situation{Disabled: true}), alice, teams.Disabled, teams.GiveUp},
		"they have never opened Teams":     {become(teamstest.Situation{NoTeams: true}), alice, teams.NoTeams, teams.GiveUp},
		"they belong to another tenant":    {become(teamstest.Situation{Foreign: true}), alice, teams.Foreign, teams.GiveUp},
		"a policy keeps the app from them": {become(teamstest.Situation{Policy: true}), alice, teams.Policy, teams.GiveUp},
		"the app is not in the catalogue":  {(*teamstest.Server).Unpublish, alice, teams.NoCatalogue, teams.Retry},
		"the app is sideloaded": {func(s *teamstest.Server) {
			app := teamstest.DefaultApp
			app.Distribution = "sideloaded"
			s.Publish(app)
		}, alice, teams.NoCatalogue, teams.Retry},
		"the app is another application's": {func(s *teamstest.Server) {
			app := teamstest.DefaultApp
			app.EntraID = "11111111-2222-3333-4444-555555555555"
			s.Publish(app)
		}, alice, teams.Consent, teams.Retry},
		"nobody consented to installing": {func(s *teamstest.Server) { s.Consent("User.Read.All", "AppCatalog.Read.All") }, alice, teams.Consent, teams.Retry},
		"nobody consented to anything":   {func(s *teamstest.Server) { s.Consent() }, alice, teams.Consent, teams.Retry},
		"the secret has expired": {func(s *teamstest.Server) {
			s.BotFault(teamstest.SignIn, teamstest.Fault{Code: "AADSTS7000222", Times: -1})
		}, alice, teams.Auth, teams.Retry},
		"Graph is down": {func(s *teamstest.Server) { s.GraphFault(teamstest.AnyGraph, teamstest.Fault{Status: 503, Times: -1}) }, alice, teams.Unavailable, teams.Retry},
		"Graph has enough": {func(s *teamstest.Server) {
			s.GraphFault(teamstest.AnyGraph, teamstest.Fault{Status: 429, RetryAfter: 9 * time.Second, Times: -1})
		}, alice, teams.Throttled, teams.Retry},
		"it works the second time": {become(teamstest.Situation{Flaky: 1}), alice, "", 0},
		"nothing":                  {nil, alice, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, o := botInside()
				o.Signed = true
				s := held(t, teamstest.Options{Bot: o}, true)
				s.Consent(append(teamstest.RecommendedRoles, "User.Read.All")...)
				if c.before != nil {
					c.before(s)
				}
				client := clientOf(t, s)
				found := client.Users(t.Context(), []string{c.who})[0]
				err := found.Err
				if err == nil {
					err = client.Install(t.Context(), []string{found.ID})[0].Err
				}
				if c.reason == "" {
					require.NoError(t, err)
					return
				}
				var failed *graph.Error
				require.True(t, errors.As(err, &failed), "%v", err)
				require.Equal(t, c.reason, failed.Reason, failed.Message)
				require.Equal(t, c.kind, failed.Kind, failed.Message)
				require.NotContains(t, failed.Message, teamstest.DefaultSecret)
			})
		})
	}
}
