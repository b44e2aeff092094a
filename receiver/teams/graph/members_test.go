package graph_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

const (
	group = "/groups/g1"
	tag   = "/teams/t1/tags/MCMj=="
)

// lists is a Graph that has a group and a tag; members are the pages of both.
func lists(members func(r asked) says) *entra {
	return &entra{answer: func(_ int, r asked) says {
		switch r.path {
		case group:
			return says{status: 200, body: `{"id":"g1","displayName":"On call"}`}
		case tag:
			return says{status: 200, body: `{"id":"MCMj==","teamId":"t1","displayName":"On call","memberCount":2}`}
		case group + "/transitiveMembers", tag + "/members":
			return members(r)
		}
		return says{}
	}}
}

func TestThePeopleOfAGroupAlsoInGroupsWithinIt(t *testing.T) {
	e := lists(func(r asked) says {
		if r.query.Get("$skiptoken") == "" {
			require.Equal(t, "999", r.query.Get("$top"))
			return says{status: 200, body: `{"value":[{"@odata.type":"#microsoft.graph.user","id":"A1","displayName":"Alice Adams","userPrincipalName":"alice@contoso.com"},
				{"@odata.type":"#microsoft.graph.group","id":"G2","displayName":"Inner"},{"@odata.type":"#microsoft.graph.device","id":"D1"}],
				"@odata.nextLink":"` + base + group + `/transitiveMembers?$skiptoken=2"}`}
		}
		return says{status: 200, body: `{"value":[{"id":"B2"},{"@odata.type":"#microsoft.graph.user","id":"C3","accountEnabled":false,"mail":null}]}`}
	})
	name, members, err := client(t, e).GroupMembers(t.Context(), "g1")
	require.NoError(t, err)
	require.Equal(t, "On call", name)
	no := false
	require.Equal(t, []graph.User{{ID: "a1", DisplayName: "Alice Adams", UPN: "alice@contoso.com"}, {ID: "b2"}, {ID: "c3", Enabled: &no}}, members)
}

func TestThePeopleOfATag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := lists(func(r asked) says {
			if r.query.Get("$skiptoken") == "" {
				return says{status: 200, body: `{"value":[{"id":"m1","userId":"A1","displayName":"Alice Adams","tenantId":"1"}],"@odata.nextLink":"` + base + tag + `/members?$skiptoken=2"}`}
			}
			return says{status: 200, body: `{"value":[{"id":"m2","userId":"B2","displayName":null}]}`}
		})
		c := client(t, e)
		for range 4 {
			name, members, err := c.TagMembers(t.Context(), "t1", "MCMj==")
			require.NoError(t, err)
			require.Equal(t, "On call", name)
			require.Equal(t, []graph.User{{ID: "a1", DisplayName: "Alice Adams"}, {ID: "b2"}}, members)
		}
		var times []time.Time
		for _, r := range e.all {
			times = append(times, r.at)
		}
		require.LessOrEqual(t, most(times, time.Second), 4, "of one team Graph takes four requests a second")
	})
}

