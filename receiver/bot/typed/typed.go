// Package typed reads what people write to the bot: a message becomes one
// Command, or a Problem that says in words what was wrong and what would have
// been understood. It is forgiving, because people type on phones: case,
// quotation marks of any kind, odd spaces, the bot's name anywhere, "#" before
// an id and a full stop after it make no difference.
//
// It needs nothing but the text and the time. Whether there is such an alert,
// and whether this person may do that, is not its business.
package typed

import (
	"time"
	"unicode/utf8"

	"github.com/teamsrelay/teamsrelay/receiver/command"
)

// The commands that are not verbs of package command: they read, or they are
// about no episode.
const (
	Help          = "help"
	Status        = "status"
	Alerts        = "alerts"
	Show          = "show"
	Silences      = "silences"
	Create        = "create"
	Subscribe     = "subscribe"
	Unsubscribe   = "unsubscribe"
	Subscriptions = "subscriptions"
	Test          = "test"
)

// Limits on what one message can ask for. Who wants more writes two.
const (
	MaxMessage     = 8 << 10 // bytes of a message with its markup
	MaxIDs         = 20
	MaxMatchers    = 20
	MaxMatcher     = 500 // bytes of one matcher
	MaxTitle       = 150 // characters of the title of an alert made by hand
	MaxDescription = 2000
	MaxName        = 100 // characters of a person's name
	maxMentions    = 50
)

// Message is what somebody wrote.
type Message struct {
	// Text is as Teams sends it: with markup, entities and mentions in it.
	Text     string
	Mentions []Mention
}

// Mention is somebody who is named in a message.
type Mention struct {
	ID   string // Microsoft's, "29:…"
	Name string
	Text string // as it stands in the message: "<at>Alice</at>"
	Bot  bool   // it is the bot itself
}

// Who is somebody as a message names them.
type Who struct {
	Me   bool   // who wrote the message
	ID   string // Microsoft's, of a mention
	Name string
}

// What an id of Expire is of.
const (
	OfSilence = "silence"
	OfAlert   = "alert"
)

// Command is what a message asks for. What does not belong to its verb is
// zero.
type Command struct {
	Verb string // one of package command, or of this one
	// IDs are the numbers of alerts; of silences for Expire, of subscriptions
	// for Unsubscribe. None: the verb is about what the message answers, or
	// about Matchers.
	IDs []int64
	// Of says of what the IDs of Expire are, OfSilence or OfAlert; "": the
	// message does not say.
	Of string
	// Matchers, each in Alertmanager's notation.
	Matchers []string
	// Until is when a silence is to end.
	Until time.Time
	// To is who is to take care of it.
	To Who
	// Title of an alert that is made by hand.
	Title string
	// Text is a comment, the description of an alert that is made by hand, or
	// the command that Help is asked about.
	Text string
}

// Problem says why a message was not understood.
type Problem struct {
	Verb    string // the command that was meant, as far as that can be told
	What    string // what was wrong: a sentence of plain text
	Example string // what would have been understood
}

func (p *Problem) Error() string { return p.What }

// Parse reads a message that was written at now, on the readers' clock. The
// error is a *Problem. A message that says nothing asks for help.
func Parse(m Message, now time.Time) (Command, error) {
	if len(m.Text) > MaxMessage {
		return Command{}, &Problem{What: "This message is too long for a command.", Example: example(Help)}
	}
	p := parser{now: now, mentions: m.Mentions[:min(len(m.Mentions), maxMentions)]}
	p.text = p.plain(m.Text)
	p.fillers()
	first := p.peek()
	if first.empty() {
		return Command{Verb: Help}, nil
	}
	if verb, ok := verbOf(first.text); ok && !first.quoted {
		p.at = first.end
		return p.command(verb)
	}
	if ids := p.ids(MaxIDs + 1); len(ids) > 0 {
		return p.aboutIDs(ids)
	}
	return Command{}, notUnderstood(first.text)
}

// command reads what stands after a verb.
func (p *parser) command(verb string) (Command, error) {
	c := Command{Verb: verb}
	switch verb {
	case Help:
		if word := p.peek(); !word.empty() {
			c.Text, _ = verbOf(word.text)
		}
		return c, nil
	case Silences, Subscriptions, Test:
		return c, nil
	case Status:
		if ids := p.ids(MaxIDs + 1); len(ids) > 0 {
			return p.aboutIDs(ids)
		}
		return c, nil
	case Alerts, Subscribe:
		return p.matching(c)
	case Create:
		return p.create(c)
	case Unsubscribe:
		return p.unsubscribe(c)
	case command.Silence:
		return p.silence(c)
	case command.Assign:
		return p.assign(c)
	case command.Expire:
		if word := p.peek(); word.is("silence", "alert") {
			p.at, c.Of = word.end, word.lower()
		}
	case command.Comment:
		c.IDs = p.ids(1) // the first word of a comment can look like an id
		return p.commenting(c)
	}
	c.IDs = p.ids(MaxIDs + 1)
	return p.withText(c)
}

