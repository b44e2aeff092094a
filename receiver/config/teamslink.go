package config

import (
	"net/url"
	"regexp"
	"strings"
)

// link is what a link that Teams copies leads to. People paste one where an id
// belongs, and it holds the ids.
type link struct {
	channel, team, chat string
}

// linkedID is what ids in links are made of: enough to be written into a
// message, and into YAML without quotes.
var linkedID = regexp.MustCompile(`^[A-Za-z0-9:@._-]{1,200}$`)

// threadID is what Teams calls a channel or a chat.
var threadID = regexp.MustCompile(`^19:[A-Za-z0-9._-]{1,150}@(thread\.(tacv2|v2|skype)|unq\.gbl\.spaces)$`)

// parseLink reads "Get link to channel" and "Copy link" of a chat or message:
//
//	https://teams.microsoft.com/l/channel/19%3A…%40thread.tacv2/General?groupId=…&tenantId=…
//	https://teams.microsoft.com/l/chat/19%3A…%40thread.v2/0?tenantId=…
//
// It reports false for everything else. The host is not looked at: each cloud
// has its own.
func parseLink(text string) (link, bool) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Host == "" {
		return link{}, false
	}
	parts := strings.Split(strings.TrimPrefix(u.Path, "/"), "/") // without %3A and %40
	if len(parts) < 3 || parts[0] != "l" || !linkedID.MatchString(parts[2]) {
		return link{}, false
	}
	kind, id := parts[1], parts[2]
	switch {
	case kind == "chat" || kind == "message" && isChat(id):
		return link{chat: id}, true
	case kind == "channel" || kind == "message":
		l := link{channel: id}
		if team := u.Query().Get("groupId"); linkedID.MatchString(team) {
			l.team = team
		}
		return l, true
	}
	return link{}, false
}

// isChat says whether an id is one of a group chat or, as Graph calls it, of a
// personal one.
func isChat(id string) bool {
	return strings.HasSuffix(id, "@thread.v2") || strings.HasSuffix(id, "@unq.gbl.spaces")
}

// instead is what belongs into the file for what a link leads to.
func (l link) instead() string {
	switch {
	case l.chat != "":
		return "write chat: {chat_id: " + l.chat + "}, which that link leads to"
	case l.team != "":
		return "write channel: {team_id: " + l.team + ", channel_id: " + l.channel + "}, which that link leads to"
	}
	return "write channel: {channel_id: " + l.channel + "}, which that link leads to"
}

// linkInstead says what to write for a link, or the id alone, that stands where
// a mapping belongs.
func linkInstead(text string) string {
	if l, ok := parseLink(text); ok {
		return l.instead()
	}
	switch id := strings.TrimSpace(text); {
	case !threadID.MatchString(id):
		return ""
	case isChat(id):
		return "write chat: {chat_id: " + id + "}"
	default:
		return "write channel: {channel_id: " + id + "}"
	}
}
