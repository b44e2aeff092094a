package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// User is somebody whom Entra knows.
type User struct {
	ID          string // Entra's object id, in lower case
	UPN         string // user principal name
	DisplayName string
	Mail        string // "" if they have none
	Guest       bool   // invited from another tenant
	// Enabled says whether the account may sign in; nil: Graph did not say,
	// which takes User.Read.All.
	Enabled *bool
}

// FoundUser is what came of looking for one name.
type FoundUser struct {
	User
	Err error // of type *Error
}

// Users finds people by object id, user principal name or e-mail address, one
// result for each name in the same order. A name that is neither an id nor a
// principal name is looked for among e-mail addresses: that is how a guest is
// found, whose principal name nobody knows. A disabled account is an error with
// reason Disabled, if we may see it.
func (c *Client) Users(ctx context.Context, names []string) []FoundUser {
	found := make([]FoundUser, len(names))
	properties := c.ofUser(ctx)
	requests := make([]request, len(names))
	for i, name := range names {
		requests[i] = get(userPath(name), "$select", properties)
	}
	var unknown []int
	for i, a := range c.askAll(ctx, lookingUp, requests) {
		switch {
		case a.err == nil:
			found[i] = userIn(a.body)
		case a.err.Reason == teams.NotFound && strings.Contains(names[i], "@"):
			unknown = append(unknown, i)
		case a.err.Reason == teams.NotFound:
			found[i].Err = unknownUser(names[i], a.err)
		default:
			found[i].Err = a.err
		}
	}
	for _, property := range []string{"mail eq '%s'", "proxyAddresses/any(p:p eq 'smtp:%s')"} {
		unknown = c.search(ctx, names, unknown, property, properties, found)
	}
	for i := range found {
		if f := &found[i]; f.Err == nil && f.Enabled != nil && !*f.Enabled {
			f.Err = disabled(f.User)
		}
	}
	return found
}

// ofUser are the properties of a user that we ask for. Some of them only who
// has User.Read.All may see, and who may not, and asks, is refused everything.
func (c *Client) ofUser(ctx context.Context) string {
	const basic = "id,userPrincipalName,displayName,mail"
	token, err := c.token.Token(ctx, "")
	if err != nil || token != "" && !hasOne(rolesIn(token), readUsers[1:]) {
		return basic
	}
	return basic + ",userType,accountEnabled"
}

// search looks for those of the names that are unknown, by a filter with a hole
// for the name. It returns those whom it does not find either; found then says
// so, until somebody else does.
func (c *Client) search(ctx context.Context, names []string, unknown []int, filter, properties string, found []FoundUser) (still []int) {
	requests := make([]request, len(unknown))
	for at, i := range unknown {
		requests[at] = get("/users", "$filter", fmt.Sprintf(filter, quoted(names[i])), "$select", properties)
	}
	for at, a := range c.askAll(ctx, searching, requests) {
		i := unknown[at]
		var page struct{ Value []json.RawMessage }
		switch {
		case a.err != nil && a.err.Reason == teams.Consent && found[i].Err != nil:
			// An alias takes User.Read.All to be seen; without, there is none.
			still = append(still, i)
		case a.err != nil:
			found[i].Err = a.err
		case json.Unmarshal(a.body, &page) != nil:
			found[i].Err = unreadable("")
		case len(page.Value) == 0:
			found[i].Err = unknownUser(names[i], nil)
			still = append(still, i)
		case len(page.Value) > 1:
			found[i].Err = ambiguous(names[i], page.Value)
		default:
			found[i] = userIn(page.Value[0])
		}
	}
	return still
}

// userPath is the path of a user. Graph takes a name that begins with $ in the
// other form only, in which an apostrophe is written twice.
func userPath(name string) string {
	if strings.HasPrefix(name, "$") {
		return "/users('" + url.PathEscape(quoted(name)) + "')"
	}
	return "/users/" + url.PathEscape(name)
}

// entry is a user as Graph tells of one.
type entry struct {
	ID, UserPrincipalName, DisplayName, Mail, UserType string
	AccountEnabled                                     *bool
}

// maxName is how many runes of a name are kept: Entra's have 256 at most, of a
// principal name 113.
const maxName = 256

// user is it as the rest of the program knows people. People may choose what
// they are called, and it gets to cards, terminals and logs: on one line, and
// without what turns the direction of what stands beside it.
func (e entry) user() User {
	return User{
		ID: strings.ToLower(e.ID), UPN: teams.Printable(e.UserPrincipalName, maxName), DisplayName: teams.Printable(e.DisplayName, maxName),
		Mail: teams.Printable(e.Mail, maxName), Enabled: e.AccountEnabled,
		Guest: strings.EqualFold(e.UserType, "guest") || strings.Contains(strings.ToLower(e.UserPrincipalName), "#ext#"),
	}
}

func userIn(body []byte) FoundUser {
	var e entry
	if json.Unmarshal(body, &e) != nil || !isID(e.ID) {
		return FoundUser{Err: unreadable("")}
	}
	return FoundUser{User: e.user()}
}

// isID tells whether a text can be an id: it becomes a part of paths, in which
// everything is escaped but dots, and a name in the store and in logs.
func isID(text string) bool {
	return strings.Trim(text, ".") != "" && len(text) <= maxName && text == teams.Printable(text, maxName)
}

// unknownUser: nobody has this name. err is what Graph said; nil: an empty list.
func unknownUser(name string, err *Error) *Error {
	e := &Error{Outcome: teams.Outcome{Kind: teams.GiveUp, Reason: teams.UnknownUser, Status: http.StatusNotFound}}
	e.Message = fmt.Sprintf("Nobody in the tenant is called %q: neither by object id, nor by user principal name, nor by e-mail address. Compare it with the Entra admin center (Users); somebody of another organization has to be invited there as a guest first.", teams.Printable(name, 200))
	if err != nil {
		e.Code = err.Code
	}
	return e
}

// ambiguous: several people have this address.
func ambiguous(name string, people []json.RawMessage) *Error {
	var who []string
	for _, p := range people[:min(len(people), 3)] {
		who = append(who, teams.Printable(userIn(p).UPN, 100))
	}
	return &Error{Outcome: teams.Outcome{Kind: teams.GiveUp, Reason: teams.UnknownUser, Message: fmt.Sprintf(
		"%d people in the tenant have the e-mail address %q (%s). Write the user principal name or object id of the one who is meant.",
		len(people), teams.Printable(name, 200), strings.Join(who, ", "))}}
}

func disabled(u User) *Error {
	return &Error{Outcome: teams.Outcome{Kind: teams.GiveUp, Reason: teams.Disabled, Message: fmt.Sprintf(
		"The account of %s is disabled. Enable it in the Entra admin center (Users, the person, Edit properties, Settings), or name somebody else.", teams.Printable(u.DisplayName, 200))}}
}
