package card

import (
	"fmt"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

func bigInput(n int) Input {
	now := time.Date(2026, 11, 21, 10, 14, 0, 0, time.UTC)
	g := group.Group{ID: 42, Phase: group.Open, OpenedAt: now.Add(-12 * time.Minute),
		Spec:   group.Spec{Source: "alertmanager"},
		Sender: group.SenderDetails{ExternalURL: "https://alertmanager.example.com"}}
	for i := range n {
		labels := map[string]string{"alertname": "DatacenterTemperatureHigh", "severity": "critical", "site": "fra1", "team": "facilities",
			"rack": fmt.Sprintf("r%d", i+1), "job": "node", "instance": fmt.Sprintf("10.0.0.%d:9100", i), "prometheus": "k8s"}
		g.Alerts = append(g.Alerts, group.Member{State: group.Firing, Alert: alert.Alert{
			Status: alert.Firing, Labels: labels, Fingerprint: alert.FingerprintOf(labels),
			Annotations: map[string]string{"summary": fmt.Sprintf("Rack r%d is at 33.%d °C", i+1, i%10),
				"description": "Inlet temperature above 32 °C for 2 minutes. Check the CRAC units.",
				"runbook_url": "https://runbooks.example.com/dc/temperature"},
			StartsAt: now.Add(-12*time.Minute + time.Duration(i)*time.Second), GeneratorURL: "https://prometheus.example.com/graph?g0.expr=temp_c",
		}})
	}
	return Input{Group: g, Now: now}
}
