// Package condition compiles and evaluates the conditions of rules: what
// stands in where, when and clear.
//
// The language is expr's (github.com/expr-lang/expr) with the tags and fields
// of a sample by name. Comparisons with constants, joined by and, or and not,
// are evaluated directly, without expr's virtual machine and without
// allocation; everything else goes through it.
//
// What a sample cannot decide is Unknown, not false: a field that is missing,
// is NaN or has changed its type must neither raise nor end an alert.
package condition

import "time"

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
// slot.
type Slots struct{ Needs []Need }

// Condition is a compiled condition.
type Condition struct{ text string }

// String is the condition as it was written.
func (c *Condition) String() string { return c.text }
