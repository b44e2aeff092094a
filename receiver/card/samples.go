package card

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Sample is a card with something that it may have to tell.
type Sample struct {
	Name  string // "reload-failed resolved"
	Card  string
	Input Input
	// Digest is set for a digest, which has no Input.
	Digest *DigestInput
	// Call: it is a short message, of what happened after revision Called.
	Call   bool
	Called int
}

// MinimalCard is the name of the card that is built in: state, name, place and
// summary, in elements that everybody can show. A user's define of this name
// is another card; what is sent when a card fails stays the built-in one.
const MinimalCard = "minimal"

// RenderSample makes the card of a sample.
func (s *Set) RenderSample(e Sample, limit Limit) Message {
	if e.Digest != nil {
		return s.Digest(*e.Digest, limit)
	}
	if e.Call {
		return s.Call(e.Input, e.Called, limit)
	}
	return s.Render(e.Card, e.Input, limit)
}

// Samples is every shipped card in every state that it may have to tell: what
// check-config tries, and what people look at who change a card. now is when
// they are told.
func Samples(now time.Time) []Sample {
	var list []Sample
	for _, kind := range []func(time.Time) []Sample{alertSamples, serviceSamples, reloadSamples, configSamples, ticketSamples, payloadSamples, digestSamples} {
		list = append(list, kind(now)...)
	}
	return append(append(list, peopleSamples(now, list)...), reachSamples(now, list)...)
}

// SampleFor is the first of the samples of a card; for a card that does not
// ship one of a group of alerts.
func SampleFor(card string, now time.Time) Sample {
	return firstOf(card, Samples(now), now)
}

func firstOf(card string, samples []Sample, now time.Time) Sample {
	if i := slices.IndexFunc(samples, func(e Sample) bool { return e.Card == card }); i >= 0 {
		return samples[i]
	}
	return Sample{Name: card, Card: card, Input: hotRoom(now)}
}

// sampleTime is when the samples happen that check-config tries: no clock may
// make the difference between a good template and a bad one.
var sampleTime = time.Date(2026, 11, 21, 10, 14, 0, 0, time.UTC)

//go:embed samples/*.json
var sampleEvents embed.FS

// sampleEvent reads what a source sent.
func sampleEvent(name string) []byte {
	body, err := sampleEvents.ReadFile("samples/" + name + ".json")
	if err != nil {
		panic(err) // the program was built without it
	}
	return body
}

// hotRoom is the group that cards are tried with when there is no real one: two
// hot racks, one of which is fine again.
func hotRoom(now time.Time) Input {
	g := group.Group{
		ID: 42, Rev: 1, Phase: group.Open, OpenedAt: now.Add(-12 * time.Minute), HeardAt: now,
		Spec: group.Spec{
			Source: "alertmanager", Ready: true,
			Labels: map[string]string{"alertname": "DatacenterTemperatureHigh", "site": "fra1"},
		},
		Sender: group.SenderDetails{Receiver: "teams", ExternalURL: "https://alertmanager.example.com"},
		History: []group.History{
			{At: now.Add(-12 * time.Minute), Change: group.FirstFiring, Count: 1},
			{At: now.Add(-11 * time.Minute), Change: group.Joins, Count: 1},
			{At: now.Add(-2 * time.Minute), Change: group.PartlyResolved, Count: 1},
		},
	}
	g.Alerts = []group.Member{
		hotRack(now.Add(-12*time.Minute), "r1", 33.1),
		hotRack(now.Add(-11*time.Minute), "r7", 32.4),
	}
	ended(&g.Alerts[1], now.Add(-2*time.Minute))
	return Input{Group: g, Now: now}
}

func hotRack(starts time.Time, rack string, value float64) group.Member {
	m := member(starts, map[string]string{
		"alertname": "DatacenterTemperatureHigh", "severity": "critical",
		"site": "fra1", "team": "facilities", "rack": rack,
	}, map[string]string{
		"summary":       "Inlet temperature above 32 °C for 2 minutes",
		"description":   "Check the CRAC units of the row before the racks shut down.",
		"runbook_url":   "https://runbooks.example.com/dc/temperature",
		"dashboard_url": "https://grafana.example.com/d/dc",
	})
	m.GeneratorURL = "https://prometheus.example.com/graph?g0.expr=temp_c"
	m.Values = map[string]float64{"temp_c": value}
	m.Chart = risingChart(starts, value)
	return m
}

