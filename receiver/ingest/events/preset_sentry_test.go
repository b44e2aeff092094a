package events

import "testing"

func sentryHook(resource string) []string { return []string{"Sentry-Hook-Resource", resource} }

// Where the shapes come from: Sentry's pages on the webhooks of its
// integration platform (getsentry/sentry-docs, …/integration-platform/webhooks),
// and Zulip's fixtures of captured ones (zulip/zulip,
// zerver/webhooks/sentry/fixtures), which are of 2020 and 2023.
var sentryBodies = []body{
	{"issue_created", "issues.mdx", sentryHook("issue")},
	{"issue_assigned", "issue_assigned_to_individual.json", sentryHook("issue")},
	{"issue_assigned_to_team", "issue_assigned_to_team.json", sentryHook("issue")},
	{"issue_resolved", "issue_resolved.json", sentryHook("issue")},
	{"issue_unresolved", "issues.mdx", sentryHook("issue")},
	{"issue_archived", "issues.mdx", sentryHook("issue")},
	{"issue_ignored_2020", "issue_ignored.json", nil},
	{"event_alert", "issue-alerts.mdx", sentryHook("event_alert")},
	{"event_alert_2020", "event_for_exception_golang.json", nil},
	{"error_created", "errors.mdx", sentryHook("error")},
	{"comment_created", "comments.mdx", sentryHook("comment")},
	{"comment_updated", "comments.mdx", sentryHook("comment")},
	{"metric_warning", "metric-alerts.mdx", sentryHook("metric_alert")},
	{"metric_critical", "metric-alerts.mdx", nil},
	{"metric_resolved", "metric-alerts.mdx", sentryHook("metric_alert")},
	{"plugin", "sample_event_through_plugin.json", nil},
	{"installation", "installation.mdx", sentryHook("installation")},
	{"issue_odd", "issues.mdx, with nulls", sentryHook("issue")},
}

func TestWhatIsToldOfSentry(t *testing.T) {
	tables(t, "sentry", sentryBodies)
	noAPI(t, "sentry", sentryBodies)
}
