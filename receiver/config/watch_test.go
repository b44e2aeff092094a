package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// watched is a file with two webhooks, a channel and people, and this.
func watched(part string) (*config.Config, yamlfile.Problems) {
	return config.Parse("testdata/x.yml", []byte(`storage: {url: "sqlite:x.db"}
microsoft: {tenant_id: 4f1d2c3b-6a58-4e97-8c0d-1b2a3c4d5e6f, app_id: 7a9c1f60-5b7e-4c55-9f0e-3d1f6f0a2b11, client_secret: s, teams_app_id: 6a9c1f60-5b7e-4c55-9f0e-3d1f6f0a2b11}
destinations:
  - {name: ops, workflow: {url: "http://127.0.0.1:9099/workflow/ops"}}
  - {name: dev, workflow: {url: "http://127.0.0.1:9099/workflow/dev"}}
  - {name: kept, workflow: {url: "http://127.0.0.1:9099/workflow/kept"}, fallback: dev}
  - {name: sre, channel: {team_id: 19:team@thread.tacv2, channel_id: 19:sre@thread.tacv2}}
  - {name: oncall, users: [alice@contoso.com]}
route: {destinations: [ops], routes: [{matchers: [destination="ops"], destinations: [dev]}]}
`+part), env())
}

func TestMistakesInHeartbeats(t *testing.T) {
	for _, test := range []struct{ name, part, problem string }{
		{name: "the one of the guide is good", part: `{name: fra, matchers: [alertname="Watchdog"], within: 5m, severity: warning, labels: {team: infra}}`},
		{name: "several alerts may be one heartbeat", part: `{name: fra, matchers: ['alertname=~"Watchdog|DeadMansSwitch"', cluster="fra"], within: 5m}`},
		{name: "one without a name cannot be told of", part: `{matchers: [alertname="Watchdog"], within: 5m}`, problem: "which the alert about its silence calls it by"},
		{name: "two of a name cannot be told apart", part: `{name: fra, matchers: [alertname="A"], within: 5m}, {name: fra, matchers: [alertname="B"], within: 5m}`, problem: `"fra"`},
		{name: "without a time nothing is ever missing", part: `{name: fra, matchers: [alertname="Watchdog"]}`, problem: "nothing says how long"},
		{name: "no time is no time", part: `{name: fra, matchers: [alertname="Watchdog"], within: 0s}`, problem: "must be longer than 0"},
		{name: "time does not go back", part: `{name: fra, matchers: [alertname="Watchdog"], within: -5m}`, problem: "is not a time"},
		{name: "without matchers it would be every alert", part: `{name: fra, within: 5m}`, problem: "nothing says which alerts"},
		{name: "nor with none", part: `{name: fra, matchers: [], within: 5m}`, problem: "nothing says which alerts"},
		{name: "a matcher must be one", part: `{name: fra, matchers: [Watchdog], within: 5m}`, problem: "matchers must hold"},
		{name: "a pattern must be one", part: `{name: fra, matchers: ['alertname=~"Watch(dog"'], within: 5m}`, problem: "matchers must hold"},
		{name: "any name is every alert", part: `{name: fra, matchers: ['alertname=~".+"'], within: 5m}`, problem: "nobody would be told"},
		{name: "so is no name in particular", part: `{name: fra, matchers: ['alertname!="x"', 'alertname!~"Y.*"'], within: 5m}`, problem: "nobody would be told"},
		{name: "a job is everything that its rules are about", part: `{name: fra, matchers: [job="node"], within: 5m}`, problem: "nobody would be told"},
		{name: "a label that all alerts of a site have is that site", part: `{name: fra, matchers: ['site=~".+"', severity="none"], within: 5m}`, problem: "nobody would be told"},
		{name: "a label that is not there is not in most alerts", part: `{name: fra, matchers: ['team=""'], within: 5m}`, problem: "nobody would be told"},
		{name: "the alert about its silence must not be swallowed", part: `{name: fra, matchers: [alertname="HeartbeatMissing"], within: 5m}`, problem: "nobody would be told"},
		{name: "nor that of another", part: `{name: fra, matchers: ['alertname=~"Heartbeat.*"', heartbeat="ber"], within: 5m}`, problem: "nobody would be told"},
		{name: "nor that of a canary", part: `{name: fra, matchers: ['alertname=~"Teamsrelay.*"'], within: 5m}`, problem: "nobody would be told"},
		{name: "its name is ours to give", part: `{name: fra, matchers: [alertname="Watchdog"], within: 5m, labels: {alertname: Mine}}`, problem: "the label alertname is given"},
		{name: "so is the label that says which", part: `{name: fra, matchers: [alertname="Watchdog"], within: 5m, labels: {heartbeat: mine}}`, problem: "the label heartbeat is given"},
		{name: "there is one severity", part: `{name: fra, matchers: [alertname="Watchdog"], within: 5m, labels: {severity: warning}}`, problem: "severity stands beside labels"},
		{name: "a label has a name that routes can ask for", part: `{name: fra, matchers: [alertname="Watchdog"], within: 5m, labels: {"the team": x}}`, problem: "is not a label name"},
		{name: "a word that is not known is a typing error", part: `{name: fra, matcher: [alertname="Watchdog"], within: 5m}`, problem: "matcher"},
	} {
		t.Run(test.name, func(t *testing.T) {
			made, problems := watched("heartbeats: [" + test.part + "]\n")
			if test.problem == "" {
				require.Empty(t, problems.Error())
				require.Len(t, made.Heartbeats, 1)
				require.Equal(t, 5*time.Minute, made.Heartbeats[0].Within)
				return
			}
			require.True(t, problems.Failed())
			require.Contains(t, problems.Error(), test.problem)
			require.Contains(t, problems.Error(), "x.yml:10: error: ")
		})
	}
}

