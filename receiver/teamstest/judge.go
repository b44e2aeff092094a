package teamstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Card is a card as it came, or nothing.
type Card = json.RawMessage

const (
	adaptiveType = "application/vnd.microsoft.card.adaptive"
	// maxDepth is how deep a card may nest before we stop looking.
	maxDepth = 64
)

// verdict is what Teams makes of a request.
type verdict struct {
	status   int
	messages []Message
}

// judge looks at a request's body as a Workflows webhook does
// (teams-platform §1.3): it is refused only when it is too large or not what
// the trigger's schema says. Everything else is answered 202, and what is
// wrong with the cards only shows in the channel, where they are missing.
func judge(body []byte) verdict {
	nothing := func(status int, format string, args ...any) verdict {
		return verdict{status, []Message{{Reason: fmt.Sprintf(format, args...)}}}
	}
	if len(body) > maxMessage {
		return nothing(http.StatusRequestEntityTooLarge, "larger than %d bytes", maxMessage)
	}
	var envelope struct {
		Type        string          `json:"type"`
		Summary     string          `json:"summary"`
		Attachments json.RawMessage `json:"attachments"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nothing(http.StatusBadRequest, "the body is not the JSON that the trigger expects: %v", err)
	}
	if envelope.Type != "message" {
		return nothing(http.StatusBadRequest, "type is %q and must be \"message\"", envelope.Type)
	}
	if len(envelope.Attachments) == 0 || string(envelope.Attachments) == "null" {
		return nothing(http.StatusAccepted, "no attachments: the flow's loop over them fails (\"foreach … is of type 'Null'\")")
	}
	var attachments []struct {
		ContentType string `json:"contentType"`
		Content     Card   `json:"content"`
	}
	if err := json.Unmarshal(envelope.Attachments, &attachments); err != nil {
		return nothing(http.StatusAccepted, "attachments is not an array of attachments")
	}
	if len(attachments) == 0 {
		return nothing(http.StatusAccepted, "attachments is empty: the flow has nothing to post")
	}
	v := verdict{status: http.StatusAccepted}
	for _, a := range attachments {
		m := Message{Summary: envelope.Summary, Card: a.Content}
		if a.ContentType != adaptiveType {
			m.Reason = fmt.Sprintf("contentType is %q and must be %q", a.ContentType, adaptiveType)
		} else if err := checkCard(a.Content); err != nil {
			m.Reason = "InvalidBotAdaptiveCard: " + err.Error()
		}
		m.Shown = m.Reason == ""
		v.messages = append(v.messages, m)
	}
	return v
}

// checkCard finds what keeps the parser in front of Teams from taking a card.
// It is written apart from the checks of package card, so that a mistake
// there is seen here.
func checkCard(card Card) error {
	var root map[string]any
	if err := json.Unmarshal(card, &root); err != nil || root == nil {
		return fmt.Errorf("content is not a JSON object")
	}
	if root["type"] != "AdaptiveCard" {
		return fmt.Errorf("Property 'type' must be 'AdaptiveCard'")
	}
	if version, _ := root["version"].(string); version == "" {
		return fmt.Errorf("Property 'version' is missing")
	}
	return checkParts(root, "card", 0)
}

// contents are the properties that hold elements or actions, and known what
// may stand there: the schema of Adaptive Cards 1.5, which is what the
// parser in front of Teams knows (teams-platform §7.2).
var (
	contents = []string{"body", "items", "columns", "rows", "cells", "images", "inlines", "facts", "actions", "selectAction", "card"}
	known    = map[string]bool{
		"AdaptiveCard": true, "TextBlock": true, "RichTextBlock": true, "TextRun": true, "Image": true,
		"ImageSet": true, "Media": true, "FactSet": true, "Fact": true, "Table": true, "TableRow": true,
		"TableCell": true, "Container": true, "ColumnSet": true, "Column": true, "ActionSet": true,
		"Input.Text": true, "Input.Number": true, "Input.Date": true, "Input.Time": true,
		"Input.Toggle": true, "Input.ChoiceSet": true,
		"Action.OpenUrl": true, "Action.ShowCard": true, "Action.ToggleVisibility": true,
		"Action.Submit": true, "Action.Execute": true,
	}
	// required are the properties without which a type is refused.
	required = map[string]string{
		"TextBlock": "text", "TextRun": "text", "Image": "url", "FactSet": "facts", "ColumnSet": "columns",
		"Container": "items", "ActionSet": "actions", "RichTextBlock": "inlines", "ImageSet": "images",
		"Action.OpenUrl": "url", "Action.ShowCard": "card", "Action.ToggleVisibility": "targetElements",
	}
	// implied are the properties whose members need not say their type.
	implied = map[string]string{"columns": "Column", "rows": "TableRow", "cells": "TableCell", "facts": "Fact", "images": "Image", "card": "AdaptiveCard"}
)

func checkParts(part map[string]any, path string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s is nested too deep", path)
	}
	for _, name := range contents {
		value, there := part[name]
		if !there {
			continue
		}
		list, isList := value.([]any)
		if single := name == "selectAction" || name == "card"; single {
			list, isList = []any{value}, true
		}
		if part["type"] == "Table" && name == "columns" {
			continue // widths, not elements
		}
		if !isList {
			return fmt.Errorf("%s.%s must be an array", path, name)
		}
		for i, item := range list {
			at := fmt.Sprintf("%s.%s[%d]", path, name, i)
			if err := checkPart(item, name, at, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkPart(item any, within, path string, depth int) error {
	if _, isText := item.(string); isText && within == "inlines" {
		return nil
	}
	part, ok := item.(map[string]any)
	if !ok {
		return fmt.Errorf("%s must be an object", path)
	}
	kind, _ := part["type"].(string)
	if kind == "" {
		kind = implied[within]
	}
	if kind == "" {
		return fmt.Errorf("%s has no type", path)
	}
	if !known[kind] {
		if fallback, ok := part["fallback"].(map[string]any); ok {
			return checkPart(fallback, within, path+".fallback", depth+1)
		}
		if drop, _ := part["fallback"].(string); drop == "drop" {
			return nil
		}
		return fmt.Errorf("%s is a %q, which is not known and has no fallback", path, kind)
	}
	if need := required[kind]; need != "" {
		if _, there := part[need]; !there {
			return fmt.Errorf("%s is a %s without %q", path, kind, need)
		}
	}
	if isAction := strings.HasPrefix(kind, "Action."); isAction != (within == "actions" || within == "selectAction") {
		return fmt.Errorf("%s: a %s cannot stand in %q", path, kind, within)
	}
	return checkParts(part, path, depth+1)
}
