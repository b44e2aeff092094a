package teamstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// button is an action on a card, and the inputs that go with it.
type button struct {
	Type     string          `json:"type"`
	ID       string          `json:"id"`
	Title    string          `json:"title"`
	Verb     string          `json:"verb"`
	Data     json.RawMessage `json:"data"`
	Inputs   string          `json:"associatedInputs"`
	Fallback json.RawMessage `json:"fallback"`
	// values are what stands in the inputs before anybody types.
	values map[string]any
}

// buttons are what can be pressed on a card, in the order of reading, also in
// the cards that it can unfold.
func buttons(card Card) ([]button, error) {
	var root map[string]any
	if err := json.Unmarshal(card, &root); err != nil || root == nil {
		return nil, fmt.Errorf("the message has no card")
	}
	var found []button
	err := collect(root, map[string]any{}, &found)
	return found, err
}

// collect finds the buttons of a card. Inputs of the cards around it go with
// a button, those of its neighbours do not.
func collect(card map[string]any, around map[string]any, found *[]button) error {
	values := maps.Clone(around)
	var actions []map[string]any
	walk(card, func(part map[string]any) {
		kind, _ := part["type"].(string)
		id, _ := part["id"].(string)
		switch {
		case strings.HasPrefix(kind, "Input.") && id != "":
			values[id] = ""
			if value, there := part["value"]; there {
				values[id] = fmt.Sprint(value) // inputs arrive as strings
			}
		case strings.HasPrefix(kind, "Action."):
			actions = append(actions, part)
		}
	})
	for _, action := range actions {
		if inner, ok := action["card"].(map[string]any); ok {
			if err := collect(inner, values, found); err != nil {
				return err
			}
			continue
		}
		raw, err := json.Marshal(action)
		if err != nil {
			return err
		}
		b := button{values: values}
		if err := json.Unmarshal(raw, &b); err != nil {
			return fmt.Errorf("a button is not as Teams knows them: %w", err)
		}
		*found = append(*found, b)
	}
	return nil
}

// walk visits everything of a card that is an object, but not what its buttons
// hold and unfold.
func walk(part map[string]any, visit func(map[string]any)) {
	visit(part)
	if kind, _ := part["type"].(string); strings.HasPrefix(kind, "Action.") {
		return
	}
	for _, name := range contents {
		switch value := part[name].(type) {
		case map[string]any:
			walk(value, visit)
		case []any:
			for _, item := range value {
				if inner, ok := item.(map[string]any); ok {
					walk(inner, visit)
				}
			}
		}
	}
}

// find is the first button with this title or verb. Titles are compared
// without regard to case.
func find(card Card, name string) (button, error) {
	all, err := buttons(card)
	if err != nil {
		return button{}, err
	}
	at := slices.IndexFunc(all, func(b button) bool { return strings.EqualFold(b.Title, name) })
	if at < 0 {
		at = slices.IndexFunc(all, func(b button) bool { return b.Verb == name })
	}
	if at < 0 {
		var titles []string
		for _, b := range all {
			titles = append(titles, b.Title)
		}
		return button{}, fmt.Errorf("the card has no button %q; it has %q", name, titles)
	}
	return all[at], nil
}

// fallback is what a client that does not know Action.Execute shows instead.
func (b button) fallback() (button, error) {
	var instead button
	if err := json.Unmarshal(b.Fallback, &instead); err != nil || instead.Type == "" {
		return button{}, fmt.Errorf("the button %q has no fallback", b.Title)
	}
	instead.values = b.values
	return instead, nil
}

// filled is the button's data with what somebody typed into the inputs.
func (b button) filled(inputs map[string]string) (map[string]any, error) {
	data := map[string]any{}
	if len(b.Data) > 0 {
		if err := json.Unmarshal(b.Data, &data); err != nil {
			return nil, fmt.Errorf("the data of the button %q is no object", b.Title)
		}
	}
	if data == nil {
		data = map[string]any{}
	}
	if strings.EqualFold(b.Inputs, "none") {
		return data, nil
	}
	maps.Copy(data, b.values)
	for id, value := range inputs {
		if _, there := b.values[id]; !there {
			return nil, fmt.Errorf("the button %q goes with no input %q", b.Title, id)
		}
		data[id] = value
	}
	return data, nil
}