// states are what people say of an alert after its id, and what they mean.
var states = map[string]string{
	"resolved": command.Resolve, "closed": command.Resolve, "done": command.Resolve, "fixed": command.Resolve,
	"in_progress": command.Ack, "in-progress": command.Ack, "inprogress": command.Ack, "progress": command.Ack,
	"acknowledged": command.Ack, "investigating": command.Ack,
	"open": command.Reopen, "reopened": command.Reopen, "firing": command.Reopen,
}

// aboutIDs reads a message that begins with ids: "fgq8 status resolved",
// "fgq8 ack", or nothing more.
func (p *parser) aboutIDs(ids []int64) (Command, error) {
	c := Command{Verb: Show, IDs: ids}
	word := p.peek()
	if word.empty() {
		return p.limited(c)
	}
	status := word.is(Status, "is", "state")
	if status {
		p.at = word.end
		for word = p.peek(); word.is("is", "to", "=", ":", "in"); word = p.peek() { // "status is resolved", "in progress"
			p.at = word.end
		}
		if word.empty() {
			return p.limited(c)
		}
	} else if word.is("in") { // "fgq8 in progress"
		p.at = word.end
		word = p.peek()
	}
	if verb, ok := states[word.lower()]; ok {
		p.at, c.Verb = word.end, verb
		return p.withText(c)
	}
	if status {
		return Command{}, &Problem{
			Verb: Status, What: "I do not know the state " + quoted(word.text) + ". There are resolved and in_progress.",
			Example: exampleID + " status resolved",
		}
	}
	verb, ok := verbOf(word.text)
	if !ok {
		return Command{}, notUnderstood(word.text)
	}
	p.at = word.end
	switch verb {
	case command.Ack, command.Unack, command.Resolve, command.Reopen, command.Expire:
		c.Verb = verb
		return p.withText(c)
	case command.Comment:
		c.Verb = verb
		return p.commenting(c)
	case Show, Help:
		return p.limited(c)
	case command.Silence, command.Assign:
		rest, err := p.command(verb)
		rest.IDs = ids
		if err != nil {
			return Command{}, err
		}
		return p.limited(rest)
	}
	return Command{}, &Problem{Verb: verb, What: "The command " + verb + " is about no alert: it stands first, and no id before it.", Example: example(verb)}
}

// withText takes what is left as a comment: "ack fgq8 on it".
func (p *parser) withText(c Command) (Command, error) {
	if word := p.peek(); looksLikeID(word.text) && (len(c.IDs) == 0 || c.Verb != command.Comment && p.after(word).empty()) {
		return Command{}, noID(c.Verb, word.text)
	}
	c.Text = p.comment()
	return p.limited(c)
}

// commenting reads a comment, which has to say something.
func (p *parser) commenting(c Command) (Command, error) {
	c, err := p.withText(c)
	if err == nil && c.Text == "" {
		return Command{}, &Problem{Verb: c.Verb, What: "There is no text to comment with.", Example: example(c.Verb)}
	}
	return c, err
}

// limited refuses what is too much.
func (p *parser) limited(c Command) (Command, error) {
	switch {
	case len(c.IDs) > MaxIDs:
		return Command{}, &Problem{Verb: c.Verb, What: "That is too much at once: 20 ids at most.", Example: example(c.Verb)}
	case utf8.RuneCountInString(c.Text) > command.MaxText:
		return Command{}, &Problem{Verb: c.Verb, What: "The text is too long: 2,000 characters at most.", Example: example(c.Verb)}
	}
	return c, nil
}

// create reads a title and a description: both in quotes, or the first line
// and what follows it.
func (p *parser) create(c Command) (Command, error) {
	if word := p.peek(); word.is("alert") && !p.after(word).empty() { // "create alert …"
		p.at = word.end
	}
	first := p.peek()
	if first.quoted {
		p.at = first.end
		c.Title, c.Text = first.text, p.comment()
	} else if title, at, found := p.untilQuote(); found {
		c.Title = title
		p.at = at
		c.Text = p.comment()
	} else {
		c.Title, c.Text = p.lines()
	}
	c.Title = oneLine(c.Title)
	switch {
	case c.Title == "":
		return Command{}, &Problem{Verb: Create, What: "An alert needs a title.", Example: example(Create)}
	case utf8.RuneCountInString(c.Title) > MaxTitle:
		return Command{}, &Problem{Verb: Create, What: "The title is too long: 150 characters at most. The rest can stand in the description.", Example: example(Create)}
	case utf8.RuneCountInString(c.Text) > MaxDescription:
		return Command{}, &Problem{Verb: Create, What: "The description is too long: 2,000 characters at most.", Example: example(Create)}
	}
	return c, nil
}

