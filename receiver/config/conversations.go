package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// Channel is a channel that the bot posts to.
type Channel struct {
	// ID is the channel's: 19:…@thread.tacv2.
	ID string
	// Team is its team, by the id of the Entra group behind it, as links have
	// it, or by its 19:…; "" where the file does not say. Posting does not
	// need it.
	Team string
}

// Actions says who may do something to what is shown at a destination.
type Actions struct {
	// Members: whoever is a member of the conversation.
	Members bool
	// Users are those who may, by Entra object id, user principal name or
	// e-mail address, in lower case. Without Members and Users nobody may.
	Users []string
}

// Nobody says that nobody may.
func (a Actions) Nobody() bool { return !a.Members && len(a.Users) == 0 }

func (a Actions) same(b Actions) bool {
	return a.Members == b.Members && slices.Equal(a.Users, b.Users)
}

// Subscription says that a destination gets what matches, beside the routes.
type Subscription struct {
	Destination string
	Matchers    []string // as in Alertmanager; none: everything
}

// Conversation is the id of the conversation that the bot posts to; "" if it
// is not the bot that reaches this destination.
func (d Destination) Conversation() string {
	if d.Channel.ID != "" {
		return d.Channel.ID
	}
	return d.Chat
}

// What ids look like that Teams makes. Nothing insists on it: the Agents
// Playground's are others.
var (
	channelID = regexp.MustCompile(`^19:[^@;\s]+@thread\.(tacv2|skype)$`)
	chatID    = regexp.MustCompile(`^(19:[^@;\s]+@thread\.v2|a:[^@;\s]+)$`)
)

// conversation checks where the bot shall post.
func (d *document) conversation(s *destinationSection, at string, local bool) (channel Channel, chat string) {
	if c := s.Channel; c != nil {
		channel = Channel{ID: strings.TrimSpace(c.ChannelID), Team: strings.TrimSpace(c.TeamID)}
		d.channel(channel, at+".channel", local)
	}
	if c := s.Chat; c != nil {
		chat = strings.TrimSpace(c.ChatID)
		d.chat(chat, at+".chat", local)
	}
	return channel, chat
}

func (d *document) channel(c Channel, at string, local bool) {
	id, team := at+".channel_id", at+".team_id"
	switch {
	case d.pasted(c.ID, id), d.pasted(c.Team, team), d.Faulty(at):
	case c.ID == "":
		d.Wrong(at, "nothing says which channel it is", "add channel_id: from the channel's menu, Get link to channel; put the link here and check-config reads it")
	case d.encoded(c.ID, id), d.thread(c.ID, id), local:
	case isChat(c.ID):
		d.Warn(id, yamlfile.Quote(c.ID)+" is a chat and no channel", "write chat: {chat_id: "+strconv.Quote(c.ID)+"}")
	case guid.MatchString(c.ID):
		d.Warn(id, "a GUID is a team and no channel", "write the 19:…@thread.tacv2 that Get link to channel shows, with %3A as : and %40 as @")
	case isPlaceholder(c.ID):
		d.Warn(id, placeholderWords, "write the one that Get link to channel shows; put the whole link here and check-config reads it")
	case !channelID.MatchString(c.ID):
		d.Warn(id, yamlfile.Quote(c.ID)+" does not look like a channel", "it is the 19:…@thread.tacv2 that Get link to channel shows, with %3A as : and %40 as @")
	}
	switch {
	case c.Team == "" || local || d.Faulty(team):
	case isPlaceholder(c.Team):
		d.Warn(team, placeholderWords, "write the groupId of the link that Get link to channel shows")
	case !guid.MatchString(c.Team) && !channelID.MatchString(c.Team):
		d.Warn(team, yamlfile.Quote(c.Team)+" does not look like a team", "it is the groupId of the link that Get link to channel shows")
	}
}

func (d *document) chat(id, at string, local bool) {
	place := at + ".chat_id"
	switch {
	case d.pasted(id, place), d.Faulty(at):
	case id == "":
		d.Wrong(at, "nothing says which chat it is", "add chat_id: from the chat's menu, Copy link; put the link here and check-config reads it")
	case d.encoded(id, place), d.thread(id, place), local:
	case strings.HasSuffix(id, "@unq.gbl.spaces"):
		d.Warn(place, "this is Graph's name of a personal chat, and the bot knows it by another one", "let the person write \"subscribe\" to the bot; that needs no id")
	case channelID.MatchString(id):
		d.Warn(place, yamlfile.Quote(id)+" is a channel and no chat", "write channel: {channel_id: "+strconv.Quote(id)+"}")
	case isPlaceholder(id):
		d.Warn(place, placeholderWords, "write the one that Copy link of the chat shows; put the whole link here and check-config reads it")
	case !chatID.MatchString(id):
		d.Warn(place, yamlfile.Quote(id)+" does not look like a chat", "it is the 19:…@thread.v2 of the link that Copy link shows, with %3A as : and %40 as @")
	}
}

