package teamstest

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// App is a Teams app in the organization's catalogue.
type App struct {
	CatalogID  string // what the catalogue calls it
	ManifestID string // the id in its manifest; "": as CatalogID, as for apps of the Store
	Name       string
	Version    string // published
	// Submitted is a version that waits for an administrator's approval; "":
	// none does. Nobody gets it.
	Submitted string
	// Distribution is "organization" (""), "store" or "sideloaded". A
	// sideloaded app cannot be installed through Graph.
	Distribution string
	// EntraID is webApplicationInfo.id in the manifest: who may install the app
	// by a permission with "Self" in its name; "": the bot's application.
	EntraID string
}

// DefaultApp is in the catalogue when GraphOptions does not say: the bot's app.
var DefaultApp = App{
	CatalogID: "c0ffee00-1111-4222-8333-444455556666", ManifestID: "f1a9c0de-7777-4888-9999-aaaabbbbcccc",
	Name: "teamsrelay", Version: "1.0.0",
}

func (a App) distribution() string { return cmp.Or(a.Distribution, "organization") }

// Publish puts an app into the catalogue, in the place of the one that has its
// id there.
func (s *Server) Publish(app App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	apps := slices.DeleteFunc(s.graph.Apps, func(a App) bool { return strings.EqualFold(a.CatalogID, app.CatalogID) })
	s.graph.Apps = append([]App{app}, apps...)
}

// Unpublish empties the catalogue.
func (s *Server) Unpublish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.graph.Apps = nil
}

// app is the bot's app: the first of the catalogue. It needs the lock.
func (s *Server) app() (App, bool) {
	if len(s.graph.Apps) == 0 {
		return App{}, false
	}
	return s.graph.Apps[0], true
}

func (g *graph) appByID(id string) (App, bool) {
	for _, a := range g.Apps {
		if strings.EqualFold(a.CatalogID, id) {
			return a, true
		}
	}
	return App{}, false
}

// tell is the app as Graph tells of it. An app of the Store has one id, and no
// external one.
func (a App) tell() properties {
	p := properties{"id": a.CatalogID, "externalId": a.ManifestID, "displayName": a.Name, "distributionMethod": a.distribution()}
	if a.distribution() == "store" {
		p["externalId"] = nil
	}
	return p
}

// definition is one version of it.
func (a App) definition(version, state string) properties {
	p := properties{
		"id":         base64.StdEncoding.EncodeToString([]byte(a.CatalogID + "##" + version)),
		"teamsAppId": a.CatalogID, "displayName": a.Name, "version": version, "publishingState": state,
		"shortDescription": "Alerts", "description": "Carries alerts to Teams.",
		"lastModifiedDateTime": "2026-01-02T03:04:05Z",
	}
	if a.EntraID != "" {
		p["authorization"] = properties{"clientAppId": a.EntraID}
	}
	return p
}

func (a App) definitions() []properties {
	all := []properties{a.definition(a.Version, "published")}
	if a.Submitted != "" {
		all = append(all, a.definition(a.Submitted, "submitted"))
	}
	return all
}

// values are what filters compare.
func (a App) values(property string) []string {
	switch property {
	case "id":
		return []string{a.CatalogID}
	case "externalId":
		if a.distribution() != "store" {
			return []string{a.ManifestID}
		}
	case "displayName":
		return []string{a.Name}
	case "distributionMethod":
		return []string{a.distribution()}
	}
	return nil
}

func (s *Server) listApps(c *call) graphAnswer {
	f, refused, ok := c.filter("id", "externalId", "displayName", "distributionMethod")
	if !ok {
		return refused
	}
	found := []properties{}
	for _, a := range s.graph.Apps {
		if f.holds(a.values) {
			found = append(found, c.tellApp(s.whole(a)))
		}
	}
	return c.page(s, "appCatalogs/teamsApps", found)
}

// whole is an app with what its manifest says when App does not. It needs the
// lock.
func (s *Server) whole(a App) App {
	a.EntraID = cmp.Or(a.EntraID, s.bot.AppID)
	return a
}

func (c *call) tellApp(a App) properties {
	p := c.selected(a.tell())
	if c.expands("appDefinitions") {
		p["appDefinitions"] = a.definitions()
	}
	return p
}

func (s *Server) readApp(c *call) graphAnswer {
	a, there := s.graph.appByID(c.params[0])
	if !there {
		return c.fail(http.StatusNotFound, "NotFound", fmt.Sprintf("No app found with id '%s' in the catalog.", c.params[0]))
	}
	body := c.tellApp(s.whole(a))
	body["@odata.context"] = c.context("appCatalogs/teamsApps/$entity")
	return graphAnswer{status: http.StatusOK, body: body}
}

