package botframework

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// Whatever answers in Teams' place, an error with our token in it must not go
// into the log and onto the page of destinations, and what is no success of
// Teams' must not count as a card that people see.
func FuzzNoAnswerGivesOurTokenAwayOrPassesForASuccess(f *testing.F) {
	const token = "eyJhbGciOiJub25lIn0.c2VjcmV0.c2lnbmF0dXJl"
	for _, body := range []string{
		`{"id":"1"}`, `{"error":{"code":"Throttled","message":"` + token + `"}}`, `{"error":{"code":429}}`, `{"error":"` + token + `"}`,
		`{"errorCode":209,"message":"{\"subCode\":\"MessageWritesBlocked\",\"details\":\"x\"}"}`, `<!DOCTYPE html>`, ``, `null`, `[1]`, token,
	} {
		for _, status := range []int{200, 201, 302, 401, 403, 404, 412, 429, 500, 502, 999} {
			f.Add(status, "application/json", "5", []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, status int, contentType, retryAfter string, body []byte) {
		header := http.Header{"Content-Type": {contentType}, "Retry-After": {retryAfter}}
		v := judge(&http.Response{StatusCode: status, Header: header}, body, token)
		require.NotContains(t, v.Message, token)
		require.True(t, utf8.ValidString(v.Message))
		require.LessOrEqual(t, utf8.RuneCountInString(v.Message), 2000)
		require.False(t, strings.ContainsAny(v.Message, "\r\n"), "one line in the log")
		require.LessOrEqual(t, v.After, maxRetryAfter)
		switch v.Kind {
		case teams.Delivered:
			require.True(t, isSuccess(status))
			require.False(t, complaintIn(body).complains)
		case teams.Retry, teams.GiveUp:
			require.NotEmpty(t, v.Reason, "it is a metric label")
			require.NotEmpty(t, v.Message, "nobody knows what to do")
		default:
			t.Fatalf("no outcome: %v", v.Kind)
		}
	})
}
