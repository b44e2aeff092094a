package events

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

func TestABodyThatIsACardAlreadyIsToldAsItIs(t *testing.T) {
	for _, c := range []struct{ name, body, title, text, severity string }{
		{"a MessageCard", `{"@type":"MessageCard","@context":"https://schema.org/extensions","summary":"s","title":"Reload failed","text":"of Sales","themeColor":"D70000"}`,
			"Reload failed", "of Sales", "critical"},
		{"one with sections only", `{"@type":"MessageCard","themeColor":"#FFA500","sections":[{"activityTitle":"Task stopped","activitySubtitle":"Sales"}]}`,
			"Task stopped", "Sales", "warning"},
		{"one with a summary only", `{"@type":"MessageCard","summary":"Done","themeColor":"0f0"}`, "Done", "", "info"},
		{"an AdaptiveCard", `{"type":"AdaptiveCard","version":"1.3","body":[{"type":"Container","style":"attention","items":[{"type":"TextBlock","text":"Down"},{"type":"TextBlock","text":"since noon"}]}]}`,
			"Down", "since noon", "critical"},
		{"one in columns", `{"type":"AdaptiveCard","body":[{"type":"ColumnSet","columns":[{"type":"Column","items":[{"type":"TextBlock","text":"Slow","color":"Warning"}]}]}]}`,
			"Slow", "", "warning"},
		{"a message with one, as Workflows take it", `{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,"content":{"type":"AdaptiveCard","body":[{"type":"TextBlock","text":"Hi"}]}}]}`,
			"Hi", "", ""},
		{"a message with a summary", `{"type":"message","summary":"In short","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard","body":[{"type":"TextBlock","text":"Hi"}]}}]}`,
			"In short", "", ""},
		{"an empty card", `{"type":"AdaptiveCard","body":[],"fallbackText":"old client"}`, "old client", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := source(t, Config{Preset: "butler", Mapping: Mapping{When: "false"}}) // no mapping is asked
			got := one(t, s, c.body)
			a := got.Alerts[0]
			require.Equal(t, alert.Firing, a.Status)
			require.Equal(t, "Notification", a.Name())
			require.Equal(t, "payload", a.Annotations[alert.CardAnnotation])
			require.Equal(t, c.title, a.Annotations["summary"])
			require.Equal(t, c.text, a.Annotations["description"])
			require.Equal(t, c.severity, a.Labels["severity"])
			require.Equal(t, 24*time.Hour, got.Event.Expires)
			require.JSONEq(t, c.body, string(a.Event))
		})
	}
}

func TestWhatOnlyLooksLikeACardGoesThroughTheMapping(t *testing.T) {
	for _, body := range []string{
		`{"type":"message","text":"hello"}`, `{"type":"AdaptiveCard"}`, `{"@type":"Person"}`, `{"type":"message","attachments":[]}`,
		`{"type":"message","attachments":[{"contentType":"application/json","content":{"type":"AdaptiveCard","body":[]}}]}`,
		`{"type":"message","attachments":[7,{"contentType":"application/vnd.microsoft.card.hero","content":{}}]}`,
	} {
		got := one(t, source(t, Config{Preset: "generic"}), body)
		require.NotContains(t, got.Alerts[0].Annotations, alert.CardAnnotation, body)
	}
}

func TestARepeatedCardIsToldAgainUnlessItComesWithinAMinute(t *testing.T) {
	s := source(t, Config{Preset: "generic"})
	body := []byte(`{"@type":"MessageCard","text":"backup failed"}`)
	first := s.mustOrigin(t, body, now)
	require.Equal(t, first, s.mustOrigin(t, body, now.Add(30*time.Second)), "the sender tries again")
	require.NotEqual(t, first, s.mustOrigin(t, body, now.Add(time.Hour)), "it failed again")
}

func TestSeveralCardsInABodyAreSeveralStories(t *testing.T) {
	got, err := source(t, Config{Preset: "generic"}).Parse([]byte(`[{"@type":"MessageCard","text":"a"},{"@type":"MessageCard","text":"b"},{"title":"c"}]`), http.Header{}, now)
	require.NoError(t, err)
	require.Len(t, got, 3)
	require.NotEqual(t, got[0].Origin, got[1].Origin)
}

func TestACardThatIsTooLargeToBeKeptWholeIsToldByItsWords(t *testing.T) {
	got := one(t, source(t, Config{Preset: "generic"}), `{"@type":"MessageCard","title":"Long","text":"`+strings.Repeat("x", 50_000)+`"}`)
	require.Equal(t, "Long", got.Alerts[0].Annotations["summary"])
	require.NotContains(t, got.Alerts[0].Annotations, alert.CardAnnotation, "half a card may be none")
}

func TestColoursAreReadAsPeopleReadThem(t *testing.T) {
	for color, want := range map[string]string{
		"FF0000": "critical", "8C1A1A": "critical", "d63333": "critical", "E81123": "critical", "#A4262C": "critical",
		"FFA500": "warning", "ff8c00": "warning", "FFCC00": "warning", "FFFF00": "warning", "EA9D11": "warning",
		"2DC72D": "info", "00FF00": "info", "36a64f": "info", "107C10": "info",
		"0076D7": "", "808080": "", "403A30": "", "FFFFFF": "", "000000": "", "": "", "red": "", "12345": "", "GGGGGG": "", "-12345": "",
	} {
		require.Equal(t, want, severityOfColor(color), color)
	}
}
