package people

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// Waits says of a reason why something could not be done at Microsoft that it
// passes by itself or holds for everybody until an administrator mends
// something, so that what is to be told waits for it.
func Waits(reason teams.Reason) bool {
	switch reason {
	case teams.Throttled, teams.Unavailable, teams.Timeout, teams.Network, teams.TLS, teams.Interrupted,
		teams.Auth, teams.Consent, teams.NoCatalogue, teams.Installing:
		return true
	}
	return false
}

// Passes says of a reason that it goes by itself: nobody has to do anything.
func Passes(reason teams.Reason) bool {
	switch reason {
	case teams.Throttled, teams.Unavailable, teams.Timeout, teams.Network, teams.Interrupted, teams.Installing:
		return true
	}
	return false
}

// about is what people are told about a reason.
type about struct {
	why string // in a few words, after "Alice could not be told: "
	// words are a sentence with a hole for the person. Where Microsoft's own
	// words say more, as of what an administrator has to mend, those are shown
	// instead.
	words  string
	theirs bool
	do     string // NAME stands for the person's, as our commands take it
}

// Where to click, and what makes it be tried at once.
const (
	retry  = " Then run `teamsrelay users retry NAME`."
	doctor = " `teamsrelay doctor` shows what is wrong and where to click. What waits is told by itself when it is mended."
	itself = "Nothing: it is tried again, and what waits is told then. If it goes on for long, look at status.cloud.microsoft and run `teamsrelay doctor`."
	replay = "replay what was given up (`teamsrelay dead-letters replay`)."
)

var reasons = map[teams.Reason]about{
	teams.UnknownUser: {why: "is not known at Microsoft", words: "Nobody in the tenant is called %s.", theirs: true,
		do: "Look up their user principal name in the Entra admin center (Users, All users) and correct it in the file, or wait until the account is there." + retry},
	teams.Disabled: {why: "has a disabled account", words: "The account of %s is disabled.",
		do: "Enable it in the Entra admin center (Users, the person, Properties, Account enabled), or take them out of the file." + retry},
	teams.NoTeams: {why: "has no Teams", words: "%s has no Teams, or has never opened it.",
		do: "Give them a licence with Teams in the Microsoft 365 admin center (Users, Active users, the person, Licenses and apps) and ask them to open Teams once." + retry},
	teams.Foreign: {why: "belongs to another tenant", words: "%s belongs to another tenant, where the app cannot be installed from here.",
		do: "Name an account of this tenant, or take them out of the file and give the destination a fallback." + retry},
	teams.Blocked: {why: "has blocked the bot", words: "%s has blocked the bot.",
		do: "Ask them to unblock it in Teams (the chat with the bot, its menu, Unblock) and to write to it: what is open is told to them then. If they only unblock it, nobody tells us, and an alert tries them again after an hour."},
	teams.NotInstalled: {why: "does not have the app", words: "%s does not have the app: they have removed it, or it was never installed for them.",
		do: "Ask them to add it in Teams (Apps, search for its name, Add) and to write to the bot once, and they are told again by itself; or run `teamsrelay users retry NAME`, which installs it."},
	teams.Policy: {why: "may not use the app, says a policy", words: "An administrator's policy keeps the app from %s.",
		do: "Allow it in the Teams admin center (Teams apps, Manage apps, the app, Users and groups; or Permission policies)." + retry},
	teams.NotFound: {why: "has no chat with the bot any more", words: "The chat of the bot with %s is not there any more.",
		do: "Run `teamsrelay users retry NAME`, which makes a new one."},
	teams.Installing: {why: "has no chat with the bot yet", words: "The app was installed for %s, but the bot has no chat with them yet.",
		do: "Nothing: it is tried again. It is faster if they open the app in Teams (Apps, search for its name) and write to the bot once."},

	teams.Auth: {why: "the sign-in at Microsoft fails", words: "Microsoft does not take our sign-in, so %s cannot be told.", theirs: true,
		do: "See the client secret or certificate in the Entra admin center (App registrations, the bot, Certificates & secrets)." + doctor},
	teams.Consent: {why: "we lack a permission at Microsoft", words: "The application lacks a permission at Microsoft Graph, so %s cannot be told.", theirs: true,
		do: "Grant it in the Entra admin center (App registrations, the bot, API permissions, Grant admin consent)." + doctor},
	teams.NoCatalogue: {why: "the app is not in the organization's catalogue", words: "The app is not in the organization's catalogue, so it cannot be installed for %s.", theirs: true,
		do: "Upload the package that `teamsrelay app-package` makes in the Teams admin center (Teams apps, Manage apps, Upload new app)." + doctor},
	teams.TLS: {why: "the connection to Microsoft is not trusted", words: "The certificate of Microsoft's service is not trusted, so %s cannot be told.", theirs: true,
		do: "See whether a proxy opens TLS, and check this machine's clock." + doctor},

	teams.Throttled:   {why: "Microsoft limits us", words: "Microsoft asks us to wait before %s can be told.", theirs: true, do: itself},
	teams.Unavailable: {why: "Microsoft's service fails", words: "Microsoft's service fails, so %s cannot be told yet.", theirs: true, do: itself},
	teams.Timeout:     {why: "Microsoft does not answer", words: "Microsoft does not answer, so %s cannot be told yet.", theirs: true, do: itself},
	teams.Network:     {why: "Microsoft cannot be reached", words: "Microsoft cannot be reached, so %s cannot be told yet.", theirs: true, do: "See whether this machine reaches the internet, and HTTPS_PROXY." + doctor},
	teams.Interrupted: {why: "we were stopped", words: "We were stopped before %s was told.", do: itself},
	teams.Service: {why: "Microsoft's service fails", words: "Microsoft's service failed for %s in a way that it asks not to repeat.", theirs: true,
		do: "Look at status.cloud.microsoft, then " + replay},

	teams.Payload: {why: "Teams does not take the message", words: "Teams does not take the message to %s.", theirs: true,
		do: "Look at the template with `teamsrelay render --transport=bot`, then " + replay},
	teams.TooLarge: {why: "the message is too large", words: "The message to %s is larger than Teams takes.", theirs: true,
		do: "Make the template shorter, then " + replay},
	teams.Rejected: {why: "Teams refuses it", words: "Teams refuses to let the bot talk to %s.", theirs: true,
		do: "Run `teamsrelay doctor --user=NAME`, which asks step by step, then " + replay},
	teams.Expired: {why: "it waited for too long", words: "What was to be told to %s waited for too long.",
		do: "Send it again if it still matters (`teamsrelay dead-letters replay`)."},
	teams.NoAddress: {why: "is not in the configuration any more", words: "%s is not in the configuration any more.",
		do: "Put them into a destination again, then " + replay},
}

