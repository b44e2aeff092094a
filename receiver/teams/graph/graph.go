// Package graph asks Microsoft Graph: who somebody is, whether they have the
// app, and to install it for them (teams-platform §5). It also reads who is in
// an Entra group or behind a tag of a team.
//
// Every call needs a permission of the application (Entra admin center, App
// registrations, API permissions; of the kind "Application", with an
// administrator's consent). The least that does:
//
//	Users                            User.ReadBasic.All; User.Read.All also tells disabled accounts
//	Install, Installations, Upgrade  TeamsAppInstallation.ReadWriteSelfForUser.All
//	Chat                             the same
//	Catalogue                        AppCatalog.Read.All; without it, configure the catalogue's id
//	GroupMembers                     GroupMember.Read.All, and User.ReadBasic.All
//	TagMembers                       TeamworkTag.Read.All
//
// "Self" works only if webApplicationInfo.id in the app's manifest is the Entra
// application that asks.
package graph

import (
	"context"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
)

// App is the Teams app that is installed for people.
type App struct {
	ManifestID string // the id in its manifest; "" if only CatalogID is known
	// CatalogID is what the organization's catalogue calls it; "": it is looked
	// up by ManifestID. An app of the Store has the same id in both.
	CatalogID string
}

// Client asks Graph about one tenant. It may be used by several goroutines, and
// there should be one for each application: its pace holds for all that use it.
type Client struct{}

// New makes a client, or tells what in cfg and app keeps it from working. It
// does not touch the network.
func New(cfg auth.Config, app App) (*Client, error) { return nil, errNotYet }

// Error says what came of a call that failed. Its text is for a human: what
// happened, where to click, and Graph's request id; never a secret.
type Error struct {
	// Outcome is Retry or GiveUp. Broken: it fails for everybody until an
	// administrator mends something (reasons Auth, Consent, NoCatalogue).
	teams.Outcome
	Code string // Graph's error code; "" without one
}

func (e *Error) Error() string { return e.Message }

var errNotYet = &Error{Outcome: teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Message: "Not built yet."}}

// User is somebody whom Entra knows.
type User struct {
	ID          string // Entra's object id, in lower case
	UPN         string // user principal name
	DisplayName string
	Mail        string // "" if they have none
	Guest       bool   // invited from another tenant
	// Enabled says whether the account may sign in; nil: Graph did not say,
	// which needs User.Read.All.
	Enabled *bool
}

// FoundUser is what came of looking for one name.
type FoundUser struct {
	User
	Err error // of type *Error
}

// Users finds people by object id, user principal name or e-mail address, one
// result for each name in the same order.
func (c *Client) Users(ctx context.Context, names []string) []FoundUser {
	return make([]FoundUser, len(names))
}

// Installed is what came of installing the app for one person.
type Installed struct {
	Already bool  // they have it already
	Err     error // of type *Error
}

// Install installs the app for people, by object id, one result for each in the
// same order. It is done when Graph has taken the order; the bot's chat with
// them may come some seconds later.
func (c *Client) Install(ctx context.Context, userIDs []string) []Installed {
	return make([]Installed, len(userIDs))
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
	return make([]Installation, len(userIDs))
}

// Chat returns the id of the chat that an installation made. It tells that the
// chat is there; messages go to the conversation that an event tells or
// create-conversation makes (design, small print).
func (c *Client) Chat(ctx context.Context, userID, installationID string) (string, error) {
	return "", errNotYet
}

// Upgrade brings somebody's installation to the catalogue's version.
func (c *Client) Upgrade(ctx context.Context, userID, installationID string) error { return errNotYet }

// CatalogueApp is the app as the catalogue has it.
type CatalogueApp struct {
	ID           string // the catalogue's id
	ManifestID   string
	Name         string
	Version      string // the newest that is published; "" if the catalogue does not say
	Distribution string // store, organization or sideloaded
}

// Catalogue looks the app up in the organization's catalogue.
func (c *Client) Catalogue(ctx context.Context) (CatalogueApp, error) {
	return CatalogueApp{}, errNotYet
}

// Newer tells whether one version of a manifest is newer than another.
func Newer(version, than string) bool { return false }

// GroupMembers returns the name of an Entra group and the people in it, also in
// groups within it.
func (c *Client) GroupMembers(ctx context.Context, groupID string) (name string, members []User, err error) {
	return "", nil, errNotYet
}

// TagMembers returns the name of a team's tag and the people that it is for.
func (c *Client) TagMembers(ctx context.Context, teamID, tagID string) (name string, members []User, err error) {
	return "", nil, errNotYet
}

// Roles returns the permissions in our token.
func (c *Client) Roles(ctx context.Context) ([]string, error) { return nil, errNotYet }
