package teamstest

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// What pages of members hold: by default, and at most and at least, whatever
// is asked for (Microsoft's reference of pagedmembers).
const (
	pageSize    = 200
	maxPageSize = 500
	minPageSize = 50
)

// account is a user as the connector tells of one.
type account struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	ObjectID string `json:"aadObjectId"`
	// Teams names the object id twice.
	ObjectIDToo string `json:"objectId"`
	GivenName   string `json:"givenName"`
	Surname     string `json:"surname"`
	Email       string `json:"email"`
	UPN         string `json:"userPrincipalName"`
	TenantID    string `json:"tenantId"`
	UserRole    string `json:"userRole"`
}

func (b *bot) account(u User) account {
	given, surname, _ := strings.Cut(u.Name, " ")
	return account{
		ID: u.ID, Name: u.Name, ObjectID: u.ObjectID, ObjectIDToo: u.ObjectID, GivenName: given, Surname: surname,
		Email: u.UPN, UPN: u.UPN, TenantID: b.Tenant, UserRole: "user",
	}
}

// members are the people of a conversation.
func (b *bot) members(c *conversation) []account {
	found := []account{}
	for _, u := range b.users {
		if slices.Contains(c.members, u.ID) {
			found = append(found, b.account(u))
		}
	}
	return found
}

func (s *Server) listMembers(o *operation) (int, any) {
	if status, answer := o.conversation.closed(); status != 0 {
		return status, answer
	}
	return http.StatusOK, s.bot.members(o.conversation)
}

// pageOfMembers answers a page at a time. The token for the next one is opaque
// to the client.
func (s *Server) pageOfMembers(o *operation) (int, any) {
	if status, answer := o.conversation.closed(); status != 0 {
		return status, answer
	}
	query := o.request.URL.Query()
	size := pageSize
	if asked, err := strconv.Atoi(query.Get("pageSize")); err == nil {
		size = min(max(asked, minPageSize), maxPageSize)
	}
	from := 0
	members := s.bot.members(o.conversation)
	if token := query.Get("continuationToken"); token != "" {
		text, err := base64.StdEncoding.DecodeString(token)
		at, errNumber := strconv.Atoi(strings.TrimPrefix(string(text), "from+"))
		if err != nil || errNumber != nil || at < 0 || at > len(members) {
			return badArgument("The continuation token is not one of ours.")
		}
		from = at
	}
	page := map[string]any{"members": members[from:min(from+size, len(members))]}
	if next := from + size; next < len(members) {
		// "+", "/" and "=" occur in real ones: clients must escape them.
		page["continuationToken"] = base64.StdEncoding.EncodeToString([]byte("from+" + strconv.Itoa(next)))
	}
	return http.StatusOK, page
}

// oneMember finds a member by the id that the bot knows, by object id or by
// principal name.
func (s *Server) oneMember(o *operation) (int, any) {
	if status, answer := o.conversation.closed(); status != 0 {
		return status, answer
	}
	by := o.request.PathValue("member")
	for _, m := range s.bot.members(o.conversation) {
		if m.ID == by || strings.EqualFold(m.ObjectID, by) || strings.EqualFold(m.UPN, by) {
			return http.StatusOK, m
		}
	}
	return http.StatusNotFound, errorBody("MemberNotFoundInConversation", "Member not found in conversation.")
}

func (s *Server) teamDetails(o *operation) (int, any) {
	if o.conversation.id != Team {
		return http.StatusNotFound, errorBody("ConversationNotFound", "There is no such team.")
	}
	if status, answer := o.conversation.closed(); status != 0 {
		return status, answer
	}
	return http.StatusOK, map[string]any{
		"id": Team, "name": s.bot.team, "aadGroupId": TeamGroup, "tenantId": s.bot.Tenant, "type": "standard",
		"channelCount": len(s.bot.channels()), "memberCount": len(o.conversation.members),
	}
}

// listChannels names the team's channels; General has no name
// (teams-platform §2.3).
func (s *Server) listChannels(o *operation) (int, any) {
	if o.conversation.id != Team {
		return http.StatusNotFound, errorBody("ConversationNotFound", "There is no such team.")
	}
	if status, answer := o.conversation.closed(); status != 0 {
		return status, answer
	}
	channels := []map[string]string{}
	for _, c := range s.bot.channels() {
		channel := map[string]string{"id": c.id}
		if c.id != General {
			channel["name"] = c.name
		}
		channels = append(channels, channel)
	}
	return http.StatusOK, map[string]any{"conversations": channels}
}
