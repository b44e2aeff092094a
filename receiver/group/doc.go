// Package group decides what becomes of a group of alerts: when somebody has
// to be told, and whether the telling is loud or quiet. It does no I/O and
// reads no clock; whoever brings a fact brings the time with it.
//
// A fact is either news from a source (Receive) or time that has passed (a Tick,
// through Advance). Receive only takes note and says when the group wants a Tick;
// Advance compares what was last told with what is so now, and tells the difference.
// So ten changes between two ticks are one telling, and a crash between a
// Receive and its Tick loses nothing.
//
// # Phases
//
//	phase      fact                               next phase   wants a Tick at
//	---------  ---------------------------------  -----------  ------------------------------------------
//	(none)     something fires                    gathering    now + group_wait; at once if Ready
//	over       something fires (a new episode)    gathering    the latest telling + group_interval if
//	                                                           that is to come, else now + group_wait;
//	                                                           at once if Ready
//	over       something fires before the end     open         as open
//	           could be told (muted)
//	(none),    only resolved alerts, never heard  over         at once; ignored unless Ready
//	over
//	gathering  Tick: told                         open         next change, or told + repeat_interval
//	gathering, the last firing alert is resolved  over         at once
//	open
//	gathering, nothing to tell, but an inhibited  unchanged    next multiple of group_interval
//	open       alert fires
//	open       anything else                      open         next multiple of group_interval after the
//	                                                           first telling; at once if Ready
//	open       the last firing alert is resolved, unheard      at once
//	           others are unseen
//	unheard    an unseen alert fires              open         as open
//	unheard    the last unseen alert is resolved  over         at once
//	any        Tick while the route is muted      unchanged    next multiple of group_interval, in a minute
//	                                                           if Ready; never, if over and never told
//
// Ready groups are Alertmanager's: it has waited, repeated and inhibited
// already, so every change is told at once.
//
// The story of an event source is a Ready group of one alert. What its events
// say beyond that it fires (severity_rose by a label, assigned, commented,
// updated, reworded) is a deed: the most important one is told, and all stand
// in the history. A story that nobody has news of for Spec.Expires is given
// up: its alert becomes unseen.
//
// # People
//
// What people do in Teams or through the API comes in by Do: an
// acknowledgement and its being taken back, an assignment, a comment, an end
// by hand and a reopening, what another system was asked to do and what came of
// it. It is told at once, whatever the interval, and a muted route mutes none
// of it: they have the card before them. Each deed has its own precondition: who
// takes something back names the mark that they saw.
//
//	acknowledged       no reminders and no escalation until it is taken back
//	ended by hand      the episode is over, whatever its source says. The source
//	                   repeats itself: the same alerts are no news. Another
//	                   alert, one that has ended since and fires anew, or a
//	                   worse severity begin an episode
//	silenced           as long as all that fires is silenced, nothing that the
//	                   alert does is loud or a message of its own; an end is. An
//	                   episode that nobody was told of is told after it
//
// # Tellings
//
//	change            when                                                      loud   a message of its own
//	----------------  --------------------------------------------------------  -----  --------------------
//	fired             the first firing alert of an episode                      yes    yes
//	fired_again       nothing fired any more, one fires: others are unseen,     yes    yes
//	                  inhibited, or the end could not be told (muted)
//	severity_rose     the worst severity is worse than in the last telling      yes    yes
//	joined_critical   alerts joined, and a critical one was firing already      yes    yes
//	                  and still is
//	silence_ended     a silence has ended, and alerts fire                       yes    yes
//	failed            another system did not do what somebody asked for         yes    no
//	resolved          the last firing alert is resolved; once more if unseen    *      yes
//	                  ones are resolved after that
//	reminder          no message for repeat_interval (if Ready: the             yes    yes
//	                  sender repeated itself, and the last telling is over ten
//	                  minutes old)
//	assigned          somebody is to take care of it                            yes    yes
//	reopened          somebody took back an end by hand                         no     yes
//	commented         somebody wrote something                                  no     yes
//	updated           an event: the labels are others                           no     yes
//	severity_fell     the worst alerts are resolved, and milder ones joined     no     no
//	joined            alerts joined, or unseen ones are back                    no     no
//	partly_resolved   some alerts are resolved, others still fire               no     no
//	unseen            alerts are not mentioned any more                         no     no
//	acknowledged,     somebody did                                              no     no
//	unacknowledged,
//	asked
//	silenced          a silence holds that is not on the card                   no     no
//	reworded          an event: the annotations are others                      no     no
//
// * loud if the route says resolve: loud. "A message of its own" matters where
// a card cannot be edited (webhooks): there the other changes wait for the
// next telling that is one. Where it can, what is loud and what somebody wrote
// also is a message of its own under the card (Due.Call).
package group
