package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/teamsrelay/teamsrelay/receiver/bot/typed"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

const (
	maxListed = 15   // lines of a list
	maxLooked = 1000 // open alerts that are looked at for one
	maxShown  = 5    // cards that one message shows
	askAtOnce = 4
)

// visible are the addresses whose alerts a list shows. In a channel or chat it
// is those of that one: everybody there reads the answer. Somebody who is alone
// with the bot also sees what is posted in conversations that they are in.
func (b *Bot) visible(ctx context.Context, t talker) []string {
	all := []string{t.address}
	if !t.alone() {
		return all
	}
	var places []place
	for _, d := range b.Destinations() {
		for _, address := range d.Addresses {
			if conversationOf(address) != "" && address != t.address {
				places = append(places, place{address: address})
			}
		}
	}
	var others []string
	for _, at := range b.placesFor(ctx, t, places) {
		others = append(others, at.address)
	}
	in := make([]bool, len(others))
	var asking sync.WaitGroup
	turns := make(chan struct{}, askAtOnce)
	for i, address := range others {
		asking.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			b.guard(func() {
				is, err := b.isMember(ctx, t, conversationOf(address))
				if err != nil {
					b.unsure("Teams does not say whether somebody is in a conversation; its alerts are left out", err)
				}
				in[i] = is
			})
		})
	}
	asking.Wait()
	for i, address := range others {
		if in[i] {
			all = append(all, address)
		}
	}
	return all
}

// open are the open alerts with a post at one of the addresses (nil: all) that
// match, worst and newest first. Of those that are open the latest most are
// looked at; more: there are others.
func (b *Bot) open(ctx context.Context, addresses, matchers []string, most int) (found []group.Group, more bool, err error) {
	all, err := route.ParseMatchers(matchers)
	if err != nil {
		return nil, false, err
	}
	err = b.Store.View(ctx, func(tx store.Tx) (err error) {
		found, err = tx.OpenGroupsAt(addresses, most)
		return err
	})
	more = len(found) == most
	found = slices.DeleteFunc(found, func(g group.Group) bool { return !matchesAny(&g, all) })
	slices.SortStableFunc(found, func(a, b group.Group) int {
		return cmp.Or(
			cmp.Compare(firing(&b), firing(&a)),
			cmp.Compare(b.Severity(), a.Severity()),
			b.OpenedAt.Compare(a.OpenedAt))
	})
	return found, more, err
}

// matching are the open alerts that satisfy one of the sets of matchers: all of
// them, because nobody may be silenced unseen in a storm.
func (b *Bot) matching(ctx context.Context, sets [][]string) (ids []int64, err error) {
	all := make([]labels.Matchers, len(sets))
	for i, set := range sets {
		if all[i], err = route.ParseMatchers(set); err != nil {
			return nil, err
		}
	}
	err = b.Store.View(ctx, func(tx store.Tx) error {
		ids = nil
		return tx.OpenGroups(func(g group.Group) error {
			if slices.ContainsFunc(all, func(set labels.Matchers) bool { return matchesAny(&g, set) }) {
				ids = append(ids, g.ID)
			}
			return ctx.Err()
		})
	})
	return ids, err
}

// target is an episode and its posts.
func (b *Bot) target(ctx context.Context, id int64) (found target, err error) {
	err = b.Store.View(ctx, func(tx store.Tx) (err error) {
		found, err = targetOf(tx, id)
		return err
	})
	return found, err
}

func targetOf(tx store.Tx, id int64) (found target, err error) {
	if found.group, err = tx.Group(id); err == nil {
		found.posts, err = allPosts(tx, id)
	}
	return found, err
}

// allPosts are those of an episode, however many people were told: who may act
// on it must not hang on which of them are the newest.
func allPosts(tx store.Tx, id int64) (all []store.Post, err error) {
	const atOnce = 500
	for last := int64(0); ; last = all[len(all)-1].ID {
		posts, err := tx.ListPosts(store.PostFilter{GroupID: id, Before: last, Limit: atOnce})
		if all = append(all, posts...); err != nil || len(posts) < atOnce {
			return all, err
		}
	}
}

// firing is 1 for an alert that fires and that nobody has ended by hand.
func firing(g *group.Group) int {
	if n, _, _ := g.Counts(); n > 0 && g.Closed == nil {
		return 1
	}
	return 0
}

// matchesAny says whether one of a group's alerts that are not over satisfies
// all matchers.
func matchesAny(g *group.Group, all labels.Matchers) bool {
	for i := range g.Alerts {
		matches := g.Alerts[i].State != group.Resolved
		for _, m := range all {
			matches = matches && m.Matches(g.Alerts[i].Labels[m.Name])
		}
		if matches {
			return true
		}
	}
	return false
}

