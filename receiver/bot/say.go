package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/bot/activity"
	"github.com/teamsrelay/teamsrelay/receiver/bot/typed"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// say answers somebody who typed something: it is understood, done and told,
// or it is said why not and what would have been.
func (b *Bot) say(ctx context.Context, a activity.Activity) {
	t, err := b.talker(ctx, a)
	if err != nil {
		b.log.Error("A message to the bot could not be worked", "err", err)
		return
	}
	if !t.alone() && !addressed(a) {
		return // people talk to each other
	}
	message := typed.Message{Text: a.Text}
	for _, m := range a.Mentions {
		message.Mentions = append(message.Mentions, typed.Mention{
			ID: m.Account.ID, Name: m.Account.Name, Text: m.Text, Bot: a.IsBot(m.Account),
		})
	}
	cmd, err := typed.Parse(message, b.clock())
	var problem *typed.Problem
	if errors.As(err, &problem) {
		b.reply(ctx, t, problemWords(problem))
		return
	}
	if words := b.obey(ctx, t, cmd); words != "" {
		b.reply(ctx, t, words)
	}
}

// addressed says whether a message in a channel or chat is for the bot: it
// mentions it, or begins with a mention by a name that the bot had.
func addressed(a activity.Activity) bool {
	return slices.ContainsFunc(a.Mentions, func(m activity.Mention) bool { return a.IsBot(m.Account) }) ||
		strings.HasPrefix(strings.TrimSpace(a.Text), "<at>")
}

// problemWords is the answer to what was not understood.
func problemWords(p *typed.Problem) string {
	lines := []string{md(p.What)}
	if p.Example != "" {
		lines = append(lines, "For example: "+code(p.Example))
	}
	return paragraphs(lines...)
}

// obey does what was typed and returns the answer, as Markdown; "" if the
// answer was given.
func (b *Bot) obey(ctx context.Context, t talker, c typed.Command) string {
	switch c.Verb {
	case typed.Help:
		if c.Text != "" {
			return helpAbout(c.Text)
		}
		return helpWords(t.alone())
	case typed.Status:
		return b.sayStatus(ctx, t)
	case typed.Alerts:
		return b.sayAlerts(ctx, t, c.Matchers)
	case typed.Show:
		return b.show(ctx, t, c)
	case typed.Silences:
		return b.saySilences(ctx, t)
	case typed.Create:
		return b.create(ctx, t, c)
	case typed.Subscribe:
		return b.subscribe(ctx, t, c)
	case typed.Unsubscribe:
		return b.unsubscribe(ctx, t, c)
	case typed.Subscriptions:
		return b.saySubscriptions(ctx, t)
	case typed.Test:
		return b.test(ctx, t)
	case command.Expire:
		return b.expire(ctx, t, c)
	case command.Silence:
		if len(c.Matchers) > 0 {
			return b.silenceMatching(ctx, t, c)
		}
	}
	return b.act(ctx, t, c)
}

// target is an alert that a message is about.
type target struct {
	group group.Group
	posts []store.Post
}

