package events

import "testing"

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
