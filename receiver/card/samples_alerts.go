package card

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// alertSamples are those of the cards for any alert: alert, threshold and
// minimal.
func alertSamples(now time.Time) []Sample {
	several := hotRoom(now)
	one := copied(several)
	one.Group.Alerts, one.Group.History = one.Group.Alerts[:1], one.Group.History[:1]
	disk := copied(one)
	disk.Group.Alerts[0] = fullDisk(now.Add(-26 * time.Hour))
	disk.Group.OpenedAt = disk.Group.Alerts[0].StartsAt
	bare := Input{Now: now, Group: group.Group{Alerts: []group.Member{{State: group.Firing, Alert: alert.Alert{Status: alert.Firing}}}}}
	list := states("alert", one)
	list = append(list,
		sampleOf("alert", "several", several),
		sampleOf("alert", "with picture and links", disk),
		sampleOf("alert", "with comments", commented(disk)),
		sampleOf("alert", "of hostile data", hostileSample(now)),
		sampleOf("alert", "of an event", eventWithMarks(now)),
		sampleOf("alert", "of something that only happened", happened(now, "warning")),
		sampleOf("alert", "of something that only happened, without a severity", happened(now, "")),
		sampleOf("alert", "of something that only happened, given up", given(happened(now, "warning"))),
		sampleOf("alert", "of a workflow that failed", workflow(now)),
		sampleOf("alert", "of a workflow that works again", mended(workflow(now))),
		sampleOf("alert", "that says nothing", bare))
	hot, racks := heating(one), heating(hotRacks(now, 4))
	for _, e := range states(thresholdCard, hot) {
		if e.Input.Group.Phase == group.Over {
			e.Input = cooled(e.Input)
		}
		list = append(list, e)
	}
	return append(list,
		sampleOf(thresholdCard, "several", racks),
		sampleOf(thresholdCard, "partly resolved", partlyOver(racks)),
		sampleOf(thresholdCard, "of many", heating(hotRacks(now, 30))),
		sampleOf(thresholdCard, "with gaps", withGaps(hot)),
		sampleOf(thresholdCard, "without a chart", withoutChart(one)),
		sampleOf(thresholdCard, "that says nothing", bare),
		sampleOf(MinimalCard, "firing", one), sampleOf(MinimalCard, "several", several),
		sampleOf(MinimalCard, "resolved", over(one)), sampleOf(MinimalCard, "that says nothing", bare))
}

// hotRacks is a group of n hot racks.
func hotRacks(now time.Time, n int) Input {
	in := hotRoom(now)
	in.Group.Alerts = nil
	for i := range n {
		value := 35.4 - float64(i)/10
		m := hotRack(now.Add(time.Duration(i-12)*time.Minute), fmt.Sprintf("r%d", i+1), value)
		m.Annotations = with(m.Annotations, "summary", fmt.Sprintf("r%d is at %.1f °C", i+1, value))
		in.Group.Alerts = append(in.Group.Alerts, m)
	}
	in.Group.History = []group.History{
		{At: now.Add(-12 * time.Minute), Change: group.FirstFiring, Count: 1}, {At: now.Add(-10 * time.Minute), Change: group.JoinsCritical, Count: n - 1},
	}
	return in
}

// heating is the same with charts of what really happens in a room whose
// cooling fails: slowly at first, then faster.
func heating(in Input) Input {
	in = copied(in)
	for i := range in.Group.Alerts {
		m := &in.Group.Alerts[i]
		c := *m.Chart
		c.Points = make(alert.Points, len(m.Chart.Points))
		last := m.Values["temp_c"]
		for j := range c.Points {
			part := float64(j) / float64(len(c.Points)-1)
			c.Points[j] = last - 6*(1-part*part) + 0.25*math.Sin(float64(j))*(1-part)
		}
		m.Chart = &c
	}
	return in
}

