package answer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrEmpty is the error for a body without anything in it.
var ErrEmpty = errors.New("the body is empty")

// Explain says where JSON is wrong, without repeating the body.
func Explain(body []byte, err error) error {
	switch e := err.(type) {
	case *json.SyntaxError:
		line := 1 + bytes.Count(body[:min(int(e.Offset), len(body))], []byte("\n"))
		return fmt.Errorf("the body is not JSON: %s at byte %d, line %d", e.Error(), e.Offset, line)
	case *json.UnmarshalTypeError:
		where := e.Field
		if where == "" {
			where = "the body"
		}
		return fmt.Errorf("%s is a JSON %s, which does not belong there", where, Clip(e.Value))
	case *time.ParseError:
		return errors.New("a time is not written as 2026-11-21T12:00:00Z is")
	}
	return errors.New(Clip(err.Error()))
}
