package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// maxMembers is how many members a group or tag may have. Graph
	// takes 30 installations a second, so with more than that the last of them
	// would hear of an alert minutes after the first.
	maxMembers = 5000
	// maxPages ends a list that never does: pages have hundreds of entries.
	maxPages = 200
	// pageSize is how many entries a page has at most: what Graph takes.
	pageSize = "999"
)

// GroupMembers returns the name of an Entra group and the people in it, also in
// groups within it. Devices and the like are left out.
func (c *Client) GroupMembers(ctx context.Context, groupID string) (name string, members []User, err error) {
	at := "/groups/" + url.PathEscape(groupID)
	name, failed := c.name(ctx, grouping, get(at, "$select", "id,displayName"), fmt.Sprintf(
		"There is no group with the id %q in the tenant. Copy the Object ID from the Entra admin center (Groups, the group).", teams.Printable(groupID, 100)))
	if failed != nil {
		return "", nil, failed
	}
	// Without the cast to users: with it Graph calls this an advanced query,
	// whose answers may be old.
	first := get(at+"/transitiveMembers", "$select", c.ofUser(ctx), "$top", pageSize)
	failed = c.pages(ctx, grouping, first, fmt.Sprintf("The group %q", name), func(raw json.RawMessage) bool {
		var m struct {
			entry
			Type string `json:"@odata.type"`
		}
		if json.Unmarshal(raw, &m) != nil || !isID(m.ID) {
			return false
		}
		if m.Type == "" || strings.EqualFold(m.Type, "#microsoft.graph.user") {
			members = append(members, m.user())
		}
		return true
	})
	if failed != nil {
		return "", nil, failed
	}
	return name, members, nil
}

// TagMembers returns the name of a team's tag and the people that it is for,
// with object ids and names for display. teamID is the id of the Entra group
// behind the team.
func (c *Client) TagMembers(ctx context.Context, teamID, tagID string) (name string, members []User, err error) {
	at := "/teams/" + url.PathEscape(teamID) + "/tags/" + url.PathEscape(tagID)
	team := resource{"team " + teamID, ofTeam}
	whose := get(at)
	whose.resource = team
	name, failed := c.name(ctx, tagging, whose, fmt.Sprintf(
		"There is no tag with the id %q in the team %q. Compare team_id and tag_id; Graph Explorer lists the tags of a team at /teams/TEAM_ID/tags.", teams.Printable(tagID, 100), teams.Printable(teamID, 100)))
	if failed != nil {
		return "", nil, failed
	}
	first := get(at + "/members")
	first.resource = team
	failed = c.pages(ctx, tagging, first, fmt.Sprintf("The tag %q", name), func(raw json.RawMessage) bool {
		var m struct{ UserID, DisplayName string }
		if json.Unmarshal(raw, &m) != nil || !isID(m.UserID) {
			return false
		}
		members = append(members, User{ID: strings.ToLower(m.UserID), DisplayName: teams.Printable(m.DisplayName, maxName)})
		return true
	})
	if failed != nil {
		return "", nil, failed
	}
	return name, members, nil
}

// name is the displayName of what a request asks for; missing are the words if
// it is not there.
func (c *Client) name(ctx context.Context, k kind, r request, missing string) (string, *Error) {
	a := c.ask(ctx, k, r)
	var thing struct{ ID, DisplayName string }
	switch {
	case a.err != nil && (a.err.Reason == teams.NotFound || a.err.Reason == teams.Rejected):
		a.err.Reason = teams.NotFound
		a.err.Message = missing + after(a.err.Message)
		return "", a.err
	case a.err != nil:
		return "", a.err
	case json.Unmarshal(a.body, &thing) != nil || thing.ID == "":
		return "", unreadable("")
	}
	return teams.Printable(thing.DisplayName, 200), nil
}

// pages reads a list to its end and hands over each entry; false: it is none.
// of says whose list it is, as the beginning of a sentence.
func (c *Client) pages(ctx context.Context, k kind, first request, of string, take func(json.RawMessage) bool) *Error {
	entries := 0
	r := first
	for range maxPages {
		a := c.ask(ctx, k, r)
		if a.err != nil {
			return a.err
		}
		page, ok := pageIn(a.body)
		if !ok {
			return unreadable("")
		}
		if entries += len(page.entries); entries > maxMembers {
			return tooMany(of)
		}
		for _, raw := range page.entries {
			if !take(raw) {
				return unreadable("")
			}
		}
		if page.next == "" {
			return nil
		}
		next, ours := c.next(page.next)
		if !ours {
			return elsewhere(page.next)
		}
		next.resource = first.resource
		r = next
	}
	return tooMany(of)
}

// page is a part of a list.
type page struct {
	entries []json.RawMessage
	next    string // the link to the next one; "": this is the last
}

// pageIn reads one; false: it is none.
func pageIn(body []byte) (page, bool) {
	var p struct {
		Value []json.RawMessage
		Next  string `json:"@odata.nextLink"`
	}
	if json.Unmarshal(body, &p) != nil || p.Value == nil {
		return page{}, false
	}
	return page{p.Value, p.Next}, true
}

// tooMany: it is a mistake to tell so many people personally.
func tooMany(of string) *Error {
	return &Error{Outcome: teams.Outcome{Kind: teams.GiveUp, Reason: teams.Rejected, Message: fmt.Sprintf(
		"%s has more than %d members, too many to be told personally. Name a smaller one, or tell them in a channel.", of, maxMembers)}}
}

// elsewhere: our token goes to Graph only.
func elsewhere(link string) *Error {
	host := "no host"
	if u, err := url.Parse(link); err == nil && u.Host != "" {
		host = teams.Printable(u.Host, 253)
	}
	return &Error{Outcome: teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Message: fmt.Sprintf(
		"Microsoft Graph continues a list at another place (%s), where our token must not go. Check endpoints.graph and cloud.", host)}}
}
