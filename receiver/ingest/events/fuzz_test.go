package events

import (
	"encoding/json"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
)

// FuzzParse: whatever bytes somebody sends to a source of whatever preset, it
// is refused in words or becomes something that groups, stores and cards take.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*.json"))
	require.NoError(f, err)
	for i, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(byte(i), "application/json", data)
	}
	f.Add(byte(0), "application/x-www-form-urlencoded", []byte("payload=%7B%22a%22%3A1%7D&b=%00&b=2"))
	f.Add(byte(1), "", []byte(`[{"@type":"MessageCard","themeColor":"#f00"},{"title":"a","status":"firing","x":1e999,"at":"\u0000"},[]]`))
	var sources []*Source
	for _, name := range Presets() {
		sources = append(sources, source(f, Config{Name: name, Preset: name}))
	}
	f.Fuzz(func(t *testing.T, which byte, contentType string, body []byte) {
		s := sources[int(which)%len(sources)]
		snapshots, err := s.Parse(body, http.Header{"Content-Type": {contentType}}, now)
		if err == nil && len(body) == 0 {
			t.Fatal("nothing was taken for an event")
		}
		if len(snapshots) > maxEvents {
			t.Fatalf("%d snapshots of one body", len(snapshots))
		}
		for _, snapshot := range snapshots {
			if wrong := unfit(snapshot); wrong != "" {
				t.Fatalf("%s: %+v", wrong, snapshot)
			}
		}
	})
}

// unfit says why nobody could work with a snapshot, "" if all is well.
func unfit(s ingest.Snapshot) string {
	switch {
	case s.Event == nil || s.Event.Expires <= 0:
		return "the story is open for ever"
	case len(s.Origin) > 600 || !good(s.Origin):
		return "no origin that every store takes"
	case len(s.Alerts) == 0 || len(s.Alerts) > maxEvents:
		return "no alerts, or too many"
	case len(s.Event.Text) > maxText || len(s.Event.Who) > maxWho || !good(s.Event.Text) || !good(s.Event.Who):
		return "words that are no text"
	}
	seen := map[alert.Fingerprint]bool{}
	for _, a := range s.Alerts {
		switch {
		case seen[a.Fingerprint]:
			return "one alert twice"
		case a.Status != alert.Firing && a.Status != alert.Resolved:
			return "no status"
		case (a.Status == alert.Resolved) == a.EndsAt.IsZero() || a.EndsAt.After(now) || a.StartsAt.After(now):
			return "no times"
		case a.Name() == "" || a.Labels[sourceLabel] != s.Source:
			return "no name, or another source's"
		case len(a.Labels) > maxLabels+2 || len(a.Annotations) > maxLabels+1 || len(a.Values) > maxLabels:
			return "too many labels"
		case len(a.Event) > maxEvent || !json.Valid(a.Event) || !good(string(a.Event)):
			return "no event"
		}
		seen[a.Fingerprint] = true
		for name, value := range a.Labels {
			if !labelName.MatchString(name) || value == "" || len(value) > maxLabel || !good(value) {
				return "no label"
			}
		}
		for name, value := range a.Annotations {
			if name == "" || value == "" || len(value) > maxAnnotation || !good(name) || !good(value) {
				return "no annotation"
			}
		}
		for _, value := range a.Values {
			if math.IsNaN(value) || math.IsInf(value, 0) {
				return "no number"
			}
		}
	}
	return ""
}

func good(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

func TestWhatNobodyCouldWorkWithIsSeen(t *testing.T) {
	fine := one(t, presetSource(t, "generic"), `{"title":"t"}`)
	require.Empty(t, unfit(fine))
	for _, spoil := range []func(*ingest.Snapshot){
		func(s *ingest.Snapshot) { s.Origin = "a\x00" },
		func(s *ingest.Snapshot) { s.Alerts = nil },
		func(s *ingest.Snapshot) { s.Alerts = append(s.Alerts, s.Alerts[0]) },
		func(s *ingest.Snapshot) { s.Alerts[0].Status = "" },
		func(s *ingest.Snapshot) { s.Alerts[0].Event = []byte(`{"a"`) },
		func(s *ingest.Snapshot) {
			s.Alerts[0].Labels = map[string]string{"alertname": "x", sourceLabel: "generic", "a-b": "c"}
		},
	} {
		spoiled := one(t, presetSource(t, "generic"), `{"title":"t"}`)
		spoil(&spoiled)
		require.NotEmpty(t, unfit(spoiled), "the fuzz test would find nothing")
	}
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ preset, file string }{
		{"butler", "context_failed"}, {"generic", "firing"}, {"qlik-cloud", "reload_failed"}, {"jira", "cloud_created"}, {"github", "issues_opened"}, {"sentry", "error_created"},
	} {
		b.Run(c.preset, func(b *testing.B) {
			data, err := os.ReadFile(filepath.Join("testdata", c.preset, c.file+".json"))
			require.NoError(b, err)
			s := source(b, Config{Name: c.preset, Preset: c.preset})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Parse(data, http.Header{}, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for _, name := range Presets() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				source(b, Config{Name: name, Preset: name})
			}
		})
	}
}
