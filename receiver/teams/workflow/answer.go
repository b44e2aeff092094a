package workflow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// maxRetryAfter bounds what a server may ask us to wait: a wrong number there
// must not keep an alert for days.
const maxRetryAfter = time.Hour

func isSuccess(status int) bool { return status >= 200 && status < 300 }

func redirects(status int) bool { return status >= 300 && status < 400 }

// judge turns an answer into an outcome. Status and body decide together: a
// 200 whose body speaks of an error is an error.
func (s *Sender) judge(r *http.Response, body []byte) teams.Outcome {
	status := r.StatusCode
	said := s.excerpt(body)
	wait := outbound.RetryAfter(r.Header, time.Now(), maxRetryAfter)

	var o teams.Outcome
	switch {
	case !isSuccess(status):
		o = outcomeOf(status, said, wait)
		if location, err := r.Location(); err == nil && redirects(status) {
			o.Message += fmt.Sprintf(" It points to %s.", s.excerpt([]byte(location.Hostname())))
		}
	case s.connector:
		// Connectors said "1" when they had posted; anything else was an error.
		if status == http.StatusOK && string(bytes.TrimSpace(body)) == "1" {
			return teams.Outcome{Kind: teams.Delivered, Status: status}
		}
		o = complaintOutcome(complaint{status: statusIn(string(body))}, said, wait)
	case isWebPage(r.Header, body):
		o = teams.Outcome{Kind: teams.Retry, Reason: teams.Network,
			Message: fmt.Sprintf("A web page answered instead of Teams (%d): a proxy or a sign-in page stands between us and %s, or the URL is not a webhook's. Let this machine through, or correct the URL.", status, s.host)}
	default:
		c, complains := complaintIn(body)
		if !complains {
			return teams.Outcome{Kind: teams.Delivered, Status: status}
		}
		o = complaintOutcome(c, said, wait)
	}
	o.Status = status
	return o
}

// outcomeOf is the table of teams-platform §1.3. said is what the answer's
// body says, fit for a log; wait is its Retry-After.
func outcomeOf(status int, said string, wait time.Duration) teams.Outcome {
	giveUp := func(reason teams.Reason, words string) teams.Outcome {
		return teams.Outcome{Kind: teams.GiveUp, Reason: reason, Message: words + quoted(said)}
	}
	retry := func(reason teams.Reason, words string) teams.Outcome {
		if wait > 0 {
			words += fmt.Sprintf(" It asks us to wait %v.", wait)
		}
		return teams.Outcome{Kind: teams.Retry, Reason: reason, After: wait, Message: words + quoted(said)}
	}
	switch {
	case status == http.StatusBadRequest && saysDisabled(said):
		return giveUp(teams.NotFound, "The flow is switched off (400). Switch it on in Power Automate (it stops when its owner leaves: give it a co-owner), then send it again.")
	case status == http.StatusBadRequest:
		return giveUp(teams.Payload, "Teams does not take this card (400). Look at the template with `teamsrelay render`; if every card to this destination fails, see whether the flow is switched on in Power Automate.")
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return giveUp(teams.Auth, fmt.Sprintf("Teams refuses the webhook's URL (%d): it is cut off or wrong, or the flow's trigger wants a sign-in. Copy the whole URL from the flow again, set its trigger to \"Anyone\", put the URL into the destination, then send it again.", status))
	case status == http.StatusNotFound, status == http.StatusGone:
		return giveUp(teams.NotFound, fmt.Sprintf("The flow was deleted or its URL was made anew (%d). Create a new webhook in Teams (\"Send webhook alerts to a channel\"), put its URL into the destination, then send it again.", status))
	case status == http.StatusProxyAuthRequired:
		return retry(teams.Network, teams.ProxySignIn("proxy_url"))
	case status == http.StatusRequestTimeout:
		return retry(teams.Timeout, "Teams did not get the whole request in time (408). The connection is slow; it is tried again.")
	case status == http.StatusRequestEntityTooLarge:
		return giveUp(teams.TooLarge, "The card is too large for a webhook (413; Teams takes 28 KB). Make the template shorter.")
	case status == http.StatusTooManyRequests:
		return retry(teams.Throttled, "Teams gets too many messages through this webhook (429). It is tried again; if it happens often, lower the destination's pace or group more.")
	case status == http.StatusPreconditionFailed, status == http.StatusTooEarly, status >= 500 && status < 600:
		return retry(teams.Unavailable, fmt.Sprintf("Teams or the flow has a bad time (%d). It is tried again; if it lasts, look at the flow's runs in Power Automate.", status))
	// These speak of the URL, whatever is sent there: all of it is refused the
	// same way, as by a flow that is gone.
	case redirects(status):
		return giveUp(teams.NotFound, fmt.Sprintf("The webhook answers with a redirect (%d), which is never followed because the URL is a secret. Put the URL that Teams shows for the flow into the destination, then replay.", status))
	case status == http.StatusMethodNotAllowed:
		return giveUp(teams.NotFound, "Something answers at this URL, but takes no messages (405), so it is not a webhook's. Put the URL that Teams shows for the flow into the destination, then replay.")
	default:
		return giveUp(teams.Rejected, fmt.Sprintf("The webhook answers %d, which no Teams webhook is known to do. See that the URL in the destination is the one that Teams shows for the flow.", status))
	}
}