func TestWhatIsWrongWithAGroupOrATag(t *testing.T) {
	page := func(body string) func(asked) says {
		return func(asked) says { return says{status: 200, body: body} }
	}
	var many []string
	for i := range 999 {
		many = append(many, fmt.Sprintf(`{"id":"%d","userId":"%d"}`, i, i))
	}
	endless := func(r asked) says {
		return says{status: 200, body: `{"value":[` + strings.Join(many, ",") + `],"@odata.nextLink":"` + base + r.path + `?$skiptoken=1"}`}
	}
	empty := func(r asked) says {
		return says{status: 200, body: `{"value":[],"@odata.nextLink":"` + base + r.path + `?$skiptoken=1"}`}
	}
	for name, c := range map[string]struct {
		members func(asked) says
		self    says // what Graph says of the group or tag itself; zero: that it is there
		reason  teams.Reason
		kind    teams.Kind
		says    string
	}{
		"it is not there":      {nil, failing(404, "Request_ResourceNotFound", "no"), teams.NotFound, teams.GiveUp, "There is no"},
		"its id is none":       {nil, failing(400, "BadRequest", "Invalid object identifier"), teams.NotFound, teams.GiveUp, "There is no"},
		"we may not":           {nil, failing(403, "Authorization_RequestDenied", "Insufficient privileges"), teams.Consent, teams.Retry, "Grant admin consent"},
		"we may not read whom": {func(asked) says { return failing(403, "Authorization_RequestDenied", "Insufficient privileges") }, says{}, teams.Consent, teams.Retry, "Grant admin consent"},
		"it has no id":         {nil, says{status: 200, body: `{"displayName":"x"}`, broken: true}, teams.Unavailable, teams.Retry, "cannot be understood"},
		"no list":              {func(asked) says { return says{status: 200, body: `{}`, broken: true} }, says{}, teams.Unavailable, teams.Retry, "cannot be understood"},
		"members without id":   {func(asked) says { return says{status: 200, body: `{"value":[{"displayName":"x"}]}`, broken: true} }, says{}, teams.Unavailable, teams.Retry, "cannot be understood"},
		"Graph is down":        {func(asked) says { return failing(503, "ServiceUnavailable", "later") }, says{}, teams.Unavailable, teams.Retry, "503"},
		"five thousand":        {endless, says{}, teams.Rejected, teams.GiveUp, "more than 5000 members"},
		"a list without end":   {empty, says{}, teams.Rejected, teams.GiveUp, "too many"},
		"it goes on elsewhere": {page(`{"value":[],"@odata.nextLink":"https://evil.example/v1.0/groups/g1/transitiveMembers?$skiptoken=1"}`), says{}, teams.Unavailable, teams.Retry, "(evil.example), where our token must not go"},
	} {
		for what, ask := range map[string]func(context.Context, *graph.Client) error{
			"group": func(ctx context.Context, c *graph.Client) error { _, _, err := c.GroupMembers(ctx, "g1"); return err },
			"tag": func(ctx context.Context, c *graph.Client) error {
				_, _, err := c.TagMembers(ctx, "t1", "MCMj==")
				return err
			},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					e := lists(c.members)
					if there := e.answer; c.self.status != 0 {
						e.answer = func(n int, r asked) says {
							if r.path == group || r.path == tag {
								return c.self
							}
							return there(n, r)
						}
					}
					err := wrong(t, ask(t.Context(), client(t, e)))
					require.Equal(t, c.reason, err.Reason, err.Message)
					require.Equal(t, c.kind, err.Kind)
					require.Contains(t, err.Message, c.says)
					most := 210 // pages, and no more
					if name == "five thousand" {
						most = 7
					}
					require.LessOrEqual(t, len(e.requests()), most, "of a list that is too long the rest is not read")
				})
			})
		}
	}
}

// A list goes on where its last page says, and our token with it.
func TestAListGoesOnAtGraphOnly(t *testing.T) {
	for link, follows := range map[string]bool{
		base + group + "/transitiveMembers?$skiptoken=1":                       true,
		"http://graph.microsoft.com/v1.0" + group + "/transitiveMembers":       false,
		"https://graph.microsoft.com.evil.example/v1.0/groups/g1":              false,
		"https://graph.microsoft.com@evil.example/v1.0/groups/g1":              false,
		"https://x:y@graph.microsoft.com/v1.0" + group + "/transitiveMembers":  false,
		"https://graph.microsoft.com:8443/v1.0" + group + "/transitiveMembers": false,
		"https://graph.microsoft.com/beta" + group + "/transitiveMembers":      false,
		"https://graph.microsoft.com/v1.0/../me":                               false,
		"//evil.example/v1.0/groups":                                           false,
		"/v1.0/groups/g1/transitiveMembers":                                    false,
		"::":                                                                   false,
	} {
		pages := 0
		e := lists(func(asked) says {
			if pages++; pages == 1 {
				return says{status: 200, body: fmt.Sprintf(`{"value":[],"@odata.nextLink":%q}`, link)}
			}
			return says{status: 200, body: `{"value":[]}`}
		})
		_, _, err := client(t, e).GroupMembers(t.Context(), "g1")
		if follows {
			require.NoError(t, err, link)
			require.Equal(t, 2, pages)
			continue
		}
		require.Equal(t, teams.Unavailable, wrong(t, err).Reason, link)
		require.Equal(t, 1, pages, link)
	}
}
