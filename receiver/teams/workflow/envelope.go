package workflow

import (
	"bytes"
	"encoding/json"

	"github.com/teamsrelay/teamsrelay/receiver/card"
)

// Envelope is m exactly as it goes over the wire: the body that the trigger
// "When a Teams webhook request is received" expects (teams-platform §1.3).
// The card's bytes are not touched, so what was measured is what is sent.
func Envelope(m card.Message) []byte {
	var b bytes.Buffer
	b.Grow(len(m.Card) + len(m.Summary) + 160)
	b.WriteString(`{"type":"message",`)
	if m.Summary != "" {
		b.WriteString(`"summary":`)
		writeString(&b, m.Summary)
		b.WriteByte(',')
	}
	b.WriteString(`"attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,"content":`)
	b.Write(m.Card)
	b.WriteString(`}]}`)
	return b.Bytes()
}

// writeString writes s as a JSON string. Unlike json.Marshal it leaves <, >
// and & alone: escaped they take six bytes each of the 28 KB.
func writeString(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	// A string cannot fail to encode; the encoder ends it with a newline.
	_ = e.Encode(s)
	b.Truncate(b.Len() - 1)
}
