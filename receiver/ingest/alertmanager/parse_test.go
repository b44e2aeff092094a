package alertmanager

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func TestWhatSendersLeaveOutIsFilledIn(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     alert.Status
		starts     time.Time
		ends       time.Time
	}{
		{"everything is there", `{"alerts":[{"status":"firing","labels":{"a":"b"},"startsAt":"2026-11-21T09:00:00Z"}]}`, alert.Firing, now.Add(-time.Hour), time.Time{}},
		{"no status, no end: it fires", `{"alerts":[{"labels":{"a":"b"}}]}`, alert.Firing, time.Time{}, time.Time{}},
		{"no status, an end in the past: it is over", `{"alerts":[{"labels":{"a":"b"},"endsAt":"2026-11-21T09:00:00Z"}]}`, alert.Resolved, time.Time{}, now.Add(-time.Hour)},
		{"no status, an end to come: it fires", `{"alerts":[{"labels":{"a":"b"},"endsAt":"2026-11-21T11:00:00Z"}]}`, alert.Firing, time.Time{}, time.Time{}},
		{"no status in the alert: the body's", `{"status":"resolved","alerts":[{"labels":{"a":"b"}}]}`, alert.Resolved, time.Time{}, now},
		{"resolved without an end ends now", `{"alerts":[{"status":"resolved","labels":{"a":"b"},"endsAt":"0001-01-01T00:00:00Z"}]}`, alert.Resolved, time.Time{}, now},
		{"a status that nobody knows fires", `{"alerts":[{"status":"purple","labels":{"a":"b"}}]}`, alert.Firing, time.Time{}, time.Time{}},
		{"upper case", `{"alerts":[{"status":"RESOLVED","labels":{"a":"b"}}]}`, alert.Resolved, time.Time{}, now},
		{"times that are no times", `{"alerts":[{"status":"firing","labels":{"a":"b"},"startsAt":"yesterday","endsAt":17}]}`, alert.Firing, time.Time{}, time.Time{}},
		{"null everywhere", `{"version":null,"status":null,"alerts":[{"status":null,"labels":{"a":"b"},"annotations":null,"startsAt":null,"generatorURL":null}]}`, alert.Firing, time.Time{}, time.Time{}},
		{"a time without a zone", `{"alerts":[{"status":"firing","labels":{"a":"b"},"startsAt":"2026-11-21 09:00:00"}]}`, alert.Firing, now.Add(-time.Hour), time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := ParseWebhook([]byte(c.body), now)
			require.NoError(t, err)
			require.Len(t, s.Alerts, 1)
			require.Equal(t, c.status, s.Alerts[0].Status)
			require.True(t, c.starts.Equal(s.Alerts[0].StartsAt), "startsAt %v", s.Alerts[0].StartsAt)
			require.True(t, c.ends.Equal(s.Alerts[0].EndsAt), "endsAt %v", s.Alerts[0].EndsAt)
		})
	}
}

func TestNumbersWhereTextBelongsDoNotCostAnAlert(t *testing.T) {
	s, err := ParseWebhook([]byte(`{"version":4,"groupKey":1234567890123,"alerts":[
		{"status":"firing","labels":{"a":1,"b":true,"c":null,"d":{"x":[1]}},"annotations":["no map"],"values":{"A":1.5,"B":null,"C":"x"}}]}`), now)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "1", "b": "true", "c": "", "d": `{"x":[1]}`}, s.Alerts[0].Labels)
	require.Equal(t, map[string]float64{"A": 1.5}, s.Alerts[0].Values)
	require.True(t, s.Complete, "a numeric groupKey (version 3) is one")
}

func TestAnAlertWithoutLabelsOrAnnotationsHasTheCommonOnes(t *testing.T) {
	s, err := ParseWebhook([]byte(`{"commonLabels":{"alertname":"X"},"commonAnnotations":{"summary":"s"},"alerts":[{"status":"firing"}]}`), now)
	require.NoError(t, err)
	require.Equal(t, "X", s.Alerts[0].Name())
	require.Equal(t, "s", s.Alerts[0].Annotations["summary"])
}

