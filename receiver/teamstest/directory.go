package teamstest

import (
	"fmt"
	"slices"
	"strings"
)

// User is a person in the simulated Teams.
type User struct {
	ID       string `json:"id"` // "29:…", as the bot sees the person
	ObjectID string `json:"aadObjectId"`
	Name     string `json:"name"`
	UPN      string `json:"userPrincipalName"`
	Mail     string `json:"mail"`            // the e-mail address; as a rule the UPN
	Alias    string `json:"alias,omitempty"` // another e-mail address; "": there is none
	Guest    bool   `json:"guest,omitempty"` // invited from another tenant
}

// The team that is there from the beginning, its channels, and a group chat.
// A team has the id of its General channel.
const (
	Team    = "19:b2d4f6a8operations0000000001@thread.tacv2"
	General = Team
	Alerts  = "19:b2d4f6a8operations0000000002@thread.tacv2"
	Chat    = "19:b2d4f6a8oncall000000000000003@thread.v2"

	// TeamGroup is the team's group in Entra, by which Graph knows the team.
	TeamGroup = "5d0f3f2e-8a2b-4f64-9b1c-77a1c0de0001"

	teamName = "Operations"
)

// Kind is what a conversation is, in Microsoft's words.
type Kind string

// The kinds of conversations.
const (
	Personal  Kind = "personal"
	GroupChat Kind = "groupChat"
	Channel   Kind = "channel"
)

// conversation is what is remembered of a channel or chat. It needs the
// server's lock.
type conversation struct {
	id        string
	kind      Kind
	name      string
	members   []string // ids of users
	installed bool     // the bot is there
	begun     bool     // the bot has been there
	blocked   bool     // the person does not want to hear from it
	busy      int      // requests that change it and are not answered yet

	send, create, list, reads meter
}

// populate puts in who and what is there from the beginning: Alice, Bob and
// Carol, a team with two channels, and a group chat. Carol is not in the chat.
func (b *bot) populate() {
	team := &conversation{id: General, kind: Channel, name: "General"}
	alerts := &conversation{id: Alerts, kind: Channel, name: "Alerts"}
	chat := &conversation{id: Chat, kind: GroupChat, name: "On call"}
	for _, c := range []*conversation{team, alerts, chat} {
		b.addConversation(c)
	}
	for i, name := range []string{"Alice Adams", "Bob Brown", "Carol Clark"} {
		first, _, _ := strings.Cut(strings.ToLower(name), " ")
		b.addUser(User{
			ID:       fmt.Sprintf("29:1%s-simulated-%d", first, i+1),
			ObjectID: fmt.Sprintf("a11ce000-0000-4000-8000-00000000000%d", i+1),
			Name:     name,
			UPN:      first + "@contoso.com",
			Mail:     first + "@contoso.com",
		})
	}
	chat.members = chat.members[:2]
}

// addUser puts a user into the tenant, the team's channels and the group chat.
func (b *bot) addUser(u User) {
	for _, c := range b.conversations {
		if c.kind != Personal {
			c.members = append(c.members, u.ID)
		}
	}
	b.addPerson(u)
}

// addPerson puts a user into the tenant, and gives them a chat in which the bot
// may be some day.
func (b *bot) addPerson(u User) {
	b.users = append(b.users, u)
	for _, name := range []string{u.ID, u.ObjectID, u.UPN, u.Mail, u.Alias} {
		if _, taken := b.known[strings.ToLower(name)]; !taken && name != "" {
			b.known[strings.ToLower(name)] = u
		}
	}
	chat := &conversation{
		id: "a:1" + strings.TrimPrefix(u.ID, "29:1"), kind: Personal, name: u.Name, members: []string{u.ID},
	}
	b.chats[u.ID] = chat
	b.addConversation(chat)
}

func (b *bot) addConversation(c *conversation) {
	b.conversations = append(b.conversations, c)
	b.byID[c.id] = c
}

// AddUser puts another person into the team and the group chat. What of an id
// or address is empty is made from the name.
func (s *Server) AddUser(u User) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	u = s.bot.complete(u)
	s.bot.addUser(u)
	s.tellDirectory()
	return u
}

// AddChannel makes a channel in the team and returns its id. Everybody in the
// team is a member; the bot is there if it is in the team.
func (s *Server) AddChannel(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	general := s.bot.conversation(General)
	c := &conversation{
		id:   fmt.Sprintf("19:b2d4f6a8operations%010d@thread.tacv2", len(s.bot.conversations)+1),
		kind: Channel, name: name, members: slices.Clone(general.members), installed: general.installed,
	}
	s.bot.addConversation(c)
	s.tellDirectory()
	return c.id
}

// Users are all people, in the order in which they came.
func (s *Server) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bot.users)
}

// PersonalChat is the id of the bot's chat with a user; "" for a stranger. See
// User for what a name can be.
func (s *Server) PersonalChat(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := s.bot.user(user); ok {
		return s.bot.chats[u.ID].id
	}
	return ""
}

// user finds a person by id, object id, principal name, e-mail address, name or
// first name.
func (b *bot) user(by string) (User, bool) {
	if u, known := b.known[strings.ToLower(by)]; known {
		return u, true
	}
	for _, u := range b.users {
		first, _, _ := strings.Cut(u.Name, " ")
		for _, name := range []string{u.Name, first} {
			if by != "" && strings.EqualFold(name, by) {
				return u, true
			}
		}
	}
	return User{}, false
}

// conversation finds one by its id, with or without a thread; nil when there
// is none.
func (b *bot) conversation(id string) *conversation { return b.byID[bare(id)] }

// channels are the conversations of the team.
func (b *bot) channels() []*conversation {
	return slices.DeleteFunc(slices.Clone(b.conversations), func(c *conversation) bool { return c.kind != Channel })
}

// bare is a conversation's id without the thread that may stand in it.
func bare(id string) string {
	id, _, _ = strings.Cut(id, ";messageid=")
	return id
}

// inThread is the id by which a thread of a channel is a conversation.
func inThread(channel, root string) string { return channel + ";messageid=" + root }

// key is a message's place in the index.
func key(conversation, id string) string { return conversation + "\n" + id }
