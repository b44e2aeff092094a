package card

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// TestWhatOnlyHappenedHasNoState: to call a report of a backup firing, and then
// to miss news of it, is made up, and people learn not to believe the words.
func TestWhatOnlyHappenedHasNoState(t *testing.T) {
	for _, c := range []struct{ severity, word, status, preview string }{
		{"warning", "WARNING", "WARNING", "[WARNING] Backup report: 3 of 118 files could not be read (nas-2)"},
		{"", "", "Backup", "Backup report: 3 of 118 files could not be read (nas-2)"},
	} {
		for name, in := range map[string]Input{
			"now": happened(now, c.severity), "given up": given(happened(now, c.severity)), "a reminder": reminded(happened(now, c.severity)),
		} {
			s := newTeller(in).story(maxRows)
			require.Equal(t, c.word, s.Word, name)
			require.Equal(t, c.status, s.Status, name)
			require.Equal(t, c.preview, s.Preview, name)
			require.Contains(t, s.Since, "10:02 UTC", name)
			require.NotContains(t, s.Since, "since", name)
			require.Empty(t, s.Duration, name)
			require.Empty(t, s.Took(), name)
			require.Empty(t, s.Notices, name)
			require.Empty(t, s.History, name)
		}
	}
	require.Equal(t, "emphasis", newTeller(happened(now, "")).story(0).Style, "it looks like an alarm that nobody raised")
	sentence := happened(now, "")
	sentence.Group.Alerts[0].Annotations = nil
	sentence.Group.Alerts[0].Labels = map[string]string{alert.NameLabel: "The nightly import of orders from the shop in Gothenburg has read 48,112 of 48,112 lines"}
	require.Contains(t, newTeller(sentence).story(0).Preview, "48,112 lines", "there was room for all of it")
	nobody := happened(now, "")
	nobody.Group.Spec.Source = ""
	message := shippedSet(t).Render("alert", nobody, WorkflowLimit)
	require.NoError(t, message.Fault)
	require.Empty(t, teamsSchema().faults(message.Card), "a head without a status cannot be shown")
	require.Contains(t, string(message.Card), `"speak":"Backup report. 3 of`)

	with := happened(now, "warning")
	with.Group.Alerts = append(with.Group.Alerts, member(now, map[string]string{"alertname": "Disk"}, nil))
	require.Contains(t, newTeller(with).story(maxRows).Status, "firing", "one that fires is not told")
	over := over(happened(now, "warning"))
	require.Equal(t, "RESOLVED", newTeller(over).story(maxRows).Word, "that it ended is not told")
}

func TestWhatWorksAgainIsNotHeadedFailed(t *testing.T) {
	for name, want := range map[string]string{"WorkflowFailed": "Workflow works again", "DeploymentFailed": "Deployment works again", "KubeJobFailed": "Kube job failed"} {
		in := workflow(now)
		in.Group.Alerts[0].Labels = with(in.Group.Alerts[0].Labels, alert.NameLabel, name)
		require.Contains(t, newTeller(in).story(0).Title, "failed")
		s := newTeller(over(in)).story(0)
		require.Equal(t, want, s.Title)
	}
	require.Contains(t, newTeller(over(workflow(now))).story(0).Preview, "[RESOLVED] Workflow works again", "a phone says that it failed")
}

func TestFactsAreInPeoplesWords(t *testing.T) {
	in := one(map[string]string{"alertname": "A", "host": "h", "grafana_folder": "Infra", "rulename": "cpu", "_": "x"}, map[string]string{
		"closed_by": "Ann", "fixed_in": "2.1", "milestone": "2024-12-31T00:00:00.000Z", "first_seen": "2026-11-21T08:00:00Z", "version": "2024-12-31", "never": "0001-01-01T00:00:00Z",
	})
	in.Location = time.FixedZone("CET", 3600)
	s := newTeller(in).story(0)
	require.Equal(t, "host **h**", s.Where, "people search for labels as they are")
	values := map[string]string{}
	for _, f := range s.Facts {
		values[f.Name] = f.Value
	}
	require.Equal(t, map[string]string{
		"Grafana folder": "Infra", "Rulename": "cpu", "_": "x", "Closed by": "Ann", "Fixed in": "2.1",
		"Milestone": "31 Dec 2024", "First seen": "09:00 CET", "Version": "2024-12-31",
	}, values)
	require.Len(t, without(s.Facts, "closed_by", "Fixed in"), len(s.Facts)-2, "a template names what it knows: the annotation")
}

func TestTheFirstThatIsHeardOfATicketSaysWhoDidIt(t *testing.T) {
	set := shippedSet(t)
	preview := func(in Input) string { return set.Render(ticketStatus, in, WorkflowLimit).Summary }
	require.Contains(t, preview(reopened(now, "Ben", "Done")), "OPS-123 reopened by Ben:")
	require.Contains(t, preview(reopened(now, "Ben", "closed")), "reopened by Ben:")
	require.Contains(t, preview(reopened(now, "Ben", "In Progress")), "OPS-123 now Open, by Ben:")
	require.Contains(t, preview(reopened(now, "", "Done")), "OPS-123 reopened:")
	require.Contains(t, string(set.Render(ticketStatus, reopened(now, "Ben", "Done"), WorkflowLimit).Card), `"Reopened by Ben · 10:11 UTC"`)

	later := reopened(now, "Ben", "In Progress")
	later.Group.History = append(later.Group.History,
		group.History{At: now, Change: group.Commented, Count: 1, Who: "Zoë", Text: "x", Rev: 2})
	require.Equal(t, "Zoë", newTeller(later).deed().Who)
	require.Equal(t, "10:11 fired · 10:14 comment by Zoë", newTeller(later).history(), "Ben did not open it: Alice did")
	later.Group.History = append(later.Group.History, group.History{At: now, Change: group.FiresAgain, Count: 1, Who: "Ann"})
	require.Equal(t, "Ann", newTeller(later).deed().Who, "who opened it again is newer than the comment")
	require.Contains(t, string(set.Render(ticketStatus, later, WorkflowLimit).Card), "10:14 reopened by Ann")
}
