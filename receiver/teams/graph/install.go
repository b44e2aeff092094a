package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// Installed is what came of installing the app for one person.
type Installed struct {
	Already bool  // they have it already
	Err     error // of type *Error
}

// Install installs the app for people, by object id, one result for each in the
// same order. It is done when Graph has taken the order; the bot's chat with
// them may come some seconds later.
func (c *Client) Install(ctx context.Context, userIDs []string) []Installed {
	done := make([]Installed, len(userIDs))
	app, failed := c.catalogueID(ctx)
	if failed != nil {
		for i := range done {
			done[i].Err = failed
		}
		return done
	}
	body := map[string]string{"teamsApp@odata.bind": c.base + "/appCatalogs/teamsApps/" + url.PathEscape(app)}
	requests := make([]request, len(userIDs))
	for i, id := range userIDs {
		requests[i] = request{method: http.MethodPost, path: installsOf(id), body: body}
	}
	var missing []int
	for i, a := range c.askAll(ctx, installing, requests) {
		switch {
		case a.err == nil:
		case a.status == http.StatusConflict:
			done[i].Already = true
		case a.err.Reason == teams.NotFound:
			missing = append(missing, i)
			done[i].Err = a.err
		default:
			if a.err.Reason == teams.NoCatalogue {
				c.forget(ctx, app)
			}
			done[i].Err = a.err
		}
	}
	c.explain(ctx, userIDs, missing, func(i int, err *Error) { done[i].Err = err })
	return done
}

// explain says why Graph knows nothing of people (404): in one word it says that
// of who does not exist and of who has no Teams.
func (c *Client) explain(ctx context.Context, userIDs []string, missing []int, tell func(i int, err *Error)) {
	if len(missing) == 0 {
		return
	}
	names := make([]string, len(missing))
	for at, i := range missing {
		names[at] = userIDs[i]
	}
	for at, found := range c.Users(ctx, names) {
		var err *Error
		switch {
		case found.Err == nil:
			tell(missing[at], noTeams(found.User))
		case errors.As(found.Err, &err) && err.Reason == teams.Consent:
			// We may not look, so it is what it most often is.
			tell(missing[at], noTeams(User{ID: names[at]}))
		default:
			tell(missing[at], err)
		}
	}
}

// noTeams: Entra knows them, and Teams does not.
func noTeams(u User) *Error {
	who := u.DisplayName
	if who == "" {
		who = u.ID
	}
	return &Error{Outcome: teams.Outcome{Kind: teams.GiveUp, Reason: teams.NoTeams, Status: http.StatusNotFound, Message: fmt.Sprintf(
		"%s has no Teams, or has never opened it. Ask them to sign in to Teams once; see in the Microsoft 365 admin center (Users, Active users) whether they have a licence for Teams and may sign in.", teams.Printable(who, 200))}}
}

// Installation is the app as somebody has it.
type Installation struct {
	ID      string // "": they do not have it
	Version string // of the app's manifest; "" if Graph did not say
	Err     error  // of type *Error
}

// Installations tells who has the app, by object id, one result for each in the
// same order.
func (c *Client) Installations(ctx context.Context, userIDs []string) []Installation {
	found := make([]Installation, len(userIDs))
	app, failed := c.catalogueID(ctx)
	if failed != nil {
		for i := range found {
			found[i].Err = failed
		}
		return found
	}
	requests := make([]request, len(userIDs))
	for i, id := range userIDs {
		requests[i] = get(installsOf(id), "$expand", "teamsApp,teamsAppDefinition", "$filter", "teamsApp/id eq '"+quoted(app)+"'")
	}
	var missing []int
	for i, a := range c.askAll(ctx, listing, requests) {
		var page struct {
			Value []struct {
				ID                 string
				TeamsAppDefinition struct{ Version string }
			}
		}
		switch {
		case a.err != nil && a.err.Reason == teams.NotFound:
			missing = append(missing, i)
			found[i].Err = a.err
		case a.err != nil:
			found[i].Err = a.err
		case json.Unmarshal(a.body, &page) != nil || page.Value == nil:
			found[i].Err = unreadable("")
		case len(page.Value) > 0 && page.Value[0].ID == "":
			found[i].Err = unreadable("")
		case len(page.Value) > 0:
			found[i].ID, found[i].Version = page.Value[0].ID, page.Value[0].TeamsAppDefinition.Version
		}
	}
	c.explain(ctx, userIDs, missing, func(i int, err *Error) { found[i].Err = err })
	return found
}

// Chat returns the id of the chat that an installation made. It tells that the
// chat is there; messages go to the conversation that an event tells or
// create-conversation makes (design, small print). While there is none yet, the
// error has reason Installing.
func (c *Client) Chat(ctx context.Context, userID, installationID string) (string, error) {
	path := installsOf(userID) + "/" + url.PathEscape(installationID) + "/chat"
	r := get(path)
	r.resource = resource{"chat " + path, ofChat}
	a := c.ask(ctx, chatting, r)
	var chat struct{ ID string }
	switch {
	case a.err != nil && a.err.Reason == teams.NotFound:
		a.err.Kind, a.err.Reason = teams.Retry, teams.Installing
		a.err.Message = "The app was installed, and its chat is not there yet. It is asked for again." + after(a.err.Message)
		return "", a.err
	case a.err != nil:
		return "", a.err
	case json.Unmarshal(a.body, &chat) != nil || chat.ID == "":
		return "", unreadable("")
	}
	return chat.ID, nil
}

// after is what Graph says at the end of a message.
func after(message string) string {
	if at := strings.Index(message, " Graph says: "); at >= 0 {
		return message[at:]
	}
	return ""
}

// Upgrade brings somebody's installation to the catalogue's version.
func (c *Client) Upgrade(ctx context.Context, userID, installationID string) error {
	a := c.ask(ctx, upgrading, request{method: http.MethodPost, path: installsOf(userID) + "/" + url.PathEscape(installationID) + "/upgrade"})
	switch {
	case a.err == nil:
		return nil
	case a.err.Reason == teams.NotFound:
		a.err.Reason = teams.NotInstalled
		a.err.Message = "The app is not installed for this person any more." + after(a.err.Message)
	}
	return a.err
}

// installsOf is the path of somebody's installed apps.
func installsOf(userID string) string {
	return "/users/" + url.PathEscape(userID) + "/teamwork/installedApps"
}
