// Package people knows who a name is and whether they can be reached. A person
// who is to be told something for the first time is looked up in Microsoft
// Graph, gets the app installed, and their conversation with the bot is found or
// made; it is then remembered for good, and Graph is not needed again.
//
// Package deliver only ever sends to conversations. Until there is one, what is
// to be told waits at an address that stands for the name (AddressID). The
// Worker makes names into conversations, and hands what it found to whoever
// moves the posts there (Options.Settle).
package people

import (
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

const (
	namePrefix  = "user:"
	groupPrefix = "group:"
	tagPrefix   = "tag:"
)

// AddressID is the address at which posts wait for a person, by name, as long
// as there is no conversation.
func AddressID(name string) string { return namePrefix + strings.ToLower(name) }

// NameOf is the name in such an address; false: it is another kind of address.
func NameOf(address string) (string, bool) { return strings.CutPrefix(address, namePrefix) }

// GroupID and TagID name a roster: an Entra group, or a tag of a team. They are
// also the address at which posts wait until its members are known.
func GroupID(group string) string { return groupPrefix + strings.ToLower(group) }

// TagID: see GroupID. team is the id of the Entra group behind the team.
func TagID(team, tag string) string { return tagPrefix + strings.ToLower(team) + "/" + tag }

// IsRoster says whether an address is a roster's.
func IsRoster(address string) bool {
	return strings.HasPrefix(address, groupPrefix) || strings.HasPrefix(address, tagPrefix)
}

// Settled is what came of the work on one person.
type Settled struct {
	Person store.Person
	// Place is where their conversation is; nil: it is not known, and
	// Person.Reason and Message say why.
	Place *botframework.Place
	// Waits: it is tried again, at Person.NotBefore, and what is to be told
	// waits for it. Otherwise it is given up, and somebody else is told.
	Waits bool
}

// Status is how it is with a person, for people who look.
type Status struct {
	State  store.PersonState
	Reason string // of package teams; "" while nothing is known against it
	Words  string // what is so, as a sentence; "" if there is nothing to say
	Do     string // what to do about it, as a sentence; "": nothing
}
