package store

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// Replica is a process that works with the store.
type Replica struct {
	Name string // as in leases
	// Until is when it is thought to be gone if it has not renewed this.
	Until time.Time
	// SightedAt: the sightings of every alert that it saw before that are stored.
	SightedAt time.Time
	// Config is a hash of the configuration that it works with, and ConfigAt when
	// that configuration was first loaded by any replica.
	Config   string
	ConfigAt time.Time
}

// Sighting says that a posted alert was posted again, and nothing else was new:
// of several replicas only one has seen that.
type Sighting struct {
	Fingerprint alert.Fingerprint
	At          time.Time // when it was
	Until       time.Time // when the alert ends if it is not posted again
}

// How long is kept what replicas leave behind: one that is gone, the sighting of
// an alert that has ended, and that a group has changed. Who has not asked for
// changes for so long reads all groups.
const (
	KeepReplicas  = 24 * time.Hour
	KeepSightings = 24 * time.Hour
	KeepChanges   = 10 * time.Minute
)

// ReplicaTx keeps what processes that share a store have to know of each other,
// and what the next one has to know of the time.
type ReplicaTx interface {
	// SaveReplica stores one, over the one with the same name.
	SaveReplica(r *Replica) error
	// Replicas returns those that are not gone at now, by name.
	Replicas(now time.Time) ([]Replica, error)
	// ForgetReplica removes one that stops; that it is not there does no harm.
	ForgetReplica(name string) error

	// SaveSightings stores sightings, each over an earlier one of its alert.
	SaveSightings(all []Sighting) error
	// Sightings returns those of some alerts, in any order.
	Sightings(of []alert.Fingerprint) ([]Sighting, error)

	// NoteChange says that a group has changed, to those who remember groups.
	NoteChange(groupID int64, now time.Time) error
	// LastChange is where Changes has to begin for whoever reads the groups after
	// this call; "" is the beginning of all.
	LastChange() (after string, err error)
	// Changes returns the groups that were noted since, each once, by id, and
	// where to go on. What another transaction has noted is missed by nobody,
	// whenever it commits; who asks in Update may be told
	// of a group again by the next call.
	Changes(after string) (groups []int64, next string, err error)

	// Shifted is by how much ShiftTimers has moved timers in all; in Update
	// nobody else can move them until the commit.
	Shifted() (time.Duration, error)
	// SaveTime stores what time it is by the clock that timers go by. LastTime
	// returns what was stored last, the zero time if nothing was. ShiftTimers moves
	// it with the timers, so that they always agree.
	SaveTime(now time.Time) error
	LastTime() (time.Time, error)
}