// Reasons are all there are, in the order of the alphabet.
func Reasons() []teams.Reason { return slices.Sorted(maps.Keys(reasons)) }

// of is what is known about a reason; one that is not in the set is Teams'
// refusal.
func of(reason teams.Reason) about {
	if a, ok := reasons[reason]; ok {
		return a
	}
	return reasons[teams.Rejected]
}

// Why says in a few words, without a full stop, why somebody could not be told:
// what follows "Alice could not be told: ".
func Why(reason teams.Reason) string { return of(reason).why }

// Words say in a sentence why somebody cannot be told; who is what people call
// them. message is what was said when that was found out, which is shown where
// it says more.
func Words(reason teams.Reason, who, message string) string {
	known := of(reason)
	if message != "" && known.theirs {
		return message
	}
	return fmt.Sprintf(known.words, who)
}

// Do says what an operator can do about a reason for which somebody cannot be
// told; name is theirs, as our commands take it.
func Do(reason teams.Reason, name string) string {
	return strings.ReplaceAll(of(reason).do, "NAME", argument(name))
}

// argument is a name as a shell takes it.
func argument(name string) string {
	if name == "" {
		return "NAME"
	}
	if strings.TrimFunc(name, func(r rune) bool { return r >= 'a' && r <= 'z' || strings.ContainsRune("0123456789.@_-+", r) }) == "" {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// Look says how it is with a person: from what is known of them, of their
// conversation (nil: there is none), and of the address at which something is
// to be told to them (zero: nothing is known).
func Look(p store.Person, c *store.Conversation, a store.Address) Status {
	reason, message := teams.Reason(p.Reason), p.Message
	switch {
	case p.Conversation == "" && reason == "":
		reason, message = teams.Reason(a.BrokenReason), a.Broken
	case p.Conversation == "":
	case a.BrokenReason != "" || a.Broken != "":
		reason, message = teams.Reason(cmp.Or(a.BrokenReason, string(teams.Rejected))), a.Broken
	case c != nil && c.Blocked != "":
		reason, message = teams.Blocked, c.Blocked
	case c != nil && !c.Installed:
		reason, message = teams.NotInstalled, ""
	default:
		reason = ""
	}
	if reason == "" {
		return under(&p)
	}
	s := Status{State: stateOf(&p, reason), Reason: string(reason), Words: Words(reason, Called(&p), message), Do: Do(reason, p.Name)}
	if reason == teams.NotInstalled && p.Conversation == "" && message != "" {
		s.Words = message
	}
	return s
}

// stateOf is the state of somebody whom a reason keeps from being told.
func stateOf(p *store.Person, reason teams.Reason) store.PersonState {
	switch {
	case reason == teams.Blocked:
		return store.PersonBlocked
	case reason == teams.Policy:
		return store.PersonPolicy
	case p.Conversation == "":
		return p.State
	case reason == teams.NotInstalled || reason == teams.NotFound:
		return store.PersonKnown
	}
	return store.PersonReachable
}

// under is how it is with somebody against whom nothing is known.
func under(p *store.Person) Status {
	s := Status{State: p.State}
	switch {
	case p.Conversation != "":
		s.State = store.PersonReachable
	case p.State == store.PersonInstalling:
		s.Words = fmt.Sprintf("The app was installed for %s; the bot's chat with them comes in a moment.", Called(p))
	case p.Wanted:
		s.Words = fmt.Sprintf("%s is being looked up at Microsoft.", Called(p))
	default:
		s.Words = fmt.Sprintf("Nothing was to be told to %s yet. When there is, the app is installed for them.", Called(p))
	}
	return s
}
