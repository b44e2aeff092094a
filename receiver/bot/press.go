package bot

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/teamsrelay/teamsrelay/receiver/bot/activity"
	"github.com/teamsrelay/teamsrelay/receiver/bot/typed"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/press"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// What people read when nothing was done.
const (
	foreignWords  = "Nothing was done: this button was not made for this conversation."
	misplaceWords = "Nothing was done: this button does not belong to this card."
	oldWords      = "Nothing was done: this is an old copy. The current card is further down."
	forgotWords   = "Nothing was done: this alert is not kept any more."
	emptyWords    = "Nothing was done: write something first."
	longWords     = "Nothing was done: the text is too long, 2,000 characters at most."
	spanWords     = "Nothing was done: a silence lasts from a minute to 90 days."
	followsWords  = "Done. The card follows."
	storeWords    = "Nothing was done: it cannot be stored at this moment. Please try again."
)

// askWithin is how long a press waits for Teams to say who somebody is.
const askWithin = 1500 * time.Millisecond

// press does what a button is for (design D13), and answers with the card as
// it is now, or with words that say why nothing was done. An old client's press
// comes as a message, which has no answer: words are said in the thread, and
// the card changes by itself.
func (b *Bot) press(ctx context.Context, a activity.Activity) InvokeResponse {
	t, err := b.talker(ctx, a)
	if err != nil {
		b.log.Error("A press could not be worked", "err", err)
		return Say(storeWords)
	}
	message, words := b.pressed(ctx, t)
	_, raw := a.Pressed()
	data, _ := press.Parse(raw) // what cannot be read has no verb
	b.metrics.pressed(data.Verb, words)
	if words == "" {
		return ShowCard(message)
	}
	if a.Type == activity.Message {
		b.reply(ctx, t, md(words))
	}
	return Say(words)
}

// inputs are what people typed into a card.
type inputs struct {
	Comment  input `json:"comment"`
	Reason   input `json:"silence_comment"`
	Assignee input `json:"assignee"`
	Span     input `json:"span"`
}

// input is the value of one field: a text, whatever a client makes of it.
type input string

func (i *input) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*i = input(strings.TrimSpace(activity.Seen(strings.ToValidUTF8(text, "\uFFFD"))))
	}
	return nil
}

// pressed is press: the card, or words.
func (b *Bot) pressed(ctx context.Context, t talker) (card.Message, string) {
	name, raw := t.activity.Pressed()
	data, err := press.Parse(raw)
	if err == nil && name != "" && name != data.Verb {
		err = press.ErrForged
	}
	if err == nil {
		err = b.CheckPress(ctx, t.address, data)
	}
	switch {
	case errors.Is(err, press.ErrForged):
		return b.refuse(ctx, t, data, foreignWords)
	case err != nil: // it may be right
		return card.Message{}, b.failure(err)
	}
	if !slices.Contains(command.Verbs, data.Verb) { // signed, but by a version that knew more
		return b.refuse(ctx, t, data, unknownWords)
	}
	if words, err := b.misplaced(ctx, t, data); err != nil {
		b.log.Error("A press could not be worked", "err", err)
		return card.Message{}, storeWords
	} else if words != "" {
		return b.refuse(ctx, t, data, words)
	}
	asking, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if words, err := b.mayPress(asking, t, data.Group); err != nil {
		return card.Message{}, b.failure(err)
	} else if words != "" {
		return b.refuse(ctx, t, data, words)
	}
	var written inputs
	_ = json.Unmarshal(raw, &written) // it was read before
	cmd, words := b.commandOf(asking, t, data, written)
	if words != "" {
		return card.Message{}, words
	}
	if words := b.mayExpire(asking, t, cmd); words != "" {
		return b.refuse(ctx, t, data, words)
	}
	result, err := b.Do(ctx, cmd)
	switch {
	case err != nil:
		return card.Message{}, b.failure(err)
	case !result.Done && !result.Repeated && result.Why != "":
		return card.Message{}, result.Why
	}
	message, err := b.Rendered(ctx, t.address, result.Group)
	if err != nil {
		b.log.Error("The card of a press could not be made; it follows", "err", err)
		return card.Message{}, followsWords
	}
	return message, ""
}