// complaint is an error that a successful answer's body speaks of.
type complaint struct {
	status   int // the status that it stands for; 0: it does not say
	disabled bool
}

func complaintOutcome(c complaint, said string, wait time.Duration) teams.Outcome {
	if c.disabled {
		return outcomeOf(http.StatusBadRequest, "disabled: "+said, wait)
	}
	if c.status == 0 || isSuccess(c.status) {
		// Whether it was shown nobody can say. Trying for hours could show it
		// again and again; a dead letter is seen, and can be replayed.
		return teams.Outcome{Kind: teams.GiveUp, Reason: teams.Rejected,
			Message: "The webhook took the message, but its answer speaks of an error. Look at the flow's runs in Power Automate, then send it again." + quoted(said)}
	}
	return outcomeOf(c.status, said, wait)
}

// complaintIn looks for an error in the body of a successful answer. In JSON
// only the outermost fields count, and in text only words that Microsoft is
// known to use: a flow may answer with the card that it was sent, and an
// alert about "HTTP error 500" is no error of Teams.
func complaintIn(body []byte) (complaint, bool) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return complaint{}, false
	}
	if body[0] == '{' {
		return complaintInJSON(body)
	}
	text := strings.TrimLeft(string(body), `"`)
	if strings.HasPrefix(text, "Webhook ") && strings.Contains(text, "failed") ||
		strings.Contains(text, "Microsoft Teams endpoint returned HTTP error") {
		return complaint{status: statusIn(text)}, true
	}
	return complaint{}, false
}

