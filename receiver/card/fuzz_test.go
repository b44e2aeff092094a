package card

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzEscaping promises that whatever bytes are in the data, the card parses,
// has the members that its template wrote and no others, and its strings read
// back as they were, apart from the documented escapes.
func FuzzEscaping(f *testing.F) {
	for _, seed := range []string{
		"", "plain", `"},{"type":"TextBlock","text":"x`, "\\", "\\\"", "\n\r\t\x00\x1f\x7f", "\xff\xfe", "\xed\xa0\x80", "\u2028",
		"<at>all</at>", "{{DATE(2026-01-01T00:00:00Z)}}", "${x}", "*/", "//", "<", "{", "$", "&amp;", "- a\n- b", "1. a", "  # x",
		"/* \" */", "🔥\u202eabc", "_*[]()~`>#+-=|{}.!", "{{{{", "$${{", "a\n\n\nb", "= \n==", "🏳️‍🌈", "\u2060",
	} {
		f.Add(seed, "b")
		f.Add("<{$", seed)
	}
	set, problems := New([]Source{{"fuzz.tmpl", `{{ define "fuzz" }}{
		// {{ .CommonLabels.a }}
		"type": "AdaptiveCard", /* {{ .CommonLabels.b }} */ "speak": "{{ .CommonLabels.a }}", "id": {{ .CommonLabels.a }},
		"body": [
			{"type": "TextBlock", "text": "{{ .CommonLabels.a }}{{ .CommonLabels.b }}"},
			{"type": "TextBlock", "text": "{{ .CommonAnnotations.a }}|{{ .CommonLabels.b }}"},
			{"type": "FactSet", "facts": [{"title": "{{ .CommonLabels.b }}", "value": {{ .CommonLabels.a }}}]},
			{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": "{{ .CommonLabels.a }}"}]},
			{"type": "Input.Text", "id": "x", "value": {{ .CommonLabels }}},
		],
		"actions": [{"type": "Action.OpenUrl", "title": "{{ .CommonLabels.a }}", "url": "https://e.example/{{ .CommonLabels.a }}"}],
	}{{ end }}`}})
	require.Empty(f, problems)
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 4000 {
			return // it would be shortened, which another test looks at
		}
		in := one(map[string]string{"a": a, "b": b}, map[string]string{"a": a})
		message := set.Render("fuzz", in, Limit{Bytes: 1 << 20})
		require.NoError(t, message.Fault)
		var card struct {
			Type, Speak, ID string
			Body            []struct {
				Text    string
				Facts   []struct{ Title, Value string }
				Inlines []struct{ Text string }
				Value   map[string]string
			}
			Actions []struct{ Title, URL string }
		}
		decoder := json.NewDecoder(strings.NewReader(string(message.Card)))
		require.NoError(t, decoder.Decode(&card), "%s", message.Card)
		a, b = strings.ToValidUTF8(a, "\uFFFD"), strings.ToValidUTF8(b, "\uFFFD")

		require.Equal(t, plainBack(a), plainBack(card.Speak))
		require.Equal(t, plainBack(a), plainBack(card.ID))
		require.Len(t, card.Body, 5)
		require.Equal(t, squash(a+b), squash(markdownBack(card.Body[0].Text)))
		require.Equal(t, squash(b), squash(markdownBack(card.Body[2].Facts[0].Title)))
		require.Equal(t, squash(a), squash(markdownBack(card.Body[2].Facts[0].Value)))
		require.Equal(t, plainBack(a), plainBack(card.Body[3].Inlines[0].Text))
		require.Equal(t, plainBack(a), plainBack(card.Body[4].Value["a"]))
		for _, text := range []string{card.Body[0].Text, card.Body[1].Text, card.Body[2].Facts[0].Value} {
			require.NotContains(t, strings.ToLower(text), "<at", "it would mention somebody")
			require.NotContains(t, text, "{{", "Teams would expand it")
			require.NotContains(t, text, "${", "Teams would expand it")
		}
		require.Equal(t, plainBack(a), plainBack(card.Actions[0].Title))
		require.True(t, strings.HasPrefix(card.Actions[0].URL, "https://e.example/"), card.Actions[0].URL)

		kept := set.Render("alert", in, Limit{Bytes: 1 << 20})
		require.NoError(t, kept.Fault)
		require.True(t, json.Valid(kept.Card))
	})
}

// plainBack takes out the word joiners that plainText puts in, and any others.
// How many U+FFFD stand for a run of broken bytes does not matter.
func plainBack(text string) string {
	text = strings.ReplaceAll(text, "\u2060", "")
	for strings.Contains(text, "\uFFFD\uFFFD") {
		text = strings.ReplaceAll(text, "\uFFFD\uFFFD", "\uFFFD")
	}
	return text
}

// markdownBack reads Markdown that escapeMarkdown wrote.
func markdownBack(text string) string {
	var out strings.Builder
	text = strings.NewReplacer("&lt;", "<", "&amp;", "&").Replace(text)
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && text[i+1] < 0x80 && strings.IndexByte("\\`*_[]~#+->.)={", text[i+1]) >= 0 {
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// squash takes out what escapes may change: space and line breaks.
func squash(text string) string {
	return strings.Join(strings.Fields(plainBack(text)), "")
}

// FuzzAssemble promises that whatever a template writes is refused or becomes
// JSON, without a panic.
func FuzzAssemble(f *testing.F) {
	for _, seed := range []string{`{"a": [1, 2,, 3 4,], // x` + "\n}", `{"a" "b"}`, `[`, `]`, `{"a":}`, `{"a":,1}`, `"\u12`, `"\`, `/`, `/*`, `nul`, `{:}`, `{"a"::1}`, `{}{}`, `{1:2}`} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, text string, at int) {
		var a assembler
		holes := []hole{{offset: min(max(at, 0), len(text)), sink: sinkText, value: `"x\`}}
		if a.assemble([]byte(text), holes) != nil {
			return
		}
		card := a.tree.write(nil, 0)
		require.True(t, json.Valid(card), "%q became %q", text, card)
		_ = (&checker{tree: &a.tree}).check()
	})
}
