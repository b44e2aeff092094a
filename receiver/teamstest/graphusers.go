package teamstest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// What Graph tells of a user when nobody selects, as far as the contract knows
// it.
var usualOfUser = []string{"id", "displayName", "givenName", "surname", "jobTitle", "mail", "preferredLanguage", "userPrincipalName"}

// directoryUser finds somebody by object id or principal name: nothing else
// stands in a path of Graph's.
func (s *Server) directoryUser(c *call, by string) (User, *person, graphAnswer, bool) {
	u, known := s.bot.user(by)
	if known && !strings.EqualFold(u.ObjectID, by) && !strings.EqualFold(u.UPN, by) {
		known = false
	}
	if known {
		if p := s.bot.person(u); !p.Gone {
			return u, p, graphAnswer{}, true
		}
	}
	return u, nil, c.fail(http.StatusNotFound, "Request_ResourceNotFound",
		fmt.Sprintf("Resource '%s' does not exist or one of its queried reference-property objects are not present.", by)), false
}

// aboutUser is whom a call is about; false: nobody whom we know.
func (s *Server) aboutUser(c *call) (User, bool) {
	if c.route == nil || !strings.HasPrefix(c.route.pattern, "users/{}") {
		return User{}, false
	}
	return s.bot.user(c.params[0])
}

// tellUser is a user as Graph tells of one.
func (s *Server) tellUser(c *call, u User) properties {
	given, surname, _ := strings.Cut(u.Name, " ")
	p := properties{
		"id": u.ObjectID, "displayName": u.Name, "givenName": given, "surname": surname, "mail": u.Mail, "userPrincipalName": u.UPN,
		"jobTitle": nil, "preferredLanguage": nil, "accountEnabled": !s.bot.person(u).Disabled, "userType": "Member",
	}
	if u.Guest {
		p["userType"] = "Guest"
	}
	return c.selected(p, usualOfUser...)
}

// mayReadUsers refuses who asks for more of users than User.ReadBasic.All
// shows (teams-platform §5.1).
func (c *call) mayReadUsers() (graphAnswer, bool) {
	if c.has("User.Read.All", "Directory.Read.All") {
		return graphAnswer{}, true
	}
	asked := c.query.Get("$select") + c.query.Get("$filter")
	for _, hidden := range []string{"accountEnabled", "userType", "jobTitle", "preferredLanguage", "otherMails", "proxyAddresses"} {
		if strings.Contains(asked, hidden) {
			return c.denied(), false
		}
	}
	return graphAnswer{}, true
}

func (s *Server) findUser(c *call) graphAnswer {
	u, _, refused, ok := s.directoryUser(c, c.params[0])
	if !ok {
		return refused
	}
	if refused, ok := c.mayReadUsers(); !ok {
		return refused
	}
	body := s.tellUser(c, u)
	body["@odata.context"] = c.context("users/$entity")
	return graphAnswer{status: http.StatusOK, body: body}
}

func (s *Server) searchUsers(c *call) graphAnswer {
	f, refused, ok := c.filter("id", "mail", "userPrincipalName", "displayName", "otherMails", "proxyAddresses")
	if !ok {
		return refused
	}
	if refused, ok := c.mayReadUsers(); !ok {
		return refused
	}
	found := []properties{}
	for _, u := range s.bot.users {
		if !s.bot.person(u).Gone && f.holds(u.values) {
			found = append(found, s.tellUser(c, u))
		}
	}
	return c.page(s, "users", found)
}

// values are what filters compare.
func (u User) values(property string) []string {
	switch property {
	case "id":
		return []string{u.ObjectID}
	case "mail":
		return []string{u.Mail}
	case "otherMails":
		return u.otherMails()
	case "proxyAddresses":
		addresses := []string{"SMTP:" + u.Mail}
		for _, alias := range u.otherMails() {
			addresses = append(addresses, "smtp:"+alias)
		}
		return addresses
	case "userPrincipalName":
		return []string{u.UPN}
	case "displayName":
		return []string{u.Name}
	}
	return nil
}

func (u User) otherMails() []string {
	if u.Alias == "" {
		return nil
	}
	return []string{u.Alias}
}

// group is an Entra group.
type group struct {
	id, name string
	members  []string // ids of users
	inner    []*group
}

// tag is a tag of a team.
type tag struct {
	id, name, team string
	members        []string // ids of users
}

// AddGroup makes an Entra group of users (see As) and of other groups, by their
// ids, and returns its id.
func (s *Server) AddGroup(name string, members ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &group{id: fmt.Sprintf("6a0b9c1d-2e3f-4a5b-8c7d-%012d", len(s.graph.groups)+1), name: name}
	s.graph.groups = append(s.graph.groups, g)
	s.fillGroup(g, members)
	return g.id
}

// ChangeGroup gives a group other members.
func (s *Server) ChangeGroup(id string, members ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.graph.group(id)
	if g == nil {
		panic(fmt.Sprintf("there is no group %q: a mistake in a test", id))
	}
	g.members, g.inner = nil, nil
	s.fillGroup(g, members)
}

func (s *Server) fillGroup(g *group, members []string) {
	for _, member := range members {
		if inner := s.graph.group(member); inner != nil {
			g.inner = append(g.inner, inner)
			continue
		}
		g.members = append(g.members, s.mustKnow(member).ID)
	}
}

// RemoveGroup deletes a group.
func (s *Server) RemoveGroup(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.graph.groups = slices.DeleteFunc(s.graph.groups, func(g *group) bool { return strings.EqualFold(g.id, id) })
}

