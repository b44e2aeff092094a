// Package deliver makes every post true: it takes the posts whose card is not
// the one that should be there, sends at the pace of their address, and
// records what came of it.
//
// # How it works
//
// Everything turns around an address. An address that has something to do has
// one goroutine, which takes turns; one turn is one transaction:
//
//	record the attempt that has just ended
//	find attempts that were cut off (process died): waiting, a minute on
//	decide (plan.go, pure): send a post, tell all by a digest, give up, wait, stop
//	to send: take the lease, post → sending, one line in the delivery log
//	otherwise: give the lease back
//
// So a busy address costs one commit per message, and an idle one starts its
// request after one. The card is made after that commit, from the newest state
// of the group, without holding the store's writer. An address that only waits
// holds a timer and no goroutine. Nothing is remembered in memory between
// turns: the windows, the lease and what waits are read from the store, so
// another replica can take the next turn at any time.
//
// # What becomes of an attempt
//
//	delivered            post shown (accepted through a webhook), address is well
//	retry                post waiting: 1 s doubling to 5 min with jitter, or the time that
//	                     Teams named; a new message that may have arrived waits a minute.
//	                     The address waits too, for half of that at first and at most a
//	                     minute, so that a Teams that is down is asked by one post at a
//	                     time and a post that always fails holds up nobody
//	give up: payload,    one more attempt with the minimal card, then dead letter
//	         too_large
//	give up: auth,       dead letter, and the address is broken
//	         not_found,
//	         tls
//	give up: other       dead letter
//
// A post that waited longer than the address's MaxAge, or whose address is not
// in the configuration any more, becomes a dead letter without an attempt.
//
// # Storms
//
// The windows of an address are kept before Teams has to enforce them. When
// more is ready than two minutes of them take, everything that waits is told
// by one digest and is then shown by it; up to five loud critical posts still
// go first and alone. A third of the large windows is kept for digests and for
// what is critical, so neither is late when a storm has used up the rest.
//
// # Broken addresses
//
// What was waiting when an address turned out to be broken becomes dead letters
// with it: each would be refused the same way. A change or a replay that comes
// later makes one attempt, which is how we learn that the address was mended.
// The first success clears the mark; replaying is left to people, who know
// whether old news is still wanted.
package deliver
