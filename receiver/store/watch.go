package store

import "time"

// Heartbeat is what is known of alerts that must keep coming, by the name that
// the file has for them.
type Heartbeat struct {
	Name string
	// BeatAt is when they last came; zero: never. From says from whom, for
	// people.
	BeatAt time.Time
	From   string
	// WatchedFrom is since when somebody has been there to hear them, without a
	// gap, until WatchedAt.
	WatchedFrom, WatchedAt time.Time
	// MissingAt is since when people are told that they are missing; zero: they
	// are not.
	MissingAt time.Time
}

// Canary is what is known of the card that is sent to a destination to see
// whether it arrives.
type Canary struct {
	Destination string
	Address     string // where MessageID is
	MessageID   string // of the message that is edited; "": there is none
	// Since is when the canary began, or began anew at another address, or was
	// last kept back by what is told there.
	Since time.Time
	// OKAt is when it was last there; zero: never. TriedAt is the last attempt.
	OKAt, TriedAt time.Time
	// NextAt is when it is to be tried.
	NextAt time.Time
	// Failures counts the attempts since it was last there. Reason and Message
	// are those of the last of them, "" if there is none.
	Failures        int
	Reason, Message string
	// FailedAt is since when people are told that it fails; zero: it does not.
	FailedAt time.Time
}

// WatchTx keeps what watches us and what we watch. There is one row for each
// name in the file.
type WatchTx interface {
	// Heartbeats returns all, by name.
	Heartbeats() ([]Heartbeat, error)
	// SaveHeartbeat stores one, over the one with the same name.
	SaveHeartbeat(h *Heartbeat) error
	// Beat says that a heartbeat came at a time, from somebody. Of several times
	// the latest stays; the rest of the row, which is made if there is none,
	// stays as it is.
	Beat(name string, at time.Time, from string) error
	// DeleteHeartbeat forgets one; it does no harm if it is not there.
	DeleteHeartbeat(name string) error

	// Canaries returns all, by destination.
	Canaries() ([]Canary, error)
	// SaveCanary stores one, over the one of the same destination.
	SaveCanary(c *Canary) error
	// DeleteCanary forgets one; it does no harm if it is not there.
	DeleteCanary(destination string) error
}