// sayAlerts lists what is open.
func (b *Bot) sayAlerts(ctx context.Context, t talker, matchers []string) string {
	found, more, err := b.open(ctx, b.visible(ctx, t), matchers, maxLooked)
	if err != nil {
		return md(b.failure(err))
	}
	what := ""
	if len(matchers) > 0 {
		what = " that matches " + matcherWords(matchers)
	}
	if len(found) == 0 {
		return "Nothing is open here" + what + "."
	}
	lines := make([]string, len(found))
	for i := range found {
		lines[i] = b.line(&found[i])
	}
	head := counted(len(found), "alert") + " open"
	if more {
		head = "Of the latest " + counted(maxLooked, "alert") + ", " + counted(len(found), "one")
	}
	return paragraphs(append([]string{"**" + head + "**"}, cutList(lines, maxListed, 0)...)...)
}

// sayStatus says what goes on here.
func (b *Bot) sayStatus(ctx context.Context, t talker) string {
	addresses := b.visible(ctx, t)
	found, more, err := b.open(ctx, addresses, nil, maxLooked)
	if err != nil {
		return md(b.failure(err))
	}
	var fires, quiet, acked, silenced int
	for i := range found {
		g := &found[i]
		if firing(g) == 1 {
			fires++
		} else {
			quiet++
		}
		if g.Ack != nil {
			acked++
		}
		if g.Silence != nil {
			silenced++
		}
	}
	at := ""
	if more {
		at = "at least "
	}
	lines := []string{fmt.Sprintf("**%s%d firing** · %d acknowledged · %d silenced", at, fires, acked, silenced)}
	if fires+quiet == 0 {
		lines[0] = "**Nothing is firing here.**"
	}
	if quiet > 0 {
		lines = append(lines, counted(quiet, "alert")+" without news, or ended by hand")
	}
	broken, err := b.broken(ctx, addresses)
	if err != nil {
		return md(b.failure(err))
	}
	return paragraphs(append(append(lines, broken...), "teamsrelay "+md(b.Version))...)
}

// broken are the lines about destinations that cannot be reached.
func (b *Bot) broken(ctx context.Context, addresses []string) (lines []string, err error) {
	err = b.Store.View(ctx, func(tx store.Tx) error {
		lines = nil
		for _, id := range addresses {
			address, err := tx.Address(id)
			if err != nil {
				return err
			}
			if address.Broken != "" {
				lines = append(lines, "Destination **"+md(b.destinationAt(id).Name)+"** is broken: "+md(shorten(address.Broken, maxReason)))
			}
		}
		return nil
	})
	return lines, err
}

// show shows cards once more.
func (b *Bot) show(ctx context.Context, t talker, c typed.Command) string {
	ids, words := b.about(ctx, t, c)
	if words != "" {
		return words
	}
	if len(ids) > maxShown {
		return fmt.Sprintf("That are too many cards at once: %d at most.", maxShown)
	}
	var lines []string
	for _, id := range ids {
		found, ok, err := b.find(ctx, t, id)
		if err != nil {
			lines = append(lines, md(b.failure(err)))
			continue
		}
		if !ok {
			lines = append(lines, noAlert(id))
			continue
		}
		message, err := b.Shown(ctx, t.address, found.group)
		if err != nil {
			b.log.Error("A card could not be made for an answer", "err", err)
			lines = append(lines, b.line(&found.group))
			continue
		}
		b.told(t, b.sender(t).Call(ctx, t.activity.Conversation.Thread, message))
	}
	return paragraphs(lines...)
}

func (b *Bot) openSilences(ctx context.Context) (open []store.Silence, err error) {
	err = b.Store.View(ctx, func(tx store.Tx) (err error) {
		open, err = tx.OpenSilences(b.Now())
		return err
	})
	return open, err
}

// seesSilence says whether the talker may know of a silence: they made it, or
// see its alert. One by matchers is seen where alerts are posted.
func (b *Bot) seesSilence(ctx context.Context, t talker, s *store.Silence) bool {
	if s.By.ID != "" && s.By.ID == t.person.ID {
		return true
	}
	if s.GroupID != 0 {
		if _, ok, err := b.find(ctx, t, s.GroupID); err == nil && ok {
			return true
		}
		return false
	}
	return b.isDestination(t.address)
}

// isDestination says whether alerts are sent to an address.
func (b *Bot) isDestination(address string) bool {
	return slices.ContainsFunc(b.Destinations(), func(d Destination) bool { return slices.Contains(d.Addresses, address) })
}

