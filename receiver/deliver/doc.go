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
// # Cards that can be edited
//
// Through a webhook each attempt is a new message. Where messages can be edited
// (Address.Editable) there are three kinds of attempts, each with a line of its
// own in the log, and kindOf says which is next:
//
//	card   a new message: the post has none yet
//	edit   the message that is there shows the newest card. Edits of one card
//	       are 2 s apart at least (store.EditDistance); what changes in between
//	       is one edit. The first after a pause, such as the one that a press
//	       makes, goes at once
//	call   a short message that belongs to the card, for what is loud: nobody is
//	       notified of an edit. It comes after the edit that tells of it; what
//	       was loud several times before it is one call
//
// A message that is not there any more (teams.Outcome.Gone) is forgotten, and
// the same post is sent as a new card at once.
//
// # What becomes of an attempt
//
//	delivered            post shown (accepted through a webhook), address is well; due
//	                     again while there is a call to make or more has changed
//	retry                post waiting: 1 s doubling to 5 min with jitter, or the time that
//	                     Teams named; a new message that may have arrived waits a minute,
//	                     an edit need not: repeated, it shows the same.
//	                     The address waits too, for half of that at first and at most a
//	                     minute, so that a Teams that is down is asked by one post at a
//	                     time and a post that always fails holds up nobody
//	give up: payload,    one more attempt with the minimal card, then dead letter
//	         too_large
//	retry, broken        post waiting as above, and the address is broken: there is no
//	                     sign-in. Nothing is given up before it is too old
//	give up: auth,       dead letter, and the address is broken
//	         not_found,
//	         tls
//	give up: blocked,    dead letter, and the address is broken and left alone: see below
//	         not_installed,
//	         policy, and why
//	         nobody is there
//	give up: other       dead letter
//
// A post that waited longer than the address's MaxAge, or whose address is not
// in the configuration any more, becomes a dead letter without an attempt.
//
// A replica that stood still for longer than its lease wakes up to find that
// another one has taken over, and that its attempt is not the post's any more
// (store.Post.SentBy). A failure is then a line in the log and nothing else: it
// says nothing of a post or an address that others have dealt with since. A
// message that did arrive counts if it told more than what is there.
//
// # Storms
//
// The windows of an address are kept before Teams has to enforce them. When
// more waits than two minutes of them take, everything that waits is told by one
// digest and is then shown by it; up to five loud critical posts still go first
// and alone. Episodes of a group that wait for each other (store.Post.Follows)
// all count, and a digest tells them by one row: how it is now, and how often it
// has fired. A third of the large windows is kept for digests and for what is
// critical, so neither is late when a storm has used up the rest.
//
// A digest is a message of its own. Posts that have a card of theirs, which the
// bot can edit, are told by the digest, but their cards still say what was. They
// become true afterwards (store.RankStale): when nothing else waits, with a third
// of the large windows. They are no backlog, and no digest tells of them again.
//
// # Broken addresses
//
// What was waiting when an address turned out to be broken becomes dead letters
// with it: each would be refused the same way. A change or a replay that comes
// later makes one attempt, which is how we learn that the address was mended.
// The first success clears the mark; replaying is left to people, who know
// whether old news is still wanted.
//
// Without a sign-in (a secret that has expired) what is to be sent waits, one
// attempt a minute or so finds out whether it was mended, and then it goes. And
// a conversation that has blocked the bot, from which the app was removed or
// where an administrator forbids it is left alone, because Microsoft asks for
// that: whatever comes becomes a dead letter, until somebody who hears from it,
// or who replays, takes the mark away (store.Address.Mend). No event tells that
// somebody has unblocked the bot, so one attempt an hour finds it out, if there
// is something to tell. When it succeeds, Options.Back hears of it: what is
// still open is wanted there.
//
// # People who have no conversation yet
//
// What is for them waits at an address to which nobody can send (Address.Held).
// It has no lease, no timer and no attempts. Whoever finds the conversation
// moves the posts there and wakes its address. While the held address is broken
// and does not wait, what is there and what comes is given up.
//
// A conversation that was made anew while a message was on its way to it is
// another address from then on (teams.Outcome.Address). Its posts are moved
// before the attempt has ended; the message is theirs.
//
// # Who could not be told
//
// Somebody else may be told in the place of whom cannot be reached. Options.Missed
// hears, once and in the transaction that records it, of posts
//
//	given up                                at once
//	tried without a sign-in, or waiting     at once; within 10 s what comes later
//	behind one that was
//	tried for five minutes, or waiting      five minutes after the oldest change that is not
//	that long behind one that failed        there yet; at once if Teams asks for more patience
//
// as long as what they have to tell is for somebody's attention: a card that only
// says what was is no reason to disturb others, and neither is the pace. A
// delivery of any kind takes it back (Options.Reached).
package deliver
