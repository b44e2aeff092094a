package botframework

import (
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

func isSuccess(status int) bool { return status >= 200 && status < 300 }

func forbiddenHost(serviceURL string) teams.Outcome {
	host := "no host"
	if u, err := url.Parse(serviceURL); err == nil && u.Host != "" {
		host = u.Host
	}
	return teams.Outcome{Kind: teams.Retry, Reason: teams.Auth, Broken: true,
		Message: fmt.Sprintf("This conversation's service (%s) is not one that may get our token, so nothing was sent. If it is Microsoft's, add it to endpoints.allowed_service_hosts.", host)}
}

func notRegistered() teams.Outcome {
	return teams.Outcome{Kind: teams.Retry, Reason: teams.Auth, Broken: true, Status: http.StatusUnauthorized,
		Message: "Teams does not take the bot's token (401). Check app_id and tenant_id, and that the bot's registration in Azure has the Microsoft Teams channel."}
}

func noToken(err error) teams.Outcome {
	var e *auth.Error
	if !errors.As(err, &e) {
		return teams.Outcome{Kind: teams.Retry, Reason: teams.Network, Message: "Microsoft's sign-in cannot be used. It is tried again."}
	}
	return teams.Outcome{Kind: teams.Retry, Reason: e.Reason, After: e.After, Broken: e.Reason == teams.Auth, Message: e.Message}
}

// judge turns an answer into a verdict.
func judge(r *http.Response, body []byte, token string) verdict {
	status := r.StatusCode
	said := read(body)
	v := verdict{code: normal(said.code)}
	if isSuccess(status) && v.code == "" {
		v.Outcome, v.body = teams.Outcome{Kind: teams.Delivered}, body
	} else {
		v.Outcome = outcomeOf(status, v.code, "", outbound.RetryAfter(r.Header, time.Now(), maxRetryAfter))
	}
	v.Status = status
	return v
}

// normal is a code as the table has it.
func normal(code string) string {
	return strings.ToLower(strings.ReplaceAll(code, " ", ""))
}

// complaint is what the body of an answer says about an error.
type complaint struct{ code, message string }

func read(body []byte) complaint {
	var answer struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &answer)
	return complaint{answer.Error.Code, answer.Error.Message}
}

func outcomeOf(status int, code, said string, wait time.Duration) teams.Outcome {
	switch {
	case status == http.StatusTooManyRequests:
		return teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, After: wait, Message: "Teams throttles us (429)."}
	case status == http.StatusUnauthorized:
		return notRegistered()
	}
	return teams.Outcome{Kind: teams.GiveUp, Reason: teams.Rejected, Message: fmt.Sprintf("Teams answers %d.", status)}
}
