package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/ingest/events"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// told is one real body that is posted, and what people then read.
type told struct {
	body    string // a file of the events' test data
	header  string // "Name: value"
	nothing bool   // no card comes of it
	preview string // the text that a phone shows begins so
	words   []string
	links   []string
	not     []string // neither words nor links, as they stand in the JSON
}

// story is what comes of one system, body after body.
type story struct {
	preset string
	told   []told
}

// Each preset's real bodies, from the HTTP request to the words on the card.
// Bodies of a story come in the order in which their system sends them.
var presetStories = map[string]story{
	"a reload fails": {"butler", []told{
		{
			body: "reload_failed", preview: "[ERROR] Reload of Orders Öst failed",
			words: []string{"Orders Öst", "SENSE01", "Max retries reached"},
		},
		{body: "reload_failed", nothing: true},
		{body: "reload_aborted", words: []string{"Orders Öst", "aborted", "SENSE01"}},
	}},
	"a service stops and starts": {"butler", []told{
		{body: "service_stopped", words: []string{"Qlik Sense Engine Service", "SENSE01", "stopped"}},
		{body: "service_still_running", words: []string{"Qlik Sense Engine Service running again", "SENSE01"}}, // the start was missed
		{body: "service_started", nothing: true},
	}},
	"a reload in the cloud fails": {"qlik-cloud", []told{
		{body: "reload_failed", words: []string{"failed"}},
		{body: "reload_succeeded", nothing: true},
	}},
	"anything": {"generic", []told{
		{body: "firing", preview: "[CRITICAL]", words: []string{"Disk full", "97 % used", "db1", "dba"}, links: []string{"https://mon.nord.example/4711"}},
		{body: "resolved", words: []string{"Disk full", "esolved"}},
	}},
	"an issue of Jira": {"jira", []told{
		{
			body: "cloud_created", preview: "[HIGH] OPS-123 created by Alice Ó Briain: Checkout shows",
			words: []string{`OPS-123 · Checkout shows "0,00 €" for orders <with> vouchers`, "Operations", "Bug", "To Do", "add a voucher", "total = price.subtract(voucher); // negative", "Alice Ó Briain"},
			links: []string{"https://nordwind.atlassian.net/browse/OPS-123"}, not: []string{"{code", "h3.", "/rest/api/"},
		},
		{body: "cloud_assigned", words: []string{"Assigned to Bob Nguyễn by Alice Ó Briain"}},
		{
			body:  "cloud_comment",
			words: []string{"Bob Nguyễn", "It is the VAT rounding", "only orders in EUR", "(https://git.nordwind.example/shop/pull/88)", "🎉", "OPS-123", "Alice Ó Briain"},
			not:   []string{"*VAT*", "~accountid"},
		},
		{body: "cloud_comment_as_update", nothing: true},
		{body: "cloud_in_progress", words: []string{"To Do → ", "In Progress", "Bob Nguyễn"}},
		{body: "cloud_sprint", nothing: true},
		{body: "cloud_priority", words: []string{"HIGHEST"}},
		{body: "cloud_worklog", nothing: true},
		{body: "cloud_resolved", words: []string{"OPS-123", "resolved", "In Progress → ", "Done", "Bob Nguyễn"}},
		{body: "cloud_comment_when_done", words: []string{"Thank you!", "OPS-123"}},
		{body: "cloud_reopened", words: []string{"OPS-123", "To Do", "Done"}},
		{body: "cloud_deleted", words: []string{"OPS-123", "Deleted"}},
	}},
	"an issue of Jira with other scripts and marks of Teams": {"jira", []told{
		{body: "cloud_odd", preview: "", words: []string{`خادم معطل — "down" 🔥`, "השרת למטה 🔥"}, not: []string{"<at>", "{{DATE", "${y}"}},
	}},
	"an issue of Data Center": {"jira", []told{
		{body: "datacenter_created", words: []string{"NET-7 · Packets lost in rack 7", "Zoë Dağ"}, links: []string{"https://jira.nordwind.example/jira/browse/NET-7"}},
		{body: "datacenter_assigned", words: []string{"Assigned to Carl"}},
		{body: "datacenter_commented", words: []string{"Replaced the SFP."}},
		{body: "datacenter_comment_created", nothing: true},
		{body: "datacenter_moved_with_comment", words: []string{"Closed", "resolved"}},
	}},
	"an issue whose time runs out": {"jira", []told{
		{body: "automation_overdue", words: []string{"SP-53", "overdue", "I cannot get my second screen to work"}},
		{body: "automation_sla_breached", header: "X-Event: sla_breached", words: []string{"SLA breached", "Time to resolution", "4h", "SP-53"}},
	}},
	"a group of Grafana": {"grafana", []told{
		{
			body:  "firing",
			words: []string{"Disk is filling", "The disk of db1 is 92 % full", "91.72", "It will be full in **4 hours**", "Dashboard", "Panel", "Silence"},
			links: []string{
				"https://images.nordwind.example/grafana/k1.png", "https://grafana.nordwind.example/d/ece9fb32?orgId=1",
				"https://grafana.nordwind.example/d/ece9fb32?orgId=1&viewPanel=2", "https://grafana.nordwind.example/alerting/silence/new?alertmanager=grafana",
				"https://wiki.nordwind.example/disk",
			},
			not: []string{"/#/silences/new"},
		},
		{body: "firing", nothing: true},
		{body: "resolved", words: []string{"esolved"}, not: []string{"silence/new"}},
		{body: "no_alerts", nothing: true},
		{body: "two_and_one_over", words: []string{"db1:9100", "db2:9100", "98.1", "The disk of db3 is 71 % full"}},
	}},
	"a rule of Grafana without data": {"grafana", []told{
		{body: "no_data", words: []string{"Grafana got no data for “Disk is filling”"}, not: []string{"[no value]"}},
	}},
	"a rule of Grafana's old alerting": {"grafana", []told{
		{body: "legacy_alerting", words: []string{"Queue length", "The queue is too long.", "High value 100, Higher value 200"}, links: []string{"https://images.nordwind.example/legacy.png"}},
		{body: "legacy_ok", words: []string{"Queue length", "esolved"}},
	}},
	"an issue of Sentry": {"sentry", []told{
		{body: "comment_created", nothing: true}, // of what, nobody could tell
		{
			body: "issue_created", header: "Sentry-Hook-Resource: issue",
			words: []string{"SHOP-9K · ZeroDivisionError: division by zero", "shop", "checkout.total in apply_voucher"}, links: []string{"https://nordwind.sentry.io/issues/1170820242/"},
		},
		{body: "event_alert", preview: "[ERROR]", words: []string{"ZeroDivisionError: division by zero", "SHOP-9K", "Checkout errors to #ops", "production"}},
		{body: "comment_created", words: []string{"SHOP-9K · ZeroDivisionError: division by zero", "Alice Ó Briain", "two"}, not: []string{"<at>"}},
		{body: "issue_assigned", words: []string{"Assigned to Bob Nguyễn by Alice Ó Briain"}},
		{body: "issue_resolved", words: []string{"Resolved", "SHOP-9K"}},
		{body: "issue_unresolved", words: []string{"Regressed", "SHOP-9K"}},
	}},
	"an alert of Sentry on a number": {"sentry", []told{
		{body: "metric_warning", words: []string{"Too many errors", "1043 events in the last 10 minutes"}, links: []string{"https://nordwind.sentry.io/alerts/rules/details/7/?alert=31"}},
		{body: "metric_critical", preview: "[CRITICAL]"},
		{body: "metric_resolved", words: []string{"esolved", "was critical"}},
	}},
	"an issue of GitHub": {"github", []told{
		{
			body: "issues_opened", header: "X-GitHub-Event: issues",
			words: []string{"shop#12 · Checkout shows", "nordwind/shop", "Created by alice-ob"}, links: []string{"https://github.com/nordwind/shop/issues/12"}, not: []string{"Thank you for your report", "api.github.com"},
		},
		{body: "issues_assigned", words: []string{"Assigned to bobnguyen by alice-ob"}},
		{body: "issue_comment_created", words: []string{"It is the VAT rounding. 🎉", "bobnguyen"}, not: []string{"<at>"}},
		{body: "issue_comment_edited", nothing: true},
		{body: "issues_closed", words: []string{"Open → ", "Closed", "bobnguyen"}},
		{body: "issues_reopened", words: []string{"Open"}},
	}},
	"a pull request": {"github", []told{
		{body: "pull_request_opened", words: []string{"shop#13 · Round VAT once", "fix-vat → main", "Draft"}},
		{body: "pull_request_ready_for_review", words: []string{"Open"}},
		{body: "pull_request_review_requested", words: []string{"Assigned to alice-ob by bobnguyen"}},
		{body: "pull_request_review_changes_requested", words: []string{"Requested changes: Please add a test for two vouchers."}},
		{body: "pull_request_synchronize", nothing: true},
		{body: "issue_comment_on_pull", words: []string{"Can this go out today?", "fix-vat → main"}},
		{body: "pull_request_merged", words: []string{"Merged"}},
	}},
	"a workflow": {"github", []told{
		{body: "ping", nothing: true},
		{body: "workflow_run_succeeded", nothing: true}, // nothing had failed
		{body: "workflow_run_failed", words: []string{"CI failed on main", "Round VAT once", "nordwind/shop"}, links: []string{"https://github.com/nordwind/shop/actions/runs/19283746501"}},
		{body: "workflow_run_cancelled", nothing: true},
		{body: "workflow_run_succeeded", words: []string{"CI succeeded on main", "esolved"}},
	}},
	"what GitHub finds": {"github", []told{
		{body: "dependabot_alert_created", words: []string{"semver vulnerable to Regular Expression Denial of Service", "CVE-2022-25883", "7.5.2"}, links: []string{"https://github.com/nordwind/shop/security/dependabot/20"}},
		{body: "code_scanning_alert_created", words: []string{"Database query built from user-controlled sources", "store/orders.go:84"}},
		{body: "secret_scanning_alert_created", preview: "[CRITICAL]", words: []string{"Azure Storage Account Key"}},
		{body: "deployment_status_failure", words: []string{"shop: the deployment of main to production failed", "Health check failed"}},
		{body: "release_published", words: []string{"shop v14.3.0 is released"}},
	}},
}