// AddTag makes a tag of the team (in Graph: TeamGroup) for users (see As) and
// returns its id.
func (s *Server) AddTag(name string, members ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &tag{id: fmt.Sprintf("MCMjc2ltdWxhdGVk%d==", len(s.graph.tags)+1), name: name, team: TeamGroup}
	s.graph.tags = append(s.graph.tags, t)
	for _, member := range members {
		t.members = append(t.members, s.mustKnow(member).ID)
	}
	return t.id
}

// ChangeTag says whom a tag is for from now on.
func (s *Server) ChangeTag(id string, members ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.graph.tags, func(t *tag) bool { return t.id == id })
	if at < 0 {
		panic(fmt.Sprintf("there is no tag %q: a mistake in a test", id))
	}
	s.graph.tags[at].members = nil
	for _, member := range members {
		s.graph.tags[at].members = append(s.graph.tags[at].members, s.mustKnow(member).ID)
	}
}

// mustKnow needs the lock.
func (s *Server) mustKnow(user string) User {
	u, ok := s.bot.user(user)
	if !ok {
		panic(fmt.Sprintf("nobody is called %q here: a mistake in a test", user))
	}
	return u
}

func (g *graph) group(id string) *group {
	for _, one := range g.groups {
		if strings.EqualFold(one.id, id) {
			return one
		}
	}
	return nil
}

// everybody are the ids of those in a group and in the groups in it, and the
// groups; nobody twice.
func (g *group) everybody(seen map[string]bool) (users []string, groups []*group) {
	for _, id := range g.members {
		if !seen[id] {
			seen[id] = true
			users = append(users, id)
		}
	}
	for _, inner := range g.inner {
		if seen[inner.id] {
			continue
		}
		seen[inner.id] = true
		groups = append(groups, inner)
		more, deeper := inner.everybody(seen)
		users, groups = append(users, more...), append(groups, deeper...)
	}
	return users, groups
}

func (s *Server) readGroup(c *call) graphAnswer {
	g := s.graph.group(c.params[0])
	if g == nil {
		return c.noResource()
	}
	body := c.selected(properties{"id": g.id, "displayName": g.name, "mailEnabled": false, "securityEnabled": true})
	body["@odata.context"] = c.context("groups/$entity")
	return graphAnswer{status: http.StatusOK, body: body}
}

func (c *call) noResource() graphAnswer {
	return c.fail(http.StatusNotFound, "Request_ResourceNotFound",
		fmt.Sprintf("Resource '%s' does not exist or one of its queried reference-property objects are not present.", c.params[0]))
}

// groupMembers tells of everything in a group, also of the groups in it.
func (s *Server) groupMembers(c *call) graphAnswer { return s.tellGroup(c, true) }

// groupUsers tells of the people only, which Graph calls an advanced query:
// it wants to be told that an answer may be a little old.
func (s *Server) groupUsers(c *call) graphAnswer {
	if c.query.Get("$count") != "true" || !strings.EqualFold(c.header.Get("ConsistencyLevel"), "eventual") {
		return c.fail(http.StatusBadRequest, "Request_UnsupportedQuery", "The specified query needs $count=true and the header ConsistencyLevel: eventual.")
	}
	return s.tellGroup(c, false)
}

func (s *Server) tellGroup(c *call, all bool) graphAnswer {
	g := s.graph.group(c.params[0])
	if g == nil {
		return c.noResource()
	}
	found := []properties{}
	users, groups := g.everybody(map[string]bool{g.id: true})
	for _, id := range users {
		u, _ := s.bot.user(id)
		if s.bot.person(u).Gone {
			continue
		}
		entry := properties{"id": u.ObjectID}
		if c.has(readUsers...) { // else only that there is somebody
			if refused, ok := c.mayReadUsers(); !ok {
				return refused
			}
			entry = s.tellUser(c, u)
		}
		entry["@odata.type"] = "#microsoft.graph.user"
		found = append(found, entry)
	}
	if all {
		for _, inner := range groups {
			entry := c.selected(properties{"id": inner.id, "displayName": inner.name})
			entry["@odata.type"] = "#microsoft.graph.group"
			found = append(found, entry)
		}
	}
	return c.page(s, "directoryObjects", found)
}

// tag is the one that the path names.
func (s *Server) tag(c *call) *tag {
	for _, t := range s.graph.tags {
		if t.id == c.params[1] && strings.EqualFold(t.team, c.params[0]) {
			return t
		}
	}
	return nil
}

func (s *Server) readTag(c *call) graphAnswer {
	t := s.tag(c)
	if t == nil {
		return c.fail(http.StatusNotFound, "NotFound", "No tag was found with this id.")
	}
	return graphAnswer{status: http.StatusOK, body: properties{
		"@odata.context": c.context("teams('" + t.team + "')/tags/$entity"),
		"id":             t.id, "teamId": t.team, "displayName": t.name, "memberCount": len(t.members), "tagType": "standard",
	}}
}

func (s *Server) tagMembers(c *call) graphAnswer {
	t := s.tag(c)
	if t == nil {
		return c.fail(http.StatusNotFound, "NotFound", "No tag was found with this id.")
	}
	found := []properties{}
	for i, id := range t.members {
		if u, known := s.bot.user(id); known && !s.bot.person(u).Gone {
			found = append(found, properties{
				"id": fmt.Sprintf("MmFiY2Rl%d=", i), "tenantId": s.bot.Tenant, "displayName": u.Name, "userId": u.ObjectID,
			})
		}
	}
	return c.page(s, "teams('"+t.team+"')/tags('"+t.id+"')/members", found)
}
