// Package botframework sends to Teams as a bot: new messages, edits of those
// that are there, replies under them, and questions about who is in a
// conversation (teams-platform §2 and §3). All requests of one client share
// its token, its turns and its pace, whoever makes them.
package botframework

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
)

// Place is where to send: one conversation, and what must be known to reach it.
type Place struct {
	// ServiceURL is the latest that an activity of the conversation named; "":
	// the cloud's own, which is right for the first message only.
	ServiceURL string
	// Conversation is Microsoft's id; what follows ";messageid=" is not used.
	Conversation string
	Kind         string // Personal, GroupChat or Channel
	Tenant       string // "": the application's
	BotID        string // as Teams calls us there; "": "28:" and the application's id
	// User is who a personal conversation is with, as an Entra object id or as
	// Teams calls them ("29:…"): a conversation that is gone is made anew with
	// it. "" where nobody knows.
	User string
	// Removed: Teams has told us that the app was taken out of it, which it
	// does not say apart from being blocked when something is sent there.
	Removed bool
	// Group is the Entra group behind a channel's team, for links; "" where
	// nobody knows.
	Group string
}

// The kinds of places, in Microsoft's words.
const (
	Personal  = "personal"
	GroupChat = "groupChat"
	Channel   = "channel"
)

// threadMark stands in the id of a conversation between that of the channel
// and that of the message that the thread begins with.
const threadMark = ";messageid="

// Thread takes the id of a conversation apart: the channel's (or chat's) own,
// and the message that the thread begins with, "" outside of threads.
func Thread(conversation string) (bare, root string) {
	bare, root, _ = strings.Cut(conversation, threadMark)
	return bare, root
}

// threaded is the id of a thread in a channel.
func threaded(conversation, root string) string {
	bare, _ := Thread(conversation)
	return bare + threadMark + root
}

// AddressID is the name of the address that a conversation is. All threads of
// a channel are one address.
func AddressID(conversation string) string {
	bare, _ := Thread(conversation)
	return "bot:" + bare
}

// DestinationOf names the destination of a conversation that is in no file: it
// asked for alerts itself. The name is short, always the same, and says nothing
// about the conversation.
func DestinationOf(conversation string) string {
	bare, _ := Thread(conversation)
	sum := sha256.Sum256([]byte(bare))
	return "conversation-" + hex.EncodeToString(sum[:5])
}

// Link is the address at which Teams shows a message; "" where it has none:
// the ids of personal chats with a bot are the bot's alone.
func Link(p Place, messageID string) string {
	bare, _ := Thread(p.Conversation)
	if messageID == "" || !strings.HasPrefix(bare, "19:") {
		return ""
	}
	query := url.Values{}
	switch p.Kind {
	case Channel:
		query.Set("parentMessageId", messageID)
		if p.Group != "" {
			query.Set("groupId", p.Group)
		}
		if p.Tenant != "" {
			query.Set("tenantId", p.Tenant)
		}
	default:
		query.Set("context", `{"contextType":"chat"}`)
	}
	return "https://" + clientHost(p.ServiceURL) + "/l/message/" + url.PathEscape(bare) + "/" + url.PathEscape(messageID) + "?" + query.Encode()
}

// clientHost is where people use Teams in the cloud that a service is of.
func clientHost(serviceURL string) string {
	u, err := url.Parse(serviceURL)
	if err != nil {
		return "teams.microsoft.com"
	}
	switch host := strings.ToLower(u.Hostname()); {
	case strings.HasSuffix(host, ".dod.teams.microsoft.us"):
		return "dod.teams.microsoft.us"
	case strings.HasSuffix(host, ".teams.microsoft.us"):
		return "gov.teams.microsoft.us"
	case strings.HasSuffix(host, ".teams.microsoftonline.cn"):
		return "teams.microsoftonline.cn"
	}
	return "teams.microsoft.com"
}
