package workflow

import (
	"net/url"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// workflowHosts are the domains of Workflows webhooks: the old form, the
// current one, and an API Management front (teams-platform §1.2). Whether
// there are more cannot be known, so a host outside is only a warning.
var workflowHosts = []string{
	"logic.azure.com",
	"environment.api.powerplatform.com",
	"azure-api.net",
}

// AddressID names the webhook behind a URL without giving it away. Two
// destinations with the same webhook have the same address.
func AddressID(rawURL string) string { return "workflow:" + teams.URLHash(rawURL) }

func hostOf(u *url.URL) string {
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
}

func isWorkflowHost(host string) bool {
	for _, domain := range workflowHosts {
		if isUnder(host, domain) {
			return true
		}
	}
	return false
}

// isUnder tells whether host is a name below domain. The dot matters:
// evil-logic.azure.com is somebody else's.
func isUnder(host, domain string) bool { return strings.HasSuffix(host, "."+domain) }

// isConnector recognises the webhooks that Microsoft switched off in May 2026
// (teams-platform §1.1).
func isConnector(u *url.URL) bool {
	host := hostOf(u)
	return isUnder(host, "webhook.office.com") ||
		host == "outlook.office.com" && strings.HasPrefix(u.Path, "/webhook")
}
