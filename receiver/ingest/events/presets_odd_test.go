package events

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

var realBodies = map[string][]body{"jira": jiraBodies, "github": githubBodies, "sentry": sentryBodies, "grafana": grafanaBodies}

func raw(t testing.TB, preset, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", preset, file+".json"))
	require.NoError(t, err)
	return data
}

// Accounts are deleted, fields are hidden, versions differ: whatever is null
// or missing, the rest of the event is told.
func TestNoMissingFieldCostsAnEvent(t *testing.T) {
	for preset, bodies := range realBodies {
		t.Run(preset, func(t *testing.T) {
			t.Parallel()
			mapping, err := presetFiles.ReadFile("presets/" + preset + ".yml")
			require.NoError(t, err)
			tried := map[string]bool{}
			for _, b := range bodies {
				var whole any
				require.NoError(t, json.Unmarshal(raw(t, preset, b.file), &whole))
				holes(whole, "", 4, func(path string, dig func(value any) (back func())) {
					if name := path[strings.LastIndex(path, ".")+1:]; !strings.Contains(string(mapping), name) || path == ".alerts" {
						return // nobody looks; or there is nothing to tell of
					}
					if tried[path] {
						return
					}
					tried[path] = true
					for _, value := range []any{nil, removed{}} {
						back := dig(value)
						data, err := json.Marshal(whole)
						back()
						require.NoError(t, err)
						_, err = presetSource(t, preset).Parse(data, b.header(), now)
						require.NoError(t, err, "%s without %s", b.file, path)
					}
				})
			}
			require.Greater(t, len(tried), 30)
		})
	}
}

// removed in the place of a value takes it out.
type removed struct{}

// holes calls try for each place in a JSON value, down to some depth. dig puts
// something else there; what it returns puts it back.
func holes(value any, path string, depth int, try func(path string, dig func(any) func())) {
	object, isObject := value.(map[string]any)
	if list, isList := value.([]any); isList && len(list) > 0 {
		holes(list[0], path+"[0]", depth, try)
	}
	if !isObject || depth == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		here := path + "." + name
		if strings.Contains(name, "avatar") || strings.HasSuffix(name, "_url") && path == ".repository" {
			continue
		}
		was := object[name]
		try(here, func(value any) func() {
			if value == (removed{}) {
				delete(object, name)
			} else {
				object[name] = value
			}
			return func() { object[name] = was }
		})
		holes(was, here, depth-1, try)
	}
}

func TestAVeryLongTextIsToldShortened(t *testing.T) {
	long := strings.Repeat("Zeile – שורה 🔥 *x* <!-- y -->\r\n", 6000) // 270 KB
	for name, c := range map[string]struct{ preset, file, at string }{
		"the description of an issue of Jira":   {"jira", "cloud_created", "issue.fields.description"},
		"a comment in Jira":                     {"jira", "cloud_comment", "comment.body"},
		"the description of an issue of GitHub": {"github", "issues_opened", "issue.body"},
		"a comment on GitHub":                   {"github", "issue_comment_created", "comment.body"},
		"the message of a commit":               {"github", "workflow_run_failed", "workflow_run.head_commit.message"},
		"a comment in Sentry":                   {"sentry", "comment_created", "data.comment"},
		"the title of an error":                 {"sentry", "event_alert", "data.event.title"},
	} {
		t.Run(name, func(t *testing.T) {
			var whole map[string]any
			require.NoError(t, json.Unmarshal(raw(t, c.preset, c.file), &whole))
			at, steps := whole, strings.Split(c.at, ".")
			for _, step := range steps[:len(steps)-1] {
				at = at[step].(map[string]any)
			}
			at[steps[len(steps)-1]] = long
			data, err := json.Marshal(whole)
			require.NoError(t, err)
			began := time.Now()
			snapshots, err := presetSource(t, c.preset).Parse(data, http.Header{}, now)
			require.NoError(t, err)
			require.Less(t, time.Since(began), eventTime)
			require.Len(t, snapshots, 1)
			a := snapshots[0].Alerts[0]
			told := snapshots[0].Event.Text + a.Annotations["description"] + a.Annotations["summary"]
			require.Contains(t, told, "שורה 🔥")
			require.Contains(t, told, "…", "that something is missing must be seen")
			require.Less(t, len(told), 4*maxText)
			require.True(t, utf8.ValidString(told))
			require.Less(t, len(a.Event), 2*maxEvent)
		})
	}
}

