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
	// that people read would be old. A card that is there and only edited is
	// not waited for. 0: none.
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
	// RankLoudCritical, RankLoud, RankQuiet, RankStale.
	Rank int
	// SendingLoud and SendingRank are those of the attempt under way; Loud and
	// Rank then speak of what was raised since.
	SendingLoud bool
	SendingRank int
	// SendingID is that attempt's Delivery.ID. Who makes it and finds another one
	// here has been slow for so long that somebody else has taken the post over.
	SendingID int64

	Since     time.Time // the oldest change that is not there yet
	NotBefore time.Time // when it may be sent
	Attempts  int       // since it last was there
	MessageID string    // what Teams calls the message, "" where it does not say

	// Reason and Message say why it is waiting or dead, in our closed set and
	// in words. A dead letter keeps them until it is delivered.
	Reason     string
	Message    string
	DeadLetter bool // in the list of dead letters; also while a replay is under way
	// ReplayID is the replay that made it due again last; 0: none did.
	ReplayID int64
	// Missed: the episode knows that this could not be told here, and has told
	// somebody else in its place if there is anybody (see group.Miss). It is
	// taken back by the delivery.
	Missed    bool
	UpdatedAt time.Time
}

// The ranks.
const (
	// RankStale is that of a card whose news a digest has told: it is made true
	// when nothing else waits.
	RankStale = iota - 1
	RankQuiet
	RankLoud
	RankLoudCritical
)

// EditDistance is how far apart the edits of one card are at least: what
// changes in between is one edit (teams-platform §3.2). A card that has been
// left alone for that long, as most have when somebody presses a button, is
// edited at once.
const EditDistance = 2 * time.Second

// SentBy says that the attempt under way is the delivery with this id.
func (p *Post) SentBy(delivery int64) bool { return p.State == Sending && p.SendingID == delivery }

// Raise records that the group wants rev to be there. rank and loud only go
// up until the post is there.
func (p *Post) Raise(rev int, due group.Due, rank int, now time.Time) {
	settled := p.State == "" || p.State == Shown || p.State == Accepted || p.State == Dead
	if settled {
		notBefore := now
		// What was sent later than now was sent before the clock was set back.
		if next := p.UpdatedAt.Add(EditDistance); p.State == Shown && next.After(now) && !p.UpdatedAt.After(now) {
			notBefore = next
		}
		p.State, p.NotBefore, p.Since, p.Attempts = Due, notBefore, now, 0
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

// Begin records that an attempt starts: the delivery with this id.
func (p *Post) Begin(delivery int64, now time.Time) {
	p.State, p.SendingID = Sending, delivery
	p.SendingLoud, p.SendingRank = p.Loud, p.Rank
	p.Loud, p.Rank = false, RankStale // until something is raised
	p.Attempts++
	p.UpdatedAt = now
}

// Digested records that a digest told of revision rev. A card of its own that
// is there is still to become true, without haste.
func (p *Post) Digested(rev int, now time.Time) {
	p.Called = max(p.Called, rev)
	if p.MessageID == "" {
		p.Shown = max(p.Shown, rev)
		p.told(false, now)
		return
	}
	p.told(true, now)
	if p.State == Due && p.Want <= rev {
		p.Loud, p.Rank = false, RankStale
	}
}

// Delivered records that a card with revision rev is there: an edit of the one
// that was, if the post has one, else a new one, which is a call too. editable
// says whether the message can be changed later, which is what tells shown
// from accepted.
func (p *Post) Delivered(rev int, messageID string, editable bool, now time.Time) {
	if edited := editable && p.MessageID != ""; !edited {
		p.Called = max(p.Called, rev)
	}
	p.Shown, p.Carded = rev, rev
	if messageID != "" {
		p.MessageID = messageID
	}
	p.told(editable, now)
}

// CalledFor records that a message beside the card has told of revision rev.
func (p *Post) CalledFor(rev int, now time.Time) {
	p.Called = max(p.Called, rev)
	p.SendingLoud, p.SendingRank = false, RankQuiet // people have heard of it
	p.told(true, now)
}

// told ends an attempt that Teams took. What is left makes the post due again.
func (p *Post) told(editable bool, now time.Time) {
	p.Reason, p.Message, p.DeadLetter = "", "", false
	p.Attempts = 0
	p.UpdatedAt = now
	call, edit := editable && p.Call > p.Called, p.Want > p.Shown
	if call {
		p.unsent() // an edit notifies nobody
	}
	p.SendingLoud, p.SendingRank = false, RankQuiet
	switch {
	case call && p.Shown >= p.Call:
		p.State, p.NotBefore = Due, now
	case edit && editable: // something new came in while it was under way
		p.State, p.NotBefore, p.Since = Due, now.Add(EditDistance), now
	case edit:
		p.State, p.NotBefore, p.Since = Due, now, now
	default:
		p.State = Accepted
		if editable {
			p.State = Shown
		}
		p.Loud, p.Rank = false, RankQuiet
	}
}

// Gone records that the message is not there any more: a new one is sent at
// once. The attempts go on counting.
func (p *Post) Gone(reason, message string, now time.Time) {
	p.Retry(now, reason, message, now)
	p.MessageID = ""
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

// Move records that the post is at another address: what stands at the old one
// cannot be edited from there, and what that asked for does not count there.
func (p *Post) Move(address string) {
	p.Address, p.MessageID = address, ""
	if p.State == Waiting {
		p.NotBefore = p.UpdatedAt
	}
}

// TakeOver has the post tell what another one of the same episode, that is
// given up for it, has not told. Whether an attempt of that one that is under
// way arrives, nobody knows: it counts as not told.
//
// A dead letter does not come alive here: unless something is to be sent
// anyway, which tells all there is, the post becomes one.
func (p *Post) TakeOver(other Post, now time.Time) {
	other.unsent()
	p.Missed = p.Missed || other.Missed
	call := other.Call > max(other.Called, p.Called)
	if other.Want <= p.Shown && (!call || p.MessageID == "") {
		if other.Missed && p.State == Shown && p.MessageID != "" { // an edit, after which nobody is missed
			p.Raise(p.Want, group.Due{}, RankQuiet, now)
		}
		return
	}
	alive := p.Unsent()
	rank := other.Rank
	if !call { // what was loud was heard of here
		rank = min(rank, RankQuiet)
	}
	p.Raise(max(other.Want, p.Want), group.Due{Loud: call && other.Loud, Call: call}, rank, now)
	if other.Unsent() && other.Since.Before(p.Since) {
		p.Since = other.Since
	}
	switch {
	case other.State == Dead && !alive:
		p.GiveUp(other.Reason, other.Message, now)
	case other.DeadLetter && !p.DeadLetter:
		p.DeadLetter, p.Reason, p.Message = true, other.Reason, other.Message
	}
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

// Correct is Replay for a card that is there, of an episode that is over: it
// becomes true without a call, when nothing else waits.
func (p *Post) Correct(now time.Time) {
	if p.State != Dead {
		return
	}
	p.Replay(now)
	p.Called = max(p.Called, p.Call)
	p.Loud, p.Rank = false, RankStale
}

// GoneUnmissed records that the message is not there any more of a card that
// only had to say that its episode is over: there is nothing left to be made
// true.
func (p *Post) GoneUnmissed(rev int, now time.Time) {
	p.MessageID = ""
	p.Digested(rev, now)
}
