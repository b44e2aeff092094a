package card

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// FuzzShippedCards promises that whatever text is in the labels, annotations,
// events and comments of a group, each shipped card is made, can be read, and
// mentions nobody.
func FuzzShippedCards(f *testing.F) {
	for _, seed := range []string{
		"", `"`, "\n", `\`, "<at>all</at>", "{{DATE(2026-01-01T00:00:00Z)}}", "${x}", "1753-01-01T00:00:00.000Z", "-", "Never",
		"2026-11-21", "https://e.example", "javascript:x", "1", `\\n`, "Error: x\nError:", "a\r\n\tb", "\xff", "🔥\u202e", strings.Repeat("x\n", 40),
	} {
		for _, card := range []uint8{0, 3, 7, 12} {
			f.Add(seed, card)
		}
	}
	set, problems := New(nil)
	require.Empty(f, problems)
	var samples []Sample
	for _, sample := range Samples(now) {
		if sample.Digest == nil && sample.Card != payloadCard {
			f.Add("<at>all</at>", uint8(len(samples)))
			samples = append(samples, sample)
		}
	}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		if len(text) > 2000 {
			return
		}
		sample := samples[int(which)%len(samples)]
		in := copied(sample.Input)
		for i := range in.Group.Alerts {
			m := &in.Group.Alerts[i]
			m.Labels, m.Annotations = filled(m.Labels, text), filled(m.Annotations, text)
			var event any
			if json.Unmarshal(m.Event, &event) == nil {
				m.Event, _ = json.Marshal(filledJSON(event, text))
			}
		}
		for i := range in.Group.History {
			in.Group.History[i].Who, in.Group.History[i].Text = text, text
		}
		sample.Input = in
		message := set.RenderSample(sample, Limit{Bytes: 1 << 20})
		require.NoError(t, message.Fault, "people would get the minimal card")
		root := read(t, message)
		takeMentions(t, root)
		elements(root, func(element map[string]any) {
			for name, member := range element {
				words, ok := member.(string)
				if !ok {
					continue
				}
				require.NotContains(t, words, "{{", name)
				require.NotContains(t, words, "${", name)
				if element["type"] == "TextBlock" && name == "text" || element["type"] == nil && name == "value" {
					require.NotContains(t, strings.ToLower(words), "<at", name)
				}
			}
		})
	})
}

func filled(set map[string]string, text string) map[string]string {
	full := map[string]string{}
	for name := range set {
		full[name] = text
	}
	if hint := set[alert.CardAnnotation]; hint != "" {
		full[alert.CardAnnotation] = hint
	}
	return full
}

func filledJSON(value any, text string) any {
	switch v := value.(type) {
	case string:
		return text
	case map[string]any:
		for name := range v {
			v[name] = filledJSON(v[name], text)
		}
	case []any:
		for i := range v {
			v[i] = filledJSON(v[i], text)
		}
	}
	return value
}