func TestMistakesInCanaries(t *testing.T) {
	for _, test := range []struct {
		name, part, problem string
		every               time.Duration
		warns               bool
	}{
		{name: "an edit of the bot's disturbs nobody", part: `{destination: sre}`, every: 15 * time.Minute},
		{name: "a webhook's is a message each time", part: `{destination: ops}`, every: 24 * time.Hour},
		{name: "who wants it otherwise says so", part: `{destination: ops, every: 12h}`, every: 12 * time.Hour},
		{name: "and is warned of noise", part: `{destination: ops, every: 10m}`, problem: "a new message that everybody in the channel sees", warns: true, every: 10 * time.Minute},
		{name: "where nobody is told of the failure elsewhere it is said", part: `{destination: dev}, {destination: ops}`, every: 24 * time.Hour},
		{name: "a fallback is elsewhere", part: `{destination: kept}`, every: 24 * time.Hour},
		{name: "one that leads nowhere", part: `{every: 1h}`, problem: "the canary names no destination"},
		{name: "a destination must be there", part: `{destination: opps}`, problem: `there is no destination "opps"`},
		{name: "one is enough", part: `{destination: sre}, {destination: sre}`, problem: "there are two canaries"},
		{name: "people are not disturbed", part: `{destination: oncall}`, problem: "whom a canary would only disturb"},
		{name: "no time is no time", part: `{destination: sre, every: 0s}`, problem: "must be longer than 0"},
		{name: "a word that is not known is a typing error", part: `{destination: sre, interval: 1h}`, problem: "interval"},
	} {
		t.Run(test.name, func(t *testing.T) {
			made, problems := watched("canary: [" + test.part + "]\n")
			switch {
			case test.problem == "":
				require.Empty(t, problems.Error())
			default:
				require.Contains(t, problems.Error(), test.problem)
				require.Equal(t, !test.warns, problems.Failed())
			}
			if test.every != 0 {
				require.Equal(t, test.every, made.Canaries[0].Every)
			}
		})
	}
}

// That a canary fails must be told where it can be read.
func TestACanaryWhoseFailureWouldBeToldWhereItFailed(t *testing.T) {
	_, problems := config.Parse("testdata/x.yml", []byte(`storage: {url: "sqlite:x.db"}
destinations: [{name: ops, workflow: {url: "http://127.0.0.1:9099/workflow/ops"}}]
route: {destinations: [ops]}
canary: [{destination: ops}]
`), env())
	require.False(t, problems.Failed())
	require.Len(t, problems, 1)
	require.Contains(t, problems.Error(), "alone, where it just failed")
	require.True(t, strings.Contains(problems.Error(), "TeamsrelayCanaryFailed"), "it says which route to add")
}
