package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

// examineCatalogue looks for the app where Graph installs it from.
func examineCatalogue(ctx context.Context, e *examination) {
	if e.microsoft.TeamsAppID == "" && e.microsoft.TeamsCatalogID == "" {
		e.lose(inCatalogue)
		e.say(Finding{
			Result: Failed, What: "Neither teams_app_id nor teams_catalog_id says which app it is.", Why: whyCatalogue,
			Do: "Make the app's package with teamsrelay app-package, write its id to teams_app_id, and upload it: " + e.manageApps("Actions", "Upload new app") + ".",
		})
		return
	}
	client, err := e.graphClient()
	var app graph.CatalogueApp
	if err == nil {
		app, err = client.Catalogue(ctx)
	}
	if err != nil {
		f := e.judgeGraph(err, whyCatalogue)
		if e.microsoft.TeamsCatalogID != "" && reasonOf(err) == teams.Consent {
			f = Finding{
				Result: OK, About: e.microsoft.TeamsCatalogID,
				What: "The configuration gives teams_catalog_id, and without AppCatalog.Read.All it cannot be compared with the catalogue. Installing shows whether it is right: --user NAME --install.",
			}
		} else {
			e.lose(inCatalogue)
		}
		e.say(f)
		return
	}
	e.catalogue = app
	for _, f := range e.judgeCatalogue(app) {
		if f.Result == Failed {
			e.lose(inCatalogue)
		}
		e.say(f)
	}
}

const whyCatalogue = "Only an app of the organization's catalogue (or of the Store) can be installed for people by Microsoft Graph."

// judgeCatalogue is what there is to say of the app in the catalogue.
func (e *examination) judgeCatalogue(app graph.CatalogueApp) []Finding {
	what := fmt.Sprintf("%q is in the catalogue", app.Name)
	if app.Version != "" {
		what += ", version " + app.Version
	}
	what += "."
	if e.microsoft.TeamsCatalogID == "" && app.ID != "" {
		what += fmt.Sprintf(" With teams_catalog_id: %s in the configuration AppCatalog.Read.All is not needed to install it.", app.ID)
	}
	found := []Finding{{About: app.ID, Result: OK, What: what}}
	if id := app.EntraID; id != "" && !strings.EqualFold(id, e.microsoft.AppID) {
		result := Warning
		if e.onlySelf {
			result = Failed
		}
		found = append(found, Finding{
			About: "webApplicationInfo", Result: result,
			What: fmt.Sprintf("The app's manifest belongs to the application %s, and app_id is %s.", id, e.microsoft.AppID),
			Why:  "A permission with \"Self\" in its name lets an application install only the app whose webApplicationInfo.id is its own. The app's bot is probably another one, too.",
			Do:   "Make the package anew with teamsrelay app-package, from this configuration, and upload it: " + e.manageApps(e.name(), "Upload file") + ".",
		})
	}
	if id := e.microsoft.TeamsAppID; id != "" && app.ManifestID != "" && !strings.EqualFold(id, app.ManifestID) {
		found = append(found, Finding{
			About: "teams_catalog_id", Result: Failed,
			What: fmt.Sprintf("teams_catalog_id leads to the app with the id %s, and teams_app_id is %s.", app.ManifestID, id),
			Why:  "People would get another app, and our bot could not talk to them.",
			Do:   "Remove teams_catalog_id, so that it is looked up, or correct the one that is wrong.",
		})
	}
	return found
}

// reasonOf is why Graph failed.
func reasonOf(err error) teams.Reason {
	var failed *graph.Error
	if errors.As(err, &failed) {
		return failed.Reason
	}
	return ""
}

// judgeGraph is what an error of package graph means, which is in words, and
// where to click.
func (e *examination) judgeGraph(err error, why string) Finding {
	f := Finding{Result: Failed, What: sentence(err.Error()), Why: why}
	switch reasonOf(err) {
	case teams.Auth:
		f.Do = e.registration("Certificates & secrets") + ": see the sign-in above."
	case teams.Consent:
		f.Do = e.registration("API permissions") + ": the permissions that are missing above, of the kind Application; then Grant admin consent."
	case teams.NoCatalogue:
		f.Do = "Upload the package that teamsrelay app-package makes: " + e.manageApps("Actions", "Upload new app") + ". Then compare the app's ID there with teams_app_id. A new app is known to Microsoft Graph after some minutes."
	case teams.Policy:
		f.Do = e.manageApps(e.name()) + ": status Allowed, and Users and groups (Available to) must have the person. Also " + path(e.where.teams, "Users", "Manage users", "the person", "Policies", "App permission policy") + "."
	case teams.UnknownUser:
		f.Do = path(e.where.entra, "Users", "All users") + ": look for the person and copy User principal name or Object ID."
	case teams.Disabled:
		f.Do = path(e.where.entra, "Users", "All users", "the person", "Edit properties", "Settings", "Account enabled") + ", or name somebody else in the configuration."
	case teams.NoTeams:
		f.Do = path("Microsoft 365 admin center (admin.microsoft.com)", "Users", "Active users", "the person", "Licenses and apps") + ": Microsoft Teams. Then let them open Teams once."
	case teams.Foreign:
		f.Do = "Name them by an account of this tenant, or tell them through a channel that they are in."
	case teams.Throttled, teams.Unavailable, teams.Timeout, teams.Network, teams.TLS, teams.Interrupted, teams.Service:
		f.Do = "Try again later; see Network above, and status.cloud.microsoft for what Microsoft knows of it."
	default:
		f.Do = "Look for the request id in what Microsoft says, and compare app, tenant and permissions: " + e.registration("Overview") + "."
	}
	return f
}
