package graph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// maxRetryAfter bounds what Graph may ask us to wait: a wrong number there
	// must not keep an alert for days.
	maxRetryAfter = time.Hour
	// maxSaid is how much of what an error says is looked at, in bytes, and
	// maxExcerpt how much of that is quoted, in runes.
	maxSaid    = 4 << 10
	maxExcerpt = 300
)

// Error says what came of a call that failed. Its text is for a human: what
// happened, where to click, and Graph's request id; never a secret.
type Error struct {
	// Outcome is Retry or GiveUp. Broken: it fails for everybody until an
	// administrator mends something (reasons Auth, Consent, NoCatalogue).
	teams.Outcome
	Code string // Graph's error code; "" without one
}

func (e *Error) Error() string { return e.Message }

func isSuccess(status int) bool { return status >= 200 && status < 300 }

// isAbout tells whether a status says something about what was asked, and not
// about how or when.
func isAbout(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

// complaint is what the body of an answer says about an error.
type complaint struct {
	complains     bool
	code, message string
	request       string // Microsoft's id of the request
}

// complaintIn reads {"error": {"code", "message", "innerError": {"request-id"}}},
// and what sign-in and proxies say: {"error": "…", "error_description": "…"}.
func complaintIn(body []byte) complaint {
	var answer struct {
		Error       json.RawMessage `json:"error"`
		Description string          `json:"error_description"`
	}
	// What is wrong in one field must not hide the others, so the error is not
	// looked at; what is no object has no fields.
	_ = json.Unmarshal(body, &answer)
	switch string(answer.Error) {
	case "", "null", "{}", `""`:
		return complaint{}
	}
	var word string
	if json.Unmarshal(answer.Error, &word) == nil {
		return complaint{complains: true, code: word, message: answer.Description}
	}
	var e struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Inner   struct {
			Request string `json:"request-id"`
			Message string `json:"message"`
		} `json:"innerError"`
	}
	_ = json.Unmarshal(answer.Error, &e)
	if e.Message == "" {
		e.Message = e.Inner.Message
	}
	return complaint{true, e.Code, e.Message, e.Inner.Request}
}

// judge turns an answer into one of ours. Status and body decide together: a
// success whose body speaks of an error is an error.
func (k kind) judge(status int, header http.Header, body []byte, token string) answer {
	c := complaintIn(body)
	if c.request == "" {
		c.request = header.Get("request-id")
	}
	for _, text := range []*string{&c.code, &c.message, &c.request} {
		if token != "" { // some answer with what they were asked
			*text = strings.ReplaceAll(*text, token, "…")
		}
		*text = teams.WithoutURLs((*text)[:min(len(*text), maxSaid)]) // nor a part of it
	}
	switch {
	case isSuccess(status) && !c.complains && (len(body) == 0 || json.Valid(body)):
		return answer{status: status, body: body}
	case !c.complains && (isSuccess(status) || isAbout(status)):
		// Graph always says why. A proxy's page must not make us give anybody up.
		e := unreadable(c.request)
		e.Status = status
		return answer{err: e}
	}
	e := k.failure(status, c, outbound.RetryAfter(header, time.Now(), maxRetryAfter), k.granted(token))
	e.Status, e.Code = status, teams.Printable(c.code, 100)
	return answer{status: status, err: e}
}

// said is what Graph said as it may be shown: without URLs, on one line.
func (c complaint) said() string {
	text := c.message
	if c.code != "" && !strings.Contains(text, c.code) {
		text = strings.TrimSuffix(c.code+": "+text, ": ")
	}
	words := ""
	if text = teams.Printable(teams.WithoutURLs(text), maxExcerpt); text != "" {
		words = fmt.Sprintf(" Graph says: %q", text)
	}
	if id := teams.Printable(c.request, 64); id != "" {
		words += fmt.Sprintf(" (request-id %s)", id)
	}
	if words != "" {
		words += "."
	}
	return words
}

// has tells whether code or message hold one of these texts, in lower case.
func (c complaint) has(texts ...string) bool {
	all := strings.ToLower(c.code + " " + c.message)
	for _, text := range texts {
		if strings.Contains(all, text) {
			return true
		}
	}
	return false
}