// play is what people are told of a story when these bodies come one after
// the other, a minute apart.
func play(t *testing.T, preset string, bodies []body, files ...string) (told []string, g group.Group) {
	t.Helper()
	g = group.Group{Key: "key"}
	spec := group.Spec{Source: preset, Ready: true, Targets: []group.Target{{Destination: "ops"}}}
	origin := ""
	for i, file := range files {
		at := now.Add(time.Duration(i) * time.Minute)
		b := bodies[slices.IndexFunc(bodies, func(b body) bool { return b.file == file })]
		s := toldAs(t, preset, b)
		if i == 0 {
			origin = s.Origin
		}
		require.Equal(t, origin, s.Origin, "%s must be part of the same story", file)
		g, _ = group.Receive(g, group.Received{
			Spec: spec, Alerts: s.Alerts, Snapshot: s.Complete, Repeats: s.Repeats, Truncated: s.Truncated, Event: s.Event,
		}, at)
		var due []group.Due
		g, due = group.Advance(g, group.Tick{}, at)
		change := "nothing"
		for _, d := range due {
			change = string(d.Change)
			if d.Loud {
				change += " loudly"
			} else if !d.Message {
				change += " silently"
			}
		}
		told = append(told, fmt.Sprintf("%s: %s", file, change))
	}
	return told, g
}

func TestStoriesOfThePresets(t *testing.T) {
	for name, c := range map[string]struct {
		preset string
		told   []string
	}{
		"an issue of Jira, and Jira sends some of it twice": {"jira", []string{
			"cloud_created: fired loudly",
			"cloud_created: nothing",
			"cloud_assigned: assigned loudly",
			"cloud_assigned: nothing",
			"cloud_comment: commented",
			"cloud_comment_as_update: nothing",
			"cloud_comment_edited: commented",
			"cloud_in_progress: updated",
			"cloud_description: reworded silently",
			"cloud_priority: severity_rose loudly",
			"cloud_resolved: resolved",
			"cloud_resolved: nothing",
			"cloud_comment_when_done: commented",
			"cloud_comment_when_done: nothing",
			"cloud_reopened: fired loudly",
			"cloud_deleted: resolved",
		}},
		"an issue of Data Center that ends with a comment": {"jira", []string{
			"datacenter_created: fired loudly",
			"datacenter_assigned: assigned loudly",
			"datacenter_commented: commented",
			"datacenter_moved_with_comment: resolved",
		}},
		"an issue whose time runs out": {"jira", []string{
			"automation_overdue: fired loudly",
			"automation_sla_breached: updated",
			"automation_sla_breached: nothing",
		}},
		"an issue of GitHub": {"github", []string{
			"issues_opened: fired loudly",
			"issues_labeled: reworded silently",
			"issues_labeled_critical: severity_rose loudly",
			"issues_assigned: assigned loudly",
			"issue_comment_created: commented",
			"issue_comment_created: nothing",
			"issues_closed: resolved",
			"issues_closed: nothing",
			"issues_reopened: fired loudly",
			"issues_closed_not_planned: resolved",
		}},
		"a pull request": {"github", []string{
			"pull_request_opened: fired loudly",
			"pull_request_ready_for_review: updated",
			"pull_request_review_requested: assigned loudly",
			"pull_request_review_requested_of_team: assigned loudly",
			"pull_request_review_changes_requested: commented",
			"issue_comment_on_pull: commented",
			"pull_request_review_approved: commented",
			"pull_request_merged: resolved",
		}},
		"a workflow that fails on a branch and succeeds again": {"github", []string{
			"workflow_run_failed: fired loudly",
			"workflow_run_failed: nothing",
			"workflow_run_succeeded: resolved",
			"workflow_run_succeeded: nothing",
			"workflow_run_failed: fired loudly",
		}},
		"a deployment": {"github", []string{"deployment_status_failure: fired loudly", "deployment_status_success: resolved"}},
		"an alert of Dependabot": {"github", []string{
			"dependabot_alert_created: fired loudly", "dependabot_alert_dismissed: resolved", "dependabot_alert_fixed: nothing",
		}},
		"an issue of Sentry": {"sentry", []string{
			"issue_created: fired loudly",
			"event_alert: commented",
			"event_alert: nothing",
			"event_alert_2020: commented",
			"issue_assigned: assigned loudly",
			"issue_resolved: resolved",
			"issue_unresolved: fired loudly",
			"issue_archived: resolved",
		}},
		"an alert of Sentry on a number": {"sentry", []string{
			"metric_warning: fired loudly", "metric_critical: severity_rose loudly", "metric_resolved: resolved", "metric_warning: fired loudly",
		}},
		"a group of Grafana, of which some is left out": {"grafana", []string{
			"two_and_one_over: fired loudly",
			"two_and_one_over: nothing",
			"truncated: nothing",
			"firing: unseen silently",
			"resolved: resolved",
		}},
		"a rule of Grafana's old alerting": {"grafana", []string{"legacy_alerting: fired loudly", "legacy_ok: resolved"}},
	} {
		t.Run(name, func(t *testing.T) {
			var files []string
			for _, line := range c.told {
				file, _, _ := strings.Cut(line, ": ")
				files = append(files, file)
			}
			told, g := play(t, c.preset, realBodies[c.preset], files...)
			require.Equal(t, c.told, told)
			require.NotEmpty(t, g.Alerts)
		})
	}
}