// installID is the id of somebody's installation: opaque, and with characters
// that a path must escape.
func installID(u User, app App) string {
	return base64.StdEncoding.EncodeToString([]byte(u.ObjectID + "##" + app.CatalogID))
}

// graphChat is the id by which Graph knows the bot's chat with a user.
func (b *bot) graphChat(u User) string { return "19:" + u.ObjectID + "_" + b.AppID + "@unq.gbl.spaces" }

// teamsUser is the person whom the path names, with what keeps Teams from
// doing anything for them.
func (s *Server) teamsUser(c *call) (User, *person, graphAnswer, bool) {
	u, p, refused, ok := s.directoryUser(c, c.params[0])
	if !ok {
		return u, p, refused, false
	}
	if p.NoTeams || p.Disabled {
		return u, p, c.fail(http.StatusNotFound, "NotFound", "Not Found"), false
	}
	return u, p, graphAnswer{}, true
}

// installed is the app that somebody has; false: none, or it has left the
// catalogue. It needs the lock.
func (s *Server) installed(u User, p *person) (App, bool) {
	app, there := s.app()
	return app, there && p.version != ""
}

func (c *call) tellInstall(u User, p *person, app App) properties {
	entry := properties{"id": installID(u, app)}
	if c.expands("teamsApp") {
		entry["teamsApp"] = app.tell()
	}
	if c.expands("teamsAppDefinition") {
		entry["teamsAppDefinition"] = app.definition(p.version, "published")
	}
	return entry
}

func (s *Server) listInstalls(c *call) graphAnswer {
	u, p, refused, ok := s.teamsUser(c)
	if !ok {
		return refused
	}
	f, refused, ok := c.filter("teamsApp/id", "teamsApp/externalId", "teamsApp/distributionMethod", "teamsApp/displayName")
	if !ok {
		return refused
	}
	found := []properties{}
	has := []App{}
	if app, there := s.installed(u, p); there {
		// Who may only look after itself does not see others: they are left out,
		// without a word.
		if _, may := s.mayManage(c, app); may {
			has = append(has, app)
		}
	}
	if c.has("TeamsAppInstallation.ReadForUser.All", "TeamsAppInstallation.ReadWriteForUser.All") {
		has = append(has, otherApp)
	}
	for _, app := range has {
		if f.holds(func(property string) []string { return app.values(strings.TrimPrefix(property, "teamsApp/")) }) {
			entry := *p
			if app == otherApp {
				entry.version = otherApp.Version
			}
			found = append(found, c.tellInstall(u, &entry, app))
		}
	}
	return c.page(s, fmt.Sprintf("users('%s')/teamwork/installedApps", u.ObjectID), found)
}

// otherApp is one that everybody has.
var otherApp = App{
	CatalogID: "14d6962d-6eeb-4f48-8890-de55454bb136", ManifestID: "14d6962d-6eeb-4f48-8890-de55454bb136",
	Name: "Activity", Version: "1.0", Distribution: "store",
}

// ownInstall is the installation that the path names.
func (s *Server) ownInstall(c *call) (User, *person, App, graphAnswer, bool) {
	u, p, refused, ok := s.teamsUser(c)
	if !ok {
		return u, p, App{}, refused, false
	}
	app, there := s.installed(u, p)
	if !there || c.params[1] != installID(u, app) {
		return u, p, app, c.fail(http.StatusNotFound, "NotFound", fmt.Sprintf("No installed app was found with id '%s'.", c.params[1])), false
	}
	if refused, ok := s.mayManage(c, app); !ok {
		return u, p, app, refused, false
	}
	return u, p, app, graphAnswer{}, true
}

// mayManage refuses who may only look after itself, and is not the app.
func (s *Server) mayManage(c *call, app App) (graphAnswer, bool) {
	entra := s.whole(app).EntraID
	others := slices.DeleteFunc(slices.Clone(c.route.roles), func(role string) bool { return strings.Contains(role, "Self") })
	if strings.EqualFold(entra, s.bot.AppID) || c.has(others...) {
		return graphAnswer{}, true
	}
	return c.fail(http.StatusForbidden, "Forbidden", fmt.Sprintf("AAD App Id '%s' is not allowed to manage the Teams App '%s'.", s.bot.AppID, app.CatalogID)), false
}

func (s *Server) readInstall(c *call) graphAnswer {
	u, p, app, refused, ok := s.ownInstall(c)
	if !ok {
		return refused
	}
	body := c.tellInstall(u, p, app)
	body["@odata.context"] = c.context(fmt.Sprintf("users('%s')/teamwork/installedApps/$entity", u.ObjectID))
	return graphAnswer{status: http.StatusOK, body: body}
}

