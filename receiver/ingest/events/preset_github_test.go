package events

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func githubEvent(name string) []string { return []string{"X-GitHub-Event", name} }

// Where the shapes come from: GitHub's own examples (octokit/webhooks,
// payload-examples/api.github.com), Zulip's fixtures (zulip/zulip,
// zerver/webhooks/github/fixtures), and GitHub's page "Webhook events and
// payloads". Bodies without a header came through something that drops it.
var githubBodies = []body{
	{"issues_opened", "issues/opened.payload.json", githubEvent("issues")},
	{"issues_labeled", "issues/labeled.payload.json", githubEvent("issues")},
	{"issues_labeled_critical", "issues/labeled.payload.json", githubEvent("issues")},
	{"issues_assigned", "issues/assigned.payload.json", githubEvent("issues")},
	{"issues_edited", "issues/edited.payload.json", githubEvent("issues")},
	{"issue_comment_created", "issue_comment/created.payload.json", githubEvent("issue_comment")},
	{"issue_comment_edited", "issue_comment/edited.payload.json", githubEvent("issue_comment")},
	{"issue_comment_by_a_ghost", "issue_comment/created.payload.json, whose people are gone", githubEvent("issue_comment")},
	{"issue_comment_empty", "issue_comment/created.payload.json", githubEvent("issue_comment")},
	{"issues_closed", "issues/closed.payload.json", githubEvent("issues")},
	{"issues_closed_not_planned", "issues/closed.payload.json", githubEvent("issues")},
	{"issues_reopened", "issues/reopened.payload.json", githubEvent("issues")},
	{"issues_pinned", "issues/pinned.payload.json", githubEvent("issues")},
	{"pull_request_opened", "pull_request/opened.payload.json", githubEvent("pull_request")},
	{"pull_request_ready_for_review", "pull_request/ready_for_review.payload.json", githubEvent("pull_request")},
	{"pull_request_review_requested", "pull_request/review_requested.payload.json", githubEvent("pull_request")},
	{"pull_request_review_requested_of_team", "pull_request__review_requested_team_reviewer.json of Zulip", nil},
	{"pull_request_assigned", "pull_request/assigned.payload.json", githubEvent("pull_request")},
	{"pull_request_synchronize", "pull_request/synchronize.payload.json", githubEvent("pull_request")},
	{"pull_request_review_changes_requested", "pull_request_review/submitted.payload.json", githubEvent("pull_request_review")},
	{"pull_request_review_approved", "pull_request_review__empty_body.json of Zulip", nil},
	{"pull_request_review_of_one_line", "pull_request_review/submitted.payload.json", githubEvent("pull_request_review")},
	{"issue_comment_on_pull", "issue_comment__pull_request_comment.json of Zulip", nil},
	{"pull_request_merged", "pull_request/closed.payload.json", githubEvent("pull_request")},
	{"pull_request_closed", "pull_request/closed.payload.json", nil},
	{"workflow_run_failed", "workflow_run/completed.payload.json", githubEvent("workflow_run")},
	{"workflow_run_failed_on_pull", "workflow_run/completed.with-pull-requests.payload.json", nil},
	{"workflow_run_succeeded", "workflow_run/completed.payload.json", githubEvent("workflow_run")},
	{"workflow_run_cancelled", "workflow_run/completed.payload.json", githubEvent("workflow_run")},
	{"workflow_run_requested", "workflow_run/requested.payload.json", githubEvent("workflow_run")},
	{"deployment_status_failure", "deployment_status/payload.json", githubEvent("deployment_status")},
	{"deployment_status_failure_elsewhere", "deployment_status/payload.json", nil},
	{"deployment_status_in_progress", "deployment_status/payload.json", githubEvent("deployment_status")},
	{"deployment_status_success", "deployment_status/payload.json", githubEvent("deployment_status")},
	{"dependabot_alert_created", "dependabot_alert/created.payload.json", githubEvent("dependabot_alert")},
	{"dependabot_alert_dismissed", "dependabot_alert/fixed.payload.json", githubEvent("dependabot_alert")},
	{"dependabot_alert_fixed", "dependabot_alert/fixed.payload.json", nil},
	{"code_scanning_alert_created", "code_scanning_alert/created.payload.json", githubEvent("code_scanning_alert")},
	{"code_scanning_alert_fixed", "code_scanning_alert/fixed.payload.json", nil},
	{"secret_scanning_alert_created", "GitHub's page on webhook events", githubEvent("secret_scanning_alert")},
	{"secret_scanning_alert_resolved", "GitHub's page on webhook events", nil},
	{"secret_scanning_alert_2020", "secret_scanning_alert/reopened.payload.json", githubEvent("secret_scanning_alert")},
	{"release_published", "release/published.payload.json", githubEvent("release")},
	{"release_created", "release/created.payload.json", githubEvent("release")},
	{"ping", "ping/payload.json", githubEvent("ping")},
	{"push", "push/payload.json", githubEvent("push")},
}

func TestWhatIsToldOfGitHub(t *testing.T) {
	tables(t, "github", githubBodies)
	noAPI(t, "github", githubBodies)
}

// The phone shows the name and the summary, or the ticket, and no more.
func TestOfGitHubOneReadsInWhichRepository(t *testing.T) {
	for _, b := range githubBodies {
		for _, s := range parsed(t, "github", b) {
			a := s.Alerts[0]
			_, name, _ := strings.Cut(a.Labels["project"], "/")
			require.NotEmpty(t, name)
			require.Contains(t, a.Labels["ticket"]+" "+a.Annotations["summary"], name, b.file)
		}
	}
}
