// Package torture plans a bad day for the receiver, and judges afterwards
// whether it kept its promises. It does nothing itself: cmd/torture carries the
// plan out with real processes and brings back what happened.
//
//	seed ──NewPlan──► Plan ──cmd/torture──► World ──Check──► Verdict
//
// The same seed is the same plan: what is sent when, what fails when. What then
// really happens depends on the machine, and so do the verdict's counts.
//
// # How the checker knows
//
// Every body is a step of its group's script, and every alert in it carries the
// step's number in the annotation "step". The cards of the torture write what
// they show once more for machines, as a mark (see ParseMark), so a card says of
// which step it is. A step shows all alerts of an episode, so the largest number
// on a card is the step that people see.
//
//	lost        what was answered 2xx is in the store, and people see it: the last
//	            card of each group in each place (or a digest after it) tells its
//	            last state
//	invented    a card shows only what a body that was sent by then says
//	order       what people see of a group in a place never goes back
//	twice       a message comes again only if nobody could know that the first
//	            was there: its answer was cut, a lie, or its sender died or hung.
//	            The log never has two successes of one revision
//	pace        Teams refuses nothing because of its limits
//	left        in the end nothing is being sent, nobody has a lease, nothing was
//	            given up but what the plan made fail, no press that was answered
//	            is missing in the audit
//
// Three things excuse what would be wrong otherwise, are counted, and stand in
// the verdict:
//
//	a lie       Teams answered 202 and showed nothing. Nobody can know that
//	late        a body without an answer was taken after a newer one, because
//	            its receiver hung: no sender numbers its bodies. Senders repeat
//	            themselves, as Alertmanager and Prometheus do, and that mends it
//	a fault     a message twice, as above; a replica that ends with an error
//	            while nothing can be stored
package torture