// orderInstall takes the order to install an app. What follows from it is in
// Situation.
func (s *Server) orderInstall(c *call) graphAnswer {
	u, p, refused, ok := s.teamsUser(c)
	if !ok {
		return refused
	}
	var order struct {
		App string `json:"teamsApp@odata.bind"`
	}
	if answer, ok := c.decode(&order); !ok {
		return answer
	}
	id, ok := strings.CutPrefix(order.App, c.base+graphVersion+"/appCatalogs/teamsApps/")
	if !ok {
		id, ok = strings.CutPrefix(order.App, "https://graph.microsoft.com/v1.0/appCatalogs/teamsApps/")
	}
	if !ok || id == "" {
		return c.fail(http.StatusBadRequest, "BadRequest", "Invalid value for 'teamsApp@odata.bind'.")
	}
	app, there := s.graph.appByID(id)
	switch refused, may := s.mayManage(c, app); {
	case !there:
		return c.fail(http.StatusNotFound, "NotFound", fmt.Sprintf("App with id '%s' was not found in the catalog.", id))
	case app.distribution() == "sideloaded":
		return c.fail(http.StatusForbidden, "Forbidden", "Only apps of the organization's catalog or the Store can be installed.")
	case !may:
		return refused
	case p.version != "":
		return c.fail(http.StatusConflict, "Conflict", fmt.Sprintf("AppEntitlement id: '%s' already exists.", app.CatalogID))
	case p.Policy:
		return c.blockedByPolicy(s.bot.Tenant, u, app)
	case p.Foreign:
		return c.fail(http.StatusForbidden, "Forbidden", "The user is a guest and belongs to another tenant.")
	case p.Flaky > 0:
		p.Flaky--
		return c.fail(http.StatusBadRequest, "BadRequest", "Bad Request")
	}
	s.arrive(u, p, app)
	return graphAnswer{status: http.StatusCreated}
}

// blockedByPolicy is what Graph says of somebody whose policy keeps an app from
// them (company-communicator issues #479 and #1537).
func (c *call) blockedByPolicy(tenant string, u User, app App) graphAnswer {
	message := fmt.Sprintf("App is blocked by app permission policy. TenantId: %s, UserObjectId: %s, AppId: %s, AppType: Private", tenant, u.ObjectID, app.CatalogID)
	answer := c.fail(http.StatusForbidden, "Forbidden", message)
	inner := answer.body.(map[string]any)["error"].(map[string]any)["innerError"].(map[string]any)
	inner["code"], inner["message"] = "AccessDenied", message
	return answer
}

func (s *Server) upgrade(c *call) graphAnswer {
	u, p, app, refused, ok := s.ownInstall(c)
	if !ok {
		return refused
	}
	p.version = app.Version
	s.tellUpgrade(u)
	return graphAnswer{status: http.StatusNoContent}
}

func (s *Server) removeInstall(c *call) graphAnswer {
	u, p, _, refused, ok := s.ownInstall(c)
	if !ok {
		return refused
	}
	s.takeAway(u, p)
	return graphAnswer{status: http.StatusNoContent}
}

func (s *Server) installChat(c *call) graphAnswer {
	u, _, _, refused, ok := s.ownInstall(c)
	if !ok {
		return refused
	}
	if !s.bot.chats[u.ID].installed {
		return c.fail(http.StatusNotFound, "NotFound", "The chat of the installation was not found.")
	}
	return s.tellChat(c, u)
}

func (s *Server) readChat(c *call) graphAnswer {
	for _, u := range s.bot.users {
		if s.bot.graphChat(u) == c.params[0] && s.bot.chats[u.ID].begun {
			return s.tellChat(c, u)
		}
	}
	return c.fail(http.StatusNotFound, "NotFound", "No chat was found with this id.")
}

func (s *Server) tellChat(c *call, u User) graphAnswer {
	body := c.selected(properties{
		"id": s.bot.graphChat(u), "topic": nil, "createdDateTime": "2026-01-02T03:04:05Z", "lastUpdatedDateTime": "2026-01-02T03:04:05Z",
		"chatType": "oneOnOne", "tenantId": s.bot.Tenant,
	})
	body["@odata.context"] = c.context("chats/$entity")
	return graphAnswer{status: http.StatusOK, body: body}
}

func (s *Server) chatInstalls(c *call) graphAnswer {
	for _, u := range s.bot.users {
		if s.bot.graphChat(u) != c.params[0] || !s.bot.chats[u.ID].begun {
			continue
		}
		found := []properties{}
		p := s.bot.person(u)
		if app, there := s.installed(u, p); there {
			found = append(found, c.tellInstall(u, p, app))
		}
		return c.page(s, "chats('"+c.params[0]+"')/installedApps", found)
	}
	return c.fail(http.StatusNotFound, "NotFound", "No chat was found with this id.")
}
