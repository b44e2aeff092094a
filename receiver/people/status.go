package people

import (
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// Waits says of a reason why something could not be done at Microsoft that it
// passes by itself or holds for everybody until an administrator mends
// something, so that what is to be told waits for it.
func Waits(reason teams.Reason) bool {
	switch reason {
	case teams.Throttled, teams.Unavailable, teams.Timeout, teams.Network, teams.Interrupted,
		teams.Auth, teams.Consent, teams.NoCatalogue, teams.Installing:
		return true
	}
	return false
}

// Why says in a few words, without a full stop, why somebody could not be told:
// what follows "Alice could not be told: ".
func Why(reason teams.Reason) string { return string(reason) }

// Look says how it is with a person: from what is known of them, of their
// conversation (nil: there is none), and of the address at which something is
// to be told to them (zero: nothing is known).
func Look(p store.Person, c *store.Conversation, a store.Address) Status {
	return Status{State: p.State, Reason: p.Reason, Words: p.Message}
}
