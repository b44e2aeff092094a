package alertmanager

import (
	"encoding/json"
	"time"
)

// Many who send webhooks wrote their own, and not all of them write text where
// text belongs. These types take what can be understood, so that a number in
// a label does not cost somebody an alert.

// scalar is text; a number or a truth value is taken as its text, null as "".
type scalar string

func (s *scalar) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, (*string)(s))
	}
	*s = scalar(plain(data))
	return nil
}

// plain is the text for JSON that is not a string.
func plain(data []byte) string {
	if string(data) == "null" {
		return ""
	}
	return string(data)
}

// texts is a map to text. Values that are something else become their JSON;
// null becomes "". A list or a text in place of the map counts as no map.
type texts map[string]string

func (t *texts) UnmarshalJSON(data []byte) error {
	*t = nil
	if data[0] != '{' {
		return nil
	}
	var exact map[string]string
	if json.Unmarshal(data, &exact) == nil {
		*t = exact
		return nil
	}
	var loose map[string]scalar
	if err := json.Unmarshal(data, &loose); err != nil {
		return err
	}
	*t = make(texts, len(loose))
	for name, value := range loose {
		(*t)[name] = string(value)
	}
	return nil
}

// numbers is a map to numbers; what is not a number is left out.
type numbers map[string]float64

func (n *numbers) UnmarshalJSON(data []byte) error {
	*n = nil
	var loose map[string]json.RawMessage
	if data[0] != '{' || json.Unmarshal(data, &loose) != nil {
		return nil
	}
	for name, raw := range loose {
		var value *float64
		if json.Unmarshal(raw, &value) == nil && value != nil {
			if *n == nil {
				*n = make(numbers, len(loose))
			}
			(*n)[name] = *value
		}
	}
	return nil
}

// layouts are the ways in which times are written by those who do not write
// RFC 3339.
var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05"}

// instant reads a time; what cannot be read as one is the zero time.
func instant(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	for _, layout := range layouts {
		parsed, err := time.Parse(layout, text)
		// Years outside four digits cannot be written as JSON again.
		if err == nil && parsed.Year() > 1 && parsed.Year() <= 9999 {
			return parsed.UTC()
		}
		if err == nil {
			break
		}
	}
	return time.Time{}
}