// failure is the table of teams-platform §5.1 and §5.3. What is to be done about
// a reason that is one person's says package people. wait is Retry-After;
// granted: our token has a permission that is enough.
func (k kind) failure(status int, c complaint, wait time.Duration, granted bool) *Error {
	said := c.said()
	giveUp := func(reason teams.Reason, words string) *Error {
		return &Error{Outcome: teams.Outcome{Kind: teams.GiveUp, Reason: reason, Message: words + said}}
	}
	retry := func(reason teams.Reason, words string) *Error {
		if wait > 0 {
			words += fmt.Sprintf(" It asks us to wait %v.", wait)
		}
		return &Error{Outcome: teams.Outcome{Kind: teams.Retry, Reason: reason, After: wait, Message: words + said}}
	}
	broken := func(reason teams.Reason, words string) *Error {
		return &Error{Outcome: teams.Outcome{Kind: teams.Retry, Reason: reason, Broken: true, Message: words + said}}
	}
	if isSuccess(status) {
		// The body speaks of an error, so its code says what the status does not.
		status = statusOf(c)
	}
	switch {
	case status == http.StatusUnauthorized:
		return broken(teams.Auth, "Microsoft Graph does not take our token (401). Check tenant_id, app_id and cloud, and in the Entra admin center (Enterprise applications) that the application is there and enabled.")
	case status == http.StatusForbidden && c.has("is not allowed to manage the teams app"):
		return broken(teams.Consent, "The application may only install an app that is its own. Put its app_id into webApplicationInfo.id of the app's manifest and upload it anew (`teamsrelay app-package` does), or grant TeamsAppInstallation.ReadWriteForUser.All in the Entra admin center (App registrations, the bot, API permissions).")
	case status == http.StatusForbidden && k.personal && c.has("permission policy", "setup policy", "is blocked"):
		return giveUp(teams.Policy, "An administrator's policy keeps the app from this person.")
	case status == http.StatusForbidden && k.personal && c.has("another tenant", "different tenant", "guest"):
		return giveUp(teams.Foreign, "This person belongs to another tenant, where the app cannot be installed from here.")
	case status == http.StatusForbidden && k.personal && c.has("sideloaded", "organization's catalog"):
		return broken(teams.NoCatalogue, "Only an app of the organization's catalogue can be installed for people, and this one is sideloaded. "+upload)
	case status == http.StatusForbidden && k.personal && granted && !c.has("missing role permissions", "authorization_requestdenied", "insufficient privileges"):
		// The permission is there, so it is about this person.
		return giveUp(teams.Policy, "Teams does not let the app be installed for this person (403).")
	case status == http.StatusForbidden:
		return broken(teams.Consent, fmt.Sprintf("We may not %s. Add the application permission %s in the Entra admin center (App registrations, the bot, API permissions, Microsoft Graph), then press \"Grant admin consent\" there.%s", k.does, k.needs[0], k.without))
	case status == http.StatusNotFound && c.has("in the catalog", "teams app with id", "app with id"):
		return noCatalogue(said)
	case status == http.StatusNotFound || status == http.StatusGone:
		return giveUp(teams.NotFound, fmt.Sprintf("Microsoft Graph knows nothing of this (%d).", status))
	case status == http.StatusProxyAuthRequired:
		return retry(teams.Network, teams.ProxySignIn("HTTPS_PROXY"))
	case status == http.StatusRequestTimeout:
		return retry(teams.Timeout, "Microsoft Graph did not get the whole request in time (408). It is tried again.")
	case status == http.StatusTooManyRequests:
		return retry(teams.Throttled, "Microsoft Graph says that we ask too much (429).")
	case status >= 500:
		return retry(teams.Unavailable, fmt.Sprintf("Microsoft Graph has a bad time (%d). It is tried again; status.cloud.microsoft says more.", status))
	case status >= 300 && status < 400:
		return retry(teams.Network, fmt.Sprintf("Microsoft Graph answers with a redirect (%d), which is never followed because our token would go along. See whether a proxy stands between us and Microsoft, and check endpoints.graph.", status))
	case status == http.StatusBadRequest:
		return giveUp(teams.Rejected, "Microsoft Graph does not understand what we ask (400), also when it is asked again.")
	default:
		return giveUp(teams.Rejected, fmt.Sprintf("Microsoft Graph answers %d, which it is not known to do.", status))
	}
}

// statusOf is the status that belongs to the code of an error.
func statusOf(c complaint) int {
	for _, known := range []struct {
		text   string
		status int
	}{
		{"authorization_requestdenied", http.StatusForbidden},
		{"invalidauthenticationtoken", http.StatusUnauthorized},
		{"toomanyrequests", http.StatusTooManyRequests},
		{"request_resourcenotfound", http.StatusNotFound},
		{"missing role permissions", http.StatusForbidden},
	} {
		if c.has(known.text) {
			return known.status
		}
	}
	return http.StatusServiceUnavailable
}

// upload is where the app is put into the catalogue.
const upload = "Upload the package that `teamsrelay app-package` makes in the Teams admin center (Teams apps, Manage apps, Upload new app), and allow it there."

func noCatalogue(said string) *Error {
	return &Error{Outcome: teams.Outcome{Kind: teams.Retry, Reason: teams.NoCatalogue, Broken: true,
		Message: "The app is not in the organization's catalogue. " + upload + " If it is there, compare teams_app_id and teams_catalog_id." + said}}
}

// unreadable: what answered is not Graph, or not well.
func unreadable(request string) *Error {
	return &Error{Outcome: teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable,
		Message: "What answers in the place of Microsoft Graph cannot be understood. See whether a proxy or a sign-in page stands between us and Microsoft; it is tried again." + complaint{request: request}.said()}}
}

// tooMuch: an answer is longer than any that we asked for can be.
func tooMuch() *Error {
	return &Error{Outcome: teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable,
		Message: fmt.Sprintf("What answers in the place of Microsoft Graph sends more than %d MB, so it was not read to its end. It is tried again.", maxAnswer>>20)}}
}

// unanswered: a part of a batch is missing.
func unanswered() *Error {
	return &Error{Outcome: teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable,
		Message: "Microsoft Graph has answered only a part of what it was asked. It is tried again."}}
}
