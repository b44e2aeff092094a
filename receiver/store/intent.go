package store

import "time"

// Intent is what somebody wants done in the system that an alert came from: a
// ticket to be resolved, assigned or commented. It is worked until it is done
// or cannot be done.
type Intent struct {
	ID      int64
	GroupID int64
	Source  string // the event source, whose actions say how it is done
	Verb    string // resolve, assign, comment
	Who     string // who wants it, as a name for people
	Text    string // what they wrote
	State   IntentState
	// Attempts is how many have failed or ended it.
	Attempts int
	// NotBefore is when it may be tried; zero once it is settled.
	NotBefore time.Time
	// Reason says in words why the last attempt failed; "" when none did.
	Reason      string
	RequestedAt time.Time
	DoneAt      time.Time // when it became active or failed
}

// IntentState says how far an intent is (design D13).
type IntentState string

// The states of an intent.
const (
	IntentRequested IntentState = "requested" // not done yet
	IntentActive    IntentState = "active"    // the other system has taken it
	IntentFailed    IntentState = "failed"    // it was given up
)

// IntentQueue says when an event source has an intent to be tried.
type IntentQueue struct {
	Source    string
	NotBefore time.Time
}

// IntentTx keeps intents. Those of one alert are worked in the order in which
// they were requested: each waits until those before it are settled. They are
// deleted together with their group, which stays until they are settled.
type IntentTx interface {
	// SaveIntent stores an intent; ID 0 inserts it and sets ID.
	SaveIntent(i *Intent) error
	// Intent returns one; ErrNotFound.
	Intent(id int64) (Intent, error)
	// Intents returns those of the groups, in the order of their requests.
	Intents(groupIDs []int64) ([]Intent, error)
	// NextIntent returns the requested intent of a source that is to be tried
	// now: the one that was requested first; ErrNotFound when none may be.
	// One whose time is later than farthest does not wait for it: the clock
	// was ahead when that was stored.
	NextIntent(source string, now, farthest time.Time) (Intent, error)
	// IntentQueues returns each source that has requested intents, with the
	// earliest time at which one of them may be tried; zero when that is now.
	IntentQueues(now, farthest time.Time) ([]IntentQueue, error)
}
