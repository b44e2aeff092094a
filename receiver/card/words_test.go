package card

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

func TestDurationsAreSaidInAtMostTwoUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 45 * time.Second: "45 s", 59999 * time.Millisecond: "59 s", time.Minute: "1 min",
		12*time.Minute + 59*time.Second: "12 min", time.Hour: "1 h", 65 * time.Minute: "1 h 5 min",
		24 * time.Hour: "1 d", 76 * time.Hour: "3 d 4 h", 400 * 24 * time.Hour: "400 d",
	} {
		require.Equal(t, want, durationWords(d))
	}
}

func TestTimesAreTheReadersAndSayOfWhichDay(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for _, test := range []struct {
		t    time.Time
		zone *time.Location
		want string
	}{
		{at(10, 2), nil, "10:02 UTC"},
		{at(10, 2), berlin, "11:02 CET"},
		{at(10, 2).AddDate(0, 0, -1), nil, "20 Nov 10:02 UTC"},
		{at(10, 2).AddDate(-1, 0, 0), nil, "21 Nov 2025 10:02 UTC"},
		{at(10, 2), time.FixedZone("-03", -3*3600), "07:02 UTC-03"},
		{time.Time{}, nil, ""},
	} {
		require.Equal(t, test.want, newWall(now, test.zone).timeZone(test.t))
	}
}

func TestNamesBecomeWordsThatAPhoneCanBreak(t *testing.T) {
	for name, want := range map[string]string{
		"DatacenterTemperatureHigh": "Datacenter temperature high", "KubePodOOMKilled": "Kube pod OOM killed",
		"etcdHighFsyncDurations": "etcd high fsync durations", "DiskWillFillIn4Hours": "Disk will fill in 4 hours",
		"S3BucketMissing": "S3 bucket missing", "IPv4Down": "IPv4 down", "CPUHigh": "CPU high", "Watchdog": "Watchdog",
		"node_down": "node_down", "Already words": "Already words", "": "", "X": "X", "ÜberHitze": "Über hitze", "高温": "高温",
	} {
		require.Equal(t, want, titleWords(name))
	}
}

func TestThePreviewSaysHowBadWhatAndWhere(t *testing.T) {
	over := hot(2)
	for i := range over.Group.Alerts {
		ended(&over.Group.Alerts[i], at(10, 5))
	}
	reminder := hot(1)
	reminder.Reminder = true
	for want, in := range map[string]Input{
		"[CRITICAL] DatacenterTemperatureHigh firing: Rack r1 is at 33.0 °C (fra1)":         hot(1),
		"[CRITICAL] DatacenterTemperatureHigh still firing: Rack r1 is at 33.0 °C (fra1)":   reminder,
		"[CRITICAL] DatacenterTemperatureHigh firing: Rack r1 is at 33.0 °C (fra1) +2 more": hot(3),
		"[RESOLVED] DatacenterTemperatureHigh after 3 min: Rack r1 is at 33.0 °C (fra1)":    over,
		"[FIRING] TargetDown (web-1)":           one(map[string]string{"alertname": "TargetDown", "instance": "web-1"}, nil),
		"[WARNING] Alert without a name firing": one(map[string]string{"severity": "warning"}, nil),
	} {
		set, _ := New(nil)
		require.Equal(t, want, set.Render("", in, WorkflowLimit).Summary, "the phone in the pocket shows this and nothing else")
	}
}

func TestInhibitedAlertsAreNotTold(t *testing.T) {
	in := hot(3)
	in.Group.Alerts[0].Inhibited = true
	story := newTeller(in).story(maxRows)
	require.Equal(t, "CRITICAL · 2 firing", story.Status)
	require.Len(t, story.Rows, 2)
	for i := range in.Group.Alerts {
		in.Group.Alerts[i].Inhibited = true
	}
	require.Equal(t, "CRITICAL · 3 firing", newTeller(in).story(maxRows).Status, "an empty card would help nobody")
}