func complaintInJSON(body []byte) (complaint, bool) {
	var answer struct {
		Error      any `json:"error"`
		StatusCode any `json:"statusCode"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return complaint{}, false
	}
	status := asStatus(answer.StatusCode)
	switch e := answer.Error.(type) {
	case map[string]any:
		code := fmt.Sprint(e["code"])
		text := code + " " + fmt.Sprint(e["message"])
		if status == 0 {
			status = asStatus(e["code"])
		}
		if status == 0 {
			status = statusOfCode(code)
		}
		if status == 0 {
			status = statusIn(text)
		}
		return complaint{status: status, disabled: saysDisabled(text)}, true
	case string:
		if e == "" {
			break
		}
		if status == 0 {
			status = statusOfCode(e)
		}
		if status == 0 {
			status = statusIn(e)
		}
		return complaint{status: status, disabled: saysDisabled(e)}, true
	case bool:
		return complaint{status: status}, e
	}
	return complaint{status: status}, status >= 400
}

var errorStatus = regexp.MustCompile(`HTTP error (\d{3})`)

// statusIn is the status in "… returned HTTP error 429 with ContextId …"; 0
// when there is none.
func statusIn(text string) int {
	m := errorStatus.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	return asStatus(m[1])
}

// asStatus reads an error's HTTP status from a JSON value; 0 when it is none.
func asStatus(v any) int {
	var n int
	switch v := v.(type) {
	case float64:
		n = int(v)
	case string:
		n, _ = strconv.Atoi(v)
	}
	if n < 400 || n > 599 {
		return 0
	}
	return n
}

// statusOfCode translates the names of errors that Azure and Power Automate
// use; 0 for one that is not known.
func statusOfCode(code string) int {
	code = strings.ToLower(code)
	for _, known := range []struct {
		name   string
		status int
	}{
		{"toomanyrequests", http.StatusTooManyRequests},
		{"throttl", http.StatusTooManyRequests},
		{"ratelimit", http.StatusTooManyRequests},
		{"toolarge", http.StatusRequestEntityTooLarge},
		{"adaptivecard", http.StatusBadRequest},
		{"adaptiveserialization", http.StatusBadRequest},
		{"badrequest", http.StatusBadRequest},
		{"invalidtemplate", http.StatusBadRequest},
		{"unauthorized", http.StatusUnauthorized},
		{"authoriz", http.StatusUnauthorized},
		{"forbidden", http.StatusForbidden},
		{"notfound", http.StatusNotFound},
		{"timeout", http.StatusGatewayTimeout},
		{"unavailable", http.StatusServiceUnavailable},
		{"internalservererror", http.StatusInternalServerError},
	} {
		if strings.Contains(code, known.name) {
			return known.status
		}
	}
	return 0
}

// saysDisabled recognises the answer of a flow that is switched off.
func saysDisabled(text string) bool {
	text = strings.ToLower(text)
	for _, word := range []string{"disabled", "notenabled", "not enabled", "suspended"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

func isWebPage(header http.Header, body []byte) bool {
	start := strings.ToLower(string(bytes.TrimSpace(body[:min(len(body), 256)])))
	return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html") ||
		strings.HasPrefix(header.Get("Content-Type"), "text/html") && start != ""
}

func quoted(said string) string {
	if said == "" {
		return ""
	}
	return fmt.Sprintf(" The answer says: %q.", said)
}

// maxExcerpt is how much of an answer is quoted, in runes.
const maxExcerpt = 200

// excerpt is the beginning of an answer as it may be shown: without the
// webhook's secrets or any URL, without control characters, one short line.
func (s *Sender) excerpt(body []byte) string {
	text := string(body[:min(len(body), 4<<10)])
	// The whole URLs first: what the replacer leaves of one is no URL any more.
	text = teams.WithoutURLs(text)
	return teams.Printable(s.secrets.Replace(text), maxExcerpt)
}

// secretsOf replaces every part of a webhook's URL that could be a secret, in
// the spellings that a server may give them back in.
func secretsOf(u *url.URL) *strings.Replacer {
	var pairs []string
	hide := func(parts ...string) {
		for _, part := range parts {
			// Shorter parts are words like "triggers" and "1.0".
			if len(part) >= 10 {
				pairs = append(pairs, part, "…")
			}
		}
	}
	hide(u.RequestURI(), u.RawQuery, u.EscapedPath(), u.Path)
	for _, segment := range strings.Split(u.EscapedPath(), "/") {
		hide(segment)
	}
	for _, values := range u.Query() {
		for _, value := range values {
			hide(url.QueryEscape(value), value)
		}
	}
	if password, ok := u.User.Password(); ok {
		pairs = append(pairs, password, "…")
	}
	return strings.NewReplacer(pairs...)
}