// Routes and cards count on these names.
func TestEveryTicketHasTheNamesThatCardsShow(t *testing.T) {
	for preset, bodies := range realBodies {
		for _, b := range bodies {
			for _, s := range parsed(t, preset, b) {
				for _, a := range s.Alerts {
					require.Equal(t, preset, a.Labels[sourceLabel])
					card := a.Annotations[alert.CardAnnotation]
					require.Contains(t, []string{"", "alert", "ticket-created", "ticket-assigned", "ticket-status", "ticket-comment", "ticket-overdue", "sla-breach"}, card)
					if card != "" && !s.Partial && b.file != "issue_odd" {
						for _, label := range []string{"ticket", "status", "severity"} {
							require.NotEmpty(t, a.Labels[label], "%s: %s", b.file, label)
						}
						require.NotEmpty(t, a.Annotations["summary"], b.file)
						require.NotEmpty(t, a.Annotations["ticket_url"], b.file)
					}
				}
			}
		}
	}
}

// Relays between systems, scripts and Automation's own bodies send only what
// their author thought of.
func TestTheLeastThatASystemMaySay(t *testing.T) {
	for name, c := range map[string]struct {
		preset, body string
		header       []string
		state        alert.Status
		deed         group.Change
		card         string
		labels       map[string]string
	}{
		"an issue of Jira": {
			preset: "jira", body: `{"webhookEvent":"jira:issue_created","issue":{"key":"OPS-1","fields":{"summary":"Disk full","status":{"name":"To Do"}}}}`,
			state: alert.Firing, card: "ticket-created", labels: map[string]string{"ticket": "OPS-1", "status": "To Do"},
		},
		"an issue of Jira that is assigned, without what changed": {
			preset: "jira", body: `{"webhookEvent":"jira:issue_updated","issue_event_type_name":"issue_assigned","issue":{"key":"OPS-1","fields":{"assignee":{"displayName":"Bob"}}}}`,
			state: alert.Firing, deed: group.Assigned, card: "ticket-assigned", labels: map[string]string{"ticket": "OPS-1"},
		},
		"a comment in Jira without an id": {
			preset: "jira", body: `{"webhookEvent":"jira:issue_updated","issue_event_type_name":"issue_commented","issue":{"key":"OPS-1"},"comment":{"body":"hello"}}`,
			state: alert.Firing, deed: group.Commented, card: "ticket-comment", labels: map[string]string{"ticket": "OPS-1"},
		},
		"an issue of Jira that is resolved, by its event": {
			preset: "jira", body: `{"webhookEvent":"jira:issue_updated","issue_event_type_name":"issue_resolved","issue":{"key":"OPS-1","fields":{}}}`,
			state: alert.Resolved, card: "ticket-status", labels: map[string]string{"ticket": "OPS-1"},
		},
		"an issue of Jira that is done, by a word": {
			preset: "jira", body: `{"event":"moved","issue":{"key":"OPS-1","fields":{"status":"Done","priority":"Blocker"}}}`,
			state: alert.Resolved, card: "ticket-status", labels: map[string]string{"ticket": "OPS-1", "status": "Done", "priority": "Blocker", "severity": "critical"},
		},
		"an overdue issue of Jira, by a header": {
			preset: "jira", body: `{"key":"OPS-1","fields":{"summary":"Disk full"}}`, header: []string{"X-Event", "Overdue"},
			state: alert.Firing, card: "ticket-overdue", labels: map[string]string{"ticket": "OPS-1", "overdue": "true"},
		},
		"an issue of GitHub": {
			preset: "github", body: `{"action":"opened","issue":{"number":7,"title":"Broken"},"repository":{"full_name":"a/b"}}`,
			state: alert.Firing, card: "ticket-created", labels: map[string]string{"ticket": "b#7", "project": "a/b", "status": "Open", "type": "Issue", "severity": "info"},
		},
		"a pull request that is merged": {
			preset: "github", body: `{"action":"closed","pull_request":{"number":8,"title":"Mend","merged":true},"repository":{"full_name":"a/b"}}`,
			state: alert.Resolved, card: "ticket-status", labels: map[string]string{"ticket": "b#8", "project": "a/b", "status": "Merged", "type": "Pull request", "severity": "info"},
		},
		"an issue of Sentry that is archived": {
			preset: "sentry", body: `{"action":"archived","data":{"issue":{"id":"5","title":"x"}}}`,
			state: alert.Resolved, card: "ticket-status", labels: map[string]string{"status": "Archived"},
		},
		"an issue of Sentry": {
			preset: "sentry", body: `{"action":"resolved","data":{"issue":{"shortId":"S-1","status":"resolved","title":"x"}}}`,
			state: alert.Resolved, card: "ticket-status", labels: map[string]string{"ticket": "S-1", "status": "Resolved"},
		},
		"a group of Grafana": {
			preset: "grafana", body: `{"alerts":[{"status":"firing","labels":{"alertname":"x"}}]}`,
			state: alert.Firing, labels: map[string]string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			snapshots, err := presetSource(t, c.preset).Parse([]byte(c.body), body{headers: c.header}.header(), now)
			require.NoError(t, err)
			require.Len(t, snapshots, 1)
			a := snapshots[0].Alerts[0]
			require.Equal(t, c.state, a.Status)
			require.Equal(t, c.deed, snapshots[0].Event.Deed)
			require.Equal(t, c.card, a.Annotations[alert.CardAnnotation])
			delete(a.Labels, sourceLabel)
			delete(a.Labels, alert.NameLabel)
			require.Equal(t, c.labels, a.Labels)
		})
	}
}

