package store

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Conversation is what must be remembered to talk to a user, chat or channel
// through the bot (teams-platform §2.8).
type Conversation struct {
	ID     string // Microsoft's, without ";messageid="
	Kind   string // Personal, GroupChat or Channel
	Tenant string // the tenant's id
	// ServiceURL is the latest that an activity named: where its messages go.
	ServiceURL string
	BotID      string // as Teams calls us there: "28:…"
	Name       string // of the channel or chat; of the person in a personal chat
	// Of a channel: its team, with the Entra group behind it.
	TeamID, TeamGroup, TeamName string
	// Of a personal chat: who it is with. UserID is Microsoft's "29:…".
	UserID, UserObjectID string
	// Installed: the app is there. Blocked says in words why nothing can be
	// sent all the same, "" when it can.
	Installed bool
	Blocked   string
	// MovedTo is the id that Teams gave the conversation since: a personal one
	// that was gone and was made anew. "" while ID holds.
	MovedTo   string
	UpdatedAt time.Time
}

// The kinds of conversations, in Microsoft's words.
const (
	Personal  = "personal"
	GroupChat = "groupChat"
	Channel   = "channel"
)

// Silence keeps alerts quiet: ours, or one that Alertmanager is to keep.
type Silence struct {
	ID      int64
	GroupID int64 // the episode on which somebody asked for it; 0: by matchers
	// Sets are what it is about: an alert is silenced if all matchers of one
	// set match its labels. A matcher is written as in Alertmanager: a="b".
	Sets     [][]string
	By       group.Person
	From     string // where somebody asked for it: "channel sre", "api 127.0.0.1"
	Comment  string
	StartsAt time.Time
	EndsAt   time.Time // as asked; earlier once somebody ended it
	// Theirs: Alertmanager keeps it, and TheirIDs are its names for the sets.
	Theirs   bool
	TheirIDs []string
	State    SilenceState
	// Attempts, NotBefore and Reason are about what Alertmanager has to do.
	Attempts  int
	NotBefore time.Time
	Reason    string
	// EndedBy ended it before its time.
	EndedBy group.Person
}

// SilenceState says how far a silence is (design D13). One of ours is active
// at once.
type SilenceState string

// The states of a silence.
const (
	SilenceRequested SilenceState = "requested" // Alertmanager has not got it yet
	SilenceActive    SilenceState = "active"    // until EndsAt
	SilenceFailed    SilenceState = "failed"    // Alertmanager never got it
	SilenceEnding    SilenceState = "ending"    // somebody ended it; Alertmanager does not know yet
	SilenceEnded     SilenceState = "ended"     // before its time
)

// Subscription is what a conversation gets beside the routes of the file.
type Subscription struct {
	ID       int64
	Address  string   // the address that gets it
	Name     string   // of the address, for people: "channel sre", "Alice"
	Matchers []string // as in Alertmanager; none: everything
	By       group.Person
	At       time.Time
}

// Repeated are the ids of the subscriptions of one address that ask for what an
// older one of them asks for already.
func Repeated(all []Subscription) (ids []int64) {
	slices.SortFunc(all, func(a, b Subscription) int { return cmp.Compare(a.ID, b.ID) })
	known := make(map[string]bool, len(all))
	for _, s := range all {
		what := fmt.Sprintf("%q", slices.Compact(slices.Sorted(slices.Values(s.Matchers))))
		if known[what] {
			ids = append(ids, s.ID)
		}
		known[what] = true
	}
	return ids
}

// Revisions tell whether silences, subscriptions and what is kept of
// destinations (DestinationTx) may have changed since they were read, so that
// who holds every alert against them reads them seldom. As
// long as a number is the same, in whatever transaction of the same Store, none
// of its rows was saved, deleted, moved or shifted. It may change without any
// having changed: what a transaction writes has a number that nobody sees again
// if that does not come to be.
//
// Whoever keeps rows asks for the number first. What is kept is then never
// older than its number says.
type Revisions struct {
	Silences, Subscriptions, Destinations int64 // never 0
}

// Audit is one line of who did what.
type Audit struct {
	ID       int64
	At       time.Time
	Who      string
	ObjectID string // Entra object id; "" where nobody knows it
	Action   string // the verb, or "refused:" and the verb
	Target   string // what it was done to: an alert's or a silence's id, matchers, an address
	About    string // the same in words where it is an id: the line outlives what it names; else ""
	From     string // where: "channel sre", "api 127.0.0.1"
	Before   string // in a few words, what was so
	After    string // and what is so now
}

