package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/bot/typed"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// maxSubscriptions is how many a conversation can have.
	maxSubscriptions = 50
	// maxSubscribed is how many one person can make. Everybody can have the bot
	// in as many chats as they like, and each alert is held against all.
	maxSubscribed = 200
)

// mayHere says why the talker may not change what this conversation gets, and
// writes it down; "": they may.
func (b *Bot) mayHere(ctx context.Context, t talker, verb, target string) string {
	words := b.mayAt(ctx, t, t.address)
	if words != "" {
		b.refusedAudit(ctx, t, verb, target, words)
	}
	return words
}

// subscribe has this conversation get what matches.
func (b *Bot) subscribe(ctx context.Context, t talker, c typed.Command) string {
	what := strings.Join(c.Matchers, " ")
	if words := b.mayHere(ctx, t, c.Verb, what); words != "" {
		return md(words)
	}
	now := b.Now()
	made := store.Subscription{Address: t.address, Name: t.from(), Matchers: c.Matchers, By: t.person, At: now}
	var full, busy bool
	var there int64
	err := b.Store.Update(ctx, func(tx store.Tx) error {
		made.ID, full, busy, there = 0, false, false, 0
		known, err := tx.Subscriptions(t.address)
		if err != nil {
			return err
		}
		for _, s := range known {
			if slices.Equal(s.Matchers, c.Matchers) {
				there = s.ID
				return nil
			}
		}
		if full = len(known) >= maxSubscriptions; full {
			return nil
		}
		all, err := tx.Subscriptions("")
		if err != nil {
			return err
		}
		theirs := 0
		for i := range all {
			if all[i].By.Same(t.person) {
				theirs++
			}
		}
		if busy = theirs >= maxSubscribed; busy {
			return nil
		}
		if err := tx.SaveSubscription(&made); err != nil {
			return err
		}
		return tx.AddAudit(&store.Audit{
			At: now, Who: t.person.Name, ObjectID: t.person.ID, Action: c.Verb, Target: alert.ShortID(made.ID), From: t.from(), After: wanted(c.Matchers),
		})
	})
	switch {
	case err != nil:
		return md(b.failure(err))
	case there != 0:
		return "This conversation has that already: subscription " + idOf(there) + "."
	case full:
		return fmt.Sprintf("Nothing was done: %d subscriptions are the most for one conversation.", maxSubscriptions)
	case busy:
		return fmt.Sprintf("Nothing was done: %d subscriptions are the most that one person can make. The administrator can make more.", maxSubscribed)
	}
	lines := []string{"Subscription " + idOf(made.ID) + ": " + matcherWords(c.Matchers) + " is sent here from now on. " + code("unsubscribe "+alert.ShortID(made.ID)) + " ends that."}
	matching, more, err := b.open(ctx, nil, c.Matchers, maxLooked)
	switch {
	case err != nil || len(matching) == 0:
		lines = append(lines, "Nothing matches at this moment.")
	case more:
		lines = append(lines, fmt.Sprintf("%d alerts or more match now. They come with their next news.", len(matching)))
	default:
		lines = append(lines, "What matches now comes with its next news: "+counted(len(matching), "alert"))
		for i := range matching[:min(len(matching), maxShown)] {
			lines = append(lines, b.line(&matching[i]))
		}
		lines = cutList(lines, len(lines), max(0, len(matching)-maxShown))
	}
	return paragraphs(lines...)
}

// wanted is what a subscription is about, for the audit.
func wanted(matchers []string) string {
	if len(matchers) == 0 {
		return "everything"
	}
	return strings.Join(matchers, " ")
}

// unsubscribe ends subscriptions of this conversation.
func (b *Bot) unsubscribe(ctx context.Context, t talker, c typed.Command) string {
	if words := b.mayHere(ctx, t, c.Verb, ""); words != "" {
		return md(words)
	}
	now := b.Now()
	var ended, unknown []string
	err := b.Store.Update(ctx, func(tx store.Tx) error {
		ended, unknown = nil, nil
		known, err := tx.Subscriptions(t.address)
		if err != nil {
			return err
		}
		for _, id := range c.IDs {
			if !slices.ContainsFunc(known, func(s store.Subscription) bool { return s.ID == id }) {
				unknown = append(unknown, idOf(id))
			}
		}
		for _, s := range known {
			if len(c.IDs) > 0 && !slices.Contains(c.IDs, s.ID) {
				continue
			}
			if err := tx.DeleteSubscription(s.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			ended = append(ended, idOf(s.ID)+" "+matcherWords(s.Matchers))
			if err := tx.AddAudit(&store.Audit{
				At: now, Who: t.person.Name, ObjectID: t.person.ID, Action: c.Verb, Target: alert.ShortID(s.ID), From: t.from(), Before: wanted(s.Matchers),
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return md(b.failure(err))
	}
	var lines []string
	if len(ended) > 0 {
		lines = append(cutList(ended, maxListed, 0), "Ended. What the routes of the configuration send here still comes.")
	}
	if len(unknown) > 0 {
		lines = append(lines, "There is no subscription "+strings.Join(unknown, ", ")+" here. "+code("subscriptions")+" lists them.")
	}
	if len(lines) == 0 {
		return "There is no subscription here. What comes is sent by the routes of the configuration."
	}
	return paragraphs(lines...)
}

// saySubscriptions lists those of this conversation.
func (b *Bot) saySubscriptions(ctx context.Context, t talker) string {
	var all []store.Subscription
	err := b.Store.View(ctx, func(tx store.Tx) (err error) {
		all, err = tx.Subscriptions(t.address)
		return err
	})
	if err != nil {
		return md(b.failure(err))
	}
	if len(all) == 0 {
		return "There is no subscription here. What comes is sent by the routes of the configuration. For example: " + code(`subscribe team="storage"`)
	}
	lines := []string{"**" + counted(len(all), "subscription") + "**"}
	for _, s := range all {
		lines = append(lines, idOf(s.ID)+" "+matcherWords(s.Matchers)+" · by "+name(s.By)+" · since "+b.when(s.At))
	}
	return paragraphs(cutList(lines, 1+maxListed, 0)...)
}

// create makes an alert by hand.
func (b *Bot) create(ctx context.Context, t talker, c typed.Command) string {
	if words := b.mayHere(ctx, t, c.Verb, c.Title); words != "" {
		return md(words)
	}
	made, err := b.Create(ctx, command.Creation{
		Title: c.Title, Description: c.Text, By: t.person, From: t.from(), Address: t.address,
	})
	if err != nil {
		return md(b.failure(err))
	}
	return named(&made) + " is open. " + code("resolve "+made.ShortID()) + " ends it."
}

// test sends a test card to this conversation.
func (b *Bot) test(ctx context.Context, t talker) string {
	if words := b.mayHere(ctx, t, typed.Test, ""); words != "" {
		return md(words)
	}
	name := b.destinationAt(t.address).Name
	if err := b.Test(ctx, t.address); err != nil {
		b.log.Warn("A test card could not be sent", "destination", name, "err", err)
		return paragraphs("No test card could be sent here: the configuration sends no alerts to this conversation.", code("subscribe")+" changes that.")
	}
	return ""
}
