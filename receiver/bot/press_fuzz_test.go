package bot

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Clients send what was typed as text, numbers, lists, or whatever they like.
// What is made of it goes into the audit and onto cards.
func FuzzWhatStandsBehindAButton(f *testing.F) {
	for _, seed := range []string{
		`{"comment": "words", "span": "4h"}`, `{"comment": 5}`, `{"comment": null}`, `{"comment": ["a", {"b": 1}]}`, `{"assignee": "\ud800"}`,
		`{"silence_comment": "\u0000\u202e"}`, `{"comment": {"comment": {"comment": {}}}}`, `[]`, `""`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var written inputs
		if json.Unmarshal(data, &written) != nil {
			return
		}
		for _, text := range []input{written.Comment, written.Reason, written.Assignee, written.Span} {
			require.True(t, utf8.ValidString(string(text)), "%q", text)
			require.LessOrEqual(t, len(text), 4*len(data)+4, "it has grown")
		}
	})
}
