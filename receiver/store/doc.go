// Package store keeps what must survive: groups, posts, the delivery log,
// address leases and send times, and who is told. Package store itself says what is kept and
// how a post may change; store/sqlite keeps it, and store/storetest proves
// that a store is one.
//
// # The life of a post
//
// A post is one episode at one address: the card that should be there (Want)
// and the card that is there (Shown), both as revisions of the group. New facts
// raise Want, a delivery raises Shown, and everything in between is this:
//
//	         Raise               Begin             Delivered, CalledFor, Digested
//	(none) ────────► due ─────────────────► sending ────────────────────► shown
//	                 ▲ ▲                     │  │  │                    (webhook: accepted)
//	                 │ │ Raise, or something │  │  │ GiveUp                    │
//	                 │ │ is left to be sent  │  │  └─────────────────► dead    │
//	                 │ └─────────────────────┼──┼──────────────────────┼───────┘ Raise
//	                 │  its time has come    │  │                      │
//	                 └────── waiting ◄───────┘  │  Replay, Raise       │
//	                           ▲  Retry, Gone   └── ◄──────────────────┘
//	                           └── Retry (the process died while sending)
//
// due and waiting differ in one thing only: a waiting post has failed. Neither
// is sent before NotBefore. Nothing else changes a post, and the same names
// stand in the code, in SQL, in metrics, in the API and in the commands.
//
// # What could not be told
//
// Missed is beside all of that: the post could not be told, and its episode
// knows, so that somebody else may have been told in its place. It is set when
// the post is given up, when its address is broken although what is sent there
// waits, and when it has failed for minutes. It goes with the post through
// retries, replays and to other addresses (Move, TakeOver), or it would be said
// of them twice; only a delivery takes it back, and the episode is told so.
//
// # Messages that can be edited
//
// Where the message can be edited, its MessageID is kept and there is a second
// pair of revisions: nobody is notified of an edit, so what is loud wants a
// message of its own beside it. Call is the latest revision that does, Called
// the latest that has had one.
//
//	                     Shown   Called   MessageID
//	a new card           = rev   = rev    the new one's
//	an edit of the card  = rev            stays
//	a call               -       = rev    stays
//	a digest             -       = rev    stays; without one Shown = rev, as at a webhook
//	Gone                 -       -        forgotten: what is sent next is a new card
//	GoneUnmissed         = rev   = rev    forgotten, and nobody is sent another
//
// The post is due as long as Want > Shown or Call > Called. After a digest the
// card of its own is left to become true at RankStale, below all others; so is
// one of an episode that was over when its address came back (Correct).
package store
