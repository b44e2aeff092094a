package events

import (
	"encoding/json"
	"net/http"
	"slices"
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

func TestEachCardOfAMessageIsTold(t *testing.T) {
	card := func(text string) string {
		return `{"type":"AdaptiveCard","body":[{"type":"TextBlock","text":"` + text + `"}]}`
	}
	attached := func(content string) string {
		return `{"contentType":"application/vnd.microsoft.card.adaptive","content":` + content + `}`
	}
	message := func(attachments ...string) string {
		return `{"type":"message","attachments":[` + strings.Join(attachments, ",") + `]}`
	}
	quoted, err := json.Marshal(card("as a text"))
	require.NoError(t, err)
	long, err := json.Marshal(card(strings.Repeat("x", 2*maxString)))
	require.NoError(t, err)
	for _, c := range []struct {
		name, body string
		titles     []string
	}{
		{"two", message(attached(card("first")), attached(card("second"))), []string{"first", "second"}},
		{"two, and something else", message(attached(card("first")), `{"contentType":"image/png"}`, attached(card("second"))), []string{"first", "second"}},
		{"one that is written as a text", message(attached(string(quoted))), []string{"as a text"}},
		{"one of each", message(attached(card("first")), attached(string(quoted))), []string{"first", "as a text"}},
		{"a text that is long", message(attached(string(long))), []string{strings.Repeat("x", maxAnnotation-3) + "…"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := source(t, Config{Preset: "generic"}).Parse([]byte(c.body), http.Header{}, now)
			require.NoError(t, err)
			var titles, origins []string
			for _, s := range got {
				a := s.Alerts[0]
				titles, origins = append(titles, a.Annotations["summary"]), append(origins, s.Origin)
				require.Equal(t, noticeName, a.Name())
				if len(a.Event) < 1000 {
					require.Equal(t, payloadCard, a.Annotations[alert.CardAnnotation])
					require.JSONEq(t, message(attached(card(a.Annotations["summary"]))), string(a.Event), "the card that it shows is its own")
				}
			}
			require.Equal(t, c.titles, titles)
			require.Len(t, slices.Compact(slices.Sorted(slices.Values(origins))), len(titles), "each is a story of its own")
		})
	}

	many := attached(card("x"))
	_, err = source(t, Config{Preset: "generic"}).Parse([]byte(message(slices.Repeat([]string{many}, maxEvents+1)...)), http.Header{}, now)
	require.ErrorContains(t, err, "more than 1000 events and cards")
	_, err = source(t, Config{Preset: "generic"}).Parse([]byte(message(attached(`"`+strings.Repeat("[", maxContent+1)+`"`))), http.Header{}, now)
	require.ErrorContains(t, err, "more than 1024 KiB")
	require.Less(t, len(one(t, source(t, Config{Preset: "generic"}), message(attached(`"`+strings.Repeat("[", 1000)+`"`))).Origin), 600, "no card: the mapping has it")
}

// Who sees "taken" believes that somebody reads it.
func TestACardThatShowsNothingIsRefused(t *testing.T) {
	for _, body := range []string{
		`{"@type":"MessageCard"}`, `{"@type":"MessageCard","title":" ","themeColor":"FF0000"}`, `{"@type":"MessageCard","sections":[{}]}`,
		`{"type":"AdaptiveCard","body":[]}`, `{"type":"AdaptiveCard","body":[{}]}`,
		`{"type":"message","summary":"s","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard","body":[]}}]}`,
	} {
		_, err := source(t, Config{Preset: "generic"}).Parse([]byte(body), http.Header{}, now)
		require.ErrorContains(t, err, "a card that shows nothing", body)
	}
	for _, body := range []string{
		`{"@type":"MessageCard","sections":[{"facts":[{"name":"n","value":"v"}]}]}`,
		`{"type":"AdaptiveCard","body":[{"type":"Image","url":"https://x.example/x.png"}]}`,
	} {
		one(t, source(t, Config{Preset: "generic"}), body)
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
