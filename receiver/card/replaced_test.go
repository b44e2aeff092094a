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

// TestAnAlertOfARuleWithoutWordsSaysWhatWasMeasuredAndWhere: the first rule that
// anybody writes has no annotations.
func TestAnAlertOfARuleWithoutWordsSaysWhatWasMeasuredAndWhere(t *testing.T) {
	for _, test := range []struct {
		name    string
		labels  map[string]string
		summary string
		preview string
		body    []string
		without []string
	}{
		{"its value is on the card, and the preview has no marks of Markdown",
			map[string]string{"alertname": "Hot", "site": "fra1"}, "",
			"[FIRING] Hot: temp_c 28.4 (fra1)", []string{`temp\\_c 28.4`}, nil},
		{"what only an id tells apart is told by its id",
			map[string]string{"alertname": "Hot", "id": "a7", "severity": "warning"}, "",
			"[WARNING] Hot firing: temp_c 28.4 (a7)", []string{"id **a7**"}, nil},
		{"beside a label that says where, an id is plumbing",
			map[string]string{"alertname": "Hot", "id": "a7", "host": "web1"}, "",
			"[FIRING] Hot: temp_c 28.4 (web1)", nil, []string{"a7"}},
		{"that there is no data is said in words",
			map[string]string{"alertname": "Hot", "no_data": "true", "severity": "warning"}, "No data for more than 10m",
			"[WARNING] Hot firing: No data for more than 10m", nil, []string{"true"}},
		{"a backslash of the author's own is what Markdown makes of it",
			map[string]string{"alertname": "Hot"}, `C:\Temp **hot** \*\_ x`,
			`[FIRING] Hot: C:\Temp hot *_ x`, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			set, problems := New(nil)
			require.Empty(t, problems)
			m := group.Member{State: group.Firing, Alert: alert.Alert{
				Fingerprint: alert.FingerprintOf(test.labels), Status: alert.Firing, Labels: test.labels, StartsAt: at(10, 1),
			}}
			if test.summary == "" {
				m.Values = map[string]float64{"temp_c": 28.4}
			} else {
				m.Annotations = map[string]string{"summary": test.summary}
			}
			g := group.Group{ID: 1, Key: "k", Phase: group.Open, Rev: 1, OpenedAt: at(10, 0), HeardAt: at(10, 5), ToldAt: at(10, 5), Alerts: []group.Member{m}}
			message := set.Render("alert", Input{Group: g, Now: at(10, 9)}, WorkflowLimit)
			require.NoError(t, message.Fault)
			require.Equal(t, test.preview, message.Summary)
			for _, words := range test.body {
				require.Contains(t, string(message.Card), words)
			}
			for _, words := range test.without {
				require.NotContains(t, string(message.Card), words+`"`)
				require.NotContains(t, string(message.Card), "**"+words+"**")
			}
		})
	}
}
