package bot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// Why somebody may not do something, for people to read.
const (
	readOnlyWords  = "Nothing was done: alerts can only be read here (actions: none)."
	unlistedWords  = "Nothing was done: you are not among those who may act on alerts here. The administrator can add you to the destination's actions."
	strangerWords  = "Nothing was done: only members of a conversation that has this alert may do that."
	uncheckedWords = "Nothing was done: Teams does not say at this moment whether you may do that. Please try again."
)

// noAlert is the answer to an id of which the talker may not know whether there
// is such an alert.
func noAlert(id int64) string {
	return "There is no alert " + idOf(id) + " here, or in a conversation that you are in."
}

// maxAsked is how many conversations Teams is asked about for one message.
const maxAsked = 100

// isMember says whether the talker is in a conversation. Who talks in one is.
func (b *Bot) isMember(ctx context.Context, t talker, conversation string) (bool, error) {
	if conversation == t.here.ID {
		return true, nil
	}
	c, err := b.conversation(ctx, conversation)
	if err != nil {
		return false, err
	}
	_, in, err := b.member(ctx, c, t.id())
	return in, err
}

// id is what Teams is asked with about the talker.
func (t talker) id() string {
	if t.activity.From.ID != "" {
		return t.activity.From.ID
	}
	return t.person.ID
}

// listed says whether the talker is among users, who are named by object id,
// user principal name or e-mail address. What Teams calls a person counts, not
// what they call themselves.
func (b *Bot) listed(ctx context.Context, t talker, users []string) (bool, error) {
	is := func(name string) bool {
		return name != "" && slices.ContainsFunc(users, func(user string) bool { return strings.EqualFold(user, name) })
	}
	if is(t.activity.From.ObjectID) {
		return true, nil
	}
	if !slices.ContainsFunc(users, func(user string) bool { return strings.Contains(user, "@") }) {
		return false, nil
	}
	m, in, err := b.member(ctx, t.here, t.id())
	if err != nil || !in || is(m.ObjectID) {
		return in, err
	}
	// An administrator elsewhere gives people any address that they like, ours
	// too, and Teams hands it on where a channel or chat is shared with them.
	stranger := m.TenantID != "" && len(b.Tenants) > 0 && !slices.Contains(b.Tenants, strings.ToLower(m.TenantID))
	return !stranger && (is(m.UPN) || is(m.Email)), nil
}

// destinationAt is the destination that an address belongs to: the first one,
// as for everything else. An address that no destination has is a conversation
// that somebody talks in, and its members may act.
func (b *Bot) destinationAt(address string) Destination {
	for _, d := range b.Destinations() {
		if slices.Contains(d.Addresses, address) {
			return d
		}
	}
	return Destination{Name: botframework.DestinationOf(conversationOf(address)), Addresses: []string{address}}
}

// conversationOf is the conversation that an address is, "" of others.
func conversationOf(address string) string {
	id, found := strings.CutPrefix(address, botframework.AddressID(""))
	if !found {
		return ""
	}
	return id
}

// mayAt says why the talker may not act on what is posted at an address; "":
// they may.
func (b *Bot) mayAt(ctx context.Context, t talker, address string) string {
	d := b.destinationAt(address)
	conversation := conversationOf(address)
	var may bool
	var err error
	words := unlistedWords
	switch {
	case d.Actions.None:
		return readOnlyWords
	case len(d.Actions.Users) > 0:
		may, err = b.listed(ctx, t, d.Actions.Users)
	case conversation != "":
		words = strangerWords
		may, err = b.isMember(ctx, t, conversation)
	default: // a webhook: nobody knows who reads there
		return strangerWords
	}
	switch {
	case err != nil:
		b.unsure("Teams does not say whether somebody may act at "+d.Name, err)
		return uncheckedWords
	case !may:
		return words
	}
	return ""
}

// mayPress says why the talker may not press on the card of an alert here; "":
// they may.
func (b *Bot) mayPress(ctx context.Context, t talker, id int64) (words string, err error) {
	if words = b.mayAt(ctx, t, t.address); words != "" || b.isDestination(t.address) {
		return words, nil
	}
	posts, err := b.posts(ctx, id)
	if err != nil {
		return "", err
	}
	return b.mayDo(ctx, t, posts), nil
}

