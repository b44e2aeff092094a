package card

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Sample is the group that cards are tried with when there is no real one: two
// hot racks, one of which is fine again.
func Sample(now time.Time) Input {
	g := group.Group{
		ID: 42, Phase: group.Open, OpenedAt: now.Add(-12 * time.Minute), HeardAt: now,
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
		sampleAlert(now.Add(-12*time.Minute), "r1", 33.1),
		sampleAlert(now.Add(-11*time.Minute), "r7", 32.4),
	}
	g.Alerts[1].State = group.Resolved
	g.Alerts[1].Status, g.Alerts[1].EndsAt = alert.Resolved, now.Add(-2*time.Minute)
	return Input{Group: g, Now: now}
}

func sampleAlert(starts time.Time, rack string, value float64) group.Member {
	labels := map[string]string{
		"alertname": "DatacenterTemperatureHigh", "severity": "critical",
		"site": "fra1", "team": "facilities", "rack": rack,
	}
	return group.Member{
		State: group.Firing, SeenAt: starts,
		Alert: alert.Alert{
			Fingerprint: alert.FingerprintOf(labels), Status: alert.Firing, Labels: labels, StartsAt: starts,
			Annotations: map[string]string{
				"summary":       "Inlet temperature above 32 °C for 2 minutes",
				"description":   "Check the CRAC units of the row before the racks shut down.",
				"runbook_url":   "https://runbooks.example.com/dc/temperature",
				"dashboard_url": "https://grafana.example.com/d/dc",
			},
			GeneratorURL: "https://prometheus.example.com/graph?g0.expr=temp_c",
			Values:       map[string]float64{"temp_c": value},
			Chart:        sampleChart(starts, value),
		},
	}
}

// sampleChart is an hour in which a value rose by three.
func sampleChart(ends time.Time, value float64) *alert.Chart {
	points := make(alert.Points, 60)
	for i := range points {
		points[i] = value - 3 + 3*float64(i)/float64(len(points)-1)
	}
	return &alert.Chart{
		Field: "temp_c", From: ends.Add(-time.Hour), Step: time.Minute, Points: points,
		Thresholds: []alert.Threshold{{Severity: "critical", Value: 32}, {Severity: "warning", Value: 27}},
	}
}
