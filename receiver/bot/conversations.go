package bot

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/bot/activity"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// Why nothing can be sent to the channels of a team, or to one of them: words
// for people who look at a destination.
const (
	channelDeleted = "the channel was deleted in Teams; restore it there, or give the destination another one"
	teamDeleted    = "the team was deleted in Teams; restore it there, or give the destination another channel"
	teamArchived   = "the team is archived, so nobody can write there; restore it in Teams, or give the destination another channel"
)

// news is what an activity says about conversations.
type news struct {
	repeated bool // it was worked before
	changed  []store.Conversation
	back     []store.Conversation // can be reached again, or for the first time
	welcome  *store.Conversation  // the app was installed there
}

// keep makes the stored conversations true after an activity, unless it was
// worked before.
func (b *Bot) keep(ctx context.Context, a activity.Activity) (n news, err error) {
	now := b.Now()
	err = b.Store.Update(ctx, func(tx store.Tx) error {
		n = news{}
		if key := a.Key(); key != "" && a.Type != activity.Invoke {
			var err error
			// Its commands have the key itself (command.Command.Activity).
			if n.repeated, err = tx.Seen("activity "+key, now); err != nil || n.repeated {
				return err
			}
		}
		if n, err = b.news(tx, a); err != nil {
			return err
		}
		for i := range n.changed {
			n.changed[i].UpdatedAt = now
			if err := tx.SaveConversation(&n.changed[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// refresh is keep for a press: nearly always there is nothing to store.
func (b *Bot) refresh(ctx context.Context, a activity.Activity) {
	var n news
	err := b.Store.View(ctx, func(tx store.Tx) (err error) {
		n, err = b.news(tx, a)
		return err
	})
	if err == nil && len(n.changed) > 0 {
		n, err = b.keep(ctx, a)
	}
	if err != nil {
		b.log.Error("What a press told of its conversation could not be stored; the next one will tell it again", "err", err)
		return
	}
	if len(n.back) > 0 && b.talks.reserve(a.Conversation.ID) {
		b.talks.do(a.Conversation.ID, func(ctx context.Context) { b.reached(ctx, n) })
	}
}

// rows are conversations that an activity may change.
type rows struct {
	tx    store.Tx
	was   map[string]store.Conversation // as stored; without an ID: not stored
	is    map[string]*store.Conversation
	order []string
}

// get is one conversation, as it is to become.
func (r *rows) get(id string) (*store.Conversation, error) {
	if c := r.is[id]; c != nil {
		return c, nil
	}
	was, err := r.tx.Conversation(id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return r.add(id, was), nil
}

func (r *rows) add(id string, was store.Conversation) *store.Conversation {
	if c := r.is[id]; c != nil {
		return c
	}
	c := was
	c.ID = id
	r.was[id], r.is[id] = was, &c
	r.order = append(r.order, id)
	return &c
}

// team adds all conversations of a team.
func (r *rows) team(id string) ([]*store.Conversation, error) {
	if id == "" {
		return nil, nil
	}
	stored, err := r.tx.Conversations(id)
	if err != nil {
		return nil, err
	}
	var all []*store.Conversation
	for _, c := range stored {
		all = append(all, r.add(c.ID, c))
	}
	return all, nil
}

// reachable says whether something can be sent.
func reachable(c store.Conversation) bool { return c.Installed && c.Blocked == "" }

// news finds out what an activity changes; it writes nothing.
func (b *Bot) news(tx store.Tx, a activity.Activity) (news, error) {
	r := &rows{tx: tx, was: map[string]store.Conversation{}, is: map[string]*store.Conversation{}}
	here, err := r.get(a.Conversation.ID)
	if err != nil {
		return news{}, err
	}
	b.describe(here, a)
	came, gone := presence(a)
	var alive []string // where something can surely be sent now
	switch {
	case came, gone:
		alive, err = b.presence(r, here, a, came)
	case a.Type == activity.Message || a.Type == activity.Invoke:
		here.Installed, here.Blocked = true, ""
		alive = []string{here.ID}
	default:
		if r.was[here.ID].ID == "" { // it would not be told if it were not there
			here.Installed = true
		}
		err = b.event(r, a)
	}
	if err != nil {
		return news{}, err
	}
	var n news
	for _, id := range r.order {
		was, is := r.was[id], *r.is[id]
		if was == is {
			continue
		}
		n.changed = append(n.changed, is)
		if reachable(is) && !reachable(was) {
			n.back = append(n.back, is)
		}
	}
	if came && !r.was[here.ID].Installed {
		n.welcome = here
	}
	return n, b.revived(r, alive, &n)
}

// revived adds to what is back the conversations that are alive though the
// last attempt to send there says that they are not.
func (b *Bot) revived(r *rows, alive []string, n *news) error {
	for _, id := range alive {
		if slices.ContainsFunc(n.back, func(c store.Conversation) bool { return c.ID == id }) {
			continue
		}
		address, err := r.tx.Address(botframework.AddressID(id))
		if err != nil {
			return err
		}
		if address.Broken == "" || address.Waits { // a broken one that waits is tried again anyway
			continue
		}
		c, err := r.get(id)
		if err != nil {
			return err
		}
		n.back = append(n.back, *c)
	}
	return nil
}

// presence says whether an activity tells that the app was installed or
// removed. Teams tells it twice, in no order: as an installation, and as a
// member that joins or leaves.
func presence(a activity.Activity) (came, gone bool) {
	switch a.Type {
	case activity.InstallationUpdate:
		return strings.HasPrefix(a.Action, "add"), strings.HasPrefix(a.Action, "remove")
	case activity.ConversationUpdate:
		return slices.ContainsFunc(a.Added, a.IsBot), slices.ContainsFunc(a.Removed, a.IsBot)
	}
	return false, false
}

// presence notes that the app came or went, and returns where it is now. In a
// team it is in all channels, except that it comes to shared and private ones
// one by one. Nothing may be known yet of channels that only the configuration
// names, nor whether they are of this team: those are among what is returned.
func (b *Bot) presence(r *rows, here *store.Conversation, a activity.Activity, came bool) (alive []string, err error) {
	all := []*store.Conversation{here}
	one := a.Channel.Kind == "private" || a.Channel.Kind == "shared" || strings.HasPrefix(a.Event, "channelMember")
	if here.Kind == store.Channel && !one {
		channels, err := r.team(here.TeamID)
		if err != nil {
			return nil, err
		}
		all = append(all, channels...)
	}
	for _, c := range all {
		c.Installed = came
		if !came {
			continue
		}
		c.Blocked = ""
		b.locate(c, a)
		alive = append(alive, c.ID)
	}
	if !came || here.Kind != store.Channel || one {
		return alive, nil
	}
	for _, d := range b.Destinations() {
		for _, address := range d.Addresses {
			id := strings.TrimPrefix(address, botframework.AddressID(""))
			if _, err := r.tx.Conversation(id); errors.Is(err, store.ErrNotFound) {
				alive = append(alive, id)
			} else if err != nil {
				return nil, err
			}
		}
	}
	return alive, nil
}

// event notes what happened to a team or to one of its channels.
func (b *Bot) event(r *rows, a activity.Activity) error {
	if a.Type != activity.ConversationUpdate {
		return nil
	}
	switch a.Event {
	case "channelCreated", "channelRenamed", "channelRestored", "channelShared", "channelDeleted":
		if a.Channel.ID == "" {
			return nil
		}
		c, err := r.get(a.Channel.ID)
		if err != nil {
			return err
		}
		c.Kind = store.Channel
		b.locate(c, a)
		setIf(&c.Name, a.Channel.Name)
		c.Installed, c.Blocked = true, ""
		if a.Event == "channelDeleted" {
			c.Blocked = channelDeleted
		}
	case "teamRenamed", "teamArchived", "teamUnarchived", "teamRestored", "teamDeleted", "teamHardDeleted":
		channels, err := r.team(a.Team.ID)
		if err != nil {
			return err
		}
		for _, c := range channels {
			b.locate(c, a)
			switch a.Event {
			case "teamArchived":
				c.Blocked = teamArchived
			case "teamDeleted", "teamHardDeleted":
				c.Blocked = teamDeleted
			case "teamUnarchived", "teamRestored":
				if c.Blocked == teamArchived || c.Blocked == teamDeleted {
					c.Blocked = ""
				}
			}
		}
	}
	return nil
}

// describe takes over what an activity says of the conversation that it
// happened in.
func (b *Bot) describe(c *store.Conversation, a activity.Activity) {
	c.Kind = kindOf(a, c.Kind)
	b.locate(c, a)
	setIf(&c.Name, a.Conversation.Name)
	switch c.Kind {
	case store.Personal:
		// It stays theirs with whom it began: alerts for them go there.
		stranger := c.UserObjectID != "" && a.From.ObjectID != "" && !strings.EqualFold(c.UserObjectID, a.From.ObjectID)
		if a.From.ID != "" && !a.IsBot(a.From) && !stranger {
			c.UserID = a.From.ID
			setIf(&c.UserObjectID, a.From.ObjectID)
			setIf(&c.Name, a.From.Name)
		}
	case store.Channel:
		if a.Channel.ID == c.ID {
			setIf(&c.Name, a.Channel.Name)
		}
		if c.Name == "" && c.ID == c.TeamID { // it has a name in no event (teams-platform §2.3)
			c.Name = "General"
		}
	}
}

// locate takes over how the bot is reached, and in which team. A service URL
// that must not be called is not kept: nobody can call it by mistake.
func (b *Bot) locate(c *store.Conversation, a activity.Activity) {
	if len(a.Tenants) > 0 {
		c.Tenant = a.Tenants[0]
	}
	setIf(&c.BotID, a.Recipient.ID)
	if a.ServiceURL != "" && a.ServiceURL != c.ServiceURL {
		if b.Trusted(a.ServiceURL) {
			c.ServiceURL = a.ServiceURL
		} else {
			b.log.Warn("Teams names a service that is not allowed to get our token, so what is known of it is kept; see allowed_service_hosts", "type", a.Type)
		}
	}
	if c.Kind == store.Channel {
		setIf(&c.TeamID, a.Team.ID)
		setIf(&c.TeamGroup, a.Team.Group)
		setIf(&c.TeamName, a.Team.Name)
	}
}

// kindOf is what kind of conversation it is. Old events do not say.
func kindOf(a activity.Activity, known string) string {
	switch kind := a.Conversation.Kind; {
	case kind == store.Personal || kind == store.GroupChat || kind == store.Channel:
		return kind
	case known != "":
		return known
	case a.Team.ID != "":
		return store.Channel
	case a.Conversation.Group, strings.HasPrefix(a.Conversation.ID, "19:") && !strings.HasSuffix(a.Conversation.ID, "@unq.gbl.spaces"):
		// Nobody is alone there: what one person may read is not for all.
		return store.GroupChat
	}
	return store.Personal
}

// placeOf is where a conversation is for the client.
func placeOf(c store.Conversation) botframework.Place {
	return botframework.Place{
		ServiceURL: c.ServiceURL, Conversation: c.ID, Kind: c.Kind, Tenant: c.Tenant,
		BotID: c.BotID, User: c.UserID, Group: c.TeamGroup,
	}
}

// greet welcomes the people of a conversation. It is not tried again: nobody
// waits for it.
func (b *Bot) greet(ctx context.Context, c store.Conversation) {
	words := b.Welcome(c)
	if words == "" {
		return
	}
	to := b.Client.At(func(context.Context) (botframework.Place, error) { return placeOf(c), nil }, nil)
	if o := to.Say(ctx, "", botframework.Text{Markdown: words}); o.Kind != teams.Delivered {
		b.log.Warn("A conversation could not be greeted", "kind", c.Kind, "name", c.Name, "reason", o.Reason, "message", o.Message)
	}
}

// setIf takes over what is told; what is not told stays as it is known.
func setIf(to *string, told string) {
	if told != "" {
		*to = told
	}
}
