package teamstest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Install adds the bot to a channel's team, a group chat or a user's own chat,
// and tells it: first of the installation, then of the conversation. Who adds
// it again comes back into the same chat, and then Teams sends no second update
// of the conversation.
func (o Someone) Install(ctx context.Context, conversation string) ([]Answer, error) {
	return o.install(ctx, conversation, "add", "membersAdded", false)
}

// InstallReversed is Install with the two updates in the other order: neither
// is promised (teams-platform §2.8).
func (o Someone) InstallReversed(ctx context.Context, conversation string) ([]Answer, error) {
	return o.install(ctx, conversation, "add", "membersAdded", true)
}

// Uninstall takes the bot away again, and tells it.
func (o Someone) Uninstall(ctx context.Context, conversation string) ([]Answer, error) {
	return o.install(ctx, conversation, "remove", "membersRemoved", false)
}

func (o Someone) install(ctx context.Context, where, action, what string, reversed bool) ([]Answer, error) {
	s := o.server
	s.mu.Lock()
	b, c := s.bot, s.bot.conversation(where)
	if c == nil {
		s.mu.Unlock()
		return nil, unknownConversation(where)
	}
	if c.kind == Personal && action == "add" {
		app, _ := s.app()
		b.person(o.User).version = cmp.Or(app.Version, DefaultApp.Version)
		updates := s.appear(o.User, c, reversed)
		s.mu.Unlock()
		return s.sendAll(ctx, updates)
	}
	places := []*conversation{c}
	switch c.kind {
	case Channel:
		places = b.channels() // an app is installed in a team
	case Personal:
		p := b.person(o.User)
		p.version, p.waiting = "", nil
	}
	for _, place := range places {
		place.installed = action == "add"
	}
	updates := []map[string]any{b.installation(o.User, c, action), b.memberUpdate(o.User, c, what, b.id())}
	if reversed {
		slices.Reverse(updates)
	}
	s.tellDirectory()
	s.mu.Unlock()
	return s.sendAll(ctx, updates)
}

// sendAll tells the bot, one after the other, and ends where there is no
// answer.
func (s *Server) sendAll(ctx context.Context, updates []map[string]any) ([]Answer, error) {
	var answers []Answer
	for _, update := range updates {
		answer, err := s.Send(ctx, update)
		if err != nil {
			return answers, err
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

// step is somebody who adds the bot somewhere.
type step struct {
	who   User
	where string
}

// InstallEverywhere has the first user add the bot to the team and the group
// chat, and everybody to their own chat. It ends at the first place where the
// bot does not answer with a 2xx.
func (s *Server) InstallEverywhere(ctx context.Context) error {
	if err := s.InstallTogether(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	var steps []step
	for _, u := range s.bot.users {
		steps = append(steps, step{u, s.bot.chats[u.ID].id})
	}
	s.mu.Unlock()
	return s.installSteps(ctx, steps)
}

// InstallTogether is InstallEverywhere without people's own chats.
func (s *Server) InstallTogether(ctx context.Context) error {
	s.mu.Lock()
	first := s.bot.users[0]
	s.mu.Unlock()
	return s.installSteps(ctx, []step{{first, Team}, {first, Chat}})
}

func (s *Server) installSteps(ctx context.Context, steps []step) error {
	for _, one := range steps {
		answers, err := Someone{one.who, s}.Install(ctx, one.where)
		if err != nil {
			return err
		}
		for _, a := range answers {
			if a.Status/100 != 2 {
				return fmt.Errorf("the bot answered %d", a.Status)
			}
		}
	}
	return nil
}

// Rename gives a channel another name, and tells the bot.
func (o Someone) Rename(ctx context.Context, channel, name string) (Answer, error) {
	return o.channelEvent(ctx, channel, "channelRenamed", func(b *bot, c *conversation) { c.name = name })
}

// RenameTeam gives the team another name, and tells the bot.
func (o Someone) RenameTeam(ctx context.Context, name string) (Answer, error) {
	return o.channelEvent(ctx, "", "teamRenamed", func(b *bot, _ *conversation) { b.team = name })
}

// DeleteChannel takes a channel away with all that is in it, and tells the bot.
func (o Someone) DeleteChannel(ctx context.Context, channel string) (Answer, error) {
	return o.channelEvent(ctx, channel, "channelDeleted", func(b *bot, c *conversation) {
		b.conversations = slices.DeleteFunc(b.conversations, func(one *conversation) bool { return one == c })
		delete(b.byID, c.id)
	})
}

func (o Someone) channelEvent(ctx context.Context, channel, event string, change func(*bot, *conversation)) (Answer, error) {
	s := o.server
	s.mu.Lock()
	c := s.bot.conversation(channel)
	if channel != "" && (c == nil || c.kind != Channel) {
		s.mu.Unlock()
		return Answer{}, unknownConversation(channel)
	}
	change(s.bot, c)
	a := s.bot.teamEvent(o.User, event, c)
	s.tellDirectory()
	s.mu.Unlock()
	return s.Send(ctx, a)
}

// Leave takes the user out of a conversation (of a channel: out of the team),
// and tells the bot. Join brings them back.
func (o Someone) Leave(ctx context.Context, conversation string) (Answer, error) {
	return o.membership(ctx, conversation, "membersRemoved")
}

// Join makes the user a member of a conversation (of a channel: of the team),
// and tells the bot.
func (o Someone) Join(ctx context.Context, conversation string) (Answer, error) {
	return o.membership(ctx, conversation, "membersAdded")
}

func (o Someone) membership(ctx context.Context, where, what string) (Answer, error) {
	s := o.server
	s.mu.Lock()
	b, c := s.bot, s.bot.conversation(where)
	if c == nil || c.kind == Personal {
		s.mu.Unlock()
		return Answer{}, unknownConversation(where)
	}
	places := []*conversation{c}
	if c.kind == Channel {
		places = b.channels()
	}
	for _, place := range places {
		place.members = slices.DeleteFunc(slices.Clone(place.members), func(id string) bool { return id == o.ID })
		if what == "membersAdded" {
			place.members = append(place.members, o.ID)
		}
	}
	a := b.memberUpdate(o.User, c, what, o.ID)
	s.tellDirectory()
	s.mu.Unlock()
	return s.Send(ctx, a)
}

// Block keeps the bot out of the user's chat; Unblock lets it in again. Teams
// tells bots of neither.
func (o Someone) Block() { o.block(true) }

// Unblock is the end of Block.
func (o Someone) Unblock() { o.block(false) }

func (o Someone) block(blocked bool) {
	o.server.mu.Lock()
	defer o.server.mu.Unlock()
	o.server.bot.chats[o.ID].blocked = blocked
	o.server.tellDirectory()
}
