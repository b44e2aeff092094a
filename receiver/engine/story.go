package engine

import (
	"maps"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
)

// goOn is what an event means to a story that is known. A comment may say of
// its ticket no more than a number: title, priority and state are what they
// were, also where the alert has to be routed anew. What fires again after its
// end is something new: "closed by Bob" is not true of it.
func goOn(known []group.Group, s ingest.Snapshot) []alert.Alert {
	if !s.Partial && !s.Stateless && !s.Follows {
		return s.Alerts
	}
	alerts := make([]alert.Alert, 0, len(s.Alerts))
	for _, a := range s.Alerts {
		m := latest(known, a.Fingerprint)
		if m == nil {
			if !s.Follows {
				alerts = append(alerts, a)
			}
			continue
		}
		if s.Stateless && m.State == group.Resolved {
			a.Status, a.EndsAt = alert.Resolved, m.EndsAt
		}
		again := m.State == group.Resolved && a.Status == alert.Firing
		if s.Partial && !again {
			a.Labels = joined(m.Labels, a.Labels)
			a.Annotations = joined(m.Annotations, a.Annotations)
			if a.GeneratorURL == "" {
				a.GeneratorURL = m.GeneratorURL
			}
			if a.StartsAt.IsZero() {
				a.StartsAt = m.StartsAt
			}
		}
		alerts = append(alerts, a)
	}
	return alerts
}

// latest is the member that was heard of last among those of an alert; nil if
// there is none.
func latest(known []group.Group, of alert.Fingerprint) *group.Member {
	var found *group.Member
	for i := range known {
		for j := range known[i].Alerts {
			if m := &known[i].Alerts[j]; m.Fingerprint == of && (found == nil || m.SeenAt.After(found.SeenAt)) {
				found = m
			}
		}
	}
	return found
}

// joined is what stands above, and of what stands below the rest.
func joined(below, above map[string]string) map[string]string {
	all := maps.Clone(below)
	if all == nil {
		all = make(map[string]string, len(above))
	}
	maps.Copy(all, above)
	return all
}
