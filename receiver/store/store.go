package store

import (
	"context"
	"errors"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
)

// ErrUnavailable says that the store cannot take anything now: disk full,
// database gone. Whoever sees it answers "not now", never "stored".
var ErrUnavailable = errors.New("the store cannot be written")

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("not found")

// Store keeps everything. It is an interface because there are two: SQLite for
// one process with no set-up, PostgreSQL for several replicas.
type Store interface {
	// Update runs fn in a transaction and returns after the commit is on disk.
	// Concurrent calls share a commit; a fn that fails takes back its own
	// writes only. fn may run more than once and must not wait for anything.
	// Errors of the commit satisfy errors.Is(err, ErrUnavailable).
	Update(ctx context.Context, fn func(Tx) error) error
	// View runs fn on a consistent state without holding up writers. Calling
	// a writing method of Tx in it is an error.
	View(ctx context.Context, fn func(Tx) error) error
	// Check writes and reads something small: whether the store could take an
	// alert now.
	Check(ctx context.Context) error
	// Shared says that other processes, on other machines, may write to it too:
	// what a process remembers may then be old, and what must be done once is
	// done by who has the lease for it.
	Shared() bool
	// Time is what the time is for everybody who shares the store: that of the
	// database, or of this machine where nobody shares it.
	Time(ctx context.Context) (time.Time, error)
	Close() error
}

// Tx is what can be done inside a transaction.
type Tx interface {
	GroupTx
	PostTx
	LogTx
	AddressTx
	RuleTx
	RelayTx
	IntentTx
	BotTx
	PeopleTx
	ReplicaTx
	WatchTx
	LetterTx
	DestinationTx
}

// GroupTx keeps groups.
type GroupTx interface {
	// Groups returns the latest episode of every group of an origin, by key;
	// in Update they are locked until the commit.
	Groups(origin string) ([]group.Group, error)
	// Group returns one episode; ErrNotFound.
	Group(id int64) (group.Group, error)
	// SaveGroup stores an episode. ID 0 inserts it, as the latest of its key,
	// and sets ID. Episodes of a key are numbered from 1 without a gap.
	SaveGroup(g *group.Group) error
	// DueGroups returns the ids of latest episodes whose DueAt is not after
	// now, the longest due first.
	DueGroups(now time.Time, limit int) ([]int64, error)
	// NextDueGroup is the earliest DueAt of all, zero when there is none.
	NextDueGroup() (time.Time, error)
	// OpenGroups calls fn for every latest episode that is not over, in
	// batches that do not depend on the number of groups for memory.
	OpenGroups(fn func(group.Group) error) error
	// CountGroups counts the latest episodes that are not over, by phase.
	CountGroups() (map[group.Phase]int, error)
	// ListGroups returns latest episodes, newest first by id; open leaves out
	// those that are over. before 0 starts at the newest.
	ListGroups(open bool, before int64, limit int) ([]group.Group, error)
	// Briefs calls fn for the latest episodes that are not over, newest first by
	// id, without reading the episodes themselves: some 3 µs each.
	Briefs(fn func(Brief) error) error
	// Episodes returns the id of the latest episode of the group that an episode
	// is one of, and up to limit episodes before that one, the newest of them
	// first; ErrNotFound.
	Episodes(id int64, limit int) (latest int64, before []group.Group, err error)
}

