package card

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/press"
)

// Input is what a card is made from: an episode and what its post knows.
type Input struct {
	Group group.Group
	Now   time.Time
	// Location is where the reader's clock is; nil: UTC.
	Location *time.Location
	// Late is how long the change waited for delivery; the card says so when
	// it is worth saying. 0: on time.
	Late time.Duration
	// Destination is where the card is read, so that it can say "you"; "": nobody
	// knows.
	Destination string
	// Shown is the revision that the post showed before: what people did
	// after it is news here. 0: nothing was shown.
	Shown int
	// Reminder: nothing changed, the card is told again.
	Reminder bool
	// Look is how the card can be answered; zero: it cannot.
	Look Look
}

// Look is what a card can have because of where it is shown.
type Look struct {
	// Press makes what stands behind a button of a verb on an episode; of is
	// the mark or the silence that it is about, span how long ("1h",
	// "tomorrow") where that is asked. nil: the card has no buttons that do
	// something.
	Press func(groupID int64, verb string, of int64, span string) press.Data
	// Link is the address of the message that shows the card, for short cards
	// that point to it; "" where it has none.
	Link string
	// Threads: what is said about a card stands under it.
	Threads bool
	// Stays: the card is changed in place, so it says all that people wrote
	// lately. Otherwise it is a message among others, and says what is new.
	Stays bool
}

// BotLimit is what a message of the bot takes: about 100 KB counted in UTF-16,
// of which 80 KB are advised (teams-platform §2.9).
var BotLimit = Limit{Bytes: 80 << 10, UTF16: true, Overhead: 1024}

// Limit is how much a transport takes.
type Limit struct {
	Bytes int // of what goes over the wire
	// UTF16 counts two bytes for each UTF-16 code unit, as the bot's service does.
	UTF16 bool
	// Overhead is what the transport's envelope adds around the card.
	Overhead int
}

// WorkflowLimit: webhooks take 28 KB, counted in a way that Microsoft does not
// document; 24 KiB of UTF-8 for the whole request leaves room (teams-platform
// §1.4).
var WorkflowLimit = Limit{Bytes: 24 << 10, Overhead: 512}

// Message is a card that is ready to send.
type Message struct {
	Card    []byte // the Adaptive Card, compact JSON
	Summary string // the preview text that a phone shows
	// Template is the name of the card that was wanted or chosen, whatever
	// became of it.
	Template string
	// Fault is why the wanted template could not be used; the card is then
	// the minimal one. nil when all went well.
	Fault error
	// Folded says what was left out to make the card fit; "" when nothing was.
	Folded string
	// Lost is what an old template, or another program's card, asked for and
	// Teams cannot do: warnings, the card is sent without it.
	Lost []Problem
	// asked: the template has looked at what an event source sent.
	asked bool
	// buttons are where the templates have those buttons of a MessageCard that
	// the card shows.
	buttons []spot
}

// DigestRow is one group in a digest.
type DigestRow struct {
	Title    string
	Severity string // the word on the card
	Rank     int    // alert.Severity, for the order
	Firing   int
	Resolved int
	// Episodes is how many of its episodes the digest tells, 0 is 1 too. All
	// else is of the latest, the others are over.
	Episodes int
	Since    time.Time
	ID       string
	Note     string // what Note says of it
}

// DigestInput is what a digest is made from.
type DigestInput struct {
	Destination string
	Rows        []DigestRow // any order; the digest sorts
	Now         time.Time
	Location    *time.Location
	Oldest      time.Time // the oldest change that it tells
}
