package config_test

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/intent"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

const samples = "../../sample-configs"

// ownIDs finds the ids that everybody replaces by their own.
var ownIDs = regexp.MustCompile(`00000000-0000-4000-8000-00000000(\d{4})`)

// TestSamples loads what users copy, in a directory that holds what the
// samples name: a sample that does not load costs a newcomer the first hour.
func TestSamples(t *testing.T) {
	variables := func(name string) (string, bool) { return opsURL, name == "FACILITIES_URL" }
	loaded := map[string]*config.Config{}
	files, err := filepath.Glob(samples + "/*.yml")
	require.NoError(t, err)
	files = append(files, samples+"/bot/teamsrelay.yml", samples+"/bot/people.yml", samples+"/bot/local.yml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var keys map[string]any
		require.NoError(t, yaml.Unmarshal(text, &keys), file)
		if _, ours := keys["destinations"]; !ours {
			continue
		}
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "secrets"), 0o700))
		for _, secret := range []string{"sre.url", "partners.url", "admin.token", "bot.secret"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets", secret), []byte(opsURL+"\n"), 0o600))
		}
		// /var/lib/teamsrelay is there after an installation only.
		text = []byte(strings.ReplaceAll(string(text), "/var/lib/teamsrelay", dir))
		text = ownIDs.ReplaceAll(text, []byte("3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a$1"))
		text = bytes.ReplaceAll(text, []byte("19:replace-me"), []byte("19:own"))
		made, problems := config.Parse(filepath.Join(dir, filepath.Base(file)), text, config.Env{Lookup: variables})
		require.Empty(t, problems.Error(), file)
		name, err := filepath.Rel(samples, file)
		require.NoError(t, err)
		loaded[filepath.ToSlash(name)] = made
	}

	t.Run("the quickstart sends everything to the simulated Teams", func(t *testing.T) {
		made := loaded["quickstart.yml"]
		require.NotNil(t, made)
		require.Equal(t, "http://127.0.0.1:9099/workflow/ops", made.Destinations[0].URL.Reveal())
		require.Equal(t, [][]string{{"ops"}}, told(made, nil))
	})
	t.Run("the long one routes as its comments say", func(t *testing.T) {
		made := loaded["teamsrelay.yml"]
		require.NotNil(t, made)
		require.Equal(t, [][]string{{"facilities"}}, told(made, map[string]string{"severity": "warning"}))
		require.Equal(t, [][]string{{"sre", "facilities"}}, told(made, map[string]string{"severity": "critical"}))
		require.Equal(t, [][]string{{"sre"}}, told(made, map[string]string{"severity": "warning", "team": "web"}))
		require.Equal(t, [][]string{nil}, told(made, map[string]string{"alertname": "Watchdog"}))
	})
	t.Run("the one of events routes as its comments say", func(t *testing.T) {
		made := loaded["events.yml"]
		require.NotNil(t, made)
		require.Equal(t, [][]string{{"qlik"}}, told(made, map[string]string{"event_source": "butler"}))
		require.Equal(t, [][]string{{"team"}}, told(made, map[string]string{"event_source": "jira", "priority": "High"}))
		require.Equal(t, [][]string{nil}, told(made, map[string]string{"event_source": "jira", "priority": "Low"}))
		require.False(t, made.Public(), "nobody has chosen a secret yet, so nobody may come from outside")
	})
	t.Run("the one of tickets can do what people may want", func(t *testing.T) {
		made := loaded["tickets.yml"]
		require.NotNil(t, made)
		for _, source := range made.Events {
			require.Len(t, source.Actions, len(intent.Verbs), source.Name)
		}
		text, err := os.ReadFile(samples + "/tickets.yml")
		require.NoError(t, err)
		require.Equal(t, strings.Count(string(text), "url: https://"), strings.Count(string(text), "# token_file: secrets/"), "each action says where its token goes")
	})
	t.Run("the one of the bot routes and lets act as its comments say", func(t *testing.T) {
		made := loaded["bot/teamsrelay.yml"]
		require.NotNil(t, made)
		require.True(t, made.Public(), "Teams must reach the bot")
		require.Equal(t, [][]string{{"sre", "duty"}}, told(made, map[string]string{"severity": "critical"}))
		require.Equal(t, [][]string{{"sre"}}, told(made, map[string]string{"severity": "warning"}))
		require.True(t, made.Destinations[0].Actions.Members)
		require.Len(t, made.Destinations[1].Actions.Users, 2)
		require.True(t, made.Destinations[2].Actions.Nobody())
		require.Len(t, made.Subscriptions, 2)
	})
	t.Run("the one of people tells, escalates and falls back as its comments say", func(t *testing.T) {
		made := loaded["bot/people.yml"]
		require.NotNil(t, made)
		out, err := made.Engine(func(d config.Destination) deliver.Address { return deliver.Address{ID: d.Conversation()} })
		require.NoError(t, err)
		fallback := map[string]string{}
		for _, d := range out.Destinations {
			fallback[d.Name] = d.Fallback
		}
		require.Equal(t, map[string]string{"oncall": "sre", "managers": "sre", "sre": "partners", "partners": ""}, fallback)
		require.Equal(t, []string{"alice@contoso.com", "bob@contoso.com"}, out.Destinations[0].Audience.Names)
		require.NotEmpty(t, out.Destinations[1].Audience.Roster)

		hot := map[string]string{"alertname": "DatacenterTemperature", "severity": "critical"}
		require.Equal(t, [][]string{{"oncall"}}, told(made, hot))
		steps := func(labels map[string]string) (after []time.Duration, last group.Step) {
			for _, last = range made.Tree.Match(labels)[0].Spec("api", false, nil).Escalate {
				after = append(after, last.After)
			}
			return after, last
		}
		after, last := steps(hot)
		require.Equal(t, []time.Duration{15 * time.Minute, 45 * time.Minute}, after)
		require.Equal(t, group.Step{After: 45 * time.Minute, Targets: []group.Target{{Destination: "managers"}}, Every: 30 * time.Minute}, last)
		after, _ = steps(nil)
		require.Equal(t, []time.Duration{time.Hour}, after)
		after, _ = steps(map[string]string{"severity": "info"})
		require.Empty(t, after)
	})
	t.Run("who forgets an id of the bot's sample is told of it", func(t *testing.T) {
		text, err := os.ReadFile(samples + "/bot/teamsrelay.yml")
		require.NoError(t, err)
		_, problems := config.Parse("teamsrelay.yml", text, config.Env{})
		require.Equal(t, 7, strings.Count(problems.Error(), "this is still the id of the sample"), "tenant, application, two channels with their teams, and a chat:\n%s", problems.Error())
	})
	t.Run("the one of the simulated bot posts to the simulated Teams", func(t *testing.T) {
		made := loaded["bot/local.yml"]
		require.NotNil(t, made)
		require.True(t, made.Microsoft.InsecureLocal)
		require.Equal(t, teamstest.DefaultAppID, made.Microsoft.AppID)
		require.Equal(t, teamstest.DefaultTenant, made.Microsoft.TenantID)
		require.Equal(t, teamstest.Alerts, made.Destinations[0].Conversation())
		require.Equal(t, teamstest.Chat, made.Destinations[1].Conversation())
		require.True(t, made.Microsoft.Auth().Allows(made.Microsoft.Endpoints.ServiceURL))
		require.True(t, made.Microsoft.Graph(), "somebody has to install the app for people")
		require.Equal(t, teamstest.DefaultApp.ManifestID, made.Microsoft.TeamsAppID)
		require.Equal(t, [][]string{{"oncall"}}, told(made, map[string]string{"alertname": "DatacenterTemperature", "severity": "critical"}))
		require.Equal(t, [][]string{{"alerts", "duty"}}, told(made, map[string]string{"alertname": "DatacenterTemperatureHigh", "severity": "critical"}), "what make run sends is another alert")
	})
	t.Run("the commented options are options", func(t *testing.T) {
		for _, name := range []string{"teamsrelay.yml", "events.yml", "tickets.yml", "bot/teamsrelay.yml", "bot/people.yml"} {
			text, err := os.ReadFile(samples + "/" + name)
			require.NoError(t, err)
			lines := commentedOption.FindAllString(string(text), -1)
			require.NotEmpty(t, lines, name)
			for _, line := range lines {
				open := strings.Replace(string(text), line, strings.Replace(line, "# ", "", 1), 1)
				_, problems := config.Parse(name, []byte(open), config.Env{Lookup: variables})
				require.NotContains(t, problems.Error(), "there is no key", line)
				require.NotContains(t, problems.Error(), "not YAML", line)
			}
		}
	})
}