// refuse refuses a press, and writes that down.
func (b *Bot) refuse(ctx context.Context, t talker, d press.Data, words string) (card.Message, string) {
	verb := "press"
	if slices.Contains(command.Verbs, d.Verb) {
		verb = d.Verb
	}
	if d.Group > 0 {
		b.refusedOn(ctx, t, verb, d.Group, words)
	} else {
		b.refusedAudit(ctx, t, verb, "", words)
	}
	return card.Message{}, words
}

// misplaced says why a button is not where it was shown; "": it is. A card can
// be pressed before we know the id of its message: Teams shows it before it
// tells us.
func (b *Bot) misplaced(ctx context.Context, t talker, d press.Data) (words string, err error) {
	err = b.Store.View(ctx, func(tx store.Tx) error {
		words = ""
		if message := t.activity.Message(); message != "" {
			switch shown, err := tx.PostByMessage(t.address, message); {
			case err == nil && shown.GroupID != d.Group:
				words = misplaceWords
				return nil
			case err == nil || !errors.Is(err, store.ErrNotFound):
				return err
			}
		}
		switch post, err := tx.PostOf(d.Group, t.address); {
		case errors.Is(err, store.ErrNotFound):
			words = misplaceWords
			if _, err := tx.Group(d.Group); errors.Is(err, store.ErrNotFound) {
				words = forgotWords
			} else if err != nil {
				return err
			}
		case err != nil:
			return err
		case post.MessageID != "" || post.State != store.Sending && post.State != store.Waiting && post.State != store.Shown:
			words = oldWords
		}
		return nil
	})
	return words, err
}

// commandOf is the command that a press means, or why it means none.
func (b *Bot) commandOf(ctx context.Context, t talker, d press.Data, written inputs) (cmd command.Command, words string) {
	cmd = command.Command{
		Verb: d.Verb, Group: d.Group, By: t.person, From: t.from(), Of: int(d.Of), Activity: t.activity.Key(),
	}
	switch d.Verb {
	case command.Silence:
		span := d.For
		if span == "" {
			span = string(written.Span)
		}
		var ok bool
		if cmd.Until, ok = typed.Until(span, b.clock()); !ok {
			return cmd, spanWords
		}
		cmd.Text = string(written.Reason)
		if cmd.Text == "" {
			cmd.Text = string(written.Comment)
		}
	case command.Expire:
		cmd.SilenceID = d.Of
	case command.Comment:
		if cmd.Text = string(written.Comment); cmd.Text == "" {
			return cmd, emptyWords
		}
	case command.Assign:
		cmd.To, words = b.assignee(ctx, t, string(written.Assignee), t.here)
	}
	if utf8.RuneCountInString(cmd.Text) > command.MaxText {
		return cmd, longWords
	}
	return cmd, words
}

// clock is the time on the readers' clock.
func (b *Bot) clock() time.Time {
	if b.Location == nil {
		return b.Now().UTC()
	}
	return b.Now().In(b.Location)
}

// failure says for people why a command could not be carried out.
func (b *Bot) failure(err error) string {
	switch {
	case errors.Is(err, command.ErrUnknown):
		return forgotWords
	case errors.Is(err, command.ErrText):
		return longWords
	case errors.Is(err, command.ErrUntil):
		return spanWords
	case errors.Is(err, command.ErrMatchers):
		return "Nothing was done: " + shorten(strings.TrimPrefix(err.Error(), command.ErrMatchers.Error()+": "), 200) + "."
	case errors.Is(err, errUnchecked):
		b.log.Warn("Somebody could not be answered", "err", err)
		return uncheckedWords
	}
	b.log.Error("What somebody wants done could not be done", "err", err)
	return storeWords
}
