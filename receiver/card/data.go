package card

import (
	"regexp"

	amtemplate "github.com/prometheus/alertmanager/template"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// KV is Alertmanager's set of names and values, with its methods.
type KV = amtemplate.KV

// Data is what a template sees: Alertmanager's data, so that its users'
// templates mean the same here, and what we know beyond it.
type Data struct {
	Receiver           string
	Status             string
	Alerts             Alerts
	GroupLabels        KV
	CommonLabels       KV
	CommonAnnotations  KV
	RouteLabels        KV
	ExternalURL        string
	NotificationReason string

	// Card is the group in words; nil in a digest.
	Card *Story
	// Digest is many groups in words; nil in a card.
	Digest *DigestStory
	// Call is what a short message tells; nil in any other card.
	Call *CallStory
	// Alert is the first of Alerts: the worst that fires. nil in a digest.
	Alert *Alert
	// Post is what people did about the group and can do; nil in a digest.
	Post *Post
	// Chart is the first chart of an alert's recent past; without points where
	// only thresholds are known, nil where not even those are.
	Chart *alert.Chart
	// ID is the id that people type, "" before there is one.
	ID string

	event original // of the first alert that has one; see Event
	// strangers: the annotations are text, whoever wrote them; see ofStrangers.
	strangers bool
}

// Alert is Alertmanager's alert, its numbers and what we know of it.
type Alert struct {
	amtemplate.Alert
	Values map[string]float64
	Chart  *alert.Chart // nil when its rule has neither chart nor thresholds
	// State is firing, resolved or unseen. Status is firing for the unseen:
	// Alertmanager's templates know no third word.
	State string
}

// Alerts are the alerts of a group.
type Alerts []Alert

// Firing is those that fire.
func (a Alerts) Firing() []Alert { return a.with(string(group.Firing)) }

// Resolved is those that are resolved.
func (a Alerts) Resolved() []Alert { return a.with(string(group.Resolved)) }

func (a Alerts) with(status string) []Alert {
	list := []Alert{}
	for _, one := range a {
		if one.Status == status {
			list = append(list, one)
		}
	}
	return list
}

// dataOf makes the data for a group. The maps are the group's own: no function
// of a template can change a map of strings.
func dataOf(in Input, t *teller, story *Story) *Data {
	g := &in.Group
	data := &Data{
		Receiver:          regexp.QuoteMeta(g.Sender.Receiver),
		Status:            string(group.Resolved),
		Alerts:            make(Alerts, 0, len(t.members)),
		GroupLabels:       KV(g.Spec.Labels),
		CommonLabels:      t.labels,
		CommonAnnotations: t.notes,
		RouteLabels:       KV(g.Sender.RouteLabels),
		ExternalURL:       g.Sender.ExternalURL,
		Card:              story,
		strangers:         t.strangers,
		Post:              &Post{lines: story.people, Actions: t.actions(), teller: t},
	}
	if in.Reminder {
		data.NotificationReason = "repeat"
	}
	if g.ID > 0 {
		data.ID = g.ShortID()
	}
	for _, m := range t.members {
		a := Alert{Values: m.Values, Chart: m.Chart, State: string(m.State)}
		a.Status = string(group.Resolved)
		if m.State != group.Resolved {
			a.Status = string(group.Firing)
			data.Status = a.Status
		}
		a.Labels, a.Annotations = KV(m.Labels), KV(m.Annotations)
		a.StartsAt, a.EndsAt = m.StartsAt, m.EndsAt
		a.GeneratorURL, a.Fingerprint = m.GeneratorURL, m.Fingerprint.String()
		data.Alerts = append(data.Alerts, a)
		if a.Chart != nil && (data.Chart == nil || len(data.Chart.Points) == 0 && len(a.Chart.Points) > 0) {
			data.Chart = a.Chart
		}
		if data.event.raw == nil {
			data.event.raw = m.Event
		}
	}
	if len(data.Alerts) > 0 {
		data.Alert = &data.Alerts[0]
	}
	return data
}