// commentedOption is a line such as "# timeout: 8s".
var commentedOption = regexp.MustCompile(`(?m)^ *# [a-z_]+: .+$`)

func told(c *config.Config, labels map[string]string) [][]string {
	var all [][]string
	for _, node := range c.Tree.Match(labels) {
		var names []string
		for _, target := range node.Spec("api", false, nil).Targets {
			names = append(names, target.Destination)
		}
		all = append(all, names)
	}
	return all
}

// TestAlertmanagerSample: what users paste into their Alertmanager must lead
// to paths that we have, and tell us when an alert is over.
func TestAlertmanagerSample(t *testing.T) {
	text, err := os.ReadFile(samples + "/alertmanager.yml")
	require.NoError(t, err)
	var file struct {
		Receivers []struct {
			Webhooks []struct {
				URL          string `yaml:"url"`
				SendResolved bool   `yaml:"send_resolved"`
			} `yaml:"webhook_configs"`
		} `yaml:"receivers"`
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	var paths []string
	for _, receiver := range file.Receivers {
		for _, webhook := range receiver.Webhooks {
			require.True(t, webhook.SendResolved)
			u, err := url.Parse(webhook.URL)
			require.NoError(t, err)
			require.Equal(t, "127.0.0.1:9097", u.Host, "where serve listens by default")
			paths = append(paths, u.Path)
		}
	}
	require.Equal(t, []string{"/alertmanager", "/alertmanager/sre"}, paths)
}

// TestTheGuideSaysWhatEveryReasonMeans: an administrator reads the word in a
// list, and looks there for what to do about it.
func TestTheGuideSaysWhatEveryReasonMeans(t *testing.T) {
	text, err := os.ReadFile(samples + "/bot/README.md")
	require.NoError(t, err)
	_, part, found := strings.Cut(string(text), "\n## When somebody cannot be reached\n")
	require.True(t, found)
	part, _, _ = strings.Cut(part, "\n## ")
	for _, reason := range []teams.Reason{
		teams.UnknownUser, teams.Disabled, teams.NoTeams, teams.Foreign, teams.Blocked, teams.NotInstalled, teams.NotFound, teams.Policy, teams.Installing,
		teams.NoCatalogue, teams.Consent, teams.Auth, teams.Throttled, teams.Unavailable, teams.Timeout, teams.Network, teams.TLS,
	} {
		require.Contains(t, part, "`"+string(reason)+"`")
	}
	for _, state := range []store.PersonState{
		store.PersonUnknown, store.PersonKnown, store.PersonInstalling, store.PersonReachable, store.PersonBlocked, store.PersonPolicy,
	} {
		require.Contains(t, part, "`"+string(state)+"`")
	}
	for _, link := range regexp.MustCompile(`\]\(#([a-z0-9-]+)\)`).FindAllStringSubmatch(string(text), -1) {
		require.Regexp(t, `(?m)^## `+strings.ReplaceAll(regexp.QuoteMeta(link[1]), "-", `\W+`)+`$`, strings.ToLower(string(text)), "the link leads nowhere")
	}
}