// saySilences lists the silences.
func (b *Bot) saySilences(ctx context.Context, t talker) string {
	open, err := b.openSilences(ctx)
	if err != nil {
		return md(b.failure(err))
	}
	var lines []string
	more := 0
	for i := range open {
		s := &open[i]
		switch {
		case !b.seesSilence(ctx, t, s):
		case len(lines) == maxListed:
			more++
		case s.GroupID == 0:
			about := make([]string, len(s.Sets))
			for i, set := range s.Sets {
				about[i] = matcherWords(set)
			}
			lines = append(lines, b.silenceLine(s, strings.Join(about, " or ")))
		default:
			found, _, err := b.find(ctx, t, s.GroupID)
			if err != nil {
				return md(b.failure(err))
			}
			lines = append(lines, b.silenceLine(s, "of "+named(&found.group)))
		}
	}
	if len(lines) == 0 {
		return "Nothing is silenced here."
	}
	return paragraphs(append([]string{"**" + counted(len(lines)+more, "silence") + "**"}, cutList(lines, maxListed, more)...)...)
}

const (
	maxCandidates = 5 // people that an answer proposes
	maxPlaces     = 3 // conversations whose members are read to find somebody
)

// to is whom somebody means in a message about an alert with these posts;
// words say why nobody is.
func (b *Bot) to(ctx context.Context, t talker, who typed.Who, posts []store.Post) (p group.Person, words string) {
	if who.ID != "" {
		m, in, err := b.member(ctx, t.here, who.ID)
		if err != nil || !in { // a mention is enough to know the name
			return group.Person{Name: who.Name}, ""
		}
		p = personOf(m, group.Person{}) // as Teams calls them, whatever stands in the mention
		if p.Name == "" {
			p.Name = who.Name
		}
		return p, ""
	}
	places := []store.Conversation{t.here}
	if t.alone() { // whom the alert concerns is where it is posted
		places = nil
		for _, address := range addressesOf(t, posts) {
			c, err := b.conversation(ctx, conversationOf(address))
			if err != nil {
				return p, b.failure(err)
			}
			if c.ID != "" && len(places) < maxPlaces {
				places = append(places, c)
			}
		}
	}
	return b.assignee(ctx, t, who.Name, places...)
}

// assignee is whom a name means: nothing and "me" are the talker, others have
// to be in one of the places.
func (b *Bot) assignee(ctx context.Context, t talker, wanted string, places ...store.Conversation) (p group.Person, words string) {
	wanted = oneLine(strings.TrimPrefix(wanted, "@"))
	switch {
	case wanted == "" || strings.EqualFold(wanted, "me"):
		return t.person, ""
	case strings.EqualFold(wanted, t.person.ID) || strings.EqualFold(wanted, t.person.Name):
		return t.person, ""
	}
	var all []botframework.Member
	known := map[string]bool{}
	for _, c := range places {
		some, err := b.membersOf(ctx, c)
		if err != nil {
			b.log.Warn("Teams does not say who is in a conversation", "err", err)
			return p, "Nothing was done: Teams does not say at this moment who is here. Please try again, or mention the person."
		}
		for _, m := range some {
			if !known[m.ID] {
				known[m.ID] = true
				all = append(all, m)
			}
		}
	}
	// Who has exactly that name or address counts before those whose name
	// contains it.
	for _, fits := range []func(botframework.Member) bool{
		func(m botframework.Member) bool {
			return strings.EqualFold(m.ObjectID, wanted) || strings.EqualFold(m.ID, wanted) || strings.EqualFold(m.UPN, wanted) || strings.EqualFold(m.Email, wanted)
		},
		func(m botframework.Member) bool { return strings.EqualFold(oneLine(m.Name), wanted) },
		func(m botframework.Member) bool {
			return strings.Contains(" "+strings.ToLower(m.Name), " "+strings.ToLower(wanted))
		},
	} {
		var found []botframework.Member
		for _, m := range all {
			if m.Name != "" && fits(m) {
				found = append(found, m)
			}
		}
		switch {
		case len(found) == 1:
			return personOf(found[0], group.Person{}), ""
		case len(found) > 1:
			var names []string
			for _, m := range found[:min(len(found), maxCandidates)] {
				names = append(names, shorten(strings.TrimSpace(m.Name+" "+m.UPN), maxName))
			}
			return p, "Nothing was done: that can be more than one here. Write the address, or mention the person: " + strings.Join(names, "; ") + "."
		}
	}
	return p, "Nothing was done: nobody here is called “" + shorten(wanted, maxName) + "”. Mention the person, or write the address."
}
