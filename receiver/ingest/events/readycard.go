package events

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
)

// A body may be a card already: programs that were written for Office
// connectors or Workflows send those. It is told as it is (by the card
// payload), whatever the source's mapping says.
const (
	payloadCard   = "payload"
	noticeName    = "Notification" // alertname of a ready card
	noticeExpires = 24 * time.Hour
)

// notice is what routes and other cards can know of a ready card.
type notice struct {
	title, text, severity string
	empty                 bool // it shows nothing
}

// maxContent is how many bytes of cards that are written as a text are read in
// one message: a card of Teams has 28 KB.
const maxContent = 1 << 20

// apart makes of a message with several cards, which is one event for its
// sender, an event of each card: one story shows one card. A card that is
// written as a text becomes an object, as others are.
func apart(e event) ([]event, error) {
	message, _ := e.value.(map[string]any)
	attachments, _ := message["attachments"].([]any)
	if !strings.EqualFold(textOf(message, "type"), "message") {
		return []event{e}, nil
	}
	var cards []any
	changed, read := false, 0
	for _, a := range attachments {
		attachment, _ := a.(map[string]any)
		if !strings.EqualFold(textOf(attachment, "contentType"), adaptiveType) {
			continue
		}
		if text, is := attachment["content"].(string); is {
			if read += len(text); read > maxContent {
				return nil, tooMuch("the cards of a message that are texts have more than %d KiB", maxContent>>10)
			}
			if measure([]byte(text)) == nil {
				if content, err := decode([]byte(text)); err == nil {
					attachment["content"], changed = content, true
				}
			}
		}
		if content, _ := attachment["content"].(map[string]any); isAdaptive(content) {
			cards = append(cards, a)
		}
	}
	if len(cards) == 0 || len(cards) == 1 && !changed {
		return []event{e}, nil
	}
	events := make([]event, len(cards))
	for i, card := range cards {
		one := map[string]any{"type": "message", "attachments": []any{card}}
		if summary := textOf(message, "summary"); summary != "" {
			one["summary"] = cut(summary, maxAnnotation)
		}
		events[i] = event{raw: encode(one), value: one}
	}
	return events, nil
}

const adaptiveType = "application/vnd.microsoft.card.adaptive"

// readyCard recognises a MessageCard, an AdaptiveCard, and a message with one.
func readyCard(value any) (notice, bool) {
	body, ok := value.(map[string]any)
	if !ok {
		return notice{}, false
	}
	switch {
	case textOf(body, "@type") == "MessageCard":
		return messageCard(body), true
	case isAdaptive(body):
		return adaptiveCard(body), true
	case !strings.EqualFold(textOf(body, "type"), "message"):
		return notice{}, false
	}
	attachments, _ := body["attachments"].([]any)
	for _, a := range attachments {
		attachment, _ := a.(map[string]any)
		content, _ := attachment["content"].(map[string]any)
		if !strings.EqualFold(textOf(attachment, "contentType"), adaptiveType) || !isAdaptive(content) {
			continue
		}
		n := adaptiveCard(content)
		if summary := textOf(body, "summary"); summary != "" && !n.empty {
			n.title = summary
		}
		return n, true
	}
	return notice{}, false
}

func isAdaptive(card map[string]any) bool {
	_, body := card["body"].([]any)
	return body && textOf(card, "type") == "AdaptiveCard"
}

func textOf(object map[string]any, name string) string {
	text, _ := object[name].(string)
	return strings.TrimSpace(clean(text))
}

func messageCard(card map[string]any) notice {
	n := notice{title: textOf(card, "title"), text: textOf(card, "text"), severity: severityOfColor(textOf(card, "themeColor"))}
	sections, _ := card["sections"].([]any)
	for _, s := range sections {
		section, _ := s.(map[string]any)
		for _, name := range []string{"activityTitle", "title"} {
			if n.title == "" {
				n.title = textOf(section, name)
			}
		}
		for _, name := range []string{"text", "activityText", "activitySubtitle"} {
			if n.text == "" {
				n.text = textOf(section, name)
			}
		}
	}
	if summary := textOf(card, "summary"); n.title == "" {
		n.title = summary
	}
	n.empty = n.title == "" && n.text == "" && !says(card["sections"])
	return n
}

