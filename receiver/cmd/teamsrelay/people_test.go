package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

func TestSubscriptionsAreMadeAndRemovedFromTheCommandLine(t *testing.T) {
	_, url := receiver(t)
	t.Setenv("TEAMSRELAY_URL", url)
	got := say(t, "subscriptions", "add", "ops", `team="dba"`, `severity=~"critical|warning"`)
	require.Equal(t, result{0, "ops gets team=\"dba\", severity=~\"critical|warning\" (subscription " + alert.ShortID(1) + ")\n", ""}, got)
	got = say(t, "subscriptions", "add", "ops")
	require.Equal(t, "ops gets everything (subscription "+alert.ShortID(2)+")\n", got.out)
	got = say(t, "subscriptions", "add", "nobody", `team="dba"`)
	require.Equal(t, 1, got.code)
	require.Equal(t, "teamsrelay: there is no destination \"nobody\"; use one of ops\n", got.err)
	require.Contains(t, say(t, "subscriptions", "add", "ops", "the database").err, "is no matcher; write")

	got = say(t, "subscriptions")
	require.Regexp(t, `(?m)^ID +DESTINATION +NAME +BY +SINCE +MATCHERS\n`+alert.ShortID(2)+` +ops .* everything\n`+alert.ShortID(1)+` +ops .* team="dba", severity=~"critical\|warning"\n$`, got.out)
	var listed struct{ Subscriptions []web.Subscription }
	require.NoError(t, json.Unmarshal([]byte(say(t, "subscriptions", "list", "--output", "json").out), &listed))
	require.Len(t, listed.Subscriptions, 2)
	require.Equal(t, orAPI(whoami()), listed.Subscriptions[0].By, "whoever wonders who did it finds them")

	got = say(t, "subscriptions", "remove", alert.ShortID(1), "zzzz")
	require.Equal(t, 1, got.code, "one of them could not be removed")
	require.Equal(t, "1 removed\n", got.out)
	require.Contains(t, got.err, "there is no subscription zzzz")

	got = say(t, "audit", "--what=unsubscribe")
	require.Regexp(t, `(?m)^AT +WHO +WHAT +TARGET +FROM +BEFORE +AFTER\n.* unsubscribe +`+alert.ShortID(1)+` +api 127\.0\.0\.1 +ops: team="dba" severity=~"critical\|warning" +-\n$`, got.out)
	require.Equal(t, 4, strings.Count(say(t, "audit", "list", "--since=1h").out, "\n"), "a header and three actions")
	got = say(t, "audit", "list", "--who=nobody")
	require.Equal(t, 1, strings.Count(got.out, "\n"))
	require.Equal(t, "The audit has no such lines.\n", got.err)
	got = say(t, "audit", "list", "--what=silenced")
	require.Equal(t, 1, got.code, "an auditor would take a table without lines for an answer")
	require.Contains(t, got.err, "the audit has no such action; use one of ack, unack, silence")
	require.Zero(t, say(t, "audit", "list", "--what=refused:resolve").code)
}

func orAPI(who string) string {
	if who == "" {
		return "api"
	}
	return who
}

func TestTheAuditIsAskedForWhatTheFlagsSay(t *testing.T) {
	r := newRemote(t)
	for args, want := range map[string]url.Values{
		"audit":                       {"limit": {"50"}},
		"audit list --who=Alice":      {"limit": {"50"}, "who": {"Alice"}},
		"audit list --what=ack":       {"limit": {"50"}, "action": {"ack"}},
		"audit list --limit=7":        {"limit": {"7"}},
		"audit list --what=refused:x": {"limit": {"50"}, "action": {"refused:x"}},
	} {
		require.Zero(t, say(t, append(strings.Fields(args), "--relay.url="+r.URL)...).code, args)
		last := r.requests[len(r.requests)-1]
		require.Equal(t, "/api/v1/audit", last.URL.Path)
		require.Equal(t, want, last.URL.Query(), args)
	}
	before := time.Now().Add(-2 * time.Hour).Truncate(time.Second)
	require.Zero(t, say(t, "audit", "--since=2h", "--relay.url="+r.URL).code)
	since, err := time.Parse(time.RFC3339, r.requests[len(r.requests)-1].URL.Query().Get("since"))
	require.NoError(t, err)
	require.WithinRange(t, since, before, time.Now().Add(-2*time.Hour))
}

// A comment is written by anybody in Teams, and read in a terminal by whoever
// may stop the receiver.
func TestWhatPeopleWroteStaysInItsCell(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"audit": []web.Audit{{Who: "Al\x1b[2Jice", Action: "comment", After: "one\ntwo\tthree\u202efour"}}})
	}))
	defer site.Close()
	got := say(t, "audit", "--relay.url="+site.URL)
	require.Zero(t, got.code, got.err)
	require.Equal(t, 2, strings.Count(got.out, "\n"))
	require.Contains(t, got.out, "Al [2Jice")
	require.Contains(t, got.out, "one two three four")
	for _, sign := range []string{"\x1b", "\u202e", "\t"} {
		require.NotContains(t, got.out, sign, fmt.Sprintf("%q", sign))
	}
}

// A destination that somebody has to mend is left alone: nothing is tried, and
// who tests it must not wait for that, or read that it is being tried.
func TestATestOfADestinationThatIsLeftAloneSaysSo(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{"group": 7, "deliveries": []web.Delivery{}}
		if strings.HasSuffix(r.URL.Path, "/dead-letters") {
			answer = map[string]any{"dead-letters": []web.DeadLetter{
				{ID: 4, Alert: alert.ShortID(6), Message: "another one"}, {ID: 5, Alert: alert.ShortID(7), Reason: "not_installed", Message: "the destination is broken: the app is not there"},
			}}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(site.Close)
	got := say(t, "send-test", "oncall", "--timeout=1m", "--relay.url="+site.URL)
	require.Equal(t, 1, got.code)
	require.Equal(t, "Sent to oncall …\nnot delivered: not_installed: the destination is broken: the app is not there\nwhen that is mended: teamsrelay dead-letters replay 5\n", got.out)
}
