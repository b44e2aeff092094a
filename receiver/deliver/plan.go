package deliver

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// digestAfter: a backlog that needs longer than this at the address's
	// pace is told by a digest (design D4).
	digestAfter = 2 * time.Minute
	// digestDistance is the least time between two digests of an address.
	digestDistance = 15 * time.Second
	// aloneInStorm is how many loud critical posts still get a card of their
	// own when the backlog calls for a digest. The reserve of the default
	// pace holds them and the digest.
	aloneInStorm = 5
	// peek is how many ready posts a decision looks at, enough to let a post
	// that failed stand back, and how many of all that waits it counts at first.
	peek = 8
	// maxCounted bounds what one decision counts.
	maxCounted = 5000
)

// situation is everything that decides what an address does next.
type situation struct {
	now     time.Time
	known   bool // the address is in the configuration
	held    bool // nobody can send there yet
	paused  bool // somebody wants nothing to be sent there, or has to mend it
	windows []Window
	maxAge  time.Duration
	sends   []time.Time   // ends of the latest attempts, oldest first
	row     store.Address // what the store knows of the address
	ready   []store.Post  // what may be sent now, best first; at most peek
	// backlog is how many wait in all, also behind those that may be sent now,
	// up to countTo; critical is how many of them are loud and critical, up to
	// one more than may go alone.
	backlog, critical int
	next              time.Time // when the next post may be sent, while none may; zero: there is none
}

// action is what an address does next.
type action int

const (
	doStop   action = iota // nothing waits
	doWait                 // nothing can be done until step.until
	doSend                 // one attempt for step.post
	doDigest               // tell everything that waits by one message
	doBury                 // give up on what waits and will not be sent: see buried
)

// step is what an address does next, and with what.
type step struct {
	action action
	until  time.Time  // doWait
	post   store.Post // doSend
	// spaced: the message counts as a digest for the distance between digests.
	spaced bool
	// paced: doWait, because of the pace.
	paced bool
	// missing: the address does not take what it is sent, and what waits there
	// may have to be missed.
	missing bool
}

// decide says what an address does next.
func decide(s situation) step {
	if len(s.ready) == 0 {
		if s.next.IsZero() {
			return step{action: doStop}
		}
		return step{action: doWait, until: s.next}
	}
	for i := range s.ready {
		if _, lost := s.buried(&s.ready[i]); lost {
			return step{action: doBury}
		}
	}
	if s.held || s.paused { // whoever changes that wakes the address, or the one that what waits is moved to
		return step{action: doStop}
	}
	if s.row.NotBefore.After(s.now) {
		return step{action: doWait, until: s.row.NotBefore}
	}

	next, at := s.choose()
	if at.After(s.now) {
		if soon := s.now.Add(store.EditDistance); next.post.Rank == store.RankStale && at.After(soon) {
			at = soon // what comes meanwhile does not wait for it
		}
		return step{action: doWait, until: at, paced: true}
	}
	return next
}

// kindOf says what the next attempt for a post sends. The card is made true
// before people are called to it; a change that comes after that does not hold
// up the call, or an alert that changes all the time would never call.
func kindOf(p *store.Post, editable bool) string {
	switch {
	case !editable || p.MessageID == "":
		return store.KindCard
	case p.Call > p.Called && p.Shown >= p.Call:
		return store.KindCall
	}
	return store.KindEdit
}

// choose picks the next message and the time at which the pace allows it.
func (s situation) choose() (step, time.Time) {
	alone := step{action: doSend, post: leastTried(s.ready)}
	if s.ready[0].Rank == store.RankStale { // nothing else waits
		return alone, nextSend(s.windows, s.sends, s.now, shareStale)
	}
	ordinary := nextSend(s.windows, s.sends, s.now, shareOrdinary)
	storm := s.backlog > s.room(s.backlog)

	switch {
	case s.ready[0].Rank >= store.RankLoudCritical:
		at := nextSend(s.windows, s.sends, s.now, shareCritical)
		last := spread(s.windows, s.sends, s.now)
		if last.After(at) {
			at = last
		}
		if s.critical <= 1 || last.IsZero() && (!storm || s.critical <= aloneInStorm) {
			return alone, at
		}
		if digest := s.digestTime(shareCritical, ordinary); digest.After(at) {
			at = digest
		}
		return step{action: doDigest, spaced: true}, at
	case !storm:
		return alone, ordinary
	case s.backlog == 1: // a digest of one group would say less than its card
		alone.spaced = true
		return alone, s.digestTime(shareDigest, ordinary)
	}
	return step{action: doDigest, spaced: true}, s.digestTime(shareDigest, ordinary)
}

