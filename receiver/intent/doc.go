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
//
// What the other system does not take is tried for a day, with longer and
// longer waits up to five minutes or what Retry-After asks for, and then given
// up. Time in which nobody was there (the process was stopped, the machine
// slept) does not end it: before anything is given up, the process must have
// been there for an hour without a gap. An intent whose action is gone from
// the configuration waits for it just as long.
package intent

// The verbs that a source can have an action for.
const (
	Resolve = "resolve"
	Assign  = "assign"
	Comment = "comment"
)

// Verbs are all of them.
var Verbs = []string{Resolve, Assign, Comment}
