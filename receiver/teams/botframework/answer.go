package botframework

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
)

const (
	// maxRetryAfter bounds what a server may ask us to wait: a wrong number
	// there must not keep an alert for days.
	maxRetryAfter = time.Hour
	// maxExcerpt is how much of an answer is quoted, in runes.
	maxExcerpt = 200
)

func isSuccess(status int) bool { return status >= 200 && status < 300 }

// verdict is what came of a request.
type verdict struct {
	teams.Outcome
	code string // of the error, as normal writes it; "" where Teams names none
	body []byte // of a success
}

// Codes of Teams that more than the table needs, as normal writes them.
const (
	activityNotFound     = "activitynotfoundinconversation"
	conversationNotFound = "conversationnotfound"
	invalidBotAPIHost    = "invalidbotapihost"
)

// normal is a code without what differs between its spellings ("Bad Argument",
// "BadArgument").
func normal(code string) string {
	return strings.ToLower(strings.Join(strings.FieldsFunc(code, func(r rune) bool { return r == ' ' || r == '_' }), ""))
}

// judge turns an answer into a verdict. Status and body decide together: a
// success whose body speaks of an error is an error.
func judge(r *http.Response, body []byte, token string) verdict {
	status := r.StatusCode
	said := complaintIn(body)
	v := verdict{code: normal(said.code)}
	switch {
	case isSuccess(status) && isWebPage(r.Header, body):
		v.Outcome = teams.Outcome{Kind: teams.Retry, Reason: teams.Network,
			Message: fmt.Sprintf("A web page answered instead of Teams (%d): a proxy or a sign-in page stands between us and Teams. Let this machine through.", status)}
	case isSuccess(status) && !said.complains:
		v.Outcome, v.body = teams.Outcome{Kind: teams.Delivered}, body
	default:
		text := said.message
		if text == "" && !isWebPage(r.Header, body) {
			text = string(body)
		}
		if token != "" {
			said.code, text = strings.ReplaceAll(said.code, token, "…"), strings.ReplaceAll(text, token, "…")
		}
		wait := outbound.RetryAfter(r.Header, time.Now(), maxRetryAfter)
		v.Outcome = outcomeOf(status, v.code, excerpt(said.code, text), wait)
	}
	v.Status = status
	return v
}

// complaint is what the body of an answer says about an error.
type complaint struct {
	complains     bool
	code, message string
}

// complaintIn reads both of Teams' forms: {"error": {"code", "message"}} and
// {"errorCode", "message"}, whose message may be JSON itself.
func complaintIn(body []byte) complaint {
	var answer struct {
		Error     json.RawMessage `json:"error"`
		ErrorCode json.RawMessage `json:"errorCode"`
		Message   string          `json:"message"`
	}
	// What is wrong in one field must not hide the others, so the error is
	// not looked at; what is no object has no fields.
	_ = json.Unmarshal(body, &answer)
	switch {
	case isThere(answer.Error):
		var e struct {
			Code    any    `json:"code"`
			Message string `json:"message"`
		}
		var word string
		if json.Unmarshal(answer.Error, &word) == nil {
			return complaint{true, word, answer.Message}
		}
		_ = json.Unmarshal(answer.Error, &e)
		return complaint{true, codeText(e.Code), e.Message}
	case isThere(answer.ErrorCode):
		var inner struct {
			SubCode string `json:"subCode"`
			Details string `json:"details"`
		}
		if json.Unmarshal([]byte(answer.Message), &inner) == nil && inner.SubCode != "" {
			return complaint{true, inner.SubCode, inner.Details}
		}
		return complaint{true, strings.Trim(string(answer.ErrorCode), `"`), answer.Message}
	}
	return complaint{}
}

// isThere: a field has a value that says something.
func isThere(raw json.RawMessage) bool {
	switch string(raw) {
	case "", "null", `""`, "{}", "false", "0":
		return false
	}
	return true
}

// codeText is a code, which may come as a number.
func codeText(code any) string {
	if code == nil {
		return ""
	}
	return fmt.Sprint(code)
}

func isWebPage(header http.Header, body []byte) bool {
	start := strings.ToLower(string(bytes.TrimSpace(body[:min(len(body), 256)])))
	return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html") ||
		strings.HasPrefix(header.Get("Content-Type"), "text/html") && start != ""
}

// excerpt is what Teams said as it may be shown: without URLs, on one short
// line.
func excerpt(code, text string) string {
	code, text = strings.TrimSpace(code), strings.TrimSpace(text)
	switch {
	case code == "":
	case text == "" || strings.Contains(text, code):
		text = code
	default:
		text = code + ": " + text
	}
	if text = teams.Printable(teams.WithoutURLs(text[:min(len(text), 4<<10)]), maxExcerpt); text == "" {
		return ""
	}
	return fmt.Sprintf(" Teams says: %q.", text)
}

