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
	if !strings.Contains(why, "replay") && !strings.Contains(why, "users retry") { // the last step of all advice
		text += " " + advice(reason)
	}
	return text
}

// words are what is said of a reason.
type words struct {
	// why is said of who could not be told, to those who are told instead: a
	// few words without a full stop.
	why string
	// advice is what an operator can do.
	advice string
}

// reasons has every reason of package teams; a test sees to it.
var reasons = map[teams.Reason]words{
	teams.Throttled: {"Teams takes no more messages there for now",
		"Teams asked for patience for longer than it was worth waiting: replay it if it still matters, or drop it."},
	teams.Unavailable: {"Teams has trouble and does not take messages there",
		"Microsoft's service has trouble: look at its status page, then replay."},
	teams.Timeout: {"Teams does not answer",
		"Teams did not answer in time: look at the delivery log, and whether a firewall or a proxy is slow, then replay."},
	teams.Network: {"Teams cannot be reached from here",
		"Check the way to Teams: name server, firewall, proxy. Then replay."},
	teams.Interrupted: {"it was cut off by a restart",
		"It was cut off while it was being sent: replay it if it is not there, or drop it."},

	teams.Payload: {"Teams did not take the card",
		"Teams refused the minimal card too: check with send-test whether the destination takes any card, mend the flow or the template, then replay."},
	teams.TooLarge: {"Teams did not take the card",
		"Teams refused the minimal card too: check with send-test whether the destination takes any card, mend the flow or the template, then replay."},
	teams.Auth: {"Teams does not accept our sign-in there",
		"Check the destination's URL, it may be cut off or want a sign-in, or the secret under microsoft, it may have expired; then replay."},
	teams.NotFound: {"what leads there is gone",
		"The flow behind the destination is gone: make a new one, put its URL into the configuration, then replay."},
	teams.Rejected: {"Teams refuses it",
		"Look at the delivery log for what Teams said; replay when that is mended, or drop it."},
	teams.Expired: {"it waited for too long",
		"It is older than the destination's maximum age: replay it if it still matters, or drop it."},
	teams.NoAddress: {"is not in the configuration any more",
		"Put the destination back into the configuration and replay, or drop it."},
	teams.TLS: {"the connection to Teams is not trusted",
		"Check the destination's tls_config and proxy_url; then replay."},
	teams.Service: {"Teams failed and must not be asked again",
		"Microsoft's service failed and asks not to be asked again: look at its status page, then replay."},

	teams.Blocked: {"has blocked the bot",
		"Ask them to unblock the app in Teams; what is still open is told when they do or write to the bot."},
	teams.NotInstalled: {"the app is not there",
		"Add the app to the team, chat or person in Teams; what is still open is told as soon as it is there."},
	teams.Policy: {"an administrator's policy forbids the app",
		"Ask the administrator to allow the app in Teams, then write to the bot from that conversation: what is still open is told then."},

	teams.UnknownUser: {"nobody has that name in the organization",
		"Correct the name in the configuration, or wait until the account is there; then run \"teamsrelay users retry\" with the name."},
	teams.Disabled: {"the account is disabled",
		"Enable the account in Entra, or take the name out of the configuration; then run \"teamsrelay users retry\" with the name."},
	teams.NoTeams: {"has no Teams",
		"Give them a licence for Teams and have them open it once; then run \"teamsrelay users retry\" with the name."},
	teams.Foreign: {"belongs to another organization",
		"Invite them as a guest of this tenant and use the guest's name, or take the name out of the configuration; then run \"teamsrelay users retry\" with the name."},
	teams.NoCatalogue: {"the app is not in the organization's catalogue",
		"Upload the app package in the Teams admin centre (\"teamsrelay app-package\" makes it), or check microsoft.teams_app_id; what waits is told then. \"teamsrelay doctor\" says more."},
	teams.Consent: {"the bot lacks a permission to reach people",
		"An administrator has to consent to the application's permissions in Entra; what waits is told then. \"teamsrelay doctor\" says which one is missing."},
	teams.Installing: {"the app was installed and does not answer yet",
		"Teams has installed the app and made no conversation yet: what waits is told as soon as there is one. Have them open the app, or run \"teamsrelay users retry\" with the name."},
}

// Why says in a few words, without a full stop, why somebody could not be told:
// "has blocked the bot". It is for those who are told instead.
func Why(reason teams.Reason) string {
	if w, ok := reasons[reason]; ok {
		return w.why
	}
	return "Teams did not take it"
}

// advice is what an operator can do about a reason.
func advice(reason teams.Reason) string {
	if w, ok := reasons[reason]; ok {
		return w.advice
	}
	return reasons[teams.Rejected].advice
}
