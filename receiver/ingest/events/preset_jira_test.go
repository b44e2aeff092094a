package events

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Where the shapes come from: Zulip's fixtures of captured webhooks
// (zulip/zulip, zerver/webhooks/jira/fixtures), for Cloud those of 2019 to
// 2026, for Data Center those whose users have a name; Atlassian's pages
// "Webhooks", "Issue data (Automation format) payload for Send Web Request",
// "Jira Service Management webhooks" and "SLA" of the service desk's API.
var jiraBodies = []body{
	{file: "cloud_created", from: "issue_created_with_custom_fields.json"},
	{file: "cloud_assigned", from: "reassigned_v2.json, with the ids of Cloud"},
	{file: "cloud_comment", from: "comment_created.json"},
	{file: "cloud_comment_as_update", from: "commented_markup_v2.json"},
	{file: "cloud_comment_edited", from: "comment_updated.json"},
	{file: "cloud_comment_restricted", from: "comment_created.json, with Jira's visibility"},
	{file: "cloud_in_progress", from: "issue_updated__status.json"},
	{file: "cloud_priority", from: "issue_updated__priority.json"},
	{file: "cloud_description", from: "issue_updated__priority.json, another field"},
	{file: "cloud_sprint", from: "issue_updated__priority.json, a custom field"},
	{file: "cloud_resolved", from: "change_status_v2.json"},
	{file: "cloud_resolved_and_assigned", from: "change_status_v2.json and reassigned_v2.json"},
	{file: "cloud_comment_when_done", from: "comment_created.json"},
	{file: "cloud_reopened", from: "change_status_v2.json"},
	{file: "cloud_unassigned", from: "reassigned_v2.json"},
	{file: "cloud_deleted", from: "issue_deleted.json"},
	{file: "cloud_comment_deleted", from: "comment_deleted.json"},
	{file: "cloud_comment_without_issue", from: "comment_created_no_issue_details.json"},
	{file: "cloud_empty_comment", from: "comment_created.json"},
	{file: "cloud_worklog", from: "worklog_created.json"},
	{file: "cloud_sprint_started", from: "Atlassian's page on webhooks"},
	{file: "cloud_odd", from: "issue_created.json, with a document, nulls and other scripts"},
	{file: "datacenter_created", from: "created_v2.json"},
	{file: "datacenter_assigned", from: "reassigned_v2.json"},
	{file: "datacenter_commented", from: "commented_markup_v2.json"},
	{file: "datacenter_comment_created", from: "comment_created_no_issue_details.json"},
	{file: "datacenter_moved_with_comment", from: "change_status_v2.json"},
	{file: "automation_sla_breached", from: "Atlassian's page on Automation's payload", headers: []string{"X-Event", "sla_breached"}},
	{file: "automation_overdue", from: "Atlassian's page on Automation's payload"},
	{file: "automation_own_body", from: "what jira.yml says"},
	{file: "servicedesk_rule", from: "Atlassian's page on Jira Service Management's webhooks"},
}

func TestWhatIsToldOfJira(t *testing.T) {
	tables(t, "jira", jiraBodies)
	noAPI(t, "jira", jiraBodies)
}

// A field that is odd costs what is made of it, not the event.
func TestTimesOfJira(t *testing.T) {
	const created, first, last = `"created":"2026-11-20T08:00:00Z"`, `"resolutiondate":"2026-11-20T09:00:00Z"`, "1795250000000" // 2026-11-21T08:33:20Z
	done, open := `"status":{"name":"Done","statusCategory":{"key":"done"}}`, `"status":{"name":"Open","statusCategory":{"key":"new"}}`
	moved := `"webhookEvent":"jira:issue_updated","changelog":{"items":[{"field":"status","fieldId":"status"}]}`
	comment := `"webhookEvent":"comment_created","comment":{"id":"1","body":"hello"}`
	for _, c := range []struct{ name, event, timestamp, fields, since, until, overdue string }{
		{"an issue that is open", `"webhookEvent":"jira:issue_created"`, last, created + "," + open, "2026-11-20T08:00:00Z", "", ""},
		{"a new one that does not say when", `"webhookEvent":"jira:issue_created"`, last, open, "2026-11-21T08:33:20Z", "", ""},
		{"done", moved, last, created + "," + done, "2026-11-20T08:00:00Z", "2026-11-21T08:33:20Z", ""},
		{"done a second time, with the time of the first", moved, last, created + "," + done + "," + first, "2026-11-20T08:00:00Z", "2026-11-21T08:33:20Z", ""},
		{"a comment on one that is done", comment, last, created + "," + done + "," + first, "2026-11-20T08:00:00Z", "2026-11-20T09:00:00Z", ""},
		{"a comment that does not say when it began", comment, last, open, "", "", ""},
		{"a comment on one that is done, and nobody says when it began", comment, last, done + "," + first, "", "2026-11-21T10:00:00Z", ""},
		{"the time as a text", moved, `"` + last + `"`, created + "," + done, "2026-11-20T08:00:00Z", "2026-11-21T08:33:20Z", ""},
		{"the time as a text, and something is due", moved, `"` + last + `"`, created + "," + open + `,"duedate":"2026-11-20"`, "2026-11-21T08:33:20Z", "", "true"},
		{"a time in words", moved, `"soon"`, created + "," + done, "2026-11-20T08:00:00Z", "2026-11-21T10:00:00Z", ""},
		{"a time that is none, and something was due", moved, `{}`, created + "," + open + `,"duedate":"2020-01-01"`, "", "", "true"},
		{"a time beyond all times, and something was due", moved, "1e308", created + "," + open + `,"duedate":"2020-01-01"`, "", "", "true"},
		{"no time, and something was due", moved, "null", created + "," + open + `,"duedate":"2020-01-01"`, "", "", "true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := one(t, presetSource(t, "jira"), `{`+c.event+`,"timestamp":`+c.timestamp+`,"issue":{"key":"OPS-1","fields":{"summary":"s",`+c.fields+`}}}`).Alerts[0]
			at := func(when time.Time) string {
				if when.IsZero() {
					return ""
				}
				return when.Format(time.RFC3339)
			}
			require.Equal(t, []string{c.since, c.until, c.overdue}, []string{at(a.StartsAt), at(a.EndsAt), a.Labels["overdue"]})
		})
	}
}
