// Package condition compiles and evaluates the conditions of rules: what
// stands in where, when and clear.
//
// The language is expr's (github.com/expr-lang/expr) with the tags and fields
// of a sample by name, and without everything that could take long or much
// memory: variables, loops over lists, functions that repeat text. Names,
// comparisons, arithmetic, and, or and not are evaluated directly, without
// expr's virtual machine and without allocation; the rest (?:, ??, powers and
// functions such as lower) goes through it.
//
// What a sample cannot decide is Unknown, not false: a field that is missing,
// is NaN or has changed its type must neither raise nor end an alert. Unknown
// goes through and, or and not as in SQL: "Unknown and false" is false,
// "Unknown or true" is true, everything else stays Unknown. x == nil asks
// whether x is missing, x ?? 0 puts something in its place.
//
// All numbers are floating point: 5 / 2 is 2.5, and a division by zero is
// Unknown. A number and a text are never compared: the outcome is Unknown, and
// an error of Compile where that can be seen before.
package condition

import (
	"strconv"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// Outcome is what a condition says of a sample.
type Outcome int8

// The outcomes.
const (
	False Outcome = iota
	True
	Unknown
)

// Need is what a condition wants to know beyond the sample itself. Whoever
// evaluates it computes these first and hands them over by their slot.
type Need struct {
	// Func is mean, min, max, rate, delta or count (over Window), or changed
	// or previous (of the sample before).
	Func   string
	Field  string
	Window time.Duration // 0 for changed and previous
}

// Slots collects the needs of all conditions of one rule; equal ones share a
// slot. The zero value is empty.
type Slots struct {
	Needs []Need
	// kinds is what the conditions take each field or tag for, so that two
	// that contradict each other are found.
	kinds map[string]takenKind
}

// takenKind is what a condition takes a field or tag for.
type takenKind struct {
	kind sample.Kind
	text string // of that condition
}

// slot is where the value of a need will be.
func (s *Slots) slot(need Need) int {
	for i, have := range s.Needs {
		if have == need {
			return i
		}
	}
	s.Needs = append(s.Needs, need)
	return len(s.Needs) - 1
}

// Condition is a compiled condition. It has memory to work in, so only one
// goroutine may use it at a time.
type Condition struct {
	text string
	root node
	// values are what $value can be, in the order of the text.
	values []valued
	names  []string
	// doubts are what is probably not meant, certain the other names.
	doubts  []Doubt
	certain []string
}

// valued is a part of a condition that has a value worth telling: a field, or
// a function over a window.
type valued struct {
	field string
	slot  int // -1: the field itself
}

// String is the condition as it was written.
func (c *Condition) String() string { return c.text }

// Names are the tags and fields that the condition mentions, each once, in the
// order of the text.
func (c *Condition) Names() []string { return c.names }

// Eval says whether the condition holds for a sample. computed are the values
// of the rule's needs by slot; none where there is nothing to compute from.
func (c *Condition) Eval(s *sample.Sample, computed []sample.Value) Outcome {
	switch holds, ok := c.root.value(s, computed).Bool(); {
	case !ok:
		return Unknown
	case holds:
		return True
	}
	return False
}

// Value is what $value is in the rule's templates: the value of the first
// field, or function over a window, that the condition mentions and that is
// there. Tags are passed over; of changed(f) and previous(f) it is f.
func (c *Condition) Value(s *sample.Sample, computed []sample.Value) sample.Value {
	for _, v := range c.values {
		value := sample.Value{}
		switch {
		case v.slot < 0:
			value = s.Field(v.field)
		case v.slot < len(computed):
			value = computed[v.slot]
		}
		if value.Kind() != sample.None {
			return value
		}
	}
	return sample.Value{}
}

// Bound is a plain comparison of one operand with a number.
type Bound struct {
	// Operand is a name, or a function as in mean(temp_c, "5m").
	Operand string
	// Field is the field that Limit can be drawn beside: the operand itself,
	// or what mean, min, max or previous are taken of; "" for what is in
	// another unit, such as a rate.
	Field string
	Need  Need   // the operand, where it is a function; else zero
	Op    string // ==, !=, <, <=, > or >=, with the operand on the left
	Limit float64
}

// Bound is the condition as a plain comparison of one operand with a number,
// and whether it is one.
func (c *Condition) Bound() (Bound, bool) {
	cmp, ok := c.root.(*compare)
	if !ok {
		return Bound{}, false
	}
	constant, ok := cmp.right.(*constant)
	if !ok {
		return Bound{}, false
	}
	limit, ok := constant.is.Number()
	if !ok {
		return Bound{}, false
	}
	b := Bound{Operand: cmp.left.String(), Op: cmp.op.String(), Limit: limit}
	switch left := cmp.left.(type) {
	case *name:
		b.Operand, b.Field = left.key, left.key
	case *computed:
		b.Need = left.need
		if hasUnitOfField[left.need.Func] {
			b.Field = left.need.Field
		}
	default:
		return Bound{}, false
	}
	return b, true
}

// hasUnitOfField are the functions whose value can stand in a chart of their
// field.
var hasUnitOfField = map[string]bool{"mean": true, "min": true, "max": true, "previous": true}

// Error is what is wrong with a condition.
type Error struct {
	Line, Column int // both from 1, in characters; 0 where it is the whole
	What         string
	Do           string
}

// Error is the mistake on one line.
func (e *Error) Error() string { return e.Where() + e.What + "; " + e.Do }

// Where is the place of the mistake as the beginning of a sentence, "" where
// it is the whole condition.
func (e *Error) Where() string {
	switch {
	case e.Line > 1:
		return "line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column) + ": "
	case e.Column > 0:
		return "column " + strconv.Itoa(e.Column) + ": "
	}
	return ""
}