// room is how many messages the pace lets through before a backlog is a storm,
// up to most.
func (s situation) room(most int) int {
	return room(s.windows, s.sends, s.now, s.now.Add(digestAfter), shareOrdinary, most)
}

// countTo is how far the backlog has to be counted to see whether it is a
// storm. An address that takes more than maxCounted in that time never has one.
func (s situation) countTo() int { return max(peek, s.room(maxCounted)+1) }

// digestTime is when the next digest may go: the first at once, the others at
// a distance. While ordinary messages have no room (until the given time),
// half of the slots that are left are spread over that time, so that they are
// not spent early and everything after that is late; the other half is for
// what is critical. A digest that tells critical groups is not spread.
func (s situation) digestTime(sh share, ordinary time.Time) time.Time {
	at := nextSend(s.windows, s.sends, s.now, sh)
	if s.row.DigestAt.IsZero() || s.row.DigestAt.After(s.now.Add(uncertainWait)) {
		return at // there was none, or it is from before the clock was set back
	}
	distance := digestDistance
	if ordinary.After(s.now) && sh == shareDigest {
		slots := left(s.windows, s.sends, s.now) / 2
		distance = max(distance, ordinary.Sub(s.row.DigestAt)/time.Duration(slots+1))
	}
	if spaced := s.row.DigestAt.Add(distance); spaced.After(at) {
		return spaced
	}
	return at
}

// leastTried is the best post, but one that has failed lets those of the same
// rank go first that have failed less.
func leastTried(ready []store.Post) store.Post {
	best := 0
	for i := range ready {
		if ready[i].Rank == ready[best].Rank && ready[i].Attempts < ready[best].Attempts {
			best = i
		}
	}
	return ready[best]
}

// buried says that a post will not be sent, and why.
func (s situation) buried(p *store.Post) (teams.Reason, bool) {
	switch {
	case !s.known:
		return teams.NoAddress, true
	case s.row.Broken == "" || s.row.Waits, s.paused: // it is tried when it may be
	case s.held: // nobody will try
		return teams.Reason(s.row.BrokenReason), true
	case LeftAlone(&s.row, s.now), !p.UpdatedAt.After(s.row.BrokenAt) && !s.row.BrokenAt.After(s.now):
		return teams.Reason(s.row.BrokenReason), true
	}
	if s.now.Sub(p.Since) > s.maxAge {
		return teams.Expired, true
	}
	return "", false
}

// minimal says that a post has its last attempt ahead of it, with the minimal
// card: Teams did not take the one that was wanted. A replay, or a change that
// comes after the post was given up, starts afresh.
func minimal(p *store.Post) bool {
	return p.State == store.Waiting && shrinkable(teams.Reason(p.Reason))
}

// shrinkable are the reasons that the minimal card may help against.
func shrinkable(r teams.Reason) bool { return r == teams.Payload || r == teams.TooLarge }

// breaking are the reasons that concern the address, whatever is sent there.
func breaking(r teams.Reason) bool {
	return r == teams.Auth || r == teams.NotFound || r == teams.TLS || stopping(r)
}

// stopping are those after which Microsoft wants no attempt until it has heard
// from the conversation again (teams-platform §3.3), and those for which nobody
// is there who could be reached.
func stopping(r teams.Reason) bool {
	switch r {
	case teams.Blocked, teams.NotInstalled, teams.Policy:
		return true
	}
	return nobody(r)
}

// nobody are the reasons of which sending would find out nothing.
func nobody(r teams.Reason) bool {
	switch r {
	case teams.UnknownUser, teams.Disabled, teams.NoTeams, teams.Foreign:
		return true
	}
	return false
}

// leftAlone is for how long. After it a change may find out whether that has
// changed: no event tells that an administrator has changed their mind or that
// somebody has unblocked the bot, and one that comes while we are down is lost.
const leftAlone = time.Hour

// LeftAlone says that nothing is sent to an address at now, not even a change
// that comes later. Who has reason to believe that it can be reached again, as
// the one who replays has, takes the mark away (store.Address.Mend).
func LeftAlone(row *store.Address, now time.Time) bool {
	if row.Broken == "" || row.Waits {
		return false
	}
	reason := teams.Reason(row.BrokenReason)
	return stopping(reason) && (nobody(reason) || now.Sub(row.BrokenAt).Abs() < leftAlone)
}
