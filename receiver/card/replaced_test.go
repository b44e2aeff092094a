package card

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// TestALevelThatAnotherTookThePlaceOfIsNotOnTheCard: somebody who reads
// "resolved" beside "critical" at three in the morning goes back to bed.
func TestALevelThatAnotherTookThePlaceOfIsNotOnTheCard(t *testing.T) {
	level := func(rack, severity string, state group.State, minute int) group.Member {
		labels := map[string]string{"alertname": "Hot", "rack": rack, "severity": severity}
		return group.Member{State: state, Alert: alert.Alert{
			Fingerprint: alert.FingerprintOf(labels), Status: alert.Status(state), Labels: labels, StartsAt: at(10, minute),
			Annotations: map[string]string{"summary": rack + " " + severity},
		}}
	}
	for _, test := range []struct {
		name    string
		members []group.Member
		shown   []string
		hidden  []string
	}{
		{"a warning that became critical", []group.Member{
			level("r1", "warning", group.Resolved, 1), level("r1", "critical", group.Firing, 2),
		}, []string{"r1 critical"}, []string{"r1 warning", "esolved"}},
		{"a critical one that became milder", []group.Member{
			level("r1", "warning", group.Firing, 3), level("r1", "critical", group.Resolved, 2),
		}, []string{"r1 warning"}, []string{"r1 critical", "esolved"}},
		{"the end of both shows the later one", []group.Member{
			level("r1", "warning", group.Resolved, 1), level("r1", "critical", group.Resolved, 2),
		}, []string{"r1 critical", "esolved"}, []string{"r1 warning"}},
		{"another rack's end stays", []group.Member{
			level("r1", "critical", group.Firing, 2), level("r2", "warning", group.Resolved, 1), level("r2", "critical", group.Resolved, 0),
		}, []string{"r1 critical", "r2 warning", "1 resolved"}, []string{"r2 critical"}},
		{"two severities that fire at once are both there", []group.Member{
			level("r1", "warning", group.Firing, 1), level("r1", "critical", group.Firing, 2),
		}, []string{"r1 critical", "r1 warning"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			set, problems := New(nil)
			require.Empty(t, problems)
			g := group.Group{ID: 1, Key: "k", Phase: group.Open, Rev: 1, OpenedAt: at(10, 0), HeardAt: at(10, 5), ToldAt: at(10, 5), Alerts: test.members}
			message := set.Render("alert", Input{Group: g, Now: at(10, 9)}, WorkflowLimit)
			text := string(message.Card)
			for _, words := range test.shown {
				require.Contains(t, text, words)
			}
			for _, words := range test.hidden {
				require.NotContains(t, text, words)
			}
		})
	}
}
