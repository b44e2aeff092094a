package store

import "time"

// Destination is a webhook that was added while the receiver runs: it stands in
// no file. Its URL is a secret and only here in Sealed.
type Destination struct {
	Name string
	// Sealed are its settings, and KeyID names the key that opens them (see
	// package vault).
	KeyID  string
	Sealed []byte
	// Host and Hash are what may be shown of the URL. Its address is known by
	// Hash also while there is no key.
	Host, Hash string
	AddedBy    string
	AddedAt    time.Time
	// RotatedBy gave it another URL; "" while it has its first one.
	RotatedBy string
	RotatedAt time.Time
}

// Disabled says that nothing is sent to a destination, one of the file or an
// added one, until somebody enables it. What is due there waits.
type Disabled struct {
	Destination string
	By          string // a name for people
	At          time.Time
}

// DestinationTx keeps what was done to destinations while the receiver runs.
type DestinationTx interface {
	// AddedDestinations returns those that were added, by name.
	AddedDestinations() ([]Destination, error)
	// AddedDestination returns one; ErrNotFound.
	AddedDestination(name string) (Destination, error)
	// SaveDestination stores one, over the one of the same name.
	SaveDestination(d *Destination) error
	// DeleteDestination removes one; ErrNotFound. Its posts stay.
	DeleteDestination(name string) error

	// DisabledDestinations returns all that are disabled, by name.
	DisabledDestinations() ([]Disabled, error)
	// Disable stores that one is disabled, over what was known of it.
	Disable(d *Disabled) error
	// Enable takes that back; ErrNotFound if it was not disabled.
	Enable(destination string) error
}
