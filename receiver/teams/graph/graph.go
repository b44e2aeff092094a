// Package graph asks Microsoft Graph: who somebody is, and to install the app
// for them (teams-platform §5).
package graph
