// Package intent does what people want done in the system that an alert came
// from: a press in Teams resolves, assigns or comments the ticket there
// (design D13).
//
// What is wanted is stored before anybody is told so, and worked until the
// other system has taken it: requested, then active or failed. Each source's
// file says how, with one HTTP request a verb: an address and a body, both
// templates. An attempt may be made twice, when its answer or our process is
// lost; the header Idempotency-Key is the same each time, so that systems that
// know it do it once.
package intent

// The verbs that a source can have an action for.
const (
	Resolve = "resolve"
	Assign  = "assign"
	Comment = "comment"
)

// Verbs are all of them.
var Verbs = []string{Resolve, Assign, Comment}