// matching reads matchers up to the end of the message.
func (p *parser) matching(c Command) (Command, error) {
	for word := p.peek(); word.is("to", "all", "everything", "of", "with", "where", "matching"); word = p.peek() {
		if p.isMatcher() {
			break
		}
		p.at = word.end
	}
	var err error
	if c.Matchers, err = p.matchers(c.Verb); err != nil {
		return Command{}, err
	}
	if word := p.peek(); !word.empty() {
		return Command{}, notMatcher(c.Verb, word.text)
	}
	return c, nil
}

func (p *parser) unsubscribe(c Command) (Command, error) {
	if word := p.peek(); word.is("all", "everything", "from") {
		p.at = word.end
	}
	c.IDs = p.ids(MaxIDs + 1)
	if word := p.peek(); !word.empty() {
		return Command{}, &Problem{
			Verb: Unsubscribe, What: quoted(word.text) + " is no id of a subscription. The command subscriptions lists them.", Example: example(Unsubscribe),
		}
	}
	return p.limited(c)
}

// silence reads ids or matchers, how long, and a comment.
func (p *parser) silence(c Command) (Command, error) {
	if word := p.peek(); word.is("alert", "alerts") && !p.isMatcher() {
		p.at = word.end
	}
	early := p.spanFirst(&c)
	if early != nil {
		return Command{}, early
	}
	switch {
	case p.isMatcher():
		var err error
		if c.Matchers, err = p.matchers(c.Verb); err != nil {
			return Command{}, err
		}
	default:
		p.timed = c.Until.IsZero()
		c.IDs = p.ids(MaxIDs + 1)
	}
	if c.Until.IsZero() {
		until, found, err := p.until()
		switch word := p.peek(); {
		case err != nil:
			return Command{}, err
		case found:
			c.Until = until
		case len(c.IDs) == 0 && len(c.Matchers) == 0 && !word.empty():
			return Command{}, notTarget(word.text)
		case word.empty():
			return Command{}, &Problem{Verb: c.Verb, What: "How long is it to be silent?", Example: example(c.Verb)}
		case len(c.Matchers) > 0:
			return Command{}, &Problem{
				Verb: c.Verb, What: "I do not understand " + quoted(word.text) + ". A value with spaces needs quotation marks, and after it stands how long.",
				Example: `silence alertname="Disk full" 2h`,
			}
		default:
			return Command{}, &Problem{Verb: c.Verb, What: quoted(word.text) + " is no time that I know.", Example: example(c.Verb)}
		}
	}
	c.Text = p.comment()
	return p.limited(c)
}

// spanFirst reads a time that stands before what it is about: "silence 2h
// fgq8". Some ids look like times; then the time comes later.
func (p *parser) spanFirst(c *Command) *Problem {
	at := p.at
	until, found, err := p.until()
	if !found && err == nil {
		return nil
	}
	_, isID := idOf(p.peekAt(at).text)
	if isID {
		after := p.at
		p.at = p.peekAt(at).end
		_, again, _ := p.until()
		p.at = after
		if again {
			p.at = at
			return nil
		}
	}
	if err != nil {
		return err
	}
	c.Until = until
	return nil
}

// assign reads who is to take care of what, in either order.
func (p *parser) assign(c Command) (Command, error) {
	skip := func() {
		for word := p.peek(); !word.quoted && word.is("to", "for", "->", "→"); word = p.peek() {
			p.at = word.end
		}
	}
	c.IDs = p.ids(MaxIDs + 1)
	skip()
	word := p.peek()
	switch who, mentioned := p.mention(word); {
	case mentioned:
		c.To, p.at = who, word.end
	case word.is("me", "myself", "@me"):
		c.To, p.at = Who{Me: true}, word.end
	default:
		c.To.Name = p.name(len(c.IDs) > 0)
	}
	skip()
	if len(c.IDs) == 0 {
		c.IDs = p.ids(MaxIDs + 1)
	}
	switch {
	case c.To == Who{}:
		return Command{}, &Problem{Verb: c.Verb, What: "Who is to take care of it? Mention somebody, or write me.", Example: example(c.Verb)}
	case utf8.RuneCountInString(c.To.Name) > MaxName:
		return Command{}, &Problem{Verb: c.Verb, What: "This is too long for a name.", Example: example(c.Verb)}
	case len(c.IDs) == 0 && looksLikeID(c.To.Name):
		return Command{}, noID(c.Verb, c.To.Name)
	}
	return p.limited(c)
}