// cooled is the same when the room is cool again.
func cooled(in Input) Input {
	in = copied(in)
	for i := range in.Group.Alerts {
		m := &in.Group.Alerts[i]
		c := *m.Chart
		c.Points = append(slices.Clone(c.Points[12:]), make(alert.Points, 12)...)
		c.From = c.From.Add(12 * c.Step)
		for j := range 12 {
			c.Points[len(c.Points)-12+j] = m.Values["temp_c"] - 0.06*float64(j*j)
		}
		m.Values = map[string]float64{"temp_c": c.Points[len(c.Points)-1]}
		m.Chart = &c
	}
	return in
}

// withGaps is a chart in which nothing was measured for a while.
func withGaps(in Input) Input {
	in = copied(in)
	c := *in.Group.Alerts[0].Chart
	c.Points = append(alert.Points(nil), c.Points...)
	for i := 20; i < 31; i++ {
		c.Points[i] = math.NaN()
	}
	in.Group.Alerts[0].Chart = &c
	return in
}

func withoutChart(in Input) Input {
	in = copied(in)
	in.Group.Alerts[0].Chart = nil
	return in
}

// fullDisk is an alert with all that a source may say of one.
func fullDisk(starts time.Time) group.Member {
	m := member(starts, map[string]string{
		"alertname": "DiskWillFillIn4Hours", "severity": "warning", "cluster": "prod-eu", "instance": "db-3.example.com:9100",
		"mountpoint": "/var/lib/postgresql", "device": "/dev/nvme0n1p2", "job": "node", "team": "data", "tier": "gold",
	}, map[string]string{
		"summary":       "**/var/lib/postgresql** on db-3 fills within 4 hours",
		"description":   "Only 6.2 % is left. [Clean up](https://wiki.example.com/cleanup) old base backups first.",
		"impact":        "Writes stop when it is full",
		"runbook_url":   "https://runbooks.example.com/disk",
		"dashboard_url": "https://grafana.example.com/d/disk",
		"panel_url":     "https://grafana.example.com/d/disk?viewPanel=4",
		"silence_url":   "https://grafana.example.com/alerting/silence/new?matcher=alertname%3DDisk",
		"image_url":     "https://images.example.com/grafana/disk-4h.png",
	})
	m.GeneratorURL = "https://grafana.example.com/alerting/grafana/k3f9/view"
	return m
}

// commented is a group about which two people wrote something.
func commented(in Input) Input {
	in = copied(in)
	in.Group.Rev = 3
	in.Group.History = append(in.Group.History,
		group.History{At: in.Now.Add(-4 * time.Minute), Change: group.Assigned, Count: 1, Who: "Bob", Rev: 2},
		group.History{At: in.Now.Add(-2 * time.Minute), Change: group.Commented, Count: 1, Who: "Alice Ó Briain", Rev: 3,
			Text: "Base backups of *September* are 60 % of it.\nI delete them now."})
	in.Shown = 1
	return in
}

// hostileSample is an alert whose values try to be something else.
func hostileSample(now time.Time) Input {
	in := hotRoom(now)
	labels, annotations := map[string]string{}, map[string]string{}
	for name, value := range in.Group.Alerts[0].Labels {
		labels[name] = value + hostile
	}
	for name := range in.Group.Alerts[0].Annotations {
		annotations[name] = hostile
	}
	labels["severity"] = "critical"
	in.Group.Alerts = []group.Member{member(now.Add(-12*time.Minute), labels, annotations)}
	return in
}

// hostile is text in which everything is that means something to JSON, to
// Markdown, to Teams or to a terminal.
var hostile = strings.Join([]string{
	`"}],"x":[{"`, `C:\temp\_x_`, "[a](http://evil.example)", "**b**", "<at>everyone</at>",
	"{{DATE(2026-11-21T09:00:00Z,SHORT)}}", "${x}", "line\nbreak\ttab", "אבג \u202eabc", "🔥",
}, " ")
