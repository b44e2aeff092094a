package store

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// State is where a post is in its life; doc.go draws it.
type State string

// The states of a post.
const (
	Due      State = "due"
	Sending  State = "sending"
	Shown    State = "shown"    // the card is there, Teams said so
	Accepted State = "accepted" // a webhook took it; a 202 does not prove a card
	Waiting  State = "waiting"  // tried again at NotBefore
	Dead     State = "dead"     // given up; kept until somebody replays or drops it
)

// Post is one episode at one address.
type Post struct {
	ID          int64
	GroupID     int64 // the episode
	Address     string
	Destination string // the destination through which the address was reached first
	Card        string // the template's name
	Title       string // a few words for lists and the log: what it is about

	// Follows is the post of the episode before at the same address, if that
	// was still to be sent when this one began: it goes first, or the last
	// that people read would be old. 0: none.
	Follows int64

	State State
	Want  int // revision of the group that should be there
	Shown int // revision that is there; 0: nothing yet
	// Carded is the revision that a card of its own showed last. After a
	// digest it is behind Shown: a digest counts, and quotes nobody.
	Carded int
	Loud   bool // what is wanted must reach somebody's attention
	// Call is the latest revision that wants a message of its own beside the
	// edit of the card, and Called the latest that has had one: a new card, or
	// a short message that belongs to it. Only of messages that can be edited.
	Call   int
	Called int
	// Rank orders the posts of an address, a higher one goes first:
	// RankLoudCritical, RankLoud, RankQuiet.
	Rank int
	// SendingLoud and SendingRank are those of the attempt under way; Loud and
	// Rank then speak of what was raised since.
	SendingLoud bool
	SendingRank int

	Since     time.Time // the oldest change that is not there yet
	NotBefore time.Time // when it may be sent
	Attempts  int       // since it last was there
	MessageID string    // what Teams calls the message, "" where it does not say

	// Reason and Message say why it is waiting or dead, in our closed set and
	// in words. A dead letter keeps them until it is delivered.
	Reason     string
	Message    string
	DeadLetter bool // in the list of dead letters; also while a replay is under way
	UpdatedAt  time.Time
}

// The ranks.
const (
	RankQuiet = iota
	RankLoud
	RankLoudCritical
)

// Raise records that the group wants rev to be there. rank and loud only go
// up until the post is there.
func (p *Post) Raise(rev int, due group.Due, rank int, now time.Time) {
	settled := p.State == "" || p.State == Shown || p.State == Accepted || p.State == Dead
	if settled {
		p.State, p.NotBefore, p.Since, p.Attempts = Due, now, now, 0
		p.Loud, p.Rank = false, RankQuiet
	}
	p.Want = rev
	if due.Call {
		p.Call = rev
	}
	p.Loud = p.Loud || due.Loud
	p.Rank = max(p.Rank, rank)
	p.UpdatedAt = now
}

// Unsent says that what is wanted is still to be sent, or under way.
func (p *Post) Unsent() bool { return p.State == Due || p.State == Waiting || p.State == Sending }

// Begin records that an attempt starts.
func (p *Post) Begin(now time.Time) {
	p.State = Sending
	p.SendingLoud, p.SendingRank = p.Loud, p.Rank
	p.Loud, p.Rank = false, RankQuiet
	p.Attempts++
	p.UpdatedAt = now
}

// Digested records that a digest told of revision rev.
func (p *Post) Digested(rev int, now time.Time) {
	carded := p.Carded
	p.Delivered(rev, "", false, now)
	p.Carded = carded
}

// Delivered records that a card with revision rev is there. editable says
// whether the message can be changed later, which is what tells shown from
// accepted.
func (p *Post) Delivered(rev int, messageID string, editable bool, now time.Time) {
	p.Shown, p.Carded = rev, rev
	p.State = Accepted
	if editable {
		p.State = Shown
	}
	if messageID != "" {
		p.MessageID = messageID
	}
	p.Reason, p.Message, p.DeadLetter = "", "", false
	p.Attempts = 0
	p.SendingLoud, p.SendingRank = false, RankQuiet
	p.UpdatedAt = now
	if p.Want > rev { // something new came in while it was under way
		p.State, p.NotBefore, p.Since = Due, now, now
		return
	}
	p.Loud, p.Rank = false, RankQuiet
}

// Retry records that the attempt failed and when the next one may start.
func (p *Post) Retry(at time.Time, reason, message string, now time.Time) {
	p.unsent()
	p.State, p.NotBefore = Waiting, at
	p.Reason, p.Message = reason, message
	p.UpdatedAt = now
}

// unsent takes back what an attempt did not tell.
func (p *Post) unsent() {
	p.Loud = p.Loud || p.SendingLoud
	p.Rank = max(p.Rank, p.SendingRank)
	p.SendingLoud, p.SendingRank = false, RankQuiet
}

// GiveUp makes the post a dead letter.
func (p *Post) GiveUp(reason, message string, now time.Time) {
	p.unsent()
	p.State, p.DeadLetter = Dead, true
	p.Reason, p.Message = reason, message
	p.UpdatedAt = now
}

// Replay makes a dead letter due again. It leaves the list when it is
// delivered, not before.
func (p *Post) Replay(now time.Time) {
	if p.State != Dead {
		return
	}
	p.State, p.NotBefore, p.Since, p.Attempts = Due, now, now, 0
	p.UpdatedAt = now
}
