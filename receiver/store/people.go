package store

import "time"

// Person is somebody who is to be told personally: by a name that stands in the
// file, or as a member of a roster, where the object id is the name.
type Person struct {
	// Name is how the file calls them, in lower case: a user principal name, an
	// e-mail address or an Entra object id.
	Name string
	// What Microsoft Graph said; "" until it has. Ids are in lower case.
	ObjectID, DisplayName, UPN string
	// Conversation is the personal chat with the bot, remembered for good; ""
	// until it is known.
	Conversation string
	State        PersonState
	// Reason and Message say why they cannot be reached, with a reason of
	// package teams and in words; "" while nothing is known against it.
	Reason, Message string
	// Wanted: something is to be told to them, and there is no conversation yet.
	Wanted bool
	// Attempts and NotBefore are about what Microsoft Graph has to do.
	Attempts  int
	NotBefore time.Time
	// InstalledAt is when Graph took our installation of the app, zero if it
	// was there before. Version is that of the app that the person has, "" while
	// nobody knows it.
	InstalledAt time.Time
	Version     string
	CheckedAt   time.Time // when Graph was last asked about them
	UpdatedAt   time.Time
}

// PersonState says how far it is with reaching a person.
type PersonState string

// The states of a person. What happens to a conversation afterwards (blocked by
// the person, uninstalled, forbidden by a policy) is known of its address and
// of the conversation; people.Look puts all of it together.
const (
	PersonUnknown    PersonState = "unknown"    // Graph has not been asked, or knows nobody of that name
	PersonKnown      PersonState = "known"      // Graph knows who it is
	PersonInstalling PersonState = "installing" // the app was installed; the conversation is not there yet
	PersonReachable  PersonState = "reachable"  // there is a conversation
	PersonBlocked    PersonState = "blocked"    // they have blocked the bot
	PersonPolicy     PersonState = "policy"     // an administrator's policy forbids the app
)

// Roster is an Entra group or a Teams tag, whose members are told personally.
type Roster struct {
	ID          string   // "group:<id>" or "tag:<team>/<tag>": see people.GroupID
	DisplayName string   // for people; "" while nobody knows it
	Members     []string // Entra object ids in lower case, sorted; they are names of persons
	// RefreshedAt is when the members were last read; zero: never.
	RefreshedAt time.Time
	// Reason and Message say why they could not be read since; "" if they could.
	Reason, Message string
	Attempts        int
	NotBefore       time.Time
}

// PeopleTx keeps who is told personally. Prune leaves all of it: somebody who
// was found once is not looked for again.
type PeopleTx interface {
	// Person returns one by name, exactly; ErrNotFound.
	Person(name string) (Person, error)
	// People returns up to limit persons whose name comes after after, in the
	// order of their names' bytes; limit 0: all.
	People(after string, limit int) ([]Person, error)
	// SavePerson stores one, over the one with the same name.
	SavePerson(p *Person) error
	// PeopleToReach returns the persons that are Wanted and have no
	// Conversation, whose NotBefore is not after now, those that wait longest
	// first (by NotBefore, then name), and the earliest NotBefore of the others;
	// zero when there is none.
	PeopleToReach(now time.Time, limit int) (ready []Person, next time.Time, err error)
	// PeopleIn returns the persons with a conversation, by name. "" is nobody's.
	PeopleIn(conversation string) ([]Person, error)
	// PeopleOf returns the persons with an Entra object id, or with that as their
	// name, by name: several names may be one person. "" is nobody's.
	PeopleOf(objectID string) ([]Person, error)
	// PersonalConversation returns the personal conversation with somebody, by
	// Entra object id, that was heard of last (UpdatedAt, then id) and has not
	// moved; ErrNotFound, for "" too.
	PersonalConversation(objectID string) (Conversation, error)

	// Roster returns one; a row that does not exist is a zero Roster with its ID.
	Roster(id string) (Roster, error)
	// SaveRoster stores one, over the one with the same ID.
	SaveRoster(r *Roster) error

	// MovePosts moves up to limit posts of an address to another one, first those
	// that are sent first, and says whether any are left: who moves thousands
	// lets others write in between (a post takes about 0.1 ms). Those are moved
	// that are still to be told, under way, dead letters, or shown by a message;
	// what a digest has told stays where people read it. Messages are forgotten,
	// because they cannot be edited at the other address. Where an episode has
	// a post at both, the one that is there takes over (Post.TakeOver). Dead
	// letters become due again, but for those of episodes that are over.
	// Moving to the same address does nothing.
	MovePosts(from, to string, now time.Time, limit int) (moved int, more bool, err error)
	// MoveSubscriptions moves the subscriptions of an address to another one;
	// of those with the same matchers, in whatever order, the oldest is left.
	MoveSubscriptions(from, to string) error
}