func TestRealInputsOfGrafana(t *testing.T) {
	for _, file := range corpus(t, "alertmanager-payloads/zulip__grafana*.json") {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		snapshots, err := presetSource(t, "grafana").Parse(data, http.Header{}, now)
		require.NoError(t, err, file)
		require.Len(t, snapshots, 1)
		for _, a := range snapshots[0].Alerts {
			require.NotEmpty(t, a.Values, "%s: %s", file, a.Name())
			require.NotEmpty(t, a.Annotations["summary"])
		}
	}
}

// Who has a when of one's own must not find that the rest of the preset fails
// on what the preset's would have left out.
func TestAWhenOfOnesOwnMeetsAPresetThatCannotFail(t *testing.T) {
	for preset, bodies := range realBodies {
		s := source(t, Config{Preset: preset, Mapping: Mapping{When: `.repository.name != "none"`}})
		for _, b := range bodies {
			_, err := s.Parse(raw(t, preset, b.file), b.header(), now)
			require.NoError(t, err, "%s: %s", preset, b.file)
		}
	}
	only := source(t, Config{Preset: "jira", Mapping: Mapping{When: `told and .issue.fields.project.key == "NET"`}})
	for file, want := range map[string]int{"datacenter_created": 1, "cloud_created": 0, "cloud_worklog": 0} {
		snapshots, err := only.Parse(raw(t, "jira", file), http.Header{}, now)
		require.NoError(t, err)
		require.Len(t, snapshots, want, file)
	}
}

// Anybody who may post an event may post anything.
func FuzzPresets(f *testing.F) {
	for preset, bodies := range realBodies {
		for _, b := range bodies[:min(len(bodies), 8)] {
			data := raw(f, preset, b.file)
			var small any
			if json.Unmarshal(data, &small) == nil {
				data, _ = json.Marshal(small)
			}
			f.Add(preset, strings.Join(b.headers, ": "), data)
		}
	}
	f.Fuzz(func(t *testing.T, preset, header string, data []byte) {
		if _, known := realBodies[preset]; !known {
			return
		}
		name, value, _ := strings.Cut(header, ": ")
		snapshots, err := presetSource(t, preset).Parse(data, http.Header{http.CanonicalHeaderKey(name): {value}}, now)
		if err != nil {
			require.NotContains(t, err.Error(), eventTime.String(), "a mapping that takes so long holds up the others")
		}
		for _, s := range snapshots {
			require.NotEmpty(t, s.Origin)
			for _, a := range s.Alerts {
				require.Contains(t, []alert.Status{alert.Firing, alert.Resolved}, a.Status)
				for name, value := range a.Labels {
					require.True(t, utf8.ValidString(value) && value != "", name)
				}
			}
		}
	})
}
