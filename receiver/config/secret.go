package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is text that is never shown: however it is printed, logged or
// encoded, it reads <secret>. Reveal is the only way to the text.
type Secret string

const hidden = "<secret>"

// Reveal is the secret itself, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// Format keeps the text out of every verb of package fmt.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.shown()) }

// MarshalText keeps the text out of JSON, YAML and XML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.shown()), nil }

// LogValue keeps the text out of logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.shown()) }

// shown tells an empty secret from one that is there: that is what people
// look for when something does not work.
func (s Secret) shown() string {
	if s == "" {
		return ""
	}
	return hidden
}