// says is whether there is any text in a value.
func says(value any) bool {
	switch v := value.(type) {
	case string:
		return strings.TrimSpace(v) != ""
	case []any:
		return slices.ContainsFunc(v, says)
	case map[string]any:
		for _, item := range v {
			if says(item) {
				return true
			}
		}
	}
	return false
}

func adaptiveCard(card map[string]any) notice {
	n := notice{}
	var walk func(elements any, depth int)
	walk = func(elements any, depth int) {
		list, _ := elements.([]any)
		for _, e := range list {
			element, _ := e.(map[string]any)
			if depth > maxDepth || element == nil {
				continue
			}
			n.severity = worse(n.severity, severityOfStyle(textOf(element, "style")), severityOfStyle(textOf(element, "color")))
			if text := textOf(element, "text"); text != "" && textOf(element, "type") == "TextBlock" {
				if n.title == "" {
					n.title = text
				} else if n.text == "" {
					n.text = text
				}
			}
			walk(element["items"], depth+1)
			walk(element["columns"], depth+1)
		}
	}
	walk(card["body"], 0)
	if n.title == "" {
		n.title = textOf(card, "fallbackText")
	}
	n.empty = n.title == "" && !says(card["body"])
	return n
}

// severityOfStyle reads the styles of containers and colours of texts.
func severityOfStyle(style string) string {
	switch strings.ToLower(style) {
	case "attention":
		return "critical"
	case "warning":
		return "warning"
	case "good":
		return "info"
	}
	return ""
}

func worse(severities ...string) string {
	worst := ""
	for _, s := range severities {
		if worst == "" || s != "" && severityRank(s) > severityRank(worst) {
			worst = s
		}
	}
	return worst
}

func severityRank(word string) alert.Severity {
	return alert.SeverityOf(map[string]string{alert.SeverityLabel: word})
}

// severityOfColor reads a MessageCard's colour as people do: red is bad,
// orange and yellow a warning, green good. "" for the others.
func severityOfColor(color string) string {
	color = strings.TrimPrefix(color, "#")
	if len(color) == 3 { // as in CSS
		color = string([]byte{color[0], color[0], color[1], color[1], color[2], color[2]})
	}
	rgb, err := strconv.ParseUint(color, 16, 32)
	if len(color) != 6 || err != nil {
		return ""
	}
	red, green, blue := int(rgb>>16), int(rgb>>8&0xFF), int(rgb&0xFF)
	switch high, low := max(red, green, blue), min(red, green, blue); {
	case high-low < 60: // grey
		return ""
	case red == high && green*10 < red*4 && blue*10 < red*5:
		return "critical"
	case red == high && blue < green, green == high && red*10 >= green*8 && blue < red:
		return "warning"
	case green == high && blue*10 < green*8:
		return "info"
	}
	return ""
}

// notice is the snapshot of a ready card: a story of its own.
func (s *Source) notice(n notice, e event, now time.Time) ingest.Snapshot {
	a := alert.Alert{
		Status:      alert.Firing,
		Momentary:   true,
		Labels:      map[string]string{alert.NameLabel: noticeName, sourceLabel: s.name},
		Annotations: map[string]string{},
		Event:       keep(e),
	}
	if n.severity != "" {
		a.Labels[alert.SeverityLabel] = n.severity
	}
	if n.title != "" {
		a.Annotations["summary"] = cut(n.title, maxAnnotation)
	}
	if n.text != "" {
		a.Annotations["description"] = cut(n.text, maxAnnotation)
	}
	if len(e.raw) <= maxEvent { // a card with parts left out may be none any more
		a.Annotations[alert.CardAnnotation] = payloadCard
	}
	return s.snapshot(s.recent.key(e.raw, now), a, &group.Event{Expires: noticeExpires})
}
