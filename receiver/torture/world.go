package torture

import (
	"time"
)

// World is what happened. Times count from the beginning of the day, on one
// clock that nobody sets: that of the program that carries the plan out.
type World struct {
	Plan     Plan
	Calm     time.Duration // when nothing failed any more
	Takes    []Take
	Sights   []Sight   // in the order in which people saw them
	Requests []Request // to Teams, by Began
	Done     []Done    // what was really done to the receiver
	Pressed  []Pressed
	// What the store says in the end.
	Groups     []StoredGroup
	Posts      []StoredPost
	Deliveries []StoredDelivery
	Audit      []AuditLine
	Leases     []string // addresses that somebody still has, when all have ended
	Stops      []Stop
	// Ended says what is wrong with how the replicas ended; each a sentence.
	Ended []string
}

// Stop is a replica that was asked to end, and did.
type Stop struct {
	Replica      int
	Began, Ended time.Duration
	Code         int // its exit code
}

// Take is one attempt to hand over a step.
type Take struct {
	Group        string
	Step         int // counts from 1
	Replica      int
	Began, Ended time.Duration
	Status       int // 0: there was no answer
	// Again: it was taken before and is only sent again.
	Again bool
}

// Taken says that it was promised to be told.
func (t Take) Taken() bool { return t.Status/100 == 2 }

// Request is one to a webhook or to the connector that was to show something.
type Request struct {
	Place        string
	Began, Ended time.Duration
	Status       int    // 0: the connection broke first
	Limited      bool   // Teams says that these are too many
	Answer       string // its beginning
}

// Sight is what people see from a moment on. A message that the webhook has
// taken and never shows is one with Shown false.
type Sight struct {
	At      time.Duration
	Place   string
	Message string // which; a message that is edited keeps its name
	Edit    bool
	Shown   bool
	Status  int   // what a webhook answered; 0: nothing
	Mark    *Mark // nil: it is no card of a group
	Digest  []Row // of a digest
	Hidden  int   // how many groups it counts and does not name
	Text    string
}

// Done is a fault as it was carried out.
type Done struct {
	Fault
	From, To time.Duration
	// Left says why it was left out, "" if it was not.
	Left string
}

// Pressed is an answer to a card.
type Pressed struct {
	Press
	Group  string
	Status int // 0: nobody answered
	// Did: the answer is that it was done.
	Did bool
}

// StoredGroup is the latest episode of a group.
type StoredGroup struct {
	ID      int64
	Short   string // the id that people read
	Name    string
	Episode int
	Over    bool
	Told    bool // somebody was to be told of it
	Rev     int
	Acked   bool
	States  map[string]string // of the alerts, by instance: firing, resolved, unseen
}

// StoredPost is an episode at a place.
type StoredPost struct {
	ID          int64
	Group       string // its name
	GroupID     int64
	Place       string
	State       string
	Want, Shown int
	DeadLetter  bool
	Reason      string
	Message     string
}

// StoredDelivery is a line of the delivery log.
type StoredDelivery struct {
	ID       int64
	PostID   int64
	Group    string
	Place    string
	Kind     string
	State    string
	Revision int
	Digest   int
	Status   int
	Reason   string
	Message  string
	At       time.Duration
	Took     time.Duration
}

// AuditLine is one of the audit.
type AuditLine struct {
	Who, Action, After string
}

// place finds one of the places by its name.
func place(name string) Place {
	for _, p := range Places {
		if p.Name == name {
			return p
		}
	}
	return Place{Name: name}
}
