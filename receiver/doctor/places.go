package doctor

import "strings"

// places are the portals of a cloud, as they stand in sentences.
type places struct {
	entra, azure, teams string
}

// placesOf are the portals of one of auth.Clouds. China has portals of its own,
// whose addresses nobody here has seen.
func placesOf(cloud string) places {
	named := func(entra, azure, teams string) places {
		return places{
			entra: "Entra admin center (" + entra + ")", azure: "Azure portal (" + azure + ")", teams: "Teams admin center (" + teams + ")",
		}
	}
	switch cloud {
	case "gcchigh":
		return named("entra.microsoft.us", "portal.azure.us", "admin.gov.teams.microsoft.us")
	case "dod":
		return named("entra.microsoft.us", "portal.azure.us", "admin.dod.teams.microsoft.us")
	case "china":
		return places{entra: "Entra admin center", azure: "Azure portal", teams: "Teams admin center"}
	}
	return named("entra.microsoft.com", "portal.azure.com", "admin.teams.microsoft.com")
}

// path is a way through menus: one name after the other.
func path(steps ...string) string { return strings.Join(steps, " > ") }

// registration is a page of the application in Entra. The list of applications
// can be searched by id.
func (e *examination) registration(page ...string) string {
	return path(append([]string{e.where.entra, "App registrations", "All applications", e.microsoft.AppID}, page...)...)
}

// manageApps is where an administrator finds the app.
func (e *examination) manageApps(page ...string) string {
	return path(append([]string{e.where.teams, "Teams apps", "Manage apps"}, page...)...)
}

// name is what the app is called in Teams.
func (e *examination) name() string {
	if e.microsoft.AppName == "" {
		return "teamsrelay"
	}
	return e.microsoft.AppName
}