// AuditFilter selects lines of the audit. Zero fields select everything.
type AuditFilter struct {
	Since time.Time // not before it
	Until time.Time // before it
	Who   string    // name or object id, exactly
	// Action is the verb, exactly, or Refused: whatever was refused.
	Action string
	Target string // exactly
	// From is where, exactly, or its first word: "page", "api", "channel".
	From   string
	Before int64 // the id of a line: those that come after it in the list
	Limit  int   // 0: 100
}

// WholeAudit is Audit by SearchAudit, however far that has to look.
func WholeAudit(tx BotTx, f AuditFilter) (lines []Audit, err error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	for {
		f.Limit = limit - len(lines)
		found, further, err := tx.SearchAudit(f)
		lines = append(lines, found...)
		if err != nil || further == 0 || len(lines) == limit {
			return lines, err
		}
		f.Before = further
	}
}

// Refused stands before the verb of what somebody was not allowed to do. As
// AuditFilter.Action it means all of that.
const Refused = "refused:"

// Key is a secret that signs buttons.
type Key struct {
	ID     string
	Secret []byte
	MadeAt time.Time
}

// How long is kept what does not go by the retention of the file: an activity
// is sent again within seconds, and the audit stays for a year (design §6).
const (
	KeepActivities = 24 * time.Hour
	KeepAudit      = 365 * 24 * time.Hour
)

// BotTx keeps what the bot and the people who talk to it need.
type BotTx interface {
	// Conversation returns what is known of one; ErrNotFound.
	Conversation(id string) (Conversation, error)
	// Conversations returns all of them, by id; of a team those whose TeamID
	// it is, "" means all.
	Conversations(team string) ([]Conversation, error)
	// SaveConversation stores one, over the one with the same ID.
	SaveConversation(c *Conversation) error
	// Seen notes that an activity was worked, and reports whether it had been
	// before. Prune forgets it after a day.
	Seen(activity string, now time.Time) (before bool, err error)

	// Revisions are those of the silences, subscriptions and destinations that
	// this transaction sees, with its own writes. To ask costs next to nothing.
	Revisions() (Revisions, error)

	// SaveSilence stores a silence; ID 0 inserts it and sets ID.
	SaveSilence(s *Silence) error
	// Silence returns one; ErrNotFound.
	Silence(id int64) (Silence, error)
	// ActiveSilences returns those that keep alerts quiet at now: active or
	// ending, begun, not over.
	ActiveSilences(now time.Time) ([]Silence, error)
	// OpenSilences returns those that are not over at now, requested ones too,
	// newest first.
	OpenSilences(now time.Time) ([]Silence, error)
	// UnsettledSilences returns those that Alertmanager has to be told of
	// (requested, ending), whose NotBefore is not after now, oldest first, and
	// the earliest NotBefore of the others; zero when there is none.
	UnsettledSilences(now time.Time, limit int) (ready []Silence, next time.Time, err error)

	SaveSubscription(s *Subscription) error // ID 0 inserts it and sets ID
	// Subscriptions returns all of them, oldest first; of an address, "" all.
	Subscriptions(address string) ([]Subscription, error)
	// DeleteSubscription removes one; ErrNotFound.
	DeleteSubscription(id int64) error

	// AddAudit writes a line and sets its ID. Lines are never changed, and the
	// database itself refuses to; only Prune deletes them, after a year.
	AddAudit(a *Audit) error
	// Audit returns lines, the latest first by their times.
	Audit(f AuditFilter) ([]Audit, error)
	// SearchAudit is Audit for a page, whatever the filter: as SearchDeliveries
	// does, it looks at no more than MaxLooked lines of those that the best index
	// gives. further is the Before that goes on from there; 0: there are no more.
	SearchAudit(f AuditFilter) (found []Audit, further int64, err error)

	// Keys returns the keys, newest first; AddKey keeps one more.
	Keys() ([]Key, error)
	AddKey(k Key) error

	// DeadLettersAt returns the dead letters of an address whose episode is
	// not over, or whose card is there and says something else than is so,
	// oldest first.
	DeadLettersAt(address string) ([]Post, error)
	// PostByMessage returns the post of an address that is shown by a message;
	// ErrNotFound.
	PostByMessage(address, messageID string) (Post, error)
	// OpenGroupsAt returns the latest episodes that are not over and have a
	// post at one of the addresses, newest first; nil: at any or none. An
	// empty list has none, so that who may see nothing sees nothing.
	OpenGroupsAt(addresses []string, limit int) ([]group.Group, error)
}
