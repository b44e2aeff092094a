// Package engine wires sources, routes, groups, the store and delivery
// together, without HTTP: what the receiver and the Telegraf plugin share.
//
// Every way in ends in one transaction: the news is applied to its groups,
// what is due is raised on the posts, and only then does the source hear that
// it was taken. What follows (timers, delivery) starts from the store, so it
// does not matter whether it is this process that goes on or the next one.
//
// # What several replicas share
//
// Where the store can be shared (store.Store.Shared), any replica takes any alert,
// any press and any turn of an address. What a process remembers is then old as
// soon as another one has written, so this holds of each thing that is
// remembered:
//
//	which alerts fire, for          replicas note every group that has changed, and
//	inhibition and resends          each looks once a second; also before a group that
//	                                may be inhibited is told, and when an alert ends
//	                                that was never seen here (catchUp)
//	when an alert was posted last   stored in bulk, before others would end it; an alert
//	                                ends when all replicas that live have stored what
//	                                they saw, and none has seen it: up to 5 s late
//	silences, subscriptions,        by their revision, in the transaction that needs them
//	destinations added later
//	where people are reached        told with the changes; a press at an address that is
//	                                not known looks there first
//	keys of buttons                 one that is not known has them read anew
//	windows and backoffs            never remembered: they are read in every turn. The
//	                                tenant's 50 a second are divided by who is there
//	timers                          every replica works what is due; one whose replica
//	                                died is worked by another within 2 s
//
// If the store cannot be asked for 10 s, nothing that is remembered is held for
// true: resends go to the store like news, and are refused with it.
//
// What must be done once is done by who has the role for it (package role): rules
// are run, with what they know read anew by each who takes over; Alertmanager is
// asked for silences and for what it has; intents are carried out; canaries and
// heartbeats; and upkeep: pruning, new keys, and what replicas that died have left
// half done. What people press is done by the replica that hears of it, and is
// seen by those who have a role within a second.
//
// Time is the database's, measured every two seconds and carried on by a clock
// that never jumps: the clocks of the machines do not matter. If the database's
// clock is set, the replica that finds it out first moves all timers, once
// (store.Shifted). One that finds itself behind while others are not has slept,
// and only follows. What time it is is stored too, so that a clock that was set
// back while nobody ran is found out by who comes next (resume).
//
// Configurations may differ while they are rolled out. The newest is the one that
// was loaded last by any replica, and as long as there are others, only replicas
// with the newest move posts to other addresses, stop wanting people, work timers
// and give up what is for a destination that they do not know; the others leave it
// to them, and refuse news that leads there (senders try again). Rules are those
// of the replica that runs them. So a reload is a reload of every replica, and one
// that only one replica got is in force where that one does the work.
//
// An alert that a replica reports of itself has its name in the label replica, and
// ends when that replica is gone.
//
// Numbers in metrics that are read from the store (posts that wait, open groups)
// are the same at every replica: take max by, not sum by. What a replica counts
// itself is to be summed.
package engine
