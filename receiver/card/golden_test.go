package card

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 11, 21, 10, 14, 0, 0, time.UTC)

// at is a time of today.
func at(hour, minute int) time.Time { return time.Date(2026, 11, 21, hour, minute, 0, 0, time.UTC) }

// one is a group with a single alert that has these labels and annotations.
func one(labels, annotations map[string]string) Input {
	return Input{Now: now, Group: group.Group{
		ID: 7, Phase: group.Open, OpenedAt: at(10, 2), HeardAt: now,
		Spec:   group.Spec{Source: "alertmanager", Ready: true},
		Sender: group.SenderDetails{Receiver: "teams", ExternalURL: "https://alertmanager.example.com"},
		Alerts: []group.Member{firing(at(10, 2), labels, annotations)},
	}}
}

func firing(starts time.Time, labels, annotations map[string]string) group.Member {
	return group.Member{State: group.Firing, SeenAt: starts, Alert: alert.Alert{
		Fingerprint: alert.FingerprintOf(labels), Status: alert.Firing, Labels: labels, Annotations: annotations,
		StartsAt: starts, GeneratorURL: "https://prometheus.example.com/graph?g0.expr=up",
	}}
}

// hot is a group of n hot racks, which started a minute apart.
func hot(n int) Input {
	in := hotRoom(now)
	in.Group.Alerts, in.Group.History = nil, nil
	for i := range n {
		value := 33 + float64(i%20)/10
		m := hotRack(at(10, 2).Add(time.Duration(i)*time.Second), fmt.Sprintf("r%d", i+1), value)
		m.Annotations["summary"] = fmt.Sprintf("Rack r%d is at %.1f °C", i+1, value)
		in.Group.Alerts = append(in.Group.Alerts, m)
	}
	return in
}

