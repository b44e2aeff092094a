// Package sample says what rules look at: a Telegraf metric or a row of a
// query, in a form that neither of them owns.
//
// It depends on the standard library only.
package sample

import (
	"math"
	"time"
)

// Sample is what was measured at one time. Whoever reads it must not keep its
// slices: they may be used again for the next one.
type Sample struct {
	Measurement string
	Tags        []Tag   // sorted by key, each key once
	Fields      []Field // in any order, each key once
	Time        time.Time
}

// Tag is a name with a text that says where a sample comes from.
type Tag struct{ Key, Value string }

// Field is a name with a value that was measured.
type Field struct {
	Key   string
	Value Value
}

// Kind says what a value is.
type Kind uint8

// The kinds of values.
const (
	None   Kind = iota // no value
	Number             // every kind of number, as a float64
	Text
	Bool
)

// Value is a number, a text or a boolean. The zero value is none. Values can
// be compared with ==.
type Value struct {
	kind Kind
	num  float64
	text string
}

// Num is a number. What is not a number (NaN) or infinite is no value: nothing
// can be decided by it. Whole numbers beyond 2^53 lose their last digits.
func Num(n float64) Value {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return Value{}
	}
	return Value{kind: Number, num: n}
}

// Str is a text.
func Str(s string) Value { return Value{kind: Text, text: s} }

// Boolean is true or false.
func Boolean(b bool) Value {
	v := Value{kind: Bool}
	if b {
		v.num = 1
	}
	return v
}

// Of is the value of what a library hands over: any of Go's numbers, a string
// or a bool; of everything else none.
func Of(x any) Value {
	switch x := x.(type) {
	case float64:
		return Num(x)
	case int64:
		return Num(float64(x))
	case uint64:
		return Num(float64(x))
	case string:
		return Str(x)
	case bool:
		return Boolean(x)
	case float32:
		return Num(float64(x))
	case int:
		return Num(float64(x))
	case int32:
		return Num(float64(x))
	case uint32:
		return Num(float64(x))
	case uint:
		return Num(float64(x))
	}
	return Value{}
}

// Kind is what the value is.
func (v Value) Kind() Kind { return v.kind }

// Number is the number, and whether it is one.
func (v Value) Number() (float64, bool) { return v.num, v.kind == Number }

// Text is the text, and whether it is one.
func (v Value) Text() (string, bool) { return v.text, v.kind == Text }

// Bool is the boolean, and whether it is one.
func (v Value) Bool() (value, ok bool) { return v.num != 0, v.kind == Bool }

// Any is the value for a template: float64, string, bool or nil.
func (v Value) Any() any {
	switch v.kind {
	case Number:
		return v.num
	case Text:
		return v.text
	case Bool:
		return v.num != 0
	}
	return nil
}

// Tag is the value of a tag, "" if it is not there: a tag that is missing and
// one that is empty are the same, as in InfluxDB and Prometheus.
func (s *Sample) Tag(key string) string {
	for i := range s.Tags {
		if s.Tags[i].Key == key {
			return s.Tags[i].Value
		}
	}
	return ""
}

// Field is the value of a field, none if it is not there.
func (s *Sample) Field(key string) Value {
	for i := range s.Fields {
		if s.Fields[i].Key == key {
			return s.Fields[i].Value
		}
	}
	return Value{}
}
