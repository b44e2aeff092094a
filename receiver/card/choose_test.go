package card

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

func TestTheCardSuitsTheGroup(t *testing.T) {
	drawn := risingChart(at(10, 2), 33)
	empty := &alert.Chart{Points: alert.Points{math.NaN()}}
	m := func(name, hint string, chart *alert.Chart) group.Member {
		m := firing(at(10, 2), map[string]string{"alertname": name}, map[string]string{alert.CardAnnotation: hint})
		m.Chart = chart
		return m
	}
	inhibited := m("Other", "", nil)
	inhibited.Inhibited = true
	silent := m("PrometheusReloadFailed", "", nil)
	silent.Labels["no_data"] = "true"
	set, problems := New([]Source{{"mine.tmpl", `{{ define "mine" }}{"type": "AdaptiveCard", "body": []}{{ end }}{{ define "_part" }}{{ end }}`}})
	require.Empty(t, problems)
	for _, test := range []struct {
		name    string
		members []group.Member
		card    string
	}{
		{"nothing is known of it", []group.Member{m("Disk", "", nil)}, "alert"},
		{"there is no alert", nil, "alert"},
		{"its annotation names a shipped card", []group.Member{m("Disk", "service-stopped", nil)}, "service-stopped"},
		{"its annotation names a user's card", []group.Member{m("Disk", " mine ", nil)}, "mine"},
		{"the annotation is worth more than the name and the chart", []group.Member{m("PrometheusBadConfig", "mine", drawn)}, "mine"},
		{"all alerts agree", []group.Member{m("A", "mine", nil), m("B", "mine", nil)}, "mine"},
		{"the alerts do not agree", []group.Member{m("A", "mine", nil), m("B", "service-stopped", nil)}, "alert"},
		{"one of the alerts says nothing", []group.Member{m("A", "mine", nil), m("B", "", nil)}, "alert"},
		{"there is no such card: a rule of another site was copied", []group.Member{m("A", "theirs", nil)}, "alert"},
		{"a part is no card", []group.Member{m("A", "_part", nil)}, "alert"},
		{"a digest is not the card of one group", []group.Member{m("A", "digest", nil)}, "alert"},
		{"Prometheus' own alert needs no annotation", []group.Member{m("PrometheusBadConfig", "", nil)}, "config-reload-failed"},
		{"two programs with one trouble", []group.Member{m("PrometheusBadConfig", "", nil), m("AlertmanagerFailedReload", "", nil)}, "config-reload-failed"},
		{"nothing was heard of it, so nothing is known of its configuration", []group.Member{silent}, "alert"},
		{"one could not load it, of another nothing was heard", []group.Member{m("PrometheusReloadFailed", "", nil), silent}, "alert"},
		{"a trouble and another one", []group.Member{m("PrometheusBadConfig", "", nil), m("Disk", "", nil)}, "alert"},
		{"every alert has a chart", []group.Member{m("A", "", drawn), m("B", "", drawn)}, "threshold"},
		{"one of the alerts has none", []group.Member{m("A", "", drawn), m("B", "", nil)}, "alert"},
		{"nothing was measured, and there is no threshold", []group.Member{m("A", "", empty)}, "alert"},
		{"nothing was measured, but the threshold is known", []group.Member{m("A", "", &alert.Chart{Thresholds: drawn.Thresholds})}, "threshold"},
		{"who is inhibited has no say", []group.Member{m("A", "", drawn), inhibited}, "threshold"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := group.Group{Alerts: test.members}
			require.Equal(t, test.card, set.Choose(&g))
			message := set.Render("", Input{Group: g, Now: now}, WorkflowLimit)
			require.NoError(t, message.Fault)
			require.Equal(t, set.Render(test.card, Input{Group: g, Now: now}, WorkflowLimit), message, "Render shows another card than Choose says")
		})
	}
	require.True(t, set.Has(""), "routes without card: would be refused")
}

// TestTheAnnotationThatNamesACardIsNoFact: it is for us, not for people.
func TestTheAnnotationThatNamesACardIsNoFact(t *testing.T) {
	in := one(map[string]string{"alertname": "A", eventSourceLabel: "butler", "site": "fra1"}, map[string]string{alert.CardAnnotation: "alert"})
	in.Group.Sender.ExternalURL = "" // a silence is for all labels
	for _, name := range []string{"alert", "service-stopped", "reload-failed", "ticket-created", "config-reload-failed", "threshold"} {
		text := string(shippedSet(t).Render(name, in, WorkflowLimit).Card)
		require.NotContains(t, text, alert.CardAnnotation, name)
		require.NotContains(t, text, "event_source", name)
		require.NotContains(t, text, `"butler"`, name)
		require.Contains(t, text, "fra1", name)
	}
}
