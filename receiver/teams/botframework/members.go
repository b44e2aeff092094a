package botframework

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// Member is somebody in a conversation.
type Member struct {
	ID       string `json:"id"` // "29:…"
	ObjectID string `json:"aadObjectId"`
	Name     string `json:"name"`
	UPN      string `json:"userPrincipalName"`
	Email    string `json:"email"`
	TenantID string `json:"tenantId"`
}

const (
	// pageSize is how many members are asked for at a time; 500 is the most
	// that Teams gives.
	pageSize = 500
	// maxMembers is how many are read: a team has at most 25,000.
	maxMembers = 25_000
)

// ErrNotMember says that somebody is not in a conversation.
var ErrNotMember = errors.New("not a member of this conversation")

// Member asks for one member of a conversation by "29:…" or Entra object id.
// ErrNotMember: there is no such one. Other errors are of type *Error.
func (c *Client) Member(ctx context.Context, p Place, id string) (Member, error) {
	p = c.whole(p)
	bare, _ := Thread(p.Conversation)
	v := c.do(ctx, &p, request{method: http.MethodGet, path: conversationPath(bare, "members", id), limit: maxAnswer, reads: true, repeatable: true})
	switch {
	case v.Status == http.StatusNotFound && v.code != conversationNotFound:
		return Member{}, ErrNotMember
	case v.Kind != teams.Delivered:
		return Member{}, &Error{v.Outcome}
	}
	var m Member
	if err := json.Unmarshal(v.body, &m); err != nil || m.ID == "" && m.ObjectID == "" {
		return Member{}, &Error{unreadable(v)}
	}
	return m, nil
}

// Members asks for all members of a conversation, page by page. Its errors are
// of type *Error.
func (c *Client) Members(ctx context.Context, p Place) ([]Member, error) {
	p = c.whole(p)
	bare, _ := Thread(p.Conversation)
	var all []Member
	for token := ""; ; {
		query := url.Values{"pageSize": {strconv.Itoa(pageSize)}}
		if token != "" {
			query.Set("continuationToken", token)
		}
		v := c.do(ctx, &p, request{method: http.MethodGet, path: conversationPath(bare, "pagedmembers") + "?" + query.Encode(), limit: maxPage, reads: true, repeatable: true})
		if v.Kind != teams.Delivered {
			return nil, &Error{v.Outcome}
		}
		var page struct {
			Members           []Member `json:"members"`
			ContinuationToken string   `json:"continuationToken"`
		}
		if err := json.Unmarshal(v.body, &page); err != nil {
			return nil, &Error{unreadable(v)}
		}
		all = append(all, page.Members...)
		if page.ContinuationToken == "" || page.ContinuationToken == token || len(page.Members) == 0 || len(all) >= maxMembers {
			return all, nil
		}
		token = page.ContinuationToken
	}
}

func unreadable(v verdict) teams.Outcome {
	return teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: v.Status, Message: "Teams' answer about the members cannot be read. It is asked again."}
}

// Open makes the personal conversation with p.User, or finds the one that there
// is, and returns where it is. Its errors are of type *Error.
func (c *Client) Open(ctx context.Context, p Place) (Place, error) {
	p = c.whole(p)
	if o := c.open(ctx, &p); o.Kind != teams.Delivered {
		return Place{}, &Error{o}
	}
	return p, nil
}
