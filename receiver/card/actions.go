package card

import (
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/press"
)

// The inputs of cards. No two on a card may have one id: Teams on phones
// refuses such a card whole. So what is written for a silence is not the
// comment.
const (
	InputComment = "comment"
	InputReason  = "silence_comment" // why something is silenced
	InputOwner   = "assignee"        // to whom it is assigned, as people write a name
)

// The spans of a silence that a button offers, as they stand in its data.
var silenceSpans = []struct{ span, title string }{
	{"1h", "1 hour"}, {"4h", "4 hours"}, {"1d", "1 day"}, {"tomorrow", "Until tomorrow morning"},
}

// Action is a button that does something. One with Choices opens a form: its
// Inputs, and the buttons that send them.
type Action struct {
	Verb    string     // "ack"; "" of one that opens a form
	Title   string     //
	Data    press.Data // signed; a press is only taken with it
	Alone   bool       // it sends no input, whatever stands in them
	Inputs  []Field
	Choices []Action
}

// Field is where people write.
type Field struct {
	ID, Label string
	Lines     bool   // more than one
	Max       int    // characters
	Missing   string // what is said when nothing was written; "": it may be empty
}

// actions are the buttons for what people can do now, at most six.
func (t *teller) actions() []Action {
	g := &t.in.Group
	if t.in.Look.Press == nil {
		return nil
	}
	do := func(verb, title string, of int64, span string) Action {
		return Action{Verb: verb, Title: title, Data: t.in.Look.Press(g.ID, verb, of, span)}
	}
	var list []Action
	comment := Action{Title: "Comment…", Inputs: []Field{
		{ID: InputComment, Label: "Comment", Lines: true, Max: command.MaxText, Missing: "Write something first."},
	}, Choices: []Action{do(command.Comment, "Send", 0, "")}}
	if g.Phase == group.Over || t.byHand() {
		if t.byHand() && t.fires > 0 {
			list = append(list, do(command.Reopen, "Reopen", int64(g.Closed.ID), ""))
		}
		return append(list, comment)
	}
	if g.Ack == nil {
		list = append(list, do(command.Ack, "Acknowledge", 0, ""))
	} else {
		list = append(list, do(command.Unack, "Take back acknowledgement", int64(g.Ack.ID), ""))
	}
	if t.silenced() {
		list = append(list, do(command.Expire, "End silence", g.Silence.ID, ""))
	} else if !t.asked(command.Silence) {
		silence := Action{Title: "Silence…", Inputs: []Field{{ID: InputReason, Label: "Why? (optional)", Max: maxRemark}}}
		for _, s := range silenceSpans {
			silence.Choices = append(silence.Choices, do(command.Silence, s.title, 0, s.span))
		}
		list = append(list, silence)
	}
	owner := int64(0)
	if g.Owner != nil {
		owner = int64(g.Owner.ID)
	}
	me := do(command.Assign, "To me", owner, "")
	me.Alone = true
	list = append(list, Action{Title: "Assign…", Inputs: []Field{
		{ID: InputOwner, Label: "To whom?", Max: 2 * maxWho, Missing: "Write a name or an address."},
	}, Choices: []Action{me, do(command.Assign, "Assign", owner, "")}})
	if list = append(list, comment); !t.asked(command.Resolve) {
		list = append(list, do(command.Resolve, "Resolve", 0, ""))
	}
	return list
}

// asked says that another system was asked to do something and has not
// answered yet: to ask again helps nobody.
func (t *teller) asked(verb string) bool {
	for _, w := range t.wishes() {
		if w.Verb == verb && w.State == group.WishAsked {
			return true
		}
	}
	return false
}
