package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/itchyny/gojq"
)

// maxEvent is how many bytes of JSON are kept of an event (alert.Alert.Event).
const maxEvent = 32 << 10

// shortenedKey is the field that says that an event was made smaller.
const shortenedKey = "teamsrelay_shortened"

// keep is an event as it goes on: what was sent, without space, or made
// smaller, visibly, until it fits.
func keep(e event) json.RawMessage {
	var compact bytes.Buffer
	if !bytes.Contains(e.raw, []byte(`\u0000`)) && json.Compact(&compact, e.raw) == nil && compact.Len() <= maxEvent && utf8.Valid(compact.Bytes()) {
		return bytes.Clone(compact.Bytes())
	}
	whole := shortest{texts: maxEvent, items: maxEvent, depth: maxDepth + 1}
	if kept := encode(whole.value(e.value, 0)); len(kept) <= maxEvent && !e.cut {
		return kept // only cleaned
	}
	note := fmt.Sprintf("the event had %d KiB; what follows is a part of it", (len(e.raw)+1023)>>10)
	for _, s := range []shortest{
		{texts: 4096, items: 200, depth: 16}, {texts: 2048, items: 50, depth: 12}, {texts: 1024, items: 20, depth: 10},
		{texts: 256, items: 10, depth: 8}, {texts: 64, items: 5, depth: 6},
	} {
		value := s.value(e.value, 0)
		if object, ok := value.(map[string]any); ok {
			object[shortenedKey] = note
		}
		if kept := encode(value); len(kept) <= maxEvent {
			return kept
		}
	}
	return encode(map[string]any{shortenedKey: note + ", and nothing of it was small enough to be kept"})
}

// shortest says how much is left of each part of an event.
type shortest struct {
	texts int // bytes of a text, and of a name
	items int // of an array; of an object eight times as many fields
	depth int
}

// value is a part of an event, made smaller. What was left out of an array is
// said by an item of the kind of the others, so that a template that goes
// over them does not stumble.
func (s shortest) value(value any, depth int) any {
	switch v := value.(type) {
	case string:
		return cut(clean(v), s.texts)
	case []any:
		if depth >= s.depth {
			return []any{}
		}
		kept := make([]any, 0, min(len(v), s.items+1))
		for _, item := range v[:min(len(v), s.items)] {
			kept = append(kept, s.value(item, depth+1))
		}
		if more := len(v) - len(kept); more > 0 {
			kept = append(kept, missing(more, v[0]))
		}
		return kept
	case map[string]any:
		if depth >= s.depth {
			return map[string]any{"…": fmt.Sprintf("%d fields left out", len(v))}
		}
		most := 8 * s.items
		kept := make(map[string]any, min(len(v), most+1))
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i >= most {
				kept["…"] = fmt.Sprintf("and %d more fields", len(v)-most)
				break
			}
			kept[cut(clean(name), s.texts)] = s.value(v[name], depth+1)
		}
		return kept
	}
	return value
}

// missing stands in an array for more items like one of them.
func missing(more int, like any) any {
	words := fmt.Sprintf("and %d more", more)
	switch like.(type) {
	case map[string]any:
		return map[string]any{"…": words}
	case []any:
		return []any{words}
	}
	return words
}

// encode writes JSON without escaping what only HTML minds.
func encode(value any) json.RawMessage {
	encoded, err := gojq.Marshal(value)
	if err != nil {
		return json.RawMessage("{}") // of nothing that JSON or jq gives
	}
	return encoded
}