// PostTx keeps posts.
type PostTx interface {
	// PostOf returns the post of an episode at an address; ErrNotFound.
	PostOf(groupID int64, address string) (Post, error)
	Post(id int64) (Post, error)
	// SavePost stores a post; ID 0 inserts it and sets ID.
	SavePost(p *Post) error
	// ReadyPosts returns, of the posts that do not follow one that is still to
	// be sent, up to limit posts of an address in state due or
	// waiting with NotBefore not after now: higher rank first, then the one
	// that has waited longest (Since, then id).
	ReadyPosts(address string, now time.Time, limit int) ([]Post, error)
	// FollowingPosts returns, by id, up to limit posts that ReadyPosts leaves out
	// only because they follow one that is still to be sent.
	FollowingPosts(address string, now time.Time, limit int) ([]Post, error)
	// Backlog counts the posts of an address of this rank or a higher one that
	// ReadyPosts and FollowingPosts would return, up to most: who only has to
	// know whether it is a storm need not pay for counting all of it.
	Backlog(address string, rank int, now time.Time, most int) (int, error)
	// NextPost is the earliest NotBefore of an address's due and waiting
	// posts, zero when there are none.
	NextPost(address string) (time.Time, error)
	// BusyAddresses returns every address that has a post in state due,
	// waiting or sending.
	BusyAddresses() ([]string, error)
	// SendingPosts returns the posts of an address in state sending: on
	// taking over an address, the attempts that died with somebody else.
	SendingPosts(address string) ([]Post, error)
	// ListPosts returns posts, newest first by id.
	ListPosts(f PostFilter) ([]Post, error)
	// CountPosts counts the posts that are not settled, by destination and
	// state, dead letters apart: what is shown or accepted is history, and
	// nobody waits until that is counted.
	CountPosts() ([]PostCount, error)
	// OldestWaiting is since when the post of each address waits that waits
	// longest to be sent; what a digest has told (RankStale) does not count.
	OldestWaiting() (map[string]time.Time, error)
	// DeletePost removes a post: a dead letter that somebody dropped.
	DeletePost(id int64) error
}

// PostFilter selects posts. Zero fields select everything.
type PostFilter struct {
	GroupID     int64
	Destination string
	// Address: with DeadLetters, or with States but Shown and Accepted, its
	// posts are found at once; without, all posts there are have to be read.
	Address     string
	States      []State
	DeadLetters bool   // only those in the list of dead letters
	Reason      string // with DeadLetters: its posts are found at once
	Replay      int64  // only those that it made due again
	Unmissed    bool   // only those that are not Missed
	Before      int64
	Limit       int // 0: 100
}

// PostCount is a number of posts.
type PostCount struct {
	Destination string
	State       State
	DeadLetter  bool
	Count       int
}

// Delivery is one attempt to make posts true, as the log keeps it. A digest is
// one delivery that concerns many posts.
type Delivery struct {
	ID          int64
	PostID      int64 // 0 for a digest
	GroupID     int64 // 0 for a digest
	Address     string
	Destination string
	Title       string
	// Kind says what was sent: KindCard, KindEdit, KindCall, KindDigest.
	Kind string
	// State: sending, then delivered, accepted, retry, dead or interrupted.
	State     string
	Attempt   int
	Revision  int
	Digest    int // how many posts this message told at once; 0: an ordinary card
	Status    int // HTTP status, 0 without an answer
	Reason    string
	Message   string
	MessageID string
	At        time.Time
	Took      time.Duration
}

// The states of a delivery in the log.
const (
	DeliverySending     = "sending"
	DeliveryDelivered   = "delivered"
	DeliveryAccepted    = "accepted"
	DeliveryRetry       = "retry"
	DeliveryDead        = "dead"
	DeliveryInterrupted = "interrupted"
)

// What an attempt sends.
const (
	KindCard   = "card"   // a new message with the card of an episode
	KindEdit   = "edit"   // what that message shows from now on
	KindCall   = "call"   // a short message that belongs to it, because nobody is notified of an edit
	KindDigest = "digest" // a new message that tells of many episodes
)

// DeliveryFilter selects deliveries. Zero fields select everything.
type DeliveryFilter struct {
	PostID      int64
	GroupID     int64
	Destination string
	State       string
	Kind        string
	Reason      string
	Text        string    // is part of Title or Message, whatever the case of ASCII letters
	Since       time.Time // not before
	Until       time.Time // not after
	Before      int64
	Limit       int // 0: 100
}

// MaxLooked is how many rows SearchDeliveries and SearchAudit look at, at most:
// as many as a page can wait for.
const MaxLooked = 5000

// LogTx keeps the delivery log.
type LogTx interface {
	// SaveDelivery stores one attempt; ID 0 inserts it and sets ID.
	SaveDelivery(d *Delivery) error
	Delivery(id int64) (Delivery, error)
	// Deliveries returns the log, newest first.
	Deliveries(f DeliveryFilter) ([]Delivery, error)
	// SearchDeliveries is Deliveries for a page, whatever the filter. Conditions
	// that no index has together may hold for no row of a million, so it looks at
	// no more than MaxLooked of those that the best index gives. further is the
	// Before that goes on from there; 0: there are no more.
	SearchDeliveries(f DeliveryFilter) (found []Delivery, further int64, err error)
	// Prune deletes, of what has not changed for longer than retention, up to
	// limit rows of each kind: episodes that are finished or were given up by
	// their source together with their posts and intents, deliveries, and
	// silences that are over. An episode stays as long as something is to be
	// sent or done for it. Activities go after KeepActivities and lines of the
	// audit after KeepAudit, and what replicas leave behind after KeepReplicas,
	// KeepSightings and KeepChanges. It reports whether anything is left to prune.
	Prune(now time.Time, retention time.Duration, limit int) (more bool, err error)
}