func TestEveryPresetFromARealBodyToTheCard(t *testing.T) {
	t.Parallel()
	for _, preset := range events.Presets() {
		tried := false
		for _, s := range presetStories {
			tried = tried || s.preset == preset
		}
		require.True(t, tried, "nobody knows what comes of the preset %s", preset)
	}
	teams, url := startTeams(t, teamstest.Options{})
	var destinations, routes, sources strings.Builder
	names := map[string]string{} // of the source of each story
	for title, s := range presetStories {
		name := fmt.Sprintf("s%d", len(names))
		names[title] = name
		destinations.WriteString(destination(name, url+"/workflow/"+name, fast))
		fmt.Fprintf(&routes, "    - {matchers: ['event_source=%q'], destinations: [%s]}\n", name, name)
		fmt.Fprintf(&sources, "  - {name: %s, preset: %s}\n", name, s.preset)
	}
	relay := serve(t, plainProgram(t), t.TempDir(), "storage: {url: 'sqlite:teamsrelay.db'}\ndestinations:\n"+destinations.String()+
		"route:\n  destinations: [s0]\n  routes:\n"+routes.String()+"events:\n"+sources.String())

	for title, s := range presetStories {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			name, n := names[title], 0
			for _, step := range s.told {
				data, err := os.ReadFile(filepath.Join("..", "ingest", "events", "testdata", s.preset, step.body+".json"))
				require.NoError(t, err)
				var header []string
				if key, value, found := strings.Cut(step.header, ": "); found {
					header = []string{key, value}
				}
				answer, err := ask(http.MethodPost, relay.url+"/events/"+name, strings.NewReader(string(data)), header...)
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, answer.status, "%s: %s", step.body, answer.body)
				if step.nothing {
					continue // a card that comes all the same is counted with the next
				}
				n++
				all := cards(t, teams, name, n)
				require.Len(t, all, n, "%s: a card more than people want", step.body)
				step.read(t, all[n-1])
			}
			relay.settled(patience)
			require.Len(t, teams.Shown(name), n, "a card more than people want")
		})
	}
}

