package deliver

import (
	"context"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// Address is one place that a message can go to, and how to send there.
type Address struct {
	ID          string // the store's name for it; no secret
	Destination string // the destination's name in the configuration
	// Pace is how much Teams takes; every window holds. Empty: DefaultPace.
	Pace []Window
	// Limit is how large a message may be. Zero: card.WorkflowLimit.
	Limit card.Limit
	// Editable: a message that is there can be changed later, with Edit, and
	// be followed by a short one, with Call.
	Editable bool
	// MaxAge is how long a change may wait before it becomes a dead letter
	// instead of old noise. 0: DefaultMaxAge.
	MaxAge time.Duration
	// Timeout ends an attempt. 0: DefaultTimeout.
	Timeout time.Duration
	// Send makes one attempt. It ends when ctx does.
	Send func(ctx context.Context, m card.Message) teams.Outcome
	// Edit replaces the card of a message. Call sends a short message that
	// belongs to it: a reply under it, or a new one where there are no threads.
	// Both are set if the address is Editable.
	Edit func(ctx context.Context, messageID string, m card.Message) teams.Outcome
	Call func(ctx context.Context, messageID string, m card.Message) teams.Outcome
	// Look says how cards are made for this address, of which one may be shown
	// by a message already; nil: as where nobody can answer.
	Look func(messageID string) card.Look
	// ReadOnly: nobody may press there, so cards have no buttons.
	ReadOnly bool
	// Held: nobody can send there yet, so Send is nil. It stands for a person or
	// a roster until there is a conversation, to which the posts are moved then
	// (store.PeopleTx.MovePosts). Posts wait; while the address is broken and
	// does not wait, they are given up at once. Who is told instead while they
	// wait is for whoever works on it to say: nothing is tried here.
	Held bool
	// Paused: nothing is sent there now, because somebody has disabled its
	// destination or has to mend it first, and Send may be nil. Posts wait, until
	// they are too old; what others would be told in their place is not told
	// while they do. Where it is to be mended it is Broken too.
	Paused, Broken bool
	// Who is the person that the address is, for people; "": it is none. Name is
	// theirs as our commands take it.
	Who, Name string
}

// Defaults of an Address (design, issue 2 point 4 and small print).
const (
	DefaultMaxAge  = 24 * time.Hour
	DefaultTimeout = 8 * time.Second
)

func (a Address) withDefaults() Address {
	if len(a.Pace) == 0 {
		a.Pace = DefaultPace
	}
	if a.Limit == (card.Limit{}) {
		a.Limit = card.WorkflowLimit
	}
	if a.MaxAge <= 0 {
		a.MaxAge = DefaultMaxAge
	}
	if a.Timeout <= 0 {
		a.Timeout = DefaultTimeout
	}
	return a
}
