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
