package botframework

import (
	"bytes"
	"encoding/json"
	"html"

	"github.com/teamsrelay/teamsrelay/receiver/card"
)

// Envelope is m exactly as it goes over the wire, and what Teams counts
// against card.BotLimit: an activity with the card and the preview text, and
// never a text beside the card, which Teams would make two messages of, without
// telling their ids (teams-platform §2.6). The card's bytes are not touched.
func Envelope(m card.Message) []byte { return activity(m, false) }

// activity is a message with a card. alert puts it into people's activity feed
// (teams-platform §2.7).
func activity(m card.Message, alert bool) []byte {
	var b bytes.Buffer
	b.Grow(len(m.Card) + len(m.Summary) + 200)
	b.WriteString(`{"type":"message",`)
	if m.Summary != "" {
		b.WriteString(`"summary":`)
		writeString(&b, m.Summary)
		b.WriteByte(',')
	}
	b.WriteString(`"attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":`)
	b.Write(m.Card)
	b.WriteString(`}]`)
	if alert {
		b.WriteString(`,"channelData":{"notification":{"alert":true}}`)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// writeString writes s as a JSON string. Unlike json.Marshal it leaves <, >
// and & alone: escaped they take six bytes each.
func writeString(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	// A string cannot fail to encode; the encoder ends it with a newline.
	_ = e.Encode(s)
	b.Truncate(b.Len() - 1)
}

// Text is a message without a card: an answer to somebody who typed.
type Text struct {
	// Markdown is what it says. Who is mentioned stands in it as Mention.Text
	// writes it.
	Markdown string
	Mentions []Mention
}

// Mention names somebody so that Teams tells them.
type Mention struct {
	ID   string // "29:…", an Entra object id or a UPN
	Name string
}

// Text is how the mention stands in a text. Teams finds it there by comparing
// it with what the message says about it, letter by letter.
func (m Mention) Text() string { return "<at>" + html.EscapeString(m.Name) + "</at>" }

type account struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

type entity struct {
	Type      string  `json:"type"`
	Text      string  `json:"text"`
	Mentioned account `json:"mentioned"`
}

type textActivity struct {
	Type       string   `json:"type"`
	Text       string   `json:"text"`
	TextFormat string   `json:"textFormat"`
	Entities   []entity `json:"entities,omitempty"`
}

func (t Text) activity() []byte {
	a := textActivity{Type: "message", Text: t.Markdown, TextFormat: "markdown"}
	for _, m := range t.Mentions {
		a.Entities = append(a.Entities, entity{Type: "mention", Text: m.Text(), Mentioned: account{ID: m.ID, Name: m.Name}})
	}
	return encode(a)
}

type tenantData struct {
	ID string `json:"id"`
}

type channelData struct {
	Channel *account    `json:"channel,omitempty"`
	Tenant  *tenantData `json:"tenant,omitempty"`
}

// dataOf is what only Teams knows of in a request; a tenant that nobody knows
// is left out.
func dataOf(tenant string, channel *account) channelData {
	if tenant == "" {
		return channelData{Channel: channel}
	}
	return channelData{Channel: channel, Tenant: &tenantData{tenant}}
}

// parameters make a conversation: a thread in a channel, or a chat with
// somebody.
type parameters struct {
	Bot         account     `json:"bot"`
	IsGroup     bool        `json:"isGroup"`
	Members     []account   `json:"members,omitempty"`
	TenantID    string      `json:"tenantId,omitempty"`
	ChannelData channelData `json:"channelData"`
}

// newThread is the request for a thread that begins with an activity. The
// activity's bytes are not touched.
func newThread(p Place, activity []byte) []byte {
	bare, _ := Thread(p.Conversation)
	body := encode(parameters{
		Bot: account{ID: p.BotID}, IsGroup: true, TenantID: p.Tenant,
		ChannelData: dataOf(p.Tenant, &account{ID: bare}),
	})
	body = append(body[:len(body)-1], `,"activity":`...)
	return append(append(body, activity...), '}')
}

// newChat is the request for the personal conversation with p.User.
func newChat(p Place) []byte {
	return encode(parameters{
		Bot: account{ID: p.BotID}, Members: []account{{ID: p.User}}, TenantID: p.Tenant,
		ChannelData: dataOf(p.Tenant, nil),
	})
}

// encode writes a struct of ours, which cannot fail, as JSON without escapes
// for HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
