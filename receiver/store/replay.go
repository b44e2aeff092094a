package store

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Replay is dead letters that somebody wants to be sent again: some that were
// named, or all of a kind. Of many, some are made due at a time, so that nobody
// waits for a hundred thousand; Next says how far that is, so that it goes on
// after a restart.
type Replay struct {
	ID   int64
	By   group.Person
	From string // by which way it was asked for
	// Destination and Reason are what was asked for; "": any.
	Destination, Reason string
	State               ReplayState
	// Next is above the posts that are still to be looked at.
	Next int64
	// Total is how many dead letters there were when it was asked for.
	// Replayed were made due again, Left had nowhere to go and stay as they are.
	Total, Replayed, Left int
	At, EndedAt           time.Time
}

// ReplayState is how far a replay is.
type ReplayState string

// The states of a replay. What became of the letters is not in it: they are
// posts, and have their own.
const (
	ReplayRunning ReplayState = "running" // some are still to be made due again
	ReplayStopped ReplayState = "stopped" // somebody stopped it; the rest stays dead
	ReplayDone    ReplayState = "done"    // all were made due again
)

// ReplayCount is what became of the letters of a replay.
type ReplayCount struct {
	Told    int // they are there
	Waiting int // they are on their way
	Dead    int // they were given up once more
}

// LetterPile is the dead letters of a destination that were given up for one
// reason.
type LetterPile struct {
	Destination, Reason string
	// Dead counts those that nobody sends, Waiting those that are sent again,
	// each up to what was asked for.
	Dead, Waiting int
	// Since is of the oldest, zero where none is dead; Example is the id of a post among them.
	Since   time.Time
	Example int64
}

// LetterTx keeps what is done about dead letters.
type LetterTx interface {
	// SaveReplay stores a replay; ID 0 inserts it and sets ID.
	SaveReplay(r *Replay) error
	// Replay returns one; ErrNotFound.
	Replay(id int64) (Replay, error)
	// RunningReplays returns those of which some is still to be done, oldest first.
	RunningReplays() ([]Replay, error)
	// Replays returns all, newest first by id; before 0 starts at the newest.
	Replays(before int64, limit int) ([]Replay, error)
	// CountReplay says what became of the posts whose ReplayID it is.
	CountReplay(id int64) (ReplayCount, error)
	// Phases says in which phase episodes are; those that are not there are
	// left out.
	Phases(groups []int64) (map[int64]group.Phase, error)
	// LetterPiles returns what kinds of dead letters there are, by reason and
	// destination. Of each it counts up to most: with more, its cost does not
	// depend on how many there are.
	LetterPiles(most int) ([]LetterPile, error)
}