func TestOneAlertTwiceInABodyFiresIfOneOfThemDoes(t *testing.T) {
	s, err := ParseWebhook([]byte(`{"alerts":[{"status":"resolved","labels":{"a":"b"}},{"status":"firing","labels":{"a":"b"}},{"status":"resolved","labels":{"a":"b"}}]}`), now)
	require.NoError(t, err)
	require.Len(t, s.Alerts, 1)
	require.Equal(t, alert.Firing, s.Alerts[0].Status)
}

func TestTwoAlertmanagersHaveOneOrigin(t *testing.T) {
	one, err := ParseWebhook([]byte(`{"receiver":"teams","groupKey":"{}:{a=\"b\"}","externalURL":"http://am-1:9093","alerts":[]}`), now)
	require.NoError(t, err)
	two, err := ParseWebhook([]byte(`{"receiver":"teams","groupKey":"{}:{a=\"b\"}","externalURL":"http://am-2:9093","alerts":[]}`), now)
	require.NoError(t, err)
	require.Equal(t, one.Origin, two.Origin)
	other, err := ParseWebhook([]byte(`{"receiver":"mail","groupKey":"{}:{a=\"b\"}","alerts":[]}`), now)
	require.NoError(t, err)
	require.NotEqual(t, one.Origin, other.Origin, "another receiver's group is another group")
}

func TestOnlyARepetitionOrSilenceAboutItCanBeAReminder(t *testing.T) {
	for reason, want := range map[string]bool{
		"": true, "repeat interval elapsed": true, "first notification": false, "new alerts added": false, "some alerts resolved": false,
	} {
		s, err := ParseWebhook([]byte(`{"notification_reason":"`+reason+`","alerts":[]}`), now)
		require.NoError(t, err)
		require.Equal(t, want, s.Repeats, "%q", reason)
	}
}

func TestWhatCanNeverBecomeRightIsRefusedInWords(t *testing.T) {
	for _, c := range []struct{ name, body, words string }{
		{"nothing", "", "the body is empty"},
		{"not JSON", "alert: yes", "not JSON"},
		{"cut off", `{"alerts":[{"status":"fi`, "not JSON"},
		{"a list", `[{"labels":{}}]`, "does not belong there"},
		{"another program's JSON", `{"text":"hello"}`, `no field "alerts"`},
		{"an unknown version", `{"version":"5","alerts":[]}`, `version "5" is not known`},
		{"alerts that is text", `{"alerts":"all"}`, "alerts is a JSON string"},
		{"an alert that is a number", `{"alerts":[7]}`, "alerts is a JSON number"},
		{"more labels than anybody has", `{"alerts":[{"labels":{` + manyLabels(10_000) + `}}]}`, "10000 labels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseWebhook([]byte(c.body), now)
			require.ErrorContains(t, err, c.words)
			require.Less(t, len(err.Error()), 300, "foreign text in an error is short")
		})
	}
}

func manyLabels(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"l`)
		for ; i > 0; i /= 26 {
			b.WriteByte(byte('a' + i%26))
		}
		b.WriteString(`":"v"`)
	}
	return b.String()
}

