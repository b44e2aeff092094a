// Package teams has what all ways into Microsoft Teams share: the three
// outcomes of an attempt and the closed set of reasons. Its subpackages each
// know one way.
package teams

import "time"

// Kind is what came of an attempt.
type Kind int

// The three outcomes. A sender returns one of them and knows nothing of
// attempts; what follows from it is decided in package deliver.
const (
	Delivered Kind = iota + 1
	Retry
	GiveUp
)

// Reason says why, from a closed set: it is a metric label, and what the
// operator can do about it depends on it alone.
type Reason string

// The reasons.
const (
	// Reasons to try again.
	Throttled   Reason = "throttled"   // 429
	Unavailable Reason = "unavailable" // 5xx, 412: the service has a bad time
	Timeout     Reason = "timeout"     // no answer in time
	Network     Reason = "network"     // no connection, or it broke
	Interrupted Reason = "interrupted" // we were stopped while it was under way

	// Reasons to give up.
	Payload   Reason = "payload"    // 400: Teams does not take this card
	TooLarge  Reason = "too_large"  // 413
	Auth      Reason = "auth"       // 401, 403: the URL is wrong or wants a sign-in
	NotFound  Reason = "not_found"  // 404, 410: the flow was deleted; 3xx, 405: the URL was never a webhook's
	Rejected  Reason = "rejected"   // another answer that will not get better
	Expired   Reason = "expired"    // it became too old to be worth telling
	NoAddress Reason = "no_address" // the destination is not in the configuration any more
	TLS       Reason = "tls"        // the certificate is not trusted
	Service   Reason = "service"    // the bot's service failed in a way that it asks not to repeat (500)

	// Reasons of the bot that hold for the whole address until somebody in
	// Teams changes something.
	Blocked      Reason = "blocked"       // the person has blocked the bot
	NotInstalled Reason = "not_installed" // the app is not in the team or chat
	Policy       Reason = "policy"        // an administrator does not allow it

	// Reasons why a person cannot be found or reached for the first time. They
	// hold until somebody changes something at Microsoft.
	UnknownUser Reason = "unknown_user" // nobody has this name in the tenant
	Disabled    Reason = "disabled"     // the account is disabled
	NoTeams     Reason = "no_teams"     // they have no Teams, or have never opened it
	Foreign     Reason = "foreign"      // they belong to another tenant
	// Reasons that hold for everybody until an administrator mends something.
	// What is to be told waits for it.
	NoCatalogue Reason = "no_catalogue" // the app is not in the organization's catalogue
	Consent     Reason = "consent"      // the application lacks a permission, or nobody has consented to it
	// Installing: the app was installed, and the conversation is not there yet.
	Installing Reason = "installing"
)

// Outcome is what came of one attempt.
type Outcome struct {
	Kind   Kind
	Reason Reason // "" when delivered
	// Message is for a human: what happened and what to do. No URL, no secret.
	Message string
	Status  int // HTTP status, 0 without an answer
	// After is how long Teams asked us to wait (Retry-After); 0: it did not say.
	After time.Duration
	// Uncertain: the request may have been carried out though no answer came,
	// so a new attempt can show the message twice.
	Uncertain bool
	MessageID string // "" where Teams does not say
	// Address is where the message is, by the store's name, if that is another
	// address than it was sent to: a conversation that was made anew. "" else.
	Address string
	// Gone: the message that was to be changed is not there any more, so a new
	// one is to be sent. With Kind Retry.
	Gone bool
	// Broken: the address cannot be reached until somebody mends something,
	// though it is worth trying again (a secret that expired). With Kind Retry.
	Broken bool
}