// pasted reports a link that stands where an id belongs.
func (d *document) pasted(value, at string) bool {
	l, ok := parseLink(value)
	if ok {
		d.Broken(at, "this is a link and no id", l.instead())
	}
	return ok
}

// encoded reports an id as it stands in links: with %3A and %40.
func (d *document) encoded(value, at string) bool {
	plain, err := url.PathUnescape(value)
	if err != nil || plain == value {
		return false
	}
	d.Broken(at, "the id is written as in a link", "write "+strconv.Quote(plain))
	return true
}

// thread reports the id of one thread in a channel.
func (d *document) thread(value, at string) bool {
	whole, _, found := strings.Cut(value, ";")
	if found {
		d.Broken(at, "this is one thread of a channel", "write "+strconv.Quote(whole)+", without what follows the ;")
	}
	return found
}

// Who may press, as the file says it.
const (
	actionsMembers = "members"
	actionsNone    = "none"
)

// actors checks who may do something at a destination.
func (d *document) actors(s yamlfile.WordOrList, at string) Actions {
	const do = "write members, none, or a list such as [alice@contoso.com]"
	switch {
	case d.Unread(at) || !d.Has(at):
		return Actions{Members: true}
	case s.List != nil:
		return Actions{Users: d.users(s.List, at)}
	case s.Word == actionsMembers || s.Word == "": // actions: ~
		return Actions{Members: true}
	case s.Word == actionsNone:
	case strings.Contains(s.Word, "@") || guid.MatchString(s.Word):
		d.Broken(at, "people must stand in a list", "write actions: ["+strconv.Quote(s.Word)+"]")
	default:
		d.Broken(at, yamlfile.Quote(s.Word)+" says nothing about who may act", do)
	}
	return Actions{}
}

func (d *document) users(list []string, at string) []string {
	if len(list) == 0 {
		d.Broken(at, "the list is empty", "write none if nobody may act, or name who may")
	}
	users := make([]string, 0, len(list))
	for i, user := range list {
		place := fmt.Sprintf("%s[%d]", at, i)
		user = strings.ToLower(strings.TrimSpace(user))
		switch {
		case d.Faulty(place):
		case user == actionsMembers || user == actionsNone:
			d.Wrong(place, yamlfile.Quote(user)+" is no person", "write actions: "+user+", without [ ]")
		case user == "":
			d.Wrong(place, "nobody is named here", "write an address such as alice@contoso.com or an Entra object id, or remove it")
		case slices.Contains(users, user):
			d.Warn(place, yamlfile.Quote(user)+" is named twice", "remove one")
		case !strings.Contains(user, "@") && !guid.MatchString(user):
			d.Warn(place, yamlfile.Quote(user)+" is neither an address nor an Entra object id, and names change", "write an address such as alice@contoso.com, or the Object ID that Entra shows of the person")
		}
		users = append(users, user)
	}
	return users
}

// subscriptions checks what destinations get beside the routes.
func (d *document) subscriptions(sections []subscriptionSection, destinations []destinationSection) []Subscription {
	var made []Subscription
	for i, s := range sections {
		at := fmt.Sprintf("subscriptions[%d]", i)
		known := slices.ContainsFunc(destinations, func(o destinationSection) bool { return o.Name == s.Destination })
		switch {
		case d.Faulty(at + ".destination"), d.Unread("destinations"):
		case s.Destination == "":
			d.Wrong(at, "the subscription names no destination", "add destination: NAME, one of destinations:")
		case !known:
			d.Wrong(at+".destination", "there is no destination "+yamlfile.Quote(s.Destination), "add it under destinations:, or correct the name")
		}
		read := true
		for j, line := range s.Matchers {
			if _, err := route.ParseMatchers([]string{line}); err != nil {
				read = false
				if place := fmt.Sprintf("%s.matchers[%d]", at, j); !d.Faulty(place) {
					d.Wrong(place, yamlfile.OneLine(err.Error()), "all of a subscription's matchers must hold; without any it gets everything")
				}
			}
		}
		if _, err := route.ParseMatchers(s.Matchers); read && err != nil {
			d.Wrong(at+".matchers", yamlfile.OneLine(err.Error()), "use fewer")
		}
		made = append(made, Subscription{Destination: s.Destination, Matchers: s.Matchers})
	}
	return made
}
