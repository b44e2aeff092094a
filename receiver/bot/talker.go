package bot

import (
	"context"

	"github.com/teamsrelay/teamsrelay/receiver/bot/activity"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// talker is who pressed or typed something, and where.
type talker struct {
	activity    activity.Activity
	here        store.Conversation
	address     string // of the conversation
	destination string // what the address is called
	person      group.Person
}

// talker finds out who an activity is from. Its sender is as Microsoft says:
// nothing that somebody could type.
func (b *Bot) talker(ctx context.Context, a activity.Activity) (talker, error) {
	c, err := b.conversation(ctx, a.Conversation.ID)
	if err != nil {
		return talker{}, err
	}
	b.describe(&c, a) // a press is worked before what it tells of its conversation is stored
	t := talker{
		activity: a, here: c, address: botframework.AddressID(c.ID), destination: b.destinationAt(botframework.AddressID(c.ID)).Name,
		person: group.Person{Name: a.From.Name, ID: a.From.ObjectID},
	}
	if t.person.Name == "" && c.Kind == store.Personal {
		t.person.Name = c.Name
	}
	if t.person.Name == "" || t.person.ID == "" {
		asking, cancel := context.WithTimeout(ctx, askWithin)
		defer cancel()
		if m, in, err := b.member(asking, c, a.From.ID); err == nil && in {
			t.person = personOf(m, t.person)
		}
	}
	if t.person.Name == "" {
		t.person.Name = "Somebody"
	}
	if t.person.ID == "" { // not everybody has one of Entra's: what Teams calls them names them, too
		t.person.ID = a.From.ID
	}
	return t, nil
}

// personOf is a member as the rest of the program knows people; what Teams does
// not say of them is as it was.
func personOf(m botframework.Member, known group.Person) group.Person {
	if known.Name == "" {
		known.Name = activity.OneLine(m.Name)
	}
	if known.ID == "" {
		known.ID = m.ObjectID
	}
	return known
}

// from says where, for the audit: "channel sre", "channel General (sre)". Many
// channels are called General, and what some are called Teams has not told: the
// name of the destination tells them apart.
func (t talker) from() string {
	name := oneLine(t.here.Name)
	switch {
	case name == "":
		name = t.destination
	case name != t.destination:
		name += " (" + t.destination + ")"
	}
	switch t.here.Kind {
	case store.Channel:
		return "channel " + name
	case store.GroupChat:
		return "chat " + name
	default:
		return "chat of " + t.person.Name
	}
}

// alone says that nobody but the talker reads what is answered.
func (t talker) alone() bool { return t.here.Kind == store.Personal }

// reply says something where the talker is, in the same thread.
func (b *Bot) reply(ctx context.Context, t talker, markdown string) {
	b.told(t, b.sender(t).Say(ctx, t.activity.Conversation.Thread, botframework.Text{Markdown: markdown}))
}

func (b *Bot) sender(t talker) *botframework.Sender {
	return b.Client.At(func(context.Context) (botframework.Place, error) { return placeOf(t.here), nil }, nil)
}

// told looks at what came of an answer. There is no second attempt: what was
// asked for is done, and whoever misses the answer asks again.
func (b *Bot) told(t talker, o teams.Outcome) {
	if o.Kind != teams.Delivered {
		b.log.Warn("Somebody who talks to the bot could not be answered", "kind", t.here.Kind, "name", t.here.Name, "reason", o.Reason, "message", o.Message)
	}
}
