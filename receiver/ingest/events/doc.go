// Package events takes what any system sends as JSON and makes alerts of it,
// by a mapping of a few lines.
//
// # The way of an event
//
// A Handler finds the source that the path names, asks the sender who it is,
// and reads the body: JSON, a form, or with GET the query. A body that is an
// array is many events. What is a card already, a MessageCard or an
// AdaptiveCard, becomes a story of its own and is shown as it is; everything
// else goes through the source's mapping. Each event gives one
// ingest.Snapshot, and only when all of them are stored the sender is told so.
//
// # Stories
//
// Events with the same key are one story, which is one group: a later event
// replaces what the alert's labels and annotations were. So the alert's
// fingerprint is made of source and key, not of its labels: a ticket's status
// is a label, and changes while the ticket stays what it is.
//
// # The mapping language
//
// A Mapping is a set of jq expressions (https://jqlang.org/manual/, in the
// dialect of github.com/itchyny/gojq). In each of them "." is the event,
// $headers the request's headers by their names in small letters, without
// those that hold credentials, and $event the whole body. Numbers keep all
// their digits. There is no way to files, modules, the environment or other
// events. An event has three seconds; who sends one that takes longer is asked
// to send it again. Of a text, expressions see 16 KiB.
//
//	field        yields                                   where it yields nothing
//	functions    (definitions for all the others)
//	each         the alerts of one story, many values     the event is one alert
//	when         whether the event is told: anything but  it is told
//	             null and false
//	key          what the story is known by               the labels but severity; where neither
//	                                                      status nor action say anything, the
//	                                                      event is a story of its own
//	name         the alert's name                         the source's name
//	status       firing, resolved, or another system's    firing; after comment, assign and
//	             word for them (statusLists)              update what it was. Neither status nor
//	                                                      action: it only happened (Momentary)
//	action       open, update, comment, assign, resolve   the status tells
//	id           what tells this event from a repeated    for comment and assign the body
//	             one
//	who, text    who did it, and what they wrote          nobody, nothing
//	url          the page of what it is about             none
//	starts_at,   times (asTime)                           start: when it came, or as it was;
//	ends_at                                               end: when it came
//	card         the name of the card                     the card that suits the alert
//	partial      whether labels and annotations that are  true for comment and assign
//	             not there stay as they were
//	follows      whether the event is news only to a      false
//	             story that is known
//	truncated    with each: how many alerts the sender    none
//	             left out
//	labels,      by name: text, as people would write     it is left out
//	annotations  numbers; objects as JSON. Under "*": an
//	             object of several, but none of ours
//	values       by name: numbers, also those in texts    it is left out
//	expires      (a time) how long a story is open        30d; 1d after an event that said
//	             without news                             nothing of a state
//
// With each, key, when and truncated see the body, the other expressions one
// alert; action, id, who, text, partial and follows cannot be said, because a
// body that lists alerts says how they are, not what somebody did. The
// fingerprints are then those of the labels, and a firing alert that a later
// body leaves out becomes unseen.
//
// An event that an expression fails on is refused with jq's words, and so is a
// status or an action that nobody knows: to guess could hide an alert.
//
// # What the sender must not decide
//
// Every alert has the label event_source, whatever the event says, so that
// routes can rely on it. No URL of an event is ever called. Headers, bodies
// and what jq says of them are in no log above debug, but for the name and the
// labels by which lists and the log of deliveries call a story; credentials
// are in none.
package events
