package deliver

import (
	"fmt"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// deadLetter is what the list of dead letters says: which alert, where to,
// why, and what to do. Where the sender has said what to do, that stands. What
// is to be done about people says package people, wherever it is read.
func deadLetter(a *Address, title, destination string, reason teams.Reason, why string) string {
	if title == "" {
		title = "an alert"
	}
	text := fmt.Sprintf("%q was not told to %s (%s)", title, destination, reason)
	if a.Who != "" {
		return text + ": " + strings.TrimRight(people.Words(reason, a.Who, why), ". ") + ". " + people.Do(reason, a.Name)
	}
	if why != "" {
		text += ": " + strings.TrimRight(why, ". ")
	}
	text += "."
	if !strings.Contains(strings.ToLower(why), "send it again") { // the last step of all advice
		text += " " + advice(reason)
	}
	return text
}

// Trouble says in words why something could not be told at a place, as what
// follows "ops could not be told: ", and what an operator can do about it.
func Trouble(reason teams.Reason) (why, do string) {
	return because(&Address{}, reason), advice(reason)
}

// advice is what an operator can do about a reason, of places that are nobody's
// own.
func advice(reason teams.Reason) string {
	if text, ok := advices[reason]; ok {
		return text
	}
	if ofPeople(reason) { // who was in the configuration, and is not there now
		return people.Do(reason, "")
	}
	return advices[teams.Rejected]
}

// ofPeople are the reasons that only people have.
func ofPeople(reason teams.Reason) bool {
	switch reason {
	case teams.UnknownUser, teams.Disabled, teams.NoTeams, teams.Foreign, teams.Installing:
		return true
	}
	return false
}

const smaller = "Teams refused the minimal card too: check with send-test whether the destination takes any card, mend the flow or the template, then send it again."

// advices has every reason of package teams that is not ofPeople; a test sees to
// it.
var advices = map[teams.Reason]string{
	teams.Throttled:   "Teams asked for patience for longer than it was worth waiting: send it again if it still matters, or drop it.",
	teams.Unavailable: "Microsoft's service has trouble: look at its status page, then send it again.",
	teams.Timeout:     "Teams did not answer in time: see whether a firewall or a proxy is slow, then send it again.",
	teams.Network:     "Check the way to Teams: name server, firewall, proxy. Then send it again.",
	teams.Interrupted: "It was cut off while it was being sent: send it again if it is not there, or drop it.",

	teams.Payload:   smaller,
	teams.TooLarge:  smaller,
	teams.Auth:      "Check the destination's URL, it may be cut off or want a sign-in, or the bot's secret, it may have expired; then send it again.",
	teams.NotFound:  "The flow behind the destination is gone: make a new one, put its URL into the configuration (or run `teamsrelay destinations rotate NAME`), then send it again.",
	teams.Rejected:  "Look at the delivery log for what Teams said; send it again when that is mended, or drop it.",
	teams.Expired:   "It is older than the destination's maximum age: send it again if it still matters, or drop it.",
	teams.NoAddress: "Put the destination back, into the configuration or with `teamsrelay destinations add NAME`, and send it again, or drop it.",
	teams.TLS:       "Check the destination's tls_config and proxy_url; then send it again.",
	teams.Service:   "Microsoft's service failed and asks not to be asked again: look at its status page, then send it again.",

	teams.Blocked:      "Ask them to unblock the app in Teams and to write to the bot: what is still open is told then. If they only unblock it, an alert finds it out, but no more often than once an hour.",
	teams.NotInstalled: "Add the app to the team, chat or person in Teams; what is still open is told as soon as it is there.",
	teams.Policy:       "Ask the administrator to allow the app in Teams, then write to the bot from that conversation: what is still open is told then.",

	teams.NoCatalogue: "Upload the app package in the Teams admin center, or correct microsoft.teams_app_id (`teamsrelay doctor` says which); then send it again.",
	teams.Consent:     "Have an administrator consent to the permission that is missing in Entra (`teamsrelay doctor` says which); then send it again.",
}

// because says in a few words, without a full stop, why something could not be
// told at an address: what follows "Alice could not be told: " or "facilities
// could not be told: ".
func because(a *Address, reason teams.Reason) string {
	if why, ok := ofPlaces[reason]; ok && a.Who == "" {
		return why
	}
	return people.Why(reason)
}

// ofPlaces is what is said otherwise of a channel or chat than of a person.
var ofPlaces = map[teams.Reason]string{
	teams.Auth:         "Teams does not accept our sign-in there",
	teams.NotFound:     "what leads there is gone",
	teams.NotInstalled: "the app is not there",
	teams.Policy:       "an administrator does not allow it there",
	teams.Blocked:      "the bot is blocked there",
	teams.Rejected:     "Teams refuses it there",
}