func goldenCases() map[string]Input {
	single := one(map[string]string{
		"alertname": "DiskWillFillIn4Hours", "severity": "warning", "cluster": "prod-eu", "instance": "db-3.example.com:9100",
		"device": "/dev/nvme0n1p2", "mountpoint": "/var/lib/postgresql", "job": "node", "team": "data",
	}, map[string]string{
		"summary":     "**/var/lib/postgresql** on db-3 fills within 4 hours",
		"description": "Only 6.2 % is left. [Clean up](https://wiki.example.com/cleanup) old base backups first.",
		"runbook_url": "https://runbooks.example.com/disk", "dashboard_url": "https://grafana.example.com/d/disk",
	})
	resolved := hot(1)
	resolved.Group.Phase = group.Over
	resolved.Group.OverAt = at(10, 5)
	ended(&resolved.Group.Alerts[0], at(10, 5))
	resolved.Group.History = []group.History{
		{At: at(10, 2), Change: group.FirstFiring, Count: 1}, {At: at(10, 5), Change: group.AllResolved, Count: 1},
	}
	measured := hot(3) // one summary for all, and each its own value
	for i := range measured.Group.Alerts {
		notes := measured.Group.Alerts[i].Annotations
		notes["summary"], notes["value"] = "Inlet temperature above 32 °C for 2 minutes", fmt.Sprintf("33.%d °C", i)
	}
	merged := hot(3)
	merged.Group.Phase = group.Over
	for i := range merged.Group.Alerts {
		ended(&merged.Group.Alerts[i], at(10, 9).Add(time.Duration(i)*time.Minute))
	}
	merged.Group.History = []group.History{
		{At: at(10, 2), Change: group.FirstFiring, Count: 1}, {At: at(10, 3), Change: group.JoinsCritical, Count: 2},
		{At: at(10, 11), Change: group.AllResolved, Count: 3},
	}
	late := hot(2)
	late.Late = 43 * time.Minute
	late.Group.Truncated = 12
	reminder := hot(2)
	reminder.Reminder = true
	reminder.Now = now.Add(26 * time.Hour)
	unseen := hot(3)
	unseen.Group.Alerts[1].State, unseen.Group.Alerts[1].SeenAt = group.Unseen, at(10, 12)
	silent := hot(1)
	silent.Group.Phase = group.Unheard
	silent.Group.Alerts[0].State, silent.Group.Alerts[0].SeenAt = group.Unseen, at(10, 12)
	inhibited := hot(3)
	inhibited.Group.Alerts[2].Inhibited = true
	berlin := hot(1)
	berlin.Location = time.FixedZone("CET", 3600)
	mixed := hot(2)
	mixed.Group.Alerts = append(mixed.Group.Alerts,
		firing(at(10, 8), map[string]string{"alertname": "KubePodCrashLooping", "severity": "warning", "site": "fra1", "namespace": "shop", "pod": "cart-7d9f"},
			map[string]string{"summary": "Pod shop/cart-7d9f restarts again and again"}),
		firing(at(10, 9), map[string]string{"alertname": "etcdHighFsyncDurations", "severity": "info", "site": "fra1"}, nil))
	return map[string]Input{
		"firing one":       single,
		"firing many":      hot(4),
		"own values":       measured,
		"partly resolved":  hotRoom(now),
		"resolved after":   resolved,
		"resolved merged":  merged,
		"late":             late,
		"reminder":         reminder,
		"unseen some":      unseen,
		"unseen all":       silent,
		"inhibited":        inhibited,
		"in another zone":  berlin,
		"different alerts": mixed,
		"huge":             hot(1000),
		"unicode": one(map[string]string{"alertname": "חימום_יתר", "severity": "critical", "site": "תל אביב", "ראק": "א׳ 🔥"},
			map[string]string{"summary": "הטמפרטורה היא 33 °C 🔥 في الرف ١", "description": "温度が高すぎます"}),
		"multi-line": one(map[string]string{"alertname": "HostOutOfMemory", "severity": "warning", "instance": "web-1:9100"},
			map[string]string{"summary": "Host out of memory (instance web-1:9100)", "description": "Node memory is filling up (< 10% left)\n  VALUE = 7.2\n  LABELS = map[instance:web-1:9100 job:node]\n- first\n- second"}),
		"hostile": one(map[string]string{"alertname": "A_b*c", "severity": "critical", "site": `"}],"x":[{"`, "path": `C:\temp\_x_ [a](http://evil.example)`, "tag": "<at>everyone</at> {{DATE(2026-11-21T09:00:00Z,SHORT)}} ${x}"},
			map[string]string{"summary": "<at>everyone</at> **bold** {{TIME(2026-11-21T09:00:00Z)}} ${y}", "runbook_url": "javascript:alert(1)"}),
		"no summary":   one(map[string]string{"alertname": "TargetDown", "severity": "critical", "instance": "10.0.0.1:9100", "job": "node"}, nil),
		"no labels":    one(nil, nil),
		"empty name":   one(map[string]string{"alertname": "", "instance": "web-1"}, map[string]string{"description": "Something is wrong with web-1."}),
		"no group yet": {Now: now},
	}
}

func TestTheDefaultCardLooksAsItDidBefore(t *testing.T) {
	set, problems := New(nil)
	require.Empty(t, problems, "the shipped templates have mistakes, so nobody would see their card")
	for name, in := range goldenCases() {
		t.Run(name, func(t *testing.T) {
			message := set.Render("alert", in, WorkflowLimit)
			require.NoError(t, message.Fault, "people would get the minimal card")
			compare(t, name, message)
		})
	}
}

// TestEverySampleLooksAsItDidBefore holds every shipped card in every state.
func TestEverySampleLooksAsItDidBefore(t *testing.T) {
	set, problems := New(nil)
	require.Empty(t, problems)
	names := map[string]bool{}
	for _, sample := range Samples(now) {
		require.False(t, names[sample.Name], "two samples have the name %q, so one has no golden file", sample.Name)
		names[sample.Name] = true
		t.Run(sample.Name, func(t *testing.T) {
			message := set.RenderSample(sample, WorkflowLimit)
			require.NoError(t, message.Fault, "people would get the minimal card")
			compare(t, filepath.Join("samples", strings.ReplaceAll(sample.Name, ",", "")), message)
		})
	}
}