// read checks what people read on a card.
func (s told) read(t *testing.T, m teamstest.Message) {
	t.Helper()
	var card any
	require.NoError(t, json.Unmarshal(m.Card, &card))
	words, links := reading(card)
	require.NotEmpty(t, m.Summary, "%s: a phone shows nothing", s.body)
	require.Truef(t, strings.HasPrefix(m.Summary, s.preview), "%s: a phone shows %q", s.body, m.Summary)
	for _, want := range s.words {
		require.Contains(t, unescaped.Replace(words), want, s.body)
	}
	for _, want := range s.links {
		require.True(t, slices.ContainsFunc(links, func(l string) bool { return strings.HasPrefix(l, want) }), "%s: %s is not among %q", s.body, want, links)
	}
	for _, not := range s.not {
		require.NotContains(t, words+strings.Join(links, "\n"), not, s.body)
	}
}

// reading is all that can be read on a card, and where its buttons and
// pictures lead.
func reading(v any) (words string, links []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			text, isText := child.(string)
			switch {
			case isText && name == "url":
				links = append(links, text)
			case isText && (name == "text" || name == "title" || name == "value"):
				words += text + "\n"
			default:
				more, other := reading(child)
				words, links = words+more, append(links, other...)
			}
		}
	case []any:
		for _, child := range v {
			more, other := reading(child)
			words, links = words+more, append(links, other...)
		}
	}
	return words, links
}

