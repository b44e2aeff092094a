package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

func TestPeopleComeOut(t *testing.T) {
	made, problems := config.Load("testdata/people-good.yml", env())
	require.Empty(t, problems.Error())
	oncall := made.Destinations[0]
	require.True(t, oncall.Personal())
	require.Empty(t, oncall.Conversation(), "people are no conversation yet")
	require.Equal(t, []string{"alice@contoso.com", id("7"), "dave_fabrikam.com#ext#@contoso.onmicrosoft.com", "o'brien@contoso.com"}, oncall.Users, "names are compared in lower case")
	require.Equal(t, config.Actions{Users: []string{"lead@contoso.com"}}, oncall.Actions)
	require.Equal(t, []string{"/oncall"}, oncall.Paths)
	require.Equal(t, "sre", oncall.Fallback)
	require.Equal(t, config.Group{ID: id("8")}, made.Destinations[1].Group)
	require.True(t, made.Destinations[1].Actions.Nobody())
	require.Equal(t, config.Actions{Members: true}, made.Destinations[2].Actions, "everybody may act on their own card if nothing else is said")
	require.Equal(t, config.Group{ID: id("9")}, made.Destinations[3].Group)
	require.False(t, made.Destinations[4].Personal())
	require.Equal(t, "ops", made.Destinations[4].Fallback, "every kind of destination can have one")
}

// TestPeopleAreAnAudience: the engine is told whom to reach, and how once it
// knows their conversations; what the file says of the destination holds there.
func TestPeopleAreAnAudience(t *testing.T) {
	made, problems := config.Load("testdata/people-good.yml", env())
	require.Empty(t, problems.Error())
	windows := []deliver.Window{{N: 7, Per: time.Second}}
	var asked config.Destination
	out, err := made.Engine(func(d config.Destination) deliver.Address {
		asked = d
		return deliver.Address{ID: "bot:" + d.Conversation(), Pace: windows, Editable: true}
	})
	require.NoError(t, err)
	oncall := out.Destinations[0]
	require.Equal(t, "oncall", oncall.Name)
	require.Equal(t, "sre", oncall.Fallback)
	require.Empty(t, oncall.Addresses, "nobody's conversation is in the file")
	require.Equal(t, made.Destinations[0].Users, oncall.Audience.Names)
	require.Empty(t, oncall.Audience.Roster)
	alice := oncall.Audience.Address("a:alice")
	require.Equal(t, "a:alice", asked.Chat)
	require.False(t, asked.Personal(), "the bot gets one conversation and not the people of the destination")
	require.Equal(t, deliver.Address{
		ID: "bot:a:alice", Destination: "oncall", Pace: []deliver.Window{{N: 1, Per: 2 * time.Second}}, Editable: true, MaxAge: 2 * time.Hour,
	}, alice)

	managers := out.Destinations[1]
	require.Equal(t, "group:"+id("8"), managers.Audience.Roster)
	require.Empty(t, managers.Audience.Names)
	bob := managers.Audience.Address("a:bob")
	require.True(t, bob.ReadOnly, "nobody may press, so there is nothing to press")
	require.Equal(t, windows, bob.Pace)
	require.Equal(t, "tag:"+id("6")+"/M2Q1YmQ4YTAtNmMwZC00ZjVkLTljN2EtMWYxZDdjMWEwMDAxIyNvbmNhbGw=", out.Destinations[2].Audience.Roster, "a tag's id is told apart by its case")
	require.Nil(t, out.Destinations[4].Audience)
	require.Equal(t, "ops", out.Destinations[4].Fallback)
}

// TestPeopleNeedTheReceiver: the Telegraf plugin cannot be reached by Teams, so
// it could not tell anybody personally.
func TestPeopleNeedTheReceiver(t *testing.T) {
	made, problems := config.Load("testdata/people-good.yml", env())
	require.Empty(t, problems.Error())
	_, err := made.Engine(nil)
	require.ErrorContains(t, err, `destination "oncall": channels, chats and people need the receiver`)
}