func TestTheWorstComesFirst(t *testing.T) {
	in := hot(2)
	warning := firing(at(9, 0), map[string]string{"alertname": "Old", "severity": "warning"}, map[string]string{"summary": "old"})
	done := firing(at(8, 0), map[string]string{"alertname": "Done", "severity": "critical"}, map[string]string{"summary": "done"})
	ended(&done, at(9, 0))
	in.Group.Alerts = append([]group.Member{done, warning}, in.Group.Alerts...)
	story := newTeller(in).story(maxRows)
	var order []string
	for _, row := range story.Rows {
		order = append(order, row.Summary)
	}
	require.Equal(t, []string{"Rack r1 is at 33.0 °C", "Rack r2 is at 33.1 °C", "old", "done"}, order)
	require.Equal(t, "attention", story.Style)
	require.Equal(t, "CRITICAL · 3 firing, 1 resolved", story.Status)
}

func TestForgottenAlertsStillCount(t *testing.T) {
	in := hot(1)
	in.Group.Forgotten = 40
	require.Equal(t, "CRITICAL · 1 firing, 40 resolved", newTeller(in).story(maxRows).Status)
}

func TestTheSilenceLinkHoldsWhatAllAlertsShareAndNoMore(t *testing.T) {
	in := one(map[string]string{"alertname": `a"b\c`, "ü": "x y,z}", "line": "1\n2"}, nil)
	in.Group.Sender.ExternalURL = "https://am.example/prefix/"
	var link string
	for _, l := range newTeller(in).links("firing") {
		if l.Title == "Silence in Alertmanager" {
			link = l.URL
		}
	}
	require.Equal(t, `https://am.example/prefix/#/silences/new?filter=%7Balertname%3D%22a%5C%22b%5C%5Cc%22%2Cline%3D%221%5Cn2%22%2C%22%C3%BC%22%3D%22x%20y%2Cz%7D%22%7D`, link)

	in.Group.Sender.ExternalURL = "javascript:alert(1)//"
	require.Empty(t, newTeller(in).links("firing")[1:], "only the source is left")
	in = one(map[string]string{"alertname": "A", "long": string(make([]byte, 3000))}, nil)
	require.Len(t, newTeller(in).links("firing"), 1, "a shorter list of matchers would silence more than the card shows")
	require.Len(t, newTeller(one(map[string]string{"alertname": "A"}, nil)).links("resolved"), 1, "nothing is left to silence")
}

func TestTheDigestCountsEverythingAndNamesTheWorst(t *testing.T) {
	digest := tellDigest(digestInput(4832), maxDigestRows)
	require.Equal(t, "4,832 groups of alerts", digest.Title)
	require.Equal(t, 4812, digest.Hidden)
	require.Equal(t, "1,244 critical · 1,242 warning · 1,656 info · 690 resolved", digest.Status)
	require.Len(t, digest.Sections[0].Rows, 20)
	require.Equal(t, "CRITICAL · 1,244 groups", digest.Sections[0].Title)
	require.Contains(t, digest.Reason, "Teams takes only so many at once")

	again := tellDigest(DigestInput{Rows: []DigestRow{{Title: "again", Firing: 1, Episodes: 4, Since: at(10, 2), ID: "k3f9"}, {Title: "once", Firing: 1, Episodes: 1, Since: at(10, 2)}}, Now: now}, 20)
	require.Equal(t, "1 group of alerts", tellDigest(DigestInput{Rows: make([]DigestRow, 1)}, 20).Title)
	require.Equal(t, "2 groups of alerts", again.Title, "a group that fired four times is one")
	require.Equal(t, []DigestLine{{"again", "1 firing · fired 4 times, last at 10:02 · #k3f9"}, {"once", "1 firing · since 10:02"}}, again.Sections[0].Rows)

	rows := []DigestRow{{Title: "old", Severity: "info", Rank: int(alert.SeverityInfo), Firing: 1}, {Title: "bad", Severity: "page", Rank: int(alert.SeverityCritical), Firing: 2}}
	require.Equal(t, "[2 groups] 1 page · 1 info: bad", tellDigest(DigestInput{Rows: rows, Now: now}, 20).Preview)
}