// TestEveryAnswerableCardLooksAsItDidBefore holds what a bot posts: the cards
// that people did something about, and the first of each kind.
func TestEveryAnswerableCardLooksAsItDidBefore(t *testing.T) {
	set := shippedSet(t)
	for _, sample := range answerable() {
		t.Run(sample.Name, func(t *testing.T) {
			message := set.RenderSample(sample, BotLimit)
			require.NoError(t, message.Fault, "people would get the minimal card")
			compareWithin(t, BotLimit, filepath.Join("samples", "bot", strings.ReplaceAll(sample.Name, ",", "")), message)
		})
	}
}

// answerable are the samples of cards that can be answered.
func answerable() []Sample {
	var list []Sample
	for _, sample := range append(peopleSamples(now, Samples(now)), sampleOf(Default, "firing", hotRoom(now)), sampleOf(Default, "resolved", over(hotRoom(now)))) {
		if !sample.Call {
			sample.Input.Look = ExampleLook()
			list = append(list, sample)
		}
	}
	return list
}

func digestInput(n int) DigestInput {
	in := DigestInput{Destination: "facilities", Now: now, Oldest: at(9, 58)}
	severities := []struct {
		word string
		rank alert.Severity
	}{{"critical", alert.SeverityCritical}, {"warning", alert.SeverityWarning}, {"info", alert.SeverityInfo}}
	for i := range n {
		severity := severities[min(i%10/3, 2)]
		row := DigestRow{
			Title: fmt.Sprintf("InstanceDown: web-%d.example.com", i), Severity: severity.word, Rank: int(severity.rank),
			Firing: 1 + i%3, Since: at(9, 58).Add(time.Duration(i) * time.Second), ID: alert.ShortID(int64(i + 1)),
		}
		if i%7 == 6 {
			row.Firing, row.Resolved = 0, 2
		}
		in.Rows = append(in.Rows, row)
	}
	return in
}

func TestTheDigestLooksAsItDidBefore(t *testing.T) {
	set, _ := New(nil)
	for name, n := range map[string]int{"digest": 12, "digest of a storm": 4832, "digest of nothing": 0} {
		t.Run(name, func(t *testing.T) {
			message := set.Digest(digestInput(n), WorkflowLimit)
			require.NoError(t, message.Fault)
			compare(t, name, message)
		})
	}
}

func TestTheMinimalCardLooksAsItDidBefore(t *testing.T) {
	compare(t, "minimal", Minimal(hotRoom(now), WorkflowLimit))
}

// drawnPicture is a chart in a card; how it looks is for package chart to test.
var drawnPicture = regexp.MustCompile(`"data:image/png;base64,[^"]{100,}"`)

// compare holds a message against its golden file.
func compare(t *testing.T, name string, message Message) {
	t.Helper()
	compareWithin(t, WorkflowLimit, name, message)
}

func compareWithin(t *testing.T, limit Limit, name string, message Message) {
	t.Helper()
	require.LessOrEqual(t, limit.size(message), limit.Bytes, "Teams refuses it")
	var got bytes.Buffer
	require.NoError(t, json.Indent(&got, drawnPicture.ReplaceAll(message.Card, []byte(`"data:image/png;base64,…"`)), "", "  "), "Teams cannot read it")
	got.WriteString("\n")
	header, err := json.Marshal(map[string]string{"summary": message.Summary, "folded": message.Folded})
	require.NoError(t, err)
	file := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".json")
	text := fmt.Sprintf("[\n%s,\n%s]\n", header, got.String())
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run the test with -update and look at the new file")
	require.Equal(t, string(want), text, "the card changed; when that is meant, run the test with -update")
}