// TestWhatMicrosoftHasToKnowToReachPeople: an app is installed in a tenant, so
// both must be known; who does without Graph needs neither.
func TestWhatMicrosoftHasToKnowToReachPeople(t *testing.T) {
	const (
		noApp    = `x.yml:3: error: nothing says which app is to be installed for the people of the destination "oncall"; add teams_app_id:`
		noTenant = `x.yml:3: error: nothing says in which tenant the people of the destination "oncall" are; add tenant_id:`
		noBot    = `x.yml:4: error: the bot is to post to these people, and nothing says who the bot is; add microsoft:`
		noGraph  = `x.yml:4: error: nobody can say who is in this group: with insecure_local there is no Microsoft Graph to ask; add endpoints:`
	)
	for _, test := range []struct{ name, microsoft, who, problem string }{
		{"the manifest's id", "{tenant_id: %1, app_id: %2, client_secret: s, teams_app_id: %3}", "", ""},
		{"or the catalogue's", "{tenant_id: %1, app_id: %2, client_secret: s, teams_catalog_id: %4}", "", ""},
		{"no app", "{tenant_id: %1, app_id: %2, client_secret: s}", "", noApp},
		{"no tenant", "{app_id: %2, client_secret: s, teams_app_id: %3, allowed_tenants: [%1]}", "", noTenant},
		{"no bot", "{}", "", noBot},
		{"without tokens there is no Graph, and nothing is installed", "{app_id: a, insecure_local: true}", "", ""},
		{"a simulated Graph installs too", "{app_id: a, insecure_local: true, endpoints: {graph: 'http://127.0.0.1:9099'}}", "", noApp},
		{"and needs no tenant, because it gives no tokens", "{app_id: a, teams_app_id: b, insecure_local: true, endpoints: {graph: 'http://127.0.0.1:9099'}}", "", ""},
		{"a group cannot be read without Graph", "{app_id: a, insecure_local: true}", "group: %5", noGraph},
		{"a simulated Graph knows groups", "{app_id: a, teams_app_id: b, insecure_local: true, endpoints: {graph: 'http://127.0.0.1:9099'}}", "group: %5", ""},
		{"the Playground's object ids are longer", "{app_id: a, insecure_local: true}", "users: [00000000-0000-0000-0000-0000000000020]", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			who := test.who
			if who == "" {
				who = "users: [alice@contoso.com]"
			}
			text := fmt.Sprintf("\nstorage: {url: \"sqlite:x.db\"}\nmicrosoft: %s\ndestinations: [{name: oncall, %s}]\nroute: {destinations: [oncall]}\n", test.microsoft, who)
			text = strings.NewReplacer("%1", id("1"), "%2", id("2"), "%3", id("3"), "%4", id("4"), "%5", id("5")).Replace(text)
			_, problems := config.Parse("x.yml", []byte(text), env())
			if test.problem == "" {
				require.Empty(t, problems.Error())
				return
			}
			require.Len(t, problems, 1, problems.Error())
			require.Contains(t, problems.Error(), test.problem)
		})
	}
}

// TestManyPeople: a list that nobody keeps by hand belongs into an Entra group,
// and says so in one line.
func TestManyPeople(t *testing.T) {
	parse := func(n int) (*config.Config, config.Problems) {
		users := make([]string, n)
		for i := range users {
			users[i] = fmt.Sprintf("u%d@contoso.com", i)
		}
		return config.Parse("x.yml", fmt.Appendf(nil, "storage: {url: \"sqlite:x.db\"}\nmicrosoft: {app_id: a, insecure_local: true}\ndestinations: [{name: all, users: [%s]}]\nroute: {destinations: [all]}\n", strings.Join(users, ", ")), env())
	}
	made, problems := parse(1000)
	require.Empty(t, problems.Error())
	require.Len(t, made.Destinations[0].Users, 1000)
	_, problems = parse(1001)
	require.Len(t, problems, 1)
	require.Contains(t, problems.Error(), "x.yml:3: error: these are 1001 people, and one destination takes at most 1000; make an Entra group of them")
}

// TestEscalationsComeOut: the short form of one step, the long one, none, and
// what is inherited.
func TestEscalationsComeOut(t *testing.T) {
	made, problems := config.Load("testdata/escalate-good.yml", env())
	require.Empty(t, problems.Error())
	escalation := func(severity string) []group.Step {
		return made.Tree.Match(map[string]string{"severity": severity})[0].Spec("api", false, nil).Escalate
	}
	managers, directors := group.Target{Destination: "managers"}, group.Target{Destination: "directors"}
	top := []group.Step{{After: time.Hour, Targets: []group.Target{managers}}}
	require.Equal(t, top, escalation(""))
	require.Equal(t, []group.Step{
		{After: 15 * time.Second, Targets: []group.Target{managers}},
		{After: 45 * time.Minute, Targets: []group.Target{managers, directors}, Every: 30 * time.Minute},
	}, escalation("critical"))
	require.Empty(t, escalation("info"))
	require.Equal(t, top, escalation("warning"))
}