func TestPostedAlertsFollowAlertmanagersRules(t *testing.T) {
	body := `[
		{"labels":{"alertname":"NoTimes"}},
		{"labels":{"alertname":"Given"},"startsAt":"2026-11-21T09:50:00Z","endsAt":"2026-11-21T10:04:00Z"},
		{"labels":{"alertname":"Over"},"startsAt":"2026-11-21T09:50:00Z","endsAt":"2026-11-21T09:59:00Z"},
		{"labels":{"alertname":"Emptied","x":""}},
		{"labels":{"alertname":"FarOff"},"endsAt":"2026-11-21T13:00:00Z"}]`
	posted, err := ParseAlerts([]byte(body), 5*time.Minute, now)
	require.NoError(t, err)
	require.Len(t, posted, 5)
	require.Equal(t, now.Add(3*time.Hour), posted[4].EndsAt, "a time far off has to be kept over a restart")
	require.Zero(t, posted[1].EndsAt, "one that a resend will move is not news")
	require.Equal(t, now.Add(5*time.Minute), posted[0].Until, "without an end: resolve_timeout")
	require.Equal(t, now, posted[0].StartsAt)
	require.Equal(t, now.Add(4*time.Minute), posted[1].Until, "an end as given")
	require.Equal(t, alert.Firing, posted[1].Status)
	require.Equal(t, alert.Resolved, posted[2].Status)
	require.Equal(t, now.Add(-time.Minute), posted[2].EndsAt)
	require.NotContains(t, posted[3].Labels, "x", "an empty label is no label")
}

func TestValidAlertsAreKeptWhenOthersAreNot(t *testing.T) {
	posted, err := ParseAlerts([]byte(`[{"labels":{}},{"labels":{"alertname":"Good"}},7,{"labels":{"alertname":"Bad"},"startsAt":"2026-11-21T09:00:00Z","endsAt":"2026-11-21T08:00:00Z"}]`), time.Minute, now)
	require.Len(t, posted, 1)
	require.Equal(t, "Good", posted[0].Name())
	require.ErrorContains(t, err, "alert 0: an alert needs at least one label")
	require.ErrorContains(t, err, "alert 2:")
	require.ErrorContains(t, err, "alert 3: it ends before it starts")
}

func TestRealPayloadsAreTakenOrRefusedInWords(t *testing.T) {
	files, _ := filepath.Glob("../../../../shared/corpus/alertmanager-payloads/*.json")
	if len(files) == 0 {
		t.Skip("the corpus of real payloads (../shared/corpus) is not beside the project")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			s, err := ParseWebhook(body, now)
			if strings.Contains(file, "noGenURL") { // version "0"
				require.ErrorContains(t, err, "version")
				return
			}
			require.NoError(t, err)
			require.NotEmpty(t, s.Origin)
			for _, a := range s.Alerts {
				require.NotEmpty(t, a.Status)
				require.Equal(t, a.Status == alert.Resolved, !a.EndsAt.IsZero())
			}
		})
	}
}

func FuzzParseWebhook(f *testing.F) {
	f.Add([]byte(`{"version":"4","groupKey":"k","alerts":[{"status":"firing","labels":{"a":"b"},"startsAt":"2026-11-21T09:00:00Z"}],"truncatedAlerts":3}`))
	f.Add([]byte(`{"alerts":[{"labels":{"a":1.5e300},"values":{"A":null}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := ParseWebhook(body, now)
		if err != nil {
			return
		}
		seen := map[alert.Fingerprint]bool{}
		for _, a := range s.Alerts {
			if a.Status != alert.Firing && a.Status != alert.Resolved || seen[a.Fingerprint] || a.StartsAt.Year() > 9999 {
				t.Fatalf("not an alert that a group can take: %+v", a)
			}
			seen[a.Fingerprint] = true
		}
		if strings.Contains(s.Origin, "\x00") || len(s.Origin) > 2048 {
			t.Fatalf("not an origin that every store takes: %q", s.Origin)
		}
	})
}

func FuzzParseAlerts(f *testing.F) {
	f.Add([]byte(`[{"labels":{"a":"b"},"startsAt":"2026-11-21T09:00:00Z","endsAt":"2026-11-21T11:00:00Z"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		posted, _ := ParseAlerts(body, time.Minute, now)
		for _, p := range posted {
			if len(p.Labels) == 0 || (p.Status == alert.Firing) != p.Until.After(now) {
				t.Fatalf("not an alert that can be taken: %+v", p)
			}
		}
	})
}