// find is the alert of a number; false: there is none, or the talker may not
// know of it.
func (b *Bot) find(ctx context.Context, t talker, id int64) (found target, ok bool, err error) {
	err = b.Store.View(ctx, func(tx store.Tx) (err error) {
		found, err = targetOf(tx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return target{}, false, nil
	}
	if err == nil {
		ok, err = b.sees(ctx, t, found.posts)
	}
	return found, ok, err
}

// inThread is the alert under whose card the talker writes.
func (b *Bot) inThread(ctx context.Context, t talker) (id int64, err error) {
	err = b.Store.View(ctx, func(tx store.Tx) error {
		for _, message := range []string{t.activity.Conversation.Thread, t.activity.ReplyToID} {
			if message == "" {
				continue
			}
			post, err := tx.PostByMessage(t.address, message)
			if err == nil {
				id = post.GroupID
			}
			if !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	return id, err
}

// about are the ids that a message is about; words: it does not say.
func (b *Bot) about(ctx context.Context, t talker, c typed.Command) (ids []int64, words string) {
	if len(c.IDs) > 0 {
		return c.IDs, ""
	}
	id, err := b.inThread(ctx, t)
	switch {
	case err != nil:
		return nil, md(b.failure(err))
	case id != 0:
		return []int64{id}, ""
	}
	if c.Verb == command.Expire {
		return nil, paragraphs("Which silence? "+code("silences")+" lists them with their ids. The id of an alert ends the silence that is about it.", helpAbout(c.Verb))
	}
	return nil, paragraphs("Which alert? Its id stands in the last line of its card, and "+code("alerts")+" lists them.", helpAbout(c.Verb))
}

// act does what is about alerts: one answer line for each.
func (b *Bot) act(ctx context.Context, t talker, c typed.Command) string {
	ids, words := b.about(ctx, t, c)
	if words != "" {
		return words
	}
	cmd := command.Command{Verb: c.Verb, By: t.person, From: t.from(), Of: group.AnyMark, Until: c.Until, Text: c.Text}
	var lines []string
	for i, id := range ids {
		cmd.Group = id
		cmd.Activity = key(t, i)
		lines = append(lines, b.actOn(ctx, t, cmd, c.To))
	}
	return paragraphs(lines...)
}

// key names one of the things that a message asks for.
func key(t talker, i int) string {
	key := t.activity.Key()
	if key == "" || i == 0 {
		return key
	}
	return fmt.Sprintf("%s %d", key, i)
}

// actOn carries out a command about one alert and says what came of it. to is
// whom Assign is about.
func (b *Bot) actOn(ctx context.Context, t talker, cmd command.Command, to typed.Who) string {
	found, ok, err := b.find(ctx, t, cmd.Group)
	switch {
	case err != nil:
		return idOf(cmd.Group) + ": " + md(b.failure(err))
	case !ok:
		b.refusedOn(ctx, t, cmd.Verb, cmd.Group, "no such alert that they see")
		return noAlert(cmd.Group)
	}
	if words := b.mayDo(ctx, t, &found); words != "" {
		b.refusedOn(ctx, t, cmd.Verb, cmd.Group, words)
		return named(&found.group) + ": " + md(words)
	}
	if words := b.mayExpire(ctx, t, cmd); words != "" {
		b.refusedOn(ctx, t, cmd.Verb, cmd.Group, words)
		return named(&found.group) + ": " + md(words)
	}
	if cmd.Verb == command.Assign {
		var words string
		if cmd.To, words = b.to(ctx, t, to, found.posts); words != "" {
			return named(&found.group) + ": " + md(words)
		}
	}
	result, err := b.Do(ctx, cmd)
	if err != nil {
		return named(&found.group) + ": " + md(b.failure(err))
	}
	if result.Group.ID != 0 {
		found.group = result.Group
	}
	if !result.Done {
		return named(&found.group) + ": " + md(result.Why)
	}
	return named(&found.group) + ": " + b.done(cmd, result)
}

// done says what was done.
func (b *Bot) done(cmd command.Command, r command.Result) string {
	asked := ""
	if r.Asked {
		system := "Alertmanager"
		if w := r.Group.Wishes; len(w) > 0 && w[len(w)-1].System != "" {
			system = md(w[len(w)-1].System)
		}
		asked = system + " has been asked. The card says what comes of it."
		if cmd.Verb != command.Comment && cmd.Verb != command.Assign { // those are so here already
			return asked
		}
		asked = " " + asked
	}
	switch cmd.Verb {
	case command.Ack:
		return "acknowledged."
	case command.Unack:
		return "acknowledgement taken back."
	case command.Silence:
		words := "silenced until " + b.when(cmd.Until) + "."
		if r.SilenceID != 0 {
			words += " " + code("expire "+alert.ShortID(r.SilenceID)) + " ends that."
		}
		return words
	case command.Expire:
		return "silence ended."
	case command.Assign:
		return "assigned to " + name(cmd.To) + "." + asked
	case command.Resolve:
		return "resolved."
	case command.Comment:
		return "comment added." + asked
	case command.Reopen:
		return "reopened."
	}
	return "done."
}

// expire ends silences by their ids, or by those of their alerts.
func (b *Bot) expire(ctx context.Context, t talker, c typed.Command) string {
	ids, words := b.about(ctx, t, c)
	if words != "" {
		return words
	}
	if len(c.IDs) == 0 {
		c.Of = typed.OfAlert
	}
	var lines []string
	for i, id := range ids {
		lines = append(lines, b.expireOne(ctx, t, c.Of, id, key(t, i)))
	}
	return paragraphs(lines...)
}

// expireOne ends the silence of an id, or that of the alert with that id.
// Alerts and silences are numbered apart: where both could be meant, somebody
// has to say which.
func (b *Bot) expireOne(ctx context.Context, t talker, of string, id int64, key string) string {
	open, err := b.openSilences(ctx)
	if err != nil {
		return md(b.failure(err))
	}
	var silence *store.Silence
	for i := range open {
		if open[i].ID == id && of != typed.OfAlert && b.seesSilence(ctx, t, &open[i]) {
			silence = &open[i]
		}
	}
	about, isAlert, err := b.find(ctx, t, id)
	if err != nil {
		return md(b.failure(err))
	}
	isAlert = isAlert && of != typed.OfSilence
	short := alert.ShortID(id)
	switch {
	case silence != nil && isAlert && silence.GroupID != id && hasSilence(&about.group, open):
		return paragraphs("There is a silence "+idOf(id)+", and an alert "+named(&about.group)+" that is silenced. Which one?",
			code("expire silence "+short)+" or "+code("expire alert "+short))
	case silence == nil && isAlert:
		return b.actOn(ctx, t, command.Command{Verb: command.Expire, Group: id, By: t.person, From: t.from(), Activity: key}, typed.Who{})
	case silence == nil:
		b.refusedAudit(ctx, t, command.Expire, store.SilenceTarget(id), "no such silence that they see")
		return "There is no silence " + idOf(id) + " here. " + code("silences") + " lists them."
	}
	if words := b.mayEnd(ctx, t, silence); words != "" {
		b.refusedAudit(ctx, t, command.Expire, store.SilenceTarget(id), words)
		return "Silence " + idOf(id) + ": " + md(words)
	}
	result, err := b.Do(ctx, command.Command{
		Verb: command.Expire, SilenceID: id, By: t.person, From: t.from(), Activity: key,
	})
	switch {
	case err != nil:
		return "Silence " + idOf(id) + ": " + md(b.failure(err))
	case !result.Done:
		return "Silence " + idOf(id) + ": " + md(result.Why)
	case result.Asked:
		return "Silence " + idOf(id) + ": Alertmanager has been asked to end it."
	}
	return "Silence " + idOf(id) + " has ended."
}

// hasSilence says whether one of the silences is about an alert.
func hasSilence(g *group.Group, open []store.Silence) bool {
	for i := range open {
		if open[i].GroupID == g.ID || g.Silence != nil && g.Silence.ID == open[i].ID {
			return true
		}
	}
	return false
}

// mayEnd says why the talker may not end a silence; "": they may.
func (b *Bot) mayEnd(ctx context.Context, t talker, s *store.Silence) string {
	if s.By.ID != "" && s.By.ID == t.person.ID {
		return ""
	}
	if s.GroupID != 0 {
		if found, ok, err := b.find(ctx, t, s.GroupID); err == nil && ok {
			return b.mayDo(ctx, t, &found)
		}
	}
	_, words := b.mayMatching(ctx, t, s.Sets...)
	return words
}

// mayExpire says why the talker, who may act on an alert, may not end what
// silences it; "": they may, or want something else. It may be the silence of
// many alerts, of which this is one.
func (b *Bot) mayExpire(ctx context.Context, t talker, cmd command.Command) string {
	if cmd.Verb != command.Expire || cmd.Group == 0 {
		return ""
	}
	var g group.Group
	var open []store.Silence
	err := b.Store.View(ctx, func(tx store.Tx) (err error) {
		if g, err = tx.Group(cmd.Group); err != nil {
			return err
		}
		open, err = tx.OpenSilences(b.Now())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return forgotWords
	}
	if err != nil {
		return b.failure(err)
	}
	for i := range open {
		s := &open[i]
		meant := s.ID == cmd.SilenceID || cmd.SilenceID == 0 && g.Silence != nil && g.Silence.ID == s.ID
		if !meant || s.GroupID == g.ID {
			continue
		}
		if words := b.mayEnd(ctx, t, s); words != "" {
			return words
		}
	}
	return ""
}

// silenceMatching makes a silence by matchers.
func (b *Bot) silenceMatching(ctx context.Context, t talker, c typed.Command) string {
	matching, words := b.mayMatching(ctx, t, c.Matchers)
	if words != "" {
		b.refusedAudit(ctx, t, c.Verb, strings.Join(c.Matchers, " "), words)
		return md(words)
	}
	result, err := b.Do(ctx, command.Command{
		Verb: c.Verb, Matchers: c.Matchers, By: t.person, From: t.from(), Until: c.Until, Text: c.Text, Activity: key(t, 0),
	})
	switch {
	case err != nil:
		return md(b.failure(err))
	case !result.Done:
		return md(result.Why)
	case result.Asked:
		return "Alertmanager has been asked to silence " + matcherWords(c.Matchers) + " until " + b.when(c.Until) + ". " + code("silences") + " says what comes of it. " + matchNow(matching)
	}
	return "Silenced until " + b.when(c.Until) + ": " + matcherWords(c.Matchers) + ". " + code("expire "+alert.ShortID(result.SilenceID)) + " ends that. " + matchNow(matching)
}

// matchNow says how many alerts a silence is about now. A name that was mistyped
// looks like any other until somebody is woken up.
func matchNow(n int) string {
	switch n {
	case 0:
		return "No open alert matches now. If one should, look at how it is written: " + code("alerts") + " lists them."
	case 1:
		return "1 open alert matches now."
	}
	return counted(n, "open alert") + " match now."
}

// mayMatching says why the talker may not silence by matchers; "": they may, and
// so many open alerts match.
// They may act here, and on every alert that the matchers silence now. What
// the matchers will silence later nobody can know, so who only has a chat with
// the bot has to be somebody who may act where alerts are sent.
func (b *Bot) mayMatching(ctx context.Context, t talker, sets ...[]string) (matching int, words string) {
	words = b.mayAt(ctx, t, t.address)
	if words == "" && !b.isDestination(t.address) {
		words = b.mayAnywhere(ctx, t)
	}
	if words != "" {
		return 0, words
	}
	ids, err := b.matching(ctx, sets)
	if err != nil {
		return 0, b.failure(err)
	}
	refused := 0
	for _, id := range ids {
		found, err := b.target(ctx, id)
		if err != nil {
			return 0, b.failure(err)
		}
		if b.mayDo(ctx, t, &found) != "" {
			refused++
		}
	}
	if refused > 0 {
		return 0, fmt.Sprintf("Nothing was done: this is also about %s on which you may not act.", counted(refused, "alert"))
	}
	return len(ids), ""
}
