package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
)

func TestWhatAnEventMeansToAStoryThatIsKnown(t *testing.T) {
	ended := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	story := func(state group.State) []group.Group {
		old := group.Member{Alert: alert.Alert{Fingerprint: 7, Labels: map[string]string{"ticket": "OPS-1", "status": "long ago"}}, State: group.Resolved}
		m := group.Member{State: state, SeenAt: ended, Alert: alert.Alert{
			Fingerprint: 7, GeneratorURL: "https://tickets.example.com/1", StartsAt: ended.Add(-time.Hour),
			Labels:      map[string]string{"ticket": "OPS-1", "status": "To Do"},
			Annotations: map[string]string{"summary": "Disk full", "assignee": "Bob"},
		}}
		if state == group.Resolved {
			m.EndsAt = ended
		}
		return []group.Group{{Alerts: []group.Member{old}}, {Alerts: []group.Member{m}}}
	}
	comment := alert.Alert{Fingerprint: 7, Status: alert.Firing, Labels: map[string]string{"status": "Doing"}, Annotations: map[string]string{"assignee": "Eve"}}
	completed := comment
	completed.GeneratorURL, completed.StartsAt = "https://tickets.example.com/1", ended.Add(-time.Hour)
	completed.Labels = map[string]string{"ticket": "OPS-1", "status": "Doing"}
	completed.Annotations = map[string]string{"summary": "Disk full", "assignee": "Eve"}
	resolved := comment
	resolved.Status, resolved.EndsAt = alert.Resolved, ended

	for name, c := range map[string]struct {
		known []group.Group
		event ingest.Snapshot
		want  []alert.Alert
	}{
		"a whole event replaces all":                        {story(group.Firing), ingest.Snapshot{}, []alert.Alert{comment}},
		"a partial event leaves what it does not mention":   {story(group.Firing), ingest.Snapshot{Partial: true}, []alert.Alert{completed}},
		"a partial event of something unknown begins it":    {nil, ingest.Snapshot{Partial: true}, []alert.Alert{comment}},
		"a partial event that fires again after the end":    {story(group.Resolved), ingest.Snapshot{Partial: true}, []alert.Alert{comment}},
		"a comment on a closed ticket does not open it":     {story(group.Resolved), ingest.Snapshot{Stateless: true}, []alert.Alert{resolved}},
		"a comment on an open ticket leaves it open":        {story(group.Firing), ingest.Snapshot{Stateless: true}, []alert.Alert{comment}},
		"a comment on a ticket given up brings it back":     {story(group.Unseen), ingest.Snapshot{Stateless: true}, []alert.Alert{comment}},
		"a success where something failed is news":          {story(group.Firing), ingest.Snapshot{Follows: true}, []alert.Alert{comment}},
		"a success where nothing was known to fail is none": {nil, ingest.Snapshot{Follows: true}, []alert.Alert{}},
	} {
		t.Run(name, func(t *testing.T) {
			c.event.Alerts = []alert.Alert{comment}
			require.Equal(t, c.want, goOn(c.known, c.event))
		})
	}
	require.Equal(t, map[string]string{"status": "Doing"}, comment.Labels, "the source's own map must stay as it is")
}

func TestWhatPeopleReadLastIsWhatIsSo(t *testing.T) {
	test(t, "though Teams refused the first of many changes", func(r *rig) {
		r.start(base)
		defer r.stop()
		r.throttle = 1
		for _, status := range []alert.Status{alert.Firing, alert.Resolved, alert.Firing, alert.Resolved, alert.Firing} {
			a := labeled("ServiceStopped", "warning")
			a.Fingerprint, a.Status = 7, status
			s := ingest.Snapshot{Source: "butler", Origin: "events butler H1", Alerts: []alert.Alert{a}, Event: &group.Event{}}
			require.NoError(r.t, r.engine.Snapshot(r.t.Context(), s))
		}
		time.Sleep(10 * time.Minute)
		arrived := r.messages()
		require.NotEmpty(r.t, arrived)
		require.Contains(r.t, arrived[len(arrived)-1], "[WARNING]", "the channel ends with a service that runs, and it is stopped: %q", arrived)
	})
}

func TestAnEventThatGetsWorseReachesThoseWhoOnlyWantTheWorst(t *testing.T) {
	test(t, "beside those who know of it", func(r *rig) {
		r.start(base)
		defer r.stop()
		send := func(severity string, status alert.Status) {
			a := labeled("Ticket", severity)
			a.Fingerprint, a.Status = 7, status
			s := ingest.Snapshot{Source: "jira", Origin: "events jira OPS-1", Alerts: []alert.Alert{a}, Event: &group.Event{}}
			require.NoError(r.t, r.engine.Snapshot(r.t.Context(), s))
		}
		send("warning", alert.Firing)
		r.expect("ops: Ticket warning")
		send("critical", alert.Firing)
		r.expect("ops: Ticket critical", "sre: Ticket critical")
		send("critical", alert.Firing)
		r.expect()
		send("warning", alert.Firing)
		r.expect("ops: Ticket warning", "sre: Ticket warning")
		send("warning", alert.Resolved)
		r.expect("ops: Ticket resolved", "sre: Ticket resolved")
	})
	test(t, "though its route told nobody when it began", func(r *rig) {
		r.start("destinations: [ops]\nroutes: [{matchers: [severity=critical], destinations: [sre]}, {matchers: [alertname=Ticket], destinations: []}]")
		defer r.stop()
		send := func(severity string) {
			a := labeled("Ticket", severity)
			a.Fingerprint = 7
			s := ingest.Snapshot{Source: "jira", Origin: "events jira OPS-1", Alerts: []alert.Alert{a}, Event: &group.Event{}}
			require.NoError(r.t, r.engine.Snapshot(r.t.Context(), s))
		}
		send("info")
		send("warning")
		r.expect()
		send("critical")
		r.expect("sre: Ticket critical")
		send("info")
		r.expect("sre: Ticket info")
	})
}
