package teamstest

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// errorBody is how the connector says what went wrong.
func errorBody(code, message string) any {
	return map[string]any{"error": map[string]string{"code": code, "message": message}}
}

func badArgument(message string) (int, any) {
	return http.StatusBadRequest, errorBody("BadArgument", message)
}

// messageWritesBlocked is the one error of another shape: JSON in a string
// (teams-platform §3.3).
func messageWritesBlocked() any {
	return map[string]any{
		"errorCode": 209,
		"message":   `{"subCode":"MessageWritesBlocked","details":"Thread is not allowed to write to.","errorCode":null,"errorSubCode":null}`,
	}
}

// connectorCodes are the errors of the connector and their status
// (teams-platform §3.3).
var connectorCodes = map[string]int{
	"Bad Argument":                   http.StatusBadRequest,
	"BadArgument":                    http.StatusBadRequest,
	"BotNotRegistered":               http.StatusUnauthorized,
	"BotDisabledByAdmin":             http.StatusForbidden,
	"BotNotInConversationRoster":     http.StatusForbidden,
	"ConversationBlockedByUser":      http.StatusForbidden,
	"ForbiddenOperationException":    http.StatusForbidden,
	"InvalidBotApiHost":              http.StatusForbidden,
	"NotEnoughPermissions":           http.StatusForbidden,
	"MessageWritesBlocked":           http.StatusForbidden,
	"ActivityNotFoundInConversation": http.StatusNotFound,
	"ConversationNotFound":           http.StatusNotFound,
	"PreconditionFailed":             http.StatusPreconditionFailed,
	"MessageSizeTooBig":              http.StatusRequestEntityTooLarge,
	"Throttled":                      http.StatusTooManyRequests,
	"ServiceError":                   http.StatusInternalServerError,
}

// usualCodes are what the connector says with a status when a fault does not
// say. What has none comes from something in front of it: a page or nothing.
var usualCodes = map[int]string{
	http.StatusBadRequest:            "BadArgument",
	http.StatusUnauthorized:          "BotNotRegistered",
	http.StatusForbidden:             "NotEnoughPermissions",
	http.StatusNotFound:              "ConversationNotFound",
	http.StatusPreconditionFailed:    "PreconditionFailed",
	http.StatusRequestEntityTooLarge: "MessageSizeTooBig",
	http.StatusTooManyRequests:       "Throttled",
	http.StatusInternalServerError:   "ServiceError",
	http.StatusBadGateway:            "ServiceError",
}

// connectorAnswer is what the connector answers when a fault refuses.
func (f Fault) connectorAnswer() (status int, answer any) {
	status, code := f.Status, f.Code
	if status == 0 {
		status = connectorCodes[code]
	}
	if status == 0 {
		status = http.StatusInternalServerError
	}
	if code == "" {
		code = usualCodes[status]
	}
	switch {
	case f.Body != "":
		return status, f.Body
	case code == "MessageWritesBlocked":
		return status, messageWritesBlocked()
	case code == "":
		return status, fmt.Sprintf("<html><body><h1>%d %s</h1></body></html>", status, http.StatusText(status))
	}
	return status, errorBody(code, "A scripted fault of the simulated Teams.")
}

// seconds writes a Retry-After.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