// unescaped is Markdown as Teams shows it, where it shows a mark itself.
var unescaped = strings.NewReplacer("&lt;", "<", `\*`, "*", `\_`, "_", `\#`, "#", `\[`, "[", `\]`, "]", `\<`, "<", `\>`, ">", `\-`, "-", `\.`, ".", `\(`, "(", `\)`, ")", "\\`", "`", `\|`, "|", `\~`, "~", `\+`, "+", `\!`, "!", `\\`, `\`, "\u2060", "", "\u00a0", " ")

// Each system signs in a way of its own, and its source is reached from
// outside by nobody else.
func TestTheSignatureOfEachSystemIsTaken(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	var sources strings.Builder
	systems := map[string]struct{ body, header, prefix string }{
		"github":  {"issues_opened", "X-Hub-Signature-256", "sha256="},
		"jira":    {"cloud_created", "X-Hub-Signature", "sha256="},
		"sentry":  {"issue_created", "Sentry-Hook-Signature", ""},
		"grafana": {"firing", "X-Grafana-Alerting-Signature", ""},
	}
	for name := range systems {
		fmt.Fprintf(&sources, "  - {name: %s, preset: %s, hmac: {secret: %s-secret}}\n", name, name, name)
	}
	relay := serve(t, plainProgram(t), t.TempDir(), configuration(destination("ops", url+"/workflow/ops", fast))+"events:\n"+sources.String())
	found := outside.FindStringSubmatch(relay.said.all())
	require.NotNil(t, found, "the listener for events from outside is not open:\n%s", relay.said.tail())

	n := 0
	for name, c := range systems {
		data, err := os.ReadFile(filepath.Join("..", "ingest", "events", "testdata", name, c.body+".json"))
		require.NoError(t, err)
		sign := func(secret string) string {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write(data)
			return c.prefix + hex.EncodeToString(mac.Sum(nil))
		}
		for _, try := range []struct {
			words, signature string
			status           int
		}{
			{"no signature", "", http.StatusUnauthorized},
			{"somebody else's signature", sign("wrong"), http.StatusUnauthorized},
			{"its signature", sign(name + "-secret"), http.StatusOK},
		} {
			answer, err := ask(http.MethodPost, "http://"+found[1]+"/events/"+name, strings.NewReader(string(data)), c.header, try.signature)
			require.NoError(t, err)
			require.Equal(t, try.status, answer.status, "%s: %s: %s", name, try.words, answer.body)
		}
		n++
		cards(t, teams, "ops", n)
	}
	relay.settled(patience)
	require.Len(t, teams.Shown("ops"), n, "what nobody signed was told")
	require.NotContains(t, relay.said.all(), "-secret", "whoever reads the log could sign")
}
