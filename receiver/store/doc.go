// Package store keeps what must survive: groups, posts, the delivery log,
// address leases and send times. Package store itself says what is kept and
// how a post may change; store/sqlite keeps it, and store/storetest proves
// that a store is one.
//
// # The life of a post
//
// A post is one episode at one address: the card that should be there (Want)
// and the card that is there (Shown), both as revisions of the group. New facts
// raise Want, a delivery raises Shown, and everything in between is this:
//
//	         Raise                 Begin              Finish(delivered)
//	(none) ────────► due ─────────────────► sending ────────────────────► shown
//	                 ▲ ▲                     │  │  │                    (webhook: accepted)
//	                 │ │ Raise, or Want was  │  │  │ Finish(give up),          │
//	                 │ │ raised meanwhile    │  │  └─────────────────► dead    │
//	                 │ └─────────────────────┼──┼──────────────────────┼───────┘ Raise
//	                 │  its time has come    │  │                      │
//	                 └────── waiting ◄───────┘  │  Replay, Raise       │
//	                           ▲  Finish(retry) └── ◄──────────────────┘
//	                           └── Interrupt (the process died while sending)
//
// due and waiting differ in one thing only: a waiting post may not be sent
// before NotBefore. Nothing else changes a post, and the same names stand in
// the code, in SQL, in metrics, in the API and in the commands.
package store
