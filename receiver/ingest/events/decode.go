package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"

	"github.com/teamsrelay/teamsrelay/receiver/ingest/answer"
)

// Limits of what is read. Values in memory take some twenty times the bytes
// that they take in a body, so the body's size alone limits nothing.
const (
	maxValues = 200_000 // of one body: numbers, texts, objects, …
	maxDepth  = 100     // of objects and arrays in each other
	maxDigits = 400     // of one number: larger ones are no float64, and slow
	maxEvents = 1000    // of one body that is an array, and of one story's alerts
)

// maxString is how many bytes of a text expressions see. jq's functions for
// patterns take a time that grows with the square of the text, and match, which
// is in all of them, cannot be stopped: with this it takes a second at most.
// What is shown of a text is shorter still.
const maxString = 16 << 10

// limitError is a body with more in it than is taken.
type limitError struct{ what string }

func (e *limitError) Error() string { return e.what }

func tooMuch(format string, args ...any) error { return &limitError{fmt.Sprintf(format, args...)} }

// event is one event of a body.
type event struct {
	raw   []byte // as it was sent: valid JSON, but perhaps not UTF-8
	value any    // decoded, numbers as json.Number
	cut   bool   // texts in value are shorter than they were sent
}

var byteOrderMark = []byte("\uFEFF")

// tidy is a body without a byte order mark and space around it.
func tidy(body []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(body, byteOrderMark))
}

// unwrap is the JSON of a body: the body itself, or what a form holds. A form
// that is JSON all the same (curl says "form" of everything) is JSON.
func unwrap(body []byte, contentType string) ([]byte, error) {
	body = tidy(body)
	if len(body) == 0 {
		return nil, answer.ErrEmpty
	}
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case body[0] == '{' || body[0] == '[':
		return body, nil
	case media == "application/x-www-form-urlencoded":
		if !bytes.ContainsAny(body, "=&") { // curl -d calls every text a form
			return nil, errors.New("the body is neither JSON nor a form")
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, errors.New("the form cannot be read: it is not percent-encoded as forms are")
		}
		if payload := form["payload"]; len(payload) == 1 {
			if inner := tidy([]byte(payload[0])); len(inner) > 0 && (inner[0] == '{' || inner[0] == '[') {
				return inner, nil // as GitHub sends it, if it is told to
			}
		}
		return fields(form)
	case media == "multipart/form-data":
		return nil, errors.New("the body is a multipart form, which is not taken: send JSON, or a form that is urlencoded")
	}
	return body, nil
}

// fields is a form or a query as an object of texts; what is there several
// times is an array of them.
func fields(form url.Values) ([]byte, error) {
	if len(form) == 0 {
		return nil, answer.ErrEmpty
	}
	object := make(map[string]any, len(form))
	for name, values := range form {
		if len(values) == 1 {
			object[name] = values[0]
		} else {
			object[name] = values
		}
	}
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		return nil, fmt.Errorf("the form cannot be read: %w", err)
	}
	return bytes.TrimSpace(encoded.Bytes()), nil
}

// split reads a body of JSON. An array is many events, unless whole says that
// it is one.
func split(body []byte, whole bool) ([]event, error) {
	if err := measure(body); err != nil {
		return nil, err
	}
	var items []json.RawMessage
	if whole || body[0] != '[' {
		items = []json.RawMessage{body}
	} else if err := json.Unmarshal(body, &items); err != nil {
		return nil, answer.Explain(body, err)
	}
	if len(items) > maxEvents {
		return nil, tooMuch("%d events in one body; at most %d are taken at once", len(items), maxEvents)
	}
	events := make([]event, 0, len(items))
	for _, item := range items {
		value, err := decode(item)
		if err != nil {
			return nil, answer.Explain(item, err)
		}
		cards, err := apart(event{raw: item, value: value})
		if err != nil {
			return nil, err
		}
		for i := range cards {
			cards[i].value, cards[i].cut = shorten(cards[i].value)
		}
		if events = append(events, cards...); len(events) > maxEvents {
			return nil, tooMuch("more than %d events and cards in one body; no more are taken at once", maxEvents)
		}
	}
	return events, nil
}

// shorten cuts the texts in a value to maxString, in place, and says whether
// there was any to cut; so with the names of fields.
func shorten(value any) (_ any, found bool) {
	switch v := value.(type) {
	case string:
		return cut(v, maxString), len(v) > maxString
	case []any:
		for i, item := range v {
			shorter, was := shorten(item)
			v[i], found = shorter, found || was
		}
	case map[string]any:
		for name, item := range v {
			if len(name) > maxString {
				delete(v, name)
				name, found = cut(name, maxString), true
			}
			shorter, was := shorten(item)
			v[name], found = shorter, found || was
		}
	}
	return value, found
}

// decode reads one JSON value, keeping every digit of its numbers.
func decode(data []byte) (any, error) {
	if !json.Valid(data) { // says more, and sees what follows the value
		var v any
		return nil, json.Unmarshal(data, &v)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}

// measure refuses what would take much more memory or time than its size
// says, before it is decoded.
func measure(body []byte) error {
	values, depth, digits := 1, 0, 0
	for i := 0; i < len(body); i++ {
		c := body[i]
		if '0' <= c && c <= '9' {
			if digits++; digits > maxDigits {
				return tooMuch("a number in the body has more than %d digits", maxDigits)
			}
			continue
		}
		digits = 0
		switch c {
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > maxDepth {
				return tooMuch("objects and arrays in the body are more than %d deep in each other", maxDepth)
			}
			values++
		case '}', ']':
			depth--
		case ',', ':':
			values++
		}
	}
	if values > maxValues {
		return tooMuch("the body has more than %d values", maxValues)
	}
	return nil
}

// kindOf is the kind of a JSON value, for people.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case string:
		return "a text"
	case []any:
		return "an array"
	case map[string]any:
		return "an object"
	}
	return "a number"
}
