// Package ruletest runs users' tests of their rules, down to the card that
// people will read: line protocol goes in, and after so many minutes these
// alerts fire and the card says that.
//
// A test runs the code that a receiver runs, in the same order, but on a clock
// that only moves from one event to the next:
//
//	input ─► rules.Evaluator ─► alerts ─► route.Tree ─► group ─► card.Set ─► text
//
// So an hour takes a millisecond, nothing is random, and what passes here is
// what people will see. Nothing is stored and nothing is sent.
package ruletest