// mayDo says why the talker may not act on an alert that is posted at some
// addresses; "": they may, because they may at one of them. The one where they
// talk says why not.
//
// Anybody can subscribe a conversation of their own to anything. That lets them
// read; but where an alert is told at conversations of the configuration, those
// who may act are their people, and nobody makes themselves one of them.
func (b *Bot) mayDo(ctx context.Context, t talker, posts []store.Post) string {
	words := strangerWords
	configured := slices.DeleteFunc(slices.Clone(posts), func(p store.Post) bool {
		return conversationOf(p.Address) == "" || !b.isDestination(p.Address)
	})
	if len(configured) > 0 {
		posts = configured
	}
	for i, address := range addressesOf(t, posts) {
		refused := b.mayAt(ctx, t, address)
		if refused == "" {
			return ""
		}
		if i == 0 || refused == uncheckedWords {
			words = refused
		}
	}
	return words
}

// errUnchecked says that Teams does not tell who is where.
var errUnchecked = errors.New("Teams does not say whether somebody is in a conversation")

// sees says whether the talker may read an alert that is posted at some
// addresses. errUnchecked: nobody knows.
func (b *Bot) sees(ctx context.Context, t talker, posts []store.Post) (bool, error) {
	var unknown error
	for _, address := range addressesOf(t, posts) {
		conversation := conversationOf(address)
		if conversation == "" {
			continue
		}
		in, err := b.isMember(ctx, t, conversation)
		if in {
			return true, nil
		}
		if err != nil {
			unknown = fmt.Errorf("%w: %w", errUnchecked, err)
		}
	}
	return false, unknown
}

// mayAnywhere says why the talker may not act on alerts at any destination; "":
// they may at one.
func (b *Bot) mayAnywhere(ctx context.Context, t talker) string {
	words, asked := strangerWords, 0
	for _, d := range b.Destinations() {
		for _, address := range d.Addresses {
			if asked++; asked > maxAsked {
				return words
			}
			switch b.mayAt(ctx, t, address) {
			case "":
				return ""
			case uncheckedWords:
				words = uncheckedWords
			}
		}
	}
	return words
}

// addressesOf are the addresses of posts, that of the talker first.
func addressesOf(t talker, posts []store.Post) []string {
	var all []string
	for i := range posts {
		if posts[i].Address == t.address {
			all = []string{t.address}
		}
	}
	for i := range posts {
		if !slices.Contains(all, posts[i].Address) && len(all) < maxAsked {
			all = append(all, posts[i].Address)
		}
	}
	return all
}

// unsure logs that Teams does not say who is where. While it is down, each
// command meets that once for every conversation.
func (b *Bot) unsure(what string, err error) {
	if unlogged, ok := b.unknowns.next(b.Now()); ok {
		b.log.Warn(what, "err", err, "unlogged", unlogged)
	}
}

// refusedAudit writes into the audit that somebody was not allowed to do
// something. Of somebody who does not stop it writes as much as anybody reads.
func (b *Bot) refusedAudit(ctx context.Context, t talker, verb, target, words string) {
	unwritten, ok := b.refused.next(t.id(), b.Now())
	if !ok {
		return
	}
	if unwritten > 0 {
		words += fmt.Sprintf(" (%d refusals before this one are not written down: there were more than %d in a minute)", unwritten, maxAudited)
	}
	err := b.Store.Update(ctx, func(tx store.Tx) error {
		return tx.AddAudit(&store.Audit{
			At: b.Now(), Who: t.person.Name, ObjectID: t.person.ID, Action: "refused:" + verb, Target: shorten(target, maxReason), From: t.from(), After: words,
		})
	})
	if err != nil {
		b.log.Error("A refusal could not be written into the audit", "who", t.person.ID, "action", verb, "target", shorten(target, maxReason), "err", err)
	}
}

const (
	// maxAudited is how many refusals of one person in a minute the audit has.
	// Nobody reads and presses faster; programs do, and the audit is kept for a
	// year.
	maxAudited = 30
	// maxRefused is of how many people that is remembered.
	maxRefused = 10_000
)

// refused counts the refusals of people.
type refused struct {
	mu sync.Mutex
	of map[string]*refusedOne
}

type refusedOne struct {
	since              time.Time
	written, unwritten int
}

// next says whether a refusal is written down, and how many before it were not.
func (r *refused) next(person string, now time.Time) (unwritten int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[string]*refusedOne{}
	}
	one := r.of[person]
	if one == nil {
		if len(r.of) >= maxRefused {
			maps.DeleteFunc(r.of, func(_ string, o *refusedOne) bool { return now.Sub(o.since) >= time.Minute })
		}
		if len(r.of) >= maxRefused {
			return 0, false
		}
		one = &refusedOne{since: now}
		r.of[person] = one
	}
	if age := now.Sub(one.since); age >= time.Minute || age < 0 {
		one.since, one.written = now, 0
	}
	if one.written >= maxAudited {
		one.unwritten++
		return 0, false
	}
	one.written++
	unwritten, one.unwritten = one.unwritten, 0
	return unwritten, true
}