// outcomeOf is the table of teams-platform §3.3. code is as normal writes it,
// said is a sentence with what Teams says or "", and wait is the answer's
// Retry-After.
func outcomeOf(status int, code, said string, wait time.Duration) teams.Outcome {
	giveUp := func(reason teams.Reason, words string) teams.Outcome {
		return teams.Outcome{Kind: teams.GiveUp, Reason: reason, Message: words + said}
	}
	retry := func(reason teams.Reason, words string) teams.Outcome {
		if wait > 0 {
			words += fmt.Sprintf(" It asks us to wait %v.", wait)
		}
		return teams.Outcome{Kind: teams.Retry, Reason: reason, After: wait, Message: words + said}
	}
	switch code {
	case "botnotregistered":
		return notRegistered(said)
	case "botdisabledbyadmin":
		return giveUp(teams.Policy, "An administrator has switched the app off. Ask for it to be allowed in the Teams admin center (Teams apps, Manage apps); when somebody writes to the bot again, it goes on.")
	case "botnotinconversationroster":
		return giveUp(teams.NotInstalled, "The app is not in this team or chat (any more). Add it there in Teams (Apps, teamsrelay, Add to a team or chat), then send it again.")
	case "conversationblockedbyuser", "messagewritesblocked":
		return giveUp(teams.Blocked, "The person has blocked or removed the bot. Nothing is sent until they write to it or install it again.")
	case "forbiddenoperationexception":
		return giveUp(teams.NotInstalled, "The app is not installed for this person. Ask them to add it in Teams, or let an administrator install it for them (Teams admin center, Setup policies).")
	case invalidBotAPIHost:
		return giveUp(teams.Rejected, "Teams wants this conversation at another service. Set microsoft.cloud to the cloud of the tenant (gcc, gcchigh, dod); a message to the bot from there tells us the right service.")
	case "notenoughpermissions":
		return giveUp(teams.Policy, "Teams does not allow the bot to do this here. See in Teams whether the channel lets bots post (Manage channel, Moderation).")
	case activityNotFound:
		return giveUp(teams.NotFound, "The message is not there any more.")
	case conversationNotFound:
		return giveUp(teams.NotFound, "There is no such conversation: the channel or chat was deleted, or its id in the configuration is wrong. In Teams, \"Get link to channel\" shows the id.")
	case "messagesizetoobig":
		return giveUp(teams.TooLarge, "The message is larger than Teams takes (about 100 KB).")
	case "preconditionfailed":
		return retry(teams.Unavailable, "Teams was changing this conversation at the same moment (412). It is tried again.")
	case "throttled":
		return retry(teams.Throttled, "Teams says that we send too much.")
	}
	switch {
	case status == http.StatusBadRequest:
		return giveUp(teams.Payload, "Teams does not take this message (400). Look at the template with `teamsrelay render --transport=bot`.")
	case status == http.StatusUnauthorized:
		return notRegistered(said)
	case status == http.StatusForbidden:
		return giveUp(teams.Policy, "Teams does not allow the bot to do this (403). See whether the app is installed there and allowed in the Teams admin center.")
	case status == http.StatusNotFound, status == http.StatusGone:
		return giveUp(teams.NotFound, fmt.Sprintf("Teams does not know this conversation (%d). See that the channel or chat is still there and that the app is in it; a message to the bot from there tells us where it is.", status))
	case status == http.StatusProxyAuthRequired:
		return retry(teams.Network, teams.ProxySignIn(proxyVariable))
	case status == http.StatusRequestTimeout:
		return retry(teams.Timeout, "Teams did not get the whole request in time (408). The connection is slow; it is tried again.")
	case status == http.StatusPreconditionFailed:
		return retry(teams.Unavailable, "Teams was changing this conversation at the same moment (412). It is tried again.")
	case status == http.StatusRequestEntityTooLarge:
		return giveUp(teams.TooLarge, "The message is larger than Teams takes (413, about 100 KB).")
	case status == http.StatusTooManyRequests:
		return retry(teams.Throttled, "Teams says that we send too much (429).")
	case status == http.StatusInternalServerError:
		return giveUp(teams.Service, "Teams failed at this message (500) in a way that it asks not to repeat. Send it again when Teams is well again (status.cloud.microsoft).")
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return retry(teams.Unavailable, fmt.Sprintf("Teams has a bad time (%d). It is tried again.", status))
	case isSuccess(status):
		// Whether it was shown nobody can say. Trying for hours could show it
		// again and again; a dead letter is seen, and can be replayed.
		return giveUp(teams.Rejected, fmt.Sprintf("Teams took the message (%d), but its answer speaks of an error. See in Teams whether it is there; if not, send it again.", status))
	case status >= 300 && status < 400:
		return giveUp(teams.Rejected, fmt.Sprintf("The service answers with a redirect (%d), which is never followed because our token would go along. See whether a proxy stands between us and Teams.", status))
	default:
		// Bots must not repeat what is not in Microsoft's list.
		return giveUp(teams.Rejected, fmt.Sprintf("Teams answers %d, which it is not known to do.", status))
	}
}

// forbiddenHost: what is in the store may have come from outside, and our
// token is the key to every conversation of the bot.
func forbiddenHost(serviceURL string) teams.Outcome {
	host := "no host"
	if u, err := url.Parse(serviceURL); err == nil && u.Host != "" {
		host = teams.Printable(u.Host, 253)
	}
	return teams.Outcome{Kind: teams.Retry, Reason: teams.Auth, Broken: true,
		Message: fmt.Sprintf("The service of this conversation (%s) is not one that may get our token, so nothing was sent. If it is Microsoft's, add it to endpoints.allowed_service_hosts; http is only for this machine.", host)}
}

func notRegistered(said string) teams.Outcome {
	return teams.Outcome{Kind: teams.Retry, Reason: teams.Auth, Broken: true, Status: http.StatusUnauthorized,
		Message: "Teams does not take the bot's token (401). Check app_id and tenant_id, and that the bot's registration in Azure (Azure Bot, Channels) has the Microsoft Teams channel." + said}
}

// noToken: the posts wait, and go when the sign-in works again.
func noToken(err error) teams.Outcome {
	var e *auth.Error
	if !errors.As(err, &e) { // it always is one
		return teams.Outcome{Kind: teams.Retry, Reason: teams.Network, Message: "Microsoft's sign-in cannot be used. It is tried again."}
	}
	return teams.Outcome{Kind: teams.Retry, Reason: e.Reason, After: e.After, Broken: e.Reason == teams.Auth, Message: e.Message}
}
