package card

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/teamsrelay/teamsrelay/receiver/press"
)

// The minimal card uses TextBlocks and nothing else, so that nothing in it
// can be refused.
type (
	minimalCard struct {
		Type         string     `json:"type"`
		Schema       string     `json:"$schema"`
		Version      string     `json:"version"`
		FallbackText string     `json:"fallbackText"`
		Body         []any      `json:"body"`
		Teams        teamsWidth `json:"msteams"`
	}
	// minimalButtons are an element: old clients want buttons in a set.
	minimalButtons struct {
		Type    string          `json:"type"`
		Actions []minimalButton `json:"actions"`
	}
	minimalButton struct {
		Type     string         `json:"type"`
		Title    string         `json:"title"`
		Verb     string         `json:"verb,omitempty"`
		Data     press.Data     `json:"data"`
		Fallback *minimalButton `json:"fallback,omitempty"`
	}
	minimalBlock struct {
		Type   string `json:"type"`
		Text   string `json:"text"`
		Wrap   bool   `json:"wrap"`
		Size   string `json:"size,omitempty"`
		Weight string `json:"weight,omitempty"`
		Color  string `json:"color,omitempty"`
		Space  string `json:"spacing,omitempty"`
		Style  string `json:"style,omitempty"`
		Subtle bool   `json:"isSubtle,omitempty"`
	}
	teamsWidth struct {
		Width string `json:"width"`
	}
)

// minimalRunes are the lengths to which the texts of a minimal card are cut,
// one after the other, until it fits.
var minimalRunes = []int{1000, 300, 100, 40, 16, 0}

// Minimal is the card that is sent when no other can be: state, name, place
// and summary, and who did what. It is built without a template and cannot
// fail. It fits every limit that leaves 700 bytes for the card. It has no
// buttons that do something: nothing is in it that Teams may refuse.
func Minimal(in Input, limit Limit) Message {
	in.Look.Press = nil
	return minimalOf(in, limit)
}

// minimalOf is Minimal with those buttons that need no form, where people can
// answer. Texts are cut before buttons go.
func minimalOf(in Input, limit Limit) Message {
	t := newTeller(in)
	story := t.story(0)
	summary := story.Summary
	if summary == "" && len(t.members) > 0 {
		summary = t.ownSummary(t.members[0])
	}
	texts := []minimalText{
		{style: minimalBlock{Weight: "Bolder", Color: story.Color}, text: story.Status},
		{style: minimalBlock{Size: "Large", Weight: "Bolder", Style: "heading", Space: "Small"}, text: story.Title},
		{style: minimalBlock{Space: "Small"}, text: story.Where, markdown: true},
		{style: minimalBlock{Size: "Small", Space: "Small"}, text: capital(story.Since)},
	}
	for _, line := range story.people {
		texts = append(texts, minimalText{style: minimalBlock{Weight: "Bolder", Space: "Small"}, text: line.Text})
	}
	texts = append(texts, minimalText{text: summary, markdown: true})
	for _, notice := range story.Notices {
		texts = append(texts, minimalText{text: notice})
	}
	texts = append(texts, minimalText{style: minimalBlock{Size: "Small", Subtle: true}, text: story.SmallPrint})
	var buttons []minimalButton
	for _, a := range t.actions() {
		if len(a.Choices) > 0 {
			continue
		}
		buttons = append(buttons, minimalButton{
			Type: "Action.Execute", Title: a.Title, Verb: a.Verb, Data: a.Data,
			Fallback: &minimalButton{Type: "Action.Submit", Title: a.Title, Data: a.Data},
		})
	}
	if len(buttons) > 0 {
		if message := minimal(texts, story.Preview, limit, buttons...); limit.fits(message) {
			return message
		}
	}
	return minimal(texts, story.Preview, limit)
}

// minimalDigest is Minimal for a digest.
func minimalDigest(in DigestInput, limit Limit) Message {
	digest := tellDigest(in, maxDigestRows)
	texts := []minimalText{
		{style: minimalBlock{Size: "Large", Weight: "Bolder", Style: "heading"}, text: digest.Title},
		{text: digest.Reason},
	}
	for _, section := range digest.Sections {
		texts = append(texts, minimalText{text: section.Title})
	}
	return minimal(texts, digest.Preview, limit)
}

type minimalText struct {
	style    minimalBlock
	text     string
	markdown bool
}

func minimal(texts []minimalText, preview string, limit Limit, buttons ...minimalButton) Message {
	var message Message
	for _, runes := range minimalRunes {
		card := minimalCard{
			Type: "AdaptiveCard", Schema: cardSchema, Version: "1.5",
			FallbackText: plainText(shorten(preview, runes)), Teams: teamsWidth{"Full"}, Body: []any{},
		}
		for _, t := range texts {
			block := t.style
			block.Type, block.Wrap = "TextBlock", true
			block.Text = shorten(t.text, runes)
			if t.markdown {
				block.Text = keepMarkdown(block.Text)
			} else {
				block.Text = escapeMarkdown(block.Text)
			}
			if block.Text != "" {
				card.Body = append(card.Body, block)
			}
		}
		if len(card.Body) == 0 {
			card.Body = append(card.Body, minimalBlock{Type: "TextBlock", Wrap: true, Text: "Alert. Its text does not fit."})
		}
		if len(buttons) > 0 {
			card.Body = append(card.Body, minimalButtons{"ActionSet", buttons})
		}
		message = Message{Card: encode(card), Summary: shorten(preview, min(max(runes, 24), maxPreview))}
		if limit.fits(message) {
			break
		}
	}
	return message
}

const cardSchema = "http://adaptivecards.io/schemas/adaptive-card.json"

// encode writes JSON without escaping <, > and &: on the wire they are one
// byte, not six.
func encode(v any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // strings and booleans always encode
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

// capital makes the first letter a capital.
func capital(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return strings.ToUpper(text[:size]) + text[size:]
}
