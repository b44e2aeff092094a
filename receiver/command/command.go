// Package command says what people want: a button, a typed command, a call of
// the API and a page's form all become one Command, which package engine
// carries out.
package command

import (
	"errors"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// The verbs (design §6, small print "Buttons").
const (
	Ack     = "ack"
	Unack   = "unack"
	Silence = "silence"
	Expire  = "expire"
	Assign  = "assign"
	Resolve = "resolve"
	Comment = "comment"
	Reopen  = "reopen"
)

// Verbs are all of them, in the order of the buttons.
var Verbs = []string{Ack, Unack, Silence, Expire, Assign, Resolve, Comment, Reopen}

// Limits on what people write.
const (
	MaxText     = 2000 // characters of a comment
	MaxSilence  = 90 * 24 * time.Hour
	MaxSilenced = 100 // alerts that one press silences
)

// Command is one thing that somebody wants done about one episode, or, for
// Silence and Expire, by matchers or by the number of a silence.
type Command struct {
	Verb string
	// Group is the number of the episode; 0: see Matchers and SilenceID.
	Group int64
	// Matchers are what a silence is about that is not one episode's, in
	// Alertmanager's notation.
	Matchers []string
	// SilenceID is the silence that Expire ends; 0: all of the episode.
	SilenceID int64
	By        group.Person
	From      string // where: "channel sre", "chat of Alice", "api 127.0.0.1"
	// Of is the mark that its doer saw (group.Mark.ID), group.AnyMark for who
	// names none; 0 of Assign: nobody had it. Of Expire by a button SilenceID
	// says it.
	Of int
	// Until is when a silence ends.
	Until time.Time
	Text  string       // a comment
	To    group.Person // Assign
	// Activity names the activity that it came with: one that comes again is
	// not done again. "": it cannot.
	Activity string
}

// Creation is an alert that somebody makes by hand.
type Creation struct {
	Title, Description string
	By                 group.Person
	From               string // where, as in Command
	// Address is that of the conversation, which gets the alert.
	Address string
}

// Result is what became of a command.
type Result struct {
	// Group is the episode as it is now; zero for a command about none.
	Group group.Group
	// Done: something has changed. If not, Why says in words for people why
	// not, and nothing is wrong with the card that Group makes.
	Done bool
	Why  string
	// Silence is the silence that was made; zero without one.
	SilenceID int64
	// Asked: another system has been asked and has not answered yet.
	Asked bool
	// Repeated: the activity was worked before.
	Repeated bool
}

// Errors of carrying out. Everything else is the store's.
var (
	// ErrUnknown: there is no such episode or silence.
	ErrUnknown = errors.New("there is no such alert")
	// ErrText: a comment is missing or too long.
	ErrText = errors.New("the comment is missing or too long")
	// ErrUntil: the silence would end before it begins, or is too long.
	ErrUntil = errors.New("a silence lasts from a minute to 90 days")
	// ErrMatchers: they are not matchers, or would silence everything.
	ErrMatchers = errors.New("these are not matchers")
	// ErrVerb: there is no such verb.
	ErrVerb = errors.New("there is no such verb")
)
