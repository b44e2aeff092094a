package deliver

import (
	"fmt"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// deadLetter is what the list of dead letters says: which alert, where to,
// why, and what to do. Where the sender has said what to do, that stands.
func deadLetter(title, destination string, reason teams.Reason, why string) string {
	if title == "" {
		title = "an alert"
	}
	text := fmt.Sprintf("%q was not told to %s (%s)", title, destination, reason)
	if why != "" {
		text += ": " + strings.TrimRight(why, ". ")
	}
	text += "."
	if !strings.Contains(why, "replay") { // the last step of all advice
		text += " " + advice(reason)
	}
	return text
}

// advice is what an operator can do about a reason.
func advice(reason teams.Reason) string {
	switch reason {
	case teams.Payload, teams.TooLarge:
		return "Teams refused the minimal card too: check with send-test whether the destination takes any card, mend the flow or the template, then replay."
	case teams.Auth:
		return "Check the destination's URL, it may be cut off or want a sign-in; then replay."
	case teams.NotFound:
		return "The flow behind the destination is gone: make a new one, put its URL into the configuration, then replay."
	case teams.TLS:
		return "Check the destination's tls_config and proxy_url; then replay."
	case teams.Blocked:
		return "Ask them to unblock the app in Teams; what is still open is told when they do or write to the bot."
	case teams.NotInstalled:
		return "Add the app to the team, chat or person in Teams; what is still open is told as soon as it is there."
	case teams.Policy:
		return "Ask the administrator to allow the app in Teams, then write to the bot from that conversation: what is still open is told then."
	case teams.Service:
		return "Microsoft's service failed and asks not to be asked again: look at its status page, then replay."
	case teams.Expired:
		return "It is older than the destination's maximum age: replay it if it still matters, or drop it."
	case teams.NoAddress:
		return "Put the destination back into the configuration and replay, or drop it."
	}
	return "Look at the delivery log for what Teams said; replay when that is mended, or drop it."
}
