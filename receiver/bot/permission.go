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

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
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

// isMember says whether the talker is in a conversation. Who talks in one is,
// and of somebody's own chat with the bot it is known whose it is.
func (b *Bot) isMember(ctx context.Context, t talker, conversation string) (bool, error) {
	if conversation == t.here.ID {
		return true, nil
	}
	c, err := b.conversation(ctx, conversation)
	if err != nil {
		return false, err
	}
	if c.Kind == store.Personal {
		return t.owns(c), nil
	}
	_, in, err := b.member(ctx, c, t.id())
	return in, err
}

// owns says that a personal chat is the talker's.
func (t talker) owns(c store.Conversation) bool {
	for _, id := range []string{t.activity.From.ID, t.person.ID} {
		if id != "" && (strings.EqualFold(id, c.UserObjectID) || id == c.UserID) {
			return true
		}
	}
	return false
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

// told says as what a post is where it is.
type told int

const (
	// byFile: because the file names its destination, whose actions hold.
	byFile told = iota + 1
	// byWish: because somebody in the conversation wanted it.
	byWish
	// noMore: the destination is people, and this was one of them.
	noMore
)

// whose says of posts which destination they are of.
type whose struct {
	all []Destination
	at  map[string][]int // those that lead to an address
}

func (b *Bot) whose() whose {
	w := whose{all: b.Destinations(), at: map[string][]int{}}
	for i, d := range w.all {
		for _, address := range d.Addresses {
			w.at[address] = append(w.at[address], i)
		}
	}
	return w
}

// destinationOf is the destination that a post of an episode is of, and as what.
// Several destinations may lead to one person, and a person may have subscribed
// their own chat before one of them was told: it is for the destinations that
// are told the episode to say who may act, that of the post before others.
func (w whose) destinationOf(p *store.Post, g *group.Group) (Destination, told) {
	own := Destination{Name: botframework.DestinationOf(conversationOf(p.Address)), Addresses: []string{p.Address}}
	here := w.at[p.Address]
	is := func(name string) int {
		return slices.IndexFunc(here, func(i int) bool { return w.all[i].Name == name })
	}
	if i := is(p.Destination); i >= 0 {
		return w.all[here[i]], byFile
	}
	for _, t := range g.Spec.Targets {
		if i := is(t.Destination); i >= 0 && t.Address == "" {
			return w.all[here[i]], byFile
		}
	}
	switch {
	case p.Destination == own.Name:
		return own, byWish
	case slices.ContainsFunc(w.all, func(d Destination) bool { return d.People && d.Name == p.Destination }):
		return own, noMore
	case len(here) > 0: // the file calls it otherwise by now
		return w.all[here[0]], byFile
	}
	return own, byWish
}

// mayAt says why the talker may not act on what is posted at an address; "":
// they may.
func (b *Bot) mayAt(ctx context.Context, t talker, address string) string {
	return b.mayIn(ctx, t, b.destinationAt(address), address)
}

// mayIn is mayAt for what a destination has posted there.
func (b *Bot) mayIn(ctx context.Context, t talker, d Destination, address string) string {
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
	var here store.Post
	var g group.Group
	err = b.Store.View(ctx, func(tx store.Tx) (err error) {
		if here, err = tx.PostOf(id, t.address); err == nil {
			g, err = tx.Group(id)
		}
		return err
	})
	if err == nil {
		if d, as := b.whose().destinationOf(&here, &g); as == byFile {
			return b.mayIn(ctx, t, d, t.address), nil
		}
	} else if !errors.Is(err, store.ErrNotFound) {
		return "", err
	} else if words = b.mayAt(ctx, t, t.address); words != "" || b.isDestination(t.address) {
		return words, nil
	}
	found, err := b.target(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	return b.mayDo(ctx, t, &found), nil
}

// mayDo says why the talker may not act on an alert and its posts; "": they may, because they may at one of them. The one where they
// talk says why not.
//
// Anybody can subscribe a conversation of their own to anything. That lets them
// read; but where an alert is told at conversations of the configuration, those
// who may act are their people, and nobody makes themselves one of them. Nor
// does who was one of a destination's people, and is not any more.
func (b *Bot) mayDo(ctx context.Context, t talker, found *target) string {
	words := strangerWords
	posts := found.posts
	of := b.whose()
	var places, wished []place
	for i := range posts {
		if conversationOf(posts[i].Address) == "" {
			continue
		}
		switch d, as := of.destinationOf(&posts[i], &found.group); as {
		case byFile:
			places = append(places, place{posts[i].Address, d})
		case byWish:
			wished = append(wished, place{posts[i].Address, d})
		}
	}
	if len(places) == 0 {
		places = wished
	}
	for i, at := range b.placesFor(ctx, t, places) {
		refused := b.mayIn(ctx, t, at.destination, at.address)
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
	var places []place
	for i := range posts {
		places = append(places, place{address: posts[i].Address})
	}
	for _, at := range b.placesFor(ctx, t, places) {
		conversation := conversationOf(at.address)
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
	words := strangerWords
	var places []place
	for _, d := range b.Destinations() {
		for _, address := range d.Addresses {
			places = append(places, place{address, d})
		}
	}
	for _, at := range b.placesFor(ctx, t, places) {
		switch b.mayIn(ctx, t, at.destination, at.address) {
		case "":
			return ""
		case uncheckedWords:
			words = uncheckedWords
		}
	}
	return words
}

// place is an address, and the destination that has something posted there.
type place struct {
	address     string
	destination Destination
}

// placesFor are those of some places that matter for what the talker may do
// and see, where they talk first: other people's own chats with the bot do not,
// unless a list says who may act, and of the rest there are not too many to ask
// Teams about. A thousand people who are told personally do not hide a channel.
func (b *Bot) placesFor(ctx context.Context, t talker, places []place) (all []place) {
	err := b.Store.View(ctx, func(tx store.Tx) error {
		all = nil
		seen := make(map[string]bool, len(places))
		for _, at := range places {
			key := at.address
			if len(at.destination.Actions.Users) > 0 {
				key = "of " + at.destination.Name
			} else if c, err := tx.Conversation(conversationOf(at.address)); err == nil && c.Kind == store.Personal && c.ID != t.here.ID && !t.owns(c) {
				continue
			} else if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			switch {
			case at.address == t.address:
				all = append([]place{at}, all...)
			case !seen[key] && len(all) < maxAsked:
				all = append(all, at)
			}
			seen[key] = true
		}
		return nil
	})
	if err != nil {
		b.unsure("It cannot be read where alerts are posted; only where somebody talks counts", err)
		return slices.DeleteFunc(slices.Clone(places), func(at place) bool { return at.address != t.address })
	}
	return all
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
	b.noteRefusal(ctx, t, &store.Audit{Action: verb, Target: shorten(target, maxReason), After: words}, 0)
}

// refusedOn is refusedAudit of something about an episode.
func (b *Bot) refusedOn(ctx context.Context, t talker, verb string, group int64, words string) {
	b.noteRefusal(ctx, t, &store.Audit{Action: verb, Target: alert.ShortID(group), After: words}, group)
}

// noteRefusal writes a line, which is about an episode if group is not 0.
func (b *Bot) noteRefusal(ctx context.Context, t talker, line *store.Audit, group int64) {
	unwritten, ok := b.refused.next(t.id(), b.Now())
	if !ok {
		return
	}
	if unwritten > 0 {
		line.After += fmt.Sprintf(" (%d refusals before this one are not written down: there were more than %d in a minute)", unwritten, maxAudited)
	}
	line.At, line.Who, line.ObjectID, line.From = b.Now(), t.person.Name, t.person.ID, t.from()
	line.Action = store.Refused + line.Action
	err := b.Store.Update(ctx, func(tx store.Tx) (err error) {
		if group != 0 {
			if line.About, err = store.AboutGroup(tx, group); err != nil {
				return err
			}
		}
		return tx.AddAudit(line)
	})
	if err != nil {
		b.log.Error("A refusal could not be written into the audit", "who", t.person.ID, "action", line.Action, "target", line.Target, "err", err)
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