// member is an alert that fires.
func member(starts time.Time, labels, annotations map[string]string) group.Member {
	return group.Member{State: group.Firing, SeenAt: starts, Alert: alert.Alert{
		Fingerprint: alert.FingerprintOf(labels), Status: alert.Firing, Labels: labels, Annotations: annotations, StartsAt: starts,
	}}
}

func ended(m *group.Member, ends time.Time) {
	m.State, m.Status, m.EndsAt, m.SeenAt = group.Resolved, alert.Resolved, ends, ends
}

// risingChart is an hour in which a value rose by three.
func risingChart(ends time.Time, value float64) *alert.Chart {
	points := make(alert.Points, 60)
	for i := range points {
		points[i] = value - 3 + 3*float64(i)/float64(len(points)-1)
	}
	return &alert.Chart{
		Field: "temp_c", From: ends.Add(-time.Hour), Step: time.Minute, Points: points,
		Thresholds: []alert.Threshold{{Severity: "critical", Value: 32}, {Severity: "warning", Value: 27}},
	}
}

// story is what an event source tells: one alert, which it keeps up to date.
func story(source string, now time.Time, m group.Member) Input {
	m.Labels = with(m.Labels, eventSourceLabel, source)
	return Input{Now: now, Group: group.Group{
		ID: 4711, Rev: 1, Phase: group.Open, OpenedAt: m.StartsAt, HeardAt: m.StartsAt, Alerts: []group.Member{m},
		Spec:    group.Spec{Source: source, Ready: true},
		History: []group.History{{At: m.StartsAt, Change: group.FirstFiring, Count: 1}},
	}}
}

// with is a copy of a map in which names have these values: names and values
// take turns.
func with(set map[string]string, pairs ...string) map[string]string {
	set = maps.Clone(set)
	for i := 0; i < len(pairs); i += 2 {
		set[pairs[i]] = pairs[i+1]
	}
	return set
}

// copied is an input whose alerts and history may be changed.
func copied(in Input) Input {
	in.Group.Alerts, in.Group.History = slices.Clone(in.Group.Alerts), slices.Clone(in.Group.History)
	return in
}

// over is the same group when all is resolved, as of a minute ago.
func over(in Input) Input {
	in = copied(in)
	ends := in.Now.Add(-time.Minute)
	for i := range in.Group.Alerts {
		if in.Group.Alerts[i].State != group.Resolved {
			ended(&in.Group.Alerts[i], ends)
		}
	}
	in.Group.Phase, in.Group.OverAt = group.Over, ends
	in.Group.History = append(in.Group.History, group.History{At: ends, Change: group.AllResolved, Count: len(in.Group.Alerts)})
	return in
}

// merged is over for somebody who was not told before: the card arrives late
// and says what happened in between.
func merged(in Input) Input {
	in = over(in)
	in.Now = in.Now.Add(43 * time.Minute)
	in.Late = 43 * time.Minute
	return in
}

// given is the same group when nobody has news of it any more.
func given(in Input) Input {
	in = copied(in)
	for i := range in.Group.Alerts {
		if m := &in.Group.Alerts[i]; m.State == group.Firing {
			m.State = group.Unseen
		}
	}
	in.Group.Phase = group.Unheard
	if in.Group.Spec.Expires > 0 {
		in.Now = in.Now.Add(in.Group.Spec.Expires)
	}
	in.Group.History = append(in.Group.History, group.History{At: in.Now, Change: group.Vanishes, Count: len(in.Group.Alerts)})
	return in
}

// reminded is the same group four hours later, when nothing has changed.
func reminded(in Input) Input {
	in.Now, in.Reminder = in.Now.Add(4*time.Hour), true
	return in
}

// late is the same group for somebody whose Teams could not be reached.
func late(in Input) Input {
	in.Now, in.Late = in.Now.Add(43*time.Minute), 43*time.Minute
	return in
}

// states is one group in every state, as samples of a card.
func states(card string, in Input) []Sample {
	return []Sample{
		{Name: card + " firing", Card: card, Input: in},
		{Name: card + " resolved", Card: card, Input: over(in)},
		{Name: card + " no news", Card: card, Input: given(in)},
		{Name: card + " reminder", Card: card, Input: reminded(in)},
		{Name: card + " late", Card: card, Input: late(in)},
		{Name: card + " in one message", Card: card, Input: merged(in)},
	}
}

// sampleOf is one more sample of a card.
func sampleOf(card, what string, in Input) Sample {
	return Sample{Name: fmt.Sprintf("%s %s", card, what), Card: card, Input: in}
}