// Address is what is remembered of an address between sends.
type Address struct {
	Address string
	// Holder has the lease until LeasedUntil; "" when nobody has it.
	Holder      string
	LeasedUntil time.Time
	// NotBefore: Teams asked for patience (Retry-After), or it fails.
	NotBefore time.Time
	Failures  int // in a row
	DigestAt  time.Time
	// Broken says in words why nothing can be delivered until somebody mends
	// it; "" when it works. BrokenReason is the reason's code.
	Broken       string
	BrokenReason string
	BrokenAt     time.Time
	// Waits: what is to be sent to the broken address waits for the repair and
	// is tried now and then. Otherwise it is given up.
	Waits bool
}

// Break marks the address as broken, in words and with the reason's code.
func (a *Address) Break(reason, words string, waits bool, now time.Time) {
	a.Broken, a.BrokenReason, a.BrokenAt, a.Waits = words, reason, now, waits
}

// Mend takes the mark away.
func (a *Address) Mend() { a.Broken, a.BrokenReason, a.BrokenAt, a.Waits = "", "", time.Time{}, false }

// AddressTx keeps addresses: leases and windows.
type AddressTx interface {
	// Address returns what is known; a row that does not exist is a zero
	// Address with its name.
	Address(address string) (Address, error)
	SaveAddress(a *Address) error
	Addresses() ([]Address, error)
	// Lease gives the address to holder until the given time if nobody else
	// has it at now, and reports whether it did. The holder itself renews.
	Lease(address, holder string, now, until time.Time) (bool, error)
	// ReleaseLeases gives back all leases of holder; "" of everybody (SQLite
	// at start, where nobody else can be).
	ReleaseLeases(holder string) error
	// Sends returns the times of sends to an address since a time, oldest
	// first; RecordSend adds one and forgets those before keep.
	Sends(address string, since time.Time) ([]time.Time, error)
	RecordSend(address string, at, keep time.Time) error
	// ShiftTimers moves every DueAt, NotBefore, LeasedUntil and send time by d,
	// those of intents, persons and rosters too, when heartbeats came and were
	// watched, when canaries began, were last there and are next, and the
	// beginning and end of silences that are not kept by Alertmanager, and
	// LastTime: the wall clock jumped. When
	// something happened stays as it was written: whoever counts from there
	// (Person.CheckedAt, Roster.RefreshedAt) takes what lies ahead for long ago.
	ShiftTimers(d time.Duration) error
	// Readdress moves posts that are not settled, and dead letters, of a
	// destination from any address not in its list to the first of the list:
	// its webhook URL changed, or it was people and is a channel now. It
	// reports how many. A destination of people has no list: nobody asks it of
	// those (see MovePosts).
	Readdress(destination string, addresses []string) (int, error)
}

// RuleTx keeps what rules know of their series.
type RuleTx interface {
	// SaveSeries stores rows; one without a state is deleted.
	SaveSeries(rows []rules.Row) error
	// EachSeries calls fn for every row, ordered by rule and series. What fn
	// gets is its own to keep.
	EachSeries(fn func(rules.Row) error) error
	// Series returns the rows of one rule, ordered by series.
	Series(rule string) ([]rules.Row, error)
}

// Relayed is an alert on its way to another receiver.
type Relayed struct {
	Alert alert.Alert
	// Told: the receiver has heard that it fires. One that ended before
	// anybody heard of it is told as firing first.
	Told bool
}

// RelayTx keeps the alerts that are handed to another receiver.
type RelayTx interface {
	// SaveRelayed stores alerts, over those with the same fingerprint.
	SaveRelayed(alerts []Relayed) error
	// Relayed returns all of them, in any order.
	Relayed() ([]Relayed, error)
	// DeleteRelayed forgets alerts; those that are not there do no harm.
	DeleteRelayed(fingerprints []alert.Fingerprint) error
}
