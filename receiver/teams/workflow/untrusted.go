package workflow

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// maxUntrusted is how long a URL may be that somebody hands us, in bytes. The
// longest of Microsoft's have 500.
const maxUntrusted = 4 << 10

// checkUntrusted is what a URL must be beside being one of a webhook, when it
// does not come from our own file.
func checkUntrusted(raw string, allowed []string) []Problem {
	bad := func(what, hint string) []Problem {
		return []Problem{{Field: "url", What: what, Hint: hint}}
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil || len(raw) > maxUntrusted:
		return bad("this is not the URL of a webhook", "copy the whole webhook URL from Teams again, from https:// to the end")
	case u.User != nil:
		return bad("the URL has a user or a password in front of its host", "copy the whole webhook URL from Teams again; Microsoft's have neither")
	case isAllowed(u, allowed):
		return nil
	case slices.Contains(allowed, hostOf(u)):
		return bad(fmt.Sprintf("%.253q is allowed at port 443 only", hostOf(u)),
			"write the host with its port, "+net.JoinHostPort(hostOf(u), portOf(u))+", in runtime_destinations.allowed_hosts of the configuration, and reload")
	case u.Scheme != "https":
		return bad("only https is taken", "copy the whole webhook URL from Teams again, from https:// to the end")
	case !isWorkflowHost(hostOf(u)) || portOf(u) != "443" || strings.ContainsFunc(hostOf(u), func(r rune) bool { return r > '~' }):
		return bad(fmt.Sprintf("%.253q is not a host of Microsoft's webhooks", hostOf(u)),
			"check the URL for a typing mistake; a host of your own must stand in runtime_destinations.allowed_hosts of the configuration")
	}
	return nil
}

// isAllowed says whether the file names the host of a URL.
func isAllowed(u *url.URL, allowed []string) bool {
	host, port := hostOf(u), portOf(u)
	return slices.Contains(allowed, net.JoinHostPort(host, port)) || port == "443" && slices.Contains(allowed, host)
}

// portOf is the port of a URL, also when it does not say.
func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}
