package teamstest

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"time"
)

// activity begins an activity as Teams sends it: who, where, to whom. It needs
// the server's lock.
func (b *bot) activity(kind string, from User, c *conversation, thread string) map[string]any {
	now := time.Now().UTC()
	where := map[string]any{"id": c.id, "conversationType": c.kind, "tenantId": b.Tenant}
	data := map[string]any{"tenant": map[string]any{"id": b.Tenant}}
	if c.kind != Personal {
		where["isGroup"] = true
	}
	if c.kind == Channel {
		data["team"] = map[string]any{"id": Team}
		data["channel"] = map[string]any{"id": c.id}
		if thread != "" {
			where["id"] = inThread(c.id, thread)
		}
	}
	return map[string]any{
		"type": kind, "id": eventID(), "channelId": "msteams", "serviceUrl": b.ServiceURL,
		"timestamp":    now.Format("2006-01-02T15:04:05.0000000Z"),
		"from":         map[string]any{"id": from.ID, "name": from.Name, "aadObjectId": from.ObjectID},
		"recipient":    map[string]any{"id": b.id(), "name": b.Name},
		"conversation": where, "channelData": data,
	}
}

// withClient says on what the user sits, as what they do themselves does.
func withClient(a map[string]any) map[string]any {
	now := a["timestamp"].(string)
	a["locale"], a["localTimezone"], a["localTimestamp"] = "en-US", "UTC", now
	a["entities"] = []any{map[string]any{"type": "clientInfo", "locale": "en-US", "country": "US", "platform": "Web", "timezone": "UTC"}}
	return a
}

// eventID makes an id as events have them.
func eventID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	text := hex.EncodeToString(random[:])
	return "f:" + text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// installation is the update that tells of an installation; action is "add"
// or "remove".
func (b *bot) installation(by User, c *conversation, action string) map[string]any {
	a := withClient(b.activity("installationUpdate", by, c, ""))
	a["action"] = action
	data := a["channelData"].(map[string]any)
	data["source"] = map[string]any{"name": "message"}
	data["settings"] = map[string]any{"selectedChannel": map[string]any{"id": c.id}}
	b.nameTeam(a, c)
	return a
}

// memberUpdate is the update that tells that somebody, the bot or a user, came
// or went; what is "membersAdded" or "membersRemoved".
func (b *bot) memberUpdate(by User, c *conversation, what, member string) map[string]any {
	a := b.activity("conversationUpdate", by, c, "")
	a[what] = []any{map[string]any{"id": member}}
	if c.kind == Channel {
		data := a["channelData"].(map[string]any)
		data["eventType"] = map[string]string{"membersAdded": "teamMemberAdded", "membersRemoved": "teamMemberRemoved"}[what]
		data["settings"] = map[string]any{"selectedChannel": map[string]any{"id": c.id}}
		delete(data, "channel")
	}
	b.nameTeam(a, c)
	return a
}

// nameTeam adds the names that only updates carry.
func (b *bot) nameTeam(a map[string]any, c *conversation) {
	if c.kind == Personal {
		return
	}
	a["conversation"].(map[string]any)["name"] = c.name
	if c.kind == Channel {
		a["channelData"].(map[string]any)["team"] = map[string]any{"id": Team, "name": b.team, "aadGroupId": TeamGroup}
	}
}

// teamEvent is an update about the team or one of its channels. It comes from
// the team's own conversation.
func (b *bot) teamEvent(by User, event string, channel *conversation) map[string]any {
	a := b.activity("conversationUpdate", by, b.conversation(General), strconv.FormatInt(time.Now().UnixMilli(), 10))
	data := map[string]any{
		"eventType": event, "tenant": map[string]any{"id": b.Tenant},
		"team": map[string]any{"id": Team, "name": b.team, "aadGroupId": TeamGroup},
	}
	if channel != nil {
		data["channel"] = map[string]any{"id": channel.id, "name": channel.name}
	}
	a["channelData"] = data
	return a
}
